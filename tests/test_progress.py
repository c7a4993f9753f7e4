"""Progress of long work has one form: stage, done, in all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import headsurgery as hs
from headsurgery.auditing import examine, examine_against
from headsurgery.progress import of_stage, share_progress, takes_stage
from headsurgery.surgery.verify import verify_checkpoint
from tests.tiny import save_model


def test_parts_of_a_run_report_on_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    first, second = share_progress([10, 30], lambda done, total: seen.append((done, total)))
    assert first is not None
    assert second is not None
    first(10, 10)
    second(5, 30)
    assert seen == [(10, 40), (15, 40)]
    assert share_progress([1, 2], None) == [None, None]


def two(done: int, total: int) -> None: ...
def three(stage: str, done: int, total: int) -> None: ...


class Both:
    def two(self, done: int, total: int) -> None: ...
    def __call__(self, stage: str, done: int, total: int) -> None: ...


@pytest.mark.parametrize(
    ("callback", "is_new"),
    [
        (two, False),
        (three, True),
        (Both().two, False),
        (Both(), True),
        (lambda *step: None, True),
        (lambda done, total, start=1: None, False),
        (print, True),
    ],
)
def test_what_a_callback_takes_is_told_from_its_signature(callback: Callable[..., Any], is_new: bool) -> None:
    assert takes_stage(callback) == is_new


def test_a_stage_is_named_to_those_who_take_it() -> None:
    seen: list[Any] = []
    new, old = (
        of_stage(lambda *step: seen.append(step), "writing"),
        of_stage(lambda done, total: seen.append((done, total)), "writing"),
    )
    assert new is not None
    assert old is not None
    new(1, 2)
    old(1, 2)
    assert seen == [("writing", 1, 2), (1, 2)]
    assert of_stage(None, "writing") is None


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("llama", tmp_path_factory.mktemp("progress") / "base")


def test_every_function_on_files_names_its_stage(base: Path, tmp_path: Path) -> None:
    plan = hs.plan_surgery(hs.Recipe(edits=[hs.HeadEdit(layer=0, head=1)]), hs.open_checkpoint(base))
    calls = {
        "writing": lambda report: hs.apply_plan(plan, tmp_path / "edited", force=True, on_progress=report),
        "reading": lambda report: verify_checkpoint(tmp_path / "edited", on_progress=report),
        "comparing": lambda report: hs.diff_checkpoints(
            hs.open_checkpoint(base), hs.open_checkpoint(tmp_path / "edited"), on_progress=report
        ),
        "comparing ": lambda report: examine_against(
            hs.open_checkpoint(tmp_path / "edited"), hs.open_checkpoint(base), on_progress=report
        ),
        "examining": lambda report: examine(hs.open_checkpoint(base), on_progress=report),
        "writing ": lambda report: hs.restore_checkpoint(tmp_path / "edited", tmp_path / "again", force=True, on_progress=report),
    }
    for stage, call in calls.items():
        seen: list[tuple[str, int, int]] = []
        call(lambda *step, seen=seen: seen.append(step))  # type: ignore[misc]
        assert {name for name, _, _ in seen} == {stage.strip()}
        assert seen[-1][1] == seen[-1][2] > 0
        old: list[tuple[int, int]] = []
        call(lambda done, total, old=old: old.append((done, total)))  # type: ignore[misc]
        assert old[-1] == seen[-1][1:]
