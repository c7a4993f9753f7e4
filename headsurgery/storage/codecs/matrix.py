"""What a codec offers for one matrix, and the terms that surgery and codecs share: changes, slices, and how exact a change is.

An operation is a `Change`: it maps the numbers of a slice, as floats, to new ones. A codec knows how a matrix stores its numbers.
It reads a slice as floats, names the stored slices that a change rewrites, tells how exact the result will be, and rewrites the
bytes.
Invariant: nothing outside these stored slices changes by a bit, and no bit that belongs to another head's numbers. The slices of
two heads overlap only where blocks hold both (`StoredSlice.own_bits`), and never in their own bits. Undo, verify and diff rely on
that. Where a stored element (such as an int32 of eight 4-bit codes) holds numbers of two heads, the change is refused as `shared`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.tensors import ByteArray, StoredSlice, TensorInfo

Values = npt.NDArray[Any]
"""Numbers of a slice, [rows, columns]; for a vector [rows, 1]."""
Rewriter = Callable[[ByteArray, int], ByteArray]
"""Called with the bytes of some rows of a stored slice, [rows, bytes], and the index of the first; returns their new bytes."""
Level = Literal["exact", "rounded", "refused"]
Fault = Literal["not_finite", "overflow", "too_small", "no_change", "no_zero", "shared", "too_coarse"]
"""Why a change can't be stored. `not_finite`: the old values hold inf or nan. `overflow`: the result overflows the stored type.
`too_small`: rounding removes too much of the result. `no_change`: rounding removes the whole change. `no_zero`: the head shares its
scales with others, and under these scales no code means 0. `shared`: a stored element holds numbers of this head and of another.
`too_coarse`: rounding changes the result by more than `Exactness.limit`, since the head shares its scales, or has few steps."""


class Change(Protocol):
    """What an operation does to the numbers of a slice."""

    @property
    def factor(self) -> float | None:
        """The factor, if the change is a multiplication; else None. A codec may then multiply a scale, or store zeros."""

    def __call__(self, values: Values) -> Values:
        """The new numbers of a whole slice, from the old ones in float32 (float64 if they are stored as float64)."""


@dataclass(frozen=True, kw_only=True)
class Multiply:
    """Multiplication by a factor.

    Args:
        factor: The factor.
    """

    factor: float

    def __call__(self, values: Values) -> Values:
        """The products."""
        product: Values = values * values.dtype.type(self.factor)
        return product


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """How exactly a stored slice can hold the result of a change.

    Args:
        level: `exact`: the stored numbers are the result. `rounded`: they are the result, rounded once. `refused`: it can't be
            stored.
        largest: The largest error, in steps of the stored type. A step is the distance from a number to the next.
        mean: The mean error, in the same steps.
        of: What is rounded: the values, or their scales.
        factors: Where the scales of blocks were rounded: between which two factors nine of ten came out.
        fault: Why the change is refused.
        limit: For `too_small` and `too_coarse`: the share of the result that rounding may remove.
    """

    level: Level
    largest: float = 0.0
    mean: float = 0.0
    of: Literal["values", "scales"] = "values"
    factors: tuple[float, float] | None = None
    fault: Fault | None = None
    limit: float = 0.01

    def __str__(self) -> str:
        """The wording of tables."""
        what = "" if self.of == "values" else f" {self.of}"
        if self.level != "rounded":
            return f"{self.level}{what}"
        factors = "" if self.factors is None else f"; nine of ten between × {self.factors[0]:.4g} and × {self.factors[1]:.4g}"
        return f"rounded{what}, by {self.mean:.2g} steps on average, {self.largest:.2g} at most{factors}"

    def to_json(self) -> dict[str, Any]:
        """The form in plans and manifests; errors are in steps."""
        factors = {} if self.factors is None else {"factors": list(self.factors)}
        return {"level": self.level, "of": self.of, "largest_error": self.largest, "mean_error": self.mean, **factors}


class Matrix(Protocol):
    """One weight or bias, as its codec stores it.

    It is a description, read from headers. `read` finds the tensors by name, so it also works on any other checkpoint that stores
    them in the same way.
    """

    def __hash__(self) -> int:
        """Equal descriptions have equal hashes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its rows and columns, however they are stored: [out, in], or [out] for a bias."""

    @property
    def tensor(self) -> TensorInfo:
        """The stored tensor that holds its numbers or, if they have scales, their codes."""

    @property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """All stored tensors that make up the matrix."""

    @property
    def format(self) -> str:
        """Its number format, in words."""

    @property
    def stored_type(self) -> str:
        """What messages call the type of its stored numbers."""

    def has_own_scales(self, axis: int, block: range) -> bool:
        """Whether the scales of a slice apply to no other number. True if there are no scales."""

    def read(self, checkpoint: Checkpoint, axis: int, block: range) -> Values:
        """Read a slice of its numbers, as floats of a type that holds them exactly."""

    def owned(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """All stored slices whose own bits hold only numbers of this slice. Changes rewrite no others."""

    def rewritten(self, axis: int, block: range, change: Change) -> tuple[StoredSlice, ...]:
        """The stored slices that a change of this slice rewrites. They don't depend on the stored values."""

    def rewriter(self, checkpoint: Checkpoint, part: StoredSlice, change: Change) -> Rewriter:
        """A function that rewrites one stored slice.

        Args:
            checkpoint: Where the values that it depends on are read.
            part: One of `rewritten`.
            change: The change.
        """

    def assess(self, checkpoint: Checkpoint, axis: int, block: range, change: Change) -> Exactness:
        """Tell how exact a change of this slice will be."""

    def compared(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """The stored slices that `as_compared` needs."""

    def as_compared(self, axis: int, block: range, old: Sequence[Values], new: Sequence[Values]) -> tuple[Values, Values]:
        """The numbers that show by what factor a slice differs from one of the same format.

        Args:
            axis: See `read`.
            block: See `read`.
            old: Stored elements of each slice of `compared`, from the base; of the first alone if the others have no twin.
            new: The same from the edited checkpoint.

        Returns:
            The numbers of both, of one stored type.
        """


@dataclass(frozen=True, kw_only=True)
class OneTensor:
    """The part of `Matrix` that is the same wherever one tensor of its name and shape holds all numbers of a matrix.

    Args:
        tensor: The tensor.
    """

    tensor: TensorInfo

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's."""
        return self.tensor.shape

    @property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """The one tensor."""
        return (self.tensor,)

    @property
    def format(self) -> str:
        """Its stored type."""
        return self.tensor.dtype

    @property
    def stored_type(self) -> str:
        """The same."""
        return self.tensor.dtype

    def owned(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """The slice itself."""
        return (StoredSlice(tensor=self.tensor, axis=axis, block=block),)

    def rewritten(self, axis: int, block: range, change: Change) -> tuple[StoredSlice, ...]:
        """The slice itself."""
        return self.owned(axis, block)

    def compared(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """The slice itself."""
        return self.owned(axis, block)

    def as_compared(self, axis: int, block: range, old: Sequence[Values], new: Sequence[Values]) -> tuple[Values, Values]:
        """The numbers themselves."""
        return old[0], new[0]


@dataclass(frozen=True, kw_only=True)
class PackedWeight:
    """A weight that is stored under another name or in another shape.

    Args:
        name: The name that it would have in plain floats, such as `model.layers.0.self_attn.o_proj.weight`.
        shape: The shape that it would have: [out, in].
        tensors: Names of the tensors that hold it.
    """

    name: str
    shape: tuple[int, int]
    tensors: tuple[str, ...]


def _none(checkpoint: Checkpoint) -> Iterator[PackedWeight]:
    return iter(())


@dataclass(frozen=True, kw_only=True)
class Codec:
    """What a number format declares.

    Args:
        says: Its name in messages.
        open: Gets a checkpoint and the name of a weight or bias. Returns None if that isn't stored in this format.
        find: The checkpoint's weights in this format, if they have other names or shapes than plain ones.
        elements: Stored types whose elements can be read as numbers.
    """

    says: str
    open: Callable[[Checkpoint, str], Matrix | None]
    find: Callable[[Checkpoint], Iterator[PackedWeight]] = _none
    elements: Mapping[str, np.dtype[Any]] = field(default_factory=dict)


def rewrite_whole(part: StoredSlice, read: Callable[[], ByteArray], change: Callable[[ByteArray], ByteArray]) -> Rewriter:
    """A rewriter for a change that needs the whole slice at once.

    Args:
        part: The stored slice.
        read: Reads all bytes of the slice, for callers that pass in only some of them.
        change: Computes all new bytes from all old ones.
    """
    made: list[ByteArray] = []

    def rewrite(rows: ByteArray, first: int) -> ByteArray:
        if len(rows) == part.num_rows:
            return change(rows)
        if not made:
            made.append(change(read()))
        found = made[0][first : first + len(rows)]
        if first + len(rows) == part.num_rows:
            made.clear()
        return found

    return rewrite


def round_to(values: Values, dtype: np.dtype[Any]) -> Values:
    """Round floats to a stored type, to nearest, ties to even. Values that overflow become inf or nan."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded: Values = values.astype(dtype)
        return rounded


def multiply(values: Values, factor: float) -> Values:
    """Multiply in float32 (float64 for F64) and round once to the stored type (law 5). Factor 1 returns the values as they are."""
    if factor == 1:
        return values
    wide = np.float64 if values.dtype == np.float64 else np.float32
    with np.errstate(over="ignore", invalid="ignore"):
        return round_to(values.astype(wide) * wide(factor), values.dtype)


def steps_of(values: Values) -> npt.NDArray[np.float64]:
    """Distance from the magnitude of each stored number to the next larger one; for the largest, to the next smaller one."""
    if values.dtype.itemsize <= 2:
        found: npt.NDArray[np.float64] = _steps_by_code(values.dtype)[values.view(f"u{values.dtype.itemsize}")]
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.abs(np.spacing(np.abs(values)).astype(np.float64))
        return found


@cache
def _steps_by_code(dtype: np.dtype[Any]) -> npt.NDArray[np.float64]:
    """`steps_of` for every bit pattern of a small type; nan for inf and nan."""
    codes = np.arange(2 ** (8 * dtype.itemsize - 1), dtype=f"u{dtype.itemsize}")
    with np.errstate(invalid="ignore"):  # nan
        sizes = codes.view(dtype).astype(np.float64)
    finite = sizes[np.isfinite(sizes)]
    steps = np.full(len(sizes), np.nan)
    steps[: len(finite)] = np.diff(finite, append=2 * finite[-1] - finite[-2])
    return np.concatenate([steps, steps])


def assess_rounding(
    before: Values, stored: Values, change: Change, *, limit: float, of: Literal["values", "scales"] = "values"
) -> Exactness:
    """Tell how exactly stored numbers are the result of a change.

    Args:
        before: The numbers before, as stored.
        stored: The result of the change, rounded to the same type.
        change: The change.
        limit: Relative error (L2) above which the type can't hold the change.
        of: What the numbers are: values or scales.
    """
    source, result, factor = before.astype(np.float64), stored.astype(np.float64), change.factor
    if not np.isfinite(result).all():
        return Exactness(level="refused", fault="overflow" if np.isfinite(source).all() else "not_finite")
    with np.errstate(over="ignore", invalid="ignore"):
        wanted = change(source)
        # Compare after dividing by the factor, so that no product underflows.
        lost, whole = (result - wanted, wanted) if not factor else (result / factor - source, source)
    size = np.abs(whole).max(initial=0) or 1  # scaled, so that no square underflows
    if np.linalg.norm(lost / size) > limit * np.linalg.norm(whole / size):
        return Exactness(level="refused", fault="too_small", limit=limit)
    errors = np.abs(result - wanted)
    is_unmeasured = before.dtype == np.float64 and (factor is None or not _gives_exact_products(factor))
    if not errors.any() and not is_unmeasured:
        return Exactness(level="exact", of=of)
    if stored.tobytes() == before.tobytes():
        return Exactness(level="refused", fault="no_change")
    if is_unmeasured:  # computed in float64, like the reference, so only the bounds of one rounding are known
        return Exactness(level="rounded", largest=0.5, mean=0.25, of=of)
    in_steps = errors / steps_of(stored)
    return Exactness(level="rounded", largest=float(in_steps.max()), mean=float(in_steps.mean()), of=of)


def _gives_exact_products(factor: float) -> bool:
    """Whether a factor is 0 or a power of two."""
    return factor == 0 or abs(math.frexp(factor)[0]) == 0.5
