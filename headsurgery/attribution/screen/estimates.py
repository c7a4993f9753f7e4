"""Estimate every score for all heads at once, from first-order effects.

Log-odds and final states change to first order, so their gradients estimate the change. KL doesn't: it is flat at the unablated
point. Its Fisher quadratic 1/2 d' F d replaces it, where d is the change of the logits and F = diag(p) - p p'. It is sketched: for
random cotangents c of covariance F, the mean of (c' d)^2 is d' F d. Shifts of a subspace come from the predicted states themselves,
along the leading right singular vectors. A gradient misjudges the sign of a head whose effect is large and nonlinear, so `screener`
never uses the first order alone: the Fisher quadratic tells which heads have a large effect. docs/screening.md has measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from headsurgery.attribution.scores import FloatArray
from headsurgery.attribution.screen.gradients import first_order
from headsurgery.attribution.subspaces import left_singular_vectors, subspace_shift
from headsurgery.engine.calls import FinalStates
from headsurgery.engine.measures import log_odds
from headsurgery.engine.task import SweepTask
from headsurgery.model.modules import ModuleMap

_SKETCHES = 48
"""Number of random cotangents, over all queries together."""


MORE_VECTORS = 3
"""Right singular vectors along which predicted states are read, in addition to those that are compared."""


class Estimates(NamedTuple):
    """Estimates for all heads of a task, [heads] each.

    Args:
        score: Estimate of the score itself, in its unit.
        divergence: Estimate of KL(base || head edited) at the same tokens, in nats.
    """

    score: FloatArray
    divergence: FloatArray

    def scaled(self, share: float) -> Estimates:
        """Estimates of a mean in which only this share of the values is not 0."""
        return Estimates(self.score * share, self.divergence * share)


def estimate_divergence(modules: ModuleMap, task: SweepTask, weights: FloatArray, *, seed: int) -> Estimates:
    """Estimate the weighted mean of KL(base || head edited) over the tail, averaged over queries.

    Args:
        modules: The model.
        task: The task of the exact score.
        weights: [query, token].
        seed: Seed of the sketch.
    """
    sketch = _Sketch(task, weights, seed)
    divergence = sketch.divergence(first_order(modules, task, sketch.figure, sketch.count))
    return Estimates(divergence, divergence)


def estimate_drop(
    modules: ModuleMap, task: SweepTask, targets: Sequence[Sequence[int]], weights: FloatArray, *, seed: int
) -> Estimates:
    """Estimate the weighted mean drop of the targets' log-odds over the tail, averaged over queries.

    Args:
        modules: The model.
        task: The task of the exact score.
        targets: Token ids, [query, token].
        weights: [query, token].
        seed: Seed of the sketch.
    """
    sketch = _Sketch(task, weights, seed)

    def figure(query: int, number: int, final: FinalStates) -> torch.Tensor:
        if number < sketch.count:
            return sketch.figure(query, number, final)
        logits = _logits(final)
        odds = log_odds(logits, torch.tensor([list(targets[query])]))
        return -(odds * torch.from_numpy(weights[[query]]).to(logits)).sum()

    found = first_order(modules, task, figure, sketch.count + 1)
    return Estimates(found[-1].double().numpy().mean(axis=1), sketch.divergence(found[:-1]))


def estimate_shift(
    modules: ModuleMap, task: SweepTask, untouched: torch.Tensor, states: torch.Tensor, r_main: int, *, seed: int
) -> Estimates:
    """Estimate how far the subspace of final states shifts from the untouched model's, in degrees.

    Args:
        modules: The model.
        task: The task of the exact score, including its group.
        untouched: Final states of the untouched model, [queries, hidden_size].
        states: The same with the group's edits.
        r_main: Number of leading columns compared.
        seed: Seed of the sketch.
    """
    sketch = _Sketch(task, np.ones((len(task.queries), 1)), seed)
    right = torch.linalg.svd(states.double(), full_matrices=False)[2][: r_main + MORE_VECTORS]  # [vectors, hidden_size]

    def figure(query: int, number: int, final: FinalStates) -> torch.Tensor:
        if number < sketch.count:
            return sketch.figure(query, number, final)
        wide = final.states[0, -1].to(torch.promote_types(final.states.dtype, torch.float32))
        return torch.dot(wide, right[number - sketch.count].to(wide))

    found = first_order(modules, task, figure, sketch.count + len(right))
    predicted = (states.double() @ right.T).T.unsqueeze(1) + found[sketch.count :].double()  # [vectors, heads, queries]
    base = left_singular_vectors(untouched)
    shifts = [subspace_shift(base, left_singular_vectors(head.T), r_main) for head in predicted.unbind(1)]
    return Estimates(np.array(shifts), sketch.divergence(found[: sketch.count]))


def sketches_per_query(queries: int) -> int:
    """Number of random cotangents per query, given the number of queries."""
    return -(-_SKETCHES // queries)


class _Sketch:
    """Random cotangents of the logits whose covariance is the Fisher information. They are the same however batches are cut."""

    def __init__(self, task: SweepTask, weights: FloatArray, seed: int) -> None:
        self.count = sketches_per_query(len(task.queries))
        """Number of cotangents per query."""
        self._weights, self._seed = weights, seed

    def figure(self, query: int, number: int, final: FinalStates) -> torch.Tensor:
        """See `first_order`."""
        logits = _logits(final)  # [1, tail, vocabulary]
        chance = torch.Generator().manual_seed(self._seed + query * self.count + number)
        probabilities = logits.detach().softmax(dim=-1)
        noise = probabilities.sqrt() * torch.randn(logits.shape, generator=chance).to(logits)
        cotangent = noise - probabilities * noise.sum(dim=-1, keepdim=True)
        weights = torch.from_numpy(self._weights[[query]]).to(logits).sqrt().unsqueeze(-1)
        return (cotangent * weights * logits).sum()

    @staticmethod
    def divergence(changes: torch.Tensor) -> FloatArray:
        """[heads], from changes [sketches, heads, queries]."""
        return np.asarray((changes.double() ** 2).mean(dim=(0, 2)) / 2)


def _logits(final: FinalStates) -> torch.Tensor:
    """[rows, tail, vocabulary], at least in float32."""
    assert final.logits is not None  # requested
    return final.logits.to(torch.promote_types(final.logits.dtype, torch.float32))
