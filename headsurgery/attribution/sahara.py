"""Sahara, the greedy search for a group of heads (section 4.2, Algorithm 1), by generalized Ships (section 4.1, Eq. 11).

Last-position final states of N queries are stacked to M [N, hidden_size]; U are its left singular vectors. A head's score is the
sum over r = 1..r_main of the largest principal angle between the first r columns of U(untouched) and of U(group and head ablated),
in degrees. Departs from the reference: angles come from their sine where they are small, in float64, so they stay exact near 0,
where `acos` in float32 ends at 0.02 degrees; and a harmless control may be subtracted, so that heads that every text needs don't
win.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from headsurgery.architectures import Operation
from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, combine, score_heads
from headsurgery.engine.measures import States
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.heads import HeadRef
from headsurgery.progress import Progress, share_progress
from headsurgery.recipe import HeadEdit, HeadScore


def left_singular_vectors(states: torch.Tensor) -> FloatArray:
    """U of states [queries, hidden_size], [queries, min(queries, hidden_size)], by falling singular value."""
    u: FloatArray = np.linalg.svd(states.double().cpu().numpy(), full_matrices=False)[0]
    return u


def largest_angle(u: FloatArray, v: FloatArray) -> float:
    """Largest principal angle between the column spaces of two orthonormal bases [n, r], in degrees, exact near 0 and near 90."""
    overlap = u.T @ v  # [r, r]
    sine = float(np.linalg.norm(v - u @ overlap, ord=2))
    if sine * sine <= 0.5:
        return float(np.degrees(np.arcsin(sine)))
    cosine = float(np.linalg.svd(overlap, compute_uv=False)[-1])
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def subspace_shift(base: FloatArray, ablated: FloatArray, r_main: int) -> float:
    """Eq. 11 on left singular vectors: the sum of the angles of the leading 1, 2, ..., r_main columns, in degrees."""
    return sum(largest_angle(base[:, :r], ablated[:, :r]) for r in range(1, r_main + 1))


def sahara(
    sweeper: Sweeper,
    sets: Sequence[Sequence[Sequence[int]]],
    *,
    operation: Operation,
    factor: float,
    group_size: int,
    contrast: float | None = None,
    r_main: int = 1,
    on_progress: Progress | None = None,
) -> ScoreTable:
    """Grow a group of heads one by one.

    Args:
        sweeper: Runs the model.
        sets: Token ids of the harmful queries, and of the harmless control's where there is one.
        operation: The edit that is tried.
        factor: Its factor.
        group_size: Steps, S in the paper.
        contrast: The choice maximises harmful - contrast * harmless; 0 is the paper.
        r_main: Leading columns compared.
        on_progress: Called with (head, query) pairs done and in all, over all steps.
    """
    steps = [_Steps(sweeper, queries, operation, factor, r_main) for queries in sets]
    pairs = [len(queries) * (sweeper.geometry.num_heads_in_all - step) for step in range(group_size) for queries in sets]
    reports = iter(share_progress(pairs, on_progress))
    group: tuple[HeadRef, ...] = ()
    chosen: tuple[HeadScore, ...] = ()
    for _ in range(group_size):
        found = [search.step(group, next(reports)) for search in steps]
        harmful, harmless = found[0], found[1] if len(found) > 1 else None
        best = best_heads(combine(harmful, harmless, contrast), 1)
        group += best
        chosen += score_heads(best, harmful, harmless, contrast)
    arrays = {name: np.stack(search.scores) for name, search in zip(("sahara", "sahara_harmless"), steps, strict=False)}
    return ScoreTable(
        arrays=arrays,
        harmful=arrays["sahara"][0],
        harmless=arrays["sahara_harmless"][0] if len(steps) > 1 else None,
        contrast=contrast,
        chosen=chosen,
    )


class _Steps:
    """The steps of the search on one set of queries; the untouched model's states come with the first."""

    def __init__(
        self, sweeper: Sweeper, queries: Sequence[Sequence[int]], operation: Operation, factor: float, r_main: int
    ) -> None:
        self.scores: list[FloatArray] = []
        self._sweeper, self._queries = sweeper, tuple(map(tuple, queries))
        self._operation, self._factor, self._r_main = operation, factor, r_main
        self._untouched: torch.Tensor | None = None  # [queries, hidden_size]

    def step(self, group: Sequence[HeadRef], on_progress: Progress | None) -> FloatArray:
        """Scores [layer, head] of every head outside the group, on top of it; NaN for the others."""
        geometry = self._sweeper.geometry
        heads = tuple(head for head in geometry.heads() if head not in group)
        task = SweepTask(
            queries=self._queries,
            heads=heads,
            operation=self._operation,
            factor=self._factor,
            measure=States(),
            group=tuple(
                HeadEdit(layer=head.layer, head=head.head, operation=self._operation, factor=self._factor) for head in group
            ),
        )
        states, with_group = self._sweeper.sweep(task, on_progress)
        assert with_group is not None  # asked for
        if self._untouched is None:
            self._untouched = with_group.squeeze(1)
        base = left_singular_vectors(self._untouched)
        scores = np.full((geometry.num_layers, geometry.max_heads), np.nan)
        for head, ablated in zip(heads, states.squeeze(2), strict=True):
            is_same = torch.equal(ablated, self._untouched)
            scores[head.layer, head.head] = 0.0 if is_same else subspace_shift(base, left_singular_vectors(ablated), self._r_main)
        self.scores.append(scores)
        return scores
