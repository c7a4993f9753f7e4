"""Screening: estimates of all heads from gradients, and an attribution of the heads that come through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from headsurgery.attribution.screen.gradients import first_order
from headsurgery.engine.calls import FinalStates
from headsurgery.engine.measures import Divergence
from headsurgery.engine.task import Measure, SweepTask
from headsurgery.model.modules import locate_modules
from tests.naive import naive_run
from tests.tiny import FAMILIES, Q_NORM_FAMILIES, build_model, tokens

QUERIES = tuple(tuple(tokens(queries=1, length=length, seed=seed)[0].tolist()) for seed, length in enumerate((7, 5, 7, 9)))
STEP = 0.01
"""Of central differences: small against what they leave out, large against norms, which round to float32 in a float64 model."""


def task_of(
    model: torch.nn.Module, measure: Measure, *, operation: str = "scale", factor: float = 1 + STEP, **choices: Any
) -> SweepTask:
    heads = tuple(locate_modules(model).geometry.heads())
    group = choices.get("group", ())
    heads = tuple(head for head in heads if head not in {edit.ref for edit in group})
    return SweepTask(queries=QUERIES, heads=heads, operation=operation, factor=factor, measure=measure, **choices)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
def test_first_order_effects_are_the_finite_differences_of_the_real_model(family: str, operation: str) -> None:
    if operation == "uniform_attention" and family in Q_NORM_FAMILIES:
        pytest.skip("the norm cancels a factor near 1; factor 0 is tested below")
    model = build_model(family, dtype=torch.float64)
    task = task_of(model, Divergence(), operation=operation)

    def figures(_: Sequence[int], final: FinalStates) -> Iterator[torch.Tensor]:
        assert final.logits is not None
        yield final.logits[:, -1, 5]
        yield final.states[:, -1, 3]

    modules = locate_modules(model)
    found = (first_order(modules, task, figures) - first_order(modules, replace(task, factor=1 - STEP), figures)).numpy() / 2
    for row, head in enumerate(task.heads):
        for query in (0, 3):
            (states, logits), (less_states, less_logits) = (
                naive_run(model, QUERIES[query], [head], operation, factor) for factor in (1 + STEP, 1 - STEP)
            )
            wanted = [float(logits[5] - less_logits[5]) / 2, float(states[3] - less_states[3]) / 2]
            np.testing.assert_allclose(found[:, row, query], wanted, rtol=1e-2, atol=1e-6)
