"""Screening: estimates of all heads from gradients, and an attribution of the heads that come through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from headsurgery import Recipe, attribute
from headsurgery.attribution.screen.estimates import estimate_divergence, estimate_drop
from headsurgery.attribution.screen.gradients import first_order
from headsurgery.attribution.screen.screener import Screening
from headsurgery.engine.calls import FinalStates
from headsurgery.engine.measures import Divergence, LogOddsDrop
from headsurgery.engine.task import Measure, SweepTask
from headsurgery.errors import ModelError, UsageError
from headsurgery.model.modules import locate_modules
from headsurgery.recipe import HeadEdit
from tests.naive import naive_run
from tests.refusing import PLANTED, load_refusing, questions
from tests.tiny import EACH_FAMILY, Q_NORM_FAMILIES, build_model, build_tokenizer, sweeper_of, tokens

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


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
def test_first_order_effects_are_the_finite_differences_of_the_real_model(family: str, operation: str) -> None:
    if operation == "uniform_attention" and family in Q_NORM_FAMILIES:
        pytest.skip("the norm cancels a factor near 1; factor 0 is tested below")
    model = build_model(family, dtype=torch.float64)
    task = task_of(model, Divergence(), operation=operation)

    def figure(_: int, number: int, final: FinalStates) -> torch.Tensor:
        assert final.logits is not None
        return (final.logits[0, -1, 5], final.states[0, -1, 3])[number]

    modules = locate_modules(model)
    more, less = (first_order(modules, replace(task, factor=factor), figure, 2) for factor in (1 + STEP, 1 - STEP))
    found = (more - less).numpy() / 2
    for row, head in enumerate(task.heads):
        for query in (0, 3):
            (states, logits), (less_states, less_logits) = (
                naive_run(model, QUERIES[query], [head], operation, factor) for factor in (1 + STEP, 1 - STEP)
            )
            wanted = [float(logits[5] - less_logits[5]) / 2, float(states[3] - less_states[3]) / 2]
            np.testing.assert_allclose(found[:, row, query], wanted, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("family", Q_NORM_FAMILIES)
def test_with_a_query_norm_uniform_attention_changes_z_as_the_real_model_does(family: str) -> None:
    """In the last layer nothing but the MLP and norms bends what a head writes, so it is nearly linear."""
    model = build_model(family)
    modules = locate_modules(model)
    task = task_of(model, Divergence(), operation="uniform_attention", factor=0.0)
    found = first_order(modules, task, lambda *row: row[2].states[0, -1, 3], 1).numpy()[0]
    wanted = np.array(
        [
            [float(naive_run(model, q, [head], "uniform_attention")[0][3] - naive_run(model, q)[0][3]) for q in QUERIES]
            for head in task.heads
        ]
    )
    last = [row for row, head in enumerate(task.heads) if head.layer == 2]
    assert np.corrcoef(found[last].ravel(), wanted[last].ravel())[0, 1] > 0.9


def test_estimates_do_not_depend_on_how_queries_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model("qwen2")
    modules, task, weights = locate_modules(model), task_of(model, Divergence(), factor=0.0), np.ones((len(QUERIES), 1))
    whole = estimate_divergence(modules, task, weights, seed=0).score
    monkeypatch.setattr("headsurgery.attribution.screen.gradients._TOKENS", 1)
    np.testing.assert_allclose(estimate_divergence(modules, task, weights, seed=0).score, whole, rtol=1e-3)


@pytest.mark.parametrize("with_group", [False, True])
def test_near_the_untouched_model_estimates_are_the_exact_scores(with_group: bool) -> None:
    """Log-odds and KL of heads weakened by a hundredth; the sketch of KL is unbiased, so the mean of some is compared."""
    model = build_model("llama")
    modules, weights = locate_modules(model), np.ones((len(QUERIES), 2)) / 2
    group = (HeadEdit(layer=1, head=2),) if with_group else ()
    targets = tuple(query[:2] for query in QUERIES)
    task = task_of(model, LogOddsDrop(targets), factor=0.99, group=group, tail=2)
    found = [estimate_drop(modules, task, targets, weights, seed=1000 * turn) for turn in range(8)]
    drops, divergences = found[0].score, np.mean([estimates.divergence for estimates in found], axis=0)
    exact = sweeper_of(model).sweep(task)[0].numpy().mean(axis=(1, 2))
    np.testing.assert_allclose(drops, exact, rtol=0.1, atol=0.05 * np.abs(exact).max())
    exact = sweeper_of(model).sweep(replace(task, measure=Divergence()))[0].numpy().mean(axis=(1, 2))
    np.testing.assert_allclose(divergences, exact, rtol=0.3)
    assert np.corrcoef(np.log(divergences), np.log(exact))[0, 1] > 0.99


def test_rankings_that_estimates_know_less_of_let_half_as_many_more_heads_through() -> None:
    geometry = locate_modules(build_model("llama")).geometry
    assert [Screening().count(geometry, rough=rough) for rough in (False, True)] == [40, 60]
    assert Screening(survivors=7).count(geometry, rough=True) == 7


def test_a_screened_attribution_finds_the_planted_head() -> None:
    loaded = load_refusing()
    prompts, harmless = questions(8, harmful=True, seed=1), questions(8, harmful=False, seed=1)
    screen = Screening(survivors=6, sample=4)
    for method in ("refusal", "ships", "sahara"):
        found = attribute(loaded.model, loaded.tokenizer, prompts, harmless=harmless, method=method, screen=screen, top=1)
        assert found.recipe.edits[0].ref == PLANTED
        name = "ships" if method == "ships" else method
        scored = np.isfinite(found.scores.arrays[name][0])
        assert scored.sum() == 10, "survivors and sample; the others have no exact score"
        assert np.isfinite(found.scores.arrays[f"{name}_screen"][0]).all(), "all have an estimate"
        assert set(found.scores.arrays) >= {f"{name}_harmless", f"{name}_harmless_screen"}
        record = found.recipe.provenance.screen
        assert (record.survivors, record.screened_out, record.sampled, record.k) == (6, 12, 4, 6)
        assert any(note.startswith("screened: 6 of 18 heads scored exactly, and 4 of the 12 others") for note in found.notes)
        assert all(scored[head.layer, head.head] for head in found.scores.top(18))
        assert Recipe.parse(found.recipe.to_json()) == found.recipe


@pytest.mark.parametrize("method", ["ships", "sahara"])
def test_scores_of_survivors_are_those_without_a_screen(method: str) -> None:
    model, prompts = build_model("llama"), ["w9 w10 w11", "w12 w13", "w14 w15 w16 w17"]
    whole = attribute(model, build_tokenizer(), prompts, method=method).scores
    found = attribute(model, build_tokenizer(), prompts, method=method, screen=Screening(survivors=5, sample=2)).scores
    kept = np.isfinite(found.combined)
    assert kept.sum() == 7
    np.testing.assert_allclose(found.combined[kept], whole.combined[kept], rtol=1e-4)
    assert whole.account is None


def test_a_screen_that_lets_all_heads_through_changes_nothing() -> None:
    model, prompts = build_model("gpt2"), ["w9 w10 w11", "w12 w13"]
    whole, found = (attribute(model, build_tokenizer(), prompts, method="ships", screen=screen) for screen in (None, Screening()))
    assert found.recipe.edits == whole.recipe.edits
    assert found.scores.account.recall_at_least == 1
    np.testing.assert_array_equal(found.scores.combined, whole.scores.combined)


def test_gradients_that_are_not_finite_are_an_expected_failure() -> None:
    """As when float16 overflows."""
    model = build_model("llama", dtype=torch.float16)
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight *= 3e5
    with pytest.raises(ModelError, match="not finite in float16"):
        attribute(model, build_tokenizer(), ["w9 w10", "w11"], method="ships", screen=Screening(survivors=5, sample=0))


def test_contradictions_are_usage_errors() -> None:
    for choices, message in (({"survivors": 0}, "survivors is 0"), ({"sample": -1}, "sample is -1")):
        with pytest.raises(UsageError, match=message):
            Screening(**choices)
    with pytest.raises(UsageError, match="nothing to screen"):
        attribute(build_model("llama"), build_tokenizer(), ["w9"], harmless=["w10"], method="direct", screen=Screening())
