"""MLX, as mlx-lm writes it: `weight` packed into uint32, with `scales` and, in the mode affine, `biases` beside it.

- affine: a number is code x scale + bias. `weight` is uint32 [out, in x bits / 32]: codes of consecutive inputs as one stream of
  bits, from the lowest bits up. `scales` and `biases` are [out, groups]. No code means 0 exactly, unless the bias is a multiple
  of the scale.
- mxfp4 and nvfp4: the codes are FP4. `scales` is uint8: exponents plus 127 for each 32 inputs, or E4M3 numbers for each 16.

config.json states bits, group size and mode under `quantization`, for all weights and under the names of single modules.
https://ml-explore.github.io/mlx/build/html/python/_autosummary/mlx.core.quantize.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headsurgery.documents.strict_json import quote
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import plain
from headsurgery.storage.codecs.matrix import Codec, PackedWeight
from headsurgery.storage.codecs.packing import Packing, StoredGrid
from headsurgery.storage.codecs.scaled_codes import E2M1, ScaledCodes, check_extents, parts_beside, refuse

_BITS = (2, 3, 4, 5, 6, 8)
_SCALE_TYPES = {"mxfp4": "F8_E8M0", "nvfp4": "F8_E4M3"}
"""By mode: what the bytes of its scales are."""


def find_mlx(checkpoint: Checkpoint) -> Iterator[PackedWeight]:
    """Every weight that is stored as uint32 with scales."""
    for name, tensor in checkpoint.tensors.items():
        stem = name.removesuffix("weight")
        stated = _stated(checkpoint, stem)
        if stem != name and stated is not None and tensor.dtype == "U32" and len(tensor.shape) == 2 and (bits := _bits(stated)):
            tensors = tuple(each for end in ("weight", "scales", "biases") if (each := stem + end) in checkpoint.tensors)
            yield PackedWeight(name=name, shape=(tensor.shape[0], tensor.shape[1] * 32 // bits), tensors=tensors)


def open_mlx(checkpoint: Checkpoint, name: str) -> ScaledCodes | None:
    """Open a weight; None if it isn't uint32, or no quantization of MLX is stated.

    Raises:
        ArchitectureError: Its tensors are not as the format demands.
    """
    weight, stem = checkpoint.tensors.get(name), name.removesuffix("weight")
    stated = _stated(checkpoint, stem)
    if stated is None or weight is None or weight.dtype != "U32" or len(weight.shape) != 2:
        return None
    bits, group, mode = _bits(stated), stated.get("group_size"), stated.get("mode", "affine")
    if bits is None or type(group) is not int or group < 1:
        raise refuse(
            weight,
            f"config.json states {quote(stated.get('bits'))} bits in groups of {quote(group)}, "
            f"expected {', '.join(map(str, _BITS))} bits",
        )
    if mode != "affine" and (not isinstance(mode, str) or mode not in _SCALE_TYPES or bits != 4):
        raise refuse(weight, f"config.json states the mode {quote(mode)}, expected affine, {' or '.join(_SCALE_TYPES)}")
    shape, packing = (weight.shape[0], weight.shape[1] * 32 // bits), Packing(bits=bits)
    _, scales, *biases = parts_beside(checkpoint, stem, ("weight", "scales", *(["biases"] if mode == "affine" else [])))
    codes, grid, *more = (
        packing.grid(weight, shape),
        *(StoredGrid(tensor=tensor, shape=shape, block=(1, group)) for tensor in (scales, *biases)),
    )
    is_affine = mode == "affine"
    check_extents((codes, ("U32",)), (grid, plain.ELEMENTS if is_affine else ("U8",)), *((one, (scales.dtype,)) for one in more))
    scale_type = scales.dtype if is_affine else _SCALE_TYPES[mode]
    return ScaledCodes(
        format=f"MLX {mode}, {bits}-bit codes, a scale {'and a bias ' if is_affine else ''}for each {group} inputs ({scale_type})",
        shape=shape,
        codes=codes,
        packing=packing,
        scales=grid,
        scale_type=scale_type,
        biases=more[0] if more else None,
        levels=None if is_affine else E2M1,
    )


def _bits(stated: Mapping[str, Any]) -> int | None:
    """Bits of a code; None if config.json states none that MLX writes."""
    bits = stated.get("bits")
    return bits if type(bits) is int and bits in _BITS else None


def _stated(checkpoint: Checkpoint, stem: str) -> Mapping[str, Any] | None:
    """What config.json says of a module; None if it says nothing, or that the module is not quantized."""
    stated = checkpoint.config.get("quantization")
    if not isinstance(stated, Mapping) or not {"bits", "group_size"} & stated.keys():
        return None
    own = stated.get(stem.removesuffix("."), {})
    return {**stated, **own} if isinstance(own, Mapping) else None


CODEC = Codec(says="MLX", open=open_mlx, find=find_mlx)
