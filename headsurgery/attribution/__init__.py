"""Find the heads that carry a behaviour, and write them down as a recipe.

`run.attribute` does it in one call. It takes `options`, resolves them to `settings`, lets a method score heads, and makes the
recipe. Each method is declared in a file of `methods`. Longer algorithms are in files of their own, to be read next to their paper:
`ships` (section 3.2) and `sahara` (section 4). Names are resolved on first use, because recipes and `--help` read `methods` and
`options` and must load neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headsurgery.attribution.options import AttributionOptions as AttributionOptions
    from headsurgery.attribution.run import Attribution as Attribution
    from headsurgery.attribution.run import attribute as attribute

_HOMES = {"Attribution": "run", "AttributionOptions": "options", "attribute": "run"}

__all__ = ["Attribution", "AttributionOptions", "attribute"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
