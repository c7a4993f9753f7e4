"""Run a whole task block by block, and take finished blocks from the journal. Neighbours: engines run blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch

from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.task import Block, Engine, Measured, SweepTask
from headsurgery.heads import AttentionGeometry
from headsurgery.progress import StageProgress


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Runs tasks.

    Args:
        engine: The engine that runs them.
        journal: Where finished blocks are stored; None: nowhere.
    """

    engine: Engine
    journal: SweepJournal | None = None

    @property
    def geometry(self) -> AttentionGeometry:
        """The model's heads."""
        return self.engine.facts.geometry

    def sweep(self, task: SweepTask, on_progress: StageProgress | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Run a task, except for the blocks that the journal already contains.

        Args:
            task: The task.
            on_progress: Called during the work and after every block.

        Returns:
            What the measure stores of the heads, [heads, queries, ...], and of the base, [queries, ...] or None; on the CPU.

        Raises:
            JournalError: The journal can't be written.
        """
        done = np.zeros((len(task.heads), len(task.queries)), dtype=bool)
        heads: torch.Tensor | None = None
        base: torch.Tensor | None = None

        def report(pairs: int = 0) -> None:
            if on_progress is not None:
                on_progress(int(done.sum()) + pairs, done.size)

        for measured in chain(self._finished(task), self._run(task, done, report)):
            block = measured.block
            if heads is None:
                heads = measured.heads.new_empty(*done.shape, *measured.heads.shape[2:])
            heads[torch.tensor(block.heads).unsqueeze(1), torch.tensor(block.queries)] = measured.heads
            if measured.base is not None:
                if base is None:
                    base = measured.base.new_empty(len(task.queries), *measured.base.shape[1:])
                base[list(block.queries)] = measured.base
            done[np.ix_(block.heads, block.queries)] = True
            report()
        assert heads is not None  # a task has heads and queries
        return heads, base

    def _finished(self, task: SweepTask) -> Iterator[Measured]:
        return iter(()) if self.journal is None else self.journal.read(task)

    def _run(self, task: SweepTask, done: npt.NDArray[np.bool_], report: Callable[[int], None]) -> Iterator[Measured]:
        """Blocks that were not done at the time of the call."""
        left = [part for block in self.engine.plan(task) if (part := _missing(block, done)) is not None]
        for measured in self.engine.run(task, left, report):
            if self.journal is not None:
                self.journal.append(task, measured)
            yield measured


def _missing(block: Block, done: npt.NDArray[np.bool_]) -> Block | None:
    """The part of a block that is not done. A journal may contain blocks that were cut differently."""
    rows, columns = (~done[np.ix_(block.heads, block.queries)]).nonzero()
    if not rows.size:
        return None
    return Block(
        heads=tuple(block.heads[place] for place in sorted({*rows.tolist()})),
        queries=tuple(block.queries[place] for place in sorted({*columns.tolist()})),
    )
