"""What an attribution will cost, before its model is loaded: its sweeps as they would be planned, and its answers.

`ships` is one sweep over the prompts, `sahara` one per step, each with one over the control where there is one. `refusal` depends
on what the model answers: counted is the most that it can take, every prompt refused in every step, with refusals that come first
in the answer. A search for a reinforcement is not counted. Neighbours: `engine.cost` counts, `engine.hardware` tells time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from headsurgery.attribution.lookback import most_answers
from headsurgery.attribution.refusal import ANSWER_TOKENS, REFUSAL_TOKENS
from headsurgery.attribution.settings import Settings
from headsurgery.engine.cost import Cost, count_cost, count_generation
from headsurgery.engine.hardware import Hardware
from headsurgery.engine.limits import Limits, Room, fit_limits
from headsurgery.engine.measures import Divergence, LogOddsDrop, States, StatesAndDivergence
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.shortcuts import shared_prefix
from headsurgery.engine.task import Measure, SweepTask
from headsurgery.errors import UsageError
from headsurgery.heads import AttentionGeometry

_LIBRARIES = 400 * 2**20
"""What Python, torch and transformers take on a host."""

_BLOCKS_PER_WORKER = 4
"""At least, so that no worker waits long for the last one."""

Queries = Sequence[Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One sweep.

    Args:
        what: In words.
        queries: Prompts.
        cost: Its cost.
        seconds: Its time.
    """

    what: str
    queries: int
    cost: Cost
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A whole attribution.

    Args:
        steps: Its sweeps.
        answers: FLOPs of the answers that the model gives, at most.
        weights: Bytes of the model.
        hardware: What runs it.
        notes: What the figures don't say.
    """

    steps: tuple[Step, ...]
    answers: float
    weights: int
    hardware: Hardware
    notes: tuple[str, ...]

    @property
    def flops(self) -> float:
        """Of sweeps and answers."""
        return self.answers + sum(step.cost.flops for step in self.steps)

    @property
    def seconds(self) -> float:
        """Without loading the model. Answers come from one worker."""
        return self.answers / self.hardware.speed + sum(step.seconds for step in self.steps)

    @property
    def peak(self) -> int:
        """Bytes of one worker: weights and the sweep; on a CPU results and libraries, too."""
        footprints = [step.cost.footprint for step in self.steps]
        if self.hardware.device.type == "cpu":
            return self.weights + _LIBRARIES + max(found.peak for found in footprints)
        return self.weights + max(found.working for found in footprints)

    def to_json(self) -> dict[str, Any]:
        """One document."""
        largest = max((step.cost.footprint for step in self.steps), key=lambda found: found.peak)
        memory = {name: getattr(largest, name) for name in ("results", "states", "keys", "slice", "logits", "slack")}
        return {
            "estimate": True,
            "hardware": self.hardware.name,
            "workers": self.hardware.workers,
            "devices_per_worker": self.hardware.devices_per_worker,
            "assumption": self.hardware.assumption,
            "steps": [
                {
                    **{"what": step.what, "queries": step.queries, "prefix_tokens": step.cost.prefix, "pairs": step.cost.pairs},
                    **{"forwards": step.cost.forwards, "naive_forwards": step.cost.pairs + step.queries},
                    **{"flops": step.cost.flops, "naive_flops": step.cost.naive_flops},
                    **{"blocks": len(step.cost.blocks), "seconds": step.seconds},
                }
                for step in self.steps
            ],
            "answers_flops": self.answers,
            "flops": self.flops,
            "seconds": self.seconds,
            "bytes": {"weights": self.weights, **memory, "peak": self.peak},
            "notes": list(self.notes),
        }


def estimate(
    shape: ModelShape,
    geometry: AttentionGeometry,
    settings: Settings,
    sets: Sequence[Queries],
    hardware: Hardware,
    *,
    itemsize: int,
) -> Estimate:
    """Estimate an attribution.

    Args:
        shape: The model's sizes.
        geometry: Its heads.
        settings: How heads are scored.
        sets: Token ids of the harmful queries, and of the control's where there is one.
        hardware: What would run it.
        itemsize: Bytes of an element.

    Raises:
        UsageError: Method `direct`, which has no sweep.
    """
    if settings.method == "direct":
        raise UsageError("direct takes two forwards per prompt and no sweep, so there is nothing to estimate")
    steps, notes = [], []
    weights = shape.parameters * itemsize
    for what, task in _sweeps(settings, geometry, sets):
        limits, problem = _limits(shape, task, hardware, itemsize, weights)
        cost = count_cost(shape, task, limits, itemsize=itemsize)
        steps.append(Step(what=what, queries=len(task.queries), cost=cost, seconds=hardware.seconds(cost.blocks)))
        notes += [problem] if problem else []
    answers = 0.0
    if settings.method == "refusal":
        rounds = [sets[0]] * (settings.group_size + 1 + most_answers(settings.group_size)) + list(sets[1:])
        tokens = settings.answer_tokens or ANSWER_TOKENS
        answers = sum(count_generation(shape, [len(ids) for ids in queries], tokens) for queries in rounds)
        notes.append("at most: every prompt refused in every step, refusals first in their answers")
    if settings.screen is not None:
        notes.append("all heads are counted, although a screen lets some through; its gradients are not counted")
    if settings.apply_factor is None:
        notes.append("the search for a reinforcement, which comes after it, is not counted")
    return Estimate(steps=tuple(steps), answers=answers, weights=weights, hardware=hardware, notes=tuple(dict.fromkeys(notes)))


def _sweeps(settings: Settings, geometry: AttentionGeometry, sets: Sequence[Queries]) -> list[tuple[str, SweepTask]]:
    heads = tuple(geometry.heads())

    def sweep(queries: Queries, measure: Measure, step: int = 0, tail: int = 1) -> SweepTask:
        return SweepTask(
            queries=tuple(map(tuple, queries)),
            heads=heads[step:],  # of each step one head less; which, is not known
            operation=settings.operation,
            factor=settings.factor,
            measure=measure,
            tail=tail,
        )

    names = ("prompts", "control")
    if settings.method == "ships":
        return [(name, sweep(queries, Divergence())) for name, queries in zip(names, sets, strict=False)]
    if settings.method == "sahara":
        return [
            (f"step {step + 1}, {name}", sweep(queries, States() if step else StatesAndDivergence(), step))
            for step in range(settings.group_size)
            for name, queries in zip(names, sets, strict=False)
        ]
    answered = [[[*ids, *[ids[-1]] * (REFUSAL_TOKENS - 1)] for ids in queries] for queries in sets]
    steps = [
        (f"step {step + 1}, prompts", sweep(answered[0], LogOddsDrop(()), step, REFUSAL_TOKENS))
        for step in range(settings.group_size)
    ]
    return [*(("control", sweep(queries, Divergence(), 0, REFUSAL_TOKENS)) for queries in answered[1:]), *steps]


def _limits(shape: ModelShape, task: SweepTask, hardware: Hardware, itemsize: int, weights: int) -> tuple[Limits, str | None]:
    """How much at a time, and why it doesn't fit, if it doesn't."""
    limits, prefix = Limits.of(hardware.device), len(shared_prefix(task))
    if hardware.workers > 1:
        tokens = len(task.heads) * (prefix + sum(len(query) - prefix for query in task.queries))
        limits = replace(limits, block=min(limits.block, tokens // (_BLOCKS_PER_WORKER * hardware.workers)))
    if hardware.memory is None:
        return limits, None
    taken = weights + (_LIBRARIES if hardware.device.type == "cpu" else 0)
    room = Room(size=hardware.memory - taken, taken=taken, has_results=hardware.device.type == "cpu")
    try:
        return fit_limits(limits, shape, task, itemsize=itemsize, prefix=prefix, room=room), None
    except UsageError as error:
        return limits, f"{error}; {error.hint}"
