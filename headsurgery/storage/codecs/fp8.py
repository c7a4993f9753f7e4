"""FP8 (E4M3, E5M2) with scales: a number is its code times the scale of its block.

A scale applies to the whole tensor, to one row, or to one block of rows and columns. Scales are stored beside the weight, as
`weight_scale` or `weight_scale_inv`, by transformers' fine-grained FP8, DeepSeek, compressed-tensors, FBGEMM and ModelOpt. (Both
names hold what codes are multiplied by.) How a head's slice is changed:

- Factor 0: its codes become +0, exactly.
- Any other factor, if the slice has scales of its own: the scales are multiplied, and the codes stay.
- Everything else: its codes are rounded anew under the scales that the slice shares with other numbers.

Per-block scales: https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/README_WEIGHTS.md
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from headsurgery.documents.strict_json import quote
from headsurgery.errors import ArchitectureError
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import plain
from headsurgery.storage.codecs.matrix import (
    Change,
    Codec,
    Exactness,
    Rewriter,
    Values,
    assess_rounding,
    multiply,
    rewrite_whole,
    round_to,
)
from headsurgery.storage.sole_weights import find_quantization
from headsurgery.storage.tensors import ByteArray, StoredSlice, TensorInfo

CODES: Mapping[str, np.dtype[Any]] = {
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
"""Stored types of the codes."""
POWERS: Mapping[str, np.dtype[Any]] = {"F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu)}
"""Stored types of scales that are powers of two (`scale_fmt` ue8m0)."""
ELEMENTS: Mapping[str, np.dtype[Any]] = {**CODES, **POWERS}

_SCALES: Mapping[str, np.dtype[Any]] = {**plain.ELEMENTS, **POWERS}
_NAMES = ("weight_scale", "weight_scale_inv")
_METHODS = ("fp8", "compressed-tensors", "fbgemm_fp8", "modelopt")
"""Values of `quant_method` for which a number is known to be code times scale."""
_MAX_ROUNDING = {"F8_E4M3": 0.05, "F8_E5M2": 0.1}
"""Relative error (L2) of rounded codes above which they can't hold the edit. It is about twice the usual cost of one rounding."""
_MAX_SCALE_ROUNDING = 0.01


@dataclass(frozen=True, kw_only=True)
class Fp8Matrix:
    """A weight of FP8 codes.

    Args:
        tensor: The codes, [rows, columns].
        scale: The scales.
        block: Rows and columns that share one scale; all of them if the tensor has one scale.
    """

    tensor: TensorInfo
    scale: TensorInfo
    block: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the codes."""
        return self.tensor.shape

    @property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """Codes and scales."""
        return self.tensor, self.scale

    @property
    def format(self) -> str:
        """Type of the codes, and how much of the weight shares a scale."""
        rows, columns = self.block
        if self.scale.num_parameters == 1:
            scales = "one scale for the tensor"
        elif self.block == (1, self.tensor.shape[1]):
            scales = "a scale for each row"
        else:
            scales = f"a scale for each block of {rows} x {columns}"
        return f"{self.tensor.dtype}, {scales} ({self.scale.dtype})"

    @property
    def stored_type(self) -> str:
        """Type of the codes."""
        return self.tensor.dtype

    def has_own_scales(self, axis: int, block: range) -> bool:
        """Whether the scales of a slice apply to no other number."""
        size, shape = self.block[axis], self.scale.shape
        is_aligned = block.start % size == 0 and (block.stop % size == 0 or block.stop == self.tensor.shape[axis])
        return is_aligned and axis < len(shape)

    def read(self, checkpoint: Checkpoint, axis: int, block: range) -> Values:
        """Code times scale, in float64, which holds the product exactly."""
        codes = self._codes(checkpoint.read_slice(self._slice(checkpoint.tensors[self.tensor.name], axis, block)))
        return self._decode(codes, self._read_scales(checkpoint, axis, block))

    def owned(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """The codes of the slice, and its scales if it shares them with no other number."""
        codes = self._slice(self.tensor, axis, block)
        return (codes, self._own_scales(axis, block)) if self.has_own_scales(axis, block) else (codes,)

    def rewritten(self, axis: int, block: range, change: Change) -> tuple[StoredSlice, ...]:
        """The slice's codes, or its scales."""
        goes_by_scale = self._goes_by_scale(axis, block, change)
        return (self._own_scales(axis, block) if goes_by_scale else self._slice(self.tensor, axis, block),)

    def rewriter(self, checkpoint: Checkpoint, part: StoredSlice, change: Change) -> Rewriter:
        """Multiplications are done chunk by chunk, other changes on the whole slice at once."""
        factor = change.factor
        if part.tensor.name == self.scale.name:
            assert factor is not None  # only multiplications change scales
            dtype = _SCALES[self.scale.dtype]
            return lambda rows, _: multiply(np.ascontiguousarray(rows).view(dtype), factor).view(np.uint8)
        if factor == 0:
            return lambda rows, _: np.zeros_like(rows)
        if factor is not None:
            return lambda rows, _: multiply(self._codes(rows), factor).view(np.uint8)

        def change_all(rows: ByteArray) -> ByteArray:
            in_codes = _InCodes(change=change, scales=self._read_scales(checkpoint, part.axis, part.block))
            return in_codes.round(self._codes(rows)).view(np.uint8)

        return rewrite_whole(part, lambda: checkpoint.read_slice(part), change_all)

    def assess(self, checkpoint: Checkpoint, axis: int, block: range, change: Change) -> Exactness:
        """Whether the scales or the codes can hold the result."""
        factor = change.factor
        if factor == 1:
            return Exactness(level="exact")
        codes = self._codes(checkpoint.read_slice(self._slice(self.tensor, axis, block)))
        scales = self._read_scales(checkpoint, axis, block)
        if not np.isfinite(scales).all() or not np.isfinite(codes.astype(np.float32)).all():
            return Exactness(level="refused", fault="not_finite")
        if factor == 0:
            return Exactness(level="exact")
        if self._goes_by_scale(axis, block, change):
            assert factor is not None  # only multiplications change scales
            dtype = _SCALES[self.scale.dtype]
            own = np.ascontiguousarray(checkpoint.read_slice(self._own_scales(axis, block))).view(dtype)
            if self.scale.dtype in POWERS:
                return assess_powers(own, factor)
            return assess_rounding(own, multiply(own, factor), change, limit=_MAX_SCALE_ROUNDING, of="scales")
        limit = _MAX_ROUNDING[self.tensor.dtype]
        if factor is not None:
            return assess_rounding(codes, multiply(codes, factor), change, limit=limit)
        in_codes = _InCodes(change=change, scales=scales)
        return assess_rounding(codes, in_codes.round(codes), in_codes, limit=limit)

    def compared(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """The same as `owned`."""
        return self.owned(axis, block)

    def as_compared(self, axis: int, block: range, old: Sequence[Values], new: Sequence[Values]) -> tuple[Values, Values]:
        """Whichever differs, codes or scales; if both do, their products."""
        if len(old) == 1 or old[1].tobytes() == new[1].tobytes():
            return old[0], new[0]
        one, other = (self._spread(stored[1], stored[0].shape) for stored in (old, new))
        if old[0].tobytes() == new[0].tobytes():
            return one, other
        return self._decode(old[0], one), self._decode(new[0], other)

    def _goes_by_scale(self, axis: int, block: range, change: Change) -> bool:
        """Whether a change multiplies scales. Negative factors don't, because kernels may expect scales to be positive."""
        factor = change.factor
        if factor is None or factor <= 0 or factor == 1 or not self.has_own_scales(axis, block):
            return False
        return self.scale.dtype not in POWERS or math.frexp(factor)[0] == 0.5

    @staticmethod
    def _slice(tensor: TensorInfo, axis: int, block: range) -> StoredSlice:
        return StoredSlice(tensor=tensor, axis=axis, block=block)

    def _own_scales(self, axis: int, block: range) -> StoredSlice:
        size = self.block[axis]
        return StoredSlice(tensor=self.scale, axis=axis, block=range(block.start // size, -(-block.stop // size)))

    def _codes(self, rows: ByteArray) -> Values:
        return np.ascontiguousarray(rows).view(CODES[self.tensor.dtype])

    def _read_scales(self, checkpoint: Checkpoint, axis: int, block: range) -> Values:
        """The scale of each number of a slice, [rows, columns], in float64."""
        tensor = checkpoint.tensors[self.scale.name]
        stored = checkpoint.read_tensor(tensor).view(_SCALES[tensor.dtype]).astype(np.float64)
        grid = stored.reshape([-(-extent // size) for extent, size in zip(self.tensor.shape, self.block, strict=True)])
        spans = [block if axis == number else range(extent) for number, extent in enumerate(self.tensor.shape)]
        rows, columns = (np.arange(span.start, span.stop) // size for span, size in zip(spans, self.block, strict=True))
        scales: Values = grid[rows][:, columns]
        return scales

    def _spread(self, scales: Values, shape: tuple[int, ...]) -> Values:
        """Expand a slice's own scales, [blocks, blocks], to one scale per number. Powers of two are expanded in float32."""
        scales = scales.astype(np.float32) if self.scale.dtype in POWERS else scales
        rows, columns = self.block
        spread: Values = np.repeat(np.repeat(scales, rows, axis=0)[: shape[0]], columns, axis=1)[:, : shape[1]]
        return spread

    @staticmethod
    def _decode(codes: Values, scales: Values) -> Values:
        values: Values = codes.astype(np.float64) * scales.astype(np.float64)
        return values


@dataclass(frozen=True, kw_only=True)
class _InCodes:
    """A change of numbers, expressed as a change of their codes while their scales stay.

    Args:
        change: The change of the numbers.
        scales: The scale of each number.
    """

    change: Change
    scales: Values
    factor: None = None

    def __call__(self, values: Values) -> Values:
        """The new codes, not yet rounded; inf where a scale of 0 can't represent the number."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            numbers = self.change(values * self.scales)
            return np.where((numbers == 0) & (self.scales == 0), 0, numbers / self.scales)

    def round(self, codes: Values) -> Values:
        """The new codes, rounded. Computed in float64, because decoding and encoding in float32 would not be exact."""
        return round_to(self(codes.astype(np.float64)), codes.dtype)


def assess_powers(before: Values, factor: float) -> Exactness:
    """How exact it is to multiply scales that are powers of two by a power of two: exact, or out of range."""
    with np.errstate(over="ignore", under="ignore"):
        wanted = before.astype(np.float64) * factor
    is_exact = np.array_equal(multiply(before, factor).astype(np.float64), wanted)
    return Exactness(level="exact", of="scales") if is_exact else Exactness(level="refused", fault="overflow")


def open_fp8(checkpoint: Checkpoint, name: str) -> Fp8Matrix | None:
    """Open a weight of FP8 codes; None if the tensor is something else.

    Raises:
        ArchitectureError: It holds FP8 codes, but the layout of their scales is not known.
    """
    tensor = checkpoint.tensors.get(name)
    if tensor is None or tensor.dtype not in CODES or len(tensor.shape) != 2 or not name.endswith(".weight"):
        return None
    stem = name.removesuffix("weight")
    beside = sorted(other.removeprefix(stem) for other in checkpoint.tensors if other.startswith(f"{stem}weight_"))
    if len(beside) != 1 or beside[0] not in _NAMES:
        raise _refuse(name, tensor, f"found {', '.join(beside) or 'nothing'} beside it, expected only {' or '.join(_NAMES)}")
    scale = checkpoint.tensors[stem + beside[0]]
    if scale.dtype not in _SCALES:
        raise _refuse(name, tensor, f"{beside[0]} is stored as {scale.dtype}, expected {', '.join(_SCALES)}")
    stated = find_quantization(checkpoint.config) or {}
    method = stated.get("quant_method")
    if method not in _METHODS:
        raise _refuse(name, tensor, f"config.json states quant_method {quote(method)}, expected {', '.join(_METHODS)}")
    if stated.get("transform_config"):
        raise _refuse(name, tensor, "config.json states a transform_config, so the stored weight is not the one that is used")
    blocks = dict.fromkeys(_fitting_blocks(tensor, scale, stated))
    if len(blocks) != 1:
        known = " or ".join(f"{rows} x {columns}" for rows, columns in dict.fromkeys(_stated_blocks(stated))) or "none"
        found = f"{beside[0]} has the shape {list(scale.shape)}, which fits no single layout (blocks in config.json: {known})"
        raise _refuse(name, tensor, found)
    return Fp8Matrix(tensor=tensor, scale=scale, block=next(iter(blocks)))


def _refuse(name: str, tensor: TensorInfo, found: str) -> ArchitectureError:
    return ArchitectureError(
        f"{name}: {tensor.dtype} {list(tensor.shape)}: {found}",
        hint="edit the unquantized model and quantize the result; if only FP8 exists, dequantize that with transformers first",
    )


def _fitting_blocks(tensor: TensorInfo, scale: TensorInfo, stated: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """The layouts that fit the shape of the scales: rows and columns that share one scale."""
    rows, columns = tensor.shape
    if scale.num_parameters == 1:
        yield rows, columns
    elif scale.shape in ((rows, 1), (rows,)):
        yield 1, columns
    else:
        for block in _stated_blocks(stated):
            if scale.shape == (-(-rows // block[0]), -(-columns // block[1])):
                yield block


def _stated_blocks(stated: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Block sizes in a configuration by transformers, DeepSeek or compressed-tensors. A group in a row is a block of [1, size]."""
    groups = stated.get("config_groups")
    groups = groups.values() if isinstance(groups, Mapping) else ()
    schemes = [group.get("weights") for group in groups if isinstance(group, Mapping)]
    found = [stated.get("weight_block_size")]
    for scheme in schemes:
        if isinstance(scheme, Mapping):
            found += [scheme.get("block_structure"), [1, scheme.get("group_size")]]
    for block in found:
        if isinstance(block, list) and len(block) == 2 and all(type(size) is int and size > 0 for size in block):
            yield block[0], block[1]


CODEC = Codec(says=f"{' and '.join(CODES)} with scales", open=open_fp8, elements=ELEMENTS)
