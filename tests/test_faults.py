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
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from headsurgery.errors import SurgeryError
from headsurgery.filesystem import staging
from headsurgery.storage.safetensors import WEIGHTS
from tests.directories import append_tensors, contents
from tests.exhaustive import all_but
from tests.faults import FAULTS, die, in_child, watching
from tests.scenes import Scene, as_command
from tests.tiny import save_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, forks and locks")

IS_THOROUGH = "HEADSURGERY_FAULTS" in os.environ
MOMENTS = int(os.environ.get("HEADSURGERY_FAULTS", "9"))


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

    @pytest.mark.parametrize("fault", all_but(["disk full"], FAULTS))
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


class TestAtRandomMoments:
    """The command, in a process of its own, with 16 MB to write."""

    @pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
    @pytest.mark.parametrize("verb", ["apply", "replace", "restore"])
    @pytest.mark.exhaustive
    def test_signal(self, verb: str, signum: signal.Signals, tmp_path: Path) -> None:
        save_model("llama", tmp_path / "folder" / "base")
        data = np.random.default_rng(0).bytes(2**24)
        append_tensors(tmp_path / "folder" / "base" / WEIGHTS, {"extra": ("U8", [2**24], data)})
        scene = Scene(tmp_path / "folder", verb)
        command = as_command(scene)
        begins, ends = duration(scene, command)
        moments = random.Random(verb + signum.name)
        codes, states, hits = set(), [], 0
        while hits < MOMENTS / 3:
            if verb != "replace" or moments.random() < 0.5:
                scene.set_up()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(moments.uniform(0.9 * begins, ends))
            process.send_signal(signum)
            _, talk = process.communicate(timeout=60)
            codes.add(process.returncode)
            hits += process.returncode != 0
            ends += (ends - begins) * (0.05 if process.returncode else -0.2)  # it is quicker and slower by turns
            assert len(states) < 10 * MOMENTS
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

    @pytest.mark.parametrize("limit", all_but(["nr_inodes={}"], ["size={}k", "nr_inodes={}"]))
    @pytest.mark.parametrize("verb", all_but(["apply"], ["apply", "restore"]))
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
