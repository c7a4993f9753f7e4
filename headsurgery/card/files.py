"""Read the base's card, write README.md, and check it as huggingface_hub does."""

from __future__ import annotations

import os
from pathlib import Path

from headsurgery.documents.atomic import write_atomically
from headsurgery.errors import HeadSurgeryError
from headsurgery.filesystem.files import Directory
from headsurgery.surgery.history import find_base_card


def load_base_card(edited: Path) -> bytes | None:
    """The first base's card, as `apply` stored it in an edited checkpoint; None if the base had none.

    Raises:
        HeadSurgeryError: It is a link, which could carry any file of this machine into what is published.
    """
    base_card = find_base_card(Directory(edited))
    if base_card:
        _refuse_link(edited, base_card)
    return (edited / base_card).read_bytes() if base_card else None


def save_card(edited: Path, made: dict[str, bytes]) -> None:
    """Write a card and its picture into an edited checkpoint, each whole or not at all.

    Raises:
        HeadSurgeryError: They can't be written, or a link stands there, which could lead anywhere.
    """
    for file in made:
        _refuse_link(edited, file)
    try:
        for file, data in made.items():
            write_atomically(edited / file, data)
    except OSError as error:
        raise HeadSurgeryError(f"{edited}: can't write the card: {error.strerror}") from error


def _refuse_link(folder: Path, file: str) -> None:
    """Refuse a file that is a link, or that is reached through a link below the folder."""
    if os.path.realpath(folder / file) != os.path.join(os.path.realpath(folder), file):
        raise HeadSurgeryError(
            f"{folder / file}: a link, expected a file", hint="put the file itself in its place, or delete the link"
        )


def check_card(text: str) -> None:
    """Check a card as huggingface_hub does. The Hub checks it again when it is pushed.

    Raises:
        HeadSurgeryError: Its metadata are not valid.
    """
    from huggingface_hub import ModelCard
    from yaml import YAMLError

    try:
        ModelCard(text)
    except (ValueError, TypeError, KeyError, YAMLError) as error:
        raise HeadSurgeryError(f"README.md: not a valid model card: {' '.join(str(error).split())}") from error
