"""Generalized Ships and the greedy search, against SciPy and the naive loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles

from headsurgery.attribution.sahara import sahara
from headsurgery.attribution.scores import best_heads
from headsurgery.attribution.ships import ships
from headsurgery.attribution.subspaces import largest_angle, left_singular_vectors, subspace_shift
from headsurgery.heads import HeadRef
from headsurgery.model.modules import locate_modules
from tests.naive import naive_run
from tests.tiny import EACH_FAMILY, build_model, sweeper_of, tokens

QUERIES = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (4, 6, 6, 7, 9)]


def naive_shift(model: torch.nn.Module, heads: list[HeadRef], operation: str, r_main: int) -> float:
    base, other = (
        np.linalg.svd(torch.stack([naive_run(model, query, edited, operation)[0] for query in QUERIES]).double().numpy())[0]
        for edited in ([], heads)
    )
    return sum(float(np.degrees(subspace_angles(base[:, :r], other[:, :r])[0])) for r in range(1, r_main + 1))


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
def test_two_steps_equal_the_naive_loop(family: str, operation: str) -> None:
    """Step 2 ablates the head on top of the group, and compares with the untouched model."""
    model = build_model(family)
    table = sahara(sweeper_of(model), [QUERIES], operation=operation, factor=0.0, group_size=2)
    first = HeadRef(table.chosen[0].layer, table.chosen[0].head)
    scores = table.arrays["sahara"]
    assert scores.shape == (2, 3, 6)
    for head in (HeadRef(0, 0), HeadRef(1, 3), HeadRef(2, 5)):
        assert scores[0, head.layer, head.head] == pytest.approx(naive_shift(model, [head], operation, 1), rel=1e-3)
        if head != first:
            assert scores[1, head.layer, head.head] == pytest.approx(naive_shift(model, [first, head], operation, 1), rel=1e-3)
    assert np.isnan(scores[1, first.layer, first.head]), "a head of the group is not scored again"


def test_r_main_sums_the_angles_of_growing_subspaces() -> None:
    model = build_model("llama")
    table = sahara(sweeper_of(model), [QUERIES], operation="scale", factor=0.0, group_size=1, r_main=3)
    assert table.harmful[1, 2] == pytest.approx(naive_shift(model, [HeadRef(1, 2)], "scale", 3), rel=1e-3)


def test_the_choice_is_greedy_and_uses_the_control() -> None:
    model = build_model("llama")
    sets = [QUERIES, [query[::-1] for query in QUERIES]]
    table = sahara(sweeper_of(model), sets, operation="scale", factor=0.0, group_size=3, contrast=2.0)
    harmful, harmless = table.arrays["sahara"], table.arrays["sahara_harmless"]
    for step, score in enumerate(table.chosen):
        assert best_heads(harmful[step] - 2.0 * harmless[step], 1) == (HeadRef(score.layer, score.head),)
        assert score.score == score.harmful - 2.0 * score.harmless
    assert len({(score.layer, score.head) for score in table.chosen}) == 3
    alone = sahara(sweeper_of(model), sets[:1], operation="scale", factor=0.0, group_size=1)
    np.testing.assert_allclose(alone.harmful, harmful[0], err_msg="the control does not change the harmful scores")


def test_scores_do_not_depend_on_batch_size_or_order() -> None:
    """float32 states differ by about 1e-6 of their norm between batch shapes: 1e-4 degrees at most here."""
    model = build_model("llama")
    whole = sahara(sweeper_of(model), [QUERIES], operation="scale", factor=0.0, group_size=2).arrays["sahara"]
    for queries, batch_size in ((QUERIES, 1), (QUERIES, 5), (QUERIES[::-1], "auto")):
        other = sahara(sweeper_of(model, batch_size=batch_size), [queries], operation="scale", factor=0.0, group_size=2).arrays[
            "sahara"
        ]
        np.testing.assert_allclose(other, whole, atol=1e-4)


def test_heads_that_carry_nothing_score_exactly_0() -> None:
    model = build_model("llama")
    with torch.no_grad():
        for layer in range(3):
            weight = locate_modules(model).projection(layer, "o_proj").weight
            kept = weight[:, 16:24].clone()
            weight.zero_()
            weight[:, 16:24] = kept if layer == 1 else 0
    found = sahara(sweeper_of(model), [QUERIES], operation="scale", factor=0.0, group_size=1)
    assert (found.chosen[0].layer, found.chosen[0].head) == (1, 2)
    assert found.chosen[0].score > 0
    assert np.count_nonzero(found.harmful) == 1


def test_angles_are_exact_from_0_to_90_degrees(subtests: pytest.Subtests) -> None:
    for degrees in [0.0, 1e-12, 1e-9, 1e-6, 0.02, 1.0, 45.0, 89.0, 90.0]:
        with subtests.test(degrees=degrees):
            u = np.array([[1.0], [0.0], [0.0]])
            v = np.array([[np.cos(np.radians(degrees))], [np.sin(np.radians(degrees))], [0.0]])
            assert largest_angle(u, v) == pytest.approx(degrees, rel=1e-9, abs=1e-15)


def test_angles_of_subspaces_are_scipys_largest() -> None:
    rng = np.random.default_rng(0)
    for r in (1, 2, 4):
        u, v = (np.linalg.qr(rng.normal(size=(9, r)))[0] for _ in range(2))
        assert largest_angle(u, v) == pytest.approx(np.degrees(subspace_angles(u, v)[0]))
        assert largest_angle(u, u @ np.linalg.qr(rng.normal(size=(r, r)))[0]) == pytest.approx(0, abs=1e-13)


def test_signs_and_scale_of_the_states_do_not_matter() -> None:
    states = torch.randn(6, 20, dtype=torch.float64)
    u, v = left_singular_vectors(states), left_singular_vectors(-3.0 * states)
    assert subspace_shift(u, v, 3) == pytest.approx(0, abs=1e-10)


def test_ties_go_to_the_lower_layer_then_the_lower_head_and_nan_never_wins() -> None:
    scores = np.array([[np.nan, 1.0, 2.0], [2.0, 0.0, np.nan]])
    assert best_heads(scores, 9) == (HeadRef(0, 2), HeadRef(1, 0), HeadRef(0, 1), HeadRef(1, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_first_step_measures_ships_on_the_way(dtype: torch.dtype) -> None:
    model = build_model("llama", dtype=dtype)
    sets = [QUERIES, [query[::-1] for query in QUERIES]]
    both = sahara(sweeper_of(model), sets, operation="scale", factor=0.0, group_size=2).arrays
    alone = ships(sweeper_of(model), sets, operation="scale", factor=0.0, top=1).arrays
    for name in ("ships", "ships_harmless"):
        np.testing.assert_allclose(both[name], alone[name], rtol=1e-6)
