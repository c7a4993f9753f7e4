"""Find out what the engine may leave out for a model, by trying each shortcut on short queries. Otherwise results could be silently
wrong.

A model can't be called layer by layer if its layers share keys, carry state, or read the token ids in addition to the hidden
states. The test runs two queries interleaved, row by row, and requires the model's own final states bit for bit. Shortcuts that
change the shapes of the calls (both rows at once, a separate prefix, a trimmed last layer) must agree up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from headsurgery.edits.operations.scale import Scale
from headsurgery.engine.calls import catch_rest, leave, run_model
from headsurgery.engine.measures import States
from headsurgery.engine.shortcuts import Shortcuts
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import Block, SweepTask
from headsurgery.engine.wave import go_up
from headsurgery.model.modules import ModuleMap

_PROBE_TOKENS, _PROBE_PREFIX, _PROBE_TAIL = 8, 4, 2


@torch.inference_mode()
def find_shortcuts(modules: ModuleMap, query: Sequence[int]) -> Shortcuts:
    """Try every shortcut on the first tokens of a query.

    Args:
        modules: The model.
        query: Token ids; the first 8 are used.
    """
    probe = list(query[:_PROBE_TOKENS])
    other = probe[:_PROBE_PREFIX] + probe[:_PROBE_PREFIX:-1] + probe[:1]
    task = SweepTask(
        queries=(tuple(probe), tuple(other[: len(probe)])),
        heads=(),
        operation=Scale.name,
        factor=0.0,
        measure=States(),
        tail=min(_PROBE_TAIL, len(probe)),
    )
    rest = catch_rest(modules, torch.tensor([probe], device=modules.device))
    wanted = torch.cat([_own_states(modules, own, task.tail) for own in task.queries])

    def agrees(*, exactly: bool = False, together: bool = False, **choices: Any) -> bool:
        shortcuts = Shortcuts(**({"wave": True, "prefixed": 0, "trim": False} | choices), rest=rest)
        slices = Slices(max_tokens=2**31 if together else 1)
        return _agrees(wanted, lambda: _wave_states(modules, shortcuts, slices, task), exactly=exactly)

    wave = modules.is_plain and agrees(exactly=True) and agrees(together=True)
    return Shortcuts(
        wave=wave,
        prefixed=_steady_positions(modules) if wave and agrees(prefixed=len(probe)) else 0,
        trim=wave and agrees(trim=True),
        rest=rest,
    )


def _own_states(modules: ModuleMap, query: Sequence[int], tail: int) -> torch.Tensor:
    return run_model(modules, torch.tensor([list(query)], device=modules.device), tail=tail, want_logits=False).states


def _wave_states(modules: ModuleMap, shortcuts: Shortcuts, slices: Slices, task: SweepTask) -> torch.Tensor:
    """The base's final states."""
    _, batches = go_up(modules, shortcuts, slices, task, Block(heads=(), queries=(0, 1)))
    ((_, batch),) = batches  # of one length
    found = batch.finals(None)[0][0]  # [queries, tail, hidden_size]
    return torch.cat([leave(modules, shortcuts.rest, row.unsqueeze(0), want_logits=False).states for row in found])


def _steady_positions(modules: ModuleMap) -> int:
    """Up to this many tokens, a prefix has the same position embeddings as the whole query. Beyond it, longrope depends on the
    length.
    """
    config: Any = modules.model.config.get_text_config()  # type: ignore[operator,union-attr]
    rope: Any = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    stated = rope.get("original_max_position_embeddings") if isinstance(rope, dict) else None
    return int(stated or 2**31)


def _agrees(wanted: torch.Tensor, states_of: Callable[[], torch.Tensor], *, exactly: bool = False) -> bool:
    """Whether a shortcut gives the model's own final states. They must agree bit for bit if the same batch runs through the same
    kernels, and otherwise up to rounding: at most 64 units in the last place of the norm in float32, and 2 in 16-bit types.
    """
    try:
        found = states_of()
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):  # raised by layers that lack an input
        return False
    if exactly:
        return torch.equal(found, wanted)
    eps = torch.finfo(wanted.dtype).eps
    tolerance = eps * (64 if eps < 1e-5 else 2)
    return bool((found - wanted).norm() <= tolerance * wanted.norm())
