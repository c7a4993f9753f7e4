"""The engine: final states of the model with each of many heads edited, one after the other, for every query.

Queries of one length go together; the heads of one layer are stacked with them along the batch, each row with its own head edited
by a hook, and enter the model at their layer (`reentry`). Short queries of nearly one length are padded on the right, which a
causal model doesn't see, where a forward would otherwise be too small for the hardware. Results depend on batch size, order and
padding by float rounding only: about 1e-6 of a state's norm in float32, 1e-2 in bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import torch

from headsurgery.architectures import Operation
from headsurgery.errors import ModelError
from headsurgery.heads import HeadRef
from headsurgery.model.hooks import RowEdit
from headsurgery.model.memory import is_out_of_memory
from headsurgery.model.modules import ModuleMap
from headsurgery.model.reentry import Batch, Captured, capture, reenter
from headsurgery.model.shortcuts import Shortcuts, find_shortcuts
from headsurgery.recipe import HeadEdit

_MAX_TOKENS, _MAX_TOKENS_GPU = 2048, 16384
"""Tokens per forward at most, with batch size `auto`."""

_FULL_TOKENS, _FULL_TOKENS_GPU = 512, 4096
"""Tokens per forward from which the hardware is busy, so that padding would not pay."""

_MAX_PADDING = 1.25
"""Longest to shortest query in one batch."""

Progress = Callable[[int, int], None]
"""Called with (head, query) pairs done and in all."""


@dataclass(frozen=True, kw_only=True)
class SweepBlock:
    """Final states for some heads of one layer and some queries.

    Args:
        heads: Edited one at a time.
        queries: Positions in the sweeper's list.
        states: [heads, queries * tail, hidden_size], after the final norm, at each query's last `tail` positions.
        logits: [heads, queries * tail, vocabulary], or None.
        base_states: The same without the head's edit (but with the group's), [queries * tail, hidden_size].
        base_logits: [queries * tail, vocabulary], or None.
    """

    heads: tuple[HeadRef, ...]
    queries: tuple[int, ...]
    states: torch.Tensor
    logits: torch.Tensor | None
    base_states: torch.Tensor
    base_logits: torch.Tensor | None


class Sweeper:
    """Sweeps heads of one model over one list of queries.

    Args:
        modules: A causal language model, in evaluation mode.
        queries: Token ids of each query, at least `tail` tokens each.
        tail: How many positions of a query are read, up to its last.
        batch_size: Rows (head, query) per forward; `auto`: about 2,048 tokens on a CPU, 16,384 on a GPU.
        shortcuts: What the model is known to let out; None: tried here.
    """

    def __init__(
        self,
        modules: ModuleMap,
        queries: Sequence[Sequence[int]],
        *,
        tail: int = 1,
        batch_size: int | str = "auto",
        shortcuts: Shortcuts | None = None,
    ) -> None:
        self.modules = modules
        self.tail = tail
        self.queries = [tuple(query) for query in queries]
        self._device = modules.device
        self._batch_size = batch_size
        is_cpu = self._device.type == "cpu"
        self._max_tokens = _MAX_TOKENS if is_cpu else _MAX_TOKENS_GPU
        self._full_tokens = _FULL_TOKENS if is_cpu else _FULL_TOKENS_GPU
        self.shortcuts = shortcuts or find_shortcuts(modules, max(self.queries, key=len))

    def sweep(
        self,
        heads: Sequence[HeadRef],
        *,
        operation: Operation,
        factor: float,
        group: Sequence[HeadEdit] = (),
        want_logits: bool = False,
        on_progress: Progress | None = None,
    ) -> Iterator[SweepBlock]:
        """Edit each head on top of a group, one at a time.

        Args:
            heads: Heads outside the group.
            operation: The edit.
            factor: Its factor.
            group: Edits in force throughout.
            want_logits: Compute logits, too.
            on_progress: Called after every block.

        Yields:
            Blocks that together hold every (head, query) pair once.
        """
        done, total = 0, len(heads) * len(self.queries)
        run = _Run(group=tuple(RowEdit(edit=edit) for edit in group), want_logits=want_logits)
        edits = [HeadEdit(layer=head.layer, head=head.head, operation=operation, factor=factor) for head in sorted(heads)]
        for queries in self._query_chunks():
            for block in self._chunk(run, queries, edits):
                done += len(block.heads) * len(block.queries)
                yield block
                if on_progress is not None:
                    on_progress(done, total)

    def _max_rows(self, length: int) -> int:
        if isinstance(self._batch_size, int):
            return self._batch_size
        return max(1, self._max_tokens // length)

    def _query_chunks(self) -> Iterator[tuple[int, ...]]:
        """Queries that share forwards: of one length, or nearly so while their forwards are small; not more than one may hold."""
        order = sorted(range(len(self.queries)), key=lambda query: (len(self.queries[query]), query))
        heads = self.modules.geometry.max_heads
        chunk: list[int] = []
        for query in order:
            length = len(self.queries[query])
            shortest = len(self.queries[chunk[0]]) if chunk else length
            is_small = heads * len(chunk) * shortest < self._full_tokens and isinstance(self._batch_size, str)
            may_pad = self.shortcuts.pad and is_small and length <= _MAX_PADDING * shortest
            if chunk and (len(chunk) >= self._max_rows(length) or (length != len(self.queries[chunk[-1]]) and not may_pad)):
                yield tuple(chunk)
                chunk = []
            chunk.append(query)
        yield tuple(chunk)

    def _chunk(self, run: _Run, queries: tuple[int, ...], edits: list[HeadEdit]) -> Iterator[SweepBlock]:
        """All edits on queries that share forwards; on fewer at a time where memory runs out."""
        batch = Batch.of([self.queries[query] for query in queries], self._device, tail=self.tail)
        try:
            captured = capture(self.modules, batch, edits=run.group, want_logits=run.want_logits, trim=self.shortcuts.trim)
        except RuntimeError as error:
            for half in _halves(queries, error):
                yield from self._chunk(run, half, edits)
            return
        step = max(1, self._max_rows(batch.tokens.shape[1]) // len(queries))
        for _, per_layer in groupby(edits, key=lambda edit: edit.layer):
            of_layer = tuple(per_layer)
            for first in range(0, len(of_layer), step):
                yield from self._blocks(run, captured, queries, of_layer[first : first + step])

    def _blocks(self, run: _Run, captured: Captured, queries: tuple[int, ...], edits: tuple[HeadEdit, ...]) -> Iterator[SweepBlock]:
        """One block of one layer's edits; several smaller ones where memory runs out."""
        try:
            block = self._block(run, captured, queries, edits)
        except RuntimeError as error:
            if len(edits) == 1 and len(queries) > 1 and is_out_of_memory(error):
                for half in _halves(queries, error):
                    yield from self._chunk(run, half, list(edits))
                return
            for part in _halves(edits, error):
                yield from self._blocks(run, captured, queries, part)
            return
        yield block

    def _block(self, run: _Run, captured: Captured, queries: tuple[int, ...], edits: tuple[HeadEdit, ...]) -> SweepBlock:
        rows = len(queries)
        layer = edits[0].layer
        final = reenter(
            self.modules,
            captured,
            entry=self.shortcuts.entries[layer],
            copies=len(edits),
            edits=[RowEdit(edit=edit, rows=range(copy * rows, (copy + 1) * rows)) for copy, edit in enumerate(edits)],
            edited_layer=layer,
            want_logits=run.want_logits,
        )
        if not bool(torch.isfinite(final.states).all() and torch.isfinite(captured.final.states).all()):
            dtype = str(final.states.dtype).removeprefix("torch.")
            raise ModelError(
                f"layer {layer}: final states are not finite in {dtype}, for queries out of {list(queries)}",
                hint="use --dtype float32 or bfloat16",
            )
        return SweepBlock(
            heads=tuple(edit.ref for edit in edits),
            queries=queries,
            states=final.states.view(len(edits), rows * self.tail, -1),
            logits=None if final.logits is None else final.logits.view(len(edits), rows * self.tail, -1),
            base_states=captured.final.states,
            base_logits=captured.final.logits,
        )


def share_progress(parts: Sequence[int], on_progress: Progress | None) -> list[Progress | None]:
    """One callback per part of a longer run, which together report on the whole.

    Args:
        parts: Pairs in each part, in the order in which they run.
        on_progress: The callback of the whole.
    """
    if on_progress is None:
        return [None] * len(parts)
    total = sum(parts)

    def report(start: int) -> Progress:
        return lambda done, _: on_progress(start + done, total)

    return [report(sum(parts[:position])) for position in range(len(parts))]


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What all blocks of one sweep have in common."""

    group: tuple[RowEdit, ...]
    want_logits: bool


Part = TypeVar("Part")


def _halves(parts: tuple[Part, ...], error: Exception) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Two halves to try instead, after a lack of memory; any other error goes on its way."""
    if not is_out_of_memory(error):
        raise error
    if len(parts) == 1:
        raise ModelError("out of memory with a single head and query per forward", hint="use a smaller --dtype or model") from error
    return parts[: len(parts) // 2], parts[len(parts) // 2 :]
