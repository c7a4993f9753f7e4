"""What names and shapes prove, and what they don't: cases that no model of the matrix is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from headsurgery.architectures.location import Shape, locate_heads
from headsurgery.errors import GeometryError
from tests.families import build_family, config_of


def shapes_of(family: str) -> dict[str, Shape]:
    return {name: tuple(weight.shape) for name, weight in build_family(family).named_parameters()}


def test_heads_that_layers_share_are_those_of_the_first() -> None:
    assert locate_heads(config_of("zamba").to_dict(), shapes_of("zamba")).geometry.attention_layers == (1,)
    assert locate_heads(config_of("zamba2").to_dict(), shapes_of("zamba2")).geometry.attention_layers == (0, 2)


def test_a_copy_of_shared_heads_is_refused() -> None:
    """Which of the two transformers takes does not show."""
    shapes = shapes_of("zamba")
    copies = {name.replace("layers.1.", "layers.3."): shape for name, shape in shapes.items() if "shared_transf" in name}
    with pytest.raises(GeometryError, match="zamba: 2 layers have heads, but all share those of the first 1"):
        locate_heads(config_of("zamba").to_dict(), shapes | copies)


def test_blocks_of_a_quarter_of_the_heads_need_a_number_of_heads_that_divides() -> None:
    config: dict[str, Any] = config_of("codegen").to_dict() | {"n_head": 6}
    with pytest.raises(GeometryError, match="6 heads don't divide into 4 blocks"):
        locate_heads(config, shapes_of("codegen"))


def test_layers_with_their_own_configuration_have_their_own_heads() -> None:
    located = locate_heads(config_of("dots3_note_text").to_dict(), shapes_of("dots3_note_text"))
    assert [heads and (heads.num_heads, heads.query_width, heads.head_dim) for heads in located.geometry.layers] == [
        (6, 12, 10),
        (4, 10, 10),
    ] * 2


def test_linear_attention_under_the_same_names_is_no_head() -> None:
    assert locate_heads(config_of("kimi_linear").to_dict(), shapes_of("kimi_linear")).geometry.attention_layers == (1, 3)


def test_two_attentions_of_a_layer_are_numbered_through() -> None:
    located = locate_heads(config_of("longcat_flash").to_dict(), shapes_of("longcat_flash"))
    assert [names and names.o_proj for names in located.layers] == [
        f"model.layers.{layer}.self_attn.{attention}.o_proj" for layer in (0, 1) for attention in (0, 1)
    ]


def test_a_file_that_counts_mlps_as_layers_has_heads_in_every_second() -> None:
    """Dory as released; transformers writes it otherwise."""
    found = re.compile(r"model\.layers\.(\d+)\.self_attn")
    released = {found.sub(lambda at: f"backbone.layers.{2 * int(at[1])}.mixer", name): s for name, s in shapes_of("dory").items()}
    names = locate_heads(config_of("dory").to_dict(), released).layers
    assert [of_layer and of_layer.q_proj for of_layer in names] == [f"backbone.layers.{n}.mixer.q_proj" for n in (0, 2, 4, 6)]
