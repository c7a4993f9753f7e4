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
from pathlib import Path

from headsurgery.checkpoint.in_place.todo import DRAFT, NEW, OLD, Todo, carry_out, put_down, read_todo
from headsurgery.checkpoint.locks import LOCK, claim, take
from headsurgery.checkpoint.reader import JOURNAL, TODO
from headsurgery.checkpoint.staging import flush, flush_all
from headsurgery.checkpoint.workplace import Note
from headsurgery.errors import CheckpointError, SurgeryError


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
        put_down(self._directory, todo)


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
        todo = read_todo(place)
        if todo is not None:
            carry_out(directory, todo)
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
        for name in (DRAFT, LOCK):
            (place / name).unlink(missing_ok=True)
        place.rmdir()
    return todo


def _claim(directory: Path) -> int:
    """Lock the journal that a run left."""
    place = directory / JOURNAL
    names = set(os.listdir(place)) if stat.S_ISDIR(place.lstat().st_mode) else {""}
    if not names <= {LOCK, TODO, DRAFT, Path(NEW).name, Path(OLD).name}:
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
