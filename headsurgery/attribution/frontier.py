"""The candidates of a reinforcement, and which of them is chosen. No model runs here: figures come in, a choice comes out.

A ladder is one group of heads with rising factors. KL(base || reinforced) and refusals of harmless prompts grow with the factor, so
the first candidate that exceeds a bound ends its ladder. Of those within both bounds, the one with the most refusals is chosen.
Neighbour: `reinforce` measures; `frontier_record` has the types that are written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headsurgery.attribution.frontier_record import Frontier, FrontierPoint
from headsurgery.attribution.scores import ScoreTable, best_heads, combine
from headsurgery.behaviour.figures import Rate
from headsurgery.documents.atomic import write_atomically
from headsurgery.edits.operations.scale import Scale
from headsurgery.errors import HeadSurgeryError, UsageError
from headsurgery.heads import HeadRef
from headsurgery.recipe import HeadEdit

_ROUNDING = 1e-9
"""Tolerance for shares, which are quotients of counts: 0.05 of 20 is 1."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a reinforcement may cost.

    Args:
        max_over_refusal: Share of harmless prompts that may be refused in addition to those that the base refuses.
        max_kl: Mean KL(base || reinforced) on harmless answers, in nats per token.

    Raises:
        UsageError: A bound is out of range.
    """

    max_over_refusal: float
    max_kl: float

    def __post_init__(self) -> None:
        if not 0 <= self.max_over_refusal <= 1:
            raise UsageError(f"max over-refusal is {self.max_over_refusal:g}, expected a share from 0 to 1")
        if not (self.max_kl > 0 and math.isfinite(self.max_kl)):
            raise UsageError(f"max KL is {self.max_kl:g}, expected a number of nats above 0")

    def hold(self, point: FrontierPoint, base: FrontierPoint) -> bool:
        """Whether a point is within both bounds."""
        return self.allow(point.over_refusal, base.over_refusal) and (point.harmless_kl or 0.0) <= self.max_kl

    def allow(self, over_refusal: Rate, base: Rate) -> bool:
        """Whether this many harmless prompts may be refused if the base refuses that many."""
        return over_refusal.interval.value <= base.interval.value + self.max_over_refusal + _ROUNDING


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Heads with one factor, and heads that are ablated in addition.

    Args:
        heads: The heads; all have the factor.
        factor: Above 1; 0 if the heads are anti-refusal heads.
        removed: Anti-refusal heads that are ablated in addition.
    """

    heads: tuple[HeadRef, ...]
    factor: float
    removed: tuple[HeadRef, ...] = ()

    @property
    def edits(self) -> tuple[HeadEdit, ...]:
        """The edits of a recipe."""
        pairs = [*((head, self.factor) for head in self.heads), *((head, 0.0) for head in self.removed)]
        return tuple(HeadEdit(layer=head.layer, head=head.head, operation=Scale.name, factor=factor) for head, factor in pairs)


FactorLadder = Sequence[Candidate]


def rank_heads(scores: ScoreTable, count: int) -> tuple[HeadRef, ...]:
    """Heads to reinforce: the chosen ones in order, then the next best. Heads whose ablation costs no refusal are left out."""
    ranked = [score for score in (*scores.chosen, *scores.top(scores.combined.size)) if score.harmful > 0]
    return tuple(dict.fromkeys(HeadRef(score.layer, score.head) for score in ranked))[:count]


def rank_anti_heads(scores: ScoreTable, count: int) -> tuple[HeadRef, ...]:
    """Anti-refusal heads: those whose ablation raises the score most, relative to its effect on harmless answers.

    Only `refusal` and `interchange` can score below 0; KL and angles don't distinguish more refusal from less.
    """
    raised = np.where(scores.harmful < 0, -scores.harmful, np.nan)
    return best_heads(combine(raised, scores.harmless, scores.contrast), count)


def plan_ladders(heads: Sequence[HeadRef], *, group_sizes: Iterable[int], factors: Iterable[float]) -> tuple[FactorLadder, ...]:
    """Prefixes of the ranked heads, each with all factors. A size above the number of heads means all heads."""
    sizes = sorted({min(size, len(heads)) for size in group_sizes} - {0})
    ascending = sorted(set(factors))
    return tuple(tuple(Candidate(heads=tuple(heads[:size]), factor=factor) for factor in ascending) for size in sizes)


def scan_ladders(ladders: Iterable[FactorLadder], keep: Callable[[Sequence[Candidate]], Sequence[bool]]) -> tuple[Candidate, ...]:
    """Try all ladders in parallel, factor by factor, each until a candidate exceeds a bound.

    Args:
        ladders: Candidates, the cheapest first.
        keep: Tells which candidates are within the bounds; called once per round.

    Returns:
        Candidates that were not tried, because an earlier one of their ladder exceeded a bound.
    """
    rest, skipped = [tuple(ladder) for ladder in ladders if ladder], []
    while rest:
        in_bounds = keep([ladder[0] for ladder in rest])
        skipped += [candidate for ladder, holds in zip(rest, in_bounds, strict=True) if not holds for candidate in ladder[1:]]
        rest = [ladder[1:] for ladder, holds in zip(rest, in_bounds, strict=True) if holds and len(ladder) > 1]
    return tuple(skipped)


def choose(
    points: Mapping[Candidate, FrontierPoint], base: FrontierPoint, bounds: Bounds, *, must_improve: bool = True
) -> Candidate | None:
    """The candidate within bounds that refuses most. Ties go to the lower KL, then to fewer heads, then to the smaller factor.

    Args:
        points: The figures of each candidate.
        base: The figures of the untouched model.
        bounds: What may be lost.
        must_improve: Consider only candidates that refuse more than the base.
    """
    allowed = [
        candidate
        for candidate, point in points.items()
        if bounds.hold(point, base) and (point.refusal.count > base.refusal.count or not must_improve)
    ]
    return min(allowed, key=lambda candidate: _order(points[candidate]), default=None)


def arrange(points: Iterable[FrontierPoint], base: FrontierPoint) -> tuple[FrontierPoint, ...]:
    """Flag the Pareto-efficient points (the base counts as one) and put them first. Both parts are sorted, the best first."""
    known = tuple(points)
    flagged = [
        point.model_copy(update={"efficient": not any(_dominates(other, point) for other in (base, *known))}) for point in known
    ]
    return tuple(sorted(flagged, key=lambda point: (not point.efficient, *_order(point))))


def save_frontier(frontier: Frontier, path: Path | str) -> None:
    """Write the document.

    Raises:
        HeadSurgeryError: It can't be written.
    """
    try:
        write_atomically(Path(path), f"{frontier.model_dump_json(by_alias=True, indent=2)}\n".encode())
    except OSError as error:
        raise HeadSurgeryError(f"{path}: can't write the frontier: {error.strerror}") from error


def _order(point: FrontierPoint) -> tuple[float, ...]:
    return -point.refusal.count, point.harmless_kl or 0.0, len(point.heads) + len(point.removed), point.factor


def _dominates(one: FrontierPoint, other: FrontierPoint) -> bool:
    """Whether one point is nowhere worse and somewhere better."""
    pair = [(-point.refusal.count, point.over_refusal.count, point.harmless_kl or 0.0) for point in (one, other)]
    return pair[0] != pair[1] and all(mine <= theirs for mine, theirs in zip(*pair, strict=True))
