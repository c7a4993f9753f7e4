"""The journal of an in-place change. It is on disk before any byte changes, and says how to make the checkpoint consistent.

The folder `headsurgery.journal` in the checkpoint's directory contains `lock`, which the run keeps locked; `new`, with files to be
added; `old`, with files to be removed; and, while work is left, `todo.json`: bytes to write, then files to rename.

Invariant: while `todo.json` exists, carrying it out once or repeatedly makes the checkpoint consistent, wherever a run was killed.
While it does not exist, the checkpoint is consistent. It is replaced in one step, after everything that it needs has reached the
disk.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.filesystem.files import is_snapshot
from headsurgery.filesystem.lock_files import LOCK, Lock, claim, take
from headsurgery.filesystem.staging import flush, flush_all
from headsurgery.filesystem.workplace import JOURNAL, PENDING, Note
from headsurgery.surgery.in_place.pending import (
    COMING,
    DRAFT,
    LEAVING,
    PendingChange,
    carry_out,
    check_moves,
    read_pending,
    write_pending,
)

_NAMES = {LOCK, PENDING, DRAFT, Path(COMING).name, Path(LEAVING).name}
_ASIDE = "write to a new directory with -o"


class Journal:
    """The journal of a running change. Use `open_journal` to make one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.new = directory / COMING
        """Folder for the files to be added."""

    def record(self, pending: PendingChange) -> None:
        """Record a pending change. From now on it will be carried out, even if this run is killed.

        Raises:
            SurgeryError: It can't be recorded; the change recorded before still applies.
            OSError: It can't be written; either this change or the one recorded before applies.
        """
        check_moves(self._directory, pending.moves)
        flush_all(self.new)
        write_pending(self._directory, pending)


@contextmanager
def open_journal(directory: Path, on_note: Note) -> Iterator[Journal]:
    """Begin a change. At the end, even after an error, the last recorded change is carried out and the journal is deleted.

    Args:
        directory: The checkpoint. Anything that a killed run left there is completed first.
        on_note: Called with a line of text about that.

    Raises:
        SurgeryError: Another run is editing it, or it must not or can't be written.
    """
    recover(directory, on_note)
    lock = _begin(directory)
    try:
        for folder in (COMING, LEAVING):
            (directory / folder).mkdir()
        flush(directory)
        yield Journal(directory)
    except OSError as error:
        raise _refusal(directory, error, _settle(directory, lock)) from error
    except BaseException:
        _settle(directory, lock)
        raise
    else:
        _settle(directory, lock)


def recover(directory: Path, on_note: Note) -> str | None:
    """Complete what a killed run left unfinished.

    Args:
        directory: A checkpoint.
        on_note: Called with a line of text about what was found.

    Returns:
        The outcome of the interrupted change, `taken back` or `finished`; None if the checkpoint was not half edited.

    Raises:
        SurgeryError: See `refuse_cache`; or another run is or may be editing it; or the change can't be completed.
    """
    refuse_cache(directory)
    place = directory / JOURNAL
    if not os.path.lexists(place):
        return None
    pending = _settle(directory, _claim(directory))
    if pending is not None:
        on_note(f"an in-place change of {directory} was interrupted; it is {pending.outcome} now")
        return pending.outcome
    if os.path.lexists(place):
        raise SurgeryError(f"{place}: the leftovers of a killed run can't be deleted", hint="delete it if no run is working there")
    on_note(f"cleaned up the leftovers of a killed run: {place}; the checkpoint was complete")
    return None


def refuse_cache(directory: Path) -> None:
    """Refuse to change files in the Hub's cache (law 1).

    Raises:
        SurgeryError: The directory is in the cache.
    """
    if is_snapshot(directory):
        raise SurgeryError(f"{directory}: is in the Hub's cache, which other programs share", hint=_ASIDE)


def _begin(directory: Path) -> Lock:
    """Create the journal's folder and its lock."""
    place = directory / JOURNAL
    try:
        place.mkdir()
    except FileExistsError as error:
        raise _busy(directory) from error
    except OSError as error:
        raise _refusal(directory, error, None) from error
    try:
        return take(place)
    except (FileExistsError, FileNotFoundError, BlockingIOError) as error:  # another run has claimed or deleted the empty folder
        raise _busy(directory) from error
    except BaseException as error:
        with suppress(OSError):
            _clear(place)
        if isinstance(error, OSError):
            raise _refusal(directory, error, None) from error
        raise


def _claim(directory: Path) -> Lock:
    """Lock the journal that an earlier run left."""
    place = directory / JOURNAL
    try:
        names = set(os.listdir(place)) if stat.S_ISDIR(place.lstat().st_mode) else {""}
        if not names <= _NAMES:
            raise SurgeryError(f"{place}: not a journal of headsurgery", hint="move it away")
        lock = claim(place, unwritten_is_ours=names == {LOCK}) if LOCK in names else take(place)
    except (FileExistsError, FileNotFoundError, BlockingIOError) as error:
        raise _busy(directory) from error
    except OSError as error:
        raise SurgeryError(f"{place}: can't be read or written: {error.strerror}", hint="check its permissions") from error
    if lock is None:
        raise SurgeryError(
            f"{place}: belongs to a run on another machine, or to one that may still be running",
            hint=f"if that run has ended, delete {place / LOCK} and try again",
        )
    return lock


def _settle(directory: Path, lock: Lock) -> PendingChange | None:
    """Carry out the pending change, delete the journal, and release its lock. If Ctrl-C or SIGTERM interrupts this, try again."""
    try:
        return _finish(directory)
    except (KeyboardInterrupt, SystemExit):
        try:
            if (directory / JOURNAL / LOCK).exists():  # otherwise the folder may belong to another run by now
                _finish(directory)
        except (KeyboardInterrupt, SystemExit) as error:
            raise _half_edited(directory, "interrupted again") from error
        raise
    finally:
        lock.let_go()
        with suppress(OSError):  # on NFS it can't be deleted while the lock is open
            (directory / JOURNAL).rmdir()


def _finish(directory: Path) -> PendingChange | None:
    """Carry out the pending change. Its outcome is recorded first, so that it is known if the run is killed later."""
    place = directory / JOURNAL
    try:
        pending = read_pending(place)
        if pending is not None:
            carry_out(directory, pending)
    except (OSError, CheckpointError, SurgeryError) as error:
        raise _half_edited(directory, str(error), getattr(error, "hint", None)) from error
    try:
        if pending is not None:
            _record_outcome(directory, pending)
        _clear(place)
    except OSError as error:
        if pending is None or not os.path.lexists(place / PENDING):
            state = pending.outcome if pending else "as it was"
            raise SurgeryError(
                f"{directory}: {state} and complete, but the disk did not confirm it: {error.strerror}", hint="check the disk"
            ) from error
        raise _half_edited(directory, str(error)) from error
    return pending


def _record_outcome(directory: Path, pending: PendingChange) -> None:
    try:
        write_pending(directory, PendingChange(outcome=pending.outcome))
    except OSError:  # such as a full disk
        (directory / JOURNAL / PENDING).unlink()
        flush(directory / JOURNAL)


def _clear(place: Path) -> None:
    """Delete the journal. The record of the outcome is deleted after the files, and the lock last."""
    with suppress(OSError):  # the next run tries again
        for part in (COMING, LEAVING):
            if os.path.lexists(place.parent / part):
                shutil.rmtree(place.parent / part)
    (place / PENDING).unlink(missing_ok=True)
    with suppress(OSError):
        (place / DRAFT).unlink(missing_ok=True)
        (place / LOCK).unlink(missing_ok=True)
        place.rmdir()


def _half_edited(directory: Path, why: str, hint: str | None = None) -> SurgeryError:
    return SurgeryError(
        f"{directory}: half edited: {why}; {JOURNAL} contains what is needed to repair it",
        hint=f"{hint or 'fix that'}, then run: headsurgery restore {directory} --in-place",
    )


def _refusal(directory: Path, error: OSError, done: PendingChange | None) -> SurgeryError:
    so_far = "nothing was changed" if done is None else f"the change is {done.outcome}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SurgeryError(f"{directory}: disk full: {error.strerror}; {so_far}", hint="free some space")
    return SurgeryError(f"{directory}: can't be edited in place: {error.strerror or error}; {so_far}", hint=_ASIDE)


def _busy(directory: Path) -> SurgeryError:
    return SurgeryError(f"{directory}: another run is editing it right now", hint="wait for it to end")
