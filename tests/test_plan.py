"""A recipe resolved against one checkpoint: the slices, and every reason to refuse before a byte is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from safetensors.numpy import load_file, save_file

from headsurgery import HeadEdit, Recipe, open_checkpoint, plan_surgery
from headsurgery.edits.anatomy import prove_anatomy, record_base
from headsurgery.edits.operations import OPERATIONS
from headsurgery.errors import ArchitectureError, CheckpointError, GeometryError, RecipeError, SurgeryError
from headsurgery.recipe import Geometry, RecipeBase
from headsurgery.storage.codecs import multiply, read_tensor
from headsurgery.storage.codecs.plain import ELEMENTS as FLOATS
from headsurgery.storage.safetensors import WEIGHTS
from headsurgery.surgery.plan import SurgeryPlan, TensorEdit
from tests.directories import COMMIT, FEW_KB, edit_json, recipe_of
from tests.families import build_family
from tests.tiny import EACH_FAMILY, save_model

O_PROJ = "model.layers.1.self_attn.o_proj.weight"

MULTIPLICATIONS = [name for name, operation in OPERATIONS.items() if operation.multiplies]


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base")


def plan_of(path: Path, *edits: tuple[int, int, str, float], **more: Any) -> SurgeryPlan:
    return plan_surgery(recipe_of(*edits), open_checkpoint(path), **more)


def bytes_of_runs(path: Path, edit: TensorEdit) -> bytes:
    data, runs = (path / edit.tensor.file).read_bytes(), edit.runs
    starts = [runs.offset + number * runs.stride for number in range(runs.count)]
    return b"".join(data[start : start + runs.length] for start in starts)


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", MULTIPLICATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_byte_runs_cover_exactly_the_heads_block(family: str, operation: str, dtype: torch.dtype, tmp_path: Path) -> None:
    base = save_model(family, tmp_path / "base", dtype=dtype, max_shard_size=FEW_KB)
    checkpoint = open_checkpoint(base)
    for layer, head in ((0, 0), (1, 3), (2, 5)):
        plan = plan_of(base, (layer, head, operation, 0.0))
        for edit in plan.edits:
            whole = read_tensor(checkpoint, edit.tensor)
            block = slice(edit.block.start, edit.block.stop)
            expected = whole[block] if edit.axis == 0 else whole[:, block]
            assert bytes_of_runs(base, edit) == expected.tobytes()
            assert edit.num_elements == expected.size
        heads = plan.anatomy.geometry.layers[layer]
        assert heads is not None
        assert plan.edits[0].num_elements == heads.head_dim * plan.anatomy.geometry.hidden_size


@pytest.mark.parametrize(("family", "tensors"), [("llama", 1), ("qwen2", 2), ("gpt2", 2), ("gpt_neox", 2)])
def test_a_query_bias_is_edited_with_its_rows(family: str, tensors: int, tmp_path: Path) -> None:
    plan = plan_of(save_model(family, tmp_path), (0, 2, "uniform_attention", 0.0))
    assert len(plan.edits) == tensors
    assert {edit.block for edit in plan.edits} == {plan.edits[0].block}
    assert len(plan_of(tmp_path, (0, 2, "scale", 0.0)).edits) == 1


def test_the_share_is_that_of_all_stored_parameters(llama: Path) -> None:
    plan = plan_of(llama, (0, 0, "scale", 0.0), (1, 3, "uniform_attention", 0.0), (2, 5, "scale", 1.0))
    assert plan.parameters_changed == 2 * 8 * 48
    assert plan.share == 2 * 8 * 48 / sum(values.size for values in load_file(llama / WEIGHTS).values())


def test_a_dry_run_is_json_and_names_no_local_path(llama: Path) -> None:
    plan = plan_of(llama, (0, 0, "scale", 0.5))
    document = json.loads(json.dumps(plan.to_json()))
    assert list(document) == [
        "base",
        "edits",
        "parameters",
        "parameters_changed",
        "share",
        "exactness",
        "edited_files",
        "carried_files",
        "left_out",
        "notes",
    ]
    assert document["edited_files"] == [WEIGHTS]
    assert document["edits"][0]["runs"] == vars(plan.edits[0].runs)
    assert document["edits"][0]["exactness"] == {"level": "exact", "of": "values", "largest_error": 0.0, "mean_error": 0.0}
    assert str(llama.parent) not in json.dumps(document)


class TestBase:
    """What a recipe states of its base must match; what it leaves out is not checked."""

    @pytest.mark.parametrize(
        ("base", "message"),
        [
            (RecipeBase(model_type="qwen2"), "model_type: recipe qwen2, checkpoint llama"),
            (RecipeBase(geometry=Geometry(num_heads=32, head_dim=8)), "num_heads: recipe 32, checkpoint 6"),
            (RecipeBase(geometry=Geometry(head_dim=[8, None, 8])), r"head_dim: recipe \[8, None, 8\], checkpoint 8"),
            (RecipeBase(fingerprint="ab" * 32), r"fingerprint of the weights: recipe abababababab\.\.\., checkpoint "),
            (RecipeBase(revision="ab" * 20), f"revision: recipe {'ab' * 20}, checkpoint {COMMIT}"),
        ],
    )
    def test_another_base_is_refused_unless_allowed(self, base: RecipeBase, message: str, llama: Path) -> None:
        recipe = Recipe(edits=(HeadEdit(layer=0, head=0),), base=base)
        checkpoint = open_checkpoint(llama, revision=COMMIT)
        with pytest.raises(GeometryError, match=f"the recipe was made for another base: {message}") as caught:
            plan_surgery(recipe, checkpoint)
        assert "--allow-mismatch" in caught.value.hint
        assert plan_surgery(recipe, checkpoint, allow_mismatch=True).edits

    def test_all_differences_are_told_at_once(self, llama: Path) -> None:
        base = RecipeBase(model_type="qwen2", geometry=Geometry(num_layers=2, hidden_size=7))
        with pytest.raises(GeometryError, match=r"model_type: .*; num_layers: .*; hidden_size: "):
            plan_surgery(Recipe(edits=(HeadEdit(layer=0, head=0),), base=base), open_checkpoint(llama))

    def test_its_own_base_is_accepted_under_any_name(self, llama: Path) -> None:
        checkpoint = open_checkpoint(llama, model="org/name", revision=COMMIT)
        base = record_base(checkpoint, prove_anatomy(checkpoint))
        recipe = Recipe(edits=(HeadEdit(layer=0, head=0),), base=base)
        llama.rename(llama.parent / "elsewhere")
        assert plan_surgery(recipe, open_checkpoint(llama.parent / "elsewhere")).edits


class TestRefusals:
    @pytest.mark.parametrize("operation", MULTIPLICATIONS)
    @pytest.mark.parametrize(
        ("layer", "head", "message"),
        [
            (0, 6, r"edits\[1\]: head 6, but layer 0 of this model has heads 0-5"),
            (3, 0, r"edits\[1\]: layer 3, but this model has layers 0-2"),
            (2**31 - 1, 0, r"edits\[1\]: layer 2147483647"),
        ],
    )
    def test_a_head_out_of_range(self, layer: int, head: int, message: str, operation: str, llama: Path) -> None:
        with pytest.raises(RecipeError, match=message):
            plan_of(llama, (0, 0, operation, 0.0), (layer, head, operation, 0.0))

    def test_even_with_a_mismatch_allowed_a_head_must_exist(self, llama: Path) -> None:
        with pytest.raises(RecipeError, match="head 6"):
            plan_of(llama, (0, 6, "scale", 0.0), allow_mismatch=True)

    @pytest.mark.parametrize(
        ("dtype", "factor"), [(torch.float16, 1e6), (torch.float32, 1e39), (torch.bfloat16, 3e38), (torch.float32, 1e300)]
    )
    def test_an_overflow(self, dtype: torch.dtype, factor: float, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path, dtype=dtype)
        with pytest.raises(SurgeryError, match=r"L1H3: .*o_proj\.weight × .* overflows (F16|BF16|F32)") as caught:
            plan_of(base, (1, 3, "scale", factor if dtype != torch.bfloat16 else factor * 10))
        assert caught.value.hint == "choose a smaller factor"

    @pytest.mark.parametrize(
        ("dtype", "factor"),
        [
            (torch.float16, 1e-6),
            (torch.float16, 1e-8),
            (torch.float16, -1e-300),
            (torch.float32, 1e-44),
            (torch.float32, 1e-60),
            (torch.bfloat16, 1e-40),
            (torch.bfloat16, 1e-200),
            (torch.float32, 5e-324),
        ],
    )
    def test_a_factor_that_is_lost_in_rounding(self, dtype: torch.dtype, factor: float, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path, dtype=dtype)
        with pytest.raises(SurgeryError, match=r"L1H3: .*o_proj\.weight × .* is too small for (F16|BF16|F32): rounding"):
            plan_of(base, (1, 3, "scale", factor))

    @pytest.mark.parametrize(
        ("dtype", "factor"),
        [
            (torch.bfloat16, 0.999),
            (torch.bfloat16, 1.001),
            (torch.float16, 1.0001),
            (torch.float32, 1 + 1e-9),
            (torch.float64, 1 + 2e-17),
        ],
    )
    def test_a_factor_that_the_type_can_not_tell_from_1(self, dtype: torch.dtype, factor: float, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path, dtype=dtype)
        if factor == 1:
            assert plan_of(base, (1, 3, "scale", factor)).parameters_changed == 0
            return
        with pytest.raises(
            SurgeryError, match=r"L1H3: .* × 1?.* changes nothing: (BF16|F16|F32) can't hold a factor so close to 1"
        ):
            plan_of(base, (1, 3, "scale", factor))

    def test_a_head_that_is_zero_already_may_be_ablated_again(self, llama: Path) -> None:
        tensors = load_file(llama / WEIGHTS)
        tensors[O_PROJ][:, 24:32] = 0
        save_file(tensors, llama / WEIGHTS)
        for factor in (0.0, 0.5, 1e30):
            assert plan_of(llama, (1, 3, "scale", factor)).edits

    @pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
    @pytest.mark.parametrize("factor", [0.0, 0.5])
    def test_inf_or_nan_in_the_head(self, value: float, factor: float, llama: Path) -> None:
        tensors = load_file(llama / WEIGHTS)
        tensors[O_PROJ][7, 3 * 8] = value
        save_file(tensors, llama / WEIGHTS)
        with pytest.raises(SurgeryError, match=f"L1H3: {O_PROJ} holds inf or nan in this head"):
            plan_of(llama, (1, 3, "scale", factor))
        assert plan_of(llama, (1, 2, "scale", factor)).edits, "another head's numbers are none of this edit's business"
        assert plan_of(llama, (1, 3, "scale", 1.0)).edits, "factor 1 multiplies nothing"

    def test_a_manifest_that_is_none(self, llama: Path) -> None:
        (llama / "headsurgery.json").touch()
        with pytest.raises(CheckpointError, match=r"headsurgery\.json: not a valid manifest"):
            plan_of(llama, (0, 0, "scale", 0.0))

    @pytest.mark.parametrize("file", ["recipe.json", "headsurgery.undo"])
    def test_a_checkpoint_with_a_file_of_a_name_that_apply_needs(self, file: str, llama: Path) -> None:
        (llama / file).touch()
        with pytest.raises(SurgeryError, match=f"has a file {file}, but apply writes a file of that name"):
            plan_of(llama, (0, 0, "scale", 0.0))

    def test_a_checkpoint_that_does_not_prove_its_heads(self, llama: Path) -> None:
        edit_json(llama / "config.json", head_dim=4)
        with pytest.raises(GeometryError, match="but the configuration demands"):
            plan_of(llama, (0, 0, "scale", 0.0), allow_mismatch=True)
        edit_json(llama / "config.json", model_type="nonesuch", num_attention_heads=4)
        with pytest.raises(ArchitectureError, match="not in the architecture table"):
            plan_of(llama, (0, 0, "scale", 0.0), allow_mismatch=True)


class TestNotes:
    def test_only_factors_of_1_make_a_copy(self, llama: Path) -> None:
        assert plan_of(llama, (0, 0, "scale", 1.0)).notes == ("every factor is 1: the result will be an identical copy",)
        assert plan_of(llama, (0, 0, "scale", 1.0), (0, 1, "scale", 0.0)).notes == ()

    def test_a_rotary_base_that_only_transformers_5_finds(self, llama: Path) -> None:
        edit = (0, 0, "scale", 0.0)
        edit_json(llama / "config.json", rope_parameters={"rope_theta": 100000.0, "rope_type": "default"}, rope_theta=None)
        assert "config.json has rope_theta 100000.0 only inside rope_parameters" in plan_of(llama, edit).notes[0]
        edit_json(llama / "config.json", rope_theta=100000.0)
        assert plan_of(llama, edit).notes == ()
        edit_json(llama / "config.json", rope_parameters={"rope_theta": 10000.0}, rope_theta=None)
        assert plan_of(llama, edit).notes == ()

    def test_a_query_norm_over_all_heads_is_pointed_out(self, tmp_path: Path) -> None:
        base = save_model("olmo2", tmp_path)
        assert "query norm spans all heads" in plan_of(base, (0, 0, "uniform_attention", 0.0)).notes[0]
        assert plan_of(base, (0, 0, "scale", 0.0)).notes == ()

    def test_a_norm_over_what_all_heads_put_out_is_pointed_out(self, tmp_path: Path) -> None:
        build_family("bitnet").save_pretrained(tmp_path)
        edit_json(tmp_path / "config.json", rope_parameters=None)
        assert "outputs of all heads of a layer together" in plan_of(tmp_path, (0, 0, "uniform_attention", 0.0)).notes[0]
        assert plan_of(tmp_path, (0, 0, "scale", 0.0)).notes == ()


class TestMultiply:
    """Law 5 in numbers."""

    @pytest.mark.parametrize("dtype", FLOATS.values(), ids=FLOATS)
    @given(values=st_numpy.arrays(np.float32, 8, elements=st.floats(-1e4, 1e4, width=32)), factor=st.floats(-4, 4))
    def test_one_product_in_float32_and_one_rounding(self, dtype: np.dtype[Any], values: Any, factor: float) -> None:
        stored = values.astype(dtype)
        result = multiply(stored, factor)
        assert result.dtype == dtype
        if factor == 1:
            assert result is stored
        elif dtype == np.float64:
            assert np.array_equal(result, stored * factor)
        else:
            wide = torch.from_numpy(stored.astype(np.float32)) * torch.tensor(factor, dtype=torch.float32)
            types = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
            assert np.array_equal(result.astype(np.float32), wide.to(types[dtype.name]).to(torch.float32).numpy())

    @pytest.mark.parametrize("factor", [0.0, -0.0])
    def test_factor_0_leaves_zeros_only(self, factor: float) -> None:
        assert not multiply(np.array([1, -2, 3], dtype=ml_dtypes.bfloat16), factor).any()

    def test_factor_1_keeps_every_bit(self) -> None:
        bits = np.arange(2**16, dtype=np.uint16)
        for dtype in (np.float16, ml_dtypes.bfloat16):
            assert np.array_equal(multiply(bits.view(dtype), 1.0).view(np.uint16), bits)
