"""How far the subspace of the queries' final states turns (Sec. 4.1, Eq. 11 of the paper)."""

from __future__ import annotations

import numpy as np
import torch

from headsurgery.attribution.scores import FloatArray


def left_singular_vectors(states: torch.Tensor) -> FloatArray:
    """U of states [queries, hidden_size], [queries, min(queries, hidden_size)], in order of falling singular values."""
    u: FloatArray = np.linalg.svd(states.double().cpu().numpy(), full_matrices=False)[0]
    return u


def largest_angle(u: FloatArray, v: FloatArray) -> float:
    """Largest principal angle between the column spaces of two orthonormal bases [n, r], in degrees, exact near 0 and near 90."""
    overlap = u.T @ v  # [r, r]
    sine = float(np.linalg.norm(v - u @ overlap, ord=2))
    if sine * sine <= 0.5:
        return float(np.degrees(np.arcsin(sine)))
    cosine = float(np.linalg.svd(overlap, compute_uv=False)[-1])
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def subspace_shift(base: FloatArray, ablated: FloatArray, r_main: int) -> float:
    """Eq. 11 on left singular vectors: the sum of the angles of the leading 1, 2, ..., r_main columns, in degrees."""
    return sum(largest_angle(base[:, :r], ablated[:, :r]) for r in range(1, r_main + 1))
