"""Where the rows and columns of a matrix lie in a stored tensor, and codes of a few bits each, packed into wider elements.

Most formats write codes as one stream of bits along a row or a column, without padding: the first code is in the lowest bits of the
first byte. Some put the codes of a word into another order (`Packing.order`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from headsurgery.storage.codecs.matrix import Values
from headsurgery.storage.tensors import StoredSlice, TensorInfo

Codes = npt.NDArray[np.uint8]
"""Codes, [rows, columns], as numbers from 0."""


@dataclass(frozen=True, kw_only=True)
class StoredGrid:
    """A stored tensor whose elements stand for blocks of a matrix.

    Args:
        tensor: The tensor, of two axes.
        shape: Rows and columns of the matrix.
        block: Rows and columns of a block. The last blocks may be cut short.
        elements: How many stored elements stand for a block, along each axis.
        is_transposed: Whether the stored rows run along the matrix's columns.
    """

    tensor: TensorInfo
    shape: tuple[int, int]
    block: tuple[int, int] = (1, 1)
    elements: tuple[int, int] = (1, 1)
    is_transposed: bool = False

    @property
    def extents(self) -> tuple[int, int]:
        """The shape that the tensor must have."""
        rows, columns = (-(-extent * self.elements[axis] // self.block[axis]) for axis, extent in enumerate(self.shape))
        return (columns, rows) if self.is_transposed else (rows, columns)

    @property
    def is_one_element(self) -> bool:
        """Whether one element stands for the whole matrix."""
        return self.tensor.num_parameters == 1

    def cut(self, axis: int, block: range) -> StoredSlice | None:
        """The stored elements that stand for a slice of the matrix and for nothing else; None if some stand for more."""
        size, extent = self.block[axis], self.shape[axis]
        if self.is_one_element or block.start % size or (block.stop % size and block.stop != extent):
            return None
        return self.whole if len(block) == extent else self.cover(axis, block)

    def cover(self, axis: int, block: range) -> StoredSlice:
        """The stored elements that stand for a slice of the matrix, and perhaps for numbers beside it."""
        size, number, stored_axis = self.block[axis], self.elements[axis], axis ^ int(self.is_transposed)
        stop = min(self.tensor.shape[stored_axis], -(-block.stop // size) * number)
        return StoredSlice(tensor=self.tensor, axis=stored_axis, block=range(block.start // size * number, stop))

    @property
    def whole(self) -> StoredSlice:
        """All stored elements."""
        return StoredSlice(tensor=self.tensor, axis=0, block=range(self.tensor.shape[0]))

    def upright(self, stored: Values) -> Values:
        """Stored elements with their rows along the matrix's rows; also the way back."""
        return stored.T if self.is_transposed else stored

    def spread(self, elements: Values, axis: int, block: range) -> Values:
        """Expand elements, one for each block, to one for each number of a slice.

        Args:
            elements: All of them, [rows of blocks, columns of blocks].
            axis: The slice's axis.
            block: Its indices.
        """
        spans = [block if number == axis else range(extent) for number, extent in enumerate(self.shape)]
        rows, columns = (np.arange(span.start, span.stop) // size for span, size in zip(spans, self.block, strict=True))
        found: Values = elements[rows][:, columns]
        return found


def as_two_axes(tensor: TensorInfo) -> TensorInfo:
    """A vector as one column. Its rows and bytes are the same."""
    return tensor if len(tensor.shape) > 1 else replace(tensor, shape=(tensor.num_parameters, 1))


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How codes are packed.

    Args:
        bits: Bits of a code, from 1 to 8.
        axis: 1: codes of a row lie in one stored element; 0: codes of a column.
        order: At which place of a group of codes each of them is stored, counted from the lowest bits; None: one after another.
        is_signed: Whether codes are stored as signed numbers (int8). They are read with an offset of 2^(bits - 1), so that they
            count from 0.
    """

    bits: int
    axis: int = 1
    order: tuple[int, ...] | None = None
    is_signed: bool = False

    def block_in(self, element_bits: int) -> tuple[int, int]:
        """The smallest number of codes that fill whole stored elements, and the number of these elements."""
        together = math.lcm(self.bits, element_bits)
        return together // self.bits, together // element_bits

    def grid(self, tensor: TensorInfo, shape: tuple[int, int], *, is_transposed: bool = False) -> StoredGrid:
        """Where the codes of a matrix lie in a tensor."""
        codes, elements = self.block_in(8 * tensor.num_bytes // tensor.num_parameters if tensor.num_parameters else 8)
        return StoredGrid(
            tensor=tensor,
            shape=shape,
            block=(1, codes) if self.axis else (codes, 1),
            elements=(1, elements) if self.axis else (elements, 1),
            is_transposed=is_transposed,
        )

    def unpack(self, elements: Values) -> Codes:
        """The codes in stored elements, whose rows run along the matrix's rows."""
        lines = np.ascontiguousarray(elements if self.axis else elements.T)
        codes = _split(lines.view(np.uint8).reshape(len(lines), -1), self.bits)
        if self.order is not None:
            codes = self._in_groups(codes)[:, :, list(self.order)].reshape(codes.shape)
        if self.is_signed:
            codes = codes ^ np.uint8(1 << self.bits - 1)
        return codes if self.axis else codes.T

    def pack(self, codes: Codes, like: Values) -> Values:
        """Stored elements that hold codes, in the type and shape of others."""
        lines = codes if self.axis else codes.T
        if self.is_signed:
            lines = lines ^ np.uint8(1 << self.bits - 1)
        if self.order is not None:
            lines = self._in_groups(lines)[:, :, np.argsort(self.order)].reshape(lines.shape)
        stored = _join(np.ascontiguousarray(lines), self.bits).view(like.dtype)
        return stored if self.axis else stored.T

    def _in_groups(self, codes: Codes) -> Codes:
        assert self.order is not None
        return codes.reshape(len(codes), -1, len(self.order))


def _split(data: Codes, bits: int) -> Codes:
    """Codes in lines of bytes."""
    if bits == 8:
        return data
    if 8 % bits == 0:
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        codes: Codes = data[:, :, None] >> shifts & np.uint8((1 << bits) - 1)
        return codes.reshape(len(data), -1)
    stream = np.unpackbits(data, axis=1, bitorder="little").reshape(len(data), -1, bits)
    return np.packbits(stream, axis=2, bitorder="little")[:, :, 0]


def _join(codes: Codes, bits: int) -> Codes:
    """Lines of bytes that hold codes."""
    if bits == 8:
        return codes
    if 8 % bits == 0:
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        data: Codes = np.bitwise_or.reduce(codes.reshape(len(codes), -1, len(shifts)) << shifts, axis=2)
        return data
    stream = np.unpackbits(codes[:, :, None], axis=2, bitorder="little")[:, :, :bits].reshape(len(codes), -1)
    return np.packbits(stream, axis=1, bitorder="little")
