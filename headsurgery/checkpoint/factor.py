"""The factor between two blocks of stored values, recovered from the data.

Each element of the result admits those factors that round to it; all elements together admit an interval. If it holds a decimal
of some length, then the one of that length nearest to its centre lies in it, too, so the shortest decimal is found by rounding the
centre. Invariant: a factor called exact gives the edited values, all of them, when `plan.multiply` applies it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.checkpoint.plan import multiply


def recover_factor(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> tuple[float | None, float, bool]:
    """Find what `old` was multiplied by.

    Args:
        old: Stored values of the base, [elements].
        new: Stored values of the edited checkpoint, of the same type.

    Returns:
        The factor (None where there is none: all of `old` is zero, or a value is inf or nan), the relative residual of the least
        squares fit, and whether the factor reproduces `new` exactly.
    """
    x, y = old.astype(np.float64), new.astype(np.float64)
    if not x.any() or not np.isfinite(x).all() or not np.isfinite(y).all():
        return None, 1.0, False
    fit = float(x @ y / (x @ x))
    norm = float(np.linalg.norm(y))
    spread = float(np.linalg.norm(y - fit * x)) / norm if norm else 0.0
    x, y, half = x[x != 0], y[x != 0], 0.501 * np.spacing(np.abs(new[x != 0])).astype(np.float64)  # half a unit in the last place
    ends = np.stack([(y - half) / x, (y + half) / x])  # [2, elements]
    low, high = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
    for digits in range(1, 10) if low <= high else ():
        factor = float(f"{(low + high) / 2:.{digits}g}")
        if np.array_equal(multiply(old, factor), new):
            return factor, spread, True
    return fit, spread, False
