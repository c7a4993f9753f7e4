"""Copy files while hashing them; change some bytes of a shard on the way. Constant memory, one pass.

Reading, writing and the two hashes (before and after the change) overlap: hashing releases the interpreter's lock. A shard's two
hashes are one until its first changed byte.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from headsurgery.checkpoint.header import Shard, TensorInfo
from headsurgery.checkpoint.reader import CHUNK_BYTES, read_rows

_CHUNKS_IN_FLIGHT = 4

ByteArray = npt.NDArray[np.uint8]
Changer = Callable[[TensorInfo, int, ByteArray], ByteArray]
"""Gets a tensor, the first row of a chunk and its bytes [rows, bytes per row]; returns them, or a changed copy."""


Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


class Reporter:
    """Adds up bytes and passes them on with the total."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self._done, self._total, self._on_progress = 0, total, on_progress

    def __call__(self, num_bytes: int) -> None:
        """So many bytes more."""
        self._done += num_bytes
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)


@dataclass(frozen=True, kw_only=True)
class CopiedFile:
    """SHA-256 of a file before and after, in hexadecimal, and its size."""

    before: str
    after: str
    num_bytes: int


def copy_file(source: BinaryIO, target: Path, on_bytes: Callable[[int], None]) -> CopiedFile:
    """Copy a file as it is."""
    return _copy(((chunk, chunk) for chunk in _chunks(source)), target, on_bytes)


def copy_shard(source: BinaryIO, shard: Shard, target: Path, change: Changer, on_bytes: Callable[[int], None]) -> CopiedFile:
    """Copy a shard, letting `change` see every chunk of whole rows of every tensor. Header bytes are copied as they are."""
    return _copy(_changed(source, shard, change), target, on_bytes)


def hash_shard(source: BinaryIO, shard: Shard, change: Changer, on_bytes: Callable[[int], None]) -> str:
    """SHA-256, in hexadecimal, of the copy that `copy_shard` would write."""
    digest = sha256()
    for _, new in _changed(source, shard, change):
        digest.update(np.ascontiguousarray(new).data)
        on_bytes(new.nbytes)
    return digest.hexdigest()


def _changed(source: BinaryIO, shard: Shard, change: Changer) -> Iterator[tuple[ByteArray, ByteArray]]:
    """A shard's chunks as they are, and as they become."""
    source.seek(0)
    header = np.frombuffer(source.read(shard.num_header_bytes), dtype=np.uint8)
    yield header, header
    for tensor in shard.tensors:
        for first, rows in read_rows(source, tensor, range(tensor.num_rows)):
            yield rows, change(tensor, first, rows)


def hash_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            if on_bytes is not None:
                on_bytes(len(chunk))
    return digest.hexdigest()


def _chunks(source: BinaryIO) -> Iterator[ByteArray]:
    while data := source.read(CHUNK_BYTES):
        yield np.frombuffer(data, dtype=np.uint8)


def _copy(pairs: Iterable[tuple[ByteArray, ByteArray]], target: Path, on_bytes: Callable[[int], None]) -> CopiedFile:
    """Write the second of each pair; hash both."""
    num_bytes = 0
    with target.open("xb", buffering=0) as out, _Hasher() as before, _Hasher() as branch:
        after = before
        for old, new in pairs:
            if new is not old and after is before:
                branch.start_from(before)
                after = branch
            before.update(old)
            if after is not before:
                after.update(new)
            _write_all(out, new)
            num_bytes += new.nbytes
            on_bytes(new.nbytes)
        os.fsync(out.fileno())
        return CopiedFile(before=before.hexdigest(), after=after.hexdigest(), num_bytes=num_bytes)


def _write_all(out: Any, data: ByteArray) -> None:
    view = np.ascontiguousarray(data).reshape(-1).data
    while view:
        view = view[out.write(view) :]


class _Hasher:
    """SHA-256 in a thread of its own, a few chunks behind."""

    def __init__(self) -> None:
        self._digest = sha256()
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> _Hasher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def start_from(self, other: _Hasher) -> None:
        """Take over another hasher's state."""
        other._drain(0)
        self._digest = other._digest.copy()

    def update(self, chunk: ByteArray) -> None:
        self._pending.append(self._pool.submit(self._digest.update, np.ascontiguousarray(chunk).data))
        self._drain(_CHUNKS_IN_FLIGHT)

    def hexdigest(self) -> str:
        self._drain(0)
        return self._digest.hexdigest()

    def _drain(self, keep: int) -> None:
        while len(self._pending) > keep:
            self._pending.popleft().result()
