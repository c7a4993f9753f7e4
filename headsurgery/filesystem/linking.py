"""How a file of the base comes into the edited checkpoint without a copy of its bytes: as a clone, a hard link or a symbolic link.

A clone (reflink: FICLONE of btrfs, XFS, bcachefs, ZFS, NFS 4.2) shares the file's blocks until one of the two is written: as
independent as a copy. A hard link is the same file under a second name: whoever writes into one writes into the other. A symbolic
link only leads to the base. So `auto` clones, else makes hard links, but only of weight shards that stay as they are, and never of
what lies in the Hub's cache or is a link already: a blob of the cache is shared by all who use it (law 1).
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Literal

from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.filesystem.files import Files, is_snapshot

Link = Literal["auto", "reflink", "hardlink", "symlink", "copy"]

_FICLONE = 0x40049409
"""_IOW(0x94, 9, int) of linux/fs.h; see ioctl_ficlone(2)."""

_STEP_BYTES = 32 * 2**20
_CAN_NOT = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EMLINK}
"""The file system, or who runs this, is not allowed to; anything else is a failure."""


def clone_file(source: BinaryIO, target: BinaryIO) -> bool:
    """Let an empty file share another one's blocks.

    Returns:
        Whether it does; if not, the target is still empty.

    Raises:
        OSError: The file system can do it, but failed.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError as error:
        if error.errno in _CAN_NOT:
            return False
        raise
    return True


def copy_range(source: BinaryIO, target: BinaryIO, on_bytes: Callable[[int], None]) -> bool:
    """Let the system copy a file into an empty one, on an NFS server's own side if both lie there (copy_file_range(2)).

    Args:
        source: The file, opened at its start.
        target: The empty one.
        on_bytes: Called with the number of bytes of every step.

    Returns:
        Whether it did; if not, the target is still empty.

    Raises:
        OSError: The system can do it, but failed.
    """
    if not hasattr(os, "copy_file_range"):
        return False
    done, num_bytes = 0, os.fstat(source.fileno()).st_size
    while done < num_bytes:
        try:
            count = os.copy_file_range(source.fileno(), target.fileno(), _STEP_BYTES)
        except OSError as error:
            if not done and error.errno in _CAN_NOT:
                return False
            raise
        if not count and not done:  # as some file systems say that they can't
            return False
        if not count:
            raise CheckpointError(f"{Path(source.name).name}: became shorter while it was read")
        done += count
        on_bytes(count)
    return True


def can_clone(source: Path, folder: Path) -> bool:
    """Whether files of a folder can share the blocks of a file; tried, and nothing is left."""
    probe = folder / ".probe"
    try:
        with source.open("rb", buffering=0) as one, probe.open("xb", buffering=0) as other:
            return clone_file(one, other)
    finally:
        probe.unlink(missing_ok=True)


def link_shard(base: Path, file: str, target: Path, link: Link) -> bool:
    """Make a link to a shard that stays as it is, if that is what `link` says.

    Args:
        base: Directory of the base.
        file: The shard's name in it.
        target: Where the link shall stand.
        link: `auto` makes a hard link where that is safe and possible.

    Returns:
        Whether there is one now.

    Raises:
        SurgeryError: `hardlink` or `symlink` is asked for, but can't be had.
    """
    real = os.path.realpath(base / file)
    if link in ("copy", "reflink") or (link == "auto" and (is_snapshot(base) or (base / file).is_symlink())):
        return False
    try:
        if link == "symlink":
            os.symlink(real, target)
        else:
            os.link(real, target)
    except OSError as error:
        if link == "auto" and error.errno in _CAN_NOT:
            return False
        if error.errno in _CAN_NOT:
            raise SurgeryError(
                f"{file}: --link {link} is not possible here: {error.strerror}",
                hint="--link auto takes what the file system can do",
            ) from error
        raise
    return True


def trusted_sha256(files: Files, file: str) -> str | None:
    """SHA-256 of a file that need not be read for it: the name of its blob in the Hub's cache.

    It is trusted if the blob was not written after the snapshot's link to it was made, which the Hub's client does when the blob is
    whole. Bits that rotted on the disk since are not seen; `verify` sees them.
    """
    promised = files.content_id(file)
    if promised is None or promised.kind != "sha256" or files.path is None:
        return None
    path = files.path / file
    return promised.digest if path.stat().st_mtime_ns <= path.lstat().st_mtime_ns else None


def shared_files(base: Path, out: Path, names: Iterable[str]) -> list[str]:
    """Which files of two checkpoints are one and the same on disk, by hard or symbolic links."""
    return [name for name in names if (base / name).exists() and os.path.samefile(base / name, out / name)]
