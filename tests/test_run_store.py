"""What every store of a run has in common: identity, lock, resume, `--force`, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from headsurgery.behaviour.answers import Answer
from headsurgery.documents.run_store import JournalError, RunStore
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.measures import States
from headsurgery.engine.task import Block, Measured, SweepTask
from headsurgery.evaluation.journal import AnswerJournal
from headsurgery.heads import HeadRef
from headsurgery.paper.choice import HeadStore

SETTINGS: dict[str, Any] = {"model": "org/name", "decoding": {"max_new_tokens": 8}}
OTHER: dict[str, Any] = {"model": "org/name", "decoding": {"max_new_tokens": 9}}
TASK = SweepTask(queries=((1, 2),), heads=(HeadRef(0, 1),), operation="scale", factor=0.0, measure=States())


def add_block(store: Any) -> None:
    store.append(TASK, Measured(block=Block(heads=(0,), queries=(0,)), heads=torch.ones(1, 1, 2), base=None))


def add_note(store: Any) -> None:
    store.note("a candidate", {"kl": 0.5})


def add_answer(store: Any) -> None:
    store.append([Answer(variant="base", set="s", index=0, seed=0, prompt="p", text="t", num_tokens=1, finished=True)])


STORES: dict[str, tuple[type[RunStore], Callable[[Any], None], Callable[[Any], int]]] = {
    "blocks": (SweepJournal, add_block, lambda store: store.num_blocks),
    "notes": (SweepJournal, add_note, lambda store: store.num_notes),
    "answers": (AnswerJournal, add_answer, lambda store: len(store.answers())),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    kind, add, count = STORES[request.param]
    path = tmp_path / "answers.jsonl"
    with kind(path, SETTINGS) as made:
        add(made)
    return kind, path, count


def test_the_same_run_goes_on(store: Any) -> None:
    kind, path, count = store
    with kind(path, dict(reversed(SETTINGS.items()))) as again:
        assert count(again) == 1


def test_another_run_is_refused_with_the_difference_and_nothing_is_lost(store: Any) -> None:
    kind, path, _ = store
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"answers.jsonl is another run's: decoding.max_new_tokens: there 8, now 9") as refused:
        kind(path, OTHER)
    assert "--force" in refused.value.hint
    assert path.read_bytes() == before


def test_force_begins_anew_only_where_another_run_stands(store: Any) -> None:
    kind, path, count = store
    with kind(path, SETTINGS, force=True) as same:
        assert count(same) == 1
    with kind(path, OTHER, force=True) as other:
        assert count(other) == 0


def test_one_process_writes_at_a_time_force_or_not(store: Any) -> None:
    kind, path, count = store
    with kind(path, SETTINGS):
        for settings, force in ((SETTINGS, False), (OTHER, True)):
            with pytest.raises(JournalError, match="another run is writing it"):
                kind(path, settings, force=force)
    with kind(path, SETTINGS) as again:
        assert count(again) == 1


def test_what_a_crash_tore_at_the_end_is_cut_and_the_rest_stays(store: Any) -> None:
    kind, path, count = store
    whole = path.read_bytes()
    for torn in (whole[:-1], whole + b"\x05", whole + whole[-9:-1]):
        path.write_bytes(torn)
        with kind(path, SETTINGS) as again:
            assert count(again) == (0 if len(torn) < len(whole) else 1)
        path.write_bytes(whole)


@pytest.mark.parametrize("kind", [SweepJournal, AnswerJournal])
def test_a_folder_that_is_not_there_is_one_line_and_leaves_nothing(kind: type[RunStore], tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="can't"):
        kind(tmp_path / "missing" / "answers.jsonl", SETTINGS)
    assert not list(tmp_path.iterdir())


def test_a_note_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    path, value = tmp_path / "journal", {"kl": 0.1 + 0.2, "answers": [[1, 2], []], "none": None}
    with SweepJournal(path, SETTINGS) as journal:
        assert journal.recall(("kl", 1)) is None
        journal.note(("kl", 1), value)
        add_block(journal)
        assert journal.recall(("kl", 1)) == value
    with SweepJournal(path, SETTINGS) as journal:
        assert journal.recall(("kl", 1)) == value
        assert journal.recall(("kl", 2)) is None
        assert (journal.num_blocks, journal.num_notes, journal.num_pairs) == (1, 1, 1)
        (block,) = journal.read(TASK)
        assert torch.equal(block.heads, torch.ones(1, 1, 2))


def test_a_journal_with_notes_alone_stays(tmp_path: Path) -> None:
    with SweepJournal(tmp_path / "journal", SETTINGS) as journal:
        journal.note("x", 1)
    assert (tmp_path / "journal").exists()


def test_chosen_heads_are_of_one_run_as_well(tmp_path: Path) -> None:
    path = tmp_path / "heads.json"
    HeadStore(path, SETTINGS).get("key", lambda: [[HeadRef(0, 1)]])
    assert HeadStore(path, SETTINGS).heads == {"key": [["L0H1"]]}
    with pytest.raises(JournalError, match=r"heads.json is another run's: decoding.max_new_tokens: there 8, now 9"):
        HeadStore(path, OTHER)
    assert HeadStore(path, OTHER, force=True).heads == {}
    assert json.loads(path.read_text())["schema"] == "headsurgery.heads/1"
