"""Rankings of heads beside each other: overlap, rank correlation, and what chance gives, against SciPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from scipy.stats import hypergeom, spearmanr
from typer.testing import CliRunner

from headsurgery import HeadEdit, HeadRef, Recipe, attribute
from headsurgery.attribution.comparison import Ranking, chance_of_overlap, compare_rankings, rank_correlation, read_ranking
from headsurgery.cli import app
from headsurgery.errors import HeadSurgeryError, RecipeError, UsageError
from headsurgery.recipe import Geometry, RecipeBase
from tests.tiny import build_model, build_tokenizer, save_model

BASE = RecipeBase(model_type="llama", geometry=Geometry(num_layers=3, num_heads=6))


def ranking(*heads: str, name: str = "one", shape: tuple[int, int] | None = (3, 6)) -> Ranking:
    found = tuple(map(HeadRef.parse, heads))
    return Ranking(name=name, heads=found, shape=shape, num_heads=None if shape is None else shape[0] * shape[1])


def test_the_chance_of_an_overlap_is_the_hypergeometric_tail(subtests: pytest.Subtests) -> None:
    for common in range(11):
        for sizes in [(10, 10), (3, 10), (10, 3), (0, 4)]:
            with subtests.test(sizes=sizes, common=common):
                assert chance_of_overlap(common, sizes, 1024) == pytest.approx(hypergeom.sf(common - 1, 1024, *sizes), rel=1e-9)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=30))
def test_the_correlation_is_spearmans(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array(pairs, dtype=np.float64).T
    found, chance = rank_correlation(one, other, seed=0)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert (found, chance) == (None, None)
    else:
        assert found == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)


def test_its_p_value_is_that_of_permutations() -> None:
    chance = np.random.default_rng(0)
    one = chance.normal(size=60)
    for noise in (0.5, 3.0, 30.0):
        other = one + noise * chance.normal(size=60)
        _, found = rank_correlation(one, other, seed=1)
        assert found == pytest.approx(max(1e-4, spearmanr(one, other).pvalue), abs=0.02)


def test_common_heads_are_in_the_first_ones_order() -> None:
    (found,) = compare_rankings([ranking("L2H0", "L0H1", "L1H5"), ranking("L0H1", "L2H0", name="other")])
    assert [str(head) for head in found.common] == ["L2H0", "L0H1"]
    assert (found.sizes, found.expected) == ((3, 2), pytest.approx(3 * 2 / 18))
    assert found.overlap_p == pytest.approx(hypergeom.sf(1, 18, 3, 2))
    assert (found.correlation, found.correlation_p) == (None, None)


def test_every_two_are_compared() -> None:
    found = compare_rankings([ranking("L0H0", name=name) for name in "abc"])
    assert [(entry.first, entry.second) for entry in found] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_without_a_shape_there_is_no_chance_level() -> None:
    (found,) = compare_rankings([ranking("L0H1", shape=None), ranking("L0H1", name="other", shape=None)])
    assert (found.expected, found.overlap_p, len(found.common)) == (None, None, 1)


def test_models_of_different_shapes_and_single_rankings_are_refused() -> None:
    with pytest.raises(UsageError, match=r"one has 3 x 6 heads, other has 4 x 6 heads: their heads can't be matched"):
        compare_rankings([ranking("L0H1"), ranking("L0H1", name="other", shape=(4, 6))])
    with pytest.raises(UsageError, match="at least two rankings"):
        compare_rankings([ranking("L0H1")])
    with pytest.raises(RecipeError, match="5 heads of 4"):
        chance_of_overlap(1, (5, 2), 4)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recipes and scores of two methods on one model."""
    monkeypatch.chdir(tmp_path)
    model, prompts = build_model("llama"), ["w9 w10 w11", "w12 w13", "w14 w15 w16 w17"]
    for method in ("ships", "sahara"):
        found = attribute(model, build_tokenizer(), prompts, method=method)
        assert found.recipe.provenance is not None
        found.scores.save(f"{method}.safetensors", found.recipe.provenance)
        Path(f"{method}.json").write_text(found.recipe.to_json())
    return tmp_path


def test_a_scores_file_is_ranked_by_what_its_method_scored(folder: Path) -> None:
    found = read_ranking(Path("ships.safetensors"), 4)
    recipe = Recipe.load("ships.json")
    assert found.heads[: len(recipe.edits)] == tuple(edit.ref for edit in recipe.edits)
    assert (len(found.heads), found.shape, found.num_heads) == (4, (3, 6), 18)
    assert read_ranking(Path("sahara.safetensors"), 1).heads[0] == Recipe.load("sahara.json").edits[0].ref


def test_the_command(folder: Path) -> None:
    result = CliRunner().invoke(app, ["compare", "ships.safetensors", "sahara.safetensors", "ships.json", "--top", "5", "--json"])
    assert result.exit_code == 0, result.stderr
    first = json.loads(result.stdout)["comparisons"][0]
    assert first["expected"] == pytest.approx(25 / 18)
    assert -1 <= first["correlation"] <= 1
    result = CliRunner().invoke(app, ["compare", "ships.json", "ships.json", "--plot", "overlap.png"])
    assert "3 of 3" in result.stdout
    assert Path("overlap.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ships.json"], "at least two rankings"),
        (["ships.json", "absent.json"], "absent.json"),
        (["ships.json", "absent.safetensors"], "not a scores file"),
        (["ships.json", "ships.json", "--plot", "absent/overlap.png"], "can't be written"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, folder: Path) -> None:
    result = CliRunner().invoke(app, ["compare", *arguments])
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code in (1, 2)
    assert message in result.stderr


def test_other_arrays_are_refused(tmp_path: Path) -> None:
    save_file({"odd": np.zeros((1, 2, 3))}, tmp_path / "odd.safetensors", metadata={"headsurgery": "{}"})
    with pytest.raises(HeadSurgeryError, match="no scores of refusal, gates, sahara, ships, direct, interchange in it; found odd"):
        read_ranking(tmp_path / "odd.safetensors", 3)


def test_a_head_that_is_edited_twice_counts_once(tmp_path: Path) -> None:
    edits = (HeadEdit(layer=0, head=1), HeadEdit(layer=0, head=1, operation="uniform_attention"))
    (tmp_path / "both.json").write_text(Recipe(base=BASE, edits=edits).to_json())
    assert read_ranking(tmp_path / "both.json", 10).heads == (HeadRef(0, 1),)


# Screened scores


def save_scores(path: Path, scores: np.ndarray[Any, Any], estimates: np.ndarray[Any, Any] | None) -> Path:
    arrays = {"refusal": scores[None]} | ({} if estimates is None else {"refusal_screen": estimates[None]})
    record = {"method": "refusal"} | ({} if estimates is None else {"screen": {"survivors": 30, "screened_out": 270}})
    save_file(arrays, path, metadata={"headsurgery": json.dumps(record)})
    return path


def screened(chance: np.random.Generator, survivors: int = 30) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Scores of 30 x 10 heads, of which the best by noisy estimates are kept, and the estimates."""
    exact = chance.normal(size=(30, 10))
    estimates = exact + chance.normal(size=exact.shape)
    exact[estimates < np.sort(estimates, axis=None)[-survivors]] = np.nan
    return exact, estimates


@pytest.mark.exhaustive
def test_two_screened_rankings_were_chosen_out_of_all_heads(tmp_path: Path) -> None:
    """A simulation: strangers overlap as often as is said, and by chance p is below 5 % in at most 5 % of the pairs."""
    chance = np.random.default_rng(0)
    common, low, expected = 0, 0, set()
    for _ in range(400):
        rankings = [read_ranking(save_scores(tmp_path / f"{n}.safetensors", *screened(chance)), 10) for n in "ab"]
        (found,) = compare_rankings(rankings)
        common += len(found.common)
        assert found.overlap_p is not None
        low += found.overlap_p <= 0.05
        expected.add(found.expected)
    assert expected == {10 * 10 / 300}
    assert common / 400 == pytest.approx(10 * 10 / 300, abs=0.1)
    assert low / 400 <= 0.07


@pytest.mark.parametrize("has_estimates", [True, False], ids=["estimates", "record alone"])
def test_the_heads_of_a_screened_file_are_those_that_the_screen_saw(has_estimates: bool, tmp_path: Path) -> None:
    scores, estimates = screened(np.random.default_rng(1))
    file = save_scores(tmp_path / "a.safetensors", scores, estimates)
    if not has_estimates:
        record = {"method": "refusal", "screen": {"survivors": 30, "screened_out": 270}}
        save_file({"refusal": scores[None]}, file, metadata={"headsurgery": json.dumps(record)})
    found = read_ranking(file, 10)
    assert (found.num_heads, found.num_scored, found.shape) == (300, 30, (30, 10))


def test_layers_without_heads_are_none_of_the_population(tmp_path: Path) -> None:
    scores, estimates = screened(np.random.default_rng(2))
    scores[::2], estimates[::2] = np.nan, np.nan
    assert read_ranking(save_scores(tmp_path / "a.safetensors", scores, estimates), 10).num_heads == 150
    assert (
        read_ranking(save_scores(tmp_path / "b.safetensors", np.where(np.isnan(estimates), np.nan, 1.0), None), 10).num_heads == 150
    )
    base = RecipeBase(model_type="x", geometry=Geometry(num_layers=4, num_heads=[None, 6, None, 6]))
    (tmp_path / "r.json").write_text(Recipe(base=base, edits=(HeadEdit(layer=1, head=1),)).to_json())
    found = read_ranking(tmp_path / "r.json", 10)
    assert (found.shape, found.num_heads) == ((4, 6), 12)


def test_a_screened_and_a_full_file_and_what_is_said(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    one = save_scores(tmp_path / "one.safetensors", *screened(chance))
    full = save_scores(tmp_path / "full.safetensors", chance.normal(size=(30, 10)), None)
    for other in (full, save_scores(tmp_path / "two.safetensors", *screened(chance))):
        result = CliRunner().invoke(app, ["compare", str(one), str(other), "--json"])
        (found,) = json.loads(result.stdout)["comparisons"]
        assert (found["population"], found["expected"]) == (300, 100 / 300)
        assert found["correlated"] == int(
            (np.isfinite(read_ranking(one, 1).scores) & np.isfinite(read_ranking(other, 1).scores)).sum()  # type: ignore[arg-type]
        )
        said = " ".join(CliRunner().invoke(app, ["compare", str(one), str(other)]).stderr.split())
        assert "30 of 300 heads be scored; chance is taken over all 300" in said


# Models that a recipe doesn't name


@pytest.fixture
def by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recipes without a base, and what `apply` makes of them with models of two shapes."""
    monkeypatch.chdir(tmp_path)
    for name, layers, edit in (("small", 3, HeadEdit(layer=1, head=2)), ("large", 5, HeadEdit(layer=4, head=0))):
        save_model("llama", Path(f"{name}-base"), num_hidden_layers=layers)
        Recipe(edits=(edit,)).save(f"{name}.json")
        assert CliRunner().invoke(app, ["apply", f"{name}.json", f"{name}-base", "-o", name]).exit_code == 0
    return tmp_path


def compare(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["compare", *arguments])


def test_an_edited_checkpoint_knows_its_shape_though_its_recipe_does_not(by_hand: Path) -> None:
    assert Recipe.load("small/recipe.json").base.geometry is None
    assert read_ranking(Path("small"), 10).shape == (3, 6)
    result = compare("small", "large")
    assert (result.exit_code, result.stderr.count("error:")) == (2, 1)
    assert "small has 3 x 6 heads, large has 5 x 6 heads: their heads can't be matched" in result.stderr


@pytest.mark.parametrize(("first", "second"), [("small", "large.json"), ("large.json", "small")])
def test_a_head_that_the_other_model_lacks_shows_that_it_is_another(first: str, second: str, by_hand: Path) -> None:
    result = compare(first, second)
    assert result.exit_code == 2
    assert "large.json names L4H0, but small has 3 x 6 heads: their heads can't be matched" in result.stderr


def test_what_nobody_knows_is_said(by_hand: Path) -> None:
    result = compare("small.json", "large.json")
    assert result.exit_code == 0
    assert "note: small.json, large.json: no base.geometry in it, so that nobody knows whether these are" in result.stderr
    assert "note" not in compare("small", "small").stderr
