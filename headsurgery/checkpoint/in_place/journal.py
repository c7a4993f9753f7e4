"""What brings a checkpoint to a whole state, on the disk before a byte of the checkpoint is changed.

`headsurgery.journal` in the checkpoint's directory holds `lock`, which the run keeps locked; `new`, files to come; `old`, files to
go; and, while there is something to do, `todo.json`: bytes to write, then files to rename.

Invariant: while `todo.json` is there, doing what it says, once or again, makes the checkpoint whole, wherever a run was killed;
while it isn't, the checkpoint is whole. It is replaced in one step, and all that it needs has reached the disk before.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import Field, ValidationError

from headsurgery.checkpoint.copying import write_all
from headsurgery.checkpoint.files import Directory
from headsurgery.checkpoint.locks import LOCK, claim, take
from headsurgery.checkpoint.manifest import FileName
from headsurgery.checkpoint.plan import ByteRuns
from headsurgery.checkpoint.reader import JOURNAL, TODO, read_bounded, read_exactly
from headsurgery.checkpoint.staging import flush, flush_all
from headsurgery.checkpoint.workplace import Note
from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.recipe import Strict, first_problem
from headsurgery.strict_json import parse_object

NEW, OLD = f"{JOURNAL}/new", f"{JOURNAL}/old"
_DRAFT = "todo.draft"
_MAX_BYTES = 64 * 2**20
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
    length: int = Field(ge=0, lt=2**31)
    stride: int = _Count
    count: int = Field(ge=0, lt=2**31)
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


class Journal:
    """The journal of a run that is alive. `open_journal` makes it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.new = directory / NEW
        """Where files to come are written."""

    def promise(self, todo: Todo) -> None:
        """From now on the checkpoint is as good as if all this were done already.

        Raises:
            SurgeryError: A file is in the way of one that is to be renamed.
            OSError: It can't be written; what was promised before stands.
        """
        leaving: set[str] = set()
        for move in todo.moves:
            if os.path.lexists(self._directory / move.target) and move.target not in leaving:
                raise SurgeryError(f"{self._directory / move.target}: is in the way; nothing was changed", hint="rename it")
            leaving.add(move.source)
        flush_all(self.new)
        _put_down(self._directory, todo)


@contextmanager
def open_journal(directory: Path, on_note: Note | None = None) -> Iterator[Journal]:
    """Begin a change. At the end, however it comes, what was promised last is done, and the journal is gone.

    Args:
        directory: The checkpoint; what a killed run left there is seen to first.
        on_note: Hears of that.

    Raises:
        SurgeryError: Another run is at work on it; or it can't be written.
    """
    recover(directory, on_note or (lambda _: None))
    lock = None
    try:
        (directory / JOURNAL).mkdir()
        lock = take(directory / JOURNAL)
        (directory / NEW).mkdir()
        (directory / OLD).mkdir()
        yield Journal(directory)
    except OSError as error:
        if lock is None and isinstance(error, FileExistsError | FileNotFoundError | BlockingIOError):
            raise _busy(directory) from error
        raise _refusal(directory, error) from error
    finally:
        if lock is not None:
            _settle(directory, lock)


def recover(directory: Path, on_note: Note) -> bool:
    """Do what a killed run has left to do.

    Args:
        directory: A checkpoint.
        on_note: Hears what was found.

    Returns:
        Whether the checkpoint was half edited.

    Raises:
        SurgeryError: A run is at work on it, or may be; or it can't be done.
        CheckpointError: The journal is damaged.
    """
    place = directory / JOURNAL
    if not os.path.lexists(place):
        return False
    try:
        lock = _claim(directory)
    except OSError as error:
        raise SurgeryError(f"{place}: can't be read: {error.strerror}") from error
    todo = _settle(directory, lock)
    if todo is None:
        on_note(f"cleaned up what a killed run left: {place}; it had changed nothing")
        return False
    on_note(f"a change of {directory} in place was killed half way; it is {todo.outcome} now")
    return True


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


def _put_down(directory: Path, todo: Todo) -> None:
    """Replace what is left to do."""
    place = directory / JOURNAL
    (place / _DRAFT).write_bytes(todo.model_dump_json(by_alias=True).encode())
    flush(place / _DRAFT)
    os.replace(place / _DRAFT, place / TODO)
    flush(place)


def _settle(directory: Path, lock: int) -> Todo | None:
    """Do what is left to do, delete the journal, and let go of its lock; try again if Ctrl-C comes in between."""
    try:
        return _settle_once(directory)
    except KeyboardInterrupt:
        _settle_once(directory)
        raise
    finally:
        if lock >= 0:
            os.close(lock)


def _settle_once(directory: Path) -> Todo | None:
    place = directory / JOURNAL
    try:
        todo = _read_todo(place)
        if todo is not None:
            _carry_out(directory, todo)
            (place / TODO).unlink()
            flush(place)
    except (OSError, CheckpointError, SurgeryError) as error:
        raise SurgeryError(
            f"{directory}: half edited: {error}; what is needed to mend it lies in {JOURNAL}",
            hint=f"see to that, then: headsurgery restore {directory} --in-place",
        ) from error
    with suppress(OSError):  # the next run tries again
        for part in (NEW, OLD):
            if os.path.lexists(directory / part):
                shutil.rmtree(directory / part)
        for name in (_DRAFT, LOCK):
            (place / name).unlink(missing_ok=True)
        place.rmdir()
    return todo


def _carry_out(directory: Path, todo: Todo) -> None:
    by_file = sorted(todo.writes, key=lambda write: write.file)  # stable: the last of two to one place wins
    for file, writes in groupby(by_file, lambda write: write.file):
        with open_own(directory, file) as out:
            for write in writes:
                _write(directory, write, out)
            os.fsync(out.fileno())
    if todo.writes and todo.moves:  # what holds the bytes may be about to move
        _put_down(directory, todo.model_copy(update={"writes": []}))
    touched = [_move(directory, move) for move in todo.moves]
    for folder in {folder for folders in touched for folder in folders}:
        if folder.is_dir():
            flush(folder)


def _write(directory: Path, write: Write, out: BinaryIO) -> None:
    files, runs, num_bytes = Directory(directory), write.runs, write.count * write.length
    end = runs.offset + max(0, runs.count - 1) * runs.stride + runs.length
    if end > files.size_of(write.file) or write.start + num_bytes > files.size_of(write.source):
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


def _read_todo(place: Path) -> Todo | None:
    if not (place / TODO).is_file():
        return None
    try:
        return Todo.model_validate(parse_object(read_bounded(Directory(place), TODO, _MAX_BYTES), max_bytes=_MAX_BYTES))
    except ValidationError as error:
        raise CheckpointError(f"{place / TODO}: not a valid journal: {first_problem(error)}") from error
    except ValueError as error:
        raise CheckpointError(f"{place / TODO}: not a valid journal: {error}") from error


def _claim(directory: Path) -> int:
    """Lock the journal that a run left."""
    place = directory / JOURNAL
    names = set(os.listdir(place)) if stat.S_ISDIR(place.lstat().st_mode) else {""}
    if not names <= {LOCK, TODO, _DRAFT, Path(NEW).name, Path(OLD).name}:
        raise SurgeryError(f"{place}: no journal of ours", hint="move it away")
    try:
        lock = claim(place, unwritten_is_ours=names == {LOCK}) if LOCK in names else take(place)
    except (FileExistsError, FileNotFoundError, BlockingIOError) as error:
        raise _busy(directory) from error
    if lock is None:
        raise SurgeryError(
            f"{place}: of a run on another machine, or of one that may be alive",
            hint=f"if no run is at work there any more, delete {place / LOCK} and try again",
        )
    return lock


def _refusal(directory: Path, error: OSError) -> SurgeryError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SurgeryError(f"{directory}: disk full: {error.strerror}", hint="free some space")
    return SurgeryError(
        f"{directory}: can't be edited in place: {error.strerror or error}", hint="write to a new directory with -o"
    )


def _busy(directory: Path) -> SurgeryError:
    return SurgeryError(f"{directory}: another run is editing it at this moment", hint="wait for it")
