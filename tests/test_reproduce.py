"""`reproduce`: what a recipe or a report records is run again, and what differs is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery.cli import app
from headsurgery.documents.run_store import JournalError
from headsurgery.errors import UsageError
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.reproducing.run import reproduce
from tests.hub_server import HubServer, point_client
from tests.refusing import build_refusing_tokenizer, load_refusing, questions
from tests.tiny import save_model


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
        sets = "--prompts harmful.txt --harmless harmless.txt"
        run(f"attribute base {sets} --method refusal --template direct --dtype float32 --limit 5")
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
    assert provenance["options"] == {"method": "refusal"}
    assert json.loads((folder / "report/report.json").read_text())["options"] == {"max_new_tokens": 4, "random_draws": 1}


def test_a_recipe_comes_out_the_same(folder: Path, tmp_path: Path) -> None:
    done = run(f"reproduce recipe.json -o {tmp_path / 'again'}")
    assert done.stdout.endswith("Reproduced: heads and figures are as recorded.\n")
    assert json.loads((tmp_path / "again/recipe.json").read_text())["edits"] == json.loads(Path("recipe.json").read_text())["edits"]
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["recipe.json", "reproduction.json"]
    assert json.loads((tmp_path / "again/reproduction.json").read_text())["is_same"] is True


def test_a_report_comes_out_the_same(folder: Path) -> None:
    found = json.loads(run("reproduce report/report.json --json").stdout)
    assert (found["is_same"], found["differences"], found["lacks"]) == (True, [], [])


def test_nothing_is_left_in_the_folder_for_temporary_files(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run("reproduce report/report.json")
    assert not list(tmp_path.iterdir())


class TestTheFolder:
    def test_what_is_there_is_never_taken_for_a_run(self, folder: Path, tmp_path: Path) -> None:
        again = tmp_path / "again"
        shutil.copytree("report", again)
        assert "again: exists and is not empty" in run(f"reproduce report/report.json -o {again}", 2).stderr
        answers = (again / "answers.jsonl").read_text()
        (again / "answers.jsonl").write_text(answers.replace('"text":"', '"text":"changed '))
        run(f"reproduce report/report.json -o {again} --force")
        assert (again / "answers.jsonl").read_text() == answers
        assert "report: holds the document that is run again" in run("reproduce report/report.json -o report --force", 2).stderr

    def test_a_run_that_broke_off_goes_on(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The recipe's sweep from its journal, the report's answers from theirs."""
        from headsurgery.engine.journal import SweepJournal
        from headsurgery.evaluation.journal import AnswerJournal

        for document, kind in (("recipe.json", SweepJournal), ("report/report.json", AnswerJournal)):
            out, plain = tmp_path / kind.__name__, kind.append

            def breaking(*given: Any, plain: Any = plain) -> None:
                plain(*given)
                raise JournalError("the disk is full")

            monkeypatch.setattr(kind, "append", breaking)
            with pytest.raises(JournalError):
                reproduce(document, out=out)
            monkeypatch.setattr(kind, "append", plain)
            kept = sorted(path.name for path in out.iterdir())
            assert "reproduction.json" in kept
            assert "recipe.json.journal" in kept or "answers.jsonl" in kept
            assert reproduce(document, out=out).is_same
            assert not (out / "recipe.json.journal").exists()
            with pytest.raises(UsageError, match="not empty"):
                reproduce(document, out=out)

    def test_a_refusal_leaves_no_folder(self, folder: Path, tmp_path: Path) -> None:
        name = changed(folder, "recipe.json", lambda document: document["base"].update(model="gone"))
        run(f"reproduce {name} -o {tmp_path / 'out'}", 2)
        assert not (tmp_path / "out").exists()


def test_a_template_of_ones_own_is_given_again(folder: Path) -> None:
    Path("mine.txt").write_text("Say: {query} Answer:\n")
    run("attribute base --prompts harmful.txt --template mine.txt --dtype float32 -o mine.json")
    assert "give its file with --template FILE" in run("reproduce mine.json", 2).stderr
    assert "Reproduced" in run("reproduce mine.json --template mine.txt").stdout
    Path("other.txt").write_text("{query} Answer:")
    assert "differs: template: recorded file:" in run("reproduce mine.json --template other.txt", 1).stdout
    assert "the run's template was direct" in run("reproduce recipe.json --template mine.txt", 2).stderr


def test_the_column_of_a_table_is_found_again(folder: Path) -> None:
    rows = "".join(f"{number},{text}\n" for number, text in enumerate(questions(6, harmful=True)))
    Path("table.csv").write_text(f"prompt,wish\n{rows}")
    run("attribute base --prompts table.csv --column wish --template direct --dtype float32 -o column.json")
    assert json.loads(Path("column.json").read_text())["provenance"]["prompts"]["column"] == "wish"
    assert "differs" not in run("reproduce column.json").stdout


def test_prompts_that_do_not_fit_are_left_out_again(folder: Path) -> None:
    long, fitting = " ".join(["forbidden"] * 700), questions(5, harmful=True)
    Path("long.txt").write_text("\n".join([fitting[0], long, *fitting[1:]]))
    run("attribute base --prompts long.txt --template direct --dtype float32 -o long.json")
    assert json.loads(Path("long.json").read_text())["provenance"]["prompts"]["left_out"] == 1
    assert "differs" not in run("reproduce long.json").stdout


def test_heads_from_a_donor_are_taken_from_it_again(folder: Path) -> None:
    save_model("llama", folder / "donor", seed=5)
    Recipe(edits=(HeadEdit(layer=1, head=2, operation="transplant"),)).save("transplant.json")
    run(
        "evaluate transplant.json --base base --donor donor --prompts harmful.txt --kind harmful.txt=harmful --no-harmless "
        "--template direct --dtype float32 --max-new-tokens 4 --random-draws 1 -o transplanted"
    )
    assert json.loads(Path("transplanted/report.json").read_text())["donor"]["model"] == "donor"
    assert "differs" not in run("reproduce transplanted/report.json").stdout
    save_model("llama", folder / "elsewhere", seed=6)
    said = run("reproduce transplanted/report.json --other elsewhere", 1).stdout
    assert "differs: fingerprint of the donor: recorded" in said
    old = changed(folder, "transplanted/report.json", lambda document: document.pop("donor"))
    assert "the donor of the heads is not recorded" in run(f"reproduce {old}", 2).stderr
    assert "records no second model" in run("reproduce report/report.json --other donor", 2).stderr
    own = json.loads(Path("recipe.json").read_text())
    own["edits"][0] |= {"operation": "transplant", "factor": 1.0}
    Path("changed.json").write_text(json.dumps(own))
    assert "takes heads from a donor, which attribute never does" in run("reproduce changed.json", 2).stderr


def test_code_of_a_checkpoint_runs_again_only_when_the_user_says_so(folder: Path) -> None:
    shutil.copytree("base", "coded")
    Path("coded/modeling_own.py").write_text(
        "from transformers import LlamaForCausalLM\n\n\nclass OwnForCausalLM(LlamaForCausalLM):\n    pass\n"
    )
    config = json.loads(Path("coded/config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    Path("coded/config.json").write_text(json.dumps(config))
    run("attribute coded --prompts harmful.txt --template direct --dtype float32 -o coded.json --trust-remote-code")
    assert json.loads(Path("coded.json").read_text())["provenance"]["options"] == {"method": "refusal", "trust_remote_code": True}
    refused = run("reproduce coded.json", 2).stderr
    assert "the run executed Python code that came with the checkpoint" in refused
    assert "--trust-remote-code" in refused
    assert "Reproduced" in run("reproduce coded.json --trust-remote-code").stdout
    sets = "--prompts harmful.txt --kind harmful.txt=harmful --no-harmless"
    run(f"evaluate coded {sets} --trust-remote-code --max-new-tokens 4 -o coded-report")
    assert "executed Python code" in run("reproduce coded-report/report.json", 2).stderr


def test_an_experiment_comes_out_the_same(folder: Path, tmp_path: Path) -> None:
    save_model("llama", folder / "pretrained", seed=5)
    Path("mine.txt").write_text("Say: {query} Answer:")
    asked = "--set ./harmful.txt --set ./harmless.txt --template mine.txt"
    for name, more in (
        ("table-5", "--max-new-tokens 3 --limit 4"),
        ("figure-5", "--sibling pretrained"),
        ("figure-6a", "--pretrained pretrained --max-new-tokens 3"),
    ):
        run(f"experiment {name} base {asked} {more} -o {name}")
        report = Path(name, "report.json")
        assert "mine.txt" not in report.read_text(), "no path of anyone's machine"
        found = json.loads(run(f"reproduce {report} --template mine.txt -o {tmp_path / name} --json").stdout)
        assert (found["is_same"], found["differences"]) == (True, [])
        assert {"report.json", "report.md", "heads.json"} <= {path.name for path in (tmp_path / name).iterdir()} | {"heads.json"}

    def change(document: dict[str, Any]) -> None:
        rate = next(one["ours"] for one in document["rows"] if isinstance(one["ours"], dict) and "count" in one["ours"])
        rate["interval"] |= {"value": 9.0, "low": 9.0, "high": 9.0}
        rate["count"] = 1 - rate["count"]

    said = run(f"reproduce {changed(folder, 'table-5/report.json', change)} --template mine.txt", 1).stdout
    assert "differs: ASR of" in said

    def change_heads(document: dict[str, Any]) -> None:
        row = next(one for one in document["rows"] if len(one["heads"]) > 1)
        row["heads"] = row["heads"][::-1]

    said = run(f"reproduce {changed(folder, 'table-5/report.json', change_heads)} --template mine.txt", 1).stdout
    assert "differs: heads for" in said


def test_a_base_on_the_hub_is_fetched_at_its_commit(
    folder: Path, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its branch has moved since."""
    repository = hub.add("org/tiny", {path.name: path.read_bytes() for path in Path("base").iterdir()})
    commit = repository.refs["main"]
    sets = "--prompts harmful.txt --kind harmful.txt=harmful --no-harmless"
    run("attribute org/tiny --prompts harmful.txt --template direct --dtype float32 -o hub.json")
    run(f"evaluate hub.json {sets} --template direct --dtype float32 --max-new-tokens 4 --random-draws 1 -o hub")
    run("experiment table-5 org/tiny --set ./harmful.txt --max-new-tokens 3 -o hub-experiment")
    other = save_model("llama", tmp_path / "other", seed=7)
    moved = repository.commit({path.name: path.read_bytes() for path in other.iterdir()})
    point_client(monkeypatch, hub.url, tmp_path / "empty-cache")
    hub.requests.clear()
    for document in ("hub.json", "hub/report.json", "hub-experiment/report.json"):
        assert "differs" not in run(f"reproduce {document}").stdout, document
        assert any(commit in request for request in hub.requests)
        assert not any("main" in request or moved in request for request in hub.requests)
    said = run(f"reproduce hub/report.json --base org/tiny@{moved}", 1).stdout
    assert f"other: commit of the base: recorded {commit}, now {moved}" in said
    assert "differs: fingerprint of the base" in said
    assert "other: commit of the base" in run("reproduce hub.json --base base").stdout


def test_other_heads_are_a_difference_that_matters(folder: Path) -> None:
    name = changed(folder, "recipe.json", lambda document: document["edits"][0].update(head=5, layer=2))
    assert "differs: heads: recorded " in run(f"reproduce {name}", 1).stdout


@pytest.mark.exhaustive
def test_another_version_is_said_and_does_not_matter(folder: Path) -> None:
    name = changed(folder, "recipe.json", lambda document: document["provenance"]["versions"].update(torch="1.0"))
    assert "other: torch: recorded 1.0, now " in run(f"reproduce {name}").stdout


@pytest.mark.exhaustive
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one["decoding"].update(engine="org/served"), "a server answered (org/served), whose model can't be fetched"),
        (lambda one: one["variants"][1].update(kind="checkpoint"), "the edited checkpoint recipe is not recorded, only its name"),
        (lambda one: one.update(judges=["endpoint:org/judge"]), "a server judged (endpoint:org/judge), whose address is not rec"),
        (lambda one: one["options"].update(judges=["shout"]), "judge 'shout': not known"),
        (lambda one: one["decoding"].update(template="file:" + "0" * 64), "the template is recorded by its hash alone"),
    ],
)
def test_what_a_report_does_not_record_is_one_line(folder: Path, change: Any, message: str) -> None:
    done = run(f"reproduce {changed(folder, 'report/report.json', change)}", 2)
    assert message in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("content", [None, "", "{}", '{"schema": "headsurgery.evaluation/1"}', "[]"])
def test_what_is_no_document_is_one_line(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    done = CliRunner().invoke(app, ["reproduce", str(tmp_path / "x.json")])
    assert done.exit_code == 2
    assert done.stderr.startswith("importing torch and transformers\nerror: ")
