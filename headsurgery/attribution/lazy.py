"""Lazy evaluation of a greedy search: a head is scored again only while it can still be the best (Minoux, 1978).

A head's gain on a prompt is bounded by the least that it gained there before, with none or only some of today's group ablated.
Heads are scored in the order of their bounds, until no bound reaches the best score. That is exact where gains only shrink as the
group grows. They need not shrink: a head that takes over gains more once another one is gone. So in every step some of the heads
that were left out are drawn at random and scored as well. Where one of them beats the best, the step scores all heads after all.
Neighbour: `refusal` searches; the record of a run is `recipe.LazyRecord`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from headsurgery.attribution.scores import FloatArray, spread_over_heads
from headsurgery.heads import AttentionGeometry, HeadRef
from headsurgery.recipe import LazyRecord, LazyStep

Prompt = tuple[int, ...]
"""Its token ids."""


@dataclass(frozen=True, kw_only=True)
class Laziness:
    """How much is left out.

    Args:
        sample: Heads that are drawn at random in each later step, out of those that were left out.
        seed: Of the draw.
        batch: Heads that are scored together: so many fill a call of the sweep, and make its run of the unedited model a small
            part. Each batch of a step is twice as large as the one before.
    """

    sample: int = 10
    seed: int = 0
    batch: int = 16

    def draw(self, heads: Sequence[HeadRef], step: int) -> tuple[HeadRef, ...]:
        """The sample of a step, sorted."""
        chance = np.random.default_rng([self.seed, step])
        drawn = chance.choice(len(heads), min(self.sample, len(heads)), replace=False)
        return tuple(sorted(heads[place] for place in drawn))


class Gains:
    """What heads gained on each prompt, step by step.

    Args:
        geometry: The model's heads.
    """

    def __init__(self, geometry: AttentionGeometry) -> None:
        self._geometry = geometry
        self._known: list[tuple[frozenset[HeadRef], dict[Prompt, FloatArray]]] = []

    def add(self, group: Collection[HeadRef], heads: Sequence[HeadRef], prompts: Sequence[Prompt], values: FloatArray) -> None:
        """Keep gains [head, prompt] that were measured with a group ablated."""
        arrays = spread_over_heads(self._geometry, heads, values.T)  # [prompt, layer, head]
        self._known.append((frozenset(group), dict(zip(prompts, arrays, strict=True))))

    def bound(self, group: Collection[HeadRef], prompts: Sequence[Prompt]) -> FloatArray:
        """Upper bounds [layer, head] of the mean gain over prompts, if gains only shrink; infinite where a gain was never measured.

        Args:
            group: The heads that are ablated now.
            prompts: Those that still count.
        """
        known = [gains for ablated, gains in self._known if ablated <= set(group)]
        unknown = np.full((self._geometry.num_layers, self._geometry.max_heads), np.inf)
        least = [np.fmin.reduce([unknown, *(gains[prompt] for gains in known if prompt in gains)]) for prompt in prompts]
        mean: FloatArray = np.mean(least, axis=0)
        return mean

    def is_known(self, group: Collection[HeadRef], prompt: Prompt) -> bool:
        """Whether gains on a prompt were measured with none or some of a group ablated."""
        return any(prompt in gains for ablated, gains in self._known if ablated <= set(group))

    def error(self, head: HeadRef, group: Collection[HeadRef], prompts: Sequence[Prompt]) -> float:
        """Standard error of a head's mean gain over prompts, as it was measured with exactly this group ablated.

        Prompts may have been measured in several calls, each of some prompts and some heads.
        """
        measured = [gains for ablated, gains in self._known if ablated == set(group)]
        place = head.layer, head.head
        values = [np.fmin.reduce([gains[prompt][place] for gains in measured if prompt in gains]) for prompt in prompts]
        return float(standard_error(np.array([values]))[0])


def standard_error(values: FloatArray) -> FloatArray:
    """Standard errors [head] of the means of values [head, prompt]; 0 of a single prompt, which tells nothing of its noise."""
    count = values.shape[1]
    errors: FloatArray = np.std(values, axis=1, ddof=1) / np.sqrt(count) if count > 1 else np.zeros(len(values))
    return errors


def score_best_first(bounds: FloatArray, score: Callable[[tuple[HeadRef, ...]], FloatArray], *, batch: int) -> FloatArray:
    """Score heads in the order of their bounds, until no other head can be the best.

    Args:
        bounds: [layer, head]; NaN for heads that are not asked for.
        score: Scores sorted heads, as [layer, head].
        batch: Heads of the first call; each one has twice as many as the last.

    Returns:
        Scores [layer, head]; NaN for heads that were not scored.
    """
    scores = np.full_like(bounds, np.nan)
    while heads := _promising(bounds, scores)[:batch]:
        found = score(tuple(sorted(heads)))
        scores = np.where(np.isnan(scores), found, scores)
        batch *= 2
    return scores


def _promising(bounds: FloatArray, scores: FloatArray) -> list[HeadRef]:
    """Heads without a score that may still be the best, by their bounds."""
    best = np.max(scores, where=~np.isnan(scores), initial=-np.inf)
    is_open = np.isnan(scores) & (bounds >= best)
    order = np.argsort(np.where(is_open, -bounds, np.inf), axis=None, kind="stable")[: int(is_open.sum())]
    return [HeadRef(*divmod(int(place), bounds.shape[1])) for place in order]


def say_lazy(record: LazyRecord, unit: str) -> str:
    """What was left out, and what the samples say of it, in a line for the user.

    Args:
        record: Of the run.
        unit: Of the scores.
    """
    scored, heads = (sum(getattr(step, name) for step in record.steps) for name in ("scored", "heads"))
    said = f"the steps after the first scored {scored} of {heads:,} heads again, those that could still be the best"
    return f"lazy: {'; '.join([said, *_say_sample(record.steps, unit)])} (--every-head scores all)"


def _say_sample(steps: Sequence[LazyStep], unit: str) -> list[str]:
    """What the samples found; nothing where none was drawn."""
    sampled = sum(step.sampled for step in steps)
    if not sampled:
        return []
    drawn = f"{sampled} others were drawn at random to check that"
    if failed := sum(step.beating > 0 for step in steps):
        return [f"{drawn}: in {failed} of {len(steps)} steps one beat the best, so all heads were scored there"]
    growth = max(step.growth for step in steps if step.growth is not None)
    grown = f"one gained {growth:.2g} {unit} more than before" if growth > 0 else "none gained more than before"
    return [f"{drawn}: none beat the best, and {grown}"]
