"""An edited checkpoint edited again: the whole history is kept, and every step can be undone, bit for bit."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headsurgery import HeadEdit, Manifest, Recipe, apply_plan, diff_checkpoints, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.card import write_card
from headsurgery.cli import app
from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.filesystem.files import Directory
from headsurgery.surgery.history import earlier_manifests, read_history
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import FEW_KB, contents
from tests.tiny import save_model

STEPS = (
    Recipe(edits=(HeadEdit(layer=1, head=2, factor=0.5),)),
    Recipe(edits=(HeadEdit(layer=1, head=2, factor=0.0), HeadEdit(layer=0, head=3, operation="uniform_attention"))),
    Recipe(edits=(HeadEdit(layer=2, head=5, factor=1.7),)),
)
CARD = "---\nlicense: apache-2.0\n---\n# The base\n"


def edit(base: Path, out: Path, recipe: Recipe, *, card: bool = True, keep_originals: bool = True) -> Path:
    checkpoint = open_checkpoint(base)
    write = partial(write_card, recipe=recipe, earlier=earlier_manifests(checkpoint.files)) if card else None
    apply_plan(plan_surgery(recipe, checkpoint), out, write_card=write, keep_originals=keep_originals)
    return out


@pytest.fixture(params=[True, False], ids=["with cards", "without"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> list[Path]:
    """The base, and what each step made of it."""
    base = save_model("qwen2", tmp_path / "base", max_shard_size=FEW_KB)
    (base / "README.md").write_text(CARD)
    made = [base]
    for number, recipe in enumerate(STEPS, start=1):
        made.append(edit(made[-1], tmp_path / f"step{number}", recipe, card=request.param))
    return made


def test_any_number_of_steps_is_undone_bit_for_bit(chain: list[Path], tmp_path: Path) -> None:
    for steps in (1, 2, 3, None):
        out = tmp_path / f"back{steps}"
        restore_checkpoint(chain[-1], out, steps=steps)
        assert contents(out) == contents(chain[3 - (steps or 3)])


def test_every_step_is_whole_and_verified(chain: list[Path]) -> None:
    for place, path in enumerate(chain[1:], start=1):
        found = verify_checkpoint(path)
        assert (found.problems, found.others, found.against) == ({}, (), "originals")
        assert not verify_checkpoint(path, base=open_checkpoint(chain[place - 1])).problems
        history = read_history(Directory(path))
        assert [{edit.ref for edit in step.manifest.edits} for step in history] == [
            {edit.ref for edit in recipe.edits} for recipe in reversed(STEPS[:place])
        ]


def test_a_step_is_its_recipe_and_nothing_else(chain: list[Path]) -> None:
    for place, recipe in enumerate(STEPS):
        found = diff_checkpoints(open_checkpoint(chain[place]), open_checkpoint(chain[place + 1]), recipe=recipe)
        assert found.matches_recipe, found.recipe_problems
    assert not diff_checkpoints(open_checkpoint(chain[0]), open_checkpoint(chain[3])).files


def test_the_plan_says_that_it_comes_on_top(chain: list[Path]) -> None:
    notes = plan_surgery(STEPS[0], open_checkpoint(chain[2])).notes
    assert notes == (
        "the base was edited before (L1H2 scale × 0, L0H3 uniform_attention × 0, L1H2 scale × 0.5); "
        "this edit is step 3 on top of that",
    )


def test_the_card_tells_the_whole_history(tmp_path: Path) -> None:
    base = save_model("llama", tmp_path / "base")
    (base / "README.md").write_text(CARD)
    one = edit(base, tmp_path / "one", STEPS[0])
    card = (edit(one, tmp_path / "two", STEPS[2]) / "README.md").read_text()
    assert "# A llama model, 1 attention head reinforced (step 2)" in card
    assert "| 1 | L1H2 | scale × 0.5 |" in card
    assert "- ablated" in card, "an earlier step weakened a head"
    assert "# The base" in card
    assert (tmp_path / "two/headsurgery.previous/README.md").read_bytes() == (one / "README.md").read_bytes()


def test_without_originals_a_step_can_not_be_undone(tmp_path: Path) -> None:
    base = save_model("llama", tmp_path / "base")
    out = edit(base, tmp_path / "out", STEPS[0], keep_originals=False)
    assert not (out / "headsurgery.undo").exists()
    assert verify_checkpoint(out).against is None
    assert verify_checkpoint(out, base=open_checkpoint(base)).against == "base"
    with pytest.raises(CheckpointError, match=r"no headsurgery\.undo in it") as caught:
        restore_checkpoint(out, tmp_path / "back")
    assert "--no-undo" in str(caught.value.hint)
    assert not (tmp_path / "back").exists()
    assert plan_surgery(STEPS[2], open_checkpoint(out)).notes[1].startswith("restore can go back to step 1 only")
    two = edit(out, tmp_path / "two", STEPS[2])
    found = verify_checkpoint(two)
    assert (found.problems, found.steps, found.restorable) == ({}, 2, 1)
    restore_checkpoint(two, tmp_path / "one", steps=1)
    assert contents(tmp_path / "one") == contents(out)
    with pytest.raises(CheckpointError, match=r"no headsurgery\.previous/headsurgery\.undo in it"):
        restore_checkpoint(two, tmp_path / "back")


def test_a_step_that_was_tampered_with_is_seen(chain: list[Path], tmp_path: Path) -> None:
    undo = chain[-1] / "headsurgery.previous/headsurgery.undo"
    data = bytearray(undo.read_bytes())
    data[-1] ^= 1
    undo.write_bytes(data)
    assert list(verify_checkpoint(chain[-1]).problems) == ["headsurgery.previous/headsurgery.undo"]
    with pytest.raises(SurgeryError, match="the restored file differs from the base's"):
        restore_checkpoint(chain[-1], tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_step_that_was_changed_since_is_no_base(chain: list[Path], tmp_path: Path) -> None:
    """Nobody could get back to the first base."""
    (chain[1] / "config.json").write_text((chain[1] / "config.json").read_text() + " ")
    with pytest.raises(CheckpointError, match=r"differs from its manifest: config\.json changed since") as caught:
        edit(chain[1], tmp_path / "two", STEPS[2])
    assert "move headsurgery.json, " in str(caught.value.hint)
    assert not (tmp_path / "two").exists()


def test_a_step_that_was_made_from_something_else_is_seen(chain: list[Path]) -> None:
    path = chain[-1] / "headsurgery.json"
    manifest = Manifest.load(chain[-1])
    files = [
        record.model_copy(update={"base_sha256": "0" * 64}) if "safetensors" in record.file else record for record in manifest.files
    ]
    path.write_text(manifest.model_copy(update={"files": files}).to_json())
    problems = verify_checkpoint(chain[-1]).problems
    assert problems["headsurgery.previous/headsurgery.json"].startswith("the step on top of it was made from another model")


def test_more_steps_than_there_were_are_refused(chain: list[Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="4 steps to undo, but it was edited 3 times"):
        restore_checkpoint(chain[-1], tmp_path / "back", steps=4)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_model("llama", tmp_path / "base")
    for number, recipe in enumerate(STEPS[:2]):
        (tmp_path / f"{number}.json").write_text(recipe.to_json())

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, result.stderr
        return result.stdout + result.stderr

    run("apply", "0.json", "base", "-o", "one")
    assert "this edit is step 2 on top of that" in run("apply", "1.json", "one", "-o", "two")
    assert json.loads(run("verify", "two", "--json"))["intact"]
    run("diff", "one", "two", "--recipe", "1.json")
    run("restore", "two", "-o", "one-again", "--steps", "1")
    run("restore", "two", "-o", "base-again")
    assert contents(tmp_path / "one-again") == contents(tmp_path / "one")
    assert contents(tmp_path / "base-again") == contents(tmp_path / "base")
    run("apply", "0.json", "base", "-o", "bare", "--no-undo")
    assert "the edit itself was not derived again" in run("verify", "bare")
