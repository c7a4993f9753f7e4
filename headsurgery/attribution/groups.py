"""The groups of heads that a curve measures, unless a method brings its own. Neighbour: `curve` measures them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headsurgery.heads import HeadRef
from headsurgery.recipe import HeadEdit

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable
    from headsurgery.attribution.settings import Settings

Group = tuple[HeadEdit, ...]
"""Heads that are edited together, each with its own operation and factor."""

SIZES = (1, 2, 5, 10, 20, 40)
"""Heads of the groups that are measured, besides the group that the method chose."""


def groups_of(scores: ScoreTable, settings: Settings) -> tuple[Group, ...]:
    """Groups of `SIZES`: of each size the best one of the method's path, or else the chosen heads and then those that rank next.

    Args:
        scores: Of all heads.
        settings: The choices of the attribution.
    """
    tried, ranked = _tried_groups(scores), _rank(scores)
    least = len(scores.chosen) if tried else 0  # smaller groups of the ranking say less than those that were searched for
    sizes = [size for size in SIZES if size in tried or least < size <= len(ranked)]
    return tuple(tuple(map(settings.edit, heads_of_size(scores, size))) for size in sizes)


def heads_of_size(scores: ScoreTable, size: int) -> tuple[HeadRef, ...]:
    """The heads that a method chooses when it is to choose so many; fewer only if fewer have a score.

    Args:
        scores: Of all heads.
        size: How many.
    """
    tried = _tried_groups(scores)
    return tried[size] if size in tried else _rank(scores)[:size]


def _tried_groups(scores: ScoreTable) -> dict[int, tuple[HeadRef, ...]]:
    """Of each size the group of the method's path that leaves the fewest refusals."""
    ordered = sorted(scores.path, key=lambda one: -one.refused)  # the last one of a size is kept
    return {len(one.heads): tuple(map(HeadRef.parse, one.heads)) for one in ordered}


def _rank(scores: ScoreTable) -> tuple[HeadRef, ...]:
    """The chosen heads in their order, then the rest of the largest group, and then those that rank next."""
    chosen, others = ([HeadRef(one.layer, one.head) for one in some] for some in (scores.chosen, scores.top(scores.harmful.size)))
    group = [edit.ref for edit in max(scores.groups, key=len, default=())]
    return tuple(dict.fromkeys((*chosen, *group, *others)))
