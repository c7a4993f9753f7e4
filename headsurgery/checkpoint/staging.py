"""All or nothing (law 3): a directory is built beside its target and renamed into place when it is whole.

Promised: after an error, a full disk or Ctrl-C nothing stands under the target's name, and what stood there before still does.
After kill -9 or a power cut a leftover `.NAME.*.partial` may lie beside the target; it is never taken for a checkpoint.
Not promised: that two runs to one target both succeed; the second rename is refused.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headsurgery.errors import SurgeryError


@contextmanager
def staged_directory(target: Path, *, base: Path, num_bytes: int, force: bool, replaceable: str) -> Iterator[Path]:
    """Yield an empty directory that becomes `target` when the block ends without an error.

    Args:
        target: Where the result shall stand.
        base: What it is made from; the two must not lie inside each other.
        num_bytes: Space that the result needs.
        force: Replace an existing target. One that holds the file `replaceable` (or nothing) is deleted, any other directory is
            kept beside it as NAME.bak, since it is not ours to delete.
        replaceable: Name of the file that marks a directory as ours.

    Raises:
        SurgeryError: The target exists, lies inside the base, or can't be written.
    """
    check_target(target, base, force)
    target = Path(os.path.abspath(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
        if free < num_bytes:
            raise OSError(errno.ENOSPC, f"{num_bytes} bytes needed, {free} free")
        staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
        staging.mkdir()
    except OSError as error:
        raise _refusal(target, error) from error
    try:
        yield staging
        _sync(staging)
        _move_into_place(staging, target, force, replaceable)
        _sync(target.parent)
    except OSError as error:
        raise _refusal(target, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_target(target: Path, base: Path | None, force: bool) -> None:
    """Refuse a target that must not be written.

    Args:
        target: Where the result shall stand.
        base: The directory that it is made from, if it is on this machine by now.
        force: An existing directory will be replaced.

    Raises:
        SurgeryError: It exists, or one of the two lies inside the other.
    """
    real_target = Path(os.path.realpath(target))
    real_base = None if base is None else Path(os.path.realpath(base))
    if real_base is not None and real_target.is_relative_to(real_base):
        raise SurgeryError(f"{target}: lies inside {base}, which is never written", hint="choose an output outside it")
    if real_base is not None and real_base.is_relative_to(real_target):
        raise SurgeryError(f"{target}: holds {base}, which is never written", hint="choose another output")
    if os.path.lexists(target):
        if not force:
            raise SurgeryError(f"{target}: exists already", hint="choose another output, or --force (force=True) to replace it")
        if target.is_symlink() or not target.is_dir():
            raise SurgeryError(f"{target}: exists and is not a directory", hint="remove it, or choose another output")


def _move_into_place(staging: Path, target: Path, force: bool, replaceable: str) -> None:
    if not force or not target.exists():
        os.rename(staging, target)  # fails when somebody has put something there meanwhile
        return
    is_ours = (target / replaceable).is_file() or not any(target.iterdir())
    aside = _free_name(target, ".old" if is_ours else ".bak")
    os.rename(target, aside)
    try:
        os.rename(staging, target)
    except BaseException:
        os.rename(aside, target)
        raise
    if is_ours:
        shutil.rmtree(aside, ignore_errors=True)


def _free_name(target: Path, suffix: str) -> Path:
    names = (target.with_name(f"{target.name}{suffix}{number or ''}") for number in range(10_000))
    return next(name for name in names if not os.path.lexists(name))


def _sync(directory: Path) -> None:
    """Flush a directory's entries; where the system can't open directories, there is nothing to flush."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refusal(target: Path, error: OSError) -> SurgeryError:
    if error.errno == errno.ENOSPC:
        return SurgeryError(f"{target}: disk full: {error.strerror}", hint="free some space, or choose an output on another disk")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return SurgeryError(f"{target}: no permission to write there: {error.strerror}", hint="choose another output")
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR) and os.path.lexists(target):
        return SurgeryError(f"{target}: was created by someone else meanwhile", hint="choose another output")
    return SurgeryError(f"{target}: can't be written: {error}")
