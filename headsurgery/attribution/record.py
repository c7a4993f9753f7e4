"""What a recipe records of its attribution: the provenance of its heads, so that anyone can see and repeat how they were found."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import torch
import transformers

from headsurgery.attribution.scores import ScoreTable
from headsurgery.attribution.settings import Settings
from headsurgery.prompts import PromptSet, Template
from headsurgery.recipe import Curve, HeadEdit, Provenance, ScreenRecord, Stability
from headsurgery.version import __version__


def record_run(
    settings: Settings,
    dtype: str,
    sets: list[PromptSet],
    template: Template,
    edits: tuple[HeadEdit, ...],
    scores: ScoreTable,
    doubts: Sequence[str],
    curve: Curve | None = None,
    stability: Stability | None = None,
) -> Provenance:
    """The record of an attribution.

    Args:
        settings: The choices of the attribution.
        dtype: The type in which the model ran.
        sets: Harmful prompts, and the control if there is one.
        template: How they were asked.
        edits: The recipe's edits.
        scores: The scores of all heads.
        doubts: What makes the choice doubtful.
        curve: What groups of heads do to prompts that the search did not see.
        stability: Which heads the search finds again on halves of its prompts.
    """
    return Provenance(
        method=settings.method.name,
        operation=settings.operation,
        factor=None if settings.method.learns_factors else settings.factor,
        intent=settings.intent,
        unit=settings.method.unit,
        r_main=getattr(settings.own, "r_main", None),
        contrast=settings.contrast,
        prompts=sets[0].to_record(),
        harmless=sets[1].to_record() if len(sets) > 1 else None,
        template=template.name,
        notes=list(dict.fromkeys((*(note for prompt_set in sets for note in prompt_set.notes), *doubts))) or None,
        dtype=dtype,
        scores=list(scores.scores_of([edit.ref for edit in edits])),
        path=list(scores.path) or None,
        curve=curve,
        stability=stability,
        screen=_screen_record(settings, scores),
        lazy=scores.lazy,
        versions={
            "headsurgery": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
    )


def _screen_record(settings: Settings, scores: ScoreTable) -> ScreenRecord | None:
    found = scores.account
    if found is None or settings.screen is None:
        return None
    return ScreenRecord(
        survivors=found.survivors,
        screened_out=found.screened_out,
        sampled=found.sampled,
        beating=found.beating,
        k=found.k,
        recall=found.recall,
        recall_at_least=found.recall_at_least,
        seed=settings.screen.seed,
    )
