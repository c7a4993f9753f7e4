"""Reasons to doubt a choice of heads. Its recipe carries them, so that nobody takes the choice for a finding.

A ranking always has a first head. It means nothing if all scores are rounding errors, or if there is no control to distinguish
heads that carry safety from heads that every prompt needs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from headsurgery.attribution.scores import ScoreTable
from headsurgery.attribution.settings import Settings


def find_doubts(settings: Settings, scores: ScoreTable, dtype: str) -> tuple[str, ...]:
    """Find what makes the choice doubtful, for the user and for the recipe.

    Args:
        settings: The choices of the attribution.
        scores: The scores of all heads.
        dtype: The type in which the model ran.
    """
    return tuple(_find(settings, scores, dtype))


def _find(settings: Settings, scores: ScoreTable, dtype: str) -> Iterator[str]:
    method = settings.method
    if scores.harmless is None and method.wants_control:
        yield (
            f"no control: {method.name} also ranks heads high that every prompt needs, harmful or not; --harmless builtin:harmless "
            "distinguishes such heads"
        )
    largest, unit = float(np.nanmax(np.abs(scores.harmful), initial=0.0)), method.unit or ""
    noise = method.rounding.get(dtype, 0.0)
    if 0 < largest <= noise:
        yield (
            f"no head stands out: no score is larger than {largest:.2g} {unit}, and rounding in {dtype} alone causes up to about "
            f"{noise:.2g}; the chosen heads are not a finding"
        )
    if weak := ", ".join(f"L{score.layer}H{score.head}" for score in scores.chosen if score.score <= 0):
        if largest == 0:
            yield f"{weak}: ablating any of these or any other head changes nothing on these prompts (score 0): no head stands out"
        elif scores.harmless is None:
            yield f"{weak}: ablating these changes nothing on these prompts (score 0)"
        else:
            yield f"{weak}: these matter no more on the harmful than on the harmless prompts (score not above 0)"
