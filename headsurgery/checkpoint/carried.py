"""Which files of a base belong to its edited copy (law 4).

Every file is carried over, whatever it is, except other copies of the weights: after the edit they would disagree with it, and a
runtime that prefers them would load the unedited model. What is left out is always said.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from headsurgery.checkpoint.copies import COPY_FOLDERS, COPY_PATTERNS
from headsurgery.checkpoint.header import read_header
from headsurgery.checkpoint.reader import INDEX, WEIGHTS, Checkpoint
from headsurgery.errors import CheckpointError

MANIFEST, RECIPE, UNDO = "headsurgery.json", "recipe.json", "headsurgery.undo"
CARD, BASE_CARD, PICTURE = "README.md", "headsurgery.base-card.md", "headsurgery.png"
"""The model card, the base's own card byte for byte, and the card's picture."""
OWN_FILES = (MANIFEST, RECIPE, UNDO, BASE_CARD, PICTURE)
"""What `apply` adds to a checkpoint; besides, it replaces the base's card by its own."""

_NO_WEIGHTS = ("training_args.bin", "optimizer*.pt", "scheduler*.pt", "rng_state*.pth", "scaler*.pt")
_BOOKKEEPING_FOLDERS = (".git", ".cache")


@dataclass(frozen=True, kw_only=True)
class BaseFiles:
    """The base's files, as paths relative to it with forward slashes, sorted.

    Args:
        carried: Go into the edited checkpoint, edited or as they are.
        left_out: Stay behind; a folder stands for all that is in it and ends in a slash.
    """

    carried: tuple[str, ...]
    left_out: tuple[str, ...]


def sort_files(checkpoint: Checkpoint) -> BaseFiles:
    """Walk the base and tell its files apart.

    A link to a file counts as the file where it leads to another file of the base or of the Hub cache that holds it, or where it is
    one of the shards; other links, pipes and sockets are left out, so that no stranger's repository carries a file of this machine
    into the result.

    Raises:
        CheckpointError: A folder can't be read, or a name is not UTF-8, so that no manifest could hold it.
    """
    own = {shard.file for shard in checkpoint.shards}
    carried: list[str] = []
    left_out: list[str] = []
    for folder, folders, files in os.walk(checkpoint.path, onerror=_refuse):
        relative = PurePosixPath(os.path.relpath(folder, checkpoint.path).replace(os.sep, "/"))
        for name in list(folders):
            is_top = relative == PurePosixPath(".")
            holds_shard = any(PurePosixPath(file).is_relative_to(relative / name) for file in own)
            is_copy = is_top and name in (*COPY_FOLDERS, *_BOOKKEEPING_FOLDERS) and not holds_shard
            if os.path.islink(os.path.join(folder, name)) or is_copy:
                folders.remove(name)
                left_out.append(f"{relative / name}/")
        for name in files:
            file = str(relative / name)
            is_needed = file in own or file == "config.json"
            is_left_out = not (is_needed or _is_own_file(checkpoint.path, file)) or (
                file not in own and _disagrees(checkpoint, file)
            )
            (left_out if is_left_out else carried).append(file)
    for file in (*carried, *left_out):
        if any("\ud800" <= letter <= "\udfff" for letter in file):  # how Python spells undecodable bytes
            raise CheckpointError(f"{file!a}: its name is not UTF-8", hint="rename the file")
    return BaseFiles(carried=tuple(sorted(carried)), left_out=tuple(sorted(left_out)))


def _is_own_file(base: Path, file: str) -> bool:
    """Whether a regular file lies in the base, or in the blobs of the Hub cache that the base is a snapshot of."""
    path = base / file
    if not path.is_symlink():
        return path.is_file()
    real, real_base = Path(os.path.realpath(path)), Path(os.path.realpath(base))
    blobs = real_base.parent.parent / "blobs"
    return real.is_file() and (
        real.is_relative_to(real_base) or (real_base.parent.name == "snapshots" and real.is_relative_to(blobs))
    )


def _refuse(error: OSError) -> None:
    raise CheckpointError(f"{error.filename}: can't be read: {error.strerror}") from error


def _disagrees(checkpoint: Checkpoint, file: str) -> bool:
    """Whether a file holds the weights a second time."""
    name = PurePosixPath(file).name
    if any(fnmatchcase(name, pattern) for pattern in _NO_WEIGHTS):
        return False
    if any(fnmatchcase(name, pattern) for pattern in COPY_PATTERNS):
        return True
    if file == INDEX:
        return (checkpoint.path / WEIGHTS).is_file()
    if not name.endswith(".safetensors"):
        return False
    try:
        extra = read_header(checkpoint.path / file, file)
    except CheckpointError:
        return False
    return any(tensor.name in checkpoint.tensors for tensor in extra.tensors)
