"""Run one block of a task from bottom to top: all batches go through the model together, layer by layer.

All rows run through a layer before any row enters the next one, in calls that use the hardware fully. Queries of one length share
calls without padding, and a prefix that all queries share runs once per head. Neighbours: `variant_batch` holds the rows,
`shortcuts` lists what may be left out, `whole` is for models that can't be called layer by layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import torch
from transformers import DynamicCache

from headsurgery.engine.calls import Calls, FinalStates, catch_calls, leave
from headsurgery.engine.partners import partner_outputs
from headsurgery.engine.parts import BlockPart, OnWork, make_part
from headsurgery.engine.shortcuts import Shortcuts
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import Block, SweepTask
from headsurgery.engine.variant_batch import Keys, VariantBatch
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import ModuleMap
from headsurgery.model.offload import held


@torch.inference_mode()
def run_wave(
    modules: ModuleMap,
    shortcuts: Shortcuts,
    slices: Slices,
    task: SweepTask,
    block: Block,
    on_work: OnWork | None = None,
    *,
    logits: int = 2**23,
) -> Iterator[BlockPart]:
    """Run a block layer by layer.

    Args:
        modules: The model.
        shortcuts: What may be left out.
        slices: Rows per call; halved if memory runs out.
        task: The task.
        block: The block to run.
        on_work: Called after every layer.
        logits: Number of logits that the model returns at a time.
    """
    with held(modules.model, without=modules.layers):
        prefix, batches = go_up(modules, shortcuts, slices, task, block, on_work)
        for queries, batch in batches:
            yield from _leave(modules, shortcuts, task, block, queries, batch, prefix, logits)


def go_up(
    modules: ModuleMap, shortcuts: Shortcuts, slices: Slices, task: SweepTask, block: Block, on_work: OnWork | None = None
) -> tuple[VariantBatch | None, list[tuple[tuple[int, ...], VariantBatch]]]:
    """Run all layers. Returns the prefix's batch, if any, and one batch per length, with its queries' positions in the block."""
    edits = [task.edit(task.heads[position]) for position in block.heads]
    with row_edits(modules, [RowEdit(edit=edit) for edit in task.group]):
        prefix, batches = _make_batches(modules, shortcuts, slices, task, block)
        for layer in range(len(modules.layers)):
            joining = [edit for edit in edits if edit.layer == layer]
            with held(modules.layers[layer]):
                keys: Keys | None = None if prefix is None else prefix.step(layer, joining)
                for _, batch in batches:
                    batch.step(layer, joining, keys)
            if on_work is not None and edits:
                on_work(_share_below(layer, [edit.layer for edit in edits], len(modules.layers)))
    return prefix, batches


def _share_below(layer: int, joined: Sequence[int], num_layers: int) -> float:
    """Share of a block's work up to a layer, given the layers at which heads join."""
    return sum(max(0, layer + 1 - first) for first in joined) / sum(num_layers - first for first in joined)


def _make_batches(
    modules: ModuleMap, shortcuts: Shortcuts, slices: Slices, task: SweepTask, block: Block
) -> tuple[VariantBatch | None, list[tuple[tuple[int, ...], VariantBatch]]]:
    """The prefix's batch, if any, and one batch per length, with its queries' positions in the block."""
    device, num_variants, shared = modules.device, 1 + len(block.heads), shortcuts.prefix_of(task)
    given = partner_outputs(modules, slices, task, block)
    prefix, cache = None, None
    if shared:
        tokens = torch.tensor([list(shared)], device=device)
        calls = catch_calls(modules, shortcuts.rest, tokens, DynamicCache())
        prefix = VariantBatch(modules=modules, calls=calls, num_variants=num_variants, tail=0, slices=slices, trim=False)
        cache = _cache_of_length(len(shared), calls)
    batches = []
    for queries in _by_length(task, block):
        tokens = torch.tensor([task.queries[block.queries[place]][len(shared) :] for place in queries], device=device)
        before, standing = None, cache
        if unchanged := shortcuts.unchanged_of(task, tokens.shape[1]):
            calls = catch_calls(modules, shortcuts.rest, tokens[:, :unchanged], DynamicCache())
            before = VariantBatch(modules=modules, calls=calls, num_variants=1, tail=0, slices=slices, trim=False)
            tokens, standing = tokens[:, unchanged:], _cache_of_length(unchanged, calls)
        calls = catch_calls(modules, shortcuts.rest, tokens, standing)
        batch = VariantBatch(
            modules=modules,
            calls=calls,
            num_variants=num_variants,
            tail=task.tail,
            slices=slices,
            trim=shortcuts.trim,
            before=before,
            given={layer: outputs[list(queries)] for layer, outputs in given.items()},
        )
        batches.append((queries, batch))
    return prefix, batches


def _cache_of_length(length: int, calls: Calls) -> DynamicCache:
    """A cache as after a prefix of this length. Its keys and values are empty, since masks depend only on the length."""
    cache, nothing = DynamicCache(), calls.embedded.new_zeros(1, 1, length, 1)
    for layer in range(len(calls.layers)):
        cache.update(nothing, nothing, layer)
    return cache


def _by_length(task: SweepTask, block: Block) -> list[tuple[int, ...]]:
    """A block's queries, by position in it, grouped by length."""

    def length(place: int) -> int:
        return len(task.queries[block.queries[place]])

    return [tuple(places) for _, places in groupby(sorted(range(len(block.queries)), key=length), key=length)]


def _leave(
    modules: ModuleMap,
    shortcuts: Shortcuts,
    task: SweepTask,
    block: Block,
    queries: tuple[int, ...],
    batch: VariantBatch,
    prefix: VariantBatch | None,
    logits: int,
) -> Iterator[BlockPart]:
    """Compute the model's output for a batch, few rows at a time so that their logits fit."""
    states, unaffected = batch.finals(prefix)
    rows = _rows_leaving(modules, task, logits)
    columns = min(rows, len(queries))
    for first in range(0, len(queries), columns):
        chosen = range(first, min(first + columns, len(queries)))
        base = _leave_together(modules, shortcuts, task, states[0, chosen.start : chosen.stop])
        step = max(1, rows // len(chosen))
        for start in range(0, len(block.heads), step):
            heads = range(start, min(start + step, len(block.heads)))
            some = states[1 + heads.start : 1 + heads.stop, chosen.start : chosen.stop]
            final = _leave_together(modules, shortcuts, task, some.flatten(0, 1))
            same = unaffected[heads.start : heads.stop, chosen.start : chosen.stop]
            yield make_part(block, heads, [queries[place] for place in chosen], final, base, same)


def _leave_together(modules: ModuleMap, shortcuts: Shortcuts, task: SweepTask, states: torch.Tensor) -> FinalStates:
    """The model's output for rows [rows, tail, hidden_size]. A single position runs as two rows; see `VariantBatch`."""
    if states.shape[:2].numel() > 1:
        return leave(modules, shortcuts.rest, states, want_logits=task.measure.wants_logits)
    final = leave(modules, shortcuts.rest, states.repeat(2, 1, 1), want_logits=task.measure.wants_logits)
    return FinalStates(states=final.states[:1], logits=None if final.logits is None else final.logits[:1])


def _rows_leaving(modules: ModuleMap, task: SweepTask, logits: int) -> int:
    if not task.measure.wants_logits:
        return 2**31
    weight: torch.Tensor = modules.output_embeddings.weight  # type: ignore[assignment]
    return max(1, logits // (max(weight.shape) * task.tail))
