"""Files that headsurgery 0.1 wrote are read by this version, and mean the same.

They lie in `golden/v0_1`; its `make.py` says how each was made.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import transformers
from typer.testing import CliRunner

from headsurgery import Recipe, load_prompts, load_scores
from headsurgery.attribution.scores import read_scores_file
from headsurgery.cli import app
from headsurgery.engine.local import LocalEngine
from tests.directories import contents
from tests.exhaustive import all_but
from tests.reinforceable import build_reinforceable, build_tokenizer

GOLDEN = Path(__file__).parent / "golden" / "v0_1"
RECIPES = sorted((GOLDEN / "recipes").glob("*.json"))
SCALE = "recipes/manual-scale.json"
ON_CPU = ("--device", "cpu", "--dtype", "float32")
SWEEP = ("attribute", "base", "--prompts", "prompts/harmful.txt", "--method", "ships", "--batch-size", "4", *ON_CPU)
ANSWERS = (
    *("evaluate", SCALE, "--base", "base", "--prompts", "prompts/harmful.txt", "--kind", "prompts/harmful.txt=harmful"),
    *("--no-harmless", "--max-new-tokens", "6", "--random-draws", "1", "--batch-size", "2", *ON_CPU, "-o", "answers"),
)
REPORT = (
    *("evaluate", SCALE, "edited/uniform_attention", "--base", "base", "--prompts", "prompts/harmful.txt"),
    *("--prompts", "prompts/harmless.txt", "--kind", "prompts/harmful.txt=harmful", "--kind", "prompts/harmless.txt=harmless"),
    *("--no-harmless", "--judge", "keyword", "--judge", "paper", "--max-new-tokens", "4", "--perplexity", "prompts/harmful.txt"),
    *("--random-draws", "1", *ON_CPU),
)
SEARCH = (
    *("attribute", "reinforceable", "--prompts", "prompts/weakly-refused.txt", "--harmless", "prompts/weakly-answered.txt"),
    *("--template", "paper", "--contrast", "0", "--method", "ships", "--intent", "reinforce", "--max-kl", "0.1", *ON_CPU),
)
CONTROLLED = (*SWEEP, "--harmless", "prompts/harmless.txt")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all files, as the working directory."""
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == exit_code, (arguments, done.output, done.stderr, done.exception)
    return done


def documents(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)]


def missing(old: Any, new: Any, place: str = "") -> list[str]:
    """Keys of an old document that a new one lacks, or whose values are of another kind."""
    if old is None or (isinstance(old, int | float) and isinstance(new, int | float)):
        return []
    if type(old) is not type(new):
        return [f"{place}: {old!r} became {new!r}"]
    if isinstance(old, list) and documents(old):
        merged = [{key: value for entry in documents(listed) for key, value in entry.items()} for listed in (old, new)]
        return missing(merged[0], merged[1], f"{place}[]")
    if isinstance(old, dict):
        lost = [f"{place}.{key}" for key in old if key not in new]
        return lost + [fault for key in old if key in new for fault in missing(old[key], new[key], f"{place}.{key}")]
    return []


def test_recipes_are_the_same_edits_and_the_same_text(tmp_path: Path) -> None:
    assert len(RECIPES) == 18
    for path in RECIPES:
        recipe = Recipe.load(path)
        listed = [(edit.layer, edit.head, edit.operation, edit.factor) for edit in recipe.edits]
        document = json.loads(path.read_bytes())
        assert listed == [(edit["layer"], edit["head"], edit["operation"], edit["factor"]) for edit in document["edits"]], path.name
        recipe.save(tmp_path / "again.json")
        assert (tmp_path / "again.json").read_bytes() == path.read_bytes(), path.name


def test_recipes_in_the_references_form_are_read_as_they_were(tmp_path: Path) -> None:
    canonical = sorted((GOLDEN / "reference").glob("*.canonical.json"))
    assert len(canonical) == 5
    for path in canonical:
        recipe = Recipe.load(path.with_name(path.name.replace(".canonical", "")))
        assert recipe == Recipe.load(path), path.name
        recipe.save(tmp_path / "again.json")
        assert (tmp_path / "again.json").read_bytes() == path.read_bytes(), path.name


def test_scores_are_loaded_with_their_record() -> None:
    for path in RECIPES:
        scores = GOLDEN / "scores" / f"{path.stem}.safetensors"
        if scores.exists():
            arrays, record = read_scores_file(scores)
            assert record == json.loads(path.read_bytes())["provenance"], path.name
            assert {array.dtype for array in arrays.values()} == {np.dtype(np.float64)}, path.name
            assert all(array.shape[-2:] == (3, 6) for array in arrays.values()), path.name
            table = load_scores(scores)
            assert table.chosen == tuple(Recipe.load(path).provenance.scores or ()), path.name
            assert table.combined.shape == (3, 6)


def test_heads_of_scores_are_the_heads_of_the_recipe(folder: Path) -> None:
    for name in ("ships", "ships-control", "ships-uniform", "direct"):
        files, count = (f"scores/{name}.safetensors", f"recipes/{name}.json"), len(Recipe.load(f"recipes/{name}.json").edits)
        [compared] = json.loads(run("compare", *files, "--top", str(count), "--json").stdout)["comparisons"]
        assert len(compared["common"]) == count, name


class TestEditedCheckpoints:
    MADE_FROM: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("scale", "uniform_attention", "twice", "in_place"), "base"),
        "biased": "biased",
    }

    def test_they_are_as_their_manifests_say(self, folder: Path) -> None:
        for name in (*self.MADE_FROM, "no_undo"):
            run("verify", f"edited/{name}")
        run("verify", "edited/twice", "--base", "edited/scale")
        run("verify", "edited/no_undo", "--base", "base")

    def test_restore_gives_the_bases_bytes(self, folder: Path) -> None:
        for name, base in self.MADE_FROM.items():
            run("restore", f"edited/{name}", "-o", f"restored/{name}")
            assert contents(Path("restored", name)) == contents(Path(base)), name
        run("restore", "edited/twice", "--steps", "1", "-o", "restored/once")
        assert contents(Path("restored/once")) == contents(Path("edited/scale"))

    def test_restore_in_place_does_too(self, folder: Path) -> None:
        for name, base in self.MADE_FROM.items():
            run("restore", f"edited/{name}", "--in-place")
            assert contents(Path("edited", name)) == contents(Path(base)), name

    def test_without_undo_there_is_no_way_back(self, folder: Path) -> None:
        assert "--no-undo" in run("restore", "edited/no_undo", "-o", "restored", exit_code=1).stderr

    def test_the_same_recipe_gives_the_same_bytes(self, folder: Path) -> None:
        for name, recipe, base in (
            ("scale", "scale", "base"),
            ("uniform_attention", "uniform_attention", "base"),
            ("biased", "uniform_attention", "biased"),
            ("twice", "reinforce", "edited/scale"),
        ):
            run("apply", f"recipes/manual-{recipe}.json", base, "--link", "copy", "-o", f"again/{name}")
            again, before = contents(Path("again", name)), contents(Path("edited", name))
            for file in ("model.safetensors", "headsurgery.undo", "recipe.json", "config.json"):
                assert again[file] == before[file], (name, file)
            assert not missing(*(json.loads(files["headsurgery.json"]) for files in (before, again))), name

    def test_an_edit_in_place_that_was_killed_is_taken_back(self, folder: Path) -> None:
        """The journal names the machine, and git keeps no empty folders."""
        journal = Path("edited/half_done/headsurgery.journal")
        (journal / "old").mkdir(exist_ok=True)
        (journal / "lock").write_text((journal / "lock").read_text().replace("on vm", f"on {socket.gethostname()}"))
        assert "half edited" in run("inspect", "edited/half_done", exit_code=1).stderr
        run("restore", "edited/half_done", "--in-place")
        assert contents(Path("edited/half_done")) == contents(Path("base"))


def as_for_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of the weights and the versions of the libraries that its journal states."""
    raw = Path("sweep/recipe.json.journal").read_bytes()
    settings, _ = json.JSONDecoder().raw_decode(raw[raw.index(b"{") :].decode("latin-1"))
    os.utime("base/model.safetensors", ns=(settings["weights"]["modified"],) * 2)
    for library in (torch, transformers):
        monkeypatch.setattr(library, "__version__", settings["versions"][library.__name__])


class TestJournals:
    def test_a_sweep_goes_on_where_it_broke_off(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        as_for_the_sweep(monkeypatch)
        pairs: list[int] = []
        real = LocalEngine.run

        def watched(engine: LocalEngine, task: Any, blocks: Any, *more: Any) -> Any:
            pairs.append(sum(block.num_pairs for block in blocks))
            return real(engine, task, blocks, *more)

        monkeypatch.setattr(LocalEngine, "run", watched)
        run(*SWEEP, "-o", "sweep/recipe.json", "--scores", "sweep/scores.safetensors")
        assert pairs == [18 * 6 - 4 * 9], "four blocks of nine pairs were in the journal"
        assert not Path("sweep/recipe.json.journal").exists()
        assert Recipe.load("sweep/recipe.json").edits == Recipe.load("whole/recipe.json").edits
        found, wanted = (read_scores_file(f"{name}/scores.safetensors")[0]["ships"] for name in ("sweep", "whole"))
        np.testing.assert_allclose(found, wanted, rtol=1e-4)

    def test_answers_go_on_where_they_broke_off(self, folder: Path) -> None:
        kept = Path("answers/answers.jsonl").read_bytes().replace(b'"text":"', b'"text":"as 0.1 said: ')
        Path("answers/answers.jsonl").write_bytes(kept)
        run(*ANSWERS)
        lines = Path("answers/answers.jsonl").read_bytes()
        assert lines.startswith(kept), "what 0.1 generated is not asked for again"
        fresh, whole = (
            sorted(map(json.dumps, map(json.loads, text.decode().splitlines())))
            for text in (lines.removeprefix(kept), Path("whole/answers.jsonl").read_bytes())
        )
        assert len(fresh) == len(whole) - len(kept.splitlines())
        assert set(fresh) <= set(whole)

    def test_another_runs_journals_are_refused(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        as_for_the_sweep(monkeypatch)
        assert "factor" in run(*SWEEP, "--factor", "0.5", "-o", "sweep/recipe.json", exit_code=1).stderr
        assert "max_new_tokens" in run(*ANSWERS, "--max-new-tokens", "7", exit_code=1).stderr


class TestReports:
    def test_a_finished_evaluation_is_shown_again_without_a_new_answer(self, folder: Path) -> None:
        before = Path("report/answers.jsonl").read_bytes()
        run(*REPORT, "-o", "report")
        assert Path("report/answers.jsonl").read_bytes() == before

    def test_its_figures_go_into_a_card(self, folder: Path) -> None:
        shown = run("card", "edited/scale", "--report", "report", "--scores", "whole/scores.safetensors").stdout
        measured = json.loads(Path("report/report.json").read_bytes())["measurements"]
        for judge in ("keyword", "paper"):
            rate = next(m for m in measured if (m["variant"], m["set"], m["judge"]) == ("manual-scale", "harmful.txt", judge))[
                "complied"
            ]
            row = next(line for line in shown.splitlines() if line.startswith("| harmful.txt") and f"| {judge} |" in line)
            assert f"{100 * rate['count'] / rate['total']:.0f} % [" in row
            assert f"n = {rate['total']}" in row

    def test_an_experiment_is_shown_again_without_a_new_answer(self, folder: Path) -> None:
        before = Path("experiment/answers.jsonl").read_bytes()
        settings = ("--set", "./prompts/harmful.txt", "--max-new-tokens", "3", "-o", "experiment", *ON_CPU)
        run("experiment", "table-3", "base", *settings)
        assert Path("experiment/answers.jsonl").read_bytes() == before


COMMANDS: dict[str, tuple[str, ...]] = {
    "apply-dry-run": ("apply", SCALE, "base", "--dry-run", "-o", "out"),
    "apply": ("apply", SCALE, "base", "--link", "copy", "-o", "out"),
    "apply-in-place": ("apply", SCALE, "base", "--in-place"),
    "attribute": (*CONTROLLED, "--contrast", "0.5", "-o", "new.json", "--scores", "new.safetensors"),
    "attribute-screened": (
        *CONTROLLED,
        "--screen",
        "--survivors",
        "5",
        "--sample",
        "2",
        "-o",
        "new.json",
        "--scores",
        "new.safetensors",
    ),
    "attribute-reinforce": (*SEARCH, "-o", "new.json", "--frontier", "new-frontier.json", "--scores", "new.safetensors"),
    "estimate": (*SWEEP, "-o", "new.json", "--estimate"),
    "evaluate": (*REPORT, "-o", "report"),
    "experiment": ("experiment", "parameters", "base", "--set", "./prompts/harmful.txt", "--max-new-tokens", "1", *ON_CPU),
    "inspect": ("inspect", "base"),
    "inspect-edited": ("inspect", "edited/twice"),
    "diff": ("diff", "base", "edited/scale", "--recipe", SCALE),
    "diff-without-recipe": ("diff", "edited/scale", "edited/twice"),
    "verify": ("verify", "edited/scale"),
    "verify-base": ("verify", "edited/twice", "--base", "edited/scale"),
    "restore": ("restore", "edited/twice", "-o", "out"),
    "audit": ("audit", "edited/scale", "--base", "base", "-o", "new.json"),
    "audit-blind": ("audit", "edited/scale", "--blind"),
    "compare": ("compare", "recipes/ships.json", "recipes/sahara.json", "scores/direct.safetensors", "--top", "4"),
    "card": ("card", "edited/scale", "--report", "report", "--scores", "whole/scores.safetensors"),
}


@pytest.mark.parametrize(
    "name", all_but(["estimate", "evaluate", "inspect", "diff", "verify", "restore", "audit", "compare", "card"], COMMANDS)
)
def test_json_has_all_keys_that_it_had(name: str, folder: Path) -> None:
    if name == "attribute-reinforce":
        build_reinforceable().save_pretrained("reinforceable")
        build_tokenizer().save_pretrained("reinforceable")
    done = run(*COMMANDS[name], "--json", exit_code=1 if name == "diff-without-recipe" else 0)
    assert missing(json.loads(Path("json", f"{name}.json").read_bytes()), json.loads(done.stdout)) == []
    if name == "attribute-reinforce":
        assert missing(json.loads(Path("frontier.json").read_bytes()), json.loads(Path("new-frontier.json").read_bytes())) == []


def test_every_kept_document_is_of_a_command_that_is_run() -> None:
    assert {path.stem for path in (GOLDEN / "json").iterdir()} == {*COMMANDS}


def test_prompts_are_read_as_they_were() -> None:
    for path in RECIPES:
        prompts = json.loads(path.read_bytes()).get("provenance", {}).get("prompts")
        if prompts is not None:
            assert load_prompts(str(GOLDEN / "prompts" / prompts["name"])).to_record().model_dump(exclude_none=True) == prompts, (
                path.name
            )
