"""A checkpoint examined by itself: blocks that are zero, have a comb, are finer than the rest, or whose norm stands out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from headsurgery.architectures import Operation
from headsurgery.audit.grain import Comb, can_have_comb, count_codes, find_combs, limit_of, share_of_finer, stand_out_finer
from headsurgery.audit.norms import LIMIT, FloatArray, deviations
from headsurgery.audit.records import Audit, Finding
from headsurgery.checkpoint.anatomy import Anatomy, prove_anatomy
from headsurgery.checkpoint.blocks import BlockReader
from headsurgery.checkpoint.reader import Checkpoint
from headsurgery.heads import HeadRef

NOTES = (
    "can't be seen without a base: factors that are powers of two unless they are large, one factor on all heads of a layer, edits"
    " of other kinds (low rank, fine-tuning), and any edit that further training has smoothed",
)

_WHAT = {"scale": "columns of o_proj", "uniform_attention": "rows of q_proj"}


def examine(checkpoint: Checkpoint, *, on_progress: Callable[[int, int], None] | None = None) -> Audit:
    """Examine a checkpoint without its base.

    Args:
        checkpoint: What to examine; only tensors that hold head blocks are read.
        on_progress: Called with layers examined and layers in all.

    Raises:
        ArchitectureError, GeometryError: Its heads are not where the table says.
    """
    anatomy = prove_anatomy(checkpoint)
    layers = anatomy.geometry.attention_layers
    seen: dict[Operation, list[_Seen]] = {operation: [] for operation in anatomy.operations}
    for done, layer in enumerate(layers, start=1):
        for operation in anatomy.operations:
            seen[operation].append(_read(checkpoint, anatomy, layer, operation))
        if on_progress is not None:
            on_progress(done, len(layers))
    findings = [finding for operation, of_layers in seen.items() for finding in _judge(operation, of_layers)]
    return Audit(
        model=checkpoint.model,
        base=None,
        findings=tuple(sorted(findings, key=lambda finding: (finding.head, finding.operation))),
        other={},
        recipe=None,
        is_exact=False,
        notes=NOTES,
    )


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """Blocks of one layer, [head] each.

    Args:
        layer: The layer.
        norms: L2.
        combs: What each lacks of its neighbours' values; empty where the type can't show it.
        finer: Whether its values are finer than those of most others; likewise.
    """

    layer: int
    norms: list[float]
    combs: list[Comb]
    finer: list[bool]


@np.errstate(over="ignore", invalid="ignore")  # inf and nan may be in a stranger's weights
def _read(checkpoint: Checkpoint, anatomy: Anatomy, layer: int, operation: Operation) -> _Seen:
    reader = BlockReader(checkpoint)
    heads = anatomy.geometry.layers[layer]
    assert heads is not None  # a layer with heads
    dtype = anatomy.slices(HeadRef(layer, 0), operation)[0].tensor.dtype
    norms, counts, finer = [], [], []
    for head in range(heads.num_heads):
        part = anatomy.slices(HeadRef(layer, head), operation)[0]  # the weight; a bias follows it
        block = reader.read(part.tensor.name, part.axis, part.block)
        norms.append(float(np.linalg.norm(block.astype(np.float64))))
        if can_have_comb(dtype):
            counts.append(count_codes(block))
        elif dtype == "F32":
            finer.append(share_of_finer(block))
    combs = find_combs(np.stack(counts), dtype) if len(counts) > 1 else []
    return _Seen(layer=layer, norms=norms, combs=combs, finer=stand_out_finer(finer))


def _judge(operation: Operation, seen: list[_Seen]) -> Iterator[Finding]:
    """Findings of one kind of block in all layers, for each head the most certain."""
    what = _WHAT[operation]
    combs = [comb for of_layer in seen for comb in of_layer.combs]
    limit = limit_of(combs) if combs else np.inf
    off, factors = deviations(_table([of_layer.norms for of_layer in seen]))
    for row, of_layer in enumerate(seen):
        for number, norm in enumerate(of_layer.norms):
            found = partial(Finding, head=HeadRef(of_layer.layer, number), operation=operation)
            comb = of_layer.combs[number] if of_layer.combs else None
            factor = float(factors[row, number])
            if norm == 0:
                yield found(factor=0.0, certainty="proven", evidence=f"{what} are all zero")
            elif comb is not None and comb.deviations > limit:
                evidence = f"{what} lack {comb.missing} values that the layer's other heads have ({comb.deviations:.0f} sigma)"
                yield found(factor=None, certainty="strong", evidence=evidence)
            elif of_layer.finer and of_layer.finer[number]:
                yield found(factor=None, certainty="strong", evidence=f"{what} are stored finer than the layer's other heads")
            elif abs(off[row, number]) > LIMIT:
                evidence = f"the norm of its {what} is {factor:.3g} times its layer's median ({off[row, number]:+.1f} sigma)"
                yield found(factor=factor, certainty="weak", evidence=evidence)


def _table(rows: list[list[float]]) -> FloatArray:
    """Rows of different lengths, filled up with 0."""
    table = np.zeros((len(rows), max(map(len, rows))))
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table
