"""The engine in this process: one model on one device, or on several if accelerate has spread the model over them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from headsurgery.engine.limits import Limits, Room, find_room, fit_limits
from headsurgery.engine.pace import Pace
from headsurgery.engine.parts import collect
from headsurgery.engine.plan import plan_blocks
from headsurgery.engine.probe import find_shortcuts
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.shortcuts import Shortcuts
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import Block, Found, Measured, SweepTask
from headsurgery.engine.wave import run_wave
from headsurgery.engine.whole import run_whole
from headsurgery.errors import ModelError
from headsurgery.model.completion import complete_greedily
from headsurgery.model.linears import fast_linears
from headsurgery.model.loading import LoadedModel
from headsurgery.model.memory import within_memory
from headsurgery.model.modules import ModelFacts, locate_modules
from headsurgery.model.offload import is_offloaded
from headsurgery.model.selftest import ensure_heads, settle_unevenness
from headsurgery.recipe import HeadEdit


class LocalEngine:
    """Runs blocks on a loaded model.

    Args:
        loaded: A causal language model in evaluation mode, and its tokenizer, which only `complete` needs.
        batch_size: Rows (head, query) per call of a layer; `auto`: as many as keep the hardware busy.
        max_memory: Bytes that the process, or on a GPU its tensors, may take; None: four fifths of what is free now.
    """

    def __init__(self, loaded: LoadedModel, *, batch_size: int | str = "auto", max_memory: int | None = None) -> None:
        self.loaded = loaded
        self.modules = settle_unevenness(locate_modules(loaded.model))
        ensure_heads(self.modules)
        self._slices = Slices(max_tokens=2**31, max_rows=batch_size if isinstance(batch_size, int) else None)
        self.max_memory = max_memory
        self._room: Room | None = None
        self._shape = ModelShape.of_modules(self.modules)
        self._shortcuts: Shortcuts | None = None
        self._pace = Pace(device=self.modules.device, dtype=self.modules.dtype, shape=self._shape)
        self._is_offloaded = is_offloaded(loaded.model)  # every block loads all weights again, so there should be few

    @property
    def facts(self) -> ModelFacts:
        """See `Engine.facts`."""
        return self.modules.facts

    def shortcuts(self, task: SweepTask) -> Shortcuts:
        """The shortcuts that this model allows. They are tried with the first task."""
        if self._shortcuts is None:
            with fast_linears(self.modules.model):
                self._shortcuts = find_shortcuts(self.modules, max(task.queries, key=len))
            self._room = find_room(self.modules, self.max_memory)  # only now have the weights been read from disk
        return self._shortcuts

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Engine.notes`."""
        return self._shortcuts.notes if self._shortcuts is not None else ()

    def complete(self, questions: Sequence[Sequence[int]], *, tokens: int, edits: Sequence[HeadEdit] = ()) -> list[list[int]]:
        """See `Engine.complete`."""
        return complete_greedily(self.loaded, questions, tokens=tokens, edits=edits)

    def on_model(self, measure: Callable[[LoadedModel], Found]) -> Found:
        """See `Engine.on_model`."""
        return measure(self.loaded)

    def plan(self, task: SweepTask) -> tuple[Block, ...]:
        """See `Engine.plan`."""
        prefix, limits = len(self.shortcuts(task).prefix_of(task)), self.limits(task)
        if not self._is_offloaded:
            limits = self._pace.fit(limits, task, prefix)
        return tuple(plan_blocks(task, tokens=limits.block, prefix=prefix))

    def limits(self, task: SweepTask) -> Limits:
        """How much runs at a time.

        Raises:
            UsageError: The task doesn't fit into the available memory.
        """
        limits = Limits.of(self.modules.device, is_offloaded=self._is_offloaded)
        if self._slices.max_rows is not None:
            limits = replace(limits, tokens=self._slices.max_rows * max(map(len, task.queries)))
        prefix, itemsize = len(self.shortcuts(task).prefix_of(task)), self.modules.dtype.itemsize
        if self._room is None:
            return limits
        return fit_limits(limits, self._shape, task, itemsize=itemsize, prefix=prefix, room=self._room)

    def run(self, task: SweepTask, blocks: Sequence[Block], on_pairs: Callable[[int], None] | None = None) -> Iterator[Measured]:
        """See `Engine.run`. A block that doesn't fit into memory, or would take too long, comes as smaller ones.

        Raises:
            ModelError: Memory is too small for a single head and query, or final states are not finite.
        """
        limits, prefix = self.limits(task), len(self.shortcuts(task).prefix_of(task))
        self._slices.keep_to(limits.tokens)
        for block in blocks:
            if not self._is_offloaded and self._pace.is_too_long(task, block, prefix):
                yield from self.run(task, _halves(block), on_pairs)
                continue
            started = time.monotonic()
            measured = within_memory(lambda part: self._measure(task, part, limits, on_pairs), block)
            if measured is not None:
                self._pace.note(task, block, prefix, time.monotonic() - started)
                yield measured
            elif block.num_pairs > 1:
                yield from self.run(task, _halves(block))
            else:
                raise ModelError("out of memory with a single head and query per forward", hint="use a smaller --dtype or model")

    def _measure(self, task: SweepTask, block: Block, limits: Limits, on_pairs: Callable[[int], None] | None) -> Measured:
        shortcuts = self.shortcuts(task)
        on_work = None if on_pairs is None else lambda share: on_pairs(int(share * block.num_pairs))
        if shortcuts.wave:
            parts = run_wave(self.modules, shortcuts, self._slices, task, block, on_work, logits=limits.logits)
        else:
            parts = run_whole(self.modules, self._slices, task, block, on_work)
        with fast_linears(self.modules.model):
            return collect(task, block, parts)


def _halves(block: Block) -> tuple[Block, Block]:
    """Two halves of a block of more than one pair."""
    if len(block.heads) > 1:
        middle = len(block.heads) // 2
        return replace(block, heads=block.heads[:middle]), replace(block, heads=block.heads[middle:])
    middle = len(block.queries) // 2
    return replace(block, queries=block.queries[:middle]), replace(block, queries=block.queries[middle:])
