"""The journal of a sweep: finished blocks on disk, so that a run that breaks off goes on where it was.

Behind the line `headsurgery.sweep/1` a file of records: 8 bytes of length (little-endian), 16 bytes of BLAKE2b, the payload. The
first payload is the run's settings as JSON. Every other begins with 16 bytes of BLAKE2b of what it belongs to. Behind them stands
either one block, as safetensors with what was measured and where in the task it belongs; or, behind the eight bytes `note/1\\n\\0`,
a value as JSON that is dear to make again, such as what a search was answered. Each record is brought to the disk. The first one
that is torn or damaged ends the journal: it and what follows are cut, and done again. Neighbours: `sweep`; `documents.run_store`
has what all such files have in common.
"""

from __future__ import annotations

import io
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import torch
from safetensors.torch import load, save

from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.run_store import ANEW, RunStore
from headsurgery.documents.run_store import JournalError as JournalError
from headsurgery.engine.task import Block, Measured, SweepTask

_MAGIC = b"headsurgery.sweep/1\n"
_OLD_MAGIC = b"headsurgery.journal/1\n"
"""Of the same format until 0.1; the name is now the journal's of an edit in place alone."""

_LENGTH_BYTES, _DIGEST_BYTES = 8, 16
_NOTE = b"note/1\n\0"
"""As the length of a safetensors header, which stands there in a block, it would be absurd."""


class SweepJournal(RunStore):
    """Finished blocks of one run, and notes of it; a file only while there are any.

    Args:
        path: The file; its directory exists.
        settings: All that the blocks depend on besides their tasks, and what the user knows the run by, as JSON.
        force: Begin anew where a journal of another run, or another file, stands.

    Raises:
        JournalError: It is another run's, no journal, being written by another process, or can't be written.
    """

    cannot = "can't keep the journal there"

    def __init__(self, path: Path, settings: Any, *, force: bool = False) -> None:
        self._forget()
        super().__init__(path, settings, force=force)

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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        if not self.num_blocks and not self._notes:
            self.remove()

    @property
    def num_pairs(self) -> int:
        """(head, query) pairs of the finished blocks of all tasks."""
        return self._pairs

    @property
    def num_blocks(self) -> int:
        """Finished blocks."""
        return sum(map(len, self._places.values()))

    @property
    def num_notes(self) -> int:
        """Notes."""
        return len(self._notes)

    def read(self, task: SweepTask) -> Iterator[Measured]:
        """Finished blocks of a task."""
        for place in self._places[_digest(repr(task).encode())]:
            tensors = load(self._read(*place))
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
        key = _digest(repr(task).encode())
        self._places[key].append(self._add(key, save(tensors)))
        self._pairs += measured.block.num_pairs

    def recall(self, key: object) -> Any:
        """What was noted under a key, as JSON; None where nothing was.

        Args:
            key: Its `repr` says all that the value depends on besides the run's settings.
        """
        place = self._notes.get(_digest(repr(key).encode()))
        return None if place is None else json.loads(self._read(*place)[len(_NOTE) :])

    def note(self, key: object, value: Any) -> None:
        """Keep a value that is dear to make again.

        Args:
            key: See `recall`.
            value: Any JSON.

        Raises:
            JournalError: The disk refuses.
        """
        digest = _digest(repr(key).encode())
        self._notes[digest] = self._add(digest, _NOTE + json.dumps(value).encode())

    def remove(self) -> None:
        """Delete the file, when the run's result is safe."""
        self._file.close()
        with self._accessing():
            self.path.unlink(missing_ok=True)

    def _add(self, key: bytes, data: bytes) -> tuple[int, int]:
        """Append a record and bring it to the disk; where its data stand, and how many bytes they are."""
        start = self._append(_record(key + data))
        with self._accessing():
            os.fsync(self._file.fileno())
        return start + _LENGTH_BYTES + _DIGEST_BYTES + len(key), len(data)

    def _read(self, offset: int, length: int) -> bytes:
        with self._accessing():
            self._file.seek(offset)
            return self._file.read(length)

    def _create(self) -> None:
        """Whole or not at all."""
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
