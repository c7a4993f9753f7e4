"""`diff` between a safetensors checkpoint and a GGUF file of the same model: edited heads stand out from quantized ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("gguf")
pytest.importorskip("accelerate")

from headsurgery.cli import app
from headsurgery.comparing.across import compare_across
from headsurgery.model.loading import load_model
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.plan import plan_surgery
from tests.runnable_gguf import save_runnable


def expand(folder: Path, architecture: str) -> Path:
    """The model before it was quantized, as safetensors."""
    whole = save_runnable(folder / "whole.gguf", architecture=architecture, dtype="F32")
    load_model(whole, device="cpu").model.save_pretrained(folder / "original")
    return folder / "original"


@pytest.mark.parametrize(("dtype", "most"), [("Q8_0", 0.01), ("Q4_0", 0.15)])
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_edited_heads_stand_out(tmp_path: Path, architecture: str, dtype: str, most: float) -> None:
    original = expand(tmp_path, architecture)
    path = save_runnable(tmp_path / "x.gguf", architecture=architecture, dtype=dtype)
    assert not any(one.is_changed for one in compare_across(open_checkpoint(original), open_checkpoint(path)))
    edits = (
        HeadEdit(layer=0, head=1, operation="scale", factor=0.0),
        HeadEdit(layer=1, head=2, operation="scale", factor=2.0),
        HeadEdit(layer=1, head=3, operation="uniform_attention", factor=0.5),
    )
    apply_plan(plan_surgery(Recipe(edits=edits), open_checkpoint(path)), tmp_path / "out")
    found = compare_across(open_checkpoint(original), open_checkpoint(tmp_path / "out"))
    assert len(found) == 16, "o_proj and q_proj of each head"
    assert max(one.error for one in found) < most
    changed = {(one.head, one.operation): one.factor for one in found if one.is_changed}
    assert changed == pytest.approx({(edit.ref, edit.operation): edit.factor for edit in edits}, abs=0.03)
    assert all(abs(one.factor - 1) < 0.02 for one in found if not one.is_changed)


def test_another_model_has_no_factor(tmp_path: Path) -> None:
    original, other = expand(tmp_path, "llama"), save_runnable(tmp_path / "x.gguf", seed=1)
    found = compare_across(open_checkpoint(original), open_checkpoint(other))
    assert not any(one.is_explained for one in found)


def test_the_command(tmp_path: Path) -> None:
    original, path = expand(tmp_path, "llama"), save_runnable(tmp_path / "x.gguf")
    same = CliRunner().invoke(app, ["diff", str(original), str(path)])
    assert same.exit_code == 0, same.output
    assert "16 other blocks: factor 1.000 to 1.000" in same.output
    recipe = Recipe(edits=(HeadEdit(layer=0, head=1, operation="scale"),))
    apply_plan(plan_surgery(recipe, open_checkpoint(path)), tmp_path / "out")
    found = CliRunner().invoke(app, ["diff", str(original), str(tmp_path / "out"), "--json", "--quiet"])
    assert found.exit_code == 1
    assert [one["factor"] for one in json.loads(found.output)["heads"] if one["changed"]] == [0.0]
    refused = CliRunner().invoke(app, ["diff", str(original), str(path), "--donor", "x"])
    assert refused.exit_code == 2
    assert "so nothing is exact" in refused.output
