"""The house: who may import whom, and what a quick command must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import headsurgery
from tests.tiny import save_model

ROOT = Path(headsurgery.__file__).parent
TALKS_TO_THE_HUB = {"hub", "push", "demo"}
"""`card` and `console` only use what the client has on board."""
HEAVY = {"torch", "transformers", "huggingface_hub", "datasets"}
NOUNS = {"errors", "heads", "options", "recipe", "version", "progress"}
MAY_IMPORT = {
    "documents": {"errors", "filesystem"},
    "architectures": {"documents", "errors", "heads"},
    "recipe": {"architectures", "attribution", "documents", "edits", "errors", "heads"},
    "filesystem": {"errors"},
    "storage": NOUNS | {"documents", "filesystem"},
    "edits": NOUNS | {"architectures", "documents", "storage"},
    "surgery": NOUNS | {"architectures", "comparing", "documents", "edits", "filesystem", "hub", "storage"},
    "comparing": NOUNS | {"architectures", "documents", "edits", "filesystem", "storage", "surgery"},
    "auditing": NOUNS | {"architectures", "comparing", "documents", "edits", "filesystem", "hub", "storage", "surgery"},
    "model": NOUNS | {"architectures", "documents", "edits", "filesystem", "storage"},
    "engine": NOUNS | {"architectures", "documents", "edits", "filesystem", "model"},
    "hub": NOUNS | {"documents", "filesystem", "storage"},
    "prompts": NOUNS | {"documents", "hub"},
    "behaviour": NOUNS | {"model", "prompts"},
    "endpoints": NOUNS | {"behaviour", "prompts"},
    "judges": NOUNS | {"behaviour", "endpoints", "hub", "model", "prompts", "storage"},
    "attribution": NOUNS | {"architectures", "behaviour", "documents", "edits", "engine", "judges", "model", "prompts"},
    "evaluation": NOUNS
    | {"architectures", "behaviour", "documents", "edits", "endpoints", "filesystem", "hub", "judges", "model", "prompts"}
    | {"storage", "surgery"},
    "report": NOUNS | {"edits", "attribution", "behaviour", "documents", "evaluation"},
    "card": NOUNS | {"architectures", "documents", "edits", "filesystem", "hub", "surgery"},
    "push": NOUNS | {"card", "documents", "filesystem", "hub", "storage", "surgery"},
}
"""Each room, and what it may import when it is loaded. What is not listed may import anything but the command line."""
THIRD_PARTY = {
    "documents": {"pydantic", "yaml"},
    "architectures": set[str](),
    "recipe": {"pydantic"},
    "filesystem": {"numpy"},
    "storage": {"numpy", "ml_dtypes", "safetensors"},
    "edits": {"numpy"},
    "surgery": {"numpy", "pydantic", "safetensors"},
    "comparing": {"ml_dtypes", "numpy"},
    "auditing": {"numpy"},
    "card": {"numpy", "pydantic"},
}
LIGHT = {"behaviour.marks", "behaviour.replies", "behaviour.answers", "behaviour.figures", "judges.keyword", "report", "cli", "hub"}
LIGHT |= {"prompts", "push", "endpoints"}
"""Rooms and modules that load nothing heavy, so that `--help` is quick and a judge needs no model."""


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports at its top level, TYPE_CHECKING blocks and function bodies aside."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            found.add(node.module)
    return found


def all_imports_of(path: Path) -> set[str]:
    """What a file imports anywhere but for its annotations, as `module.name`."""
    tree = ast.parse(path.read_text())
    typing_only = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    skipped = {id(inner) for node in typing_only for inner in ast.walk(node)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in skipped:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def third_party(path: Path) -> set[str]:
    tops = {name.split(".")[0] for name in imports_of(path)}
    return {name for name in tops if name not in sys.stdlib_module_names and name != "headsurgery"}


def test_each_room_imports_only_rooms_below_it() -> None:
    for path in files():
        part, ours = part_of(path), {name.split(".")[1] for name in imports_of(path) if name.startswith("headsurgery.")}
        if part not in ("cli", "__main__"):
            assert not ours & {"cli", "console"}, f"{path}: nothing but the command line prints"
        if part in MAY_IMPORT:
            assert ours <= MAY_IMPORT[part] | {part}, path
        if part in THIRD_PARTY:
            assert third_party(path) <= THIRD_PARTY[part], path
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if part in LIGHT or module in LIGHT:
            assert not third_party(path) & HEAVY, f"{path}: imported where it is needed"


def test_no_module_is_in_a_circle() -> None:
    names = {path: ".".join(("headsurgery", *path.relative_to(ROOT).with_suffix("").parts)) for path in files()}
    modules = {name.removesuffix(".__init__"): path for path, name in names.items()}
    graph = {
        module: {name if name in modules else name.rpartition(".")[0] for name in all_imports_of(path)} & modules.keys()
        for module, path in modules.items()
    }
    TopologicalSorter(graph).prepare()


def test_only_a_few_parts_talk_to_the_hub() -> None:
    calls = {"HfApi", "hf_hub_download", "snapshot_download", "http_backoff", "http_stream_backoff", "build_opener"}
    for path in files():
        if part_of(path) not in TALKS_TO_THE_HUB:
            used = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
            assert not used & calls, path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imports")
    (folder / "recipe.json").write_text('{"schema": "headsurgery.recipe/1", "edits": [{"layer": 0, "head": 1}]}')
    return save_model("llama", folder / "base").parent


@pytest.mark.parametrize(
    "arguments",
    ["--help", "inspect base", "apply recipe.json base -o edited", "diff base base", "attribute --help", "evaluate --help"],
)
def test_quick_commands_never_load_torch_nor_the_network(arguments: str, checkpoint: Path) -> None:
    code = (
        "import sys; from headsurgery.cli import app\n"
        f"try: app({arguments.split()!r})\n"
        "except SystemExit as error: assert not error.code, error.code\n"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'http.client', 'ssl'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=checkpoint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_packages_names_are_lazy_and_all_there() -> None:
    code = "import sys, headsurgery; assert not {'torch', 'numpy', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert all(getattr(headsurgery, name) is not None for name in headsurgery.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        headsurgery.nonsense  # noqa: B018
