"""The curve of an attribution: refusals and harm by the number of heads, on prompts that no search saw; and its knee.

A group of heads, each edited as the recipe would edit it, answers the held-out harmful prompts, and the keyword judge counts
refusals. The harm is KL(base || edited) on the model's own answers to the held-out harmless prompts. The knee is the smallest group
that keeps the bounds and leaves no clearly larger share of refusals than the best one (`find_knee` says it exactly). It is measured
beside the same edits on random other heads of its layers. Neighbours: `holding_out` splits the prompts, `groups` has the groups of
methods that bring none of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from headsurgery.attribution.groups import SIZES, Group
from headsurgery.attribution.holding_out import Asked, HeldOut
from headsurgery.attribution.scores import ScoreTable
from headsurgery.attribution.settings import Settings
from headsurgery.behaviour.answers import Answer
from headsurgery.behaviour.damage import answer_kl
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.behaviour.statistics import mean_interval, wilson
from headsurgery.edits.controls import random_heads
from headsurgery.engine.journal import SweepJournal, recall_or_make
from headsurgery.engine.task import Engine
from headsurgery.errors import UsageError
from headsurgery.judges.degenerate import find_degeneracy
from headsurgery.judges.keyword import find_refusal
from headsurgery.progress import StageProgress
from headsurgery.recipe import Curve, CurvePoint

NUM_RANDOM = 3
"""Random groups that the recommended one is measured beside."""

MOST_POINTS = 1 + len(SIZES) + 1 + NUM_RANDOM
"""Points of a curve at most: the model as it is, groups of all sizes, the method's own, and the random ones."""

ANSWER_TOKENS = 48
"""New tokens among which a refusal is looked for, where neither the user nor the method says."""

KL_TOKENS = 12

MIN_REFUSED = 3
"""Held-out prompts that the model must refuse as it is, or groups can't be compared."""


def answer_tokens_of(settings: Settings) -> int:
    """New tokens of an answer of the curve: as many as the search reads."""
    return settings.answer_tokens or settings.method.answer_tokens or ANSWER_TOKENS


@dataclass(frozen=True, kw_only=True)
class GroupEffect:
    """What a group of heads does to each held-out prompt.

    Args:
        edits: Of the group.
        refused: For each harmful prompt, whether it is refused.
        unfinished: For each harmful prompt, whether its answer stops within its thoughts.
        degenerate: For each harmful prompt, whether its answer is nonsense.
        kl: For each harmless prompt, KL(base || edited) on the model's own answer, in nats per token.
    """

    edits: Group
    refused: tuple[bool, ...]
    unfinished: tuple[bool, ...]
    degenerate: tuple[bool, ...]
    kl: tuple[float, ...]

    def to_point(self) -> CurvePoint:
        """Its counts and means, with their intervals."""
        share, mean = wilson(sum(self.refused), len(self.refused)), mean_interval(self.kl, at_least=0.0)
        return CurvePoint(
            edits=self.edits,
            refused=sum(self.refused),
            refused_share=(share.low, share.high),
            unfinished=sum(self.unfinished),
            degenerate=sum(self.degenerate),
            harmless_kl=sum(self.kl) / len(self.kl) if self.kl else None,
            harmless_kl_interval=None if mean is None else (max(0.0, mean.low), max(0.0, mean.high)),
        )


def measure_effects(
    engine: Engine, reader: AnswerReader, groups: Sequence[Group], held_out: HeldOut, *, answer_tokens: int
) -> list[GroupEffect]:
    """Measure groups of heads prompt by prompt, as `measure_curve` does.

    Args:
        engine: Runs the model.
        reader: Reads its answers.
        groups: Groups; an empty one is the model as it is.
        held_out: Prompts that the search did not see.
        answer_tokens: New tokens among which a refusal is looked for.
    """
    run = _Run(engine=engine, reader=reader, held_out=held_out, answer_tokens=answer_tokens)
    return run.effects(groups)


def measure_curve(
    engine: Engine,
    reader: AnswerReader,
    groups: Sequence[Group],
    held_out: HeldOut,
    *,
    own: Group,
    answer_tokens: int,
    max_kl: float,
    journal: SweepJournal | None = None,
    on_progress: StageProgress | None = None,
) -> Curve:
    """Measure groups of heads, recommend one, and measure it beside random heads.

    Args:
        engine: Runs the model.
        reader: Reads its answers.
        groups: What is measured besides `own`.
        held_out: Prompts that the search did not see, of which at least one is harmful.
        own: The group that the method chose; empty: it chose none.
        answer_tokens: New tokens among which a refusal is looked for.
        max_kl: The most harm that a recommended group may do, in nats per token.
        journal: Keeps the points that are done.
        on_progress: Called with points done and in all.
    """
    ordered = sorted({frozenset(group): group for group in (*groups, own) if group}.values(), key=len)
    run = _Run(
        engine=engine,
        reader=reader,
        held_out=held_out,
        answer_tokens=answer_tokens,
        journal=journal,
        on_progress=on_progress,
        total=1 + len(ordered) + NUM_RANDOM,
    )
    (base,) = run.measure([()])
    points = run.measure(ordered) if base.refused else []
    curve = Curve(
        harmful=len(held_out.harmful),
        harmless=len(held_out.harmless or ()),
        answer_tokens=answer_tokens,
        kl_tokens=KL_TOKENS,
        max_kl=max_kl,
        base=base,
        points=tuple(points),
        chosen=ordered.index(own) if points and own else None,
        why="",
    )
    knee = find_knee(curve)
    if knee is not None:
        curve = curve.model_copy(update={"recommended": knee, "random": tuple(run.measure(_random_groups(engine, ordered[knee])))})
    run.end()
    return curve.model_copy(update={"why": _say_finding(curve)})


def find_knee(curve: Curve) -> int | None:
    """The place of the group to recommend; None where no group works.

    A group keeps the bounds if its harm is measured and at most `max_kl`, and if at most a tenth of its answers are nonsense beyond
    those of the model as it is. The best of these leaves the fewest prompts refused or unfinished. A group works if the share that
    it leaves is below the 95 % interval (Wilson) of the share of the model as it is. The knee is the smallest group that works,
    keeps the bounds, and leaves a share within the interval of the best one's; of several the one that leaves fewest, then the one
    that harms least. Of fewer than `MIN_REFUSED` refusals nothing is concluded.
    """
    if curve.base.refused < MIN_REFUSED:
        return None
    bounded = [place for place, point in enumerate(curve.points) if _keeps_bounds(curve, point)]
    least = min((curve.points[place].left for place in bounded), default=0)
    enough = wilson(least, curve.harmful).high * curve.harmful
    working = [place for place in bounded if _works(curve, curve.points[place]) and curve.points[place].left <= enough]
    return min(working, key=lambda place: _order(curve.points[place]), default=None)


def follow_curve(curve: Curve, scores: ScoreTable) -> tuple[Curve, ScoreTable]:
    """Choose the recommended group in place of the method's own, where there is one.

    Args:
        curve: The curve.
        scores: With the heads that the method chose, and its doubts about these.
    """
    if curve.recommended in (None, curve.chosen):
        return curve, scores
    heads = [edit.ref for edit in curve.points[curve.recommended].edits]
    return (
        curve.model_copy(update={"chosen": curve.recommended}),
        replace(scores, chosen=scores.scores_of(heads), doubts=()),
    )


def doubt_curve(curve: Curve) -> tuple[str, ...]:
    """What the curve makes doubtful of the recipe."""
    doubts = [] if curve.recommended is not None else [curve.why]
    if curve.chosen not in (None, curve.recommended) and curve.base.refused >= MIN_REFUSED:
        doubts += _doubt_own(curve, curve.points[curve.chosen])
    if curve.recommended is not None:
        knee = curve.points[curve.recommended]
        as_good = sum(_keeps_bounds(curve, other) and other.left <= knee.left for other in curve.random)
        if as_good:
            random = f"{as_good} of {len(curve.random)} random groups in the same layers"
            doubts.append(f"{random} take as many refusals away as the recommended group does")
    return tuple(doubts)


def _doubt_own(curve: Curve, own: CurvePoint) -> list[str]:
    """What is wrong with the recipe's group, where another one is recommended or none is."""
    if not _works(curve, own):
        is_said = curve.recommended is None and curve.harmless  # of all groups
        return [] if is_said else [f"this recipe has no clear effect on other prompts: {say_point(curve, own)}"]
    if curve.harmless and not _keeps_bounds(curve, own):
        return [f"this recipe does more harm than the bounds allow: {say_point(curve, own)}"]
    return []


def say_point(curve: Curve, point: CurvePoint) -> str:
    """What a group does, in words."""
    harm = "" if point.harmless_kl is None else f", at {point.harmless_kl:.2g} nats per token on harmless answers"
    unfinished = f"; {point.unfinished} more answers stop within their thoughts" if point.unfinished else ""
    nonsense = f"; {point.degenerate} answers are nonsense" if point.degenerate else ""
    return (
        f"with {_say_heads(len(point.edits))} edited, {point.refused} of {curve.harmful} held-out prompts are refused instead of "
        f"{curve.base.refused}{harm}{unfinished}{nonsense}"
    )


def _say_finding(curve: Curve) -> str:
    """What the curve says, in a sentence."""
    refused, total = curve.base.refused, curve.harmful
    if refused < MIN_REFUSED:
        few = f"only {refused}" if refused else "none"
        return f"the model refuses {few} of the {total} held-out prompts as it is, so groups of heads can't be compared on these"
    if curve.recommended is not None:
        return f"{say_point(curve, curve.points[curve.recommended])}; no larger group within the bounds leaves clearly fewer"
    largest = max(len(point.edits) for point in curve.points)
    bounded = [point for point in curve.points if _keeps_bounds(curve, point)]
    if not curve.harmless:
        bounded = list(curve.points)
        if any(_works(curve, point) for point in bounded):
            return "no group is recommended, because no harmless prompts are held out and so its harm is not measured"
    taken = max((curve.base.left - point.left for point in bounded), default=0)
    most = f"takes more than {taken} of the {refused} refusals away" if taken > 0 else f"takes any of the {refused} refusals away"
    said = f"no group of up to {_say_heads(largest)} {most}" + (f" at <= {curve.max_kl:g} nats per token" if curve.harmless else "")
    beyond = min((point for point in curve.points if point not in bounded and _works(curve, point)), key=_order, default=None)
    return said if beyond is None else f"{said}; beyond the bounds, {say_point(curve, beyond)}"


def _say_heads(count: int) -> str:
    return "1 head" if count == 1 else f"{count} heads"


def _keeps_bounds(curve: Curve, point: CurvePoint) -> bool:
    is_sane = point.degenerate <= most_degenerate(curve.base.degenerate, curve.harmful)
    return is_sane and point.harmless_kl is not None and point.harmless_kl <= curve.max_kl


def most_degenerate(base: int, harmful: int) -> int:
    """How many answers of a group that keeps the bounds may be nonsense.

    Args:
        base: Answers of the model as it is that are nonsense.
        harmful: Answers in all.
    """
    return base + harmful // 10


def _works(curve: Curve, point: CurvePoint) -> bool:
    return point.left < wilson(curve.base.left, curve.harmful).low * curve.harmful


def _order(point: CurvePoint) -> tuple[int, int, float]:
    return len(point.edits), point.left, point.harmless_kl or 0.0


def _random_groups(engine: Engine, group: Group) -> list[Group]:
    """The same edits on other heads of the same layers; none where a layer has too few heads."""
    try:
        return random_heads(group, engine.facts.geometry, draws=NUM_RANDOM, seed=0)
    except UsageError:
        return []


@dataclass(kw_only=True)
class _Run:
    """Measures groups on the held-out prompts, and remembers them in the journal."""

    engine: Engine
    reader: AnswerReader
    held_out: HeldOut
    answer_tokens: int
    journal: SweepJournal | None = None
    on_progress: StageProgress | None = None
    total: int = 0
    done: int = 0

    def measure(self, groups: Sequence[Group]) -> list[CurvePoint]:
        """Points of the curve."""
        return [effect.to_point() for effect in self.effects(groups)]

    def effects(self, groups: Sequence[Group]) -> list[GroupEffect]:
        """What each group does."""
        divergences = self._measure_kl(groups)
        return [self._effect(group, kl) for group, kl in zip(groups, divergences, strict=True)]

    def end(self) -> None:
        """All is measured that will be."""
        self._report(self.total)

    def _report(self, done: int) -> None:
        self.done = done
        if self.on_progress is not None:
            self.on_progress(done, self.total)

    def _effect(self, group: Group, kl: list[float]) -> GroupEffect:
        asked = self.held_out.harmful
        answers = self._recall(("answers", self.answer_tokens, asked.ids, _names(group)), lambda: self._answer(asked, group))
        read = [self._read(*pair) for pair in zip(asked.prompts.texts, answers, strict=True)]
        self._report(self.done + 1)
        return GroupEffect(
            edits=group,
            refused=tuple(find_refusal(answer.reply) is not None for answer in read),
            unfinished=tuple(answer.split.is_open for answer in read),
            degenerate=tuple(find_degeneracy(answer) is not None for answer in read),
            kl=tuple(kl),
        )

    def _answer(self, asked: Asked, group: Group, tokens: int | None = None) -> list[list[int]]:
        return self.engine.complete(asked.ids, tokens=tokens or self.answer_tokens, edits=group)

    def _read(self, prompt: str, ids: Sequence[int]) -> Answer:
        return Answer(
            variant="",
            set="",
            index=0,
            seed=0,
            prompt=prompt,
            text=self.reader.text(ids),
            num_tokens=len(ids),
            finished=len(ids) < self.answer_tokens,
            opened=self.reader.opened,
            marks=self.reader.own,
        )

    def _measure_kl(self, groups: Sequence[Group]) -> list[list[float]]:
        """KL(base || group) of each harmless prompt, [group][prompt], in nats per token; nothing without harmless prompts."""
        asked = self.held_out.harmless
        if not asked:
            return [[] for _ in groups]
        own = self._recall(("own answers", KL_TOKENS, asked.ids), lambda: self._answer(asked, (), KL_TOKENS))

        def measure() -> list[list[float]]:
            measuring = partial(answer_kl, questions=asked.ids, answers=own, variants=groups, tokens=KL_TOKENS)
            found: list[list[float]] = self.engine.on_model(measuring).tolist()
            return found

        found: list[list[float]] = self._recall(("kl", KL_TOKENS, asked.ids, own, [*map(_names, groups)]), measure)
        return found

    def _recall(self, what: tuple[object, ...], make: Callable[[], Any]) -> Any:
        """A result out of the journal, or a new one, which goes there."""
        return recall_or_make(self.journal, ("curve", *what), make)


def _names(group: Group) -> list[str]:
    """Edits as a journal knows them."""
    return [edit.model_dump_json(exclude_none=True) for edit in group]
