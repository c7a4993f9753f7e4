"""Head edits on a live model by other weights, for operations that can't be done to a module's states; `hooks` does all others.

The weight of each projection is replaced by a copy in which the edited heads' blocks are what `Operation.change` makes of them, as
it does of stored values. So a model of the stored type gives exactly the logits of the checkpoint that `apply` writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from headsurgery.edits.changes import EditChange
from headsurgery.edits.donor import Donor
from headsurgery.edits.operations import OPERATIONS, locate
from headsurgery.errors import GeometryError, ModelError, RecipeError
from headsurgery.model.as_stored import as_torch
from headsurgery.model.modules import ModuleMap
from headsurgery.model.offload import is_offloaded
from headsurgery.recipe import HeadEdit

_Weights = dict[nn.Module, dict[str, nn.Parameter]]


class Exchange:
    """Exchanged weights, until `undo`.

    Args:
        modules: The model.
        edits: Each by an operation that `acts_on_states` is not said of.
        donor: Where transplanted heads come from.

    Raises:
        RecipeError: An edit needs a donor, and there is none.
        GeometryError: The donor has other heads.
        ModelError: The weights are not there as floats, or the donor's file lays them out in another way.
    """

    def __init__(self, modules: ModuleMap, edits: Iterable[HeadEdit], donor: Donor | None) -> None:
        self._own: _Weights = {}
        self._new: _Weights = {}
        for edit in edits:
            self._change(modules, edit, donor)
        self.redo()

    def redo(self) -> None:
        """Exchange them (again)."""
        _put(self._new)

    def undo(self) -> None:
        """Restore the model's own weights."""
        _put(self._own)

    def _change(self, modules: ModuleMap, edit: HeadEdit, donor: Donor | None) -> None:
        operation = OPERATIONS[edit.operation]
        if operation.needs and donor is None:
            raise RecipeError(f"{edit.ref}: {edit.operation} takes values from a donor, and none was given", hint="give donor=...")
        if donor is not None and donor.anatomy.architecture != modules.architecture:
            raise ModelError(
                f"{edit.ref}: the donor's file lays out its heads differently from the loaded model",
                hint="apply the recipe, and load the result",
            )
        places: list[tuple[tuple[nn.Module, ...], str, int, range]] = []  # in the order of `Anatomy.slices`
        for part in locate(edit.operation, modules.architecture, modules.geometry.layer_of(edit.ref), edit.head):
            projections = modules.projections(edit.layer, part.kind.projection)
            places.append((projections, "weight", modules.architecture.axis_of(part.kind.side), part.block))
            if part.kind.side == "output" and getattr(projections[0], "bias", None) is not None:
                places.append((projections, "bias", 0, part.block))
        if donor is not None and len(donor.anatomy.slices(edit.ref, edit.operation)) != len(places):
            raise GeometryError(f"{edit.ref}: only one of the loaded model and the donor has a bias on its queries")
        for number, place in enumerate(places):
            self._exchange(modules, *place, EditChange(edit=edit, inputs=donor.inputs(edit, number) if donor else {}))

    def _exchange(
        self, modules: ModuleMap, projections: tuple[nn.Module, ...], name: str, axis: int, block: range, change: EditChange
    ) -> None:
        """Change one block; modules that share a weight go on sharing it."""
        first = projections[0]
        if name not in self._new.get(first, {}):
            own: Any = getattr(first, name)
            if is_offloaded(modules.model) or own.is_meta or not own.is_floating_point() or own.element_size() < 2:
                raise ModelError(
                    f"{change.edit.ref}: {change.edit.operation} needs the projection's weights on the device, as plain floats",
                    hint="apply the recipe, and load the result; or load the model without a device map or quantization",
                )
            new = nn.Parameter(own.detach().clone(), requires_grad=own.requires_grad)
            for module in (module for module in projections if getattr(module, name) is own):
                self._own.setdefault(module, {})[name], self._new.setdefault(module, {})[name] = own, new
        view = self._new[first][name].data.narrow(axis, block.start, len(block))
        view.copy_(_changed(view, change))


def _changed(view: torch.Tensor, change: EditChange) -> torch.Tensor:
    """The result of an edit on a block, computed as for stored values: at least in float32, rounded once."""
    operation, wide = OPERATIONS[change.edit.operation], torch.promote_types(view.dtype, torch.float32)
    inputs = {name: as_torch(read()).reshape(view.shape).to(view.device) for name, read in change.inputs.items()}
    wide = torch.float64 if any(given.dtype == torch.float64 for given in inputs.values()) else wide
    given = {name: values.to(wide) for name, values in inputs.items()}
    result: torch.Tensor = operation.change(view.to(wide), change.edit.factor, given)
    return result.to(view.dtype)


def _put(weights: _Weights) -> None:
    for module, named in weights.items():
        for name, weight in named.items():
            setattr(module, name, weight)
