"""Which files of a base belong to its edited copy (law 4).

Every file is carried over, whatever it is, except other copies of the weights. These would not contain the edit, and a runtime that
prefers them would load the unedited model. Files that are left out are always named.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from headsurgery.architectures.gguf import is_gguf
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.workplace import JOURNAL
from headsurgery.filesystem.workplace import MANIFEST as MANIFEST
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.copies import COPY_FOLDERS, COPY_PATTERNS
from headsurgery.storage.header import read_header
from headsurgery.storage.safetensors import INDEX, WEIGHTS

RECIPE, UNDO = "recipe.json", "headsurgery.undo"
CARD, BASE_CARD, PICTURE = "README.md", "headsurgery.base-card.md", "headsurgery.png"
"""The model card, an exact copy of the base's own card, and the card's picture."""
OWN_FILES = (MANIFEST, RECIPE, UNDO, BASE_CARD, PICTURE)
"""Files that `apply` adds to a checkpoint. It also replaces the base's card with its own."""
PREVIOUS = "headsurgery.previous"
"""Folder for the own files of an earlier edit, if an edited checkpoint was edited again; see `history`."""
ATTRIBUTES = ".gitattributes"
"""Tells git how to store files; no part of the model. The Hub appends a line for every large file that no line covers yet."""
IN_PLACE = "edited in place"
"""Note in a manifest: the base itself was edited, so the checkpoint is not a copy."""
BOOKKEEPING = (".git", ".cache", JOURNAL)
"""Top-level folders of git, of the Hub's client and of in-place changes; no part of the model either."""

_NO_WEIGHTS = ("training_args.bin", "optimizer*.pt", "scheduler*.pt", "rng_state*.pth", "scaler*.pt")


@dataclass(frozen=True, kw_only=True)
class BaseFiles:
    """The base's files, as paths relative to it with forward slashes, sorted.

    Args:
        copied: Files that go into the edited checkpoint, edited or unchanged.
        left_out: Files that stay behind. A folder stands for everything in it and ends in a slash.
        copies: Those of `left_out` that hold the weights a second time.
        links: Those of `left_out` that are links out of the base.
    """

    copied: tuple[str, ...]
    left_out: tuple[str, ...]
    copies: tuple[str, ...]
    links: tuple[str, ...] = ()


def sort_files(checkpoint: Checkpoint) -> BaseFiles:
    """Decide for each of the base's files whether it is copied.

    A link counts as the file that it leads to if that is another file of the base, a file of the Hub cache that holds the base, one
    of the shards, or the file of the same name next to shards that are links. Other links, pipes and sockets are left out, so that
    no stranger's repository can carry a file of this machine into the result.

    Raises:
        CheckpointError: A folder can't be read, or a name is not UTF-8, so no manifest could hold it.
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
    """Whether a file is a second copy of the weights."""
    name = PurePosixPath(file).name
    if any(fnmatchcase(name, pattern) for pattern in _NO_WEIGHTS):
        return False
    if any(fnmatchcase(name, pattern) for pattern in COPY_PATTERNS):
        return True
    if file == INDEX:
        return checkpoint.files.has(WEIGHTS)
    if not name.endswith(".safetensors"):
        return False
    if is_gguf(checkpoint.config):  # it has the same weights under other names
        return True
    try:
        extra = read_header(checkpoint.files, file)
    except CheckpointError:
        return False
    return any(tensor.name in checkpoint.tensors for tensor in extra.tensors)
