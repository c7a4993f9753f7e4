"""In how many halves of the prompts a chosen head is chosen again."""

from __future__ import annotations

import numpy as np
import pytest

from headsurgery import attribute
from headsurgery.attribution.methods import load_method
from headsurgery.attribution.scores import ScoreTable, best_heads, score_heads
from headsurgery.attribution.stability import NUM_HALVES, count_halves, doubt_stability, mark_stability
from headsurgery.card.sections import say_attribution
from headsurgery.heads import HeadRef
from tests.refusing import PLANTED, load_refusing, questions


def table_of(scores: np.ndarray, harmless: np.ndarray | None = None, *, chosen: int = 1) -> ScoreTable:
    """Scores of each prompt, [query, layer, head]."""
    arrays = {"ships": scores} | ({} if harmless is None else {"ships_harmless": harmless})
    mean, control = scores.mean(axis=0), None if harmless is None else harmless.mean(axis=0)
    contrast = None if harmless is None else 1.0
    best = best_heads(mean if control is None else mean - control, chosen)
    heads = score_heads(best, mean, control, contrast)
    return ScoreTable(arrays=arrays, harmful=mean, harmless=control, contrast=contrast, chosen=heads)


def test_heads_that_stand_out_on_every_prompt_are_in_every_half_and_the_counts_add_up() -> None:
    chance = np.random.default_rng(0)
    scores = chance.random((20, 3, 6))
    scores[:, 1, 2] += 2
    found = count_halves(table_of(scores), "ships", 4)
    assert found[HeadRef(1, 2)] == NUM_HALVES
    assert sum(found.values()) == 4 * NUM_HALVES


def test_a_head_that_owes_its_place_to_one_prompt_is_named() -> None:
    scores = np.full((20, 3, 6), 0.1)
    scores[:, 0, 0], scores[3, 2, 5] = 1.0, 100.0
    marked = mark_stability(table_of(scores), load_method("ships"))
    (head,) = marked.chosen
    assert (head.layer, head.head) == (2, 5)
    assert head.halves is not None
    assert 0 < head.halves < NUM_HALVES
    doubts = doubt_stability(marked.__class__(**vars(marked) | {"chosen": (head.model_copy(update={"halves": 3}),)}))
    assert doubts == ("L2H5 (3): the best head in fewer than 5 of 10 random halves of the prompts",)


def test_pairs_are_halved_together() -> None:
    """Each prompt moves all heads by its own amount; only within a pair does that cancel."""
    chance = np.random.default_rng(1)
    moved = 10 * chance.random((20, 3, 6))
    scores = moved.copy()
    scores[:, 1, 1] += 0.01
    assert count_halves(table_of(scores, moved), "ships", 1) == {HeadRef(1, 1): NUM_HALVES}


@pytest.mark.parametrize("prompts", [1, 3])
def test_halves_of_very_few_prompts_say_nothing(prompts: int) -> None:
    table = table_of(np.random.default_rng(0).random((prompts, 3, 6)))
    assert mark_stability(table, load_method("ships")) is table
    assert doubt_stability(table) == ()


def test_methods_without_scores_of_each_prompt_are_left_as_they_are() -> None:
    table = table_of(np.random.default_rng(0).random((20, 3, 6)))
    assert mark_stability(table, load_method("sahara")) is table


def test_recipe_and_card_say_it() -> None:
    loaded = load_refusing()
    harmful, harmless = (questions(8, harmful=is_harmful, seed=1) for is_harmful in (True, False))
    found = attribute(loaded.model, loaded.tokenizer, harmful, harmless=harmless, method="ships", top=1)
    (score,) = found.recipe.provenance.scores
    assert (HeadRef(score.layer, score.head), score.halves) == (PLANTED, NUM_HALVES)
    assert "(among the best in 10 of 10 halves of the prompts)" in say_attribution(found.recipe.provenance)
