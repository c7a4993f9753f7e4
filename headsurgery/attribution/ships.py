"""Ships, the score of one head for one query (section 3.2, Eq. 9).

Ships(q, h) = KL( p(next token | q; model) || p(next token | q; model without h) ), in nats, at the last prompt position, over the
full vocabulary. Departs from the reference in precision: probabilities are computed in float64. Over a set of queries heads are
ranked by the mean, less the contrast times the mean on the harmless control.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headsurgery.architectures import Operation
from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, combine, score_heads
from headsurgery.engine.measures import Divergence
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.progress import Progress, share_progress


def ships_of_queries(
    sweeper: Sweeper, queries: Sequence[Sequence[int]], *, operation: Operation, factor: float, on_progress: Progress | None = None
) -> FloatArray:
    """Ships of every head for every query.

    Returns:
        [query, layer, head] in nats; NaN where a layer has no such head.
    """
    geometry = sweeper.geometry
    heads = tuple(geometry.heads())
    task = SweepTask(queries=tuple(map(tuple, queries)), heads=heads, operation=operation, factor=factor, measure=Divergence())
    divergence, _ = sweeper.sweep(task, on_progress)  # [heads, queries, 1]
    scores = np.full((len(queries), geometry.num_layers, geometry.max_heads), np.nan)
    for row, head in enumerate(heads):
        scores[:, head.layer, head.head] = divergence[row, :, 0].numpy()
    return scores


def ships(
    sweeper: Sweeper,
    sets: Sequence[Sequence[Sequence[int]]],
    *,
    operation: Operation,
    factor: float,
    top: int,
    contrast: float | None = None,
    on_progress: Progress | None = None,
) -> ScoreTable:
    """Score all heads on the harmful queries and, when there is a second set, on the harmless control; choose the best.

    Args:
        sweeper: Runs the model.
        sets: Token ids of the harmful queries, and of the control's.
        operation: The edit that is tried.
        factor: Its factor.
        top: Heads to choose.
        contrast: Weight of the control.
        on_progress: Called with (head, query) pairs done and in all.
    """
    reports = share_progress([len(queries) * sweeper.geometry.num_heads_in_all for queries in sets], on_progress)
    found = [
        ships_of_queries(sweeper, queries, operation=operation, factor=factor, on_progress=report)
        for queries, report in zip(sets, reports, strict=True)
    ]
    harmful, harmless = found[0].mean(axis=0), found[1].mean(axis=0) if len(found) > 1 else None
    chosen = best_heads(combine(harmful, harmless, contrast), top)
    return ScoreTable(
        arrays=dict(zip(("ships", "ships_harmless"), found, strict=False)),
        harmful=harmful,
        harmless=harmless,
        contrast=contrast,
        chosen=score_heads(chosen, harmful, harmless, contrast),
    )
