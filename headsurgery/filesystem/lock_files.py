"""Lock files: who is at work in a folder, told without a clock or a process's number.

A run keeps its lock file locked while it is alive; the kernel drops the lock however the run ends. What a lock file says tells
whose machine may judge by it: on a shared disk a lock may hold on one machine only.
"""

from __future__ import annotations

import os
from pathlib import Path

from headsurgery.filesystem.file_locks import lock_open_file

LOCK = "lock"


class Lock:
    """A lock file that is kept locked until it is let go; without a descriptor where there are no such locks."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    def let_go(self) -> None:
        """Unlock it; the file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def take(folder: Path) -> Lock:
    """Make a folder's lock file and lock it.

    Raises:
        BlockingIOError: Another run took it at the same moment.
        OSError: It can't be made; FileExistsError: it is there already.
    """
    descriptor = os.open(folder / LOCK, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    lock = Lock(descriptor)
    try:
        is_locked = lock_open_file(descriptor)
        os.write(descriptor, _words() if is_locked else b"no locks here\n")
        os.fsync(descriptor)
        if not is_locked:  # it need not stay open, and Windows deletes no open file
            lock.let_go()
    except BaseException:
        lock.let_go()
        raise
    return lock


def claim(folder: Path, *, unwritten_is_ours: bool) -> Lock | None:
    """Lock the lock file that a run left.

    Args:
        folder: Its folder.
        unwritten_is_ours: Whether a lock file that says nothing yet may be taken.

    Returns:
        None if it is not surely of a run of this machine that has ended.

    Raises:
        BlockingIOError: Its run is alive.
        OSError: It can't be opened.
    """
    if os.name != "posix":
        return None
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    lock = Lock(descriptor)
    try:
        is_ours = lock_open_file(descriptor) and os.path.samestat(os.fstat(descriptor), os.lstat(folder / LOCK))
        words = os.read(descriptor, 1024)
        if is_ours and (words == _words() or (not words and unwritten_is_ours)):
            return lock
    except BaseException:
        lock.let_go()
        raise
    lock.let_go()
    return None


def _words() -> bytes:
    """What a lock file says."""
    return f"headsurgery is at work here, on {os.uname().nodename}\n".encode()
