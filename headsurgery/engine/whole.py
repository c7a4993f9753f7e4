"""Run one block of a task by the model's own forward pass, for models whose layers can't be called one by one; else see `wave`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch

from headsurgery.engine.calls import FinalStates, run_model
from headsurgery.engine.partners import PartnerOutputs, partner_outputs
from headsurgery.engine.parts import BlockPart, OnWork, make_part
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import Block, SweepTask
from headsurgery.engine.variant_batch import may_be_unaffected
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import ModuleMap
from headsurgery.recipe import HeadEdit


@torch.inference_mode()
def run_whole(
    modules: ModuleMap, slices: Slices, task: SweepTask, block: Block, on_work: OnWork | None = None
) -> Iterator[BlockPart]:
    """Run a block with one full forward pass of the model for every row.

    Args:
        modules: The model.
        slices: Rows per forward pass; halved if memory runs out.
        task: The task.
        block: The block to run.
        on_work: Called after every query.
    """
    edits = [task.edit(task.heads[position]) for position in block.heads]
    with row_edits(modules, [RowEdit(edit=edit) for edit in task.group]):
        given = partner_outputs(modules, slices, task, block)
        for place, position in enumerate(block.queries):
            query = task.queries[position]
            tokens = torch.tensor([list(query)], device=modules.device)
            base = _first(run_model(modules, tokens.repeat(2, 1), tail=task.tail, want_logits=task.measure.wants_logits), 1)
            of_query = {layer: outputs[place : place + 1] for layer, outputs in given.items()}
            run = partial(_run_heads, modules, task, edits, tokens, base, of_query)
            for heads, (final, same) in slices.run(range(len(edits)), len(query), run):
                yield make_part(block, heads, [place], final, base, same.unsqueeze(1))
            if on_work is not None:
                on_work((place + 1) / len(block.queries))


def _run_heads(
    modules: ModuleMap,
    task: SweepTask,
    edits: Sequence[HeadEdit],
    tokens: torch.Tensor,
    base: FinalStates,
    given: PartnerOutputs,
    heads: range,
) -> tuple[FinalStates, torch.Tensor]:
    """One query's final states with each of some heads edited, and which of them equal those of the same rows without an edit."""
    rows = [
        RowEdit(edit=edits[head], rows=range(row, row + 1), given=given.get(edits[head].layer)) for row, head in enumerate(heads)
    ]
    repeated = tokens.repeat(max(2, len(heads)), 1)  # at least two rows, because a single one is rounded differently
    with row_edits(modules, rows) as switch:
        final = _first(run_model(modules, repeated, tail=task.tail, want_logits=task.measure.wants_logits), len(heads))
        same = torch.zeros(len(heads), dtype=torch.bool)
        if may_be_unaffected(final.states, base.states).any():
            with switch.off():
                again = _first(run_model(modules, repeated, tail=task.tail, want_logits=False), len(heads))
            same = (final.states == again.states).flatten(1).all(dim=1).cpu()
    return final, same


def _first(final: FinalStates, rows: int) -> FinalStates:
    return FinalStates(states=final.states[:rows], logits=None if final.logits is None else final.logits[:rows])
