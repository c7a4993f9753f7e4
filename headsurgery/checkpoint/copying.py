"""Copy files while hashing them; change some bytes of a shard on the way. Constant memory, one pass.

Reading, writing and the two hashes (before and after the change) overlap: hashing releases the interpreter's lock. A shard's two
hashes are one until its first changed byte. Where the file system can (`linking`), the copy begins as a clone: that is read instead
of the source, so that its hash is true whatever happens to the source meanwhile, and only chunks that change are written.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from headsurgery.checkpoint.header import Shard, TensorInfo
from headsurgery.checkpoint.linking import clone_file
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
    """SHA-256 of a file before and after, in hexadecimal, and its size; and whether the hashes come from its bytes."""

    before: str
    after: str
    num_bytes: int
    is_read: bool = True


def copy_file(
    source: BinaryIO, target: Path, on_bytes: Callable[[int], None], *, clone: bool = True, trusted: str | None = None
) -> CopiedFile:
    """Copy a file as it is.

    Args:
        source: The file, opened at its start.
        target: A name that is free.
        on_bytes: Called with the number of bytes of every chunk.
        clone: Share its blocks where the file system can.
        trusted: Its SHA-256, if that is known; a clone is not read then.
    """
    return _copy(source, target, _unchanged, on_bytes, clone=clone, trusted=trusted)


def copy_shard(
    source: BinaryIO, shard: Shard, target: Path, change: Changer, on_bytes: Callable[[int], None], *, clone: bool = True
) -> CopiedFile:
    """Copy a shard, letting `change` see every chunk of whole rows of every tensor. Header bytes are copied as they are."""
    return _copy(source, target, partial(_changed, shard=shard, change=change), on_bytes, clone=clone)


def hash_shard(source: BinaryIO, shard: Shard, change: Changer, on_bytes: Callable[[int], None]) -> str:
    """SHA-256, in hexadecimal, of the copy that `copy_shard` would write."""
    digest = sha256()
    for _, new in _changed(source, shard=shard, change=change):
        digest.update(np.ascontiguousarray(new).data)
        on_bytes(new.nbytes)
    return digest.hexdigest()


def _changed(source: BinaryIO, *, shard: Shard, change: Changer) -> Iterator[tuple[ByteArray, ByteArray]]:
    """A shard's chunks as they are, and as they become."""
    source.seek(0)
    header = np.frombuffer(source.read(shard.num_header_bytes), dtype=np.uint8)
    yield header, header
    for tensor in shard.tensors:
        for first, rows in read_rows(source, tensor, range(tensor.num_rows)):
            yield rows, change(tensor, first, rows)


def hash_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb", buffering=0) as stream:
        return hash_stream(stream, on_bytes)


def hash_stream(stream: BinaryIO, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256 of the rest of a stream, in hexadecimal."""
    digest = sha256()
    while chunk := stream.read(CHUNK_BYTES):
        digest.update(chunk)
        if on_bytes is not None:
            on_bytes(len(chunk))
    return digest.hexdigest()


def _unchanged(source: BinaryIO) -> Iterator[tuple[ByteArray, ByteArray]]:
    while data := source.read(CHUNK_BYTES):
        chunk = np.frombuffer(data, dtype=np.uint8)
        yield chunk, chunk


def _copy(
    source: BinaryIO,
    target: Path,
    pairs: Callable[[BinaryIO], Iterator[tuple[ByteArray, ByteArray]]],
    on_bytes: Callable[[int], None],
    *,
    clone: bool,
    trusted: str | None = None,
) -> CopiedFile:
    """Make the target hold the second of each pair; hash both."""
    with target.open("x+b", buffering=0) as out:
        is_clone = clone and clone_file(source, out)
        is_read = trusted is None or not is_clone
        if trusted is not None and is_clone:
            num_bytes, before, after = os.fstat(out.fileno()).st_size, trusted, trusted
            on_bytes(num_bytes)
        else:
            num_bytes, before, after = _write(out, pairs(out if is_clone else source), on_bytes, is_clone=is_clone)
        os.fsync(out.fileno())
    return CopiedFile(before=before, after=after, num_bytes=num_bytes, is_read=is_read)


def _write(
    out: BinaryIO, pairs: Iterator[tuple[ByteArray, ByteArray]], on_bytes: Callable[[int], None], *, is_clone: bool
) -> tuple[int, str, str]:
    """Write the second of each pair, into a clone only where it differs; bytes in all, and the hashes of both."""
    num_bytes = 0
    with _Hasher() as before, _Hasher() as branch:
        after = before
        for old, new in pairs:
            if new is not old and after is before:
                branch.start_from(before)
                after = branch
            before.update(old)
            if after is not before:
                after.update(new)
            if not is_clone:
                _write_all(out, new)
            elif new is not old:
                _write_all(out, new, at=num_bytes)
            num_bytes += new.nbytes
            on_bytes(new.nbytes)
        return num_bytes, before.hexdigest(), after.hexdigest()


def _write_all(out: Any, data: ByteArray, at: int | None = None) -> None:
    """Write every byte; `at` an offset the place where the file is being read stays as it is."""
    view = np.ascontiguousarray(data).reshape(-1).data
    while view:
        count = out.write(view) if at is None else os.pwrite(out.fileno(), view, at)
        at = None if at is None else at + count
        view = view[count:]


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
