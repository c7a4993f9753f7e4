"""Learned gates: factors are those of the hooks, gradients are finite differences, and heads that act together are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from headsurgery import Recipe, attribute
from headsurgery.attribution.gates import (
    OPENING_TOKENS,
    Gated,
    GateSettings,
    Lessons,
    gates,
    group_sizes,
)
from headsurgery.attribution.options import AttributionOptions
from headsurgery.attribution.refusal import OwnAnswers
from headsurgery.attribution.scores import load_scores
from headsurgery.attribution.settings import Settings
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.edits.operations import ABLATIONS
from headsurgery.engine.factors import GradientPasses, head_factors, read_ends
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.errors import GeometryError, HeadSurgeryError, ModelError, UsageError
from headsurgery.heads import HeadRef
from headsurgery.model.editing import edited
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import load_template
from headsurgery.recipe import HeadEdit
from tests.refusing import PAIR, PLANTED, ids_of, load_helpful, load_refusing, questions
from tests.tiny import EACH_FAMILY, build_model, tokens

HARMFUL, HARMLESS = questions(12, harmful=True, seed=1), questions(12, harmful=False, seed=1)
SETTINGS = GateSettings(operation="scale", reinforce=False, factors="zero", max_heads=5, head_price=0.02, seed=0)


def learn(loaded: LoadedModel, *, journal: SweepJournal | None = None, **choices: Any) -> Gated:
    engine = LocalEngine(loaded)
    reader = AnswerReader.of(loaded.tokenizer, load_template("paper", loaded.tokenizer))
    settings = replace(SETTINGS, **choices)
    return gates(Sweeper(engine=engine, journal=journal), reader, engine.modules, ids_of(HARMFUL), ids_of(HARMLESS), settings)


def heads_of(found: Gated) -> set[HeadRef]:
    return {edit.ref for edit in found.group}


# Factors of all heads, as a tensor


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", ABLATIONS)
def test_factors_do_what_edits_with_these_factors_do(family: str, operation: Any) -> None:
    """Within the rounding of float64. Where a norm cancels the factors of queries, both refuse."""
    model = build_model(family, dtype=torch.float64)
    modules = locate_modules(model)
    geometry = modules.geometry
    if modules.has_q_norm and operation == "uniform_attention":
        with pytest.raises(GeometryError, match="QK-norm"), head_factors(modules, operation, torch.ones(1)):
            pass
        return
    factors = (
        torch.rand(geometry.num_layers, geometry.max_heads, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    )
    edits = [
        RowEdit(edit=HeadEdit(layer=head.layer, head=head.head, operation=operation, factor=float(factors[head.layer, head.head])))
        for head in geometry.heads()
    ]
    ids = tokens()
    with torch.no_grad():
        with row_edits(modules, edits):
            expected = model(ids).logits
        with head_factors(modules, operation, factors):
            found = model(ids).logits
        assert not torch.equal(found, model(ids).logits)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_an_operation_that_does_not_multiply_has_no_factor_to_learn() -> None:
    modules = locate_modules(build_model("llama"))
    with pytest.raises(UsageError, match="transplant does not multiply"), head_factors(modules, "transplant", torch.ones(3, 6)):
        pass


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_ends_of_queries_in_one_batch_are_those_of_each_query_alone(family: str) -> None:
    model = build_model(family, dtype=torch.float64)
    queries = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (9, 5, 12, 2)]
    with torch.no_grad():
        found = read_ends(locate_modules(model), queries, 3)
        expected = torch.stack([model(torch.tensor([query])).logits[0, [max(0, len(query) - 3), -2, -1]] for query in queries])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_a_prefix_that_runs_once_changes_neither_logits_nor_gradient(family: str) -> None:
    """On every family whose prefix may run separately, which `GradientPasses.fit` tries."""
    modules = locate_modules(build_model(family, dtype=torch.float64).requires_grad_(False))
    prefix = tokens(queries=1, length=6)[0].tolist()
    queries = [prefix + tokens(queries=1, length=length, seed=length)[0].tolist() for length in (3, 6, 4)]
    if not GradientPasses.fit(modules, queries[0], 12, None).prefixed:
        pytest.skip("its prefix may not run separately")
    found = []
    for run_once in (0, len(prefix)):
        factors = torch.full(
            (modules.geometry.num_layers, modules.geometry.max_heads), 0.7, dtype=torch.float64, requires_grad=True
        )
        with head_factors(modules, "scale", factors):
            logits = read_ends(modules, queries, 3, prefix=run_once)
            logits.logsumexp(-1).sum().backward()
        found.append((logits.detach(), factors.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)  # some norms compute in float32


def test_running_layers_again_in_the_backward_pass_changes_no_gradient() -> None:
    model = build_model("llama", dtype=torch.float64).requires_grad_(False)
    modules = locate_modules(model)
    gradients = []
    for checkpointed in (False, True):
        factors = torch.full((3, 6), 0.7, dtype=torch.float64, requires_grad=True)
        with head_factors(modules, "scale", factors):
            read_ends(modules, tokens().tolist(), 2, checkpointed=checkpointed).logsumexp(-1).sum().backward()
        gradients.append(factors.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-12, atol=1e-12)


# The losses


def random_lessons(*, reinforce: bool) -> Lessons:
    """On a random model in float64, with answers of several lengths, one of which starts late."""
    modules = locate_modules(build_model("llama", dtype=torch.float64).requires_grad_(False))
    rows = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (20, 15, 18, 14)]
    openings = OwnAnswers.of([(rows[0][:9], rows[0][9:], 2), (rows[1][:9], rows[1][9:11], 0)], tokens=OPENING_TOKENS)
    harmless = OwnAnswers.of([(rows[2][:9], rows[2][9:], 0), (rows[3][:9], rows[3][9:], 0)])
    refused = OwnAnswers.of([(row[:9], rows[0][11:14], 0) for row in rows[2:]]) if reinforce else None
    return Lessons(
        modules=modules,
        settings=replace(SETTINGS, reinforce=reinforce),
        openings=openings,
        harmless=harmless,
        refused_harmless=refused,
    )


def naive_log_probabilities(lessons: Lessons, query: Sequence[int], factors: torch.Tensor) -> np.ndarray[Any, Any]:
    """[pos, vocabulary] of one query alone, by hooks of single edits."""
    edits = [
        RowEdit(edit=HeadEdit(layer=head.layer, head=head.head, factor=float(factors[head.layer, head.head])))
        for head in lessons.modules.geometry.heads()
    ]
    with torch.no_grad(), row_edits(lessons.modules, edits):
        return np.asarray(log_softmax(lessons.modules.model(torch.tensor([query])).logits[0].double().numpy(), axis=-1))


def naive_log_odds(lessons: Lessons, own: OwnAnswers, row: int, factors: torch.Tensor) -> float:
    read = int((own.weights[row] > 0).sum())
    found = naive_log_probabilities(lessons, own.queries[row], factors)[-read:]
    joint = sum(found[place, token] for place, token in enumerate(own.targets[row][-read:][:OPENING_TOKENS]))
    return float(joint - np.log(1 - np.exp(joint)))


@pytest.mark.parametrize("reinforce", [False, True])
def test_the_losses_are_those_of_a_naive_loop(reinforce: bool) -> None:
    """Logits are taken to float32 on their way, which is what the tolerance allows for."""
    lessons = random_lessons(reinforce=reinforce)
    factors = torch.rand(3, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        found = lessons.losses(factors, [0, 1], [0, 1])
    sign = -1 if reinforce else 1
    opening = [np.logaddexp(0, sign * naive_log_odds(lessons, lessons.openings, row, factors) + 3) for row in (0, 1)]
    assert found.opening == pytest.approx(np.mean(opening), rel=1e-5)
    divergences = []
    for query, weights in zip(lessons.harmless.queries, lessons.harmless.weights, strict=True):
        read = int((weights > 0).sum())
        base = naive_log_probabilities(lessons, query, torch.ones(3, 6))[-read:]
        now = naive_log_probabilities(lessons, query, factors)[-read:]
        divergences.append((np.exp(base) * (base - now)).sum(axis=-1).mean())
    assert found.divergence == pytest.approx(np.mean(divergences), rel=1e-4)
    over = 0.0
    if lessons.refused_harmless is not None:
        over = np.mean([np.logaddexp(0, naive_log_odds(lessons, lessons.refused_harmless, row, factors) + 3) for row in (0, 1)])
    assert found.over_refusal == pytest.approx(over, rel=1e-5)


@pytest.mark.parametrize("reinforce", [False, True])
def test_the_gradient_is_the_finite_difference(reinforce: bool) -> None:
    lessons = random_lessons(reinforce=reinforce)
    factors = torch.full((3, 6), 0.8, dtype=torch.float64)
    gradient, _ = lessons.gradient(factors, [0, 1], [0, 1])
    step = 1e-2
    for head in (HeadRef(0, 1), HeadRef(1, 4), HeadRef(2, 5)):
        beside = []
        for sign in (1, -1):
            moved = factors.clone()
            moved[head.layer, head.head] += sign * step
            beside.append(lessons.exact(moved))
        difference = (beside[0] - beside[1]) / (2 * step)
        assert float(gradient[head.layer, head.head]) == pytest.approx(difference, rel=2e-2, abs=1e-4)


# What is found


def test_the_head_that_carries_refusal_is_the_group() -> None:
    found = learn(load_refusing())
    assert found.group[0].ref == PLANTED
    assert found.refused == len(HARMFUL)
    assert dict(found.path)[1] == 0, "without it nothing is refused"
    assert np.nanargmin(found.factors) == PLANTED.layer * 6 + PLANTED.head or found.factors[PLANTED.layer, PLANTED.head] < 0.5


@pytest.mark.parametrize("kind", ["redundant", "conjunctive"])
def test_heads_that_act_together_are_found_together(kind: Any) -> None:
    """Of two heads that each suffice, ablating either one alone shows nothing; here both are moved at once."""
    loaded = load_refusing(kind, PAIR)
    found = learn(loaded)
    assert min(refused for _, refused in found.path) == 0
    if kind == "redundant":
        assert heads_of(found) >= set(PAIR)


def test_free_factors_lie_between_0_and_1_and_are_the_recipes() -> None:
    found = learn(load_refusing(), factors="free")
    assert all(0 <= edit.factor <= 1 for edit in found.group)
    assert len({edit.factor for edit in found.group}) > 1
    assert min(refused for _, refused in found.path) == 0


def load_weakened() -> LoadedModel:
    """It refuses half of the harmful questions, because the head that carries refusal says it more quietly."""
    loaded = load_refusing()
    columns = locate_modules(loaded.model).geometry.layer_of(PLANTED).column_block(PLANTED.head)
    with torch.no_grad():
        loaded.model.get_submodule(f"model.layers.{PLANTED.layer}.self_attn.o_proj").weight[:, list(columns)] *= 0.6
    return loaded


def test_reinforced_a_weakened_head_rises_until_everything_is_refused_again() -> None:
    found = learn(load_weakened(), reinforce=True, factors="free", max_heads=4)
    assert found.group[0].ref == PLANTED
    assert found.group[0].factor > 1.3
    assert found.refused < len(HARMFUL)
    assert found.path[0] == (1, len(HARMFUL))


def test_a_reinforcement_is_learned_under_attacks_as_well() -> None:
    """Of the attacks that fit into this model's context; a note tells of the others."""
    loaded = load_weakened()
    found = attribute(loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS, method="gates", intent="reinforce", top=4)
    assert f"and from {2 * len(HARMFUL)} prompts under attacks" in found.scores.notes[0]
    assert any("attack refusal_suppression is left out" in note for note in found.notes)


def test_gates_takes_no_contrast() -> None:
    """A recipe that records one would be untrue."""
    with pytest.raises(UsageError, match="gates weighs the harm of a whole group while it learns, found --contrast 3"):
        Settings.resolve(AttributionOptions(method="gates", contrast=3.0), has_harmless=True)


def test_the_same_seed_finds_the_same_bits_and_another_one_draws_other_prompts() -> None:
    first, again, other = (learn(load_refusing(), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.factors, again.factors)
    assert first.group == again.group
    assert not np.array_equal(first.factors, other.factors)


def test_a_run_that_broke_off_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    gradient, stops_at = Lessons.gradient, 10**6

    def counted(self: Lessons, *args: Any) -> Any:
        steps.append(1)
        if len(steps) == stops_at:
            raise KeyboardInterrupt
        return gradient(self, *args)

    monkeypatch.setattr(Lessons, "gradient", counted)
    whole = learn(load_refusing())
    steps_of_whole, stops_at = len(steps), len(steps) + 30
    with SweepJournal(tmp_path / "sweep", {}) as journal, pytest.raises(KeyboardInterrupt):
        learn(load_refusing(), journal=journal)
    before = len(steps)
    with SweepJournal(tmp_path / "sweep", {}) as journal:
        resumed = learn(load_refusing(), journal=journal)
    np.testing.assert_array_equal(resumed.factors, whole.factors)
    assert resumed.group == whole.group
    assert len(steps) - before == steps_of_whole - 24, "but for a part of the 30th step's six, nothing is learned again"


# Through `attribute`


def test_the_recipe_holds_the_group_that_leaves_fewest_refusals_and_its_scores_file_the_factors(tmp_path: Path) -> None:
    loaded = load_refusing()
    found = attribute(loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS, method="gates", template="paper", held_out=0)
    assert found.recipe.edits[0].ref == PLANTED
    assert found.recipe.provenance is not None
    assert found.recipe.provenance.method == "gates"
    found.scores.save(tmp_path / "scores.safetensors")
    again = load_scores(tmp_path / "scores.safetensors")
    np.testing.assert_array_equal(again.harmful, np.abs(1 - again.arrays["gates_factors"][0]))
    assert Recipe.model_validate_json(found.recipe.model_dump_json()) == found.recipe
    with edited(loaded.model, found.recipe.edits):
        pass


def test_a_model_that_refuses_nothing_has_nothing_to_find() -> None:
    with pytest.raises(ModelError, match="refuses none of 12 prompts"):
        learn(load_helpful())


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"apply_factor": 0.5}, "gates learns the factors itself"),
        ({"factor": 0.5}, "gates learns the factors itself"),
        ({"screen": True}, "nothing to screen"),
        ({"top": 99}, "99"),
    ],
)
def test_what_makes_no_sense_is_refused(choices: dict[str, Any], says: str) -> None:
    loaded = load_refusing()
    with pytest.raises(HeadSurgeryError, match=says):
        attribute(loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS, method="gates", **choices)


def test_without_a_harmless_set_it_says_what_it_is_for() -> None:
    loaded = load_refusing()
    with pytest.raises(UsageError, match="whose answers are to stay as they are"):
        attribute(loaded.model, loaded.tokenizer, HARMFUL, method="gates")


def test_sizes_of_groups() -> None:
    assert group_sizes(0) == ()
    assert group_sizes(1) == (1,)
    assert group_sizes(7) == (1, 2, 5, 7)
    assert group_sizes(40) == (1, 2, 5, 10, 20, 40)
