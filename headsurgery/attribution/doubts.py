"""Doubts about a choice of heads: what its recipe must carry, so that nobody takes it for a finding.

A ranking always has a first head. It says nothing where all scores are rounding, or where there is no control to tell heads that
carry safety from heads that every prompt needs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from headsurgery.attribution.scores import ScoreTable
from headsurgery.attribution.settings import Settings


def find_doubts(settings: Settings, scores: ScoreTable, dtype: str) -> tuple[str, ...]:
    """What makes the choice doubtful, for the user and for the recipe.

    Args:
        settings: Of the attribution.
        scores: Of all heads.
        dtype: Type that the model ran in.
    """
    return tuple(_find(settings, scores, dtype))


def _find(settings: Settings, scores: ScoreTable, dtype: str) -> Iterator[str]:
    method = settings.method
    if scores.harmless is None and method.wants_control:
        yield (
            f"no control: {method.name} ranks a head high that any prompt needs, harmful or not; --harmless builtin:harmless "
            "tells such heads apart"
        )
    largest, unit = float(np.nanmax(np.abs(scores.harmful), initial=0.0)), method.unit or ""
    noise = method.rounding.get(dtype, 0.0)
    if 0 < largest <= noise:
        yield (
            f"no head stands out: no score is larger than {largest:.2g} {unit}, and rounding in {dtype} alone makes up to about "
            f"{noise:.2g}; the chosen heads are no finding"
        )
    if weak := ", ".join(f"L{score.layer}H{score.head}" for score in scores.chosen if score.score <= 0):
        if largest == 0:
            yield f"{weak}: ablating these changes nothing on these prompts (score 0), nor does any other head: no head stands out"
        elif scores.harmless is None:
            yield f"{weak}: ablating these changes nothing on these prompts (score 0)"
        else:
            yield f"{weak}: these matter no more on the harmful than on the harmless prompts (score not above 0)"
