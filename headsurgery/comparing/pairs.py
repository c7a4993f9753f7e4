"""Read one tensor of two checkpoints side by side, and yield only the chunks that differ. Neighbour: `diff`.

Tensors of the same type are compared bit by bit. Floats of two types are compared by value: the base's values are rounded to the
type of the edited ones, as merging and saving tools do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from headsurgery.errors import CheckpointError
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import as_numbers, differing_elements, is_plain
from headsurgery.storage.tensors import TensorInfo, read_rows

_CHUNK_BYTES = 2**20
"""Bytes per chunk. Two chunks fit into a processor's cache."""

ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Differences:
    """The differing elements of one tensor.

    Args:
        counts: Their number at each index along the axis of the head blocks.
        rounded: Whether values were rounded to another type.
    """

    counts: npt.NDArray[np.int64]
    rounded: bool = False


def show_type(tensor: TensorInfo) -> str:
    """Type and shape, for messages."""
    return f"{tensor.dtype} {list(tensor.shape)}"


def describe_resized(base: Checkpoint, tensor: TensorInfo, edited: Checkpoint, twin: TensorInfo) -> str:
    """For a matrix whose number of rows changed, such as an embedding with more tokens: whether the common rows are equal."""
    common = min(tensor.num_rows, twin.num_rows)
    are_matrices = len(tensor.shape) == len(twin.shape) == 2
    if not are_matrices or (tensor.dtype, tensor.shape[1]) != (twin.dtype, twin.shape[1]) or not common:
        return ""
    one, other = (_first_rows(each, common) for each in (tensor, twin))
    differing = sum(int(mask.sum()) for _, mask in _differing_elements(base, one, edited, other))
    what = f"{differing} elements differ" if differing else "nothing differs"
    return f"; {what} in the {common} rows that both have"


def _first_rows(tensor: TensorInfo, count: int) -> TensorInfo:
    return replace(tensor, shape=(count, *tensor.shape[1:]), num_bytes=tensor.num_bytes // tensor.num_rows * count)


def count_differences(base: Checkpoint, edited: Checkpoint, tensor: TensorInfo, *, axis: int) -> Differences | None:
    """Count differing elements; None if there are none and the type is the same."""
    twin = replace(edited.tensors[tensor.name], shape=tensor.shape)
    counts = np.zeros(tensor.shape[1] if axis else tensor.num_rows, dtype=np.int64)

    def count(first: int, mask: npt.NDArray[np.bool_]) -> None:
        nonlocal counts
        if axis:
            counts += mask.sum(axis=0)
        else:
            counts[first : first + len(mask)] += mask.sum(axis=1)

    if twin.dtype == tensor.dtype:
        chunks = 0
        for first, mask in _differing_elements(base, tensor, edited, twin):
            count(first, mask)
            chunks += 1
        return Differences(counts=counts) if chunks else None
    is_rounded = False
    with base.open_tensor(tensor) as one, edited.open_tensor(twin) as other:
        for first, mask, rounded in compare_values(one, tensor, other, twin):
            count(first, mask)
            is_rounded |= rounded
    return Differences(counts=counts, rounded=is_rounded)


def _differing_elements(
    base: Checkpoint, tensor: TensorInfo, edited: Checkpoint, twin: TensorInfo
) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
    """For each chunk that differs in any bit: its first row, and a mask [rows, elements per row]."""
    with base.open_tensor(tensor) as one, edited.open_tensor(twin) as other:
        for first, old, new in differing_rows(one, tensor, other, twin):
            yield first, differing_elements(old, new, tensor)


def are_comparable(tensor: TensorInfo, twin: TensorInfo) -> bool:
    """Whether both have one shape, and either one type or two float types."""
    are_floats = is_plain(tensor.dtype) and is_plain(twin.dtype)
    return tensor.shape == twin.shape and (tensor.dtype == twin.dtype or are_floats)


def differing_rows(
    one: BinaryIO, tensor: TensorInfo, other: BinaryIO, twin: TensorInfo
) -> Iterator[tuple[int, ByteArray, ByteArray]]:
    """Read whole rows of a tensor and of its twin of the same type and shape in chunks. `TensorInfo.num_rows` defines rows.

    Yields:
        For every chunk that differs: its first row, and both chunks as [rows, bytes per row], valid until the next one.

    Raises:
        CheckpointError: A file can't be read, or became shorter.
    """
    row_bytes = tensor.num_bytes // tensor.num_rows if tensor.num_rows else 0
    if not row_bytes:
        return
    step = max(1, _CHUNK_BYTES // row_bytes)
    old, new = bytearray(step * row_bytes), bytearray(step * row_bytes)
    one.seek(tensor.offset)
    other.seek(twin.offset)
    for first in range(0, tensor.num_rows, step):
        num_bytes = min(step, tensor.num_rows - first) * row_bytes
        if num_bytes < len(old):  # the last chunk
            old, new = bytearray(num_bytes), bytearray(num_bytes)
        _fill(one, memoryview(old), tensor.file)
        _fill(other, memoryview(new), twin.file)
        if old != new:  # as fast as memcmp, unlike comparing memoryviews or arrays
            rows, twins = (np.frombuffer(data, np.uint8).reshape(-1, row_bytes) for data in (old, new))
            yield first, rows, twins


def compare_values(
    one: BinaryIO, tensor: TensorInfo, other: BinaryIO, twin: TensorInfo
) -> Iterator[tuple[int, npt.NDArray[np.bool_], bool]]:
    """Read whole rows of a tensor and of its twin of the same shape but another type in chunks.

    Yields:
        For every chunk: its first row; which values, [rows, values per row], differ from the base's values rounded to the twin's
        type; and whether any value was rounded.

    Raises:
        CheckpointError: A file can't be read, or became shorter.
    """
    for first, data in read_rows(one, tensor, range(tensor.num_rows)):
        old = as_numbers(data, tensor.dtype)
        ((_, raw),) = read_rows(other, twin, range(first, first + len(old)), chunk_rows=len(old))
        new = as_numbers(raw, twin.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            wanted = old.astype(new.dtype)
            differs = (new != wanted) & ~(np.isnan(new) & np.isnan(wanted))
            wide = np.float64 if "F64" in (tensor.dtype, twin.dtype) else np.float32
            rounded = bool((wanted.astype(wide) != old.astype(wide)).any())
        yield first, differs, rounded


def _fill(stream: BinaryIO, view: memoryview, file: str) -> None:
    while view:
        try:
            count = stream.readinto(view)  # type: ignore[attr-defined]
        except OSError as error:
            raise CheckpointError(f"{file}: can't be read: {error.strerror}") from error
        if not count:
            raise CheckpointError(f"{file}: became shorter while it was read")
        view = view[count:]
