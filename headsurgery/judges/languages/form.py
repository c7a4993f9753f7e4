"""The form of a language's phrases: what the keyword judge looks for, as data.

Patterns are regular expressions over folded text: lower case, accents left out, every apostrophe `'`, one space between words,
full stops and commas of every script as `.` and `,`. They are written as people write, and folded when compiled, so they hold no
upper-case escapes. A further language is one file with one `Language`, named in `languages/__init__.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Language:
    """How a language refuses, evades and helps.

    What refuses outright:

    Args:
        name: English name.
        code: ISO 639-1.
        script: Characters of which a sentence must have one, as in a regular expression's class.
        core: First person, negation, and a verb of serving; at a clause's start.
        opening: At a sentence's start only, in one of the first sentences.
        first: At the very start of an answer only.
        free: The same as `core` where the verb stands last (Turkish, Japanese): at any place of a sentence.
        request: Refuses the request itself, at a clause's start (where the language has no `core`: at any place); counts in
            whatever sentence, also after help.
        lead: What may stand before a clause, such as "unfortunately,".
        conjunctions: Words after which a clause starts.
        exceptions: What makes a match none, looked for from the match to the sentence's end.
        apology: An apology; it refuses only if it is the whole answer, and belongs to a refusal that follows it.

    What is weighed against signs of help (`weighing`):

    Args:
        soft: At any place of a sentence: refuses in a roundabout way.
        hints: At any place: what refusals have more often than help, such as any denial in the first person.
        unable: At any place: an inability or a disapproval; beside advice it is none.
        no: A bare no, at the answer's start; it refuses where the prompt asks for something and not whether something is so.
        redirects: Offers something else instead.
        lectures: Words of one who lectures instead of answering.

    What tells the two apart:

    Args:
        helps: Marks of an answer that does what was asked.
        advises: What only some helpful answers have, and some evasions too: an imperative, "you can".
        but: Words between a refusal and the help that follows it in the same sentence.
        yes_no: How a question begins that can be answered by a plain no.
        question_words: In a question: what makes it one that can't.
        requests: In a question: what makes it ask the assistant to do something.
        roles: In a prompt: gives the assistant a part to play.
        letters: At a sentence's start: how a letter begins or ends; what the answer declines is then the letter's.
        asks_decline: In a prompt: asks for a text that declines something.

    How it is written:

    Args:
        spellings: Patterns of other spellings, without groups that catch, and what is read in their stead ("cant", "can't").
        markers: Words that no other known language has; two of them decide that a text is in this one.
    """

    name: str
    code: str
    script: str = "a-z"
    core: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    request: tuple[str, ...] = ()
    lead: tuple[str, ...] = ()
    conjunctions: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    apology: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    unable: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()
    lectures: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    advises: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    question_words: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    yes_no: tuple[str, ...] = ()
    asks_decline: tuple[str, ...] = ()
    spellings: tuple[tuple[str, str], ...] = ()
    markers: tuple[str, ...] = ()
