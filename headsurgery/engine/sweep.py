"""A whole task, put together from its blocks. Neighbours: engines run blocks; the scores of `attribution` ask for tasks here."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headsurgery.engine.task import Engine, SweepTask
from headsurgery.heads import AttentionGeometry
from headsurgery.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Runs tasks.

    Args:
        engine: What runs them.
    """

    engine: Engine

    @property
    def geometry(self) -> AttentionGeometry:
        """The model's heads."""
        return self.engine.geometry

    def sweep(self, task: SweepTask, on_progress: Progress | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Run a task.

        Args:
            task: What is asked.
            on_progress: Called as the work goes on, and after every block.

        Returns:
            What the measure keeps of the heads, [heads, queries, ...], and of the base, [queries, ...] or None; on the CPU.
        """
        done, total = 0, len(task.heads) * len(task.queries)
        heads: torch.Tensor | None = None
        base: torch.Tensor | None = None
        report = None if on_progress is None else lambda pairs: on_progress(done + pairs, total)
        for measured in self.engine.run(task, self.engine.plan(task), report):
            block = measured.block
            if heads is None:
                heads = measured.heads.new_empty(len(task.heads), len(task.queries), *measured.heads.shape[2:])
            heads[torch.tensor(block.heads).unsqueeze(1), torch.tensor(block.queries)] = measured.heads
            if measured.base is not None:
                if base is None:
                    base = measured.base.new_empty(len(task.queries), *measured.base.shape[1:])
                base[list(block.queries)] = measured.base
            done += block.num_pairs
            if on_progress is not None:
                on_progress(done, total)
        assert heads is not None  # a task has heads and queries
        return heads, base
