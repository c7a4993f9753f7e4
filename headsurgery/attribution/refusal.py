"""The refusal score: how much of the model's own refusal a head carries; and the greedy search for a group by it.

For every harmful query the model answers, the keyword judge finds where its refusal starts, in the reply and not in thoughts
before it, and the refusal's first tokens are read teacher-forced, after the thoughts as the model itself wrote them. A head's score
is the mean drop of their log-odds (a token's logit against the log-sum of all others) when the head is ablated, in nats, over all
queries; one that is not refused counts 0. Log-odds don't saturate near probability 1, where most of a trained refusal is; KL and
probabilities do. The search is Sahara's (section 4.2, Algorithm 1), but each step answers anew with the group ablated and scores
what is still refused, wherever in the answer that is: a first token that no longer refuses is not the end of a refusal. It ends
when nothing is refused, or when no head takes more from the refusals than it costs. After each step it looks back (`lookback`):
heads go that the group can do without, and the group that is taken is the one that left the fewest refusals. The control is the
divergence KL(base || ablated) on the model's own harmless answers, thoughts included, over as many tokens, in nats; it is scored
once, head by head.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from headsurgery.attribution.lookback import LookBack
from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, combine, score_heads, spread_over_heads
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.edits.operations import OperationName
from headsurgery.engine.measures import Divergence, LogOddsDrop
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Engine, Measure, SweepTask
from headsurgery.errors import ModelError
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.progress import StageProgress, share_progress
from headsurgery.recipe import HeadEdit, HeadScore, TriedGroup

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
        """Tokens that are read of every query: `REFUSAL_TOKENS`, or fewer where a query is shorter than that."""
        return len(self.targets[0])

    @classmethod
    def of(cls, answers: Sequence[tuple[Sequence[int], Sequence[int], int]]) -> OwnAnswers:
        """From prompt ids, answer ids, and the position in the answer from which on it is read; at least one token each."""
        lengths = [len(prompt) + len(answer[: start + REFUSAL_TOKENS]) - 1 for prompt, answer, start in answers]
        tail = min(REFUSAL_TOKENS, *lengths)
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
    on_progress: StageProgress | None = None,
) -> tuple[ScoreTable, tuple[str, ...]]:
    """Grow a group of heads until the model refuses nothing any more, no head takes more than it costs, or enough were added.

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
        on_progress: Called with (head, query) pairs done and in all, over all steps that may be.

    Returns:
        The scores, with arrays `refusal` [step, layer, head] and `refusal_harmless` [1, layer, head] in nats, and notes for the
        user.

    Raises:
        ModelError: The model refuses none of the prompts, or thinks for too long to be seen to refuse.
    """
    seen = find_refusals(sweeper.engine, reader, prompts, (), tokens=answer_tokens)
    refused = seen.found
    if not refused:
        raise _nothing_to_attribute(seen, len(prompts), answer_tokens)
    notes = [f"the model refuses {len(refused)} of {len(prompts)} prompts; the scores are of these"]
    if seen.unclosed:
        notes.append(f"{seen.unclosed} of {len(prompts)} answers end within their thoughts, and count as not refused")
    if cut := seen.thinking - seen.unclosed:
        notes.append(
            f"{cut} of {len(prompts)} answers stop within their thoughts, after {answer_tokens} tokens, and count as not "
            "refused; more --answer-tokens lets the model come to its reply"
        )
    run = _Run(sweeper=sweeper, operation=operation, factor=factor)
    num_heads = sweeper.geometry.num_heads_in_all if screener is None else screener.num_scored
    pairs = [len(harmless or ()) * num_heads, *(len(refused) * (num_heads - step) for step in range(group_size))]
    reports = iter(share_progress(pairs, on_progress))
    control = None
    if harmless is not None:
        answers = sweeper.engine.complete(harmless, tokens=answer_tokens)
        own = OwnAnswers.of([(ids, answer, 0) for ids, answer in zip(harmless, answers, strict=True)])
        control = _Control(run=run, own=own, screener=screener, report=next(reports))
    else:
        next(reports)
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
    while refused and len(steps) < group_size:
        own, share = OwnAnswers.of(refused), len(refused) / len(prompts)
        drop = LogOddsDrop(own.targets)
        edits = tuple(map(run.edit, group))
        heads = run.outside(edits)
        if screener is not None:
            found = screener.drop(run.task(own, drop, edits), own.targets, own.weights)
            estimate = found.scaled(share)
            keep = None if first is None else set(first.heads) & set(heads)
            selection = screener.select(estimate, None if control is None else control.estimate, contrast, keep=keep)
            first, heads = first or selection, selection.heads
            estimates.append(estimate.score)
        harmless_scores = None if control is None else control.of(heads)
        steps.append(run.means(own, drop, edits, heads, next(reports)) * share)
        combined = combine(steps[-1], harmless_scores, contrast)
        untried = (head for head in best_heads(combined, len(heads)) if not groups.is_known((*group, head)))
        best = next(untried, None)
        if best is None or (group and combined[best.layer, best.head] <= 0):
            break
        chosen |= {best: score_heads((best,), steps[-1], harmless_scores, contrast)[0]}
        group = groups.step((*group, best))
        refused = groups.answers(group).found
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
    )
    return table, tuple(notes)


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


def _nothing_to_attribute(seen: Refusals, count: int, tokens: int) -> ModelError:
    """Why no refusal was seen, and what to do."""
    if not seen.thinking:
        return ModelError(
            f"the model refuses none of {count} prompts, so there is no refusal to attribute",
            hint="give prompts that it refuses, or --method sahara, which looks at states and not at answers",
        )
    if seen.unclosed == seen.thinking:
        return ModelError(
            f"the model refuses none of {count} prompts, but {seen.thinking} of its answers end within the thoughts that it or its "
            "chat template opened, and so they have no reply",
            hint="give a --template that ends the thoughts at once (... <think></think>), or --method sahara",
        )
    return ModelError(
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

    def outside(self, group: Sequence[HeadEdit]) -> tuple[HeadRef, ...]:
        """All heads but the group's."""
        inside = {edit.ref for edit in group}
        return tuple(head for head in self.sweeper.geometry.heads() if head not in inside)

    def means(
        self,
        own: OwnAnswers,
        measure: Measure,
        group: Sequence[HeadEdit] = (),
        heads: Sequence[HeadRef] | None = None,
        on_progress: StageProgress | None = None,
    ) -> FloatArray:
        """Mean of a measure of tokens, of every head outside the group, or of some, [layer, head]; NaN for the others."""
        task = self.task(own, measure, group, heads)
        values, _ = self.sweeper.sweep(task, on_progress)  # [heads, queries, tail]
        means = (values.double().numpy() * own.weights).sum(axis=2).mean(axis=1)
        return spread_over_heads(self.sweeper.geometry, task.heads, means)

    def task(
        self, own: OwnAnswers, measure: Measure, group: Sequence[HeadEdit] = (), heads: Sequence[HeadRef] | None = None
    ) -> SweepTask:
        """One sweep, over every head outside the group, or some."""
        return SweepTask(
            queries=own.queries,
            heads=self.outside(group) if heads is None else tuple(heads),
            operation=self.operation,
            factor=self.factor,
            measure=measure,
            group=tuple(group),
            tail=own.tail,
        )


class _Control:
    """Divergences on the model's own harmless answers, each head's once."""

    def __init__(self, *, run: _Run, own: OwnAnswers, screener: Screener | None, report: StageProgress | None) -> None:
        self._run, self._own, self._report = run, own, report
        geometry = run.sweeper.geometry
        self.scores = np.full((geometry.num_layers, geometry.max_heads), np.nan)
        self.estimate = None
        if screener is not None:
            self.estimate = screener.divergence(run.task(own, Divergence()), own.weights)

    def of(self, heads: Sequence[HeadRef]) -> FloatArray:
        """[layer, head] of these heads at least, in nats; NaN for heads that were never asked for."""
        missing = tuple(head for head in heads if np.isnan(self.scores[head.layer, head.head]))
        if missing:
            found = self._run.means(self._own, Divergence(), heads=missing, on_progress=self._report)
            self.scores = np.where(np.isnan(found), self.scores, found)
            self._report = None  # further ones are few
        return self.scores
