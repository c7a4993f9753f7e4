"""Verifying an edited checkpoint: its hashes, and its edit, derived from the base or from its own originals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from headsurgery import HeadEdit, Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.card import write_card
from headsurgery.cli import app
from headsurgery.errors import CheckpointError
from headsurgery.surgery.base_files import MANIFEST, UNDO
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import FEW_KB, contents
from tests.exhaustive import all_but
from tests.tiny import save_model

RECIPE = Recipe(edits=(HeadEdit(layer=1, head=2, factor=0.5), HeadEdit(layer=2, head=0, operation="uniform_attention")))


OURS = ("README.md", "headsurgery.png")
"""The card and its picture, which people may rewrite."""


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
    assert "differs from the base's file even with its originals put back" in str(found) or len(problems) == 2
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
    assert "every edited slice is what its edit makes of the original" in result.stdout
    result = CliRunner().invoke(app, ["verify", str(edited), "--base", str(base), "--json"])
    found = {"problems": {}, "others": [], "against": "base", "intact": True, "steps": 1, "restorable": 1}
    found["not_derived"] = []
    found["not_checked"] = ["headsurgery", "notes", "edits.exactness", "base.model", "base.revision"]
    found["not_checked"] += [f"files[{file}].{field}" for file in OURS for field in ("num_bytes", "sha256")]
    assert json.loads(result.stdout) == found
    (edited / "notes.txt").write_text("mine")
    (edited / "config.json").unlink()
    result = CliRunner().invoke(app, ["verify", str(edited)])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["config.json: missing", "not in the manifest: notes.txt"]


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any, Any, Any]]:
    """Every value of a document: its place as messages have it, the container, the key, the value."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        name = f"files[{value['file']}]" if path == "files" else f"{path}[{key}]" if isinstance(document, list) else f"{path}.{key}"
        name = name.removeprefix(".")
        if isinstance(value, dict | list) and value:
            yield from leaves(value, name)
        else:
            yield name, document, key, value


def falsify(name: str, value: Any) -> Any:
    """Another value of the kind that belongs there."""
    if name.endswith("operation"):
        return "scale" if value == "uniform_attention" else "uniform_attention"
    if name.endswith(("sha256", "fingerprint")):
        return "0" * 64
    if name.endswith("revision"):
        return "0" * 40
    if isinstance(value, list):
        return [*value, "model.gguf"]
    if isinstance(value, str):
        return f"{value}x"
    return 1 if value is None else value + 1


class TestFalsifiedManifests:
    """Whoever falsifies one field of a manifest is caught by its name, or the output says that the field was not checked."""

    @pytest.mark.parametrize("against", all_but(["base"], ["base", "originals", "nothing"]))
    def test_every_field_is_checked_or_said_not_to_be(self, against: str, base: Path, tmp_path: Path) -> None:
        (base / "README.md").write_text("---\nlicense: mit\n---\n")
        (base / ".gitattributes").write_text("*.bin filter=lfs\n")
        (base / "pytorch_model.bin").touch()
        edited, plan = tmp_path / "edited", plan_surgery(RECIPE, open_checkpoint(base))
        card = None if against == "nothing" else lambda manifest, text: write_card(manifest, text, recipe=RECIPE)
        apply_plan(plan, edited, write_card=card, keep_originals=against != "nothing")
        text = (edited / "headsurgery.json").read_text()
        opened = open_checkpoint(base) if against == "base" else None
        assert not verify_checkpoint(edited, base=opened).problems
        seen = set()
        for name, *_ in leaves(json.loads(text)):
            document = json.loads(text)
            place, container, key, value = next(leaf for leaf in leaves(document) if leaf[0] == name)
            container[key] = falsify(place, value)
            (edited / "headsurgery.json").write_text(json.dumps(document))
            if name == "schema" or name.endswith((".exactness.level", ".exactness.of", ".exactness.factors")):
                with pytest.raises(CheckpointError, match=name.rpartition(".")[2]):
                    verify_checkpoint(edited, base=opened)
                continue
            found = verify_checkpoint(edited, base=opened)
            if not found.problems:
                field = "edits.exactness" if ".exactness." in name else name.split("[0]")[0]
                assert field in found.unchecked or name in found.unchecked, name
                seen.add(name)
            elif not name.startswith("files"):
                assert any(name.removesuffix("[0]") in problem for problem in found.problems), (name, found.problems)
        unproven = {"headsurgery", "base.model", "base.revision"}
        without_base = {"base.fingerprint", "left_out[0]"} if against != "base" else set()
        shards = {name for name in seen if name.startswith("files[model") and against == "nothing"}
        ours = {name for name in seen if name.startswith(tuple(f"files[{file}]" for file in OURS))}
        exactness = {name for name in seen if name.endswith((".exactness.largest_error", ".exactness.mean_error"))}
        assert seen <= unproven | without_base | shards | ours | exactness | {"notes"}

    def test_the_case_of_another_head_and_other_hashes(self, edited: Path, base: Path) -> None:
        document = json.loads((edited / "headsurgery.json").read_text())
        document["edits"][0] |= {"layer": 0, "factor": 2.0}
        for record in document["files"]:
            if record["base_sha256"] not in (None, record["sha256"]):
                record["base_sha256"] = "0" * 64
        (edited / "headsurgery.json").write_text(json.dumps(document))
        result = CliRunner().invoke(app, ["verify", str(edited), "--base", str(base)])
        assert result.exit_code == 1
        assert "headsurgery.json, edits[0].layer: says 0, expected 1" in result.stdout
        assert "headsurgery.json, edits[0].factor: says 2.0, expected 0.5" in result.stdout

    @pytest.mark.parametrize("field", ["edits", "files"])
    def test_an_entry_that_is_missing(self, field: str, edited: Path, base: Path) -> None:
        text = (edited / "headsurgery.json").read_text()
        for place in range(len(json.loads(text)[field])):
            document = json.loads(text)
            del document[field][place]
            (edited / "headsurgery.json").write_text(json.dumps(document))
            found = verify_checkpoint(edited, base=open_checkpoint(base))
            assert found.problems or found.others

    def test_originals_that_are_not_the_bases(self, edited: Path, base: Path) -> None:
        """Zeros times any factor are zeros: only the base can tell."""
        undo = edited / "headsurgery.undo"
        data = bytearray(undo.read_bytes())
        data[-4:] = b"\0\0\0\1"
        undo.write_bytes(data)
        forge(edited, undo)
        found = verify_checkpoint(edited, base=open_checkpoint(base)).problems
        assert "the original of L2H0" in str(found)

    def test_an_earlier_steps_manifest(self, edited: Path, base: Path, tmp_path: Path) -> None:
        recipe = Recipe(edits=(HeadEdit(layer=0, head=0, factor=0.5),))
        twice = tmp_path / "twice"
        apply_plan(plan_surgery(recipe, open_checkpoint(edited)), twice)
        earlier = twice / "headsurgery.previous/headsurgery.json"
        document = json.loads(earlier.read_text())
        document["edits"][0]["factor"] = 0.7
        earlier.write_text(json.dumps(document))
        manifest = json.loads((twice / "headsurgery.json").read_text())
        for record in manifest["files"]:
            if record["file"] == "headsurgery.previous/headsurgery.json":
                record["sha256"] = record["base_sha256"] = sha256(earlier.read_bytes()).hexdigest()
                record["num_bytes"] = earlier.stat().st_size
        (twice / "headsurgery.json").write_text(json.dumps(manifest))
        found = verify_checkpoint(twice).problems
        assert found == {"headsurgery.previous/headsurgery.json, edits[0].factor": "says 0.7, expected 0.5"}

    def test_lines_that_were_cut_from_gitattributes(self, base: Path, tmp_path: Path) -> None:
        (base / ".gitattributes").write_text("*.bin filter=lfs\n")
        apply_plan(plan_surgery(RECIPE, open_checkpoint(base)), tmp_path / "out")
        (tmp_path / "out/.gitattributes").write_text("*.bin")
        assert ".gitattributes" in verify_checkpoint(tmp_path / "out").problems


def rewrite_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((path / MANIFEST).read_text())
    change(document)
    (path / MANIFEST).write_text(json.dumps(document))


@pytest.mark.parametrize("against", [True, False], ids=["base", "originals"])
@pytest.mark.parametrize("lost", ["shards", "config.json", "model.safetensors.index.json"])
def test_a_manifest_without_an_entry_for_a_needed_file_is_seen(lost: str, against: bool, edited: Path, base: Path) -> None:
    def is_kept(record: dict[str, Any]) -> bool:
        return record["file"] != lost and not (lost == "shards" and record["file"].startswith("model-00001"))

    rewrite_manifest(edited, lambda manifest: manifest.update(files=[record for record in manifest["files"] if is_kept(record)]))
    found = verify_checkpoint(edited, base=open_checkpoint(base) if against else None)
    assert any("has no entry for" in problem for problem in found.problems.values())


def test_an_edited_file_that_is_said_to_be_the_bases_is_seen_without_the_base(edited: Path) -> None:
    def lie(manifest: dict[str, Any]) -> None:
        for record in manifest["files"]:
            if record["file"] in {edit["file"] for edit in manifest["edits"]}:
                record["base_sha256"] = record["sha256"]

    rewrite_manifest(edited, lie)
    assert any("differs from the base's file" in problem for problem in verify_checkpoint(edited).problems.values())
    (edited / UNDO).unlink()
    rewrite_manifest(edited, lambda manifest: manifest.update(files=[each for each in manifest["files"] if each["file"] != UNDO]))
    assert any(field.endswith(".base_sha256") for field in verify_checkpoint(edited).unchecked)


def test_another_base_is_called_one_before_what_differs(edited: Path, base: Path, tmp_path: Path) -> None:
    recipe = Recipe(edits=(HeadEdit(layer=0, head=0, operation="scale", factor=0.5),))
    twice = tmp_path / "twice"
    apply_plan(plan_surgery(recipe, open_checkpoint(edited)), twice)
    (said,) = verify_checkpoint(twice, base=open_checkpoint(base)).problems.values()
    assert said.startswith("is the base of an earlier edit")
    other = shutil.copytree(base, tmp_path / "other")
    for file in other.glob("*.safetensors"):
        save_file({name: values + 1 for name, values in load_file(file).items()}, file, metadata={"format": "pt"})
    (said,) = verify_checkpoint(edited, base=open_checkpoint(other)).problems.values()
    assert said.startswith("is not the base that the manifest names")
    assert said.endswith("more")
