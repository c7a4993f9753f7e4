"""Split an answer into thoughts and reply. Only this module decides where a reasoning model's reply begins.

The reply is what stands outside the blocks of thoughts. A closing mark without an opening one ends thoughts that the prompt opened.
If thoughts don't end, there is no answer. A quoted mark (in code, in quotation marks, or as a word of a sentence) is text. A text
without marks is its own reply, letter for letter. Neighbours: `marks` finds the marks, `reading` decodes token ids.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from headsurgery.behaviour.marks import HARMONY, Found, Pair, find_marks, phrase_at_end

SHORT_PREAMBLE = 12
"""With fewer words before thoughts that don't end, these words are only a preamble: "Let me think about it first." """
SHORT_MENTION = 6
"""With fewer words between two marks in mid-sentence, the marks are only mentioned: "between <think> and </think>"."""

_BLANK = "".join(character for character in map(chr, range(0x3001)) if character.isspace()) + "\u200b\u2060\ufeff"
"""White space and characters of zero width."""

_ENDS_OF_MESSAGES = ("harmony", "<|content_thinking|>")
"""Blocks whose closing mark also ends the reply."""

_CODE = re.compile(
    r"(?P<inline>(?<!`)`[^`\n]+`(?!`))|(?P<fence>^[ \t]*(?P<ticks>```+|~~~+)[^\n`]*\n.*?^[ \t]*(?P=ticks)[ \t]*$)",
    re.MULTILINE | re.DOTALL,
)
_QUOTES = frozenset(('""', "''", "“”", "„“", "„”", "‘’", "«»", "「」", "『』", "()", "**", "__"))
"""What stands directly before and after a quoted mark."""
_MENTIONS = re.compile(
    r"\b(?:tags?|the|an?|with|and|or|us(?:e|es|ing)|writ(?:e|ing)|closing|opening|called|named|elements?|markers?|tokens?|like|is|are|"
    r"of|in|between|before|after|until|your|put|type|by|as|to|from)[ \t]+\Z",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?:;…。！？：>*\])”\"'’)}]\s*\Z|\A\s*\Z|\n\s*\Z")
_WRAPPER = r"(?:answer|response|output|solution|final|final[_-]answer|conclusion|reply)"
_WRAPPER_BEGIN = re.compile(rf"\A\s*<{_WRAPPER}>", re.IGNORECASE)
_WRAPPER_END = re.compile(rf"</{_WRAPPER}>\s*\Z", re.IGNORECASE)
_WRAPPER_LINE = re.compile(rf"^[ \t]*<{_WRAPPER}>", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Split:
    """An answer in two parts.

    Args:
        reply: What the user sees; empty if there is none.
        thoughts: The text before the reply or between its parts.
        is_open: Whether the answer ends within its thoughts, so that it is no answer.
        spans: Where the parts of the untrimmed reply are in the answer.
        offset: Number of characters of these parts before the reply's first one.
        open_mark: The mark of the thoughts that don't end, as written.
        is_headless: Whether a closing mark ended thoughts that neither the answer nor its known prompt opened.
    """

    reply: str
    thoughts: str
    is_open: bool
    spans: tuple[range, ...]
    offset: int = 0
    open_mark: str | None = None
    is_headless: bool = False

    @property
    def has_reply(self) -> bool:
        """Whether there is a reply that can be read."""
        return is_readable(self.reply)

    def place_of(self, index: int) -> int:
        """Position in the answer of a character of the reply."""
        index += self.offset
        for span in self.spans:
            if index < len(span):
                return span[index]
            index -= len(span)
        raise IndexError("beyond the reply")


def is_readable(text: str) -> bool:
    """Whether a text has a visible character."""
    return any(not character.isspace() and unicodedata.category(character)[0] != "C" for character in text)


@lru_cache(maxsize=4096)
def split_answer(text: str, opened: str | None = None, own: tuple[Pair, ...] = ()) -> Split:
    """Split an answer into thoughts and reply.

    Args:
        text: The answer, including marks, without a prefilled start.
        opened: The mark of thoughts that the prompt or the prefilled start leaves open; None if there is none.
        own: Pairs of marks that the model's template names, in addition to known ones.
    """
    marks = find_marks(text, own, is_harmony=opened is not None and HARMONY in opened)
    if not marks and opened is None:
        return Split(reply=text, thoughts="", is_open=False, spans=(range(len(text)),))
    return _Splitter(text, marks, opened, own).split()


def open_mark(prompt_end: str, own: tuple[Pair, ...] = ()) -> str | None:
    """The mark of thoughts that the end of a prompt (a template's generation prompt and a prefilled start) leaves open."""
    inside: Found | None = None
    for mark in find_marks(prompt_end, own):
        inside = mark if mark.kind == "open" else None
    return phrase_at_end(prompt_end) if inside is None else inside.literal


class _Splitter:
    """Goes through the marks of an answer."""

    def __init__(self, text: str, marks: list[Found], opened: str | None, own: tuple[Pair, ...]) -> None:
        self._text, self._marks, self._opened = text, marks, opened
        self._code = [(match.span(), match["inline"] is not None) for match in _CODE.finditer(text)]
        names = find_marks(opened, own) if opened is not None else []
        self._name = names[0].name if names else "" if opened is not None else None
        """Name of the open block; empty if its mark is not known, None outside of thoughts."""
        self._literal = opened
        self._inside: set[str] = set()
        """Names of blocks that were opened within the open one."""
        self._spans: list[range] = []
        self._thoughts: list[str] = []
        self._num_closed = 0
        """Number of blocks that have ended."""
        self._is_headless = False

    def split(self) -> Split:
        cursor, has_begun = 0, False
        for index, mark in enumerate(self._marks):
            if mark.start < cursor:
                continue
            if self._name is not None:
                if mark.kind == "open":
                    self._inside.add(mark.name)
                elif mark.kind == "alone" and not (mark.name == self._name and self._is_final(index)):
                    continue
                elif self._ends(index):
                    self._thoughts.append(self._text[cursor : mark.start])
                    self._name, cursor = None, mark.end
                    self._num_closed += 1
                    has_begun = has_begun or mark.kind == "reply"
            elif mark.kind == "alone" or self._is_quoted(mark):
                continue
            elif (mark.kind == "close" and mark.name not in _ENDS_OF_MESSAGES) or (mark.kind == "reply" and not has_begun):
                if mark.kind == "reply" or self._is_lone_end(mark):
                    self._is_headless = self._is_headless or not self._thoughts
                    self._thoughts = [self._text[: mark.start]]
                    self._spans, cursor = [], mark.end
            elif mark.kind != "open" or self._begins(index):
                self._spans.append(range(cursor, mark.start))
                cursor = mark.end
                if mark.kind == "open":
                    self._name, self._literal, self._inside = mark.name, mark.literal, set()
            has_begun = has_begun or (self._name is None and mark.kind == "reply")
        if self._name is not None:
            cursor = self._find_reply_in_open_thoughts(cursor)
        if self._name is None:
            self._spans.append(range(cursor, len(self._text)))
        else:
            self._thoughts.append(self._text[cursor:])
        return self._finish()

    def _finish(self) -> Split:
        reply = "".join(self._text[span.start : span.stop] for span in self._spans)
        begin, end = 0, len(reply)
        for pattern in (_WRAPPER_BEGIN, _WRAPPER_END):
            match = pattern.search(reply, begin, end)
            if match and self._thoughts:
                begin, end = (match.end(), end) if pattern is _WRAPPER_BEGIN else (begin, match.start())
        begin += len(reply[begin:end]) - len(reply[begin:end].lstrip(_BLANK))
        end = begin + len(reply[begin:end].rstrip())
        has_thought = self._num_closed > 0 and begin < end  # and has written something since
        is_open = self._name is not None and not has_thought and len(reply[begin:end].split()) < SHORT_PREAMBLE
        if is_open:
            self._thoughts.insert(0, reply[begin:end])
            begin = end
        return Split(
            reply=reply[begin:end],
            thoughts="\n".join(part.strip() for part in self._thoughts if part.strip()),
            is_open=is_open,
            spans=tuple(span for span in self._spans if span),
            offset=begin,
            open_mark=self._literal if is_open else None,
            is_headless=self._is_headless,
        )

    def _ends(self, index: int) -> bool:
        """Whether a mark ends the open block."""
        mark = self._marks[index]
        if mark.kind in ("reply", "alone"):
            return not self._is_quoted(mark)
        if mark.kind != "close":
            return False
        later = [other for other in self._marks[index:] if other.kind == "close"]
        own = [other for other in later if other.name == self._name]
        candidates = own or [other for other in later if other.name not in self._inside]
        unquoted = [other for other in candidates if not self._is_quoted(other)]
        fenced = [other for other in candidates if not self._is_quoted(other, fences=False)]
        return mark is next(iter(unquoted or fenced), None)

    def _is_final(self, index: int) -> bool:
        """Whether nothing else closes a block from here on."""
        return not any(mark.kind in ("close", "reply") for mark in self._marks[index:])

    def _begins(self, index: int) -> bool:
        """Whether an opening mark outside of thoughts really opens them."""
        mark = self._marks[index]
        before = self._text[: mark.start]
        if _SENTENCE_END.search(before) or any(other.end == len(before.rstrip()) for other in self._marks[:index]):
            return True
        end = next((other for other in self._marks[index + 1 :] if other.kind in ("close", "reply")), None)
        if end is None:
            return False
        between = self._text[mark.end : end.start]
        return "\n" in between.strip() or len(between.split()) >= SHORT_MENTION

    def _is_lone_end(self, mark: Found) -> bool:
        """Whether a closing mark outside of thoughts ends some whose beginning is not in the text."""
        rest = self._text[mark.end :].lstrip(" \t")
        is_mention = _MENTIONS.search(self._text[: mark.start]) is not None
        return not (is_mention and (rest[:1].islower() or rest[:1] in ",.;:!?)"))

    def _is_quoted(self, mark: Found, *, fences: bool = True) -> bool:
        if any(start <= mark.start and mark.end <= end and (fences or inline) for (start, end), inline in self._code):
            return True
        return self._text[max(mark.start - 1, 0) : mark.start] + self._text[mark.end : mark.end + 1] in _QUOTES

    def _find_reply_in_open_thoughts(self, cursor: int) -> int:
        """Where thoughts without an end turn into `<answer>` at the start of a line, which then ends them."""
        match = _WRAPPER_LINE.search(self._text, cursor)
        if match is None:
            return cursor
        self._thoughts.append(self._text[cursor : match.start()])
        self._name = None
        return match.start()
