"""A base, and a run that makes a directory of it: the stage for faults."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headsurgery import Recipe, apply_plan, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.card import write_card
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import contents, recipe_of
from tests.tiny import save_model

EDITS = recipe_of((0, 1, "scale", 0.0), (1, 3, "uniform_attention", 0.5), (2, 5, "scale", -0.3))
OTHER_EDITS = recipe_of((1, 1, "scale", 0.0))
PARTIAL = re.compile(r"\.out\.[0-9a-f]{8}\.partial")


@dataclass
class Scene:
    """A base, and a verb that makes `out` of it.

    Args:
        folder: Holds everything.
        verb: `apply`; `replace`: apply with force where another result stands; `restore`.
    """

    folder: Path
    verb: str
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base, self.out, self.edited = self.folder / "base", self.folder / "out", self.folder / "edited"
        if not self.base.exists():
            save_model("llama", self.base, max_shard_size="90KB")
            (self.base / "README.md").write_text("the base's card")
        self.plan = plan_surgery(EDITS, open_checkpoint(self.base))
        if self.verb == "restore":
            apply_plan(self.plan, self.edited)
        self.before = contents(self.base)
        self.set_up()

    def set_up(self) -> None:
        """As it is before the run."""
        for name in self.leftovers():
            shutil.rmtree(self.folder / name)
        if self.verb == "replace" and self.out.exists() and Recipe.load(self.out / "recipe.json") == OTHER_EDITS:
            return
        shutil.rmtree(self.out, ignore_errors=True)
        if self.verb == "replace":
            apply_plan(plan_surgery(OTHER_EDITS, open_checkpoint(self.base)), self.out)

    def run(self, **more: Any) -> None:
        if self.verb == "restore":
            restore_checkpoint(self.edited, self.out, on_note=self.notes.append, **more)
        else:
            write = lambda manifest, card: write_card(manifest, card, recipe=EDITS)  # noqa: E731
            more = {"force": self.verb == "replace", "write_card": write} | more
            apply_plan(self.plan, self.out, on_note=self.notes.append, **more)

    def leftovers(self) -> list[str]:
        others = set(os.listdir(self.folder)) - {"base", "out", "edited", "disk"}
        assert all(PARTIAL.fullmatch(name) for name in others), others
        return sorted(others)

    def is_whole(self) -> bool:
        """Whether the verb's result stands there; False: nothing does, or what did before. Anything else fails."""
        assert contents(self.base) == self.before
        if self.verb == "restore":
            assert not self.out.exists() or contents(self.out) == self.before
            return self.out.exists()
        if self.out.exists():
            assert verify_checkpoint(self.out, base=open_checkpoint(self.base)).problems == {}
        recipe = Recipe.load(self.out / "recipe.json") if self.out.exists() else None
        assert recipe in ((EDITS, OTHER_EDITS) if self.verb == "replace" else (EDITS, None))
        return recipe == EDITS

    def check_next_run_cleans(self) -> None:
        """The next run names every leftover and deletes it."""
        found = self.leftovers()
        self.notes.clear()
        shutil.rmtree(self.out, ignore_errors=True)
        self.run()
        assert self.is_whole()
        assert self.leftovers() == []
        assert all(name in " ".join(self.notes) for name in found)
        assert len(self.notes) <= 2, "a line, and one more if something came back"


def as_command(scene: Scene) -> list[str]:
    EDITS.save(recipe := scene.base.parent.parent / "recipe.json")
    head = [sys.executable, "-m", "headsurgery"]
    if scene.verb == "restore":
        return [*head, "restore", str(scene.edited), "-o", str(scene.out)]
    force = ["--force"] if scene.verb == "replace" else []
    return [*head, "apply", str(recipe), str(scene.base), "-o", str(scene.out), *force]
