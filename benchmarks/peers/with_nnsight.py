"""nnsight, head ablation as its documentation shows it: a trace that edits the input of o_proj in place."""

from __future__ import annotations

import torch
from nnsight import TransformersModel
from peer import read_work, report

torch.set_grad_enabled(False)
work = read_work()
model = TransformersModel(str(work.model), task="text-generation", dtype=torch.float32, dispatch=True)
prompts = {"input_ids": work.ids, "attention_mask": work.mask}
head_dim = model.config.head_dim


def ablate(layer: int, head: int) -> torch.Tensor:
    with model.trace(prompts):
        model.model.layers[layer].self_attn.o_proj.input[:, :, head * head_dim : (head + 1) * head_dim] = 0
        logits = model.output.logits[:, -1].save()
    return logits


with model.trace(prompts):
    base = model.output.logits[:, -1].save()
report(work, base, ablate)
