"""`attribute`: score every head, choose those that matter, make the recipe."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import nn

from headsurgery import __version__
from headsurgery.architectures import Operation
from headsurgery.attribution.sahara import sahara
from headsurgery.attribution.scores import ScoreTable
from headsurgery.attribution.settings import Intent, Method, Settings
from headsurgery.attribution.ships import ships
from headsurgery.errors import UsageError
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.model.sweep import Progress, Sweeper
from headsurgery.prompts import PromptSet, Template, encode, load_template
from headsurgery.recipe import Geometry, HeadEdit, HeadScore, Provenance, Recipe, RecipeBase


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """What an attribution found.

    Args:
        recipe: The chosen heads, ready to apply.
        scores: Scores of all heads.
        notes: What the user should know although nothing is wrong.
    """

    recipe: Recipe
    scores: ScoreTable
    notes: tuple[str, ...]


def attribute(
    model: nn.Module,
    tokenizer: Any,
    prompts: PromptSet | Sequence[str],
    *,
    harmless: PromptSet | Sequence[str] | None = None,
    contrast: float | None = None,
    method: Method = "sahara",
    operation: Operation = "scale",
    factor: float = 0.0,
    group_size: int = 3,
    top: int = 3,
    r_main: int = 1,
    intent: Intent = "ablate",
    apply_factor: float | None = None,
    template: str | None = None,
    batch_size: int | str = "auto",
    base: RecipeBase | None = None,
    on_progress: Progress | None = None,
) -> Attribution:
    """Score every head of a model and choose those that matter most.

    Args:
        model: A transformers causal language model; for the run it is put into evaluation mode.
        tokenizer: Its tokenizer.
        prompts: Harmful queries.
        harmless: The control: queries that look alike but are harmless.
        contrast: Heads are ranked by harmful - contrast * harmless. Default 1 with a control; 0 is the paper.
        method: `sahara` chooses a group greedily, `ships` the heads with the highest mean score.
        operation: How a head is ablated while it is scored.
        factor: By how much; 0 takes it out.
        group_size: Heads that `sahara` chooses.
        top: Heads that `ships` chooses.
        r_main: Leading singular vectors that `sahara` compares.
        intent: `ablate` or `reinforce`: what the recipe is for.
        apply_factor: The recipe's factor. Default: `factor` to ablate, 2 to reinforce.
        template: chat, paper, direct or a file; default: the tokenizer's chat template, else paper.
        batch_size: Rows (head, query) per forward, or `auto`.
        base: What the recipe says of its base; default: the model's type and geometry.
        on_progress: Called with (head, query) pairs done and in all.

    Raises:
        UsageError: Arguments out of range, or that contradict each other.
        ArchitectureError: The family is not in the table.
        GeometryError: The model is not what the table says, or can't be edited with this operation and factor (QK-norm).
        PromptError: No prompts, or no template.
    """
    settings = Settings.resolve(
        has_harmless=harmless is not None,
        method=method,
        operation=operation,
        factor=factor,
        group_size=group_size,
        top=top,
        r_main=r_main,
        intent=intent,
        apply_factor=apply_factor,
        contrast=contrast,
        batch_size=batch_size,
    )
    modules = locate_modules(model)
    settings.check_model(modules.geometry, has_q_norm=modules.has_q_norm)
    chosen_template = load_template(template, tokenizer)
    sets = [_as_set(prompts, "prompts")] if harmless is None else [_as_set(prompts, "prompts"), _as_set(harmless, "harmless")]
    with _evaluation_mode(model):
        encoded = [encode(prompt_set, chosen_template, tokenizer, max_tokens=_context(model)) for prompt_set in sets]
        sets = [prompt_set for prompt_set, _ in encoded]
        _check_enough_prompts(settings, sets)
        sweepers = [Sweeper(modules, ids, batch_size=batch_size) for _, ids in encoded]
        scores = _score(sweepers, settings, on_progress)
    provenance = _provenance(settings, modules, sets, chosen_template, scores.chosen)
    recipe = Recipe(
        base=base or RecipeBase(model_type=modules.architecture.model_type, geometry=Geometry.of(modules.geometry)),
        edits=tuple(
            HeadEdit(layer=score.layer, head=score.head, operation=operation, factor=settings.apply_factor)
            for score in scores.chosen
        ),
        provenance=provenance,
    )
    notes = [note for prompt_set in sets for note in prompt_set.notes] + list(sweepers[0].notes) + _notes_on(scores)
    return Attribution(recipe=recipe, scores=scores, notes=tuple(notes))


def _score(sweepers: list[Sweeper], settings: Settings, on_progress: Progress | None) -> ScoreTable:
    if settings.method == "ships":
        return ships(
            sweepers,
            operation=settings.operation,
            factor=settings.factor,
            top=settings.top,
            contrast=settings.contrast,
            on_progress=on_progress,
        )
    return sahara(
        sweepers,
        operation=settings.operation,
        factor=settings.factor,
        group_size=settings.group_size,
        contrast=settings.contrast,
        r_main=settings.r_main,
        on_progress=on_progress,
    )


def _as_set(prompts: PromptSet | Sequence[str], name: str) -> PromptSet:
    if isinstance(prompts, str):
        raise UsageError(f"{name}: a single string", hint="give a list of prompts, or load_prompts(...) of a name")
    return prompts if isinstance(prompts, PromptSet) else PromptSet.from_texts(prompts, name=name)


def _context(model: nn.Module) -> int:
    """Tokens that the model can read."""
    config: Any = model.config
    return int(getattr(config.get_text_config(), "max_position_embeddings", None) or 2**31)


def _check_enough_prompts(settings: Settings, sets: list[PromptSet]) -> None:
    """One query spans the whole of R^1, and r queries the whole of R^r: then every angle is 0."""
    for prompt_set in sets:
        if settings.method == "sahara" and len(prompt_set.texts) <= settings.r_main:
            raise UsageError(
                f"{prompt_set.name}: {len(prompt_set.texts)} prompts, but sahara with r_main {settings.r_main} needs at least "
                f"{settings.r_main + 1}",
                hint="give more prompts, or --method ships",
            )


@contextmanager
def _evaluation_mode(model: nn.Module) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _provenance(
    settings: Settings, modules: ModuleMap, sets: list[PromptSet], template: Template, chosen: tuple[HeadScore, ...]
) -> Provenance:
    return Provenance(
        method=settings.method,
        operation=settings.operation,
        factor=settings.factor,
        intent=settings.intent,
        unit="degrees" if settings.method == "sahara" else "nats",
        r_main=settings.r_main if settings.method == "sahara" else None,
        contrast=settings.contrast,
        prompts=sets[0].to_record(),
        harmless=sets[1].to_record() if len(sets) > 1 else None,
        template=template.name,
        dtype=str(modules.dtype).removeprefix("torch."),
        scores=list(chosen),
        versions={
            "headsurgery": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
    )


def _notes_on(scores: ScoreTable) -> list[str]:
    weak = ", ".join(f"L{score.layer}H{score.head}" for score in scores.chosen if score.score <= 0)
    if not weak:
        return []
    if scores.harmless is None:
        return [f"{weak}: ablating these changes nothing on these prompts (score 0)"]
    return [f"{weak}: these matter no more on the harmful than on the harmless prompts (score not above 0)"]
