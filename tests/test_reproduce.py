"""`reproduce`: what a recipe or a report records is run again, and what differs is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery.cli import app
from tests.refusing import build_refusing_tokenizer, load_refusing, questions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that refuses, prompts, a recipe and a report of it."""
    folder = tmp_path_factory.mktemp("made")
    load_refusing().model.save_pretrained(folder / "base")
    build_refusing_tokenizer().save_pretrained(folder / "base")
    for harmful, name in ((True, "harmful"), (False, "harmless")):
        (folder / f"{name}.txt").write_text("\n".join(questions(6, harmful=harmful)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run("attribute base --prompts harmful.txt --harmless harmless.txt --template direct --dtype float32 --limit 5")
        sets = "--prompts harmful.txt --prompts harmless.txt --kind harmful.txt=harmful --kind harmless.txt=harmless"
        run(
            f"evaluate recipe.json --base base {sets} --template direct --dtype float32 --max-new-tokens 4 "
            "--random-draws 1 -o report"
        )
    return folder


def run(line: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


def changed(folder: Path, source: str, change: Any) -> str:
    """The document with something changed, beside it under another name."""
    document = json.loads((folder / source).read_text())
    change(document)
    name = str(Path(source).with_name("changed.json"))
    (folder / name).write_text(json.dumps(document))
    return name


def test_a_recipe_records_what_was_chosen_and_where_it_ran(folder: Path) -> None:
    provenance = json.loads((folder / "recipe.json").read_text())["provenance"]
    assert provenance["device"] == "cpu"
    assert provenance["options"] == {}
    assert json.loads((folder / "report/report.json").read_text())["options"] == {"max_new_tokens": 4, "random_draws": 1}


def test_a_recipe_comes_out_the_same(folder: Path, tmp_path: Path) -> None:
    done = run(f"reproduce recipe.json -o {tmp_path / 'again'}")
    assert done.stdout.endswith("Reproduced: heads and figures are as recorded.\n")
    assert json.loads((tmp_path / "again/recipe.json").read_text())["edits"] == json.loads(Path("recipe.json").read_text())["edits"]


def test_a_report_comes_out_the_same(folder: Path) -> None:
    found = json.loads(run("reproduce report/report.json --json").stdout)
    assert (found["is_same"], found["differences"], found["lacks"]) == (True, [], [])


def test_other_heads_are_a_difference_that_matters(folder: Path) -> None:
    name = changed(folder, "recipe.json", lambda document: document["edits"][0].update(head=5, layer=2))
    assert "differs: heads: recorded " in run(f"reproduce {name}", 1).stdout


def test_another_version_is_said_and_does_not_matter(folder: Path) -> None:
    name = changed(folder, "recipe.json", lambda document: document["provenance"]["versions"].update(torch="1.0"))
    assert "other: torch: recorded 1.0, now " in run(f"reproduce {name}").stdout


def test_other_prompts_are_told_by_their_hash(folder: Path) -> None:
    name = changed(folder, "recipe.json", lambda document: document["provenance"]["prompts"].update(sha256="0" * 64))
    assert "differs: harmful.txt, SHA-256 of 5 prompts: recorded 000000000000, now" in run(f"reproduce {name}", 1).stdout


def test_other_figures_are_told_with_their_intervals(folder: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        rate = document["measurements"][0]["refused"]
        rate["count"] = 0 if rate["count"] > 3 else 6
        rate["interval"] |= {"value": rate["count"] / 6, "low": rate["count"] / 6, "high": rate["count"] / 6}

    said = run(f"reproduce {changed(folder, 'report/report.json', change)}", 1).stdout
    assert "differs: refused of base on harmful.txt by keyword: recorded" in said


def test_what_an_old_recipe_lacks_is_said(folder: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        del document["provenance"]["options"], document["provenance"]["device"]

    said = run(f"reproduce {changed(folder, 'recipe.json', change)}").stderr
    assert "changed.json does not record options" in said
    assert "changed.json does not record device: auto is taken" in said


@pytest.mark.parametrize(
    ("change", "message", "code"),
    [
        (lambda one: one.pop("provenance"), "does not say how its heads were found", 2),
        (lambda one: one["provenance"]["prompts"].update(name="gone.txt"), "gone.txt: these prompts can't be had", 1),
        (lambda one: one["base"].update(model="gone"), "the base gone is not recorded with a commit of the Hub", 2),
        (lambda one: one["provenance"].update(template="file:" + "0" * 64), "the template is recorded by its hash alone", 2),
        (lambda one: one["provenance"]["options"].update(magic=1), "its options are another version's", 2),
    ],
)
def test_what_can_not_be_had_is_one_line(folder: Path, change: Any, message: str, code: int) -> None:
    done = run(f"reproduce {changed(folder, 'recipe.json', change)}", code)
    assert message in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("content", [None, "", "{}", '{"schema": "headsurgery.evaluation/1"}', "[]"])
def test_what_is_no_document_is_one_line(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    done = CliRunner().invoke(app, ["reproduce", str(tmp_path / "x.json")])
    assert done.exit_code == 2
    assert done.stderr.startswith("importing torch and transformers\nerror: ")
