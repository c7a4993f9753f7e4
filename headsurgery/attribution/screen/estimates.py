"""Estimates of every score, for all heads at once, from first-order effects.

Log-odds and final states change to first order, so their gradients do. KL doesn't: it is flat at the unablated point, and its
Fisher quadratic 1/2 d' F d stands in, d being the change of the logits and F = diag(p) - p p'. It is sketched: with random
cotangents c of covariance F the mean of (c' d)^2 is d' F d. Shifts of a subspace come from the predicted states themselves, along
the leading right singular vectors. A gradient misjudges the sign of a head whose effect is large and bent, so `screener` never
goes by the first order alone: the Fisher quadratic says which heads have a large effect. docs/screening.md has the measurements.
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
"""Random cotangents, over all queries together."""


MORE_VECTORS = 3
"""Right singular vectors that predicted states are read along, beyond those that are compared."""


class Estimates(NamedTuple):
    """Of all heads of a task, [heads] each.

    Args:
        score: Of the score itself, in its unit.
        divergence: Of KL(base || head edited) at the same tokens, in nats.
    """

    score: FloatArray
    divergence: FloatArray

    def scaled(self, share: float) -> Estimates:
        """Of a mean that counts others as 0."""
        return Estimates(self.score * share, self.divergence * share)


def estimate_divergence(modules: ModuleMap, task: SweepTask, weights: FloatArray, *, seed: int) -> Estimates:
    """Weighted mean of KL(base || head edited) over the tail, averaged over queries.

    Args:
        modules: The model.
        task: As for the exact score.
        weights: [query, token].
        seed: Of the sketch.
    """
    sketch = _Sketch(task, weights, seed)
    divergence = sketch.divergence(first_order(modules, task, sketch.figure, sketch.count))
    return Estimates(divergence, divergence)


def estimate_drop(
    modules: ModuleMap, task: SweepTask, targets: Sequence[Sequence[int]], weights: FloatArray, *, seed: int
) -> Estimates:
    """Weighted mean drop of the targets' log-odds over the tail, averaged over queries.

    Args:
        modules: The model.
        task: As for the exact score.
        targets: Token ids, [query, token].
        weights: [query, token].
        seed: Of the sketch.
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
    """Shift of the subspace of final states from the untouched model's, in degrees.

    Args:
        modules: The model.
        task: As for the exact score, its group included.
        untouched: Final states of the untouched model, [queries, hidden_size].
        states: The same with the group's edits.
        r_main: Leading columns compared.
        seed: Of the sketch.
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
    """Random cotangents for each of so many queries."""
    return -(-_SKETCHES // queries)


class _Sketch:
    """Random cotangents of the logits whose covariance is the Fisher information, the same for every cut into batches."""

    def __init__(self, task: SweepTask, weights: FloatArray, seed: int) -> None:
        self.count = sketches_per_query(len(task.queries))
        """Per query."""
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
    assert final.logits is not None  # asked for
    return final.logits.to(torch.promote_types(final.logits.dtype, torch.float32))
