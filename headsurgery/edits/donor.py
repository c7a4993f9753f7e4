"""The donor of a transplant: a second checkpoint with the shape of the base, from which heads are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.operations import OPERATIONS
from headsurgery.edits.slices import HeadSlice
from headsurgery.errors import GeometryError, SurgeryError
from headsurgery.recipe import Geometry, HeadEdit, RecipeBase
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import Values


@dataclass(frozen=True, kw_only=True)
class Donor:
    """A donor whose heads have been located and fit into the base.

    Args:
        checkpoint: The donor's files.
        anatomy: Where its heads lie.
    """

    checkpoint: Checkpoint
    anatomy: Anatomy
    _last: dict[tuple[str, range], Values] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def record(self) -> RecipeBase:
        """What recipes and manifests say of the donor. A donor that is on the Hub has no fingerprint: its commit identifies it."""
        checkpoint, is_here = self.checkpoint, self.checkpoint.files.path is not None
        return RecipeBase(
            model=checkpoint.model,
            revision=checkpoint.revision,
            model_type=self.anatomy.architecture.model_type,
            geometry=Geometry.of(self.anatomy.geometry),
            fingerprint=checkpoint.fingerprint() if is_here else None,
        )

    def inputs(self, edit: HeadEdit, number: int) -> Mapping[str, Callable[[], Values]]:
        """Functions that read what an operation needs for one of an edit's slices.

        Args:
            edit: The edit.
            number: Index of the slice in `Anatomy.slices`.
        """
        part = self.anatomy.slices(edit.ref, edit.operation)[number]
        return {"donor": partial(self._read, edit, part)} if "donor" in OPERATIONS[edit.operation].needs else {}

    def _read(self, edit: HeadEdit, part: HeadSlice) -> Values:
        place = (part.tensor.name, part.block)
        cached = self._last.get(place)  # a plan asks for each slice several times in a row
        if cached is not None:
            return cached
        values = part.matrix.read(self.checkpoint, part.axis, part.block)
        if not np.isfinite(values.astype(np.float64)).all():
            raise SurgeryError(f"{edit.ref}: {part.tensor.name} of the donor holds inf or nan in this head", hint="leave it out")
        self._last.clear()
        self._last[place] = values
        return values


def open_donor(checkpoint: Checkpoint, base: Anatomy) -> Donor:
    """Locate a donor's heads and check that they fit into the base.

    Raises:
        GeometryError: They don't fit, or the donor's heads are not where its family's declaration says.
        ArchitectureError: The donor's family is not supported.
        CheckpointError: The donor can't be read.
    """
    anatomy = prove_anatomy(checkpoint)
    ours, theirs = _facts(base), _facts(anatomy)
    differences = [f"{key}: the donor {theirs[key]}, the base {ours[key]}" for key in ours if ours[key] != theirs[key]]
    if not differences and anatomy.architecture != base.architecture:
        differences = ["the two files store their heads in different layouts"]
    differences = differences or _different_tensors(anatomy, base)
    if differences:
        raise GeometryError(
            f"{checkpoint.files.where}: can't be the donor: {'; '.join(differences)}",
            hint="choose a model of the same family and size, such as one that was trained from the same weights",
        )
    return Donor(checkpoint=checkpoint, anatomy=anatomy)


def _facts(anatomy: Anatomy) -> dict[str, object]:
    return {"model_type": anatomy.architecture.model_type} | anatomy.geometry.to_json()


def _different_tensors(donor: Anatomy, base: Anatomy) -> list[str]:
    """The first layer where projections differ in shape, only one of the two has a bias, or numbers have an outer scale."""
    for layer, (theirs, ours) in enumerate(zip(donor.layers, base.layers, strict=True)):
        if theirs is None or ours is None:
            continue
        for whose, tensors in (("donor", theirs), ("base", ours)):
            if tensors.outer_scales:
                return [f"the {whose}'s numbers are multiplied by {tensors.outer_scales[0]} at run time, so they can't be compared"]
        for name in ("o_proj", "q_proj", "q_bias"):
            one, other = (None if matrix is None else matrix.shape for matrix in (getattr(theirs, name), getattr(ours, name)))
            if one != other:
                said = ["none" if shape is None else str(list(shape)) for shape in (one, other)]
                return [f"layer {layer}, {name.replace('_bias', '_proj.bias')}: the donor {said[0]}, the base {said[1]}"]
    return []
