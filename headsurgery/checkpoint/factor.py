"""The factor between two blocks of stored values, recovered from the data.

Each element of the result admits those factors that round to it; all elements together admit an interval. If it holds a decimal
of some length, then the one of that length nearest to its centre lies in it, too, so the shortest decimal is found by rounding the
centre. Invariant: a factor called exact gives the edited values, all of them, when `plan.multiply` applies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.checkpoint.plan import multiply

FloatArray = npt.NDArray[np.float64]

_NEIGHBOURS = 16
_UNRELATED = 0.5
"""Relative residual above which a fit is no factor."""


@np.errstate(over="ignore", invalid="ignore")  # inf and nan may be in a stranger's weights
def recover_factor(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> tuple[float | None, float, bool]:
    """Find what `old` was multiplied by.

    Args:
        old: Stored values of the base, [elements].
        new: Stored values of the edited checkpoint, of the same type.

    Returns:
        The factor, the relative residual of the least squares fit, and whether the factor reproduces `new` exactly. There is no
        factor where all of `old` is zero, a value is inf or nan, or the two have nothing to do with each other.
    """
    x, y = old.astype(np.float64), new.astype(np.float64)
    if not x.any() or not np.isfinite(x).all() or not np.isfinite(y).all():
        return None, 1.0, False
    fit, spread = _fit(x, y)
    for slack in (0.0, 2.0**-24):  # the product is rounded to float32 on its way, which seldom matters
        low, high = _interval(x[x != 0], new[x != 0], slack)
        for factor in _candidates(low, high) if low <= high else ():
            if np.array_equal(multiply(old, factor), new):
                return factor, spread, True
    return (fit if spread < _UNRELATED and np.isfinite(fit) else None), spread, False


def _fit(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Least squares, scaled by powers of two so that no square overflows or vanishes: the factor, and the relative residual."""
    if not y.any():
        return 0.0, 0.0
    exponents = [int(np.frexp(np.abs(values).max())[1]) for values in (x, y)]
    x, y = np.ldexp(x, -exponents[0]), np.ldexp(y, -exponents[1])
    slope = float(x @ y / (x @ x))
    with np.errstate(over="ignore"):
        return float(np.ldexp(slope, exponents[1] - exponents[0])), float(np.linalg.norm(y - slope * x) / np.linalg.norm(y))


def _interval(x: FloatArray, new: npt.NDArray[Any], slack: float) -> tuple[float, float]:
    """Factors that take every x to where it rounds to its stored value; empty (first above second) where there are none."""
    y = new.astype(np.float64)
    below, above = (np.nextafter(new, new.dtype.type(end)).astype(np.float64) for end in (-np.inf, np.inf))
    ends = np.stack([((y + below) / 2 - slack * np.abs(y)) / x, ((y + above) / 2 + slack * np.abs(y)) / x])  # [2, elements]
    return float(ends.min(axis=0).max()), float(ends.max(axis=0).min())


def _candidates(low: float, high: float) -> Iterator[float]:
    """Decimals of growing length, then float32 numbers from the centre outwards, for an interval that holds just a few."""
    centre = (low + high) / 2
    yield from (float(f"{centre:.{digits}g}") for digits in range(1, 18))
    below = above = np.float32(centre)
    for _ in range(_NEIGHBOURS):
        yield float(below)
        yield float(above)
        below, above = np.nextafter(below, np.float32(-np.inf)), np.nextafter(above, np.float32(np.inf))
