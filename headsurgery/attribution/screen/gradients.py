"""First-order effects of all heads at once: one forward, and one backward for every figure that is looked at.

An edit changes what its head feeds into o_proj, by a change that is known exactly: (factor - 1) * z for `scale`, and for
`uniform_attention` what the layer's own attention makes of the base's residual stream with all queries edited. To first order a
figure of the output changes by its gradient at that block times the change, summed over positions. The gradient runs through the
model's own forward, with the group's edits in force, so it works for every family, with QK-norm, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from headsurgery.engine.calls import FinalStates, run_model
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import SweepTask
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import ModuleMap

Figures = Callable[[Sequence[int], FinalStates], Iterator[torch.Tensor]]
"""From queries (positions in the task's list) and what leaves the model for them, with logits: figures [queries] to look at."""

Blocks = dict[int, torch.Tensor]
"""What goes into o_proj, by layer, [queries, pos, width]."""

_TOKENS, _TOKENS_GPU = 512, 2048
"""Tokens per forward; all their activations are kept for the backward."""


def first_order(modules: ModuleMap, task: SweepTask, figures: Figures) -> torch.Tensor:
    """How much each head's edit changes each figure, to first order.

    Args:
        modules: The model.
        task: Heads, queries, edit, group and tail; its measure is not looked at.
        figures: What is looked at; of one number for all queries.

    Returns:
        [figures, heads, queries], in float32 at least, on the CPU.

    Raises:
        ModelError: No memory for a single query.
    """
    slices = Slices(max_tokens=_TOKENS if modules.device.type == "cpu" else _TOKENS_GPU)
    left = sorted(range(len(task.queries)), key=lambda query: len(task.queries[query]))
    found: torch.Tensor | None = None
    while left:
        length = len(task.queries[left[0]])
        rows = [query for query in left[: slices.rows(length)] if len(task.queries[query]) == length]
        try:
            changes = _changes(modules, task, rows, figures)
        except RuntimeError as error:
            slices.halve(error, len(rows), length)
            continue
        if found is None:
            found = changes.new_empty(*changes.shape[:2], len(task.queries))
        found[..., rows] = changes
        left = left[len(rows) :]
    assert found is not None  # a task has queries
    return found


def _changes(modules: ModuleMap, task: SweepTask, queries: Sequence[int], figures: Figures) -> torch.Tensor:
    """[figures, heads, queries] for some queries of one length."""
    tokens = torch.tensor([list(task.queries[query]) for query in queries], device=modules.device)
    columns = [modules.geometry.layer_of(head).column_block(head.head) for head in task.heads]
    found = []
    with row_edits(modules, [RowEdit(edit=edit) for edit in task.group]), torch.enable_grad():
        with _tapped(modules, task) as taps:
            final = run_model(modules, tokens, tail=task.tail, want_logits=True)
        changes = _own_changes(modules, task, tokens, taps)
        for figure in figures(queries, final):
            gradients = torch.autograd.grad(figure.sum(), list(taps.values()), retain_graph=True)
            products = {  # by layer, [queries, width]
                layer: (changes[layer] * gradient.to(changes[layer].dtype)).sum(dim=1).cpu()
                for layer, gradient in zip(taps, gradients, strict=True)
            }
            parts = zip(task.heads, columns, strict=True)
            found.append(torch.stack([products[head.layer][:, own.start : own.stop].sum(dim=1) for head, own in parts]))
    return torch.stack(found)


@torch.no_grad()
def _own_changes(modules: ModuleMap, task: SweepTask, tokens: torch.Tensor, taps: Blocks) -> Blocks:
    """How the edits change what goes into o_proj, in float32 at least, each layer's as if the layers below had none."""
    before = {layer: tap.detach().to(torch.promote_types(tap.dtype, torch.float32)) for layer, tap in taps.items()}
    if task.operation == "scale":
        return {layer: (task.factor - 1) * block for layer, block in before.items()}
    rows = range(len(tokens), 2 * len(tokens))
    edits = [RowEdit(edit=task.edit(head), rows=rows) for head in task.heads]
    with row_edits(modules, edits), _restarted(modules, len(tokens)), _tapped(modules, task) as both:
        run_model(modules, tokens.repeat(2, 1), tail=1, want_logits=False)
    return {layer: both[layer][len(tokens) :].to(block.dtype) - block for layer, block in before.items()}


@contextmanager
def _restarted(modules: ModuleMap, rows: int) -> Iterator[None]:
    """At every layer let the second half of the batch start from the residual stream of the first half."""

    def restart(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        hidden = args[0] if args else kwargs["hidden_states"]
        again = hidden[:rows].repeat(2, *[1] * (hidden.dim() - 1))
        return ((again, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": again})

    with ExitStack() as stack:
        for layer in modules.layers:
            stack.callback(layer.register_forward_pre_hook(restart, with_kwargs=True).remove)
        yield


@contextmanager
def _tapped(modules: ModuleMap, task: SweepTask) -> Iterator[Blocks]:
    """Keep what goes into o_proj in the layers of the task's heads; where no gradient is known yet, it begins there."""
    taps: Blocks = {}

    def tap(layer: int) -> Callable[..., tuple[torch.Tensor, ...]]:
        def before(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            states = args[0]
            if torch.is_grad_enabled() and not states.requires_grad:
                states = states.detach().requires_grad_()
            taps[layer] = states
            return (states, *args[1:])

        return before

    with ExitStack() as stack:
        for layer in sorted({head.layer for head in task.heads}):
            stack.callback(modules.projection(layer, "o_proj").register_forward_pre_hook(tap(layer)).remove)
        yield taps
