"""Is an edited checkpoint still what its manifest says, byte for byte.

The card and its picture are for people to rewrite: that they are there is checked, what they say is not. Lines that the Hub added
at the end of .gitattributes don't count. Files that the manifest doesn't name are no fault; they are listed, so that nobody
publishes them unawares.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from headsurgery.checkpoint.carried import ATTRIBUTES, BOOKKEEPING, CARD, MANIFEST, PICTURE
from headsurgery.checkpoint.copying import Progress, Reporter, hash_file
from headsurgery.checkpoint.manifest import Manifest
from headsurgery.errors import CheckpointError


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found.

    Args:
        problems: Files that are missing or differ, each with what was found.
        others: Files that the manifest doesn't name, sorted.
    """

    problems: dict[str, str]
    others: tuple[str, ...]


def verify_files(directory: Path, manifest: Manifest, *, on_progress: Progress | None = None) -> Verification:
    """Hash every file that the manifest names.

    Args:
        directory: The edited checkpoint.
        manifest: Its manifest.
        on_progress: Called with bytes read and bytes in all.

    Raises:
        CheckpointError: A file can't be read.
    """
    problems: dict[str, str] = {}
    report = Reporter(sum(record.num_bytes for record in manifest.files), on_progress)
    for record in manifest.files:
        path = directory / record.file
        try:
            if not path.is_file():
                problems[record.file] = "missing"
            elif record.file in (CARD, PICTURE):
                report(record.num_bytes)
            elif record.file == ATTRIBUTES:
                if sha256(path.read_bytes()[: record.num_bytes]).hexdigest() != record.sha256:
                    problems[record.file] = "not the bytes that apply wrote"
                report(record.num_bytes)
            elif path.stat().st_size != record.num_bytes:
                problems[record.file] = f"{path.stat().st_size} bytes, the manifest says {record.num_bytes}"
            elif hash_file(path, report) != record.sha256:
                problems[record.file] = "not the bytes that apply wrote"
        except OSError as error:
            raise CheckpointError(f"{record.file}: can't be read: {error.strerror}") from error
    named = {record.file for record in manifest.files} | {MANIFEST}
    return Verification(problems=problems, others=tuple(sorted(_files_of(directory) - named)))


def _files_of(directory: Path) -> set[str]:
    found: set[str] = set()
    for folder, folders, names in os.walk(directory):
        if Path(folder) == directory:
            folders[:] = [name for name in folders if name not in BOOKKEEPING]
        found |= {Path(folder, name).relative_to(directory).as_posix() for name in names}
    return found
