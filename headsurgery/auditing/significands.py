"""The significands of stored numbers: a block that was multiplied and rounded again can't contain values that its neighbours have.

A 16-bit weight has few significands: 128 for each power of two in bfloat16, 1024 in float16. If weights are multiplied by a factor
that is no power of two and rounded again, some significands can't occur any more, whatever the weights were, and others occur twice
as often. This pattern is a comb, as double compression leaves in a picture. It follows from the factor alone and is the same in
every power of two.

Missing values alone prove nothing: a head whose weights were quantized in its own way lacks many, too. So each factor is a separate
hypothesis: the significands that it can't give are missing, those that it gives twice are doubled, and all others are
there. The statistic is the log-likelihood ratio of that to a head like the others whose values come in clumps (a compound Poisson
process). The size of the clumps is the variance of the head's own counts over their mean, which is never too small. A head of few
levels has large clumps, so its gaps say little.
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
"""Bits of the significand that a 16-bit type stores."""

_STRONG = 16.0
"""Log-likelihood ratio from which on a comb is called one; docs/audit.md has what untouched and edited heads reach."""
_EMPTY, _LEFT = 0.01, 0.05
"""Shares of the values expected up to which a significand is lacking, and up to which all that a factor can't give are: the factor
is known nearly, not exactly."""
_EXPLAINED = 0.5
"""Share of what a head lacks that a factor must explain; numbers of few bits lack many in a pattern of their own."""
_POWERS, _MOST = 3, 0.6
"""Powers of two in which a head must have this share of the significands that it can have by chance: numbers that were rounded to
multiples of one scale (int8) have so many in the highest only."""
_NEVER, _SELDOM = 0.003, 0.1
"""How often an impossible value counts as possible, so that single ones rule no factor out; and for factors near the right one."""
_SHARED = 0.75
"""Share of a head's values that others must have, too; a head of levels of its own can't be compared with them."""
_STEPS = {7: 4096, 10: 8192}
"""Factors of the table, evenly spaced in logarithm, by bits."""
_NEAR_ONE, _NEAR_STEPS = 0.25, {7: 2.0**-9, 10: 2.0**-11}
"""Up to so much above 1 there are more factors: the differences from 1 are evenly spaced in logarithm."""
_LIKELY = 8
"""Factors of the table that are looked at more closely."""
_CLOSER = np.linspace(-1.5, 1.5, 193)
"""Steps of the table around them."""


@dataclass(frozen=True, kw_only=True)
class Comb:
    """What a factor explains of how a head's values lie.

    Args:
        factor: The factor that explains most, between 1 and 2: times a power of two it leaves the same comb.
        impossible: Significands that it can't give.
        expected: Values that the head would have on these, were it as the other heads.
        present: Values that it has on these.
        missing: Values that it would have on all significands that it lacks.
        full: Powers of two in which the head has most of the significands that the factor can give.
        strength: Log-likelihood ratio to a head that was not multiplied.
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
        """Whether chance is ruled out with all factors tried, and what the head lacks is mostly what the factor can't give."""
        is_explained = self.expected >= _EXPLAINED * self.missing and self.full >= _POWERS
        return self.strength > _STRONG and self.present <= _LEFT * self.expected and is_explained


def count_codes(block: npt.NDArray[Any], dtype: str) -> Counts:
    """How often each normal number of a 16-bit type occurs, [power of two, significand], whatever its sign."""
    bits = STORED_BITS[dtype]
    codes = np.ascontiguousarray(block).view(np.uint16).reshape(-1) & 0x7FFF
    counts = np.bincount(codes, minlength=1 << 15).reshape(-1, 1 << bits)
    return counts[1:-1].astype(np.float64)  # without zeros and subnormal numbers, inf and nan


def find_combs(codes: Sequence[Counts], dtype: str) -> list[Comb | None]:
    """The comb of each head of a tensor.

    Args:
        codes: For each head how often each number occurs, as `count_codes` has it.
        dtype: Their type.

    Returns:
        One for each head; None where no factor explains anything, or there are no others to compare with.
    """
    counts = np.stack([numbers.sum(axis=0) for numbers in codes])
    found: list[Comb | None] = [None] * len(counts)
    total = counts.sum(axis=1)
    having = np.flatnonzero(total)  # a head of zeros is no example
    for head in map(int, having if len(having) > 1 else ()):
        others = having[having != head]
        expected = _expect(counts[head], np.median(counts[others] / total[others, None], axis=0))
        if _lacks(counts[head], expected).any() and _is_comparable(counts[head], expected):
            found[head] = _fit(codes[head], expected, STORED_BITS[dtype])
    return found


def _expect(own: Counts, others: Counts) -> Counts:
    """Counts spread over near significands as in the median of the other heads; how they lie at large is the head's own."""
    width = len(own) // 16
    level, own_level = _smooth(others, width), _smooth(own, width)
    expected = others * np.divide(own_level, level, out=np.zeros_like(own), where=level > 0)
    scaled: Counts = expected * own.sum() / max(float(expected.sum()), 1e-9)
    return np.minimum(scaled, 2 * own_level)  # a value that the others have by heaps is no more than another for this head


def _smooth(values: Counts, width: int) -> Counts:
    """Mean over `width` neighbours on each side; significands lie on a circle."""
    around = np.concatenate([values[-width:], values, values[:width]])
    sums = np.concatenate([[0.0], np.cumsum(around)])
    means: Counts = (sums[2 * width + 1 :] - sums[: -2 * width - 1]) / (2 * width + 1)
    return means


def _lacks(own: Counts, expected: Counts) -> npt.NDArray[np.bool_]:
    return (expected >= 1) & (own <= _EMPTY * expected)


def _is_comparable(own: Counts, expected: Counts) -> bool:
    """Whether most of the head's values are such as the others have."""
    return bool(own[expected > 0].sum() >= _SHARED * own.sum())


def _fit(codes: Counts, expected: Counts, bits: int) -> Comb | None:
    """The factor that explains most: from the table, then closely around its best."""
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
    """Powers of two in which most significands occur of those that a factor can give."""
    total = codes.sum(axis=1)
    likely = codes.shape[1] * -np.expm1(-total / codes.shape[1])
    return int(((total >= codes.shape[1]) & ((codes > 0).sum(axis=1) >= _MOST * likely)).sum())


def _dispersion(own: Counts, expected: Counts) -> float:
    """Variance over mean of counts about their expectation: 1 for single draws, the size of clumps else."""
    known = expected > 0
    return float(((own[known] - expected[known]) ** 2 / expected[known]).sum() / max(1, known.sum()))


def _strengths(factors: Counts, ways: npt.NDArray[np.uint8], own: Counts, expected: Counts, *, never: float) -> Counts:
    """Log-likelihood ratios [factor] of Poisson counts: multiplied by each factor, against as expected."""
    count = len(own)
    significands = np.arange(count, 2 * count, dtype=np.float32) / count
    # on average 2 / factor ways lead to a significand below the factor, as two powers of two lie there, 1 / factor to one above it
    usual = np.where(significands < factors[:, None], np.float32(2), np.float32(1)) / factors[:, None].astype(np.float32)
    ratio = np.maximum(ways / usual, np.float32(never))
    logs = np.log(ratio)
    # no factor makes a value more than twice as frequent, so what a head has by heaps beyond that speaks for none
    beyond = np.maximum(own - 2 * expected, 0)
    heaps = np.flatnonzero(beyond)
    return np.asarray(logs @ own - (ratio - 1) @ expected - np.maximum(logs[:, heaps], 0) @ beyond[heaps], np.float64)


def _image(factors: Counts, bits: int) -> npt.NDArray[np.uint8]:
    """How many significands each factor, between 1 and 2, takes to each: [factor, significand]; from float32, as `apply`."""
    count = 1 << bits
    product = factors.astype(np.float32)[:, None] * np.arange(count, 2 * count, dtype=np.float32)
    rounded = np.rint(np.where(product < 2 * count, product, product / 2)).astype(np.int32) % count
    flat = (rounded + count * np.arange(len(factors), dtype=np.int32)[:, None]).reshape(-1)
    return np.bincount(flat, minlength=count * len(factors)).reshape(len(factors), count).astype(np.uint8)


@cache
def _table(bits: int) -> tuple[Counts, npt.NDArray[np.uint8]]:
    """Factors between 1 and 2, and the image of each.

    They are so close that neighbours leave nearly the same comb, which near 1 moves fast; and all decimals of three places, as
    products of these lie half-way between two numbers and are rounded as no near factor's are.
    """
    steps = 2.0 ** ((np.arange(_STEPS[bits]) + 0.5) / _STEPS[bits])
    near_one = 1 + np.exp(np.arange(np.log(2.0**-bits), np.log(_NEAR_ONE), _NEAR_STEPS[bits]))
    decimals = np.concatenate([np.arange(1, 4001) / 1000, np.arange(128, 256) / 128])
    decimals = np.round(decimals / 2.0 ** np.floor(np.log2(decimals)), 9)
    factors = np.unique(np.concatenate([steps, near_one, decimals[decimals > 1]]))
    return factors, np.concatenate([_image(part, bits) for part in np.array_split(factors, 16)])
