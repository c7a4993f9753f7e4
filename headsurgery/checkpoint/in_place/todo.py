"""What is left to do of a change in place: bytes to write, then files to rename; and doing it.

Doing it twice does no harm. It may be a stranger's: nothing outside the checkpoint is touched, and no file that is another's, too.
"""

from __future__ import annotations

import os
import stat
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import Field, ValidationError

from headsurgery.checkpoint.copying import write_all
from headsurgery.checkpoint.files import Directory
from headsurgery.checkpoint.manifest import FileName
from headsurgery.checkpoint.plan import ByteRuns
from headsurgery.checkpoint.reader import JOURNAL, TODO, read_bounded, read_exactly
from headsurgery.checkpoint.staging import flush
from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.recipe import Strict, first_problem
from headsurgery.strict_json import parse_object

NEW, OLD, DRAFT = f"{JOURNAL}/new", f"{JOURNAL}/old", "todo.draft"
"""Folders of the journal, and `todo.json` before it has that name."""
_MAX_BYTES = 64 * 2**20
_MAX_SLICE = 2**31
_Count = Field(ge=0, lt=2**63)


class Write(Strict):
    """Bytes to put in their place.

    Args:
        file: Where to, relative to the checkpoint.
        offset: First byte of the first run.
        length: Bytes per run.
        stride: From one run's first byte to the next one's.
        count: Number of runs.
        source: File that holds the bytes of all runs, one after the other.
        start: Where they begin in it.
    """

    file: FileName
    offset: int = _Count
    length: int = Field(ge=1, lt=_MAX_SLICE)
    stride: int = _Count
    count: int = Field(ge=1, lt=_MAX_SLICE)
    source: FileName
    start: int = _Count

    @property
    def runs(self) -> ByteRuns:
        """The places."""
        return ByteRuns(offset=self.offset, length=self.length, stride=self.stride, count=self.count)


class Move(Strict):
    """A file that gets another name; done if there is a file of that name."""

    source: FileName
    target: FileName


class Todo(Strict):
    """What is left to do, in this order."""

    schema_: Literal["headsurgery.journal/1"] = Field(default="headsurgery.journal/1", alias="schema")
    outcome: Literal["taken back", "finished"] = Field(description="what becomes of the change by that")
    writes: list[Write]
    moves: list[Move]


def read_todo(place: Path) -> Todo | None:
    """What a journal says.

    Raises:
        CheckpointError: It is damaged.
        OSError: It can't be read.
    """
    if not (place / TODO).is_file():
        return None
    try:
        return Todo.model_validate(parse_object(read_bounded(Directory(place), TODO, _MAX_BYTES), max_bytes=_MAX_BYTES))
    except ValidationError as error:
        raise CheckpointError(f"{place / TODO}: not a valid journal: {first_problem(error)}") from error
    except ValueError as error:
        raise CheckpointError(f"{place / TODO}: not a valid journal: {error}") from error


def put_down(directory: Path, todo: Todo) -> None:
    """Replace what a checkpoint's journal says, in one step."""
    place = directory / JOURNAL
    (place / DRAFT).write_bytes(todo.model_dump_json(by_alias=True).encode())
    flush(place / DRAFT)
    os.replace(place / DRAFT, place / TODO)
    flush(place)


def carry_out(directory: Path, todo: Todo) -> None:
    """Do what is left to do of a checkpoint, and bring it to the disk.

    Raises:
        CheckpointError: The files are not those that it was written for.
        SurgeryError: A file is another one's, too.
        OSError: A file can't be written or renamed.
    """
    by_file = sorted(todo.writes, key=lambda write: write.file)  # stable: the last of two to one place wins
    for file, writes in groupby(by_file, lambda write: write.file):
        with open_own(directory, file) as out:
            for write in writes:
                _write(directory, write, out)
            os.fsync(out.fileno())
    if todo.writes and todo.moves:  # what holds the bytes may be about to move
        put_down(directory, todo.model_copy(update={"writes": []}))
    touched = [_move(directory, move) for move in todo.moves]
    for folder in {folder for folders in touched for folder in folders}:
        if folder.is_dir():
            flush(folder)


def write_runs(out: BinaryIO, runs: ByteRuns, data: memoryview) -> None:
    """Write bytes run by run, over what is there."""
    for number in range(runs.count):
        write_all(out, data[number * runs.length : (number + 1) * runs.length], at=runs.offset + number * runs.stride)


def open_own(directory: Path, file: str) -> BinaryIO:
    """Open a file of the checkpoint to write into it, unless that would change anything else, too.

    Raises:
        SurgeryError: It is a link, or one file with others, or may not be written.
    """
    path = _inside(directory, file)
    try:
        look = path.lstat()
        if not stat.S_ISREG(look.st_mode):
            raise SurgeryError(
                f"{file}: a link, and what it leads to may belong to others, too",
                hint="put a copy of the file itself there, or write to a new directory with -o",
            )
        if look.st_nlink > 1:
            raise SurgeryError(
                f"{file}: the same file as {look.st_nlink - 1} others, by hard links, and an edit would change them all",
                hint="put a copy there, or write to a new directory with -o",
            )
        return path.open("r+b", buffering=0)
    except OSError as error:
        raise SurgeryError(f"{file}: can't be written: {error.strerror}") from error


def _write(directory: Path, write: Write, out: BinaryIO) -> None:
    files, runs, num_bytes = Directory(directory), write.runs, write.count * write.length
    end = runs.offset + (runs.count - 1) * runs.stride + runs.length
    if num_bytes >= _MAX_SLICE or end > files.size_of(write.file) or write.start + num_bytes > files.size_of(write.source):
        raise CheckpointError(f"{JOURNAL}/{TODO}: doesn't belong to these files")
    with files.open(write.source) as source:
        write_runs(out, runs, read_exactly(source, write.start, num_bytes, write.source).data)


def _move(directory: Path, move: Move) -> tuple[Path, Path]:
    """Rename a file, if that is not done yet; the folders where it was and is."""
    source, target = _inside(directory, move.source), _inside(directory, move.target)
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(source, target)
    folder = source.parent
    while folder != directory and folder.is_relative_to(directory) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
    return folder, target.parent


def _inside(directory: Path, file: str) -> Path:
    """The path of a file that is in the directory really, whatever links there are on the way."""
    path = directory / file
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(directory)):
        raise SurgeryError(f"{file}: a link on its way leads out of {directory}")
    return path
