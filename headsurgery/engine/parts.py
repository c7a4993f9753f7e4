"""Parts of a block: the outputs of a few rows at a time, and how they are measured and put together.

Neighbours: `wave` and `whole` make parts, `local` collects them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

from headsurgery.engine.calls import FinalStates
from headsurgery.engine.task import Block, Finals, Measured, SweepTask
from headsurgery.errors import not_finite

OnWork = Callable[[float], None]
"""Called with the approximate share of a block that is done."""


class BlockPart(NamedTuple):
    """Final states of some heads of a block on some of its queries. Both are given by their positions in the block."""

    heads: range
    queries: tuple[int, ...]
    finals: Finals


def make_part(
    block: Block, heads: range, places: Sequence[int], final: FinalStates, base: FinalStates, unaffected: torch.Tensor
) -> BlockPart:
    """Make a part from rows head * queries + query. A row that its edit did not change gets the base's states, so that it scores
    exactly 0.
    """
    if not bool(torch.isfinite(final.states).all() and torch.isfinite(base.states).all()):
        dtype = str(base.states.dtype).removeprefix("torch.")
        raise not_finite("final states are not finite", dtype)
    states = final.states.view(len(heads), len(places), *final.states.shape[1:])
    logits = None if final.logits is None else final.logits.view(len(heads), len(places), *final.logits.shape[1:])
    for head, query in unaffected.nonzero().tolist():
        states[head, query] = base.states[query]
        if logits is not None and base.logits is not None:
            logits[head, query] = base.logits[query]
    finals = Finals(
        queries=tuple(block.queries[place] for place in places),
        states=states,
        logits=logits,
        base_states=base.states,
        base_logits=base.logits,
    )
    return BlockPart(heads=heads, queries=tuple(places), finals=finals)


def collect(task: SweepTask, block: Block, parts: Iterator[BlockPart]) -> Measured:
    """Measure a block part by part."""
    found: torch.Tensor | None = None
    base: torch.Tensor | None = None
    for part in parts:
        queries = list(part.queries)
        values = task.measure.of_heads(part.finals).cpu()
        if found is None:
            found = values.new_empty(len(block.heads), len(block.queries), *values.shape[2:])
        found[part.heads.start : part.heads.stop, queries] = values
        base_values = task.measure.of_base(part.finals)
        if base_values is not None:
            if base is None:
                base = torch.empty(len(block.queries), *base_values.shape[1:], dtype=base_values.dtype)
            base[queries] = base_values.cpu()
    assert found is not None  # a block has heads and queries
    return Measured(block=block, heads=found, base=base)
