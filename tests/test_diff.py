"""Which heads changed, by what factor, and whether anything else did."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from headsurgery import CheckpointDiff, HeadRef, Recipe, apply_plan, diff_checkpoints, open_checkpoint, plan_surgery
from headsurgery.comparing.result import HeadChange
from headsurgery.edits.operations import OPERATIONS, OperationName
from headsurgery.errors import CheckpointError, GeometryError, RecipeError
from headsurgery.storage.codecs.plain import ELEMENTS as FLOATS
from headsurgery.storage.safetensors import WEIGHTS
from tests.directories import FEW_KB, ODD_TENSORS, append_tensors, edit_json, recipe_of
from tests.exhaustive import all_but
from tests.tiny import EACH_FAMILY, Q_NORM_FAMILIES, save_model

SCALE = recipe_of((1, 3, "scale", 0.5))
O_PROJ = "model.layers.1.self_attn.o_proj.weight"

MULTIPLICATIONS = [name for name, operation in OPERATIONS.items() if operation.multiplies]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base")


@pytest.fixture
def copy(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "copy"))


def diff(base: Path, edited: Path, recipe: Recipe | None = None) -> CheckpointDiff:
    return diff_checkpoints(open_checkpoint(base), open_checkpoint(edited), recipe=recipe)


def apply(base: Path, out: Path, recipe: Recipe) -> Path:
    apply_plan(plan_surgery(recipe, open_checkpoint(base)), out)
    return out


def flip(path: Path, tensor: str, element: tuple[int, ...], *, bit: int = 0) -> None:
    """Flip one bit of one element, in place."""
    info = open_checkpoint(path).tensors[tensor]
    item = FLOATS[info.dtype].itemsize
    data = bytearray((path / info.file).read_bytes())
    data[info.offset + int(np.ravel_multi_index(element, info.shape)) * item + bit // 8] ^= 1 << bit % 8
    (path / info.file).write_bytes(data)


def change_weights(path: Path, change: Any) -> None:
    tensors = load_file(path / WEIGHTS)
    change(tensors)
    save_file(tensors, path / WEIGHTS, metadata={"format": "pt"})


FACTORS = (1e-3, 0.1, 1 / 3, 0.99, 1.01, 1.7, 3.14159265, 123.456, 1e3, -2.0)


class TestRecovery:
    @pytest.mark.parametrize("family", EACH_FAMILY)
    @pytest.mark.parametrize("operation", MULTIPLICATIONS)
    @pytest.mark.parametrize("dtype", all_but([torch.bfloat16], [torch.float32, torch.bfloat16, torch.float16]), ids=str)
    def test_the_recipe_is_recovered_from_the_bytes(
        self, family: str, operation: OperationName, dtype: torch.dtype, tmp_path: Path
    ) -> None:
        norm_undoes = operation == "uniform_attention" and family in Q_NORM_FAMILIES
        factors = (0.0, 0.0, 0.0) if norm_undoes else (0.0, 0.7, -1.25)
        recipe = recipe_of(*((layer, head, operation, factor) for (layer, head), factor in zip([(0, 1), (1, 5), (2, 0)], factors)))
        base = save_model(family, tmp_path / "base", dtype=dtype, max_shard_size=FEW_KB)
        found = diff(base, apply(base, tmp_path / "out", recipe), recipe)
        assert [(change.head, change.operation, change.factor) for change in found.heads] == [
            (edit.ref, edit.operation, edit.factor) for edit in recipe.edits
        ]
        assert all(change.exact for change in found.heads)
        assert all(
            change.spread < {torch.float32: 1e-7, torch.bfloat16: 5e-3, torch.float16: 1e-3}[dtype] for change in found.heads
        )
        assert found.matches_recipe is True
        assert not found.other_tensors
        assert not found.files
        assert found.parameters_changed == sum(change.parameters_changed for change in found.heads)

    @pytest.mark.parametrize("factor", all_but([1e-3, 1 / 3, 1.01, -2.0], FACTORS))
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_any_factor_is_recovered_as_one_that_gives_the_same_bytes(
        self, factor: float, dtype: torch.dtype, tmp_path: Path
    ) -> None:
        base = save_model("llama", tmp_path / "base", dtype=dtype)
        out = apply(base, tmp_path / "out", recipe_of((1, 3, "scale", factor)))
        (change,) = diff(base, out).heads
        assert change.exact
        assert change.factor is not None
        again = apply(base, tmp_path / "again", recipe_of((1, 3, "scale", change.factor)))
        assert (again / WEIGHTS).read_bytes() == (out / WEIGHTS).read_bytes()
        assert change.factor == pytest.approx(factor, rel=1e-7 if dtype == torch.float32 else 5e-3)

    def test_both_operations_on_one_head_are_told_apart(self, base: Path, tmp_path: Path) -> None:
        recipe = recipe_of((1, 3, "scale", 0.0), (1, 3, "uniform_attention", 0.5))
        found = diff(base, apply(base, tmp_path / "out", recipe), recipe)
        assert [(change.operation, change.factor) for change in found.heads] == [("scale", 0.0), ("uniform_attention", 0.5)]
        assert found.matches_recipe

    def test_a_head_that_was_trained_has_no_exact_factor(self, base: Path, copy: Path) -> None:
        change_weights(copy, lambda tensors: tensors[O_PROJ][:, 24:32].normal_())
        (change,) = diff(base, copy).heads
        assert change.head == HeadRef(1, 3)
        assert not change.exact
        assert change.spread > 0.5

    def test_a_block_that_was_zero_has_no_factor(self, base: Path, tmp_path: Path) -> None:
        zeroed = apply(base, tmp_path / "zeroed", recipe_of((1, 3, "scale", 0.0)))
        (change,) = diff(zeroed, base).heads
        assert (change.factor, change.exact) == (None, False)

    @pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
    @pytest.mark.parametrize("side", ["base", "copy"])
    def test_a_block_with_inf_or_nan_has_no_factor(self, value: float, side: str, base: Path, copy: Path) -> None:
        change_weights({"base": base, "copy": copy}[side], lambda tensors: tensors[O_PROJ][0, 24:25].fill_(value))
        found = diff(base, copy)
        assert [(change.head, change.factor, change.exact) for change in found.heads] == [(HeadRef(1, 3), None, False)]
        json.dumps(found.to_json(), allow_nan=False)

    def test_a_third_partys_edit_with_torch_is_the_same(self, base: Path, copy: Path) -> None:
        """Zeros of either sign are equal, as they are for the model."""
        change_weights(copy, lambda tensors: tensors[O_PROJ][:, 24:32].zero_())
        found = diff(base, copy, recipe_of((1, 3, "scale", 0.0)))
        assert found.matches_recipe
        assert found.heads[0].exact


class TestOutside:
    def test_an_identical_copy(self, base: Path, copy: Path) -> None:
        found = diff(base, copy)
        assert found == CheckpointDiff(heads=(), other_tensors={}, files={}, parameters=found.parameters, parameters_changed=0)
        assert found.is_identical
        assert found.matches_recipe is None
        assert diff(base, base).is_identical

    def test_factor_1_is_an_identical_copy(self, base: Path, tmp_path: Path) -> None:
        recipe = recipe_of((1, 3, "scale", 1.0))
        found = diff(base, apply(base, tmp_path / "out", recipe), recipe)
        assert found.is_identical
        assert found.matches_recipe

    @pytest.mark.parametrize("name", ["model.embed_tokens.weight", "model.norm.weight", "model.layers.0.mlp.up_proj.weight"])
    @pytest.mark.parametrize("bit", [0, 31])
    def test_one_bit_in_another_tensor_is_named(self, name: str, bit: int, base: Path, copy: Path) -> None:
        size = open_checkpoint(base).tensors[name].num_parameters
        flip(copy, name, (5, 7)[: len(open_checkpoint(base).tensors[name].shape)], bit=bit)
        found = diff(base, copy)
        assert found.other_tensors == {name: f"1 of {size} elements differ, in a tensor that holds no head block"}
        assert found.parameters_changed == 1
        assert not found.heads
        assert not found.is_identical

    def test_rows_of_keys_and_values_in_a_fused_tensor_are_outside(self, tmp_path: Path) -> None:
        base = save_model("phi3", tmp_path / "base")
        copy = Path(shutil.copytree(base, tmp_path / "copy"))
        name = "model.layers.1.self_attn.qkv_proj.weight"
        flip(copy, name, (48 + 3, 0))
        flip(copy, name, (8 + 3, 0))
        found = diff(base, copy)
        assert found.other_tensors == {name: "1 of 3840 elements differ, outside its heads' blocks"}
        assert [(change.head, change.operation, change.parameters_changed) for change in found.heads] == [
            (HeadRef(1, 1), "uniform_attention", 1)
        ]

    @pytest.mark.parametrize("max_shard_size", ["5GB", FEW_KB])
    @pytest.mark.parametrize("name", [name for name, (_, _, data) in ODD_TENSORS.items() if data])
    def test_the_last_byte_of_a_tensor_of_any_type_and_shape_counts(self, name: str, max_shard_size: str, tmp_path: Path) -> None:
        """Also of one that the index of shards doesn't name."""
        base = save_model("llama", tmp_path / "base", max_shard_size=max_shard_size)
        shard = sorted(base.glob("*.safetensors"))[0]
        copy = Path(shutil.copytree(base, tmp_path / "copy"))
        dtype, shape, data = ODD_TENSORS[name]
        append_tensors(shard, ODD_TENSORS)
        append_tensors(copy / shard.name, {**ODD_TENSORS, name: (dtype, shape, data[:-1] + bytes([data[-1] ^ 1]))})
        found = diff(base, copy)
        assert list(found.other_tensors) == [name]
        assert found.parameters_changed == 1

    def test_added_missing_and_reshaped_tensors(self, base: Path, copy: Path) -> None:
        def change(tensors: dict[str, torch.Tensor]) -> None:
            del tensors["lm_head.weight"]
            tensors["new"] = torch.zeros(2)
            tensors["model.norm.weight"] = tensors["model.norm.weight"][None]
            tensors[O_PROJ] = tensors[O_PROJ].to(torch.bfloat16)

        change_weights(copy, change)
        found = diff(base, copy, SCALE)
        assert found.other_tensors == {
            "lm_head.weight": "missing from the edited checkpoint",
            "new": "only in the edited checkpoint",
            "model.norm.weight": "F32 [48] became F32 [1, 48]",
        }
        assert found.retyped == {O_PROJ: "stored as BF16 instead of F32, same values rounded to BF16"}
        assert found.to_json()["other_tensors"] == {**found.other_tensors, **found.retyped}
        assert found.files == {WEIGHTS: "header differs"}
        assert not found.matches_recipe

    def test_files_are_told_apart(self, base: Path, copy: Path) -> None:
        (copy / "tokenizer.json").unlink()
        (copy / "new.txt").touch()
        (copy / "evil.bin").touch()
        edit_json(copy / "config.json", rope_theta=7.0)
        (base / "folder").mkdir()
        (base / "folder" / "x.py").touch()
        assert diff(base, copy).files == {
            "tokenizer.json": "missing",
            "new.txt": "added",
            "evil.bin": "added",
            "config.json": "differs",
            "folder/x.py": "missing",
        }

    def test_copies_of_the_weights_and_our_own_files_do_not_count(self, base: Path, tmp_path: Path) -> None:
        (base / "pytorch_model.bin").touch()
        (base / "onnx").mkdir()
        (base / "onnx" / "model.onnx").touch()
        assert diff(base, apply(base, tmp_path / "out", SCALE), SCALE).matches_recipe

    def test_a_file_that_became_a_copy_of_the_weights_counts(self, base: Path, copy: Path) -> None:
        save_file({"draft": torch.zeros(2)}, base / "draft.safetensors")
        shutil.copy(copy / WEIGHTS, copy / "draft.safetensors")
        assert diff(base, copy).files == {"draft.safetensors": "differs"}

    def test_metadata_in_the_header_counts(self, base: Path, copy: Path) -> None:
        save_file(load_file(copy / WEIGHTS), copy / WEIGHTS, metadata={"format": "pt", "note": "x"})
        found = diff(base, copy)
        assert found.files == {WEIGHTS: "header differs"}
        assert not found.other_tensors

    def test_a_resharded_derivative_is_compared_by_tensor(self, base: Path, tmp_path: Path) -> None:
        edited = apply(base, tmp_path / "edited", SCALE)
        model = transformers.AutoModelForCausalLM.from_pretrained(edited)
        model.save_pretrained(tmp_path / "resharded", max_shard_size=FEW_KB)
        found = diff(base, tmp_path / "resharded", SCALE)
        assert [(change.head, change.factor, change.exact) for change in found.heads] == [(HeadRef(1, 3), 0.5, True)]
        assert not found.other_tensors
        assert found.files[WEIGHTS] == "missing"
        assert found.files["model.safetensors.index.json"] == "added"

    def test_files_that_are_one_and_the_same_are_not_read(self, base: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in base.iterdir():
            (copy / file.name).symlink_to(file)
        one, other = open_checkpoint(base), open_checkpoint(copy)
        (base / WEIGHTS).write_bytes((base / WEIGHTS).read_bytes()[:3000])  # reading would fail now
        assert diff_checkpoints(one, other).is_identical


class TestRecipe:
    @pytest.mark.parametrize(
        "recipe",
        [
            recipe_of((1, 3, "scale", 0.5000001)),
            recipe_of((1, 3, "scale", 0.0)),
            recipe_of((1, 3, "scale", 1.0)),
            recipe_of((1, 3, "uniform_attention", 0.5)),
            recipe_of((1, 2, "scale", 0.5)),
            recipe_of((1, 3, "scale", 0.5), (0, 0, "scale", 0.5)),
        ],
    )
    def test_another_recipe_does_not_match(self, recipe: Recipe, base: Path, tmp_path: Path) -> None:
        edited = apply(base, tmp_path / "out", SCALE)
        assert diff(base, edited, SCALE).matches_recipe is True
        found = diff(base, edited, recipe)
        assert found.matches_recipe is False
        assert all(problem.startswith(("L1H3: ", "L1H2: ", "L0H0: ")) for problem in found.recipe_problems or ())

    @pytest.mark.parametrize(
        ("tensor", "element", "problem"),
        [
            (O_PROJ, (7, 25), f"L1H3: {O_PROJ} is not base × 0.5"),
            (O_PROJ, (7, 8), "L1H1: scale changed, but the recipe doesn't edit it"),
            ("model.norm.weight", (3,), "model.norm.weight: 1 of 48 elements differ, in a tensor that holds no head block"),
        ],
    )
    def test_one_bit_off_does_not_match(
        self, tensor: str, element: tuple[int, ...], problem: str, base: Path, tmp_path: Path
    ) -> None:
        edited = apply(base, tmp_path / "out", SCALE)
        flip(edited, tensor, element)
        found = diff(base, edited, SCALE)
        assert found.recipe_problems == (problem,)
        assert found.matches_recipe is False

    def test_a_changed_file_does_not_match(self, base: Path, tmp_path: Path) -> None:
        edited = apply(base, tmp_path / "out", SCALE)
        edit_json(edited / "config.json", rope_theta=7.0)
        assert diff(base, edited, SCALE).recipe_problems == ("config.json: differs",)

    def test_a_head_that_the_base_does_not_have_is_refused(self, base: Path, copy: Path) -> None:
        with pytest.raises(RecipeError, match="head 6"):
            diff(base, copy, recipe_of((0, 6, "scale", 0.0)))

    def test_a_base_that_does_not_prove_its_heads_is_refused(self, base: Path, copy: Path) -> None:
        edit_json(base / "config.json", head_dim=4)
        with pytest.raises(GeometryError):
            diff(base, copy)


class TestJson:
    def test_the_document(self, base: Path, tmp_path: Path) -> None:
        document = json.loads(json.dumps(diff(base, apply(base, tmp_path / "out", SCALE), SCALE).to_json(), allow_nan=False))
        assert list(document) == [
            "identical",
            "matches_recipe",
            "recipe_problems",
            "heads",
            "other_tensors",
            "files",
            "parameters",
            "parameters_changed",
            "parameters_unread",
            "share",
            "renamed",
        ]
        assert document["heads"] == [
            {
                "layer": 1,
                "head": 3,
                "operation": "scale",
                "factor": 0.5,
                "spread": 0.0,
                "exact": True,
                "parameters_changed": 8 * 48,
                "agreement": "exact",
                "unexplained": 0.0,
                "relative": 0.5,
            }
        ]
        assert document["share"] == 8 * 48 / document["parameters"]

    def test_a_change_keeps_the_heads_own_numbers(self) -> None:
        change = HeadChange(head=HeadRef(2, 26), operation="scale", factor=None, spread=1.0, exact=False, parameters_changed=3)
        assert change.to_json()["head"] == 26


def test_progress_ends_at_the_total(base: Path, copy: Path) -> None:
    seen: list[tuple[int, int]] = []
    diff_checkpoints(open_checkpoint(base), open_checkpoint(copy), on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == sum(tensor.num_bytes for tensor in open_checkpoint(base).tensors.values())


MEASURE = """
import re, sys
from headsurgery import Recipe, apply_plan, diff_checkpoints, open_checkpoint, plan_surgery
base, recipe, out = sys.argv[1:]
recipe = Recipe.load(recipe)
apply_plan(plan_surgery(recipe, open_checkpoint(base)), out)
found = diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=recipe)
assert found.matches_recipe and len(found.heads) == 3
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's own record of the peak")
@pytest.mark.exhaustive
def test_a_checkpoint_of_400_mb_is_edited_and_compared_in_less_than_200_mb(tmp_path: Path) -> None:
    base, width, layers = tmp_path / "base", 2048, 5
    base.mkdir()
    config = {"model_type": "llama", "num_hidden_layers": layers, "num_attention_heads": 16, "hidden_size": width}
    (base / "config.json").write_text(json.dumps(config))
    values = torch.randn(width, width)
    names = [f"model.layers.{layer}.self_attn.{part}_proj.weight" for layer in range(layers) for part in "qkvo"]
    tensors = {name: values.roll(number, 1) for number, name in enumerate(names)}
    save_file({**tensors, "experts": torch.randn(1, 4, width, width)}, base / WEIGHTS)
    del tensors
    assert (base / WEIGHTS).stat().st_size > 400e6
    recipe_of((0, 0, "scale", 0.0), (4, 15, "uniform_attention", 0.5), (2, 7, "scale", 1.5)).save(tmp_path / "recipe.json")
    command = [sys.executable, "-c", MEASURE, str(base), str(tmp_path / "recipe.json"), str(tmp_path / "out")]
    peak = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) / 1024
    shutil.rmtree(tmp_path / "out")
    shutil.rmtree(base)
    assert peak < 200, f"{peak:.0f} MiB"


def test_models_of_another_size_are_not_compared(tmp_path: Path) -> None:
    base = open_checkpoint(save_model("llama", tmp_path / "base"))
    other = open_checkpoint(save_model("llama", tmp_path / "other", hidden_size=96))
    with pytest.raises(
        CheckpointError,
        match=r"no tensor that holds heads has the same shape as in .*: '.*_proj\.weight' is \[.*\], expected \[.*\]",
    ):
        diff_checkpoints(base, other)
