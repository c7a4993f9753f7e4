"""Which files of a base belong to its edited copy (law 4).

Every file is carried over, whatever it is, except other copies of the weights: after the edit they would disagree with it, and a
runtime that prefers them would load the unedited model. What is left out is always said.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from headsurgery.errors import CheckpointError
from headsurgery.filesystem.workplace import JOURNAL
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.copies import COPY_FOLDERS, COPY_PATTERNS
from headsurgery.storage.header import read_header
from headsurgery.storage.safetensors import INDEX, WEIGHTS

MANIFEST, RECIPE, UNDO = "headsurgery.json", "recipe.json", "headsurgery.undo"
CARD, BASE_CARD, PICTURE = "README.md", "headsurgery.base-card.md", "headsurgery.png"
"""The model card, the base's own card byte for byte, and the card's picture."""
OWN_FILES = (MANIFEST, RECIPE, UNDO, BASE_CARD, PICTURE)
"""What `apply` adds to a checkpoint; besides, it replaces the base's card by its own."""
PREVIOUS = "headsurgery.previous"
"""Folder of an edited checkpoint that was edited again: that one's own files, see `history`."""
ATTRIBUTES = ".gitattributes"
"""How git keeps files, and no part of the model. The Hub adds a line at its end for every large file that no line is about."""
IN_PLACE = "edited in place"
"""Note of a manifest: the base itself was edited, so that the checkpoint is no copy of anything."""
BOOKKEEPING = (".git", ".cache", JOURNAL)
"""Folders of git, of the Hub's client and of changes in place, at the top; no part of the model either."""

_NO_WEIGHTS = ("training_args.bin", "optimizer*.pt", "scheduler*.pt", "rng_state*.pth", "scaler*.pt")


@dataclass(frozen=True, kw_only=True)
class BaseFiles:
    """The base's files, as paths relative to it with forward slashes, sorted.

    Args:
        copied: Go into the edited checkpoint, edited or as they are.
        left_out: Stay behind; a folder stands for all that is in it and ends in a slash.
        copies: What of these holds the weights a second time.
        links: What of these are links that lead out of the base.
    """

    copied: tuple[str, ...]
    left_out: tuple[str, ...]
    copies: tuple[str, ...]
    links: tuple[str, ...] = ()


def sort_files(checkpoint: Checkpoint) -> BaseFiles:
    """Tell the base's files apart.

    A link to a file counts as the file where it leads to another file of the base or of the Hub cache that holds it, where it is
    one of the shards, and where it leads to the file of its name beside shards that are links. Other links, pipes and sockets are
    left out, so that no stranger's repository carries a file of this machine into the result.

    Raises:
        CheckpointError: A folder can't be read, or a name is not UTF-8, so that no manifest could hold it.
    """
    own = {shard.file for shard in checkpoint.shards}
    with_shards = {PurePosixPath(file).parts[0] for file in own}
    found, passed = checkpoint.files.walk({*COPY_FOLDERS, *BOOKKEEPING} - with_shards)
    needed = {*own, "config.json"} & set(passed)
    copies = {file for file in found if file not in own and _disagrees(checkpoint, file)}
    copied, left_out = {*found, *needed} - copies, {*passed, *copies} - needed
    for file in (*copied, *left_out):
        if any("\ud800" <= letter <= "\udfff" for letter in file):  # how Python spells undecodable bytes
            raise CheckpointError(f"{file!a}: its name is not UTF-8", hint="rename the file")
    folders = {f"{folder}/" for folder in COPY_FOLDERS}
    copies |= {file for file in left_out if file in folders or (not file.endswith("/") and _disagrees(checkpoint, file))}
    links = {file for file in left_out - copies if checkpoint.files.is_link(file)}
    return BaseFiles(
        copied=tuple(sorted(copied)),
        left_out=tuple(sorted(left_out)),
        copies=tuple(sorted(copies)),
        links=tuple(sorted(links)),
    )


def _disagrees(checkpoint: Checkpoint, file: str) -> bool:
    """Whether a file holds the weights a second time."""
    name = PurePosixPath(file).name
    if any(fnmatchcase(name, pattern) for pattern in _NO_WEIGHTS):
        return False
    if any(fnmatchcase(name, pattern) for pattern in COPY_PATTERNS):
        return True
    if file == INDEX:
        return checkpoint.files.has(WEIGHTS)
    if not name.endswith(".safetensors"):
        return False
    try:
        extra = read_header(checkpoint.files, file)
    except CheckpointError:
        return False
    return any(tensor.name in checkpoint.tensors for tensor in extra.tensors)
