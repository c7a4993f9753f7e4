"""The demo, every step for real, on a tiny model that refuses, with its own adapter and questions where SmolLM2's would lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery import Manifest, Recipe, open_checkpoint
from headsurgery.cli import app
from headsurgery.demo import fetch, run
from headsurgery.demo.adapter import load_adapter
from headsurgery.engine.local import LocalEngine
from headsurgery.model.loading import load_model
from tests.refusing import PLANTED, build_helpful_model, build_refusing_tokenizer, plant_refusal, questions

SHIPPED = fetch.ADAPTER


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cached = tmp_path / "cache/headsurgery/SmolLM2-135M-Instruct"
    build_helpful_model().save_pretrained(cached)
    build_refusing_tokenizer().save_pretrained(cached)
    plant_refusal().save(tmp_path / "adapter.safetensors")
    for name, is_harmful in (("decline", True), ("harmless", False)):
        (tmp_path / f"{name}.txt").write_text("\n".join(questions(24, harmful=is_harmful, seed=7)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "ADAPTER", tmp_path / "adapter.safetensors")
    sets = {str(tmp_path / "decline.txt"): "harmful", str(tmp_path / "harmless.txt"): "harmless"}
    monkeypatch.setattr(run, "SETS", sets)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.exhaustive
def test_the_whole_claim(folder: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--json"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["planted"] == [str(PLANTED)]
    assert document["ranks"] == [1]
    assert document["diff"]["matches_recipe"]
    assert document["hooks_equal_bytes"]
    assert [(edit.layer, edit.head) for edit in Recipe.load("headsurgery-demo/recipe.json").edits] == [(1, 2)]
    assert Manifest.load("headsurgery-demo/edited").parameters_changed == 48 * 8
    complied = {
        row["variant"]: row["complied"]["interval"]["value"]
        for row in document["evaluation"]["measurements"]
        if row["set"].startswith("decline")
    }
    assert complied["base"] < 0.1
    assert complied["recipe"] > 0.9
    assert all(value < 0.1 for name, value in complied.items() if "random" in name)
    assert (folder / "headsurgery-demo/report/report.html").is_file()
    (aligned,) = (folder / "cache/headsurgery").glob("*aligned*")
    config = json.loads((aligned / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"], "where transformers 4 looks for it"
    assert json.loads((aligned / "tokenizer_config.json").read_text())["tokenizer_class"] == "PreTrainedTokenizerFast"
    back = {
        row["variant"]: row for row in document["reinforcement"]["evaluation"]["measurements"] if row["set"].startswith("decline")
    }
    base, weak, strong = (back[name]["refused"]["count"] for name in ("base", "weakened", "reinforced"))
    assert weak < strong <= base


@pytest.mark.exhaustive
def test_a_second_demo_takes_scores_and_answers_of_the_first_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = CliRunner().invoke(app, ["demo", "--json"])
    assert "earlier demo" not in first.stderr
    blocks: list[object] = []
    measure = LocalEngine._measure

    def count(self: LocalEngine, *args: Any, **kwargs: Any) -> Any:
        blocks.append(args)
        return measure(self, *args, **kwargs)

    monkeypatch.setattr(LocalEngine, "_measure", count)
    second = CliRunner().invoke(app, ["demo", "--json"])
    assert second.exit_code == 0, second.stderr
    assert not blocks, "no score is made again"
    for name in ("attribution.sweep", "weakened.sweep", "report/answers.jsonl", "reinforcement/answers.jsonl"):
        assert name in second.stderr
    assert json.loads(second.stdout) == json.loads(first.stdout)


@pytest.mark.exhaustive
def test_scores_of_another_model_and_damaged_answers_are_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = CliRunner().invoke(app, ["demo", "--json"])
    (folder / "headsurgery-demo/report/answers.jsonl").write_text("damaged\n")
    weak = run.WEAK_FACTOR
    monkeypatch.setattr(run, "WEAK_FACTOR", 0.75)
    other = CliRunner().invoke(app, ["demo", "--json"])
    assert other.exit_code == 0, other.stderr
    assert "weakened.sweep" not in other.stderr
    assert json.loads(other.stdout)["evaluation"] == json.loads(first.stdout)["evaluation"]
    monkeypatch.setattr(run, "WEAK_FACTOR", weak)
    assert json.loads(CliRunner().invoke(app, ["demo", "--json"]).stdout) == json.loads(first.stdout)


@pytest.mark.exhaustive
def test_the_output_for_people_names_the_truth(folder: Path) -> None:
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 0, result.stderr
    assert "planted head" in result.stdout
    assert "bit-identical logits" in result.stdout
    assert "The difference is exactly the recipe's." in result.stdout


def test_an_output_that_can_not_be_written_is_refused_at_once(folder: Path) -> None:
    (folder / "file").write_text("precious")
    for output in ("file", "file/below", "/proc/demo"):
        result = CliRunner().invoke(app, ["demo", "-o", output])
        assert result.exit_code == 2
        assert "can't be" in result.stderr
    assert (folder / "file").read_text() == "precious"


def test_the_shipped_adapter_is_small_and_names_its_heads() -> None:
    adapter = load_adapter(Path(str(SHIPPED)))
    assert len(adapter.heads) == 4
    assert {name.split(".")[0] for name in adapter.tensors if name.endswith((".q", ".o"))} == set(map(str, adapter.heads))
    assert Path(str(SHIPPED)).stat().st_size < 2**20


def test_the_merged_model_is_made_once_and_loads(folder: Path) -> None:
    said: list[str] = []
    first = fetch.fetch_aligned_model(said.append)
    assert any("merging" in line for line in said)
    before = open_checkpoint(first.path).fingerprint()
    said.clear()
    assert open_checkpoint(fetch.fetch_aligned_model(said.append).path).fingerprint() == before
    assert not said
    load_model(first.path)
