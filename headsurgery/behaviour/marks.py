"""How models mark their thoughts: known tags, tokens and headers, and those that a chat template names.

Families and their marks: `<think>` DeepSeek-R1, Qwen3, GLM, Nemotron, SmolLM3 and most others; `<thought>` EXAONE Deep;
`<seed:think>` Seed-OSS; `<mm:think>`, `<longcat_think>`; `[THINK]` Magistral; `<|channel|>analysis` gpt-oss; `<|channel>thought`
Gemma 4; `<|START_THINKING|>` Cohere; `◁think▷` Kimi; `<|open|>think<|sep|>` Kimi K3; `<unused94>` MedGemma; `[unused16]` Pangu;
`<|inner_prefix|>` Apertus; `<|think:start|>` Solar; `<|content_thinking|>` Inkling; `<|im_start|>think` s1;
`<|begin_of_thought|>` Sky-T1 and OpenThinker; "Here is my thought process:" Granite 3.2; "Here are my reasoning steps:" and
`[BEGIN FINAL RESPONSE]` Apriel. Neighbour: `replies` decides which of the marks in a text are meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Pair = tuple[str, str]
"""How a block of thoughts opens and closes, literally."""

Kind = Literal["open", "close", "alone", "reply", "drop"]
"""`alone`: `<think/>`, with which some models close. `reply`: the reply begins here, whatever was open. `drop`: a mark that is not
part of the text, such as the end of a reply."""

_STEMS = (
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ions?)?|scratch_?pad|monologue|chain[_-]?of[_-]?thoughts?|cot|"
    r"deliberation|思考(?:过程)?|推理(?:过程)?|思维链)"
)
_NAME = rf"(?:[\w.-]{{1,30}}?[:|_-]|ant|inner|internal|model|self|deep)?{_STEMS}(?:[:|_-][\w-]{{1,64}})*"
_SOLUTION = r"(?:solution|response|answer|final|final_answer|box)"
_BAR = r"[|｜]"

_PAIRS: tuple[Pair, ...] = (
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
    ("[THINKING]", "[/THINKING]"),
    ("[REASONING]", "[/REASONING]"),
    ("[unused16]", "[unused17]"),
    ("<unused94>", "<unused95>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>", "<channel|>"),
    ("<|open|>think<|sep|>", "<|close|>think<|sep|>"),
    ("<|content_thinking|>", "<|end_message|>"),
    ("<|im_start|>think\n", "<|im_start|>answer\n"),
)
_REPLY_MARKS = ("<|open|>response<|sep|>", "<|content_text|>", "[begin final response]")
_DROPPED_MARKS = (
    "<|close|>response<|sep|>",
    "<|close|>message<|sep|>",
    "<|message_model|>",
    "<|end_message|>",
    "<|content_model_end_sampling|>",
    "[end final response]",
)

HARMONY = "<|channel|>"
"""gpt-oss: `<|start|>assistant<|channel|>analysis<|message|>...<|end|>`; only the channel `final` is the reply."""

HARMONY_TOKENS = frozenset({HARMONY, "<|message|>", "<|start|>", "<|constrain|>", "<|end|>", "<|return|>", "<|call|>"})
PIECES = frozenset({"<|open|>", "<|close|>", "<|sep|>"})
"""Kimi K3's tokens, which are marks only together with the text between them."""

_HARMONY_HEADER = (
    r"(?:<\|start\|>\s?assistant(?:[^<\n]{0,60})\n?)?<\|channel\|>\s?(?P<channel>\w+)"
    r"(?:[^<\n]{0,60}\n?)(?:<\|constrain\|>[^<\n]{0,30})?(?:<\|message\|>|\Z)"
)
_BARE_HEADER = r"assistant ?(?P<bare>analysis|commentary|final)"
_BARE_BEGIN = r"\A\s*(?:(?P<begin>analysis) ?(?=[A-Z\"'“]|.*?assistant ?final)|final(?=[A-Z]))"
"""The same if decoding left the special tokens out: `analysisWe must ...assistantfinalI'm sorry`."""

_PHRASES = r"\s*here(?:(?:'s| is) my thought process| are my reasoning steps):\s*"
_PHRASES_REPLY = r"here(?:'s| is) my response:\s*"
_WHOLE = re.compile(
    r"\A\s*(?P<begin>think\n|thinking\.\.\.\n)(?=.*?(?P<end>(?<=\n)answer\n|(?<=\n)\.\.\.done thinking\.))",
    re.DOTALL | re.IGNORECASE,
)
"""s1 if decoding left its special tokens out, and Ollama's console. The beginning counts only if the end is there, too."""

_REGEX = re.compile(
    rf"(?P<header>{_HARMONY_HEADER})"
    r"|(?P<end><\|(?:end|return|call)\|>)"
    rf"|(?P<tag>< ?(?P<slash>[/\\]?) ?(?P<name>{_NAME})(?:\s[^<>\n]{{0,80}})?\s?(?P<alone>/?)>)"
    rf"|(?P<literal>{'|'.join(re.escape(mark) for pair in _PAIRS for mark in pair)}"
    rf"|{'|'.join(map(re.escape, (*_REPLY_MARKS, *_DROPPED_MARKS)))})"
    rf"|(?P<pipe><{_BAR}(?P<label>/?[\w.▁:-]{{1,40}}){_BAR}>)"
    rf"|(?P<bare_header>(?-i:{_BARE_HEADER}))",
    re.IGNORECASE,
)
_PHRASE = re.compile(rf"\A{_PHRASES}", re.IGNORECASE)
_PHRASE_AT_END = re.compile(rf"(?:\A|\n|>|\]){_PHRASES}\Z", re.IGNORECASE)
_BARE = re.compile(_BARE_BEGIN, re.DOTALL)
_PHRASE_REPLY = re.compile(_PHRASES_REPLY, re.IGNORECASE)
_PIPED = re.compile(rf"(?:(?:begin|start)_(?:of_)?)?{_NAME}(?:_(?:start|begin))?", re.IGNORECASE)
_PIPED_REPLY = re.compile(rf"(?:begin|start)_(?:of_)?{_SOLUTION}|start_text", re.IGNORECASE)
_PIPED_REPLY_END = re.compile(rf"end_(?:of_)?{_SOLUTION}|end_text", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A mark in a text.

    Args:
        start: Index of its first character.
        end: Index after its last character.
        kind: What it does.
        name: Name of the block that it opens or closes, the same for both marks.
        literal: The mark itself.
    """

    start: int
    end: int
    kind: Kind
    name: str
    literal: str


def find_marks(text: str, own: Sequence[Pair] = (), *, is_harmony: bool = False) -> list[Found]:
    """Find all marks in a text, in order, whether they are real or quoted.

    Args:
        text: An answer, or the end of a prompt.
        own: Pairs that the model's template names.
        is_harmony: Whether gpt-oss's ends of messages count even if the text names no channel.
    """
    literals = {opening: ("open", opening) for opening, _ in own} | {closing: ("close", opening) for opening, closing in own}
    found = [_found(match, kind, name) for match, kind, name in _known(text, is_harmony or HARMONY in text)]
    for literal, (kind, name) in literals.items():
        found += [_found(match, kind, name) for match in re.finditer(re.escape(literal), text)]  # type: ignore[arg-type]
    found.sort(key=lambda mark: (mark.start, -mark.end))
    separate: list[Found] = []
    for mark in found:
        if not separate or mark.start >= separate[-1].end:
            separate.append(mark)
    return separate


def phrase_at_end(prompt_end: str) -> str | None:
    """The words at the end of a prompt that begin thoughts in plain English, if there are any."""
    match = _PHRASE_AT_END.search(prompt_end)
    return None if match is None else match[0].strip(" \n>]")


def _found(match: re.Match[str], kind: Kind, name: str) -> Found:
    return Found(start=match.start(), end=match.end(), kind=kind, name=name.casefold(), literal=match[0])


def _known(text: str, is_harmony: bool) -> Iterator[tuple[re.Match[str], Kind, str]]:
    phrase = _PHRASE.match(text)
    if phrase:
        yield phrase, "open", "phrase"
        reply = _PHRASE_REPLY.search(text, phrase.end())
        if reply:
            yield reply, "reply", "phrase"
    whole = _WHOLE.match(text)
    if whole:
        yield _span(text, whole.span("begin")), "open", "whole"
        yield _span(text, whole.span("end")), "reply", "whole"
    bare = _BARE.match(text)
    if bare:
        yield bare, "open" if bare["begin"] else "reply", "harmony"
    for match in _REGEX.finditer(text):
        if match["header"] or match["bare_header"]:
            channel = (match["channel"] or match["bare"]).casefold()
            if match["bare_header"] and not bare and " " in match[0]:
                continue  # ordinary English, such as "the assistant final report"
            yield match, "reply" if channel == "final" else "open", "harmony"
        elif match["end"]:
            if is_harmony:
                yield match, "close", "harmony"
        elif match["tag"]:
            yield match, "alone" if match["alone"] else "close" if match["slash"] else "open", match["name"]
        elif match["pipe"]:
            kind, name = _read_pipe(match["label"])
            if kind is not None:
                yield match, kind, name
        else:
            yield match, *_read_literal(match[0])


def _span(text: str, span: tuple[int, int]) -> re.Match[str]:
    """A match object for a part of a text."""
    match = re.compile(".*", re.DOTALL).match(text, *span)
    assert match is not None  # it matches everything
    return match


def _read_pipe(label: str) -> tuple[Kind | None, str]:
    """What the mark `<|label|>` does."""
    plain = label.replace("▁", "_").replace(":", "_").casefold()
    is_end = plain.startswith(("/", "end_")) or plain.endswith("_end")
    bare = re.sub(r"\A/|\A(?:begin|start|end)_(?:of_)?|_(?:begin|start|end)\Z", "", plain)
    if _PIPED.fullmatch(bare):
        return "close" if is_end else "open", bare
    if _PIPED_REPLY.fullmatch(plain):
        return "reply", bare
    if _PIPED_REPLY_END.fullmatch(plain):
        return "drop", bare
    return None, ""


def _read_literal(mark: str) -> tuple[Kind, str]:
    plain = mark.casefold()
    for opening, closing in _PAIRS:
        if plain in (opening.casefold(), closing.casefold()):
            return "open" if plain == opening.casefold() else "close", opening
    return ("reply" if plain in _REPLY_MARKS else "drop"), plain


def is_mark(token: str, own: Sequence[Pair] = ()) -> bool:
    """Whether a special token by itself marks thoughts or a reply; `HARMONY_TOKENS` and `PIECES` don't."""
    plain = token.strip()
    if any(plain == mark for pair in own for mark in pair):
        return True
    return any(mark.start == 0 and mark.end == len(plain) for mark in find_marks(plain)) and plain not in HARMONY_TOKENS


_SPLIT = re.compile(r"\bsplit\(\s*(['\"])(?P<closing>.{2,40}?)\1\s*(?:,\s*\d+\s*)?\)\s*(?:\[\s*-?\d\s*\]|\|\s*(?:last|first))")
_CLOSING = re.compile(r"</(?P<tag>[^<>/\s]+)>|\[/(?P<bracket>[^\[\]/\s]+)\]|<\|(?:end_(?:of_)?|/)(?P<pipe>[^|\s]+)\|>")
_REASONING = re.compile(
    r"(['\"])(?P<opening>[^'\"]{2,60})\1\s*[+~]\s*\(?\s*[\w.\[\]'\"]*(?:reasoning|thinking|thought)[\w.\[\]'\"|()\\ -]*?\)?"
    r"\s*[+~]\s*(['\"])(?P<closing>[^'\"]{2,60})\3"
)


def name_marks(template: str) -> tuple[Pair, ...]:
    """Find pairs that the source of a chat template uses for thoughts and that are not known already.

    Templates remove an earlier turn's thoughts by splitting at their end, `content.split('</mull>')[-1]`, or they put them between
    their marks, `'<mull>' + message.reasoning_content + '</mull>'`. A tag that merely occurs in a template, such as a role's,
    doesn't count.
    """
    pairs = []
    for match in _SPLIT.finditer(template):
        closing = _CLOSING.fullmatch(_unescaped(match["closing"]))
        if closing:
            opening = f"<{closing['tag']}>" if closing["tag"] else f"[{closing['bracket']}]" if closing["bracket"] else ""
            openings = (
                [opening] if opening else [f"<|{start}{closing['pipe']}|>" for start in ("begin_of_", "start_", "begin_", "")]
            )
            pairs += [(opening, closing[0]) for opening in openings if opening in template]
    for match in _REASONING.finditer(template):
        opening, ending = _unescaped(match["opening"]), _unescaped(match["closing"])
        words = (opening.split() or [""])[-1], (ending.split() or [""])[0]
        if all(re.search(r"[^\w\s.,:;!?'-]", word) for word in words):
            pairs.append((words[0][max(words[0].rfind(">", 0, -1) + 1, 0) :], words[1]))
    return tuple(dict.fromkeys(pair for pair in pairs if not _is_known(pair)))


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").strip()


def _is_known(pair: Pair) -> bool:
    found = [find_marks(mark) for mark in pair]
    kinds = [marks[0].kind if marks else None for marks in found]
    return kinds == ["open", "close"] or HARMONY in pair[0]
