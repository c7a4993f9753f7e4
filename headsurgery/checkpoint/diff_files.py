"""Which files of two checkpoints differ, tensors' values aside. Neighbour: `diff`."""

from __future__ import annotations

import numpy as np

from headsurgery.checkpoint.carried import BASE_CARD, CARD, MANIFEST, OWN_FILES, sort_files
from headsurgery.checkpoint.files import is_same_content
from headsurgery.checkpoint.reader import CHUNK_BYTES, Checkpoint, read_exactly


class Sameness:
    """Whether a file of the base and one of the edited checkpoint are known to be equal; each pair is looked at once."""

    def __init__(self, base: Checkpoint, edited: Checkpoint) -> None:
        self._base, self._edited = base.files, edited.files
        self._known: dict[tuple[str, str], bool | None] = {}

    def __call__(self, file: str, twin: str) -> bool | None:
        """See `is_same_content`."""
        if (file, twin) not in self._known:
            self._known[file, twin] = is_same_content(self._base, file, self._edited, twin)
        return self._known[file, twin]


def compare_files(base: Checkpoint, edited: Checkpoint, is_same: Sameness) -> dict[str, str]:
    """Differences besides tensors' values. Files of ours, and copies of the weights that `apply` leaves out, don't count.

    Where `apply` wrote a card, the base's is compared with the copy that it kept.
    """
    ours, theirs = sort_files(base), sort_files(edited)
    all_theirs = {*theirs.carried, *theirs.left_out}
    kept_card = BASE_CARD if BASE_CARD in all_theirs else CARD
    if MANIFEST in all_theirs and CARD not in ours.carried:
        all_theirs.discard(CARD)
    all_theirs -= set(OWN_FILES)
    found = dict.fromkeys(all_theirs - {*ours.carried, *ours.left_out}, "added")
    found |= dict.fromkeys(set(ours.carried) - set(OWN_FILES) - all_theirs, "missing")
    headers = {shard.file: shard.num_header_bytes for shard in base.shards}
    for file in set(ours.carried) & all_theirs:
        twin = kept_card if file == CARD else file
        same = is_same(file, twin)
        if file in headers:
            # in the two parts in which headers are read, so that what came from the Hub is still here
            if not same and not _equal_bytes(base, file, edited, twin, (range(8), range(8, headers[file]))):
                found[file] = "header differs"
        elif same is False or (same is None and not _equal_bytes(base, file, edited, twin, None)):
            found[file] = "differs"
    return dict(sorted(found.items()))


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
