"""A head's slice of one weight or bias: the type that plan, diff, audit and the live model share.

Neighbours: `Anatomy.slices` finds these slices. `storage.codecs` knows which stored bytes hold a slice's numbers, as
`storage.tensors.StoredSlice`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from headsurgery.storage.codecs import Matrix
from headsurgery.storage.tensors import TensorInfo


@dataclass(frozen=True, kw_only=True)
class HeadSlice:
    """What belongs to one head in one weight or bias.

    Args:
        matrix: The weight or bias.
        axis: 0 if the block is whole rows, 1 if it is columns.
        block: Indices along the axis.
    """

    matrix: Matrix
    axis: int
    block: range

    @property
    def tensor(self) -> TensorInfo:
        """The stored tensor that holds its numbers or their codes."""
        return self.matrix.tensor

    @property
    def num_parameters(self) -> int:
        """Number of elements in the slice."""
        return math.prod(self.matrix.shape) // self.matrix.shape[self.axis] * len(self.block)
