"""Examine the significands of stored numbers: a block that was multiplied and rounded lacks values that its neighbours have.

A 16-bit weight has few significands: 128 for each power of two in bfloat16, 1024 in float16. If weights are multiplied by a factor
that is not a power of two and rounded again, some significands can't occur any more, whatever the weights were, and others occur
twice as often. This pattern is called a comb, like the one that double compression leaves in a picture. It follows from the factor
alone and is the same in every power of two.

Missing values alone prove nothing: a head whose weights were quantized in its own way lacks many, too. So each factor is a separate
hypothesis: the significands that it can't give are missing, those that it gives twice are doubled, and all others are present. The
statistic is the log-likelihood ratio between this and a head like the others whose values come in clumps (a compound Poisson
process). The size of the clumps is the variance of the head's own counts over their mean, which is never too small. A head with few
levels has large clumps, so its gaps tell little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]

STORED_BITS = {"BF16": 7, "F16": 10}
"""Stored bits of the significand, for each 16-bit type."""

_STRONG = 16.0
"""Log-likelihood ratio from which a comb counts as one; docs/audit.md has the values of untouched and edited heads."""
_EMPTY, _LEFT = 0.01, 0.05
"""Share of the expected values up to which a significand counts as missing, and the same for all significands that a factor can't
give. The factor is only known approximately."""
_EXPLAINED = 0.5
"""Share of the missing values that a factor must explain. Numbers with few bits lack many values in a pattern of their own."""
_POWERS, _MOST = 3, 0.6
"""Number of powers of two in which a head must have this share of the significands that are likely by chance. Numbers that were
rounded to multiples of one scale (int8) have so many only in the highest power."""
_NEVER, _SELDOM = 0.003, 0.1
"""How often an impossible value counts as possible, so that single values rule no factor out; and the same for nearby factors."""
_SHARED = 0.75
"""Share of a head's values that others must have, too. A head with its own levels can't be compared with them."""
_STEPS = {7: 4096, 10: 8192}
"""Number of factors in the table, evenly spaced in logarithm, by bits."""
_NEAR_ONE, _NEAR_STEPS = 0.25, {7: 2.0**-9, 10: 2.0**-11}
"""Up to this distance above 1 there are more factors: their differences from 1 are evenly spaced in logarithm."""
_LIKELY = 8
"""Number of factors of the table that are examined more closely."""
_CLOSER = np.linspace(-1.5, 1.5, 193)
"""Number of steps of the table around them."""


@dataclass(frozen=True, kw_only=True)
class Comb:
    """How a factor explains the distribution of a head's values.

    Args:
        factor: The factor that explains most, between 1 and 2; any power of two times it leaves the same comb.
        impossible: Significands that the factor can't give.
        expected: Number of values that the head would have on these if it were like the other heads.
        present: Number of values that it has on these.
        missing: Number of values that it would have on all significands that it lacks.
        full: Powers of two in which the head has most of the significands that the factor can give.
        strength: Log-likelihood ratio against a head that was not multiplied.
    """

    factor: float
    impossible: int
    expected: float
    present: float
    missing: float
    full: int
    strength: float

    @property
    def is_strong(self) -> bool:
        """Whether chance is ruled out even with all factors tried, and the factor explains most of what is missing."""
        is_explained = self.expected >= _EXPLAINED * self.missing and self.full >= _POWERS
        return self.strength > _STRONG and self.present <= _LEFT * self.expected and is_explained


def count_codes(block: npt.NDArray[Any], dtype: str) -> Counts:
    """How often each normal number of a 16-bit type occurs, [power of two, significand], regardless of its sign."""
    bits = STORED_BITS[dtype]
    codes = np.ascontiguousarray(block).view(np.uint16).reshape(-1) & 0x7FFF
    counts = np.bincount(codes, minlength=1 << 15).reshape(-1, 1 << bits)
    return counts[1:-1].astype(np.float64)  # without zeros and subnormal numbers, inf and nan


def find_combs(codes: Sequence[Counts], dtype: str) -> list[Comb | None]:
    """Find the comb of each head of a tensor.

    Args:
        codes: For each head the counts that `count_codes` returns.
        dtype: Their type.

    Returns:
        A comb for each head; None if no factor explains anything, or there are no other heads to compare with.
    """
    counts = np.stack([numbers.sum(axis=0) for numbers in codes])
    found: list[Comb | None] = [None] * len(counts)
    total = counts.sum(axis=1)
    having = np.flatnonzero(total)  # heads of zeros are no reference
    for head in map(int, having if len(having) > 1 else ()):
        others = having[having != head]
        expected = _expect(counts[head], np.median(counts[others] / total[others, None], axis=0))
        if _lacks(counts[head], expected).any() and _is_comparable(counts[head], expected):
            found[head] = _fit(codes[head], expected, STORED_BITS[dtype])
    return found


def _expect(own: Counts, others: Counts) -> Counts:
    """Expected counts: the median of the other heads, smoothed over nearby significands and scaled to the head's own level."""
    width = len(own) // 16
    level, own_level = _smooth(others, width), _smooth(own, width)
    expected = others * np.divide(own_level, level, out=np.zeros_like(own), where=level > 0)
    scaled: Counts = expected * own.sum() / max(float(expected.sum()), 1e-9)
    return np.minimum(scaled, 2 * own_level)  # a value that is very frequent in the others is not expected to be so here


def _smooth(values: Counts, width: int) -> Counts:
    """Mean over `width` neighbours on each side; significands wrap around."""
    around = np.concatenate([values[-width:], values, values[:width]])
    sums = np.concatenate([[0.0], np.cumsum(around)])
    means: Counts = (sums[2 * width + 1 :] - sums[: -2 * width - 1]) / (2 * width + 1)
    return means


def _lacks(own: Counts, expected: Counts) -> npt.NDArray[np.bool_]:
    return (expected >= 1) & (own <= _EMPTY * expected)


def _is_comparable(own: Counts, expected: Counts) -> bool:
    """Whether most of the head's values also occur in the others."""
    return bool(own[expected > 0].sum() >= _SHARED * own.sum())


def _fit(codes: Counts, expected: Counts, bits: int) -> Comb | None:
    """Find the factor that explains most: first in the table, then closely around the best ones."""
    own = codes.sum(axis=0)
    factors, ways = _table(bits)
    parts = np.array_split(np.arange(len(factors)), max(1, ways.size // 2**20))
    strengths = np.concatenate([_strengths(factors[part], ways[part], own, expected, never=_SELDOM) for part in parts])
    best = factors[np.argsort(strengths)[-_LIKELY:]]
    near = (best[:, None] * 2 ** (_CLOSER / _STEPS[bits])).reshape(-1)
    near = np.concatenate([best, near[(near > 1) & (near < 2)]])
    near_ways = _image(near, bits)
    strengths = _strengths(near, near_ways, own, expected, never=_NEVER)
    chosen = int(strengths.argmax())
    if strengths[chosen] <= 0:
        return None
    impossible = near_ways[chosen] == 0
    return Comb(
        factor=float(near[chosen]),
        impossible=int(impossible.sum()),
        expected=float(expected[impossible].sum()),
        present=float(own[impossible].sum()),
        missing=float(expected[_lacks(own, expected)].sum()),
        full=_count_full(codes[:, ~impossible]),
        strength=float(strengths[chosen]) / max(1.0, _dispersion(own, expected)),
    )


def _count_full(codes: Counts) -> int:
    """Number of powers of two in which most of the significands occur that a factor can give."""
    total = codes.sum(axis=1)
    likely = codes.shape[1] * -np.expm1(-total / codes.shape[1])
    return int(((total >= codes.shape[1]) & ((codes > 0).sum(axis=1) >= _MOST * likely)).sum())


def _dispersion(own: Counts, expected: Counts) -> float:
    """Variance over mean of the counts around their expectation: 1 for independent values, else the size of the clumps."""
    known = expected > 0
    return float(((own[known] - expected[known]) ** 2 / expected[known]).sum() / max(1, known.sum()))


def _strengths(factors: Counts, ways: npt.NDArray[np.uint8], own: Counts, expected: Counts, *, never: float) -> Counts:
    """Log-likelihood ratios [factor] of Poisson counts: multiplied by each factor, against the expectation."""
    count = len(own)
    significands = np.arange(count, 2 * count, dtype=np.float32) / count
    # on average, 2 / factor significands map to one below the factor (two powers of two meet there), and 1 / factor to one above
    usual = np.where(significands < factors[:, None], np.float32(2), np.float32(1)) / factors[:, None].astype(np.float32)
    ratio = np.maximum(ways / usual, np.float32(never))
    logs = np.log(ratio)
    # a factor makes a value at most twice as frequent, so higher counts support none
    beyond = np.maximum(own - 2 * expected, 0)
    heaps = np.flatnonzero(beyond)
    return np.asarray(logs @ own - (ratio - 1) @ expected - np.maximum(logs[:, heaps], 0) @ beyond[heaps], np.float64)


def _image(factors: Counts, bits: int) -> npt.NDArray[np.uint8]:
    """How many significands each factor from 1 to 2 maps to each significand, [factor, significand]. As in `apply`, in float32."""
    count = 1 << bits
    product = factors.astype(np.float32)[:, None] * np.arange(count, 2 * count, dtype=np.float32)
    rounded = np.rint(np.where(product < 2 * count, product, product / 2)).astype(np.int32) % count
    flat = (rounded + count * np.arange(len(factors), dtype=np.int32)[:, None]).reshape(-1)
    return np.bincount(flat, minlength=count * len(factors)).reshape(len(factors), count).astype(np.uint8)


@cache
def _table(bits: int) -> tuple[Counts, npt.NDArray[np.uint8]]:
    """Factors between 1 and 2, and their images.

    The factors are so close that neighbours leave nearly the same comb; near 1 combs change fast. All decimals with three places
    are included, because their products lie halfway between two numbers and are rounded unlike those of any nearby factor.
    """
    steps = 2.0 ** ((np.arange(_STEPS[bits]) + 0.5) / _STEPS[bits])
    near_one = 1 + np.exp(np.arange(np.log(2.0**-bits), np.log(_NEAR_ONE), _NEAR_STEPS[bits]))
    decimals = np.concatenate([np.arange(1, 4001) / 1000, np.arange(128, 256) / 128])
    decimals = np.round(decimals / 2.0 ** np.floor(np.log2(decimals)), 9)
    factors = np.unique(np.concatenate([steps, near_one, decimals[decimals > 1]]))
    return factors, np.concatenate([_image(part, bits) for part in np.array_split(factors, 16)])
