"""What holds of every operation in the registry, whatever it does; and what each one declares.

An operation that is added to the registry is tested here without a line of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from typer.testing import CliRunner

from headsurgery import HeadEdit, Recipe, apply_plan, diff_checkpoints, edited, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.architectures.table import TABLE
from headsurgery.cli import app
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.edits.operations import ABLATIONS, NAMED_BY, OPERATIONS, allowed_operations, blocks_of
from headsurgery.errors import GeometryError, HeadSurgeryError
from headsurgery.recipe import recipe_schema
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import read_tensor
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import contents
from tests.tiny import save_model, tokens

LAYOUTS = ("llama", "qwen2", "phi3", "gpt_neox", "gpt2")
"""Separate q, with a bias, fused, fused by group, Conv1D."""
every_operation = pytest.mark.parametrize("operation", OPERATIONS)
every_layout = pytest.mark.parametrize("family", LAYOUTS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Base and donor of each family."""
    folder = tmp_path_factory.mktemp("operations")
    return {
        family: (save_model(family, folder / family), save_model(family, folder / f"{family}-donor", seed=1)) for family in LAYOUTS
    }


def recipe_of(operation: str, factor: float | None = None) -> Recipe:
    """An edit of a head in the middle of a layer, and of the last one of the last."""
    given = {} if factor is None else {"factor": factor}
    return Recipe(edits=tuple(HeadEdit(layer=layer, head=head, operation=operation, **given) for layer, head in ((1, 3), (2, 5))))


def donor_for(operation: str, donor: Path) -> Checkpoint | None:
    return open_checkpoint(donor) if "donor" in OPERATIONS[operation].needs else None


def apply(recipe: Recipe, base: Path, donor: Path, out: Path) -> Path:
    giver = open_checkpoint(donor) if recipe.needs_donor else None
    apply_plan(plan_surgery(recipe, open_checkpoint(base), donor=giver), out)
    return out


@torch.inference_mode()
def logits_of(path: Path) -> torch.Tensor:
    model = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    logits: torch.Tensor = model(input_ids=tokens()).logits
    return logits


def test_the_registry_loads_neither_numpy_nor_torch() -> None:
    """Recipes read it, and so does every command's help."""
    code = "import sys, headsurgery.recipe; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


class TestEveryOperation:
    @every_operation
    def test_it_is_told_in_words(self, operation: str) -> None:
        declared = OPERATIONS[operation]
        assert declared.name == operation
        assert declared.says
        assert declared.say(declared.default_factor).startswith(operation)

    @every_operation
    def test_recipe_schema_and_command_line_know_it(self, operation: str) -> None:
        assert operation in json.loads(recipe_schema())["$defs"]["HeadEdit"]["properties"]["operation"]["enum"]
        assert (operation in CliRunner().invoke(app, ["attribute", "--help"]).stdout) == (operation in ABLATIONS)

    @every_operation
    def test_its_blocks_are_what_diff_and_audit_look_at(self, operation: str) -> None:
        assert set(blocks_of(operation)) <= set(NAMED_BY.values())

    @every_operation
    def test_every_family_says_whether_it_allows_it(self, operation: str) -> None:
        for row in TABLE.values():
            assert (operation in allowed_operations(row)) == (OPERATIONS[operation].hindrance(row) is None)

    @every_operation
    @every_layout
    def test_only_its_blocks_change(
        self, operation: str, family: str, models: dict[str, tuple[Path, Path]], tmp_path: Path
    ) -> None:
        base, donor = models[family]
        recipe = recipe_of(operation)
        before, after = open_checkpoint(base), open_checkpoint(apply(recipe, base, donor, tmp_path / "out"))
        anatomy, changed = prove_anatomy(before), 0
        planned = [part for edit in recipe.edits for part in anatomy.slices(edit.ref, operation)]
        for name, tensor in before.tensors.items():
            differs = read_tensor(before, tensor) != read_tensor(after, after.tensors[name])
            changed += int(differs.sum())
            for part in (part for part in planned if part.tensor.name == name):
                place = (slice(None),) * part.axis + (slice(part.block.start, part.block.stop),)
                differs[place] = False
            assert not differs.any(), name
        assert changed == sum(part.num_parameters for part in planned)

    @every_operation
    @every_layout
    def test_the_live_model_does_what_the_bytes_do(
        self, operation: str, family: str, models: dict[str, tuple[Path, Path]], tmp_path: Path
    ) -> None:
        """Bit for bit at the factor that an edit has by itself."""
        base, donor = models[family]
        recipe = recipe_of(operation)
        model = transformers.AutoModelForCausalLM.from_pretrained(base).eval()
        with torch.inference_mode():
            untouched = model(input_ids=tokens()).logits
            with edited(model, recipe, donor=donor_for(operation, donor)):
                live = model(input_ids=tokens()).logits
            assert torch.equal(model(input_ids=tokens()).logits, untouched)
        assert not torch.equal(live, untouched)
        assert torch.equal(live, logits_of(apply(recipe, base, donor, tmp_path / "out")))

    @every_operation
    @every_layout
    def test_it_is_found_verified_and_taken_back(
        self, operation: str, family: str, models: dict[str, tuple[Path, Path]], tmp_path: Path
    ) -> None:
        base, donor = models[family]
        recipe, giver = recipe_of(operation), donor_for(operation, donor)
        out = apply(recipe, base, donor, tmp_path / "out")
        found = diff_checkpoints(open_checkpoint(base), open_checkpoint(out), recipe=recipe, donor=giver)
        assert found.recipe_problems == ()
        assert {(change.head, change.operation) for change in found.heads} == {
            (edit.ref, block) for edit in recipe.edits for block in blocks_of(operation)
        }
        for against in (None, open_checkpoint(base)):
            verified = verify_checkpoint(out, base=against, donor=giver)
            assert (verified.problems, verified.underived) == ({}, ())
        restore_checkpoint(out, tmp_path / "back")
        assert contents(tmp_path / "back") == contents(base)

    @every_operation
    def test_a_factor_that_changes_nothing_gives_an_identical_copy(
        self, operation: str, models: dict[str, tuple[Path, Path]], tmp_path: Path
    ) -> None:
        base, donor = models["llama"]
        if not OPERATIONS[operation].is_identity(1.0):
            pytest.skip("none does")
        out = apply(recipe_of(operation, 1.0), base, donor, tmp_path / "out")
        assert (out / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()

    @every_operation
    def test_what_it_makes_of_values_does_not_depend_on_what_computes_it(self, operation: str) -> None:
        """NumPy for the bytes, torch for the live model."""
        values, other = (np.random.default_rng(seed).normal(size=(8, 6)).astype(np.float32) for seed in (0, 1))
        declared = OPERATIONS[operation]
        inputs = dict.fromkeys(declared.needs, other)
        factor = declared.default_factor or 0.3
        in_numpy = declared.change(values, np.float32(factor), inputs)
        in_torch = declared.change(
            torch.from_numpy(values), factor, {name: torch.from_numpy(given) for name, given in inputs.items()}
        )
        assert np.array_equal(in_numpy, in_torch.numpy())
        if declared.acts_on_states:
            assert torch.equal(declared.change_states(torch.from_numpy(values), factor), in_torch)

    def test_two_edits_of_one_block_are_refused(self, models: dict[str, tuple[Path, Path]]) -> None:
        base, donor = models["llama"]
        edits = tuple(HeadEdit(layer=1, head=3, operation=name) for name in ("transplant", "scale"))
        with pytest.raises(
            HeadSurgeryError, match=r"edits\[1\]: scale on L1H3 changes .*o_proj.weight, which edits\[0\] changes too"
        ):
            plan_surgery(Recipe(edits=edits), open_checkpoint(base), donor=open_checkpoint(donor))


class TestQueryFactor:
    @pytest.mark.parametrize(
        ("operation", "factor", "has_q_norm"),
        [
            ("uniform_attention", 0.5, False),
            ("uniform_attention", 0.0, True),
            ("uniform_attention", -0.0, True),
            ("scale", 0.5, True),
        ],
    )
    def test_what_a_norm_does_not_undo_is_allowed(self, operation: str, factor: float, has_q_norm: bool) -> None:
        OPERATIONS[operation].check(factor, has_q_norm=has_q_norm)

    def test_what_a_norm_undoes_is_refused_with_its_place(self) -> None:
        with pytest.raises(GeometryError, match=r"edits\[1\]: .*0\.5.* cancels every factor except 0") as caught:
            OPERATIONS["uniform_attention"].check(0.5, has_q_norm=True, where="edits[1]: ")
        assert caught.value.hint == "use factor 0, or the operation scale"
