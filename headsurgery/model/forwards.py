"""Replace a module's forward temporarily. Neighbours: `linears` uses oneDNN; the engine lets layers return without running."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

Forward = Callable[..., Any]


@contextmanager
def forwards(replacements: Mapping[nn.Module, Forward], *, attribute: str = "forward") -> Iterator[None]:
    """Replace modules' forward temporarily, and preserve what another library (accelerate) has put there.

    Args:
        replacements: What each module does instead.
        attribute: Where the module keeps it; `_old_forward` is what accelerate's own forward calls.
    """
    before = {module: module.__dict__.get(attribute) for module in replacements}
    try:
        for module, forward in replacements.items():
            module.__dict__[attribute] = forward
        yield
    finally:
        for module, own in before.items():
            if own is None:
                module.__dict__.pop(attribute, None)
            else:
                module.__dict__[attribute] = own
