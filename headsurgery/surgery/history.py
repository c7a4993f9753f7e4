"""The edits of a checkpoint that was edited more than once.

Each `apply` on an edited checkpoint moves that checkpoint's own files unchanged into the folder `headsurgery.previous`. Earlier
ones are nested inside it. So every step keeps its manifest, its recipe and its original bytes, and `restore` can undo one step or
all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Files
from headsurgery.recipe import say_edits
from headsurgery.surgery.base_files import ATTRIBUTES, BASE_CARD, CARD, IN_PLACE, MANIFEST, OWN_FILES, PICTURE, PREVIOUS, UNDO
from headsurgery.surgery.manifest import Manifest

_MOST = 100
"""The most steps that are read; a longer history is not plausible."""


@dataclass(frozen=True, kw_only=True)
class HistoryStep:
    """One `apply`.

    Args:
        manifest: The manifest that it wrote.
        folder: Where its own files lie: empty for the last step; otherwise ends in a slash.
    """

    manifest: Manifest
    folder: str


def read_history(files: Files) -> tuple[HistoryStep, ...]:
    """Read all steps, the last one first.

    Raises:
        CheckpointError: There is no manifest, or one is not valid.
    """
    steps, folder = [HistoryStep(manifest=Manifest.load(files), folder="")], f"{PREVIOUS}/"
    while files.has(folder + MANIFEST):
        steps.append(HistoryStep(manifest=Manifest.load(files, folder + MANIFEST), folder=folder))
        folder += f"{PREVIOUS}/"
        if len(steps) > _MOST:
            raise CheckpointError(f"{files.where}: more than {_MOST} steps in {PREVIOUS}")
    return tuple(steps)


def earlier_manifests(files: Files) -> tuple[Manifest, ...]:
    """The manifests of a checkpoint that is about to be edited, the last one first; empty for a base."""
    return tuple(step.manifest for step in read_history(files)) if files.has(MANIFEST) else ()


def is_as_written(directory: Path) -> bool:
    """Whether a directory holds an edited copy that was not touched since, judging by its files' names, sizes and times.

    Moving a file in, setting its time, and making a hard link to it (as `apply` itself does) all change its ctime.
    """
    try:
        manifest = Manifest.load(directory)
        records = {record.file: record for record in manifest.files}
        looks = {path.relative_to(directory).as_posix(): path.lstat() for path in directory.rglob("*") if not path.is_dir()}
    except (CheckpointError, OSError):
        return False
    written = looks.pop(MANIFEST).st_ctime_ns

    def is_old(file: str, look: os.stat_result) -> bool:
        changed = look.st_mtime_ns if look.st_nlink > 1 else max(look.st_mtime_ns, look.st_ctime_ns)
        return look.st_size == records[file].num_bytes and changed <= written

    is_copy, has_no_others = IN_PLACE not in manifest.notes, looks.keys() <= records.keys()
    return is_copy and has_no_others and all(stat.S_ISLNK(look.st_mode) or is_old(file, look) for file, look in looks.items())


def describe_steps(files: Files) -> str:
    """What each edit of a checkpoint did, the last one first."""
    return say_edits(edit for manifest in earlier_manifests(files) for edit in manifest.edits)


def count_restorable(files: Files, steps: Sequence[HistoryStep]) -> int:
    """How many of the steps, counted from the last one, have their original bytes."""
    return next((number for number, step in enumerate(steps) if not files.has(step.folder + UNDO)), len(steps))


def check_as_recorded(files: Files, digests: Mapping[str, str]) -> None:
    """Refuse an edited checkpoint as a base if it differs from its manifest, because then no step could be undone.

    Args:
        files: The base's.
        digests: SHA-256 of each file.

    Raises:
        CheckpointError: A file has changed.
    """
    changed = _changed(Manifest.load(files), digests) if files.has(MANIFEST) else []
    if changed:
        raise CheckpointError(
            f"{files.where}: an edited checkpoint, but it differs from its manifest: {', '.join(changed)} changed since apply",
            hint=f"restore these files; or move {', '.join(OWN_FILES)} and {PREVIOUS} away to use the checkpoint as a new base",
        )


def misfits(steps: Sequence[HistoryStep]) -> dict[str, str]:
    """Steps that were not made from the result of the step before. Keys: that earlier step's manifest. Values: what is wrong."""
    found = {}
    for step, before in pairwise(steps):
        files = _changed(before.manifest, {str(record.base_file): str(record.base_sha256) for record in step.manifest.files})
        if files:
            found[before.folder + MANIFEST] = f"the step on top of it was made from another {', '.join(files)}"
    return found


def _changed(manifest: Manifest, digests: Mapping[str, str]) -> list[str]:
    """Files that differ from a manifest, except those that others may rewrite."""
    records = [record for record in manifest.files if record.file not in (CARD, PICTURE, ATTRIBUTES)]
    return [record.file for record in records if digests.get(record.file) != record.sha256]


def names_in_copy(files: Iterable[str], *, has_card: bool) -> dict[str, str]:
    """The names of a base's files in the edited copy.

    Args:
        files: All files that are copied. If a manifest is among them, the base is itself an edited checkpoint.
        has_card: Whether the copy gets its own card, so that the base's card is renamed.
    """
    files = list(files)
    return {file: _name_in_copy(file, was_edited=MANIFEST in files, has_card=has_card) for file in files}


def _name_in_copy(file: str, *, was_edited: bool, has_card: bool) -> str:
    is_card = file == CARD and has_card
    if was_edited and (file in OWN_FILES or is_card or file.startswith(f"{PREVIOUS}/")):
        return f"{PREVIOUS}/{file}"
    return BASE_CARD if is_card else file


def find_base_card(files: Files) -> str | None:
    """The path of the first base's card in an edited checkpoint."""
    folder = ""
    while not files.has(folder + BASE_CARD):
        folder += f"{PREVIOUS}/"
        if not files.has(folder + MANIFEST):
            return None
    return folder + BASE_CARD


def read_base_card(files: Files, copied: Container[str], *, most: int | None = None) -> bytes | None:
    """The card of the first base of a checkpoint that is to be edited; None if it has none.

    Args:
        files: The checkpoint's files.
        copied: The files that go into the edited copy.
        most: How many bytes to read; None: all.
    """
    name = find_base_card(files) if files.has(MANIFEST) else CARD
    if name is None or name not in copied:
        return None
    with files.open(name, None if most is None else range(min(most, files.size_of(name)))) as stream:
        return stream.read(-1 if most is None else most)
