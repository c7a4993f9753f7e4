"""Find norms of head blocks that differ from those of their layer and of the neighbouring layers.

The measure is the logarithm of each block's norm, minus the median of the other heads of its layer, divided by the spread within
the layers of the model (1.4826 times the median difference from a layer's median, as for a normal distribution). Heads of one layer
differ by nature, so only large factors are found. No other method finds powers of two, which leave no comb (`significands`).

If a layer has few heads, two edited heads can be most of the others. So a head must also differ from the heads of the neighbouring
layers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LIMIT = 8.0
"""Robust standard deviations above which a norm is called unusual."""
_EXCUSED = 4.0
"""Robust standard deviations from the neighbouring layers within which a head counts as usual."""
_BESIDE = 2
"""Number of neighbouring layers on each side."""


def deviations(logs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Measure how norms stand out.

    Args:
        logs: Logarithms of norms, [layer, head]; not finite if there is no head, or no norm.

    Returns:
        Robust standard deviations, 0 for a head that resembles those of the neighbouring layers; and the factor relative to the
        median of the other heads. NaN if the norm is not finite, or there is nothing to compare it with.
    """
    logs = np.where(np.isfinite(logs), logs, np.nan)
    own, within = logs - _centres(logs, 0), logs - _medians(logs)
    beside = logs - _centres(logs, _BESIDE)
    off = own / _spread(within)
    is_usual = np.abs(beside) <= _EXCUSED * _spread(beside)  # False for NaN: a model of one layer
    return np.where(is_usual & np.isfinite(off), 0.0, off), np.exp(np.clip(own, -700.0, 700.0))


def _medians(logs: FloatArray) -> FloatArray:
    """The median of each layer, [layer, 1]."""
    return np.array([[np.median(row[~np.isnan(row)]) if not np.isnan(row).all() else np.nan] for row in logs])


def _centres(logs: FloatArray, reach: int) -> FloatArray:
    """For each head the median of the layer's other heads, or of all heads in the layers within reach."""
    centres = np.full_like(logs, np.nan)
    for layer, head in np.ndindex(logs.shape):
        near = [number for number in range(layer - reach, layer + reach + 1) if 0 <= number < len(logs) and number != layer]
        others = logs[near].reshape(-1) if reach else np.delete(logs[layer], head)
        others = others[~np.isnan(others)]
        if len(others):
            centres[layer, head] = np.median(others)
    return centres


def _spread(off: FloatArray) -> float:
    known = np.abs(off[np.isfinite(off)])
    return max(1.4826 * float(np.median(known)), 1e-3) if len(known) else 1e-3
