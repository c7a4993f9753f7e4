"""JSON that a stranger wrote, read within bounds: one UTF-8 object of bounded size and depth, without keys that stand twice.

Python's own parser is lenient (halves of surrogate pairs, the last of two equal keys), and a few megabytes of `[],[],[]` make
gigabytes of lists. Everything that comes with a checkpoint or a recipe goes through here. Neighbours: `storage.header`,
`storage.checkpoint`, `surgery.manifest` and `recipe` say what the objects must hold.
"""

from __future__ import annotations

import json
import re
import reprlib
from typing import Any

MAX_DEPTH = 48
"""Of lists and objects within each other; a real config.json has about five."""

_MAX_VALUES = 4_000_000
"""In all: 400,000 tensors in one header; the largest published models have about half of that in all their files together."""

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 200


def quote(value: object) -> str:
    """`repr`, cut where it is long or deep: for messages about a stranger's values."""
    return _SHORT.repr(value)


def parse_object(data: bytes, *, max_bytes: int, lenient: bool = False) -> dict[str, Any]:
    """Parse one JSON object. NaN and Infinity are numbers here, as config.json files have them.

    Args:
        data: Its text.
        max_bytes: The longest text that is parsed.
        lenient: The last of two equal keys wins, as in transformers.

    Raises:
        ValueError: It is not one, or beyond the bounds.
    """
    if len(data) > max_bytes:
        raise ValueError(f"longer than {max_bytes:,} bytes")
    if sum(map(data.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise ValueError(f"more than {_MAX_VALUES:,} values")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=None if lenient else _unique)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if not isinstance(document, dict):
        raise ValueError(f"expected a JSON object, found {_NAMES.get(type(document).__name__, type(document).__name__)}")
    _check_depth(document)
    if _ESCAPED_SURROGATE.search(data):
        json.dumps(document, ensure_ascii=False).encode()  # UnicodeEncodeError, a ValueError: half of a pair can't be written back
    return document


_TOO_DEEP = f"more than {MAX_DEPTH} lists and objects within each other"
_NAMES = {"NoneType": "null"}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {quote(twice)} appears twice")
    return document


def _check_depth(document: dict[str, Any]) -> None:
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)
