"""Which files of two checkpoints differ, apart from the values of tensors. Neighbour: `diff`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from headsurgery.filesystem.files import Files, is_same_content
from headsurgery.filesystem.reading import CHUNK_BYTES, read_exactly
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.surgery.base_files import ATTRIBUTES, BOOKKEEPING, CARD, MANIFEST, OWN_FILES, PICTURE, PREVIOUS, sort_files
from headsurgery.surgery.history import find_base_card


class Sameness:
    """Whether a file of the base and one of the edited checkpoint are known to be equal. Each pair is checked once."""

    def __init__(self, base: Checkpoint, edited: Checkpoint) -> None:
        self._base, self._edited = base.files, edited.files
        self._known: dict[tuple[str, str], bool | None] = {}

    def __call__(self, file: str, twin: str) -> bool | None:
        """See `is_same_content`."""
        if (file, twin) not in self._known:
            self._known[file, twin] = is_same_content(self._base, file, self._edited, twin)
        return self._known[file, twin]


def compare_files(base: Checkpoint, edited: Checkpoint, is_same: Sameness) -> dict[str, str]:
    """Find differences apart from the values of tensors.

    The tool's own files, those of git and of the Hub's client, and copies of the weights that `apply` leaves out are ignored.
    Instead of a card that `apply` wrote, the copy of the base's card is compared.
    """
    ours, theirs = sort_files(base), sort_files(edited)
    mine, twins = _by_name(base.files, ours.copied), _by_name(edited.files, (*theirs.copied, *theirs.left_out))
    for one, other, files in ((mine, twins, edited.files), (twins, mine, base.files)):
        if CARD not in one and files.has(MANIFEST):
            other.pop(CARD, None)  # written by apply, for a base without a card
    found = dict.fromkeys(twins.keys() - mine.keys() - set(ours.left_out), "added")
    found |= dict.fromkeys(mine.keys() - twins.keys(), "missing")
    headers = {shard.file: shard.num_header_bytes for shard in base.shards}
    for name in mine.keys() & twins.keys():
        file, twin = mine[name], twins[name]
        same = is_same(file, twin)
        if file in headers:
            # read in the same two parts as the header, so what was fetched from the Hub for that is used again
            if not same and not _equal_bytes(base, file, edited, twin, (range(8), range(8, headers[file]))):
                found[name] = "header differs"
        elif same is False or (same is None and not _equal_bytes(base, file, edited, twin, None)):
            found[name] = "differs"
    return dict(sorted(found.items()))


def _by_name(files: Files, names: Iterable[str]) -> dict[str, str]:
    """The files to compare, by their names in the base: after `apply`, the base's own card has another name."""
    ignored = {*OWN_FILES, ATTRIBUTES, *(f"{folder}/" for folder in BOOKKEEPING)}
    found = {file: file for file in names if file not in ignored and not file.startswith(f"{PREVIOUS}/")}
    if not files.has(MANIFEST):
        return found
    if files.has(PICTURE):
        found.pop(CARD, None)  # written by apply
    base_card = find_base_card(files)
    return found | ({CARD: base_card} if base_card else {})


def _equal_bytes(base: Checkpoint, file: str, edited: Checkpoint, twin: str, spans: tuple[range, ...] | None) -> bool:
    """Compare two files, or only some spans of them."""
    size, twin_size = base.files.size_of(file), edited.files.size_of(twin)
    if spans is None and size != twin_size:
        return False
    for span in (range(size),) if spans is None else spans:
        if span.stop > twin_size:
            return False
        with base.files.open(file, span) as one, edited.files.open(twin, span) as other:
            for start in range(span.start, span.stop, CHUNK_BYTES):
                old, new = (read_exactly(stream, start, min(CHUNK_BYTES, span.stop - start), file) for stream in (one, other))
                if not np.array_equal(old, new):
                    return False
    return True
