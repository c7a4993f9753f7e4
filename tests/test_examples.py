"""The notebooks in examples/ run, and keep what a real run showed."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.tiny import save_model

FOLDER = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

_spec = spec_from_file_location("examples_run", FOLDER / "run.py")
assert _spec is not None
assert _spec.loader is not None
_run = module_from_spec(_spec)
_spec.loader.exec_module(_run)


def test_there_are_two() -> None:
    assert [path.name for path in NOTEBOOKS] == ["comparing-methods.ipynb", "the-job.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_a_tiny_model(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_model("llama", tmp_path / "tiny", max_position_embeddings=512)
    monkeypatch.setenv("HEADSURGERY_EXAMPLE_MODEL", str(model))
    monkeypatch.chdir(tmp_path)
    before = path.read_bytes()
    ran, kept = _run.run_notebook(path), json.loads(before)
    assert path.read_bytes() == before
    shown = [[output["output_type"] for output in cell.get("outputs", [])] for cell in ran["cells"]]
    assert shown == [[output["output_type"] for output in cell.get("outputs", [])] for cell in kept["cells"]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_kept_and_tell_nothing_of_the_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell["outputs"]) for cell in code) >= len(code) - 1
    assert any("text/html" in output.get("data", {}) for cell in code for output in cell["outputs"])
    assert not re.search(r"/(?:work|tmp|home|root|Users)/", text)
