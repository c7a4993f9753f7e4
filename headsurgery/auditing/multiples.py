"""Find heads whose values are coarse numbers times one factor, in a type that is fine enough to show this.

Weights that come from a 16-bit type and are stored in a finer one (bfloat16 in float16 or float32, float16 in float32) use only few
of its numbers. After a multiplication they use other numbers, but still few: divided by the factor, every value is a coarse number
again. This holds for only one factor, so the factor can be found.

The levels of a quantization with one scale per head are multiples of a factor, too. Their significands tell them apart. Coarse
numbers have nearly all significands in every power of two. Whole multiples of a scale (int8) have them only in the highest power,
and FP8 and FP4 have few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_COARSE_BITS = (7, 10)
"""Bits of the significand of bfloat16 and float16."""
_FINE_BITS = {"F16": 10, "F32": 23, "F64": 23}
"""Bits of the significand that are examined."""

_SAMPLE = 4096
_FIRST = {10: 64, 23: 24}
"""Number of values that rule out most factors; the coarser the type, the more."""
_NEARLY_ALL = 0.99
_FEW = 32
"""Number of values in one power of two that tell how long its significands are."""
_POWERS = 3
"""Number of powers of two that must have full significands."""
_MOST = 0.6
"""Share of the significands that must occur, relative to the number expected if all were equally likely."""


def can_be_multiples(dtype: str) -> bool:
    """Whether a stored type is finer than another 16-bit type."""
    return dtype in _FINE_BITS


def find_multiple(block: npt.NDArray[Any], dtype: str) -> float | None:
    """Find the factor between 1 and 2, up to powers of two, by which a block's values are multiples of coarse numbers.

    Args:
        block: The values.
        dtype: Their stored type.

    Returns:
        The factor; 1 if they are coarse numbers themselves; None if there is no such factor.
    """
    fine = _FINE_BITS[dtype]
    values = _sample(block, dtype)
    if len(values) < _POWERS * _FEW:
        return None
    for coarse in _COARSE_BITS:
        if coarse >= fine:
            continue
        if _share_of_multiples(values, 1.0, coarse, 0.0) >= _NEARLY_ALL:
            return 1.0
        for factor in _candidates(values, coarse, fine):
            better = _refine(values, factor, coarse)
            if _share_of_multiples(values, better, coarse, _tolerance(fine)) >= _NEARLY_ALL and _are_full(values, better, coarse):
                return better
    return None


def that_stand_out(factors: Sequence[float | None]) -> list[float | None]:
    """The factors [head] of a layer's heads. None in place of 1, and of a factor that at least half of the other heads share."""
    found: list[float | None] = []
    for head, factor in enumerate(factors):
        others = [other for other in (*factors[:head], *factors[head + 1 :]) if other is not None]
        is_common = factor is not None and 2 * sum(abs(other / factor - 1) < 1e-3 for other in others) >= max(1, len(factors) - 1)
        found.append(None if factor == 1 or is_common else factor)
    return found


def _sample(block: npt.NDArray[Any], dtype: str) -> FloatArray:
    """Magnitudes of normal numbers, spread over the block."""
    flat = np.abs(block.reshape(-1))
    flat = flat[:: max(1, len(flat) // (4 * _SAMPLE))].astype(np.float32 if dtype == "F64" else flat.dtype)
    tiny = np.finfo(flat.dtype).tiny
    normal = flat[np.isfinite(flat) & (flat >= tiny)].astype(np.float64)
    sampled: FloatArray = normal[np.linspace(0, len(normal) - 1, min(len(normal), _SAMPLE)).astype(np.int64)]
    return sampled


def _tolerance(fine: int) -> float:
    """Relative error of a rounded product: half a step, or one step if it was rounded twice, as float32 allows."""
    return float(2.0 ** -(fine + 1) * (1.05 if fine < 23 else 2.1))


def _candidates(values: FloatArray, coarse: int, fine: int) -> list[float]:
    """Factors that turn a coarse number into one of the values, and fit nearly all of the first values."""
    count = _FIRST[fine]
    first = values[np.linspace(0, len(values) - 1, count).astype(np.int64)]
    numbers = np.arange(1 << coarse, 2 << coarse) / (1 << coarse)
    found: list[float] = []
    for start in first[[0, count // 2]]:
        factors = np.frexp(start / numbers)[0] * 2  # between 1 and 2
        near = _off(first[None, :], factors[:, None], coarse) <= 2 * _tolerance(fine)
        found += [float(factor) for factor in factors[near.mean(axis=1) > 0.95]]
    return found


def _off(values: FloatArray, factor: FloatArray | float, coarse: int) -> FloatArray:
    """Relative distance from the values, divided by the factor, to the nearest coarse numbers."""
    quotient = np.frexp(values / factor)[0] * 2
    steps = quotient * (1 << coarse)
    return np.asarray(np.abs(steps - np.rint(steps)) / steps, np.float64)


def _share_of_multiples(values: FloatArray, factor: float, coarse: int, tolerance: float) -> float:
    return float((_off(values, factor, coarse) <= tolerance).mean())


def _refine(values: FloatArray, factor: float, coarse: int) -> float:
    """The factor that fits all values best."""
    quotient = values / factor
    mantissa, exponent = np.frexp(quotient)
    numbers = np.ldexp(np.rint(mantissa * (2 << coarse)), exponent - coarse - 1)
    ratio = values / (numbers * factor)
    return factor * float((ratio.min() + ratio.max()) / 2 if len(ratio) else 1.0)


def _are_full(values: FloatArray, factor: float, coarse: int) -> bool:
    """Whether the coarse numbers use all their bits: most significands occur, and odd ones in several powers of two."""
    mantissa, exponent = np.frexp(values / factor)
    numbers = np.rint(mantissa * (2 << coarse)).astype(np.int64) % (1 << coarse)
    likely = (1 << coarse) * -np.expm1(-len(values) / (1 << coarse))
    _, place = np.unique(exponent, return_inverse=True)
    size, odd = np.bincount(place), np.bincount(place, weights=numbers % 2)
    full = (size >= _FEW) & (odd >= size / 4)
    return len(np.unique(numbers)) >= _MOST * likely and int(full.sum()) >= _POWERS
