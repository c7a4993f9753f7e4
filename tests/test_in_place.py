"""Edits where the checkpoint lies: the bytes of an edited copy, only in files that are nobody else's, whole after any crash."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from typer.testing import CliRunner

from headsurgery import Manifest, Recipe, apply_plan, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.card import write_card
from headsurgery.checkpoint.history import earlier_manifests
from headsurgery.checkpoint.in_place import apply_in_place, recover, restore_in_place, todo
from headsurgery.checkpoint.plan import SurgeryPlan
from headsurgery.cli import app
from headsurgery.errors import CheckpointError, HeadSurgeryError, SurgeryError
from tests.directories import FEW_KB, as_hub_cache, contents, recipe_of
from tests.faults import FAULTS, die, in_child, watching
from tests.tiny import FAMILIES, save_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, forks and locks")

FIRST = recipe_of((0, 1, "scale", 0.0), (1, 3, "uniform_attention", 0.5), (2, 5, "scale", -0.3))
SECOND = recipe_of((2, 5, "scale", 0.5), (0, 0, "scale", 0.0))
THIRD = recipe_of((1, 1, "uniform_attention", 0.0))
EVERYTHING = recipe_of(
    *((layer, head, "scale", 0.5) for layer in range(3) for head in range(6)),
    *((layer, head, "uniform_attention", 0.0) for layer in range(3) for head in range(6)),
)
IS_THOROUGH = "HEADSURGERY_FAULTS" in os.environ
MOMENTS = int(os.environ.get("HEADSURGERY_FAULTS", "9"))


def plan(directory: Path, recipe: Recipe) -> SurgeryPlan:
    return plan_surgery(recipe, open_checkpoint(directory))


def card_of(plan: SurgeryPlan) -> Callable[[Manifest, bytes | None], dict[str, bytes]]:
    earlier = earlier_manifests(plan.checkpoint.files)
    return lambda manifest, card: write_card(manifest, card, recipe=plan.recipe, earlier=earlier)


def edit(directory: Path, recipe: Recipe, **more: Any) -> Manifest:
    made = plan(directory, recipe)
    return apply_in_place(made, write_card=card_of(made), **more)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A checkpoint with a card, in shards."""
    (path := save_model("llama", tmp_path / "model", max_shard_size="90KB")).joinpath("README.md").write_text("the base's card")
    return path


class TestResult:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_is_the_edited_copy_byte_for_byte_and_comes_back(self, family: str, dtype: torch.dtype, tmp_path: Path) -> None:
        model = save_model(family, tmp_path / "model", dtype=dtype, max_shard_size=FEW_KB)
        before = contents(model)
        copied = apply_plan(plan(model, EVERYTHING), tmp_path / "copy")
        assert apply_in_place(plan(model, EVERYTHING)) == copied == Manifest.load(model)
        assert contents(model) == contents(tmp_path / "copy")
        restore_in_place(model)
        assert contents(model) == before

    def test_several_edits_stack_as_copies_do_and_come_back_step_by_step(self, model: Path, tmp_path: Path) -> None:
        states, source = [contents(model)], shutil.copytree(model, tmp_path / "base" / "model")
        for number, recipe in enumerate((FIRST, SECOND, THIRD)):
            edit(model, recipe)
            made = plan(source, recipe)
            source = tmp_path / str(number) / "model"
            apply_plan(made, source, write_card=card_of(made))
            states.append(contents(source))
            assert contents(model) == states[-1]
        for steps in (1, 2, 3, None):
            again = shutil.copytree(model, tmp_path / f"back {steps}")
            records = restore_in_place(again, steps=steps)
            assert contents(again) == states[-1 - (steps or 3)]
            assert {record.base_file for record in records} == contents(again).keys()
            assert {path.name for path in again.iterdir()} == {name.split("/")[0] for name in contents(again)}

    def test_either_way_back_takes_either_edit(self, model: Path, tmp_path: Path) -> None:
        before = contents(model)
        apply_plan(plan(model, FIRST), tmp_path / "copy", link="copy")
        edit(model, FIRST)
        restore_checkpoint(model, tmp_path / "back")
        restore_in_place(tmp_path / "copy")
        assert contents(tmp_path / "back") == contents(tmp_path / "copy") == before

    def test_files_that_are_not_edited_are_not_touched(self, model: Path) -> None:
        looks = {path.name: path.stat() for path in model.iterdir()}
        manifest = edit(model, FIRST)
        edited = {edit.file for edit in manifest.edits}
        assert 0 < len(edited) < sum(name.endswith(".safetensors") for name in looks)
        for name, look in looks.items():
            now = (model / ("headsurgery.base-card.md" if name == "README.md" else name)).stat()
            assert now.st_ino == look.st_ino
            assert (now.st_mtime_ns == look.st_mtime_ns) == (name not in edited)

    def test_lines_that_the_hub_added_go_again(self, model: Path) -> None:
        (model / ".gitattributes").write_text("*.safetensors filter=lfs\n")
        before = contents(model)
        edit(model, FIRST)
        with (model / ".gitattributes").open("a") as file:
            file.write("headsurgery.undo filter=lfs\n")
        restore_in_place(model)
        assert contents(model) == before


class TestRefusals:
    """Before anything is written; the directory stays as it is."""

    def check_refused(self, directory: Path, recipe: Recipe, words: str, **more: Any) -> None:
        before = contents(directory)
        with pytest.raises(HeadSurgeryError, match=words) as caught:
            edit(directory, recipe, **more)
        assert "\n" not in str(caught.value)
        assert contents(directory) == before
        assert not (directory / "headsurgery.journal").exists()

    def test_the_hubs_cache(self, model: Path, tmp_path: Path) -> None:
        self.check_refused(as_hub_cache(model, tmp_path), FIRST, "lies in the Hub's cache, which other programs share")

    @pytest.mark.parametrize("link", [os.link, os.symlink])
    def test_a_file_that_others_have_too(self, link: Callable[[Path, Path], None], model: Path, tmp_path: Path) -> None:
        shard = model / plan(model, FIRST).edits[0].tensor.file
        shard.rename(tmp_path / "theirs")
        link(tmp_path / "theirs", shard)
        theirs = (tmp_path / "theirs").read_bytes()
        self.check_refused(model, FIRST, rf"{shard.name}: (a link|the same file as 1 others)")
        assert (tmp_path / "theirs").read_bytes() == theirs

    def test_hard_links_of_apply_to_files_that_are_not_edited_are_no_obstacle(self, model: Path, tmp_path: Path) -> None:
        before = contents(model)
        apply_plan(plan(model, FIRST), tmp_path / "out", link="hardlink")
        restore_in_place(tmp_path / "out")
        assert contents(tmp_path / "out") == contents(model) == before

    @pytest.mark.parametrize("copy", ["model.gguf", "onnx/model.onnx", "pytorch_model.bin"])
    def test_a_copy_of_the_weights_that_would_stay_unedited(self, copy: str, model: Path) -> None:
        (model / copy).parent.mkdir(exist_ok=True)
        (model / copy).write_bytes(b"weights")
        self.check_refused(model, FIRST, f"holds the weights a second time, .*: {copy.split('/')[0]}")

    def test_folders_of_git_and_files_of_training_stay_where_they_are(self, model: Path) -> None:
        (model / ".git").mkdir()
        for file in (".git/HEAD", "training_args.bin"):
            (model / file).write_text("as it is")
        edit(model, FIRST)
        assert (model / ".git/HEAD").read_text() == "as it is"
        restore_in_place(model)

    def test_the_same_recipe_twice(self, model: Path) -> None:
        edit(model, FIRST)
        self.check_refused(model, FIRST, "edited by this very recipe already")
        edit(model, SECOND)
        edit(model, FIRST)

    def test_a_base_that_changes_while_it_is_read(self, model: Path) -> None:
        made = plan(model, FIRST)
        config = model / "config.json"
        config.write_text(config.read_text() + " ")
        before = contents(model)
        with pytest.raises(CheckpointError, match=r"config\.json: changed while it was read"):
            apply_in_place(made)
        assert contents(model) == before

    def test_a_name_that_is_taken(self, model: Path) -> None:
        (model / "headsurgery.json").mkdir()
        self.check_refused(model, FIRST, r"headsurgery\.json: is in the way")

    def test_an_edited_checkpoint_that_was_changed_since_is_not_restored(self, model: Path) -> None:
        edit(model, FIRST)
        (model / "config.json").write_text("{}")
        before = contents(model)
        with pytest.raises(SurgeryError, match=r"config\.json: what came back is not the base's file"):
            restore_in_place(model)
        assert contents(model) == before

    @pytest.mark.parametrize("flags", [["-o", "out"], ["--force"], ["--no-undo"], ["--link", "copy"]])
    def test_the_command_takes_no_flags_that_mean_a_copy(self, flags: list[str], model: Path, tmp_path: Path) -> None:
        FIRST.save(recipe := tmp_path / "recipe.json")
        result = CliRunner().invoke(app, ["apply", str(recipe), str(model), "--in-place", *flags])
        assert result.exit_code == 2
        assert f"found {flags[0]} beside it" in result.stderr

    def test_the_command_wants_the_directory_by_name(self, model: Path, tmp_path: Path) -> None:
        FIRST.save(recipe := tmp_path / "recipe.json")
        for more in ([], ["org/name"]):
            result = CliRunner().invoke(app, ["apply", str(recipe), *more, "--in-place"])
            assert result.exit_code == 2
            assert "--in-place edits MODEL itself, a directory on this machine" in result.stderr


class Stage:
    """A checkpoint, and a verb that changes it in place.

    Args:
        folder: Holds everything.
        verb: `apply`, `stack`: apply where an edit is already; `restore`: two steps.
    """

    def __init__(self, folder: Path, verb: str) -> None:
        self.verb, self.model, self._pristine = verb, folder / "model", folder / "pristine"
        save_model("llama", self._pristine, max_shard_size="150KB")
        (self._pristine / "README.md").write_text("the base's card")
        if verb != "apply":
            edit(self._pristine, FIRST)
        if verb == "restore":
            edit(self._pristine, SECOND)
        self.set_up()
        self.before = contents(self.model)
        self.run()
        self.after = contents(self.model)
        assert self.before != self.after
        self.set_up()

    def set_up(self) -> None:
        """As it is before the run."""
        shutil.rmtree(self.model, ignore_errors=True)
        shutil.copytree(self._pristine, self.model)

    def run(self) -> None:
        if self.verb == "restore":
            restore_in_place(self.model)
        else:
            edit(self.model, SECOND if self.verb == "stack" else FIRST)

    def command(self, folder: Path) -> list[str]:
        (SECOND if self.verb == "stack" else FIRST).save(folder / "recipe.json")
        more = ["restore"] if self.verb == "restore" else ["apply", str(folder / "recipe.json")]
        return [sys.executable, "-m", "headsurgery", *more, str(self.model), "--in-place"]

    def is_half_edited(self) -> bool:
        """Whether it says so of itself; if not, it is what it was or what it shall be, to the last byte."""
        if (self.model / "headsurgery.journal" / "todo.json").exists():
            with pytest.raises(CheckpointError, match="half edited"):
                open_checkpoint(self.model)
            return True
        assert self.files() in (self.before, self.after)
        return False

    def files(self) -> dict[str, bytes]:
        """The checkpoint's own."""
        return {name: data for name, data in contents(self.model).items() if not name.startswith("headsurgery.journal/")}

    def is_done(self) -> bool:
        """Recover; then it is whole, without a trace. Whether it is edited."""
        notes: list[str] = []
        was_half_edited, was_there = self.is_half_edited(), (self.model / "headsurgery.journal").exists()
        assert recover(self.model, notes.append) == was_half_edited
        assert len(notes) == was_there
        assert not (self.model / "headsurgery.journal").exists()
        assert contents(self.model) in (self.before, self.after)
        return contents(self.model) == self.after


@pytest.fixture(params=["apply", "stack", "restore"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return Stage(tmp_path, request.param)


def numbers_of_operations(stage: Stage) -> list[int]:
    with watching() as operations:
        stage.run()
    count = len(operations.done)
    assert count > 30, "or nothing is watched"
    return [number for number in range(1, count + 1) if IS_THOROUGH or number % 6 == 0 or number < 4 or number > count - 12]


class TestFaults:
    """At the calls that change the disk: create, write, flush, rename, delete."""

    def test_killed(self, stage: Stage) -> None:
        found = set()
        for number in (numbers := numbers_of_operations(stage)):
            stage.set_up()
            with watching(number, die):
                assert in_child(stage.run) == -signal.SIGKILL
            found.add((stage.is_half_edited(), stage.is_done()))
        print(f"{stage.verb}: killed at {len(numbers)} operations: (half edited, done): {sorted(found)}")
        assert {half for half, _ in found} == {False, True}
        assert (False, False) in found, "before anything was written"
        assert (True, True) in found, "when only names were left"
        assert ((True, False) in found) == (stage.verb != "restore"), "an edit that was begun is taken back, a way back finished"

    def test_killed_while_it_recovers(self, stage: Stage) -> None:
        numbers = numbers_of_operations(stage)
        for late in numbers[len(numbers) // 2 :: 1 if IS_THOROUGH else 4]:
            stage.set_up()
            with watching(late, die):
                assert in_child(stage.run) == -signal.SIGKILL
            for number in range(1, 12):
                with watching(number, die):
                    in_child(lambda: recover(stage.model, lambda _: None))
            stage.is_done()

    @pytest.mark.parametrize("fault", FAULTS)
    def test_failing(self, fault: str, stage: Stage) -> None:
        for number in (numbers := numbers_of_operations(stage)):
            stage.set_up()
            refusal: BaseException | None = None
            with watching(number, FAULTS[fault]()):
                try:
                    stage.run()
                except (SurgeryError, KeyboardInterrupt) as error:
                    refusal = error
            assert refusal or stage.files() == stage.after
            assert "\n" not in str(refusal)
            is_half_edited = stage.is_half_edited()
            if fault == "Ctrl-C":
                assert not is_half_edited, "it takes the time to take its work back"
            assert not is_half_edited or "what is needed to mend it lies in headsurgery.journal" in str(refusal)
            stage.is_done()
        print(f"{stage.verb}, {fault}: at {len(numbers)} operations")

    def test_what_a_promise_needs_is_on_the_disk_before_it(self, stage: Stage) -> None:
        """And what it is about, before it is dropped."""
        flushed: set[str] = set()
        real_fsync, real_replace, real_unlink = os.fsync, os.replace, Path.unlink
        checked = []

        def fsync(descriptor: int) -> None:
            flushed.add(os.readlink(f"/proc/self/fd/{descriptor}"))
            real_fsync(descriptor)

        def replace(source: Path, target: Path) -> None:
            needed = (stage.model / "headsurgery.journal" / "new").rglob("*")
            assert {str(path) for path in (*needed, source)} <= flushed
            checked.append("promised")
            real_replace(source, target)

        def unlink(path: Path, missing_ok: bool = False) -> None:
            if path.name == "todo.json":
                shards = {str(stage.model / edit.tensor.file) for edit in edits}
                assert {*shards, str(stage.model)} <= flushed
                checked.append("kept")
            real_unlink(path, missing_ok)

        edits = plan(stage.model, SECOND if stage.verb == "stack" else FIRST).edits
        if sys.platform != "linux":
            pytest.skip("asks /proc which files are flushed")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            patch.setattr(os, "replace", replace)
            patch.setattr(Path, "unlink", unlink)
            stage.run()
        assert checked == ["promised", "promised", "kept"]

    @pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
    def test_the_command_at_random_moments(self, signum: signal.Signals, stage: Stage, tmp_path: Path) -> None:
        command, moments = stage.command(tmp_path), random.Random(stage.verb + signum.name)
        started = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        ends = time.monotonic() - started
        for _ in range(MOMENTS // 3):
            stage.set_up()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(moments.uniform(0.6 * ends, ends))
            process.send_signal(signum)
            _, talk = process.communicate(timeout=60)
            assert process.returncode in (0, -signum, 130)
            assert "Traceback" not in talk, talk
            stage.is_done()


class TestHalfEdited:
    @pytest.fixture
    def half_edited(self, tmp_path: Path) -> Stage:
        """Weights are written, and the run is dead."""
        stage = Stage(tmp_path, "apply")
        with watching() as operations:
            stage.run()
        first = next(number for number, (name, _) in enumerate(operations.done) if name == "pwrite")
        stage.set_up()
        with watching(first + 3, die):
            assert in_child(stage.run) == -signal.SIGKILL
        return stage

    @pytest.mark.parametrize("verb", ["inspect", "verify", "audit", "diff", "apply", "card", "restore"])
    def test_no_verb_takes_it_for_a_checkpoint(self, verb: str, half_edited: Stage, tmp_path: Path) -> None:
        FIRST.save(recipe := tmp_path / "recipe.json")
        model, other = str(half_edited.model), str(tmp_path / "pristine")
        arguments = {
            "diff": [model, other],
            "apply": [str(recipe), model, "-o", str(tmp_path / "out")],
            "restore": [model, "-o", str(tmp_path / "out")],
        }
        result = CliRunner().invoke(app, [verb, *arguments.get(verb, [model])])
        assert result.exit_code == 1
        assert "half edited" in result.stderr
        assert f"headsurgery restore {model} --in-place" in result.stderr.replace("\n", " ")
        assert half_edited.is_half_edited()

    def test_restore_in_place_makes_it_whole_and_stops(self, half_edited: Stage) -> None:
        result = CliRunner().invoke(app, ["restore", str(half_edited.model), "--in-place"])
        assert result.exit_code == 0
        assert "in place was killed half way; it is taken back now" in result.stderr.replace("\n", " ")
        assert contents(half_edited.model) == half_edited.before

    def test_apply_in_place_makes_it_whole_and_goes_on(self, half_edited: Stage, tmp_path: Path) -> None:
        result = subprocess.run(half_edited.command(tmp_path), capture_output=True, text=True, check=True)
        assert "it is taken back now" in result.stderr.replace("\n", " ")
        assert contents(half_edited.model) == half_edited.after

    def test_it_may_be_moved(self, half_edited: Stage, tmp_path: Path) -> None:
        moved = half_edited.model.rename(tmp_path / "elsewhere")
        assert recover(moved, lambda _: None)
        assert contents(moved) == half_edited.before

    def test_of_a_run_on_another_machine_the_user_decides(self, half_edited: Stage) -> None:
        lock = half_edited.model / "headsurgery.journal" / "lock"
        lock.write_text("headsurgery is at work here, on another machine\n")
        with pytest.raises(SurgeryError, match="of a run on another machine, or of one that may be alive") as caught:
            restore_in_place(half_edited.model)
        assert caught.value.hint is not None
        assert f"delete {lock}" in caught.value.hint
        lock.unlink()
        restore_in_place(half_edited.model)
        assert contents(half_edited.model) == half_edited.before


def test_two_at_once_the_later_is_refused(model: Path) -> None:
    refusals = []

    def second(done: int, total: int) -> None:
        with pytest.raises(SurgeryError, match="another run is editing it at this moment"):
            edit(model, SECOND)
        refusals.append(done)

    edit(model, FIRST, on_progress=second)
    assert refusals
    assert Manifest.load(model).edits


class TestStrangersJournal:
    """A journal may come with a download: it can harm nothing but the files it came with."""

    def write(self, model: Path, **todo: list[dict[str, Any]]) -> None:
        (model / "headsurgery.journal").mkdir()
        todo = {"schema": "headsurgery.journal/1", "outcome": "finished", "writes": [], "moves": []} | todo  # type: ignore[assignment]
        (model / "headsurgery.journal" / "todo.json").write_text(json.dumps(todo))

    GOOD: ClassVar = {
        "file": "config.json",
        "offset": 0,
        "length": 4,
        "stride": 4,
        "count": 1,
        "source": "tokenizer.json",
        "start": 0,
    }

    @pytest.mark.parametrize(
        "change",
        [
            {"file": "../theirs"},
            {"file": "/etc/passwd"},
            {"source": "../theirs"},
            {"file": "link/theirs"},
            {"file": "hard"},
            {"file": "soft"},
            {"source": "soft"},
            {"offset": 10**9},
            {"offset": -1},
            {"stride": 10**9, "count": 2},
            {"count": 2**40},
            {"length": 2**40},
            {"start": 10**9},
            {"start": "0"},
            {"unknown": 1},
        ],
    )
    def test_bytes(self, change: dict[str, Any], model: Path, tmp_path: Path) -> None:
        (model / ".git").mkdir()  # as git cloned it
        theirs = tmp_path / "theirs"
        theirs.write_text("private")
        (model / "link").symlink_to(tmp_path)
        (model / "soft").symlink_to(theirs)
        os.link(theirs, model / "hard")
        self.write(model, writes=[self.GOOD | change])
        before = contents(model)
        with pytest.raises(HeadSurgeryError) as caught:
            recover(model, lambda _: None)
        assert "\n" not in str(caught.value)
        assert theirs.read_text() == "private"
        (model / "headsurgery.journal" / "lock").unlink()
        assert contents(model) == before

    @pytest.mark.parametrize("name", ["../theirs", "/tmp/theirs", "link/theirs", "", "a/../b", "nul\0"])
    @pytest.mark.parametrize("key", ["source", "target"])
    def test_names(self, key: str, name: str, model: Path, tmp_path: Path) -> None:
        (tmp_path / "theirs").write_text("private")
        (model / "link").symlink_to(tmp_path)
        self.write(model, moves=[{"source": "config.json", "target": "b.json"} | {key: name}])
        before = contents(tmp_path)
        with pytest.raises(HeadSurgeryError):
            recover(model, lambda _: None)
        assert contents(tmp_path).keys() - {"model/headsurgery.journal/lock"} == before.keys()

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": "headsurgery.journal/2"}', "\0", '{"a": 1, "a": 1}'])
    def test_damaged(self, text: str, model: Path) -> None:
        (model / "headsurgery.journal").mkdir()
        (model / "headsurgery.journal" / "todo.json").write_text(text)
        with pytest.raises(SurgeryError, match=r"half edited: .*not a valid journal"):
            recover(model, lambda _: None)

    def test_too_long(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(todo, "_MAX_BYTES", 100)
        self.write(model, writes=[self.GOOD])
        with pytest.raises(SurgeryError, match="longer than 100 bytes"):
            recover(model, lambda _: None)

    def test_something_else_of_that_name_is_left_alone(self, model: Path) -> None:
        (model / "headsurgery.journal").mkdir()
        (model / "headsurgery.journal" / "diary.txt").write_text("private")
        with pytest.raises(SurgeryError, match="no journal of ours"):
            edit(model, FIRST)
        assert (model / "headsurgery.journal" / "diary.txt").read_text() == "private"
