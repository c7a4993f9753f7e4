"""A head's slice of one weight or bias: the one type that plan, diff, audit and the live model speak of.

Neighbours: `Anatomy.slices` finds them; `storage.codecs` knows which stored bytes a slice has; `storage.tensors.StoredSlice` is a
slice of those.
"""

from __future__ import annotations

from dataclasses import dataclass

from headsurgery.storage.codecs import Matrix
from headsurgery.storage.tensors import TensorInfo


@dataclass(frozen=True, kw_only=True)
class HeadSlice:
    """What belongs to one head in one weight or bias.

    Args:
        matrix: The weight or bias.
        axis: 0: the block is whole rows of it; 1: columns.
        block: Indices along the axis.
    """

    matrix: Matrix
    axis: int
    block: range

    @property
    def tensor(self) -> TensorInfo:
        """The tensor of its name."""
        return self.matrix.tensor

    @property
    def num_parameters(self) -> int:
        """Number of elements in the slice."""
        return self.tensor.num_parameters // self.tensor.shape[self.axis] * len(self.block)
