"""README, changelog and CI don't drift from the tool."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery import Recipe, __all__
from headsurgery.architectures.table import TABLE
from headsurgery.cli import VERBS, app
from headsurgery.judges import Judge, JudgeResources
from headsurgery.prompts import BUILTIN, load_prompts
from tests.families import CAUSAL_LMS
from tests.tiny import save_model

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
FAMILIES = (ROOT / "docs/commands/architectures.md").read_text()

_spec = spec_from_file_location("update_help", ROOT / "docs/update_help.py")
assert _spec is not None
assert _spec.loader is not None
update_help = module_from_spec(_spec)
_spec.loader.exec_module(update_help)
page_of, with_help = update_help.page_of, update_help.with_help


def test_the_readme_shows_every_command_and_promises_no_other() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    shown = set(re.findall(r"headsurgery ([a-z]+)(?= |$|\n|`)", README)) - {"import", "as"}
    assert shown <= commands
    assert commands <= shown


def test_every_command_has_a_page_with_its_help_as_it_is(subtests: pytest.Subtests) -> None:
    for verb in VERBS:
        with subtests.test(verb=verb):
            text = page_of(verb).read_text()
            assert with_help(verb, text) == text, "run: python docs/update_help.py"


def test_the_option_objects_stand_in_the_api_as_they_are() -> None:
    text = update_help.API.read_text()
    assert update_help.with_options(text) == text, "run: python docs/update_help.py"
    declared = {
        name
        for path in (ROOT / "headsurgery").rglob("options.py")
        for name in re.findall(r"^ *class ([A-Z]\w+Options)\b", path.read_text(), re.MULTILINE)
    }
    assert declared == set(re.findall(r"<!-- options [\w.]+\.(\w+) -->", text))


@pytest.mark.exhaustive
def test_the_documentation_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(ROOT / "mkdocs.yml"),
        "--site-dir",
        str(tmp_path),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "api" / "index.html").is_file()


def test_ci_runs_the_readmes_own_test_command() -> None:
    line = next(line for line in (ROOT / ".ci/run").read_text().splitlines() if "pytest" in line)
    assert line in README


def test_the_families_that_the_docs_name_are_supported() -> None:
    named = re.search(r"\*\*Families\*\*, among others: (.*?);", FAMILIES, re.DOTALL)
    assert named is not None
    assert set(re.findall(r"[a-z][a-z0-9_]*", named.group(1))) <= set(TABLE)


def test_the_readme_counts_families_as_the_command_does() -> None:
    said = re.search(r"lists (\d+): (\d+) of the \d+ with .*?, and (\d+) that see or hear", FAMILIES, re.DOTALL)
    assert said is not None
    causal = {*CAUSAL_LMS} & {*TABLE}
    assert tuple(map(int, said.groups())) == (len(TABLE), len(causal), len({*TABLE} - causal))
    shown = json.loads(CliRunner().invoke(app, ["architectures", "--json"]).stdout)
    assert len(shown["supported"]) == len(TABLE)


def python_of_the_readme() -> str:
    return next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL))


def test_the_readmes_names_exist() -> None:
    assert {*re.findall(r"hs\.(\w+)", python_of_the_readme())} <= set(__all__)


def test_the_readmes_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letter for letter, on a tiny model."""
    save_model("llama", tmp_path / "base", max_position_embeddings=512)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(python_of_the_readme(), "README.md", "exec"), names)
    assert Recipe.load("recipe.json").provenance.method == "ships"
    assert {variant.kind for variant in names["report"].evaluation.variants} == {"base", "recipe", "random"}
    assert (tmp_path / "base-again/model.safetensors").read_bytes() == (tmp_path / "base/model.safetensors").read_bytes()


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.json")), ids=lambda path: path.name)
def test_every_recipe_is_valid_and_explained(path: Path) -> None:
    if not path.name.endswith(".schema.json"):
        Recipe.load(path)
    assert path.name in (ROOT / "recipes/README.md").read_text()


def test_every_key_of_the_schema_is_explained() -> None:
    text = (ROOT / "recipes/README.md").read_text()
    for key in (
        "schema",
        "base",
        "edits",
        "provenance",
        "layer",
        "head",
        "operation",
        "factor",
        "model",
        "revision",
        "fingerprint",
    ):
        assert f"`{key}`" in text or f".{key}`" in text


def test_the_built_in_prompts_are_as_many_as_the_readme_says() -> None:
    assert f"{len(load_prompts('builtin:decline').texts)} mild questions" in README
    assert f"{len(load_prompts('builtin:paired-decline').texts)} other\npairs" in README
    prompts_page = (ROOT / "docs" / "prompts.md").read_text(encoding="utf-8")
    for name in BUILTIN:
        assert f"| `builtin:{name}` | {len(load_prompts(f'builtin:{name}').texts)} |" in prompts_page


def test_nothing_of_this_machine_or_of_a_registry_is_in_the_tree() -> None:
    for path in ROOT.rglob("*"):
        is_ours = not any(
            part in {".git", ".venv", "__pycache__"} or part.startswith(".") for part in path.relative_to(ROOT).parts[:-1]
        )
        if is_ours and path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".yml"} and path != Path(__file__):
            text = path.read_text()
            assert not re.search(r"/work/|/tmp/hs|pypi\.org|pythonhosted|hf_[A-Za-z0-9]{30}", text), path


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_the_examples_for_contributors_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    blocks = re.findall(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)
    found: dict[str, Any] = {}
    for number, block in enumerate(block for block in blocks if block.startswith("from")):
        (tmp_path / f"example_{number}.py").write_text(block)
        found |= vars(import_module(f"example_{number}"))
    assert found["Negate"]().change(2.0, 1.0, {}) == -2.0
    assert found["METHOD"].options().top == 3
    assert isinstance(found["KIND"].load("", JudgeResources()), Judge)


def test_the_files_that_contributors_are_sent_to_exist() -> None:
    named = re.findall(r"`(?:headsurgery/)?((?:[a-z_]+/)+[a-z_0-9]+\.py)`", CONTRIBUTING)
    assert named
    for name in named:
        assert any((folder / name).is_file() for folder in (ROOT, ROOT / "headsurgery")), name
