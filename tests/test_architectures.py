"""The table: names, orientation, and which blocks of a projection are a head's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
from huggingface_hub.errors import StrictDataclassError
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from headsurgery.architectures.configuration import read_geometry
from headsurgery.architectures.declaration import Architecture, ConfigKeys
from headsurgery.architectures.table import TABLE, find_architecture
from headsurgery.edits.operation import O_COLUMNS, Q_ROWS
from headsurgery.edits.operations import allowed_operations, locate
from headsurgery.errors import ArchitectureError, GeometryError
from headsurgery.heads import AttentionGeometry, LayerHeads
from tests.families import USUAL_FAMILIES
from tests.tiny import FAMILIES

GROUPED = LayerHeads(num_heads=6, num_kv_heads=2, head_dim=8)
EQUAL = LayerHeads(num_heads=6, num_kv_heads=6, head_dim=8)
LLAMA = {"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 6, "hidden_size": 48}


def test_a_rows_key_is_its_model_type() -> None:
    assert all(row.model_type == key for key, row in TABLE.items())


def test_every_family_of_the_other_tests_has_a_row() -> None:
    """`test_families` builds every row."""
    assert set(FAMILIES) <= set(TABLE)


def configurations(row: Architecture) -> Iterator[dict[str, Any]]:
    """Of a family: its class's own, and some whose sizes have other ratios."""
    kind, section, keys = CONFIG_MAPPING[row.model_type], row.config.section, row.config
    bare = kind().to_dict()
    yield bare
    sizes = bare if section is None else bare[section]
    for factor in (2, 4):
        for grown in ((keys.hidden_size,), (keys.hidden_size, keys.num_heads)):
            values = {key: factor * sizes[key] for key in grown}
            with suppress(StrictDataclassError, ValueError, TypeError, ArithmeticError):  # the class may refuse such sizes
                yield kind(**(values if section is None else {section: {"model_type": sizes["model_type"], **values}})).to_dict()


@pytest.mark.exhaustive
def test_a_key_left_out_means_what_transformers_assumes() -> None:
    """Or the geometry is refused."""
    for row in TABLE.values():
        if row.model_type in CONFIG_MAPPING:
            check_keys_left_out(row)


def test_a_key_left_out_of_a_usual_family_means_what_transformers_assumes() -> None:
    for family in USUAL_FAMILIES:
        check_keys_left_out(TABLE[family.partition("/")[0]])


def check_keys_left_out(row: Architecture) -> None:
    """Each key that a geometry is read from, and all of them, in every configuration of a family."""
    keys = row.config
    sizes = [keys.num_layers, keys.num_heads, keys.hidden_size, keys.num_kv_heads, keys.head_dim, *keys.qk_head_dim]
    sizes += [*keys.q_inputs, *(key for key in (keys.one_kv_head, keys.unless) if key is not None)]
    for config in configurations(row):
        for left_out in (*([key] for key in sizes), sizes):
            file = deepcopy(config)
            for key in left_out:
                (file if keys.section is None else file[keys.section]).pop(key, None)
            try:
                found = read_geometry(file, row)
                wanted = read_geometry(CONFIG_MAPPING[row.model_type].from_dict(deepcopy(file)).to_dict(), row)
            except (GeometryError, StrictDataclassError, ValueError, TypeError, ArithmeticError):  # by us, or by the class
                continue
            assert found == wanted, (row.model_type, left_out)


class TestNumbering:
    def test_a_layer_may_hold_two_attentions(self) -> None:
        row = TABLE["longcat_flash"]
        assert [row.layer_name("model.layers", layer, 4) for layer in range(4)] == [f"model.layers.{n}" for n in (0, 0, 1, 1)]
        assert [row.of_layer(layer).o_proj for layer in (2, 3)] == ["self_attn.0.o_proj", "self_attn.1.o_proj"]

    def test_layers_may_stand_in_several_lists(self) -> None:
        names = [TABLE["hrm_text"].layer_name("model.*_module.layers", layer, 4) for layer in range(4)]
        assert names == ["model.L_module.layers.0", "model.L_module.layers.1", "model.H_module.layers.0", "model.H_module.layers.1"]

    def test_a_file_may_count_mlps_too(self) -> None:
        row = TABLE["dory"]
        assert read_geometry(LLAMA | {"num_hidden_layers": 6, "num_key_value_heads": 2, "head_dim": 8}, row).num_layers == 3
        assert row.layer_name("model.layers", 2, 3) == "model.layers.2"
        assert row.stored is not None
        assert row.stored.layer_name("backbone.layers", 2, 3) == "backbone.layers.4"


class TestBlocks:
    def test_scale_changes_the_heads_inputs_of_o_proj(self) -> None:
        for family, architecture in TABLE.items():
            (found,) = locate("scale", architecture, GROUPED, 4)
            assert (found.kind, found.block) == (O_COLUMNS, range(32, 40)), family

    @pytest.mark.parametrize(
        ("family", "heads", "block"),
        [
            ("llama", GROUPED, range(32, 40)),
            ("phi3", GROUPED, range(32, 40)),
            ("gpt2", EQUAL, range(32, 40)),
            ("gpt_neox", EQUAL, range(96, 104)),
        ],
    )
    def test_uniform_attention_changes_the_heads_query_outputs(self, family: str, heads: LayerHeads, block: range) -> None:
        (found,) = locate("uniform_attention", TABLE[family], heads, 4)
        assert (found.kind, found.block) == (Q_ROWS, block)

    def test_blocks_of_different_heads_are_disjoint_and_within_the_projection(self) -> None:
        """For every layout of the queries, and each set of operations that a family allows."""
        kinds = {(row.query_layout, allowed_operations(row)): row for row in TABLE.values()}
        for row, num_heads, head_dim in product(kinds.values(), range(1, 13), (1, 2, 7, 40)):
            heads = LayerHeads(num_heads=num_heads, num_kv_heads=num_heads, head_dim=head_dim)
            for kind in {block.kind for name in allowed_operations(row) for block in locate(name, row, heads, 0)}:
                rows = [index for head in range(num_heads) for index in kind.of(row, heads, head).block]
                limit = num_heads * head_dim if kind == O_COLUMNS else row.num_query_rows(heads)
                assert len(set(rows)) == len(rows) == num_heads * head_dim, (row.model_type, heads)
                assert 0 <= min(rows) <= max(rows) < limit, (row.model_type, heads)

    def test_every_layout_of_the_queries_keeps_to_its_order(self) -> None:
        """Each against the order of rows written out."""
        wide = LayerHeads(num_heads=8, num_kv_heads=2, head_dim=1)
        orders = {
            "separate": "Q0 Q1 Q2 Q3 Q4 Q5 Q6 Q7",
            "gated": "Q0 g Q1 g Q2 g Q3 g Q4 g Q5 g Q6 g Q7 g",
            "fused": "Q0 Q1 Q2 Q3 Q4 Q5 Q6 Q7 k k v v",
            "fused_behind_gate": "g g g g g g g g Q0 Q1 Q2 Q3 Q4 Q5 Q6 Q7 k k v v",
            "fused_per_group": "Q0 Q1 Q2 Q3 k v Q4 Q5 Q6 Q7 k v",
        }
        for layout, order in orders.items():
            row, names = Architecture(model_type="new", query_layout=layout), order.split()  # type: ignore[arg-type]
            assert row.num_query_rows(wide) == len(names)
            assert [names[place] for head in range(8) for place in row.query_rows(wide, head)] == [f"Q{head}" for head in range(8)]
        fours = Architecture(model_type="new", query_layout="fused_in_fours")
        names = [name for part in range(4) for name in (f"Q{2 * part}", f"Q{2 * part + 1}", "v", "v", "k", "k")]
        equal = LayerHeads(num_heads=8, num_kv_heads=8, head_dim=1)
        assert [names[place] for head in range(8) for place in fours.query_rows(equal, head)] == [f"Q{head}" for head in range(8)]

    def test_a_gate_may_have_another_width_than_the_query(self) -> None:
        """A.X K2: the gate is as wide as the head's output."""
        row, heads = (
            Architecture(model_type="new", query_layout="gated"),
            LayerHeads(num_heads=2, num_kv_heads=2, head_dim=2, qk_head_dim=3),
        )
        assert [row.query_rows(heads, head) for head in (0, 1)] == [range(3), range(5, 8)]
        assert row.num_query_rows(heads) == 10

    def test_fused_rows_count_keys_and_values(self) -> None:
        assert TABLE["llama"].num_query_rows(GROUPED) == 6 * 8
        assert TABLE["phi3"].num_query_rows(GROUPED) == (6 + 2 + 2) * 8
        assert TABLE["gpt_neox"].num_query_rows(EQUAL) == TABLE["gpt2"].num_query_rows(EQUAL) == 3 * 6 * 8

    def test_inputs_are_columns_of_a_linear_and_rows_of_a_conv1d(self) -> None:
        assert TABLE["llama"].input_axis == 1
        assert TABLE["gpt2"].input_axis == 0


class TestFindArchitecture:
    def test_an_unknown_family_is_tried_with_the_usual_names(self) -> None:
        row = find_architecture({"model_type": "nonesuch"})
        assert (row.is_listed, row.o_proj, row.q_proj) == (False, "self_attn.o_proj", ("self_attn.q_proj",))

    def test_the_text_model_of_a_vision_model_may_be_of_another_family(self) -> None:
        row = find_architecture({"model_type": "llava", "text_config": {"model_type": "phi"}})
        assert (row.model_type, row.o_proj) == ("llava", "self_attn.dense")

    def test_or_of_one_that_is_refused(self) -> None:
        with pytest.raises(ArchitectureError, match="'mamba' has no attention heads"):
            find_architecture({"model_type": "llava", "text_config": {"model_type": "mamba"}})

    @pytest.mark.parametrize("family", ["mamba", "mamba2", "rwkv"])
    def test_a_family_without_attention_has_nothing_to_edit(self, family: str) -> None:
        with pytest.raises(ArchitectureError, match=f"'{family}' has no attention heads, so there is nothing to edit"):
            find_architecture({"model_type": family})

    @pytest.mark.parametrize("config", [{}, {"model_type": None}, {"model_type": ["llama"]}])
    def test_no_model_type_is_refused(self, config: dict[str, Any]) -> None:
        with pytest.raises(ArchitectureError, match="no model_type"):
            find_architecture(config)


class TestReadGeometry:
    def test_the_heads_width_defaults_to_an_equal_share(self) -> None:
        for more in ({}, {"head_dim": None}):
            assert read_geometry({**LLAMA, **more}, TABLE["llama"]).layers == (EQUAL, EQUAL)

    def test_a_stated_width_wins(self) -> None:
        heads = read_geometry({**LLAMA, "head_dim": 12}, TABLE["llama"]).layers[0]
        assert heads is not None
        assert heads.head_dim == 12

    def test_a_key_left_out_is_the_configuration_classs_default(self) -> None:
        heads = read_geometry({**LLAMA, "num_attention_heads": 32}, TABLE["mistral"]).layers[0]
        assert heads is not None
        assert heads.num_kv_heads == 8

    def test_the_text_model_of_a_vision_model_is_nested(self) -> None:
        config = {
            "model_type": "gemma3",
            "num_hidden_layers": 99,
            "text_config": {**LLAMA, "num_key_value_heads": 2, "head_dim": 8},
        }
        geometry = read_geometry(config, TABLE["gemma3"])
        assert geometry == AttentionGeometry(hidden_size=48, layers=(GROUPED, GROUPED))

    @pytest.mark.parametrize("config", [{}, {"text_config": None}, {"text_config": [1]}])
    def test_a_missing_section_is_refused(self, config: dict[str, Any]) -> None:
        with pytest.raises(GeometryError, match="expected an object under 'text_config'"):
            read_geometry(config, TABLE["gemma3"])

    def test_anything_but_a_sensible_count_is_refused(self, subtests: pytest.Subtests) -> None:
        for value, key in product(
            [None, 0, -1, True, 2.0, "2", [2], 10**12], ["num_hidden_layers", "num_attention_heads", "hidden_size"]
        ):
            message = f"config.json: {key} is .*, expected an integer from 1 to 1048575"
            with subtests.test(key=key, value=value), pytest.raises(GeometryError, match=message):
                read_geometry({**LLAMA, key: value}, TABLE["llama"])

    def test_heads_must_divide_into_groups(self) -> None:
        with pytest.raises(GeometryError, match="6 heads don't divide into 4 key/value heads"):
            read_geometry({**LLAMA, "num_key_value_heads": 4}, TABLE["llama"])

    def test_fewer_dimensions_than_heads_are_refused(self) -> None:
        with pytest.raises(GeometryError, match="head_dim is 0"):
            read_geometry({**LLAMA, "hidden_size": 4}, TABLE["llama"])

    def test_a_null_is_no_key_left_out(self) -> None:
        """Where the class assumes 8 key/value heads, a null is as many as heads."""
        heads = read_geometry({**LLAMA, "num_key_value_heads": None}, TABLE["mistral"]).layers[0]
        assert heads is not None
        assert heads.num_kv_heads == 6

    def test_layers_may_have_widths_of_their_own(self) -> None:
        """As transformers 5 writes them, by layer, and as Gemma 4 lies on the Hub, by type."""
        types = ["sliding_attention"] * 11 + ["full_attention"]
        config = {**LLAMA, "num_hidden_layers": 12, "num_key_value_heads": 2, "head_dim": 8, "layer_types": types}
        by_layer = {"per_layer_config": {"11": {"head_dim": 16, "num_key_value_heads": 1}, "03": {"head_dim": 4}}}
        by_type = {"global_head_dim": 16, "num_global_key_value_heads": None}
        layers = read_geometry(config | by_layer, TABLE["gemma4_text"]).layers
        assert layers[:3] == (GROUPED,) * 3
        assert layers[3] == LayerHeads(num_heads=6, num_kv_heads=2, head_dim=4)
        assert layers[11] == LayerHeads(num_heads=6, num_kv_heads=1, head_dim=16)
        assert read_geometry(config | by_type, TABLE["gemma4_text"]).layers == (
            *([GROUPED] * 11),
            LayerHeads(num_heads=6, num_kv_heads=2, head_dim=16),
        )

    def test_layers_may_have_as_many_heads_as_a_list_says(self) -> None:
        config = {**LLAMA, "num_key_value_heads": 2, "head_dim": 8, "num_attention_heads_per_layer": [6, 4]}
        layers = read_geometry(config, TABLE["laguna"]).layers
        assert layers == (GROUPED, LayerHeads(num_heads=4, num_kv_heads=2, head_dim=8))

    def test_two_queries_of_differential_attention_are_one_head(self) -> None:
        layers = read_geometry({**LLAMA, "num_key_value_heads": 2}, TABLE["diffllama"]).layers
        assert layers == (LayerHeads(num_heads=3, num_kv_heads=1, head_dim=16),) * 2

    def test_an_older_file_may_keep_the_text_model_at_the_top(self) -> None:
        flat = {**LLAMA, "model_type": "qwen2_vl", "num_key_value_heads": 2}
        assert read_geometry(flat, TABLE["qwen2_vl"]).layers == (GROUPED, GROUPED)

    def test_a_new_family_is_a_new_row(self) -> None:
        row = Architecture(model_type="new", config=ConfigKeys(num_layers="depth", num_heads="heads", hidden_size="width"))
        assert read_geometry({"depth": 2, "heads": 6, "width": 48}, row).layers == (EQUAL, EQUAL)
