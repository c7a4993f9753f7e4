"""Law 7 in depth: the way back, and edited checkpoints that can't go it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load as load_bytes

from headsurgery import Manifest, Recipe, apply_plan, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.storage.codecs import read_tensor
from headsurgery.storage.safetensors import WEIGHTS
from tests.directories import FEW_KB, ODD_TENSORS, append_tensors, contents, recipe_of
from tests.exhaustive import all_but
from tests.tiny import EACH_FAMILY, save_model

EVERYTHING = recipe_of(
    *((layer, head, operation, 0.0) for layer in range(3) for head in range(6) for operation in ("uniform_attention", "scale"))
)
FEW = recipe_of((2, 5, "scale", -0.5), (0, 0, "scale", 0.0), (1, 3, "uniform_attention", 0.0))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base")


@pytest.fixture
def out(base: Path, tmp_path: Path) -> Path:
    return apply(base, tmp_path / "out", FEW)


def apply(base: Path, out: Path, recipe: Recipe) -> Path:
    apply_plan(plan_surgery(recipe, open_checkpoint(base)), out)
    return out


def edit_manifest(out: Path, change: Any) -> None:
    path = out / "headsurgery.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("dtype", all_but([torch.bfloat16], [torch.float32, torch.bfloat16, torch.float16]), ids=str)
def test_every_head_and_operation_comes_back(family: str, dtype: torch.dtype, tmp_path: Path) -> None:
    base = save_model(family, tmp_path / "base", dtype=dtype, max_shard_size=FEW_KB)
    out = apply(base, tmp_path / "out", EVERYTHING)
    assert contents(out).keys() > contents(base).keys()
    records = restore_checkpoint(out, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(base)
    assert {record.file for record in records} == contents(base).keys()


def test_odd_tensors_and_folders_come_back(base: Path, tmp_path: Path) -> None:
    append_tensors(base / WEIGHTS, ODD_TENSORS)
    (base / "folder" / "deeper").mkdir(parents=True)
    (base / "folder" / "deeper" / "recipe.json").write_text("another kind of recipe")
    restore_checkpoint(apply(base, tmp_path / "out", FEW), tmp_path / "back")
    assert contents(tmp_path / "back") == contents(base)


def test_negative_zeros_and_other_rare_values_come_back(base: Path, tmp_path: Path) -> None:
    data = bytearray((base / WEIGHTS).read_bytes())
    tensor = open_checkpoint(base).tensors["model.layers.0.self_attn.o_proj.weight"]
    rare = np.array([-0.0, 1e-45, -1e-39, 3e38, 0.0], dtype=np.float32).tobytes()
    data[tensor.offset : tensor.offset + len(rare)] = rare
    (base / WEIGHTS).write_bytes(data)
    restore_checkpoint(apply(base, tmp_path / "out", FEW), tmp_path / "back")
    assert contents(tmp_path / "back") == contents(base)


def test_what_was_left_out_does_not_come_back(base: Path, tmp_path: Path) -> None:
    (base / "pytorch_model.bin").touch()
    restore_checkpoint(apply(base, tmp_path / "out", FEW), tmp_path / "back")
    assert contents(base).keys() - contents(tmp_path / "back").keys() == {"pytorch_model.bin"}


def test_the_edited_checkpoint_is_never_written(out: Path, tmp_path: Path) -> None:
    before = contents(out)
    restore_checkpoint(out, tmp_path / "back")
    assert contents(out) == before
    for inside in (out, out / "back"):
        with pytest.raises(SurgeryError, match=r"(lies inside .*|is .* itself), which is never written"):
            restore_checkpoint(out, inside, force=True)


def test_an_existing_target_is_refused_without_force(out: Path, tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    with pytest.raises(SurgeryError, match="back: exists already"):
        restore_checkpoint(out, tmp_path / "back")
    restore_checkpoint(out, tmp_path / "back", force=True)


def test_the_undo_file_is_a_safetensors_file_of_the_original_slices(base: Path, out: Path) -> None:
    originals = load_bytes((out / "headsurgery.undo").read_bytes())
    checkpoint = open_checkpoint(base)
    assert set(originals) == {
        "L2H5.scale.model.layers.2.self_attn.o_proj.weight",
        "L0H0.scale.model.layers.0.self_attn.o_proj.weight",
        "L1H3.uniform_attention.model.layers.1.self_attn.q_proj.weight",
    }
    o_proj = read_tensor(checkpoint, checkpoint.tensors["model.layers.2.self_attn.o_proj.weight"])
    q_proj = read_tensor(checkpoint, checkpoint.tensors["model.layers.1.self_attn.q_proj.weight"])
    assert np.array_equal(originals["L2H5.scale.model.layers.2.self_attn.o_proj.weight"], o_proj[:, 40:48])
    assert np.array_equal(originals["L1H3.uniform_attention.model.layers.1.self_attn.q_proj.weight"], q_proj[24:32])


class TestRefusals:
    @pytest.fixture(autouse=True)
    def nothing_is_kept(self, tmp_path: Path) -> Any:
        yield
        assert not (tmp_path / "back").exists()
        assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]

    def test_a_checkpoint_that_we_did_not_write(self, base: Path, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"no headsurgery\.json in it, so headsurgery did not write it"):
            restore_checkpoint(base, tmp_path / "back")

    def test_no_undo_file(self, out: Path, tmp_path: Path) -> None:
        (out / "headsurgery.undo").unlink()
        with pytest.raises(CheckpointError, match=r"no headsurgery\.undo in it, so the original bytes are missing"):
            restore_checkpoint(out, tmp_path / "back")

    @pytest.mark.parametrize("text", [b"", b"{", b"{}", b"\xff", b"[]", b"[" * 100_000, b'{"schema": "headsurgery.manifest/2"}'])
    def test_a_manifest_that_is_not_valid(self, text: bytes, out: Path, tmp_path: Path) -> None:
        (out / "headsurgery.json").write_bytes(text)
        with pytest.raises(CheckpointError, match=r"headsurgery\.json: not a valid manifest") as caught:
            restore_checkpoint(out, tmp_path / "back")
        assert "\n" not in str(caught.value)

    def test_an_unknown_key_in_the_manifest(self, out: Path, tmp_path: Path) -> None:
        edit_manifest(out, lambda document: document.update(extra=1))
        with pytest.raises(CheckpointError, match="not a valid manifest: extra: unknown key"):
            restore_checkpoint(out, tmp_path / "back")

    @pytest.mark.parametrize("byte", [0, 5000, -1])
    @pytest.mark.parametrize("file", [WEIGHTS, "config.json", "headsurgery.undo"])
    def test_a_file_that_was_changed_after_apply(self, file: str, byte: int, out: Path, tmp_path: Path) -> None:
        data = bytearray((out / file).read_bytes())
        data[byte % len(data)] ^= 1
        (out / file).write_bytes(data)
        with pytest.raises((SurgeryError, CheckpointError)) as caught:
            restore_checkpoint(out, tmp_path / "back")
        assert file in str(caught.value) or "the restored file differs from the base's" in str(caught.value)

    def test_a_file_that_is_missing(self, out: Path, tmp_path: Path) -> None:
        (out / "tokenizer.json").unlink()
        with pytest.raises(CheckpointError, match=r"tokenizer\.json: missing"):
            restore_checkpoint(out, tmp_path / "back")

    @pytest.mark.parametrize("file", ["../stolen", "/tmp/stolen", "a/../../stolen", "", ".", "a//b", "\0"])
    def test_a_strangers_manifest_that_points_outside(self, file: str, out: Path, tmp_path: Path) -> None:
        shutil.copy(out / "config.json", tmp_path / "stolen")
        edit_manifest(out, lambda document: document["files"][0].update(file=file))
        before = set(os.listdir(tmp_path))
        with pytest.raises(CheckpointError, match=r"files\[0\]\.file: points outside the checkpoint's directory"):
            restore_checkpoint(out, tmp_path / "back")
        assert set(os.listdir(tmp_path)) == before

    @pytest.mark.parametrize(
        "change",
        [
            {"axis": 2},
            {"axis": -1},
            {"start": -8},
            {"start": 8, "stop": 8},
            {"stop": 10**9},
            {"start": 41, "stop": 49},
            {"tensor": "model.norm.weight"},
            {"tensor": "scalar"},
            {"tensor": "three axes"},
            {"tensor": "counts"},
            {"tensor": "absent"},
            {"head": 3},
            {"layer": 7},
            {"operation": "uniform_attention"},
            {"axis": 0, "stop": 45},
        ],
    )
    def test_a_manifest_whose_slices_do_not_fit(self, change: dict[str, Any], base: Path, tmp_path: Path) -> None:
        append_tensors(base / WEIGHTS, ODD_TENSORS)
        out = apply(base, tmp_path / "odd", FEW)
        edit_manifest(out, lambda document: document["edits"][0].update(change))
        with pytest.raises(CheckpointError, match=r"headsurgery\.(json: edits|undo: doesn't hold the original of)"):
            restore_checkpoint(out, tmp_path / "back")

    def test_a_file_that_the_manifest_names_twice(self, out: Path, tmp_path: Path) -> None:
        edit_manifest(out, lambda document: document["files"].append(document["files"][0]))
        with pytest.raises(CheckpointError, match=r"not a valid manifest: files: .* twice"):
            restore_checkpoint(out, tmp_path / "back")


def test_a_manifest_reads_back_what_it_writes(out: Path) -> None:
    manifest = Manifest.load(out)
    assert Manifest.model_validate_json(manifest.to_json()) == manifest
