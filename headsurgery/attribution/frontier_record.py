"""The document of a search for heads and factors, `headsurgery.frontier/1`. `frontier` chooses among its points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from headsurgery.behaviour.figures import Rate
from headsurgery.recipe import PromptRecord, Strict


class FrontierPoint(Strict):
    """One candidate of a search over heads and factor: its benefit and its cost."""

    heads: tuple[str, ...] = Field(strict=False, description="as L2H26")
    factor: float
    removed: tuple[str, ...] = Field(default=(), strict=False, description="heads that are ablated in addition")
    refusal: Rate = Field(description="of harmful prompts, over all attacks together")
    attacks: dict[str, Rate] = Field(default={}, description="refusal under each attack; `bare` is without an attack")
    over_refusal: Rate = Field(description="of harmless prompts, which a good model answers")
    harmless_kl: float | None = Field(default=None, description="KL(base || edited) in nats per token on harmless answers")
    efficient: bool = Field(
        default=False, description="no other candidate is at least as good in all three figures and better in one"
    )
    chosen: bool = False

    @property
    def label(self) -> str:
        """The edit in a few words."""
        return _label(self.heads, self.factor, self.removed)


class OverBound(Strict):
    """A candidate that was asked no harmful prompts, because it or a smaller factor exceeds a bound."""

    heads: tuple[str, ...] = Field(strict=False)
    factor: float
    removed: tuple[str, ...] = Field(default=(), strict=False)
    harmless_kl: float | None = Field(default=None, description="null: not measured, because a smaller factor exceeds a bound")
    over_refusal: Rate | None = Field(default=None, description="null: not asked the harmless prompts either")

    @property
    def label(self) -> str:
        """The edit in a few words."""
        return _label(self.heads, self.factor, self.removed)


class Frontier(Strict):
    """The document of one search for heads and factor."""

    schema_: Literal["headsurgery.frontier/1"] = Field(default="headsurgery.frontier/1", alias="schema")
    prompts: PromptRecord
    harmless: PromptRecord
    template: str
    max_over_refusal: float = Field(description="share of harmless prompts, in addition to the base's")
    max_kl: float = Field(description="nats per token")
    answer_tokens: int = Field(description="new tokens in which a refusal was searched for")
    kl_tokens: int = Field(description="length of the base's harmless answers over which KL is measured, in tokens")
    base: FrontierPoint = Field(description="the untouched model: no heads, factor 1")
    points: tuple[FrontierPoint, ...] = Field(strict=False, description="candidates that were asked, the efficient ones first")
    over_bound: tuple[OverBound, ...] = Field(default=(), strict=False)


def _label(heads: Sequence[str], factor: float, removed: Sequence[str]) -> str:
    without = f", without {', '.join(removed)}" if removed else ""
    return f"{', '.join(heads)} × {factor:g}{without}"
