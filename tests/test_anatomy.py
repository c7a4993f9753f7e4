"""Law 6: the heads' place is proven from the file, or the checkpoint is refused with what was seen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch
from safetensors.torch import save_file as save_torch

from headsurgery import open_checkpoint
from headsurgery.architectures.table import TABLE
from headsurgery.edits.anatomy import Anatomy, describe, prove_anatomy, record_base
from headsurgery.edits.operations import OPERATIONS
from headsurgery.errors import ArchitectureError, GeometryError
from headsurgery.model.modules import locate_modules
from headsurgery.storage.safetensors import WEIGHTS
from tests.directories import FEW_KB, edit_json
from tests.tiny import CONFIGS, EACH_FAMILY, Q_NORM_FAMILIES, save_model

O_PROJ, Q_PROJ = "model.layers.1.self_attn.o_proj.weight", "model.layers.1.self_attn.q_proj.weight"


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base")


def prove(path: Path) -> Anatomy:
    return prove_anatomy(open_checkpoint(path))


def rewrite(path: Path, **changes: Any) -> None:
    """Replace tensors by name; None removes one."""
    tensors = {**load_file(path / WEIGHTS), **changes}
    save_file({name: values for name, values in tensors.items() if values is not None}, path / WEIGHTS)


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("max_shard_size", ["5GB", FEW_KB])
def test_every_familys_heads_are_found(family: str, max_shard_size: str, tmp_path: Path) -> None:
    anatomy = prove(save_model(family, tmp_path / "base", max_shard_size=max_shard_size))
    config = CONFIGS[family]().get_text_config()
    assert anatomy.geometry.num_layers == len(anatomy.layers) == config.num_hidden_layers
    assert anatomy.geometry.max_heads == config.num_attention_heads
    layers = locate_modules(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")).layers
    shapes = {
        f"{number}.{name}": tuple(parameter.shape)
        for number, module in enumerate(layers)
        for name, parameter in module.named_parameters()
    }
    for layer in anatomy.layers:
        assert layer is not None
        for tensor in (layer.o_proj.tensor, layer.q_proj.tensor, layer.q_bias and layer.q_bias.tensor, layer.q_norm):
            assert tensor is None or shapes[re.split(r"\b(?:layers|h)\.", tensor.name)[-1]] == tensor.shape
        assert (layer.q_bias is not None) == (family in ("qwen2", "gpt_neox", "gpt2"))
        assert (layer.q_norm is not None) == (family in Q_NORM_FAMILIES)
    assert anatomy.has_q_norm == (family in Q_NORM_FAMILIES)
    assert anatomy.shares_q_norm == (family == "olmo2")


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "llama"])
def test_a_bare_models_names_are_found_too(family: str, tmp_path: Path) -> None:
    """As GPT-2 lies on the Hub: `h.0...`, without the prefix of the language model's class."""
    model = transformers.AutoModel.from_config(CONFIGS[family]())
    model.save_pretrained(tmp_path)
    layer = prove(tmp_path).layers[0]
    assert layer is not None
    assert layer.o_proj.tensor.name.startswith(("h.0.", "layers.0."))


def test_gpt2s_old_mask_buffers_do_not_disturb(tmp_path: Path) -> None:
    transformers.AutoModel.from_config(CONFIGS["gpt2"]()).save_pretrained(tmp_path)
    rewrite(tmp_path, **{"h.0.attn.bias": np.ones((1, 1, 64, 64), dtype=np.float32)})
    assert prove(tmp_path).geometry.max_heads == 6


def test_the_language_model_of_a_vision_language_checkpoint_is_found(tmp_path: Path) -> None:
    """Its vision tower has layers, q_proj and k_proj, too."""
    layer = prove(save_model("gemma3", tmp_path)).layers[1]
    assert layer is not None
    assert layer.o_proj.tensor.name == "language_model.model.layers.1.self_attn.o_proj.weight"


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"num_attention_heads": 12}, r"o_proj\.weight: shape \[48, 48\], but the configuration demands \[48, 96\]"),
            (
                {"num_attention_heads": 3, "num_key_value_heads": 1},
                r"o_proj\.weight: shape \[48, 48\], but the configuration demands \[48, 24\]",
            ),
            ({"num_key_value_heads": 3}, r"k_proj\.weight: shape \[16, 48\], but the configuration demands \[24, 48\]"),
            ({"head_dim": 16}, r"o_proj\.weight: shape \[48, 48\], but the configuration demands \[48, 96\]"),
            ({"hidden_size": 96}, r"o_proj\.weight: shape \[48, 48\], but the configuration demands \[96, "),
            ({"num_hidden_layers": 4}, r"model\.layers\.3\.self_attn\.o_proj\.weight: not there; expected \[48, 48\]"),
            ({"num_hidden_layers": 2}, r"config\.json says 2 layers, but the weights also have model\.layers\.2\."),
        ],
    )
    def test_a_configuration_that_the_weights_contradict(self, changes: dict[str, Any], message: str, llama: Path) -> None:
        edit_json(llama / "config.json", **changes)
        with pytest.raises(GeometryError, match=message):
            prove(llama)

    def test_twice_as_many_heads_of_half_the_width_are_told_apart_by_the_keys(self, llama: Path) -> None:
        """[48, 48] fits 12 heads of 4 as well as 6 of 8; only k_proj tells."""
        edit_json(llama / "config.json", num_attention_heads=12, num_key_value_heads=2, head_dim=4)
        with pytest.raises(GeometryError, match=r"k_proj\.weight: shape \[16, 48\], but the configuration demands \[8, 48\]"):
            prove(llama)

    @pytest.mark.parametrize("shape", [(48,), (), (48, 47), (48, 48, 1), (0, 48)])
    @pytest.mark.parametrize("name", [O_PROJ, Q_PROJ])
    def test_a_projection_of_another_shape(self, name: str, shape: tuple[int, ...], llama: Path) -> None:
        rewrite(llama, **{name: np.zeros(shape, dtype=np.float32)})
        with pytest.raises(GeometryError, match=rf"{name}: shape \[.*\], but the configuration demands \[48, 48\]"):
            prove(llama)

    def test_a_missing_projection(self, llama: Path) -> None:
        rewrite(llama, **{Q_PROJ: None})
        with pytest.raises(GeometryError, match=f"{Q_PROJ}: not there"):
            prove(llama)

    def test_a_query_bias_of_another_shape(self, tmp_path: Path) -> None:
        base = save_model("qwen2", tmp_path)
        rewrite(base, **{"model.layers.0.self_attn.q_proj.bias": np.zeros(47, dtype=np.float32)})
        with pytest.raises(GeometryError, match=r"q_proj\.bias: shape \[47\], but the configuration demands \[48\]"):
            prove(base)

    def test_a_query_norm_of_another_shape(self, tmp_path: Path) -> None:
        base = save_model("qwen3", tmp_path)
        rewrite(base, **{"model.layers.0.self_attn.q_norm.weight": np.zeros(13, dtype=np.float32)})
        with pytest.raises(GeometryError, match=r"q_norm\.weight: shape \[13\], expected \[12\] or \[72\]"):
            prove(base)

    def test_a_linear_weight_stored_the_other_way_round(self, tmp_path: Path) -> None:
        base = save_model("qwen3", tmp_path)
        name = "model.layers.0.self_attn.o_proj.weight"
        rewrite(base, **{name: np.ascontiguousarray(load_file(base / WEIGHTS)[name].T)})
        with pytest.raises(GeometryError, match=r"o_proj\.weight: shape \[72, 48\], but the configuration demands \[48, 72\]"):
            prove(base)

    def test_no_layer_list_under_the_tables_names(self, llama: Path) -> None:
        tensors = load_file(llama / WEIGHTS)
        save_file({f"base_model.{name}": values for name, values in tensors.items()}, llama / WEIGHTS)
        with pytest.raises(
            GeometryError,
            match=r"expected exactly one of model\.layers\.0\.self_attn.* found 0, seen: base_model\.model\.layers\.0",
        ):
            prove(llama)

    def test_two_layer_lists(self, llama: Path) -> None:
        tensors = load_file(llama / WEIGHTS)
        save_file(tensors | {name.removeprefix("model."): values for name, values in tensors.items()}, llama / WEIGHTS)
        with pytest.raises(GeometryError, match=r"found 2, seen: layers\.0.*, model\.layers\.0"):
            prove(llama)

    def test_a_file_without_tensors(self, llama: Path) -> None:
        save_file({}, llama / WEIGHTS)
        with pytest.raises(GeometryError, match="seen: no tensor at all"):
            prove(llama)

    def test_extra_layers_of_a_next_token_predictor_are_allowed(self, llama: Path) -> None:
        edit_json(llama / "config.json", num_hidden_layers=2, num_nextn_predict_layers=1)
        assert prove(llama).geometry.num_layers == 2


class TestTypes:
    @pytest.mark.parametrize(
        ("method", "stored", "why"),
        [
            ("gptq", {"weight": None, "qweight": torch.zeros(6, 48, dtype=torch.int32)}, None),
            ("awq", {"weight": None, "qweight": torch.zeros(48, 6, dtype=torch.int32)}, r"o_proj\.qweight: no qzeros beside it"),
            ("compressed-tensors", {"weight": None, "weight_packed": torch.zeros(48, 6, dtype=torch.int32)}, None),
            ("fp8", {"weight": None, "weight_fp8": torch.zeros(48, 48, dtype=torch.float8_e4m3fn)}, None),
            ("mxfp4", {"weight": None, "weight_blocks": torch.zeros(48, 2, 16, dtype=torch.uint8)}, None),
            ("bitsandbytes", {"weight": torch.zeros(48 * 24, 1, dtype=torch.uint8)}, None),
            ("hqq", {"weight": None, "W_q": torch.zeros(48, 24, dtype=torch.uint8)}, None),
            ("torchao", {"weight": None, "weight_qdata": torch.zeros(48, 48, dtype=torch.int8)}, None),
            ("aqlm", {"weight": None, "codes": torch.zeros(48, 6, 1, dtype=torch.int16)}, None),
        ],
    )
    def test_quantized_attention_is_named(self, method: str, stored: dict[str, Any], why: str | None, llama: Path) -> None:
        edit_json(llama / "config.json", quantization_config={"quant_method": method})
        module = O_PROJ.removesuffix(".weight")
        tensors = load_torch(llama / WEIGHTS) | {f"{module}.{name}": values for name, values in stored.items()}
        save_torch({name: values for name, values in tensors.items() if values is not None}, llama / WEIGHTS)
        with pytest.raises(ArchitectureError, match=why or rf"attention weights are quantized \({method}\)") as caught:
            prove(llama)
        assert caught.value.hint

    def test_a_quantized_model_whose_attention_is_not_works(self, llama: Path) -> None:
        """As gpt-oss: MXFP4 experts, plain attention."""
        edit_json(llama / "config.json", quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": ["self_attn"]})
        tensors = load_torch(llama / WEIGHTS)
        tensors["model.layers.1.mlp.gate_proj.weight"] = torch.zeros(40, 6, dtype=torch.uint8)
        save_torch(tensors, llama / WEIGHTS)
        assert prove(llama).geometry.max_heads == 6

    def test_quantization_in_a_form_that_is_not_known_is_refused_too(self, llama: Path) -> None:
        edit_json(llama / "config.json", quantization_config="int4")
        rewrite(llama, **{O_PROJ: None})
        with pytest.raises(ArchitectureError, match=r"weights are quantized \(unknown\)"):
            prove(llama)

    @pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.float8_e4m3fnuz])
    def test_a_stored_type_that_can_not_be_edited_is_refused(self, dtype: torch.dtype, llama: Path) -> None:
        save_torch(load_torch(llama / WEIGHTS) | {O_PROJ: torch.zeros(48, 48).to(dtype)}, llama / WEIGHTS)
        with pytest.raises(
            ArchitectureError, match=rf"{O_PROJ}: stored as (I8|U8|I32|F8_E4M3FNUZ); headsurgery edits F64, F32, F16, BF16"
        ):
            prove(llama)

    def test_other_tensors_may_have_any_type(self, llama: Path) -> None:
        rewrite(
            llama, buffer=np.zeros(3, dtype=np.int64), flag=np.zeros((), dtype=np.bool_), empty=np.zeros((0, 4), dtype=np.uint8)
        )
        assert prove(llama).geometry.max_heads == 6


class TestDescribe:
    def test_the_document_is_json_with_these_keys(self, tmp_path: Path) -> None:
        base = save_model("qwen2", tmp_path / "base", max_shard_size=FEW_KB)
        checkpoint = open_checkpoint(base, model="org/name", revision="ab" * 20)
        document = json.loads(json.dumps(describe(checkpoint)))
        assert list(document) == [
            "model",
            "revision",
            "model_type",
            "geometry",
            "attention_layers",
            "num_heads_in_all",
            "operations",
            "q_norm",
            "notes",
            "dtypes",
            "parameters",
            "shards",
            "fingerprint",
            "formats",
            "tensors",
        ]
        assert (document["model"], document["revision"], document["model_type"]) == ("org/name", "ab" * 20, "qwen2")
        assert document["geometry"] == {"num_layers": 3, "num_heads": 6, "num_kv_heads": 2, "head_dim": 8, "hidden_size": 48}
        assert document["attention_layers"] == [0, 1, 2]
        assert document["num_heads_in_all"] == 18
        assert document["operations"] == [*OPERATIONS]
        assert document["dtypes"] == {"F32": len(checkpoint.tensors)}
        assert sum(shard["bytes"] for shard in document["shards"]) == sum(
            file.stat().st_size for file in base.glob("*.safetensors")
        )
        assert [list(layer) for layer in document["tensors"]] == [["layer", "o_proj", "q_proj", "q_bias"]] * 3
        assert document["tensors"][1]["o_proj"]["name"] == O_PROJ
        assert str(tmp_path) not in json.dumps(document)

    @pytest.mark.parametrize(("family", "q_norm"), [("llama", None), ("qwen3", "per_head"), ("olmo2", "all_heads")])
    def test_the_query_norm_is_named(self, family: str, q_norm: str | None, tmp_path: Path) -> None:
        assert describe(open_checkpoint(save_model(family, tmp_path)))["q_norm"] == q_norm


def test_what_a_recipe_says_of_its_base_agrees_with_the_base(llama: Path) -> None:
    checkpoint = open_checkpoint(llama)
    anatomy = prove_anatomy(checkpoint)
    record = record_base(checkpoint, anatomy)
    assert record.model == "base"
    assert record.model_type == "llama"
    assert record.fingerprint == checkpoint.fingerprint()
    assert record.geometry is not None
    assert record.geometry.differences(anatomy.geometry) == []


def test_the_table_has_no_row_that_two_places_of_one_file_could_match() -> None:
    assert all(len(set(row.layers)) == len(row.layers) for row in TABLE.values())
