"""The refusal score and its greedy search: against exact arithmetic, the naive loop, and heads that are known to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, getcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from headsurgery import Recipe, attribute
from headsurgery.attribution.refusal import ANSWER_TOKENS, REFUSAL_TOKENS, OwnAnswers, _Run, find_refusals, refusal
from headsurgery.attribution.scores import best_heads, read_scores_file
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.demo.planting import REFUSAL
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence, LogOddsDrop, log_odds
from headsurgery.engine.sweep import Sweeper
from headsurgery.errors import ModelError, PromptError
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.editing import edited
from headsurgery.model.generation import complete_ids
from headsurgery.model.modules import locate_modules
from headsurgery.recipe import HeadEdit
from tests.exhaustive import all_but
from tests.naive import naive_kl, naive_run
from tests.refusing import (
    PAIR,
    PLANTED,
    PREAMBLE,
    build_refusing_tokenizer,
    ids_of,
    load_helpful,
    load_late,
    load_refusing,
    questions,
)
from tests.tiny import EACH_FAMILY, build_model, sweeper_of, tokens

HARMFUL, HARMLESS = questions(12, harmful=True, seed=1), questions(12, harmful=False, seed=1)
Answers = list[tuple[list[int], list[int], int]]


# Log-odds


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_log_odds_are_those_of_exact_arithmetic_also_where_a_probability_rounds_to_1(dtype: torch.dtype) -> None:
    """log p - log(1 - p) with 60 digits; what is left is the rounding of logits of about 40, in float32 3e-6 each."""
    getcontext().prec = 60
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 50).to(dtype)
    targets = torch.tensor([7, 0, 49])
    logits[0, 0, 7] = 40
    logits[1, 1, 0] = -40
    found = log_odds(logits, targets)
    for row in range(2):
        for read, target in enumerate(targets.tolist()):
            weights = [Decimal(value).exp() for value in logits[row, read].double().tolist()]
            probability = weights[target] / sum(weights)
            expected = probability.ln() - (1 - probability).ln()
            tolerance = 1e-12 if dtype == torch.float64 else 1e-5
            assert float(found[row, read]) == pytest.approx(float(expected), abs=tolerance)
    naive = logits[0, 0].float().softmax(-1)[7]
    assert torch.isinf(naive.log() - (1 - naive).log()), "which float32 can't do by way of probabilities"


# What is read

TOKENS = st.lists(st.integers(3, 90), min_size=1, max_size=20)
ANSWER = TOKENS.flatmap(lambda answer: st.tuples(TOKENS, st.just(answer), st.integers(0, len(answer) - 1)))


@given(st.lists(ANSWER, min_size=1, max_size=5))
def test_of_every_answer_its_first_tokens_from_the_start_on_are_read_with_equal_weight(answers: Answers) -> None:
    own = OwnAnswers.of(answers)
    assert 1 <= own.tail <= REFUSAL_TOKENS
    assert own.weights.shape == (len(answers), own.tail)
    for (prompt, answer, start), query, targets, weights in zip(answers, own.queries, own.targets, own.weights, strict=True):
        text = (*query, targets[-1])
        assert text == (*prompt, *answer)[: len(text)], "teacher-forced: the answer as it was given"
        assert len(query) >= own.tail, "a query has as many positions as are read"
        assert targets == text[-own.tail :], "position i predicts what stands at i + 1"
        read = min(own.tail, len(answer) - start)
        assert list(targets[-read:]) == answer[start : start + read]
        np.testing.assert_array_equal(weights, [0.0] * (own.tail - read) + [1 / read] * read)


@settings(max_examples=30)
@given(st.lists(ANSWER.filter(lambda row: len(row[0]) >= REFUSAL_TOKENS), min_size=1, max_size=5))
def test_after_prompts_of_usual_length_all_tokens_are_read(answers: Answers) -> None:
    assert OwnAnswers.of(answers).tail == REFUSAL_TOKENS


def test_one_short_query_shortens_what_is_read_of_all() -> None:
    own = OwnAnswers.of([([5, 6], [7, 8], 0), ([5] * 9, list(range(10, 30)), 4)])
    assert own.queries == ((5, 6, 7), (5,) * 9 + tuple(range(10, 16)))
    assert own.targets == ((6, 7, 8), (14, 15, 16))
    np.testing.assert_array_equal(own.weights, [[0, 1 / 2, 1 / 2], [1 / 3, 1 / 3, 1 / 3]])


# Scores

FAMILIES = ("llama", "qwen3", "gemma2", "phi3", "gpt_neox", "gpt2")
GROUP = [HeadRef(0, 3), HeadRef(2, 1)]
HEADS = [HeadRef(0, 1), HeadRef(1, 4), HeadRef(2, 5)]


def random_answers() -> Answers:
    """Of several lengths; one answer is shorter than what is read, one starts late."""
    rows = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (20, 13, 20)]
    return [(rows[0][:9], rows[0][9:], 2), (rows[1][:9], rows[1][9:], 0), (rows[2][:6], rows[2][6:], 0)]


def naive_mean(
    model: torch.nn.Module, answers: Answers, head: HeadRef, operation: str, score: str, group: Sequence[HeadRef] = GROUP
) -> float:
    """One full forward per head and query, every token by itself, in float64."""
    means = []
    for prompt, answer, start in answers:
        base, other = (
            naive_run(model, [*prompt, *answer], heads, operation, where=slice(None))[1].double().numpy()
            for heads in (group, [*group, head])
        )
        values = []
        for place in range(start, min(start + REFUSAL_TOKENS, len(answer))):
            before = len(prompt) + place - 1  # the position that predicts this token
            if score == "kl":
                values.append(naive_kl(torch.tensor(base[before]), torch.tensor(other[before])))
            else:
                values.append(_log_odds(base[before], answer[place]) - _log_odds(other[before], answer[place]))
        means.append(sum(values) / len(values))
    return sum(means) / len(means)


def _log_odds(logits: np.ndarray[Any, Any], target: int) -> float:
    log_probability = float(log_softmax(logits)[target])
    return log_probability - float(np.log(-np.expm1(log_probability)))


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
def test_drops_and_divergences_equal_the_naive_loop(family: str, operation: str) -> None:
    """Up to the rounding of other batch shapes: parts of these families run in float32 whatever the model's type."""
    model = build_model(family, dtype=torch.float64)
    run = _Run(sweeper=sweeper_of(model), operation=operation, factor=0.0)
    answers = random_answers()
    own = OwnAnswers.of(answers)
    drops, divergences = run.means(own, LogOddsDrop(own.targets), GROUP), run.means(own, Divergence(), GROUP)
    assert drops.shape == divergences.shape == (3, 6)
    for head in HEADS:
        place = (head.layer, head.head)
        assert drops[place] == pytest.approx(naive_mean(model, answers, head, operation, "odds"), rel=1e-4, abs=1e-6)
        assert divergences[place] == pytest.approx(naive_mean(model, answers, head, operation, "kl"), rel=1e-4, abs=1e-6)
    for found in (drops, divergences):
        assert {(int(layer), int(head)) for layer, head in np.argwhere(np.isnan(found))} == {(h.layer, h.head) for h in GROUP}


def test_scores_do_not_depend_on_the_batch_size() -> None:
    modules = locate_modules(build_model("llama", dtype=torch.float64))
    own = OwnAnswers.of(random_answers())
    found = [
        _Run(sweeper=sweeper_of(modules.model, batch_size=size), operation="scale", factor=0.0).means(own, LogOddsDrop(own.targets))
        for size in ("auto", 1, 4)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-4, atol=1e-6)


# Refusals


def test_a_refusal_is_found_where_it_starts() -> None:
    loaded = load_refusing()
    ids = ids_of(HARMFUL)
    reader = AnswerReader(tokenizer=loaded.tokenizer)
    found = find_refusals(LocalEngine(loaded), reader, [*ids, *ids_of(HARMLESS)], ()).found
    assert sorted(prompt for prompt, _, _ in found) == sorted(ids), "the harmful ones, and no other"
    assert {start for _, _, start in found} == {0}
    assert {loaded.tokenizer.decode(answer, skip_special_tokens=True) for _, answer, _ in found} == {REFUSAL}
    ablated = [HeadEdit(layer=PLANTED.layer, head=PLANTED.head)]
    assert find_refusals(LocalEngine(loaded), reader, ids, ablated).found == ()


def test_a_refusal_that_comes_late_is_found_where_it_starts() -> None:
    loaded = load_late()
    ids = ids_of(HARMFUL, loaded.tokenizer)
    reader = AnswerReader(tokenizer=loaded.tokenizer)
    found = find_refusals(LocalEngine(loaded), reader, [*ids, *ids_of(HARMLESS, loaded.tokenizer)], ()).found
    assert sorted(prompt for prompt, _, _ in found) == sorted(ids)
    for _, answer, start in found:
        assert loaded.tokenizer.decode(answer, skip_special_tokens=True) == f"{PREAMBLE} {REFUSAL}"
        assert loaded.tokenizer.decode(answer[start:], skip_special_tokens=True) == REFUSAL


# The search


def search(loaded: Any, harmful: list[str] = HARMFUL, harmless: list[str] | None = HARMLESS, **options: Any) -> Any:
    options = {"operation": "scale", "factor": 0.0, "group_size": 4, "contrast": 10.0, **options}
    sets = [None if texts is None else ids_of(texts, loaded.tokenizer) for texts in (harmful, harmless)]
    return refusal(Sweeper(engine=LocalEngine(loaded)), AnswerReader(tokenizer=loaded.tokenizer), *sets, **options)


def refs(table: Any) -> list[HeadRef]:
    return [HeadRef(score.layer, score.head) for score in table.chosen]


@pytest.mark.parametrize("harmless", [HARMLESS, None], ids=["control", "no control"])
@pytest.mark.parametrize("load", [load_refusing, load_late], ids=["at once", "late"])
def test_the_head_that_refuses_is_found_and_then_the_search_ends(load: Any, harmless: list[str] | None) -> None:
    seen: list[tuple[int, int]] = []
    table, notes = search(load(), harmless=harmless, on_progress=lambda *counts: seen.append(counts))
    assert refs(table) == [PLANTED]
    assert set(table.arrays) == ({"refusal", "refusal_harmless"} if harmless else {"refusal"})
    assert all(scores.shape == (1, 3, 6) for scores in table.arrays.values())
    assert notes == (
        "the model refuses 12 of 12 prompts; the scores are of these",
        "with the chosen head ablated it refuses 0 of 12",
    )
    pairs = (12 * 18 if harmless else 0) + 12 * (18 + 17 + 16 + 15)
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {pairs}
    assert seen[-1][0] == (24 if harmless else 12) * 18


@pytest.mark.exhaustive
def test_a_head_that_takes_over_is_found_in_the_next_step() -> None:
    """With either of two heads ablated the other one refuses; a step scores what is still refused."""
    table, notes = search(load_refusing("redundant", PAIR))
    assert set(PAIR) <= set(refs(table))
    steps, (first, *_, last) = table.arrays["refusal"], refs(table)
    assert steps.shape == (len(table.chosen), 3, 6)
    assert np.isnan(steps[1:, first.layer, first.head]).all(), "a head of the group is not scored again"
    assert last in PAIR
    assert steps[-1, last.layer, last.head] > 2 * steps[0, last.layer, last.head], "it matters more once it is alone"
    assert "refuses 0 of 12" in notes[-1]


@pytest.mark.exhaustive
def test_of_heads_that_are_all_needed_one_is_enough() -> None:
    table, _ = search(load_refusing("conjunctive", PAIR))
    assert len(table.chosen) == 1
    assert set(refs(table)) < set(PAIR)
    assert set(best_heads(table.combined, 2)) == set(PAIR), "and the first step ranks them all"


def test_the_group_is_not_larger_than_asked_for() -> None:
    table, notes = search(load_refusing("redundant", PAIR), group_size=1)
    assert len(table.chosen) == 1
    assert notes[-1] == "with the chosen head ablated it refuses 12 of 12"
    assert table.doubts == (
        "this recipe has no effect: the model refuses 12 as it is, and no group of heads that was tried takes any away",
    )


def test_prompts_that_are_not_refused_count_0() -> None:
    """So the score falls with the share of refusals, as it must, to be weighed against the control."""
    alone, _ = search(load_refusing(), harmless=None)
    mixed, notes = search(load_refusing(), [*HARMFUL, *HARMLESS], harmless=None)
    np.testing.assert_allclose(mixed.harmful, alone.harmful / 2, rtol=1e-3, atol=1e-5)
    assert notes[0] == "the model refuses 12 of 24 prompts; the scores are of these"


def test_the_choice_weighs_the_control() -> None:
    """A price that no gain can pay makes the head that costs least the best, and that is not the one that refuses."""
    table, _ = search(load_refusing(), contrast=1e6, group_size=1)
    costs = table.arrays["refusal_harmless"][0]
    assert refs(table) == list(best_heads(-costs, 1))
    assert refs(table) != [PLANTED]
    score = table.chosen[0]
    assert score.score == pytest.approx(score.harmful - 1e6 * score.harmless)


def test_a_model_that_refuses_nothing_is_an_expected_failure() -> None:
    for loaded, harmful in ((load_helpful(), HARMFUL), (load_refusing(), HARMLESS)):
        with pytest.raises(ModelError, match="refuses none of 12 prompts") as caught:
            search(loaded, harmful)
        assert "--method sahara" in caught.value.hint


# From prompts to a recipe


@pytest.mark.parametrize("dtype", all_but([torch.bfloat16], [torch.float32, torch.bfloat16]), ids=str)
def test_attribute_finds_the_planted_head_and_its_recipe_takes_refusal_out(dtype: torch.dtype) -> None:
    loaded = load_refusing()
    loaded.model.to(dtype)
    found = attribute(loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS, method="refusal")
    assert [edit.ref for edit in found.recipe.edits] == [PLANTED]
    provenance = found.recipe.provenance
    assert (provenance.method, provenance.unit, provenance.contrast, provenance.r_main) == ("refusal", "nats", 10.0, None)
    with edited(loaded.model, found.recipe):
        for ids in ids_of(HARMFUL):
            answer = complete_ids(loaded, [ids], max_new_tokens=12)[0]
            assert find_refusal(loaded.tokenizer.decode(answer, skip_special_tokens=True)) is None


def test_prompts_and_answers_shorter_than_what_is_read_are_no_failure() -> None:
    """A harmless answer of 5 tokens after a prompt of 2 has 6 positions, fewer than are read of others."""
    loaded = load_refusing()
    harmful, harmless = [f"{text} ## Answer:" for text in HARMFUL], ["w40 Answer:", "w41 Answer:"]
    found = attribute(loaded.model, loaded.tokenizer, harmful, harmless=harmless, method="refusal", template="direct", contrast=0.0)
    assert found.scores.arrays["refusal_harmless"].shape == (1, 3, 6)
    assert [edit.ref for edit in found.recipe.edits] == [PLANTED]


def test_answers_must_fit_into_the_context() -> None:
    loaded = load_refusing()
    loaded.model.config.max_position_embeddings = ANSWER_TOKENS + 6
    fitting, longer = "## w30 forbidden w31 ## Answer:", "## w30 forbidden w31 w32 ## Answer:"
    found = attribute(loaded.model, loaded.tokenizer, [fitting, longer], template="direct", group_size=1)
    assert found.recipe.provenance.prompts.count == 1
    assert any("left out 1 prompts longer than the model's 6 tokens" in note for note in found.notes)
    with pytest.raises(PromptError, match="no prompt fits"):
        attribute(loaded.model, loaded.tokenizer, [longer], template="direct")


def test_a_model_that_accelerate_keeps_elsewhere_is_scored_too() -> None:
    accelerate = pytest.importorskip("accelerate")
    model = accelerate.cpu_offload(load_refusing().model, execution_device="cpu")
    found = attribute(model, build_refusing_tokenizer(), HARMFUL[:4])
    assert [edit.ref for edit in found.recipe.edits] == [PLANTED]


@pytest.mark.parametrize("kind", all_but(["redundant"], ["redundant", "conjunctive", "single"]))
def test_no_group_that_was_tried_leaves_fewer_refusals_than_the_recipes(kind: Any) -> None:
    loaded = load_refusing(kind, (PLANTED,) if kind == "single" else PAIR)
    table, notes = search(loaded)
    ids = ids_of(HARMFUL, loaded.tokenizer)

    def refused(heads: list[HeadRef]) -> int:
        edits = [HeadEdit(layer=head.layer, head=head.head) for head in heads]
        return len(find_refusals(LocalEngine(loaded), AnswerReader(tokenizer=loaded.tokenizer), ids, edits).found)

    own = refs(table)
    assert [tried.refused for tried in table.path] == [refused([*map(HeadRef.parse, tried.heads)]) for tried in table.path]
    assert refused(own) == min(tried.refused for tried in table.path)
    assert all(refused(own) <= refused(own[:size]) for size in range(len(own)))
    heads = "the chosen head" if len(own) == 1 else f"the {len(own)} chosen heads"
    assert notes[-1] == f"with {heads} ablated it refuses {refused(own)} of 12"


def test_the_path_stands_in_recipe_and_scores(tmp_path: Path) -> None:
    loaded = load_refusing("redundant", PAIR)
    found = attribute(loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS, method="refusal", held_out=0)
    provenance = found.recipe.provenance
    assert provenance is not None
    assert provenance.path is not None
    assert (provenance.path[0].refused, provenance.path[-1].refused) == (12, 0)
    assert [score.layer for score in provenance.scores or ()] == [edit.layer for edit in found.recipe.edits]
    found.scores.save(tmp_path / "scores.safetensors", provenance)
    assert read_scores_file(tmp_path / "scores.safetensors")[1]["path"] == [tried.model_dump() for tried in provenance.path]
    assert Recipe.model_validate_json(found.recipe.to_json()) == found.recipe
