"""Heads and where they lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headsurgery.errors import GeometryError
from headsurgery.heads import AttentionGeometry, HeadRef, LayerHeads

numbers = st.integers(0, 10**6)
layer_heads = st.builds(
    lambda kv_heads, per_group, head_dim: LayerHeads(num_heads=kv_heads * per_group, num_kv_heads=kv_heads, head_dim=head_dim),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 300),
)
HEADS = LayerHeads(num_heads=6, num_kv_heads=2, head_dim=8)


@given(numbers, numbers)
def test_a_head_reads_back_what_it_writes(layer: int, head: int) -> None:
    assert HeadRef.parse(str(HeadRef(layer, head))) == HeadRef(layer, head)


@given(numbers, numbers)
def test_the_references_spelling_is_the_same_head(layer: int, head: int) -> None:
    assert HeadRef.parse(f" {layer}-{head}\n") == HeadRef(layer, head)


def test_anything_else_is_not_a_head(subtests: pytest.Subtests) -> None:
    for text in ["", "L2", "2", "H26L2", "l2h26", "L-1H0", "L2H26x", "2--6", "L2.0H1", "L²H1", "٢-٦", f"L{'9' * 5000}H0"]:
        with subtests.test(text=text), pytest.raises(GeometryError, match=r"is not a head; expected a form like L2H26"):
            HeadRef.parse(text)


def test_heads_sort_by_layer_then_head() -> None:
    assert sorted([HeadRef(10, 0), HeadRef(2, 11), HeadRef(2, 3)]) == [HeadRef(2, 3), HeadRef(2, 11), HeadRef(10, 0)]


@given(layer_heads)
def test_column_blocks_tile_the_inputs_of_o_proj(heads: LayerHeads) -> None:
    tiled = [column for head in range(heads.num_heads) for column in heads.column_block(head)]
    assert tiled == list(range(heads.num_heads * heads.head_dim))


@given(layer_heads)
def test_kv_groups_are_equally_large_runs_of_heads(heads: LayerHeads) -> None:
    groups = [heads.kv_group(head) for head in range(heads.num_heads)]
    assert groups == sorted(groups)
    assert {groups.count(group) for group in range(heads.num_kv_heads)} == {heads.num_heads // heads.num_kv_heads}


@given(st.lists(st.none() | layer_heads, min_size=1, max_size=6))
def test_every_head_of_a_geometry_has_its_layer(layers: list[LayerHeads | None]) -> None:
    geometry = AttentionGeometry(hidden_size=16, layers=tuple(layers))
    heads = list(geometry.heads())
    assert heads == sorted(set(heads))
    assert len(heads) == sum(layer.num_heads for layer in layers if layer)
    assert {head.layer for head in heads} == set(geometry.attention_layers)
    assert all(geometry.layer_of(head) is layers[head.layer] for head in heads)
    assert geometry.max_heads == max((head.head + 1 for head in heads), default=0)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (HeadRef(3, 0), r"edits\[3\]: layer 3, but this model has layers 0-2"),
        (HeadRef(-1, 0), r"edits\[3\]: layer -1, but this model has layers 0-2"),
        (HeadRef(1, 0), r"edits\[3\]: layer 1 of this model has no attention heads"),
        (HeadRef(0, 6), r"edits\[3\]: head 6, but layer 0 of this model has heads 0-5"),
        (HeadRef(2, -1), r"edits\[3\]: head -1, but layer 2 of this model has heads 0-5"),
    ],
)
def test_a_head_that_is_not_there_is_refused_with_its_place(head: HeadRef, message: str) -> None:
    geometry = AttentionGeometry(hidden_size=48, layers=(HEADS, None, HEADS))
    with pytest.raises(GeometryError, match=message):
        geometry.layer_of(head, where="edits[3]: ")


def test_equal_layers_make_plain_numbers() -> None:
    assert AttentionGeometry(hidden_size=48, layers=(HEADS, HEADS)).to_json() == {
        "num_layers": 2,
        "num_heads": 6,
        "num_kv_heads": 2,
        "head_dim": 8,
        "hidden_size": 48,
    }


def test_differing_layers_make_lists_with_null_for_no_heads() -> None:
    wide = LayerHeads(num_heads=8, num_kv_heads=2, head_dim=8)
    assert AttentionGeometry(hidden_size=48, layers=(HEADS, None, wide)).to_json() == {
        "num_layers": 3,
        "num_heads": [6, None, 8],
        "num_kv_heads": [2, None, 2],
        "head_dim": [8, None, 8],
        "hidden_size": 48,
    }
