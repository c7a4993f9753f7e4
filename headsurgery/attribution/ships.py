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
from headsurgery.model.divergence import kl_divergence
from headsurgery.model.sweep import Progress, Sweeper, share_progress


def ships_of_queries(sweeper: Sweeper, *, operation: Operation, factor: float, on_progress: Progress | None = None) -> FloatArray:
    """Ships of every head for every query.

    Returns:
        [query, layer, head] in nats; NaN where a layer has no such head.
    """
    geometry = sweeper.modules.geometry
    scores = np.full((len(sweeper.queries), geometry.num_layers, geometry.max_heads), np.nan)
    heads = list(geometry.heads())
    for block in sweeper.sweep(heads, operation=operation, factor=factor, want_logits=True, on_progress=on_progress):
        assert block.logits is not None  # asked for
        assert block.base_logits is not None
        divergence = kl_divergence(block.base_logits, block.logits).cpu().numpy()  # [heads, queries]
        for row, head in enumerate(block.heads):
            scores[list(block.queries), head.layer, head.head] = divergence[row]
    return scores


def ships(
    sweepers: Sequence[Sweeper],
    *,
    operation: Operation,
    factor: float,
    top: int,
    contrast: float | None = None,
    on_progress: Progress | None = None,
) -> ScoreTable:
    """Score all heads on the harmful queries and, when there is a second sweeper, on the harmless control; choose the best.

    Args:
        sweepers: Over the harmful queries, and over the control.
        operation: The edit that is tried.
        factor: Its factor.
        top: Heads to choose.
        contrast: Weight of the control.
        on_progress: Called with (head, query) pairs done and in all.
    """
    reports = share_progress(
        [len(sweeper.queries) * sweeper.modules.geometry.num_heads_in_all for sweeper in sweepers], on_progress
    )
    found = [
        ships_of_queries(sweeper, operation=operation, factor=factor, on_progress=report)
        for sweeper, report in zip(sweepers, reports, strict=True)
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
