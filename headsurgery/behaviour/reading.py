"""From token ids to an answer's text. Marks of thoughts are kept even if they are special tokens; other special tokens are dropped.

A chat template is examined once: whether its generation prompt leaves a block of thoughts open, and which marks of its own it
uses. Neighbours: `replies` splits the text, `prompts.templates` renders the template.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from headsurgery.behaviour.marks import HARMONY, HARMONY_TOKENS, PIECES, Pair, is_mark, name_marks
from headsurgery.behaviour.replies import Split, open_mark, split_answer
from headsurgery.errors import PromptError
from headsurgery.prompts import Template, render

_QUERY = "headsurgery-query"
"""Stands for a query, if only what the template writes after it matters."""
_LONGEST_END = 80
"""Number of characters after a query in which a template may deviate from its usual ending."""


@dataclass(frozen=True, kw_only=True)
class AnswerReader:
    """Reads the answers that one model gave to one template.

    Args:
        tokenizer: A transformers tokenizer.
        opened: The mark of thoughts that every prompt leaves open; None if there is none.
        own: Pairs of marks that the template names, in addition to known ones.
        asks: Renders a query as the model is asked it; None if all prompts end alike.
        end: What the template usually writes after a query.
    """

    tokenizer: Any
    opened: str | None = None
    own: tuple[Pair, ...] = ()
    asks: Callable[[str], str] | None = None
    end: str = ""
    _special: dict[int, str] = field(init=False, repr=False, compare=False)
    _has_pieces: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_special", _special_tokens(self.tokenizer))
        object.__setattr__(self, "_has_pieces", set(self._special.values()) >= PIECES)

    @classmethod
    def of(cls, tokenizer: Any, template: Template, *, system: str | None = None, prefill: str | None = None) -> AnswerReader:
        """Find out what a template says about thoughts.

        Args:
            tokenizer: A transformers tokenizer.
            template: How prompts are asked.
            system: The system message. In some templates it switches thinking on or off.
            prefill: The beginning of every answer. It may open thoughts, or close those that the template opened.
        """
        source = tokenizer.chat_template if template.text is None else template.text
        sources = source.values() if isinstance(source, dict) else [source or ""]
        own = tuple(pair for text in sources for pair in name_marks(str(text)))
        try:
            rendered = render(_QUERY, template, tokenizer, system=system, prefill=prefill)
        except PromptError:
            rendered = ""  # some templates reject this text; if they also reject the prompts, the error comes then
        end = rendered.rpartition(_QUERY)[2]
        asks = partial(render, template=template, tokenizer=tokenizer, system=system, prefill=prefill)
        return cls(tokenizer=tokenizer, opened=open_mark(end, own), own=own, asks=asks, end=end)

    def opened_by(self, query: str) -> str | None:
        """The mark of thoughts that one prompt leaves open. Some templates look for `/no_think` in the query."""
        if self.asks is None:
            return self.opened
        try:
            rendered = self.asks(query)
        except PromptError:
            return self.opened
        return self.opened if rendered.endswith(self.end) else open_mark(rendered[-_LONGEST_END:], self.own)

    def text(self, ids: Sequence[int]) -> str:
        """An answer's text, including its thoughts and their marks."""
        marks = self._find_marks(ids)
        if not marks:
            return self._decode(ids)
        parts, begin = [], 0
        for position in marks:
            parts += [self._decode(ids[begin:position]), self._special[ids[position]]]
            begin = position + 1
        return "".join([*parts, self._decode(ids[begin:])])

    def split(self, ids: Sequence[int]) -> Split:
        """An answer's thoughts and reply."""
        return split_answer(self.text(ids), self.opened, self.own)

    def token_at(self, ids: Sequence[int], place: int) -> int:
        """Position of the token whose text covers a place in the answer's text."""
        return next(position for position in range(len(ids)) if len(self.text(ids[: position + 1])) > place)

    def _find_marks(self, ids: Sequence[int]) -> list[int]:
        """Positions of special tokens that are marks."""
        special = [(position, self._special[token]) for position, token in enumerate(ids) if token in self._special]
        is_harmony = HARMONY in (self.opened or "") or any(token == HARMONY for _, token in special)
        parts = HARMONY_TOKENS if is_harmony else PIECES if self._has_pieces else frozenset()
        return [position for position, token in special if token in parts or is_mark(token, self.own)]

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)) if ids else ""


def _special_tokens(tokenizer: Any) -> dict[int, str]:
    """Text of the tokens that decoding drops. A token that is not in the vocabulary (a `pad_token` of "") has no id."""
    added = getattr(tokenizer, "added_tokens_decoder", None) or {}
    found = {int(number): str(token) for number, token in added.items() if getattr(token, "special", False)}
    named = zip(getattr(tokenizer, "all_special_ids", ()), getattr(tokenizer, "all_special_tokens", ()), strict=False)
    return found | {number: str(token) for number, token in named if isinstance(number, int)}
