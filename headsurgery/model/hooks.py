"""Head edits on a live model, as context managers that undo themselves on every way out.

An operation that `acts_on_states` is hooked: it changes the head's part of a module's inputs or outputs, which is what changing the
weights does. Where it multiplies by 0 the logits are bit-identical; at another factor they differ from those of the edited bytes by
rounding, because there the product of factor and weight is rounded, here the product of factor and activation. For all other
operations the weights are exchanged (`exchange`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from headsurgery.edits.donor import Donor
from headsurgery.edits.operation import BlockKind, Operation, ProjectionBlock
from headsurgery.edits.operations import OPERATIONS, locate
from headsurgery.errors import GeometryError, ModelError, RecipeError
from headsurgery.model.exchange import Exchange
from headsurgery.model.modules import ModuleMap
from headsurgery.recipe import HeadEdit


@dataclass(frozen=True, kw_only=True)
class RowEdit:
    """A head edit that holds for some rows of the batch only.

    Args:
        edit: What to do.
        rows: For which rows; None for all.
        given: What the inputs of o_proj are at the last positions, [rows, positions, width]. The edit then says only which of them
            are meant: the head's. None: what the edit makes of them.
    """

    edit: HeadEdit
    rows: range | None = None
    given: torch.Tensor | None = None


class EditSwitch:
    """Turns a set of edits off temporarily.

    Args:
        exchange: Weights that some of the edits have exchanged.
    """

    def __init__(self, exchange: Exchange | None) -> None:
        self.is_on, self._exchange = True, exchange

    @contextmanager
    def off(self) -> Iterator[None]:
        """Run the block as if the edits were not there."""
        self.is_on = False
        if self._exchange is not None:
            self._exchange.undo()
        try:
            yield
        finally:
            self.is_on = True
            if self._exchange is not None:
                self._exchange.redo()


@contextmanager
def row_edits(modules: ModuleMap, edits: Iterable[RowEdit], *, donor: Donor | None = None) -> Iterator[EditSwitch]:
    """Apply edits that may differ from row to row of the batch.

    Args:
        modules: The model.
        edits: An edit by an operation that can't be done to states holds for all rows.
        donor: Where transplanted heads come from.

    Yields:
        The switch of these edits.

    Raises:
        RecipeError, GeometryError: An edit doesn't fit the model, or its donor doesn't.
        ModelError: An edit by other weights can't be made of this model, or not for some rows alone.
    """
    by_module: dict[tuple[int, BlockKind], list[_SliceEdit]] = {}
    by_weights: list[HeadEdit] = []
    for position, row_edit in enumerate(edits):
        operation, found = OPERATIONS[row_edit.edit.operation], _locate(modules, row_edit.edit, f"edits[{position}]: ")
        if not operation.acts_on_states:
            if row_edit.rows is not None:
                raise ModelError(f"edits[{position}]: {operation.name} can't be applied to only some of the prompts")
            by_weights.append(row_edit.edit)
            continue
        rows = slice(None) if row_edit.rows is None else slice(row_edit.rows.start, row_edit.rows.stop)
        for block in found:
            columns = slice(block.block.start, block.block.stop)
            given = None if row_edit.given is None else row_edit.given[..., columns]
            part = _SliceEdit(rows=rows, block=columns, operation=operation, factor=row_edit.edit.factor, given=given)
            by_module.setdefault((row_edit.edit.layer, block.kind), []).append(part)
    exchange = Exchange(modules, by_weights, donor) if by_weights else None
    switch = EditSwitch(exchange)
    with ExitStack() as stack:
        if exchange is not None:
            stack.callback(exchange.undo)
        for (layer, kind), parts in by_module.items():
            for module in modules.projections(layer, kind.projection):
                stack.callback(_hook(module, kind, parts, switch).remove)
        yield switch


@dataclass(frozen=True, kw_only=True)
class _SliceEdit:
    """The edit of one head's part of a module's states, for some rows."""

    rows: slice
    block: slice
    operation: Operation
    factor: float
    given: torch.Tensor | None

    def change(self, states: torch.Tensor) -> None:
        """Change states [rows, pos, width] in place."""
        if self.given is not None:
            states[self.rows, -self.given.shape[1] :, self.block] = self.given
            return
        own = states[self.rows, ..., self.block]
        states[self.rows, ..., self.block] = self.operation.change_states(own, self.factor)


def _locate(modules: ModuleMap, edit: HeadEdit, where: str) -> tuple[ProjectionBlock, ...]:
    try:
        heads = modules.geometry.layer_of(edit.ref, where=where)
    except GeometryError as error:
        raise RecipeError(str(error)) from error
    OPERATIONS[edit.operation].check(edit.factor, has_q_norm=modules.has_q_norm, where=where)
    return locate(edit.operation, modules.architecture, heads, edit.head, where=where)


def _hook(module: nn.Module, kind: BlockKind, parts: list[_SliceEdit], switch: EditSwitch) -> torch.utils.hooks.RemovableHandle:
    def changed(states: torch.Tensor) -> torch.Tensor:
        states = states.clone()  # [rows, pos, width]
        for part in parts:
            part.change(states)
        return states

    def before(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        return (changed(args[0]), *args[1:]) if switch.is_on else None

    def after(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        return changed(output) if switch.is_on else None

    return module.register_forward_pre_hook(before) if kind.side == "input" else module.register_forward_hook(after)


@contextmanager
def head_outputs(modules: ModuleMap, layers: Iterable[int], *, positions: int) -> Iterator[dict[int, torch.Tensor]]:
    """Keep what the heads of some layers put out in the next forward.

    Args:
        modules: The model.
        layers: Layers that have attention heads.
        positions: The last so many.

    Yields:
        z by layer, before o_proj, [rows, positions, width]; filled by the forward.
    """
    found: dict[int, torch.Tensor] = {}

    def keep(layer: int) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            found[layer] = args[0][:, -positions:].clone()

        return hook

    with ExitStack() as stack:
        for layer in layers:
            stack.callback(modules.projection(layer, "o_proj").register_forward_pre_hook(keep(layer)).remove)
        yield found
