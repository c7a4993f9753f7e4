"""The refusal score: how much of the model's own refusal a head carries; and the greedy search for a group by it.

For every harmful query the model answers, the keyword judge finds where its refusal starts, in the reply and not in thoughts
before it, and the refusal's first tokens are read teacher-forced, after the thoughts as the model itself wrote them. A head's score
is the mean drop of their log-odds (a token's logit against the log-sum of all others) when the head is ablated, in nats, over all
queries; one that is not refused counts 0. Log-odds don't saturate near probability 1, where most of a trained refusal is; KL and
probabilities do. The search is Sahara's (section 4.2, Algorithm 1), but each step answers anew with the group ablated and scores
what is still refused, wherever in the answer that is: a first token that no longer refuses is not the end of a refusal. It ends
when nothing is refused, or when no head takes more from the refusals than it costs, beyond the noise over the prompts. After each
step it looks back (`lookback`): heads go that the group can do without, and the group that is taken is the one that left the fewest
refusals. The control is the divergence KL(base || ablated) on the model's own harmless answers, thoughts included, over as many
tokens, in nats; it is scored once, head by head. Heads that can't be the best may be left out (`lazy`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from headsurgery.attribution.lazy import Gains, Laziness, score_best_first, standard_error
from headsurgery.attribution.lookback import LookBack
from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, combine, score_heads, spread_over_heads
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.edits.operations import OperationName
from headsurgery.engine.measures import Divergence, LogOddsDrop
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Engine, Measure, SweepTask
from headsurgery.errors import NothingToFindError
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.progress import Consecutive, StageProgress, share_progress
from headsurgery.recipe import HeadEdit, HeadScore, LazyRecord, LazyStep, TriedGroup

if TYPE_CHECKING:
    from headsurgery.attribution.screen.screener import Screener, Selection

REFUSAL_TOKENS = 8
"""Tokens of an answer that are read at most."""

ANSWER_TOKENS = 48
"""New tokens among which a refusal is looked for; a model that thinks first needs more."""


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """What a model refuses.

    Args:
        found: Prompts that are refused, each with its answer's ids and the token where the refusal starts.
        thinking: Further answers that stop within their thoughts, so that nobody knows.
        unclosed: Of these, answers that the model itself ended there; more tokens would not help.
    """

    found: tuple[tuple[Sequence[int], list[int], int], ...]
    thinking: int
    unclosed: int = 0

    @property
    def num_left(self) -> int:
        """Prompts of which a search can't say that they are answered."""
        return len(self.found) + self.thinking


@dataclass(frozen=True, kw_only=True)
class OwnAnswers:
    """Answers of a model, to be read teacher-forced over a few tokens.

    Args:
        queries: What the model reads: prompt and answer up to, but not with, the last token that is read.
        targets: The last `tail` tokens to predict, for each query.
        weights: [query, token]: 1 / number of the answer's tokens that are read, 0 for tokens before it.
    """

    queries: tuple[tuple[int, ...], ...]
    targets: tuple[tuple[int, ...], ...]
    weights: FloatArray

    @property
    def tail(self) -> int:
        """Tokens that are read of every query: as many as asked for, or fewer where a query is shorter than that."""
        return len(self.targets[0])

    @classmethod
    def of(cls, answers: Sequence[tuple[Sequence[int], Sequence[int], int]], *, tokens: int = REFUSAL_TOKENS) -> OwnAnswers:
        """From prompt ids, answer ids, and the position in the answer from which on it is read.

        Args:
            answers: These three, of each prompt; at least one token of every answer is read.
            tokens: Tokens that are read at most.
        """
        lengths = [len(prompt) + len(answer[: start + tokens]) - 1 for prompt, answer, start in answers]
        tail = min(tokens, *lengths)
        queries, targets, weights = [], [], []
        for prompt, answer, start in answers:
            ids = (*prompt, *answer[: start + tail])
            read = len(ids) - len(prompt) - start
            queries.append(ids[:-1])
            targets.append(ids[-tail:])
            weights.append([0.0] * (tail - read) + [1 / read] * read)
        return cls(queries=tuple(queries), targets=tuple(targets), weights=np.array(weights))


def refusal(
    sweeper: Sweeper,
    reader: AnswerReader,
    prompts: Sequence[Sequence[int]],
    harmless: Sequence[Sequence[int]] | None,
    *,
    operation: OperationName,
    factor: float,
    group_size: int,
    contrast: float | None = None,
    answer_tokens: int = ANSWER_TOKENS,
    screener: Screener | None = None,
    lazy: Laziness | None = None,
    on_progress: StageProgress | None = None,
) -> tuple[ScoreTable, tuple[str, ...]]:
    """Grow a group of heads until nothing is refused any more, no head gains more than its noise, or enough were added.

    Args:
        sweeper: Runs the model with heads edited, and lets it answer.
        reader: Reads the model's answers.
        prompts: Token ids of the harmful queries.
        harmless: Token ids of the control's, or None.
        operation: The edit that is tried.
        factor: Its factor.
        group_size: Heads that are added at most.
        contrast: The choice maximises harmful - contrast * harmless.
        answer_tokens: New tokens among which a refusal is looked for.
        screener: Lets some heads through at every step, which alone are scored; None: all are.
        lazy: How heads are left out that can't be the best; None: none is.
        on_progress: Called with (head, query) pairs done and in all, over all steps that may be.

    Returns:
        The scores, with arrays `refusal` [step, layer, head] and `refusal_harmless` [1, layer, head] in nats, and notes for the
        user.

    Raises:
        NoRefusalError: The model refuses none of the prompts, or thinks for too long to be seen to refuse.
    """
    seen = find_refusals(sweeper.engine, reader, prompts, (), tokens=answer_tokens)
    refused = seen.found
    if not refused:
        raise nothing_to_attribute(seen, len(prompts), answer_tokens)
    notes = _say_refusals(seen, len(prompts), answer_tokens)
    run = _Run(sweeper=sweeper, operation=operation, factor=factor)
    num_heads = sweeper.geometry.num_heads_in_all if screener is None else screener.num_scored
    later = [len(refused) * (num_heads - step) for step in range(1, group_size)]
    first_report, control_report, *reports = share_progress(
        [len(refused) * num_heads, len(harmless or ()) * num_heads, *later], on_progress
    )
    control = None
    if harmless is not None:
        answers = sweeper.engine.complete(harmless, tokens=answer_tokens)
        own = OwnAnswers.of([(ids, answer, 0) for ids, answer in zip(harmless, answers, strict=True)])
        control = _Control(run=run, own=own, screener=screener, report=control_report)
    scorer = _Scorer(run=run, control=control, contrast=contrast, lazy=lazy)
    group: tuple[HeadRef, ...] = ()
    chosen: dict[HeadRef, HeadScore] = {}
    groups = LookBack(
        lambda heads: find_refusals(sweeper.engine, reader, prompts, [*map(run.edit, heads)], tokens=answer_tokens),
        lambda answers: answers.num_left,
        lambda head: 0.0 if control is None else float(control.scores[head.layer, head.head]),
        seen,
    )
    steps: list[FloatArray] = []
    estimates: list[FloatArray] = []
    first: Selection | None = None
    for report in (first_report, *reports):
        step = _Step(refused=refused, share=len(refused) / len(prompts), group=group, report=report)
        heads = run.outside(group)
        if screener is not None:
            found = screener.drop(run.task(step.own, step.measure, group), step.own.targets, step.own.weights)
            estimate = found.scaled(step.share)
            keep = None if first is None else set(first.heads) & set(heads)
            selection = screener.select(estimate, None if control is None else control.estimate, contrast, keep=keep)
            first, heads = first or selection, selection.heads
            estimates.append(estimate.score)
        combined = scorer.score(step, heads, {head for head in heads if groups.is_known((*group, head))})
        steps.append(scorer.harmful)
        untried = [head for head in best_heads(combined, len(heads)) if not groups.is_known((*group, head))]
        if not untried:
            break
        if group and all(combined[head.layer, head.head] <= scorer.noise(head, step) for head in untried):
            notes.append("the search ended where no other head gains more than its noise over the prompts")
            break
        best = untried[0]
        chosen |= {best: score_heads((best,), scorer.harmful, None if control is None else control.scores, contrast)[0]}
        group = groups.step((*group, best))
        refused = groups.answers(group).found
        if not refused:
            break
    notes += _say_path(groups, chosen, len(prompts))
    arrays = {"refusal": np.stack(steps)}
    if control is not None:
        arrays["refusal_harmless"] = control.scores[None]
    if estimates:
        arrays["refusal_screen"] = np.stack(estimates)
    if control is not None and control.estimate is not None:
        arrays["refusal_harmless_screen"] = control.estimate.score[None]
    harmless_scores = None if control is None else control.scores
    table = ScoreTable(
        arrays=arrays,
        harmful=steps[0],
        harmless=harmless_scores,
        contrast=contrast,
        chosen=tuple(chosen[head] for head in groups.best),
        path=_path_of(groups),
        doubts=_doubt_effect(groups, before=len(seen.found)),
        account=None if first is None else first.account(combine(steps[0], harmless_scores, contrast)),
        lazy=scorer.record,
    )
    return table, tuple(notes)


def _say_refusals(seen: Refusals, num_prompts: int, answer_tokens: int) -> list[str]:
    """What the untouched model refuses, and of which answers nobody knows."""
    notes = [f"the model refuses {len(seen.found)} of {num_prompts} prompts; the scores are of these"]
    if seen.unclosed:
        notes.append(f"{seen.unclosed} of {num_prompts} answers end within their thoughts, and count as not refused")
    if cut := seen.thinking - seen.unclosed:
        notes.append(
            f"{cut} of {num_prompts} answers stop within their thoughts, after {answer_tokens} tokens, and count as not "
            "refused; more --answer-tokens lets the model come to its reply"
        )
    return notes


def _path_of(groups: LookBack[Refusals]) -> tuple[TriedGroup, ...]:
    """What the search went through, for the recipe."""
    return tuple(TriedGroup(heads=[str(head) for head in group], refused=len(groups.answers(group).found)) for group in groups.path)


def _doubt_effect(groups: LookBack[Refusals], *, before: int) -> tuple[str, ...]:
    """That the chosen group takes no refusal away, where that is so."""
    if len(groups.answers(groups.best).found) < before:
        return ()
    return (f"this recipe has no effect: the model refuses {before} as it is, and no group of heads that was tried takes any away",)


def _say_path(groups: LookBack[Refusals], chosen: Collection[HeadRef], num_prompts: int) -> list[str]:
    """How far the chosen group comes, and of how many heads that were tried it is."""
    best = groups.best
    left = groups.answers(best)
    thinking = f"; {left.thinking} more answers stop within their thoughts" if left.thinking else ""
    heads = "the chosen head" if len(best) == 1 else f"the {len(best)} chosen heads"
    said = [f"with {heads} ablated it refuses {len(left.found)} of {num_prompts}{thinking}"]
    if len(best) < len(chosen):
        path = "; ".join(f"{' '.join(group.heads)}: {group.refused}" for group in _path_of(groups))
        said.insert(0, f"{len(chosen)} heads were tried, and {len(best)} of them do most; refused with these ablated: {path}")
    return said


def find_refusals(
    engine: Engine,
    reader: AnswerReader,
    prompts: Sequence[Sequence[int]],
    edits: Sequence[HeadEdit],
    *,
    tokens: int = ANSWER_TOKENS,
) -> Refusals:
    """Which prompts the edited model refuses, and from which token of its answer on.

    Args:
        engine: Lets the model answer.
        reader: Reads its answers.
        prompts: Token ids.
        edits: In force meanwhile.
        tokens: New tokens of each answer at most.
    """
    found, thinking, unclosed = [], 0, 0
    for prompt, answer in zip(prompts, engine.complete(prompts, tokens=tokens, edits=edits), strict=True):
        split = reader.split(answer)
        span = find_refusal(split.reply)
        thinking += split.is_open
        unclosed += split.is_open and len(answer) < tokens
        if span is not None:
            found.append((prompt, answer, reader.token_at(answer, split.place_of(span.start))))
    return Refusals(found=tuple(found), thinking=thinking, unclosed=unclosed)


class NoRefusalError(NothingToFindError):
    """The model refuses none of the prompts."""


def nothing_to_attribute(seen: Refusals, count: int, tokens: int) -> NoRefusalError:
    """Why no refusal was seen, and what to do."""
    if not seen.thinking:
        return NoRefusalError(
            f"the model refuses none of {count} prompts, so there is no refusal to attribute",
            hint="give prompts that it refuses, or --method sahara, which looks at states and not at answers",
        )
    if seen.unclosed == seen.thinking:
        return NoRefusalError(
            f"the model refuses none of {count} prompts, but {seen.thinking} of its answers end within the thoughts that it or its "
            "chat template opened, and so they have no reply",
            hint="give a --template that ends the thoughts at once (... <think></think>), or --method sahara",
        )
    return NoRefusalError(
        f"the model refuses none of {count} prompts, but {seen.thinking} of its answers stop within their thoughts, after {tokens} "
        "tokens: it thinks before it refuses",
        hint="give more --answer-tokens, a --template that ends the thoughts at once (... <think></think>), or --method sahara",
    )


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One way of ablating the heads of a model."""

    sweeper: Sweeper
    operation: OperationName
    factor: float

    def edit(self, head: HeadRef) -> HeadEdit:
        return HeadEdit(layer=head.layer, head=head.head, operation=self.operation, factor=self.factor)

    def outside(self, group: Collection[HeadRef]) -> tuple[HeadRef, ...]:
        """All heads but the group's."""
        return tuple(head for head in self.sweeper.geometry.heads() if head not in group)

    def means(
        self,
        own: OwnAnswers,
        measure: Measure,
        group: Sequence[HeadRef] = (),
        heads: Sequence[HeadRef] | None = None,
        on_progress: StageProgress | None = None,
    ) -> FloatArray:
        """Mean of a measure of tokens over queries, of every head outside the group, or of some, [layer, head]; NaN for others."""
        heads = self.outside(group) if heads is None else heads
        return self.spread(heads, self.per_query(own, measure, group, heads, on_progress).mean(axis=1))

    def per_query(
        self,
        own: OwnAnswers,
        measure: Measure,
        group: Sequence[HeadRef],
        heads: Sequence[HeadRef],
        on_progress: StageProgress | None = None,
    ) -> FloatArray:
        """Mean of a measure over each query's tokens, [heads, queries]."""
        values, _ = self.sweeper.sweep(self.task(own, measure, group, heads), on_progress)  # [heads, queries, tail]
        means: FloatArray = (values.double().numpy() * own.weights).sum(axis=2)
        return means

    def spread(self, heads: Sequence[HeadRef], values: FloatArray) -> FloatArray:
        """Values of some heads as [layer, head]; NaN for others."""
        return spread_over_heads(self.sweeper.geometry, heads, values)

    def task(
        self, own: OwnAnswers, measure: Measure, group: Sequence[HeadRef] = (), heads: Sequence[HeadRef] | None = None
    ) -> SweepTask:
        """One sweep, over every head outside the group, or some."""
        return SweepTask(
            queries=own.queries,
            heads=self.outside(group) if heads is None else tuple(heads),
            operation=self.operation,
            factor=self.factor,
            measure=measure,
            group=tuple(map(self.edit, group)),
            tail=own.tail,
        )


class _Control:
    """Divergences on the model's own harmless answers, each head's once."""

    def __init__(self, *, run: _Run, own: OwnAnswers, screener: Screener | None, report: StageProgress | None) -> None:
        self._run, self._own, self._report = run, own, Consecutive(report)
        self.scores = run.spread((), np.array([]))
        self.errors = self.scores.copy()
        """Standard errors of the scores over the prompts, in nats."""
        self.estimate = None
        if screener is not None:
            self.estimate = screener.divergence(run.task(own, Divergence()), own.weights)

    def of(self, heads: Sequence[HeadRef]) -> FloatArray:
        """[layer, head] of these heads at least, in nats; NaN for heads that were never asked for."""
        missing = tuple(head for head in heads if np.isnan(self.scores[head.layer, head.head]))
        if missing:
            values = self._run.per_query(self._own, Divergence(), (), missing, self._report.next())
            self.scores = _fill(self.scores, self._run.spread(missing, values.mean(axis=1)))
            self.errors = _fill(self.errors, self._run.spread(missing, standard_error(values)))
        return self.scores


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One step of the search.

    Args:
        refused: What is still refused: prompts, answers, and where the refusals start.
        share: Share of all prompts.
        group: The heads that are ablated.
        report: Called with pairs done and in all.
    """

    refused: tuple[tuple[Sequence[int], list[int], int], ...]
    share: float
    group: tuple[HeadRef, ...]
    report: StageProgress | None

    @cached_property
    def own(self) -> OwnAnswers:
        """The refusals, to be read."""
        return OwnAnswers.of(self.refused)

    @property
    def measure(self) -> LogOddsDrop:
        """What is read of them."""
        return LogOddsDrop(self.own.targets)

    @property
    def prompts(self) -> list[tuple[int, ...]]:
        """Token ids of the prompts that are still refused."""
        return [tuple(prompt) for prompt, _, _ in self.refused]


class _Scorer:
    """Scores heads on top of the group: all of them, or lazily those that can be the best."""

    def __init__(self, *, run: _Run, control: _Control | None, contrast: float | None, lazy: Laziness | None) -> None:
        self._run, self._control, self._contrast, self._lazy = run, control, contrast, lazy
        self._gains = Gains(run.sweeper.geometry)
        self._steps: list[LazyStep] = []
        self._num_steps = 0
        self.harmful: FloatArray
        """Of the latest step, [layer, head]; NaN for heads that were not scored."""

    def score(self, step: _Step, heads: Sequence[HeadRef], tried: Collection[HeadRef]) -> FloatArray:
        """Combined scores [layer, head] of a step; NaN for heads that were not scored.

        Args:
            step: The step.
            heads: Those that may be scored.
            tried: Of these, heads that can't be taken.
        """
        self.harmful = self._run.spread((), np.array([]))
        self._report = Consecutive(step.report)
        self._num_steps += 1
        if self._lazy is None or self._num_steps == 1:
            return self._measure(step, heads)
        return self._measure_lazily(step, [head for head in heads if head not in tried], self._lazy)

    def noise(self, head: HeadRef, step: _Step) -> float:
        """Standard error of a head's score over the prompts, those that are refused and the control's; in nats."""
        error = step.share * self._gains.error(head, step.group, step.prompts)
        if self._control is None:
            return error
        return float(np.hypot(error, (self._contrast or 0.0) * self._control.errors[head.layer, head.head]))

    @property
    def record(self) -> LazyRecord | None:
        """What was left out; None where nothing could be."""
        return LazyRecord(steps=self._steps, seed=self._lazy.seed) if self._lazy is not None and self._steps else None

    def _measure(self, step: _Step, heads: Sequence[HeadRef]) -> FloatArray:
        """Combined scores of heads, without leaving any out."""
        values = self._run.per_query(step.own, step.measure, step.group, heads, self._report.next())
        self._gains.add(step.group, heads, step.prompts, values)
        harmful = self._run.spread(heads, values.mean(axis=1) * step.share)
        self.harmful = _fill(self.harmful, harmful)
        return combine(harmful, None if self._control is None else self._control.of(heads), self._contrast)

    def _measure_lazily(self, step: _Step, heads: Sequence[HeadRef], lazy: Laziness) -> FloatArray:
        """Combined scores of the heads that may be the best, and of a sample; of all heads where one of the sample is better."""
        self._measure_new_prompts(step, heads)
        gains = self._run.spread(heads, np.zeros(len(heads))) + self._gains.bound(step.group, step.prompts) * step.share
        costs = np.zeros_like(gains) if self._control is None else np.nan_to_num(self._control.scores)
        bounds = combine(gains, costs, self._contrast)
        scores = score_best_first(bounds, lambda some: self._measure(step, some), batch=lazy.batch)
        rest = [head for head in heads if np.isnan(scores[head.layer, head.head])]
        sample = lazy.draw(rest, self._num_steps)
        scored, beating, growth = len(heads) - len(rest), 0, None
        if sample:
            best = np.nanmax(scores)
            found = self._measure(step, sample)
            beating = int((found > best).sum())
            growth = float(np.nanmax(np.where(np.isnan(found), np.nan, self.harmful - gains)))
            scores = _fill(scores, found)
        left = [head for head in rest if head not in sample]
        if beating and left:
            scores = _fill(scores, self._measure(step, left))
        self._steps.append(LazyStep(heads=len(heads), scored=scored, sampled=len(sample), beating=beating, growth=growth))
        return scores

    def _measure_new_prompts(self, step: _Step, heads: Sequence[HeadRef]) -> None:
        """Gains on prompts that are refused only since the group is ablated, of which no bound is known."""
        new = [one for one in step.refused if not self._gains.is_known(step.group, tuple(one[0]))]
        if heads and 0 < len(new) < len(step.refused):
            part = replace(step, refused=tuple(new))
            values = self._run.per_query(part.own, part.measure, part.group, heads, self._report.next())
            self._gains.add(part.group, heads, part.prompts, values)


def _fill(scores: FloatArray, more: FloatArray) -> FloatArray:
    """Scores, and others where there are none."""
    filled: FloatArray = np.where(np.isnan(scores), more, scores)
    return filled
