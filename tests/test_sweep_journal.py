"""The journal of a sweep: what was finished stays finished, whatever breaks off, and a run that goes on ends the same."""

from __future__ import annotations

import json
import re
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from headsurgery.engine.journal import JournalError, SweepJournal
from headsurgery.engine.limits import Limits
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence, States
from headsurgery.engine.plan import plan_blocks
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Block, Measured, SweepTask
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.loading import LoadedModel
from tests.exhaustive import all_but
from tests.processes import Command
from tests.refusing import build_refusing_tokenizer, load_refusing, questions
from tests.tiny import build_model, tokens

SETTINGS = {"model": "org/name", "factor": 0.0, "weights": {"revision": "abc"}}
QUERIES = tuple(tuple(tokens(queries=1, length=length, seed=length)[0].tolist()) for length in (4, 6, 7))
HEADS = tuple(HeadRef(layer, head) for layer in range(3) for head in range(6))


class SmallBlocks(LocalEngine):
    """Blocks of a few heads and one query, and how often one ran."""

    def __init__(self) -> None:
        super().__init__(LoadedModel(model=build_model("llama"), tokenizer=None))
        self.ran = 0

    def plan(self, task: SweepTask) -> tuple[Block, ...]:
        return tuple(plan_blocks(task, tokens=64))

    def run(self, task: SweepTask, blocks: Any, on_pairs: Any = None) -> Iterator[Measured]:
        for measured in super().run(task, blocks, on_pairs):
            self.ran += 1
            yield measured


def task_of(measure: Any, factor: float = 0.0) -> SweepTask:
    return SweepTask(queries=QUERIES, heads=HEADS, operation="scale", factor=factor, measure=measure)


@pytest.fixture(scope="module")
def whole() -> dict[str, tuple[torch.Tensor, torch.Tensor | None]]:
    """What an uninterrupted sweep finds."""
    return {measure: Sweeper(engine=SmallBlocks()).sweep(task_of(eval(measure))) for measure in ("States()", "Divergence()")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of a whole sweep."""
    path = tmp_path_factory.mktemp("journal") / "recipe.json.journal"
    with SweepJournal(path, SETTINGS) as journal:
        Sweeper(engine=SmallBlocks(), journal=journal).sweep(task_of(States()))
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recipe.json.journal"


def check_same(found: tuple[torch.Tensor, torch.Tensor | None], wanted: tuple[torch.Tensor, torch.Tensor | None]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert (one is None and other is None) or torch.equal(one, other)


@pytest.mark.parametrize("measure", ["States()", "Divergence()"])
def test_a_finished_sweep_is_read_and_not_run_again(path: Path, whole: Any, measure: str) -> None:
    for times_run in (6, 0):
        engine, seen = SmallBlocks(), []
        with SweepJournal(path, SETTINGS) as journal:
            sweeper = Sweeper(engine=engine, journal=journal)
            check_same(sweeper.sweep(task_of(eval(measure)), lambda *progress: seen.append(progress)), whole[measure])  # noqa: B023
        assert engine.ran == times_run
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert seen[-1] == (54, 54)


def test_a_sweep_that_broke_off_goes_on_with_the_blocks_that_are_missing(path: Path, whole: Any) -> None:
    def break_off(done: int, _: int) -> None:
        if done >= 27:
            raise KeyboardInterrupt

    first, second = SmallBlocks(), SmallBlocks()
    with pytest.raises(KeyboardInterrupt), SweepJournal(path, SETTINGS) as journal:
        Sweeper(engine=first, journal=journal).sweep(task_of(States()), break_off)
    with SweepJournal(path, SETTINGS) as journal:
        check_same(Sweeper(engine=second, journal=journal).sweep(task_of(States())), whole["States()"])
    assert 0 < first.ran < 6
    assert first.ran + second.ran == 6


def test_blocks_of_another_task_are_not_taken_for_this_ones(path: Path, whole: Any) -> None:
    with SweepJournal(path, SETTINGS) as journal:
        Sweeper(engine=SmallBlocks(), journal=journal).sweep(task_of(States(), factor=0.5))
        Sweeper(engine=SmallBlocks(), journal=journal).sweep(task_of(Divergence()))
        check_same(Sweeper(engine=SmallBlocks(), journal=journal).sweep(task_of(States())), whole["States()"])
        assert journal.num_blocks == 18


def test_wherever_a_journal_is_torn_the_whole_blocks_before_it_are_kept(path: Path, finished: bytes, whole: Any) -> None:
    first = first_block(finished)
    sizes = set()
    for length in [*range(first, len(finished), 997), len(finished) - 1, len(finished)]:
        path.write_bytes(finished[:length])
        with SweepJournal(path, SETTINGS) as journal:
            sizes.add(journal.num_blocks)
            assert path.stat().st_size <= length
            check_same(Sweeper(engine=SmallBlocks(), journal=journal).sweep(task_of(States())), whole["States()"])
        assert len(path.read_bytes()) == len(finished)
    assert {0, 5, 6} <= sizes


@pytest.mark.parametrize("flip", all_but([0x80], [0x01, 0x80, 0xFF]))
def test_a_damaged_block_is_never_believed(path: Path, finished: bytes, whole: Any, flip: int) -> None:
    for position in range(first_block(finished), len(finished), 1213):
        damaged = bytearray(finished)
        damaged[position] ^= flip
        path.write_bytes(damaged)
        with SweepJournal(path, SETTINGS) as journal:
            assert journal.num_blocks < 6
            check_same(Sweeper(engine=SmallBlocks(), journal=journal).sweep(task_of(States())), whole["States()"])


def first_block(data: bytes) -> int:
    """Where the first block's record begins."""
    start = data.index(b"\n") + 1
    return start + 24 + int.from_bytes(data[start : start + 8], "little")


def test_the_format(finished: bytes) -> None:
    assert finished.startswith(b"headsurgery.sweep/1\n")
    start = len(b"headsurgery.sweep/1\n") + 24
    assert json.loads(finished[start : first_block(finished)]) == SETTINGS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor": 0.5}, "factor: there 0.0, now 0.5"),
        ({"weights": {"revision": "abd"}, "factor": 1}, "factor: there 0.0, now 1 (and 1 more)"),
        ({"template": "chat"}, 'template: there (absent), now "chat"'),
    ],
)
def test_a_changed_run_says_why_it_does_not_go_on_and_nothing_is_lost(
    path: Path, finished: bytes, change: dict[str, Any], message: str
) -> None:
    path.write_bytes(finished)
    with pytest.raises(JournalError, match=r"recipe\.json\.journal is another run's") as caught:
        SweepJournal(path, {**SETTINGS, **change})
    assert str(caught.value).endswith(message)
    assert "--force" in caught.value.hint
    assert path.read_bytes() == finished
    with SweepJournal(path, {**SETTINGS, **change}, force=True) as journal:
        assert journal.num_blocks == 0


@pytest.mark.parametrize("content", [b"", b"my notes\n", b"headsurgery.sweep/2\n", b"headsurgery.sweep/1\n\x05"])
def test_another_file_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"not a journal|are damaged"):
        SweepJournal(path, SETTINGS)
    assert path.read_bytes() == content


def test_one_process_writes_at_a_time(path: Path) -> None:
    with SweepJournal(path, SETTINGS):
        with pytest.raises(JournalError, match="another run is writing it"):
            SweepJournal(path, SETTINGS)
        with pytest.raises(JournalError, match="another run is writing it"):
            SweepJournal(path, {}, force=True)


def test_a_journal_without_blocks_leaves_no_file(path: Path) -> None:
    with SweepJournal(path, SETTINGS):
        assert path.exists()
    assert not path.exists()


# The command


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that refuses, prompts, and the recipe of an undisturbed run."""
    folder = tmp_path_factory.mktemp("made")
    loaded = load_refusing()
    loaded.model.save_pretrained(folder / "model")
    build_refusing_tokenizer().save_pretrained(folder / "model")
    for harmful, name in ((True, "harmful"), (False, "harmless")):
        (folder / f"{name}.txt").write_text("\n".join(questions(24, harmful=harmful)))
    code, talk = finish(start(folder, "wanted"))
    assert code == 0, talk
    assert not (folder / "wanted.json.journal").exists()
    return folder


def small_blocks() -> None:
    """So that there are many."""
    Limits.of = classmethod(lambda *_, **__: Limits(block=512, tokens=1024, logits=2**23))  # type: ignore[assignment]


def start(folder: Path, name: str, *more: str, prepare: Callable[[], None] = small_blocks) -> Command:
    """`headsurgery attribute`."""
    arguments = [
        "attribute",
        "model",
        "--method",
        "refusal",
        "--prompts",
        "harmful.txt",
        "--harmless",
        "harmless.txt",
        "--template",
        "direct",
    ]
    outputs = ["-o", f"{name}.json", "--scores", f"{name}.safetensors"]
    return Command([*arguments, *outputs, *more], folder, prepare)


def wait_for(path: Path, num_bytes: int) -> int:
    """Wait until a file has grown to a size; its size then."""
    for _ in range(60_000):
        if path.exists() and path.stat().st_size >= num_bytes:
            return path.stat().st_size
        time.sleep(0.001)
    raise AssertionError(f"{path} does not grow")


def check_wanted(folder: Path, name: str) -> None:
    """The same recipe and scores, byte for byte."""
    for suffix in ("json", "safetensors"):
        assert (folder / f"{name}.{suffix}").read_bytes() == (folder / f"wanted.{suffix}").read_bytes()


def break_off(folder: Path, name: str, number: signal.Signals) -> Command:
    """A run that a signal ends in its middle, after some blocks."""
    command = start(folder, name)
    wait_for(folder / f"{name}.json.journal", 3000)
    command.send_signal(number)
    return command


def finish(command: Command) -> tuple[int, str]:
    """Exit status and talk."""
    status, talk = command.finish()
    assert "Traceback" not in talk, talk
    return status, talk


@pytest.mark.exhaustive
def test_killed_the_same_command_ends_the_same_and_a_changed_one_says_why_it_does_not(made: Path) -> None:
    assert finish(break_off(made, "killed", signal.SIGKILL))[0] == -signal.SIGKILL
    assert not (made / "killed.json").exists()
    code, talk = finish(start(made, "killed", "--factor", "0.5"))
    assert code == 1
    assert "killed.json.journal is another run's: factor: there 0.0, now 0.5" in talk
    code, talk = finish(start(made, "killed"))
    assert code == 0, talk
    assert re.search(r"\d+ finished blocks, \d+ scores; going on from there", talk)
    check_wanted(made, "killed")
    assert not (made / "killed.json.journal").exists()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.exhaustive)]
)
def test_interrupted_it_says_what_is_kept_what_is_lost_and_how_to_go_on(made: Path, number: signal.Signals, status: int) -> None:
    name = f"interrupted{status}"
    code, talk = finish(break_off(made, name, number))
    assert code == status
    said = re.search(
        rf"kept (\d+) of (\d+) \(head, prompt\) scores in {name}\.json\.journal; the same command goes on from there; "
        r"the block in work, about \d+ s, is lost",
        talk,
    )
    assert said, talk
    assert 0 < int(said[1]) <= int(said[2])
    code, talk = finish(start(made, name))
    assert code == 0, talk
    check_wanted(made, name)


def fill_the_disk() -> None:
    """Files may have 8 kB from now on."""
    small_blocks()
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


def fill_it_later() -> None:
    """When the table of languages is unpacked."""
    find_refusal("I can't help with that.", prompt="Help.")
    fill_the_disk()


@pytest.mark.exhaustive
def test_a_full_disk_is_one_line_and_what_was_finished_stays(made: Path) -> None:
    code, talk = finish(start(made, "full", prepare=fill_it_later))
    assert code == 1
    assert "full.json.journal: can't write the journal there: File too large" in talk
    assert (made / "full.json.journal").stat().st_size > 3000


def test_without_room_to_unpack_the_table_of_languages_one_line_says_so(made: Path) -> None:
    code, talk = finish(start(made, "narrow", prepare=fill_the_disk))
    assert code == 1
    assert "the table that tells languages apart can't be unpacked into" in talk


def test_a_journal_of_0_1_under_the_name_that_it_shared_goes_on(path: Path, finished: bytes) -> None:
    path.write_bytes(finished.replace(b"headsurgery.sweep/1\n", b"headsurgery.journal/1\n", 1))
    with SweepJournal(path, SETTINGS) as journal:
        assert journal.num_blocks > 0
        engine = SmallBlocks()
        Sweeper(engine=engine, journal=journal).sweep(task_of(States()))
        assert engine.ran == 0, "all its blocks are read"
