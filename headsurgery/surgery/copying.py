"""Copy files while hashing them, and change some bytes of a shard on the way: one pass, constant memory.

Reading, writing and the two hashes (before and after the change) overlap, since hashing releases the interpreter's lock. Until the
first changed byte of a shard, one hash serves as both. If the file system supports it (`linking`), the copy starts as a clone. Then
the clone is read instead of the source, so its hash is true even if the source changes meanwhile, and only changed chunks are
written. A file whose hash is already known is not read at all if the system can copy it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from headsurgery.errors import CheckpointError
from headsurgery.filesystem.hashing import CHUNKS_BEHIND, Hasher
from headsurgery.filesystem.linking import clone_file, copy_range
from headsurgery.filesystem.reading import read_into
from headsurgery.progress import StageProgress
from headsurgery.storage.tensors import Shard, TensorInfo, read_rows

_CHUNK_BYTES = 2 * 2**20
"""Bytes per chunk of files that are not edited. About six chunks are held for each file."""

_FLUSH_BYTES = 64 * 2**20

ByteArray = npt.NDArray[np.uint8]
Changer = Callable[[TensorInfo, int, ByteArray], ByteArray]
"""Gets a tensor, the first row of a chunk, and the chunk's bytes, [rows, bytes per row]; returns them or a changed copy."""
Changes = Mapping[str, Changer]
"""By tensor name. Tensors that are not named stay as they are."""
_Pairs = Iterator[tuple[ByteArray, ByteArray]]
"""Chunks before and after the change, as the same array if nothing changes. Each stays valid for CHUNKS_BEHIND further chunks."""


class Reporter:
    """Sums up bytes and reports them with the total."""

    def __init__(self, total: int, on_progress: StageProgress | None) -> None:
        self._done, self._total, self._on_progress = 0, total, on_progress

    def __call__(self, num_bytes: int) -> None:
        """Add a number of bytes."""
        self._done += num_bytes
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)


@dataclass(frozen=True, kw_only=True)
class CopiedFile:
    """SHA-256 of a file before and after, in hexadecimal; its size; and whether the hashes were computed from its bytes."""

    before: str
    after: str
    num_bytes: int
    is_read: bool = True


def copy_file(
    source: BinaryIO, target: Path, on_bytes: Callable[[int], None], *, clone: bool = True, trusted: str | None = None
) -> CopiedFile:
    """Copy a file unchanged.

    Args:
        source: The file, opened at its start.
        target: A path that doesn't exist yet.
        on_bytes: Called with the number of bytes of each chunk.
        clone: Share the file's blocks if the file system can.
        trusted: The file's SHA-256, if known. The file is then not read if the system can clone or copy it.
    """
    return _copy(source, target, _unchanged, on_bytes, clone=clone, trusted=trusted)


def copy_shard(
    source: BinaryIO, shard: Shard, target: Path, changes: Changes, on_bytes: Callable[[int], None], *, clone: bool = True
) -> CopiedFile:
    """Copy a shard. A change function sees every chunk of whole rows of its tensor; all other bytes are copied unchanged."""
    return _copy(source, target, partial(_changed, shard=shard, changes=changes), on_bytes, clone=clone)


def hash_shard(source: BinaryIO, shard: Shard, changes: Changes, on_bytes: Callable[[int], None]) -> CopiedFile:
    """Return what `copy_shard` would return, without writing anything."""
    num_bytes, before, after = _hash(_changed(source, shard=shard, changes=changes), on_bytes, lambda old, new, start: None)
    return CopiedFile(before=before, after=after, num_bytes=num_bytes)


def _unchanged(source: BinaryIO, num_bytes: int | None = None) -> _Pairs:
    """Chunks of the next bytes of a stream; None: all bytes to its end."""
    name = Path(getattr(source, "name", "")).name
    buffers = cycle([np.empty(_CHUNK_BYTES, dtype=np.uint8) for _ in range(CHUNKS_BEHIND + 2)])
    while num_bytes is None or num_bytes > 0:
        buffer = next(buffers)[:num_bytes]
        count = read_into(source, buffer.data, name)
        if not count:
            if num_bytes is None:
                return
            raise CheckpointError(f"{name}: became shorter while it was read")
        num_bytes = None if num_bytes is None else num_bytes - count
        chunk = buffer[:count]
        yield chunk, chunk


def _changed(source: BinaryIO, *, shard: Shard, changes: Changes) -> _Pairs:
    """The chunks of a shard, with its changes."""
    end = 0
    for tensor in shard.tensors:
        if tensor.name in changes:
            source.seek(end)
            yield from _unchanged(source, tensor.offset - end)
            for first, rows in read_rows(source, tensor, range(tensor.num_rows)):
                yield rows, changes[tensor.name](tensor, first, rows)
            end = tensor.offset + tensor.num_bytes
    source.seek(end)
    yield from _unchanged(source, shard.num_bytes - end)


def _copy(
    source: BinaryIO,
    target: Path,
    pairs: Callable[[BinaryIO], _Pairs],
    on_bytes: Callable[[int], None],
    *,
    clone: bool,
    trusted: str | None = None,
) -> CopiedFile:
    """Fill the target with the second of each pair, and hash both."""
    with target.open("x+b", buffering=0) as out:
        is_clone = clone and clone_file(source, out)
        if trusted is not None and _take_over(source, out, on_bytes, is_clone=is_clone):
            num_bytes = os.fstat(out.fileno()).st_size
            copied = CopiedFile(before=trusted, after=trusted, num_bytes=num_bytes, is_read=False)
        else:
            num_bytes, before, after = _write(out, pairs(out if is_clone else source), on_bytes, is_clone=is_clone)
            copied = CopiedFile(before=before, after=after, num_bytes=num_bytes)
        os.fsync(out.fileno())
    return copied


def _take_over(source: BinaryIO, out: BinaryIO, on_bytes: Callable[[int], None], *, is_clone: bool) -> bool:
    """Copy the whole file without reading it, as a clone or by the system. False if that is not possible."""
    if is_clone:
        on_bytes(os.fstat(out.fileno()).st_size)
        return True
    num_bytes = 0
    with _Flusher(out) as flusher:

        def report(count: int) -> None:
            nonlocal num_bytes
            num_bytes += count
            flusher.flush_to(num_bytes)
            on_bytes(count)

        return copy_range(source, out, report)


def _write(out: BinaryIO, pairs: _Pairs, on_bytes: Callable[[int], None], *, is_clone: bool) -> tuple[int, str, str]:
    """Write the second of each pair; into a clone only where it differs. Returns the total bytes and both hashes."""
    with _Flusher(out) as flusher:

        def keep(old: ByteArray, new: ByteArray, start: int) -> None:
            if not is_clone:
                write_all(out, _flat(new))
            elif new is not old:
                write_all(out, _flat(new), at=start)
            flusher.flush_to(start + new.nbytes)

        return _hash(pairs, on_bytes, keep)


def _hash(
    pairs: _Pairs, on_bytes: Callable[[int], None], keep: Callable[[ByteArray, ByteArray, int], None]
) -> tuple[int, str, str]:
    """Hash both of each pair while `keep` writes them at their offset. Returns the total bytes and both hashes."""
    num_bytes = 0
    with Hasher() as before, Hasher() as branch:
        after = before
        for old, new in pairs:
            if new is not old and after is before:
                branch.start_from(before)
                after = branch
            before.update(_flat(old))
            if after is not before:
                after.update(_flat(new))
            keep(old, new, num_bytes)
            num_bytes += new.nbytes
            on_bytes(new.nbytes)
        return num_bytes, before.hexdigest(), after.hexdigest()


def write_all(out: Any, data: memoryview, at: int | None = None) -> None:
    """Write every byte; with `at`, at that offset, without moving the position of the file."""
    while data:
        count = out.write(data) if at is None else os.pwrite(out.fileno(), data, at)
        at = None if at is None else at + count
        data = data[count:]


class _Flusher:
    """Flushes written bytes to the disk in a thread while more are written, so that little is left to flush at the end."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._end = out, 0
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None

    def __enter__(self) -> _Flusher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown()
        if kind is None and self._pending is not None:
            self._pending.result()

    def flush_to(self, end: int) -> None:
        """Flush if much was written since the last time.

        Raises:
            OSError: Earlier bytes could not be flushed. The system reports that only once, so it must not be lost.
        """
        if end - self._end >= _FLUSH_BYTES and (self._pending is None or self._pending.done()):
            if self._pending is not None:
                self._pending.result()
            self._end, self._pending = end, self._pool.submit(_flush, self._out.fileno())


_flush: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have only the latter


def _flat(chunk: ByteArray) -> memoryview:
    return np.ascontiguousarray(chunk).reshape(-1).data
