"""The house: who may import whom, and what a quick command must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import headsurgery
from tests.tiny import save_model

ROOT = Path(headsurgery.__file__).parent
TALKS_TO_THE_HUB = {"hub", "push", "recipe_source", "recipe_web"}
"""Besides: `prompts` reads published sets, `demo` its model; `card` and `console` only use what the client has on board."""
CORE = {"errors", "heads", "recipe", "architectures", "rows", "families", "proof", "atomic", "fingerprint"}
CORE |= {"configuration", "progress", "hub_names", "strict_json", "front_matter", "uniformity", "locking"}
HEAVY = {"torch", "transformers", "huggingface_hub", "datasets"}
THIRD_PARTY_OF_CHECKPOINT = {"numpy", "safetensors", "ml_dtypes", "pydantic"}


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


def part_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def third_party(path: Path) -> set[str]:
    tops = {name.split(".")[0] for name in imports_of(path)}
    return {name for name in tops if name not in sys.stdlib_module_names and name != "headsurgery"}


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_imports_only_what_its_part_may(path: Path) -> None:
    part, ours = part_of(path), {name.split(".")[1] for name in imports_of(path) if name.startswith("headsurgery.")}
    if part not in ("cli", "__main__"):
        assert not ours & {"cli", "console"}, "nothing but the command line prints"
    if part in CORE:
        assert ours <= CORE
        assert third_party(path) <= ({"yaml"} if part == "front_matter" else {"pydantic"})
    if part == "checkpoint":
        assert ours <= CORE | {"checkpoint"}
        assert third_party(path) <= THIRD_PARTY_OF_CHECKPOINT
    if part == "model":
        assert ours <= CORE | {"checkpoint", "model"}
    if part == "engine":
        assert ours <= CORE | {"model", "engine"}
    if part == "behaviour":
        assert ours <= CORE | {"behaviour", "prompts"}
        assert not third_party(path) & HEAVY
    if part == "attribution":
        assert ours <= CORE | {"behaviour", "model", "engine", "attribution", "prompts", "evaluation"}
    if part == "evaluation":
        assert ours <= CORE | {"behaviour", "checkpoint", "model", "prompts", "hub", "evaluation"}, (
            "attribution and report build on it"
        )
    if part == "report":
        assert ours <= CORE | {"evaluation", "prompts", "report"}
        assert not third_party(path) & HEAVY
    if part == "audit":
        assert ours <= CORE | {"audit", "checkpoint"}
        assert third_party(path) <= {"numpy"}
    if part == "card":
        assert ours <= CORE | {"card", "checkpoint"}, "what it shows of an evaluation is imported when there is one"
        assert third_party(path) <= {"numpy", "pydantic"}
    if part == "push":
        assert ours <= CORE | {"card", "checkpoint", "hub", "push"}
    if part in ("cli", "hub", "prompts", "push", "recipe_source", "recipe_web"):
        assert not third_party(path) & HEAVY, "imported where they are needed, so that --help is quick"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_a_few_parts_talk_to_the_hub(path: Path) -> None:
    calls = {"HfApi", "hf_hub_download", "snapshot_download", "http_backoff", "http_stream_backoff", "build_opener"}
    if part_of(path) not in TALKS_TO_THE_HUB | {"demo"}:
        used = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not used & calls


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
