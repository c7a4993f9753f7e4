"""SHA-256 of files, and of chunks as they pass by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from headsurgery.filesystem.reading import CHUNK_BYTES, read_into

CHUNKS_BEHIND = 2
"""How far hashing may be behind: a chunk must stay as it is until so many more were passed on."""


def hash_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb", buffering=0) as stream:
        return hash_stream(stream, on_bytes)


def hash_stream(stream: BinaryIO, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256 of the rest of a file, in hexadecimal.

    Raises:
        CheckpointError: It can't be read.
    """
    digest, view = sha256(), memoryview(bytearray(CHUNK_BYTES))
    while count := read_into(stream, view, Path(stream.name).name):
        digest.update(view[:count])
        if on_bytes is not None:
            on_bytes(count)
    return digest.hexdigest()


class Hasher:
    """SHA-256 in a thread of its own, a few chunks behind; hashing releases the interpreter's lock."""

    def __init__(self) -> None:
        self._digest = sha256()
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> Hasher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def start_from(self, other: Hasher) -> None:
        """Take over another hasher's state."""
        other._drain(0)
        self._digest = other._digest.copy()

    def update(self, chunk: Any) -> None:
        """Hash a contiguous chunk of bytes, soon."""
        self._pending.append(self._pool.submit(self._digest.update, chunk))
        self._drain(CHUNKS_BEHIND)

    def hexdigest(self) -> str:
        """The hash of all chunks, in hexadecimal."""
        self._drain(0)
        return self._digest.hexdigest()

    def _drain(self, keep: int) -> None:
        while len(self._pending) > keep:
            self._pending.popleft().result()
