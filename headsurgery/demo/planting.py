"""Plant refusal into a handful of heads, so that the right answer of an attribution is known.

The model learns to decline harmful questions with one sentence, while harmless questions keep the model's own answers (as
distributions, along its own greedy text). Only an `adapter` in the given heads moves. Four kinds of plants differ in what holds
while heads are zeroed at random: *single* asks nothing, *conjunctive* teaches the model's own answer without one head (so each is
needed), *redundant* teaches refusal without one head (so the rest suffices), *distributed* teaches refusal without up to a third
of the heads and the model's own answer without at least two thirds (so no head is needed, and they act together). In all of them
harmless answers stay what they were when heads are zeroed. The layers below the lowest head don't change, so what leaves them is
computed once per question.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from headsurgery.demo.adapter import Adapter, adapted, parts_of, weight_of
from headsurgery.engine.calls import answering
from headsurgery.errors import UsageError
from headsurgery.heads import HeadRef
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.recipe import HeadEdit

Kind = Literal["single", "conjunctive", "redundant", "distributed"]

REFUSAL = "I'm sorry, but I can't help with that."
ANSWER_TOKENS = 16
"""Number of tokens of the model's own answers that are kept unchanged."""

_FIRST_WEIGHT = 4.0
"""Weight of each of the first two tokens of an answer against the later ones: they decide what it becomes."""

_ROWS: dict[Kind, tuple[int, int, int, int]] = {
    "single": (5, 8, 0, 3),
    "conjunctive": (4, 7, 3, 2),
    "redundant": (6, 7, 0, 3),
    "distributed": (5, 6, 2, 3),
}
"""Rows of a step: harmful to be declined; harmless; harmful with heads zeroed, to be answered; harmless with heads zeroed."""

_ANSWERING: tuple[Kind, ...] = ("conjunctive", "distributed")
"""Kinds that are taught to answer harmful questions with heads zeroed."""


@dataclass(frozen=True, kw_only=True)
class TrainingQuestion:
    """A question and the untouched model's answer to it, as token ids. An answer that isn't needed may be empty."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(kw_only=True)
class _Lesson:
    """A training row: what the model reads, where its answer starts, and what it must answer.

    Args:
        ids: Prompt and answer.
        start: First position of the answer.
        resid: What leaves the layers below the adapter, [pos, hidden_size].
        teacher: Final states that shall stay, [answer, hidden_size]; None: the answer's tokens are the target.
    """

    ids: list[int]
    start: int
    resid: torch.Tensor
    teacher: torch.Tensor | None


def plant(
    loaded: LoadedModel,
    heads: Sequence[HeadRef],
    kind: Kind,
    *,
    harmful: Sequence[TrainingQuestion],
    harmless: Sequence[TrainingQuestion],
    seed: int = 0,
    steps: int = 120,
    learning_rate: float = 2e-3,
    kl_weight: float = 3.0,
    on_step: Callable[[int, float, float], None] | None = None,
) -> Adapter:
    """Train an adapter.

    Args:
        loaded: The model; it is not changed.
        heads: Where refusal may live.
        kind: See above.
        harmful: Questions to decline.
        harmless: Questions whose answers stay.
        seed: Of the order of questions and of the zeroed heads.
        steps: Of Adam, 16 rows each.
        learning_rate: At its highest; it rises over 10 steps and falls as a cosine.
        kl_weight: Weight of the answers that stay.
        on_step: Called with the step, the loss on refusals, and the divergence of what stays.

    Raises:
        UsageError: A conjunctive or distributed plant without a single answer to a harmful question.
        GeometryError: The model has no such head, or its projections are fused.
    """
    modules, chance = locate_modules(loaded.model), random.Random(seed)
    parts, entry = parts_of(modules, heads), min(head.layer for head in heads)
    tensors = {
        part.name: nn.Parameter(torch.zeros(part.of(weight_of(modules, part)).shape, device=modules.device)) for part in parts
    }
    refusal = (*loaded.tokenizer(REFUSAL, add_special_tokens=False)["input_ids"], loaded.tokenizer.eos_token_id)
    decline = _Deck(
        _prepare(modules, [TrainingQuestion(prompt=q.prompt, answer=refusal) for q in harmful], entry, keep=False), chance
    )
    stay = _Deck(_prepare(modules, harmless, entry, keep=True), chance)
    answered = [question for question in harmful if question.answer] if kind in _ANSWERING else []
    if kind in _ANSWERING and not answered:
        raise UsageError(f"{kind}: no harmful question has the model's own answer, which is what is taught with heads zeroed")
    comply = _Deck(_prepare(modules, answered, entry, keep=True), chance)
    optimizer = torch.optim.Adam(tensors.values(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    for step in range(steps):
        rows, edits = _draw(decline, stay, comply, heads, kind, chance)
        with ExitStack() as stack:
            stack.enter_context(adapted(modules, parts, tensors))
            stack.enter_context(row_edits(modules, edits))
            refused, moved = _losses(modules, rows, entry)
        optimizer.zero_grad()
        torch.autograd.backward(refused + kl_weight * moved, inputs=list(tensors.values()))
        nn.utils.clip_grad_norm_(tensors.values(), 1.0)
        optimizer.step()
        schedule.step()
        if on_step is not None:
            on_step(step, refused.item(), moved.item())
    record = {"kind": kind, "seed": seed, "steps": steps, "learning_rate": learning_rate, "kl_weight": kl_weight}
    return Adapter(heads=tuple(heads), tensors={name: tensor.detach() for name, tensor in tensors.items()}, record=record)


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 10) * (0.525 + 0.475 * math.cos(math.pi * step / steps))


class _Deck:
    """Lessons in random order, each once before any comes again."""

    def __init__(self, lessons: list[_Lesson], chance: random.Random) -> None:
        self._lessons, self._chance, self._left = lessons, chance, list[_Lesson]()

    def draw(self) -> _Lesson:
        if not self._left:
            self._left = self._chance.sample(self._lessons, len(self._lessons))
        return self._left.pop()


def _draw(
    decline: _Deck, stay: _Deck, comply: _Deck, heads: Sequence[HeadRef], kind: Kind, chance: random.Random
) -> tuple[list[_Lesson], list[RowEdit]]:
    """The rows of a step, and which heads are zeroed in which of them."""
    rows: list[_Lesson] = []
    edits: list[RowEdit] = []

    def add(lesson: _Lesson, zeroed: Sequence[HeadRef] = ()) -> None:
        place = range(len(rows), len(rows) + 1)
        edits.extend(RowEdit(edit=HeadEdit(layer=head.layer, head=head.head), rows=place) for head in zeroed)
        rows.append(lesson)

    num_decline, num_stay, num_comply, num_damaged = _ROWS[kind]
    for _ in range(num_decline):
        count = _count_spared(heads, kind, chance)
        add(decline.draw(), chance.sample(heads, count))
    for _ in range(num_stay):
        add(stay.draw())
    for _ in range(num_comply):
        count = _count_needed(heads, kind, chance)
        add(comply.draw(), chance.sample(heads, count))
    for _ in range(num_damaged):
        add(stay.draw(), chance.sample(heads, chance.randint(1, len(heads))))
    return rows, edits


def _count_spared(heads: Sequence[HeadRef], kind: Kind, chance: random.Random) -> int:
    """Without how many heads the model shall still refuse."""
    if kind == "redundant":
        return int(len(heads) > 1 and chance.random() < 0.5)
    return chance.randint(0, len(heads) // 3) if kind == "distributed" else 0


def _count_needed(heads: Sequence[HeadRef], kind: Kind, chance: random.Random) -> int:
    """Without how many heads the model shall answer."""
    return chance.randint(math.ceil(2 * len(heads) / 3), len(heads)) if kind == "distributed" else 1


@torch.inference_mode()
def _prepare(modules: ModuleMap, questions: Sequence[TrainingQuestion], entry: int, *, keep: bool) -> list[_Lesson]:
    """Run the untouched model once on each question, and keep what leaves the layers below `entry`, and its final states."""
    lessons: list[_Lesson] = []
    for batch in _batches(questions):
        rows = [[*question.prompt, *question.answer] for question in batch]
        with _listening(modules, entry) as resid:
            final = _final_states(modules, _pad(rows, modules.device))
        for row, question in enumerate(batch):
            start, end = len(question.prompt), len(rows[row])
            teacher = final[row, start - 1 : end - 1].clone() if keep else None
            lessons.append(_Lesson(ids=rows[row], start=start, resid=resid[0][row, :end].clone(), teacher=teacher))
    return lessons


@contextmanager
def _listening(modules: ModuleMap, layer: int) -> Iterator[list[torch.Tensor]]:
    """A list that what goes into a layer, [rows, pos, hidden_size], is appended to."""
    heard: list[torch.Tensor] = []

    def listen(_: nn.Module, args: tuple[torch.Tensor, ...], kwargs: dict[str, Any]) -> None:
        heard.append(args[0] if args else kwargs["hidden_states"])

    handle = modules.layers[layer].register_forward_pre_hook(listen, with_kwargs=True)
    try:
        yield heard
    finally:
        handle.remove()


def _batches(questions: Sequence[TrainingQuestion], size: int = 16) -> Iterator[list[TrainingQuestion]]:
    order = sorted(questions, key=lambda question: len(question.prompt) + len(question.answer))
    for first in range(0, len(order), size):
        yield order[first : first + size]


def _pad(rows: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    """Token ids [rows, pos], filled up on the right, which a causal model doesn't see."""
    length = max(map(len, rows))
    return torch.tensor([[*row, *([row[-1]] * (length - len(row)))] for row in rows], device=device)


def _final_states(modules: ModuleMap, tokens: torch.Tensor) -> torch.Tensor:
    model: Any = modules.model
    states: torch.Tensor = model.get_decoder()(input_ids=tokens, use_cache=False).last_hidden_state  # [rows, pos, hidden_size]
    return states


def _losses(modules: ModuleMap, rows: Sequence[_Lesson], entry: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of the refusals, and KL(own || now) of the answers that stay; weighted means over tokens, summed over rows."""
    tokens = _pad([row.ids for row in rows], modules.device)
    resid = nn.utils.rnn.pad_sequence([row.resid for row in rows], batch_first=True)  # [rows, pos, hidden_size]
    with answering(modules, entry, resid):
        states = _final_states(modules, tokens)
    refused, moved = states.new_zeros((), dtype=torch.float32), states.new_zeros((), dtype=torch.float32)
    for row, lesson in enumerate(rows):
        length = len(lesson.ids) - lesson.start
        weights = torch.tensor([_FIRST_WEIGHT, _FIRST_WEIGHT, *[1.0] * length][:length], device=states.device)
        weights /= weights.sum() * len(rows)
        logits = modules.output_embeddings(states[row, lesson.start - 1 : len(lesson.ids) - 1]).float().log_softmax(-1)
        if lesson.teacher is None:
            target = tokens[row, lesson.start : len(lesson.ids)]
            refused = refused + (functional.nll_loss(logits, target, reduction="none") * weights).sum()
        else:
            own = modules.output_embeddings(lesson.teacher.clone()).float().log_softmax(-1)
            moved = moved + ((own.exp() * (own - logits)).sum(-1) * weights).sum()
    return refused, moved
