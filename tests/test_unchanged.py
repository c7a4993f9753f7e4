"""A base that changes between its plan and the end is refused, in one line with nothing kept; links made of it are no change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headsurgery import apply_plan, open_checkpoint, plan_surgery
from headsurgery.errors import CheckpointError, HeadSurgeryError, SurgeryError
from headsurgery.storage.safetensors import WEIGHTS
from tests.directories import edit_json
from tests.scenes import EDITS, Scene

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, forks and locks")


@pytest.fixture
def apply_scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, "apply")


class TestBaseThatChanges:
    """While it is read, at the first byte, in the middle, and after the last."""

    @pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
    @pytest.mark.parametrize("change", ["a byte", "swapped", "longer", "gone", "one more", "configuration"])
    def test_apply_refuses(self, change: str, at: float, apply_scene: Scene) -> None:
        scene = apply_scene
        last = scene.plan.checkpoint.shards[-1].file

        def meddle(done: int, total: int) -> None:
            if done >= at * total:
                meddle_with(scene.base, last, change)

        with pytest.raises(HeadSurgeryError, match=rf"({last}|config\.json|base): (changed while it was read|missing)") as caught:
            scene.run(on_progress=meddle)
        assert "\n" not in str(caught.value)
        assert not scene.out.exists()
        assert scene.leftovers() == []

    def test_between_opening_and_planning(self, apply_scene: Scene) -> None:
        """The headers are compared, and the configuration; other bytes are read only once."""
        checkpoint = open_checkpoint(apply_scene.base)
        meddle_with(apply_scene.base, WEIGHTS, "configuration")
        with pytest.raises(CheckpointError, match=r"config\.json: changed while it was read; nothing was kept"):
            apply_plan(plan_surgery(EDITS, checkpoint), apply_scene.out)
        assert not apply_scene.out.exists()

    def test_a_byte_dated_back(self, apply_scene: Scene) -> None:
        """After it was read. Before, nobody can tell, and the result is of the base as it is."""
        last = apply_scene.plan.checkpoint.shards[-1].file

        def meddle(done: int, total: int) -> None:
            if done == total:
                meddle_with(apply_scene.base, last, "a byte, dated back")

        with pytest.raises(CheckpointError, match=f"{last}: changed while it was read"):
            apply_scene.run(on_progress=meddle)
        assert not apply_scene.out.exists()

    def test_links_and_permissions_are_no_change(self, apply_scene: Scene) -> None:
        path, link = apply_scene.base / apply_scene.plan.checkpoint.shards[0].file, apply_scene.edited

        def meddle(done: int, total: int) -> None:
            path.chmod(0o600)
            link.unlink(missing_ok=True)
            if done < total:
                os.link(path, link)

        apply_scene.run(on_progress=meddle)
        assert apply_scene.is_whole()

    @pytest.mark.parametrize("at", [0.0, 0.5])
    def test_restore_refuses(self, at: float, tmp_path: Path) -> None:
        scene = Scene(tmp_path, "restore")
        last = open_checkpoint(scene.edited).shards[-1].file
        with pytest.raises(SurgeryError, match="the restored file differs from the base's; nothing was kept"):
            scene.run(on_progress=lambda done, total: meddle_with(scene.edited, last, "a byte") if done >= at * total else None)
        assert not scene.out.exists()


def meddle_with(base: Path, shard: str, change: str) -> None:
    """Once; a second time nothing changes any more."""
    path = base / shard
    if base.with_name("disk").exists():
        return
    base.with_name("disk").mkdir()
    if change in ("a byte", "a byte, dated back", "swapped"):
        look, data = path.stat(), bytearray(path.read_bytes())
        data[-1] ^= 1
        if change == "swapped":
            path.rename(base.with_name("disk") / shard)
        path.write_bytes(data)
        if change != "a byte":
            os.utime(path, ns=(look.st_atime_ns, look.st_mtime_ns))
    elif change == "longer":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "gone":
        path.unlink()
    elif change == "one more":
        (base / "more.txt").write_text("more")
    else:
        edit_json(base / "config.json", rms_norm_eps=1e-3)
