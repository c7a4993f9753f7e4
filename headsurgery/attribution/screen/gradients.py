"""First-order effects of all heads at once, from one forward and one backward pass.

An edit changes what its head feeds into o_proj by an amount that is known exactly. If it follows from z alone (`scale`:
(factor - 1) * z), the operation computes it. Otherwise the layer's own attention computes it from the base's residual stream, with
all heads edited. To first order, a figure of the output changes by its gradient at that block times the change, summed over
positions. The gradient runs through the model's own forward pass with the group's edits in force, so it works for every family,
including those with QK-norm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from typing import Any

import torch
from torch import nn

from headsurgery.edits.operations import OPERATIONS
from headsurgery.engine.calls import FinalStates, run_model
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import SweepTask
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import ModuleMap

Figure = Callable[[int, int, FinalStates], torch.Tensor]
"""Maps a query (its position in the task's list), a figure's number, and the model's output for that query alone, including logits,
[1, ...], to one number."""

Blocks = dict[int, torch.Tensor]
"""The input of o_proj, by layer, [rows, pos, width]."""

_TOKENS, _TOKENS_GPU = 512, 2048
"""Tokens per forward pass. All their activations are kept for the backward pass."""


def first_order(modules: ModuleMap, task: SweepTask, figure: Figure, count: int) -> torch.Tensor:
    """How much each head's edit changes each figure, to first order.

    A row is one figure of one query, so one backward pass serves many figures.

    Args:
        modules: The model.
        task: Heads, queries, edit, group and tail. Its measure is ignored.
        figure: The figure.
        count: Number of figures of each query.

    Returns:
        [figures, heads, queries], in float32 at least, on the CPU.

    Raises:
        ModelError: Memory is too small for a single row.
    """
    slices = Slices(max_tokens=_TOKENS if modules.device.type == "cpu" else _TOKENS_GPU)
    by_length = sorted(range(len(task.queries)), key=lambda query: len(task.queries[query]))
    found: torch.Tensor | None = None
    for length, group in groupby(by_length, key=lambda query: len(task.queries[query])):
        pairs = [(query, number) for query in group for number in range(count)]
        for rows, changes in slices.run(pairs, length, lambda part: _changes(modules, task, part, figure)):
            if found is None:
                found = changes.new_empty(count, len(task.heads), len(task.queries))
            for (query, number), change in zip(rows, changes.T, strict=True):
                found[number, :, query] = change
    assert found is not None  # a task has queries
    return found


def _changes(modules: ModuleMap, task: SweepTask, rows: Sequence[tuple[int, int]], figure: Figure) -> torch.Tensor:
    """Changes [heads, rows], for queries of one length."""
    queries = list(dict.fromkeys(query for query, _ in rows))
    tokens = torch.tensor([task.queries[query] for query in queries], device=modules.device)
    place = torch.tensor([queries.index(query) for query, _ in rows], device=modules.device)
    with row_edits(modules, [RowEdit(edit=edit) for edit in task.group]), torch.enable_grad():
        with _tapped(modules, task) as taps:
            final = run_model(modules, tokens[place], tail=task.tail, want_logits=True)
        assert final.logits is not None  # requested
        alone = zip(final.states.unsqueeze(1), final.logits.unsqueeze(1), strict=True)
        figures = [figure(*row, FinalStates(states=own, logits=logits)) for row, (own, logits) in zip(rows, alone, strict=True)]
        gradients = torch.autograd.grad(torch.stack(figures).sum(), list(taps.values()))
        first = [[query for query, _ in rows].index(query) for query in queries]
        changes = _own_changes(modules, task, tokens, {layer: tap.detach()[first] for layer, tap in taps.items()})
    products = {  # by layer, [rows, width]
        layer: (changes[layer][place] * gradient.to(changes[layer].dtype)).sum(dim=1).cpu()
        for layer, gradient in zip(taps, gradients, strict=True)
    }
    columns = [modules.geometry.layer_of(head).column_block(head.head) for head in task.heads]
    parts = zip(task.heads, columns, strict=True)
    return torch.stack([products[head.layer][:, own.start : own.stop].sum(dim=1) for head, own in parts])


@torch.no_grad()
def _own_changes(modules: ModuleMap, task: SweepTask, tokens: torch.Tensor, blocks: Blocks) -> Blocks:
    """How the edits change the input of o_proj, at least in float32, for each layer as if the layers below had no edits."""
    before = {layer: tap.to(torch.promote_types(tap.dtype, torch.float32)) for layer, tap in blocks.items()}
    known = {layer: OPERATIONS[task.operation].change_of_output(block, task.factor) for layer, block in before.items()}
    if not any(change is None for change in known.values()):
        return {layer: change for layer, change in known.items() if change is not None}
    rows = range(len(tokens), 2 * len(tokens))
    edits = [RowEdit(edit=task.edit(head), rows=rows) for head in task.heads]
    with row_edits(modules, edits), _restarted(modules, len(tokens)), _tapped(modules, task) as both:
        run_model(modules, tokens.repeat(2, 1), tail=1, want_logits=False)
    return {layer: both[layer][len(tokens) :].to(block.dtype) - block for layer, block in before.items()}


@contextmanager
def _restarted(modules: ModuleMap, rows: int) -> Iterator[None]:
    """At every layer, let the second half of the batch start from the residual stream of the first half."""

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
    """Record the input of o_proj in the layers of the task's heads. If it has no gradient yet, the gradient begins there."""
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
