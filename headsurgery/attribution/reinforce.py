"""Search for a reinforcement: which heads to amplify, by which factor, and which heads to ablate.

An attribution ranks the heads; the search measures on answers what their edits do. The cheapest measure comes first:
KL(base || reinforced) on the base's own harmless answers, for many candidates at once. Next come the harmless prompts, which must
not be refused. Only candidates within both bounds answer the harmful prompts, without and with the attacks, in the same batches as
the base. Amplified heads follow ReD-LLM; removed anti-refusal heads follow Refusal Cliff (arXiv 2510.06036). Every candidate within
the bounds is tried. Neighbours: `attacks` says what is asked, `frontier` which candidates exist and which one is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from headsurgery.attribution.attacks import BARE, Development, Question
from headsurgery.attribution.frontier import (
    Bounds,
    Candidate,
    FactorLadder,
    arrange,
    choose,
    plan_ladders,
    rank_anti_heads,
    rank_heads,
    scan_ladders,
)
from headsurgery.attribution.frontier_record import Frontier, FrontierPoint, OverBound
from headsurgery.attribution.scores import ScoreTable
from headsurgery.behaviour.damage import answer_kl
from headsurgery.behaviour.figures import Rate
from headsurgery.behaviour.statistics import rate, rate_of
from headsurgery.engine.journal import SweepJournal, recall_or_make
from headsurgery.errors import ModelError
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.completion import BatchSize, complete_greedily
from headsurgery.model.loading import LoadedModel
from headsurgery.progress import StageProgress
from headsurgery.recipe import HeadEdit, SearchRecord

FACTORS = (1.1, 1.25, 1.5, 2.0, 3.0, 4.0)
GROUP_SIZES = (1, 2, 3, 5, 8)
"""Numbers of heads that are amplified together, counted from the best one."""

ANTI_HEADS = 3
"""Number of anti-refusal heads. Each is ablated alone, and in addition to the best group."""

ANSWER_TOKENS = 32
"""New tokens in which a refusal is searched for. Later refusals are missed in the base and the candidates alike. A model that
thinks first needs more."""

KL_TOKENS = 12


@dataclass(frozen=True, kw_only=True)
class Reinforcement:
    """The result of a search.

    Args:
        edits: The edits of the chosen candidate.
        frontier: Everything that was tried.
        record: A summary of the search, for the recipe.
        notes: Notes for the user.
    """

    edits: tuple[HeadEdit, ...]
    frontier: Frontier
    record: SearchRecord
    notes: tuple[str, ...]


class NoReinforcementError(ModelError):
    """No candidate refuses more than the base within the bounds.

    Args:
        message: What was tried.
        hint: What to do next.
        frontier: Everything that was tried.
    """

    def __init__(self, message: str, *, hint: str, frontier: Frontier) -> None:
        super().__init__(message, hint=hint)
        self.frontier = frontier


def reinforce(
    loaded: LoadedModel,
    scores: ScoreTable,
    development: Development,
    *,
    bounds: Bounds,
    factors: Sequence[float] = FACTORS,
    group_sizes: Sequence[int] = GROUP_SIZES,
    anti_heads: int = ANTI_HEADS,
    answer_tokens: int = ANSWER_TOKENS,
    batch_size: BatchSize = "auto",
    journal: SweepJournal | None = None,
    on_progress: StageProgress | None = None,
) -> Reinforcement:
    """Find the heads and the factor that refuse the most harmful prompts within the bounds.

    Args:
        loaded: The model.
        scores: The scores of an attribution. They rank the heads.
        development: The prompts.
        bounds: What may be lost.
        factors: Factors to try, above 1.
        group_sizes: Numbers of heads to try together.
        anti_heads: How many heads to ablate, one at a time.
        answer_tokens: New tokens in which a refusal is searched for.
        batch_size: Prompts per forward pass, or `auto`.
        journal: Stores answers and measurements, so that an interrupted search can continue where it stopped.
        on_progress: Called with the candidates done, including the base, and the total.

    Raises:
        NoReinforcementError: No candidate refuses more than the base within the bounds.
        ModelError: Logits are not finite, memory is too small for a single prompt, or all answers without attacks stop within
            thoughts.
    """
    heads = rank_heads(scores, max(group_sizes))
    anti = [head for head in rank_anti_heads(scores, anti_heads + len(heads)) if head not in heads][:anti_heads]
    groups = plan_ladders(heads, group_sizes=group_sizes, factors=factors)
    alone: list[FactorLadder] = [(Candidate(heads=(head,), factor=0.0),) for head in anti]
    total = 1 + sum(map(len, groups)) + len(anti) * (2 if groups else 1)
    search = _Search(
        loaded=loaded,
        development=development,
        bounds=bounds,
        answer_tokens=answer_tokens,
        batch_size=batch_size,
        journal=journal,
    )
    steps = count(1)

    def report() -> None:
        if on_progress is not None:
            on_progress(next(steps), total)

    base, thinking = search.base, search.thinking
    report()
    if all(question in thinking for question in development.questions if question.attack == BARE):
        raise ModelError(
            "all answers to the prompts without attacks stop within their thoughts, as do "
            f"{len(thinking)} of all {len(development.questions)}, after {answer_tokens} tokens: it thinks before it refuses",
            hint="raise --answer-tokens, or use a --template that ends the thoughts at once (... <think></think>)",
        )
    if base.refusal.count < base.refusal.total:
        search.scan(groups, report)
        best = choose(search.points, base, bounds, must_improve=False)
        search.scan(alone, report)
        if best is not None:
            search.scan([(Candidate(heads=best.heads, factor=best.factor, removed=(head,)),) for head in anti], report)
    if on_progress is not None:
        on_progress(total, total)
    chosen = choose(search.points, base, bounds)
    frontier = search.frontier(chosen)
    if chosen is None:
        raise NoReinforcementError(_say_tried(frontier), hint=_hint(frontier), frontier=frontier)
    record = _record(frontier, search.points[chosen], factors=factors, group_sizes=group_sizes, attacks=development.attacks)
    notes = (
        *development.notes,
        *([_say_thinking(len(thinking), len(development.questions), answer_tokens)] if thinking else []),
        f"reinforced, the model refuses {record.refusal:.0%} of the harmful questions instead of {record.base_refusal:.0%}, over "
        "all attacks together; the factor was chosen on these prompts, so evaluate it on others",
    )
    return Reinforcement(edits=chosen.edits, frontier=frontier, record=record, notes=notes)


@dataclass(kw_only=True)
class _Search:
    """The figures of the base and of all candidates so far."""

    loaded: LoadedModel
    development: Development
    bounds: Bounds
    answer_tokens: int
    batch_size: BatchSize
    journal: SweepJournal | None = None
    over_bound: list[OverBound] = field(default_factory=list)
    points: dict[Candidate, FrontierPoint] = field(default_factory=dict)
    base: FrontierPoint = field(init=False)
    base_answers: dict[Question, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.harmless = tuple(question for question in self.development.questions if question.attack is None)
        self.harmful = tuple(question for question in self.development.questions if question.attack is not None)
        self.base_answers = self._answer(self.harmless, ()) | self._answer(self.harmful, ())
        self.base = self._point(Candidate(heads=(), factor=1.0), self.base_answers, 0.0)

    def scan(self, ladders: Sequence[FactorLadder], report: Callable[[], None]) -> None:
        """Measure candidates, and ask those within the bounds."""

        def keep(candidates: Sequence[Candidate]) -> list[bool]:
            holds = []
            for candidate, kl in zip(candidates, self._measure_kl(candidates), strict=True):
                holds.append(self._ask(candidate, kl))
                report()
            return holds

        for candidate in scan_ladders(ladders, keep):
            self.over_bound.append(_over_bound(candidate))
            report()

    def frontier(self, chosen: Candidate | None) -> Frontier:
        """The document."""
        points = [point.model_copy(update={"chosen": one == chosen}) for one, point in self.points.items()]
        return Frontier(
            prompts=self.development.prompts.to_record(),
            harmless=self.development.harmless.to_record(),
            template=self.development.template,
            max_over_refusal=self.bounds.max_over_refusal,
            max_kl=self.bounds.max_kl,
            answer_tokens=self.answer_tokens,
            kl_tokens=KL_TOKENS,
            base=self.base,
            points=arrange(points, self.base),
            over_bound=tuple(self.over_bound),
        )

    @property
    def thinking(self) -> list[Question]:
        """Questions whose answers by the base stop within their thoughts."""
        return [question for question, answer in self.base_answers.items() if question.reader.split(answer).is_open]

    def _ask(self, candidate: Candidate, kl: float) -> bool:
        """Ask a candidate as long as it stays within the bounds. Returns whether it does."""
        if kl > self.bounds.max_kl:
            self.over_bound.append(_over_bound(candidate, kl))
            return False
        answers = self._answer(self.harmless, candidate.edits)
        over_refusal = self._rate(answers, None)
        if not self.bounds.allow(over_refusal, self.base.over_refusal):
            self.over_bound.append(_over_bound(candidate, kl, over_refusal))
            return False
        self.points[candidate] = self._point(candidate, answers | self._answer(self.harmful, candidate.edits), kl)
        return True

    def _answer(self, questions: Sequence[Question], edits: Sequence[HeadEdit]) -> dict[Question, list[int]]:
        """Answers in batches that depend only on the questions, so that they are comparable with the base's."""
        ids = [question.ids for question in questions]
        key = ("answers", self.answer_tokens, self.batch_size, _names_of(edits), ids)
        answers = recall_or_make(
            self.journal,
            key,
            lambda: complete_greedily(self.loaded, ids, tokens=self.answer_tokens, edits=edits, batch_size=self.batch_size),
        )
        return dict(zip(questions, answers, strict=True))

    def _measure_kl(self, candidates: Sequence[Candidate]) -> list[float]:
        """Mean KL(base || candidate) along the base's harmless answers, in nats per token."""
        questions = [question.ids for question in self.harmless]
        answers = [self.base_answers[question] for question in self.harmless]
        keys = [("kl", KL_TOKENS, self.batch_size, _names_of(one.edits), questions, answers) for one in candidates]
        found: list[Any] = [None if self.journal is None else self.journal.recall(key) for key in keys]
        missing = [index for index, value in enumerate(found) if value is None]
        if missing:
            variants = [candidates[index].edits for index in missing]
            kl = answer_kl(self.loaded, questions, answers, variants, tokens=KL_TOKENS, batch_size=self.batch_size)
            for index, mean in zip(missing, kl.mean(axis=1), strict=True):  # over queries
                found[index] = float(mean)
                if self.journal is not None:
                    self.journal.note(keys[index], found[index])
        return found

    def _point(self, candidate: Candidate, answers: Mapping[Question, Sequence[int]], kl: float) -> FrontierPoint:
        harmful = [(_is_refused(question, answers[question]), question.prompt) for question in self.harmful]
        return FrontierPoint(
            heads=_names(candidate.heads),
            factor=candidate.factor,
            removed=_names(candidate.removed),
            refusal=rate_of([is_refused for is_refused, _ in harmful], [prompt for _, prompt in harmful]),
            attacks={attack: self._rate(answers, attack) for attack in self.development.attacks},
            over_refusal=self._rate(answers, None),
            harmless_kl=kl,
        )

    @staticmethod
    def _rate(answers: Mapping[Question, Sequence[int]], attack: str | None) -> Rate:
        """Refusals under an attack; None: refusals of the harmless prompts."""
        counted = [_is_refused(question, answer) for question, answer in answers.items() if question.attack == attack]
        return rate(sum(counted), len(counted))


def _names_of(edits: Sequence[HeadEdit]) -> list[str]:
    """Edits as a journal states them."""
    return [edit.model_dump_json(exclude_none=True) for edit in edits]


def _is_refused(question: Question, answer: Sequence[int]) -> bool:
    return find_refusal(question.reader.split(answer).reply) is not None


def _over_bound(candidate: Candidate, kl: float | None = None, over_refusal: Rate | None = None) -> OverBound:
    heads, removed = _names(candidate.heads), _names(candidate.removed)
    return OverBound(heads=heads, factor=candidate.factor, removed=removed, harmless_kl=kl, over_refusal=over_refusal)


def _say_thinking(thinking: int, count: int, tokens: int) -> str:
    return (
        f"{thinking} of the model's {count} answers stop within their thoughts, after {tokens} tokens, and count as not refused; "
        "raise --answer-tokens to let the model reach its reply"
    )


def _names(heads: Sequence[HeadRef]) -> tuple[str, ...]:
    return tuple(map(str, heads))


def _record(
    frontier: Frontier, chosen: FrontierPoint, *, factors: Sequence[float], group_sizes: Sequence[int], attacks: Sequence[str]
) -> SearchRecord:
    assert chosen.harmless_kl is not None  # measured before the candidate was asked
    return SearchRecord(
        factors=[float(factor) for factor in factors],
        group_sizes=list(group_sizes),
        tried=len(frontier.points),
        over_bound=len(frontier.over_bound),
        max_over_refusal=frontier.max_over_refusal,
        max_kl=frontier.max_kl,
        attacks=list(attacks),
        base_refusal=frontier.base.refusal.interval.value,
        refusal=chosen.refusal.interval.value,
        base_over_refusal=frontier.base.over_refusal.interval.value,
        over_refusal=chosen.over_refusal.interval.value,
        harmless_kl=chosen.harmless_kl,
    )


def _say_tried(frontier: Frontier) -> str:
    """Why no candidate was chosen."""
    refused = frontier.base.refusal
    if refused.count == refused.total:
        return f"the model already refuses all {refused.total} harmful questions, under every attack: nothing to reinforce"
    refusing = [one for one in frontier.over_bound if one.over_refusal is not None]
    over_kl = [one for one in frontier.over_bound if one.harmless_kl is not None and one.harmless_kl > frontier.max_kl]
    found = (
        f"no candidate refuses more than the base's {refused.count} of {refused.total} within the bounds: "
        f"{len(frontier.points) + len(frontier.over_bound)} candidates, {len(over_kl)} of them over KL {frontier.max_kl:g}, "
        f"{len(refusing)} over over-refusal {frontier.max_over_refusal:g}"
    )
    if larger := len(frontier.over_bound) - len(over_kl) - len(refusing):
        found += f", {larger} with a larger factor than one of these"
    if not refusing:
        return found
    nearest = min(refusing, key=lambda one: one.over_refusal.count if one.over_refusal else 0)
    assert nearest.over_refusal is not None
    return (
        f"{found}; {nearest.label} refuses {nearest.over_refusal.count} of {nearest.over_refusal.total} harmless (base "
        f"{frontier.base.over_refusal.count})"
    )


def _hint(frontier: Frontier) -> str:
    if frontier.base.refusal.count == frontier.base.refusal.total:
        return "give prompts that it answers, or --apply-factor for a recipe without a search"
    total, share = frontier.base.over_refusal.total, frontier.max_over_refusal
    if 0 < share * total < 1:
        return (
            f"give at least {math.ceil(1 / share)} harmless prompts: of {total}, a single refusal is more than {share:g}, "
            "so one odd prompt would rule everything out"
        )
    return "loosen --max-kl or --max-over-refusal, give more prompts, or --apply-factor for a recipe without a search"
