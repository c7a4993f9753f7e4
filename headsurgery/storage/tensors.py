"""Where the bytes of a tensor lie: what every container says of its tensors, and slices of them as runs of bytes.

Nothing here knows a container (`header`, `safetensors`, `gguf` do), and of number formats only which elements are stored together
(`block_types`). A tensor's rows lie one after another, each of equally many bytes; a slice along an axis is therefore a number of
equally long, equally spaced runs. Where its ends cut through blocks of elements, the runs hold these blocks whole, and a mask says
which of their bits are the slice's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from headsurgery.documents.strict_json import quote
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.reading import CHUNK_BYTES, read_exactly
from headsurgery.storage.block_types import BLOCK_TYPES, BlockType

ByteArray = npt.NDArray[np.uint8]
"""Rows of a tensor, [rows, bytes per row]."""


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One tensor of one file.

    Args:
        name: As the file has it.
        file: The file's name, relative to the checkpoint.
        dtype: Stored type, such as BF16.
        shape: Extents, slowest axis first.
        offset: Its first byte, counted from the start of the file.
        num_bytes: Length of its data.
    """

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    num_bytes: int

    @property
    def num_parameters(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def num_rows(self) -> int:
        """Extents of all axes but the last, multiplied; of a vector its elements. 1 where a row would not be whole bytes."""
        rows = math.prod(self.shape[:-1]) if len(self.shape) > 1 else math.prod(self.shape)
        return rows if not rows or self.num_bytes % rows == 0 else 1

    @property
    def block_type(self) -> BlockType | None:
        """How its elements are stored together; None: each has bytes of its own."""
        return BLOCK_TYPES.get(self.dtype)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row; 0 where there are no rows."""
        return self.num_bytes // self.num_rows if self.num_rows else 0


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One file of weights.

    Args:
        file: Name, relative to the checkpoint.
        num_header_bytes: Where the data begin.
        num_bytes: Size of the file.
        tensors: In the order of their bytes.
    """

    file: str
    num_header_bytes: int
    num_bytes: int
    tensors: tuple[TensorInfo, ...]

    def __repr__(self) -> str:
        """Its name and size, on one line."""
        return f"Shard({self.file}: {len(self.tensors)} tensors, {self.num_bytes:,} bytes)"


@dataclass(frozen=True, kw_only=True)
class ByteRuns:
    """Equally long, equally spaced runs of bytes in a file.

    Args:
        offset: First byte of the first run.
        length: Bytes per run.
        stride: From one run's first byte to the next one's.
        count: Number of runs.
    """

    offset: int
    length: int
    stride: int
    count: int

    @property
    def num_bytes(self) -> int:
        """Bytes in all."""
        return self.length * self.count


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The part of a slice that lies in one chunk of rows.

    Args:
        rows: Rows within the chunk.
        columns: Bytes within each of these rows.
        first: Which of the slice's own rows is the first.
        offset: Where the part begins within the slice's own bytes.
    """

    rows: slice
    columns: slice
    first: int
    offset: int


@dataclass(frozen=True, kw_only=True)
class StoredSlice:
    """A slice of one stored tensor.

    Args:
        tensor: The tensor. Some formats store a matrix as one long row. Its shape is then that of the matrix, in which it is cut.
        axis: 0: the block is whole rows of the stored tensor; 1: columns.
        block: Indices along the axis.
    """

    tensor: TensorInfo
    axis: int
    block: range

    @property
    def num_elements(self) -> int:
        """Number of stored elements in the slice."""
        return self.tensor.num_parameters // self.tensor.shape[self.axis] * len(self.block)

    @property
    def num_rows(self) -> int:
        """Rows of the tensor that the slice runs through."""
        return self.tensor.num_rows if self.axis else len(self.block)

    @property
    def whole_blocks(self) -> range:
        """The indices along the axis that are stored together with the slice's own: those of whole blocks."""
        kind = self.tensor.block_type
        if kind is None or self.axis == 0:
            return self.block
        return range(self.block.start // kind.size * kind.size, -(-self.block.stop // kind.size) * kind.size)

    @property
    def columns(self) -> slice:
        """Its bytes within each of these rows."""
        if self.axis == 0:
            return slice(0, self.tensor.row_bytes)
        whole = self.whole_blocks
        start, stop = (number * self.tensor.row_bytes // self.tensor.shape[1] for number in (whole.start, whole.stop))
        return slice(start, stop)

    @property
    def own_bits(self) -> ByteArray | None:
        """A mask of its bytes in a row: the bits that belong to no element outside of the slice. None: all of them."""
        kind = self.tensor.block_type
        if kind is None or self.whole_blocks == self.block:
            return None
        return np.frombuffer(kind.mask(self.block), dtype=np.uint8)

    def merge(self, rows: ByteArray, new: ByteArray) -> ByteArray:
        """Some of its rows, with its own bits from `new` and all others as they are."""
        mask = self.own_bits
        return new if mask is None else (rows & ~mask) | (new & mask)

    def agree(self, one: ByteArray, other: ByteArray) -> bool:
        """Whether two versions of its rows are equal in its own bits."""
        mask = self.own_bits
        return np.array_equal(one, other) if mask is None else not ((one ^ other) & mask).any()

    @property
    def row_bytes(self) -> int:
        """Bytes of the slice in each of its rows."""
        columns = self.columns
        return int(columns.stop - columns.start)

    @property
    def runs(self) -> ByteRuns:
        """Where its bytes are."""
        if self.axis == 0:
            length = len(self.block) * self.tensor.row_bytes
            offset = self.tensor.offset + self.block.start * self.tensor.row_bytes
            return ByteRuns(offset=offset, length=length, stride=length, count=1)
        offset = self.tensor.offset + self.columns.start
        return ByteRuns(offset=offset, length=self.row_bytes, stride=self.tensor.row_bytes, count=self.tensor.num_rows)

    def locate(self, first: int, num_rows: int) -> Piece | None:
        """Find the part of the slice in the rows [first, first + num_rows) of its tensor; None where there is none."""
        if self.axis == 1:
            return Piece(rows=slice(0, num_rows), columns=self.columns, first=first, offset=first * self.row_bytes)
        start, stop = max(self.block.start, first), min(self.block.stop, first + num_rows)
        if start >= stop:
            return None
        before = start - self.block.start
        return Piece(
            rows=slice(start - first, stop - first), columns=self.columns, first=before, offset=before * self.tensor.row_bytes
        )


def cut_as(shard: Shard, slices: Iterable[StoredSlice]) -> Shard:
    """A shard whose tensors have the shapes in which slices of them are cut. Their bytes are the same.

    Raises:
        CheckpointError: Two slices cut one tensor in different shapes.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for part in slices:
        if shapes.setdefault(part.tensor.name, part.tensor.shape) != part.tensor.shape:
            raise CheckpointError(f"{shard.file}: edits cut {quote(part.tensor.name)} in two shapes")
    tensors = (replace(tensor, shape=shapes.get(tensor.name, tensor.shape)) for tensor in shard.tensors)
    return replace(shard, tensors=tuple(tensors))


def read_rows(
    stream: BinaryIO, tensor: TensorInfo, rows: range, *, chunk_rows: int | None = None
) -> Iterator[tuple[int, ByteArray]]:
    """Whole rows of a tensor in chunks, so that memory stays constant whatever its size.

    Rows are counted as in `TensorInfo.num_rows`.

    Args:
        stream: The tensor's file.
        tensor: The tensor.
        rows: Which of its rows.
        chunk_rows: Rows of a chunk; default: as many as 4 MiB have.

    Yields:
        First row of the chunk, and its bytes as [rows, bytes per row]; the array is the reader's to change.
    """
    row_bytes = tensor.row_bytes
    if not row_bytes:
        return
    step = chunk_rows or max(1, CHUNK_BYTES // row_bytes)
    for first in range(rows.start, rows.stop, step):
        count = min(step, rows.stop - first)
        data = read_exactly(stream, tensor.offset + first * row_bytes, count * row_bytes, tensor.file)
        yield first, data.reshape(count, row_bytes)
