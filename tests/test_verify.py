"""Verifying an edited checkpoint: its hashes, and its edit, derived from the base or from its own originals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from headsurgery import HeadEdit, Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.card import write_card
from headsurgery.checkpoint.manifest import Manifest
from headsurgery.checkpoint.verify import verify_checkpoint
from headsurgery.cli import app
from headsurgery.errors import CheckpointError
from tests.directories import FEW_KB, contents
from tests.tiny import save_model

RECIPE = Recipe(edits=(HeadEdit(layer=1, head=2, factor=0.5), HeadEdit(layer=2, head=0, operation="uniform_attention")))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_model("qwen2", tmp_path / "base", max_shard_size=FEW_KB)


@pytest.fixture
def edited(base: Path, tmp_path: Path) -> Path:
    plan = plan_surgery(RECIPE, open_checkpoint(base))
    apply_plan(plan, tmp_path / "edited", write_card=lambda manifest, text: write_card(manifest, text, recipe=RECIPE))
    return tmp_path / "edited"


def shard_of(path: Path, tensor: str) -> Path:
    return path / json.loads((path / "model.safetensors.index.json").read_text())["weight_map"][tensor]


def forge(path: Path, file: Path) -> None:
    """Let the manifest say of a file what it is now."""
    from hashlib import sha256

    manifest = Manifest.load(path)
    records = [
        record.model_copy(update={"sha256": sha256(file.read_bytes()).hexdigest()}) if record.file == file.name else record
        for record in manifest.files
    ]
    (path / "headsurgery.json").write_text(manifest.model_copy(update={"files": records}).to_json())


def change(file: Path, name: str, row: int, column: int) -> None:
    tensors = load_file(file)
    tensors[name][row, column] += 1
    save_file(tensors, file, metadata={"format": "pt"})


def test_what_apply_wrote_is_intact(edited: Path, base: Path) -> None:
    before = contents(edited)
    for opened, against in ((None, "originals"), (open_checkpoint(base), "base")):
        found = verify_checkpoint(edited, base=opened)
        assert (found.problems, found.others, found.against) == ({}, (), against)
    assert contents(edited) == before


def test_without_originals_and_base_only_files_are_hashed(base: Path, edited: Path) -> None:
    (edited / "headsurgery.undo").unlink()
    assert verify_checkpoint(edited).problems == {"headsurgery.undo": "missing"}


@pytest.mark.parametrize("pattern", ["config.json", "tokenizer.json", "headsurgery.undo", "recipe.json", "model-00003-of-*"])
def test_any_changed_byte_is_seen(pattern: str, edited: Path) -> None:
    (path,) = edited.glob(pattern)
    file = path.name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert verify_checkpoint(edited).problems == {file: "not the bytes that apply wrote"}


@pytest.mark.parametrize(
    ("row", "column", "problems"),
    [
        (3, 17, ["model.layers.1.self_attn.o_proj.weight", "shard"]),
        (3, 30, ["shard"]),
    ],
)
def test_a_forged_manifest_does_not_help(row: int, column: int, problems: list[str], edited: Path, base: Path) -> None:
    """Inside the edited columns 16-23 and beside them."""
    name = "model.layers.1.self_attn.o_proj.weight"
    shard = shard_of(edited, name)
    change(shard, name, row, column)
    forge(edited, shard)
    found = verify_checkpoint(edited).problems
    assert all(key in (name, shard.name) for key in found)
    assert ("is not its original × 0.5" in str(found)) == (len(problems) == 2)
    assert "with its originals put back it is not the base's file" in str(found) or len(problems) == 2
    assert verify_checkpoint(edited, base=open_checkpoint(base)).problems


def test_a_rewritten_card_is_no_fault(edited: Path, base: Path) -> None:
    (edited / "README.md").write_text("mine")
    assert not verify_checkpoint(edited).problems
    assert not verify_checkpoint(edited, base=open_checkpoint(base)).problems


def test_another_base_is_seen(edited: Path, tmp_path: Path) -> None:
    other = save_model("qwen2", tmp_path / "other", max_shard_size=FEW_KB, seed=1)
    assert verify_checkpoint(edited, base=open_checkpoint(other)).problems


def test_a_checkpoint_without_a_manifest_is_refused(base: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no headsurgery\.json in it"):
        verify_checkpoint(base)


def test_the_command(edited: Path, base: Path) -> None:
    result = CliRunner().invoke(app, ["verify", str(edited)])
    assert result.exit_code == 0
    assert "every edited slice is its original times its factor" in result.stdout
    result = CliRunner().invoke(app, ["verify", str(edited), "--base", str(base), "--json"])
    found = {"problems": {}, "others": [], "against": "base", "intact": True, "steps": 1, "restorable": 1}
    assert json.loads(result.stdout) == found
    (edited / "notes.txt").write_text("mine")
    (edited / "config.json").unlink()
    result = CliRunner().invoke(app, ["verify", str(edited)])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["config.json: missing", "not in the manifest: notes.txt"]
