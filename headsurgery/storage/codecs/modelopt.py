"""NVFP4, as NVIDIA's ModelOpt writes it. (Its FP8 is in `fp8`.)

`weight` is uint8 [out, in / 2]: two FP4 codes in each, the first in the lower bits. `weight_scale` is E4M3 [out, in / 16], and all
scales are multiplied by `weight_scale_2`.
https://github.com/NVIDIA/TensorRT-Model-Optimizer (modelopt/torch/quantization/qtensor/nvfp4_tensor.py)
"""

from __future__ import annotations

from collections.abc import Iterator

from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import plain
from headsurgery.storage.codecs.matrix import Codec, PackedWeight
from headsurgery.storage.codecs.packing import Packing, StoredGrid
from headsurgery.storage.codecs.scaled_codes import E2M1, ScaledCodes, check_extents, parts_beside, refuse
from headsurgery.storage.sole_weights import says_quantized

_PARTS = ("weight", "weight_scale", "weight_scale_2")
_GROUP = 16


def find_modelopt(checkpoint: Checkpoint) -> Iterator[PackedWeight]:
    """Every weight that is stored as uint8 with two kinds of scales."""
    if says_quantized(checkpoint.config) != "modelopt":
        return
    for name, tensor in checkpoint.tensors.items():
        parts = tuple(name.removesuffix("weight") + end for end in _PARTS)
        if name == parts[0] and tensor.dtype == "U8" and len(tensor.shape) == 2 and parts[2] in checkpoint.tensors:
            tensors = tuple(part for part in parts if part in checkpoint.tensors)
            yield PackedWeight(name=name, shape=(tensor.shape[0], tensor.shape[1] * 2), tensors=tensors)


def open_modelopt(checkpoint: Checkpoint, name: str) -> ScaledCodes | None:
    """Open a weight; None if it isn't uint8, or of another tool.

    Raises:
        ArchitectureError: Its tensors are not as the format demands.
    """
    weight = checkpoint.tensors.get(name)
    if weight is None or weight.dtype != "U8" or len(weight.shape) != 2 or says_quantized(checkpoint.config) != "modelopt":
        return None
    _, scales, common = parts_beside(checkpoint, name.removesuffix("weight"), _PARTS)
    shape, packing = (weight.shape[0], weight.shape[1] * 2), Packing(bits=4)
    codes, grid = packing.grid(weight, shape), StoredGrid(tensor=scales, shape=shape, block=(1, _GROUP))
    check_extents((codes, ("U8",)), (grid, ("F8_E4M3",)))
    if common.num_parameters != 1 or common.dtype not in plain.ELEMENTS:
        raise refuse(common, f"is {common.dtype} {list(common.shape)}, expected one number")
    return ScaledCodes(
        format=f"ModelOpt, NVFP4, a scale for each {_GROUP} inputs (F8_E4M3)",
        shape=shape,
        codes=codes,
        packing=packing,
        scales=grid,
        levels=E2M1,
        common=common,
    )


CODEC = Codec(says="ModelOpt (NVFP4)", open=open_modelopt, find=find_modelopt)
