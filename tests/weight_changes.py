"""Changes of weights as other tools make them, for tests and benchmarks of the audit against a base."""

from __future__ import annotations

from collections.abc import Callable

import torch

Weights = dict[str, torch.Tensor]
Change = Callable[[Weights], None]
"""Changes weights in place."""


def chance(*shape: int, seed: int = 0) -> torch.Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def then(*changes: Change) -> Change:
    """One after the other."""

    def change(weights: Weights) -> None:
        for one in changes:
            one(weights)

    return change


def matrices(ending: str, function: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    """One function, in float32, on every matrix whose name ends so."""

    def change(weights: Weights) -> None:
        for name, values in weights.items():
            if name.endswith(ending) and values.dim() == 2:
                weights[name] = function(values.float()).to(values.dtype)

    return change


def take_out(old: torch.Tensor, strength: float, *, seed: int = 0, keep_norms: bool = False) -> torch.Tensor:
    """What abliteration does: W - strength * r r^T W; norm-preserving: each row's norm is put back."""
    direction = torch.nn.functional.normalize(chance(old.shape[0], seed=seed), dim=0)
    new = old - strength * torch.outer(direction, direction @ old)
    return new * (old.norm(dim=1, keepdim=True) / new.norm(dim=1, keepdim=True)) if keep_norms else new


def add_low_rank(old: torch.Tensor, rank: int, size: float, *, seed: int) -> torch.Tensor:
    """What merging LoRA does: W + B A, of a relative size."""
    update = chance(old.shape[0], rank, seed=seed) @ chance(rank, old.shape[1], seed=seed + 1)
    return old + update * (size * old.norm() / update.norm())
