"""The engine in this process: one model, one device (or several, where accelerate has spread the model over them)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from headsurgery.engine.linears import fast_linears
from headsurgery.engine.parts import collect
from headsurgery.engine.plan import block_tokens, plan_blocks
from headsurgery.engine.probe import find_shortcuts
from headsurgery.engine.shortcuts import Shortcuts
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import Block, Measured, SweepTask
from headsurgery.engine.wave import run_wave
from headsurgery.engine.whole import run_whole
from headsurgery.errors import ModelError
from headsurgery.heads import AttentionGeometry
from headsurgery.model.memory import is_out_of_memory
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
            with fast_linears(self.modules.model):
                self._shortcuts = find_shortcuts(self.modules, max(task.queries, key=len))
        return self._shortcuts

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about speed, after a first task."""
        return self._shortcuts.notes if self._shortcuts is not None else ()

    def plan(self, task: SweepTask) -> tuple[Block, ...]:
        """See `Engine.plan`."""
        prefix = len(self.shortcuts(task).prefix_of(task))
        return tuple(plan_blocks(task, tokens=block_tokens(self.modules.device), prefix=prefix))

    def run(self, task: SweepTask, blocks: Sequence[Block], on_pairs: Callable[[int], None] | None = None) -> Iterator[Measured]:
        """See `Engine.run`; a block that doesn't fit into memory comes as smaller ones.

        Raises:
            ModelError: No memory for a single head and query, or final states that are not finite.
        """
        for block in blocks:
            try:
                measured = self._measure(task, block, on_pairs)
            except RuntimeError as error:
                yield from self.run(task, _halves(block, error))
            else:
                yield measured

    def _measure(self, task: SweepTask, block: Block, on_pairs: Callable[[int], None] | None) -> Measured:
        shortcuts = self.shortcuts(task)
        on_work = None if on_pairs is None else lambda share: on_pairs(int(share * block.num_pairs))
        if shortcuts.wave:
            parts = run_wave(self.modules, shortcuts, self._slices, task, block, on_work)
        else:
            parts = run_whole(self.modules, self._slices, task, block, on_work)
        with fast_linears(self.modules.model):
            return collect(task, block, parts)


def _halves(block: Block, error: RuntimeError) -> tuple[Block, Block]:
    """Two halves to try instead, after a lack of memory; any other error goes on its way."""
    if not is_out_of_memory(error):
        raise error
    if block.num_pairs == 1:
        raise ModelError("out of memory with a single head and query per forward", hint="use a smaller --dtype or model") from error
    if len(block.heads) > 1:
        middle = len(block.heads) // 2
        return replace(block, heads=block.heads[:middle]), replace(block, heads=block.heads[middle:])
    middle = len(block.queries) // 2
    return replace(block, queries=block.queries[:middle]), replace(block, queries=block.queries[middle:])
