"""FP8 checkpoints, in each of the layouts that tools write; torch dequantizes before and after."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from headsurgery.auditing import examine, examine_against
from headsurgery.cli import app
from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.errors import ArchitectureError, HeadSurgeryError, SurgeryError
from headsurgery.model.as_stored import check_as_stored
from headsurgery.model.editing import edited as hooked
from headsurgery.model.loading import load_model
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.in_place import apply_in_place, restore_in_place
from headsurgery.surgery.plan import SurgeryPlan, check_exact, plan_surgery
from headsurgery.surgery.restore import restore_checkpoint
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import contents
from tests.exhaustive import all_but
from tests.format_table import DOCS, with_table
from tests.fp8 import LAYOUTS, WEIGHTS, Layout, dequantize, fine_grained, save_fp8
from tests.tiny import tokens

O_PROJ, Q_PROJ = "model.layers.1.self_attn.o_proj.weight", "model.layers.1.self_attn.q_proj.weight"
HEAD, WIDTH = 3, 8
BLOCK = slice(HEAD * WIDTH, (HEAD + 1) * WIDTH)
USUAL_LAYOUTS = [LAYOUTS[name] for name in ("tensor", "rows", "blocks of a head", "blocks, powers of two")]
layouts = pytest.mark.parametrize("layout", all_but(USUAL_LAYOUTS, LAYOUTS.values()), ids=LAYOUTS)
operations = pytest.mark.parametrize("operation", ["scale", "uniform_attention"])

OWN_SCALES = {
    "scale": {"blocks of a head", "blocks of half a head", "blocks, powers of two", "blocks, compressed-tensors"},
    "uniform_attention": {
        "blocks of a head",
        "blocks of half a head",
        "blocks, powers of two",
        "blocks, compressed-tensors",
        "rows",
        "rows, bf16",
        "rows, flat",
        "rows, E5M2",
    },
}
"""Layouts in which the head's block has scales of its own, by operation: multiplied are the scales, and no code is rounded."""


def recipe_of(operation: str, factor: float, head: int = HEAD) -> Recipe:
    return Recipe(edits=(HeadEdit(layer=1, head=head, operation=operation, factor=factor),))


def plan_of(path: Path, operation: str, factor: float) -> SurgeryPlan:
    return plan_surgery(recipe_of(operation, factor), open_checkpoint(path))


def name_of(layout: Layout) -> str:
    return next(name for name, other in LAYOUTS.items() if other == layout)


def take_block(tensors: dict[str, torch.Tensor], operation: str) -> torch.Tensor:
    """The head's block, which is then no longer there."""
    if operation == "scale":
        block = tensors[O_PROJ][:, BLOCK].clone()
        tensors[O_PROJ][:, BLOCK] = 0
    else:
        block = tensors[Q_PROJ][BLOCK].clone()
        tensors[Q_PROJ][BLOCK] = 0
    return block


def step_of(values: torch.Tensor, code_type: torch.dtype) -> torch.Tensor:
    """Distance between codes at these sizes, in float64."""
    info = torch.finfo(code_type)
    exponent = torch.floor(torch.log2(values.abs().clamp(min=info.smallest_normal)))
    return torch.exp2(exponent) * info.eps


class TestEdits:
    @layouts
    @operations
    @pytest.mark.parametrize("factor", all_but([0.0, 0.7], [0.0, 0.5, 0.7, 1.9, -1.0]))
    def test_a_head_is_multiplied_and_nothing_else_moves(
        self, layout: Layout, operation: str, factor: float, tmp_path: Path
    ) -> None:
        base, out = save_fp8("llama", tmp_path / "base", layout), tmp_path / "out"
        apply_plan(plan_of(base, operation, factor), out)
        before, after = dequantize(base, layout), dequantize(out, layout)
        old, new = take_block(before, operation), take_block(after, operation)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before), "outside the head nothing changed"
        wanted = old * factor
        if factor == 0:
            assert not new.any()
        elif name_of(layout) in OWN_SCALES[operation] and factor > 0 and layout.scale_type != torch.float8_e8m0fnu:
            half_a_step = torch.finfo(layout.scale_type).eps / 2 + 2**-24  # the factor is rounded to float32, too
            assert ((new - wanted).abs() <= half_a_step * wanted.abs() * 1.001).all()
        else:
            scales = old / self.codes(base, operation).double().masked_fill(self.codes(base, operation) == 0, torch.nan)
            half_a_step = step_of(wanted / scales, layout.code_type) * scales / 2
            assert ((new - wanted).abs() <= half_a_step * 1.001)[~scales.isnan()].all()
            assert not new[scales.isnan()].any()

    @staticmethod
    def codes(path: Path, operation: str) -> torch.Tensor:
        tensors = load_file(path / WEIGHTS)
        return tensors[O_PROJ].float()[:, BLOCK] if operation == "scale" else tensors[Q_PROJ].float()[BLOCK]

    @layouts
    @operations
    @pytest.mark.parametrize("factor", [0.0, 0.7])
    def test_only_planned_bytes_change(self, layout: Layout, operation: str, factor: float, tmp_path: Path) -> None:
        """Law 2, also where the head shares its scale with others."""
        base, out = save_fp8("llama", tmp_path / "base", layout), tmp_path / "out"
        plan = plan_of(base, operation, factor)
        apply_plan(plan, out)
        old, new = ((path / WEIGHTS).read_bytes() for path in (base, out))
        allowed = {
            runs.offset + number * runs.stride + byte
            for runs in (edit.runs for edit in plan.edits)
            for number in range(runs.count)
            for byte in range(runs.length)
        }
        changed = set(np.flatnonzero(np.frombuffer(old, np.uint8) != np.frombuffer(new, np.uint8)).tolist())
        assert changed
        assert changed <= allowed

    @layouts
    @operations
    def test_factor_0_writes_zero_codes_without_a_sign(self, layout: Layout, operation: str, tmp_path: Path) -> None:
        base, out = save_fp8("llama", tmp_path / "base", layout), tmp_path / "out"
        apply_plan(plan_of(base, operation, 0.0), out)
        tensors = {
            name: tensor.view(torch.uint8) for name, tensor in load_file(out / WEIGHTS).items() if tensor.dtype.itemsize == 1
        }
        codes = tensors[O_PROJ][:, BLOCK] if operation == "scale" else tensors[Q_PROJ][BLOCK]
        assert not codes.any(), "no bit is set"

    @pytest.mark.parametrize("family", ["qwen2", "phi3"])
    @pytest.mark.parametrize("layout", [LAYOUTS[name] for name in ("tensor", "rows", "blocks of a head")], ids=str)
    @pytest.mark.parametrize("factor", [0.0, 0.7])
    def test_biases_and_fused_queries(self, family: str, layout: Layout, factor: float, tmp_path: Path) -> None:
        base, out = save_fp8(family, tmp_path / "base", layout), tmp_path / "out"
        apply_plan(plan_of(base, "uniform_attention", factor), out)
        before, after = dequantize(base, layout), dequantize(out, layout)
        name = Q_PROJ if family == "qwen2" else Q_PROJ.replace("q_proj", "qkv_proj")
        names = [name, name.replace("weight", "bias")] if family == "qwen2" else [name]
        for each in names:
            old, new = before[each][BLOCK].clone(), after[each][BLOCK].clone()
            assert torch.allclose(new, old * factor, rtol=0.07, atol=1e-3)
            assert not torch.equal(new, old)
            before[each][BLOCK] = after[each][BLOCK] = 0
        assert all(torch.equal(before[name], after[name]) for name in before)

    def test_one_recipe_may_edit_heads_with_and_without_scales_of_their_own(self, tmp_path: Path) -> None:
        """Blocks of 12 columns: heads of 8 begin at a block's border, or not."""
        layout = fine_grained(4, 16)
        base, out = save_fp8("llama", tmp_path / "base", layout, num_attention_heads=3, num_key_value_heads=1), tmp_path / "out"
        recipe = Recipe(
            edits=(HeadEdit(layer=0, head=0, factor=0.5), HeadEdit(layer=0, head=2, operation="uniform_attention", factor=0.3))
        )
        apply_plan(plan_surgery(recipe, open_checkpoint(base)), out)
        assert diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=recipe).matches_recipe


class TestExactness:
    @layouts
    @operations
    def test_zeros_are_exact(self, layout: Layout, operation: str, tmp_path: Path) -> None:
        (edit,) = plan_of(save_fp8("llama", tmp_path, layout), operation, 0.0).edits
        assert edit.exactness is not None
        assert edit.exactness.level == "exact"
        assert edit.tensor.name == (O_PROJ if operation == "scale" else Q_PROJ)

    @layouts
    @operations
    def test_other_factors_go_by_the_scale_where_the_head_has_its_own(self, layout: Layout, operation: str, tmp_path: Path) -> None:
        (edit,) = plan_of(save_fp8("llama", tmp_path, layout), operation, 0.7).edits
        assert edit.exactness is not None
        goes_by_scale = name_of(layout) in OWN_SCALES[operation] and layout.scale_type != torch.float8_e8m0fnu
        assert edit.exactness.of == ("scales" if goes_by_scale else "values")
        assert edit.exactness.level == "rounded"
        assert 0 < edit.exactness.mean <= edit.exactness.largest
        assert edit.exactness.largest <= (1 if goes_by_scale else 0.5), "in float32 the factor itself is rounded"
        assert edit.tensor.name.endswith(layout.name if goes_by_scale else "weight")

    @operations
    @pytest.mark.parametrize("name", ["blocks of a head", "blocks, powers of two", "blocks, compressed-tensors"])
    def test_powers_of_two_on_scales_are_exact(self, operation: str, name: str, tmp_path: Path) -> None:
        (edit,) = plan_of(save_fp8("llama", tmp_path, LAYOUTS[name]), operation, 0.25).edits
        assert edit.exactness is not None
        assert (edit.exactness.level, edit.exactness.of) == ("exact", "scales")

    def test_errors_of_codes_are_what_torch_finds(self, tmp_path: Path) -> None:
        layout = LAYOUTS["tensor"]
        base, out = save_fp8("llama", tmp_path / "base", layout), tmp_path / "out"
        manifest = apply_plan(plan_of(base, "scale", 0.7), out)
        old, new = TestEdits.codes(base, "scale").double(), TestEdits.codes(out, "scale").double()
        errors = (new - old * 0.7).abs() / step_of(new, layout.code_type)
        record = manifest.edits[0].exactness
        assert record is not None
        assert record.level == "rounded"
        assert record.largest_error == pytest.approx(errors.max().item(), rel=1e-6)
        assert record.mean_error == pytest.approx(errors.mean().item(), rel=1e-6)

    def test_exact_refuses_what_rounds(self, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path, LAYOUTS["rows"])
        check_exact(plan_of(base, "scale", 0.0))
        check_exact(plan_of(base, "uniform_attention", 0.5))
        with pytest.raises(SurgeryError, match=r"1 of 1 slices can't be changed exactly: L1H3: .*o_proj.* × 0\.7: rounded"):
            check_exact(plan_of(base, "scale", 0.7))

    @pytest.mark.parametrize(
        ("factor", "why"),
        [
            (1e-4, "is too small for F8_E4M3: .* by more than 5 %"),
            (1.001, "changes nothing"),
            (9.0, "overflows"),
        ],
    )
    def test_what_codes_can_not_hold_is_refused(self, factor: float, why: str, tmp_path: Path) -> None:
        with pytest.raises(SurgeryError, match=f"L1H3: .*{why}"):
            plan_of(save_fp8("llama", tmp_path, LAYOUTS["tensor"]), "scale", factor)

    def test_scales_out_of_range_are_refused(self, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path, LAYOUTS["blocks, powers of two"])
        with pytest.raises(SurgeryError, match=r"overflows"):
            plan_of(base, "scale", 2.0**-130)

    @pytest.mark.parametrize("factor", [0.5, 0.7])
    @pytest.mark.parametrize("name", ["blocks of a head", "tensor"])
    def test_codes_that_are_no_numbers_are_refused(self, name: str, factor: float, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path, LAYOUTS[name])
        tensors = load_file(base / WEIGHTS)
        tensors[O_PROJ].view(torch.uint8)[0, BLOCK.start] = 0x7F
        save_file(tensors, base / WEIGHTS)
        with pytest.raises(SurgeryError, match="holds inf or nan in this head"):
            plan_of(base, "scale", factor)


class TestVerbs:
    @layouts
    @operations
    @pytest.mark.parametrize("factor", all_but([0.7], [0.0, 0.5, 0.7]))
    def test_verify_diff_and_restore(self, layout: Layout, operation: str, factor: float, tmp_path: Path) -> None:
        base, out = save_fp8("llama", tmp_path / "base", layout), tmp_path / "out"
        recipe = recipe_of(operation, factor)
        apply_plan(plan_surgery(recipe, open_checkpoint(base)), out)
        for against in (None, open_checkpoint(base)):
            verified = verify_checkpoint(out, base=against)
            assert not verified.problems
            assert verified.against == ("base" if against else "originals")
        found = diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=recipe)
        assert found.matches_recipe, found.recipe_problems
        (change,) = found.heads
        assert (change.head, change.operation, change.agreement) == (recipe.edits[0].ref, operation, "exact")
        assert change.factor == pytest.approx(factor, rel=0.1)
        assert change.parameters == WIDTH * 48
        assert not found.other_tensors
        restore_checkpoint(out, tmp_path / "again")
        assert contents(tmp_path / "again") == contents(base)

    @pytest.mark.parametrize("name", ["tensor", "rows", "blocks of a head"])
    def test_in_place_and_back(self, name: str, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path / "base", LAYOUTS[name])
        before = contents(base)
        copy = tmp_path / "copy"
        apply_plan(plan_of(base, "uniform_attention", 0.7), copy)
        apply_in_place(plan_of(base, "uniform_attention", 0.7))
        assert (base / WEIGHTS).read_bytes() == (copy / WEIGHTS).read_bytes()
        assert not verify_checkpoint(base).problems
        restore_in_place(base)
        assert contents(base) == before

    def test_edits_on_top_of_edits_go_back_step_by_step(self, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path / "base", LAYOUTS["blocks of a head"])
        apply_plan(plan_of(base, "scale", 0.7), tmp_path / "one")
        apply_plan(plan_of(tmp_path / "one", "scale", 0.0), tmp_path / "two")
        assert not verify_checkpoint(tmp_path / "two", base=open_checkpoint(tmp_path / "one")).problems
        restore_checkpoint(tmp_path / "two", tmp_path / "first", steps=1)
        assert (tmp_path / "first" / WEIGHTS).read_bytes() == (tmp_path / "one" / WEIGHTS).read_bytes()
        restore_checkpoint(tmp_path / "two", tmp_path / "again")
        assert contents(tmp_path / "again") == contents(base)

    @pytest.mark.parametrize("part", [O_PROJ, "scales"])
    def test_what_is_not_the_edit_is_seen(self, part: str, tmp_path: Path) -> None:
        layout = LAYOUTS["rows"]
        base, out = save_fp8("llama", tmp_path / "base", layout), tmp_path / "out"
        recipe = recipe_of("scale", 0.5)
        apply_plan(plan_surgery(recipe, open_checkpoint(base)), out)
        name = part if part == O_PROJ else O_PROJ.removesuffix("weight") + layout.name
        tensors = load_file(out / WEIGHTS)
        tensors[name].view(torch.uint8)[0, 0] ^= 1
        save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})
        assert verify_checkpoint(out).problems
        found = diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=recipe)
        assert found.matches_recipe is False

    def test_the_command_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        base, out, recipe = save_fp8("llama", tmp_path / "base", LAYOUTS["blocks of a head"]), tmp_path / "out", tmp_path / "r.json"
        recipe_of("scale", 0.7).save(recipe)

        def run(*arguments: object) -> str:
            with pytest.raises(SystemExit) as ended:
                app([str(argument) for argument in arguments])
            assert not ended.value.code, capsys.readouterr()
            return capsys.readouterr().out

        shown = run("inspect", base)
        assert "F8_E4M3, a scale for each block of 8 x 8 (F32); heads with scales of their own: 18 of 18" in " ".join(shown.split())
        formats = json.loads(run("inspect", base, "--json"))["formats"]
        assert formats[0]["part"] == "o_proj"
        assert formats[0]["heads_with_own_scales"] == 18
        plan = json.loads(run("apply", recipe, base, "--dry-run", "--json"))
        assert plan["exactness"] == "rounded"
        assert plan["edits"][0]["exactness"]["of"] == "scales"
        assert "rounded scales, by" in " ".join(run("apply", recipe, base, "--dry-run").split())
        run("apply", recipe, base, "-o", out, "--link", "hardlink")
        assert "L1H3" in (out / "README.md").read_text()
        run("diff", base, out, "--recipe", recipe)
        run("verify", out)
        run("card", out)
        with pytest.raises(SystemExit) as ended:
            app(["apply", str(recipe), str(base), "--exact", "-o", str(tmp_path / "none")])
        assert ended.value.code == 1
        assert "can't be changed exactly" in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize("name", ["rows", "blocks of a head"])
    def test_audit_finds_the_head(self, name: str, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path / "base", LAYOUTS[name])
        apply_plan(plan_of(base, "scale", 0.0), tmp_path / "zero")
        apply_plan(plan_of(base, "uniform_attention", 0.5), tmp_path / "half")
        (finding,) = (found for found in examine(open_checkpoint(tmp_path / "zero")).findings if found.certainty == "proven")
        assert (str(finding.head), finding.operation, finding.factor) == ("L1H3", "scale", 0.0)
        for edited, factor in (("zero", 0.0), ("half", 0.5)):
            audit = examine_against(open_checkpoint(tmp_path / edited), open_checkpoint(base))
            assert audit.is_exact
            assert audit.recipe is not None
            assert [edit.factor for edit in audit.recipe.edits] == [factor]


class TestLiveModel:
    def test_hooks_and_bytes_give_the_same_logits_at_factor_0(self, tmp_path: Path) -> None:
        """The central identity, for a model that transformers dequantizes as it loads it."""
        base, out = save_fp8("llama", tmp_path / "base", LAYOUTS["blocks of a head"]), tmp_path / "out"
        recipe = Recipe(edits=(HeadEdit(layer=1, head=HEAD), HeadEdit(layer=2, head=0, operation="uniform_attention")))
        apply_plan(plan_surgery(recipe, open_checkpoint(base)), out)
        loaded, written = load_model(base, device="cpu").model, load_model(out, device="cpu").model
        ids = tokens()
        with torch.no_grad(), hooked(loaded, recipe):
            live = loaded(input_ids=ids).logits
        with torch.no_grad():
            assert torch.equal(live, written(input_ids=ids).logits)

    def test_a_model_that_runs_on_codes_is_compared_by_its_codes(self, tmp_path: Path) -> None:
        """As transformers keeps them on GPUs."""
        base = save_fp8("llama", tmp_path / "base", LAYOUTS["blocks of a head"])
        model = load_model(base, device="cpu").model
        for name, codes in load_file(base / WEIGHTS).items():
            if codes.dtype == torch.float8_e4m3fn and "self_attn" in name:
                module = model.get_submodule(name.removesuffix(".weight"))
                module.weight = torch.nn.Parameter(codes, requires_grad=False)
        check_as_stored(model, open_checkpoint(base))
        model.model.layers[0].self_attn.q_proj.weight.view(torch.uint8)[3, 3] ^= 1
        with pytest.raises(HeadSurgeryError, match="loaded other values"):
            check_as_stored(model, open_checkpoint(base))

    def test_a_model_that_was_loaded_with_other_scales_is_refused(self, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path / "base", LAYOUTS["blocks of a head"])
        model = load_model(base, device="cpu").model
        check_as_stored(model, open_checkpoint(base))
        with torch.no_grad():
            model.model.layers[0].self_attn.o_proj.weight[:8, :8] *= 2
        with pytest.raises(HeadSurgeryError, match="loaded other values"):
            check_as_stored(model, open_checkpoint(base))


def rewrite(path: Path, **changes: torch.Tensor | None) -> None:
    tensors: dict[str, Any] = load_file(path / WEIGHTS)
    tensors |= {O_PROJ.removesuffix("weight") + name: new for name, new in changes.items()}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path / WEIGHTS)


def configure(path: Path, **quantization: Any) -> None:
    config = json.loads((path / "config.json").read_text())
    config["quantization_config"] |= quantization
    (path / "config.json").write_text(json.dumps(config))


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"weight_scale_inv": None}, "found nothing beside it, expected only weight_scale or weight_scale_inv"),
            ({"weight_scale": torch.ones(1)}, "found weight_scale, weight_scale_inv beside it, expected only"),
            ({"weight_scale_2": torch.ones(1)}, "found weight_scale_2, weight_scale_inv beside it, expected only"),
            ({"weight_zero_point": torch.ones(1)}, "found weight_scale_inv, weight_zero_point beside it, expected only"),
            ({"weight_scale_inv": torch.ones(6, 6, dtype=torch.uint8)}, "weight_scale_inv is stored as U8, expected F64"),
            (
                {"weight_scale_inv": torch.ones(6, 5)},
                r"shape \[6, 5\], which fits no single layout \(blocks in config.json: 8 x 8\)",
            ),
            ({"weight_scale_inv": torch.ones(3)}, r"has the shape \[3\], which fits no single layout"),
        ],
    )
    def test_scales_that_no_rule_fits(self, changes: dict[str, Any], why: str, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path, LAYOUTS["blocks of a head"])
        rewrite(base, **changes)
        with pytest.raises(ArchitectureError, match=rf"{O_PROJ}: F8_E4M3 \[48, 48\]: .*{why}"):
            prove_anatomy(open_checkpoint(base))

    @pytest.mark.parametrize(
        ("stated", "why"),
        [
            ({"quant_method": "quark"}, "states quant_method 'quark', expected fp8, compressed-tensors"),
            ({"quant_method": None}, "states quant_method None, expected"),
            ({"weight_block_size": None}, r"which fits no single layout \(blocks in config.json: none\)"),
            ({"weight_block_size": [8, "8"]}, r"which fits no single layout \(blocks in config.json: none\)"),
            ({"weight_block_size": [0, 8]}, r"which fits no single layout \(blocks in config.json: none\)"),
            ({"transform_config": {"config_groups": {"R1": {}}}}, "states a transform_config"),
        ],
    )
    def test_configurations_that_no_rule_fits(self, stated: dict[str, Any], why: str, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path, LAYOUTS["blocks of a head"])
        configure(base, **stated)
        with pytest.raises(ArchitectureError, match=f"F8_E4M3.*{why}"):
            prove_anatomy(open_checkpoint(base))

    def test_fp8_of_another_bias_is_refused(self, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path, LAYOUTS["rows"])
        rewrite(base, weight=torch.zeros(48, 48).to(torch.float8_e4m3fnuz))
        with pytest.raises(ArchitectureError, match=r"are quantized \(compressed-tensors\)"):
            prove_anatomy(open_checkpoint(base))

    def test_a_conv1d_with_scales_is_refused(self, tmp_path: Path) -> None:
        layout = LAYOUTS["rows"]
        save_fp8("llama", tmp_path / "as", layout)
        base = save_fp8("gpt2", tmp_path / "base", replace(layout, name="weight_scale"))
        tensors = load_file(base / WEIGHTS)
        for name in [name for name in tensors if name.endswith(("attn.c_proj.weight", "attn.c_attn.weight"))]:
            tensors[name] = tensors[name].to(torch.float8_e4m3fn)
            tensors[f"{name}_scale"] = torch.ones(tensors[name].shape[0], 1)
        save_file(tensors, base / WEIGHTS)
        with pytest.raises(ArchitectureError, match="in a Conv1D layer, expected a Linear layer"):
            prove_anatomy(open_checkpoint(base))


def test_the_table_of_exactness_in_the_documentation_is_what_plans_say() -> None:
    assert with_table("formats.md") == (DOCS / "formats.md").read_text(), "run: python -m tests.format_table"


class AddOne:
    """A change that is no multiplication."""

    factor = None

    def __call__(self, values: Any) -> Any:
        return values + values.dtype.type(0.01)


class TestTransplants:
    @layouts
    def test_a_head_comes_back_from_its_base_exactly(self, layout: Layout, tmp_path: Path) -> None:
        """Codes that were put to 0 under scales that stayed."""
        base, ablated, again = save_fp8("llama", tmp_path / "base", layout), tmp_path / "ablated", tmp_path / "again"
        apply_plan(plan_of(base, "scale", 0.0), ablated)
        recipe = Recipe(edits=(HeadEdit(layer=1, head=HEAD, operation="transplant"),))
        plan = plan_surgery(recipe, open_checkpoint(ablated), donor=open_checkpoint(base))
        check_exact(plan)
        apply_plan(plan, again)
        assert (again / WEIGHTS).read_bytes() == (base / WEIGHTS).read_bytes()

    def test_a_head_of_another_model_is_rounded_under_the_bases_scales(self, tmp_path: Path) -> None:
        layout = LAYOUTS["tensor"]
        base, donor = save_fp8("llama", tmp_path / "base", layout), save_fp8("llama", tmp_path / "donor", layout, seed=1)
        recipe, out = Recipe(edits=(HeadEdit(layer=1, head=HEAD, operation="transplant"),)), tmp_path / "out"
        plan = plan_surgery(recipe, open_checkpoint(base), donor=open_checkpoint(donor))
        assert [edit.exactness.level for edit in plan.edits if edit.exactness] == ["rounded", "rounded"]
        apply_plan(plan, out)
        before, given, after = (dequantize(path, layout) for path in (base, donor, out))
        for operation in ("scale", "uniform_attention"):
            take_block(before, operation)
            wanted, found = take_block(given, operation), take_block(after, operation)
            assert torch.allclose(found, wanted, rtol=2**-4 * 1.001, atol=wanted.abs().max().item() / 448)
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert not verify_checkpoint(out, base=open_checkpoint(base), donor=open_checkpoint(donor)).problems


class TestOtherChanges:
    """What an operation that does not multiply makes of a slice, in every format, in chunks of rows or at once."""

    @layouts
    @pytest.mark.parametrize("axis", [0, 1])
    def test_codes_are_rounded_anew(self, layout: Layout, axis: int, tmp_path: Path) -> None:
        base = save_fp8("llama", tmp_path, layout)
        checkpoint = open_checkpoint(base)
        layer = prove_anatomy(checkpoint).layers[1]
        assert layer is not None
        matrix, block = layer.o_proj, range(16, 24)
        assert matrix.assess(checkpoint, axis, block, AddOne()).level == "rounded"
        (part,) = matrix.rewritten(axis, block, AddOne())
        original = checkpoint.read_slice(part)
        whole = matrix.rewriter(checkpoint, part, AddOne())(original, 0)
        rewrite = matrix.rewriter(checkpoint, part, AddOne())
        assert np.array_equal(whole, np.concatenate([rewrite(original[:5], 0), rewrite(original[5:], 5)]))
        codes = load_file(base / WEIGHTS)[O_PROJ].double()
        scales = (dequantize(base, layout)[O_PROJ] / codes).nan_to_num(1.0)
        at = (slice(block.start, block.stop), slice(None)) if axis == 0 else (slice(None), slice(block.start, block.stop))
        wanted = codes[at] + 0.01 / scales[at]
        found = torch.from_numpy(np.ascontiguousarray(whole)).view(layout.code_type).double()
        has_scale = codes[at] != 0
        assert ((found - wanted).abs() <= step_of(wanted, layout.code_type) / 2 * 1.001)[has_scale].all()

    def test_plain_floats_are_rounded_once(self, tmp_path: Path) -> None:
        from tests.tiny import save_model

        checkpoint = open_checkpoint(save_model("llama", tmp_path, dtype=torch.bfloat16))
        layer = prove_anatomy(checkpoint).layers[1]
        assert layer is not None
        (part,) = layer.o_proj.rewritten(1, range(8, 16), AddOne())
        original = checkpoint.read_slice(part)
        rewrite = layer.o_proj.rewriter(checkpoint, part, AddOne())
        found = np.concatenate([rewrite(original[:7], 0), rewrite(original[7:], 7)])
        expected = (load_file(tmp_path / WEIGHTS)[O_PROJ][:, 8:16].float() + 0.01).bfloat16()
        assert torch.equal(torch.from_numpy(np.ascontiguousarray(found)).view(torch.bfloat16), expected)
