"""The factor between two blocks of stored values, recovered from the data, where one factor explains how they differ.

Two questions are kept apart. Does a factor give the new values, all of them? Each element admits those factors that round to it;
all elements together admit an interval. If it holds a decimal of some length, then the one of that length nearest to its centre
lies in it, too, so the shortest decimal is found by rounding the centre. And where none does: how much of the *change* does the
best factor leave unexplained? A residual beside the block's own norm says nothing, since any small change leaves a small one.

Invariant: a factor called exact gives the edited values, all of them, when `codecs.multiply` applies it, before, after or without
the change of type that `FactorFit.order` names. A change that no factor explains has none.
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
"""Slices of one head: of a weight [rows, columns], and of its bias [rows] where it has one; of a stored type each."""

Agreement = Literal["exact", "rounded", "about"]
"""`exact`: the factor gives every value; `rounded`: every value to within one step of the stored type; `about`: it explains most of
the change, and something else changed as well."""
Order = Literal["cast first", "multiplied first", "multiplied in float32"]
"""Where the type changed, too: when the factor was applied."""

_NEIGHBOURS = 16
_ROUNDED, _ABOUT = 0.3, 0.2
"""Share of the change (L2) that a factor may leave unexplained, where every value fits to within a step, and else."""
_SPREAD = 0.3
"""Residual beside the new block above which a factor is none: pruning nine of ten values is no factor of 0.1."""
_ENOUGH_CHANGED = 24
"""Elements that must have changed where most did not; with fewer, an exact factor may be chance. A factor close to 1 changes powers
of two alone, whose step down is half as large. So does a little training, and with few of them it may happen to lower them all."""
_MOST_VALUES = 0.9
"""Share of values that a factor must give to within a step, where a few others are something else."""


@dataclass(frozen=True, kw_only=True)
class FactorFit:
    """What multiplying explains of a change.

    Args:
        factor: What the base was multiplied by; None where no factor explains the change.
        agreement: How well it does.
        spread: Residual of the best factor (L2), relative to the new values; 0 for an exact multiple, near 1 for unrelated ones.
        unexplained: The same residual, relative to the change itself, from 0 to 1.
        order: See `Order`; None where both have one type.
        nearest: The factor that leaves the least of the change (L2), whether or not it explains any; nan where there is inf or nan.
    """

    factor: float | None
    agreement: Agreement | None
    spread: float
    unexplained: float
    order: Order | None = None
    nearest: float = math.nan


@np.errstate(over="ignore", invalid="ignore")  # inf and nan may be in a stranger's weights
def recover_factor(old: Block, new: Block) -> FactorFit:
    """Find what `old` was multiplied by, if that is what changed it.

    Args:
        old: Stored values of the base.
        new: Stored values of the edited checkpoint, of the same shapes, maybe of other types.

    Returns:
        The factor and how well it explains the change. There is none where all of `old` is zero or a value is inf or nan.
    """
    x, y = _flat(old), _flat(new)
    if not x.any() or not np.isfinite(x).all() or not np.isfinite(y).all():
        return FactorFit(factor=None, agreement=None, spread=1.0, unexplained=1.0)
    fit, spread, unexplained = _fit(x, y)
    ways = [(stored, order) for stored in _grains(new) for order in _orders(old, stored)]
    is_rounded_only = (x != y).any() and any(_gives(old, stored, 1.0, order) for stored, order in ways)
    if _is_evident(x, y) and not is_rounded_only:
        for stored, order in ways:
            factor = _find_exact(old, stored, order)
            if factor is not None:
                return FactorFit(factor=factor, agreement="exact", spread=spread, unexplained=unexplained, order=order, nearest=fit)
        agreement = _judge(old, new, fit, spread, unexplained)
        if agreement is not None:
            return FactorFit(factor=fit, agreement=agreement, spread=spread, unexplained=unexplained, nearest=fit)
        usual = _usual_factor(old, new)
        if usual is not None:
            return FactorFit(factor=usual, agreement="about", spread=spread, unexplained=unexplained, nearest=fit)
    return FactorFit(factor=None, agreement=None, spread=spread, unexplained=unexplained, nearest=fit)


def is_product(old: npt.NDArray[Any], new: npt.NDArray[Any], factor: float) -> bool:
    """Whether a block is another one times a factor, value for value, whatever the order of multiplying and changing the type."""
    return any(_gives([old], [new], factor, order) for order in _orders([old], [new]))


def _flat(block: Block) -> FloatArray:
    return np.concatenate([part.astype(np.float64).ravel() for part in block])


def _fit(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Least squares: the factor, and its residual relative to y and to the change; scaled so that no square overflows."""
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
    """Whether enough changed to tell a factor from chance; zeros can't be by chance, and equal blocks have a factor of 1."""
    size, changed = int((x != 0).sum()), int((x != y).sum())
    if not changed or not y.any():
        return True
    return changed >= (_FEW if changed >= size / 2 else _ENOUGH_CHANGED)


_FEW = 4
"""Values of a block, or of a line of it, that are too few to say anything."""


def _grains(new: Block) -> Iterator[Block]:
    """A block as it is stored; and, where all of its float32 numbers are those of a 16-bit type, as that one stored it before."""
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
    """A block as an edit and a change of type leave it."""
    if order == "cast first":
        return multiply(old.astype(dtype), factor)
    if order == "multiplied in float32":
        old = old.astype(np.promote_types(old.dtype, np.float32))
    return multiply(old, factor).astype(dtype)


def _gives(old: Block, new: Block, factor: float, order: Order | None) -> bool:
    pairs = zip(old, new, strict=True)
    return all(np.array_equal(_multiplied(one, other.dtype, factor, order), other) for one, other in pairs)


def _find_exact(old: Block, new: Block, order: Order | None) -> float | None:
    """The shortest factor that gives every value."""
    for slack in (0.0, 2.0**-24):  # the product is rounded to float32 on its way, which seldom matters
        ends = [_interval(one, other, order, slack) for one, other in zip(old, new, strict=True) if one.any()]
        low, high = max(end[0] for end in ends), min(end[1] for end in ends)
        for factor in _candidates(low, high) if low <= high else ():
            if _gives(old, new, factor, order):
                return factor
    return None


def _interval(old: npt.NDArray[Any], new: npt.NDArray[Any], order: Order | None, slack: float) -> tuple[float, float]:
    """Factors that take every value to where it rounds to its stored one; empty (first above second) where there are none."""
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
    """The next stored numbers towards an end; beyond the largest one of a type without inf where the next would be."""
    found = np.nextafter(values, values.dtype.type(end)).astype(np.float64)
    return np.where(np.isnan(found), values.astype(np.float64) + np.copysign(steps_of(values), end), found)


def _candidates(low: float, high: float) -> Iterator[float]:
    """Decimals of growing length, then float32 numbers from the centre outwards, for an interval that holds just a few."""
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


def _is_within_a_step(old: npt.NDArray[Any], new: npt.NDArray[Any], factor: float) -> npt.NDArray[np.bool_]:
    """Which values the factor gives to within one step of the coarser type."""
    wanted = old.astype(np.float64) * factor
    step = np.maximum(steps_of(new), steps_of(wanted.astype(old.dtype)))
    return np.abs(new.astype(np.float64) - wanted) <= step


def has_factor_per_line(old: npt.NDArray[Any], new: npt.NDArray[Any], factor: float) -> bool:
    """Whether each row or each column has a factor of its own, as where a norm was folded in: one for all is none then."""
    if old.ndim < 2:
        return False
    x, y = old.astype(np.float64), new.astype(np.float64)
    residual = float(((y - factor * x) ** 2).sum())
    return any(old.shape[axis] >= _FEW and residual_per_line(x, y, axis) < residual / 2 for axis in (0, 1))


def residual_per_line(x: FloatArray, y: FloatArray, axis: int) -> float:
    """Squared residual with a least-squares factor for each line along an axis of [rows, columns]."""
    power = (x * x).sum(axis=axis, keepdims=True)
    slopes = np.divide((x * y).sum(axis=axis, keepdims=True), power, out=np.zeros_like(power), where=power > 0)
    return float(((y - slopes * x) ** 2).sum())


def _usual_factor(old: Block, new: Block) -> float | None:
    """A factor that most values have, where a few are something else; neither 0, which pruning leaves, nor 1."""
    x, y = _flat(old), _flat(new)
    ratios = y[x != 0] / x[x != 0]
    factor = float(np.median(ratios))
    if not math.isfinite(factor) or factor == 0 or abs(factor - 1) < _CLOSE_TO_1:
        return None
    pairs = zip(old, new, strict=True)
    fitting = sum(int(_is_within_a_step(one, other, factor).sum()) for one, other in pairs)
    return float(f"{factor:.4g}") if fitting >= _MOST_VALUES * len(x) else None


_CLOSE_TO_1 = 2.0**-6
"""Within so much of 1 the usual ratio is 1, for a change that leaves most values of a coarse type where they were."""
