"""Run files: `--config run.toml` gives flags of a command; the command line wins; what is wrong is one line with its place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from headsurgery.cli import app as headsurgery
from headsurgery.cli.flags import with_flags
from headsurgery.cli.run_files import Config
from tests.test_options import Tea
from tests.tiny import save_model

made: list[tuple[Tea, Any]] = []


def brew(
    *,
    houses: Annotated[list[str] | None, typer.Argument(metavar="[HOUSE]...")] = None,
    tea: Tea,
    cook: Annotated[str | None, typer.Option("--chef", help="Who makes it.")] = None,
    config: Config = None,
) -> None:
    """Make tea."""
    made.append((tea, (houses, cook)))


def run(folder: Path, text: str, *arguments: str) -> Any:
    (folder / "run.toml").write_text(text, encoding="utf-8")
    app = typer.Typer()
    app.command()(with_flags(brew))
    made.clear()
    return CliRunner().invoke(app, [*arguments, "--config", str(folder / "run.toml")])


def brewed(folder: Path, text: str, *arguments: str) -> tuple[Tea, Any]:
    done = run(folder, text, *arguments)
    assert done.exit_code == 0, done.output
    return made[0]


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("minutes = 4.5", {"minutes": 4.5}),
        ("minutes = 4", {"minutes": 4.0}),
        ("cups = 2", {"cups": 2}),
        ('kind = "green"', {"kind": "green"}),
        ('guest = ["anna", "ben"]', {"guests": ("anna", "ben")}),
        ('guest = "anna"', {"guests": ("anna",)}),
        ("no-milk = true", {"milk": False}),
        ("no_milk = true", {"milk": False}),
        ("no-milk = false", {}),
        ("sugar = 2", {"sugar": 2}),
        ('sugar = "auto"', {}),
        ('tray = "silver"', {"tray": Path("silver")}),
    ],
)
def test_a_key_is_a_flag(line: str, changes: dict[str, Any], tmp_path: Path) -> None:
    assert brewed(tmp_path, f'leaves = "assam"\n{line}\n')[0] == replace(Tea(leaves="assam"), **changes)


@pytest.mark.parametrize(
    ("line", "arguments", "changes"),
    [
        ("cups = 2", "--cups 3", {"cups": 3}),
        ('guest = ["anna"]', "--guest ben", {"guests": ("ben",)}),
        ('kind = "green"', "--kind black", {}),
        ("minutes = 9", "-m 2", {"minutes": 2.0}),
    ],
)
def test_the_command_line_wins(line: str, arguments: str, changes: dict[str, Any], tmp_path: Path) -> None:
    assert brewed(tmp_path, f'leaves = "assam"\n{line}\n', *arguments.split())[0] == replace(Tea(leaves="assam"), **changes)


def test_arguments_and_flags_that_are_no_option_object_have_keys_too(tmp_path: Path) -> None:
    text = 'leaves = "assam"\nhouses = ["a", "b"]\nchef = "anna"\n'
    assert brewed(tmp_path, text)[1] == (["a", "b"], "anna")
    assert brewed(tmp_path, text, "c", "--chef", "ben")[1] == (["c"], "ben")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n\ncpus = 2", "run.toml:3: cpus: the command has no such flag\nhint: did you mean cups?"),
        ("'cpus' = 2", "run.toml:1: cpus: the command has no such flag"),
        ("[milky]\nx = 1", "run.toml:1: milky: the command has no such flag"),
        ("qqqq = 2", "hint: the keys are houses, leaves, minutes,"),
        ("config = 'other.toml'", "run.toml:1: config: the command has no such flag"),
        ("houses = true", "run.toml:1: houses: found True, expected text"),
        ("cups = '2'", "run.toml:1: cups: found '2', expected a whole number"),
        ("cups = 2.5", "run.toml:1: cups: found 2.5, expected a whole number"),
        ("cups = true", "run.toml:1: cups: found True, expected a whole number"),
        ("cups = [2]", "run.toml:1: cups: found [2], expected a whole number"),
        ("cups = 0", "--cups 0: expected at least 1"),
        ("minutes = 'long'", "run.toml:1: minutes: found 'long', expected a number"),
        ("no-milk = 1", "run.toml:1: no-milk: found 1, expected true or false"),
        ("kind = 'red'", "run.toml:1: kind: found 'red', expected 'black' or 'green'"),
        ("tray = 5", "run.toml:1: tray: found 5, expected a path as text"),
        ("guest = [[1]]", "run.toml:1: guest: found [1], expected text"),
        ("leaves = ['a']", "run.toml:1: leaves: found ['a'], expected text"),
        ("no-milk = true\nno_milk = true", "no_milk: stands there twice, with - and with _"),
        ("cups = 1\ncups = 2", "run.toml: not valid TOML: "),
        ("cups 1", "run.toml: not valid TOML: "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(text)
    app = typer.Typer()
    from headsurgery.cli import _guarded

    app.command()(_guarded(with_flags(brew)))
    done = CliRunner().invoke(app, ["--leaves", "assam", "--config", str(tmp_path / "run.toml")])
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
@pytest.mark.parametrize("verb", ["attribute", "evaluate", "experiment"])
def test_a_file_that_cannot_be_read_is_one_line(verb: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    done = CliRunner().invoke(headsurgery, [verb, "--config", str(path)])
    assert done.exit_code == 2
    assert done.output.startswith(f"error: --config {path}: ")
    assert done.output.count("\n") == 1


@pytest.mark.parametrize(
    ("verb", "text"),
    [
        ("attribute", "model = 'base'\nprompts = 'builtin:decline'\nlimit = 3\nmethod = 'ships'\ntop = 1\n"),
        ("evaluate", "targets = ['base']\nprompts = ['builtin:decline']\nlimit = 2\nmax-new-tokens = 2\nno-harmless = true\n"),
        ("experiment", "name = 'table-3'\nmodel = 'base'\nset = 'builtin:decline'\nlimit = 2\nmax_new_tokens = 2\n"),
    ],
)
def test_each_of_the_three_commands_runs_from_a_file(verb: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_model("llama", tmp_path / "base")
    Path("run.toml").write_text(text + "template = 'direct'\ndtype = 'float32'\njson = true\nquiet = true\n")
    done = CliRunner().invoke(headsurgery, [verb, "--config", "run.toml"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)
    text = Path("run.toml").read_text().replace("limit", "limits")
    Path("run.toml").write_text(text)
    refused = CliRunner().invoke(headsurgery, [verb, "--config", "run.toml"])
    assert (refused.exit_code, "did you mean limit?" in refused.output) == (2, True)
