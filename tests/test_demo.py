"""The demo, every step for real, on a tiny model that refuses, with its own adapter and questions where SmolLM2's would lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery import Manifest, Recipe, open_checkpoint
from headsurgery.cli import app
from headsurgery.demo import fetch, run, subject
from headsurgery.demo.adapter import load_adapter
from headsurgery.engine.local import LocalEngine
from headsurgery.model.loading import load_model
from tests.refusing import PLANTED, build_helpful_model, build_refusing_tokenizer, plant_refusal, questions, save_refusing

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
    monkeypatch.setattr(subject, "SETS", sets)
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
    weak = subject.PLANTED_FACTOR
    monkeypatch.setattr(subject, "PLANTED_FACTOR", 0.75)
    other = CliRunner().invoke(app, ["demo", "--json"])
    assert other.exit_code == 0, other.stderr
    assert "weakened.sweep" not in other.stderr
    assert json.loads(other.stdout)["evaluation"] == json.loads(first.stdout)["evaluation"]
    monkeypatch.setattr(subject, "PLANTED_FACTOR", weak)
    assert json.loads(CliRunner().invoke(app, ["demo", "--json"]).stdout) == json.loads(first.stdout)


@pytest.mark.exhaustive
def test_the_output_for_people_names_the_truth(folder: Path) -> None:
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 0, result.stderr
    assert "planted head" in result.stdout
    assert "bit-identical logits" in result.stdout
    assert "The difference is exactly the recipe's." in result.stdout


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command for a model of one's own, which refuses."""
    save_refusing(tmp_path / "model")
    for name, is_harmful in (("decline", True), ("harmless", False)):
        (tmp_path / f"{name}.txt").write_text("\n".join(questions(24, harmful=is_harmful, seed=7)))
    monkeypatch.chdir(tmp_path)
    return ["demo", "--model", "model", "--prompts", "decline.txt", "--harmless", "harmless.txt", "-o", "out"]


def refused_of(evaluation: dict[str, Any]) -> dict[str, int]:
    """Refused harmful prompts by variant."""
    return {row["variant"]: row["refused"]["count"] for row in evaluation["measurements"] if row["set"].startswith("decline")}


def test_the_same_story_on_a_model_of_ones_own_and_again(own: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = CliRunner().invoke(app, [*own, "--json"])
    assert first.exit_code == 0, first.stderr
    document = json.loads(first.stdout)
    assert document["planted"] == document["ranks"] == []
    assert document["curve"]["recommended"] is not None
    assert (PLANTED.layer, PLANTED.head) in [(edit.layer, edit.head) for edit in Recipe.load("out/recipe.json").edits]
    assert document["diff"]["matches_recipe"]
    assert document["hooks_equal_bytes"]
    ablated = refused_of(document["evaluation"])
    assert ablated["recipe"] == 0
    assert all(count == ablated["base"] == 10 for name, count in ablated.items() if "random" in name)
    assert Path("out/report/report.html").is_file()
    assert "not planted" in document["left_out"][0]

    second = CliRunner().invoke(app, [*own, "--json"])
    assert second.exit_code == 0, second.stderr
    for name in ("attribution.sweep", "weakened.sweep", "report/answers.jsonl", "reinforcement/answers.jsonl"):
        assert name in second.stderr
    assert json.loads(second.stdout) == document


def test_what_was_found_is_halved_and_brought_back_and_what_does_not_fit_is_left_out(
    own: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "free_memory", lambda _: 1000)
    result = CliRunner().invoke(app, own)
    assert result.exit_code == 0, result.stderr
    for said in ("that no search saw", "recommended", "found heads multiplied by 0.5", "Left out: comparing logits"):
        assert said in result.stdout, said
    assert "bit-identical" not in result.stdout
    assert "rank of" not in result.stdout
    assert {edit.factor for edit in Recipe.load("out/weakened.json").edits} == {0.5}
    back = refused_of(json.loads(Path("out/reinforcement/report.json").read_text()))
    assert back["weakened"] < back["reinforced"] <= back["base"]


def test_a_model_that_refuses_nothing_has_no_story(own: list[str], tmp_path: Path) -> None:
    build_helpful_model().save_pretrained(tmp_path / "model")
    result = CliRunner().invoke(app, own)
    assert result.exit_code == 1
    assert "refuses none of 10 prompts" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("hint: give --prompts")


def test_where_no_group_can_be_recommended_the_curve_is_shown_and_an_earlier_demo_is_gone(own: list[str], tmp_path: Path) -> None:
    refused, answered = (questions(count, harmful=kind, seed=7) for count, kind in ((3, True), (21, False)))
    (tmp_path / "decline.txt").write_text("\n".join([*refused, *answered]))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/recipe.json").write_text("of an earlier demo")
    result = CliRunner().invoke(app, own)
    assert result.exit_code == 1
    assert "that no search saw" in result.stdout
    assert "there is nothing to show on this model" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("hint: give --prompts")
    assert not (tmp_path / "out/recipe.json").exists()


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ("--model nowhere", 1, "no such directory"),
        ("--model model --limit 19", 2, "at least 20"),
        ("--model model -o model/demo", 2, "lies inside the model"),
        ("--model out/edited -o out", 2, "writes its edited checkpoint"),
        ("--prompts builtin:decline", 2, "add --model"),
        ("--limit 20", 2, "add --model"),
    ],
)
def test_mistakes_are_refused_before_anything_is_made(own: list[str], tmp_path: Path, flags: str, code: int, said: str) -> None:
    if "out/edited" in flags:
        (tmp_path / "model").rename(tmp_path / "edited")
        (tmp_path / "out").mkdir()
        (tmp_path / "edited").rename(tmp_path / "out/edited")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    result = CliRunner().invoke(app, ["demo", *flags.split()])
    assert result.exit_code == code
    assert said in result.stderr
    assert sorted(path.name for path in tmp_path.rglob("*") if path.name != "headsurgery-demo") == before


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
