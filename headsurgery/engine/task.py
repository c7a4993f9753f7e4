"""The input and the output of an engine, as plain values.

A task ablates each of its heads on each of its queries, one at a time, and measures the model's output. Its blocks contain every
(head, query) pair once. Neighbours: `plan` cuts blocks, engines run them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, TypeVar

import torch

from headsurgery.edits.operations import OperationName
from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import ModelFacts
from headsurgery.recipe import HeadEdit

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Finals:
    """The model's output for some heads and some queries, at the last `tail` positions of each query.

    Args:
        queries: Positions in the task's list.
        states: After the final norm with each head edited, [heads, queries, tail, hidden_size].
        logits: [heads, queries, tail, vocabulary], or None if the measure needs none.
        base_states: Without the head's edit but with the group's edits, [queries, tail, hidden_size].
        base_logits: [queries, tail, vocabulary], or None.
    """

    queries: tuple[int, ...]
    states: torch.Tensor
    logits: torch.Tensor | None
    base_states: torch.Tensor
    base_logits: torch.Tensor | None


class Measure(Protocol):
    """What is stored of the final states."""

    @property
    def wants_logits(self) -> bool:
        """Whether logits must be computed."""

    def of_heads(self, finals: Finals) -> torch.Tensor:
        """[heads, queries, ...]."""

    def of_base(self, finals: Finals) -> torch.Tensor | None:
        """[queries, ...]; None if nothing is stored of the base."""

    def stored_bytes(self, hidden_size: int, itemsize: int) -> int:
        """Bytes stored for one head, query and position, in a model with this width and size of an element."""


@dataclass(frozen=True, kw_only=True)
class SweepTask:
    """Heads to edit one at a time, and what to measure.

    Args:
        queries: Token ids of each query, at least `tail` tokens each.
        heads: The heads, sorted; none of them in `group`.
        operation: The operation of each edit.
        factor: The factor of each edit.
        measure: What is stored.
        group: Edits in force throughout.
        tail: How many positions of a query are read, counted from its end.
    """

    queries: tuple[tuple[int, ...], ...]
    heads: tuple[HeadRef, ...]
    operation: OperationName
    factor: float
    measure: Measure
    group: tuple[HeadEdit, ...] = ()
    tail: int = 1

    @property
    def changed(self) -> int | None:
        """Last positions of each query at which heads are edited; all before them is the same for all heads. None: everywhere."""
        return None

    def edit(self, head: HeadRef) -> HeadEdit:
        """The edit of one head."""
        return HeadEdit(layer=head.layer, head=head.head, operation=self.operation, factor=self.factor)

    def interchanging(self, partners: Sequence[Sequence[int]], swapped: int) -> InterchangeTask:
        """The same with heads interchanged in place of edited; see `InterchangeTask`."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return InterchangeTask(**own, partners=tuple(map(tuple, partners)), swapped=swapped)


@dataclass(frozen=True, kw_only=True)
class InterchangeTask(SweepTask):
    """Heads that, one at a time, put out at the last positions what they put out for another prompt.

    The other prompt's z takes the place of the head's own. An edit only says which head is meant; its operation and factor do
    nothing. Neighbour: `partners` computes the other z.

    Args:
        partners: For each query, the token ids of the other prompt.
        swapped: The last so many positions, which every query and every partner has.
    """

    partners: tuple[tuple[int, ...], ...]
    swapped: int

    @property
    def changed(self) -> int:
        """Those that are swapped."""
        return self.swapped


@dataclass(frozen=True, kw_only=True)
class Block:
    """A part of a task: all pairs of some heads with some queries.

    Args:
        heads: Positions in the task's heads.
        queries: Positions in the task's queries.
    """

    heads: tuple[int, ...]
    queries: tuple[int, ...]

    @property
    def num_pairs(self) -> int:
        """Number of (head, query) pairs."""
        return len(self.heads) * len(self.queries)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The results of a block.

    Args:
        block: The block.
        heads: [heads, queries, ...], on the CPU.
        base: [queries, ...] on the CPU; None if the measure stores none.
    """

    block: Block
    heads: torch.Tensor
    base: torch.Tensor | None


class Engine(Protocol):
    """Runs blocks of tasks on a model, in this process or elsewhere."""

    @property
    def facts(self) -> ModelFacts:
        """Facts about the model."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user about speed, available after the first task."""

    def complete(self, questions: Sequence[Sequence[int]], *, tokens: int, edits: Sequence[HeadEdit] = ()) -> list[list[int]]:
        """Greedy answers as token ids; see `complete_greedily`."""

    def on_model(self, measure: Callable[[LoadedModel], Found]) -> Found:
        """What a function returns for the loaded model. It is called where the model is.

        Args:
            measure: A module's function, or a `partial` of one, so that it can be sent to a worker.
        """

    def plan(self, task: SweepTask) -> tuple[Block, ...]:
        """Cut a task into blocks."""

    def run(self, task: SweepTask, blocks: Sequence[Block], on_pairs: Callable[[int], None] | None = None) -> Iterator[Measured]:
        """Run blocks, in any order. `on_pairs` is called with the approximate number of pairs that are done in running blocks."""
