"""bitsandbytes, as transformers saves it: 4 bits (NF4, FP4) and int8.

- 4 bits: `weight` is uint8 [out x in / 2, 1]: two codes in each byte, the first in the upper bits, row after row. A number is the
  level that its code stands for (`weight.quant_map`) times the scale of its block of `blocksize` consecutive numbers
  (`weight.absmax`). Nested scales (double quantization) are uint8 codes: `weight.nested_quant_map`, times `weight.nested_absmax` of
  their own block, plus an offset. Factor 0 goes by the codes of the numbers, since no code of a scale means 0; another factor
  rounds the scales to the nearest codes.
  `weight.quant_state.bitsandbytes__nf4` is JSON with the shape, the block sizes and the offset.
- int8: `weight` is int8 [out, in], times `SCB` of its row, divided by 127.

https://github.com/bitsandbytes-foundation/bitsandbytes (functional.py, nn/modules.py)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from headsurgery.documents.strict_json import parse_object, quote
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs.matrix import Codec, PackedWeight
from headsurgery.storage.codecs.packing import Packing, StoredGrid, as_two_axes
from headsurgery.storage.codecs.scaled_codes import NestedScales, ScaledCodes, check_extents, parts_beside, refuse
from headsurgery.storage.sole_weights import says_quantized
from headsurgery.storage.tensors import TensorInfo

_STATE = "quant_state.bitsandbytes__"
_KINDS = ("nf4", "fp4")
_MAX_STATE_BYTES = 2**14
_FOUR_BITS = Packing(bits=4, order=(1, 0))
_INT8 = Packing(bits=8, is_signed=True)


def find_bitsandbytes(checkpoint: Checkpoint) -> Iterator[PackedWeight]:
    """Every weight of 4 bits or int8."""
    if says_quantized(checkpoint.config) != "bitsandbytes":
        return
    for name, tensor in checkpoint.tensors.items():
        beside = [name.removesuffix("weight") + end for end in ("SCB", "weight_format")]
        if tensor.dtype == "I8" and len(tensor.shape) == 2 and beside[0] in checkpoint.tensors:
            tensors = (name, *(other for other in beside if other in checkpoint.tensors))
            yield PackedWeight(name=name, shape=(tensor.shape[0], tensor.shape[1]), tensors=tensors)
        stem, _, kind = name.rpartition(f".{_STATE}")
        if kind in _KINDS and stem in checkpoint.tensors:
            shape = _two_extents(_read_state(checkpoint, tensor).get("shape"))
            if shape is not None:
                beside = [f"{stem}.{end}" for end in ("absmax", "quant_map", "nested_absmax", "nested_quant_map")]
                tensors = (stem, name, *(other for other in beside if other in checkpoint.tensors))
                yield PackedWeight(name=stem, shape=shape, tensors=tensors)


def open_bitsandbytes(checkpoint: Checkpoint, name: str) -> ScaledCodes | None:
    """Open a weight; None if it holds no codes, or those of another method.

    Raises:
        ArchitectureError: Its tensors are not as the format demands.
    """
    weight = checkpoint.tensors.get(name)
    if weight is None or says_quantized(checkpoint.config) != "bitsandbytes":
        return None
    if weight.dtype == "I8" and len(weight.shape) == 2:
        return _open_int8(checkpoint, weight)
    kinds = [kind for kind in _KINDS if f"{name}.{_STATE}{kind}" in checkpoint.tensors]
    return _open_four_bits(checkpoint, weight, kinds[0]) if kinds else None


def _open_int8(checkpoint: Checkpoint, weight: TensorInfo) -> ScaledCodes:
    _, scales = parts_beside(checkpoint, weight.name.removesuffix("weight"), ("weight", "SCB"))
    shape = (weight.shape[0], weight.shape[1])
    order = checkpoint.tensors.get(f"{weight.name}_format")
    if order is not None and checkpoint.read_tensor(order).any():
        raise refuse(order, "says that the codes are not stored row by row")
    codes, grid = _INT8.grid(weight, shape), StoredGrid(tensor=as_two_axes(scales), shape=shape, block=(1, shape[1]))
    check_extents((codes, ("I8",)), (grid, ("F32",)))
    return ScaledCodes(
        format="bitsandbytes int8, a scale for each row (F32)",
        shape=shape,
        codes=codes,
        packing=_INT8,
        scales=grid,
        zero=128,
        common=127.0,
        divides=True,
    )


def _open_four_bits(checkpoint: Checkpoint, weight: TensorInfo, kind: str) -> ScaledCodes:
    state = _read_state(checkpoint, checkpoint.tensors[f"{weight.name}.{_STATE}{kind}"])
    shape, size = state.get("shape"), state.get("blocksize")
    rows, columns = _two_extents(shape) or (0, 0)
    if weight.dtype != "U8" or weight.num_bytes * 2 != rows * columns or type(size) is not int or size < 1 or columns % size:
        raise refuse(weight, f"is {weight.dtype} {list(weight.shape)} for {quote(shape)} in blocks of {quote(size)}")
    _, quant_map, absmax = _parts_of(checkpoint, weight.name, "quant_map", "absmax")
    levels = _read_floats(checkpoint, quant_map, 16)
    nested = _read_nested(checkpoint, weight.name, state, rows * columns // size) if "nested_offset" in state else None
    codes = _FOUR_BITS.grid(replace(weight, shape=(rows, columns // 2)), (rows, columns))
    grid = StoredGrid(tensor=absmax, shape=(rows, columns), block=(1, size))
    if absmax.dtype != ("U8" if nested else "F32") or absmax.num_parameters != rows * columns // size:
        raise refuse(absmax, f"is {absmax.dtype} {list(absmax.shape)}, expected {rows * columns // size} scales")
    return ScaledCodes(
        format=f"bitsandbytes {kind.upper()}, a {'nested ' if nested else ''}scale for each {size} inputs",
        shape=(rows, columns),
        codes=codes,
        packing=_FOUR_BITS,
        scales=replace(grid, tensor=replace(absmax, shape=grid.extents)),
        levels=levels,
        nested=nested,
    )


def _parts_of(checkpoint: Checkpoint, name: str, *ends: str) -> list[TensorInfo]:
    """A weight, and the tensors whose names begin with its own."""
    return parts_beside(checkpoint, name.removesuffix("weight"), ("weight", *(f"weight.{end}" for end in ends)))


def _two_extents(shape: Any) -> tuple[int, int] | None:
    """Rows and columns; None if a text states something else."""
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(extent) is int and 0 < extent < 2**31 for extent in shape):
        return None
    return shape[0], shape[1]


def _read_state(checkpoint: Checkpoint, tensor: TensorInfo) -> Mapping[str, Any]:
    if tensor.dtype != "U8" or tensor.num_bytes > _MAX_STATE_BYTES:
        raise refuse(tensor, f"is {tensor.dtype} of {tensor.num_bytes} bytes, expected a short text")
    try:
        return parse_object(checkpoint.read_tensor(tensor).tobytes(), max_bytes=_MAX_STATE_BYTES)
    except ValueError as error:
        raise refuse(tensor, f"is no JSON: {error}") from error


def _read_nested(checkpoint: Checkpoint, name: str, state: Mapping[str, Any], num_scales: int) -> NestedScales:
    _, quant_map, absmax = _parts_of(checkpoint, name, "nested_quant_map", "nested_absmax")
    size, offset = state.get("nested_blocksize"), state.get("nested_offset")
    if type(size) is not int or size < 1 or type(offset) is not float or not math.isfinite(offset):
        raise refuse(absmax, f"has blocks of {quote(size)} and an offset of {quote(offset)}")
    wanted = -(-num_scales // size)
    if absmax.dtype != "F32" or absmax.shape != (wanted,):
        raise refuse(absmax, f"is {absmax.dtype} {list(absmax.shape)}, expected F32 [{wanted}]")
    return NestedScales(levels=_read_floats(checkpoint, quant_map, 256), scales=absmax, size=size, offset=offset)


def _read_floats(checkpoint: Checkpoint, tensor: TensorInfo, count: int) -> tuple[float, ...]:
    """A table of finite numbers."""
    if tensor.dtype != "F32" or tensor.shape != (count,):
        raise refuse(tensor, f"is {tensor.dtype} {list(tensor.shape)}, expected F32 [{count}]")
    found = checkpoint.read_tensor(tensor).view(np.float32)
    if not np.isfinite(found).all():
        raise refuse(tensor, "holds inf or nan")
    if len(set(found.tolist())) < 2:
        raise refuse(tensor, "holds only one number")
    return tuple(found.tolist())


CODEC = Codec(says="bitsandbytes (NF4, FP4, int8)", open=open_bitsandbytes, find=find_bitsandbytes)
