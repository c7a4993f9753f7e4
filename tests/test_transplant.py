"""Heads from a donor, from the recipe to the base that comes back, on the command line and in Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from headsurgery import HeadEdit, Recipe, apply_plan, edited, evaluate, open_checkpoint, plan_surgery, restore_checkpoint
from headsurgery.cli import app
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.edits.donor import open_donor
from headsurgery.errors import GeometryError, ModelError, RecipeError, SurgeryError, UsageError
from headsurgery.heads import HeadRef
from headsurgery.hub.models import open_model
from headsurgery.model.editing import donating
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import locate_modules
from headsurgery.recipe import RecipeBase
from headsurgery.storage.codecs import read_numbers
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.verify import verify_checkpoint
from tests.directories import contents, edit_json
from tests.families import build_family
from tests.fp8 import LAYOUTS as FP8_LAYOUTS
from tests.fp8 import Layout, dequantize, save_fp8
from tests.hub_server import HubServer
from tests.tiny import build_model, save_model, tokens

LAYOUTS = ("qwen2", "phi3", "gpt2")
"""Separate q with a bias; q, k and v fused; Conv1D, fused, with a bias."""
HEAD = HeadRef(1, 3)
EDITS = (HeadEdit(layer=1, head=3, operation="transplant"), HeadEdit(layer=2, head=0, operation="transplant"))
ONE = Recipe(edits=EDITS[:1])


@pytest.fixture(params=LAYOUTS)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def base(family: str, tmp_path: Path) -> Path:
    return save_model(family, tmp_path / "base")


@pytest.fixture
def donor(family: str, base: Path, tmp_path: Path) -> Path:
    return save_model(family, tmp_path / "donor", seed=1)


@pytest.fixture
def llama(tmp_path: Path) -> tuple[Path, Path]:
    return save_model("llama", tmp_path / "base"), save_model("llama", tmp_path / "donor", seed=1)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    """What a command says as it refuses, on one line."""
    result = run(*arguments)
    assert result.exit_code in (1, 2), result.output
    return " ".join(result.stderr.split())


def save_recipe(path: Path, **more: Any) -> Path:
    edits = [{"layer": edit.layer, "head": edit.head, "operation": "transplant"} for edit in EDITS]
    path.write_text(json.dumps({"schema": "headsurgery.recipe/1", **more, "edits": edits}))
    return path


def slices(path: Path, head: HeadRef) -> list[bytes]:
    checkpoint = open_checkpoint(path)
    return [
        read_numbers(checkpoint, stored).tobytes()
        for part in prove_anatomy(checkpoint).slices(head, "transplant")
        for stored in part.matrix.owned(part.axis, part.block)
    ]


class TestItsLifeOnTheCommandLine:
    def test_from_recipe_to_the_base_again(self, family: str, base: Path, donor: Path, tmp_path: Path) -> None:
        recipe, out = save_recipe(tmp_path / "recipe.json"), tmp_path / "out"

        planned = run("apply", recipe, base, "--donor", donor, "--dry-run", "--json")
        assert planned.exit_code == 0, planned.output
        assert json.loads(planned.stdout)["donor"]["model"] == "donor"
        assert not out.exists()

        applied = run("apply", recipe, base, "--donor", donor, "-o", out)
        assert applied.exit_code == 0, applied.output
        assert "L1H3 transplant, L2H0 transplant" in applied.stdout
        for head in (HEAD, HeadRef(2, 0)):
            assert slices(out, head) == slices(donor, head) != slices(base, head)

        compared = run("diff", base, out, "--recipe", recipe, "--donor", donor)
        assert compared.exit_code == 0, compared.output
        assert "The difference is exactly the recipe's." in compared.stdout

        for arguments in ((), ("--base", base)):
            verified = run("verify", out, *arguments, "--donor", donor)
            assert verified.exit_code == 0, verified.output
            assert "every edited slice is what its edit makes" in verified.stdout

        assert run("restore", out, "-o", tmp_path / "back").exit_code == 0
        assert contents(tmp_path / "back") == contents(base)

    def test_in_place_and_back(self, base: Path, donor: Path, tmp_path: Path) -> None:
        recipe, before = save_recipe(tmp_path / "recipe.json"), contents(base)
        done = run("apply", recipe, base, "--donor", donor, "--in-place")
        assert done.exit_code == 0, done.output
        assert slices(base, HEAD) == slices(donor, HEAD)
        assert run("verify", base, "--donor", donor).exit_code == 0
        assert run("restore", base, "--in-place").exit_code == 0
        assert contents(base) == before

    def test_the_result_applies_again_from_its_own_recipe(self, base: Path, donor: Path, tmp_path: Path) -> None:
        """The recipe that lies in it states the donor, so that another one is refused."""
        run("apply", save_recipe(tmp_path / "recipe.json"), base, "--donor", donor, "-o", tmp_path / "one")
        own = Recipe.load(tmp_path / "one" / "recipe.json")
        assert own.donor is not None
        assert (own.donor.model, own.donor.fingerprint) == ("donor", open_checkpoint(donor).fingerprint())
        again = run("apply", tmp_path / "one" / "recipe.json", base, "--donor", donor, "-o", tmp_path / "two")
        assert again.exit_code == 0, again.output
        assert contents(tmp_path / "one") == contents(tmp_path / "two")
        assert "the recipe names another donor: fingerprint" in refused(
            "apply", tmp_path / "one" / "recipe.json", base, "--donor", base, "-o", tmp_path / "three"
        )

    def test_without_the_donor_the_rest_is_verified_and_said(self, base: Path, donor: Path, tmp_path: Path) -> None:
        run("apply", save_recipe(tmp_path / "recipe.json"), base, "--donor", donor, "-o", tmp_path / "out")
        for arguments in ((), ("--base", base)):
            verified = run("verify", tmp_path / "out", *arguments, "--json")
            document = json.loads(verified.stdout)
            assert verified.exit_code == 0
            assert document["not_derived"] == ["L1H3 transplant", "L2H0 transplant"]
            assert "donor" in document["not_checked"]
        said = run("verify", tmp_path / "out").stdout
        assert "not derived, because the donor is not at hand (--donor): L1H3 transplant, L2H0 transplant" in said

    def test_a_card_tells_of_it(self, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, donor = llama
        run("apply", save_recipe(tmp_path / "recipe.json"), base, "--donor", donor, "-o", tmp_path / "out")
        card = (tmp_path / "out" / "README.md").read_text()
        assert "2 attention heads transplanted" in card
        assert "- transplanted" in card
        assert "| L1H3 | transplant: its input columns of o_proj and its rows of q_proj, from the donor |" in card
        assert "headsurgery apply recipe.json BASE --donor DONOR -o edited" in card
        assert "were edited, and no training took place" in card


class TestWhatIsRefused:
    def test_a_donor_that_is_missing_or_not_needed(self, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, donor = llama
        recipe, out = save_recipe(tmp_path / "recipe.json"), tmp_path / "out"
        assert "the recipe names no donor model" in refused("apply", recipe, base, "-o", out)
        Recipe(edits=(HeadEdit(layer=0, head=0),)).save(tmp_path / "scale.json")
        assert "no edit of the recipe takes anything from a donor" in refused(
            "apply", tmp_path / "scale.json", base, "--donor", donor, "-o", out
        )
        with pytest.raises(RecipeError, match="takes heads from a donor, but no donor was given"):
            plan_surgery(ONE, open_checkpoint(base))

    def test_a_donor_of_another_shape(self, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, _ = llama
        for other, words in (
            (save_model("mistral", tmp_path / "mistral"), "model_type: the donor mistral, the base llama"),
            (save_model("llama", tmp_path / "deep", num_hidden_layers=2), "num_layers: the donor 2, the base 3"),
        ):
            with pytest.raises(GeometryError, match=words):
                plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(other))

    def test_a_donor_without_the_bases_bias(self, tmp_path: Path) -> None:
        base, donor = (save_model("qwen2", tmp_path / name) for name in ("base", "donor"))
        weights = load_file(donor / "model.safetensors")
        save_file({name: value for name, value in weights.items() if "q_proj.bias" not in name}, donor / "model.safetensors")
        with pytest.raises(GeometryError, match=r"layer 0, q_proj.bias: the donor none, the base \[48\]"):
            plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(donor))

    def test_a_donor_that_is_not_finite(self, llama: tuple[Path, Path]) -> None:
        base, donor = llama
        weights = load_file(donor / "model.safetensors")
        weights["model.layers.1.self_attn.q_proj.weight"][24:32] = float("inf")
        save_file(weights, donor / "model.safetensors")
        with pytest.raises(SurgeryError, match=r"L1H3: .*q_proj\.weight of the donor holds inf or nan"):
            plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(donor))

    @pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
    def test_a_factor(self, factor: float) -> None:
        document = {"layer": 0, "head": 1, "operation": "transplant", "factor": factor}
        with pytest.raises(RecipeError, match=r"edits\[0\]: transplant takes the donor's values as they are"):
            Recipe.parse(json.dumps({"schema": "headsurgery.recipe/1", "edits": [document]}))

    def test_a_donor_in_a_recipe_that_needs_none(self) -> None:
        document = {"schema": "headsurgery.recipe/1", "donor": {"model": "org/name"}, "edits": [{"layer": 0, "head": 1}]}
        with pytest.raises(RecipeError, match="donor: no edit takes anything from it"):
            Recipe.parse(json.dumps(document))

    def test_an_output_that_is_the_donor(self, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, donor = llama
        before = contents(donor)
        said = refused("apply", save_recipe(tmp_path / "r.json"), base, "--donor", donor, "-o", donor, "--force")
        assert "is the donor, which would be replaced" in said
        assert contents(donor) == before

    def test_a_changed_slice_or_manifest_is_told_by_the_donor_alone(self, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, donor = llama
        plan = plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(donor))
        apply_plan(plan, tmp_path / "out")
        other = save_model("llama", tmp_path / "other", seed=2)
        found = verify_checkpoint(tmp_path / "out", donor=open_checkpoint(other)).problems
        assert any("is not the donor's" in problem for problem in found.values())
        edit_json(tmp_path / "out" / "headsurgery.json", donor={"model": "donor", "fingerprint": "0" * 64})
        found = verify_checkpoint(tmp_path / "out", donor=open_checkpoint(donor)).problems
        assert any(place.startswith("headsurgery.json, donor.fingerprint") for place in found), found


class TestNotes:
    @pytest.mark.parametrize(("family", "words"), [("qwen3_next", "the gates of"), ("gpt_oss", "the attention sinks of")])
    def test_what_else_of_a_head_stays_behind_is_said(self, family: str, words: str, tmp_path: Path) -> None:
        build_family(family).save_pretrained(tmp_path / "base")
        base = open_checkpoint(tmp_path / "base")
        layer = prove_anatomy(base).geometry.attention_layers[0]
        recipe = Recipe(edits=(HeadEdit(layer=layer, head=0, operation="transplant"),))
        notes = plan_surgery(recipe, base, donor=base).notes
        assert any(words in note and "stay the base's" in note for note in notes), notes


class TestTypes:
    def test_another_float_type_is_rounded_once_and_said(self, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base", dtype=torch.bfloat16)
        donor = save_model("llama", tmp_path / "donor", seed=1)
        plan = plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(donor))
        assert "the donor's weights are stored as F32; transplanted values are stored as BF16, like the base" in plan.notes
        apply_plan(plan, tmp_path / "out")
        name = "model.layers.1.self_attn.o_proj.weight"
        out, given = (load_file(path / "model.safetensors")[name] for path in (tmp_path / "out", donor))
        assert torch.equal(out[:, 24:32], given[:, 24:32].bfloat16())

    def test_the_donors_tensors_may_have_another_prefix(self, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, donor = llama
        apply_plan(plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(donor)), tmp_path / "one")
        weights = load_file(donor / "model.safetensors")
        save_file({name.removeprefix("model."): value for name, value in weights.items()}, donor / "model.safetensors")
        apply_plan(plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(donor)), tmp_path / "two")
        assert slices(tmp_path / "one", HEAD) == slices(tmp_path / "two", HEAD)

    @pytest.mark.parametrize("layout", FP8_LAYOUTS.values(), ids=FP8_LAYOUTS)
    def test_a_base_in_fp8_takes_plain_floats(self, layout: Layout, tmp_path: Path) -> None:
        """Rounded to the base's codes under the base's scales; and back, bit for bit."""
        base, donor = save_fp8("llama", tmp_path / "base", layout), save_model("llama", tmp_path / "donor", seed=1)
        halves = {name: value * 0.5 for name, value in load_file(donor / "model.safetensors").items()}  # so that none overflows
        save_file(halves, donor / "model.safetensors")
        apply_plan(plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(donor)), tmp_path / "out")
        name = "model.layers.1.self_attn.o_proj.weight"
        out, given = dequantize(tmp_path / "out", layout)[name][:, 24:32], load_file(donor / "model.safetensors")[name][:, 24:32]
        assert (out - given).norm() <= 0.08 * given.norm()
        assert verify_checkpoint(tmp_path / "out", donor=open_checkpoint(donor)).problems == {}
        assert verify_checkpoint(tmp_path / "out", base=open_checkpoint(base), donor=open_checkpoint(donor)).problems == {}
        restore_checkpoint(tmp_path / "out", tmp_path / "back")
        assert contents(tmp_path / "back") == contents(base)

    def test_a_donor_that_is_the_base_is_said(self, llama: tuple[Path, Path]) -> None:
        base, _ = llama
        plan = plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(base))
        assert "the donor is the base itself, so nothing changes" in plan.notes


class TestRecords:
    def test_a_manifest_names_the_donor_and_another_one_has_no_such_key(self, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, donor = llama
        apply_plan(plan_surgery(ONE, open_checkpoint(base), donor=open_checkpoint(donor)), tmp_path / "out")
        named = Manifest.load(tmp_path / "out").donor
        assert named is not None
        assert named.fingerprint == open_checkpoint(donor).fingerprint()
        apply_plan(plan_surgery(Recipe(edits=(HeadEdit(layer=0, head=0),)), open_checkpoint(base)), tmp_path / "plain")
        assert "donor" not in json.loads((tmp_path / "plain" / "headsurgery.json").read_text())
        assert "donor" not in json.loads((tmp_path / "plain" / "recipe.json").read_text())

    def test_a_recipe_may_state_little_of_its_donor(self, llama: tuple[Path, Path]) -> None:
        base, donor = llama
        recipe = ONE.model_copy(update={"donor": RecipeBase(model="org/donor")})
        plan = plan_surgery(recipe, open_checkpoint(base), donor=open_checkpoint(donor))
        assert plan.recipe.donor is not None
        assert (plan.recipe.donor.model, plan.recipe.donor.model_type) == ("org/donor", "llama")

    def test_a_step_on_top_and_back(self, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, donor = llama
        run("apply", save_recipe(tmp_path / "r.json"), base, "--donor", donor, "-o", tmp_path / "one")
        Recipe(edits=(HeadEdit(layer=1, head=3, factor=0.5),)).save(tmp_path / "half.json")
        done = run("apply", tmp_path / "half.json", tmp_path / "one", "-o", tmp_path / "two")
        assert done.exit_code == 0, done.output
        assert run("verify", tmp_path / "two").exit_code == 0
        assert run("restore", tmp_path / "two", "-o", tmp_path / "back").exit_code == 0
        assert contents(tmp_path / "back") == contents(base)


class TestLive:
    @torch.inference_mode()
    def test_weights_come_back_on_every_way_out(self, llama: tuple[Path, Path]) -> None:
        base, donor = llama
        model = transformers.AutoModelForCausalLM.from_pretrained(base).eval()
        before = dict(model.named_parameters())
        values = {name: weight.clone() for name, weight in before.items()}
        with pytest.raises(ZeroDivisionError), edited(model, ONE, donor=open_checkpoint(donor)):
            raise ZeroDivisionError
        assert all(weight is before[name] and torch.equal(weight, values[name]) for name, weight in model.named_parameters())

    @torch.inference_mode()
    def test_nested_edits_all_hold(self, llama: tuple[Path, Path]) -> None:
        base, donor = llama
        model, giver = transformers.AutoModelForCausalLM.from_pretrained(base).eval(), open_checkpoint(donor)
        together = Recipe(edits=EDITS)
        with edited(model, together, donor=giver):
            wanted = model(input_ids=tokens()).logits
        with edited(model, EDITS[:1], donor=giver), edited(model, EDITS[1:], donor=giver):
            assert torch.equal(model(input_ids=tokens()).logits, wanted)
        with edited(model, EDITS[:1], donor=giver), edited(model, [HeadEdit(layer=1, head=3)]):
            silent = model(input_ids=tokens()).logits
        with edited(model, [HeadEdit(layer=1, head=3)]):
            torch.testing.assert_close(model(input_ids=tokens()).logits, silent)

    @torch.inference_mode()
    def test_the_switch_turns_it_off(self, llama: tuple[Path, Path]) -> None:
        base, donor = llama
        model = transformers.AutoModelForCausalLM.from_pretrained(base).eval()
        untouched = model(input_ids=tokens()).logits
        giver = open_donor(open_checkpoint(donor), prove_anatomy(open_checkpoint(base)))
        with row_edits(locate_modules(model), [RowEdit(edit=EDITS[0])], donor=giver) as switch:
            assert not torch.equal(model(input_ids=tokens()).logits, untouched)
            with switch.off():
                assert torch.equal(model(input_ids=tokens()).logits, untouched)
            assert not torch.equal(model(input_ids=tokens()).logits, untouched)

    def test_what_can_not_be_done_is_refused(self, tmp_path: Path) -> None:
        model = build_model("llama")
        with pytest.raises(RecipeError, match="takes values from a donor, and none was given"), edited(model, ONE):
            pass
        other = open_checkpoint(save_model("llama", tmp_path / "other", num_hidden_layers=2))
        with pytest.raises(GeometryError, match="its heads differ from the model's"), edited(model, ONE, donor=other):
            pass
        with (
            pytest.raises(ModelError, match="can't be applied to only some of the prompts"),
            row_edits(locate_modules(model), [RowEdit(edit=EDITS[0], rows=range(1))]),
        ):
            pass

    @torch.inference_mode()
    def test_a_donor_may_be_named_for_a_whole_block(self, llama: tuple[Path, Path]) -> None:
        base, donor = llama
        model = transformers.AutoModelForCausalLM.from_pretrained(base).eval()
        with edited(model, ONE, donor=open_checkpoint(donor)):
            wanted = model(input_ids=tokens()).logits
        with donating(model, open_checkpoint(donor)), edited(model, ONE):
            assert torch.equal(model(input_ids=tokens()).logits, wanted)
        with pytest.raises(RecipeError, match="none was given"), edited(model, ONE):
            pass


def test_all_heads_of_a_layer_give_its_queries_and_its_output(llama: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = llama
    recipe = Recipe(edits=tuple(HeadEdit(layer=1, head=head, operation="transplant") for head in range(6)))
    apply_plan(plan_surgery(recipe, open_checkpoint(base), donor=open_checkpoint(donor)), tmp_path / "out")
    out, given = (load_file(path / "model.safetensors") for path in (tmp_path / "out", donor))
    own = load_file(base / "model.safetensors")
    for name in own:
        source = given if name.startswith("model.layers.1.self_attn.") and name.split(".")[4] in ("q_proj", "o_proj") else own
        assert torch.equal(out[name], source[name]), name
    shutil.rmtree(tmp_path / "out")


class TestEvaluate:
    """The recipe, run live, and the checkpoint that it makes give the same answers."""

    @pytest.fixture
    def folder(self, llama: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        base, donor = llama
        monkeypatch.chdir(tmp_path)
        (tmp_path / "asked.txt").write_text("".join(f"w{number} w{number + 7} w{number + 20}\n" for number in range(9, 15)))
        run("apply", save_recipe(tmp_path / "recipe.json"), base, "--donor", donor, "-o", tmp_path / "made")
        return tmp_path

    def ask(self, *targets: str, **options: Any) -> Any:
        common = {"prompts": ["asked.txt"], "kinds": {"asked.txt": "harmful"}, "harmless": False, "max_new_tokens": 8}
        return evaluate(list(targets), **common | options)

    def test_recipe_and_checkpoint_answer_alike(self, folder: Path) -> None:
        found = self.ask("base", "recipe.json", "made", donor="donor", random_draws=1)
        texts = {
            variant.name: [answer.text for answer in found.answers if answer.variant == variant.name]
            for variant in found.evaluation.variants
        }
        assert texts["recipe"] == texts["made"] != texts["base"]
        assert "recipe random-1" in texts

    def test_the_recipe_may_name_the_donor(self, folder: Path) -> None:
        save_recipe(folder / "recipe.json", donor={"model": "donor"})
        named = self.ask("base", "recipe.json", random_draws=0)
        given = self.ask("base", "recipe.json", donor="donor", random_draws=0)
        assert named.answers == given.answers

    def test_what_is_missing_is_told(self, folder: Path) -> None:
        with pytest.raises(RecipeError, match="recipe: takes heads from a donor, but names none"):
            self.ask("base", "recipe.json")
        with pytest.raises(UsageError, match="no recipe takes anything from a donor"):
            self.ask("base", donor="donor")
        found = self.ask("base", "made", random_draws=1)
        assert any("no random control, because it takes heads from a donor" in note for note in found.evaluation.notes)


class TestDonorOnTheHub:
    def test_the_recipe_names_it_and_it_is_fetched(self, hub: HubServer, llama: tuple[Path, Path], tmp_path: Path) -> None:
        base, donor = llama
        hub.add("org/donor", contents(donor))
        recipe = save_recipe(tmp_path / "recipe.json", donor={"model": "org/donor"})
        dry = run("apply", recipe, base, "--dry-run", "--json")
        assert dry.exit_code == 0, dry.output
        assert json.loads(dry.stdout)["donor"] == {"model": "org/donor", "revision": open_model("org/donor").revision}
        assert hub.bytes_of_files() < (donor / "model.safetensors").stat().st_size, "a dry run reads the heads alone"
        applied = run("apply", recipe, base, "-o", tmp_path / "out")
        assert applied.exit_code == 0, applied.output
        assert slices(tmp_path / "out", HEAD) == slices(donor, HEAD)
        named = Recipe.load(tmp_path / "out" / "recipe.json").donor
        assert named is not None
        assert (named.model, named.revision) == ("org/donor", open_model("org/donor").revision)
        for one in (recipe, tmp_path / "out" / "recipe.json"):
            assert run("diff", base, tmp_path / "out", "--recipe", one).exit_code == 0
        assert run("verify", tmp_path / "out", "--donor", "org/donor").exit_code == 0
        card = (tmp_path / "out" / "README.md").read_text()
        assert f"--donor org/donor@{named.revision} -o edited" in card
