"""`headsurgery attribute --intent reinforce`, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headsurgery import Recipe
from headsurgery.attribution.frontier_record import Frontier
from headsurgery.cli import app
from tests.reinforceable import build_reinforceable, build_tokenizer, questions


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    build_reinforceable().save_pretrained(tmp_path / "base")
    build_tokenizer().save_pretrained(tmp_path / "base")
    for name, is_harmful in (("harmful.txt", True), ("harmless.txt", False)):
        (tmp_path / name).write_text("\n".join(questions(2, harmful=is_harmful)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMAND = [
    "attribute",
    "base",
    "--prompts",
    "harmful.txt",
    "--intent",
    "reinforce",
    "--method",
    "ships",
    "--contrast",
    "0",
    "--template",
    "paper",
]
SEARCH = [*COMMAND, "--harmless", "harmless.txt", "--max-kl", "0.1", "--frontier", "frontier.json"]


def test_the_command_writes_recipe_and_frontier(folder: Path) -> None:
    done = CliRunner().invoke(app, SEARCH)
    assert done.exit_code == 0, done.stderr
    frontier = Frontier.model_validate_json(Path("frontier.json").read_text())
    chosen = next(point for point in frontier.points if point.chosen)
    assert {str(edit.ref) for edit in Recipe.load("recipe.json").edits} == {*chosen.heads, *chosen.removed}
    assert "Frontier: refusal of harmful prompts against its costs" in done.stdout
    assert chosen.label in done.stdout
    assert f"{chosen.refusal.count}/{chosen.refusal.total}" in done.stdout
    assert "next: headsurgery apply recipe.json base -o base-reinforced" in done.stderr


@pytest.mark.exhaustive
def test_as_json_it_is_one_document_and_the_same_search_finds_the_same(folder: Path) -> None:
    assert CliRunner().invoke(app, SEARCH).exit_code == 0
    frontier = Frontier.model_validate_json(Path("frontier.json").read_text())
    again = CliRunner().invoke(app, [*SEARCH, "--json"])
    assert again.exit_code == 0, again.stderr
    document = json.loads(again.stdout)
    assert document["frontier"] == json.loads(Path("frontier.json").read_text())
    assert document["frontier_file"] == "frontier.json"
    assert Frontier.model_validate_json(json.dumps(document["frontier"])) == frontier, "the same search finds the same"


def test_the_command_keeps_the_frontier_of_a_search_that_found_nothing(folder: Path) -> None:
    done = CliRunner().invoke(app, [*SEARCH, "--max-kl", "1e-9"])
    assert done.exit_code == 1
    assert "no candidate refuses more than the base's" in done.stderr
    assert "what was tried is in frontier.json" in done.stderr
    assert Frontier.model_validate_json(Path("frontier.json").read_text()).points == ()
    assert not Path("recipe.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (COMMAND, "needs a harmless set"),
        ([*SEARCH, "--apply-factor", "2"], "--frontier: nothing is searched"),
        ([*SEARCH, "--intent", "ablate"], "--frontier: nothing is searched"),
        ([*SEARCH, "--scores", "./frontier.json"], "--frontier and --scores are the same file"),
        ([*SEARCH, "-o", "frontier.json"], "--frontier and -o are the same file"),
        ([*SEARCH, "--max-over-refusal", "-1"], "max over-refusal is -1"),
    ],
)
def test_the_command_refuses_contradictions_before_it_loads_the_model(folder: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "loading base" not in done.stderr


def test_a_strangers_file_is_not_replaced_by_the_frontier(folder: Path) -> None:
    Path("frontier.json").write_text('{"schema": "mine"}')
    done = CliRunner().invoke(app, SEARCH)
    assert done.exit_code == 2
    assert "exists, and headsurgery did not write it" in done.stderr
