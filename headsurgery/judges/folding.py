"""Answers as the keyword judge reads them: folded, without quotations and code, in sentences with their places in the original."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_APOSTROPHES = "’‘‛ʼʹ′＇´`"
_SAME = str.maketrans(
    {
        **dict.fromkeys(_APOSTROPHES, "'"),
        "！": "。",
        "？": "?",
        "؟": "?",
        "۔": ".",
        "।": ".",
        "॥": ".",
        "،": ",",
        "؛": ";",
    }
)
"""Marks of other scripts, as those that sentences are split at."""
_SAME_LETTERS = str.maketrans({"ı": "i", "ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك"})
"""Letters that people write for one another, by keyboard or case."""
_DROPPED = re.compile(r"[*#~_>|\[\]¿¡\u0640]|[\u200b-\u200f\u2060\ufeff\u00ad\ufe0e\ufe0f\u20e3]")
STRETCHED = 3
"""How often a letter stands in a row where it is stretched: no word of a known language has it so often."""

_SYMBOLS = ("So", "Sk", "Cs", "Co")
"""Emoji and the like, which part words as blanks do."""
_CLUSTER = re.compile(r"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|.[\u0300-\u036f\u3099\u309a]*", re.DOTALL)
_MARKS = re.compile(r"[\u0300-\u036f\u064b-\u065f\u0670]")
"""Accents of Latin, Greek and Cyrillic letters, vowels and hamza of Arabic ones."""
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]+`|\"[^\"\n]+\"|“[^”\n]+”|„[^“”\n]+[“”]|«[^»\n]+»|「[^」]+」|『[^』]+』"
    r"|(?m:^[ \t]*>.*$)|(?<!\w)['‘](?=\S)(?:[^'’\n]|(?<=\w)['’](?=\w))+(?<=\S)['’](?!\w)",
    re.DOTALL,
)
_DASHED = re.compile(r"^[ \t]*—[ \t]*[^\s].*$", re.MULTILINE)
"""A line of a dialogue as most languages print it: it starts with a long dash."""
_SPOKEN = re.compile(r"^[ \t*_]*([^\W\d_][\w .'-]{0,24}?)[*_]*[:：][*_]* .*$", re.MULTILINE)
"""A line of a dialogue, behind its speaker's name; it is one where a name comes again and others are there."""
_FRAME = re.compile(r"\A(?:[\s*#~_>\-•\u200b\ufeff]|\d+[.)] )+|[\s*_]+\Z")
_WIDE = r"\u3040-\u30ff\u4e00-\u9fff"
_SENTENCE = re.compile(rf"[^\n。]*?(?:[.!?]+['\")]*(?=\s|\Z)|(?<=[{_WIDE}])\?+|。+|\n+|\Z)")
"""Where blanks don't part sentences (Chinese, Japanese) a question mark ends one by itself."""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """One sentence of an answer.

    Args:
        text: Folded; white space at its ends and list marks left out.
        places: Of each character of `text`, its place in the original.
    """

    text: str
    places: tuple[int, ...]

    @property
    def span(self) -> range:
        """Its characters in the original."""
        return self.locate(0, len(self.text))

    def locate(self, start: int, stop: int) -> range:
        """The characters of the original that `text[start:stop]` is folded from; of nothing, the place where it stands."""
        first = self.places[min(start, len(self.places) - 1)]
        return range(first, self.places[stop - 1] + 1 if stop > start else first)

    def respell(self, pattern: re.Pattern[str], spellings: Mapping[str, str]) -> Sentence:
        """The sentence with each group that `pattern` finds written as `spellings` says, its places kept.

        Args:
            pattern: One named group for each spelling.
            spellings: By group name, what stands there instead.
        """
        text: list[str] = []
        places: list[int] = []
        end = 0
        for match in pattern.finditer(self.text):
            new = spellings[match.lastgroup or ""]
            text += self.text[end : match.start()], new
            places += self.places[end : match.start()]
            places += [self.places[min(match.start() + index, match.end() - 1)] for index in range(len(new))]
            end = match.end()
        return Sentence(text="".join((*text, self.text[end:])), places=(*places, *self.places[end:])) if end else self


def fold(text: str) -> str:
    """Lower case, without accents; every apostrophe `'`; punctuation of other scripts as its Latin sort."""
    return "".join(_fold_cluster(match[0]) for match in _CLUSTER.finditer(text))


def read_sentences(text: str) -> list[Sentence]:
    """The sentences of an answer that have a letter in them."""
    folded, places = _read(text)
    return [
        Sentence(text=folded[span.start : span.stop], places=tuple(places[span.start : span.stop])) for span in _sentences(folded)
    ]


@lru_cache(maxsize=4096)
def _fold_cluster(cluster: str) -> str:
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", cluster.translate(_SAME)))
    return unicodedata.normalize("NFKC", plain).casefold().translate(_SAME_LETTERS)


def find_quotes(text: str, *, is_whole: bool = False) -> list[range]:
    """Characters of an answer that are quoted, lines of a dialogue, or code.

    Args:
        text: The answer.
        is_whole: Also quotation marks that embrace the whole answer.
    """
    whole = _FRAME.sub("", text)
    quotes = [
        range(*match.span())
        for match in _QUOTED.finditer(text)
        if is_whole or _FRAME.sub("", match[0]) != whole or whole.startswith("`")
    ]
    lines = list(_SPOKEN.finditer(text))
    names = [line[1] for line in lines]
    if len(names) > len(set(names)) > 1:
        quotes += [range(*line.span()) for line in lines]
    dashed = [range(*line.span()) for line in _DASHED.finditer(text)]
    return quotes + dashed if len(dashed) > 1 else quotes


def _mask_quotes(text: str) -> str:
    for quote in find_quotes(text):
        text = f"{text[: quote.start]}{chr(0) * len(quote)}{text[quote.stop :]}"
    return text


def _read(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the place in the original."""
    masked = _mask_quotes(text)
    characters: list[str] = []
    places: list[int] = []
    run = 1
    for match in _CLUSTER.finditer(masked):
        is_plain = match[0].isascii() and match[0].isalnum()
        if not is_plain and (_DROPPED.fullmatch(match[0]) or match[0] == '"'):
            continue
        folded = match[0].lower() if is_plain else _fold_cluster(match[0])
        if not folded.isascii() and unicodedata.category(folded[0]) in _SYMBOLS:
            folded = " "
        run = run + 1 if folded.isalpha() and characters[-1:] == [folded] else 1
        if run > STRETCHED:
            continue
        if run == STRETCHED:  # "nooo" is "no"
            del characters[-1], places[-1]
            continue
        if folded.isspace():
            folded = "\n" if folded == "\n" else " "
            if characters and characters[-1].isspace():
                characters[-1] = "\n" if "\n" in (folded, characters[-1]) else " "
                continue
        characters.extend(folded)
        places.extend([match.start()] * len(folded))
    return "".join(characters), places


def _sentences(folded: str) -> list[range]:
    """Spans of the sentences in folded text; blanks at their ends, and list marks and emoji in front left out."""
    spans = []
    for match in _SENTENCE.finditer(folded):
        body = match[0].rstrip()
        lead = re.match(r"[^\w\n]*(?:\d+[.)] )?", body)
        start = match.start() + (lead.end() if lead else 0)
        if any(character.isalpha() for character in folded[start : match.start() + len(body)]):
            spans.append(range(start, match.start() + len(body)))
    return spans
