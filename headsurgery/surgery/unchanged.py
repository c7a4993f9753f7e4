"""Check that a base stayed the same while it was read.

Invariant: an edited checkpoint comes from one state of its base, the planned one. A file counts as unchanged if its size, its inode
and its two times are equal; the current time plays no part. If only the time of its last change of any kind (ctime) differs, its
bytes decide: making or deleting a link, as other runs on the same base do, or changing permissions does no harm.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Files
from headsurgery.filesystem.hashing import hash_file
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.surgery.base_files import sort_files

Looks = Mapping[str, os.stat_result]
"""What the system reports about each file, by name."""


def observe(files: Files, names: Iterable[str]) -> Looks:
    """Record the size and times of files; nothing for a checkpoint elsewhere, since the bytes of a commit don't change.

    Raises:
        CheckpointError: A file is missing.
    """
    return {} if files.path is None else {name: _look(files.path / name, name) for name in names}


def check_unchanged(base: Checkpoint, before: Looks, digests: Mapping[str, str]) -> None:
    """Refuse a base that has changed.

    Args:
        base: A checkpoint on this machine.
        before: Size and times of its files before they were read.
        digests: SHA-256 of the bytes read from each file; all files that an edited copy takes over.

    Raises:
        CheckpointError: A file is gone, new or different.
    """
    for name, digest in digests.items():
        one, other = before[name], _look(base.path / name, name)
        if _content(one) != _content(other) or (_is_in_doubt(one, other) and hash_file(base.path / name) != digest):
            raise changed(name)
    if set(sort_files(base).copied) != set(digests):
        raise changed(str(base.path))


def changed(what: str) -> CheckpointError:
    """The error for a base that has changed."""
    return CheckpointError(
        f"{what}: changed while it was read; nothing was kept", hint="try again when no program writes to the base"
    )


def _look(path: Path, name: str) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise CheckpointError(f"{name}: missing from the checkpoint", hint="download the checkpoint again") from error


def _content(look: os.stat_result) -> tuple[int, ...]:
    return look.st_dev, look.st_ino, look.st_size, look.st_mtime_ns


def _is_in_doubt(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file was changed in a way that its size and modification time don't show."""
    return before.st_ctime_ns != after.st_ctime_ns
