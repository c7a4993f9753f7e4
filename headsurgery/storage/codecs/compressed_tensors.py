"""compressed-tensors, as llm-compressor writes it: packed integers, int8, NVFP4 and MXFP4. (Its FP8 is in `fp8`.)

- `pack-quantized`: `weight_packed` is int32, [out, in x bits / 32]: codes of consecutive inputs, from the lowest bits up, each
  with 2^(bits - 1) added. `weight_scale` is [out, groups]. Zero points, if there are any, are packed in the same way, along the
  outputs: int32 [out x bits / 32, groups]. `weight_g_idx` names the group of each input, or is -1 everywhere.
- `int-quantized`, `naive-quantized`: `weight` is int8 [out, in], and zero points are int8 in the shape of the scales.
- `nvfp4-pack-quantized`: `weight_packed` is uint8 [out, in / 2], two FP4 codes in each, the first in the lower bits.
  `weight_scale` is E4M3 [out, in / 16], and all scales are divided by `weight_global_scale`.
- `mxfp4-pack-quantized`: the same with a power of two for each 32 inputs, stored as its exponent plus 127, and no global scale.

https://github.com/vllm-project/compressed-tensors (compressors)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from headsurgery.documents.strict_json import quote
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import plain
from headsurgery.storage.codecs.matrix import Codec, PackedWeight
from headsurgery.storage.codecs.packing import Packing, StoredGrid, as_two_axes
from headsurgery.storage.codecs.scaled_codes import E2M1, ScaledCodes, ZeroPoints, check_extents, parts_beside, read_groups, refuse
from headsurgery.storage.sole_weights import find_quantization
from headsurgery.storage.tensors import TensorInfo

_BITS = (2, 4, 8)
"""Bits of packed integers. Versions pack other numbers of bits in different ways."""
_PARTS = ("packed", "scale", "shape", "zero_point", "g_idx", "global_scale")
_CHANGES_WEIGHTS = ("transform_config", "sparsity_config")


@dataclass(frozen=True, kw_only=True)
class _Scheme:
    """What a configuration says of a group of weights.

    Args:
        bits: Bits of a code.
        is_float: Whether codes are floats.
        group: Inputs that share a scale; None: all of a row, or all of the weight.
        is_symmetric: Whether there are no zero points.
    """

    bits: int
    is_float: bool
    group: int | None
    is_symmetric: bool


def find_compressed(checkpoint: Checkpoint) -> Iterator[PackedWeight]:
    """Every weight that is stored as `weight_packed`, or as int8 with scales."""
    stated = _stated(checkpoint)
    schemes = [] if stated is None else list(_schemes(stated))
    for name, tensor in checkpoint.tensors.items() if schemes else ():
        stem = name.removesuffix("_packed")
        scale = checkpoint.tensors.get(f"{stem}_scale")
        if len(tensor.shape) != 2 or scale is None or (stem == name and tensor.dtype != "I8"):
            continue
        scheme = _fitting(tensor, scale, schemes)
        if scheme is not None:
            tensors = (name, *(each for end in _PARTS[1:] if (each := f"{stem}_{end}") in checkpoint.tensors))
            yield PackedWeight(name=stem, shape=(tensor.shape[0], _inputs(tensor, scheme.bits)), tensors=tensors)


def open_compressed(checkpoint: Checkpoint, name: str) -> ScaledCodes | None:
    """Open a weight; None if it is stored in plain floats, in FP8, or by another method.

    Raises:
        ArchitectureError: Its tensors are not as the format demands.
    """
    stated, stored = _stated(checkpoint), checkpoint.tensors.get(name)
    packed = stored if stored is not None else checkpoint.tensors.get(f"{name}_packed")
    if stated is None or packed is None or packed.dtype not in ("I8", "I32", "U8") or len(packed.shape) != 2:
        return None
    known = {f"{name}_{end}" for end in _PARTS}
    strange = sorted(other for other in checkpoint.tensors if other.startswith(f"{name}_") and other not in known)
    if strange:
        raise refuse(packed, f"found {strange[0]} beside it, which is not known")
    stray = [key for key in _CHANGES_WEIGHTS if not _is_dense(stated.get(key))]
    if stray:
        raise refuse(packed, f"config.json states a {stray[0]}, so the stored weight is not the one that is used")
    stem = name.removesuffix("weight")
    _, scale = parts_beside(checkpoint, stem, (packed.name.removeprefix(stem), "weight_scale"))
    scheme = _fitting(packed, scale, list(_schemes(stated)))
    if scheme is None:
        found = f"{packed.dtype} {list(packed.shape)} with scales {list(scale.shape)}"
        raise refuse(packed, f"{found} fits none of the config_groups in config.json")
    if (f"{name}_zero_point" in checkpoint.tensors) == scheme.is_symmetric:
        raise refuse(packed, f"config.json says {'symmetric' if scheme.is_symmetric else 'not symmetric'}, but the file doesn't")
    shape = (packed.shape[0], _inputs(packed, scheme.bits))
    _check_shape(checkpoint, f"{name}_shape", shape)
    return (
        _open_float(checkpoint, name, packed, scale, shape)
        if scheme.is_float
        else _open_integers(checkpoint, name, packed, scale, shape, scheme)
    )


def _open_integers(
    checkpoint: Checkpoint, name: str, packed: TensorInfo, scale: TensorInfo, shape: tuple[int, int], scheme: _Scheme
) -> ScaledCodes:
    packing, along_rows = (Packing(bits=scheme.bits, axis=axis, is_signed=packed.dtype == "I8") for axis in (1, 0))
    group = scheme.group or shape[1]
    rows = shape[0] if scale.num_parameters == 1 else 1
    scales = StoredGrid(tensor=as_two_axes(scale), shape=shape, block=(rows, group))
    codes = packing.grid(packed, shape)
    check_extents((codes, (packed.dtype,)), (scales, plain.ELEMENTS))
    zeros = None
    if not scheme.is_symmetric:
        stored = as_two_axes(checkpoint.tensors[f"{name}_zero_point"])
        zeros = ZeroPoints(grid=along_rows.grid(stored, scales.extents), packing=along_rows)
        check_extents((zeros.grid, (packed.dtype,)))
    groups = read_groups(checkpoint, f"{name}_g_idx", shape[1], group, scales.extents[1])
    per = "the tensor" if rows > 1 else f"each {group} inputs" if scheme.group else "each row"
    order = "" if groups is None else ", in act-order"
    return ScaledCodes(
        format=f"compressed-tensors, {scheme.bits}-bit codes, a scale for {per}{order} ({scale.dtype})",
        shape=shape,
        codes=codes,
        packing=packing,
        scales=scales,
        zeros=zeros,
        zero=1 << scheme.bits - 1,
        groups=groups,
    )


def _open_float(checkpoint: Checkpoint, name: str, packed: TensorInfo, scale: TensorInfo, shape: tuple[int, int]) -> ScaledCodes:
    divisor = checkpoint.tensors.get(f"{name}_global_scale")
    group, kind, dtypes = (32, "MXFP4", ("U8", "F8_E8M0")) if divisor is None else (16, "NVFP4", ("F8_E4M3",))
    packing = Packing(bits=4)
    codes, scales = packing.grid(packed, shape), StoredGrid(tensor=scale, shape=shape, block=(1, group))
    check_extents((codes, ("U8",)), (scales, dtypes))
    if divisor is not None and (divisor.num_parameters != 1 or divisor.dtype not in plain.ELEMENTS):
        raise refuse(divisor, f"is {divisor.dtype} {list(divisor.shape)}, expected one number")
    return ScaledCodes(
        format=f"compressed-tensors, {kind}, a scale for each {group} inputs ({'F8_E8M0' if divisor is None else scale.dtype})",
        shape=shape,
        codes=codes,
        packing=packing,
        scales=scales,
        scale_type="F8_E8M0" if divisor is None else scale.dtype,
        levels=E2M1,
        common=1.0 if divisor is None else divisor,
        divides=True,
    )


def _stated(checkpoint: Checkpoint) -> Mapping[str, Any] | None:
    stated = find_quantization(checkpoint.config)
    return stated if stated is not None and stated.get("quant_method") == "compressed-tensors" else None


def _schemes(stated: Mapping[str, Any]) -> Iterator[_Scheme]:
    """The schemes in a configuration that can be edited."""
    groups = stated.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if not isinstance(weights, Mapping):
            continue
        bits, kind, size = weights.get("num_bits"), weights.get("type", "int"), weights.get("group_size")
        is_grouped = type(size) is int and size > 0
        if type(bits) is not int:
            continue
        if (kind == "int" and bits in _BITS) or (kind == "float" and bits == 4 and size in (16, 32)):
            yield _Scheme(
                bits=bits,
                is_float=kind == "float",
                group=size if is_grouped else None,
                is_symmetric=weights.get("symmetric", True) is not False,
            )


def _fitting(packed: TensorInfo, scale: TensorInfo, schemes: list[_Scheme]) -> _Scheme | None:
    """The one scheme whose groups and bits fit the shapes of codes and scales."""
    found = []
    for scheme in dict.fromkeys(schemes):
        inputs = _inputs(packed, scheme.bits)
        groups = -(-inputs // scheme.group) if scheme.group else 1
        is_type = packed.dtype == ("U8" if scheme.is_float else "I32") or (packed.dtype == "I8" and scheme.bits == 8)
        if is_type and (scale.shape == (packed.shape[0], groups) or (scheme.group is None and scale.shape in ((1,), ()))):
            found.append(scheme)
    return found[0] if len(found) == 1 else None


def _inputs(packed: TensorInfo, bits: int) -> int:
    """Columns of a weight."""
    return packed.shape[1] * (8 * packed.num_bytes // max(1, packed.num_parameters)) // bits


def _is_dense(section: Any) -> bool:
    return not section or (isinstance(section, Mapping) and section.get("format") == "dense")


def _check_shape(checkpoint: Checkpoint, name: str, shape: tuple[int, int]) -> None:
    """Refuse a weight whose stored shape is another than that of its codes."""
    tensor = checkpoint.tensors.get(name)
    if tensor is None:
        return
    dtype = {"I64": np.int64, "I32": np.int32}.get(tensor.dtype)
    if dtype is None or tensor.shape != (2,):
        raise refuse(tensor, f"is {tensor.dtype} {list(tensor.shape)}, expected two integers")
    stored = checkpoint.read_tensor(tensor).view(dtype).tolist()
    if tuple(stored) != shape:
        raise refuse(tensor, f"says {quote(stored)}, but the codes are {list(shape)}")


CODEC = Codec(says="compressed-tensors (integers of 2, 4 and 8 bits, NVFP4, MXFP4)", open=open_compressed, find=find_compressed)
