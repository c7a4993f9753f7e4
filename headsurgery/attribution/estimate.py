"""What an attribution will cost, before its model is loaded: its sweeps as they would be planned, its screen, and its answers.

`ships` is one sweep over the prompts, `sahara` one per step, each with one over the control where there is one. With a screen the
sweeps hold as many heads as come through, evenly spread over the layers, and the screen's forwards and backwards are counted.
`refusal` depends on what the model answers: counted is half of the prompts of one step in the next, as heads are taken out, and
beside it the most that it can take, every prompt refused in every step. Refusals are taken to come first in the answer. A search
for a reinforcement is not counted. Neighbours: `engine.cost` counts, `engine.hardware` tells time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headsurgery.attribution.lookback import most_answers
from headsurgery.attribution.refusal import ANSWER_TOKENS, REFUSAL_TOKENS
from headsurgery.attribution.screen.estimates import MORE_VECTORS, sketches_per_query
from headsurgery.attribution.settings import Settings
from headsurgery.engine.cost import Cost, answer_seconds, count_cost, count_generation, count_gradients
from headsurgery.engine.hardware import Hardware
from headsurgery.engine.limits import Limits, Room, fit_limits
from headsurgery.engine.measures import Divergence, LogOddsDrop, States, StatesAndDivergence
from headsurgery.engine.pace import fit_time
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.shortcuts import shared_prefix
from headsurgery.engine.task import Measure, SweepTask
from headsurgery.errors import UsageError
from headsurgery.heads import AttentionGeometry, HeadRef

_LIBRARIES = 400 * 2**20
"""What Python, torch and transformers take on a host."""

_BLOCKS_PER_WORKER = 4
"""At least, so that no worker waits long for the last one."""

_GRADIENT_SHARE = 0.5
"""Of the sweep's speed, that a screen's forwards and backwards reach: set by hand, not measured; they are a small part of a run."""

Queries = Sequence[Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One sweep.

    Args:
        what: In words.
        queries: Prompts.
        heads: Heads that are scored exactly.
        cost: Its cost.
        gradients: FLOPs of the screen before it.
        seconds: Its time, the screen's included.
    """

    what: str
    queries: int
    heads: int
    cost: Cost
    gradients: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A whole attribution.

    Args:
        steps: Its sweeps.
        answers: FLOPs of the answers that the model gives.
        answer_seconds: Their time.
        most_seconds: The most that it can take; None where that is what is expected.
        weights: Bytes of the model.
        hardware: What runs it.
        notes: What the figures don't say.
    """

    steps: tuple[Step, ...]
    answers: float
    answer_seconds: float
    most_seconds: float | None
    weights: int
    hardware: Hardware
    notes: tuple[str, ...]

    @property
    def flops(self) -> float:
        """Of sweeps, screens and answers."""
        return self.answers + sum(step.cost.flops + step.gradients for step in self.steps)

    @property
    def seconds(self) -> float:
        """Without loading the model. Answers come from one worker."""
        return self.answer_seconds + sum(step.seconds for step in self.steps)

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
                    **{"heads": step.heads, "screen_flops": step.gradients},
                    **{"blocks": len(step.cost.blocks), "seconds": step.seconds},
                }
                for step in self.steps
            ],
            "answers_flops": self.answers,
            "flops": self.flops,
            "seconds": self.seconds,
            "seconds_at_most": self.seconds if self.most_seconds is None else self.most_seconds,
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
    plan = _Plan(shape=shape, geometry=geometry, settings=settings, hardware=hardware, itemsize=itemsize)
    steps = tuple(map(plan.step, plan.sweeps(sets)))
    rounds: list[Queries] = []
    most, notes, tokens = None, list(plan.problems), settings.answer_tokens or ANSWER_TOKENS
    if settings.method == "refusal":
        size, grown = settings.group_size, len(steps) - len(sets[1:])
        rounds = [sets[0]] * (grown + 1 + most_answers(grown) // 2) + list(sets[1:])
        all_rounds = [sets[0]] * (size + 1 + most_answers(size)) + list(sets[1:])
        most = sum(plan.step(sweep).seconds for sweep in plan.sweeps(sets, most=True))
        most += sum(answer_seconds(shape, [len(ids) for ids in queries], tokens, hardware) for queries in all_rounds)
        notes.append(
            "how long the search takes depends on the answers: the expected time assumes that each step leaves half the refusals "
            "and that answers begin with the refusal, the longest time that no step takes any refusal away"
        )
    lengths = [[len(ids) for ids in queries] for queries in rounds]
    seconds = sum(answer_seconds(shape, of_round, tokens, hardware) for of_round in lengths)
    if settings.apply_factor is None:
        notes.append("the search for a reinforcement, which comes after it, is not counted")
    return Estimate(
        steps=steps,
        answers=sum(count_generation(shape, of_round, tokens) for of_round in lengths),
        answer_seconds=seconds,
        most_seconds=most,
        weights=shape.parameters * itemsize,
        hardware=hardware,
        notes=tuple(dict.fromkeys(notes)),
    )


@dataclass(frozen=True, kw_only=True)
class _Sweep:
    """A sweep to come.

    Args:
        what: In words.
        task: What is asked.
        figures: Of each query, whose first order a screen takes; 0: no screen.
    """

    what: str
    task: SweepTask
    figures: int


@dataclass(kw_only=True)
class _Plan:
    """What an attribution would run."""

    shape: ModelShape
    geometry: AttentionGeometry
    settings: Settings
    hardware: Hardware
    itemsize: int
    problems: list[str] = field(default_factory=list)

    def step(self, sweep: _Sweep) -> Step:
        """What one sweep costs."""
        task = sweep.task
        limits, problem = _limits(self.shape, task, self.hardware, self.itemsize, self.shape.parameters * self.itemsize)
        cost = count_cost(self.shape, task, limits, itemsize=self.itemsize)
        gradients = count_gradients(self.shape, [len(query) for query in task.queries], rows=sweep.figures, tail=task.tail)
        if problem:
            self.problems.append(problem)
        return Step(
            what=sweep.what,
            queries=len(task.queries),
            heads=len(task.heads),
            cost=cost,
            gradients=gradients,
            seconds=self.hardware.seconds(cost.blocks) + gradients / (_GRADIENT_SHARE * self.hardware.speed),
        )

    def sweeps(self, sets: Sequence[Queries], *, most: bool = False) -> list[_Sweep]:
        """All sweeps; `most`: of `refusal`, as if every prompt were refused in every step."""
        names, method, steps = ("prompts", "control"), self.settings.method, range(self.settings.group_size)
        if method == "ships":
            return [self._sweep(name, queries, Divergence(), 0) for name, queries in zip(names, sets, strict=False)]
        if method == "sahara":
            return [
                self._sweep(f"step {step + 1}, {name}", queries, States() if step else StatesAndDivergence(), step, more=more)
                for step in steps
                for name, queries, more in zip(names, sets, [self.settings.r_main + MORE_VECTORS] * 2, strict=False)
            ]
        answered = [[[*ids, *[ids[-1]] * (REFUSAL_TOKENS - 1)] for ids in queries] for queries in sets]
        refused = [answered[0][: len(sets[0]) if most else len(sets[0]) // 2**step] for step in steps]
        control = [self._sweep("control", queries, Divergence(), 0, tail=REFUSAL_TOKENS) for queries in answered[1:]]
        return control + [
            self._sweep(f"step {step + 1}, prompts", queries, LogOddsDrop(()), step, tail=REFUSAL_TOKENS, more=1)
            for step, queries in zip(steps, refused, strict=True)
            if queries  # else the search has ended
        ]

    def _sweep(self, what: str, queries: Queries, measure: Measure, step: int, *, tail: int = 1, more: int = 0) -> _Sweep:
        task = SweepTask(
            queries=tuple(map(tuple, queries)),
            heads=self._heads(step),
            operation=self.settings.operation,
            factor=self.settings.factor,
            measure=measure,
            tail=tail,
        )
        figures = 0 if self.settings.screen is None else sketches_per_query(len(queries)) + more
        return _Sweep(what=what, task=task, figures=figures)

    def _heads(self, step: int) -> tuple[HeadRef, ...]:
        """Heads of a step: each one less than before; which, is not known."""
        heads = tuple(self.geometry.heads())
        if self.settings.screen is not None:
            rough = self.settings.method == "refusal" or bool(self.settings.contrast)
            scored = min(len(heads), self.settings.screen.count(self.geometry, rough=rough) + self.settings.screen.sample)
            heads = tuple(heads[place * len(heads) // scored] for place in range(scored))
        return heads[step:]


def _limits(shape: ModelShape, task: SweepTask, hardware: Hardware, itemsize: int, weights: int) -> tuple[Limits, str | None]:
    """How much at a time, and why it doesn't fit, if it doesn't."""
    limits, prefix = Limits.of(hardware.device), len(shared_prefix(task))
    if hardware.workers > 1:
        tokens = len(task.heads) * (prefix + sum(len(query) - prefix for query in task.queries))
        limits = replace(limits, block=min(limits.block, tokens // (_BLOCKS_PER_WORKER * hardware.workers)))
    else:
        limits = fit_time(limits, shape, task, prefix=prefix, speed=hardware.speed)
    if hardware.memory is None:
        return limits, None
    taken = weights + (_LIBRARIES if hardware.device.type == "cpu" else 0)
    room = Room(size=hardware.memory - taken, taken=taken, has_results=hardware.device.type == "cpu")
    try:
        return fit_limits(limits, shape, task, itemsize=itemsize, prefix=prefix, room=room), None
    except UsageError as error:
        return limits, f"{error}; {error.hint}"
