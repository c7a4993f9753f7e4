"""The laws of the bytes, one test per law, and what `apply_plan` refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from headsurgery import Manifest, Recipe, apply_in_place, apply_plan, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.errors import CheckpointError, GeometryError, HeadSurgeryError, SurgeryError
from headsurgery.storage.safetensors import INDEX, WEIGHTS
from headsurgery.surgery.base_files import MANIFEST, OWN_FILES, RECIPE, UNDO
from tests.directories import FEW_KB, ODD_TENSORS, append_tensors, as_hub_cache, contents, edit_json, recipe_of
from tests.exhaustive import all_but
from tests.tiny import save_model, tokens

EDITS = recipe_of(
    (0, 1, "scale", 0.0),
    (0, 2, "scale", 1.7),
    (2, 5, "scale", -0.3),
    (1, 3, "uniform_attention", 0.0),
    (1, 0, "uniform_attention", 0.5),
    (0, 1, "uniform_attention", 2.0),
)
LAYOUTS = [
    pytest.param((family, size), id=f"{family}-{'single' if size == '5GB' else 'sharded'}")
    for family in ("llama", "phi3", "gpt2")  # linear, fused, conv1d
    for size in ("5GB", FEW_KB)
]


@pytest.fixture(params=LAYOUTS)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    family, max_shard_size = request.param
    return save_model(family, tmp_path / "base", max_shard_size=max_shard_size)


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base", max_shard_size=FEW_KB)


def apply(base: Path, out: Path, recipe: Recipe = EDITS, **more: Any) -> Manifest:
    return apply_plan(plan_surgery(recipe, open_checkpoint(base)), out, **more)


def state(directory: Path) -> dict[str, tuple[int, ...]]:
    """What a write, a rename or a new link would change of every entry below a directory; reading changes none of it."""
    return {
        str(path.relative_to(directory)): (
            found.st_ino,
            found.st_mode,
            found.st_nlink,
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )
        for path in sorted(directory.rglob("*"))
        if (found := path.lstat())
    }


class TestLaws:
    def test_law_1_the_base_is_never_written(self, base: Path, tmp_path: Path) -> None:
        """Nor linked to: a snapshot's files are links into blobs, and other snapshots use the same blobs."""
        snapshot = as_hub_cache(base, tmp_path / "hub")
        before, state_before = contents(tmp_path / "hub"), state(tmp_path / "hub")
        out = tmp_path / "out"
        apply(snapshot, out)
        apply(snapshot, out, force=True)
        assert contents(tmp_path / "hub") == before
        assert state(tmp_path / "hub") == state_before
        inodes = {path.stat().st_ino for path in (tmp_path / "hub").rglob("*")}
        for path in out.rglob("*"):
            assert not path.is_symlink()
            assert path.stat().st_nlink == 1 or path.is_dir()
            assert path.stat().st_ino not in inodes

    def test_law_2_only_planned_byte_runs_change(self, base: Path, tmp_path: Path) -> None:
        for shard in base.glob("*.safetensors"):
            if shard.name == WEIGHTS or "00002-of" in shard.name:
                append_tensors(shard, ODD_TENSORS)
        (base / "modeling_custom.py").write_text("import this\r\n")
        (base / "folder" / "deep").mkdir(parents=True)
        (base / "folder" / "deep" / "empty").touch()
        (base / "chat_template.jinja").write_bytes(os.urandom(100))
        plan = plan_surgery(EDITS, open_checkpoint(base))
        apply_plan(plan, tmp_path / "out")
        before, after = contents(base), contents(tmp_path / "out")
        assert set(after) - set(before) == {MANIFEST, RECIPE, UNDO}, "no card was asked for"
        changed = 0
        for file, data in before.items():
            allowed = np.zeros(len(data), dtype=bool)
            for runs in (edit.runs for edit in plan.edits if edit.tensor.file == file):
                for number in range(runs.count):
                    start = runs.offset + number * runs.stride
                    allowed[start : start + runs.length] = True
            assert len(after[file]) == len(data), file
            differs = np.frombuffer(data, dtype=np.uint8) != np.frombuffer(after[file], dtype=np.uint8)
            assert not (differs & ~allowed).any(), file
            changed += int(differs.sum())
        assert changed > plan.parameters_changed, "every edited parameter has four bytes"

    @pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(5, "Input/output error"), ZeroDivisionError])
    @pytest.mark.parametrize("at", all_but([0.5], [0.0, 0.5, 1.0]))
    @pytest.mark.parametrize("replaces", [False, True])
    def test_law_3_all_or_nothing(self, error: Any, at: float, replaces: bool, sharded: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        if replaces:
            apply(sharded, out, recipe_of((0, 0, "scale", 0.0)))
        before = contents(tmp_path)

        def interrupt(done: int, total: int) -> None:
            if done >= at * total:
                raise error

        with pytest.raises((KeyboardInterrupt, MemoryError, SurgeryError, ZeroDivisionError)):
            apply(sharded, out, force=replaces, on_progress=interrupt)
        assert contents(tmp_path) == before
        assert {path.name for path in tmp_path.iterdir()} == {"base", "out"} if replaces else {"base"}

    def test_law_4_every_file_is_carried_over_but_other_copies_of_the_weights(self, base: Path, tmp_path: Path) -> None:
        carried = [
            "README.md",
            "LICENSE",
            "tokenizer.model",
            "generation_config.json",
            ".gitattributes",
            "training_args.bin",
            "x.py",
            "folder/pytorch.txt",
            "folder/original/notes.txt",
            "vocab.json",
            "Modelfile",
            "no_suffix",
            "draft.safetensors",
        ]
        copies = [
            "pytorch_model.bin",
            "pytorch_model.bin.index.json",
            "model-Q4_K_M.gguf",
            "tf_model.h5",
            "flax_model.msgpack",
            "consolidated.00.pth",
            "consolidated.safetensors",
            "rust_model.ot",
            "folder/model.onnx",
        ]
        folders = ["onnx/", "original/", ".git/", ".cache/"]
        for file in (*carried, *copies, *(f"{folder}file" for folder in folders)):
            (base / file).parent.mkdir(parents=True, exist_ok=True)
            (base / file).write_text(file)
        shutil.copy(next(base.glob("model*.safetensors")), base / "copy.fp16.safetensors")
        manifest = apply(base, tmp_path / "out")
        assert set(carried) <= contents(tmp_path / "out").keys()
        assert manifest.left_out == sorted([*copies, *folders, "copy.fp16.safetensors"])
        written = {record.file for record in manifest.files} | {"headsurgery.json"}
        assert written == contents(tmp_path / "out").keys()
        assert set(contents(base)) == {
            *(written - set(OWN_FILES)),
            *copies,
            *(f"{folder}file" for folder in folders),
            "copy.fp16.safetensors",
        }

    @pytest.mark.parametrize(
        "dtype", all_but([torch.bfloat16], [torch.float32, torch.float16, torch.bfloat16, torch.float64]), ids=str
    )
    @pytest.mark.parametrize("factor", all_but([0.3, -1.7], [0.0, 0.3, -1.7, 1.0]))
    @pytest.mark.parametrize("family", ["llama", "phi3", "gpt2"])
    def test_law_5_float32_and_rounded_once(self, family: str, factor: float, dtype: torch.dtype, tmp_path: Path) -> None:
        """Against torch: the weights of the loaded result are the base's times the factor, cast once."""
        base = save_model(family, tmp_path / "base", dtype=dtype)
        apply(base, tmp_path / "out", recipe_of((1, 3, "scale", factor), (2, 1, "uniform_attention", factor)))
        before, after = (
            transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype).state_dict() for path in (base, tmp_path / "out")
        )
        o_proj, q_proj, bias = {
            "llama": ("model.layers.1.self_attn.o_proj.weight", "model.layers.2.self_attn.q_proj.weight", None),
            "phi3": ("model.layers.1.self_attn.o_proj.weight", "model.layers.2.self_attn.qkv_proj.weight", None),
            "gpt2": (
                "transformer.h.1.attn.c_proj.weight",
                "transformer.h.2.attn.c_attn.weight",
                "transformer.h.2.attn.c_attn.bias",
            ),
        }[family]
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        inputs, outputs = slice(3 * 8, 4 * 8), slice(1 * 8, 2 * 8)
        for name, block in (
            (o_proj, (inputs,) if family == "gpt2" else (slice(None), inputs)),
            (q_proj, (slice(None), outputs) if family == "gpt2" else (outputs,)),
            (bias, (outputs,)),
        ):
            if name is not None:
                before[name][block] = (before[name][block].to(wide) * torch.tensor(factor, dtype=wide)).to(dtype)
        for name, expected in before.items():
            assert torch.equal(after[name], expected), name

    def test_law_5_factor_1_is_an_identical_copy(self, base: Path, tmp_path: Path) -> None:
        manifest = apply(base, tmp_path / "out", recipe_of((0, 0, "scale", 1.0), (1, 2, "uniform_attention", 1.0)))
        after = contents(tmp_path / "out")
        assert {file: data for file, data in after.items() if file not in OWN_FILES} == contents(base)
        assert manifest.parameters_changed == 0
        assert all(record.sha256 == record.base_sha256 for record in manifest.files if record.file not in OWN_FILES)

    @pytest.mark.parametrize("changes", [{"hidden_size": 96, "n_embd": 96}, {"num_attention_heads": 4, "n_head": 5}])
    def test_law_6_geometry_is_proven_before_a_byte_is_written(self, changes: dict[str, int], base: Path, tmp_path: Path) -> None:
        edit_json(base / "config.json", **changes)
        before = state(tmp_path)
        with pytest.raises(GeometryError):
            apply(base, tmp_path / "out")
        assert state(tmp_path) == before

    def test_law_7_restore_brings_the_base_back_bit_for_bit(self, base: Path, tmp_path: Path) -> None:
        before = contents(base)
        apply(base, tmp_path / "out")
        shutil.rmtree(base)
        restore_checkpoint(tmp_path / "out", tmp_path / "back")
        assert contents(tmp_path / "back") == before


@pytest.mark.parametrize("family", ["llama", "phi3", "gpt2"])
def test_the_result_loads_and_answers_differently(family: str, tmp_path: Path) -> None:
    base = save_model(family, tmp_path / "base", max_shard_size=FEW_KB)
    apply(base, tmp_path / "out")
    logits = [
        transformers.AutoModelForCausalLM.from_pretrained(path).eval()(input_ids=tokens()).logits
        for path in (base, tmp_path / "out")
    ]
    assert torch.isfinite(logits[1]).all()
    assert not torch.equal(*logits)


class TestManifest:
    def test_its_hashes_are_true(self, base: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        manifest = apply(base, out)
        assert Manifest.load(out) == manifest
        assert [record.file for record in manifest.files] == sorted(record.file for record in manifest.files)
        assert {record.file for record in manifest.files} == {file for file in contents(out) if file != "headsurgery.json"}
        edited = {edit.file for edit in manifest.edits}
        for record in manifest.files:
            data = (out / record.file).read_bytes()
            assert (record.num_bytes, record.sha256) == (len(data), sha256(data).hexdigest())
            if record.file in OWN_FILES:
                assert record.base_sha256 is None
            else:
                assert record.base_sha256 == sha256((base / record.file).read_bytes()).hexdigest()
                assert (record.sha256 != record.base_sha256) == (record.file in edited)
        assert manifest.recipe_sha256 == sha256((out / "recipe.json").read_bytes()).hexdigest()
        assert Recipe.load(out / "recipe.json") == EDITS

    def test_no_local_path_is_in_it(self, llama: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        apply(llama, tmp_path / "elsewhere" / "out")
        for file in (MANIFEST, RECIPE, UNDO):
            data = (tmp_path / "elsewhere" / "out" / file).read_bytes()
            for place in (tmp_path, "elsewhere", os.getcwd(), Path.home()):
                assert str(place).encode() not in data, file

    def test_the_same_recipe_gives_the_same_bytes(self, llama: Path, tmp_path: Path) -> None:
        apply(llama, tmp_path / "one")
        apply(llama, tmp_path / "two")
        assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_progress_never_falls_and_ends_at_the_total(sharded: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    apply(sharded, tmp_path / "out", on_progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {sum(len(data) for data in contents(sharded).values())}
    assert seen[-1][0] == seen[-1][1]


class TestTarget:
    def test_an_existing_target_is_refused_and_kept(self, llama: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        for make in (out.mkdir, out.touch, lambda: out.symlink_to("nowhere"), lambda: out.symlink_to(out)):
            make()
            with pytest.raises(SurgeryError, match="out: exists already") as caught:
                apply(llama, out)
            assert "--force" in caught.value.hint
            out.rmdir() if out.is_dir() else out.unlink()

    def test_inside_the_base(self, llama: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(llama)
        before = state(llama)
        for out in (llama, llama / "out", llama / "a" / "b", tmp_path / "link", tmp_path / "link" / "out", llama / ".." / "base"):
            for force in (False, True):
                with pytest.raises(SurgeryError, match=r"(lies inside .*|is .* itself), which is never written"):
                    apply(llama, out, force=force)
        assert state(llama) == before

    def test_around_the_base(self, llama: Path, tmp_path: Path) -> None:
        for out in (tmp_path, tmp_path.parent, Path("/")):
            with pytest.raises(SurgeryError, match=r"holds .*, which is never written"):
                apply(llama, out, force=True)
        assert (llama / WEIGHTS).is_file()

    def test_beside_the_base_with_a_longer_name_is_no_inside(self, llama: Path, tmp_path: Path) -> None:
        apply(llama, tmp_path / "base-edited")

    def test_missing_parents_are_made(self, llama: Path, tmp_path: Path) -> None:
        apply(llama, tmp_path / "a" / "b" / "out")
        assert open_checkpoint(tmp_path / "a" / "b" / "out")

    def test_a_file_as_parent(self, llama: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for out in (tmp_path / "file" / "out", tmp_path / "file" / "deeper" / "out"):
            with pytest.raises(SurgeryError, match=r"out: can't be written: .*(exists|Not a directory)"):
                apply(llama, out)

    def test_a_name_that_is_too_long(self, llama: Path, tmp_path: Path) -> None:
        with pytest.raises(SurgeryError, match=r"can't be written: .*File name too long"):
            apply(llama, tmp_path / ("x" * 300))

    def test_the_result_is_readable_by_others(self, llama: Path, tmp_path: Path) -> None:
        apply(llama, tmp_path / "out")
        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o755

    @pytest.mark.parametrize("theirs", [None, "file", WEIGHTS])
    def test_what_somebody_else_put_there_meanwhile_is_kept(self, theirs: str | None, llama: Path, tmp_path: Path) -> None:
        """Even another run's result; only an empty folder may be taken over."""
        out = tmp_path / "out"

        def meanwhile(done: int, total: int) -> None:
            if theirs is None:
                shutil.copytree(tmp_path / "first", out, dirs_exist_ok=True)
            else:
                out.mkdir(exist_ok=True)
                (out / theirs).write_text("theirs")

        apply(llama, tmp_path / "first", recipe_of((0, 0, "scale", 0.0)))
        with pytest.raises(SurgeryError, match="out: was created by someone else meanwhile"):
            apply(llama, out, on_progress=meanwhile)
        assert contents(out) == (contents(tmp_path / "first") if theirs is None else {theirs: b"theirs"})
        assert {path.name for path in tmp_path.iterdir()} == {"base", "first", "out"}


class TestForce:
    def test_our_own_result_is_replaced(self, llama: Path, tmp_path: Path) -> None:
        apply(llama, tmp_path / "out", recipe_of((0, 0, "scale", 0.0)))
        apply(llama, tmp_path / "out", force=True)
        assert Recipe.load(tmp_path / "out" / "recipe.json") == EDITS
        assert {path.name for path in tmp_path.iterdir()} == {"base", "out"}

    def test_an_empty_directory_is_replaced(self, llama: Path, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        apply(llama, tmp_path / "out", force=True)
        assert {path.name for path in tmp_path.iterdir()} == {"base", "out"}

    def test_a_foreign_directory_is_kept_beside_it(self, llama: Path, tmp_path: Path) -> None:
        for number in range(3):
            shutil.rmtree(tmp_path / "out", ignore_errors=True)
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "thesis.txt").write_text(str(number))
            apply(llama, tmp_path / "out", force=True)
        for number, name in enumerate(["out.bak", "out.bak1", "out.bak2"]):
            assert (tmp_path / name / "thesis.txt").read_text() == str(number)
        assert open_checkpoint(tmp_path / "out")

    def test_a_file_that_was_moved_in_with_an_old_date_is_not_ours(self, llama: Path, tmp_path: Path) -> None:
        apply(llama, tmp_path / "out")
        data = bytearray((tmp_path / "out" / WEIGHTS).read_bytes())
        data[-1] ^= 1
        (tmp_path / "theirs").write_bytes(data)
        os.utime(tmp_path / "theirs", (0, 0))
        (tmp_path / "theirs").rename(tmp_path / "out" / WEIGHTS)
        apply(llama, tmp_path / "out", force=True)
        assert (tmp_path / "out.bak" / WEIGHTS).read_bytes() == data

    def test_what_was_edited_in_place_is_nobodys_copy(self, llama: Path, tmp_path: Path) -> None:
        shutil.copytree(llama, tmp_path / "other")
        apply_in_place(plan_surgery(EDITS, open_checkpoint(tmp_path / "other")))
        apply(llama, tmp_path / "other", force=True)
        assert open_checkpoint(tmp_path / "other.bak")

    @pytest.mark.parametrize("what", ["a file", "bytes", "longer", "a card"])
    def test_our_own_result_is_kept_if_somebody_worked_in_it(self, what: str, llama: Path, tmp_path: Path) -> None:
        apply(llama, tmp_path / "out", recipe_of((0, 0, "scale", 0.0)))
        file = tmp_path / "out" / {"a file": "notes.md", "a card": "README.md"}.get(what, WEIGHTS)
        if what == "bytes":
            with file.open("r+b") as stream:
                stream.write(stream.read(1))
        else:
            with file.open("a") as stream:
                stream.write("mine")
        os.utime(file, ns=(0, time.time_ns() + 10**9))
        theirs, notes = contents(tmp_path / "out"), []
        apply(llama, tmp_path / "out", force=True, on_note=notes.append)
        assert contents(tmp_path / "out.bak") == theirs
        assert notes == ["what stood there was not as headsurgery left it, and is kept as out.bak"]
        assert Recipe.load(tmp_path / "out" / "recipe.json") == EDITS

    @pytest.mark.parametrize("kind", ["file", "link to a folder", "link to nothing", "loop"])
    def test_what_is_not_a_directory_is_refused_even_so(self, kind: str, llama: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        (tmp_path / "folder").mkdir()
        if kind == "file":
            out.write_text("thesis")
        else:
            out.symlink_to({"link to a folder": "folder", "link to nothing": "nowhere", "loop": "out"}[kind])
        with pytest.raises(SurgeryError, match="out: exists and is not a directory"):
            apply(llama, out, force=True)
        assert os.path.lexists(out)


class TestBaseThatChanges:
    """Between plan and apply, or odd from the start."""

    def test_a_shard_that_was_cut_off_meanwhile(self, llama: Path, tmp_path: Path) -> None:
        plan = plan_surgery(EDITS, open_checkpoint(llama))
        os.truncate(llama / WEIGHTS, 20_000)
        with pytest.raises(CheckpointError, match="became shorter"):
            apply_plan(plan, tmp_path / "out")
        assert {path.name for path in tmp_path.iterdir()} == {"base"}

    def test_a_shard_whose_header_was_changed_meanwhile(self, llama: Path, tmp_path: Path) -> None:
        plan = plan_surgery(EDITS, open_checkpoint(llama))
        data = (llama / WEIGHTS).read_bytes()
        (llama / WEIGHTS).write_bytes(data.replace(b"model.norm.weight", b"model.Norm.weight"))
        with pytest.raises(HeadSurgeryError, match="changed while it was read; nothing was kept"):
            apply_plan(plan, tmp_path / "out")
        assert {path.name for path in tmp_path.iterdir()} == {"base"}

    def test_a_file_that_vanished_meanwhile(self, llama: Path, tmp_path: Path) -> None:
        plan = plan_surgery(EDITS, open_checkpoint(llama))
        (llama / "tokenizer.json").unlink()
        with pytest.raises(CheckpointError, match=r"tokenizer\.json: missing"):
            apply_plan(plan, tmp_path / "out")
        assert {path.name for path in tmp_path.iterdir()} == {"base"}

    def test_what_is_no_file_is_left_out_and_said(self, llama: Path, tmp_path: Path) -> None:
        (llama / "dangling").symlink_to("nowhere")
        (llama / "loop").symlink_to("loop")
        (llama / "folder").symlink_to(tmp_path)
        os.mkfifo(llama / "pipe")
        assert apply(llama, tmp_path / "out").left_out == ["dangling", "folder/", "loop", "pipe"]

    def test_a_link_out_of_the_base_is_left_out_unless_it_is_a_shard(self, llama: Path, tmp_path: Path) -> None:
        """A stranger's repository must not carry a file of this machine into what is published."""
        (tmp_path / "secret.txt").write_text("secret")
        (llama / "notes.txt").symlink_to(tmp_path / "secret.txt")
        (llama / "inside.txt").symlink_to("config.json")
        (llama / WEIGHTS).rename(tmp_path / "elsewhere.safetensors")
        (llama / WEIGHTS).symlink_to(tmp_path / "elsewhere.safetensors")
        assert apply(llama, tmp_path / "out").left_out == ["notes.txt"]
        assert (tmp_path / "out/inside.txt").read_bytes() == (llama / "config.json").read_bytes()
        assert not (tmp_path / "out" / WEIGHTS).is_symlink()

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
    def test_a_name_that_is_not_utf_8_is_refused(self, llama: Path, tmp_path: Path) -> None:
        Path(os.fsdecode(os.fsencode(llama) + b"/caf\xe9.txt")).touch()
        with pytest.raises(CheckpointError, match=r"'caf\\udce9\.txt': its name is not UTF-8") as caught:
            apply(llama, tmp_path / "out")
        str(caught.value).encode()

    def test_odd_names_are_carried(self, llama: Path, tmp_path: Path) -> None:
        for name in ("a:b", "a\\b", " ", "naïve 🩺", "new\nline", "-rf"):
            (llama / name).write_text(name)
        apply(llama, tmp_path / "out")
        restore_checkpoint(tmp_path / "out", tmp_path / "back")
        assert contents(tmp_path / "back") == contents(llama)

    def test_a_single_file_with_a_stale_index_loses_the_index(self, sharded: Path, tmp_path: Path) -> None:
        save_model("llama", sharded)
        manifest = apply(sharded, tmp_path / "out")
        assert INDEX in manifest.left_out
        assert [path.name for path in (tmp_path / "out").glob("*.safetensors")] == [WEIGHTS]


SCRIPT = """
import sys, time
from headsurgery import Recipe, apply_plan, open_checkpoint, plan_surgery
def pause(done, total):
    if done > total / 2:
        print("copying", flush=True)
        for _ in range(6000):  # a signal that comes just before one long sleep would be seen only after it
            time.sleep(0.01)
plan = plan_surgery(Recipe.load(sys.argv[1]), open_checkpoint(sys.argv[2]))
apply_plan(plan, sys.argv[3], on_progress=pause)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_process_killed_in_mid_copy_leaves_nothing_under_the_targets_name(
    signum: signal.Signals, sharded: Path, tmp_path: Path
) -> None:
    EDITS.save(tmp_path / "recipe.json")
    before = contents(tmp_path)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "recipe.json"), str(sharded), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"copying\n"
        process.send_signal(signum)
        assert process.wait(30) in (-signum, 130)
    assert not out.exists()
    leftovers = [path.name for path in tmp_path.iterdir() if path.name not in ("base", "recipe.json")]
    if signum == signal.SIGINT:
        assert contents(tmp_path) == before
        assert leftovers == []
    else:
        assert all(re.fullmatch(r"\.out\..*\.partial", name) for name in leftovers)
    apply(sharded, out)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a real file system of a given size."""
    place = tmp_path / "disk"

    def mount(num_bytes: int, *options: str) -> Path:
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={num_bytes}", *options]), "tmpfs", str(place)]
        try:
            mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            mounted = False
        if not mounted:
            pytest.skip("needs the right to mount a tmpfs")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


class TestDisk:
    def test_too_small_a_disk_is_refused_before_writing(self, llama: Path, small_disk: Callable[..., Path]) -> None:
        disk = small_disk(64 * 1024)
        with pytest.raises(SurgeryError, match=r"out: disk full: \d+ bytes needed, \d+ free") as caught:
            apply(llama, disk / "out")
        assert caught.value.hint.startswith("free some space")
        assert os.listdir(disk) == []

    def test_a_disk_that_fills_in_mid_copy_keeps_nothing(self, sharded: Path, small_disk: Callable[..., Path]) -> None:
        disk = small_disk(2**20)
        before = state(sharded)

        def fill(done: int, total: int) -> None:
            if done < total / 2:
                return
            with (disk / "filler").open("ab", buffering=0) as filler:
                try:
                    while filler.write(bytes(4096)):
                        pass
                except OSError:
                    pass

        with pytest.raises(SurgeryError, match="out: disk full: No space left on device"):
            apply(sharded, disk / "out", on_progress=fill)
        assert os.listdir(disk) == ["filler"]
        assert state(sharded) == before

    def test_no_permission(self, llama: Path, small_disk: Callable[..., Path]) -> None:
        disk = small_disk(2**20, "ro")
        with pytest.raises(SurgeryError, match="out: no permission to write there: Read-only file system") as caught:
            apply(llama, disk / "out")
        assert caught.value.hint == "choose another output"

    @pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="permission bits don't bind root")
    def test_no_permission_by_mode(self, llama: Path, tmp_path: Path) -> None:
        (tmp_path / "closed").mkdir(mode=0o555)
        with pytest.raises(SurgeryError, match="out: no permission to write there"):
            apply(llama, tmp_path / "closed" / "out")


def test_the_manifest_is_valid_json_with_a_schema(llama: Path, tmp_path: Path) -> None:
    apply(llama, tmp_path / "out")
    document = json.loads((tmp_path / "out" / "headsurgery.json").read_text())
    assert document["schema"] == "headsurgery.manifest/1"
    assert time.strftime("%Y-%m-%d") not in json.dumps(document), "no date, so that a repetition is identical"
