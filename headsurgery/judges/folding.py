"""Answers as the keyword judge reads them: folded, without quotations and code, in sentences with their places in the original."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_APOSTROPHES = "’‘‛ʼʹ′＇´`"
_SAME = str.maketrans(
    {
        **dict.fromkeys(_APOSTROPHES, "'"),
        **{"！": "。", "？": "?"},
        **{"؟": "?", "۔": ".", "।": ".", "॥": ".", "،": ",", "؛": ";"},
    }
)
"""Marks of other scripts, as those that sentences are split at."""
_SAME_LETTERS = str.maketrans({"ı": "i", "ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك"})
"""Letters that people write for one another, by keyboard or case."""
_DROPPED = re.compile(r"[*#~_>|\[\]¿¡\u0640]|[\u200b-\u200f\u2060\ufeff\u00ad]")
_CLUSTER = re.compile(r"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|.[\u0300-\u036f\u3099\u309a]*", re.DOTALL)
_MARKS = re.compile(r"[\u0300-\u036f\u064b-\u065f\u0670]")
"""Accents of Latin, Greek and Cyrillic letters, vowels and hamza of Arabic ones."""
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]+`|\"[^\"\n]+\"|“[^”\n]+”|„[^“”\n]+[“”]|«[^»\n]+»|「[^」]+」|『[^』]+』"
    r"|(?m:^[ \t]*>.*$)|(?<!\w)['‘](?=\S)(?:[^'’\n]|(?<=\w)['’](?=\w))+(?<=\S)['’](?!\w)",
    re.DOTALL,
)
_FRAME = re.compile(r"\A(?:[\s*#~_>\-•\u200b\ufeff]|\d+[.)] )+|[\s*_]+\Z")
_WIDE = r"\u3040-\u30ff\u4e00-\u9fff"
_SENTENCE = re.compile(rf"[^\n。]*?(?:[.!?]+['\")]*(?=\s|\Z)|(?<=[{_WIDE}])\?+|。+|\n+|\Z)")
"""Where blanks don't part sentences (Chinese, Japanese) a question mark ends one by itself."""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """One sentence of an answer.

    Args:
        text: Folded; white space at its ends and list marks left out.
        span: Its characters in the original.
    """

    text: str
    span: range


def fold(text: str) -> str:
    """Lower case, without accents; every apostrophe `'`; punctuation of other scripts as its Latin sort."""
    return "".join(_fold_cluster(match[0]) for match in _CLUSTER.finditer(text))


def read_sentences(text: str) -> list[Sentence]:
    """The sentences of an answer that have a letter in them."""
    folded, places = _read(text)
    return [
        Sentence(text=folded[span.start : span.stop], span=range(places[span.start], places[span.stop - 1] + 1))
        for span in _sentences(folded)
    ]


@lru_cache(maxsize=4096)
def _fold_cluster(cluster: str) -> str:
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", cluster.translate(_SAME)))
    return unicodedata.normalize("NFKC", plain).casefold().translate(_SAME_LETTERS)


def _mask_quotes(text: str) -> str:
    """Blank out what is quoted and what is code, unless the quotation marks embrace the whole answer."""
    whole = _FRAME.sub("", text)

    def blank(match: re.Match[str]) -> str:
        return match[0] if _FRAME.sub("", match[0]) == whole and not whole.startswith("`") else "\x00" * len(match[0])

    return _QUOTED.sub(blank, text)


def _read(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the place in the original."""
    masked = _mask_quotes(text)
    characters: list[str] = []
    places: list[int] = []
    for match in _CLUSTER.finditer(masked):
        if _DROPPED.fullmatch(match[0]) or match[0] == '"':
            continue
        folded = _fold_cluster(match[0])
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
