"""The journal of a sweep: finished blocks on disk, so that a run that breaks off goes on where it was.

Behind the line `headsurgery.sweep/1` a file of records: 8 bytes of length (little-endian), 16 bytes of BLAKE2b, the payload. The
first payload is the run's settings as JSON. Every other is one block: 16 bytes of BLAKE2b of its task, then safetensors with what
was measured and where in the task it belongs. Records are only appended, each brought to the disk. The first one that is torn or
damaged ends the journal: it and what follows are cut, and done again. One process writes at a time. Neighbour: `sweep`.
"""

from __future__ import annotations

import io
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from safetensors.torch import load, save

from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.settings import first_difference
from headsurgery.engine.task import Block, Measured, SweepTask
from headsurgery.errors import HeadSurgeryError
from headsurgery.filesystem.file_locks import lock_open_file

if TYPE_CHECKING:
    from typing_extensions import Self

_MAGIC = b"headsurgery.sweep/1\n"
_OLD_MAGIC = b"headsurgery.journal/1\n"
"""Of the same format until 0.1; the name is now the journal's of an edit in place alone."""

_LENGTH_BYTES, _DIGEST_BYTES = 8, 16
_ANEW = "repeat that run to finish it, --force to begin anew (what it finished is lost), or give another -o"


class JournalError(HeadSurgeryError):
    """A journal that is another run's, is being written, or can't be."""


class SweepJournal:
    """Finished blocks of one run; a file only while there are any.

    Args:
        path: The file; its directory exists.
        settings: All that the blocks depend on besides their tasks, and what the user knows the run by, as JSON.
        force: Begin anew where a journal of another run, or another file, stands.

    Raises:
        JournalError: It is another run's, no journal, being written by another process, or can't be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        self.path = path
        self._pairs = 0
        self._places: defaultdict[bytes, list[tuple[int, int]]] = defaultdict(list)  # offset and length by task
        wanted = json.loads(json.dumps(settings))
        with self._accessing():
            if not path.exists():
                self._begin(wanted)
                return
            self._open()
            problem = self._problem(wanted)
            if problem is None:
                self._find_blocks()
                return
            self._file.close()
            if not force:
                raise JournalError(f"{path}: {problem}", hint=_ANEW)
            self._begin(wanted)

    @staticmethod
    def settings_of(path: Path) -> dict[str, Any] | None:
        """Settings of the run whose journal is there; None where there is none that can be read."""
        try:
            with path.open("rb") as file:
                if file.read(len(_MAGIC)) != _MAGIC:
                    return None
                payload = _read_record(file)
                found = None if payload is None else json.loads(payload)
        except (OSError, ValueError):  # opening it will say what is wrong with it
            return None
        return found if isinstance(found, dict) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        if not self.num_blocks:
            self.remove()

    @property
    def num_pairs(self) -> int:
        """(head, query) pairs of the finished blocks of all tasks."""
        return self._pairs

    @property
    def num_blocks(self) -> int:
        """Finished blocks."""
        return sum(map(len, self._places.values()))

    def read(self, task: SweepTask) -> Iterator[Measured]:
        """Finished blocks of a task."""
        for offset, length in self._places[_digest(repr(task).encode())]:
            with self._accessing():
                self._file.seek(offset)
                data = self._file.read(length)
            tensors = load(data)
            block = Block(heads=tuple(tensors["block.heads"].tolist()), queries=tuple(tensors["block.queries"].tolist()))
            yield Measured(block=block, heads=tensors["heads"], base=tensors.get("base"))

    def append(self, task: SweepTask, measured: Measured) -> None:
        """Add a finished block.

        Raises:
            JournalError: The disk refuses.
        """
        tensors = {
            "block.heads": torch.tensor(measured.block.heads),
            "block.queries": torch.tensor(measured.block.queries),
            "heads": measured.heads.contiguous(),
        }
        if measured.base is not None:
            tensors["base"] = measured.base.contiguous()
        key, data = _digest(repr(task).encode()), save(tensors)
        with self._accessing():
            end = self._file.seek(0, os.SEEK_END)
            record = _record(key + data)
            while record:
                record = record[self._file.write(record) :]
            os.fsync(self._file.fileno())
        self._places[key].append((end + _LENGTH_BYTES + _DIGEST_BYTES + len(key), len(data)))
        self._pairs += measured.block.num_pairs

    def remove(self) -> None:
        """Delete the file, when the run's result is safe."""
        self._file.close()
        with self._accessing():
            self.path.unlink(missing_ok=True)

    def _problem(self, settings: dict[str, Any]) -> str | None:
        """Why a run can't go on from what is there."""
        if self._file.readline(len(_OLD_MAGIC)) not in (_MAGIC, _OLD_MAGIC):
            return "not a journal of headsurgery"
        found = _read_record(self._file)
        if found is None:
            return "the settings of its run are damaged"
        different = first_difference(json.loads(found), settings)
        return None if different is None else f"a broken-off run with other settings: {different}"

    def _find_blocks(self) -> None:
        whole = self._file.tell()
        while (payload := _read_record(self._file)) is not None:
            end = self._file.tell()
            length = len(payload) - _DIGEST_BYTES
            self._places[payload[:_DIGEST_BYTES]].append((end - length, length))
            block = load(payload[_DIGEST_BYTES:])
            self._pairs += block["block.heads"].numel() * block["block.queries"].numel()
            whole = end
        self._file.truncate(whole)

    def _begin(self, settings: dict[str, Any]) -> None:
        """Put a journal without blocks in its place, whole or not at all."""
        write_atomically(self.path, _MAGIC + _record(json.dumps(settings).encode()))
        self._open()
        self._file.seek(0, os.SEEK_END)

    def _open(self) -> None:
        """Open the file, and keep other processes out for as long as it is open."""
        self._file = self.path.open("r+b", buffering=0)
        try:
            lock_open_file(self._file.fileno())
        except BlockingIOError as error:
            self._file.close()
            raise JournalError(f"{self.path}: another run is writing it", hint="wait for it, or give another -o") from error

    @contextmanager
    def _accessing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalError(f"{self.path}: can't keep the journal there: {error.strerror}") from error


def _read_record(file: BinaryIO | io.FileIO) -> bytes | None:
    """The next payload; None at the end and where a record is not whole."""
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    digest = file.read(_DIGEST_BYTES)
    if not 0 < length <= os.fstat(file.fileno()).st_size - file.tell():
        return None
    payload = file.read(length)
    return payload if _digest(payload) == digest else None


def _record(payload: bytes) -> bytes:
    return len(payload).to_bytes(_LENGTH_BYTES, "little") + _digest(payload) + payload


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest()
