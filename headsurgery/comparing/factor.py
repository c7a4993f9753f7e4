"""Recover the factor between two blocks of stored values from the data, if one factor explains how they differ.

There are two separate questions. First: does one factor give all new values exactly? For each element, the factors that round to
the new value form an interval, and all elements together leave the intersection. If that contains a decimal of some length, then it
also contains the decimal of that length nearest to its centre, so rounding the centre finds the shortest decimal. Second, if there
is no such factor: how much of the *change* does the best factor leave unexplained? The residual relative to the block's own norm
tells nothing, because any small change leaves a small one.

Invariant: a factor called exact gives all edited values when `codecs.multiply` applies it before, after or without the change of
type, as `FactorFit.order` says. A change that no factor explains has no factor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ml_dtypes
import numpy as np
import numpy.typing as npt

from headsurgery.storage.codecs import multiply, steps_of

FloatArray = npt.NDArray[np.float64]
Block = Sequence[npt.NDArray[Any]]
"""Slices of one head, each of one stored type: of a weight, [rows, columns], and of its bias, [rows], if it has one."""

Agreement = Literal["exact", "rounded", "about"]
"""`exact`: the factor gives every value. `rounded`: it gives every value to within one step of the stored type. `about`: it
explains most of the change, but something else changed as well."""
Order = Literal["cast first", "multiplied first", "multiplied in float32"]
"""When the factor was applied, if the type changed too."""

_NEIGHBOURS = 16
_ROUNDED, _ABOUT = 0.3, 0.2
"""Share of the change (L2) that a factor may leave unexplained: if every value fits to within a step, and otherwise."""
_SPREAD = 0.3
"""Residual relative to the new block above which there is no factor: pruning nine of ten values is not a factor of 0.1."""
_ENOUGH_CHANGED = 24
"""Elements that must have changed if most did not; with fewer, an exact factor may be chance. A factor close to 1 changes only
powers of two, because the step below them is half as large. A little training also changes mainly these, and may happen to lower
all of a few."""
_MOST_VALUES = 0.9
"""Share of values that a factor must give to within a step, if a few others were replaced."""


@dataclass(frozen=True, kw_only=True)
class FactorFit:
    """How well a multiplication explains a change.

    Args:
        factor: What the base was multiplied by; None if no factor explains the change.
        agreement: How well the factor explains it.
        spread: Residual of the best factor (L2), relative to the new values; 0 for an exact multiple, near 1 for unrelated values.
        unexplained: The same residual, relative to the change itself, from 0 to 1.
        order: See `Order`; None if the type did not change.
        nearest: The factor that leaves the smallest residual (L2), even if it explains nothing; nan if a value is inf or nan.
    """

    factor: float | None
    agreement: Agreement | None
    spread: float
    unexplained: float
    order: Order | None = None
    nearest: float = math.nan


@np.errstate(over="ignore", invalid="ignore")  # a stranger's weights may hold inf and nan
def recover_factor(old: Block, new: Block, *, share_scales: bool = False) -> FactorFit:
    """Find what `old` was multiplied by, if a multiplication is what changed it.

    Args:
        old: Stored values of the base.
        new: Stored values of the edited checkpoint, of the same shapes, possibly of other types.
        share_scales: Whether adjacent values share a scale, whose rounding makes their errors alike.

    Returns:
        The factor, and how well it explains the change. There is no factor if all of `old` is zero or a value is inf or nan.
    """
    x, y = _flat(old), _flat(new)
    if not x.any() or not np.isfinite(x).all() or not np.isfinite(y).all():
        return FactorFit(factor=None, agreement=None, spread=1.0, unexplained=1.0)
    fit, spread, unexplained = fit_factor(x, y)
    ways = [(stored, order) for stored in _stored_forms(new) for order in _orders(old, stored)]
    is_rounded_only = (x != y).any() and any(_gives(old, stored, 1.0, order) for stored, order in ways)
    if _is_evident(x, y) and not is_rounded_only:
        for stored, order in ways:
            factor = _find_exact(old, stored, order)
            if factor is not None:
                return FactorFit(factor=factor, agreement="exact", spread=spread, unexplained=unexplained, order=order, nearest=fit)
        judge = _judge_scaled if share_scales else _judge
        agreement = judge(old, new, fit, spread, unexplained)
        if agreement is not None:
            return FactorFit(factor=fit, agreement=agreement, spread=spread, unexplained=unexplained, nearest=fit)
        usual = _usual_factor(old, new)
        if usual is not None:
            return FactorFit(factor=usual, agreement="about", spread=spread, unexplained=unexplained, nearest=fit)
    return FactorFit(factor=None, agreement=None, spread=spread, unexplained=unexplained, nearest=fit)


def is_product(old: npt.NDArray[Any], new: npt.NDArray[Any], factor: float) -> bool:
    """Whether a block is exactly another block times a factor, in any order of multiplying and changing the type."""
    return any(_gives([old], [new], factor, order) for order in _orders([old], [new]))


def _flat(block: Block) -> FloatArray:
    return np.concatenate([part.astype(np.float64).ravel() for part in block])


def fit_factor(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Least squares: the factor, and its residual relative to y and to the change. Scaled so that no square overflows."""
    if not y.any():
        return 0.0, 0.0, 0.0
    exponents = [int(np.frexp(np.abs(values).max())[1]) for values in (x, y)]
    x_scaled, y_scaled = np.ldexp(x, -exponents[0]), np.ldexp(y, -exponents[1])
    slope = float(x_scaled @ y_scaled / (x_scaled @ x_scaled))
    residual = float(np.linalg.norm(y_scaled - slope * x_scaled))
    change = float(np.linalg.norm(np.ldexp(y, -exponents[1]) - np.ldexp(x, -exponents[1])))
    with np.errstate(over="ignore"):
        factor = float(np.ldexp(slope, exponents[1] - exponents[0]))
    return factor, residual / float(np.linalg.norm(y_scaled)), min(1.0, residual / change) if change else 0.0


def _is_evident(x: FloatArray, y: FloatArray) -> bool:
    """Whether enough changed to rule out chance. Zeros are never chance, and equal blocks have a factor of 1."""
    size, changed = int((x != 0).sum()), int((x != y).sum())
    if not changed or not y.any():
        return True
    return changed >= (_FEW if changed >= size / 2 else _ENOUGH_CHANGED)


_FEW = 4
"""Fewer values than this in a block, or in a row or column of it, tell nothing."""


def _stored_forms(new: Block) -> Iterator[Block]:
    """The block as it is stored. If its float32 numbers all fit a 16-bit type, also the block in that type, as stored earlier."""
    yield new
    if all(part.dtype == np.float32 for part in new):
        for narrow in NARROW:
            if all(np.array_equal(part.astype(narrow).astype(np.float32), part) for part in new):
                yield [part.astype(narrow) for part in new]
                return


NARROW: tuple[np.dtype[Any], ...] = (np.dtype(ml_dtypes.bfloat16), np.dtype(np.float16))


def _orders(old: Block, new: Block) -> tuple[Order | None, ...]:
    if all(one.dtype == other.dtype for one, other in zip(old, new, strict=True)):
        return (None,)
    return "multiplied first", "cast first", "multiplied in float32"


def _multiplied(old: npt.NDArray[Any], dtype: np.dtype[Any], factor: float, order: Order | None) -> npt.NDArray[Any]:
    """The block after multiplying and changing the type in the given order."""
    if order == "cast first":
        return multiply(old.astype(dtype), factor)
    if order == "multiplied in float32":
        old = old.astype(np.promote_types(old.dtype, np.float32))
    return multiply(old, factor).astype(dtype)


def _gives(old: Block, new: Block, factor: float, order: Order | None) -> bool:
    pairs = zip(old, new, strict=True)
    return all(np.array_equal(_multiplied(one, other.dtype, factor, order), other) for one, other in pairs)


def _find_exact(old: Block, new: Block, order: Order | None) -> float | None:
    """The shortest factor that gives all values."""
    for slack in (0.0, 2.0**-24):  # the product is first rounded to float32, which seldom matters
        ends = [_interval(one, other, order, slack) for one, other in zip(old, new, strict=True) if one.any()]
        low, high = max(end[0] for end in ends), min(end[1] for end in ends)
        for factor in _candidates(low, high) if low <= high else ():
            if _gives(old, new, factor, order):
                return factor
    return None


def _interval(old: npt.NDArray[Any], new: npt.NDArray[Any], order: Order | None, slack: float) -> tuple[float, float]:
    """The factors for which every value rounds to the new one. Empty if there is none: the first end is above the second."""
    if order == "cast first":
        old = old.astype(new.dtype)
    elif order == "multiplied first":
        narrow = new.astype(old.dtype)
        if np.array_equal(narrow.astype(new.dtype), new):
            new = narrow
        else:
            slack += float(np.spacing(old.dtype.type(1))) / 2
    x, y = old.astype(np.float64).ravel(), new.astype(np.float64).ravel()
    below, above = (_neighbours(new, end).astype(np.float64).ravel() for end in (-np.inf, np.inf))
    with np.errstate(divide="ignore"):
        limits = np.stack([(y + below) / 2 - slack * np.abs(y), (y + above) / 2 + slack * np.abs(y)])[:, x != 0] / x[x != 0]
    return float(limits.min(axis=0).max(initial=-np.inf)), float(limits.max(axis=0).min(initial=np.inf))


def _neighbours(values: npt.NDArray[Any], end: float) -> npt.NDArray[Any]:
    """The next stored number in a direction. Past the largest number of a type without inf, the value that would follow."""
    found = np.nextafter(values, values.dtype.type(end)).astype(np.float64)
    return np.where(np.isnan(found), values.astype(np.float64) + np.copysign(steps_of(values), end), found)


def _candidates(low: float, high: float) -> Iterator[float]:
    """Decimals of growing length; then float32 numbers from the centre outwards, in case the interval holds only a few."""
    if not math.isfinite(low) or not math.isfinite(high):
        return
    centre = (low + high) / 2
    yield from (float(f"{centre:.{digits}g}") for digits in range(1, 18))
    below = above = np.float32(centre)
    for _ in range(_NEIGHBOURS):
        yield float(below)
        yield float(above)
        below, above = np.nextafter(below, np.float32(-np.inf)), np.nextafter(above, np.float32(np.inf))


def _judge(old: Block, new: Block, factor: float, spread: float, unexplained: float) -> Agreement | None:
    """How well a factor that is not exact explains the change."""
    if not math.isfinite(factor) or unexplained > _ROUNDED or spread > _SPREAD:
        return None
    if any(has_factor_per_line(one, other, factor) for one, other in zip(old, new, strict=True)):
        return None
    if all(_is_within_a_step(one, other, factor).all() for one, other in zip(old, new, strict=True)):
        return "rounded"
    return "about" if unexplained <= _ABOUT else None


def _judge_scaled(old: Block, new: Block, factor: float, spread: float, unexplained: float) -> Agreement | None:
    """The same for values that share scales: `rounded` if rounding their scales to float16 explains what is left."""
    if not math.isfinite(factor) or unexplained > _ABOUT or spread > _SPREAD:
        return None
    x, y = _flat(old), _flat(new)
    return "rounded" if (np.abs(y - factor * x) <= _SCALE_STEP * np.abs(y)).all() else "about"


_SCALE_STEP = 2.0**-10
"""The largest relative distance between two float16 numbers."""


def _is_within_a_step(old: npt.NDArray[Any], new: npt.NDArray[Any], factor: float) -> npt.NDArray[np.bool_]:
    """Which values the factor gives to within one step of the coarser type."""
    wanted = old.astype(np.float64) * factor
    step = np.maximum(steps_of(new), steps_of(wanted.astype(old.dtype)))
    return np.abs(new.astype(np.float64) - wanted) <= step


def has_factor_per_line(old: npt.NDArray[Any], new: npt.NDArray[Any], factor: float) -> bool:
    """Whether each row, or each column, has its own factor, as after folding in a norm. One factor for all is then none."""
    if old.ndim < 2:
        return False
    x, y = old.astype(np.float64), new.astype(np.float64)
    residual = float(((y - factor * x) ** 2).sum())
    return any(old.shape[axis] >= _FEW and residual_per_line(x, y, axis) < residual / 2 for axis in (0, 1))


def residual_per_line(x: FloatArray, y: FloatArray, axis: int) -> float:
    """Squared residual with a separate least-squares factor for each line along an axis of [rows, columns]."""
    power = (x * x).sum(axis=axis, keepdims=True)
    slopes = np.divide((x * y).sum(axis=axis, keepdims=True), power, out=np.zeros_like(power), where=power > 0)
    return float(((y - slopes * x) ** 2).sum())


def _usual_factor(old: Block, new: Block) -> float | None:
    """A factor that most values share while a few were replaced. Not 0, which pruning leaves, and not 1."""
    x, y = _flat(old), _flat(new)
    ratios = y[x != 0] / x[x != 0]
    factor = float(np.median(ratios))
    if not math.isfinite(factor) or factor == 0 or abs(factor - 1) < _CLOSE_TO_1:
        return None
    pairs = zip(old, new, strict=True)
    fitting = sum(int(_is_within_a_step(one, other, factor).sum()) for one, other in pairs)
    return float(f"{factor:.4g}") if fitting >= _MOST_VALUES * len(x) else None


_CLOSE_TO_1 = 2.0**-6
"""So close to 1, the usual ratio counts as 1: the change left most values of a coarse type as they were."""
