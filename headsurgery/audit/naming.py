"""The base that a checkpoint says it was made from: in the manifest of `apply`, or in its card."""

from __future__ import annotations

import re

from headsurgery.checkpoint.carried import CARD, MANIFEST
from headsurgery.checkpoint.manifest import Manifest
from headsurgery.checkpoint.reader import Checkpoint
from headsurgery.errors import CheckpointError
from headsurgery.hub_names import is_hub_id

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_FRONT_BYTES = 2**16
_BASE_MODEL = re.compile(r"^base_model:[ \t]*(?:\n[ \t]*-[ \t]*)?[\"']?([\w./-]+)", re.MULTILINE)


def find_base(checkpoint: Checkpoint) -> str | None:
    """Hub id, with its commit where that is known; None where none is named.

    A manifest or a card may come from a stranger; what it names is only ever opened to be read.
    """
    if checkpoint.files.has(MANIFEST):
        try:
            base = Manifest.load(checkpoint.files).base
        except CheckpointError:
            return None
        if not is_hub_id(base.model):
            return None
        return f"{base.model}@{base.revision}" if base.revision else base.model
    if not checkpoint.files.has(CARD):
        return None
    with checkpoint.files.open(CARD, range(min(_FRONT_BYTES, checkpoint.files.size_of(CARD)))) as stream:
        front = _FRONT.search(stream.read(_FRONT_BYTES).decode("utf-8", errors="replace"))
    named = _BASE_MODEL.search(front[1]) if front else None
    return named[1] if named and is_hub_id(named[1]) else None
