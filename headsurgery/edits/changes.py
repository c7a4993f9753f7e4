"""What an edit does to the numbers of a head's slice: the bridge from `edits.operations` to `storage.codecs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headsurgery.edits.operations import OPERATIONS
from headsurgery.recipe import HeadEdit
from headsurgery.storage.codecs import Values


@dataclass(frozen=True, kw_only=True)
class EditChange:
    """A `storage.codecs.Change`: one edit, on one slice.

    Args:
        edit: The edit.
        inputs: Functions that read the values that the operation needs beyond the slice's own. Their names are `Operation.needs`.
    """

    edit: HeadEdit
    inputs: Mapping[str, Callable[[], Values]] = field(default_factory=dict)

    @property
    def factor(self) -> float | None:
        """The factor, if multiplying by it is all that the operation does; else None."""
        return self.edit.factor if OPERATIONS[self.edit.operation].multiplies else None

    @property
    def is_known(self) -> bool:
        """Whether all inputs are available."""
        return OPERATIONS[self.edit.operation].needs <= self.inputs.keys()

    def __call__(self, values: Values) -> Values:
        """The new values of the whole slice. They have the type of the old ones: float32 or float64."""
        given = {name: read().astype(values.dtype) for name, read in self.inputs.items()}
        changed: Values = OPERATIONS[self.edit.operation].change(values, values.dtype.type(self.edit.factor), given)
        return changed
