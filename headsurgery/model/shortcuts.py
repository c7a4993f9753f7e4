"""What a model lets the engine leave out, found by trying on a short query; an engine that believed would be wrong in silence.

A model that shares keys across layers, or carries state between them, gives other states or an error when it is entered midway, and
is then entered further down, at the bottom in the worst case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from headsurgery.model.modules import ModuleMap
from headsurgery.model.reentry import Batch, Captured, capture, reenter

_PROBE_TOKENS = 8


@dataclass(frozen=True, kw_only=True)
class Shortcuts:
    """Shortcuts that leave a model's final states as they are.

    Args:
        entries: For every layer the highest layer, at most itself, at which the model can be entered.
        trim: Whether all but the positions that are read may be left out of the last layer's o_proj and MLP.
        pad: Whether queries of other lengths may stand in one batch, padded on the right.
    """

    entries: tuple[int, ...]
    trim: bool
    pad: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about speed: layers that can't be entered are reached from further down."""
        behind = sum(entry != layer for layer, entry in enumerate(self.entries))
        if not behind:
            return ()
        return (f"{behind} of {len(self.entries)} layers of this model can't be entered midway; slower, fuller forwards are used",)


def find_shortcuts(modules: ModuleMap, query: Sequence[int]) -> Shortcuts:
    """Try every shortcut on the first tokens of a query.

    Args:
        modules: The model.
        query: Token ids; the first 8 are used.
    """
    probe = list(query[:_PROBE_TOKENS])
    device = modules.device
    captured = capture(modules, Batch.of([probe], device))
    padded = Batch(tokens=torch.tensor([probe + probe[:3]], device=device), last=captured.batch.last)
    entries = [0]
    for layer in range(1, len(modules.layers)):
        is_entry = _agrees(captured, lambda layer=layer: reenter(modules, captured, entry=layer).states, exactly=True)  # type: ignore[misc]
        entries.append(layer if is_entry else entries[-1])
    return Shortcuts(
        entries=tuple(entries),
        trim=_agrees(captured, lambda: capture(modules, captured.batch, trim=True).final.states),
        pad=_agrees(captured, lambda: capture(modules, padded).final.states),
    )


def _agrees(captured: Captured, states_of: Callable[[], torch.Tensor], *, exactly: bool = False) -> bool:
    """Whether a shortcut gives the captured final states: bit for bit where the same batch runs through the same kernels, else but
    for rounding, which is at most 64 units in the last place of the norm in float32, and 2 in 16-bit types.
    """
    wanted = captured.final.states
    try:
        found = states_of()
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):  # what a layer raises that misses something
        return False
    if exactly:
        return torch.equal(found, wanted)
    eps = torch.finfo(wanted.dtype).eps
    tolerance = eps * (64 if eps < 1e-5 else 2)
    return bool((found - wanted).norm() <= tolerance * wanted.norm())
