"""The journal of a sweep: finished blocks on disk, so that an interrupted run can continue where it stopped.

After the line `headsurgery.sweep/1`, the file is a sequence of records: 8 bytes of length (little-endian), 16 bytes of BLAKE2b, and
the payload. The first payload is the run's settings as JSON. Every other payload begins with 16 bytes of BLAKE2b that identify the
task or key to which it belongs. Then follows either one block, as safetensors with what was measured and its place in the task; or,
after the eight bytes `note/1\\n\\0`, a JSON value that is expensive to compute, such as the answers in a search. Each record is
flushed to the disk. The first torn or damaged record ends the journal: it and everything after it is cut off and computed again.
Neighbours: `sweep`; `documents.run_store` has what all such files share.
"""

from __future__ import annotations

import io
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

import torch
from safetensors.torch import load, save

from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.run_store import ANEW, RunStore
from headsurgery.documents.run_store import JournalError as JournalError
from headsurgery.engine.task import Block, Measured, SweepTask

Made = TypeVar("Made")

_MAGIC = b"headsurgery.sweep/1\n"
_OLD_MAGIC = b"headsurgery.journal/1\n"
"""Marks the same format up to 0.1. Now only the journal of an edit in place has this name."""

_LENGTH_BYTES, _DIGEST_BYTES = 8, 16
_NOTE = b"note/1\n\0"
"""Marks a note. A block has the length of its safetensors header here, for which this number would be absurd."""


class SweepJournal(RunStore):
    """Finished blocks and notes of one run. The file exists only while there are any.

    Args:
        path: The file. Its directory must exist.
        settings: Everything besides their tasks that the blocks depend on, and what the user knows the run by, as JSON.
        force: Replace a journal of another run, or another file.

    Raises:
        JournalError: It belongs to another run, is not a journal, is in use by another process, or can't be written.
    """

    cannot = "can't write the journal there"

    def __init__(self, path: Path, settings: Any, *, force: bool = False) -> None:
        self._forget()
        super().__init__(path, settings, force=force)

    @staticmethod
    def settings_of(path: Path) -> dict[str, Any] | None:
        """The settings of the run whose journal is there; None if there is none that can be read."""
        try:
            with path.open("rb") as file:
                if file.read(len(_MAGIC)) != _MAGIC:
                    return None
                payload = _read_record(file)
                found = None if payload is None else json.loads(payload)
        except (OSError, ValueError):  # opening it will report what is wrong
            return None
        return found if isinstance(found, dict) else None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        if not self.num_blocks and not self._notes:
            self.remove()

    @property
    def num_pairs(self) -> int:
        """Number of (head, query) pairs in the finished blocks of all tasks."""
        return self._pairs

    @property
    def num_blocks(self) -> int:
        """Number of finished blocks."""
        return sum(map(len, self._places.values()))

    @property
    def num_notes(self) -> int:
        """Notes."""
        return len(self._notes)

    def read(self, task: SweepTask) -> Iterator[Measured]:
        """Read the finished blocks of a task."""
        for place in self._places[_digest(repr(task).encode())]:
            tensors = load(self._read(*place))
            block = Block(heads=tuple(tensors["block.heads"].tolist()), queries=tuple(tensors["block.queries"].tolist()))
            yield Measured(block=block, heads=tensors["heads"], base=tensors.get("base"))

    def append(self, task: SweepTask, measured: Measured) -> None:
        """Add a finished block.

        Raises:
            JournalError: It can't be written.
        """
        tensors = {
            "block.heads": torch.tensor(measured.block.heads),
            "block.queries": torch.tensor(measured.block.queries),
            "heads": measured.heads.contiguous(),
        }
        if measured.base is not None:
            tensors["base"] = measured.base.contiguous()
        key = _digest(repr(task).encode())
        self._places[key].append(self._add(key, save(tensors)))
        self._pairs += measured.block.num_pairs

    def recall(self, key: object) -> Any:
        """The JSON value noted under a key; None if there is none.

        Args:
            key: Its `repr` must contain everything that the value depends on besides the run's settings.
        """
        place = self._notes.get(_digest(repr(key).encode()))
        return None if place is None else json.loads(self._read(*place)[len(_NOTE) :])

    def note(self, key: object, value: Any) -> None:
        """Store a value that is expensive to compute.

        Args:
            key: See `recall`.
            value: Any JSON.

        Raises:
            JournalError: It can't be written.
        """
        digest = _digest(repr(key).encode())
        self._notes[digest] = self._add(digest, _NOTE + json.dumps(value).encode())

    def remove(self) -> None:
        """Delete the file, once the run's result is safe."""
        self._file.close()
        with self._accessing():
            self.path.unlink(missing_ok=True)

    def _add(self, key: bytes, data: bytes) -> tuple[int, int]:
        """Append a record and flush it to the disk. Returns the offset and the length of its data."""
        start = self._append(_record(key + data))
        with self._accessing():
            os.fsync(self._file.fileno())
        return start + _LENGTH_BYTES + _DIGEST_BYTES + len(key), len(data)

    def _read(self, offset: int, length: int) -> bytes:
        with self._accessing():
            self._file.seek(offset)
            return self._file.read(length)

    def _create(self) -> None:
        """Create the file, whole or not at all."""
        write_atomically(self.path, _MAGIC + _record(json.dumps(self._settings).encode()))

    def _begin_anew(self) -> None:
        self._file.close()
        self._create()
        self._open()

    def _find_settings(self) -> dict[str, Any]:
        if self._file.readline(len(_OLD_MAGIC)) not in (_MAGIC, _OLD_MAGIC):
            raise JournalError(f"{self.path}: not a journal of headsurgery", hint=ANEW)
        payload = _read_record(self._file)
        if payload is None:
            raise JournalError(f"{self.path}: the settings of its run are damaged", hint=ANEW)
        found: dict[str, Any] = json.loads(payload)
        return found

    def _find_entries(self) -> None:
        whole = self._file.tell()
        while (payload := _read_record(self._file)) is not None:
            whole = self._file.tell()
            key, data = payload[:_DIGEST_BYTES], payload[_DIGEST_BYTES:]
            place = (whole - len(data), len(data))
            if data.startswith(_NOTE):
                self._notes[key] = place
                continue
            self._places[key].append(place)
            block = load(data)
            self._pairs += block["block.heads"].numel() * block["block.queries"].numel()
        self._cut(whole)

    def _forget(self) -> None:
        self._pairs = 0
        self._places: defaultdict[bytes, list[tuple[int, int]]] = defaultdict(list)  # offset and length by task
        self._notes: dict[bytes, tuple[int, int]] = {}


def recall_or_make(journal: SweepJournal | None, key: object, make: Callable[[], Made]) -> Made:
    """A value that the journal knows, or a new one, which goes there.

    Args:
        journal: None: nothing is kept.
        key: See `SweepJournal.recall`.
        make: Makes the value: any JSON but null.

    Raises:
        JournalError: The disk refuses.
    """
    found: Made | None = None if journal is None else journal.recall(key)
    if found is None:
        found = make()
        if journal is not None:
            journal.note(key, found)
    return found


def _read_record(file: BinaryIO | io.FileIO) -> bytes | None:
    """The next payload; None at the end, and if a record is incomplete."""
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
