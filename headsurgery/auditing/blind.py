"""Examine a checkpoint by itself: find blocks that are zero or not finite, that were multiplied by a factor, or whose norm is
unusual.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.auditing.multiples import can_be_multiples, find_multiple, that_stand_out
from headsurgery.auditing.norms import LIMIT, FloatArray, deviations
from headsurgery.auditing.records import Audit, Finding
from headsurgery.auditing.significands import STORED_BITS, Comb, count_codes, find_combs
from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.operations import WHAT_CHANGED, OperationName
from headsurgery.heads import HeadRef
from headsurgery.progress import Progress, of_stage
from headsurgery.storage.blocks import BlockReader
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import as_numbers, is_plain, read_numbers
from headsurgery.storage.tensors import StoredSlice, read_rows

NOTES = (
    "not detectable without a base: powers of two, unless they are large; one factor on all heads of a layer; other kinds of"
    " edits (low rank, fine-tuning); and any edit that further training has smoothed",
)


def examine(checkpoint: Checkpoint, *, on_progress: Progress | None = None) -> Audit:
    """Examine a checkpoint without its base.

    Args:
        checkpoint: The checkpoint to examine. Only tensors of its attention modules are read.
        on_progress: Called with the stage, `examining`, the layers examined, and the total.

    Raises:
        ArchitectureError, GeometryError: Its heads are not where its family's declaration says.
    """
    anatomy = prove_anatomy(checkpoint)
    layers = anatomy.geometry.attention_layers
    report = of_stage(on_progress, "examining")
    seen: dict[OperationName, list[_Seen]] = {operation: [] for operation in anatomy.blocks}
    for done, layer in enumerate(layers, start=1):
        for operation in anatomy.blocks:
            seen[operation].append(_read(checkpoint, anatomy, layer, operation))
        if report is not None:
            report(done, len(layers))
    findings = [finding for operation, of_layers in seen.items() for finding in _judge(operation, of_layers)]
    return Audit(
        model=checkpoint.model,
        base=None,
        findings=tuple(sorted(findings, key=lambda finding: (finding.head, finding.operation))),
        other=_find_other_not_finite(checkpoint, anatomy),
        recipe=None,
        is_exact=False,
        notes=(*NOTES, *_say_formats(anatomy)),
    )


def _say_formats(anatomy: Anatomy) -> Iterator[str]:
    """A note for each format that shows less than plain floats do."""
    for form in anatomy.formats:
        if not is_plain(form):
            yield f"{form}: without a base, only zeros, values that are not finite and unusual norms show in it"


@np.errstate(over="ignore", invalid="ignore")  # a stranger's weights may hold inf and nan
def _find_other_not_finite(checkpoint: Checkpoint, anatomy: Anatomy) -> dict[str, str]:
    """Describe values outside the heads' blocks that are not finite: in keys, values and norms."""
    blocks: dict[str, list[StoredSlice]] = {}
    for head in anatomy.geometry.heads():
        for operation in anatomy.blocks:
            for part in anatomy.slices(head, operation):
                for stored in part.matrix.owned(part.axis, part.block):
                    blocks.setdefault(stored.tensor.name, []).append(stored)
    modules = {name.rsplit(".", 2)[0] for name in blocks}
    found: dict[str, str] = {}
    for name, tensor in sorted(checkpoint.tensors.items()):
        if name.rsplit(".", 2)[0] not in modules or not is_plain(tensor.dtype):
            continue
        with checkpoint.open_tensor(tensor) as stream:
            chunks = read_rows(stream, tensor, range(tensor.num_rows))
            count = sum(_count_not_finite(as_numbers(data, tensor.dtype)) for _, data in chunks)
        if count:
            count -= sum(_count_not_finite(read_numbers(checkpoint, block)) for block in blocks.get(name, ()))
        if count > 0:
            found[name] = f"{count:,} of its {tensor.num_parameters:,} values are NaN or infinite, outside its heads' blocks"
    return found


def _count_not_finite(values: npt.NDArray[Any]) -> int:
    return int((~np.isfinite(values.astype(np.float32) if values.dtype.itemsize < 8 else values)).sum())


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The blocks of one layer; sequences are [head].

    Args:
        layer: The layer.
        not_finite: Which values are not finite, in words; empty if all are.
        log_norms: Logarithms of the L2 norms: -inf for a block of zeros, NaN for one that is not finite.
        combs: Which of its neighbours' values a block lacks; None if it lacks none or the type can't show it.
        multiples: The factor by which a block is coarse numbers, if its neighbours don't share it; None as for `combs`.
    """

    layer: int
    not_finite: list[str]
    log_norms: list[float]
    combs: list[Comb | None]
    multiples: list[float | None]


@np.errstate(all="ignore")  # a stranger's weights may hold inf and nan
def _read(checkpoint: Checkpoint, anatomy: Anatomy, layer: int, operation: OperationName) -> _Seen:
    reader = BlockReader(checkpoint)
    heads = anatomy.geometry.layers[layer]
    assert heads is not None  # a layer with heads
    dtype = anatomy.slices(HeadRef(layer, 0), operation)[0].tensor.dtype
    not_finite, norms, counts, factors = [], [], [], []
    for head in range(heads.num_heads):
        weight, *biases = (
            reader.read_matrix(part.matrix, part.axis, part.block) for part in anatomy.slices(HeadRef(layer, head), operation)
        )
        not_finite.append(_describe_not_finite([weight, *biases]))
        norms.append(np.nan if not_finite[-1] else _log_norm(weight))
        if dtype in STORED_BITS:
            counts.append(count_codes(weight, dtype))
        if can_be_multiples(dtype):
            factors.append(find_multiple(weight, dtype))
    return _Seen(
        layer=layer,
        not_finite=not_finite,
        log_norms=norms,
        combs=find_combs(counts, dtype) if counts else [None] * heads.num_heads,
        multiples=that_stand_out(factors) if factors else [None] * heads.num_heads,
    )


def _log_norm(block: npt.NDArray[Any]) -> float:
    """The logarithm of a block's norm, in any type and without overflow."""
    largest = float(np.abs(block).max(initial=0))
    return float(np.log(largest) + np.log(np.linalg.norm(block.astype(np.float64) / largest))) if largest else -np.inf


def _describe_not_finite(parts: list[npt.NDArray[Any]]) -> str:
    wide = [part.astype(np.float64) for part in parts]
    nan, inf = (sum(int(is_such(part).sum()) for part in wide) for is_such in (np.isnan, np.isinf))
    kinds = [f"{number:,} {name}" for number, name in ((nan, "NaN"), (inf, "infinite")) if number]
    return f"{' and '.join(kinds)} of {sum(part.size for part in parts):,} values" if kinds else ""


def _judge(operation: OperationName, seen: list[_Seen]) -> Iterator[Finding]:
    """Findings for one kind of block in all layers: for each head the most certain one."""
    what = WHAT_CHANGED[operation]
    off, factors = deviations(_table([of_layer.log_norms for of_layer in seen]))
    for row, of_layer in enumerate(seen):
        for number, log_norm in enumerate(of_layer.log_norms):
            found = partial(Finding, head=HeadRef(of_layer.layer, number), operation=operation)
            comb, multiple = of_layer.combs[number], of_layer.multiples[number]
            if of_layer.not_finite[number]:
                yield found(factor=None, certainty="proven", evidence=f"{what} hold {of_layer.not_finite[number]}", kind="changed")
            elif log_norm == -np.inf:
                yield found(factor=0.0, certainty="proven", evidence=f"{what} are all zero")
            elif multiple is not None:
                evidence = (
                    f"{what} are 16-bit numbers times {multiple:.4g} and a power of two, unlike those of the layer's other heads"
                )
                yield found(factor=None, certainty="strong", evidence=evidence)
            elif comb is not None and comb.is_strong:
                yield found(factor=None, certainty="strong", evidence=f"{what} {_describe(comb)}")
            elif abs(off[row, number]) > LIMIT:
                factor = float(factors[row, number])
                evidence = f"the norm of its {what} is {factor:.3g} times its layer's median ({off[row, number]:+.1f} sigma)"
                yield found(factor=factor, certainty="weak", evidence=evidence)


def _describe(comb: Comb) -> str:
    significands = f"{comb.impossible} significand{'s' if comb.impossible > 1 else ''}"
    return (
        f"have {comb.present:,.0f} values instead of {comb.expected:,.0f} on the {significands} that a multiplication by about"
        f" {comb.factor:.4g} and a power of two can't give"
    )


def _table(rows: list[list[float]]) -> FloatArray:
    """Rows of different lengths, padded with NaN."""
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table
