"""The engine in this process: one model, one device (or several, where accelerate has spread the model over them)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from headsurgery.engine.memory import Slices, limits_of
from headsurgery.engine.plan import plan_blocks
from headsurgery.engine.shortcuts import find_shortcuts
from headsurgery.engine.task import Block, Measured, SweepTask
from headsurgery.engine.wave import Part, Shortcuts, run_wave, run_whole, shared_prefix
from headsurgery.heads import AttentionGeometry
from headsurgery.model.modules import ModuleMap


class LocalEngine:
    """Runs blocks on a loaded model.

    Args:
        modules: A causal language model, in evaluation mode.
        batch_size: Rows (head, query) per call of a layer; `auto`: as many as keep the hardware busy.
    """

    def __init__(self, modules: ModuleMap, *, batch_size: int | str = "auto") -> None:
        self.modules = modules
        self._slices = Slices.of(batch_size, modules.device)
        self._shortcuts: Shortcuts | None = None

    @property
    def geometry(self) -> AttentionGeometry:
        """The model's heads."""
        return self.modules.geometry

    def shortcuts(self, task: SweepTask) -> Shortcuts:
        """What the model lets out; tried with the first task."""
        if self._shortcuts is None:
            self._shortcuts = find_shortcuts(self.modules, task.queries)
        return self._shortcuts

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about speed, after a first task."""
        return self._shortcuts.notes if self._shortcuts is not None else ()

    def plan(self, task: SweepTask) -> tuple[Block, ...]:
        """See `Engine.plan`."""
        prefix = len(shared_prefix(task)) if self.shortcuts(task).prefix else 0
        return plan_blocks(task, limits_of(self.modules), prefix=prefix)

    def run(self, task: SweepTask, blocks: Sequence[Block], on_pairs: Callable[[int], None] | None = None) -> Iterator[Measured]:
        """See `Engine.run`."""
        for block in blocks:
            yield self._measure(task, block, on_pairs)

    def _measure(self, task: SweepTask, block: Block, on_pairs: Callable[[int], None] | None) -> Measured:
        shortcuts = self.shortcuts(task)
        on_work = None if on_pairs is None else lambda share: on_pairs(int(share * block.num_pairs))
        if shortcuts.wave:
            parts = run_wave(self.modules, shortcuts, self._slices, task, block, on_work)
        else:
            parts = run_whole(self.modules, self._slices, task, block, on_work)
        return collect(task, block, parts)


def collect(task: SweepTask, block: Block, parts: Iterator[Part]) -> Measured:
    """Measure a block part by part."""
    found: torch.Tensor | None = None
    base: torch.Tensor | None = None
    for part in parts:
        queries = list(part.queries)
        values = task.measure.of_heads(part.finals).cpu()
        if found is None:
            found = values.new_empty(len(block.heads), len(block.queries), *values.shape[2:])
        found[part.heads.start : part.heads.stop, queries] = values
        if task.measure.keeps_base:
            values = task.measure.of_base(part.finals).cpu()
            if base is None:
                base = values.new_empty(len(block.queries), *values.shape[1:])
            base[queries] = values
    assert found is not None  # a block has heads and queries
    return Measured(block=block, heads=found, base=base)
