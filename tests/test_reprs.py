"""What people see of an object: a line, whatever it holds. And what they build in Python raises our errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

import headsurgery as hs
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.errors import HeadSurgeryError, RecipeError
from headsurgery.recipe import Geometry, Provenance, RecipeBase
from headsurgery.surgery.verify import verify_checkpoint
from tests.tiny import save_model

LONGEST = 240


def check(value: object, *words: str) -> None:
    for text in (repr(value), str(value)):
        assert len(text) <= LONGEST, text
        assert "\n" not in text
        assert text.startswith(f"{type(value).__name__}(")
        for word in words:
            assert word in text


def test_an_objects_repr_is_a_line(tmp_path: Path) -> None:
    base = hs.open_checkpoint(save_model("llama", tmp_path / "base", max_shard_size="50KB"))
    edits = [hs.HeadEdit(layer=layer, head=head) for layer in range(3) for head in range(6)]
    recipe = hs.Recipe(edits=edits, base=RecipeBase(model="m" * 200))
    check(recipe, "L0H0 scale", "12 more")
    check(recipe.edits[0], "layer=0")
    check(base, "base", "llama", "tensors")
    check(base.shards[0], base.shards[0].file)
    check(prove_anatomy(base), "18 heads in 3 layers")
    check(prove_anatomy(base).geometry, "num_heads=6")
    plan = hs.plan_surgery(hs.Recipe(edits=edits), base)
    check(plan, "12 more", "parameters")
    check(plan.edits[0], "L0H0", "columns 0-")
    manifest = hs.apply_plan(plan, tmp_path / "edited")
    check(manifest, "12 more")
    edited = hs.open_checkpoint(tmp_path / "edited")
    check(hs.diff_checkpoints(base, edited, recipe=plan.recipe), "18 head blocks", "as the recipe says")
    check(verify_checkpoint(tmp_path / "edited"), "matches the manifest", "originals")
    check(hs.PromptSet.from_texts(["a", "b"] * 100, name="own"), "own: 2 prompts")
    check(Provenance(note="long " * 1000, notes=["a"] * 5000))


def test_nouns_raise_our_error() -> None:
    for build in (
        lambda: hs.HeadEdit(layer=-1, head=0),
        lambda: hs.HeadEdit(layer=0, head=0, operation="nonsense"),
        lambda: hs.HeadEdit(layer=0, head=0, factor=float("inf")),
        lambda: hs.HeadEdit(layer=0, head=0, colour="red"),
        lambda: hs.Recipe(edits=[]),
        lambda: hs.Recipe(edits=[hs.HeadEdit(layer=0, head=0)] * 2),
        lambda: hs.Recipe(),
        lambda: RecipeBase(revision="main"),
        lambda: Geometry(num_layers="3"),
        lambda: Provenance(method="guessed"),
    ):
        with pytest.raises(RecipeError) as found:
            build()
        assert isinstance(found.value, HeadSurgeryError)
        assert isinstance(found.value, ValueError)  # as pydantic's own
        assert isinstance(found.value.__cause__, ValidationError)


def test_the_error_says_which_field() -> None:
    with pytest.raises(RecipeError, match=r"^HeadEdit: layer: .*, found -1$"):
        hs.HeadEdit(layer=-1, head=0)
    with pytest.raises(RecipeError, match=r"^HeadEdit: colour: unknown key"):
        hs.HeadEdit(layer=0, head=0, colour="red")
    with pytest.raises(RecipeError, match=r"^Recipe: edits\[1\]: scale on L0H0 again"):
        hs.Recipe(edits=[{"layer": 0, "head": 0}, {"layer": 0, "head": 0}])


def test_a_document_still_says_where_its_fault_is() -> None:
    with pytest.raises(RecipeError, match=r"recipe: edits\[1\]\.layer"):
        hs.Recipe.parse('{"schema": "headsurgery.recipe/1", "edits": [{"layer": 0, "head": 0}, {"layer": -1, "head": 0}]}')
