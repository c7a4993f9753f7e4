"""All or nothing (law 3): a directory is built beside its target and renamed into place when it is whole and on the disk.

Promised: after an error, a full disk, Ctrl-C, kill -9 or a power cut nothing stands under the target's name, or what stood there
before, or the whole result. With --force the two change places in one step where the system can (Linux, macOS).
After kill -9 or a power cut a leftover `.NAME.*.partial` may lie beside the target; it is never taken for a checkpoint, and the
next run to this target names it and deletes it (`workplace`).
Of two runs to one target the later is refused: at once if it finds the other one alive, else when it renames.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from headsurgery.errors import SurgeryError
from headsurgery.filesystem.exchange import exchange
from headsurgery.filesystem.workplace import JOURNAL, NEW, OLD, Note, sweep_leftovers, workplace

IsOurs = Callable[[Path], bool]


@contextmanager
def staged_directory(
    target: Path, *, base: Path | None, num_bytes: int, force: bool, is_ours: IsOurs, on_note: Note | None = None
) -> Iterator[Path]:
    """Yield an empty directory that becomes `target` when the block ends without an error.

    Args:
        target: Where the result shall stand.
        base: What it is made from, a directory or a file; the two must not lie inside each other.
        num_bytes: Space that the result needs.
        force: Replace an existing target. One that is ours and as we left it is deleted, any other directory is
            kept beside it as NAME.bak, since it is not ours to delete.
        is_ours: Tells whether a directory is; an empty one is nobody's.
        on_note: Hears of leftovers of killed runs, and of what is kept.

    Raises:
        SurgeryError: The target exists, lies inside the base, or can't be written; or another run is writing it.
    """
    _check_apart(target, base)
    target = Path(os.path.abspath(target))
    on_note = on_note or (lambda _: None)
    sweep_leftovers(target, on_note)
    check_target(target, base, force)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
        if free < num_bytes:
            raise OSError(errno.ENOSPC, f"{num_bytes} bytes needed, {free} free")
        with workplace(target) as place:
            yield place / NEW
            flush_all(place / NEW)
            backup = _move_into_place(place, target, force, is_ours)
            _confirm(target)
        if backup is not None:
            on_note(f"what stood there was not as headsurgery left it, and is kept as {backup.name}")
    except OSError as error:
        raise _refusal(target, error) from error


def check_target(target: Path, base: Path | None, force: bool) -> None:
    """Refuse a target that must not be written.

    Args:
        target: Where the result shall stand.
        base: The directory or file that it is made from, if it is on this machine by now.
        force: An existing directory will be replaced.

    Raises:
        SurgeryError: It exists, or one of the two lies inside the other.
    """
    _check_apart(target, base)
    if os.path.lexists(target):
        if not force:
            raise SurgeryError(f"{target}: exists already", hint="choose another output, or --force (force=True) to replace it")
        if target.is_symlink() or not target.is_dir():
            raise SurgeryError(f"{target}: exists and is not a directory", hint="remove it, or choose another output")
        _check_at_rest(target)


def _check_at_rest(target: Path) -> None:
    """Refuse to take a directory away from under a run that changes it in place."""
    if os.path.lexists(target / JOURNAL):
        raise SurgeryError(
            f"{target}: a change in place is going on there, or was killed",
            hint=f"if none is going on, this makes it whole: headsurgery restore {target} --in-place",
        )


def _check_apart(target: Path, base: Path | None) -> None:
    real_target = Path(os.path.realpath(target))
    real_base = None if base is None else Path(os.path.realpath(base))
    if real_target == real_base:
        raise SurgeryError(
            f"{target}: is {base} itself, which is never written", hint="choose another output, or --in-place to change it there"
        )
    if real_base is not None and real_target.is_relative_to(real_base):
        raise SurgeryError(f"{target}: lies inside {base}, which is never written", hint="choose an output outside it")
    if real_base is not None and real_base.is_relative_to(real_target):
        raise SurgeryError(f"{target}: holds {base}, which is never written", hint="choose another output")


def _move_into_place(place: Path, target: Path, force: bool, is_ours: IsOurs) -> Path | None:
    """Give the result its name; where it is kept, what stood there."""
    new, old, backup = place / NEW, place / OLD, free_name(target.with_name(f"{target.name}.bak"))
    if not force or not target.exists():
        os.rename(new, target)  # fails when somebody has put something there meanwhile
        return None
    _check_at_rest(target)
    is_replaced = not any(target.iterdir()) or is_ours(target)
    if is_replaced and exchange(new, target):
        old = new
    else:
        old = old if is_replaced else backup
        os.rename(target, old)
        try:
            os.rename(new, target)
        except BaseException:
            os.rename(old, target)
            raise
    if is_replaced and any(old.iterdir()) and not is_ours(old):  # somebody else's came there at the last moment
        os.rename(old, backup)
        return backup
    return None if is_replaced else backup


def free_name(wanted: Path) -> Path:
    """A name that nothing has: the wanted one, or with a number behind it."""
    names = (wanted.with_name(f"{wanted.name}{number or ''}") for number in range(10_000))
    return next(name for name in names if not os.path.lexists(name))


def flush_all(directory: Path) -> None:
    """Bring every file and folder to the disk, so that no power cut after the rename leaves a name without its bytes."""
    for folder, _, names in os.walk(directory, topdown=False):
        for name in names:
            flush(Path(folder, name))
        flush(Path(folder))


def _confirm(target: Path) -> None:
    """Bring the new name to the disk."""
    try:
        flush(target.parent)
    except OSError as error:
        raise SurgeryError(
            f"{target}: stands there and is whole, but the disk did not confirm it: {error.strerror}", hint="check the disk"
        ) from error


def flush(path: Path) -> None:
    """Bring a file, or a folder's names, to the disk; where the system can't, there is nothing to do."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder that may be written but not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _refusal(target: Path, error: OSError) -> SurgeryError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SurgeryError(f"{target}: disk full: {error.strerror}", hint="free some space, or choose an output on another disk")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return SurgeryError(f"{target}: no permission to write there: {error.strerror}", hint="choose another output")
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR) and os.path.lexists(target):
        return SurgeryError(f"{target}: was created by someone else meanwhile", hint="choose another output")
    return SurgeryError(f"{target}: can't be written: {error}")
