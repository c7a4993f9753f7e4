"""Variant batches: the rows of one block that have the same length, and how they advance by one layer.

A batch holds the states of every variant on its queries (variant 0 is the untouched base, variant i has the i-th head edited), as
rows variant * queries + query. A variant joins at the layer of its head, with the base's states. Below that layer it equals the
base, so nothing is computed. A shared prefix is a separate batch that runs first; its keys and values of a layer are put before
those of the queries. If heads are edited only at some last positions, the positions before these are such a batch, too, which holds
only the base. Rows run in slices that use the hardware fully. If memory runs out, a slice is halved and tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from headsurgery.engine.calls import Calls
from headsurgery.engine.partners import PartnerOutputs
from headsurgery.engine.slices import Slices
from headsurgery.model.hooks import EditSwitch, RowEdit, row_edits
from headsurgery.model.modules import ModuleMap
from headsurgery.recipe import HeadEdit

Keys = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of a batch at one layer, [variants, kv_heads, pos, head_dim] each; one pair per update of the cache."""


class _KeyRecorder:
    """Replaces a cache and records what a layer would store."""

    def __init__(self) -> None:
        self.updates: Keys = []

    def update(self, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.updates.append((keys, values))
        return keys, values


class _KeyReplayer:
    """Replaces a cache. It puts each row's prefix before what a layer would store, and stores nothing."""

    def __init__(self, prefix: Keys, owners: torch.Tensor) -> None:
        self._prefix = iter(prefix)
        self._owners = owners  # [rows], which of the prefix's keys and values are each row's

    def update(self, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        before = next(self._prefix)
        return self._join(before[0], keys), self._join(before[1], values)

    def _join(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """[rows, kv_heads, prefix + pos, head_dim]."""
        length = before.shape[2]
        joined = after.new_empty(*after.shape[:2], length + after.shape[2], after.shape[3])
        joined[:, :, :length] = before[self._owners.to(before.device)]
        joined[:, :, length:] = after
        return joined


@dataclass(kw_only=True)
class VariantBatch:
    """Queries of one length, with all variants so far.

    Args:
        modules: The model.
        calls: How the model calls its layers for this length.
        num_variants: The base and all heads that will join.
        tail: Number of positions that are read at the end; 0 for a prefix.
        slices: How many rows run at a time.
        trim: Whether the last layer may skip positions that are not read.
        before: The positions before each query that are the same for all variants, as a batch of the base. None: there are none.
        given: The outputs that edited heads get at the last positions, by layer, for tasks that interchange heads.
    """

    modules: ModuleMap
    calls: Calls
    num_variants: int
    tail: int
    slices: Slices
    trim: bool
    before: VariantBatch | None = None
    given: PartnerOutputs = field(default_factory=dict)
    unaffected: list[torch.Tensor] = field(default_factory=list, init=False)
    """For the heads that joined, which rows the edit did not change, [heads, queries] each."""

    def __post_init__(self) -> None:
        embedded = self.calls.embedded
        self.num_queries, self.length = embedded.shape[:2]
        self.joined = 1
        self.states = embedded.new_empty(self.num_variants * self.num_queries, *embedded.shape[1:])
        self.states[: self.num_queries] = embedded

    def step(self, layer: int, edits: Sequence[HeadEdit], prefix: Keys | None = None) -> Keys:
        """Advance by one layer. The variants of this layer's edits join.

        Args:
            layer: The layer.
            edits: One per variant that joins.
            prefix: Keys and values of the shared prefix, for the base and every variant so far, including the new ones.

        Returns:
            Keys and values of this batch if it is a prefix; otherwise nothing.
        """
        if self.before is not None:
            prefix = self.before.step(layer, ())
        entering = self.states[: self.num_queries].clone() if edits else None
        keys = self._advance(layer, 0, self.joined, prefix)
        if entering is not None:
            first, self.joined = self.joined, self.joined + len(edits)
            joining = self.states[first * self.num_queries : self.joined * self.num_queries]
            joining.view(len(edits), *entering.shape)[:] = entering
            keys = append_keys(keys, self._advance(layer, first, self.joined, prefix, edits))
        return keys

    def finals(self, prefix: VariantBatch | None) -> tuple[torch.Tensor, torch.Tensor]:
        """The output of the last layer, [variants, queries, tail, hidden_size], and which rows equal the base's, [heads, queries].

        Args:
            prefix: The prefix's batch. A row equals the base's only if its prefix does, too.
        """
        states = self.states.view(self.num_variants, self.num_queries, *self.states.shape[1:])[:, :, -self.tail :]
        unaffected = torch.cat(self.unaffected) if self.unaffected else torch.zeros(0, self.num_queries, dtype=torch.bool)
        return states, unaffected if prefix is None else unaffected & torch.cat(prefix.unaffected)

    def _advance(self, layer: int, first: int, end: int, prefix: Keys | None, edits: Sequence[HeadEdit] = ()) -> Keys:
        """Run the rows of variants first ... end - 1 through a layer, in place."""
        keys: Keys = []
        unaffected: list[torch.Tensor] = []
        rows = range(first * self.num_queries, end * self.num_queries)

        def run(part: range) -> tuple[Keys, torch.Tensor]:
            return self._run(layer, part, prefix, self._row_edits(part, first, edits))

        for _, (found, same) in self.slices.run(rows, self.length, run):
            keys = append_keys(keys, found)
            unaffected.append(same)
        if edits:
            self.unaffected.append(torch.cat(unaffected).view(-1, self.num_queries))
        return keys

    def _row_edits(self, rows: range, first: int, edits: Sequence[HeadEdit]) -> list[RowEdit]:
        """The edits of variants first, first + 1, ... whose rows are among these."""
        found = []
        for place, edit in enumerate(edits):
            begin = max((first + place) * self.num_queries, rows.start) - rows.start
            end = min((first + place + 1) * self.num_queries, rows.stop) - rows.start
            if begin < end:
                found.append(
                    RowEdit(edit=edit, rows=range(begin, end), given=self._given(edit.layer, rows.start + begin, end - begin))
                )
        return found

    def _given(self, layer: int, first: int, count: int) -> torch.Tensor | None:
        """What is given for some rows of one variant, [rows, positions, width]."""
        if layer not in self.given:
            return None
        query = first % self.num_queries
        return self.given[layer][query : query + count]

    def _run(self, layer: int, rows: range, prefix: Keys | None, edits: list[RowEdit]) -> tuple[Keys, torch.Tensor]:
        """Run some rows through a layer, in place. Returns what a prefix would store, and which rows the edits did not change.

        A single position runs as two rows. A product with one row uses another kernel, whose rounding differs, so the scores would
        depend on how the task was cut.
        """
        is_top = layer == len(self.modules.layers) - 1
        trims = self.trim and is_top
        if len(rows) == 1 and (self.length == 1 or (trims and self.tail == 1)):
            edits = [replace(edit, rows=range(2)) for edit in edits]
            keys, same = self._call(layer, [rows.start] * 2, prefix, edits, trims=trims)
            return [(own[:1], values[:1]) for own, values in keys], same[:1]
        return self._call(layer, list(rows), prefix, edits, trims=trims)

    def _call(
        self, layer: int, rows: list[int], prefix: Keys | None, edits: list[RowEdit], *, trims: bool
    ) -> tuple[Keys, torch.Tensor]:
        """See `_run`. A row may occur twice."""
        numbers = torch.tensor(rows, device=self.states.device)
        owners = numbers // self.num_queries if self.before is None else numbers % self.num_queries
        recorders: list[_KeyRecorder] = []
        is_twice = rows[0] == rows[-1] and len(rows) == 2
        hidden = self.states[rows[0] : rows[-1] + 1]
        if is_twice:
            hidden = hidden.repeat(2, 1, 1)
        module, call = self.modules.layers[layer], self.calls.layers[layer]

        def run() -> torch.Tensor:
            cache: _KeyRecorder | _KeyReplayer | None = None
            if self.tail == 0:
                recorders.append(cache := _KeyRecorder())
            elif prefix is not None:
                cache = _KeyReplayer(prefix, owners)
            return call(module, hidden, cache).to(hidden.device)  # layers may be on several devices

        with row_edits(self.modules, edits) as switch, trimmed(self.modules, self.tail) if trims else nullcontext():
            output = run()
            same = self._unaffected(output, rows, run, switch) if edits else torch.zeros(0, dtype=torch.bool)
        self.states[rows[0] : rows[-1] + 1] = output[:1] if is_twice else output
        return recorders[0].updates if recorders else [], same

    def _unaffected(
        self, output: torch.Tensor, rows: list[int], run: Callable[[], torch.Tensor], switch: EditSwitch
    ) -> torch.Tensor:
        """Which rows their edits did not change, bit for bit, [rows].

        The base's output comes from a batch of another size, whose rounding may differ. So rows that are close to it are run once
        more without the edits.
        """
        base = self.states[: self.num_queries]  # already advanced
        queries = torch.tensor(rows, device=output.device) % self.num_queries
        if not bool(may_be_unaffected(output, base[queries]).any()):
            return torch.zeros(len(rows), dtype=torch.bool)
        with switch.off():
            again = run()
        return (output == again).flatten(1).all(dim=1).cpu()


def may_be_unaffected(states: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """Rows [rows, pos, hidden_size] that equal the base's apart from rounding."""
    bound = 64 * torch.finfo(states.dtype).eps * base.abs().amax()
    return (states - base).abs().amax(dim=(1, 2)) <= bound


def append_keys(keys: Keys, more: Keys) -> Keys:
    """Append the keys and values of further rows to those of the first."""
    if not keys:
        return more
    return [(torch.cat([a, c]), torch.cat([b, d])) for (a, b), (c, d) in zip(keys, more, strict=True)]


@contextmanager
def trimmed(modules: ModuleMap, tail: int) -> Iterator[None]:
    """Compute o_proj and MLP of the last layer only for the last `tail` positions, if it has them. At other positions they return
    0.
    """

    def read(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        lengths.append(args[0].shape[1])
        return (args[0][:, -tail:].contiguous(), *args[1:])

    def spread(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        whole = output.new_zeros(output.shape[0], lengths.pop(), output.shape[2])
        whole[:, -tail:] = output
        return whole

    lengths: list[int] = []
    top = len(modules.layers) - 1
    with ExitStack() as stack:
        o_proj = None if modules.names[top] is None else modules.projection(top, "o_proj")
        for module in filter(None, (o_proj, modules.mlp(top))):
            stack.callback(module.register_forward_pre_hook(read).remove)
            stack.callback(module.register_forward_hook(spread).remove)
        yield
