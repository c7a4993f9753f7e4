"""What heads put out for the partners of a block's queries, which an `InterchangeTask` puts in the place of their own.

The partners run once per block, by the model's own forward and with the group's edits in force. Neighbours: `wave` and `whole`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import torch

from headsurgery.engine.calls import run_model
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import Block, InterchangeTask, SweepTask
from headsurgery.model.hooks import head_outputs
from headsurgery.model.modules import ModuleMap

PartnerOutputs = Mapping[int, torch.Tensor]
"""z by layer, before o_proj, [queries, positions, width]."""


def partner_outputs(modules: ModuleMap, slices: Slices, task: SweepTask, block: Block) -> PartnerOutputs:
    """z of the partner of each of a block's queries at the swapped positions, for the layers of the block's heads.

    Args:
        modules: The model.
        slices: Rows per forward.
        task: What is asked; one without partners has none.
        block: Which part of it.
    """
    if not isinstance(task, InterchangeTask):
        return {}
    layers = sorted({task.heads[position].layer for position in block.heads})
    partners = [task.partners[position] for position in block.queries]
    found: dict[int, torch.Tensor] = {}

    def run(rows: list[int]) -> dict[int, torch.Tensor]:
        tokens = torch.tensor([list(partners[row]) for row in rows], device=modules.device)
        with head_outputs(modules, layers, positions=task.swapped) as outputs:
            run_model(modules, tokens, tail=1, want_logits=False)
        return outputs

    order = sorted(range(len(partners)), key=lambda row: len(partners[row]))
    for length, same in groupby(order, key=lambda row: len(partners[row])):
        for rows, outputs in slices.run(list(same), length, run):
            for layer, z in outputs.items():
                if layer not in found:
                    found[layer] = z.new_empty(len(partners), *z.shape[1:])
                found[layer][rows] = z
    return found
