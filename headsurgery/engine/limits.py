"""How much runs at a time: as much as fills the hardware, reduced to what fits into memory by a stated formula.

The peak of a sweep, apart from weights and libraries, is

    results + states + max(keys + slice, logits) + slack

`states` are those of all variants of a block, `keys` the prefix's keys and values of one layer, `slice` the temporary results of
one call of a layer, and `logits` those that the model returns at a time, plus what a measure computes from them in float64.
docs/cost.md explains the terms. Neighbours: `plan` cuts blocks, `slices` cuts calls, `cost` counts work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from headsurgery.engine.plan import MIN_HEADS
from headsurgery.engine.shape import LayerShape, ModelShape
from headsurgery.engine.task import SweepTask
from headsurgery.errors import UsageError
from headsurgery.model.memory import free_memory, used_memory
from headsurgery.model.modules import ModuleMap

_SLACK, _SLACK_16_BIT = 32 * 2**20, 224 * 2**20
"""Memory that allocators and kernels use for themselves. In 16-bit types, oneDNN keeps up to 1024 compiled matmuls."""


_WIDE_LOGITS = 2**19
"""Logits that a measure converts to float64 at a time, unless those of all queries for one head are more."""

SHARE_OF_FREE = 0.8
"""Share of the free memory that is used if the user sets no limit."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much runs at a time.

    Args:
        block: Number of (head, token) pairs per block. Their states stay in memory while it runs.
        tokens: Number of tokens per call of a layer.
        logits: Number of logits that the model returns at a time.
    """

    block: int
    tokens: int
    logits: int

    @classmethod
    def of(cls, device: torch.device, *, is_offloaded: bool = False) -> Limits:
        """Limits that keep a device busy. More would only take more memory, unless every block must load the weights again."""
        block, tokens = (2**16, 2**10) if device.type == "cpu" else (2**20, 2**14)
        return cls(block=block * 16 if is_offloaded else block, tokens=tokens, logits=2**23)


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Memory of a task's sweep apart from the weights, in bytes.

    Args:
        results: What is stored of all heads and queries; in the host's memory.
        states: The states of a block.
        keys: The prefix's keys and values of one layer; and the outputs of the partners' heads, if heads are interchanged.
        slice: One call of a layer.
        logits: Logits that the model returns at a time, and what is computed from them.
        slack: What allocators and kernels use for themselves.
    """

    results: int
    states: int
    keys: int
    slice: int
    logits: int
    slack: int

    @property
    def peak(self) -> int:
        """The peak on a CPU, including results."""
        return self.results + self.working

    @property
    def working(self) -> int:
        """The peak on the device that runs the model, where results are not stored."""
        return self.states + max(self.keys + self.slice, self.logits) + self.slack


def measure_footprint(shape: ModelShape, task: SweepTask, limits: Limits, *, itemsize: int, prefix: int = 0) -> Footprint:
    """Compute the formula.

    Args:
        shape: The model's sizes.
        task: The task.
        limits: How much runs at a time.
        itemsize: Bytes per element.
        prefix: Number of tokens that all queries share and that run once per head.
    """
    lengths = [len(query) - prefix for query in task.queries]
    per_head = min(prefix + sum(lengths), max(limits.block // MIN_HEADS, prefix + max(lengths)))
    variants = 1 + min(len(task.heads), max(1, limits.block // per_head))
    own, before = max(lengths), prefix
    widest, keys, given = max(layer.kv_width for layer in shape.layers), 3 * variants * prefix, 0
    if task.changed is not None:  # everything before these positions is like a prefix that only the base runs
        own, before, keys = task.changed, max(lengths) - task.changed, 3 * per_head
        given = per_head // min(lengths) * task.changed * sum(layer.query_width for layer in shape.layers)
    rows = max(1, limits.tokens // own)
    result_bytes = task.measure.stored_bytes(shape.hidden_size, itemsize)
    of_queries = shape.vocabulary * task.tail * len(task.queries)
    logits = max(limits.logits, shape.vocabulary * task.tail) if task.measure.wants_logits else 0
    return Footprint(
        results=2 * len(task.heads) * len(task.queries) * task.tail * result_bytes,
        states=variants * per_head * shape.hidden_size * itemsize,
        keys=(keys * widest + given) * itemsize,
        slice=max(_slice(layer, shape, rows * own, rows * before, itemsize) for layer in shape.layers),
        logits=min(logits, len(task.heads) * of_queries) * 3 * itemsize + min(logits, max(of_queries, _WIDE_LOGITS)) * 6 * 8,
        slack=_SLACK if itemsize > 2 else _SLACK_16_BIT,
    )


def _slice(layer: LayerShape, shape: ModelShape, tokens: int, prefix_tokens: int, itemsize: int) -> int:
    """Residuals; norms in float32; queries and attention; both sides of the MLP; keys and values, joined and repeated for heads."""
    own = tokens * (6 * shape.hidden_size + 3 * layer.query_width + 3 * layer.widest) * itemsize + tokens * 8 * shape.hidden_size
    joined = (tokens + prefix_tokens) * (2 * layer.kv_width + 2 * layer.query_width) * itemsize
    return own + joined


@dataclass(frozen=True, kw_only=True)
class Room:
    """Memory for a sweep.

    Args:
        size: Bytes that it may take.
        taken: Bytes that weights and libraries take already.
        has_results: Whether results are stored there as well.
    """

    size: int
    taken: int
    has_results: bool


def find_room(modules: ModuleMap, max_memory: int | None) -> Room | None:
    """The memory that a loaded model leaves for its sweep; None if unknown.

    Args:
        modules: The model.
        max_memory: Limit in bytes, including the model; None: four fifths of what is free now.
    """
    device, held = modules.device, _held_bytes(modules)
    used, free = used_memory(device), free_memory(device)
    if max_memory is None:
        size = None if free is None else int(free * SHARE_OF_FREE) - held
    else:
        size = None if used is None else max_memory - used - held
    return None if size is None else Room(size=size, taken=(used or 0) + held, has_results=device.type == "cpu")


def _held_bytes(modules: ModuleMap) -> int:
    """Bytes of offloaded weights that are here while a layer runs: that layer's, and those outside of all layers."""

    def elsewhere(part: nn.Module) -> int:
        return sum(weight.nbytes for weight in part.parameters() if weight.device.type == "meta")

    layers = [elsewhere(layer) for layer in modules.layers]
    return max(layers) + elsewhere(modules.model) - sum(layers)


def fit_limits(limits: Limits, shape: ModelShape, task: SweepTask, *, itemsize: int, prefix: int, room: Room) -> Limits:
    """Halve whatever takes the most memory until everything fits.

    Args:
        limits: Limits that would fill the hardware.
        shape: The model's sizes.
        task: The task.
        itemsize: Bytes per element.
        prefix: Number of tokens that all queries share and that run once per head.
        room: The available memory.

    Raises:
        UsageError: It can't be made to fit.
    """
    while True:
        found = measure_footprint(shape, task, limits, itemsize=itemsize, prefix=prefix)
        needed = found.peak if room.has_results else found.working
        if needed <= room.size:
            return limits
        sizes = {"block": found.states + found.keys, "tokens": found.slice, "logits": found.logits}
        smaller = {name for name in sizes if getattr(limits, name) > 1}
        if not smaller:
            raise UsageError(
                f"this run needs at least {show_bytes(room.taken + needed)} of memory, found {show_bytes(room.taken + room.size)}",
                hint="raise --max-memory, or use fewer prompts, a smaller --dtype, or --device-map auto",
            )
        most = max(smaller, key=lambda name: sizes[name])
        limits = replace(limits, **{most: getattr(limits, most) // 2})


def show_bytes(count: float) -> str:
    """A number of bytes in words, such as `1.5 GiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
