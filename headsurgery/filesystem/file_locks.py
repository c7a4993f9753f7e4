"""Locks on open files: the kernel holds them for as long as the file is open, and drops them however the process ends."""

from __future__ import annotations


def lock_open_file(descriptor: int) -> bool:
    """Lock a file for this process alone, for as long as it is open.

    Returns:
        False where there are no such locks: on Windows, and on some shared disks.

    Raises:
        BlockingIOError: Somebody holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True
