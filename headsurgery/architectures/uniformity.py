"""Whether a head whose queries are zero attends uniformly, and what to say where it does not (Eq. 7 of the paper at factor 0).

Queries of zero make every product of query and key zero. What a model adds to these products stays: a bias of position, a sink. And
a model may choose beforehand which positions a head sees at all. None of it is in the head's rows of q_proj, and no edit of them
undoes it. A window of the last positions is no such thing: the head attends uniformly to those that it sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from headsurgery.architectures.declaration import Architecture

Unevenness = Literal["alibi", "relative", "dynamic_mask", "sinks", "indexer", "measured", "unmeasured", "unknown"]

_SAID: Mapping[Unevenness, str] = {
    "alibi": "this model adds a bias of distance to the scores (ALiBi); with factor 0 a head attends by distance alone, not "
    "uniformly",
    "relative": "this model adds a learned bias of relative position to the scores; with factor 0 a head attends by that bias "
    "alone, not uniformly",
    "dynamic_mask": "this model adds a mask to the scores that it computes from the values; with factor 0 a head attends by that "
    "mask alone, not uniformly",
    "sinks": "heads of this model have an attention sink; with factor 0 it keeps its share, and the rest is uniform",
    "indexer": "layers of this model choose by the text which positions they look at; with factor 0 a head attends uniformly to "
    "these",
    "measured": "measured on this model: with factor 0 a head does not attend uniformly, since something is added to the scores",
    "unmeasured": "this family is not in the table, and its code gives out no attention, so it is not known whether something is "
    "added to the scores, which factor 0 would leave there",
    "unknown": "this family is not in the table, so it is not known whether something is added to the scores, which factor 0 would "
    "leave there; attribute measures it on the loaded model",
}
_PREFIX = "uniform_attention: "
_IN_NAMES: Mapping[Unevenness, re.Pattern[str]] = {
    "relative": re.compile(r"rel(?:ative)?_(?:pos\w*_|attn_|attention_)*bias|position_bias"),
    "sinks": re.compile(r"(?:^|[._])(?:attn_)?sinks?(?:$|[._])|sink_bias|sink_logit|softmax_offset"),
    "indexer": re.compile(r"(?:^|[._])indexer[._]"),
}
"""What the names of a layer's weights give away."""


def find_unevenness(architecture: Architecture, config: Mapping[str, object], names: Iterable[str]) -> tuple[Unevenness, ...]:
    """What keeps a head whose queries are zero from attending uniformly to all positions; empty where nothing does.

    Args:
        architecture: The family's row.
        config: Content of config.json.
        names: Of the weights below the decoder layers.
    """
    found: set[Unevenness] = set(architecture.uneven)
    stated = _states_alibi(config)
    if stated is not None:
        found = found | {"alibi"} if stated else found - {"alibi"}
    names = tuple(names)
    found |= {kind for kind, pattern in _IN_NAMES.items() if any(pattern.search(name) for name in names)}
    if not found and not architecture.is_listed:
        found = {"unknown"}
    return tuple(kind for kind in _SAID if kind in found)


def say_unevenness(uneven: Iterable[Unevenness]) -> tuple[str, ...]:
    """A sentence for each, as plans, cards and runs show it."""
    return tuple(f"{_PREFIX}{_SAID[kind]}" for kind in uneven)


def is_about_uniformity(note: str) -> bool:
    """Whether a note of a manifest is one of these sentences."""
    return note.startswith(_PREFIX)


def _states_alibi(config: Mapping[str, object]) -> bool | None:
    """Whether a configuration switches ALiBi on or off, at the top or one level below (`attn_config`); None: it says nothing."""
    sections = (config, *(inner for inner in config.values() if isinstance(inner, Mapping)))
    stated = [
        value if isinstance(value, bool) else True
        for section in sections
        for key, value in section.items()
        if ("alibi" in str(key).lower() and isinstance(value, bool)) or (isinstance(value, str) and value.lower() == "alibi")
    ]
    return any(stated) if stated else None
