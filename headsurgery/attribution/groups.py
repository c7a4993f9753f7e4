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
    tried = {len(one.heads): one for one in sorted(scores.path, key=lambda one: -one.refused)}  # the one that leaves fewest is kept
    ranked = list(dict.fromkeys(HeadRef(one.layer, one.head) for one in (*scores.chosen, *scores.top(max(SIZES)))))
    least = len(scores.chosen) if tried else 0  # smaller groups of the ranking say less than those that were searched for
    sizes = [size for size in SIZES if size in tried or least < size <= len(ranked)]
    groups = [map(HeadRef.parse, tried[size].heads) if size in tried else ranked[:size] for size in sizes]
    return tuple(tuple(map(settings.edit, group)) for group in groups)
