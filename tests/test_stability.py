"""Stability: which heads of a recipe the search finds again on random halves of its prompts, and what chance would find."""

from __future__ import annotations

import json
import random
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from headsurgery import Recipe, attribute
from headsurgery.attribution.holding_out import Asked, draw_half, half_of
from headsurgery.attribution.methods.ships import Ships
from headsurgery.attribution.options import AttributionOptions
from headsurgery.attribution.run import Attribution
from headsurgery.attribution.scores import ScoreTable
from headsurgery.attribution.settings import Settings
from headsurgery.attribution.stability import choose_again, count_heads
from headsurgery.card.sections import say_attribution
from headsurgery.cli import app
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.local import LocalEngine
from headsurgery.errors import UsageError
from headsurgery.heads import HeadRef
from headsurgery.prompts import PromptSet
from headsurgery.recipe import HeadEdit, Stability
from tests.refusing import PLANTED, load_refusing, questions, save_refusing

HARMFUL, HARMLESS = questions(12, harmful=True, seed=1), questions(12, harmful=False, seed=1)
HEADS = [HeadRef(layer, head) for layer in range(3) for head in range(6)]


def run(harmful: list[str] = HARMFUL, **choices: Any) -> Attribution:
    loaded = load_refusing()
    return attribute(loaded.model, loaded.tokenizer, harmful, harmless=HARMLESS, **{"method": "ships", "resamples": 6} | choices)


def stability_of(found: Attribution) -> Stability:
    assert found.stability is not None
    return found.stability


def counts_of(found: Attribution) -> dict[HeadRef, int]:
    return {HeadRef(one.layer, one.head): one.chosen for one in stability_of(found).heads}


# Halves


def asked_of(count: int, letter: str, *, keeps_rows: bool = True) -> Asked:
    prompts = PromptSet.from_texts([f"{letter}{number}" for number in range(count)])
    found = Asked(prompts=prompts, ids=[[number] for number in range(count)])
    return found.take(range(count), keeps_rows=keeps_rows)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_a_half_is_half_of_each_set_and_always_the_same_for_a_number(harmful: int, harmless: int, number: int) -> None:
    sets = [asked_of(harmful, "h"), asked_of(harmless, "b")]
    half = draw_half(sets, number)
    assert half == draw_half(sets, number)
    for whole, part in zip(sets, half, strict=True):
        assert len(part) == (len(whole) + 1) // 2
        rows = [ids[0] for ids in part.ids]
        assert rows == sorted(set(rows))
        assert part.prompts.texts == tuple(whole.prompts.texts[row] for row in rows)


@pytest.mark.parametrize("are_pairs", [True, False])
def test_pairs_are_drawn_row_by_row_and_other_sets_claim_no_rows(are_pairs: bool) -> None:
    sets = [asked_of(30, letter, keeps_rows=are_pairs) for letter in "hb"]
    halves = [draw_half(sets, number) for number in range(5)]
    assert all(one.ids == other.ids for one, other in halves)
    assert all(part.prompts.keeps_rows == are_pairs for half in halves for part in half)
    assert len({str(half[0].ids) for half in halves}) == 5


def test_each_resample_has_another_seed_where_something_is_drawn() -> None:
    for method, name in (("gates", "gates_seed"), ("refusal", "check_seed")):
        settings = Settings.resolve(AttributionOptions(method=method, **{name: 5}), has_harmless=True)
        assert getattr(settings.reseeded(3).own, name) == 8
    screened = Settings.resolve(AttributionOptions(method="ships", screen=True, screen_seed=2), has_harmless=True).reseeded(3)
    assert screened.screen is not None
    assert screened.screen.seed == 5


# Counts and the chance level


@given(st.integers(1, 12), st.integers(2, 8), st.randoms(use_true_random=False))
def test_counts_and_overlap_are_those_of_a_naive_loop(size: int, resamples: int, chance: random.Random) -> None:
    groups = [chance.sample(HEADS, size) for _ in range(resamples)]
    found = count_heads([*groups, ()], groups[0], population=18)
    assert (found.resamples, found.empty) == (resamples, 1)
    assert [one.chosen for one in found.heads] == [sum(head in group for group in groups) for head in groups[0]]
    shares = [sum(head in other for head in one) / size for one, other in combinations(groups, 2)]
    assert found.overlap == pytest.approx(sum(shares) / len(shares))
    assert set(found.unstable) == {head for head in groups[0] if sum(head in group for group in groups) < resamples / 2}


@pytest.mark.parametrize("size", [1, 3, 9])
def test_the_chance_level_is_the_overlap_of_groups_drawn_at_random(size: int) -> None:
    chance = random.Random(0)
    found = count_heads([chance.sample(HEADS, size) for _ in range(300)], HEADS[:size], population=18)
    assert found.overlap is not None
    assert found.overlap_by_chance == pytest.approx(size / 18)
    assert found.overlap == pytest.approx(size / 18, abs=0.01), "44,850 pairs"


def test_one_group_has_no_overlap_and_of_no_group_nothing_is_known() -> None:
    alone = count_heads([HEADS[:2], ()], HEADS[:2], population=18)
    assert (alone.overlap, alone.overlap_by_chance) == (None, None)
    assert "1 of 2 random halves of the prompts give the search nothing to find" in alone.say()
    none = count_heads([(), ()], HEADS[:2], population=18)
    assert (
        none.say()
        == "2 of 2 random halves of the prompts give the search nothing to find, so the stability of the group is not known"
    )
    assert none.unstable == ()


# The scores of each prompt


def table_of(scores: np.ndarray, harmless: np.ndarray | None = None) -> ScoreTable:
    """Ships of each prompt, [query, layer, head]."""
    arrays = {"ships": scores} | ({} if harmless is None else {"ships_harmless": harmless})
    control = None if harmless is None else harmless.mean(axis=0)
    contrast = None if harmless is None else 1.0
    return ScoreTable(arrays=arrays, harmful=scores.mean(axis=0), harmless=control, contrast=contrast, chosen=())


def chosen_again(table: ScoreTable, size: int, resamples: int = 10) -> list[tuple[HeadRef, ...]]:
    settings = Settings.resolve(AttributionOptions(method="ships"), has_harmless=table.harmless is not None)
    return [choose_again(table, settings, number, size) for number in range(resamples)]


def test_groups_of_scores_of_each_prompt_are_those_of_a_naive_ranking_of_the_half() -> None:
    scores = np.random.default_rng(0).random((20, 3, 6))
    for number, group in enumerate(chosen_again(table_of(scores), 4)):
        half = [ids[0] for ids in draw_half([asked_of(20, "h")], number)[0].ids]
        means = {head: sum(float(scores[row, head.layer, head.head]) for row in half) / 10 for head in HEADS}
        assert list(group) == sorted(HEADS, key=lambda head: -means[head])[:4]


def test_a_head_that_owes_its_place_to_one_prompt_is_in_the_halves_that_have_it() -> None:
    scores = np.full((20, 3, 6), 0.1)
    scores[:, 0, 0], scores[3, 2, 5] = 1.0, 100.0
    found = [group == (HeadRef(2, 5),) for group in chosen_again(table_of(scores), 1)]
    assert found == [[3] in draw_half([asked_of(20, "h")], number)[0].ids for number in range(10)]
    assert 0 < sum(found) < 10


def test_scores_of_pairs_are_halved_together() -> None:
    """Each prompt moves all heads by its own amount; only within a pair does that cancel."""
    moved = 10 * np.random.default_rng(1).random((20, 3, 6))
    scores = moved.copy()
    scores[:, 1, 1] += 0.01
    assert set(chosen_again(table_of(scores, moved), 1)) == {(HeadRef(1, 1),)}


def test_scores_of_very_few_prompts_say_nothing() -> None:
    assert set(chosen_again(table_of(np.ones((3, 3, 6))), 1)) == {()}
    assert run(HARMFUL[:3], resamples=None).stability is None


def test_methods_that_score_each_prompt_make_resamples_by_themselves_and_others_do_not() -> None:
    assert stability_of(run(resamples=None, top=1)).resamples == 10
    assert run(resamples=None, method="direct").stability is None
    assert run(resamples=0).stability is None
    assert not any("chosen again" in note for note in run(resamples=None, top=1).notes), "nothing speaks against the head"


# The search, again


@pytest.mark.parametrize("method", ["refusal", "ships"])
def test_a_head_that_carries_refusal_alone_is_found_in_every_resample(method: str) -> None:
    found = run(method=method)
    assert [edit.ref for edit in found.recipe.edits] == [PLANTED]
    stability = stability_of(found)
    assert stability == Stability(resamples=6, heads=stability.heads, overlap=1.0, overlap_by_chance=1 / 18)
    assert counts_of(found) == {PLANTED: 6}
    assert stability.unstable == ()


def test_gates_are_learned_again() -> None:
    counts = counts_of(run(method="gates", top=4, resamples=2, held_out=0))
    assert counts[PLANTED] == 2


def test_heads_beside_it_that_were_chosen_to_fill_a_group_are_marked() -> None:
    found = run(top=8, resamples=10)
    counts = counts_of(found)
    assert counts.pop(PLANTED) == 10
    stability = stability_of(found)
    assert set(stability.unstable) == {head for head, count in counts.items() if count < 5}
    assert stability.unstable
    head = stability.unstable[0]
    assert stability.say_head(head) == f"{counts[head]} of 10, unstable"
    note = next(note for note in found.notes if "chosen again on 10 random halves" in note)
    assert f"{head} belongs to the group in {counts[head]} of 10 resamples" in note
    assert note.endswith("What the group does is claimed for the group, not for each of its heads")


def test_a_random_head_of_a_larger_group_is_marked_though_the_group_works(monkeypatch: pytest.MonkeyPatch) -> None:
    bystander = HeadRef(0, 3)
    group = (HeadEdit(layer=PLANTED.layer, head=PLANTED.head, factor=0.0), HeadEdit(layer=0, head=3, factor=0.9))
    monkeypatch.setattr(Ships, "groups", lambda *_: [group])
    found = run(apply_factor=0.99)
    assert found.recipe.edits == group, "the curve chose it, for nothing that is multiplied by 0.99 works"
    assert counts_of(found) == {PLANTED: 6, bystander: 0}
    assert stability_of(found).unstable == (bystander,)


def test_the_same_run_finds_the_same_and_nothing_else_changes() -> None:
    first, again, without = run(method="direct", top=8), run(method="direct", top=8), run(method="direct", top=8, resamples=0)
    assert first.stability == again.stability
    assert without.stability is None
    assert first.recipe.edits == without.recipe.edits
    assert first.recipe.provenance.stability == first.stability
    assert Recipe.parse(first.recipe.to_json()) == first.recipe
    assert "stability" not in without.recipe.to_json()


def test_halves_in_which_nothing_is_refused_are_said_and_count_neither_way() -> None:
    few = [*HARMFUL[:2], *questions(10, harmful=False, seed=3)]
    stability = stability_of(run(few, method="refusal", held_out=0, resamples=10))
    assert stability.empty > 0
    assert stability.resamples + stability.empty == 10
    assert [one.chosen for one in stability.heads] == [stability.resamples]


@pytest.mark.parametrize("after", [0, 1, 4])
def test_resamples_that_were_done_before_ctrl_c_are_not_searched_again(after: int, tmp_path: Path) -> None:
    pairs: list[int] = []

    class Counting(LocalEngine):
        def run(self, *args: Any, **kwargs: Any) -> Any:
            pairs.append(sum(block.num_pairs for block in args[1]))
            return super().run(*args, **kwargs)

    def attributed(journal: SweepJournal, stop: int | None = None) -> tuple[Attribution, int, list[int]]:
        seen: list[int] = []

        def report(stage: str, done: int, total: int) -> None:
            if stage == "searching halves of the prompts":
                seen.append(done)
                assert total == 6
                if done == stop:
                    raise KeyboardInterrupt

        engine = Counting(load_refusing())
        pairs.clear()
        options: dict[str, Any] = {"method": "sahara", "group_size": 1, "resamples": 6, "journal": journal, "on_progress": report}
        found = attribute(engine, engine.loaded.tokenizer, HARMFUL, harmless=HARMLESS, **options)
        return found, sum(pairs), seen

    with SweepJournal(tmp_path / "whole", {}) as journal:
        whole, _, seen = attributed(journal)
        assert seen == list(range(7))
    with SweepJournal(tmp_path / "broken", {}) as journal:
        with pytest.raises(KeyboardInterrupt):
            attributed(journal, after)
        again, left, _ = attributed(journal)
    assert again.recipe == whole.recipe
    halves = [tuple(half_of(8, number)) for number in range(6)]
    assert left == len({*halves[after:]} - {*halves[:after]}) * 18 * (4 + 4), "heads x prompts of the halves that were left"


# What is refused


def test_what_can_not_be_resampled_is_refused() -> None:
    with pytest.raises(UsageError, match="resamples is 1, expected 0 or at least 2"):
        AttributionOptions(resamples=1)
    with pytest.raises(UsageError, match="not the search for a reinforcement's heads and factor"):
        run(intent="reinforce")
    with pytest.raises(UsageError, match="the search sees only 3 of a set, expected at least 4") as caught:
        run(HARMFUL[:3])
    assert "--held-out" in str(caught.value.hint)


# What people see


def test_the_command_marks_unstable_heads_in_its_table_and_in_its_document(tmp_path: Path) -> None:
    model, output = save_refusing(tmp_path / "model"), tmp_path / "recipe.json"
    names = []
    for kind, texts in (("harmful", HARMFUL), ("harmless", HARMLESS)):
        names.append(tmp_path / f"{kind}.txt")
        names[-1].write_text("\n".join(texts))
    arguments = ["attribute", model, "--prompts", names[0], "--harmless", names[1], "--method", "ships", "-o", output]
    arguments += ["--top", 8, "--resamples", 10, "--template", "paper", "--dtype", "float32"]
    shown = CliRunner().invoke(app, list(map(str, arguments)))
    assert shown.exit_code == 0
    printed = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    document = json.loads(printed.stdout)
    stability = Recipe.load(output).provenance.stability
    assert document["stability"]["unstable"] == [str(head) for head in stability.unstable]
    assert document["recipe"]["provenance"]["stability"] == stability.model_dump(mode="json")
    lines = shown.stdout.splitlines()
    title = next(row for row, line in enumerate(lines) if line.startswith("Chosen, in this order"))
    table = [line.rstrip() for line in lines[title + 1 : title + 10]]
    assert table[0].endswith("found again")
    assert [line.split()[0] for line in table if "unstable" in line] == document["stability"]["unstable"]
    assert table[1].endswith("10 of 10")


def test_an_estimate_counts_searches_that_run_again_and_nothing_where_scores_of_each_prompt_tell(tmp_path: Path) -> None:
    arguments = ["attribute", save_refusing(tmp_path / "model"), "--prompts", "builtin:decline", "--template", "paper"]
    arguments += ["--resamples", 10, "--dtype", "float32", "--json", "--estimate", "--method"]
    assert json.loads(CliRunner().invoke(app, [*map(str, arguments), "ships"]).stdout)["resamples_flops"] == 0
    estimate = json.loads(CliRunner().invoke(app, [*map(str, arguments), "sahara"]).stdout)
    assert "the 10 resamples are counted as so many more searches of half the prompts" in estimate["notes"]
    sweeps = sum(step["flops"] for step in estimate["steps"])
    assert 4 * sweeps < estimate["resamples_flops"] < 6 * sweeps, "ten times half of it"
    assert estimate["flops"] == pytest.approx(sweeps + estimate["answers_flops"] + estimate["resamples_flops"])
    assert estimate["seconds"] > estimate["resamples_seconds"] > 0


def test_a_card_and_a_notebook_mark_unstable_heads_and_claim_nothing_for_a_single_one() -> None:
    found = run(top=8, resamples=10)
    stability = stability_of(found)
    card, html = say_attribution(found.recipe.provenance, found.recipe.edits), found._repr_html_()
    for head in stability.unstable:
        said = f"{head} belongs to the group in {counts_of(found)[head]} of 10 resamples"
        assert said in card
        assert said in html
        assert f"<td>{stability.say_head(head)}</td>" in html
    assert "claimed for the group, not for each of its heads" in card
