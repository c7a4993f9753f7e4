"""The independent reference: one full forward per head and query, batch 1, logits of every position, a hook of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax, rel_entr
from torch import nn

from headsurgery.heads import HeadRef
from headsurgery.model.modules import locate_modules


def naive_run(
    model: nn.Module,
    ids: Sequence[int],
    heads: Iterable[HeadRef] = (),
    operation: str = "scale",
    factor: float = 0.0,
    *,
    where: int | slice = -1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Final hidden state [hidden_size] and logits [vocabulary] at the last position, with heads edited one full forward long.

    Args:
        where: Other positions: with a slice, [positions, hidden_size] and [positions, vocabulary].
    """
    modules = locate_modules(model)
    with ExitStack() as stack, torch.no_grad():
        for head in heads:
            geometry = modules.geometry.layers[head.layer]
            rows = (
                geometry.column_block(head.head) if operation == "scale" else modules.architecture.query_rows(geometry, head.head)
            )
            block = slice(rows.start, rows.stop)

            def edit(states: torch.Tensor, block: slice = block) -> torch.Tensor:
                mask = torch.ones(states.shape[-1], dtype=states.dtype)
                mask[block] = factor
                return states * mask

            if operation == "scale":
                hook: Any = lambda _, args, edit=edit: (edit(args[0]),)  # noqa: E731
                handles = [module.register_forward_pre_hook(hook) for module in modules.projections(head.layer, "o_proj")]
            else:
                hook = lambda _, __, output, edit=edit: edit(output)  # noqa: E731
                handles = [module.register_forward_hook(hook) for module in modules.projections(head.layer, "q_proj")]
            for handle in handles:
                stack.callback(handle.remove)
        output = model(input_ids=torch.tensor([list(ids)]), output_hidden_states=True)
    return output.hidden_states[-1][0, where], output.logits[0, where]


def naive_kl(base_logits: torch.Tensor, logits: torch.Tensor) -> float:
    """KL(base || other) through SciPy, in nats, in float64."""
    base, other = (log_softmax(row.double().numpy()) for row in (base_logits, logits))
    return float(rel_entr(np.exp(base), np.exp(other)).sum())


def naive_ships(model: nn.Module, ids: Sequence[int], head: HeadRef, operation: str = "scale", factor: float = 0.0) -> float:
    """Eq. 9."""
    return naive_kl(naive_run(model, ids)[1], naive_run(model, ids, [head], operation, factor)[1])
