"""How stable a choice of single heads is: in how many random halves of the prompts each head ranks among as many as were chosen.

It needs scores of each prompt (`Method.is_per_prompt`), and no further run of the model. By chance alone, a head is among k of n
heads in k of n halves. Neighbour: `scores` ranks heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from headsurgery.attribution.method import Method
from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, ranking_scores
from headsurgery.heads import HeadRef

NUM_HALVES = 10

MIN_PROMPTS = 4
"""Prompts of a set below which its halves are no samples."""

STABLE = 5
"""Halves in which a head must be among the best, or it is named."""


def count_halves(scores: ScoreTable, method: str, size: int) -> dict[HeadRef, int]:
    """In how many of `NUM_HALVES` halves of the prompts each head is among the best.

    Args:
        scores: With the scores of each prompt, [query, layer, head].
        method: Whose array they are.
        size: How many heads are the best.

    Returns:
        Heads that are among the best in any half.
    """
    found: dict[HeadRef, int] = {}
    for seed in range(NUM_HALVES):
        halves = {name: _draw_half(array, seed) for name, array in _arrays_of(scores, method).items()}
        for head in best_heads(ranking_scores(halves, method, scores.contrast), size):
            found[head] = found.get(head, 0) + 1
    return found


def mark_stability(scores: ScoreTable, method: Method[Any]) -> ScoreTable:
    """The chosen heads with the halves in which they are among the best, where the method's scores can tell."""
    if not method.is_per_prompt or not scores.chosen:
        return scores
    if min(map(len, _arrays_of(scores, method.name).values())) < MIN_PROMPTS:
        return scores
    counts = count_halves(scores, method.name, len(scores.chosen))
    marked = tuple(one.model_copy(update={"halves": counts.get(HeadRef(one.layer, one.head), 0)}) for one in scores.chosen)
    return replace(scores, chosen=marked)


def doubt_stability(scores: ScoreTable) -> tuple[str, ...]:
    """The chosen heads that other prompts might not choose."""
    weak = [f"L{one.layer}H{one.head} ({one.halves})" for one in scores.chosen if one.halves is not None and one.halves < STABLE]
    if not weak:
        return ()
    best = "the best head" if len(scores.chosen) == 1 else f"among the best {len(scores.chosen)} heads"
    return (f"{', '.join(weak)}: {best} in fewer than {STABLE} of {NUM_HALVES} random halves of the prompts",)


def _arrays_of(scores: ScoreTable, method: str) -> Mapping[str, FloatArray]:
    """The scores of each prompt."""
    return {name: array for name, array in scores.arrays.items() if name in (method, f"{method}_harmless")}


def _draw_half(array: FloatArray, seed: int) -> FloatArray:
    """Half of the prompts. The draw depends on their number alone, so two sets of pairs keep their rows together."""
    chance = Random(seed)
    keys = [chance.random() for _ in range(len(array))]
    half: FloatArray = array[sorted(range(len(array)), key=keys.__getitem__)[: len(array) // 2]]
    return half
