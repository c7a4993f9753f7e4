"""The demo, every step for real, on a tiny model where SmolLM2 would lie in the cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headsurgery import Manifest, Recipe, open_checkpoint
from headsurgery.cli import app
from tests.tiny import build_model, build_tokenizer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cached = tmp_path / "cache/headsurgery/SmolLM2-135M-Instruct"
    build_model("llama", max_position_embeddings=256).save_pretrained(cached)
    build_tokenizer(chat=True).save_pretrained(cached)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_whole_job(folder: Path) -> None:
    for _ in range(2):  # a second demo replaces the first
        result = CliRunner().invoke(app, ["demo", "--json"])
        assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["diff"]["matches_recipe"]
    assert document["hooks_equal_bytes"]
    assert len(document["answers"]) == 3
    recipe = Recipe.load("headsurgery-demo/recipe.json")
    assert len(recipe.edits) == 3
    assert recipe.base.fingerprint == open_checkpoint("cache/headsurgery/SmolLM2-135M-Instruct").fingerprint()
    assert Manifest.load("headsurgery-demo/edited").parameters_changed == 3 * 48 * 8


def test_an_output_that_can_not_be_written_is_refused_at_once(folder: Path) -> None:
    (folder / "file").write_text("precious")
    for output in ("file", "file/below", "/proc/demo"):
        result = CliRunner().invoke(app, ["demo", "-o", output])
        assert result.exit_code == 2
        assert "can't be" in result.stderr
    assert (folder / "file").read_text() == "precious"
