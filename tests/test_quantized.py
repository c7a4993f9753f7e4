"""Quantized checkpoints in each of the formats that tools write; NumPy dequantizes before and after (`tests.quantized`)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.edits.anatomy import describe
from headsurgery.errors import SurgeryError
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.in_place import apply_in_place, restore_in_place
from headsurgery.surgery.plan import SurgeryPlan, plan_surgery
from headsurgery.surgery.restore import restore_checkpoint
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import contents
from tests.quantized import FORMS, SIZES, WEIGHTS, Floats, Form, dequantize, save_quantized
from tests.tiny import save_model

O_PROJ, Q_PROJ = "model.layers.1.self_attn.o_proj.weight", "model.layers.1.self_attn.q_proj.weight"
HEAD, WIDTH = 3, 64
BLOCK = slice(HEAD * WIDTH, (HEAD + 1) * WIDTH)
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


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
    @pytest.mark.parametrize("factor", [0.5, 0.7, -1.0, 1.9])
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
        if edit.factor == 0 or exactness.of == "scales":
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
    def test_inspect_tells_the_format(self, form: Form, tmp_path: Path) -> None:
        described = describe(open_checkpoint(save_quantized("llama", tmp_path / "base", form)))
        parts = {entry["part"]: entry for entry in described["formats"]}
        assert parts["q_proj"]["heads"] == 8
        assert parts["q_proj"]["heads_with_own_scales"] in (0, 8)
        plain = describe(open_checkpoint(save_model("llama", tmp_path / "plain", **SIZES, num_hidden_layers=2)))
        assert described["parameters"] == plain["parameters"]
