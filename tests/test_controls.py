"""Random heads: the recipe's edits on other heads of the same layers, and on nothing else."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headsurgery.edits.controls import random_heads
from headsurgery.errors import GeometryError, UsageError
from headsurgery.heads import AttentionGeometry, LayerHeads
from headsurgery.recipe import HeadEdit


def geometry_of(*heads: int | None) -> AttentionGeometry:
    """One layer per number of heads; None: a layer without any."""
    layers = tuple(None if n is None else LayerHeads(num_heads=n, num_kv_heads=1, head_dim=8) for n in heads)
    return AttentionGeometry(hidden_size=48, layers=layers)


MIXED = geometry_of(6, 12, None, 5)
EDITS = (
    HeadEdit(layer=1, head=3, operation="uniform_attention"),
    HeadEdit(layer=1, head=7, factor=2.0),
    HeadEdit(layer=3, head=0),
    HeadEdit(layer=3, head=0, operation="uniform_attention"),
)


def kinds(edits: tuple[HeadEdit, ...]) -> Counter[tuple[int, str, float]]:
    return Counter((edit.layer, edit.operation, edit.factor) for edit in edits)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 20))
def test_a_draw_differs_from_the_recipe_in_its_heads_only(seed: int, draws: int) -> None:
    found = random_heads(EDITS, MIXED, draws=draws, seed=seed)
    assert len(found) == draws
    for draw in found:
        assert kinds(draw) == kinds(EDITS)
        heads = {edit.ref for edit in draw}
        assert not heads & {edit.ref for edit in EDITS}
        assert heads <= set(MIXED.heads())
        assert len(heads) == 3, "both edits of L3H0 move together, and no head is taken twice"


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_draws_are_distinct_until_there_is_no_other(seed: int) -> None:
    """Two of six heads edited alike: 4 * 3 / 2 = 6 draws; edited differently, their order matters: 12."""
    alike = (HeadEdit(layer=0, head=1), HeadEdit(layer=0, head=4))
    unlike = (HeadEdit(layer=0, head=1), HeadEdit(layer=0, head=4, factor=2.0))
    for edits, possible in ((alike, 6), (unlike, 12)):
        draws = Counter(frozenset(draw) for draw in random_heads(edits, geometry_of(6), draws=2 * possible, seed=seed))
        assert len(draws) == possible
        assert set(draws.values()) == {2}


def test_each_other_head_is_drawn_equally_often() -> None:
    edits = (HeadEdit(layer=0, head=1), HeadEdit(layer=0, head=4, factor=2.0))
    first = Counter(random_heads(edits, geometry_of(6), draws=1, seed=seed)[0][0].head for seed in range(1200))
    assert set(first) == {0, 2, 3, 5}
    assert all(240 < count < 360 for count in first.values())


def test_the_seed_decides_and_fewer_draws_are_the_first_of_more() -> None:
    ten = random_heads(EDITS, MIXED, draws=10, seed=3)
    assert random_heads(EDITS, MIXED, draws=4, seed=3) == ten[:4]
    assert random_heads(EDITS, MIXED, draws=10, seed=4) != ten


def test_a_layer_with_too_few_other_heads_is_refused_with_the_numbers() -> None:
    edits = tuple(HeadEdit(layer=3, head=head) for head in range(3))
    with pytest.raises(
        UsageError, match=r"layer 3 has 5 heads, and 3 of them are in the recipe, so a control with 3 other heads has only 2"
    ):
        random_heads(edits, MIXED, draws=1, seed=0)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="-1 draws"):
        random_heads(EDITS, MIXED, draws=-1, seed=0)
    with pytest.raises(GeometryError, match=r"edits\[1\]: layer 2 of this model has no attention heads"):
        random_heads((EDITS[0], HeadEdit(layer=2, head=0)), MIXED, draws=1, seed=0)
