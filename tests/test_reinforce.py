"""The search for a reinforcement, on a model whose refusal runs through one known head."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

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
from headsurgery.cli import app
from headsurgery.errors import UsageError
from headsurgery.evaluation.judges.keyword import find_refusal
from headsurgery.evaluation.records import Frontier
from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel
from headsurgery.prompts import PromptSet, load_template
from tests.reinforceable import ANTI, PLANTED, build_reinforceable, build_tokenizer, load_reinforceable, questions
from tests.tiny import build_model

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
def naive_figures(loaded: LoadedModel, development: Development, edits: dict[HeadRef, float]) -> tuple[int, int, float]:
    """Refusals of harmful questions, of harmless ones, and KL, by editing the weights of a copy."""
    model: Any = copy.deepcopy(loaded.model)
    for head, factor in edits.items():
        model.model.layers[head.layer].self_attn.o_proj.weight[:, head.head * 8 : head.head * 8 + 8] *= factor
    harmful = harmless = 0
    kls = []
    for question in development.questions:
        is_refused = find_refusal(loaded.tokenizer.decode(naive_answer(model, question.ids), skip_special_tokens=True)) is not None
        if question.attack is not None:
            harmful += is_refused
            continue
        harmless += is_refused
        own = naive_answer(loaded.model, question.ids)
        base, other = (log_probabilities(one, question.ids, own) for one in (loaded.model, model))
        kls.append(float((base.exp() * (base - other)).sum(-1).mean()))
    return harmful, harmless, sum(kls) / len(kls)


def test_the_scan_is_that_of_a_naive_exhaustive_loop() -> None:
    """In float64, where no two tokens tie; the bound on KL cuts some candidates off."""
    loaded = LoadedModel(model=build_reinforceable().double(), tokenizer=build_tokenizer())
    development, scores = develop(loaded, 2), table_of({PLANTED: 1.0, IDLE: 0.5})
    bounds = Bounds(max_over_refusal=0.5, max_kl=0.2)
    found = reinforce(loaded, scores, development, bounds=bounds, factors=(1.5, 4.0), group_sizes=(1, 2), anti_heads=0)
    wanted = {
        (heads, factor): naive_figures(loaded, development, dict.fromkeys(heads, factor))
        for heads in ((PLANTED,), (PLANTED, IDLE))
        for factor in (1.5, 4.0)
    }
    within = {key: figures for key, figures in wanted.items() if figures[2] <= bounds.max_kl}
    assert 0 < len(within) < len(wanted), "the bound cuts"
    asked = {(tuple(HeadRef.parse(name) for name in point.heads), point.factor): point for point in found.frontier.points}
    assert asked.keys() == within.keys()
    for key, (harmful, harmless, kl) in within.items():
        point = asked[key]
        assert (point.refusal.count, point.over_refusal.count) == (harmful, harmless)
        assert point.harmless_kl == pytest.approx(kl, rel=1e-6)
        assert sum(rate.count for rate in point.attacks.values()) == point.refusal.count
    base = naive_figures(loaded, development, {})
    assert (found.frontier.base.refusal.count, found.frontier.base.over_refusal.count) == base[:2]
    best = min(within, key=lambda key: (-within[key][0], within[key][2], len(key[0]), key[1]))
    assert within[best][0] > base[0]
    assert {edit.ref: edit.factor for edit in found.edits} == dict.fromkeys(best[0], best[1])
    over = {(one.heads, one.factor): one.harmless_kl for one in found.frontier.over_bound}
    assert over == {
        (tuple(map(str, heads)), factor): pytest.approx(wanted[heads, factor][2], rel=1e-6)
        for heads, factor in wanted.keys() - within.keys()
    }


def test_a_larger_factor_is_not_measured_where_a_smaller_one_is_over_the_bound() -> None:
    found = search({PLANTED: 1.0}, bounds=Bounds(max_over_refusal=0.5, max_kl=0.1))
    assert [point.factor for point in sorted(found.frontier.points, key=lambda point: point.factor)] == [1.25, 1.5]
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
    with pytest.raises(NoReinforcementError, match="5 candidates, 5 of them over KL 1e-09") as caught:
        search({PLANTED: 1.0}, bounds=Bounds(max_over_refusal=0.5, max_kl=1e-9))
    assert "--max-kl" in caught.value.hint
    assert caught.value.exit_code == 1
    assert caught.value.frontier.points == ()
    assert len(caught.value.frontier.over_bound) == 5


def test_a_head_that_changes_nothing_is_no_reinforcement() -> None:
    with pytest.raises(NoReinforcementError, match="nothing refuses more than the base's"):
        search({IDLE: 1.0}, loaded=load_reinforceable(strength=0.0, against=0.0), factors=(1.25,))


def test_refusing_too_many_harmless_prompts_is_said_with_the_best_that_was_found() -> None:
    """Here the harmless prompts are the harmful ones: each refusal more is one too many."""
    loaded = load_reinforceable()
    prompts = PromptSet.from_texts(questions(3, harmful=True))
    same = encode_development(prompts, prompts, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=220)
    with pytest.raises(
        NoReinforcementError, match=r"over over-refusal 0; L0H1 × \d refuses \d+, but also \d of 3 harmless"
    ) as caught:
        reinforce(loaded, table_of({PLANTED: 1.0}), same, bounds=Bounds(max_over_refusal=0.0, max_kl=10.0), factors=(3.0, 4.0))
    assert "--max-over-refusal" in caught.value.hint


def test_a_model_that_refuses_everything_needs_no_search() -> None:
    loaded = load_reinforceable()
    model: Any = loaded.model
    with torch.no_grad():
        model.lm_head.weight[5:] = 0
        model.lm_head.weight[:3] = 0
        model.lm_head.weight[4] = 0
        model.lm_head.weight[3] = 0
        model.lm_head.weight[4:] = -model.lm_head.weight[3]
        model.lm_head.bias = torch.nn.Parameter(torch.eye(97)[3])
    with pytest.raises(NoReinforcementError, match="refuses all 12 harmful questions already") as caught:
        search({PLANTED: 1.0}, loaded=loaded)
    assert caught.value.frontier.points == ()


@lru_cache
def attributed() -> Attribution:
    return attribute(
        build_reinforceable(),
        build_tokenizer(),
        questions(6, harmful=True),
        harmless=questions(6, harmful=False),
        contrast=0.0,
        group_size=2,
        template="paper",
        intent="reinforce",
        max_kl=0.5,
    )


def test_attribute_finds_head_and_factor_and_writes_where_they_came_from() -> None:
    found = attributed()
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


def test_a_model_in_training_mode_is_searched_in_evaluation_mode() -> None:
    model = build_reinforceable()
    model.config.attention_dropout = 0.5
    found = attribute(
        model.train(),
        build_tokenizer(),
        questions(6, harmful=True),
        harmless=questions(6, harmful=False),
        contrast=0.0,
        group_size=2,
        template="paper",
        intent="reinforce",
        max_kl=0.5,
    )
    assert model.training
    assert found.frontier == attributed().frontier


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs a harmless set"),
        (
            {"harmless": ["w20"], "operation": "uniform_attention"},
            "reinforcing searches operation scale only, found uniform_attention",
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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    build_reinforceable().save_pretrained(tmp_path / "base")
    build_tokenizer().save_pretrained(tmp_path / "base")
    for name, is_harmful in (("harmful.txt", True), ("harmless.txt", False)):
        (tmp_path / name).write_text("\n".join(questions(4, harmful=is_harmful)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMAND = [
    "attribute",
    "base",
    "--prompts",
    "harmful.txt",
    "--intent",
    "reinforce",
    "--method",
    "ships",
    "--contrast",
    "0",
    "--template",
    "paper",
]
SEARCH = [*COMMAND, "--harmless", "harmless.txt", "--max-kl", "1", "--frontier", "frontier.json"]


def test_the_command_writes_recipe_and_frontier(folder: Path) -> None:
    done = CliRunner().invoke(app, SEARCH)
    assert done.exit_code == 0, done.stderr
    frontier = Frontier.model_validate_json(Path("frontier.json").read_text())
    chosen = next(point for point in frontier.points if point.chosen)
    assert {str(edit.ref) for edit in Recipe.load("recipe.json").edits} == {*chosen.heads, *chosen.removed}
    assert "Frontier: refusal of harmful prompts against its costs" in done.stdout
    assert chosen.label in done.stdout
    assert f"{chosen.refusal.count}/{chosen.refusal.total}" in done.stdout
    assert "next: headsurgery apply recipe.json base -o base-reinforced" in done.stderr
    again = CliRunner().invoke(app, [*SEARCH, "--json"])
    assert again.exit_code == 0, again.stderr
    document = json.loads(again.stdout)
    assert document["frontier"] == json.loads(Path("frontier.json").read_text())
    assert document["frontier_file"] == "frontier.json"
    assert Frontier.model_validate_json(json.dumps(document["frontier"])) == frontier, "the same search finds the same"


def test_the_command_keeps_the_frontier_of_a_search_that_found_nothing(folder: Path) -> None:
    done = CliRunner().invoke(app, [*SEARCH, "--max-kl", "1e-9"])
    assert done.exit_code == 1
    assert "nothing refuses more than the base's" in done.stderr
    assert "what was tried is in frontier.json" in done.stderr
    assert Frontier.model_validate_json(Path("frontier.json").read_text()).points == ()
    assert not Path("recipe.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (COMMAND, "needs a harmless set"),
        ([*SEARCH, "--apply-factor", "2"], "--frontier: nothing is searched"),
        ([*SEARCH, "--intent", "ablate"], "--frontier: nothing is searched"),
        ([*SEARCH, "--scores", "./frontier.json"], "--frontier and --scores are the same file"),
        ([*SEARCH, "-o", "frontier.json"], "--frontier and -o are the same file"),
        ([*SEARCH, "--max-over-refusal", "-1"], "max over-refusal is -1"),
    ],
)
def test_the_command_refuses_contradictions_before_it_loads_the_model(folder: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "loading base" not in done.stderr


def test_a_strangers_file_is_not_replaced_by_the_frontier(folder: Path) -> None:
    Path("frontier.json").write_text('{"schema": "mine"}')
    done = CliRunner().invoke(app, SEARCH)
    assert done.exit_code == 2
    assert "exists, and attribute did not write it" in done.stderr
