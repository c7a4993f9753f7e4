"""Head edits on a live model, as context managers that undo themselves on every way out.

`scale` multiplies the head's slice of o_proj's input, `uniform_attention` the head's slice of q_proj's output, which is what
multiplying the weights does. Factor 0 gives bit-identical logits; another factor differs from the edited bytes by rounding,
because there the product of factor and weight is rounded, here the product of factor and activation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from headsurgery.edits.operation import BlockKind, Operation, ProjectionBlock
from headsurgery.edits.operations import OPERATIONS, locate
from headsurgery.errors import GeometryError, RecipeError
from headsurgery.model.modules import ModuleMap
from headsurgery.recipe import HeadEdit


@dataclass(frozen=True, kw_only=True)
class RowEdit:
    """A head edit that holds for some rows of the batch only.

    Args:
        edit: What to do.
        rows: For which rows; None for all.
    """

    edit: HeadEdit
    rows: range | None = None


class EditSwitch:
    """Turns a set of hooked edits off for a while."""

    def __init__(self) -> None:
        self.is_on = True

    @contextmanager
    def off(self) -> Iterator[None]:
        """Run the block as if the edits were not there."""
        self.is_on = False
        try:
            yield
        finally:
            self.is_on = True


@contextmanager
def row_edits(modules: ModuleMap, edits: Iterable[RowEdit]) -> Iterator[EditSwitch]:
    """Hook edits that may differ from row to row of the batch.

    Yields:
        The switch of these edits.
    """
    by_module: dict[tuple[int, BlockKind], list[_Part]] = {}
    for position, row_edit in enumerate(edits):
        rows = slice(None) if row_edit.rows is None else slice(row_edit.rows.start, row_edit.rows.stop)
        for found in _locate(modules, row_edit.edit, f"edits[{position}]: "):
            block = slice(found.block.start, found.block.stop)
            part = _Part(rows=rows, block=block, operation=OPERATIONS[row_edit.edit.operation], factor=row_edit.edit.factor)
            by_module.setdefault((row_edit.edit.layer, found.kind), []).append(part)
    switch = EditSwitch()
    with ExitStack() as stack:
        for (layer, kind), parts in by_module.items():
            for module in modules.projections(layer, kind.projection):
                stack.callback(_hook(module, kind, parts, switch).remove)
        yield switch


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What happens to one head's part of a module's states, for some rows."""

    rows: slice
    block: slice
    operation: Operation
    factor: float


def _locate(modules: ModuleMap, edit: HeadEdit, where: str) -> tuple[ProjectionBlock, ...]:
    try:
        heads = modules.geometry.layer_of(edit.ref, where=where)
    except GeometryError as error:
        raise RecipeError(str(error)) from error
    OPERATIONS[edit.operation].check(edit.factor, has_q_norm=modules.has_q_norm, where=where)
    return locate(edit.operation, modules.architecture, heads, edit.head, where=where)


def _hook(module: nn.Module, kind: BlockKind, parts: list[_Part], switch: EditSwitch) -> torch.utils.hooks.RemovableHandle:
    def changed(states: torch.Tensor) -> torch.Tensor:
        states = states.clone()  # [rows, pos, width]
        for part in parts:
            own = states[part.rows, ..., part.block]
            states[part.rows, ..., part.block] = part.operation.change_states(own, part.factor)
        return states

    def before(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        return (changed(args[0]), *args[1:]) if switch.is_on else None

    def after(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        return changed(output) if switch.is_on else None

    return module.register_forward_pre_hook(before) if kind.side == "input" else module.register_forward_hook(after)
