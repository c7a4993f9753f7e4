"""Read the head blocks of a checkpoint one after another.

The columns of one head are spread over all rows of o_proj, so reading them head by head would read the whole tensor once per head.
Here a read goes ahead: it takes as many of the following columns or rows as fit into 16 MiB, and later blocks are cut from that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import Matrix, Values, read_numbers
from headsurgery.storage.tensors import StoredSlice

_AHEAD_BYTES = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class _Ahead:
    """What was read last of one tensor: values, and the indices along the axis that they cover."""

    values: npt.NDArray[Any]
    span: range


class BlockReader:
    """Reads blocks of one checkpoint; quickest when the blocks of a tensor are asked for in order.

    Args:
        checkpoint: Where to read.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._ahead: dict[str, _Ahead] = {}

    def read(self, part: StoredSlice) -> npt.NDArray[Any]:
        """The stored elements of a slice of the checkpoint's tensor of that name, [rows, columns]."""
        name, axis, block = part.tensor.name, part.axis, part.block
        ahead = self._ahead.get(name)
        if ahead is None or block.start < ahead.span.start or block.stop > ahead.span.stop:
            ahead = self._read_ahead(self._checkpoint.here(part))
            self._keep(name, ahead)
        return _cut(ahead, axis, block)

    def read_matrix(self, matrix: Matrix, axis: int, block: range) -> Values:
        """The numbers of a slice of a weight or bias, in whatever format it is stored."""
        name, extent = f"{matrix.tensor.name}, as numbers", matrix.shape[axis]
        ahead = self._ahead.get(name)
        if ahead is None or block.start < ahead.span.start or block.stop > ahead.span.stop:
            fitting = _AHEAD_BYTES * extent // max(1, 8 * math.prod(matrix.shape))
            span = range(block.start, min(extent, max(block.stop, block.start + fitting // len(block) * len(block))))
            ahead = _Ahead(values=matrix.read(self._checkpoint, axis, span), span=span)
            self._keep(name, ahead)
        return _cut(ahead, axis, block)

    def _keep(self, name: str, ahead: _Ahead) -> None:
        """Forget what is large, and keep the new one."""
        self._ahead = {kept: old for kept, old in self._ahead.items() if old.values.nbytes < _AHEAD_BYTES // 16} | {name: ahead}

    def _read_ahead(self, part: StoredSlice) -> _Ahead:
        tensor, axis, block = part.tensor, part.axis, part.block
        num_bytes = tensor.num_bytes if tensor.block_type is None else 4 * tensor.num_parameters  # read as float32
        fitting = _AHEAD_BYTES * tensor.shape[axis] // max(1, num_bytes)  # indices along the axis
        span = range(block.start, min(tensor.shape[axis], max(block.stop, block.start + fitting)))
        return _Ahead(values=read_numbers(self._checkpoint, replace(part, block=span)), span=span)


def _cut(ahead: _Ahead, axis: int, block: range) -> Values:
    cut = slice(block.start - ahead.span.start, block.stop - ahead.span.start)
    found: Values = ahead.values[:, cut] if axis else ahead.values[cut]
    return found
