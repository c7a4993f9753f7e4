"""Learned gates: one factor per head, all of them found together by gradient descent.

Refusal in a trained model is spread over some tens of heads that act together, so that ablating one of them shows little. Here
every head's factor is an entry of one tensor. Descent moves all of them at once against three prices:

- `opening`: softplus of the log-odds of a refusal's first `OPENING_TOKENS` tokens together, which do not saturate, less `MARGIN`;
- `KL_PRICE` x KL(base || edited) on the model's own harmless answers, in nats per token;
- `head_price` for every head that is moved.

To ablate, a factor is a sigmoid and lies in [0, 1]. To reinforce, it is an exponential: heads that carry refusal rise above 1, and
heads that work against it fall below. Then the openings are those of a refusal on prompts that the model answers, and the same
opening on harmless prompts has its price, too. After every round the model answers anew with the factors in force, and refusals
that remain, in whatever words, join those that are read.

Then the heads that moved most are fitted as the group that the recipe will hold. Factors of 0 are pruned and completed by the exact
loss (`_Refining`). Free factors are learned on, with all other heads at 1. In the end the group's first 1, 2, 5, ... heads answer.
Anchors: L0 by gates (Louizos et al. 2018), SafeSeek (arXiv 2603.23268), GOSV (arXiv 2601.15801).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from random import Random
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional

from headsurgery.attribution.groups import SIZES
from headsurgery.attribution.method import Queries
from headsurgery.attribution.refusal import ANSWER_TOKENS, REFUSAL_TOKENS, OwnAnswers, Refusals, find_refusals, nothing_to_attribute
from headsurgery.attribution.scores import FloatArray, ScoreTable, score_heads, spread_over_heads
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.edits.operations import OperationName
from headsurgery.engine.factors import GradientPasses, frozen, head_factors, read_ends
from headsurgery.engine.shortcuts import common_prefix
from headsurgery.engine.sweep import Sweeper
from headsurgery.errors import NothingToFindError
from headsurgery.heads import AttentionGeometry, HeadRef
from headsurgery.model.modules import ModuleMap
from headsurgery.progress import StageProgress
from headsurgery.recipe import HeadEdit, TriedGroup

Factors = Literal["zero", "free"]

OPENING_TOKENS = 3
"""Tokens of a refusal that are read: they tell it from an answer. What follows them costs harm to drive out, and gains nothing."""

MARGIN = -3.0
"""Log-odds below which a refusal hardly pays any more, in nats."""

KL_PRICE = {"ablate": 7.0, "reinforce": 20.0}
"""Loss per nat of divergence."""

OVER_REFUSAL_PRICE = 1.0
"""Loss per nat of the opening's log-odds on harmless prompts, when a refusal is reinforced."""

ROWS = 8
"""Prompts of each kind in a step."""

EXACT_ROWS = 12
"""Prompts of each kind on which groups of heads are compared."""

ROUNDS, STEPS, FITTING_STEPS = 2, 18, 12
REFINING_STEPS = 34
"""Passes that refining takes at most: in each of its rounds 4 probes, 4 tries, 3 readings of shares, and some 6 tries to prune."""
LEARNING_RATE = {"ablate": 0.3, "reinforce": 0.05}
_OPEN = 3.0
"""Where the sigmoid of a gate begins: a factor of 0.95."""
_BOUNDS = {"ablate": (-4.0, 4.0), "reinforce": (-1.5, 1.5)}
"""Of what is learned: factors of 0.02 to 0.98, or 0.22 to 4.5. Further out a sigmoid is so flat that no step leads back."""
_NOTED_STEPS = 6
"""Steps after which the journal keeps where the descent is."""
_ANSWER_TOKENS = 24
"""New tokens of the answers between rounds, from where the latest refusal began: one that comes later is not learned from."""
_MOVED = 0.05
"""A factor this far from 1 counts as an edit while the model answers."""
_TRIES = 4
"""Heads outside the group that are tried by the exact loss in a round of refining."""
_REFININGS = 2
_BETWEEN = (0.2, 0.5, 0.8)
"""Factors at which the way of a group from 1 to 0 is read, for each head's share of its effect (integrated gradients)."""
_PARTS = 4
"""Parts of the heads outside the group that are probed one after the other."""

_PLAIN_REFUSAL = "I'm sorry, but I can't help with that."
"""The opening for a model that refuses nothing of its own."""


class NothingToReinforceError(NothingToFindError):
    """The model refuses all prompts already."""


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """What is learned.

    Args:
        operation: What a factor multiplies.
        reinforce: Whether refusals are to rise.
        factors: `zero`: the chosen heads are taken out. `free`: each keeps the factor that was learned for it.
        max_heads: Heads in the group at most.
        head_price: Loss for moving one head all the way to 0, or by a factor of e.
        seed: Of the draws of prompts.
        answer_tokens: New tokens among which a refusal is looked for.
    """

    operation: OperationName
    reinforce: bool
    factors: Factors
    max_heads: int
    head_price: float
    seed: int
    answer_tokens: int = ANSWER_TOKENS

    @property
    def intent(self) -> str:
        """The key of prices and rates."""
        return "reinforce" if self.reinforce else "ablate"


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The parts of a loss, each a mean over its rows.

    Args:
        opening: Of refusals that are to go or to come.
        divergence: KL on harmless answers, in nats per token.
        over_refusal: Of the opening on harmless prompts.
    """

    opening: float
    divergence: float
    over_refusal: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Term:
    """A part of the loss.

    Args:
        name: Of its value in `Losses`.
        price: Loss per unit of it.
        own: What it reads.
        of_rows: Its values of some rows, [rows], from the log-probabilities that are read of these, [rows, tail, vocabulary].
    """

    name: str
    price: float
    own: OwnAnswers
    of_rows: Callable[[torch.Tensor, Sequence[int]], torch.Tensor]


@dataclass(kw_only=True)
class Lessons:
    """What the factors are learned from, and the losses on it.

    Args:
        modules: The model. Its weights get no gradient.
        settings: What is learned.
        openings: Refusals that are to go or to come, read from where they start.
        harmless: The model's own harmless answers.
        refused_harmless: The opening on harmless prompts; None where refusals are to go.
        passes: How many tokens go through the model at a time.
    """

    modules: ModuleMap
    settings: GateSettings
    openings: OwnAnswers
    harmless: OwnAnswers
    refused_harmless: OwnAnswers | None = None
    passes: GradientPasses = field(default_factory=GradientPasses)

    def losses(self, factors: torch.Tensor, openings: Sequence[int], harmless: Sequence[int]) -> Losses:
        """The losses of factors [layer, head] on some rows."""
        with torch.no_grad():
            return self._measure(factors, openings, harmless)[0]

    def gradient(self, factors: torch.Tensor, openings: Sequence[int], harmless: Sequence[int]) -> tuple[torch.Tensor, Losses]:
        """The gradient of the whole loss, but for the price of heads, with respect to factors [layer, head], and the losses."""
        with torch.enable_grad(), frozen(self.modules.model):
            found, gradient = self._measure(factors.detach().requires_grad_(), openings, harmless)
        return gradient, found

    def exact(self, factors: torch.Tensor) -> float:
        """The loss on the first `EXACT_ROWS` rows of each kind, but for the price of heads."""
        rows = [range(min(EXACT_ROWS, len(own.queries))) for own in (self.openings, self.harmless)]
        found = self.losses(factors, *rows)
        return sum(term.price * float(getattr(found, term.name)) for term in self._terms)

    def _measure(self, factors: torch.Tensor, openings: Sequence[int], harmless: Sequence[int]) -> tuple[Losses, torch.Tensor]:
        """The losses, and the gradient where one is wanted. The rows of all terms go through the model together."""
        self._base  # before any factor is in force  # noqa: B018
        drawn = {term: openings if term.own is self.openings else harmless for term in self._terms}
        rows = [(term, row) for term, of_term in drawn.items() for row in of_term]
        length = max(len(term.own.queries[row]) for term, row in rows)
        values, gradient = dict.fromkeys(drawn, 0.0), torch.zeros_like(factors, requires_grad=False)
        for _, (found, slope) in self.passes.slices.run(rows, length, partial(self._measure_part, factors, drawn)):
            gradient += slope
            for term, value in found.items():
                values[term] += value
        return Losses(**{term.name: value for term, value in values.items()}), gradient

    def _measure_part(
        self, factors: torch.Tensor, drawn: Mapping[_Term, Sequence[int]], rows: Sequence[tuple[_Term, int]]
    ) -> tuple[dict[_Term, float], torch.Tensor]:
        """What some rows add to the mean of each term, and to the gradient."""
        with head_factors(self.modules, self.settings.operation, factors):
            read = self._read([term.own.queries[row] for term, row in rows], max(term.own.tail for term, _ in rows))
            values: dict[_Term, torch.Tensor] = {}
            for term, of_term in drawn.items():
                places = [place for place, (other, _) in enumerate(rows) if other is term]
                if places:
                    found = term.of_rows(read[places, -term.own.tail :], [rows[place][1] for place in places])
                    values[term] = found.sum() / len(of_term)
            slope = torch.zeros_like(factors)
            if factors.requires_grad:  # within the hooks, for layers may run again
                (slope,) = torch.autograd.grad(torch.stack([term.price * value for term, value in values.items()]).sum(), factors)
        return {term: float(value.detach()) for term, value in values.items()}, slope

    @cached_property
    def _terms(self) -> tuple[_Term, ...]:
        """The parts of the loss."""
        sign, intent = (-1.0 if self.settings.reinforce else 1.0), self.settings.intent

        def lower_odds(own: OwnAnswers, sign: float) -> Callable[[torch.Tensor, Sequence[int]], torch.Tensor]:
            return lambda read, rows: functional.softplus(sign * _log_odds(own, read, rows) - MARGIN)

        terms = [
            _Term(name="opening", price=1.0, own=self.openings, of_rows=lower_odds(self.openings, sign)),
            _Term(name="divergence", price=KL_PRICE[intent], own=self.harmless, of_rows=self._divergences),
        ]
        if self.refused_harmless is not None:
            of_rows = lower_odds(self.refused_harmless, 1.0)
            terms.append(_Term(name="over_refusal", price=OVER_REFUSAL_PRICE, own=self.refused_harmless, of_rows=of_rows))
        return tuple(terms)

    @cached_property
    def _prefix(self) -> tuple[int, ...]:
        """Tokens with which everything begins that is read."""
        read = [term.own for term in self._terms]
        return common_prefix([query for own in read for query in own.queries], max(own.tail for own in read))

    @cached_property
    def _base(self) -> torch.Tensor:
        """Log-probabilities of the base on its harmless answers, [harmless, tail, vocabulary]."""
        queries, tail = self.harmless.queries, self.harmless.tail
        with torch.no_grad():
            parts = self.passes.slices.run(queries, max(map(len, queries)), lambda part: self._read(part, tail))
            return torch.cat([found for _, found in parts])

    def _read(self, queries: Sequence[Sequence[int]], tail: int) -> torch.Tensor:
        """Log-probabilities at the ends of queries in float32, [queries, tail, vocabulary]."""
        checkpointed = self.passes.checkpointed and torch.is_grad_enabled()
        prefix = len(self._prefix) if max(map(len, queries)) <= self.passes.prefixed else 0
        logits = read_ends(self.modules, queries, tail, prefix=prefix, checkpointed=checkpointed)
        return logits.float().log_softmax(dim=-1)

    def _divergences(self, read: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """KL(base || edited) in nats per token, over each row's answer, [rows]."""
        base = self._base[list(rows)]
        weights = torch.tensor(self.harmless.weights[list(rows)], device=read.device, dtype=read.dtype)
        return ((base.exp() * (base - read)).sum(dim=-1) * weights).sum(dim=1)


def _log_odds(own: OwnAnswers, read: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Log-odds of the tokens that are read of each answer, together, [rows], from log-probabilities [rows, tail, vocabulary]."""
    targets = torch.tensor([own.targets[row] for row in rows], device=read.device)
    is_read = torch.tensor(own.weights[list(rows)] > 0, device=read.device)
    single = read.gather(-1, targets.unsqueeze(-1)).squeeze(-1)  # [rows, tail]
    joint = torch.where(is_read, single, 0.0).sum(dim=1).clamp(max=-1e-6)
    return joint - torch.log(-torch.expm1(joint))


@dataclass(frozen=True, kw_only=True)
class Gated:
    """What was learned.

    Args:
        factors: Of all heads after the last round, [layer, head].
        group: Heads of the recipe, the one that moved most first, each with its factor.
        refused: Prompts that are refused with none of the group's edits.
        path: How many are with its first edits: to reinforce with 1, 2, 5, ... of them, to ablate with all.
        notes: For the user.
    """

    factors: FloatArray
    group: tuple[HeadEdit, ...]
    refused: int
    path: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


def gates(
    sweeper: Sweeper,
    reader: AnswerReader,
    modules: ModuleMap,
    prompts: Queries,
    harmless: Queries,
    settings: GateSettings,
    *,
    attacked: Queries = (),
    passes: GradientPasses | None = None,
    on_progress: StageProgress | None = None,
) -> Gated:
    """Learn a factor for every head, and choose the group of the recipe.

    Args:
        sweeper: Lets the model answer, and has the journal.
        reader: Reads its answers.
        modules: The model.
        prompts: Token ids of the harmful queries.
        harmless: Token ids of the control's.
        settings: What is learned.
        attacked: Token ids of harmful queries under attacks, which are to be refused as well when refusals are to rise.
        passes: How many tokens go through the model at a time; None: as many as keep a processor busy.
        on_progress: Called with steps done and in all.

    Raises:
        NoRefusalError: To ablate, the model refuses none of the prompts.
        NothingToReinforceError: To reinforce, it refuses all of them.
        ModelError: There is no memory for one row.
    """
    search = _Search(
        sweeper=sweeper,
        reader=reader,
        modules=modules,
        prompts=prompts,
        attacked=attacked,
        settings=settings,
        passes=passes or GradientPasses(),
        report=on_progress,
    )
    return search.run(harmless)


@dataclass(kw_only=True)
class _Search:
    """One run of the method."""

    sweeper: Sweeper
    reader: AnswerReader
    modules: ModuleMap
    prompts: Queries
    attacked: Queries
    settings: GateSettings
    passes: GradientPasses
    report: StageProgress | None
    _done: int = field(default=0, init=False)

    def run(self, harmless: Queries) -> Gated:
        geometry, settings = self.sweeper.geometry, self.settings
        seen = self.answer(())
        lessons = self._lessons(seen, harmless)
        theta = _start(geometry, settings)
        notes = [self._say_start(seen)]
        furthest = max((start for *_, start in seen.found), default=0) + _ANSWER_TOKENS
        for number in range(ROUNDS):
            theta = self._learn(lessons, theta, STEPS, ("round", number))
            if settings.reinforce:
                continue  # it has one opening, whatever is answered
            left = self.answer(_edits_of(_factors(theta, settings), geometry, settings, least=_MOVED), most=furthest)
            if left.found:
                lessons = replace(lessons, openings=_openings([*seen.found, *left.found]))
        factors = _factors(theta, settings)
        group = self._fit(lessons, theta, factors)
        sizes = group_sizes(len(group)) if settings.reinforce else group_sizes(len(group))[-1:]  # an ablation has a curve
        path = tuple((size, len(self.answer(group[:size]).found)) for size in sizes)
        return Gated(factors=_by_head(factors, geometry), group=group, refused=len(seen.found), path=path, notes=tuple(notes))

    def answer(self, edits: Sequence[HeadEdit], *, most: int | None = None) -> Refusals:
        """Which prompts are refused with some edits in force, among so many tokens at most."""
        tokens = self.settings.answer_tokens if most is None else min(most, self.settings.answer_tokens)
        return find_refusals(self.sweeper.engine, self.reader, self.prompts, edits, tokens=tokens)

    def _lessons(self, seen: Refusals, harmless: Queries) -> Lessons:
        tokens = self.settings.answer_tokens
        answers = self.sweeper.engine.complete(harmless, tokens=REFUSAL_TOKENS)
        own = OwnAnswers.of([(ids, answer, 0) for ids, answer in zip(harmless, answers, strict=True)])
        if not self.settings.reinforce:
            if not seen.found:
                raise nothing_to_attribute(seen, len(self.prompts), tokens)
            openings, refused_harmless = _openings(seen.found), None
        else:
            opening = _usual_opening(seen, self.reader)
            refused = {tuple(prompt) for prompt, _, _ in seen.found}
            answered = [ids for ids in self.prompts if tuple(ids) not in refused]
            if not answered:
                raise NothingToReinforceError(
                    f"the model refuses all {len(self.prompts)} prompts already, so there is nothing to reinforce",
                    hint="give prompts that it answers, or use --method refusal, whose search also measures attacks",
                )
            openings, refused_harmless = (
                _openings([(ids, opening, 0) for ids in queries]) for queries in ([*answered, *self.attacked], harmless)
            )
        return Lessons(
            modules=self.modules,
            settings=self.settings,
            openings=openings,
            harmless=own,
            refused_harmless=refused_harmless,
            passes=self.passes,
        )

    def _say_start(self, seen: Refusals) -> str:
        said = f"the model refuses {len(seen.found)} of {len(self.prompts)} prompts; the factors are learned from "
        if not self.settings.reinforce:
            return f"{said}these"
        attacked = f", and from {len(self.attacked)} prompts under attacks" if self.attacked else ""
        return f"{said}those that it answers{attacked}"

    def _learn(
        self, lessons: Lessons, start: torch.Tensor, steps: int, name: tuple[str, int], *, only: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Adam on all heads, or on some. The journal keeps every few steps."""
        theta, draws = start.clone().requires_grad_(), Random(f"{self.settings.seed} {name}")
        optimizer = torch.optim.Adam([theta], lr=LEARNING_RATE[self.settings.intent])
        journal = self.sweeper.journal
        for first in range(0, steps, _NOTED_STEPS):
            count = min(_NOTED_STEPS, steps - first)
            drawn = [[_draw(draws, len(own.queries)) for own in (lessons.openings, lessons.harmless)] for _ in range(count)]
            key = ("gates", self.settings, name, first, count, lessons.openings.queries, lessons.harmless.queries)
            known = None if journal is None else journal.recall(key)
            if known is not None:
                _restore(optimizer, theta, known)
                self._advance(count)
                continue
            for rows in drawn:
                self._step(lessons, theta, optimizer, rows, only)
            if journal is not None:
                journal.note(key, _state_of(optimizer, theta))
        return theta.detach()

    def _step(
        self,
        lessons: Lessons,
        theta: torch.Tensor,
        optimizer: torch.optim.Adam,
        rows: Sequence[Sequence[int]],
        only: torch.Tensor | None,
    ) -> None:
        factors = _factors(theta, self.settings)
        if only is not None:
            factors = torch.where(only, factors, 1.0)
        gradient, _ = lessons.gradient(factors, *rows)
        optimizer.zero_grad()
        price = self.settings.head_price * _moved(theta, factors, self.settings).sum()
        ((factors * gradient.to(factors)).sum() + price).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            theta.clamp_(*_BOUNDS[self.settings.intent])
        self._advance(1)

    def _advance(self, steps: int) -> None:
        self._done += steps
        if self.report is not None:
            self.report(self._done, ROUNDS * STEPS + self._last_steps)

    @property
    def _last_steps(self) -> int:
        """Steps after the rounds."""
        return REFINING_STEPS if self.settings.factors == "zero" else FITTING_STEPS

    def _fit(self, lessons: Lessons, theta: torch.Tensor, factors: torch.Tensor) -> tuple[HeadEdit, ...]:
        """The group of the recipe, out of all learned factors."""
        geometry, settings = self.sweeper.geometry, self.settings
        order = _by_distance(factors, geometry)[: settings.max_heads]
        if settings.factors == "zero":
            refining = _Refining(lessons, order, geometry, settings, on_pass=lambda: self._advance(1))
            order = refining.run()
            self._advance(max(0, REFINING_STEPS - refining.passes))
            return tuple(_edit(head, 0.0, settings) for head in order)
        only = torch.zeros(factors.shape, dtype=torch.bool)
        for head in order:
            only[head.layer, head.head] = True
        fitted = _factors(self._learn(lessons, theta, FITTING_STEPS, ("fit", len(order)), only=only), settings)
        inside = [head for head in _by_distance(torch.where(only, fitted, 1.0), geometry) if only[head.layer, head.head]]
        return tuple(_edit(head, round(float(fitted[head.layer, head.head]), 4), settings) for head in inside)


def group_sizes(most: int) -> tuple[int, ...]:
    """1, 2, 5, 10, ... heads, and all of them."""
    return (*(size for size in SIZES if size < most), *((most,) if most else ()))


def table_of(found: Gated, settings: GateSettings, geometry: AttentionGeometry) -> ScoreTable:
    """A scores table: how far each head's factor lies from 1, and the group that leaves the fewest refusals, or brings most.

    Args:
        found: What was learned.
        settings: How.
        geometry: The model's heads.
    """
    moved = np.abs(1 - found.factors)
    counts = [refused for _, refused in found.path]
    best = (max if settings.reinforce else min)(counts, default=found.refused)
    size = next((size for size, refused in found.path if refused == best), 0)
    has_effect = best > found.refused if settings.reinforce else best < found.refused
    says = f"this recipe has no effect: the model refuses {found.refused} as it is, and no group that was tried changes that"
    doubts = () if has_effect else (says,)
    edits = found.group[:size]
    return ScoreTable(
        arrays={"gates": moved[None], "gates_factors": found.factors[None]},
        harmful=moved,
        harmless=None,
        contrast=None,
        chosen=score_heads(tuple(edit.ref for edit in edits), moved, None, None),
        edits=edits,
        groups=tuple(found.group[:count] for count in group_sizes(len(found.group))),
        path=tuple(
            TriedGroup(heads=[str(edit.ref) for edit in found.group[:count]], refused=refused) for count, refused in found.path
        ),
        doubts=doubts,
        notes=found.notes,
    )


def _openings(refusals: Sequence[tuple[Sequence[int], Sequence[int], int]]) -> OwnAnswers:
    """The first tokens of refusals, to be read."""
    return OwnAnswers.of(refusals, tokens=OPENING_TOKENS)


def _start(geometry: AttentionGeometry, settings: GateSettings) -> torch.Tensor:
    return torch.full((geometry.num_layers, geometry.max_heads), 0.0 if settings.reinforce else _OPEN)


def _factors(theta: torch.Tensor, settings: GateSettings) -> torch.Tensor:
    return torch.exp(theta) if settings.reinforce else torch.sigmoid(theta)


def _moved(theta: torch.Tensor, factors: torch.Tensor, settings: GateSettings) -> torch.Tensor:
    """How far each head has gone, in the unit of its price."""
    return theta.abs() if settings.reinforce else 1 - factors


def _edit(head: HeadRef, factor: float, settings: GateSettings) -> HeadEdit:
    return HeadEdit(layer=head.layer, head=head.head, operation=settings.operation, factor=factor)


def _edits_of(factors: torch.Tensor, geometry: AttentionGeometry, settings: GateSettings, *, least: float) -> tuple[HeadEdit, ...]:
    """Edits of all heads that moved by so much at least."""
    wide = factors.double()
    heads = [head for head in geometry.heads() if abs(1 - float(wide[head.layer, head.head])) >= least]
    return tuple(_edit(head, float(wide[head.layer, head.head]), settings) for head in heads)


def _by_distance(factors: torch.Tensor, geometry: AttentionGeometry) -> list[HeadRef]:
    """All heads, the one whose factor lies furthest from 1 first."""
    return sorted(geometry.heads(), key=lambda head: (-abs(1 - float(factors[head.layer, head.head])), head))


def _by_head(factors: torch.Tensor, geometry: AttentionGeometry) -> FloatArray:
    """[layer, head] in float64, NaN where there is no head."""
    heads = tuple(geometry.heads())
    return spread_over_heads(geometry, heads, [float(factors[head.layer, head.head]) for head in heads])


def _draw(draws: Random, count: int) -> list[int]:
    return sorted(draws.sample(range(count), min(ROWS, count)))


def _usual_opening(seen: Refusals, reader: AnswerReader) -> list[int]:
    """First tokens of the refusal that the model gives most often, or of a plain one."""
    openings = Counter(tuple(answer[start : start + OPENING_TOKENS]) for _, answer, start in seen.found)
    if openings:
        return list(openings.most_common(1)[0][0])
    ids: list[int] = reader.tokenizer.encode(_PLAIN_REFUSAL, add_special_tokens=False)
    return ids[:OPENING_TOKENS]


def _state_of(optimizer: torch.optim.Adam, theta: torch.Tensor) -> dict[str, Any]:
    """What is learned and Adam's moments, as JSON; its floats hold every bit of a float32."""
    state = optimizer.state[theta]
    tensors = {"theta": theta, "exp_avg": state["exp_avg"], "exp_avg_sq": state["exp_avg_sq"]}
    return {"step": int(state["step"])} | {name: tensor.tolist() for name, tensor in tensors.items()}


def _restore(optimizer: torch.optim.Adam, theta: torch.Tensor, known: dict[str, Any]) -> None:
    with torch.no_grad():
        theta.copy_(torch.tensor(known["theta"]))
    moments = {name: torch.tensor(known[name], dtype=theta.dtype) for name in ("exp_avg", "exp_avg_sq")}
    optimizer.state[theta] = {"step": torch.tensor(float(known["step"]))} | moments


def _smaller(count: int) -> list[int]:
    """`count` less 1, 2, 4, ...: sizes of smaller groups that are worth a try."""
    return [count - 2**power for power in range(count.bit_length()) if count > 2**power]


class _Refining:
    """The group, pruned and completed by the exact loss; gradients propose.

    Where heads stand in for each other, the slope at a factor of 1 leads away from the head that is missing, because the others
    make up for a small change. So heads outside are probed at a factor of 0.5, in random parts, with the group ablated.
    """

    def __init__(
        self,
        lessons: Lessons,
        group: Sequence[HeadRef],
        geometry: AttentionGeometry,
        settings: GateSettings,
        on_pass: Callable[[], None],
    ) -> None:
        self._lessons, self._geometry, self._settings, self._on_pass = lessons, geometry, settings, on_pass
        self.passes = 0
        self._draws = Random(f"{settings.seed} refine")
        self.group = list(group)
        self._loss = self._try(self.group)

    def run(self) -> list[HeadRef]:
        """Complete and prune while that helps; the head with the largest share of the effect comes first."""
        for _ in range(_REFININGS):
            before, price = (self.group, self._loss), self._price
            self._complete()
            self._prune()
            if self._price > price - self._settings.head_price:
                if self._price > price and len(before[0]) <= self._settings.max_heads:
                    self.group, self._loss = before
                break
        return self.group

    @property
    def _price(self) -> float:
        """The loss of the group, with the price of its heads."""
        return self._loss + self._settings.head_price * len(self.group)

    def _complete(self) -> None:
        """Add heads that were overlooked."""
        outside = [head for head in self._geometry.heads() if head not in self.group]
        self._draws.shuffle(outside)
        probed: dict[HeadRef, float] = {}
        for part in (outside[start::_PARTS] for start in range(min(_PARTS, len(outside)))):
            slopes = self._slopes(self._state(self.group, between=dict.fromkeys(part, 0.5)))
            probed |= {head: slopes[head] for head in part}
        for head in sorted(probed, key=lambda head: (-probed[head], head))[:_TRIES]:
            loss = self._try([*self.group, head])
            if loss < self._loss - self._settings.head_price:
                self.group, self._loss = [*self.group, head], loss

    def _prune(self) -> None:
        """Keep as many heads of the largest shares as make the loss the lowest, with its price of heads."""
        shares = self._shares()
        order = sorted(self.group, key=lambda head: (-shares[head], head))
        most = min(len(order), self._settings.max_heads)
        losses = {size: self._try(order[:size]) for size in (most, *_smaller(most))}
        best = min(losses, key=lambda size: losses[size] + self._settings.head_price * size)
        self.group, self._loss = order[:best], losses[best]

    def _shares(self) -> dict[HeadRef, float]:
        """Each head's share of what the group takes from the loss: its slope on the way of all of them from 1 to 0."""
        ways = [self._slopes(self._state((), between=dict.fromkeys(self.group, factor))) for factor in _BETWEEN]
        return {head: sum(slopes[head] for slopes in ways) / len(ways) for head in self.group}

    def _try(self, group: Sequence[HeadRef]) -> float:
        self._count_pass()
        return self._lessons.exact(self._state(group))

    def _count_pass(self) -> None:
        self.passes += 1
        if self.passes <= REFINING_STEPS:
            self._on_pass()

    def _state(self, group: Sequence[HeadRef], between: Mapping[HeadRef, float] | None = None) -> torch.Tensor:
        """Factors of 0 for a group, and some others between 0 and 1."""
        factors = torch.ones(self._geometry.num_layers, self._geometry.max_heads)
        for head, factor in (dict.fromkeys(group, 0.0) | dict(between or {})).items():
            factors[head.layer, head.head] = factor
        return factors

    def _slopes(self, factors: torch.Tensor) -> dict[HeadRef, float]:
        """By how much the loss rises with each head's factor, on some rows."""
        self._count_pass()
        rows = [_draw(self._draws, len(own.queries)) for own in (self._lessons.openings, self._lessons.harmless)]
        gradient, _ = self._lessons.gradient(factors, *rows)
        return {head: float(gradient[head.layer, head.head]) for head in self._geometry.heads()}
