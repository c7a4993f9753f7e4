"""What Ctrl-C keeps and costs is said in one line; and a run that goes on keeps the type that its first part had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from headsurgery.attribution.identity import read_sweep_dtype
from headsurgery.attribution.method import LEARNING, SCORING, SEARCHING
from headsurgery.cli.stages import Sweeping, journal_of
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.measures import Divergence
from headsurgery.engine.task import Block, Measured, SweepTask
from headsurgery.evaluation.journal import read_answers_dtype
from headsurgery.evaluation.local import ModelRuntime
from headsurgery.heads import HeadRef
from headsurgery.model import precision
from headsurgery.model.precision import Speeds
from tests.tiny import save_model

TASK = SweepTask(
    queries=((1, 2), (3, 4)), heads=(HeadRef(0, 0), HeadRef(0, 1)), operation="scale", factor=0.0, measure=Divergence()
)
RUN = {"model": "org/name", "prompts": {"sha256": "abc"}}


def append(journal: SweepJournal) -> None:
    journal.append(TASK, Measured(block=Block(heads=(0, 1), queries=(0,)), heads=torch.zeros(2, 1, 1), base=None))


def test_with_nothing_kept_it_says_that_the_same_command_begins_anew(tmp_path: Path) -> None:
    with SweepJournal(tmp_path / "recipe.json.journal", RUN) as journal:
        text = Sweeping(journal).describe()
    assert text == "nothing is kept yet: the first block was running for 0 s; the same command begins anew"


def test_with_blocks_kept_it_says_how_many_scores_and_what_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json.journal"
    with SweepJournal(path, RUN) as journal:
        sweeping, seen = Sweeping(journal), []
        report = sweeping.watch(lambda *progress: seen.append(progress))
        report(SCORING, 0, 12)
        append(journal)
        report(SCORING, 2, 12)
        assert seen == [(SCORING, 0, 12), (SCORING, 2, 12)]
        kept = f"kept 2 of 12 (head, prompt) scores in {path}"
        wanted = f"{kept}; the same command goes on from there; the block in work, about 0 s, is lost"
        assert sweeping.describe() == wanted
    with SweepJournal(path, RUN) as journal:
        assert journal.num_pairs == 2, "counted from the file, too"
        assert Sweeping(journal).describe().startswith(f"kept 2 (head, prompt) scores in {path}")


def test_what_is_kept_of_a_search_is_said(tmp_path: Path) -> None:
    with SweepJournal(tmp_path / "recipe.json.journal", RUN) as journal:
        sweeping = Sweeping(journal)
        append(journal)
        sweeping.watch(None)(SCORING, 2, 2)
        sweeping.watch(None)(SEARCHING, 3, 26)
        journal.note("a candidate", 0.5)
        assert sweeping.describe() == (
            f"kept 2 of 2 (head, prompt) scores and 1 results of the search in {journal.path}; "
            "the same command goes on from there; the batch in work is lost"
        )


def test_what_is_kept_of_learned_factors_is_said_without_scores(tmp_path: Path) -> None:
    with SweepJournal(tmp_path / "recipe.json.journal", RUN) as journal:
        sweeping = Sweeping(journal)
        sweeping.watch(None)(LEARNING, 6, 60)
        journal.note("six steps", [0.5])
        assert sweeping.describe() == (
            f"kept 1 results of the search in {journal.path}; the same command goes on from there; the batch in work is lost"
        )


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        ({**RUN, "dtype": "bfloat16", "device": "cpu"}, "bfloat16"),
        ({**RUN, "dtype": "float32", "device": "cpu"}, "float32"),
        ({**RUN, "dtype": "bfloat16", "device": "cuda"}, None),
        ({**RUN, "model": "org/other", "dtype": "bfloat16", "device": "cpu"}, None),
    ],
)
def test_attribute_takes_the_type_of_its_own_broken_off_run_only(
    there: dict[str, object], kept: str | None, tmp_path: Path
) -> None:
    output = tmp_path / "recipe.json"
    assert read_sweep_dtype(journal_of(output), RUN) is None
    with SweepJournal(journal_of(output), there) as journal:
        append(journal)
    assert read_sweep_dtype(journal_of(output), RUN) == kept


@pytest.mark.parametrize("content", [b"", b"headsurgery.journal/1\n", b"headsurgery.journal/1\n\xff\xff", b"something else"])
def test_a_journal_that_can_not_be_read_settles_nothing(content: bytes, tmp_path: Path) -> None:
    journal_of(tmp_path / "recipe.json").write_bytes(content)
    assert read_sweep_dtype(journal_of(tmp_path / "recipe.json"), RUN) is None


@pytest.mark.parametrize(("there", "wanted"), [("auto", "bfloat16"), ("float32", "float32"), (None, "float32")])
def test_an_evaluation_goes_on_in_the_type_of_its_answers(
    there: str | None, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto` is how 0.1 states the checkpoint's own type."""
    monkeypatch.setattr(precision, "measure_speeds", lambda _: Speeds(float32=300e9, bfloat16=170e9))
    base = save_model("llama", tmp_path / "base", dtype=torch.bfloat16)
    if there is not None:
        (tmp_path / "answers.run.json").write_text(json.dumps({"settings": {"dtype": there}}))
    settled = ModelRuntime(device="cpu").settled(base, read_answers_dtype(tmp_path))
    assert settled.dtype == wanted
    assert settled.settings(base)["dtype"] == (there or "float32"), "so that the journal is taken for this run's"
    assert ModelRuntime(device="cpu", dtype="float64").settled(base, there).dtype == "float64"


@pytest.mark.parametrize("content", ["", "[]", '{"settings": 3}', '{"settings": {"dtype": 5}}'])
def test_settings_of_answers_that_can_not_be_read_settle_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "answers.run.json").write_text(content)
    assert read_answers_dtype(tmp_path) is None
    assert read_answers_dtype(None) is None
