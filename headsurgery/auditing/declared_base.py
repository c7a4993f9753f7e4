"""Find the base that a checkpoint names, in the manifest of `apply` or in its card."""

from __future__ import annotations

from headsurgery.documents.front_matter import MAX_CARD, read_front_matter
from headsurgery.errors import CheckpointError
from headsurgery.hub.names import is_hub_id, repository_of
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.surgery.base_files import CARD, MANIFEST
from headsurgery.surgery.manifest import Manifest


def find_base(checkpoint: Checkpoint) -> str | None:
    """The base's Hub id, with its commit if that is known; None if the checkpoint names no base.

    A manifest or a card may come from a stranger. What it names is only ever opened for reading.
    """
    if checkpoint.files.has(MANIFEST):
        try:
            base = Manifest.load(checkpoint.files).base
        except CheckpointError:
            return None
        if repository_of(base.model) is None:
            return None
        return f"{base.model}@{base.revision}" if base.revision else base.model
    if not checkpoint.files.has(CARD):
        return None
    with checkpoint.files.open(CARD, range(min(MAX_CARD, checkpoint.files.size_of(CARD)))) as stream:
        card = read_front_matter(stream.read(MAX_CARD))
    named = card.metadata.get("base_model")
    first = named[0] if isinstance(named, list) and named else named
    return first if isinstance(first, str) and is_hub_id(first) else None
