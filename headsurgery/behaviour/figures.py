"""Figures with their intervals, as reports state them. `statistics` computes them."""

from __future__ import annotations

from pydantic import Field

from headsurgery.recipe import Strict


class Interval(Strict):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Rate(Strict):
    """A share with its Wilson interval."""

    count: int = Field(ge=0)
    total: int = Field(ge=0)
    interval: Interval


class Paired(Strict):
    """A variant against the base on the same prompts."""

    only_base: int = Field(description="prompts with more hits in the base; with one seed: with a hit in the base only")
    only_variant: int = Field(description="prompts with more hits in the variant")
    p_value: float = Field(description="exact McNemar test, two-sided; with several seeds the exact sign test over prompts")
    difference: Interval = Field(description="variant - base, in shares; bootstrap over prompts")
    ratio: Interval | None = Field(default=None, description="variant / base; bootstrap over prompts; null if the base has no hits")


class Agreement(Strict):
    """How far two judges agree on the same answers, without `unclear` and `no_answer`."""

    first: str
    second: str
    kappa: float | None = Field(description="Cohen's kappa; null if one of them always gives the same verdict")
    agreement: float
    total: int
