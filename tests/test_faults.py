"""All or nothing (law 3), proven by faults.

After each fault: under the target's name nothing, or what stood there before, or a whole, verified checkpoint; the base unchanged
byte for byte; beside the target at most a `.NAME.*.partial`, which the next run names and deletes.
HEADSURGERY_FAULTS=100 kills and interrupts the command at a hundred random moments each, and tries every operation; by default
there are fewer moments, and of the operations in the long middle of a run every fifth.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headsurgery import Recipe, apply_plan, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.card import write_card
from headsurgery.checkpoint import staging, workplace
from headsurgery.checkpoint.reader import WEIGHTS
from headsurgery.checkpoint.verify import verify_checkpoint
from headsurgery.errors import CheckpointError, HeadSurgeryError, SurgeryError
from tests.directories import append_tensors, contents, edit_json, recipe_of
from tests.faults import FAULTS, die, in_child, watching
from tests.tiny import save_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, forks and locks")

IS_THOROUGH = "HEADSURGERY_FAULTS" in os.environ
MOMENTS = int(os.environ.get("HEADSURGERY_FAULTS", "9"))
EDITS = recipe_of((0, 1, "scale", 0.0), (1, 3, "uniform_attention", 0.5), (2, 5, "scale", -0.3))
OTHER_EDITS = recipe_of((1, 1, "scale", 0.0))
PARTIAL = re.compile(r"\.out\.[0-9a-f]{8}\.partial")


@dataclass
class Scene:
    """A base, and a verb that makes `out` of it.

    Args:
        folder: Holds everything.
        verb: `apply`; `replace`: apply with force where another result stands; `restore`.
    """

    folder: Path
    verb: str
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base, self.out, self.edited = self.folder / "base", self.folder / "out", self.folder / "edited"
        if not self.base.exists():
            save_model("llama", self.base, max_shard_size="90KB")
            (self.base / "README.md").write_text("the base's card")
        self.plan = plan_surgery(EDITS, open_checkpoint(self.base))
        if self.verb == "restore":
            apply_plan(self.plan, self.edited)
        self.before = contents(self.base)
        self.set_up()

    def set_up(self) -> None:
        """As it is before the run."""
        for name in self.leftovers():
            shutil.rmtree(self.folder / name)
        if self.verb == "replace" and self.out.exists() and Recipe.load(self.out / "recipe.json") == OTHER_EDITS:
            return
        shutil.rmtree(self.out, ignore_errors=True)
        if self.verb == "replace":
            apply_plan(plan_surgery(OTHER_EDITS, open_checkpoint(self.base)), self.out)

    def run(self, **more: Any) -> None:
        if self.verb == "restore":
            restore_checkpoint(self.edited, self.out, on_note=self.notes.append, **more)
        else:
            write = lambda manifest, card: write_card(manifest, card, recipe=EDITS)  # noqa: E731
            more = {"force": self.verb == "replace", "write_card": write} | more
            apply_plan(self.plan, self.out, on_note=self.notes.append, **more)

    def leftovers(self) -> list[str]:
        others = set(os.listdir(self.folder)) - {"base", "out", "edited", "disk"}
        assert all(PARTIAL.fullmatch(name) for name in others), others
        return sorted(others)

    def is_whole(self) -> bool:
        """Whether the verb's result stands there; False: nothing does, or what did before. Anything else fails."""
        assert contents(self.base) == self.before
        if self.verb == "restore":
            assert not self.out.exists() or contents(self.out) == self.before
            return self.out.exists()
        if self.out.exists():
            assert verify_checkpoint(self.out, base=open_checkpoint(self.base)).problems == {}
        recipe = Recipe.load(self.out / "recipe.json") if self.out.exists() else None
        assert recipe in ((EDITS, OTHER_EDITS) if self.verb == "replace" else (EDITS, None))
        return recipe == EDITS

    def check_next_run_cleans(self) -> None:
        """The next run names every leftover and deletes it."""
        found = self.leftovers()
        self.notes.clear()
        shutil.rmtree(self.out, ignore_errors=True)
        self.run()
        assert self.is_whole()
        assert self.leftovers() == []
        assert all(name in " ".join(self.notes) for name in found)
        assert len(self.notes) <= 2, "a line, and one more if something came back"


@pytest.fixture(params=["apply", "replace", "restore"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return Scene(tmp_path, request.param)


@pytest.fixture
def apply_scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, "apply")


def numbers_of_operations(scene: Scene) -> list[int]:
    with watching() as operations:
        scene.run()
    count = len(operations.done)
    assert count > 30, "or nothing is watched"
    return [number for number in range(1, count + 1) if IS_THOROUGH or number % 5 == 0 or number < 8 or number > count - 12]


class TestAtEachOperation:
    """At the calls that change the disk: create, write, flush, rename, delete."""

    def test_killed(self, scene: Scene) -> None:
        results, killed = set(), 0
        for number in numbers_of_operations(scene):
            scene.set_up()
            with watching(number, die):
                assert in_child(scene.run) == -signal.SIGKILL
            results.add(scene.is_whole())
            if number % 10 == 0:
                scene.check_next_run_cleans()
            killed += 1
        print(f"{scene.verb}: killed at {killed} operations")
        assert results == {False, True}, "before the rename, and after it"
        scene.check_next_run_cleans()

    def test_killed_while_it_cleans_up(self, apply_scene: Scene) -> None:
        late = numbers_of_operations(apply_scene)[-1] // 2
        apply_scene.set_up()
        for number in range(1, min(30, late), 1 if IS_THOROUGH else 3):
            for moment in (late, number):
                with watching(moment, die):
                    assert in_child(apply_scene.run) == -signal.SIGKILL
        assert not apply_scene.is_whole()
        apply_scene.check_next_run_cleans()

    @pytest.mark.parametrize("fault", FAULTS)
    def test_failing(self, fault: str, scene: Scene) -> None:
        for number in (numbers := numbers_of_operations(scene)):
            scene.set_up()
            refusal: BaseException | None = None
            with watching(number, FAULTS[fault]()):
                try:
                    scene.run()
                except (SurgeryError, KeyboardInterrupt) as error:
                    refusal = error
            assert scene.is_whole() or refusal
            assert "\n" not in str(refusal)
            if fault in ("disk full", "Ctrl-C"):
                assert scene.leftovers() == [], "what was written is deleted even so"
        print(f"{scene.verb}, {fault}: at {len(numbers)} operations")
        scene.check_next_run_cleans()

    def test_all_is_on_the_disk_before_it_has_its_name_and_the_name_after(self, scene: Scene) -> None:
        flushed: list[str] = []
        moved = []
        real_fsync, real_rename, real_exchange = os.fsync, os.rename, staging.exchange

        def fsync(descriptor: int) -> None:
            flushed.append(os.readlink(f"/proc/self/fd/{descriptor}") if sys.platform == "linux" else "")
            real_fsync(descriptor)

        def move(source: Path, target: Path) -> None:
            if Path(target) == scene.out:
                moved.append(len(flushed))
                below = [source, *source.rglob("*")]
                assert sys.platform != "linux" or {str(path) for path in below} <= set(flushed)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            patch.setattr(os, "rename", lambda source, target: [move(source, target), real_rename(source, target)])
            patch.setattr(staging, "exchange", lambda source, target: [move(source, target), real_exchange(source, target)][1])
            scene.run()
        assert moved
        assert sys.platform != "linux" or str(scene.folder) in flushed[moved[-1] :]


def as_command(scene: Scene) -> list[str]:
    EDITS.save(recipe := scene.base.parent.parent / "recipe.json")
    head = [sys.executable, "-m", "headsurgery"]
    if scene.verb == "restore":
        return [*head, "restore", str(scene.edited), "-o", str(scene.out)]
    force = ["--force"] if scene.verb == "replace" else []
    return [*head, "apply", str(recipe), str(scene.base), "-o", str(scene.out), *force]


class TestAtRandomMoments:
    """The command, in a process of its own, with 16 MB to write."""

    @pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
    @pytest.mark.parametrize("verb", ["apply", "replace", "restore"])
    def test_signal(self, verb: str, signum: signal.Signals, tmp_path: Path) -> None:
        save_model("llama", tmp_path / "folder" / "base")
        data = np.random.default_rng(0).bytes(2**24)
        append_tensors(tmp_path / "folder" / "base" / WEIGHTS, {"extra": ("U8", [2**24], data)})
        scene = Scene(tmp_path / "folder", verb)
        command = as_command(scene)
        begins, ends = duration(scene, command)
        moments = random.Random(verb + signum.name)
        codes, states = set(), []
        for _ in range(-(-MOMENTS // 3)):
            if verb != "replace" or moments.random() < 0.5:
                scene.set_up()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(moments.uniform(0.9 * begins, 1.02 * ends))
            process.send_signal(signum)
            _, talk = process.communicate(timeout=60)
            codes.add(process.returncode)
            states.append((process.returncode == 0, scene.is_whole(), bool(scene.leftovers())))
            assert "Traceback" not in talk, talk
        assert codes <= {0, -signum, 130}
        print(f"{verb}, {signum.name}: (ended before, whole, leftover):", dict(Counter(states)))
        scene.check_next_run_cleans()


def duration(scene: Scene, command: list[str]) -> tuple[float, float]:
    """Seconds until an undisturbed run begins to write, and until it ends."""
    started = time.monotonic()
    begins = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if not begins and scene.leftovers():
                begins = time.monotonic() - started
            time.sleep(0.005)
    assert process.returncode == 0
    return begins, time.monotonic() - started


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a real file system with given limits, or set others."""
    place = tmp_path / "disk"

    def mount(limits: str) -> Path:
        options = f"{'remount,' if place.is_mount() else ''}{limits}"
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a tmpfs")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


class TestRealDisk:
    """Every size that is too small, in steps of two pages, and every number of files."""

    @pytest.mark.parametrize("limit", ["size={}k", "nr_inodes={}"])
    @pytest.mark.parametrize("verb", ["apply", "restore"])
    def test_full(
        self, verb: str, limit: str, tmp_path: Path, mount: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The check of the free space is passed over, as if somebody else filled the disk in between."""
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**40))
        scene = Scene(tmp_path, verb)
        scene.out = mount(limit.format(4)) / "out"
        for number in range(4, 4000, 8 if "size" in limit else 1):
            mount(limit.format(number))
            try:
                scene.run()
            except SurgeryError as error:
                refusal = error
            else:
                break
            assert "disk full: No space left on device" in str(refusal)
            assert os.listdir(scene.out.parent) == []
        assert scene.is_whole()
        print(f"{verb}, {limit}: full before {number}")
        assert number > (200 if "size" in limit else 10), "or it was no fault"


class TestBaseThatChanges:
    """While it is read, at the first byte, in the middle, and after the last."""

    @pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
    @pytest.mark.parametrize("change", ["a byte", "swapped", "longer", "gone", "one more", "configuration"])
    def test_apply_refuses(self, change: str, at: float, apply_scene: Scene) -> None:
        scene = apply_scene
        last = scene.plan.checkpoint.shards[-1].file

        def meddle(done: int, total: int) -> None:
            if done >= at * total:
                meddle_with(scene.base, last, change)

        with pytest.raises(HeadSurgeryError, match=rf"({last}|config\.json|base): (changed while it was read|missing)") as caught:
            scene.run(on_progress=meddle)
        assert "\n" not in str(caught.value)
        assert not scene.out.exists()
        assert scene.leftovers() == []

    def test_between_opening_and_planning(self, apply_scene: Scene) -> None:
        """The headers are compared, and the configuration; other bytes are read only once."""
        checkpoint = open_checkpoint(apply_scene.base)
        meddle_with(apply_scene.base, WEIGHTS, "configuration")
        with pytest.raises(CheckpointError, match=r"config\.json: changed while it was read; nothing was kept"):
            apply_plan(plan_surgery(EDITS, checkpoint), apply_scene.out)
        assert not apply_scene.out.exists()

    def test_a_byte_dated_back(self, apply_scene: Scene) -> None:
        """After it was read. Before, nobody can tell, and the result is of the base as it is."""
        last = apply_scene.plan.checkpoint.shards[-1].file

        def meddle(done: int, total: int) -> None:
            if done == total:
                meddle_with(apply_scene.base, last, "a byte, dated back")

        with pytest.raises(CheckpointError, match=f"{last}: changed while it was read"):
            apply_scene.run(on_progress=meddle)
        assert not apply_scene.out.exists()

    def test_links_and_permissions_are_no_change(self, apply_scene: Scene) -> None:
        path, link = apply_scene.base / apply_scene.plan.checkpoint.shards[0].file, apply_scene.edited

        def meddle(done: int, total: int) -> None:
            path.chmod(0o600)
            link.unlink(missing_ok=True)
            if done < total:
                os.link(path, link)

        apply_scene.run(on_progress=meddle)
        assert apply_scene.is_whole()

    @pytest.mark.parametrize("at", [0.0, 0.5])
    def test_restore_refuses(self, at: float, tmp_path: Path) -> None:
        scene = Scene(tmp_path, "restore")
        last = open_checkpoint(scene.edited).shards[-1].file
        with pytest.raises(SurgeryError, match="what came back is not the base's file; nothing was kept"):
            scene.run(on_progress=lambda done, total: meddle_with(scene.edited, last, "a byte") if done >= at * total else None)
        assert not scene.out.exists()


def meddle_with(base: Path, shard: str, change: str) -> None:
    """Once; a second time nothing changes any more."""
    path = base / shard
    if base.with_name("disk").exists():
        return
    base.with_name("disk").mkdir()
    if change in ("a byte", "a byte, dated back", "swapped"):
        look, data = path.stat(), bytearray(path.read_bytes())
        data[-1] ^= 1
        if change == "swapped":
            path.rename(base.with_name("disk") / shard)
        path.write_bytes(data)
        if change != "a byte":
            os.utime(path, ns=(look.st_atime_ns, look.st_mtime_ns))
    elif change == "longer":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "gone":
        path.unlink()
    elif change == "one more":
        (base / "more.txt").write_text("more")
    else:
        edit_json(base / "config.json", rms_norm_eps=1e-3)


class TestTwoAtOnce:
    @pytest.mark.parametrize("verb", ["apply", "replace"])
    def test_one_wins_and_the_other_is_refused_or_wins_later(self, verb: str, tmp_path: Path) -> None:
        scene = Scene(tmp_path / "folder", verb)
        command = as_command(scene)
        for _ in range(2):
            scene.set_up()
            runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(3)]
            talk = [run.communicate(timeout=60)[1] for run in runs]
            assert 0 in [run.returncode for run in runs]
            for run, said in zip(runs, talk):
                known = "another run is writing it at this moment|was created by someone else meanwhile|exists already"
                assert run.returncode == 0 or re.search(f"^error: .*({known})$", said, re.MULTILINE), said
            assert scene.is_whole()
            assert scene.leftovers() == []

    def test_a_run_that_is_alive_is_seen_at_once_and_left_alone(self, scene: Scene) -> None:
        """Even by one with --force."""
        refusals = []

        def second(done: int, total: int) -> None:
            with pytest.raises(SurgeryError, match="out: another run is writing it at this moment") as caught:
                scene.run()
            refusals.append(caught.value.hint)

        scene.run(on_progress=second)
        assert set(refusals) == {"wait for it, or choose another output"}
        assert scene.is_whole()


class TestClock:
    def test_it_may_jump(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """Back and forth by years, at every look."""
        scene.run()
        expected = contents(scene.out)
        jumps = random.Random(0)
        for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"):
            monkeypatch.setattr(time, name, lambda: jumps.randrange(2**60))
        with watching(20, die):
            assert in_child(lambda: scene.run(force=True)) == -signal.SIGKILL
        for path in (scene.folder / scene.leftovers()[0]).rglob("*"):
            os.utime(path, (2**32, 2**32))  # of the year 2106
        scene.check_next_run_cleans()
        assert contents(scene.out) == expected

    def test_nothing_in_the_checkpoint_folder_asks_one(self) -> None:
        for path in Path(staging.__file__).parent.glob("*.py"):
            assert not re.search(r"^\s*(import|from) (time|datetime)\b", path.read_text(), re.MULTILINE), path.name


class TestLeftovers:
    """Named and deleted if they are surely ours; never a stranger's."""

    @pytest.fixture
    def leftover(self, apply_scene: Scene) -> Path:
        with watching(40, die):
            assert in_child(apply_scene.run) == -signal.SIGKILL
        (name,) = apply_scene.leftovers()
        return apply_scene.folder / name

    def test_the_command_says_in_one_line_what_it_deleted(self, leftover: Path, apply_scene: Scene) -> None:
        done = subprocess.run(as_command(apply_scene), capture_output=True, text=True, check=True)
        assert f"note: cleaned up what killed runs to out left: {leftover.name}\n" in done.stderr
        assert not leftover.exists()

    def test_even_when_it_is_refused_then(self, leftover: Path, apply_scene: Scene) -> None:
        apply_scene.out.mkdir()
        with pytest.raises(SurgeryError, match="exists already"):
            apply_scene.run()
        assert not leftover.exists()

    def test_what_a_killed_run_had_moved_out_of_the_way_comes_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where system or disk can't let two folders change places in one step."""
        scene = Scene(tmp_path, "replace")
        before = contents(scene.out)
        monkeypatch.setattr(staging, "exchange", lambda *_: False)
        with watching() as operations:
            scene.run()
        moves = [number for number, (name, _) in enumerate(operations.done, start=1) if name == "rename"]
        scene.set_up()
        with watching(moves[1], die):
            assert in_child(scene.run) == -signal.SIGKILL
        assert not scene.out.exists()
        with pytest.raises(SurgeryError, match="exists already"):
            scene.run(force=False)
        assert contents(scene.out) == before
        assert scene.notes[0] == "out is back: a run that was killed had moved it out of the way"
        assert scene.leftovers() == []

    @pytest.mark.parametrize(
        "theirs", ["no lock", "other words", "another machine's", "a file too many", "a link", "a file", "another user's"]
    )
    def test_a_strangers_folder_is_named_and_left_alone(self, theirs: str, leftover: Path, apply_scene: Scene) -> None:
        lock = leftover / workplace.LOCK
        if theirs == "no lock":
            lock.unlink()
        elif theirs == "other words":
            lock.write_text("mine")
        elif theirs == "another machine's":
            lock.write_text("headsurgery is at work here, on another-machine\n")
        elif theirs == "a file too many":
            (leftover / "thesis.txt").touch()
        elif theirs == "a link":
            leftover.rename(apply_scene.edited)
            leftover.symlink_to(apply_scene.edited)
        elif theirs == "a file":
            shutil.rmtree(leftover)
            leftover.touch()
        elif os.geteuid() == 0:
            os.chown(leftover, 12345, -1)
        else:
            pytest.skip("needs the right to give a folder away")
        before = contents(leftover)
        apply_scene.run()
        assert apply_scene.is_whole()
        assert os.path.lexists(leftover)
        assert contents(leftover) == before
        assert leftover.name in apply_scene.notes[0]
        assert "left alone" in apply_scene.notes[0]

    @pytest.mark.parametrize("name", [".out.partial", ".out.1234567.partial", ".out.x.12345678.partial", "out.12345678.partial"])
    def test_another_name_is_not_even_looked_at(self, name: str, leftover: Path, apply_scene: Scene) -> None:
        theirs = leftover.rename(leftover.with_name(name))
        apply_scene.run()
        assert theirs.exists()
        assert apply_scene.notes == []

    def test_without_locks_nothing_is_deleted(self, apply_scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """Some network disks have none: then nobody knows who is alive."""
        monkeypatch.setattr(workplace, "_lock", lambda _: False)
        with watching(40, die):
            assert in_child(apply_scene.run) == -signal.SIGKILL
        found = apply_scene.leftovers()
        apply_scene.run()
        assert apply_scene.leftovers() == found
        monkeypatch.undo()
        shutil.rmtree(apply_scene.out)
        apply_scene.run()
        assert apply_scene.leftovers() == found
