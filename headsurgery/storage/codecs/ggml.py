"""The block types of GGML (GGUF files): a head's columns or rows are changed inside their blocks.

How a multiplication changes the elements of a head that are in one block:

- The head has the whole block: the block's scale (and offset) is multiplied, and rounded once to float16.
- It shares the block, but has scales (and offsets) of its own within it, as in K-quants: these are multiplied, and rounded.
- It has neither, because a scale applies to a neighbour's elements too: its codes are rounded anew under the scales as they are.

For factor 0 the scale becomes 0, or else the code does, if the type has one that means 0. Other changes round all codes anew.
Invariant: no bit changes that belongs to an element of a neighbour; `block_types` knows each bit's elements. Rounding is judged by
the elements that come out, and refused above `_MAX_ROUNDING`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from headsurgery.errors import ArchitectureError
from headsurgery.storage.block_types import BLOCK_TYPES, Bits, BlockType, Floats, Ints, Numbers
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs.matrix import Change, Codec, Exactness, OneTensor, Rewriter, Values, rewrite_whole
from headsurgery.storage.tensors import ByteArray, StoredSlice

_MAX_ROUNDING = 0.2
"""Relative error (L2) of a changed block above which its type can't hold the change. Quantizing to 4 bits has cost about 0.1."""
_ELEMENTS_AT_ONCE = 2**19
"""Elements that are decoded at a time, so that memory stays small."""


@dataclass(frozen=True, kw_only=True)
class GgmlMatrix(OneTensor):
    """A weight in blocks."""

    @property
    def _kind(self) -> BlockType:
        return BLOCK_TYPES[self.tensor.dtype]

    def has_own_scales(self, axis: int, block: range) -> bool:
        """Whether some scale of each element applies to no element outside of the slice."""
        finest = self._kind.levels[-1][0]
        run = self._kind.run_of(finest)
        return axis == 0 or (block.start % run == 0 and block.stop % run == 0)

    def read(self, checkpoint: Checkpoint, axis: int, block: range) -> Values:
        """Its elements, in float64.

        Raises:
            ArchitectureError: The type has no codes of its own for each element.
        """
        if self._kind.codes is None:
            raise ArchitectureError(f"{self.tensor.name}: the numbers of {self.tensor.dtype} can't be read, only multiplied")
        part = StoredSlice(tensor=checkpoint.tensors[self.tensor.name], axis=axis, block=block)
        return decode_slice(checkpoint.read_slice(part), part)

    def rewriter(self, checkpoint: Checkpoint, part: StoredSlice, change: Change) -> Rewriter:
        """Multiplications are done chunk by chunk, other changes on the whole slice at once."""
        if change.factor is not None:
            return lambda rows, _: np.concatenate([_rewrite(part, some, change).rows for some in _in_steps(part, rows)])
        return rewrite_whole(part, lambda: checkpoint.read_slice(part), lambda rows: _rewrite(part, rows, change).rows)

    def assess(self, checkpoint: Checkpoint, axis: int, block: range, change: Change) -> Exactness:
        """What comes out, compared with what the change gives."""
        if change.factor == 1:
            return Exactness(level="exact")
        (part,) = self.owned(axis, block)
        if self._kind.codes is None and (change.factor is None or part.own_bits is not None):
            return Exactness(level="refused", fault="shared")
        tally, rows = _Tally(), checkpoint.read_slice(part)
        for some in [rows] if change.factor is None else _in_steps(part, rows):
            tally.add(_rewrite(part, some, change))
        return tally.judge(change)


@dataclass(kw_only=True)
class _Rewritten:
    """Some rows of a slice after a change.

    Args:
        rows: Their bytes.
        before: Their elements before.
        wanted: What the change gives.
        after: What is stored.
        scale_errors: Errors of rounded scales and offsets, in their own steps.
        code_errors: The same of codes.
        factors: By what scales and offsets were really multiplied.
        overflows: Whether a scale, an offset or a code is beyond what can be stored.
        lacks_zero: Whether elements were to become 0 whose type has no code for it.
    """

    rows: ByteArray
    before: Floats
    wanted: Floats
    after: Floats
    scale_errors: list[Floats] = field(default_factory=list)
    code_errors: list[Floats] = field(default_factory=list)
    factors: list[Floats] = field(default_factory=list)
    overflows: bool = False
    lacks_zero: bool = False


def _rewrite(part: StoredSlice, rows: ByteArray, change: Change) -> _Rewritten:
    """Change the slice's elements in some of its rows, or in all of them if the change is no multiplication."""
    kind = BLOCK_TYPES[part.tensor.dtype]
    before = _decode(kind, part, rows)
    with np.errstate(invalid="ignore", over="ignore"):
        wanted = before * change.factor if change.factor is not None else change(before)
    done = _Rewritten(rows=np.array(rows), before=before, wanted=wanted, after=before)
    if change.factor == 1:  # several bit patterns may stand for one number, so nothing is stored anew
        return done
    for window in _windows(kind, part):
        blocks = window.take(done.rows)
        bits = kind.unpack(blocks)
        _change_window(kind, bits, window, window.of(wanted), change.factor, done)
        window.put(done.rows, np.packbits(bits, axis=1, bitorder="little"))
    done.after = _decode(kind, part, done.rows)
    return done


@dataclass(frozen=True, kw_only=True)
class _Window:
    """Adjacent blocks of each row, in all of which the slice has the same elements.

    Args:
        kind: Their type.
        first: The first block, counted from the first of the slice.
        count: Blocks in each row.
        start: The first own element of each block.
        stop: Where the own elements end.
        at: The window's first element among the slice's own.
    """

    kind: BlockType
    first: int
    count: int
    start: int
    stop: int
    at: int

    def take(self, rows: ByteArray) -> ByteArray:
        """The blocks of some rows, [blocks, bytes]."""
        size = self.kind.num_bytes
        return np.ascontiguousarray(rows[:, self.first * size : (self.first + self.count) * size]).reshape(-1, size)

    def put(self, rows: ByteArray, blocks: ByteArray) -> None:
        """Write the blocks back."""
        size = self.kind.num_bytes
        rows[:, self.first * size : (self.first + self.count) * size] = blocks.reshape(len(rows), -1)

    def of(self, values: Floats) -> Floats:
        """The window's part of the slice's own elements, [blocks, elements]."""
        width = self.stop - self.start
        return values[:, self.at : self.at + self.count * width].reshape(-1, width)


def _windows(kind: BlockType, part: StoredSlice) -> Iterator[_Window]:
    """The blocks of a slice: those that it has whole, and those at its ends that it shares."""
    if part.axis == 0:
        yield _Window(kind=kind, first=0, count=part.tensor.shape[1] // kind.size, start=0, stop=kind.size, at=0)
        return
    own, whole = part.block, part.whole_blocks
    at = own.start
    while at < own.stop:
        inside, end = at % kind.size, at // kind.size * kind.size + kind.size
        count = 1
        if inside == 0 and own.stop >= end:
            count = (own.stop - at) // kind.size
        stop = min(own.stop, end) - (end - kind.size)
        yield _Window(kind=kind, first=(at - whole.start) // kind.size, count=count, start=inside, stop=stop, at=at - own.start)
        at += (stop - inside) if count == 1 else count * kind.size


def _change_window(kind: BlockType, bits: Bits, window: _Window, wanted: Floats, factor: float | None, done: _Rewritten) -> None:
    """Change the own elements of blocks, given as bits."""
    level, inside = _find_lever(kind, window, factor)
    start = stop = window.start
    if level:
        assert factor is not None  # only multiplications change scales
        run = kind.run_of(level[0])
        start, stop = inside.start * run, inside.stop * run
        for numbers in level:
            _multiply(numbers, bits, inside, factor, done)
    for first, last in ((window.start, start), (stop, window.stop)):
        if first < last:
            _recode(kind, bits, (first, last), wanted[:, first - window.start : last - window.start], factor, done)


def _find_lever(kind: BlockType, window: _Window, factor: float | None) -> tuple[tuple[Numbers, ...], slice]:
    """The scales and offsets that belong to own elements alone and can hold the products; the coarsest ones, if several do."""
    for level in kind.levels if factor is not None else ():
        inside = kind.inside(level[0], window.start, window.stop)
        if inside.start < inside.stop and all(_can_hold(numbers, float(factor or 0)) for numbers in level):
            return level, inside
    return (), slice(0, 0)


def _can_hold(numbers: Numbers, factor: float) -> bool:
    """Whether numbers of a kind can be multiplied, up to rounding."""
    if factor == 0:
        return numbers.has_zero
    if factor < 0:
        return numbers.has_both_signs
    return not numbers.are_powers or math.frexp(factor)[0] == 0.5


def _multiply(numbers: Numbers, bits: Bits, which: slice, factor: float, done: _Rewritten) -> None:
    """Multiply scales or offsets, and round them."""
    with np.errstate(invalid="ignore", over="ignore"):
        old = numbers.values[numbers.read(bits, which)]
        wanted = old * factor
    patterns = _store(numbers, bits, which, wanted, done, done.scale_errors)
    if old.any():
        done.factors.append(numbers.values[patterns[old != 0]] / old[old != 0])


def _recode(kind: BlockType, bits: Bits, own: tuple[int, int], wanted: Floats, factor: float | None, done: _Rewritten) -> None:
    """Round codes anew, under the scales and offsets as they are. Where the scale is 0, codes mean nothing and stay."""
    codes = kind.codes
    if codes is None:  # refused before
        return
    scales, offsets = kind.scales(bits, *own), kind.offsets(bits, *own)
    old = codes.values[codes.read(bits, slice(*own))]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        targets = np.where(scales == 0, old, (wanted - offsets) / scales)
    done.lacks_zero |= factor == 0 and not (codes.has_zero and not offsets.any())
    _store(codes, bits, slice(*own), targets, done, done.code_errors)


def _store(numbers: Numbers, bits: Bits, which: slice, wanted: Floats, done: _Rewritten, errors: list[Floats]) -> Ints:
    """Store the nearest numbers, and note their errors. Returns their bit patterns."""
    patterns = numbers.nearest(wanted)
    numbers.write(bits, patterns, which)
    done.overflows |= numbers.overflows(wanted)
    with np.errstate(invalid="ignore"):
        errors.append((np.abs(numbers.values[patterns] - wanted) / numbers.steps_at(patterns)).ravel())
    return patterns


def _decode(kind: BlockType, part: StoredSlice, rows: ByteArray) -> Floats:
    """The slice's own elements in some of its rows, [rows, elements]."""
    found = np.empty((len(rows), len(part.block) if part.axis else part.tensor.shape[1]))
    for window in _windows(kind, part):
        values = kind.decode(kind.unpack(window.take(rows)), window.start, window.stop)
        found[:, window.at : window.at + window.count * (window.stop - window.start)] = values.reshape(len(rows), -1)
    return found


@dataclass(kw_only=True)
class _Tally:
    """Sums up what changed rows show."""

    wanted: float = 0.0
    lost: float = 0.0
    source_is_finite: bool = True
    result_is_finite: bool = True
    is_exact: bool = True
    is_same: bool = True
    overflows: bool = False
    lacks_zero: bool = False
    largest: float = 0.0
    total: float = 0.0
    count: int = 0
    has_rounded_codes: bool = False
    factors: list[Floats] = field(default_factory=list)

    def add(self, done: _Rewritten) -> None:
        """Add some rows."""
        self.source_is_finite &= bool(np.isfinite(done.before).all())
        self.result_is_finite &= bool(np.isfinite(done.after).all() and np.isfinite(done.wanted).all())
        self.overflows |= done.overflows
        self.lacks_zero |= done.lacks_zero
        if not (self.source_is_finite and self.result_is_finite):
            return
        lost = done.after - done.wanted
        self.is_exact &= not lost.any()
        self.is_same &= np.array_equal(done.after, done.before)
        self.lost += float((lost**2).sum())
        self.wanted += float((done.wanted**2).sum())
        self.factors += done.factors
        self.has_rounded_codes |= any(errors.any() for errors in done.code_errors)
        for errors in (*done.scale_errors, *done.code_errors):
            self.largest = max(self.largest, float(errors.max(initial=0)))
            self.total += float(errors.sum())
            self.count += errors.size

    def judge(self, change: Change) -> Exactness:
        """How exact the change of all rows is."""
        of: Literal["values", "scales"] = "values" if self.has_rounded_codes else "scales"
        if not self.source_is_finite:
            return Exactness(level="refused", fault="not_finite")
        if self.lacks_zero and not self.is_exact:
            return Exactness(level="refused", fault="no_zero")
        is_beyond = self.overflows and change.factor is not None  # of other changes, all that is lost is judged below
        if is_beyond or not self.result_is_finite:
            return Exactness(level="refused", fault="overflow")
        if self.is_exact:
            return Exactness(level="exact", of="values" if change.factor == 0 else of)
        if self.lost > _MAX_ROUNDING**2 * self.wanted:
            return Exactness(level="refused", fault="too_coarse", limit=_MAX_ROUNDING)
        if self.is_same:
            return Exactness(level="refused", fault="no_change")
        factors = None
        if self.factors:
            low, high = np.quantile(np.concatenate(self.factors), [0.05, 0.95])
            factors = float(low), float(high)
        return Exactness(level="rounded", largest=self.largest, mean=self.total / max(1, self.count), of=of, factors=factors)


def _in_steps(part: StoredSlice, rows: ByteArray) -> Iterator[ByteArray]:
    """The rows of a slice, a few at a time, so that decoding them takes little memory."""
    step = max(1, _ELEMENTS_AT_ONCE // (len(part.whole_blocks) if part.axis else part.tensor.shape[1]))
    return (rows[first : first + step] for first in range(0, len(rows), step))


def decode_slice(rows: ByteArray, part: StoredSlice) -> Floats:
    """The own elements of a slice, [rows, elements], from its bytes, a part of its rows after the other."""
    kind = BLOCK_TYPES[part.tensor.dtype]
    return np.concatenate([_decode(kind, part, some) for some in _in_steps(part, rows)])


def decode_rows(data: ByteArray, dtype: str) -> npt.NDArray[Any]:
    """The elements of whole rows, [rows, elements], in float32, as GGML itself computes."""
    kind = BLOCK_TYPES[dtype]
    blocks = np.ascontiguousarray(data).reshape(-1, kind.num_bytes)
    step = max(1, _ELEMENTS_AT_ONCE // kind.size)
    values = [kind.decode(kind.unpack(blocks[first : first + step])).astype(np.float32) for first in range(0, len(blocks), step)]
    return np.concatenate(values or [np.empty((0, kind.size), np.float32)]).reshape(len(data), -1)


def differing_elements(old: ByteArray, new: ByteArray, dtype: str) -> npt.NDArray[np.bool_]:
    """Which elements of whole rows have a bit that differs, [rows, elements]; the bits of a scale belong to all of its elements."""
    kind = BLOCK_TYPES[dtype]
    differences = np.ascontiguousarray(old ^ new).reshape(-1, kind.num_bytes)
    found = np.zeros((len(differences), kind.size), dtype=np.bool_)
    (touched,) = differences.any(axis=1).nonzero()
    step = max(1, _ELEMENTS_AT_ONCE // kind.size)
    for first in range(0, len(touched), step):
        which = touched[first : first + step]
        found[which] = kind.touched(kind.unpack(differences[which]))
    return found.reshape(len(old), -1)


def open_ggml(checkpoint: Checkpoint, name: str) -> GgmlMatrix | None:
    """Open a matrix of a block type; None if it is stored in another way."""
    tensor = checkpoint.tensors.get(name)
    is_matrix = tensor is not None and tensor.dtype in BLOCK_TYPES and len(tensor.shape) == 2
    return GgmlMatrix(tensor=tensor) if tensor is not None and is_matrix else None


CODEC = Codec(says="the block types of GGUF files (Q4_K, Q8_0, ...)", open=open_ggml)
