"""AWQ in its GEMM layout, as AutoAWQ and GPTQModel write it: `qweight`, `qzeros` and `scales` in place of `weight`.

A number is (code - zero point) x scale. `qweight` is int32 [in, out / 8]: the 4-bit codes of eight consecutive outputs, in the
order 0, 2, 4, 6, 1, 3, 5, 7 from the lowest bits up. `qzeros` is int32 [groups, out / 8], in the same order, and `scales`
[groups, out]. A group is consecutive inputs. Other layouts (gemv, gemv_fast, llm-awq) are refused.
https://github.com/casper-hansen/AutoAWQ (awq/modules/linear/gemm.py, awq/utils/packing_utils.py)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headsurgery.documents.strict_json import quote
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import plain
from headsurgery.storage.codecs.matrix import Codec, PackedWeight
from headsurgery.storage.codecs.packing import Packing, StoredGrid
from headsurgery.storage.codecs.scaled_codes import ScaledCodes, ZeroPoints, check_extents, find_qweights, parts_beside, refuse
from headsurgery.storage.sole_weights import find_quantization

_PACKING = Packing(bits=4, axis=0, order=(0, 4, 1, 5, 2, 6, 3, 7))
"""Code number 1 of eight is at place 4, number 2 at place 1, and so on."""
_PARTS = ("qweight", "qzeros", "scales")


def find_awq(checkpoint: Checkpoint) -> Iterator[PackedWeight]:
    """Every weight that is stored as `qweight`."""
    if _stated(checkpoint) is None:
        return
    yield from find_qweights(checkpoint, _PARTS, lambda tensor: (tensor.shape[1] * 8, tensor.shape[0]))


def open_awq(checkpoint: Checkpoint, name: str) -> ScaledCodes | None:
    """Open a weight; None if it isn't stored as `qweight`, or by another method.

    Raises:
        ArchitectureError: Its tensors are not as the format demands.
    """
    stated, stem = _stated(checkpoint), name.removesuffix("weight")
    qweight = checkpoint.tensors.get(f"{stem}qweight")
    if stated is None or qweight is None or name in checkpoint.tensors:
        return None
    layout = stated.get("version") or stated.get("format") or "gemm"
    if str(layout).lower() != "gemm" or stated.get("bits", 4) != 4:
        found = f"config.json states {quote(stated.get('bits', 4))} bits in the layout {quote(layout)}"
        raise refuse(qweight, f"{found}, expected 4 bits in the layout gemm")
    _, qzeros, scales = parts_beside(checkpoint, stem, _PARTS)
    shape, size = (qweight.shape[1] * 8, qweight.shape[0]), stated.get("group_size", 128)
    group = shape[1] if size == -1 else size
    if type(group) is not int or group < 1:
        raise refuse(qweight, f"config.json states group_size {quote(size)}, expected a number above 0, or -1")
    codes = _PACKING.grid(qweight, shape, is_transposed=True)
    grid = StoredGrid(tensor=scales, shape=shape, block=(1, group), is_transposed=True)
    zeros = _PACKING.grid(qzeros, (shape[0], grid.extents[0]), is_transposed=True)
    check_extents((codes, ("I32",)), (grid, plain.ELEMENTS), (zeros, ("I32",)))
    return ScaledCodes(
        format=f"AWQ, 4-bit codes, a scale for each {group} inputs ({scales.dtype})",
        shape=shape,
        codes=codes,
        packing=_PACKING,
        scales=grid,
        zeros=ZeroPoints(grid=zeros, packing=_PACKING),
    )


def _stated(checkpoint: Checkpoint) -> Mapping[str, Any] | None:
    stated = find_quantization(checkpoint.config)
    return stated if stated is not None and stated.get("quant_method") == "awq" else None


CODEC = Codec(says="AWQ", open=open_awq, find=find_awq)
