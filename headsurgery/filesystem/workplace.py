"""Where a run builds its result, and what becomes of that when the run is killed.

`.NAME.<8 hex digits>.partial` beside the target NAME holds `lock`, which the run keeps locked; `new`, the result while it grows;
and `old`, while the two change places, what stood under the target's name. The kernel drops the lock however the run ends, so that
the next one knows who is alive without a clock or a process's number.

Invariant: a leftover is deleted only if it is surely ours: its name, our user, nothing in it but those three, and a lock file of
this machine that nobody holds. Neighbour: `staging`.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headsurgery.errors import SurgeryError
from headsurgery.filesystem.lock_files import LOCK, Lock, claim, take

Note = Callable[[str], None]
"""Called with one line that the user should know although nothing is wrong."""

MANIFEST = "headsurgery.json"
"""File in a checkpoint that `apply` wrote; see `surgery.manifest`."""
JOURNAL, PENDING = "headsurgery.journal", "todo.json"
"""Folder in a checkpoint that is being edited in place, and a file in it while the checkpoint is half edited; see `in_place`."""
NEW, OLD = "new", "old"


@contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """Yield a folder beside the target that holds an empty directory `new`; it is gone at the end, with all that is still in it.

    Args:
        target: Absolute; its parent exists.

    Raises:
        OSError: It can't be made.
        SurgeryError: Another run to this target came in between.
    """
    place = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    lock = Lock()
    try:
        place.mkdir()
        try:
            lock = take(place)
        except (FileNotFoundError, BlockingIOError) as error:  # it swept the folder up, empty as it was
            raise _busy(target) from error
        (place / NEW).mkdir()
        yield place
    finally:
        try:
            with suppress(OSError):  # the next run to this target tries again
                _remove(place)
        except BaseException:  # Ctrl-C came only now, or a second time
            with suppress(OSError):
                _remove(place)
            raise
        finally:
            lock.let_go()


def sweep_leftovers(target: Path, on_note: Note) -> None:
    """Delete what runs to this target left when they were killed; what they had moved out of the way goes back.

    Args:
        target: Absolute.
        on_note: Hears what was deleted and what was not.

    Raises:
        SurgeryError: A run to this target is alive.
    """
    swept, left = [], []
    for place in _places(target):
        try:
            lock = _claim(place)
        except FileNotFoundError:  # its run has just ended
            continue
        except BlockingIOError as error:
            raise _busy(target) from error
        except OSError:
            lock = None
        if lock is None:
            left.append(place.name)
            continue
        try:
            if (place / OLD).is_dir() and (place / NEW).is_dir() and not os.path.lexists(target):
                os.rename(place / OLD, target)
                on_note(f"{target.name} is back: a run that was killed had moved it out of the way")
            _remove(place)
            swept.append(place.name)
        except OSError:
            left.append(place.name)
        finally:
            lock.let_go()
    if swept:
        on_note(f"cleaned up what killed runs to {target.name} left: {', '.join(swept)}")
    if left:
        on_note(f"left alone, because they can't be deleted or are not surely leftovers of this machine: {', '.join(left)}")


def _places(target: Path) -> list[Path]:
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.partial")
    try:
        return sorted(path for path in target.parent.iterdir() if pattern.fullmatch(path.name))
    except OSError:  # the parent is not there yet, or can't be listed
        return []


def _claim(place: Path) -> Lock | None:
    """Lock a leftover, if the run got further than an empty folder.

    Returns:
        None if the folder is not surely ours.

    Raises:
        BlockingIOError: Its run is alive.
    """
    found = place.lstat()
    names = set(os.listdir(place)) if stat.S_ISDIR(found.st_mode) else {""}
    if os.name != "posix" or found.st_uid != os.geteuid() or not names <= {LOCK, NEW, OLD}:
        return None
    if not names:
        return Lock()
    return claim(place, unwritten_is_ours=names == {LOCK}) if LOCK in names else None


def _remove(place: Path) -> None:
    """Delete a workplace; the lock file goes last, so that what remains of it after a crash is still known as ours."""
    for part in (NEW, OLD):
        if os.path.lexists(place / part):
            shutil.rmtree(place / part)
    (place / LOCK).unlink(missing_ok=True)
    place.rmdir()


def _busy(target: Path) -> SurgeryError:
    return SurgeryError(f"{target}: another run is writing it at this moment", hint="wait for it, or choose another output")
