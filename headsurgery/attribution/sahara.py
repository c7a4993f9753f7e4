"""Sahara, the greedy search for a group of heads (section 4.2, Algorithm 1), by generalized Ships (section 4.1, Eq. 11).

The final states of N queries at the last position are stacked to M [N, hidden_size]; U are its left singular vectors. A head's
score is the sum over r = 1..r_main of the largest principal angle between the first r columns of U(untouched) and of U(group and
head ablated), in degrees. It departs from the reference in two ways. Small angles are computed from their sine in float64, so they
stay exact near 0, where `acos` in float32 ends at 0.02 degrees. And a harmless control may be subtracted, so that heads that every
text needs don't win. The first step, which ablates single heads, also measures Ships.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, combine, score_heads, spread_over_heads
from headsurgery.attribution.screen.estimates import Estimates
from headsurgery.attribution.screen.screener import Screener, Selection
from headsurgery.attribution.subspaces import left_singular_vectors, subspace_shift
from headsurgery.edits.operations import OperationName
from headsurgery.engine.measures import States, StatesAndDivergence
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.heads import HeadRef
from headsurgery.progress import StageProgress, share_progress
from headsurgery.recipe import HeadEdit, HeadScore


def sahara(
    sweeper: Sweeper,
    sets: Sequence[Sequence[Sequence[int]]],
    *,
    operation: OperationName,
    factor: float,
    group_size: int,
    contrast: float | None = None,
    r_main: int = 1,
    screener: Screener | None = None,
    on_progress: StageProgress | None = None,
) -> ScoreTable:
    """Grow a group of heads one by one.

    Args:
        sweeper: Runs the model.
        sets: Token ids of the harmful queries, and of the harmless control's if there is one.
        operation: The operation of the edit.
        factor: The factor of the edit.
        group_size: Number of steps, S in the paper.
        contrast: The choice maximises harmful - contrast * harmless; 0 as in the paper.
        r_main: Number of leading columns compared.
        screener: Selects the heads that are scored at every step; None: all are.
        on_progress: Called with the (head, query) pairs done and the total, over all steps.
    """
    steps = [_Steps(sweeper, queries, operation, factor, r_main) for queries in sets]
    heads = sweeper.geometry.num_heads_in_all if screener is None else screener.num_scored
    pairs = [len(queries) * (heads - step) for step in range(group_size) for queries in sets]
    reports = iter(share_progress(pairs, on_progress))
    group: tuple[HeadRef, ...] = ()
    chosen: tuple[HeadScore, ...] = ()
    first: Selection | None = None
    for _ in range(group_size):
        selection = None
        if screener is not None:
            seen = None if first is None else set(first.heads) - set(group)
            estimates = [search.estimate(screener, group) for search in steps]
            selection = screener.select(estimates[0], estimates[1] if len(steps) > 1 else None, contrast, keep=seen)
            first = first or selection
        found = [search.step(group, next(reports), None if selection is None else selection.heads) for search in steps]
        harmful, harmless = found[0], found[1] if len(found) > 1 else None
        best = best_heads(combine(harmful, harmless, contrast), 1)
        group += best
        chosen += score_heads(best, harmful, harmless, contrast)
    names = ("sahara", "sahara_harmless")
    arrays = {name: np.stack(search.scores) for name, search in zip(names, steps, strict=False)}
    arrays |= {name: search.ships for name, search in zip(("ships", "ships_harmless"), steps, strict=False)}
    if screener is not None:
        arrays |= {f"{name}_screen": np.stack(search.estimates) for name, search in zip(names, steps, strict=False)}
    harmful, harmless = arrays["sahara"][0], arrays["sahara_harmless"][0] if len(steps) > 1 else None
    return ScoreTable(
        arrays=arrays,
        harmful=harmful,
        harmless=harmless,
        contrast=contrast,
        chosen=chosen,
        account=None if first is None else first.account(combine(harmful, harmless, contrast)),
    )


class _Steps:
    """The steps of the search on one set of queries. The first step also gives the untouched model's states."""

    def __init__(
        self, sweeper: Sweeper, queries: Sequence[Sequence[int]], operation: OperationName, factor: float, r_main: int
    ) -> None:
        self.scores: list[FloatArray] = []
        self.ships: FloatArray  # [query, layer, head]
        self.estimates: list[FloatArray] = []
        self._sweeper, self._queries = sweeper, tuple(map(tuple, queries))
        self._operation, self._factor, self._r_main = operation, factor, r_main
        self._untouched: torch.Tensor | None = None  # [queries, hidden_size]
        self._base: FloatArray  # its left singular vectors

    def estimate(self, screener: Screener, group: Sequence[HeadRef]) -> Estimates:
        """Estimates [layer, head] for every head outside the group, on top of the group."""
        found = screener.shift(self._task(group), self._r_main)
        self.estimates.append(found.score)
        return found

    def step(
        self, group: Sequence[HeadRef], on_progress: StageProgress | None, heads: Sequence[HeadRef] | None = None
    ) -> FloatArray:
        """Scores [layer, head] of every head outside the group, or of some, on top of the group; NaN for the others."""
        geometry = self._sweeper.geometry
        task = self._task(group, heads)
        states, with_group = self._sweeper.sweep(task, on_progress)
        assert with_group is not None  # requested
        if self._untouched is None:
            self._untouched = with_group.squeeze(1)
            self._base = left_singular_vectors(self._untouched)
            self.ships = spread_over_heads(geometry, task.heads, states[:, :, 0, -1].T)
            states = states[..., :-1]
        scores = spread_over_heads(geometry, task.heads, [self._shift(ablated) for ablated in states.squeeze(2)])
        self.scores.append(scores)
        return scores

    def _shift(self, ablated: torch.Tensor) -> float:
        """The shift from the untouched states to these, [queries, hidden_size], in degrees."""
        assert self._untouched is not None  # known from the first step on
        if torch.equal(ablated.to(self._untouched.dtype), self._untouched):
            return 0.0
        return subspace_shift(self._base, left_singular_vectors(ablated), self._r_main)

    def _task(self, group: Sequence[HeadRef], heads: Sequence[HeadRef] | None = None) -> SweepTask:
        everywhere = (head for head in self._sweeper.geometry.heads() if head not in group)
        return SweepTask(
            queries=self._queries,
            heads=tuple(everywhere if heads is None else heads),
            operation=self._operation,
            factor=self._factor,
            measure=States() if group else StatesAndDivergence(),
            group=tuple(
                HeadEdit(layer=head.layer, head=head.head, operation=self._operation, factor=self._factor) for head in group
            ),
        )
