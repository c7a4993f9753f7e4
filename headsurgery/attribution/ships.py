"""Ships, the score of one head for one query (section 3.2, Eq. 9).

Ships(q, h) = KL( p(next token | q; model) || p(next token | q; model without h) ), in nats, at the last prompt position, over the
full vocabulary. It differs from the reference in precision: probabilities are computed in float64. Over a set of queries, heads are
ranked by the mean minus the contrast times the mean on the harmless control.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, combine, score_heads, spread_over_heads
from headsurgery.edits.operations import OperationName
from headsurgery.engine.measures import Divergence
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.heads import HeadRef
from headsurgery.progress import StageProgress, share_progress

if TYPE_CHECKING:
    from headsurgery.attribution.screen.screener import Screener

_NAMES = ("ships", "ships_harmless")


def ships_of_queries(
    sweeper: Sweeper,
    queries: Sequence[Sequence[int]],
    *,
    operation: OperationName,
    factor: float,
    heads: Sequence[HeadRef] | None = None,
    on_progress: StageProgress | None = None,
) -> FloatArray:
    """Compute Ships for every query, of all heads or of some.

    Returns:
        [query, layer, head] in nats; NaN where a layer has no such head, or it was not requested.
    """
    task = _task(sweeper, queries, operation, factor, heads)
    divergence, _ = sweeper.sweep(task, on_progress)  # [heads, queries, 1]
    return spread_over_heads(sweeper.geometry, task.heads, divergence[:, :, 0].T)


def _task(
    sweeper: Sweeper,
    queries: Sequence[Sequence[int]],
    operation: OperationName,
    factor: float,
    heads: Sequence[HeadRef] | None = None,
) -> SweepTask:
    return SweepTask(
        queries=tuple(map(tuple, queries)),
        heads=tuple(sweeper.geometry.heads() if heads is None else heads),
        operation=operation,
        factor=factor,
        measure=Divergence(),
    )


def ships(
    sweeper: Sweeper,
    sets: Sequence[Sequence[Sequence[int]]],
    *,
    operation: OperationName,
    factor: float,
    top: int,
    contrast: float | None = None,
    screener: Screener | None = None,
    on_progress: StageProgress | None = None,
) -> ScoreTable:
    """Score all heads on the harmful queries and, if there is a second set, on the harmless control. Choose the best.

    Args:
        sweeper: Runs the model.
        sets: Token ids of the harmful queries, and of the control's.
        operation: The operation of the edit.
        factor: The factor of the edit.
        top: How many heads to choose.
        contrast: Weight of the control.
        screener: Selects the heads that are scored; None: all are.
        on_progress: Called with the (head, query) pairs done and the total.
    """
    selection, estimates = None, dict[str, FloatArray]()
    if screener is not None:
        found = [screener.divergence(_task(sweeper, queries, operation, factor), np.ones((len(queries), 1))) for queries in sets]
        selection = screener.select(found[0], found[1] if len(found) > 1 else None, contrast)
        estimates = {f"{name}_screen": of_set.score[None] for name, of_set in zip(_NAMES, found, strict=False)}
    heads = tuple(sweeper.geometry.heads()) if selection is None else selection.heads
    reports = share_progress([len(queries) * len(heads) for queries in sets], on_progress)
    scores = [
        ships_of_queries(sweeper, queries, operation=operation, factor=factor, heads=heads, on_progress=report)
        for queries, report in zip(sets, reports, strict=True)
    ]
    harmful, harmless = scores[0].mean(axis=0), scores[1].mean(axis=0) if len(scores) > 1 else None
    combined = combine(harmful, harmless, contrast)
    return ScoreTable(
        arrays=dict(zip(_NAMES, scores, strict=False)) | estimates,
        harmful=harmful,
        harmless=harmless,
        contrast=contrast,
        chosen=score_heads(best_heads(combined, top), harmful, harmless, contrast),
        account=None if selection is None else selection.account(combined),
    )
