"""Top-k sampling whose randomness depends only on (seed, prompt, position, token).

It uses no generator, so there is no state to keep, restore or disturb. An answer is the same in every batch, after every resume and
on every device, apart from rounding of the logits. Neighbour: `generate` adds the sampler to transformers' loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import torch
from transformers import LogitsProcessor


class TopKSampler(LogitsProcessor):  # type: ignore[misc]
    """Samples from the k likeliest tokens by the Gumbel-max trick. Only the sampled token keeps a finite score.

    A token's noise is a hash of its row's key, its position in the answer and its id. So an answer doesn't depend on its batch, and
    two variants with the same distribution draw the same sample: differences between them come from the edit.

    Args:
        keys: One 64-bit number per row.
        top_k: Number of tokens to choose from.
        temperature: Above 0.
        start: Length of the prompts.
    """

    def __init__(self, keys: Sequence[int], *, top_k: int, temperature: float, start: int) -> None:
        self._keys = np.array(keys, dtype=np.uint64)[:, None]  # [rows, 1]
        self._top_k, self._temperature, self._start = top_k, temperature, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores [rows, vocabulary] of the next token: 0 for the sampled one, -inf for all others."""
        likeliest = scores.topk(min(self._top_k, scores.shape[-1]), dim=-1)  # values and indices [rows, k]
        tokens = likeliest.indices.cpu().numpy().astype(np.uint64)
        place = np.uint64((input_ids.shape[1] - self._start) << 32)
        noisy = likeliest.values.double().cpu().numpy() / self._temperature + _gumbel(_mix(self._keys) ^ _mix(place | tokens))
        chosen = likeliest.indices.gather(1, torch.from_numpy(noisy.argmax(axis=1))[:, None].to(scores.device))  # [rows, 1]
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)


def row_key(seed: int, prompt: Sequence[int]) -> int:
    """A 64-bit number for a seed and a prompt's token ids."""
    return int.from_bytes(sha256(f"{seed}:{list(prompt)}".encode()).digest()[:8], "big")


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """One step of SplitMix64 (Steele, Lea and Flood 2014): a bijection that leaves no pattern of its input."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed


def _gumbel(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Standard Gumbel noise from 64-bit numbers."""
    uniform = ((_mix(values) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53  # in (0, 1)
    noise: npt.NDArray[np.float64] = -np.log(-np.log(uniform))
    return noise
