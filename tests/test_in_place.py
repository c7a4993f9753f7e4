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
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from typer.testing import CliRunner

from headsurgery import Manifest, Recipe, apply_plan, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.card import write_card
from headsurgery.cli import app
from headsurgery.errors import CheckpointError, HeadSurgeryError, SurgeryError
from headsurgery.filesystem.files import Directory
from headsurgery.surgery.history import earlier_manifests, read_history
from headsurgery.surgery.in_place import apply_in_place, editing, journal, pending, recover, restore_in_place
from headsurgery.surgery.plan import SurgeryPlan
from tests.directories import FEW_KB, as_hub_cache, contents, recipe_of
from tests.exhaustive import all_but
from tests.faults import FAULTS, die, in_child, watching
from tests.tiny import EACH_FAMILY, save_model

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


def but_manifests(directory: Path) -> dict[str, bytes]:
    """All files but those that say of themselves that they were edited in place, or that have the hash of one that does."""
    return {file: data for file, data in contents(directory).items() if Path(file).name != "headsurgery.json"}


class TestResult:
    @pytest.mark.parametrize("family", EACH_FAMILY)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_is_the_edited_copy_byte_for_byte_and_comes_back(self, family: str, dtype: torch.dtype, tmp_path: Path) -> None:
        model = save_model(family, tmp_path / "model", dtype=dtype, max_shard_size=FEW_KB)
        before = contents(model)
        copied = apply_plan(plan(model, EVERYTHING), tmp_path / "copy")
        edited = apply_in_place(plan(model, EVERYTHING))
        assert edited == Manifest.load(model) == copied.model_copy(update={"notes": [*copied.notes, "edited in place"]})
        assert but_manifests(model) == but_manifests(tmp_path / "copy")
        restore_in_place(model)
        assert contents(model) == before

    def test_several_edits_stack_as_copies_do_and_come_back_step_by_step(self, model: Path, tmp_path: Path) -> None:
        states, source = [contents(model)], shutil.copytree(model, tmp_path / "base" / "model")
        for number, recipe in enumerate((FIRST, SECOND, THIRD)):
            edit(model, recipe)
            made = plan(source, recipe)
            source = tmp_path / str(number) / "model"
            apply_plan(made, source, write_card=card_of(made))
            states.append(contents(model))
            assert but_manifests(model) == but_manifests(source)
            assert Manifest.load(model).edits == Manifest.load(source).edits
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

    @pytest.mark.parametrize("file", ["README.md", "headsurgery.png"])
    def test_what_was_deleted_between_two_edits_need_not_go(self, file: str, model: Path) -> None:
        before = contents(model)
        edit(model, FIRST)
        (model / file).unlink()
        edit(model, SECOND)
        restore_in_place(model)
        assert contents(model) == before

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
        self.check_refused(as_hub_cache(model, tmp_path), FIRST, "is in the Hub's cache, which other programs share")

    @pytest.mark.parametrize("link", [os.link, os.symlink])
    def test_a_file_that_others_have_too(self, link: Callable[[Path, Path], None], model: Path, tmp_path: Path) -> None:
        shard = model / plan(model, FIRST).edits[0].tensor.file
        shard.rename(tmp_path / "theirs")
        link(tmp_path / "theirs", shard)
        theirs = (tmp_path / "theirs").read_bytes()
        self.check_refused(model, FIRST, rf"{shard.name}: (a link|has 2 names)")
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
        self.check_refused(model, FIRST, f"contains a second copy of the weights, .*: {copy.split('/')[0]}")

    def test_folders_of_git_and_files_of_training_stay_where_they_are(self, model: Path) -> None:
        (model / ".git").mkdir()
        for file in (".git/HEAD", "training_args.bin"):
            (model / file).write_text("as it is")
        edit(model, FIRST)
        assert (model / ".git/HEAD").read_text() == "as it is"
        restore_in_place(model)

    def test_the_same_edits_twice(self, model: Path) -> None:
        """In whatever order, and whatever else the recipe says: the command was run twice."""
        edit(model, FIRST)
        edit(model, SECOND)
        for recipe in (FIRST, SECOND, FIRST.model_copy(update={"edits": FIRST.edits[::-1]})):
            self.check_refused(model, recipe, "these edits were already made here")

    def test_an_edited_checkpoint_that_was_changed_since(self, model: Path) -> None:
        """No step could be undone then."""
        edit(model, FIRST)
        (model / "generation_config.json").write_text("{}")
        self.check_refused(model, SECOND, r"differs from its manifest: generation_config\.json changed since")

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
        self.check_refused(model, FIRST, r"headsurgery\.json: is in the way of headsurgery\.json")

    @pytest.mark.parametrize("what", ["a file", "a link"])
    def test_a_folder_whose_name_is_taken(self, what: str, model: Path, tmp_path: Path) -> None:
        edit(model, FIRST)
        if what == "a file":
            (model / "headsurgery.previous").write_text("mine")
        else:
            (model / "headsurgery.previous").symlink_to(tmp_path)
        self.check_refused(model, SECOND, "(headsurgery.previous: is in the way|a link in its path leads out)")

    def test_a_link_that_would_lead_elsewhere_under_its_new_name(self, model: Path) -> None:
        (model / "docs").mkdir()
        (model / "README.md").rename(model / "docs" / "card.md")
        (model / "README.md").symlink_to("docs/card.md")
        self.check_refused(model, FIRST, r"README\.md: a link, which may lead elsewhere when renamed to headsurgery\.base-card\.md")

    def test_the_hubs_cache_is_not_restored_either(self, model: Path, tmp_path: Path) -> None:
        edit(model, FIRST)
        snapshot = tmp_path / "models--org--name" / "snapshots" / ("0" * 40)
        snapshot.parent.mkdir(parents=True)
        model.rename(snapshot)
        with pytest.raises(SurgeryError, match="is in the Hub's cache"):
            restore_in_place(snapshot)

    def test_more_to_do_than_can_be_read_again(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pending, "_MAX_BYTES", 500)
        self.check_refused(model, FIRST, "too many changes to make in place")

    def test_an_edited_checkpoint_that_was_changed_since_is_not_restored(self, model: Path) -> None:
        edit(model, FIRST)
        for file in ("config.json", "generation_config.json"):
            (model / file).write_text((model / file).read_text() + " ")
        before = contents(model)
        with pytest.raises(SurgeryError, match=r"config\.json, generation_config\.json: changed since apply, so the base can't"):
            restore_in_place(model)
        assert contents(model) == before

    def test_several_cards_that_somebody_rewrote_are_kept(self, model: Path) -> None:
        before, notes = contents(model), []
        for recipe, words in ((FIRST, "mine 1"), (SECOND, "mine 2")):
            edit(model, recipe)
            (model / "README.md").write_text(words)
        restore_in_place(model, on_note=notes.append)
        assert contents(model) == before | {"README.md.step1.bak": b"mine 1", "README.md.bak": b"mine 2"}
        assert len(notes) == 2

    def test_bytes_that_something_else_changes_meanwhile(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Everything was hashed, but for what comes between that and the end."""
        before, real = contents(model), editing.write_runs

        def meddle(out: Any, *arguments: Any) -> None:
            real(out, *arguments)
            out.seek(-1, os.SEEK_END)
            out.write(b"\x55")

        monkeypatch.setattr(editing, "write_runs", meddle)
        with pytest.raises(SurgeryError, match=r"half edited: .*another program has changed it") as caught:
            edit(model, FIRST)
        assert "restore it from its source" in str(caught.value.hint)
        for edited in set(plan_of_journal(model)["digests"]):
            (model / edited).write_bytes(before[edited])
        restore_in_place(model)
        assert contents(model) == before

    def test_a_card_that_somebody_rewrote_is_kept(self, model: Path) -> None:
        before, notes = contents(model), []
        edit(model, FIRST)
        (model / "README.md").write_text("mine")
        restore_in_place(model, on_note=notes.append)
        assert contents(model) == before | {"README.md.bak": b"mine"}
        assert notes == ["README.md was rewritten after apply, and is now called README.md.bak"]

    @pytest.mark.parametrize("flags", [["-o", "out"], ["--force"], ["--no-undo"], ["--link", "copy"], ["--revision", "main"]])
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
        assert (recover(self.model, notes.append) is not None) == was_half_edited
        assert len(notes) == was_there
        assert not (self.model / "headsurgery.journal").exists()
        assert contents(self.model) in (self.before, self.after)
        return contents(self.model) == self.after


@pytest.fixture(params=all_but(["apply"], ["apply", "stack", "restore"]))
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

    @pytest.mark.exhaustive
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

    @pytest.mark.parametrize("fault", all_but(["Ctrl-C"], FAULTS))
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
            assert not is_half_edited or "headsurgery.journal contains what is needed to repair it" in str(refusal)
            if "it is" in str(refusal):
                assert stage.files() == (stage.after if "is finished" in str(refusal) else stage.before)
            stage.is_done()
        print(f"{stage.verb}, {fault}: at {len(numbers)} operations")

    def test_what_a_promise_needs_is_on_the_disk_before_it(self, stage: Stage) -> None:
        """And what it is about, before it is dropped."""
        flushed: set[str] = set()
        real_fsync, real_replace, real_write = os.fsync, os.replace, pending.write_runs
        checked: list[str] = []
        place = stage.model / "headsurgery.journal"

        def fsync(descriptor: int) -> None:
            flushed.add(os.readlink(f"/proc/self/fd/{descriptor}"))
            real_fsync(descriptor)

        def replace(source: Path, target: Path) -> None:
            assert {str(path) for path in (place / "new", *(place / "new").rglob("*"), source)} <= flushed
            promised = json.loads(source.read_text())
            if not promised["writes"]:
                assert {str(stage.model / edit.tensor.file) for edit in edits} <= flushed, "nothing writes them again"
            if not promised["writes"] and not promised["moves"]:
                assert str(stage.model) in flushed, "the names"
            checked.append(f"{bool(promised['writes'])} {bool(promised['moves'])}")
            real_replace(source, target)
            flushed.discard(str(stage.model))
            flushed.discard(str(place))

        def write_runs(*arguments: Any) -> None:
            assert str(place) in flushed
            assert "True" in checked[0]
            real_write(*arguments)

        edits = plan(stage.model, SECOND if stage.verb == "stack" else FIRST).edits
        if sys.platform != "linux":
            pytest.skip("asks /proc which files are flushed")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            patch.setattr(os, "replace", replace)
            for module in (pending, editing):
                patch.setattr(module, "write_runs", write_runs)
            stage.run()
        assert checked == ["True True" if stage.verb == "restore" else "True False", "False True", "False False"]

    @pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
    @pytest.mark.exhaustive
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
        shards = [str(stage.model / edit.tensor.file) for edit in plan(stage.model, SECOND).edits]
        first = next(number for number, (name, what) in enumerate(operations.done) if name == "write" and str(what[0]) in shards)
        stage.set_up()
        with watching(first + 3, die):
            assert in_child(stage.run) == -signal.SIGKILL
        return stage

    @pytest.mark.parametrize("place", [0.01, 0.75])
    @pytest.mark.parametrize("file", ["new/headsurgery.undo", "todo.json"])
    def test_rotten_bits_in_the_journal_are_noticed_before_they_do_harm(self, file: str, place: float, half_edited: Stage) -> None:
        path = half_edited.model / "headsurgery.journal" / file
        data = bytearray(path.read_bytes())
        kept = bytes(data)
        start = 8 + int.from_bytes(data[:8], "little") if file.endswith("undo") else 0
        data[start + int(place * (len(data) - start))] ^= 1
        path.write_bytes(data)
        before = half_edited.files()
        with pytest.raises(SurgeryError, match=r"half edited: .*(damaged|not a valid journal)"):
            restore_in_place(half_edited.model)
        assert half_edited.files() == before
        path.write_bytes(kept)
        restore_in_place(half_edited.model)
        assert contents(half_edited.model) == half_edited.before

    def test_weights_that_something_else_changed_are_not_said_to_be_whole(self, half_edited: Stage) -> None:
        shard = half_edited.model / plan_of_journal(half_edited.model)["writes"][0]["file"]
        data = bytearray(shard.read_bytes())
        data[-1] ^= 1
        shard.write_bytes(data)
        with pytest.raises(SurgeryError, match=r"half edited: .*: another program has changed it"):
            restore_in_place(half_edited.model)
        data = bytearray(shard.read_bytes())
        data[-1] ^= 1
        shard.write_bytes(data)
        restore_in_place(half_edited.model)
        assert contents(half_edited.model) == half_edited.before

    def test_ctrl_c_again_and_again_says_that_it_is_half_edited(self, half_edited: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(journal, "carry_out", interrupted)
        with pytest.raises(SurgeryError, match=r"half edited: interrupted again; headsurgery.journal contains what"):
            restore_in_place(half_edited.model)

    def test_it_is_not_replaced(self, half_edited: Stage) -> None:
        """Nor is one that is being edited at this moment: it would be taken away from under the run."""
        before, made = contents(half_edited.model), plan(half_edited.model.with_name("pristine"), SECOND)
        with pytest.raises(SurgeryError, match="model: a change in place is going on there, or was killed"):
            apply_plan(made, half_edited.model, force=True)
        assert contents(half_edited.model) == before

    def test_sigterm_is_taken_as_ctrl_c(self, half_edited: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        real, moments = journal.carry_out, iter([SystemExit(143)])

        def carry_out(*arguments: Any) -> None:
            for moment in moments:
                raise moment
            real(*arguments)

        monkeypatch.setattr(journal, "carry_out", carry_out)
        with pytest.raises(SystemExit):
            restore_in_place(half_edited.model)
        assert contents(half_edited.model) == half_edited.before

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
        assert "was interrupted; it is taken back now" in result.stderr.replace("\n", " ")
        assert result.stdout == f"{half_edited.model}: the base again\n"
        assert contents(half_edited.model) == half_edited.before

    def test_apply_in_place_makes_it_whole_and_goes_on(self, half_edited: Stage, tmp_path: Path) -> None:
        result = subprocess.run(half_edited.command(tmp_path), capture_output=True, text=True, check=True)
        assert "it is taken back now" in result.stderr.replace("\n", " ")
        assert contents(half_edited.model) == half_edited.after

    def test_it_may_be_moved(self, half_edited: Stage, tmp_path: Path) -> None:
        moved = half_edited.model.rename(tmp_path / "elsewhere")
        assert recover(moved, lambda _: None) == "taken back"
        assert contents(moved) == half_edited.before

    def test_of_a_run_on_another_machine_the_user_decides(self, half_edited: Stage) -> None:
        lock = half_edited.model / "headsurgery.journal" / "lock"
        lock.write_text("headsurgery is at work here, on another machine\n")
        with pytest.raises(SurgeryError, match="belongs to a run on another machine, or to one") as caught:
            restore_in_place(half_edited.model)
        assert caught.value.hint is not None
        assert f"delete {lock}" in caught.value.hint
        lock.unlink()
        restore_in_place(half_edited.model)
        assert contents(half_edited.model) == half_edited.before


def plan_of_journal(model: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((model / "headsurgery.journal" / "todo.json").read_text())
    return document


class TestKilledWhenAllWasDone:
    """The next run knows, and does nothing twice."""

    @pytest.fixture(params=[1, 3])
    def done(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        """Killed so many operations after a way back by one step of two was put down as done."""
        model = save_model("llama", tmp_path / "model")
        for recipe in (FIRST, SECOND):
            edit(model, recipe)
        shutil.copytree(model, tmp_path / "twice")
        with watching() as operations:
            restore_in_place(model, steps=1)
        replaced = [number for number, (name, _) in enumerate(operations.done, start=1) if name == "replace"]
        shutil.rmtree(model)
        (tmp_path / "twice").rename(model)
        with watching(replaced[-1] + request.param, die):
            assert in_child(lambda: restore_in_place(model, steps=1)) == -signal.SIGKILL
        return model

    def test_it_is_said(self, done: Path) -> None:
        assert recover(done, lambda _: None) == "finished"
        assert not (done / "headsurgery.journal").exists()
        assert Manifest.load(done)

    def test_the_same_command_again_goes_back_no_further(self, done: Path) -> None:
        with pytest.raises(SurgeryError, match="the change is finished, and the checkpoint is still edited: L0H1 scale × 0, L1H3"):
            restore_in_place(done, steps=1)
        assert len(read_history(Directory(done))) == 1


def test_where_an_open_file_can_not_be_deleted_the_journal_goes_even_so(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS gives it another name until it is closed."""
    before, real = contents(model), Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        links = Path("/proc/self/fd").iterdir() if sys.platform == "linux" else ()
        is_open = str(path) in [os.readlink(link) for link in links if link.exists()]
        if not is_open:
            real(path, missing_ok)
            return
        path.rename(path.with_name(".nfs0"))
        gone.append(path.with_name(".nfs0"))

    real_close, gone = os.close, []

    def close(descriptor: int) -> None:
        real_close(descriptor)
        while gone:
            real(gone.pop())

    monkeypatch.setattr(Path, "unlink", unlink)
    monkeypatch.setattr(os, "close", close)
    edit(model, FIRST)
    assert not (model / "headsurgery.journal").exists()
    restore_in_place(model)
    assert contents(model) == before


def test_two_at_once_the_later_is_refused(model: Path) -> None:
    refusals = []

    def second(done: int, total: int) -> None:
        with pytest.raises(SurgeryError, match="another run is editing it right now"):
            edit(model, SECOND)
        refusals.append(done)

    edit(model, FIRST, on_progress=second)
    assert refusals
    assert Manifest.load(model).edits


class TestStrangersJournal:
    """A journal may come with a download: it can harm nothing but the files it came with."""

    def write(self, model: Path, **more: Any) -> None:
        (model / "headsurgery.journal").mkdir()
        fields = {"schema": "headsurgery.journal/1", "outcome": "finished", "writes": [], "digests": {}, "moves": []} | more
        valid = {key: value for key, value in fields.items() if key in ("schema", "outcome")}
        with suppress(ValueError):
            valid = fields | {"checksum": pending.PendingChange.model_validate(fields).compute_checksum()}
        (model / "headsurgery.journal" / "todo.json").write_text(json.dumps(fields | valid))

    GOOD: ClassVar = {
        "file": "config.json",
        "offset": 0,
        "length": 4,
        "stride": 4,
        "count": 1,
        "source": "tokenizer.json",
        "start": 0,
        "sha256": sha256(b"{\n  ").hexdigest(),
    }

    def test_what_a_good_one_does(self, model: Path) -> None:
        self.write(model, writes=[self.GOOD], moves=[{"source": "config.json", "target": "sub/config.json"}])
        wanted = (model / "tokenizer.json").read_bytes()[:4] + (model / "config.json").read_bytes()[4:]
        assert recover(model, lambda _: None) == "finished"
        assert (model / "sub" / "config.json").read_bytes() == wanted

    @pytest.mark.parametrize(
        "change",
        [
            {"file": "../theirs"},
            {"file": "/etc/passwd"},
            {"source": "../theirs", "sha256": sha256(b"priv").hexdigest()},
            {"file": "link/theirs"},
            {"file": "hard"},
            {"file": "soft"},
            {"file": ".git/config"},
            {"file": ".GIT/config"},
            {"source": "soft", "sha256": sha256(b"priv").hexdigest()},
            {"offset": 10**9},
            {"offset": -1},
            {"stride": 10**9, "count": 2},
            {"stride": 0, "count": 2},
            {"count": 2**40},
            {"length": 2**40},
            {"start": 10**9},
            {"start": "0"},
            {"sha256": "0" * 64},
            {"unknown": 1},
        ],
        ids=str,
    )
    def test_bytes(self, change: dict[str, Any], model: Path, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs"
        theirs.write_text("private")
        (model / ".git").mkdir()
        (model / ".git" / "config").write_text("theirs")
        (model / "link").symlink_to(tmp_path)
        (model / "soft").symlink_to(theirs)
        os.link(theirs, model / "hard")
        self.write(model, writes=[self.GOOD, self.GOOD | change])
        before = contents(model)
        with pytest.raises(HeadSurgeryError) as caught:
            recover(model, lambda _: None)
        assert "\n" not in str(caught.value)
        assert theirs.read_text() == "private"
        (model / "headsurgery.journal" / "lock").unlink()
        assert contents(model) == before or "file" in change, "all sources are checked before anything is written"
        assert (model / ".git" / "config").read_text() == "theirs"

    def test_the_same_place_a_million_times(self, model: Path) -> None:
        """Time is bounded by the size of what is written."""
        self.write(model, writes=[self.GOOD | {"length": 1, "stride": 1, "sha256": sha256(b"{").hexdigest()}] * 5000)
        with pytest.raises(SurgeryError, match=r"todo\.json: doesn't match config\.json"):
            recover(model, lambda _: None)

    @pytest.mark.parametrize(
        "name", ["../theirs", "/tmp/theirs", "link/theirs", "", "a/../b", "nul\0", ".git/hooks/post-checkout", "sub/.Git/config"]
    )
    @pytest.mark.parametrize("key", ["source", "target"])
    def test_names(self, key: str, name: str, model: Path, tmp_path: Path) -> None:
        (tmp_path / "theirs").write_text("private")
        (model / "link").symlink_to(tmp_path)
        self.write(model, moves=[{"source": "config.json", "target": "b.json"} | {key: name}])
        before = contents(tmp_path)
        with pytest.raises(HeadSurgeryError):
            recover(model, lambda _: None)
        assert contents(tmp_path).keys() - {"model/headsurgery.journal/lock"} == before.keys()

    def test_a_todo_that_is_a_link(self, model: Path, tmp_path: Path) -> None:
        self.write(model)
        (model / "headsurgery.journal" / "todo.json").rename(tmp_path / "todo.json")
        (model / "headsurgery.journal" / "todo.json").symlink_to(tmp_path / "todo.json")
        with pytest.raises(SurgeryError, match="not a valid journal: it is missing"):
            recover(model, lambda _: None)

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": "headsurgery.journal/2"}', "\0", '{"a": 1, "a": 1}'])
    def test_damaged(self, text: str, model: Path) -> None:
        (model / "headsurgery.journal").mkdir()
        (model / "headsurgery.journal" / "todo.json").write_text(text)
        with pytest.raises(SurgeryError, match=r"half edited: .*not a valid journal"):
            recover(model, lambda _: None)

    def test_too_long(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pending, "_MAX_BYTES", 100)
        self.write(model, writes=[self.GOOD])
        with pytest.raises(SurgeryError, match="longer than 100 bytes"):
            recover(model, lambda _: None)

    def test_something_else_of_that_name_is_left_alone(self, model: Path) -> None:
        (model / "headsurgery.journal").mkdir()
        (model / "headsurgery.journal" / "diary.txt").write_text("private")
        with pytest.raises(SurgeryError, match="not a journal of headsurgery"):
            edit(model, FIRST)
        assert (model / "headsurgery.journal" / "diary.txt").read_text() == "private"
