"""Quantized matrices: a number is (code - zero point) x scale, or code x scale + bias, and blocks of numbers share a scale.

Integers of 2 to 8 bits and tables of a few levels (NF4, FP4) are such codes. Each format is a file of its own beside this one. It
says where codes, scales and zero points are stored; everything else is here. How a head's slice is changed:

- The slice has scales of its own: they are multiplied, with the biases, and no code changes. Factor 0 makes them +0, so every
  number is exactly 0, whatever its code and zero point are.
- It shares its scales: its codes are rounded anew under the scales as they are. Factor 0 writes the code that means 0, exactly.
  If there is none, the change is refused.

Scales that hold powers of two alone (`F8_E8M0`) are multiplied by powers of two only, and 8-bit scales by no negative factor:
kernels take them to be positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.errors import ArchitectureError
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import fp8, plain
from headsurgery.storage.codecs.matrix import (
    Change,
    Exactness,
    PackedWeight,
    Rewriter,
    Values,
    assess_rounding,
    multiply,
    rewrite_whole,
)
from headsurgery.storage.codecs.packing import Codes, Packing, StoredGrid, as_two_axes
from headsurgery.storage.tensors import ByteArray, StoredSlice, TensorInfo

CONTAINERS: Mapping[str, np.dtype[Any]] = {
    "I32": np.dtype(np.int32),
    "U32": np.dtype(np.uint32),
    "I8": np.dtype(np.int8),
    "U8": np.dtype(np.uint8),
}
"""Stored types that codes are packed into."""
_STORED: Mapping[str, np.dtype[Any]] = {**CONTAINERS, **plain.ELEMENTS, **fp8.ELEMENTS}
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)
"""The numbers that the codes of FP4 (E2M1) stand for."""

_MAX_ROUNDING = {8: 0.05, 7: 0.07, 6: 0.1, 5: 0.14, 4: 0.2, 3: 0.28, 2: 0.4, 1: 0.4}
"""By bits of a code: relative error (L2) of rounded codes above which they can't hold the edit."""
_MAX_SCALE_ROUNDING = {1: 0.05, 2: 0.01, 4: 0.01, 8: 0.01}
"""By bytes of a scale: relative error (L2) of rounded scales above which they can't hold the edit."""


@dataclass(frozen=True, kw_only=True)
class ZeroPoints:
    """The codes that mean 0.

    Args:
        grid: Where they are stored: in blocks like the scales.
        packing: How.
        offset: What is added to a stored one.
    """

    grid: StoredGrid
    packing: Packing
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class NestedScales:
    """How scales are decoded that are codes themselves.

    Args:
        levels: The number that each code stands for.
        scales: What they are multiplied by: a vector, in blocks of scales, row after row.
        size: Scales of a block.
        offset: What is added.
    """

    levels: tuple[float, ...]
    scales: TensorInfo
    size: int
    offset: float

    def decode(self, codes: Values, scales: Values) -> npt.NDArray[np.float64]:
        """The scales, in the shape of their codes."""
        units = scales.astype(np.float64)[np.arange(codes.size) // self.size]
        products = np.asarray(self.levels)[codes].ravel() * units
        decoded: npt.NDArray[np.float64] = products.reshape(codes.shape) + self.offset
        return decoded

    def multiply(self, codes: Values, units: Values, factor: float) -> tuple[Values, Exactness]:
        """The codes that stand for the nearest scales to a factor times the old ones, and how near these are.

        Args:
            codes: The codes, [rows, columns].
            units: What the level of each code is multiplied by.
            factor: The factor.
        """
        levels, places = np.unique(np.asarray(self.levels), return_index=True)
        wanted = factor * (np.asarray(self.levels)[codes] * units + self.offset)
        with np.errstate(divide="ignore", invalid="ignore"):
            aims = np.where(units == 0, 0, (wanted - self.offset) / units)
        near = np.searchsorted((levels[1:] + levels[:-1]) / 2, aims)
        gaps = np.diff(levels, append=2 * levels[-1] - levels[-2])[near] * np.abs(units)
        new = places[near].astype(codes.dtype)
        errors = np.abs(np.asarray(self.levels)[new] * units + self.offset - wanted)
        if np.linalg.norm(errors) > _MAX_SCALE_ROUNDING[1] * np.linalg.norm(wanted):
            return new, Exactness(
                level="refused", fault="too_small" if abs(factor) < 1 else "overflow", limit=_MAX_SCALE_ROUNDING[1]
            )
        if np.array_equal(new, codes):
            return new, Exactness(level="refused", fault="no_change")
        in_steps = errors / np.where(gaps == 0, 1, gaps)
        return new, Exactness(level="rounded", largest=float(in_steps.max()), mean=float(in_steps.mean()), of="scales")


@dataclass(frozen=True, kw_only=True)
class ScaledCodes:
    """A matrix of codes and scales.

    Args:
        format: The number format, in words.
        shape: Rows and columns.
        codes: Where the codes are stored.
        packing: How.
        scales: Where the scales are stored.
        scale_type: Their type, where it is not the stored tensor's.
        zeros: Where zero points are stored; None: every one is `zero`.
        zero: The code that means 0, if there are no zero points and no levels.
        biases: What is added, stored like the scales.
        levels: The number that each code stands for; None: itself.
        common: A number that all scales are multiplied by, or the tensor that holds it.
        divides: Whether they are divided by it instead.
        nested: How the scales are decoded, if they are codes themselves.
        groups: Which column of scales each column of the matrix belongs to, as int32; None: they lie one after another.
    """

    format: str
    shape: tuple[int, int]
    codes: StoredGrid
    packing: Packing
    scales: StoredGrid
    scale_type: str | None = None
    zeros: ZeroPoints | None = None
    zero: int = 0
    biases: StoredGrid | None = None
    levels: tuple[float, ...] | None = None
    common: TensorInfo | float = 1.0
    divides: bool = False
    nested: NestedScales | None = None
    groups: bytes | None = None

    @property
    def tensor(self) -> TensorInfo:
        """The tensor that holds the codes."""
        return self.codes.tensor

    @property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """Codes, scales, biases, zero points, nested scales and the common scale, as far as there are such."""
        zeros = None if self.zeros is None else self.zeros.grid
        grids = [grid.tensor for grid in (self.codes, self.scales, self.biases, zeros) if grid is not None]
        nested = () if self.nested is None else (self.nested.scales,)
        return (*grids, *nested, *((self.common,) if isinstance(self.common, TensorInfo) else ()))

    @property
    def stored_type(self) -> str:
        """Such as `4-bit codes`."""
        return f"{self.packing.bits}-bit codes"

    def has_own_scales(self, axis: int, block: range) -> bool:
        """Whether the scales of a slice apply to no other number."""
        return (axis == 0 or self.groups is None) and self.scales.cut(axis, block) is not None

    def read(self, checkpoint: Checkpoint, axis: int, block: range) -> Values:
        """The numbers, in float64."""
        return self._read(checkpoint, axis, block).values

    def owned(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """The codes of the slice, and its scales and biases, if they hold numbers of no other."""
        codes = self.codes.cut(axis, block)
        return (*(() if codes is None else (codes,)), *self._own_scales(axis, block))

    def rewritten(self, axis: int, block: range, change: Change) -> tuple[StoredSlice, ...]:
        """The slice's scales and biases, or its codes."""
        if self._goes_by_scale(axis, block, change):
            return self._own_scales(axis, block)
        return (self.codes.cover(axis, block),)

    def rewriter(self, checkpoint: Checkpoint, part: StoredSlice, change: Change) -> Rewriter:
        """Scales are multiplied chunk by chunk. Codes change all at once."""
        factor = change.factor
        if factor == 1:
            return lambda rows, _: rows
        if part.tensor.name != self.tensor.name and self.nested is not None:
            return rewrite_whole(
                part, lambda: checkpoint.read_slice(part), lambda rows: self._change_nested(checkpoint, part, rows, change)[0]
            )
        if part.tensor.name != self.tensor.name:
            assert factor is not None  # only multiplications change scales
            return lambda rows, _: self._multiply(self._as_scales(rows), factor).view(np.uint8)
        axis = part.axis ^ int(self.codes.is_transposed)
        size, number = self.codes.block[axis], self.codes.elements[axis]
        block = range(part.block.start // number * size, min(part.block.stop // number * size, self.shape[axis]))

        def change_all(rows: ByteArray) -> ByteArray:
            elements = self.codes.upright(np.ascontiguousarray(rows).view(CONTAINERS[part.tensor.dtype]))
            before = self._read(checkpoint, axis, block, codes=self.packing.unpack(elements))
            after = self.packing.pack(before.nearest(before.wanted(change)), elements)
            return np.ascontiguousarray(self.codes.upright(after)).view(np.uint8).reshape(rows.shape)

        return rewrite_whole(part, lambda: checkpoint.read_slice(part), change_all)

    def assess(self, checkpoint: Checkpoint, axis: int, block: range, change: Change) -> Exactness:
        """Whether the scales or the codes can hold the result."""
        factor = change.factor
        if factor == 1:
            return Exactness(level="exact")
        before = self._read(checkpoint, axis, block)
        if not np.isfinite(before.values).all():
            return Exactness(level="refused", fault="not_finite")
        if self._goes_by_scale(axis, block, change):
            if self.nested is not None:
                (own,) = self._own_scales(axis, block)
                return self._change_nested(checkpoint, own, checkpoint.read_slice(own), change)[1]
            found = (
                self._assess_scales(self._as_scales(checkpoint.read_slice(part)), change) for part in self._own_scales(axis, block)
            )
            return max(found, key=lambda exactness: (exactness.level == "refused", exactness.largest))
        if self.codes.cut(axis, block) is None:
            return Exactness(level="refused", fault="shared")
        return before.assess(change)

    def compared(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """The codes of the slice, and all scales, biases and zero points."""
        others = (self.scales, self.biases, None if self.zeros is None else self.zeros.grid)
        nested = () if self.nested is None else (StoredGrid(tensor=as_two_axes(self.nested.scales), shape=self.shape).whole,)
        return (self.codes.cover(axis, block), *(grid.whole for grid in others if grid is not None), *nested)

    def as_compared(self, axis: int, block: range, old: Sequence[Values], new: Sequence[Values]) -> tuple[Values, Values]:
        """The slice's scales and biases if they alone differ; otherwise the numbers, without the common scale."""
        if len(old) < len(self.compared(axis, block)):
            return old[0], new[0]
        is_same = [one.tobytes() == other.tobytes() for one, other in zip(old, new, strict=True)]
        own = self._own_scales(axis, block)
        if is_same[0] and own and self.nested is None and all(is_same[1 + len(own) :]):
            one, other = (self._cut_scales(stored[1 : 1 + len(own)], own) for stored in (old, new))
            return one, other
        before, after = (self._numbers(axis, block, stored, 1.0).values for stored in (old, new))
        return before, after

    @cached_property
    def _scale_dtype(self) -> np.dtype[Any]:
        return _STORED[self.scale_type or self.scales.tensor.dtype]

    @property
    def _has_only_powers(self) -> bool:
        return self._scale_dtype in fp8.POWERS.values()

    def _goes_by_scale(self, axis: int, block: range, change: Change) -> bool:
        factor = change.factor
        if factor is None or factor == 1 or not self.has_own_scales(axis, block):
            return False
        if self.nested is not None:
            return factor > 0
        if self._has_only_powers:
            return factor > 0 and math.frexp(factor)[0] == 0.5
        return factor >= 0 or self._scale_dtype.itemsize > 1

    def _own_scales(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        if not self.has_own_scales(axis, block):
            return ()
        cuts = [None if grid is None else grid.cut(axis, block) for grid in (self.scales, self.biases)]
        return tuple(cut for cut in cuts if cut is not None)

    def _as_scales(self, rows: ByteArray) -> Values:
        return np.ascontiguousarray(rows).view(self._scale_dtype)

    def _change_nested(
        self, checkpoint: Checkpoint, part: StoredSlice, rows: ByteArray, change: Change
    ) -> tuple[ByteArray, Exactness]:
        """Nested scales times a factor, as codes, and how exact they are."""
        assert self.nested is not None
        assert change.factor is not None  # only multiplications change scales
        spans = [part.block if axis == part.axis else range(extent) for axis, extent in enumerate(part.tensor.shape)]
        places = np.arange(spans[0].start, spans[0].stop)[:, None] * part.tensor.shape[1] + np.arange(spans[1].start, spans[1].stop)
        stored = checkpoint.read_tensor(checkpoint.tensors[self.nested.scales.name]).view(np.float32).astype(np.float64)
        codes, exactness = self.nested.multiply(rows, stored[places // self.nested.size], change.factor)
        return codes, exactness

    @staticmethod
    def _multiply(scales: Values, factor: float) -> Values:
        """Scales times a factor, rounded once; +0 at factor 0."""
        return np.zeros_like(scales) if factor == 0 else multiply(scales, factor)

    def _assess_scales(self, scales: Values, change: Change) -> Exactness:
        factor = change.factor
        assert factor is not None  # only multiplications change scales
        if factor == 0:
            return Exactness(level="exact", of="scales")
        stored = self._multiply(scales, factor)
        if self._has_only_powers:
            return fp8.assess_powers(scales, factor)
        return assess_rounding(scales, stored, change, limit=_MAX_SCALE_ROUNDING[self._scale_dtype.itemsize], of="scales")

    def _cut_scales(self, stored: Sequence[Values], own: Sequence[StoredSlice]) -> Values:
        """The slice's own scales and biases, side by side."""
        cut = [
            values[part.block.start : part.block.stop] if part.axis == 0 else values[:, part.block.start : part.block.stop]
            for values, part in zip(stored, own, strict=True)
        ]
        return self._as_scales(np.ascontiguousarray(np.concatenate(cut, axis=1)).view(np.uint8))

    def _read(self, checkpoint: Checkpoint, axis: int, block: range, *, codes: Codes | None = None) -> _Numbers:
        """The numbers of a slice, in parts; with codes that were read before, if given."""
        parts = self.compared(axis, block)
        stored = [None if codes is not None and part is parts[0] else _read(checkpoint, part) for part in parts]
        common = self.common
        if isinstance(common, TensorInfo):
            tensor = checkpoint.tensors[common.name]
            common = float(checkpoint.read_tensor(tensor).view(_STORED[tensor.dtype])[0])
        with np.errstate(divide="ignore"):
            common = np.float64(1) / common if self.divides else common
        return self._numbers(axis, block, stored, float(common), codes=codes)

    @np.errstate(over="ignore", invalid="ignore")  # inf and nan are refused later
    def _numbers(
        self, axis: int, block: range, stored: Sequence[Values | None], common: float, *, codes: Codes | None = None
    ) -> _Numbers:
        elements, *others = stored
        if codes is None:
            assert elements is not None
            codes = self.packing.unpack(self.codes.upright(elements))
        first = block.start // self.codes.block[axis] * self.codes.block[axis]
        cut = slice(block.start - first, block.stop - first)
        codes = codes[cut] if axis == 0 else codes[:, cut]
        grids = [grid for grid in (self.scales, self.biases) if grid is not None]
        scales, *biases = (
            self._spread(grid, self._decode_scales(grid, values, others[-1]), axis, block)
            for grid, values in zip(grids, others, strict=False)
            if values is not None
        )
        zeros: Values | int = self.zero
        if self.zeros is not None:
            values = others[len(grids)]
            assert values is not None
            points = self.zeros.packing.unpack(self.zeros.grid.upright(values))[: self.shape[0]].astype(np.int64)
            zeros = self._spread(self.scales, points + self.zeros.offset, axis, block)
        return _Numbers(
            codes=codes,
            scales=scales * common,
            zeros=zeros,
            biases=biases[0] if biases else None,
            levels=self.levels,
            bits=self.packing.bits,
        )

    def _decode_scales(self, grid: StoredGrid, stored: Values, last: Values | None) -> Values:
        """Scales or biases, in float64, with their rows along the matrix's rows; `last` are the scales of nested ones."""
        if self.nested is not None:
            assert last is not None
            return self.nested.decode(stored, last.ravel())
        return grid.upright(self._as_scales(stored.view(np.uint8))).astype(np.float64)

    def _spread(self, grid: StoredGrid, elements: Values, axis: int, block: range) -> Values:
        if self.groups is not None:
            columns = np.frombuffer(self.groups, np.int32)
            grid, elements = replace(grid, block=(grid.block[0], 1)), elements[:, columns]
        return grid.spread(elements, axis, block)


def find_qweights(
    checkpoint: Checkpoint, ends: Sequence[str], shape_of: Callable[[TensorInfo], tuple[int, int]]
) -> Iterator[PackedWeight]:
    """Every weight that is stored as `qweight`.

    Args:
        checkpoint: The checkpoint.
        ends: Of the names of all tensors of a weight.
        shape_of: Tells the weight's [out, in] from the tensor `qweight`.
    """
    for name, tensor in checkpoint.tensors.items():
        if name.endswith(".qweight") and len(tensor.shape) == 2:
            stem = name.removesuffix("qweight")
            tensors = tuple(stem + end for end in ends if stem + end in checkpoint.tensors)
            yield PackedWeight(name=f"{stem}weight", shape=shape_of(tensor), tensors=tensors)


def parts_beside(checkpoint: Checkpoint, stem: str, ends: Sequence[str]) -> list[TensorInfo]:
    """The tensors of a quantized weight, in the order of their names' ends. The first is there.

    Raises:
        ArchitectureError: One is missing.
    """
    lacking = [end for end in ends if stem + end not in checkpoint.tensors]
    if lacking:
        raise refuse(checkpoint.tensors[stem + ends[0]], f"no {lacking[0]} beside it")
    return [checkpoint.tensors[stem + end] for end in ends]


def check_extents(*grids: tuple[StoredGrid, Collection[str]]) -> None:
    """Refuse tensors that have another shape than their format demands, or a type that is not one of those named.

    Raises:
        ArchitectureError: One has.
    """
    for grid, dtypes in grids:
        if grid.tensor.dtype not in dtypes or grid.tensor.shape != grid.extents:
            found = f"is {grid.tensor.dtype} {list(grid.tensor.shape)}"
            raise refuse(grid.tensor, f"{found}, expected {' or '.join(dtypes)} {list(grid.extents)}")


def read_groups(checkpoint: Checkpoint, name: str, inputs: int, group: int, num_groups: int) -> bytes | None:
    """The group of each input, as int32; None if they lie one after another.

    Args:
        checkpoint: The checkpoint.
        name: Name of the tensor that says so, if there is one. Where it is -1 everywhere, it says nothing.
        inputs: Number of inputs.
        group: Inputs of a group.
        num_groups: Number of groups.

    Raises:
        ArchitectureError: It is not a list of groups.
    """
    tensor = checkpoint.tensors.get(name)
    if tensor is None:
        return None
    if tensor.dtype != "I32" or tensor.shape != (inputs,):
        raise refuse(tensor, f"is {tensor.dtype} {list(tensor.shape)}, expected I32 [{inputs}]")
    groups = checkpoint.read_tensor(tensor).view(np.int32)
    if np.array_equal(groups, np.arange(inputs) // group) or (groups == -1).all():
        return None
    if groups.min(initial=0) < 0 or groups.max(initial=0) >= num_groups:
        raise refuse(tensor, f"names group {groups.max(initial=0)} of {num_groups}")
    return groups.tobytes()


def refuse(tensor: TensorInfo, found: str) -> ArchitectureError:
    """The error for a weight that is not stored as its format demands."""
    return ArchitectureError(f"{tensor.name}: {found}", hint="edit the unquantized model and quantize the result")


@dataclass(frozen=True, kw_only=True)
class _Numbers:
    """The numbers of a slice, in parts; arrays are [rows, columns].

    Args:
        codes: The codes.
        scales: The scale of each number.
        zeros: The code that means 0, of each number or of all.
        biases: What is added to each number, if anything is.
        levels: The number that each code stands for; None: itself.
        bits: Bits of a code.
    """

    codes: Codes
    scales: Values
    zeros: Values | int
    biases: Values | None
    levels: tuple[float, ...] | None
    bits: int

    @cached_property
    def values(self) -> npt.NDArray[np.float64]:
        """The numbers."""
        return self._decode(self._levels_of(self.codes))

    def wanted(self, change: Change) -> npt.NDArray[np.float64]:
        """What the codes should stand for after a change, before rounding."""
        levels, factor = self._levels_of(self.codes), change.factor
        if factor is not None and self.biases is None:
            return (levels - self.zeros) * factor + self.zeros
        numbers = change(self.values)
        if self.biases is not None:
            numbers = numbers - self.biases
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(self.scales == 0, np.where(numbers == 0, self.zeros, np.inf), numbers / self.scales + self.zeros)

    def nearest(self, wanted: npt.NDArray[np.float64]) -> Codes:
        """The codes that stand for the nearest numbers."""
        if self.levels is None:
            return np.clip(np.rint(np.nan_to_num(wanted)), 0, (1 << self.bits) - 1).astype(np.uint8)
        levels, codes = np.unique(np.asarray(self.levels), return_index=True)  # +0 comes before -0
        return codes[np.searchsorted((levels[1:] + levels[:-1]) / 2, wanted)].astype(np.uint8)

    def assess(self, change: Change) -> Exactness:
        """How exactly codes can hold the result of a change."""
        wanted, factor = self.wanted(change), change.factor
        codes = self.nearest(wanted)
        levels = self._levels_of(codes)
        if np.any(self.zeros != np.clip(self.zeros, 0, (1 << self.bits) - 1)) or (factor == 0 and self._decode(levels).any()):
            return Exactness(level="refused", fault="no_zero")
        if factor == 0:
            return Exactness(level="exact")
        low, high = self._ends()
        if not np.isfinite(wanted).all() or wanted.max(initial=low) > high or wanted.min(initial=high) < low:
            return Exactness(level="refused", fault="overflow")
        errors, limit = np.round(np.abs(levels - wanted), 9), _MAX_ROUNDING[self.bits]  # decoding and encoding in float64
        size = (wanted - self.zeros) * self.scales if self.biases is None else change(self.values)
        if np.linalg.norm(errors * self.scales) > limit * np.linalg.norm(size):
            return Exactness(level="refused", fault="too_small", limit=limit)
        if not errors.any():
            return Exactness(level="exact")
        if np.array_equal(codes, self.codes):
            return Exactness(level="refused", fault="no_change")
        in_steps = errors / self._steps(levels)
        return Exactness(level="rounded", largest=float(in_steps.max()), mean=float(in_steps.mean()))

    def _levels_of(self, codes: Codes) -> npt.NDArray[np.float64]:
        return codes.astype(np.float64) if self.levels is None else np.asarray(self.levels)[codes]

    def _decode(self, levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        with np.errstate(over="ignore", invalid="ignore"):  # inf and nan are refused later
            numbers: npt.NDArray[np.float64] = (levels - self.zeros) * self.scales
            return numbers if self.biases is None else numbers + self.biases

    def _ends(self) -> tuple[float, float]:
        """Below and above them, not even rounding gives a code."""
        if self.levels is None:
            return -0.5, (1 << self.bits) - 0.5
        known = np.unique(np.asarray(self.levels)).tolist()
        return known[0] - (known[1] - known[0]) / 2, known[-1] + (known[-1] - known[-2]) / 2

    def _steps(self, levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | float:
        """Distance from each level to the nearest other one."""
        if self.levels is None:
            return 1.0
        known = np.unique(np.asarray(self.levels))
        gaps = np.diff(known)
        place = np.searchsorted(known, levels)
        return np.minimum(gaps[np.minimum(place, len(gaps) - 1)], gaps[np.maximum(place - 1, 0)])


def _read(checkpoint: Checkpoint, part: StoredSlice) -> Values:
    """The stored elements of a slice, [rows, columns]."""
    return np.ascontiguousarray(checkpoint.read_slice(checkpoint.here(part))).view(_STORED[part.tensor.dtype])
