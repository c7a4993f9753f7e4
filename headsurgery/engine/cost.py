"""Compute what a sweep costs before anything runs: layer calls, FLOPs and bytes, for the blocks that would really run.

A head of layer l runs layers l, l + 1, ... on every query. The base runs all layers once per block. A shared prefix runs once per
head. Interchanged heads run only on the swapped positions; the other prompts run once per block, like the base. The last layer
skips o_proj and MLP at unread positions. The output embeddings see only the positions that are read. A product with a weight is two
FLOPs per element and position; attention is four per head, dimension and pair of positions. The model's layers are assumed to be
callable one by one, as in all supported families. Neighbours: `plan` cuts the blocks, `hardware` knows the speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headsurgery.engine.hardware import ComputeResources
from headsurgery.engine.limits import Footprint, Limits, measure_footprint
from headsurgery.engine.plan import plan_blocks
from headsurgery.engine.shape import LayerShape, ModelShape
from headsurgery.engine.shortcuts import shared_prefix
from headsurgery.engine.task import Block, InterchangeTask, SweepTask

_ROWS_OF_ANSWERS, _LAYER_OVERHEAD = 64, 3e-4
"""Answers per batch, and seconds that Python needs for one layer of one step. Both are set by hand, not measured."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of a task.

    Args:
        pairs: Number of (head, query) pairs: the forward passes of the naive loop, which adds one per query.
        forwards: Layers that tokens go through, in units of all layers of a mean query.
        naive_flops: FLOPs of one full forward pass per pair, with the logits of every position.
        blocks: FLOPs of each block.
        prefix: Number of tokens that all queries share.
        footprint: Memory.
    """

    pairs: int
    forwards: float
    naive_flops: float
    blocks: tuple[float, ...]
    prefix: int
    footprint: Footprint

    @property
    def flops(self) -> float:
        """FLOPs of all blocks together."""
        return sum(self.blocks)


def count_cost(shape: ModelShape, task: SweepTask, limits: Limits, *, itemsize: int) -> Cost:
    """Compute what a task costs.

    Args:
        shape: The model's sizes.
        task: The task.
        limits: How much runs at a time.
        itemsize: Bytes per element.
    """
    prefix, num_layers = len(shared_prefix(task)), len(shape.layers)
    blocks, layer_tokens = [], 0
    for block in plan_blocks(task, tokens=limits.block, prefix=prefix):
        variants = _variants(task, block, num_layers)
        layer_tokens += _layer_tokens(task, block, variants, prefix)
        blocks.append(count_block(shape, task, block, prefix))
    lengths = [len(query) for query in task.queries]
    whole = sum(_forward_flops(shape, length) for length in lengths)
    return Cost(
        pairs=len(task.heads) * len(lengths),
        forwards=layer_tokens / num_layers / (sum(lengths) / len(lengths)),
        naive_flops=whole * (1 + len(task.heads)),
        blocks=tuple(blocks),
        prefix=prefix,
        footprint=measure_footprint(shape, task, limits, itemsize=itemsize, prefix=prefix),
    )


def count_block(shape: ModelShape, task: SweepTask, block: Block, prefix: int) -> float:
    """FLOPs of one block.

    Args:
        shape: The model's sizes.
        task: The task.
        block: The block.
        prefix: Number of tokens that all queries share and that run once per head.
    """
    variants = _variants(task, block, len(shape.layers))
    if isinstance(task, InterchangeTask):
        return _interchange_flops(shape, task, block, variants)
    return _block_flops(shape, task, [len(task.queries[query]) for query in block.queries], variants, prefix)


def _variants(task: SweepTask, block: Block, num_layers: int) -> list[int]:
    """Number of variants that run through each layer: the base, and the heads of this layer and the layers below."""
    joining = [0] * num_layers
    for head in block.heads:
        joining[task.heads[head].layer] += 1
    return [1 + sum(joining[: layer + 1]) for layer in range(num_layers)]


def _layer_tokens(task: SweepTask, block: Block, variants: Sequence[int], prefix: int) -> int:
    """Tokens that go through a layer, summed over the layers."""
    whole = prefix + sum(len(task.queries[query]) - prefix for query in block.queries)
    if not isinstance(task, InterchangeTask):
        return sum(variants) * whole
    partners = sum(len(task.partners[query]) for query in block.queries)
    swapped = sum(rows - 1 for rows in variants) * task.swapped * len(block.queries)
    return len(variants) * (whole + partners) + swapped


def _interchange_flops(shape: ModelShape, task: InterchangeTask, block: Block, variants: Sequence[int]) -> float:
    """The base and the partners run whole, and each head from its layer on the positions that are swapped."""
    lengths = [len(task.queries[query]) for query in block.queries]
    whole = [*lengths, *(len(task.partners[query]) for query in block.queries)]
    changed, read = task.swapped * len(lengths), task.tail * len(lengths)
    flops = 0.0
    for number, (layer, rows) in enumerate(zip(shape.layers, variants, strict=True)):
        after = read if number == len(shape.layers) - 1 else changed
        of_heads = _layer_flops(layer, changed, after) + _attention_flops(layer, task.swapped * sum(lengths))
        flops += (rows - 1) * of_heads + _layer_flops(layer, sum(whole), sum(whole))
        flops += _attention_flops(layer, sum(length**2 for length in whole))
    return flops + variants[-1] * read * 2.0 * shape.vocabulary * shape.hidden_size


def _block_flops(shape: ModelShape, task: SweepTask, lengths: Sequence[int], variants: Sequence[int], prefix: int) -> float:
    own = sum(lengths) - prefix * len(lengths)
    seen = prefix**2 + sum((length - prefix) * length for length in lengths)  # pairs of positions
    read = task.tail * len(lengths)
    flops = 0.0
    for number, (layer, rows) in enumerate(zip(shape.layers, variants, strict=True)):
        is_last = number == len(shape.layers) - 1
        after = read if is_last else own
        flops += rows * (_layer_flops(layer, own, after) + _layer_flops(layer, prefix, prefix) + _attention_flops(layer, seen))
    if task.measure.wants_logits:
        flops += variants[-1] * read * 2.0 * shape.vocabulary * shape.hidden_size
    return flops


def _layer_flops(layer: LayerShape, before: int, after: int) -> float:
    return 2.0 * (layer.before * before + layer.after * after)


def _attention_flops(layer: LayerShape, seen: int) -> float:
    return 4.0 * layer.query_width * seen


def _forward_flops(shape: ModelShape, length: int) -> float:
    """A full forward pass of one query, with the logits of every position."""
    layers = sum(_layer_flops(layer, length, length) + _attention_flops(layer, length**2) for layer in shape.layers)
    return layers + 2.0 * shape.vocabulary * shape.hidden_size * length


def count_generation(shape: ModelShape, lengths: Sequence[int], new_tokens: int) -> float:
    """FLOPs of answers with a key/value cache, in which each token runs once."""
    return sum(_forward_flops(shape, length + new_tokens) for length in lengths)


def count_gradients(shape: ModelShape, lengths: Sequence[int], *, rows: int, tail: int) -> float:
    """FLOPs of first-order effects: for each row a forward and a backward pass, equally expensive since weights need no gradient.

    Args:
        shape: The model's sizes.
        lengths: Lengths of the queries.
        rows: Figures of each query.
        tail: Number of positions whose logits are read.
    """
    spared = sum(2.0 * shape.vocabulary * shape.hidden_size * max(0, length - tail) for length in lengths)
    return 2.0 * rows * (sum(_forward_flops(shape, length) for length in lengths) - spared)


def answer_seconds(shape: ModelShape, lengths: Sequence[int], new_tokens: int, hardware: ComputeResources) -> float:
    """Time of greedy answers in one process: prompts at the sweep's speed, then one call of every layer for every further token.

    Args:
        shape: The model's sizes.
        lengths: Number of tokens of each prompt.
        new_tokens: Number of tokens of each answer.
        hardware: What runs them.
    """
    if hardware.layer_call is None or not lengths:
        return count_generation(shape, lengths, new_tokens) / hardware.speed
    prompts = sum(_forward_flops(shape, length) for length in lengths)
    logits = 2.0 * shape.vocabulary * shape.hidden_size * len(lengths) * new_tokens
    rounds = new_tokens * max(1.0, len(lengths) / _ROWS_OF_ANSWERS)
    return (prompts + logits) / hardware.speed + rounds * len(shape.layers) * (hardware.layer_call + _LAYER_OVERHEAD)
