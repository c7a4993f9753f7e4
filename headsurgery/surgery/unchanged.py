"""Has a base stayed what it was while it was read?

Invariant: an edited checkpoint is of one state of its base, the one that was planned. No clock is asked: a file has stayed what it
was if size, inode and the two times that the system keeps of it are equal. Where only the time of its last change of any kind
differs (ctime), its bytes decide: a link made or deleted, as by other runs on the same base, or new permissions do no harm.
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
"""What the system says of each file, by name."""


def observe(files: Files, names: Iterable[str]) -> Looks:
    """Note how files look; of a checkpoint elsewhere nothing, since a commit's bytes don't change.

    Raises:
        CheckpointError: A file is missing.
    """
    return {} if files.path is None else {name: _look(files.path / name, name) for name in names}


def check_unchanged(base: Checkpoint, before: Looks, digests: Mapping[str, str]) -> None:
    """Refuse a base that is not what it was.

    Args:
        base: Of this machine.
        before: How its files looked before they were read.
        digests: SHA-256 of what was read of each; all that an edited copy takes over.

    Raises:
        CheckpointError: A file is gone, or new, or holds something else.
    """
    for name, digest in digests.items():
        one, other = before[name], _look(base.path / name, name)
        if _content(one) != _content(other) or (_is_in_doubt(one, other) and hash_file(base.path / name) != digest):
            raise changed(name)
    if set(sort_files(base).copied) != set(digests):
        raise changed(str(base.path))


def changed(what: str) -> CheckpointError:
    """The refusal."""
    return CheckpointError(f"{what}: changed while it was read; nothing was kept", hint="try again when nobody writes to the base")


def _look(path: Path, name: str) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise CheckpointError(f"{name}: missing from the checkpoint", hint="download the checkpoint again") from error


def _content(look: os.stat_result) -> tuple[int, ...]:
    return look.st_dev, look.st_ino, look.st_size, look.st_mtime_ns


def _is_in_doubt(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether something was done to the file that its size and its time don't show."""
    return before.st_ctime_ns != after.st_ctime_ns
