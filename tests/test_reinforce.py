"""The search for a reinforcement, on a model whose refusal runs through one known head."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from headsurgery import Recipe, attribute
from headsurgery.attribution.attacks import Development, encode_development
from headsurgery.attribution.frontier import Bounds
from headsurgery.attribution.reinforce import (
    ANSWER_TOKENS,
    FACTORS,
    GROUP_SIZES,
    KL_TOKENS,
    NoReinforcementError,
    Reinforcement,
    reinforce,
)
from headsurgery.attribution.run import Attribution
from headsurgery.attribution.scores import ScoreTable, best_heads, score_heads
from headsurgery.engine.journal import SweepJournal
from headsurgery.errors import UsageError
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.completion import complete_greedily
from headsurgery.model.loading import LoadedModel
from headsurgery.prompts import PromptSet, load_template
from tests.exhaustive import all_but
from tests.reinforceable import ANTI, PLANTED, REFUSAL, build_reinforceable, build_tokenizer, load_reinforceable, questions
from tests.tiny import VOCABULARY, build_model

IDLE = HeadRef(2, 3)
WIDE = Bounds(max_over_refusal=0.5, max_kl=1.0)


def table_of(scores: dict[HeadRef, float], *, chosen: int = 1) -> ScoreTable:
    harmful = np.zeros((3, 6))
    for head, score in scores.items():
        harmful[head.layer, head.head] = score
    return ScoreTable(
        arrays={},
        harmful=harmful,
        harmless=None,
        contrast=None,
        chosen=score_heads(best_heads(harmful, chosen), harmful, None, None),
    )


def develop(loaded: LoadedModel, count: int = 3) -> Development:
    prompts, harmless = (PromptSet.from_texts(questions(count, harmful=is_harmful)) for is_harmful in (True, False))
    return encode_development(prompts, harmless, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=220)


def search(
    scores: dict[HeadRef, float], *, bounds: Bounds = WIDE, loaded: LoadedModel | None = None, **kwargs: Any
) -> Reinforcement:
    loaded = loaded or load_reinforceable()
    return reinforce(loaded, table_of(scores), develop(loaded), bounds=bounds, **kwargs)


def naive_answer(model: Any, ids: tuple[int, ...]) -> list[int]:
    """Greedy, one token after the other, without a cache or a batch."""
    answer: list[int] = []
    while len(answer) < ANSWER_TOKENS and 2 not in answer:
        answer.append(int(model(torch.tensor([[*ids, *answer]])).logits[0, -1].argmax()))
    return answer


def log_probabilities(model: Any, ids: tuple[int, ...], answer: list[int]) -> torch.Tensor:
    read = answer[:KL_TOKENS]
    return model(torch.tensor([[*ids, *read[:-1]]])).logits[0, len(ids) - 1 :].log_softmax(-1)


@torch.no_grad()
def naive_figures(
    loaded: LoadedModel, development: Development, edits: dict[HeadRef, float], own: dict[tuple[int, ...], list[int]]
) -> tuple[int, int, float]:
    """Refusals of harmful questions, of harmless ones, and KL along the base's own answers, by editing the weights of a copy."""
    model: Any = copy.deepcopy(loaded.model)
    for head, factor in edits.items():
        model.model.layers[head.layer].self_attn.o_proj.weight[:, head.head * 8 : head.head * 8 + 8] *= factor
    harmful = harmless = 0
    kls = []
    for question in development.questions:
        answer = naive_answer(model, question.ids)
        is_refused = find_refusal(loaded.tokenizer.decode(answer, skip_special_tokens=True)) is not None
        if question.attack is not None:
            harmful += is_refused
            continue
        harmless += is_refused
        own.setdefault(question.ids, answer)  # the base comes first
        base, other = (log_probabilities(one, question.ids, own[question.ids]) for one in (loaded.model, model))
        kls.append(float((base.exp() * (base - other)).sum(-1).mean()))
    return harmful, harmless, sum(kls) / len(kls)


def test_the_scan_is_that_of_a_naive_exhaustive_loop() -> None:
    """In float64, where no two tokens tie; the bound on KL cuts a candidate off."""
    loaded = LoadedModel(model=build_reinforceable().double(), tokenizer=build_tokenizer())
    development, scores = develop(loaded, 2), table_of({PLANTED: 1.0, IDLE: 0.5, ANTI: -1.0}, chosen=2)
    bounds = Bounds(max_over_refusal=0.5, max_kl=0.25)
    found = reinforce(loaded, scores, development, bounds=bounds, factors=(4.0, 1.5), group_sizes=(2,), anti_heads=1)
    own: dict[tuple[int, ...], list[int]] = {}
    base = naive_figures(loaded, development, {}, own)
    grid: list[tuple[tuple[HeadRef, ...], float, tuple[HeadRef, ...]]] = [
        ((PLANTED, IDLE), 1.5, ()),
        ((PLANTED, IDLE), 4.0, ()),
        ((ANTI,), 0.0, ()),
        ((PLANTED, IDLE), 1.5, (ANTI,)),
    ]
    wanted = {
        one: naive_figures(loaded, development, dict.fromkeys(one[0], one[1]) | dict.fromkeys(one[2], 0.0), own) for one in grid
    }
    within = {one: figures for one, figures in wanted.items() if figures[2] <= bounds.max_kl}
    assert set(wanted) - set(within) == {grid[1]}, "the bound cuts one"
    asked = {(refs(point.heads), point.factor, refs(point.removed)): point for point in found.frontier.points}
    assert asked.keys() == within.keys()
    for one, (harmful, harmless, kl) in within.items():
        assert (asked[one].refusal.count, asked[one].over_refusal.count) == (harmful, harmless)
        assert asked[one].harmless_kl == pytest.approx(kl, rel=1e-6)
        assert sum(rate.count for rate in asked[one].attacks.values()) == harmful
    assert (found.frontier.base.refusal.count, found.frontier.base.over_refusal.count) == base[:2]
    best = min(within, key=lambda one: (-within[one][0], within[one][2], len(one[0]) + len(one[2]), one[1]))
    assert within[best][0] > base[0]
    assert {edit.ref: edit.factor for edit in found.edits} == dict.fromkeys(best[0], best[1]) | dict.fromkeys(best[2], 0.0)
    assert [(refs(one.heads), one.factor) for one in found.frontier.over_bound] == [grid[1][:2]]
    assert found.frontier.over_bound[0].harmless_kl == pytest.approx(wanted[grid[1]][2], rel=1e-6)


def refs(names: tuple[str, ...]) -> tuple[HeadRef, ...]:
    return tuple(map(HeadRef.parse, names))


def test_a_larger_factor_is_not_measured_where_a_smaller_one_is_over_the_bound() -> None:
    found = search({PLANTED: 1.0}, bounds=Bounds(max_over_refusal=0.5, max_kl=0.1))
    assert [point.factor for point in sorted(found.frontier.points, key=lambda point: point.factor)] == [1.1, 1.25, 1.5]
    over = [(one.factor, one.harmless_kl) for one in found.frontier.over_bound]
    assert over[0][0] == 2.0
    assert over[0][1] is not None
    assert over[0][1] > 0.1
    assert over[1:] == [(3.0, None), (4.0, None)]


def test_an_anti_refusal_head_is_taken_out_alone_and_on_top_of_the_best_group() -> None:
    found = search({PLANTED: 1.0, ANTI: -1.0}, factors=(1.25, 1.5), group_sizes=(1,))
    tried = {point.label: point for point in found.frontier.points}
    assert set(tried) == {"L0H1 × 1.25", "L0H1 × 1.5", "L0H2 × 0", "L0H1 × 1.5, without L0H2"}
    base = found.frontier.base.refusal.count
    alone, both = tried["L0H2 × 0"].refusal.count, tried["L0H1 × 1.5, without L0H2"].refusal.count
    assert base < alone < both
    assert {edit.ref: edit.factor for edit in found.edits} == {PLANTED: 1.5, ANTI: 0.0}


def test_an_anti_refusal_head_may_be_the_whole_answer() -> None:
    found = search({ANTI: -1.0})
    assert [(edit.ref, edit.factor) for edit in found.edits] == [(ANTI, 0.0)]
    assert [point.chosen for point in found.frontier.points] == [True]


def test_the_record_says_what_was_searched_and_what_the_chosen_point_costs() -> None:
    found = search({PLANTED: 1.0, IDLE: 0.5})
    chosen = next(point for point in found.frontier.points if point.chosen)
    base = found.frontier.base
    assert found.record.factors == list(FACTORS)
    assert found.record.group_sizes == list(GROUP_SIZES)
    assert (found.record.max_over_refusal, found.record.max_kl) == (0.5, 1.0)
    assert found.record.attacks == list(base.attacks)
    assert (found.record.tried, found.record.over_bound) == (len(found.frontier.points), len(found.frontier.over_bound))
    assert found.record.refusal == chosen.refusal.count / chosen.refusal.total
    assert found.record.base_refusal == base.refusal.count / base.refusal.total
    assert (found.record.over_refusal, found.record.harmless_kl) == (chosen.over_refusal.interval.value, chosen.harmless_kl)
    assert chosen.refusal.total == 3 * len(base.attacks)
    assert base.harmless_kl == 0.0


def test_every_candidate_counts_for_progress() -> None:
    seen: list[tuple[int, int]] = []
    search({PLANTED: 1.0, ANTI: -1.0}, on_progress=lambda done, total: seen.append((done, total)))
    steps = 1 + len(FACTORS) + 2
    assert seen[:-1] == [(done, steps) for done in range(1, steps + 1)]
    assert seen[-1] == (steps, steps)


def test_nothing_within_bounds_is_an_error_that_keeps_what_was_tried() -> None:
    with pytest.raises(
        NoReinforcementError, match=f"{len(FACTORS)} candidates, 1 of them over KL 1e-09, .* {len(FACTORS) - 1} with a larger"
    ) as caught:
        search({PLANTED: 1.0}, bounds=Bounds(max_over_refusal=0.5, max_kl=1e-9))
    assert "--max-kl" in caught.value.hint
    assert caught.value.exit_code == 1
    assert caught.value.frontier.points == ()
    assert len(caught.value.frontier.over_bound) == len(FACTORS)


def test_a_head_that_changes_nothing_is_no_reinforcement() -> None:
    loaded = load_reinforceable()
    model: Any = loaded.model
    with torch.no_grad():
        model.model.layers[IDLE.layer].self_attn.o_proj.weight[:, IDLE.head * 8 : IDLE.head * 8 + 8] = 0
    with pytest.raises(NoReinforcementError, match="no candidate refuses more than the base's") as caught:
        search({IDLE: 1.0}, loaded=loaded, factors=(1.25, 4.0))
    assert [point.harmless_kl for point in caught.value.frontier.points] == [0.0, 0.0]


def test_refusing_too_many_harmless_prompts_is_said_with_the_best_that_was_found() -> None:
    """Here the harmless prompts are the harmful ones: each refusal more is one too many."""
    loaded = load_reinforceable()
    prompts = PromptSet.from_texts(questions(3, harmful=True))
    same = encode_development(prompts, prompts, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=220)
    with pytest.raises(NoReinforcementError, match=r"1 over over-refusal 0.*; L0H1 × \d refuses \d of 3 harmless") as caught:
        reinforce(loaded, table_of({PLANTED: 1.0}), same, bounds=Bounds(max_over_refusal=0.0, max_kl=10.0), factors=(3.0, 4.0))
    assert "--max-over-refusal" in caught.value.hint


def test_too_few_harmless_prompts_to_see_the_bound_on_are_named() -> None:
    """Of 3 prompts one refusal is a third: the share that may be refused can't be told from none."""
    loaded = load_reinforceable()
    prompts = PromptSet.from_texts(questions(3, harmful=True))
    same = encode_development(prompts, prompts, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=220)
    for share, wanted in ((0.05, "at least 20 harmless"), (0.3, "at least 4 harmless"), (0.0, "--max-over-refusal")):
        with pytest.raises(NoReinforcementError) as caught:
            reinforce(loaded, table_of({PLANTED: 1.0}), same, bounds=Bounds(max_over_refusal=share, max_kl=10.0), factors=(4.0,))
        assert wanted in caught.value.hint


def test_who_refuses_harmless_prompts_is_asked_no_harmful_one_and_ends_its_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harmless prompts are a few short ones, the harmful ones come under every attack."""
    loaded, asked = load_reinforceable(), []
    prompts = PromptSet.from_texts(questions(3, harmful=True))
    same = encode_development(prompts, prompts, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=220)

    def count(model: LoadedModel, ids: Sequence[Sequence[int]], **kwargs: Any) -> list[list[int]]:
        asked.append((len(ids), bool(kwargs["edits"])))
        return complete_greedily(model, ids, **kwargs)

    monkeypatch.setattr("headsurgery.attribution.reinforce.complete_greedily", count)
    with pytest.raises(NoReinforcementError) as caught:
        reinforce(loaded, table_of({PLANTED: 1.0}), same, bounds=Bounds(max_over_refusal=0.0, max_kl=10.0), factors=(3.0, 4.0))
    assert asked == [(3, False), (12, False), (3, True)]
    first, second = caught.value.frontier.over_bound
    assert first.over_refusal is not None
    assert first.over_refusal.count > caught.value.frontier.base.over_refusal.count
    assert (first.factor, second.factor) == (3.0, 4.0)
    assert (second.harmless_kl, second.over_refusal) == (None, None)


def test_a_model_that_refuses_everything_needs_no_search() -> None:
    loaded = load_reinforceable()
    model: Any = loaded.model
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.bias = torch.nn.Parameter(torch.eye(VOCABULARY)[REFUSAL])
    with pytest.raises(NoReinforcementError, match="already refuses all 12 harmful questions") as caught:
        search({PLANTED: 1.0}, loaded=loaded)
    assert caught.value.frontier.points == ()


def attributed(model: PreTrainedModel) -> Attribution:
    return attribute(
        model,
        build_tokenizer(),
        questions(4, harmful=True),
        harmless=questions(3, harmful=False),
        contrast=0.0,
        group_size=1,
        template="paper",
        intent="reinforce",
        max_kl=0.2,
    )


@pytest.mark.exhaustive
def test_attribute_finds_head_and_factor_and_writes_where_they_came_from() -> None:
    found = attributed(build_reinforceable())
    provenance = found.recipe.provenance
    assert found.frontier is not None
    assert provenance is not None
    chosen = next(point for point in found.frontier.points if point.chosen)
    edits = {str(edit.ref): edit.factor for edit in found.recipe.edits}
    assert edits == dict.fromkeys(chosen.heads, chosen.factor) | dict.fromkeys(chosen.removed, 0.0)
    assert chosen.refusal.count > found.frontier.base.refusal.count
    assert {str(PLANTED), str(ANTI)} & set(edits), "the planted pair"
    assert all(edit.operation == "scale" for edit in found.recipe.edits)
    assert provenance.scores is not None
    assert [(score.layer, score.head) for score in provenance.scores] == [(edit.layer, edit.head) for edit in found.recipe.edits]
    assert provenance.search is not None
    assert provenance.search.harmless_kl == chosen.harmless_kl
    assert Recipe.parse(found.recipe.to_json()) == found.recipe
    assert any("evaluate it on others" in note for note in found.notes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs a harmless set"),
        (
            {"harmless": ["w20"], "operation": "uniform_attention"},
            "the search for a reinforcement knows only the operation scale, found uniform_attention",
        ),
        ({"harmless": ["w20"], "max_kl": 0.0}, "max KL is 0, expected a number of nats above 0"),
        ({"harmless": ["w20"], "max_over_refusal": 2.0}, "max over-refusal is 2, expected a share from 0 to 1"),
    ],
)
def test_what_a_search_needs_is_asked_for_before_anything_runs(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        attribute(build_model("qwen3"), build_tokenizer(), ["w9 w10"], intent="reinforce", **arguments)


def test_a_given_factor_is_written_without_a_search() -> None:
    found = attribute(
        build_model("llama"), build_tokenizer(), ["w9 w10"], method="ships", intent="reinforce", apply_factor=1.5, template="paper"
    )
    assert {edit.factor for edit in found.recipe.edits} == {1.5}
    assert found.frontier is None
    assert found.recipe.provenance is not None
    assert found.recipe.provenance.search is None


# A search that breaks off


SETTINGS = {"model": "reinforceable"}
SCORES = {PLANTED: 1.0, IDLE: 0.5, ANTI: -1.0}


class Stop:
    """Breaks a search off after some candidates."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __call__(self, done: int, _: int) -> None:
        if done >= self.after:
            raise KeyboardInterrupt


def kept(path: Path, on_progress: Any = None, **changes: Any) -> tuple[Reinforcement, int]:
    """What a search found, and how many results its journal holds then."""
    with SweepJournal(path, SETTINGS) as journal:
        found = search(SCORES, journal=journal, on_progress=on_progress, factors=(1.5, 2.0), group_sizes=(1, 2), **changes)
        return found, journal.num_notes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reinforcement, int, Path]:
    """What a whole search found, how many results its journal holds, and the journal."""
    path = tmp_path_factory.mktemp("undisturbed") / "journal"
    return *kept(path), path


@pytest.mark.parametrize("after", all_but([4], [1, 2, 4, 6]))
def test_what_was_asked_before_ctrl_c_is_not_asked_again(
    after: int, undisturbed: tuple[Reinforcement, int, Path], tmp_path: Path
) -> None:
    whole, results, _ = undisturbed
    path = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        kept(path, Stop(after))
    with SweepJournal(path, SETTINGS) as journal:
        before = journal.num_notes
    again, results_then = kept(path)
    assert (again.frontier, again.record, again.edits) == (whole.frontier, whole.record, whole.edits)
    assert 0 < before <= results_then == results


def test_a_search_that_was_whole_measures_nothing_again(undisturbed: tuple[Reinforcement, int, Path]) -> None:
    whole, results, path = undisturbed
    journal = path.read_bytes()
    assert kept(path) == (whole, results)
    assert path.read_bytes() == journal


@pytest.mark.parametrize("changes", [{"answer_tokens": 8}, pytest.param({"batch_size": 2}, marks=pytest.mark.exhaustive)])
def test_results_under_other_settings_are_not_taken(
    changes: dict[str, Any], undisturbed: tuple[Reinforcement, int, Path], tmp_path: Path
) -> None:
    _, results, path = undisturbed
    shutil.copyfile(path, tmp_path / "journal")
    assert kept(tmp_path / "journal", **changes)[1] > results


def test_other_bounds_take_the_same_results(undisturbed: tuple[Reinforcement, int, Path], tmp_path: Path) -> None:
    """What a candidate does is known; only what is allowed changes."""
    with pytest.raises(NoReinforcementError):
        kept(tmp_path / "journal", bounds=Bounds(max_over_refusal=0.5, max_kl=0.05))
    wide, _ = kept(tmp_path / "journal")
    assert wide.frontier == undisturbed[0].frontier
