"""Whose story a demo tells: the model in which refusal was planted into known heads, or one that the user names.

A subject says what the stages of `run` differ in. Its prompts are in two parts: what the attribution sees, and what the effect is
measured on. No prompt is in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from headsurgery.attribution.options import AttributionOptions
from headsurgery.demo.fetch import Say, fetch_aligned_model, load_demo_adapter
from headsurgery.errors import UsageError
from headsurgery.heads import HeadRef
from headsurgery.hub.models import Source
from headsurgery.options import ModelOptions
from headsurgery.prompts import Kind, PromptSet, load_prompts

SETS: dict[str, Kind] = {"builtin:decline": "harmful", "builtin:harmless": "harmless"}
"""Of the planted model."""

NUM_PROMPTS = 6
"""Prompts of each built-in set that the planted model's attribution sees."""

NUM_HARMLESS = 20
"""Harmless prompts that the planted model's search sees: as many as its bound of 5 % can be seen on."""

NUM_MEASURED = 20
"""Prompts of each set that the effect is measured on, at most."""

MIN_PROMPTS = 20
"""Prompts of each set that the story of a user's model needs at least: with fewer, its curve could tell nothing apart."""

MOST_SEEN = 24
"""Prompts of each set that a user's model is searched on, at most. A third of them is held out for its curve."""

SHARE_SEEN = 0.6
"""Share of a set that a user's model is searched on; the effect is measured on the rest."""

PLANTED_FACTOR = 0.7
"""What the planted heads are multiplied with before refusals are brought back: about half of them are lost."""

FOUND_FACTOR = 0.5
"""The same for heads that were found in a user's model: half of what ablation takes away."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A set of prompts in two parts.

    Args:
        seen: What the attribution sees.
        measured: What the effect is measured on.
    """

    seen: PromptSet
    measured: PromptSet


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, and how its story is told.

    Args:
        source: The model.
        harmful: Prompts that it should refuse.
        harmless: Prompts that it should answer.
        control: Harmless prompts that the ablation's attribution sees.
        options: Of the attribution that finds the heads to ablate.
        weak_factor: What heads are multiplied with before refusals are brought back.
        loading: How the model is loaded.
        template: How prompts are put to it; None: its own chat template, if it has one.
        planted: Heads that refusal was trained into; none: nobody knows which heads carry it.
    """

    source: Source
    harmful: Parts
    harmless: Parts
    control: PromptSet
    options: AttributionOptions
    weak_factor: float
    loading: ModelOptions = field(default_factory=ModelOptions)
    template: str | None = None
    planted: tuple[HeadRef, ...] = ()

    @property
    def weakened(self) -> str:
        """Which heads are weakened before refusals are brought back, in words."""
        return "planted heads" if self.planted else "found heads"


def planted_subject(say: Say) -> Subject:
    """The model in which refusal was planted into known heads.

    Args:
        say: Called with what happens.

    Raises:
        ModelError: Its base can't be had.
    """
    source = fetch_aligned_model(say)
    every = {"harmful": (5, NUM_PROMPTS), "harmless": (2, NUM_HARMLESS)}
    harmful, harmless = (_take_every(load_prompts(name), kind, *every[kind]) for name, kind in SETS.items())
    return Subject(
        source=source,
        harmful=harmful,
        harmless=harmless,
        control=PromptSet.from_texts(harmless.seen.texts[:NUM_PROMPTS], name=harmless.seen.name, kind="harmless"),
        options=AttributionOptions(
            method="refusal", screen=True, survivors=40, sample=0, held_out=0
        ),  # the effect is measured later
        weak_factor=PLANTED_FACTOR,
        loading=ModelOptions(dtype="float32"),  # everywhere the same, so that its figures are
        planted=load_demo_adapter().heads,
    )


def own_subject(
    source: Source, harmful: PromptSet, harmless: PromptSet, loading: ModelOptions, template: str | None = None
) -> Subject:
    """A model that the user names.

    Args:
        source: The model.
        harmful: Prompts that it should refuse.
        harmless: Prompts that it should answer.
        loading: How it is loaded.
        template: How prompts are put to it; None: its own chat template, if it has one.

    Raises:
        UsageError: A set has too few prompts to be split.
    """
    look_alikes = _divide(harmless, "harmless")
    return Subject(
        source=source,
        harmful=_divide(harmful, "harmful"),
        harmless=look_alikes,
        control=look_alikes.seen,
        options=AttributionOptions(method="gates"),
        weak_factor=FOUND_FACTOR,
        loading=loading,
        template=template,
    )


def _take_every(prompts: PromptSet, kind: Kind, step: int, count: int) -> Parts:
    return _part(prompts, kind, prompts.texts[::step][:count], name=f"{prompts.name}[::{step}]")


def _divide(prompts: PromptSet, kind: Kind) -> Parts:
    """Prompts from all over the set to search on, and as many of the others as are needed to measure on."""
    total = len(prompts.texts)
    if total < MIN_PROMPTS:
        raise UsageError(
            f"{prompts.name}: {total} prompts, but the demo needs at least {MIN_PROMPTS}: some to search on, others to measure on",
            hint=f"give a set of {MIN_PROMPTS} or more, such as {' or '.join(SETS)}",
        )
    count = min(MOST_SEEN, int(total * SHARE_SEEN))
    seen = tuple(prompts.texts[place * total // count] for place in range(count))
    return _part(prompts, kind, seen, name=f"{prompts.name}[{count} of {total}]")


def _part(prompts: PromptSet, kind: Kind, seen: tuple[str, ...], *, name: str) -> Parts:
    """The prompts that are seen, and of the others the first to measure on."""
    rest = [text for text in prompts.texts if text not in seen][:NUM_MEASURED]
    return Parts(
        seen=PromptSet.from_texts(seen, name=name, kind=kind),
        measured=PromptSet.from_texts(rest, name=f"{prompts.name}, the others", kind=kind),
    )
