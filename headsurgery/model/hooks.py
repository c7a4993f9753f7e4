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

from headsurgery.architectures.declaration import Lever, Projection, check_query_factor, lever
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
    slices: dict[tuple[int, Projection], list[_Slice]] = {}
    for position, row_edit in enumerate(edits):
        pull = _lever(modules, row_edit.edit, f"edits[{position}]: ")
        rows = slice(None) if row_edit.rows is None else slice(row_edit.rows.start, row_edit.rows.stop)
        found = _Slice(rows=rows, block=slice(pull.block.start, pull.block.stop), factor=row_edit.edit.factor)
        slices.setdefault((row_edit.edit.layer, pull.projection), []).append(found)
    switch = EditSwitch()
    with ExitStack() as stack:
        for (layer, projection), per_module in slices.items():
            for module in modules.projections(layer, projection):
                stack.callback(_hook(module, projection, per_module, switch).remove)
        yield switch


@dataclass(frozen=True, kw_only=True)
class _Slice:
    rows: slice
    block: slice
    factor: float


def _lever(modules: ModuleMap, edit: HeadEdit, where: str) -> Lever:
    try:
        heads = modules.geometry.layer_of(edit.ref, where=where)
    except GeometryError as error:
        raise RecipeError(str(error)) from error
    check_query_factor(edit.operation, edit.factor, has_q_norm=modules.has_q_norm, where=where)
    return lever(modules.architecture, heads, edit.head, edit.operation, where=where)


def _hook(module: nn.Module, projection: str, slices: list[_Slice], switch: EditSwitch) -> torch.utils.hooks.RemovableHandle:
    def multiplied(states: torch.Tensor) -> torch.Tensor:
        states = states.clone()  # [rows, pos, width]
        for part in slices:
            states[part.rows, ..., part.block] *= part.factor
        return states

    def before(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        return (multiplied(args[0]), *args[1:]) if switch.is_on else None

    def after(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        return multiplied(output) if switch.is_on else None

    return module.register_forward_pre_hook(before) if projection == "o_proj" else module.register_forward_hook(after)
