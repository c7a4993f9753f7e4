"""What an experiment will cost, before it starts: scores of (head, query) pairs, and answers.

Pure counting from sizes. The answers' number is exact; a score costs a part of a forward, see `model.sweep`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headsurgery.paper.settings import ExperimentSettings


@dataclass(frozen=True, kw_only=True)
class Work:
    """The work of an experiment, if nothing is done yet.

    Args:
        scores: (head, query) pairs to score.
        answers: Answers to generate.
    """

    scores: int
    answers: int


def plan_work(
    settings: ExperimentSettings, sizes: Sequence[int], num_heads: int, *, single_heads: int | None = None, models: int = 1
) -> Work:
    """Count the work.

    Args:
        settings: The experiment.
        sizes: Prompts of each set.
        num_heads: Of the model.
        single_heads: Figure 4b: heads that are ablated; None: all.
        models: Figure 5: models whose heads are scored.
    """
    prompts, operations = sum(sizes), len(settings.operations)
    if settings.name == "figure-6a":
        return Work(scores=0, answers=3 * prompts)
    if settings.name == "figure-5":
        return Work(scores=models * operations * num_heads * prompts, answers=0)
    if settings.name == "figure-4b":
        ablated, is_limited = (num_heads, False) if single_heads is None else (min(single_heads, num_heads), True)
        return Work(scores=is_limited * operations * num_heads * prompts, answers=prompts * (1 + operations * ablated))
    steps = {"dataset": sum(num_heads - step for step in range(max(settings.group_sizes))), "query": num_heads}
    return Work(
        scores=operations * prompts * sum(steps[level] for level in settings.levels),
        answers=prompts * (1 + operations * len(settings.levels) * len(settings.group_sizes)),
    )


def say_work(settings: ExperimentSettings, work: Work, sizes: Sequence[int], num_heads: int) -> str:
    """The estimate as a line."""
    parts = []
    if work.scores:
        parts.append(f"{work.scores:,} scores of (head, query) pairs, each at most one forward")
    if work.answers:
        parts.append(f"{work.answers:,} answers of at most {settings.max_new_tokens} tokens")
    sets = "1 set" if len(sizes) == 1 else f"{len(sizes)} sets"
    return f"{settings.name}: {sets}, {sum(sizes):,} prompts, {num_heads:,} heads: {' and '.join(parts)}"
