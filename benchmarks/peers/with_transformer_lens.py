"""TransformerLens, head ablation as its demos show it: `run_with_hooks` with a hook that zeroes one head of `hook_z`."""

from __future__ import annotations

from functools import partial

import torch
from peer import read_work, report
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, AutoTokenizer


def zero_head(z: torch.Tensor, hook: object, *, head: int) -> torch.Tensor:
    z[:, :, head] = 0.0  # [batch, pos, head, head_dim]
    return z


torch.set_grad_enabled(False)
work = read_work()
own = AutoModelForCausalLM.from_pretrained(work.model, dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(work.model)
model = TransformerBridge.boot_transformers(str(work.model), hf_model=own, tokenizer=tokenizer, device="cpu")


def ablate(layer: int, head: int) -> torch.Tensor:
    hooks = [(f"blocks.{layer}.attn.hook_z", partial(zero_head, head=head))]
    return model.run_with_hooks(work.ids, fwd_hooks=hooks, attention_mask=work.mask)[:, -1]


report(work, model(work.ids, attention_mask=work.mask)[:, -1], ablate)
