"""Files without copies of their bytes: which way is taken where, and what can be relied on after each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import pytest

from headsurgery import Manifest, Recipe, apply_plan, diff_checkpoints, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.errors import SurgeryError
from headsurgery.filesystem.files import Directory
from headsurgery.filesystem.linking import Link, can_clone, link_shard, shared_files, trusted_sha256
from headsurgery.storage.safetensors import WEIGHTS
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import FEW_KB, as_hub_cache, contents, recipe_of
from tests.disks import mounted
from tests.tiny import save_model

EDITS = recipe_of((0, 1, "scale", 0.0), (2, 5, "uniform_attention", 0.5))
LINKS: tuple[Link, ...] = ("auto", "reflink", "hardlink", "symlink", "copy")


@pytest.fixture(params=["btrfs", "xfs"])
def cloning_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with mounted(request.param, tmp_path) as disk:
        yield disk


@pytest.fixture
def plain_disk(tmp_path: Path) -> Iterator[Path]:
    """One that can't clone."""
    with mounted("tmpfs", tmp_path) as disk:
        yield disk


def apply(base: Path, out: Path, link: Link, recipe: Recipe = EDITS, **more: Any) -> Manifest:
    return apply_plan(plan_surgery(recipe, open_checkpoint(base)), out, link=link, **more)


def untouched_shards(manifest: Manifest) -> set[str]:
    return {record.file for record in manifest.files if "model-" in record.file and record.sha256 == record.base_sha256}


def how(path: Path) -> Literal["symlink", "hardlink", "file"]:
    return "symlink" if path.is_symlink() else "hardlink" if path.stat().st_nlink > 1 else "file"


def blocks_used(disk: Path) -> int:
    os.sync()
    return shutil.disk_usage(disk).used


def check_said(notes: list[str], manifest: Manifest) -> None:
    """Hashes on trust are told to who runs it; base and recipe make the same manifest everywhere."""
    unread = sum(record.sha256 == record.base_sha256 for record in manifest.files)
    assert notes == [f"{unread} files were not read: their hashes are taken from the Hub cache's file names; verify reads them"]
    assert manifest.notes == []


def check_all(base: Path, out: Path, folder: Path, manifest: Manifest) -> None:
    """Whatever the way: the same bytes, true hashes, nothing but the edit, and the way back."""
    before = contents(base)
    for record in manifest.files:
        assert sha256((out / record.file).read_bytes()).hexdigest() == record.sha256
        assert record.base_sha256 is None or sha256(before[record.file]).hexdigest() == record.base_sha256
    assert diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=EDITS).matches_recipe
    assert not verify_checkpoint(out).problems
    assert not verify_checkpoint(out, base=open_checkpoint(base)).problems
    edited = contents(out)
    restore_checkpoint(out, folder / "back")
    assert contents(folder / "back") == before
    assert contents(out) == edited
    for path in (folder / "back").rglob("*"):
        assert how(path) == "file" or path.is_dir()


class TestWhereFilesCanShareBlocks:
    @pytest.mark.parametrize("link", ["auto", "reflink"])
    def test_they_do_and_are_independent(self, link: Link, cloning_disk: Path) -> None:
        base = save_model("llama", cloning_disk / "base", max_shard_size=FEW_KB)
        filler = {f"{number}.bin.txt": os.urandom(2**22) for number in range(6)}
        for name, data in filler.items():
            (base / name).write_bytes(data)
        used, before = blocks_used(cloning_disk), contents(base)
        manifest = apply(base, cloning_disk / "out", link)
        assert blocks_used(cloning_disk) - used < 2**22, "24 MB of files that nobody edits cost nothing"
        assert {how(path) for path in (cloning_disk / "out").iterdir()} == {"file"}
        check_all(base, cloning_disk / "out", cloning_disk, manifest)
        for name in (*untouched_shards(manifest), *filler):
            (cloning_disk / "out" / name).write_bytes(b"")
        assert contents(base) == before

    @pytest.mark.parametrize("link", ["auto", "reflink"])
    def test_blobs_of_the_hubs_cache_are_cloned_unread(self, link: Link, cloning_disk: Path) -> None:
        snapshot = as_hub_cache(save_model("llama", cloning_disk / "base", max_shard_size=FEW_KB), cloning_disk / "hub")
        before = contents(cloning_disk / "hub")
        notes: list[str] = []
        manifest = apply(snapshot, cloning_disk / "out", link, on_note=notes.append)
        check_said(notes, manifest)
        check_all(snapshot, cloning_disk / "out", cloning_disk, manifest)
        assert contents(cloning_disk / "hub") == before

    def test_from_another_disk_it_is_a_copy(self, cloning_disk: Path, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base", max_shard_size=FEW_KB)
        assert {how(path) for path in base.iterdir()} == {"file"}
        manifest = apply(base, cloning_disk / "out", "auto")
        assert {how(path) for path in base.iterdir()} == {"file"}
        check_all(base, cloning_disk / "out", tmp_path, manifest)


class TestWhereFilesCanNotShareBlocks:
    def test_weights_that_are_not_edited_become_hard_links(self, plain_disk: Path) -> None:
        base = save_model("llama", plain_disk / "base", max_shard_size=FEW_KB)
        manifest = apply(base, plain_disk / "out", "auto")
        linked = {path.name for path in (plain_disk / "out").iterdir() if how(path) == "hardlink"}
        assert linked == untouched_shards(manifest) != set()
        assert linked == set(shared_files(base, plain_disk / "out", (record.file for record in manifest.files)))
        check_all(base, plain_disk / "out", plain_disk, manifest)

    def test_a_single_edited_file_is_never_linked(self, plain_disk: Path) -> None:
        base = save_model("llama", plain_disk / "base")
        for link in ("auto", "hardlink", "symlink"):
            manifest = apply(base, plain_disk / link, link)
            assert {how(path) for path in (plain_disk / link).iterdir()} == {"file"}
            assert untouched_shards(manifest) == set()

    def test_auto_never_links_the_hubs_cache(self, plain_disk: Path) -> None:
        snapshot = as_hub_cache(save_model("llama", plain_disk / "base", max_shard_size=FEW_KB), plain_disk / "hub")
        notes: list[str] = []
        manifest = apply(snapshot, plain_disk / "out", "auto", on_note=notes.append)
        assert {how(path) for path in (plain_disk / "out").iterdir()} == {"file"}
        check_said(notes, manifest)
        check_all(snapshot, plain_disk / "out", plain_disk, manifest)

    def test_auto_never_links_the_hubs_cache_without_links(self, plain_disk: Path) -> None:
        """As the Hub's client lays it out where links are not allowed: whole files in the snapshot."""
        snapshot = plain_disk / "models--org--name" / "snapshots" / ("0" * 40)
        save_model("llama", snapshot, max_shard_size=FEW_KB)
        apply(snapshot, plain_disk / "out", "auto")
        assert {how(path) for path in (plain_disk / "out").iterdir()} == {"file"}

    def test_auto_never_links_what_is_a_link_already(self, plain_disk: Path) -> None:
        """Whatever store it leads to, others may use it."""
        base = save_model("llama", plain_disk / "base", max_shard_size=FEW_KB)
        (plain_disk / "store").mkdir()
        for path in base.glob("*.safetensors"):
            path.rename(plain_disk / "store" / path.name)
            path.symlink_to(plain_disk / "store" / path.name)
        apply(base, plain_disk / "out", "auto")
        assert {how(path) for path in (plain_disk / "out").iterdir()} == {"file"}

    @pytest.mark.parametrize("link", ["hardlink", "symlink"])
    def test_the_hubs_cache_is_linked_if_that_is_asked_for(self, link: Link, plain_disk: Path) -> None:
        snapshot = as_hub_cache(save_model("llama", plain_disk / "base", max_shard_size=FEW_KB), plain_disk / "hub")
        before = contents(plain_disk / "hub")
        manifest = apply(snapshot, plain_disk / "out", link)
        shards = untouched_shards(manifest)
        assert {path.name for path in (plain_disk / "out").iterdir() if how(path) == link} == shards
        check_all(snapshot, plain_disk / "out", plain_disk, manifest)
        assert contents(plain_disk / "hub") == before

    def test_reflink_is_refused(self, plain_disk: Path) -> None:
        base = save_model("llama", plain_disk / "base")
        with pytest.raises(SurgeryError, match="--link reflink: files can't share blocks here") as caught:
            apply(base, plain_disk / "out", "reflink")
        assert "--link auto" in caught.value.hint
        assert [path.name for path in plain_disk.iterdir()] == ["base"]


@pytest.mark.parametrize("link", ["auto", "hardlink", "symlink", "copy"])
def test_from_another_disk(link: Link, plain_disk: Path, tmp_path: Path) -> None:
    base = save_model("llama", tmp_path / "base", max_shard_size=FEW_KB)
    if link == "hardlink":
        with pytest.raises(SurgeryError, match=r"--link hardlink is not possible here: Invalid cross-device link"):
            apply(base, plain_disk / "out", link)
        assert list(plain_disk.iterdir()) == []
        return
    manifest = apply(base, plain_disk / "out", link)
    kinds = {how(path) for path in (plain_disk / "out").iterdir()}
    assert kinds == ({"file", "symlink"} if link == "symlink" else {"file"})
    check_all(base, plain_disk / "out", tmp_path, manifest)


@pytest.mark.parametrize("link", LINKS)
def test_every_way_gives_the_same_bytes_or_is_refused(link: Link, tmp_path: Path) -> None:
    """On whatever file system the tests run."""
    base = save_model("llama", tmp_path / "base", max_shard_size=FEW_KB)
    before = contents(base)
    if link == "reflink" and not can_clone(base / "config.json", tmp_path):
        pytest.skip("files can't share blocks here")
    manifest = apply(base, tmp_path / "out", link)
    assert manifest == apply(base, tmp_path / "copy", "copy")
    assert contents(tmp_path / "out") == contents(tmp_path / "copy")
    check_all(base, tmp_path / "out", tmp_path, manifest)
    assert contents(base) == before
    assert link == "copy" or untouched_shards(manifest)
    if link == "copy":
        assert {how(path) for path in (tmp_path / "out").iterdir()} == {"file"}


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_replacing_or_deleting_a_linked_result_leaves_the_base(link: Link, tmp_path: Path) -> None:
    base = save_model("llama", tmp_path / "base", max_shard_size=FEW_KB)
    before = contents(base)
    apply(base, tmp_path / "out", link, recipe_of((1, 1, "scale", 0.0)))
    apply(base, tmp_path / "out", link, force=True)
    apply(base, tmp_path / "out", "copy", force=True)
    apply(base, tmp_path / "out", link, force=True)
    restore_checkpoint(tmp_path / "out", tmp_path / "back")
    shutil.rmtree(tmp_path / "out")
    assert contents(base) == before == contents(tmp_path / "back")


def test_a_linked_result_that_is_written_is_noticed(tmp_path: Path) -> None:
    """The price of a hard link, as the documentation says."""
    base = save_model("llama", tmp_path / "base", max_shard_size=FEW_KB)
    shard = min(untouched_shards(apply(base, tmp_path / "out", "hardlink")))
    with (base / shard).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    assert shard in verify_checkpoint(tmp_path / "out").problems
    with pytest.raises(SurgeryError, match="the restored file differs from the base's"):
        restore_checkpoint(tmp_path / "out", tmp_path / "back")


class TestTrust:
    """When the name of a blob in the Hub's cache counts as its hash."""

    @pytest.fixture
    def snapshot(self, tmp_path: Path) -> Path:
        return as_hub_cache(save_model("llama", tmp_path / "base"), tmp_path / "hub")

    def test_a_blob_that_was_not_written_since(self, snapshot: Path) -> None:
        digest = sha256((snapshot / WEIGHTS).read_bytes()).hexdigest()
        assert trusted_sha256(Directory(snapshot), WEIGHTS) == digest

    def test_a_blob_that_was_written_since(self, snapshot: Path, tmp_path: Path) -> None:
        blob = Path(os.path.realpath(snapshot / WEIGHTS))
        data = bytearray(blob.read_bytes())
        data[-1] ^= 1
        blob.write_bytes(data)
        os.utime(blob, ns=(0, (snapshot / WEIGHTS).lstat().st_mtime_ns + 1))
        assert trusted_sha256(Directory(snapshot), WEIGHTS) is None
        with pytest.raises(SurgeryError, match="damaged in the Hub's cache"):
            apply(snapshot, tmp_path / "out", "hardlink")

    def test_a_small_file_that_git_named(self, snapshot: Path) -> None:
        config = Path(os.path.realpath(snapshot / "config.json"))
        config.rename(config.with_name("0" * 40))
        (snapshot / "config.json").unlink()
        (snapshot / "config.json").symlink_to(f"../../blobs/{'0' * 40}")
        assert trusted_sha256(Directory(snapshot), "config.json") is None

    def test_a_strangers_folder_that_looks_like_blobs(self, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base")
        (base / "blobs").mkdir()
        (base / WEIGHTS).rename(base / "blobs" / ("0" * 64))
        (base / WEIGHTS).symlink_to(f"blobs/{'0' * 64}")
        assert trusted_sha256(Directory(base), WEIGHTS) is None
        manifest = apply(base, tmp_path / "out", "auto")
        assert "0" * 64 not in manifest.to_json().replace(f"blobs/{'0' * 64}", "")

    def test_an_ordinary_file(self, snapshot: Path, tmp_path: Path) -> None:
        assert trusted_sha256(Directory(tmp_path / "base"), WEIGHTS) is None


def test_a_failure_is_not_taken_for_a_file_system_that_can_not(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "target").touch()
    (tmp_path / "base" / "file").touch()
    for link in ("auto", "hardlink", "symlink"):
        with pytest.raises(OSError, match="File exists"):
            link_shard(tmp_path / "base", "file", tmp_path / "target", link)
