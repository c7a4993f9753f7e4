"""Quantized checkpoints in each of the formats that tools write; NumPy dequantizes before and after (`tests.quantized`)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, seed
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from headsurgery.auditing import examine, examine_against
from headsurgery.cli import app
from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.edits.anatomy import describe, prove_anatomy
from headsurgery.errors import ArchitectureError, GeometryError, HeadSurgeryError, SurgeryError
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.in_place import apply_in_place, restore_in_place
from headsurgery.surgery.plan import SurgeryPlan, plan_surgery
from headsurgery.surgery.restore import restore_checkpoint
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import contents
from tests.exhaustive import all_but
from tests.format_table import DOCS, with_table
from tests.fuzzing import places, run
from tests.quantized import (
    FORMS,
    SIZES,
    WEIGHTS,
    Floats,
    Form,
    awq,
    dequantize,
    four_bits,
    gptq,
    mlx,
    packed_integers,
    save_quantized,
)
from tests.test_fuzz import few, values
from tests.tiny import save_model

O_PROJ, Q_PROJ = "model.layers.1.self_attn.o_proj.weight", "model.layers.1.self_attn.q_proj.weight"
HEAD, WIDTH = 3, 64
BLOCK = slice(HEAD * WIDTH, (HEAD + 1) * WIDTH)
USUAL = ("GPTQ, 4 bits", "GPTQ, 4 bits, act-order", "AWQ", "compressed-tensors, 4 bits, zero points", "compressed-tensors, NVFP4")
USUAL += ("MLX, 4 bits", "bitsandbytes, NF4", "bitsandbytes, NF4, nested scales", "bitsandbytes, int8")
forms = pytest.mark.parametrize("form", all_but([FORMS[name] for name in USUAL], FORMS.values()), ids=FORMS)


def refusal_of(path: Path, operation: str, factor: float) -> str:
    """Why an edit can't be made; empty if it can."""
    try:
        plan_of(path, operation, factor)
    except SurgeryError as error:
        return str(error)
    return ""


def try_plan(path: Path, operation: str, factor: float) -> SurgeryPlan:
    """A plan of this edit, or of the nearest one that the format can hold."""
    ways = ((operation, factor), (operation, 0.0), ("uniform_attention", factor), ("uniform_attention", 0.0))
    return next(plan_of(path, *way) for way in ways if not refusal_of(path, *way))


operations = pytest.mark.parametrize("operation", ["scale", "uniform_attention"])


def recipe_of(operation: str, factor: float, head: int = HEAD) -> Recipe:
    return Recipe(edits=(HeadEdit(layer=1, head=head, operation=operation, factor=factor),))


def plan_of(path: Path, operation: str, factor: float) -> SurgeryPlan:
    return plan_surgery(recipe_of(operation, factor), open_checkpoint(path))


def take_block(weights: dict[str, Floats], operation: str) -> Floats:
    """The head's block, which is then no longer there."""
    place = (O_PROJ, np.s_[:, BLOCK]) if operation == "scale" else (Q_PROJ, np.s_[BLOCK])
    block = weights[place[0]][place[1]].copy()
    weights[place[0]][place[1]] = 0
    return block


class TestEdits:
    @forms
    @operations
    def test_factor_0_makes_a_head_0_and_nothing_else_moves(self, form: Form, operation: str, tmp_path: Path) -> None:
        base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
        if not form.has_zero and operation == "scale":
            with pytest.raises(SurgeryError, match="under these scales no code of 4-bit codes means 0"):
                plan_of(base, operation, 0.0)
            return
        plan = plan_of(base, operation, 0.0)
        assert plan.is_exact
        apply_plan(plan, out)
        before, after = dequantize(base, form), dequantize(out, form)
        old, new = take_block(before, operation), take_block(after, operation)
        assert old.any()
        assert not new.any()
        assert before.keys() == after.keys()
        assert all(np.array_equal(before[name], after[name]) for name in before), "outside the head nothing changed"

    @forms
    @operations
    @pytest.mark.parametrize("factor", all_but([0.7], [0.5, 0.7, -1.0, 1.9]))
    def test_other_factors_multiply_within_the_stated_error(
        self, form: Form, operation: str, factor: float, tmp_path: Path
    ) -> None:
        base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
        refused = refusal_of(base, operation, factor)
        if refused:
            assert re.search("overflows 4-bit codes|overflows 8-bit|overflows F8|by more than|no code", refused)
            return
        manifest = apply_plan(plan_of(base, operation, factor), out)
        before, after = dequantize(base, form), dequantize(out, form)
        old, new = take_block(before, operation), take_block(after, operation)
        assert all(np.array_equal(before[name], after[name]) for name in before), "outside the head nothing changed"
        record = manifest.edits[0].exactness
        assert record is not None
        wanted, lost = old * factor, np.linalg.norm(new - old * factor)
        if record.level == "exact":
            assert np.allclose(new, wanted, rtol=1e-12, atol=1e-12)
        else:
            assert 0 < lost <= (0.05 if record.of == "scales" else 0.2) * np.linalg.norm(wanted)

    @forms
    @operations
    @pytest.mark.parametrize("factor", [0.0, 0.7])
    def test_only_planned_bytes_change(self, form: Form, operation: str, factor: float, tmp_path: Path) -> None:
        """Law 2, also where the head shares its scales with others."""
        base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
        plan = try_plan(base, operation, factor)
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

    @pytest.mark.parametrize("family", ["qwen2", "phi3"])
    @pytest.mark.parametrize("name", all_but(["GPTQ, 4 bits", "bitsandbytes, NF4"], USUAL))
    def test_biases_and_fused_queries(self, family: str, name: str, tmp_path: Path) -> None:
        form, base, out = FORMS[name], tmp_path / "base", tmp_path / "out"
        save_quantized(family, base, form, **({"hidden_size": 256} if family == "phi3" else {}), num_hidden_layers=3)
        apply_plan(plan_of(base, "uniform_attention", 0.0), out)
        before, after = dequantize(base, form), dequantize(out, form)
        weight = Q_PROJ if family == "qwen2" else Q_PROJ.replace("q_proj", "qkv_proj")
        for each in [weight, weight.replace("weight", "bias")] if family == "qwen2" else [weight]:
            assert before[each][BLOCK].any()
            assert not after[each][BLOCK].any()
            before[each][BLOCK] = 0
        assert all(np.array_equal(before[name], after[name]) for name in before)


class TestVerbs:
    @forms
    @operations
    @pytest.mark.parametrize("factor", [0.0, 0.7])
    def test_verify_diff_and_restore(self, form: Form, operation: str, factor: float, tmp_path: Path) -> None:
        base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
        plan = try_plan(base, operation, factor)
        apply_plan(plan, out)
        for against in (None, open_checkpoint(base)):
            verified = verify_checkpoint(out, base=against)
            assert not verified.problems
            assert verified.against == ("base" if against else "originals")
        found = diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=plan.recipe)
        assert found.matches_recipe, found.recipe_problems
        (change,) = found.heads
        edit, exactness = plan.recipe.edits[0], plan.edits[0].exactness
        assert exactness is not None
        assert (change.head, change.operation) == (edit.ref, edit.operation)
        if edit.factor == 0 or (exactness.of == "scales" and plan.edits[0].tensor.dtype != "U8"):  # nested ones are codes, too
            assert (change.factor, change.agreement) == (edit.factor, "exact")
        else:  # rounding to a few bits may hide the factor
            assert change.factor is None or change.factor == pytest.approx(edit.factor, rel=0.1)
        assert change.parameters == WIDTH * 128
        assert not found.other_tensors
        restore_checkpoint(out, tmp_path / "again")
        assert contents(tmp_path / "again") == contents(base)

    @forms
    def test_in_place_and_back(self, form: Form, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path / "base", form)
        before, copy = contents(base), tmp_path / "copy"
        apply_plan(try_plan(base, "scale", 0.0), copy)
        apply_in_place(try_plan(base, "scale", 0.0))
        assert (base / WEIGHTS).read_bytes() == (copy / WEIGHTS).read_bytes()
        assert not verify_checkpoint(base).problems
        restore_in_place(base)
        assert contents(base) == before

    @forms
    def test_heads_that_share_scales_are_edited_together_and_undone(self, form: Form, tmp_path: Path) -> None:
        base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
        operation = "scale" if form.has_zero else "uniform_attention"
        edits = tuple(HeadEdit(layer=1, head=head, operation=operation) for head in (2, 3))
        recipe = Recipe(edits=(*edits, HeadEdit(layer=0, head=1, operation="uniform_attention")))
        apply_plan(plan_surgery(recipe, open_checkpoint(base)), out)
        assert not verify_checkpoint(out, base=open_checkpoint(base)).problems
        weights = dequantize(out, form)
        assert not (weights[O_PROJ][:, 128:] if form.has_zero else weights[Q_PROJ][128:]).any()
        restore_checkpoint(out, tmp_path / "again")
        assert contents(tmp_path / "again") == contents(base)

    @forms
    def test_transplants(self, form: Form, tmp_path: Path) -> None:
        """The donor's numbers are rounded under the base's scales, so those of the base itself are exact."""
        base = save_quantized("llama", tmp_path / "base", form)
        recipe = Recipe(edits=(HeadEdit(layer=1, head=HEAD, operation="transplant", factor=1.0),))
        same = plan_surgery(recipe, open_checkpoint(base), donor=open_checkpoint(base))
        assert same.is_exact
        donor = save_model("llama", tmp_path / "donor", dtype=torch.float16, **SIZES, num_hidden_layers=2, seed=1)
        try:
            plan = plan_surgery(recipe, open_checkpoint(base), donor=open_checkpoint(donor))
        except SurgeryError as error:
            assert re.search("overflow|can't hold", str(error)), error  # noqa: PT017
            return
        apply_plan(plan, tmp_path / "out")
        assert not verify_checkpoint(tmp_path / "out", base=open_checkpoint(base), donor=open_checkpoint(donor)).problems
        old, new = dequantize(donor, form)[O_PROJ], dequantize(tmp_path / "out", form)[O_PROJ]
        assert np.linalg.norm((new - old)[:, BLOCK]) < 0.4 * np.linalg.norm(old[:, BLOCK])

    @forms
    def test_a_changed_bit_is_seen(self, form: Form, tmp_path: Path) -> None:
        base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
        plan = try_plan(base, "uniform_attention", 0.0)
        apply_plan(plan, out)
        part = plan.edits[0]
        with (out / WEIGHTS).open("r+b") as stream:
            stream.seek(part.runs.offset + part.runs.length - 1)
            stream.write(b"\x17")
        assert verify_checkpoint(out).problems
        found = diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=plan.recipe)
        assert found.matches_recipe is False

    @forms
    def test_audit_finds_the_head(self, form: Form, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path / "base", form)
        plan = try_plan(base, "scale", 0.0)
        apply_plan(plan, tmp_path / "out")
        edit = plan.recipe.edits[0]
        (finding,) = (found for found in examine(open_checkpoint(tmp_path / "out")).findings if found.certainty == "proven")
        assert (finding.head, finding.operation, finding.factor) == (edit.ref, edit.operation, 0.0)
        audit = examine_against(open_checkpoint(tmp_path / "out"), open_checkpoint(base))
        assert audit.recipe is not None
        assert (audit.recipe.edits, audit.is_exact) == (plan.recipe.edits, True)

    @forms
    def test_audit_names_a_head_that_was_changed_in_another_way(self, form: Form, tmp_path: Path) -> None:
        base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
        plan = try_plan(base, "uniform_attention", 0.0)
        apply_plan(plan, out)
        part = plan.edits[0]
        with (out / WEIGHTS).open("r+b") as stream:
            stream.seek(part.runs.offset)
            stream.write(bytes(range(64, 64 + min(16, part.runs.length))))
        audit = examine_against(open_checkpoint(out), open_checkpoint(base))
        assert [(finding.head, finding.kind) for finding in audit.findings] == [(plan.recipe.edits[0].ref, "changed")]

    @forms
    def test_inspect_tells_the_format(self, form: Form, tmp_path: Path) -> None:
        described = describe(open_checkpoint(save_quantized("llama", tmp_path / "base", form)))
        parts = {entry["part"]: entry for entry in described["formats"]}
        assert parts["q_proj"]["heads"] == 8
        assert parts["q_proj"]["heads_with_own_scales"] in (0, 8)
        plain = describe(open_checkpoint(save_model("llama", tmp_path / "plain", **SIZES, num_hidden_layers=2)))
        assert described["parameters"] == plain["parameters"]


@pytest.mark.parametrize("name", all_but(["GPTQ, 4 bits, act-order", "bitsandbytes, NF4"], FORMS))
def test_every_command_takes_it(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, out, recipe = save_quantized("llama", tmp_path / "base", FORMS[name]), tmp_path / "out", tmp_path / "r.json"
    try_plan(base, "scale", 0.0).recipe.save(recipe)

    def run(*arguments: object, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            app([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert (ended.value.code or 0) == code, said
        return " ".join(said.out.split())

    tool, bits = name.split(", ")[0], re.search(r"\d(?= bits)", name)
    shown = run("inspect", base)
    assert tool in shown
    assert bits is None or f"{bits[0]}-bit codes" in shown
    assert "heads with scales of their own" in shown
    assert json.loads(run("apply", recipe, base, "--dry-run", "--json"))["exactness"] == "exact"
    run("apply", recipe, base, "--exact", "-o", out, "--link", "hardlink")
    assert "L1H3" in (out / "README.md").read_text()
    assert "exactly the recipe's" in run("diff", base, out, "--recipe", recipe)
    run("verify", out, "--base", base)
    assert "L1H3" in run("audit", out, "--blind")
    assert "L1H3" in run("audit", out, "--base", base)
    run("card", out)
    run("restore", out, "-o", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(base)


SHAPED: dict[str, Callable[[int], Form]] = {
    "GPTQ": lambda group: gptq(4, group),
    "GPTQ, act-order": lambda group: gptq(4, group, act_order=True),
    "AWQ": awq,
    "compressed-tensors": lambda group: packed_integers(4, group, symmetric=False),
    "MLX": lambda group: mlx(4, group),
    "NF4": lambda group: four_bits("nf4", block=group),
    "NF4, nested": lambda group: four_bits("nf4", block=group, nested=True),
}


class TestShapes:
    @pytest.mark.parametrize("name", all_but(["GPTQ", "NF4"], SHAPED))
    @pytest.mark.parametrize("head_dim", all_but([80], [64, 80, 96, 128]))
    def test_heads_of_every_width_in_groups_of_every_size(
        self, name: str, head_dim: int, tmp_path: Path, subtests: pytest.Subtests
    ) -> None:
        for group in (32, 64, 128):
            form, base = SHAPED[name](group), tmp_path / str(group)
            save_quantized("llama", base, form, head_dim=head_dim, num_attention_heads=8, num_hidden_layers=1)
            before, is_own = dequantize(base, form), head_dim % group == 0 and "act-order" not in name and "nested" not in name
            for number, (operation, factor) in enumerate(product(("scale", "uniform_attention"), (0.0, 0.5, 0.7, -1.0))):
                with subtests.test(group=group, operation=operation, factor=factor):
                    recipe = Recipe(edits=(HeadEdit(layer=0, head=5, operation=operation, factor=factor),))
                    try:
                        plan = plan_surgery(recipe, open_checkpoint(base))
                    except SurgeryError:
                        assert (operation == "scale" and not is_own) or ("nested" in name and factor == -1)
                        assert factor or name == "MLX"
                        continue
                    out = tmp_path / f"{group}-{number}"
                    apply_plan(plan, out)
                    projection, place = ("o_proj", np.s_[:, 5 * head_dim : 6 * head_dim])
                    if operation != "scale":
                        projection, place = ("q_proj", np.s_[5 * head_dim : 6 * head_dim])
                    weight, after = f"model.layers.0.self_attn.{projection}.weight", dequantize(out, form)
                    old, new, rest = before[weight][place], after[weight][place].copy(), after[weight].copy()
                    rest[place] = old
                    assert np.array_equal(rest, before[weight]), "outside the head nothing changed"
                    assert all(np.array_equal(after[other], before[other]) for other in before if other != weight)
                    exactness = plan.edits[0].exactness
                    assert exactness is not None
                    if factor == 0:
                        assert exactness.level == "exact"
                        assert not new.any()
                    else:
                        limit = 0.2 if exactness.of == "values" else 0.05 if "nested" in name else 2**-8
                        assert np.linalg.norm(new - old * factor) <= limit * np.linalg.norm(old * factor)
                    assert not verify_checkpoint(out).problems


class TestGptq:
    def test_codes_that_share_a_word_with_another_head_are_refused(self, tmp_path: Path) -> None:
        """Three bits: 32 codes fill three words, and a head of 80 ends within one."""
        base = save_quantized("llama", tmp_path, gptq(3, 64), head_dim=80, num_attention_heads=4)
        with pytest.raises(SurgeryError, match="3-bit codes of this head and of another share a stored element"):
            plan_of(base, "scale", 0.0)
        assert plan_of(base, "uniform_attention", 0.0).is_exact

    def test_zero_points_that_runtimes_read_in_two_ways(self, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, gptq(4, 128))
        tensors = load_file(base / WEIGHTS)
        tensors["model.layers.1.self_attn.o_proj.qzeros"][1, 0] |= 0xF
        save_file(tensors, base / WEIGHTS)
        with pytest.raises(SurgeryError, match="no code of 4-bit codes means 0"):
            plan_of(base, "scale", 0.0)
        assert plan_surgery(recipe_of("scale", 0.0, head=1), open_checkpoint(base)).is_exact, "another group of inputs"
        assert plan_of(base, "uniform_attention", 0.0).is_exact, "scales of 0 need no zero point"

    @pytest.mark.parametrize(
        ("stated", "why"),
        [
            ({"bits": 5}, r"quantized \(gptq\) in a form that headsurgery doesn't edit"),
            ({"checkpoint_format": "marlin"}, "states checkpoint_format 'marlin', expected gptq or gptq_v2"),
            ({"is_marlin_format": True}, "expected gptq or gptq_v2"),
            ({"group_size": 64}, r"o_proj.scales: is F16 \[8, 128\], expected F64 or F32 or F16 or BF16 \[4, 128\]"),
            ({"group_size": 0}, "states group_size 0, expected a number above 0"),
            ({"rotation": "hadamard"}, "states a rotation, so the stored weight is not the one that is used"),
            ({"quant_method": "awq"}, "shape|quantized"),
        ],
    )
    def test_what_config_json_states_must_fit(self, stated: dict[str, Any], why: str, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, FORMS["GPTQ, 4 bits"])
        change_config(base, **stated)
        with pytest.raises(HeadSurgeryError, match=why) as caught:
            prove_anatomy(open_checkpoint(base))
        assert isinstance(caught.value, ArchitectureError | GeometryError)

    def test_a_quantization_that_early_tools_stated_elsewhere(self, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, FORMS["GPTQ, 4 bits"])
        config = json.loads((base / "config.json").read_text())
        (base / "quantize_config.json").write_text(json.dumps(config.pop("quantization_config")))
        (base / "config.json").write_text(json.dumps(config))
        with pytest.raises(ArchitectureError, match=r"config\.json doesn't say how weights are quantized") as caught:
            prove_anatomy(open_checkpoint(base))
        assert "quantize_config.json into config.json" in str(caught.value.hint)

    @pytest.mark.parametrize(
        ("end", "new", "why"),
        [
            ("scales", None, "o_proj.qweight: no scales beside it"),
            ("qzeros", torch.zeros(8, 15, dtype=torch.int32), r"o_proj.qzeros: is I32 \[8, 15\], expected I32 \[8, 16\]"),
            ("g_idx", torch.full((256,), 8, dtype=torch.int32), "names group 8 of 8"),
            ("g_idx", torch.zeros(255, dtype=torch.int32), r"expected I32 \[256\]"),
        ],
    )
    def test_tensors_must_fit(self, end: str, new: torch.Tensor | None, why: str, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, FORMS["GPTQ, 4 bits"])
        change_tensor(base, f"model.layers.0.self_attn.o_proj.{end}", new)
        with pytest.raises(ArchitectureError, match=why):
            prove_anatomy(open_checkpoint(base))


class TestRefusals:
    @pytest.mark.parametrize(
        ("form", "stated", "why"),
        [
            ("AWQ", {"version": "gemv"}, "states 4 bits in the layout 'gemv', expected 4 bits in the layout gemm"),
            ("AWQ", {"bits": 8}, "states 8 bits"),
            ("compressed-tensors, 4 bits", {"transform_config": {"a": 1}}, "states a transform_config"),
            ("compressed-tensors, 4 bits", {"sparsity_config": {"format": "sparse-24-bitmask"}}, "states a sparsity_config"),
            ("compressed-tensors, 4 bits", {"config_groups": {}}, "quantized"),
        ],
    )
    def test_what_config_json_states_must_fit(self, form: str, stated: dict[str, Any], why: str, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, FORMS[form])
        change_config(base, **stated)
        with pytest.raises(ArchitectureError, match=why):
            prove_anatomy(open_checkpoint(base))

    @pytest.mark.parametrize(
        ("form", "end", "new", "why"),
        [
            ("compressed-tensors, 4 bits", "weight_shape", torch.tensor([128, 255]), r"says \[128, 255\], but the codes are"),
            (
                "compressed-tensors, 4 bits",
                "weight_zero_point",
                torch.zeros(16, 8, dtype=torch.int32),
                "says symmetric, but the file",
            ),
            ("compressed-tensors, 4 bits", "weight_extra", torch.zeros(1), "found .*weight_extra beside it, which is not known"),
            ("compressed-tensors, NVFP4", "weight_global_scale", torch.ones(2), "expected one number"),
            ("MLX, 4 bits", "biases", None, "no biases beside it"),
            ("MLX, 4 bits", "scales", torch.zeros(128, 3).half(), r"scales: is F16 \[128, 3\], expected"),
            ("bitsandbytes, NF4", "weight.absmax", torch.zeros(5), r"absmax: is F32 \[5\], expected 512 scales"),
            ("bitsandbytes, NF4", "weight.quant_map", None, "o_proj.weight: no weight.quant_map beside it"),
            ("bitsandbytes, NF4", "weight.quant_map", torch.full((16,), torch.nan), "quant_map: holds inf or nan"),
            ("bitsandbytes, int8", "SCB", None, "quantized|no SCB"),
            ("bitsandbytes, int8", "weight_format", torch.tensor(2, dtype=torch.uint8), "not stored row by row"),
        ],
    )
    def test_tensors_must_fit(self, form: str, end: str, new: torch.Tensor | None, why: str, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, FORMS[form])
        change_tensor(base, f"model.layers.0.self_attn.o_proj.{end}", new)
        with pytest.raises(ArchitectureError, match=why):
            prove_anatomy(open_checkpoint(base))

    @pytest.mark.parametrize("form", ["GPTQ, 4 bits", "MLX, 4 bits", "bitsandbytes, NF4", "compressed-tensors, NVFP4"])
    def test_scales_that_are_no_numbers(self, form: str, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, FORMS[form])
        tensors = load_file(base / WEIGHTS)
        name = next(name for name in tensors if ".1.self_attn.o_proj" in name and ("scale" in name or "absmax" in name))
        tensors[name].view(torch.uint8)[...] = 0xFF
        save_file(tensors, base / WEIGHTS)
        with pytest.raises(SurgeryError, match="holds inf or nan in this head"):
            plan_of(base, "scale", 0.0)

    @pytest.mark.parametrize(
        ("method", "tensor", "what_to_do"),
        [
            ("hqq", "W_q", "quantize the result with the same HqqConfig"),
            ("torchao", "weight_qdata", "quantize the result with the same TorchAoConfig"),
            ("aqlm", "codes", "its codebooks hold numbers of all heads"),
            ("quip", "Qidxs", "its codebooks hold numbers of all heads"),
        ],
    )
    def test_other_formats_are_refused_by_name_with_what_to_do(
        self, method: str, tensor: str, what_to_do: str, tmp_path: Path
    ) -> None:
        path = save_model("llama", tmp_path)
        tensors = load_file(path / WEIGHTS)
        tensors = {name.replace("proj.weight", f"proj.{tensor}"): values for name, values in tensors.items()}
        save_file(tensors, path / WEIGHTS)
        change_config(path, quant_method=method)
        with pytest.raises(ArchitectureError, match=rf"quantized \({method}\).*it edits F64, .*GPTQ, AWQ") as caught:
            prove_anatomy(open_checkpoint(path))
        assert what_to_do in str(caught.value.hint)


def change_config(path: Path, **stated: Any) -> None:
    config = json.loads((path / "config.json").read_text())
    config["quantization_config"] = config.get("quantization_config", {}) | stated
    (path / "config.json").write_text(json.dumps(config))


def change_tensor(path: Path, name: str, new: torch.Tensor | None) -> None:
    tensors = load_file(path / WEIGHTS)
    tensors.pop(name, None)
    save_file(tensors if new is None else {**tensors, name: new}, path / WEIGHTS)


def test_the_table_of_exactness_in_the_documentation_is_what_plans_say() -> None:
    assert with_table("quantized.md") == (DOCS / "quantized.md").read_text(), "run: python -m tests.format_table"


def test_nine_of_ten_cells_of_factor_0_are_exact() -> None:
    table = (DOCS / "quantized.md").read_text().partition("<!-- table: safetensors -->")[2].partition("<!-- end -->")[0]
    cells = [line.split(" | ")[2] for line in table.splitlines() if "`scale`" in line or "`uniform_attention`" in line]
    assert len(cells) >= 48
    assert sum(cell.startswith("exact") for cell in cells) >= 0.9 * len(cells)


class TestStrangers:
    """Any value in what config.json says of the format, and any tensor under one of its names: edited, or refused."""

    @pytest.mark.parametrize("form", all_but([FORMS["GPTQ, 4 bits"], FORMS["bitsandbytes, NF4, nested scales"]], FORMS.values()))
    def test_any_value_at_any_place_of_the_configuration(self, form: Form, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, form)
        config = json.loads((base / "config.json").read_text())

        @seed(0)
        @few
        @given(st.data())
        def check(data: st.DataObject) -> None:
            changed = json.loads(json.dumps(config))
            section = changed["quantization_config" if "quantization_config" in changed else "quantization"]
            outer, key = data.draw(st.sampled_from(places(section)))
            outer[key] = data.draw(values)
            (base / "config.json").write_text(json.dumps(changed))
            run(lambda: plan_of(base, "scale", 0.0))

        check()

    @pytest.mark.parametrize("form", all_but([FORMS["GPTQ, 4 bits"], FORMS["bitsandbytes, NF4, nested scales"]], FORMS.values()))
    def test_any_tensor_under_its_names(self, form: Form, tmp_path: Path) -> None:
        base = save_quantized("llama", tmp_path, form)
        tensors = load_file(base / WEIGHTS)
        names = [name for name in tensors if ".1.self_attn.o_proj." in name]
        dtypes = [torch.int32, torch.uint8, torch.int8, torch.float16, torch.float32, torch.int64, torch.float8_e4m3fn]

        @seed(0)
        @few
        @given(st.sampled_from(names), st.sampled_from(dtypes), st.lists(st.sampled_from([0, 1, 2, 8, 16, 128, 256]), max_size=3))
        def check(name: str, dtype: torch.dtype, shape: list[int]) -> None:
            other = torch.full(shape, 1).to(dtype)
            save_file({**tensors, name: other}, base / WEIGHTS)
            run(lambda: plan_of(base, "scale", 0.0))

        check()
