"""Choose blocks that take some seconds each, so that Ctrl-C loses little work.

The speed comes from a probe (`hardware`) until a block has run, and then from the last block. Neighbours: `plan` cuts by size,
`limits` computes what fits into memory, `local` runs blocks and times them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from headsurgery.engine.cost import count_block
from headsurgery.engine.hardware import sweep_speed
from headsurgery.engine.limits import Limits
from headsurgery.engine.plan import plan_blocks
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.task import Block, SweepTask

BLOCK_SECONDS = 20.0
"""Planned duration of a block. It is below the 30 s that Ctrl-C may cost, since speeds vary."""

_TOO_LONG = 1.4 * BLOCK_SECONDS
"""A block that would take this long is cut again."""

_LEAST_SPEED = 1e9
"""A speed that any machine reaches. Work that is short even at this speed needs no probe."""


@dataclass(kw_only=True)
class Pace:
    """How fast a model runs here.

    Args:
        device: Where it runs.
        dtype: Type that it runs in.
        shape: Its sizes.
        speed: FLOP/s; None: not known yet.
    """

    device: torch.device
    dtype: torch.dtype
    shape: ModelShape
    speed: float | None = None

    def note(self, task: SweepTask, block: Block, prefix: int, seconds: float) -> None:
        """Record how long a block took."""
        self.speed = count_block(self.shape, task, block, prefix) / max(seconds, 1e-9)

    def fit(self, limits: Limits, task: SweepTask, prefix: int) -> Limits:
        """Limits whose blocks take no longer than `BLOCK_SECONDS`; see `fit_time`."""
        if self._is_soon_done([count_block(self.shape, task, whole, prefix) for whole in _whole(task)]):
            return limits
        return fit_time(limits, self.shape, task, prefix=prefix, speed=self._known_speed())

    def is_too_long(self, task: SweepTask, block: Block, prefix: int) -> bool:
        """Whether a block should be cut after all, judging by the speed of the previous block."""
        flops = count_block(self.shape, task, block, prefix)
        return block.num_pairs > 1 and not self._is_soon_done([flops]) and flops > _TOO_LONG * self._known_speed()

    @staticmethod
    def _is_soon_done(flops: list[float]) -> bool:
        return sum(flops) <= BLOCK_SECONDS * _LEAST_SPEED

    def _known_speed(self) -> float:
        if self.speed is None:
            self.speed = sweep_speed(self.device, self.dtype, self.shape)
        return self.speed


def fit_time(limits: Limits, shape: ModelShape, task: SweepTask, *, prefix: int, speed: float) -> Limits:
    """Halve the blocks until none takes longer than `BLOCK_SECONDS`, or no block can be cut further.

    Halving gives the same cut for speeds that differ a little. The cost of a cut is the base's own pass, once per block.

    limits: Limits that fit into memory.
    shape: The model's sizes.
    task: The task.
    prefix: Number of tokens that all queries share and that run once per head.
    speed: FLOP/s.
    """
    whole = prefix + sum(len(query) - prefix for query in task.queries)
    block = min(limits.block, len(task.heads) * whole)
    while block > 1:
        lowest = [one for one in plan_blocks(task, tokens=block, prefix=prefix) if one.heads[0] == 0]  # they run the most layers
        if max(count_block(shape, task, one, prefix) for one in lowest) <= BLOCK_SECONDS * speed:
            break
        if all(one.num_pairs == 1 for one in lowest):
            break
        block //= 2
    return limits if block >= len(task.heads) * whole else replace(limits, block=block)


def _whole(task: SweepTask) -> list[Block]:
    return [Block(heads=tuple(range(len(task.heads))), queries=tuple(range(len(task.queries))))]
