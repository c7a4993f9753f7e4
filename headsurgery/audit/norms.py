"""Norms of head blocks that stand out from those of their layer.

The logarithm of each block's norm less the median of its layer, over the spread of all such differences in the model (1.4826 times
their median, as for a normal distribution). Heads of one layer differ by nature, so this finds large factors only; it is what is
left to find powers of two, which leave no comb (`grain`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LIMIT = 8.0
"""Robust standard deviations from which on a norm is called unusual."""


def deviations(norms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How norms [layer, head] stand out.

    Returns:
        Robust standard deviations, and the factor to the layer's median; NaN where there is no head, or a norm of 0 or inf.
    """
    logs = np.log(norms, out=np.full_like(norms, np.nan), where=(norms > 0) & np.isfinite(norms))
    medians = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in logs])
    off = logs - medians[:, None]
    known = np.abs(off[np.isfinite(off)])
    spread = 1.4826 * float(np.median(known)) if len(known) else 0.0
    return off / max(spread, 1e-3), np.exp(np.minimum(off, 700.0))
