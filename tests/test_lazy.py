"""Lazy evaluation of the greedy search: the group of the full search where gains shrink, and a check where they grow."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headsurgery import attribute, load_scores
from headsurgery.attribution.lazy import Gains, Laziness, say_lazy, score_best_first, standard_error
from headsurgery.attribution.refusal import _Scorer, _Step, refusal
from headsurgery.attribution.scores import best_heads, spread_over_heads
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.heads import AttentionGeometry, HeadRef
from headsurgery.progress import Consecutive
from headsurgery.recipe import LazyRecord, LazyStep
from tests.refusing import PAIR, ids_of, load_refusing, questions

LAYERS, HEADS = 4, 10
ALL = [HeadRef(layer, head) for layer in range(LAYERS) for head in range(HEADS)]
HARMFUL, HARMLESS = questions(8, harmful=True, seed=1), questions(8, harmful=False, seed=1)
Gain = Callable[[HeadRef, frozenset[HeadRef], int], float]


# The order


@given(st.integers(0, 2**32), st.integers(1, 7))
def test_the_best_head_is_found_where_bounds_hold(seed: int, batch: int) -> None:
    chance = np.random.default_rng(seed)
    true = chance.normal(size=(LAYERS, HEADS))
    bounds = true + chance.exponential(size=true.shape) * chance.choice([0.01, 1.0, np.inf], size=true.shape)
    bounds[chance.random(true.shape) < 0.2] = np.nan  # not asked for
    asked: list[HeadRef] = []

    def score(heads: tuple[HeadRef, ...]) -> Any:
        assert list(heads) == sorted(heads)
        asked.extend(heads)
        return np.array([[true[place] if HeadRef(*place) in heads else np.nan for place in row] for row in places])

    places = [[(layer, head) for head in range(HEADS)] for layer in range(LAYERS)]
    found = score_best_first(bounds, score, batch=batch)
    expected = best_heads(np.where(np.isnan(bounds), np.nan, true), 1)
    assert best_heads(found, 1) == expected
    assert len(asked) == len(set(asked)) == np.isfinite(found).sum(), "no head twice"
    assert not np.isfinite(found[np.isnan(bounds)]).any()


def test_where_bounds_are_tight_only_one_batch_is_scored() -> None:
    true = np.arange(40.0).reshape(LAYERS, HEADS)
    found = score_best_first(true, lambda heads: spread(heads, [true[head.layer, head.head] for head in heads]), batch=4)
    assert np.isfinite(found).sum() == 4


def spread(heads: Sequence[HeadRef], values: Any) -> Any:
    array = np.full((LAYERS, HEADS), np.nan)
    for head, value in zip(heads, values, strict=True):
        array[head.layer, head.head] = value
    return array


# Bounds


@pytest.fixture
def geometry() -> AttentionGeometry:
    return LocalEngine(load_refusing()).facts.geometry


def test_a_bound_is_the_least_gain_with_a_part_of_the_group_ablated(geometry: AttentionGeometry) -> None:
    a, b, c = HeadRef(0, 0), HeadRef(1, 1), HeadRef(2, 2)
    gains = Gains(geometry)
    gains.add((), [a, b, c], [(1,), (2,)], np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    gains.add((a,), [b, c], [(2,)], np.array([[1.0], [9.0]]))
    assert gains.bound((), [(1,), (2,)])[1, 1] == 3.5
    assert gains.bound((a,), [(1,), (2,)])[1, 1] == 2.0, "on the second prompt it gained less since"
    assert gains.bound((a, b), [(2,)])[2, 2] == 6.0, "a gain that grew does not loosen the bound"
    assert gains.bound((b,), [(2,)])[1, 1] == 4.0, "what was measured with another group says nothing"
    assert gains.bound((), [(3,)])[1, 1] == np.inf, "a prompt that was never measured"
    assert gains.bound((), [(1,)])[0, 3] == np.inf, "a head that was never measured"


def test_the_noise_of_a_head_counts_prompts_that_were_measured_apart(geometry: AttentionGeometry) -> None:
    """A prompt that is refused only now is measured alone, for all heads."""
    gains, head, group = Gains(geometry), HeadRef(0, 0), (HeadRef(0, 1),)
    gains.add(group, [head], [(9,)], np.array([[5.0]]))
    gains.add(group, [head], [(7,), (8,)], np.array([[1.0, 3.0]]))
    expected = standard_error(np.array([[1.0, 3.0, 5.0]]))[0]
    assert gains.error(head, group, [(7,), (8,), (9,)]) == pytest.approx(expected)


def test_the_noise_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=(3, 12))
    expected = [np.sqrt(sum((x - row.mean()) ** 2 for x in row) / 11 / 12) for row in values]
    np.testing.assert_allclose(standard_error(values), expected)
    assert standard_error(values[:, :1]).tolist() == [0, 0, 0]


# The steps, with gains that are made up


class MadeUp:
    """In place of a model: a gain for every head, group and prompt; and how many were asked for."""

    def __init__(self, gain: Gain, geometry: AttentionGeometry) -> None:
        self.gain, self.sweeper, self.asked = gain, self, 0
        self.geometry = geometry

    def spread(self, heads: Sequence[HeadRef], values: Any) -> Any:
        return spread_over_heads(self.geometry, heads, values)

    def per_query(self, own: Any, measure: Any, group: Sequence[HeadRef], heads: Sequence[HeadRef], report: Any) -> Any:
        self.asked += len(heads)
        return np.array([[self.gain(head, frozenset(group), ids[0]) for ids in own] for head in heads])


class MadeUpStep(_Step):
    """Its refusals are numbers of prompts."""

    own = property(lambda self: [prompt for prompt, _, _ in self.refused])  # type: ignore[assignment]
    measure = property(lambda self: None)  # type: ignore[assignment]


def grow(gain: Gain, geometry: AttentionGeometry, lazy: Laziness | None, steps: int = 4) -> tuple[list[HeadRef], _Scorer, int]:
    """A greedy search for so many heads; after each step one prompt less is refused."""
    run: Any = MadeUp(gain, geometry)
    scorer = _Scorer(run=run, control=None, contrast=None, lazy=lazy)
    group: tuple[HeadRef, ...] = ()
    for number in range(steps):
        refused = tuple(((prompt,), [0], 0) for prompt in range(number, 6))
        step = MadeUpStep(refused=refused, share=len(refused) / 6, group=group, report=None)
        heads = [head for head in geometry.heads() if head not in group]
        group = (*group, *best_heads(scorer.score(step, heads, ()), 1))
    return list(group), scorer, run.asked


def cover(seed: int, geometry: AttentionGeometry) -> Gain:
    """Each head takes some of a prompt's reasons to refuse, and what others took it can't take again: gains only shrink."""
    chance = random.Random(seed)
    taken = {
        (head, prompt): {reason: chance.random() for reason in chance.sample(range(12), chance.randint(0, 5))}
        for head in geometry.heads()
        for prompt in range(6)
    }
    weights = [chance.random() for _ in range(12)]

    def gain(head: HeadRef, group: frozenset[HeadRef], prompt: int) -> float:
        gone = {reason for other in group for reason in taken[other, prompt]}
        return sum(weights[reason] for reason in taken[head, prompt] if reason not in gone)

    return gain


@pytest.mark.parametrize("seed", range(12))
def test_where_gains_shrink_the_group_is_that_of_the_full_search(seed: int, geometry: AttentionGeometry) -> None:
    gain = cover(seed, geometry)
    whole, _, asked = grow(gain, geometry, None)
    found, scorer, few = grow(gain, geometry, Laziness(batch=2, sample=2, seed=seed))
    assert found == whole
    assert few < asked
    record = scorer.record
    assert record is not None
    assert all(step.beating == 0 for step in record.steps)
    assert all(step.growth is None or step.growth <= 1e-12 for step in record.steps)
    assert [step.heads for step in record.steps] == [17, 16, 15]
    assert few == 18 + sum(step.scored + step.sampled for step in record.steps)


def test_a_prompt_that_is_refused_only_now_is_scored_alone_for_all_heads(geometry: AttentionGeometry) -> None:
    """Its gains have no bound; the others' have."""
    gain = cover(3, geometry)
    run: Any = MadeUp(gain, geometry)
    scorer = _Scorer(run=run, control=None, contrast=None, lazy=Laziness(batch=2, sample=0))
    heads, asked = [*geometry.heads()], []
    for group, prompts in (((), (0, 1, 2)), ((heads[0],), (0, 1, 2, 3))):
        step = MadeUpStep(refused=tuple(((one,), [0], 0) for one in prompts), share=len(prompts) / 4, group=group, report=None)
        left = [head for head in heads if head not in group]
        scores = scorer.score(step, left, ())
        asked.append(run.asked)
    expected = max(left, key=lambda head: sum(gain(head, frozenset(heads[:1]), prompt) for prompt in range(4)))
    assert best_heads(scores, 1) == (expected,)
    assert scorer.record is not None
    assert asked[1] - asked[0] == 17 + scorer.record.steps[0].scored < 17 + 17


def taking_over(head: HeadRef, group: frozenset[HeadRef], prompt: int) -> float:
    """The last head gains nothing before the first is gone, and then more than any other."""
    first, last = HeadRef(0, 0), HeadRef(2, 5)
    if head == last:
        return 5.0 if first in group else -1.0
    return 3.0 if head == first else 1.0 / (2 + head.layer + head.head)


def test_a_head_that_gains_more_is_caught_where_it_is_drawn_and_then_all_heads_are_scored(geometry: AttentionGeometry) -> None:
    whole, _, _ = grow(taking_over, geometry, None, steps=2)
    assert whole == [HeadRef(0, 0), HeadRef(2, 5)]
    found, scorer, _ = grow(taking_over, geometry, Laziness(batch=2, sample=18), steps=2)
    assert found == whole
    assert scorer.record is not None
    (step,) = scorer.record.steps
    assert (step.scored, step.sampled, step.beating, step.growth) == (2, 15, 1, 5.0)
    assert "in 1 of 1 steps one beat the best, so all heads were scored there" in say_lazy(scorer.record, "nats")


def test_a_sample_that_misses_it_is_no_proof_and_the_seed_decides_who_is_drawn(geometry: AttentionGeometry) -> None:
    caught = []
    for seed in range(20):
        runs = [grow(taking_over, geometry, Laziness(batch=2, sample=5, seed=seed), steps=2) for _ in range(2)]
        assert runs[0][0] == runs[1][0]
        assert runs[0][2] == runs[1][2]
        record = runs[0][1].record
        assert record is not None
        caught.append(record.steps[0].beating)
        assert (runs[0][0][1] == HeadRef(2, 5)) == bool(caught[-1])
        assert runs[0][2] == 18 + (17 if caught[-1] else 2 + 5)
    assert 0 < sum(caught) < 20
    _, scorer, asked = grow(taking_over, geometry, Laziness(batch=2, sample=0), steps=2)
    assert asked == 18 + 2
    assert scorer.record is not None
    assert "drawn" not in say_lazy(scorer.record, "nats")


def test_what_the_user_is_told() -> None:
    steps = [
        LazyStep(heads=269, scored=16, sampled=10, beating=0, growth=-0.5),
        LazyStep(heads=268, scored=48, sampled=10, beating=0, growth=0.02),
    ]
    record = LazyRecord(steps=steps, seed=0)
    assert say_lazy(record, "nats") == (
        "lazy: the steps after the first scored 64 of 537 heads again, those that could still be the best; 20 others were drawn at "
        "random to check that: none beat the best, and one gained 0.02 nats more than before (--every-head scores all)"
    )


# On a model


def search(loaded: Any, *, lazy: Laziness | None, harmless: list[str] | None = HARMLESS, **options: Any) -> Any:
    sets = [None if texts is None else ids_of(texts) for texts in (HARMFUL, harmless)]
    options = {"operation": "scale", "factor": 0.0, "group_size": 4, "contrast": 10.0, **options}
    return refusal(Sweeper(engine=LocalEngine(loaded)), AnswerReader(tokenizer=loaded.tokenizer), *sets, lazy=lazy, **options)[0]


def refs(table: Any) -> list[HeadRef]:
    return [HeadRef(score.layer, score.head) for score in table.chosen]


@pytest.mark.parametrize("harmless", [HARMLESS, None], ids=["control", "no control"])
@pytest.mark.parametrize("kind", ["single", "redundant", "conjunctive"])
def test_on_a_model_that_refuses_the_group_is_that_of_the_full_search(kind: Any, harmless: list[str] | None) -> None:
    """In the redundant one a head takes over: its gain grows, and with few heads left out the check sees it."""
    loaded = load_refusing() if kind == "single" else load_refusing(kind, PAIR)
    whole = search(loaded, lazy=None, harmless=harmless)
    found = search(loaded, lazy=Laziness(batch=2, sample=16), harmless=harmless)
    assert refs(found) == refs(whole)
    np.testing.assert_allclose(found.harmful, whole.harmful, rtol=1e-3, atol=1e-5)
    for name, scores in found.arrays.items():
        known = np.isfinite(scores)
        np.testing.assert_allclose(scores[known], whole.arrays[name][: len(scores)][known], rtol=1e-3, atol=1e-5)
    if kind == "redundant":
        assert any(step.growth > 0 for step in found.lazy.steps)


def test_heads_that_are_left_out_have_no_score_and_the_record_says_how_many() -> None:
    table = search(load_refusing("redundant", PAIR), lazy=Laziness(batch=2, sample=1))
    steps = table.arrays["refusal"]
    assert np.isfinite(steps[0]).all()
    assert np.isfinite(table.harmless).all(), "the ranking of all heads is whole"
    for scores, step in zip(steps[1:], table.lazy.steps, strict=True):
        expected = step.heads if step.beating else step.scored + step.sampled
        assert np.isfinite(scores).sum() == expected


def test_a_run_that_broke_off_goes_on_to_the_same_scores(tmp_path: Path) -> None:
    loaded = load_refusing("redundant", PAIR)
    settings = {"run": 1}
    options: dict[str, Any] = {"harmless": HARMLESS, "check": 2, "template": "paper"}
    whole = attribute(loaded.model, loaded.tokenizer, HARMFUL, **options)
    calls = 0

    def stop(_: str, done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == limit:
            raise KeyboardInterrupt

    for limit in (2, 5, 8):
        calls = 0
        with SweepJournal(tmp_path / f"{limit}", settings) as journal, pytest.raises(KeyboardInterrupt):
            attribute(loaded.model, loaded.tokenizer, HARMFUL, journal=journal, on_progress=stop, **options)
        with SweepJournal(tmp_path / f"{limit}", settings) as journal:
            again = attribute(loaded.model, loaded.tokenizer, HARMFUL, journal=journal, **options)
        assert again.recipe == whole.recipe
        assert all(array.tobytes() == whole.scores.arrays[name].tobytes() for name, array in again.scores.arrays.items())


# From prompts to files


def test_the_record_is_in_the_recipe_and_in_the_scores_file(tmp_path: Path) -> None:
    loaded = load_refusing("redundant", PAIR)
    found = attribute(loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS, method="refusal", template="paper")
    found.scores.save(tmp_path / "scores.safetensors")
    assert found.recipe.provenance is not None
    assert found.recipe.provenance.lazy == load_scores(tmp_path / "scores.safetensors").lazy is not None
    assert any(note.startswith("lazy: the steps after the first scored ") for note in found.notes)
    every = attribute(
        loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS, method="refusal", template="paper", every_head=True
    )
    assert every.recipe.provenance is not None
    assert every.recipe.provenance.lazy is None
    assert not any("lazy" in note for note in every.notes)


def test_progress_of_parts_that_are_not_known_beforehand_goes_on() -> None:
    seen: list[tuple[int, int]] = []
    parts = Consecutive(lambda *counts: seen.append(counts))
    for total in (3, 2):
        report = parts.next()
        assert report is not None
        for done in range(total + 1):
            report(done, total)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3), (3, 5), (4, 5), (5, 5)]
    assert Consecutive(None).next() is None
