"""GPTQ, as AutoGPTQ and GPTQModel write it: `qweight`, `qzeros`, `scales` and `g_idx` in place of `weight`.

A number is (code - zero point) x scale. `qweight` is int32 [in x bits / 32, out]: codes of consecutive inputs, from the lowest
bits up. `scales` is [groups, out], `qzeros` int32 [groups, out x bits / 32]. `g_idx` names the group of each input. Without
act-order (`desc_act`) the groups lie one after another; with it the inputs of a head belong to groups of all heads, so a head has
no scales of its own in o_proj.

Version 1 (`checkpoint_format` gptq) stores each zero point less 1, version 2 (gptq_v2) as it is. A stored zero point of all ones
in version 1 is read as 0 by some runtimes, and as 2^bits by others. Codes under such a zero point are not changed.
https://github.com/ModelCloud/GPTQModel (nn_modules/qlinear)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headsurgery.documents.strict_json import quote
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import plain
from headsurgery.storage.codecs.matrix import Codec, PackedWeight
from headsurgery.storage.codecs.packing import Packing, StoredGrid
from headsurgery.storage.codecs.scaled_codes import (
    ScaledCodes,
    ZeroPoints,
    check_extents,
    find_qweights,
    parts_beside,
    read_groups,
    refuse,
)
from headsurgery.storage.sole_weights import find_quantization

_PARTS = ("qweight", "qzeros", "scales")
_BITS = (2, 3, 4, 8)
_OFFSETS = {"gptq": 1, "gptq_v2": 0}
"""By `checkpoint_format`: what is added to a stored zero point."""
_CHANGES_WEIGHTS = ("adapter", "rotation")
"""Keys of a configuration that says that runtimes use other weights than the stored ones."""


def find_gptq(checkpoint: Checkpoint) -> Iterator[PackedWeight]:
    """Every weight that is stored as `qweight`."""
    stated = _stated(checkpoint)
    bits = None if stated is None else stated.get("bits")
    if type(bits) is not int or bits not in _BITS:
        return
    yield from find_qweights(checkpoint, (*_PARTS, "g_idx"), lambda tensor: (tensor.shape[1], tensor.shape[0] * 32 // bits))


def open_gptq(checkpoint: Checkpoint, name: str) -> ScaledCodes | None:
    """Open a weight; None if it isn't stored as `qweight`, or by another method.

    Raises:
        ArchitectureError: Its tensors are not as the format demands.
    """
    stated, stem = _stated(checkpoint), name.removesuffix("weight")
    qweight = checkpoint.tensors.get(f"{stem}qweight")
    if stated is None or qweight is None or name in checkpoint.tensors:
        return None
    bits, kind = stated.get("bits"), stated.get("checkpoint_format") or stated.get("format") or "gptq"
    if type(bits) is not int or bits not in _BITS:
        raise refuse(qweight, f"config.json states {quote(bits)} bits, expected {', '.join(map(str, _BITS))}")
    if not isinstance(kind, str) or kind.lower() not in _OFFSETS or stated.get("is_marlin_format"):
        raise refuse(qweight, f"config.json states checkpoint_format {quote(kind)}, expected {' or '.join(_OFFSETS)}")
    stray = [key for key in _CHANGES_WEIGHTS if stated.get(key)]
    if stray:
        raise refuse(qweight, f"config.json states a {stray[0]}, so the stored weight is not the one that is used")
    _, qzeros, scales = parts_beside(checkpoint, stem, _PARTS)
    shape = (qweight.shape[1], qweight.shape[0] * 32 // bits)
    size = stated.get("group_size")
    group = shape[1] if size == -1 else size
    if type(group) is not int or group < 1:
        raise refuse(qweight, f"config.json states group_size {quote(size)}, expected a number above 0, or -1")
    codes = Packing(bits=bits, axis=1).grid(qweight, shape, is_transposed=True)
    grid = StoredGrid(tensor=scales, shape=shape, block=(1, group), is_transposed=True)
    along_rows = Packing(bits=bits, axis=0)
    zeros = along_rows.grid(qzeros, (shape[0], grid.extents[0]), is_transposed=True)
    check_extents((codes, ("I32",)), (grid, plain.ELEMENTS), (zeros, ("I32",)))
    groups = read_groups(checkpoint, f"{stem}g_idx", shape[1], group, grid.extents[0])
    order, version = "" if groups is None else ", in act-order", "" if _OFFSETS[kind.lower()] else " v2"
    return ScaledCodes(
        format=f"GPTQ{version}, {bits}-bit codes, a scale for each {group} inputs{order} ({scales.dtype})",
        shape=shape,
        codes=codes,
        packing=Packing(bits=bits, axis=1),
        scales=grid,
        zeros=ZeroPoints(grid=zeros, packing=along_rows, offset=_OFFSETS[kind.lower()]),
        groups=groups,
    )


def _stated(checkpoint: Checkpoint) -> Mapping[str, Any] | None:
    stated = find_quantization(checkpoint.config)
    return stated if stated is not None and stated.get("quant_method") == "gptq" else None


CODEC = Codec(says="GPTQ", open=open_gptq, find=find_gptq)
