"""One tensor of two checkpoints, read side by side: only chunks that differ come out. Neighbour: `diff`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from headsurgery.checkpoint.header import TensorInfo
from headsurgery.errors import CheckpointError

_CHUNK_BYTES = 2**20
"""Two of them fit into a processor's cache."""

ByteArray = npt.NDArray[np.uint8]


def differing_rows(
    one: BinaryIO, tensor: TensorInfo, other: BinaryIO, twin: TensorInfo
) -> Iterator[tuple[int, ByteArray, ByteArray]]:
    """Whole rows of a tensor and its twin of the same type and shape, in chunks; rows are counted as in `TensorInfo.num_rows`.

    Yields:
        Of every chunk that differs the first row, and the bytes of both as [rows, bytes per row], good until the next one.

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
        if old != new:  # as quick as memcmp, which comparing memoryviews or arrays is not
            rows, twins = (np.frombuffer(data, np.uint8).reshape(-1, row_bytes) for data in (old, new))
            yield first, rows, twins


def _fill(stream: BinaryIO, view: memoryview, file: str) -> None:
    while view:
        try:
            count = stream.readinto(view)  # type: ignore[attr-defined]
        except OSError as error:
            raise CheckpointError(f"{file}: can't be read: {error.strerror}") from error
        if not count:
            raise CheckpointError(f"{file}: became shorter while it was read")
        view = view[count:]
