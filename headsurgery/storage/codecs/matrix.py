"""What a codec offers for one matrix, and the words in which surgery and codecs talk: changes, slices, and how exact a change is.

An operation says what becomes of a slice's numbers: a `Change`, floats to floats. A codec knows how a matrix stores its numbers. It
reads a slice as floats, says which stored slices a change rewrites and how exact the result will be, and rewrites their bytes.
Invariant: nothing outside these stored slices changes by a bit, and none of them holds a number of another head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.tensors import ByteArray, StoredSlice, TensorInfo

Values = npt.NDArray[Any]
"""Numbers of a slice, [rows, columns]; of a vector [rows, 1]."""
Rewriter = Callable[[ByteArray, int], ByteArray]
"""Gets bytes of some rows of a stored slice, [rows, bytes], and which of its rows is the first; returns what they become."""
Level = Literal["exact", "rounded", "refused"]
Fault = Literal["not_finite", "overflow", "too_small", "no_change"]
"""Why a change can't be stored: it would be computed from inf or nan; its result overflows the stored type; rounding takes too much
of the result away; or rounding takes the whole change away."""


class Change(Protocol):
    """What an operation makes of the numbers of a slice."""

    @property
    def factor(self) -> float | None:
        """The factor, where all that is done is to multiply by one. A codec may then multiply a scale, or store zeros."""

    def __call__(self, values: Values) -> Values:
        """The new numbers, from those of the whole slice in float32 (float64 where they are stored in that)."""


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
    """How exactly a stored slice can hold what a change makes of it.

    Args:
        level: `exact`: every number is what the change gives; `rounded`: they are rounded, once; `refused`: it can't be stored.
        largest: The largest error, in steps of the stored type (the distance from a number to the next one).
        mean: The mean error, likewise.
        of: What is rounded: the values, or the scales that stand for them.
        fault: Why it is refused.
        limit: Of what is too small: the share of the result that rounding may take away.
    """

    level: Level
    largest: float = 0.0
    mean: float = 0.0
    of: Literal["values", "scales"] = "values"
    fault: Fault | None = None
    limit: float = 0.01

    def __str__(self) -> str:
        """As tables show it."""
        what = "" if self.of == "values" else f" {self.of}"
        if self.level != "rounded":
            return f"{self.level}{what}"
        return f"rounded{what}, by {self.mean:.2g} steps on average, {self.largest:.2g} at most"

    def to_json(self) -> dict[str, Any]:
        """As plans and manifests have it; errors are in steps."""
        return {"level": self.level, "of": self.of, "largest_error": self.largest, "mean_error": self.mean}


class Matrix(Protocol):
    """One weight or bias, as its codec stores it.

    It is a description, read from headers. Its numbers are read from a checkpoint by the names of its tensors, so from another one
    than it was opened in, too, as long as that one stores them alike.
    """

    def __hash__(self) -> int:
        """Equal descriptions have equal hashes."""

    @property
    def tensor(self) -> TensorInfo:
        """The stored tensor that has its name and its shape."""

    @property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """All stored tensors that it is made of."""

    @property
    def format(self) -> str:
        """Its number format, in words."""

    def read(self, checkpoint: Checkpoint, axis: int, block: range) -> Values:
        """A slice of its numbers, as floats of a type that holds them exactly."""

    def owned(self, axis: int, block: range) -> tuple[StoredSlice, ...]:
        """All stored slices that hold numbers of this slice alone. Changes rewrite no others."""

    def rewritten(self, axis: int, block: range, change: Change) -> tuple[StoredSlice, ...]:
        """The stored slices that a change of this slice rewrites. The stored values have no say in it."""

    def rewriter(self, checkpoint: Checkpoint, part: StoredSlice, change: Change) -> Rewriter:
        """What rewrites one of them.

        Args:
            checkpoint: Where to read what else it depends on.
            part: One of `rewritten`.
            change: The change.
        """

    def assess(self, checkpoint: Checkpoint, axis: int, block: range, change: Change) -> Exactness:
        """How exact a change of this slice will be."""

    def as_compared(self, old: Sequence[Values], new: Sequence[Values]) -> tuple[Values, Values]:
        """Which numbers show by what factor a slice differs from another one of the same format.

        Args:
            old: Stored numbers of each of `owned`, of the base.
            new: Of the edited checkpoint.

        Returns:
            Numbers of both, of one stored type.
        """


def rewrite_whole(part: StoredSlice, read: Callable[[], ByteArray], change: Callable[[ByteArray], ByteArray]) -> Rewriter:
    """A rewriter for a change that needs the whole slice at once.

    Args:
        part: The stored slice.
        read: Reads its bytes, if no caller hands over all of them.
        change: Makes its new bytes of all of its bytes.
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
    """Round floats to a stored type, to nearest, ties to even; what overflows becomes inf or nan."""
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
    """Distance from each stored number's size to the next larger one; of the largest one to the next smaller."""
    if values.dtype.itemsize <= 2:
        found: npt.NDArray[np.float64] = _steps_by_code(values.dtype)[values.view(f"u{values.dtype.itemsize}")]
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.abs(np.spacing(np.abs(values)).astype(np.float64))
        return found


@cache
def _steps_by_code(dtype: np.dtype[Any]) -> npt.NDArray[np.float64]:
    """Of a small type, by the bits of its numbers; nan where these stand for inf or nan."""
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
    """How exactly stored numbers are what a change makes of those before.

    Args:
        before: The numbers before, as stored.
        stored: What the change makes of them, rounded to the same type.
        change: The change.
        limit: Relative error (L2) above which the type can't hold the change.
        of: What the numbers are.
    """
    source, result, factor = before.astype(np.float64), stored.astype(np.float64), change.factor
    if not np.isfinite(result).all():
        return Exactness(level="refused", fault="overflow" if np.isfinite(source).all() else "not_finite")
    with np.errstate(over="ignore", invalid="ignore"):
        wanted = change(source)
        lost, whole = (result - wanted, wanted) if not factor else (result / factor - source, source)  # no product underflows so
    size = np.abs(whole).max(initial=0) or 1  # nor a square
    if np.linalg.norm(lost / size) > limit * np.linalg.norm(whole / size):
        return Exactness(level="refused", fault="too_small", limit=limit)
    errors = np.abs(result - wanted)
    is_unmeasured = before.dtype == np.float64 and (factor is None or not _gives_exact_products(factor))
    if not errors.any() and not is_unmeasured:
        return Exactness(level="exact", of=of)
    if stored.tobytes() == before.tobytes():
        return Exactness(level="refused", fault="no_change")
    if is_unmeasured:  # in float64, as it was computed in: these are the bounds of one rounding
        return Exactness(level="rounded", largest=0.5, mean=0.25, of=of)
    in_steps = errors / steps_of(stored)
    return Exactness(level="rounded", largest=float(in_steps.max()), mean=float(in_steps.mean()), of=of)


def _gives_exact_products(factor: float) -> bool:
    """Whether a factor is 0 or a power of two."""
    return factor == 0 or abs(math.frexp(factor)[0]) == 0.5
