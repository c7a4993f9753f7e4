"""Estimate what an attribution will cost before its model is loaded: its sweeps as planned, its screen, its gradients, its answers.

The method says which sweeps it will run, and which prompts the model will answer (`Method.work`). With a screen, the sweeps contain
as many heads as it lets through, evenly spread over the layers, and its forward and backward passes are counted. If the work
depends on the answers, the maximum is stated next to the expectation. The curve on held-out prompts is counted with the answers.
Resamples are counted as so many more searches of half the prompts. The search for a reinforcement is not counted.
Neighbours: `engine.cost` counts, `engine.hardware` knows speeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headsurgery.attribution.curve import KL_TOKENS, MOST_POINTS, answer_tokens_of
from headsurgery.attribution.holding_out import count_held_out
from headsurgery.attribution.method import PlannedGradients, PlannedSweep, Queries, Work
from headsurgery.attribution.screen.estimates import sketches_per_query
from headsurgery.attribution.settings import Settings
from headsurgery.engine.cost import Cost, answer_seconds, count_cost, count_generation, count_gradients
from headsurgery.engine.factors import GradientPasses, gradient_bytes
from headsurgery.engine.hardware import ComputeResources
from headsurgery.engine.limits import Limits, Room, fit_limits
from headsurgery.engine.pace import fit_time
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.shortcuts import shared_prefix
from headsurgery.engine.task import SweepTask
from headsurgery.errors import UsageError
from headsurgery.heads import AttentionGeometry, HeadRef

_LIBRARIES = 400 * 2**20
"""Memory that Python, torch and transformers take on a host."""

_BLOCKS_PER_WORKER = 4
"""Minimum number of blocks per worker, so that no worker waits long for the last one."""

_GRADIENT_SHARE = 0.5
"""Share of the sweep's speed that forward and backward passes reach. Set by hand, not measured."""


@dataclass(frozen=True, kw_only=True)
class SweepEstimate:
    """The estimate of one sweep.

    Args:
        what: What it does, in words.
        queries: Number of prompts.
        heads: Number of heads that are scored exactly.
        cost: Its cost.
        gradients: FLOPs of the screen before it.
        seconds: Its time, including the screen's.
    """

    what: str
    queries: int
    heads: int
    cost: Cost
    gradients: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The estimate of a whole attribution.

    Args:
        steps: Its sweeps.
        gradients: FLOPs of forward and backward passes, apart from a screen's.
        gradient_seconds: Their time.
        gradient_bytes: Memory that one of them takes.
        answers: FLOPs of the model's answers.
        answer_seconds: Their time.
        resampling: FLOPs of the resamples.
        resampling_seconds: Their time.
        most_seconds: The maximum time; None if it equals the expected time.
        weights: Bytes of the model.
        hardware: What runs it.
        notes: What the figures don't include.
    """

    steps: tuple[SweepEstimate, ...]
    gradients: float
    gradient_seconds: float
    gradient_bytes: int
    answers: float
    answer_seconds: float
    resampling: float
    resampling_seconds: float
    most_seconds: float | None
    weights: int
    hardware: ComputeResources
    notes: tuple[str, ...]

    @property
    def flops(self) -> float:
        """FLOPs of sweeps, screens, gradients, answers and resamples."""
        return self.answers + self.gradients + self.resampling + sum(step.cost.flops + step.gradients for step in self.steps)

    @property
    def seconds(self) -> float:
        """Time without loading the model. Answers come from one worker."""
        return self.answer_seconds + self.gradient_seconds + self.resampling_seconds + sum(step.seconds for step in self.steps)

    @property
    def peak(self) -> int:
        """Memory of one worker in bytes: weights, and the sweep or the gradient; on a CPU also results and libraries."""
        footprints = [step.cost.footprint for step in self.steps]
        if self.hardware.device.type == "cpu":
            return self.weights + _LIBRARIES + max([self.gradient_bytes, *(found.peak for found in footprints)])
        return self.weights + max([self.gradient_bytes, *(found.working for found in footprints)])

    def to_json(self) -> dict[str, Any]:
        """The JSON document of the estimate."""
        memory = {"gradient": self.gradient_bytes} if self.gradient_bytes else {}
        if self.steps:
            largest = max((step.cost.footprint for step in self.steps), key=lambda found: found.peak)
            memory |= {name: getattr(largest, name) for name in ("results", "states", "keys", "slice", "logits", "slack")}
        return {
            "estimate": True,
            "hardware": self.hardware.name,
            "workers": self.hardware.workers,
            "devices_per_worker": self.hardware.devices_per_worker,
            "assumption": self.hardware.assumption,
            "steps": [
                {
                    "what": step.what,
                    "queries": step.queries,
                    "prefix_tokens": step.cost.prefix,
                    "pairs": step.cost.pairs,
                    "forwards": step.cost.forwards,
                    "naive_forwards": step.cost.pairs + step.queries,
                    "flops": step.cost.flops,
                    "naive_flops": step.cost.naive_flops,
                    "heads": step.heads,
                    "screen_flops": step.gradients,
                    "blocks": len(step.cost.blocks),
                    "seconds": step.seconds,
                }
                for step in self.steps
            ],
            "gradients_flops": self.gradients,
            "gradients_seconds": self.gradient_seconds,
            "answers_flops": self.answers,
            "resamples_flops": self.resampling,
            "resamples_seconds": self.resampling_seconds,
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
    hardware: ComputeResources,
    *,
    itemsize: int,
) -> Estimate:
    """Estimate an attribution.

    Args:
        shape: The model's sizes.
        geometry: The model's heads.
        settings: How heads are scored.
        sets: Token ids of the harmful queries, and of the control's if there is one.
        hardware: What would run it.
        itemsize: Bytes per element.

    Raises:
        UsageError: The method can't say which sweeps it will run, or it runs none.
    """
    method = settings.method
    searched, held_out = _split(sets, settings)
    work, longest = method.work(searched, settings.own), method.longest_work(searched, settings.own)
    halves = [queries[: -(-len(queries) // 2)] for queries in searched]
    costing = _Costing(shape=shape, geometry=geometry, settings=settings, hardware=hardware, itemsize=itemsize)
    steps = tuple(map(costing.estimate, work.sweeps))
    notes = list(costing.problems)
    curve_flops, curve_seconds = costing.curve(held_out)
    again = 0 if method.is_per_prompt else settings.resamples
    resampling, resampling_seconds = costing.repeat(method.work(halves, settings.own), again)
    most = None
    if longest is not None:
        most = costing.repeat(longest, 1)[1] + curve_seconds
        most += costing.repeat(method.longest_work(halves, settings.own) or work, again)[1]
    if curve_flops:
        notes.append(f"the curve, of up to {MOST_POINTS} groups of heads on held-out prompts, is counted with the answers")
    if again:
        notes.append(f"the {again} resamples are counted as so many more searches of half the prompts")
    if work.note:
        notes.append(work.note)
    if settings.searches:
        notes.append("the search for a reinforcement afterwards is not counted")
    return Estimate(
        steps=steps,
        gradients=costing.gradients(work.gradients),
        gradient_seconds=costing.gradient_seconds(work.gradients),
        gradient_bytes=costing.gradient_bytes(work.gradients),
        answers=costing.answers(work.answers) + curve_flops,
        resampling=resampling,
        resampling_seconds=resampling_seconds,
        answer_seconds=costing.answer_seconds(work.answers) + curve_seconds,
        most_seconds=most,
        weights=shape.parameters * itemsize,
        hardware=hardware,
        notes=tuple(dict.fromkeys(notes)),
    )


def _split(sets: Sequence[Queries], settings: Settings) -> tuple[list[Queries], list[Queries]]:
    """What the search sees, and as many prompts as are held out from it. Which prompts these are makes no difference here."""
    counts = count_held_out([len(queries) for queries in sets], settings.held_out)
    pairs = list(zip(sets, counts, strict=True))
    return [queries[count:] for queries, count in pairs], [queries[:count] for queries, count in pairs]


def _lengths(answers: Sequence[Queries]) -> list[list[int]]:
    return [[len(ids) for ids in queries] for queries in answers]


@dataclass(frozen=True, kw_only=True)
class _Costing:
    """The costs of the parts of an attribution."""

    shape: ModelShape
    geometry: AttentionGeometry
    settings: Settings
    hardware: ComputeResources
    itemsize: int
    problems: list[str] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Maximum number of new tokens of an answer."""
        return self.settings.answer_tokens or self.settings.method.answer_tokens

    def repeat(self, work: Work, times: int) -> tuple[float, float]:
        """FLOPs and seconds of so many searches."""
        if not times:
            return 0.0, 0.0
        sweeps = [self.estimate(sweep) for sweep in work.sweeps]
        flops = self.answers(work.answers) + self.gradients(work.gradients)
        flops += sum(sweep.cost.flops + sweep.gradients for sweep in sweeps)
        seconds = self.answer_seconds(work.answers) + self.gradient_seconds(work.gradients)
        seconds += sum(sweep.seconds for sweep in sweeps)
        return times * flops, times * seconds

    def gradients(self, planned: Sequence[PlannedGradients]) -> float:
        """FLOPs of forward and backward passes."""
        return sum(
            one.passes * count_gradients(self.shape, [len(query) for query in one.queries], rows=1, tail=one.tail)
            for one in planned
        )

    def gradient_seconds(self, planned: Sequence[PlannedGradients]) -> float:
        """Time of forward and backward passes in one process."""
        return self.gradients(planned) / (_GRADIENT_SHARE * self.hardware.speed)

    def gradient_bytes(self, planned: Sequence[PlannedGradients]) -> int:
        """Memory of the largest of them, without the weights. A CPU takes fewer tokens at a time than a GPU, which takes all."""
        tokens = 0
        for one in planned:
            lengths = [len(query) for query in one.queries]
            on_cpu = max(*lengths, GradientPasses().slices.max_tokens)
            tokens = max(tokens, min(sum(lengths), on_cpu) if self.hardware.device.type == "cpu" else sum(lengths))
        return tokens * gradient_bytes(self.shape, itemsize=self.itemsize, checkpointed=False)

    def answers(self, answers: Sequence[Queries]) -> float:
        """FLOPs of the rounds of answers."""
        return sum(count_generation(self.shape, lengths, self.tokens) for lengths in _lengths(answers))

    def answer_seconds(self, answers: Sequence[Queries]) -> float:
        """Time of the rounds of answers."""
        return sum(answer_seconds(self.shape, lengths, self.tokens, self.hardware) for lengths in _lengths(answers))

    def curve(self, held_out: Sequence[Queries]) -> tuple[float, float]:
        """FLOPs and seconds of the curve: answers to harmful prompts, and forward passes along the answers to harmless ones."""
        harmful, *others = _lengths(held_out)
        tokens = answer_tokens_of(self.settings)
        forwards = (MOST_POINTS + 2) * sum(
            count_generation(self.shape, lengths, KL_TOKENS) for lengths in others
        )  # base twice more
        answers = MOST_POINTS * count_generation(self.shape, harmful, tokens)
        seconds = MOST_POINTS * answer_seconds(self.shape, harmful, tokens, self.hardware)
        return answers + forwards, seconds + forwards / self.hardware.speed

    def estimate(self, sweep: PlannedSweep) -> SweepEstimate:
        """The estimate of one sweep."""
        task = self._task(sweep)
        limits, problem = _limits(self.shape, task, self.hardware, self.itemsize, self.shape.parameters * self.itemsize)
        cost = count_cost(self.shape, task, limits, itemsize=self.itemsize)
        screened = 0 if self.settings.screen is None else sketches_per_query(len(task.queries)) + sweep.screen_figures
        gradients = count_gradients(self.shape, [len(query) for query in task.queries], rows=screened, tail=task.tail)
        if problem:
            self.problems.append(problem)
        return SweepEstimate(
            what=sweep.what,
            queries=len(task.queries),
            heads=len(task.heads),
            cost=cost,
            gradients=gradients,
            seconds=self.hardware.seconds(cost.blocks) + gradients / (_GRADIENT_SHARE * self.hardware.speed),
        )

    def _task(self, sweep: PlannedSweep) -> SweepTask:
        heads, screen = tuple(self.geometry.heads()), self.settings.screen
        if screen is not None:
            heads = _spread_evenly(heads, screen.count(self.geometry, rough=self.settings.is_rough_to_screen) + screen.sample)
        heads = heads[sweep.step :]
        if sweep.heads is not None:
            heads = _spread_evenly(heads, sweep.heads)
        task = SweepTask(
            queries=tuple(map(tuple, sweep.queries)),
            heads=heads,
            operation=self.settings.operation,
            factor=self.settings.factor,
            measure=sweep.measure,
            tail=sweep.tail,
        )
        return task.interchanging(sweep.partners, sweep.swapped) if sweep.partners else task


def _spread_evenly(heads: tuple[HeadRef, ...], most: int) -> tuple[HeadRef, ...]:
    """So many of them at most, from all layers."""
    count = min(len(heads), most)
    return tuple(heads[place * len(heads) // count] for place in range(count))


def _limits(
    shape: ModelShape, task: SweepTask, hardware: ComputeResources, itemsize: int, weights: int
) -> tuple[Limits, str | None]:
    """How much runs at a time; and if it doesn't fit, why."""
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
