"""A checkpoint's JSON files, read within bounds: a stranger may have written them, and they may name files."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from headsurgery.documents.strict_json import parse_object
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Files
from headsurgery.storage.header import not_the_file

_MAX_NAME = 4096


def read_bounded(files: Files, file: str, max_bytes: int) -> bytes:
    """A checkpoint's file, or its beginning, one byte longer than allowed.

    Raises:
        CheckpointError: It is not there, or can't be opened.
        OSError: It can't be read.
    """
    with files.open(file, range(min(files.size_of(file), max_bytes + 1))) as stream:
        return stream.read(max_bytes + 1)


def read_object(files: Files, file: str, *, max_bytes: int, lenient: bool = False) -> dict[str, Any]:
    """A file that holds one JSON object.

    Args:
        files: Where it is.
        file: Its name.
        max_bytes: The most that it may have.
        lenient: See `parse_object`.

    Raises:
        CheckpointError: It is not there, or is something else.
    """
    data = b""
    try:
        data = read_bounded(files, file, max_bytes)
        return parse_object(data, max_bytes=max_bytes, lenient=lenient)
    except (OSError, ValueError) as error:
        instead = not_the_file(file, data[:64]) if data else None
        if instead is not None:
            raise instead from error
        raise CheckpointError(f"{file}: can't be read as JSON: {error}") from error


def stays_inside(file: str) -> bool:
    """Whether a file's name, as some document gives it, is plainly relative: no way out of a directory, no detour within it.

    By the rules of the system that it is about to be used on: a backslash is a letter here, and leads out on Windows.
    """
    path = PurePath(file)
    is_plain = bool(path.name) and not path.anchor and ".." not in path.parts and path.as_posix() == file
    return is_plain and not re.search("[\0\ud800-\udfff]", file) and len(file) <= _MAX_NAME
