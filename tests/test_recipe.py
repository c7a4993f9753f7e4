"""The recipe: strict, versioned JSON; every refusal says where."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headsurgery import HeadEdit, Recipe
from headsurgery.errors import RecipeError
from headsurgery.heads import AttentionGeometry, LayerHeads
from headsurgery.recipe import RECIPE_SCHEMA, Geometry, HeadScore, PromptRecord, Provenance, RecipeBase, recipe_schema

RECIPES = Path(__file__).parent.parent / "recipes"
PLAIN = {"layer": 2, "head": 26, "operation": "uniform_attention", "factor": 0.0}

numbers = st.integers(0, 2**20 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=9)
per_layer = st.none() | numbers | st.lists(st.none() | numbers, max_size=3)
operations = st.sampled_from(["scale", "uniform_attention"])
edits = st.lists(
    st.builds(HeadEdit, layer=numbers, head=numbers, operation=operations, factor=floats),
    min_size=1,
    max_size=5,
    unique_by=lambda edit: (edit.ref, edit.operation),
)
prompts = st.none() | st.builds(PromptRecord, name=st.just("decline"), count=st.integers(1, 9), sha256=st.just("ab" * 32))
recipes = st.builds(
    Recipe,
    edits=edits.map(tuple),
    base=st.builds(
        RecipeBase,
        model=texts,
        revision=st.none() | st.text("0123456789abcdef", min_size=40, max_size=40),
        model_type=texts,
        fingerprint=texts,
        geometry=st.none() | st.builds(Geometry, num_layers=st.none() | numbers, num_heads=per_layer, head_dim=per_layer),
    ),
    provenance=st.none()
    | st.builds(
        Provenance,
        method=st.sampled_from(["manual", "ships", "sahara"]),
        factor=st.none() | floats,
        prompts=prompts,
        scores=st.none() | st.lists(st.builds(HeadScore, layer=numbers, head=numbers, score=floats, harmful=floats), max_size=2),
        versions=st.none() | st.dictionaries(st.text("abc", max_size=3), st.text("1.", max_size=3), max_size=2),
        note=texts,
    ),
)


def text_of(*edits: Any, **more: Any) -> str:
    return json.dumps({"schema": RECIPE_SCHEMA, "edits": list(edits), **more})


@settings(max_examples=60, deadline=None)
@given(recipes)
def test_a_recipe_reads_back_what_it_writes(recipe: Recipe) -> None:
    assert Recipe.parse(recipe.to_json()) == recipe
    assert Recipe.parse(recipe.to_json()).to_json() == recipe.to_json()


def test_the_text_is_canonical() -> None:
    assert Recipe(edits=(HeadEdit(layer=2, head=26, factor=0.5),)).to_json() == (
        '{\n  "schema": "headsurgery.recipe/1",\n  "edits": [\n    {\n      "layer": 2,\n      "head": 26,\n'
        '      "operation": "scale",\n      "factor": 0.5\n    }\n  ]\n}\n'
    )


def test_schema_and_edits_are_enough() -> None:
    recipe = Recipe.parse(text_of({"layer": 2, "head": 26}))
    assert recipe.edits == (HeadEdit(layer=2, head=26, operation="scale", factor=0.0),)
    assert recipe.base == RecipeBase()
    assert recipe.provenance is None


def test_what_is_not_understood_is_refused_with_its_place(subtests: pytest.Subtests) -> None:
    for text, message in [
        (text_of({**PLAIN, "faktor": 1}), r"r\.json: edits\[0\]\.faktor: unknown key"),
        (text_of(PLAIN, provenence={}), r"r\.json: provenence: unknown key"),
        (text_of(PLAIN, base={"geometry": {"heads": 3}}), r"base\.geometry\.heads: unknown key"),
        (text_of(PLAIN, PLAIN), r"edits\[1\]: uniform_attention on L2H26 again, it stands at edits\[0\] already"),
        (text_of(PLAIN, {"head": "2-26", "operation": "uniform_attention"}), r"edits\[1\]: .* again, it stands at edits\[0\]"),
        (text_of(PLAIN, {**PLAIN, "layer": -1}), r"edits\[1\]\.layer: .*greater than or equal to 0, found -1"),
        (text_of({**PLAIN, "head": -1}), r"edits\[0\]\.head: .*found -1"),
        (text_of({**PLAIN, "head": True}), r"edits\[0\]\.head: .*integer, found True"),
        (text_of({**PLAIN, "head": 1.0}), r"edits\[0\]\.head: .*integer, found 1\.0"),
        (text_of({**PLAIN, "head": "26"}), r"edits\[0\]\.head: .*integer, found '26'"),
        (text_of({**PLAIN, "head": "2-26"}), r"edits\[0\]\.head: .*integer, found '2-26'"),
        (text_of({**PLAIN, "factor": float("nan")}), r"edits\[0\]\.factor: .*finite number, found nan"),
        (text_of({**PLAIN, "factor": float("inf")}), r"edits\[0\]\.factor: .*finite number, found inf"),
        (text_of({**PLAIN, "factor": float("-inf")}), r"edits\[0\]\.factor: .*finite number, found -inf"),
        (text_of({**PLAIN, "factor": "FACTOR"}).replace('"FACTOR"', "1e999"), r"edits\[0\]\.factor: .*finite number, found inf"),
        (text_of({**PLAIN, "factor": "0"}), r"edits\[0\]\.factor: .*number, found '0'"),
        (text_of({**PLAIN, "factor": False}), r"edits\[0\]\.factor: .*number, found False"),
        (text_of({**PLAIN, "factor": None}), r"edits\[0\]\.factor: .*number"),
        (text_of({**PLAIN, "factor": 10**400}), r"edits\[0\]\.factor: "),
        (
            text_of({**PLAIN, "operation": "zero"}),
            r"edits\[0\]\.operation: .*'scale', 'uniform_attention'.*, found 'zero'",
        ),
        (text_of({"layer": 2}), r"edits\[0\]\.head: Field required"),
        (text_of(), r"edits: empty, expected at least one edit"),
        (text_of(5), r"edits\[0\]: .*found 5"),
        (json.dumps({"schema": RECIPE_SCHEMA}), r"edits: Field required"),
        (json.dumps({"schema": RECIPE_SCHEMA, "edits": "L2H26"}), r"edits: .*found 'L2H26'"),
        (text_of(PLAIN, base={"revision": "main"}), r"base\.revision: .*found 'main'"),
        (text_of(PLAIN, provenance={"method": "magic"}), r"provenance\.method: .*found 'magic'"),
        (text_of(PLAIN, provenance={"note": "\ud800"}), r"not valid JSON: .*surrogates not allowed"),
        (text_of(PLAIN).replace("recipe/1", "recipe/2"), r"schema is 'headsurgery\.recipe/2', expected 'headsurgery\.recipe/1'"),
        (json.dumps({"edits": [PLAIN]}), r"schema is missing"),
        ("{}", r"schema is missing"),
        (text_of(PLAIN)[:-1] + ', "schema": "headsurgery.recipe/1"}', r"not valid JSON: key 'schema' appears twice"),
        (text_of(PLAIN).replace('"head": 26', '"head": 26, "head": 27'), r"not valid JSON: key 'head' appears twice"),
        ("L2H26", r"not valid JSON: "),
        ("", r"not valid JSON: "),
        ("[" * 200_000, r"not valid JSON: "),
        ("\ufeff" + text_of(PLAIN), r"not valid JSON: .*BOM"),
        (text_of({**PLAIN, "factor": "FACTOR"}).replace('"FACTOR"', "9" * 5000), r"not valid JSON: "),
        (json.dumps([PLAIN]), r"expected a JSON object, found list"),
    ]:
        with subtests.test(text=text, message=message):
            with pytest.raises(RecipeError, match=message) as caught:
                Recipe.parse(text, where="r.json")
            assert str(caught.value).startswith("r.json: ")
            assert "\n" not in str(caught.value)
            assert caught.value.exit_code == 2


def test_further_problems_are_counted() -> None:
    with pytest.raises(RecipeError, match=r"edits\[0\]\.layer: .* \(and 2 more\)"):
        Recipe.parse(text_of({"layer": -1, "head": -1, "factor": "x"}))


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(st.none() | st.booleans() | floats | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=5)
)
def test_no_value_of_edits_raises_anything_but_a_recipe_error(value: Any) -> None:
    for document in ({"schema": RECIPE_SCHEMA, "edits": value}, {"2-26": value}, {"2-26": [value]}, {"2-26": {"factor": value}}):
        with suppress(RecipeError):
            Recipe.parse(json.dumps(document))


class TestReferenceKeys:
    """The paper's reference code writes a mapping from "L-H" to the projections that it masks."""

    def test_masks_become_operations(self) -> None:
        assert Recipe.parse('{"2-26": ["q"], "1-3": ["v"]}').edits == (
            HeadEdit(layer=2, head=26, operation="uniform_attention"),
            HeadEdit(layer=1, head=3, operation="scale"),
        )

    def test_q_and_k_are_one_edit_and_v_another(self) -> None:
        assert [edit.operation for edit in Recipe.parse('{"2-26": ["q", "k", "v"]}').edits] == ["scale", "uniform_attention"]

    def test_keys_work_within_edits_too(self) -> None:
        expected = (HeadEdit(layer=2, head=26, factor=0.5),)
        for entry in ({"2-26": {"factor": 0.5}}, {"L2H26": {"factor": 0.5}}):
            assert Recipe.parse(json.dumps({"schema": RECIPE_SCHEMA, "edits": entry})).edits == expected
        for head in ("2-26", "L2H26"):
            assert Recipe.parse(text_of({"head": head, "factor": 0.5})).edits == expected

    @pytest.mark.parametrize(
        "document",
        [
            {"2-26": ["o"]},
            {"2-26": []},
            {"2-26": [["q"]]},
            {"2-26": 0},
            {"2-26": {"layer": 3}},
            {"2-26": ["q"], "L2H26": ["k"]},
            {"schema": RECIPE_SCHEMA, "edits": {"2_26": ["q"]}},
        ],
    )
    def test_other_mappings_are_refused(self, document: Any) -> None:
        with pytest.raises(RecipeError, match=r"^recipe: edits"):
            Recipe.parse(json.dumps(document))


class TestFiles:
    def test_a_file_reads_back_what_was_saved(self, tmp_path: Path) -> None:
        recipe = Recipe.parse(text_of(PLAIN, provenance={"note": "naïve 🩺"}))
        recipe.save(tmp_path / "recipe.json")
        assert Recipe.load(tmp_path / "recipe.json") == recipe
        assert (tmp_path / "recipe.json").read_text(encoding="utf-8") == recipe.to_json()

    def test_a_missing_file_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match=r"absent\.json: no such file; expected a recipe"):
            Recipe.load(tmp_path / "absent.json")

    def test_a_folder_is_no_recipe(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="a directory, expected a recipe"):
            Recipe.load(tmp_path)

    def test_a_file_that_is_not_utf_8_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "r.json").write_bytes(text_of(PLAIN).encode("utf-16"))
        with pytest.raises(RecipeError, match=r"r\.json: can't be read as a recipe: .*utf-8"):
            Recipe.load(tmp_path / "r.json")

    def test_the_errors_place_is_the_files_name(self, tmp_path: Path) -> None:
        (tmp_path / "r.json").write_text("{}")
        with pytest.raises(RecipeError, match=r"^r\.json: "):
            Recipe.load(tmp_path / "r.json")

    def test_saving_replaces_the_old_file_and_leaves_nothing_beside_it(self, tmp_path: Path) -> None:
        path = tmp_path / "r.json"
        path.write_text("old")
        with path.open() as reader:
            Recipe.parse(text_of(PLAIN)).save(path)
            assert reader.read() == "old", "who has the old file open must keep it whole"
        assert [file.name for file in tmp_path.iterdir()] == ["r.json"]

    def test_a_saved_file_has_the_usual_permissions(self, tmp_path: Path) -> None:
        (tmp_path / "usual").touch()
        Recipe.parse(text_of(PLAIN)).save(tmp_path / "r.json")
        assert (tmp_path / "r.json").stat().st_mode == (tmp_path / "usual").stat().st_mode

    def test_a_failed_save_leaves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "r.json").mkdir()
        with pytest.raises(RecipeError, match=r"r\.json: can't write the recipe"):
            Recipe.parse(text_of(PLAIN)).save(tmp_path / "r.json")
        assert os.listdir(tmp_path) == ["r.json"]

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="can't write the recipe: No such file"):
            Recipe.parse(text_of(PLAIN)).save(tmp_path / "absent" / "r.json")


class TestGeometry:
    HEADS = LayerHeads(num_heads=6, num_kv_heads=2, head_dim=8)

    @pytest.mark.parametrize("layers", [(HEADS, HEADS), (HEADS, None)])
    def test_a_geometry_agrees_with_itself(self, layers: tuple[LayerHeads | None, ...]) -> None:
        geometry = AttentionGeometry(hidden_size=48, layers=layers)
        assert Geometry.of(geometry).differences(geometry) == []
        recipe = Recipe(edits=(HeadEdit(layer=0, head=0),), base=RecipeBase(geometry=Geometry.of(geometry)))
        assert Recipe.parse(recipe.to_json()).base.geometry == Geometry.of(geometry)

    def test_only_what_is_stated_is_compared(self) -> None:
        geometry = AttentionGeometry(hidden_size=48, layers=(self.HEADS, self.HEADS))
        assert Geometry().differences(geometry) == []
        stated = Geometry(num_heads=32, hidden_size=48)
        assert stated.differences(geometry) == ["num_heads: recipe 32, checkpoint 6"]


def test_every_recipe_that_we_ship_is_valid() -> None:
    files = sorted(set(RECIPES.glob("*.json")) - set(RECIPES.glob("*.schema.json")))
    assert files, "recipes/ holds no recipe"
    for file in files:
        assert Recipe.load(file).edits, file.name


SCHEMA_FILE = RECIPES / "recipe.schema.json"


def test_the_json_schema_is_the_types() -> None:
    command = "from headsurgery.recipe import recipe_schema; print(recipe_schema(), end='')"
    assert SCHEMA_FILE.read_text() == recipe_schema(), f'python -c "{command}" > recipes/recipe.schema.json'


@pytest.mark.parametrize("path", sorted(SCHEMA_FILE.parent.glob("*.json")), ids=lambda path: path.name)
def test_recipes_satisfy_the_json_schema(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(recipe_schema()))
    if path == SCHEMA_FILE:
        for wrong in ({}, {"schema": RECIPE_SCHEMA}, {"schema": "other", "edits": [{"layer": 0, "head": 0}]}):
            assert not validator.is_valid(wrong)
        assert not validator.is_valid({"schema": RECIPE_SCHEMA, "edits": [{"layer": 0, "head": 0, "surprise": 1}]})
    else:
        validator.validate(json.loads(path.read_text()))
        validator.validate(json.loads(Recipe.load(path).to_json()))
