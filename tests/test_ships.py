"""Ships, against the naive loop, and on a model whose safety heads are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headsurgery.attribution.ships import ships, ships_of_queries
from headsurgery.model.divergence import kl_divergence
from headsurgery.model.modules import locate_modules
from tests.exhaustive import all_but
from tests.naive import naive_ships
from tests.tiny import EACH_FAMILY, build_model, sweeper_of, tokens

QUERIES = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (4, 7, 7, 9)]


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
def test_the_sweep_equals_the_naive_loop(family: str, operation: str) -> None:
    """Within 1e-4 relative: the two differ by the rounding of other batch shapes only, about 1e-6 of a logit in float32."""
    model = build_model(family)
    found = ships_of_queries(sweeper_of(model), QUERIES, operation=operation, factor=0.0)
    for head in locate_modules(model).geometry.heads():
        for query in (0, 2, 3):
            expected = naive_ships(model, QUERIES[query], head, operation)
            assert found[query, head.layer, head.head] == pytest.approx(expected, rel=1e-4, abs=1e-10)


def test_any_factor_is_scored() -> None:
    model = build_model("llama")
    for operation, factor in (("scale", 2.5), ("uniform_attention", 0.3)):
        found = ships_of_queries(sweeper_of(model), QUERIES[:2], operation=operation, factor=factor)
        head = next(iter(locate_modules(model).geometry.heads()))
        assert found[1, 0, 0] == pytest.approx(naive_ships(model, QUERIES[1], head, operation, factor), rel=1e-4)


def test_scores_do_not_depend_on_batch_size_or_order() -> None:
    """The stated bound: about 1e-6 of a state's norm in float32, which is far below 1e-4 of any score here."""
    model = build_model("qwen2")
    whole = ships_of_queries(sweeper_of(model), QUERIES, operation="scale", factor=0.0)
    for batch_size in (1, 3, 64):
        other = ships_of_queries(sweeper_of(model, batch_size=batch_size), QUERIES, operation="scale", factor=0.0)
        np.testing.assert_allclose(other, whole, rtol=1e-4, atol=1e-10)
    turned = ships_of_queries(sweeper_of(model), QUERIES[::-1], operation="scale", factor=0.0)
    np.testing.assert_allclose(turned[::-1], whole, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("families", all_but([("llama",)], [("llama",), ("gpt2", "gpt_neox", "phi3")]), ids=str)
def test_heads_that_carry_nothing_score_exactly_0(families: tuple[str, ...], subtests: pytest.Subtests) -> None:
    """Ground truth: all head blocks of o_proj are zero but L1H2's, so only L1H2 can matter, and the others not even by rounding."""
    for dtype in [torch.float32, torch.bfloat16]:
        for family in families:
            with subtests.test(family=family, dtype=dtype):
                model = build_model(family, dtype=dtype)
                modules = locate_modules(model)
                with torch.no_grad():
                    for layer, heads in enumerate(modules.geometry.layers):
                        weight = modules.projection(layer, "o_proj").weight
                        keep = slice(2 * heads.head_dim, 3 * heads.head_dim) if layer == 1 else slice(0)
                        columns = weight if modules.architecture.orientation == "linear" else weight.T
                        kept = columns[:, keep].clone()
                        columns.zero_()
                        columns[:, keep] = kept
                for operation in ("scale", "uniform_attention"):
                    found = ships_of_queries(sweeper_of(model), QUERIES, operation=operation, factor=0.0)
                    assert (found[:, 1, 2] > 0).all()
                    found[:, 1, 2] = 0
                    assert (found == 0).all()


def test_the_control_is_subtracted_and_ties_go_to_the_first_head() -> None:
    model = build_model("llama")
    sets = [QUERIES[:2], QUERIES[2:]]
    table = ships(sweeper_of(model), sets, operation="scale", factor=0.0, top=4, contrast=0.5)
    assert table.arrays["ships"].shape == table.arrays["ships_harmless"].shape == (2, 3, 6)
    np.testing.assert_array_equal(table.harmful, table.arrays["ships"].mean(axis=0))
    np.testing.assert_array_equal(table.combined, table.harmful - 0.5 * table.harmless)
    assert [score.score for score in table.chosen] == sorted(table.combined.ravel(), reverse=True)[:4]


def test_kl_is_in_nats_and_exactly_0_for_equal_logits() -> None:
    base = torch.tensor([[0.0, 0.0]])
    assert kl_divergence(base, torch.tensor([[[0.0, 0.0]], [[0.0, 100.0]]])).tolist() == [[0.0], [pytest.approx(50 - np.log(2))]]
    logits = torch.randn(3, 1000)
    assert (kl_divergence(logits, logits.expand(4, 3, 1000)) == 0).all()


def test_progress_counts_pairs_over_both_sets() -> None:
    model = build_model("llama")
    seen: list[tuple[int, int]] = []
    sets = [QUERIES[:2], QUERIES[2:]]
    ships(
        sweeper_of(model),
        sets,
        operation="scale",
        factor=0.0,
        top=1,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (72, 72)
    assert seen == sorted(seen)
