"""One block of a task, run upwards: all lanes go up the model together, layer by layer.

Every layer runs once for all rows of all heads below it, so its weights are fetched once, queries of one length share calls without
padding, and a prefix that all queries share runs once per head. Where a model can't be called layer by layer, `run_whole` runs its
own forward for every row instead. Neighbours: `lanes` go up, `shortcuts` says what the model lets us do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from transformers import DynamicCache

from headsurgery.engine.calls import FinalStates, Rest, call_model, catch_calls, leave, run_model
from headsurgery.engine.lanes import Keys, Lane, may_be_unaffected
from headsurgery.engine.memory import Slices
from headsurgery.engine.task import Block, Finals, SweepTask
from headsurgery.errors import ModelError
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import ModuleMap

_LOGITS_AT_A_TIME = 2**23

OnWork = Callable[[float], None]
"""Called with the share of a block that is done, about."""


@dataclass(frozen=True, kw_only=True)
class Shortcuts:
    """What a model lets the engine do without changing its final states; see `find_shortcuts`.

    Args:
        wave: Its layers can be called one by one, on other rows than the model called them with.
        prefix: Keys and values of a prefix serve all queries that begin with it.
        trim: All but the positions that are read may be left out of the last layer's o_proj and MLP.
        rest: See `layer_outputs`.
    """

    wave: bool
    prefix: bool
    trim: bool
    rest: Rest

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about speed."""
        if self.wave:
            return ()
        return ("the layers of this model can't be called one by one; full forwards are used, which take about twice as long",)


class Part(NamedTuple):
    """Finals of some of a block's heads on some of its queries, both by their positions in the block."""

    heads: range
    queries: tuple[int, ...]
    finals: Finals


@torch.inference_mode()
def run_wave(
    modules: ModuleMap, shortcuts: Shortcuts, slices: Slices, task: SweepTask, block: Block, on_work: OnWork | None = None
) -> Iterator[Part]:
    """Run a block layer by layer.

    Args:
        modules: The model.
        shortcuts: What it lets out.
        slices: Rows per call; halved where memory runs out.
        task: What is asked.
        block: Which part of it.
        on_work: Called after every layer.
    """
    prefix, lanes = go_up(modules, shortcuts, slices, task, block, on_work)
    for queries, lane in lanes:
        yield from _leave(modules, shortcuts, task, block, queries, lane, prefix)


def go_up(
    modules: ModuleMap, shortcuts: Shortcuts, slices: Slices, task: SweepTask, block: Block, on_work: OnWork | None = None
) -> tuple[Lane | None, list[tuple[tuple[int, ...], Lane]]]:
    """Run all layers; the prefix's lane, if any, and one per length, with its queries by position in the block."""
    edits = [task.edit(task.heads[position]) for position in block.heads]
    shared = shared_prefix(task) if shortcuts.prefix else ()
    with row_edits(modules, [RowEdit(edit=edit) for edit in task.group]):
        prefix, lanes = _lanes(modules, shortcuts, slices, task, block, shared)
        for layer in range(len(modules.layers)):
            joining = [edit for edit in edits if edit.layer == layer]
            keys: Keys | None = None if prefix is None else prefix.step(layer, joining)
            for _, lane in lanes:
                lane.step(layer, joining, keys)
            if on_work is not None and edits:
                on_work(_share_below(layer, [edit.layer for edit in edits], len(modules.layers)))
    return prefix, lanes


def _share_below(layer: int, joined: Sequence[int], num_layers: int) -> float:
    """Share of a block's work up to a layer, with heads that join at given layers."""
    return sum(max(0, layer + 1 - first) for first in joined) / sum(num_layers - first for first in joined)


def shared_prefix(task: SweepTask) -> tuple[int, ...]:
    """Token ids that all queries of a task begin with; each keeps at least the positions that are read."""
    first, last = min(task.queries), max(task.queries)
    limit = min(map(len, task.queries)) - task.tail
    length = next((place for place in range(limit) if first[place] != last[place]), limit)
    return first[:length]


def _lanes(
    modules: ModuleMap, shortcuts: Shortcuts, slices: Slices, task: SweepTask, block: Block, shared: Sequence[int]
) -> tuple[Lane | None, list[tuple[tuple[int, ...], Lane]]]:
    """The prefix's lane, if any, and one per length, with its queries by position in the block."""
    device, num_variants, cache = modules.device, 1 + len(block.heads), None
    prefix = None
    if shared:
        tokens = torch.tensor([list(shared)], device=device)
        calls = catch_calls(modules, shortcuts.rest, tokens, DynamicCache())
        prefix = Lane(modules=modules, calls=calls, num_variants=num_variants, tail=0, slices=slices, trim=False)
        cache = DynamicCache()
        call_model(modules, tokens, cache=cache)
    lanes = []
    for queries in by_length(task, block):
        tokens = torch.tensor([task.queries[block.queries[place]][len(shared) :] for place in queries], device=device)
        calls = catch_calls(modules, shortcuts.rest, tokens, cache)
        lane = Lane(modules=modules, calls=calls, num_variants=num_variants, tail=task.tail, slices=slices, trim=shortcuts.trim)
        lanes.append((queries, lane))
    return prefix, lanes


def by_length(task: SweepTask, block: Block) -> list[tuple[int, ...]]:
    """A block's queries, by position in it, in groups of one length."""

    def length(place: int) -> int:
        return len(task.queries[block.queries[place]])

    return [tuple(places) for _, places in groupby(sorted(range(len(block.queries)), key=length), key=length)]


def _leave(
    modules: ModuleMap,
    shortcuts: Shortcuts,
    task: SweepTask,
    block: Block,
    queries: tuple[int, ...],
    lane: Lane,
    prefix: Lane | None,
) -> Iterator[Part]:
    """Let a lane's rows out of the model, few enough at a time that their logits fit."""
    states, unaffected = lane.finals(prefix)
    rows = _rows_leaving(modules, task)
    columns = min(rows, len(queries))
    for first in range(0, len(queries), columns):
        chosen = range(first, min(first + columns, len(queries)))
        base = leave(modules, shortcuts.rest, states[0, chosen.start : chosen.stop], want_logits=task.measure.wants_logits)
        step = max(1, rows // len(chosen))
        for start in range(0, len(block.heads), step):
            heads = range(start, min(start + step, len(block.heads)))
            some = states[1 + heads.start : 1 + heads.stop, chosen.start : chosen.stop]
            final = leave(modules, shortcuts.rest, some.flatten(0, 1), want_logits=task.measure.wants_logits)
            same = unaffected[heads.start : heads.stop, chosen.start : chosen.stop]
            yield _part(block, heads, [queries[place] for place in chosen], final, base, same)


def _rows_leaving(modules: ModuleMap, task: SweepTask) -> int:
    if not task.measure.wants_logits:
        return 2**31
    weight: torch.Tensor = modules.output_embeddings.weight  # type: ignore[assignment]
    return max(1, _LOGITS_AT_A_TIME // (max(weight.shape) * task.tail))


def _part(
    block: Block, heads: range, places: Sequence[int], final: FinalStates, base: FinalStates, unaffected: torch.Tensor
) -> Part:
    """Finals of rows head * queries + query; a row that its edit left as it was gets the base's, so that it scores exactly 0."""
    if not bool(torch.isfinite(final.states).all() and torch.isfinite(base.states).all()):
        dtype = str(base.states.dtype).removeprefix("torch.")
        raise ModelError(f"final states are not finite in {dtype}", hint="use --dtype float32 or bfloat16")
    states = final.states.view(len(heads), len(places), *final.states.shape[1:])
    logits = None if final.logits is None else final.logits.view(len(heads), len(places), *final.logits.shape[1:])
    for head, query in unaffected.nonzero().tolist():
        states[head, query] = base.states[query]
        if logits is not None and base.logits is not None:
            logits[head, query] = base.logits[query]
    finals = Finals(
        queries=tuple(block.queries[place] for place in places),
        states=states,
        logits=logits,
        base_states=base.states,
        base_logits=base.logits,
    )
    return Part(heads=heads, queries=tuple(places), finals=finals)


@torch.inference_mode()
def run_whole(modules: ModuleMap, slices: Slices, task: SweepTask, block: Block, on_work: OnWork | None = None) -> Iterator[Part]:
    """Run a block by the model's own forward, from the bottom to the top, for every row.

    Args:
        modules: The model.
        slices: Rows per forward; halved where memory runs out.
        task: What is asked.
        block: Which part of it.
        on_work: Called after every query.
    """
    edits = [task.edit(task.heads[position]) for position in block.heads]
    wants = task.measure.wants_logits
    with row_edits(modules, [RowEdit(edit=edit) for edit in task.group]):
        for done, place in enumerate(range(len(block.queries)), start=1):
            query = task.queries[block.queries[place]]
            tokens = torch.tensor([list(query)], device=modules.device)
            base = run_model(modules, tokens, tail=task.tail, want_logits=wants)
            start = 0
            while start < len(edits):
                heads = range(start, min(len(edits), start + slices.rows(len(query))))
                rows = [RowEdit(edit=edits[head], rows=range(row, row + 1)) for row, head in enumerate(heads)]
                repeated = tokens.repeat(len(heads), 1)
                try:
                    with row_edits(modules, rows) as switch:
                        final = run_model(modules, repeated, tail=task.tail, want_logits=wants)
                        same = torch.zeros(len(heads), dtype=torch.bool)
                        if may_be_unaffected(final.states, base.states).any():
                            with switch.off():
                                again = run_model(modules, repeated, tail=task.tail, want_logits=False)
                            same = (final.states == again.states).flatten(1).all(dim=1).cpu()
                except RuntimeError as error:
                    slices.halve(error, len(heads), len(query))
                    continue
                yield _part(block, heads, [place], final, base, same.unsqueeze(1))
                start = heads.stop
            if on_work is not None:
                on_work(done / len(block.queries))
