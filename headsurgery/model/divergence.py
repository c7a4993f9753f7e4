"""KL divergence of two next-token distributions in float64, from logits of any type.

Attribution scores heads by it and evaluation measures damage by it. Both mean the same number.
"""

from __future__ import annotations

import torch

_LOGITS_PER_CHUNK = 2**19
"""Logits at a time in float64: 4 MB, which a processor's caches hold."""


def kl_divergence(base_logits: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """KL(base || other) in nats, in float64, exactly 0 for equal logits.

    Args:
        base_logits: [..., vocabulary].
        logits: [heads, ..., vocabulary].

    Returns:
        [heads, ...].
    """
    if base_logits.numel() == base_logits.shape[-1]:
        # one row alone: its sums would be cut among threads, and round otherwise than those of several rows
        two = kl_divergence(base_logits.reshape(1, -1).repeat(2, 1), logits.reshape(-1, 1, logits.shape[-1]).repeat(1, 2, 1))
        return two[:, 0].view(logits.shape[:-1])
    base = base_logits.double()
    normalizer = torch.logsumexp(base, dim=-1)  # [...]
    probabilities = (base - normalizer.unsqueeze(-1)).exp()
    step = max(1, _LOGITS_PER_CHUNK // base.numel())
    parts = [
        (probabilities * (base - other)).sum(dim=-1) + torch.logsumexp(other, dim=-1) - normalizer  # [chunk, ...]
        for other in (chunk.double() for chunk in torch.split(logits, step))
    ]
    return torch.cat(parts)
