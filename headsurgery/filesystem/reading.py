"""Read from an open file: what comes next, or so many bytes from a place."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from headsurgery.errors import CheckpointError

CHUNK_BYTES = 4 * 2**20


def read_into(stream: BinaryIO, view: memoryview, file: str) -> int:
    """Read what comes next; how many bytes that were, none at the end.

    Raises:
        CheckpointError: It can't be read.
    """
    try:
        return int(stream.readinto(view))  # type: ignore[attr-defined]
    except OSError as error:
        raise CheckpointError(f"{file}: can't be read: {error.strerror}") from error


def read_exactly(stream: BinaryIO, offset: int, length: int, file: str) -> npt.NDArray[np.uint8]:
    """Bytes of a file, all of them or an error.

    Raises:
        CheckpointError: They can't be read, or there are fewer.
    """
    data = np.empty(length, dtype=np.uint8)
    view, done = data.data, 0
    stream.seek(offset)
    while done < length:
        count = read_into(stream, view[done:], file)
        if not count:
            raise CheckpointError(f"{file}: became shorter while it was read")
        done += count
    return data
