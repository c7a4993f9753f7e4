"""Settings of a run as JSON, and where two of them differ: what a journal goes by before a run goes on from it."""

from __future__ import annotations

import json
from typing import Any

_ABSENT = "(absent)"


def differences(found: Any, wanted: Any, place: str = "") -> list[str]:
    """Leaves of two JSON documents that differ, as `decoding.max_new_tokens: there 64, now 128`."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = list(dict.fromkeys((*found, *wanted)))
        pairs = [(f"{place}.{key}".lstrip("."), found.get(key, _ABSENT), wanted.get(key, _ABSENT)) for key in keys]
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = [(f"{place}[{index}]", *both) for index, both in enumerate(zip(found, wanted, strict=True))]
    else:
        return [] if found == wanted and type(found) is type(wanted) else [f"{place}: there {_show(found)}, now {_show(wanted)}"]
    return [difference for where, before, now in pairs for difference in differences(before, now, where)]


def first_difference(found: Any, wanted: Any) -> str | None:
    """The first of them, and how many more there are; None where the two are the same."""
    different = differences(found, wanted)
    if not different:
        return None
    return different[0] + (f" (and {len(different) - 1} more)" if len(different) > 1 else "")


def _show(value: Any) -> str:
    text = value if value is _ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
