"""Files on their way into the edited checkpoint: a base that is written meanwhile, and a disk that only links fit on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from headsurgery import apply_plan, open_checkpoint, plan_surgery
from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.filesystem.linking import Link
from tests.directories import FEW_KB, contents, recipe_of
from tests.disks import mounted
from tests.tiny import save_model

EDITS = recipe_of((0, 1, "scale", 0.0))


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")


def replace(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


def touch(path: Path) -> None:
    os.utime(path)


@pytest.mark.parametrize("write", [overwrite, replace, touch, Path.unlink])
@pytest.mark.parametrize("link", ["auto", "copy", "hardlink", "symlink"])
@pytest.mark.parametrize("file", ["first", "last", "config.json"])
def test_a_base_that_is_written_meanwhile(link: Link, file: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    """Whichever file it is: one that has been read, or one whose turn is still to come."""
    base = save_model("llama", tmp_path / "base", max_shard_size=FEW_KB)
    shards = sorted(path.name for path in base.glob("*.safetensors"))
    name = {"first": shards[0], "last": shards[-1]}.get(file, file)
    plan, written = plan_surgery(EDITS, open_checkpoint(base)), []

    def meanwhile(done: int, total: int) -> None:
        if not written and done > total / 2:
            written.append(name)
            write(base / name)

    with pytest.raises(CheckpointError, match=r"changed while it was read; nothing was kept|missing from the checkpoint"):
        apply_plan(plan, tmp_path / "out", link=link, on_progress=meanwhile)
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_reading_it_or_linking_to_it_is_no_write(tmp_path: Path) -> None:
    base = save_model("llama", tmp_path / "base", max_shard_size=FEW_KB)
    plan = plan_surgery(EDITS, open_checkpoint(base))

    def meanwhile(done: int, total: int) -> None:
        contents(base)
        for path in base.iterdir():
            if not (tmp_path / path.name).exists():
                os.link(path, tmp_path / path.name)

    apply_plan(plan, tmp_path / "out", on_progress=meanwhile)


def test_links_need_no_space(tmp_path: Path) -> None:
    made = save_model("llama", tmp_path / "made", max_shard_size=FEW_KB)
    size = sum(-(-path.stat().st_size // 4096) * 4096 for path in made.iterdir())
    with mounted("tmpfs", tmp_path, num_bytes=2 * size - 60_000) as disk:
        (disk / "base").mkdir()
        for path in made.iterdir():
            (disk / "base" / path.name).write_bytes(path.read_bytes())
        plan = plan_surgery(EDITS, open_checkpoint(disk / "base"))
        with pytest.raises(SurgeryError, match=r"out: disk full: \d+ bytes needed, \d+ free"):
            apply_plan(plan, disk / "out", link="copy")
        assert [path.name for path in disk.iterdir()] == ["base"]
        apply_plan(plan, disk / "out")
