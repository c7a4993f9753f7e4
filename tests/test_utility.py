"""Accuracy by lm-eval: on a task of our own against a naive loop where the extra is installed, one clear error where it is not."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from headsurgery.errors import UsageError
from headsurgery.evaluation.utility import measure_utility
from headsurgery.model.editing import edited
from headsurgery.model.loading import LoadedModel
from headsurgery.recipe import HeadEdit
from tests.tiny import build_model, build_tokenizer

EDITS = (HeadEdit(layer=1, head=2), HeadEdit(layer=0, head=3, operation="uniform_attention"))
CHOICES = ("w7", "w8")
INSTALLED = importlib.util.find_spec("lm_eval") is not None
needs_lm_eval = pytest.mark.skipif(not INSTALLED, reason="lm-eval is not installed")


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return LoadedModel(model=build_model("llama"), tokenizer=build_tokenizer())


def questions() -> list[dict[str, object]]:
    generator = torch.Generator().manual_seed(5)
    rows = torch.randint(10, 90, (24, 5), generator=generator).tolist()
    return [{"question": " ".join(f"w{word}" for word in row), "answer": index % 2} for index, row in enumerate(rows)]


@pytest.fixture
def task_folder(tmp_path: Path) -> Path:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in questions()))
    task = {
        "task": "two_words",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": list(CHOICES),
        "doc_to_target": "{{answer}}",
        "metric_list": [{"metric": "acc"}],
    }
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "two_words.yaml").write_text(json.dumps(task))  # JSON is YAML
    return folder


def naive_accuracy(loaded: LoadedModel) -> float:
    right = 0
    for row in questions():
        ids = loaded.tokenizer(row["question"])["input_ids"]
        with torch.no_grad():
            logits = loaded.model(input_ids=torch.tensor([ids])).logits[0, -1]
        right += int(logits[7] < logits[8]) == row["answer"]
    return right / len(questions())


@needs_lm_eval
def test_accuracy_is_the_naive_loops_for_the_base_and_under_edits(
    loaded: LoadedModel, task_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    base = measure_utility(loaded, ["two_words"], task_folder=task_folder)
    assert base == {"two_words": pytest.approx(naive_accuracy(loaded))}
    variant = measure_utility(loaded, ["two_words"], edits=EDITS, task_folder=task_folder)
    with edited(loaded.model, EDITS):
        assert variant == {"two_words": pytest.approx(naive_accuracy(loaded))}
    assert variant != base


@needs_lm_eval
def test_an_unknown_task_is_refused(loaded: LoadedModel) -> None:
    with pytest.raises(UsageError, match="no task 'nonsense'"):
        measure_utility(loaded, ["nonsense"])


@pytest.mark.skipif(INSTALLED, reason="lm-eval is installed")
def test_without_the_extra_the_error_names_it(loaded: LoadedModel) -> None:
    with pytest.raises(UsageError, match="needs lm-eval") as caught:
        measure_utility(loaded, ["boolq"])
    assert "headsurgery[utility]" in caught.value.hint
