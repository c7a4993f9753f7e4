"""The attribution methods: one file each, and this registry, which everything else reads.

To add one, write `attribution/methods/NAME.py` with a subclass of `attribution.method.Method`, assign an instance of it to
`METHOD`, and add it to `UNITS`. Recipes are checked against this registry, so it imports nothing: a method's file is loaded by its
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from headsurgery.attribution.method import Method

UNITS: Mapping[str, str | None] = {
    "refusal": "nats",
    "gates": "of the factor",
    "sahara": "degrees",
    "ships": "nats",
    "direct": None,
    "interchange": "nats",
}
"""Each method, and the unit of its scores. None: they have only the unit of the residual stream."""

if TYPE_CHECKING:
    MethodName = str
    Unit = str
else:  # closed sets for recipes, their JSON Schema and the command line
    MethodName = Literal[tuple(UNITS)]
    Unit = Literal[tuple(dict.fromkeys(unit for unit in UNITS.values() if unit is not None))]


@cache
def load_method(name: MethodName) -> Method[Any]:
    """Load a method of the registry.

    Args:
        name: One of `UNITS`.
    """
    method: Method[Any] = import_module(f"{__name__}.{name}").METHOD
    return method


def load_methods() -> tuple[Method[Any], ...]:
    """All methods of the registry, in order."""
    return tuple(map(load_method, UNITS))
