"""Who is at work on a target, and what a killed run left there: named and deleted if it is surely ours; never a stranger's."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from headsurgery.errors import SurgeryError
from headsurgery.filesystem import lock_files as locks
from headsurgery.filesystem import staging
from tests.directories import contents
from tests.exhaustive import all_but
from tests.faults import die, in_child, watching
from tests.scenes import Scene, as_command

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, forks and locks")


class TestTwoAtOnce:
    @pytest.mark.parametrize("verb", all_but(["replace"], ["apply", "replace"]))
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
        lock = leftover / locks.LOCK
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
        monkeypatch.setattr(locks, "lock_open_file", lambda _: False)
        with watching(40, die):
            assert in_child(apply_scene.run) == -signal.SIGKILL
        found = apply_scene.leftovers()
        apply_scene.run()
        assert apply_scene.leftovers() == found
        monkeypatch.undo()
        shutil.rmtree(apply_scene.out)
        apply_scene.run()
        assert apply_scene.leftovers() == found
