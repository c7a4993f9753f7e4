"""The command line as a user meets it: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery import Recipe, open_checkpoint
from headsurgery.attribution.scores import read_scores_file
from headsurgery.cli import app
from headsurgery.edits.operations import OPERATIONS
from tests.refusing import PLANTED, questions, save_refusing
from tests.tiny import save_model

RECIPE = {"schema": "headsurgery.recipe/1", "edits": [{"layer": 1, "head": 2}, {"layer": 2, "head": 0, "factor": 1.5}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh working directory with a model `base`, a `recipe.json` and two prompt files."""
    save_model("llama", tmp_path / "base")
    write(tmp_path / "recipe.json", RECIPE)
    (tmp_path / "harmful.txt").write_text("w9 w10 w11\nw12 w13\nw14 w15\n")
    (tmp_path / "harmless.txt").write_text("w20 w21\nw22 w23 w24\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def run_json(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout)


def refused(*arguments: str, code: int = 1) -> str:
    """The one line of an expected failure."""
    result = run(*arguments)
    assert result.exit_code == code, (result.exit_code, result.stderr, result.exception)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("hint: ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return result.stderr


def test_help_names_every_verb_and_is_plain() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for verb in ("inspect", "attribute", "apply", "diff", "restore", "demo"):
        assert f"\n  {verb} " in result.stdout
        assert run(verb, "--help").exit_code == 0
    assert run("-h").stdout == result.stdout
    assert run("--version").stdout.startswith("headsurgery ")


def test_inspect(folder: Path) -> None:
    document = run_json("inspect", "base")
    assert document["model_type"] == "llama"
    assert document["geometry"] == {"num_layers": 3, "num_heads": 6, "num_kv_heads": 2, "head_dim": 8, "hidden_size": 48}
    assert document["attention_layers"] == [0, 1, 2]
    assert document["operations"] == [*OPERATIONS]
    assert document["dtypes"] == {"F32": 30}
    assert document["parameters"] == sum(tensor.num_parameters for tensor in open_checkpoint("base").tensors.values())
    name = "model.layers.1.self_attn.o_proj.weight"
    assert document["tensors"][1]["o_proj"] == {"name": name, "shape": [48, 48], "dtype": "F32", "file": "model.safetensors"}
    people = run("inspect", "base")
    assert "llama" in people.stdout
    assert name in people.stdout
    assert people.stderr == ""


def test_apply_then_diff_then_restore(folder: Path) -> None:
    applied = run("apply", "recipe.json", "base", "-o", "edited")
    assert applied.exit_code == 0, applied.stderr
    assert "L1H2 scale × 0, L2H0 scale × 1.5" in applied.stdout
    assert "next: headsurgery diff base edited --recipe recipe.json" in applied.stderr
    found = run_json("diff", "base", "edited", "--recipe", "recipe.json")
    assert (found["identical"], found["matches_recipe"]) == (False, True)
    assert [(head["layer"], head["head"], head["operation"], head["factor"]) for head in found["heads"]] == [
        (1, 2, "scale", 0.0),
        (2, 0, "scale", 1.5),
    ]
    assert run("restore", "edited", "-o", "again").exit_code == 0
    assert run_json("diff", "base", "again")["identical"]
    assert (folder / "again/model.safetensors").read_bytes() == (folder / "base/model.safetensors").read_bytes()


def test_diff_exits_1_when_something_differs_that_no_recipe_explains(folder: Path) -> None:
    run("apply", "recipe.json", "base", "-o", "edited")
    assert run_json("diff", "base", "base")["identical"]
    assert not run_json("diff", "base", "edited", code=1)["identical"]
    write(folder / "other.json", RECIPE | {"edits": RECIPE["edits"][:1]})
    found = run_json("diff", "base", "edited", "--recipe", "other.json", code=1)
    assert found["matches_recipe"] is False
    assert found["recipe_problems"] == ["L2H0: scale changed, but the recipe doesn't edit it"]
    assert "were the two swapped?" in refused("diff", "edited", "base", "--recipe", "recipe.json")


def test_a_dry_run_shows_the_plan_and_writes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    document = run_json("apply", "recipe.json", "base", "--dry-run")
    assert document["edits"][0]["tensor"] == "model.layers.1.self_attn.o_proj.weight"
    assert document["edits"][0]["runs"]["count"] == 48
    assert document["parameters_changed"] == 2 * 48 * 8
    assert "dry run: nothing was written" in run("apply", "recipe.json", "base", "--dry-run", "-o", "edited").stderr
    assert sorted(folder.rglob("*")) == before


def test_apply_takes_the_recipes_own_base(folder: Path) -> None:
    write(folder / "recipe.json", RECIPE | {"base": {"model": "base"}})
    assert run("apply", "recipe.json", "-o", "edited").exit_code == 0
    write(folder / "recipe.json", RECIPE | {"base": {"model": "elsewhere"}})
    assert "local folder 'elsewhere', which is not here" in refused("apply", "recipe.json", "-o", "e2", code=2)
    write(folder / "recipe.json", RECIPE)
    assert "names no base model" in refused("apply", "recipe.json", "-o", "e2", code=2)


def test_apply_refuses_another_base_unless_told_to_go_on(folder: Path) -> None:
    save_model("llama", folder / "other", seed=1)
    run("attribute", "base", "--prompts", "harmful.txt", "--method", "ships", "-o", "found.json")
    assert "fingerprint of the weights" in refused("apply", "found.json", "other", "-o", "edited")
    assert run("apply", "found.json", "other", "-o", "edited", "--allow-mismatch").exit_code == 0


def test_an_existing_output_is_kept_unless_forced(folder: Path) -> None:
    (folder / "edited").mkdir()
    (folder / "edited/mine.txt").write_text("precious")
    assert "edited: exists already" in refused("apply", "recipe.json", "base", "-o", "edited")
    assert run("apply", "recipe.json", "base", "-o", "edited", "--force").exit_code == 0
    assert (folder / "edited.bak/mine.txt").read_text() == "precious"
    assert run("apply", "recipe.json", "base", "-o", "edited", "--force").exit_code == 0
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith((".", "edited"))) == ["edited", "edited.bak"]


@pytest.mark.parametrize("method", ["sahara", "ships"])
def test_attribute(folder: Path, method: str) -> None:
    arguments = ["attribute", "base", "--prompts", "harmful.txt", "--harmless", "harmless.txt", "--method", method, "--top", "4"]
    document = run_json(*arguments, "-o", "found.json", "--scores", "scores.safetensors")
    recipe = Recipe.load("found.json")
    assert document["recipe"] == json.loads(recipe.to_json())
    assert len(recipe.edits) == (3 if method == "sahara" else 4)
    assert recipe.base.model == "base"
    assert recipe.base.fingerprint == open_checkpoint("base").fingerprint()
    assert len(document["top"]) == 4
    assert [entry["score"] for entry in document["top"]] == sorted((entry["score"] for entry in document["top"]), reverse=True)
    assert set(read_scores_file("scores.safetensors")[0]) == {
        name for kind in (method, "ships") for name in (kind, f"{kind}_harmless")
    }
    people = run(*arguments, "-o", "found.json")
    assert "Top heads" in people.stdout
    assert "layer 0 at the top" in people.stdout
    assert "next: headsurgery apply found.json base -o base-ablated" in people.stderr
    assert run("apply", "found.json", "base", "-o", "edited").exit_code == 0


def test_a_screened_attribution_says_what_it_may_have_missed(folder: Path) -> None:
    arguments = ["attribute", "base", "--prompts", "harmful.txt", "--method", "ships", "-o", "found.json"]
    document = run_json(*arguments, "--screen", "--survivors", "5", "--sample", "3", "--scores", "scores.safetensors")
    assert document["recipe"]["provenance"]["screen"]["sampled"] == 3
    assert any(note.startswith("screened: 5 of 18 heads scored exactly, and 3 of the 13 others") for note in document["notes"])
    assert set(read_scores_file("scores.safetensors")[0]) == {"ships", "ships_screen"}
    assert "nothing is screened" in refused(*arguments, "--sample", "3", code=2)


def test_the_greedy_search_takes_the_models_own_refusals_and_as_many_heads_as_they_need(folder: Path) -> None:
    save_refusing(folder / "refusing")
    for name, is_harmful in (("harmful.txt", True), ("harmless.txt", False)):
        write(folder / name, "\n".join(questions(8, harmful=is_harmful, seed=1)))
    sets = ["--prompts", "harmful.txt", "--harmless", "harmless.txt"]
    arguments = ["attribute", "refusing", *sets, "--method", "refusal", "-o", "found.json"]
    document = run_json(*arguments, "--scores", "scores.safetensors")
    recipe = Recipe.load("found.json")
    assert [edit.ref for edit in recipe.edits] == [PLANTED], "at most 5; this one is enough"
    assert (recipe.provenance.method, recipe.provenance.unit, recipe.provenance.contrast) == ("refusal", "nats", 10.0)
    assert document["notes"][-2:] == [
        "the model refuses 8 of 8 prompts; the scores are of these",
        "with the chosen head ablated it refuses 0 of 8",
    ]
    assert set(read_scores_file("scores.safetensors")[0]) == {"refusal", "refusal_harmless"}
    people = run(*arguments)
    assert "note: with the chosen head ablated it refuses 0 of 8" in people.stderr
    assert "next: headsurgery apply found.json refusing -o refusing-ablated" in people.stderr


def test_a_model_that_refuses_nothing_is_one_line_and_a_hint(folder: Path) -> None:
    text = refused("attribute", "base", "--prompts", "harmful.txt", "--quiet", "-o", "found.json")
    assert "error: the model refuses none of 3 prompts, so there is no refusal to attribute" in text
    assert "hint: give prompts that it refuses, or --method sahara" in text
    assert not (folder / "found.json").exists()


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ((), "with --harmless"),
        (("--harmless", "harmless.txt", "--contrast", "3"), "without --contrast"),
        (("--harmless", "harmless.txt", "--intent", "reinforce"), "with --intent ablate"),
        (("--harmless", "harmless.txt"), None),
        (("--method", "refusal"), None),
    ],
)
def test_where_gates_is_not_the_default_attribute_says_why(folder: Path, flags: tuple[str, ...], missing: str | None) -> None:
    write(folder / "harmless.txt", "a cake\nbread\n")
    talk = run("attribute", "base", "--prompts", "harmful.txt", *flags, "-o", "found.json", "--estimate").stderr
    notes = [line for line in talk.splitlines() if "the method is" in line]
    expected = [f"note: the method is refusal, because gates is the default only {missing}"] if missing else []
    assert notes == expected


def test_flags_of_another_method_are_named(folder: Path) -> None:
    arguments = ["attribute", "base", "--prompts", "harmful.txt", "-o", "found.json"]
    assert "note: --r-main belongs to sahara" in run(*arguments, "--r-main", "2").stderr
    talk = run(*arguments, "--method", "ships", "--r-main", "2", "--group-size", "2").stderr
    assert "note: --group-size belongs to refusal and sahara; ships takes --top" in talk
    assert "note: --r-main belongs to sahara" in talk
    assert "belongs to" not in run(*arguments, "--method", "sahara", "--r-main", "2", "--group-size", "2").stderr


def test_data_go_to_stdout_and_talk_to_stderr(folder: Path) -> None:
    arguments = ["attribute", "base", "--prompts", "harmful.txt", "--method", "sahara", "--json"]
    loud, quiet = run(*arguments, "-o", "a.json"), run(*arguments, "-o", "b.json", "--quiet")
    assert quiet.stderr == ""
    assert loud.stderr != ""
    assert json.loads(loud.stdout)["top"] == json.loads(quiet.stdout)["top"]


def test_attribute_refuses_before_it_works(folder: Path) -> None:
    base = ["attribute", "base", "--prompts", "harmful.txt"]
    other = [*base, "-o", "found.json"]
    assert "its directory doesn't exist" in refused(*base, "-o", "no/such/recipe.json", code=2)
    assert "a directory, expected a file" in refused(*base, "-o", "base", code=2)
    assert "can't be written" in refused(*base, "-o", "/proc/recipe.json", code=2)
    assert "are the same file" in refused(*base, "-o", "one", "--scores", "./one", code=2)
    assert "expected at least 1" in refused(*base, "--top", "0", code=2)
    for size in ("many", "²"):
        assert "expected auto or a whole number" in refused(*base, "--batch-size", size, code=2)
    assert "contrast 2 needs a harmless set" in run(*other, "--contrast", "2").stderr
    assert "contains {query} 0 times" in run(*other, "--template", "harmful.txt").stderr
    for late in (["--contrast", "2"], ["--template", "harmful.txt"], ["--group-size", "99"], ["--factor", "1"]):
        result = run(*other, *late)
        assert result.exit_code in (1, 2)
        assert "loading base" not in result.stderr, "what needs no model is refused before it is loaded"
    assert "missing.txt: no such file" in refused("attribute", "base", "--prompts", "missing.txt")
    assert "no such set; expected builtin:decline or builtin:harmless" in refused("attribute", "base", "--prompts", "builtin:evil")
    write(folder / "empty.txt", "\n\n")
    assert "empty.txt: contains no prompts" in refused("attribute", "base", "--prompts", "empty.txt")
    assert not (folder / "recipe.json.partial").exists()


def test_attribute_overwrites_nothing_but_its_own_files(folder: Path) -> None:
    arguments = ["attribute", "base", "--prompts", "harmful.txt", "--method", "ships", "--top", "1"]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for output in ("base/config.json", "base/new.json", "./base/../base/recipe.json"):
        assert "lies inside the model, which is never written" in refused(*arguments, "-o", output, code=2)
    assert "exists, and headsurgery did not write it" in refused(*arguments, "-o", "recipe.json", code=2)
    assert "the recipe is written as JSON, not as .txt" in refused(*arguments, "-o", "harmful.txt", code=2)
    (folder / "mine").write_text("mine")
    assert "exists, and headsurgery did not write it" in refused(*arguments, "-o", "new.json", "--scores", "mine", code=2)
    (folder / "mine").unlink()
    assert "lies inside the model" in refused(*arguments, "-o", "new.json", "--scores", "base/model.safetensors", code=2)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    os.mkfifo(folder / "pipe")
    assert "not a regular file" in refused(*arguments, "-o", "pipe", code=2)
    for _ in range(2):  # its own files it may replace
        assert run(*arguments, "-o", "new.json", "--scores", "new.safetensors").exit_code == 0
    assert run(*arguments, "-o", "recipe.json", "--force").exit_code == 0
    assert Recipe.load("recipe.json").provenance.method == "ships"


def test_what_is_printed_is_whole_where_there_is_no_terminal(folder: Path) -> None:
    plan = run("apply", "recipe.json", "base", "--dry-run").stdout
    assert "L1H2  scale" in plan
    assert "model.layers.1.self_attn.o_proj.weight  model.safetensors  columns 16-23" in plan
    assert "…" not in plan


def test_a_reader_that_has_seen_enough_changes_nothing(folder: Path) -> None:
    """As with `headsurgery inspect MODEL | head -1`."""
    command = [sys.executable, "-m", "headsurgery", "inspect", "base"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    _, talk = process.communicate()
    assert (process.returncode, talk) == (0, "")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (RECIPE | {"extra": 1}, "extra: unknown key"),
        (RECIPE | {"edits": [{"layer": 1, "haed": 2}]}, "edits[0].haed: unknown key"),
        (RECIPE | {"schema": "headsurgery.recipe/9"}, "schema is 'headsurgery.recipe/9'"),
        (
            RECIPE | {"edits": [{"layer": 0, "head": 1}, {"layer": 0, "head": 40}]},
            "edits[1]: head 40, but layer 0 of this model has heads 0-5",
        ),
        (RECIPE | {"edits": [{"layer": 7, "head": 1}]}, "edits[0]: layer 7, but this model has layers 0-2"),
        (RECIPE | {"edits": [{"layer": 0, "head": 1}] * 2}, "edits[1]: scale on L0H1 again"),
        (json.dumps(RECIPE).replace("1.5", "NaN"), "edits[1].factor"),
        ("{", "not valid JSON"),
    ],
)
def test_an_invalid_recipe_exits_2_with_its_place(folder: Path, recipe: Any, message: str) -> None:
    write(folder / "bad.json", recipe)
    assert message in refused("apply", "bad.json", "base", "-o", "edited", code=2)
    assert not (folder / "edited").exists()


def test_a_missing_recipe_or_model_is_one_line(folder: Path) -> None:
    assert "nothing.json: no such file" in refused("apply", "nothing.json", "base", "-o", "edited", code=2)
    for command in (["inspect", "nowhere"], ["diff", "base", "nowhere"], ["apply", "recipe.json", "./nowhere", "-o", "edited"]):
        assert "nowhere" in refused(*command)
    (folder / "empty").mkdir()
    assert "not a checkpoint" in refused("inspect", "empty")
    assert "no headsurgery.json" in refused("restore", "base", "-o", "out")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "mamba"}, "has no attention heads"),
        ({"model_type": "martian", "num_attention_heads": 4}, "declare it in headsurgery/architectures/families"),
        ({"quantization_config": {"quant_method": "gptq"}, "num_attention_heads": 4}, "weights are quantized (gptq)"),
        ({"num_attention_heads": 4}, "but the configuration demands"),
    ],
)
def test_a_model_that_can_not_be_edited_is_refused_with_the_reason(folder: Path, config: dict[str, Any], message: str) -> None:
    path = folder / "base/config.json"
    write(path, json.loads(path.read_text()) | config)
    assert message in refused("inspect", "base")
    assert message in refused("apply", "recipe.json", "base", "-o", "edited")
    assert message in refused("attribute", "base", "--prompts", "harmful.txt", "-o", "found.json")


def test_a_mistyped_flag_exits_2(folder: Path) -> None:
    result = run("apply", "recipe.json", "base", "-o", "edited", "--forse")
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert run("aply").exit_code == 2
    assert "give one with -o DIR" in refused("apply", "recipe.json", "base", code=2)
    assert run("attribute", "base", "--prompts", "harmful.txt", "--method", "magic").exit_code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_the_middle_nothing_is_left(folder: Path, number: signal.Signals) -> None:
    """A real process, stopped while it waits in the middle of the copy for the rest of a file that never comes."""
    os.mkfifo(folder / "pipe")
    code = (
        "import os, sys, time\n"
        "import headsurgery.surgery.transfer as transfer\n"
        "from headsurgery.__main__ import main\n"
        "original = transfer.copy_shard\n"
        "def slow(source, shard, target, change, on_bytes, **more):\n"
        "    copied = original(source, shard, target, change, on_bytes, **more); open('pipe', 'w').close()\n"
        "    for _ in range(600): on_bytes(0); time.sleep(0.1)\n"
        "    return copied\n"
        "transfer.copy_shard = slow\n"
        "sys.argv = ['headsurgery', 'apply', 'recipe.json', 'base', '-o', 'edited']\n"
        "main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    (folder / "pipe").read_text()  # until the shard is copied
    time.sleep(0.1)
    process.send_signal(number)
    _, talk = process.communicate(timeout=20)
    assert process.returncode == (130 if number == signal.SIGINT else 143), talk
    assert "Traceback" not in talk
    assert not (folder / "edited").exists()
    assert not [path for path in folder.iterdir() if path.name.endswith(".partial")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_python_shuts_down_ends_it_without_a_traceback(number: signal.Signals) -> None:
    code = (
        "import atexit, os, sys\n"
        f"atexit.register(lambda: os.kill(os.getpid(), {int(number)}))\n"
        "from headsurgery.__main__ import main\n"
        "sys.argv = ['headsurgery', '--version']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (-number, "")


class TestArchitectures:
    def test_every_family_is_listed_with_what_it_allows_or_why_it_is_refused(self) -> None:
        from headsurgery.architectures.table import REFUSED, TABLE

        document = run_json("architectures")
        assert {entry["model_type"] for entry in document["supported"]} == set(TABLE)
        assert document["refused"] == dict(sorted(REFUSED.items()))
        for family in (*TABLE, *REFUSED):
            assert family in run("architectures", family).stdout

    def test_one_that_nobody_knows_is_tried(self) -> None:
        result = run("architectures", "martian")
        assert result.exit_code == 0
        assert "it is tried with the usual names" in result.stderr


@pytest.mark.parametrize("ending", ["json", "csv", "npz", "pt", "JSON", "gguf"])
def test_scores_under_another_formats_name_are_refused(ending: str, tmp_path: Path) -> None:
    said = refused("attribute", str(tmp_path), "--prompts", "builtin:decline", "--scores", str(tmp_path / f"x.{ending}"), code=2)
    assert f"scores are written as safetensors, which compare and card read by that name, not as .{ending.lower()}" in said
    assert "hint: give a name that ends in .safetensors, like x.safetensors" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("attribute nowhere --prompts builtin:decline -o recipe.yaml", "the recipe is written as JSON, not as .yaml"),
        ("attribute nowhere --prompts builtin:decline -o recipe.safetensors", "written as JSON, not as .safetensors"),
        ("attribute nowhere --prompts builtin:decline --intent reinforce --frontier f.csv", "written as JSON, not as .csv"),
        ("audit nowhere --base nowhere -o found.safetensors", "written as JSON, not as .safetensors"),
        ("compare a.json b.json --plot overlap.pdf", "the drawing is written as PNG, not as .pdf"),
    ],
)
def test_no_output_has_the_name_of_another_format(arguments: str, expected: str) -> None:
    assert expected in refused(*arguments.split(), code=2)


@pytest.mark.parametrize("flags", ["", "--intent reinforce --apply-factor 2", "--intent reinforce --method gates"])
def test_without_a_search_there_is_no_frontier_to_write(flags: str) -> None:
    arguments = f"attribute nowhere --prompts builtin:decline --frontier f.json {flags}"
    assert "--frontier: nothing is searched" in refused(*arguments.split(), code=2)


def test_a_name_with_no_ending_or_a_full_stop_in_it_is_a_name(tmp_path: Path) -> None:
    for name in ("scores", "run.v2", "llama-3.1"):
        said = run("attribute", str(tmp_path / "nowhere"), "--prompts", "builtin:decline", "--scores", str(tmp_path / name)).stderr
        assert "no such directory" in said
