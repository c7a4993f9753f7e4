"""Has a base stayed what it was while it was read?

Invariant: an edited checkpoint is of one state of its base. No clock is asked: a file that looks as it did when the plan was made
is taken to be the same; one that looks otherwise is hashed, since a mere `touch` or a link made of it does no harm.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from headsurgery.checkpoint.copying import hash_file
from headsurgery.checkpoint.files import Files
from headsurgery.errors import CheckpointError

Looks = Mapping[str, os.stat_result]
"""What the system says of each file, by name."""


def observe(files: Files, names: Iterable[str]) -> Looks:
    """Note how files look; of a checkpoint elsewhere nothing, since a commit's bytes don't change.

    Raises:
        CheckpointError: A file is missing.
    """
    return {} if files.path is None else {name: _look(files.path / name, name) for name in names}


def check_unchanged(directory: Path, before: Looks, digests: Mapping[str, str]) -> None:
    """Refuse a base that is not what it was.

    Args:
        directory: The base.
        before: How its files looked before they were read.
        digests: SHA-256 of what was read of each.

    Raises:
        CheckpointError: A file is gone or holds something else.
    """
    for name, digest in digests.items():
        if _looks_changed(before[name], _look(directory / name, name)) and hash_file(directory / name) != digest:
            raise changed(name)


def changed(what: str) -> CheckpointError:
    """The refusal."""
    return CheckpointError(f"{what}: changed while it was read; nothing was kept", hint="try again when nobody writes to the base")


def _look(path: Path, name: str) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise CheckpointError(f"{name}: missing from the checkpoint", hint="download the checkpoint again") from error


def _looks_changed(before: os.stat_result, after: os.stat_result) -> bool:
    one, other = ((look.st_dev, look.st_ino, look.st_size, look.st_mtime_ns) for look in (before, after))
    is_linked_anew = before.st_nlink != after.st_nlink  # which alone moves ctime
    return one != other or (before.st_ctime_ns != after.st_ctime_ns and not is_linked_anew)
