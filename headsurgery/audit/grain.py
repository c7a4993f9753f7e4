"""The grain of stored numbers: a block that was multiplied and rounded again has lost values that its neighbours have.

A 16-bit weight has few significands: 128 for each power of two in bfloat16, 1024 in float16. Training leaves a block with all of
them. Multiplied by a factor that is no power of two and rounded back, some can't come out any more (for 0.7 three of ten), whatever
the weights were: a comb, as double compression leaves in a picture. What counts is which values a head misses although the other
heads of the tensor have them, so a grain that the whole tensor has (a conversion, a quantization) is no alarm. In float32 a comb
can't be seen; there a block is told by numbers that are finer than those of the other heads, if these came from a 16-bit type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_SIGNIFICAND = {"BF16": 7, "F16": 10}
"""Stored bits of it."""

_CODES = 2**15
_FEW = 3.0
"""Values that are expected less often say nothing by their absence."""

_LIMIT = 10.0
"""Standard deviations from which on a comb is called one."""


@dataclass(frozen=True, kw_only=True)
class Comb:
    """How a head's values lack what the others have.

    Args:
        missing: Values that it lacks, of those that are expected three times or more.
        expected: How often these would have occurred, all together.
        deviations: By how many standard deviations that is more than chance.
    """

    missing: int
    expected: float
    deviations: float


def limit_of(combs: Sequence[Comb]) -> float:
    """Deviations from which on a head of a model stands out: 10, and beyond what most of its heads have.

    Values that were quantized in small blocks and expanded again (GGUF) are no independent draws: every head lacks some.
    """
    found = np.array([comb.deviations for comb in combs])
    middle = float(np.median(found))
    return max(_LIMIT, middle + _LIMIT * 1.4826 * float(np.median(np.abs(found - middle))))


def can_have_comb(dtype: str) -> bool:
    """Whether a stored type is coarse enough."""
    return dtype in _SIGNIFICAND


def count_codes(block: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """How often each magnitude occurs in a block of a 16-bit type, [32768]; zeros left out."""
    codes = np.ascontiguousarray(block).view(np.uint16).reshape(-1) & 0x7FFF
    counts = np.bincount(codes, minlength=_CODES)
    counts[0] = 0
    return counts


def find_combs(counts: npt.NDArray[np.int64], dtype: str) -> list[Comb]:
    """What each head of a tensor lacks, from counts [head, code].

    Within each power of two a head's values are expected as those of all other heads are spread there; a value that fewer than half
    of these have is not expected at all, so one head that was edited accuses no other.
    """
    per_binade = 2 ** _SIGNIFICAND[dtype]
    by_binade = counts.reshape(len(counts), -1, per_binade).astype(np.float64)  # [head, binade, significand]
    total, having = by_binade.sum(axis=0), (by_binade > 0).sum(axis=0)
    combs = []
    for own in by_binade:
        others = np.where(having - (own > 0) >= (len(counts) - 1) / 2, total - own, 0.0)
        size = others.sum(axis=1, keepdims=True)
        expected = own.sum(axis=1, keepdims=True) * np.divide(others, size, out=np.zeros_like(others), where=size > 0)
        weighty = expected >= _FEW
        e, absent = expected[weighty], own[weighty] == 0
        chance = np.exp(-e)
        lacking = float(e[absent].sum())
        spread = float(np.sqrt((e**2 * chance * (1 - chance)).sum()))
        surplus = lacking - float((e * chance).sum())
        combs.append(Comb(missing=int(absent.sum()), expected=lacking, deviations=surplus / max(spread, 1.0)))
    return combs


def share_of_finer(block: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Shares of float32 values that are no bfloat16 numbers, and that have more significant bits than float16 numbers."""
    bits = np.ascontiguousarray(block).view(np.uint32).reshape(-1)
    return float(((bits & 0xFFFF) != 0).mean()), float(((bits & 0x1FFF) != 0).mean())


def stand_out_finer(shares: Sequence[tuple[float, float]]) -> list[bool]:
    """Heads [head] that are finer than most others, which came from a 16-bit type."""
    if len(shares) < 2:
        return [False] * len(shares)
    table = np.array(shares)  # [head, kind]
    others = np.stack([np.median(np.delete(table, number, axis=0), axis=0) for number in range(len(table))])
    stands_out = (others <= _COARSE) & (table >= _FINE)
    return [bool(kinds.any()) for kinds in stands_out]


_COARSE, _FINE = 0.01, 0.3
"""Shares of finer values: of most other heads at most, of the suspect at least."""
