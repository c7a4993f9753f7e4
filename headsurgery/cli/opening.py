"""A model by its name, opened where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from headsurgery.errors import HeadSurgeryError

if TYPE_CHECKING:
    from headsurgery.console import Console
    from headsurgery.storage.checkpoint import Checkpoint


def open_named(console: Console, name: str, *, revision: str | None = None, token: str | None = None) -> Checkpoint:
    """Open a checkpoint, and say so if its repository has another name by now."""
    from headsurgery.hub.models import open_model

    if not os.path.isdir(os.path.expanduser(name)):
        console.quiet_hub()
    checkpoint = open_model(name, revision=revision, token=token)
    if checkpoint.files.path is None and checkpoint.model.lower() not in name.lower():
        console.note(f"{name}: has moved to {checkpoint.model}")
    return checkpoint


@contextmanager
def saying_what_became(console: Console, directory: Path) -> Iterator[None]:
    """After Ctrl-C or SIGTERM, say in which state a checkpoint is that is changed in place."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        from headsurgery.filesystem.files import Directory
        from headsurgery.storage.checkpoint import check_at_rest
        from headsurgery.surgery.history import describe_steps

        try:
            check_at_rest(Directory(directory))
            edits = describe_steps(Directory(directory))
        except HeadSurgeryError as error:
            console.error(error)
        else:
            console.note(f"{directory} is whole, and {f'edited by {edits}' if edits else 'not edited'}")
        raise


def show_bytes(count: int) -> str:
    """`1.2 GB`, `340 kB`."""
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
