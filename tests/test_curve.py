"""The curve of an attribution: prompts that no search saw, groups of heads on these, and the group that is recommended."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from headsurgery import Recipe, attribute
from headsurgery.attribution.curve import KL_TOKENS, MIN_REFUSED, NUM_RANDOM, doubt_curve, find_knee, measure_curve
from headsurgery.attribution.groups import SIZES, Group
from headsurgery.attribution.holding_out import MIN_PROMPTS, MOST_HELD_OUT, Asked, HeldOut, count_held_out, hold_out
from headsurgery.attribution.methods.ships import Ships
from headsurgery.attribution.run import Attribution
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.behaviour.statistics import wilson
from headsurgery.card.sections import say_attribution
from headsurgery.cli import app
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.local import LocalEngine
from headsurgery.errors import UsageError
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.loading import LoadedModel
from headsurgery.prompts import PromptSet
from headsurgery.recipe import Curve, CurvePoint, HeadEdit
from tests.naive import naive_kl
from tests.refusing import PAIR, PLANTED, ids_of, load_refusing, questions, save_refusing

HARMFUL, HARMLESS = questions(12, harmful=True, seed=1), questions(12, harmful=False, seed=1)


def asked_of(texts: Sequence[str], **changes: Any) -> Asked:
    return Asked(prompts=replace(PromptSet.from_texts(texts), **changes), ids=[[3] * (1 + row % 5) for row in range(len(texts))])


def words(count: int, letter: str) -> list[str]:
    return [f"{letter}{number}" for number in range(count)]


# What is held out


@given(st.integers(1, 200), st.integers(1, 200))
def test_a_third_of_a_set_of_at_least_12_is_held_out_and_at_most_24(harmful: int, harmless: int) -> None:
    found = count_held_out([harmful, harmless], None)
    wanted = [min(MOST_HELD_OUT, count // 3) if count >= MIN_PROMPTS else 0 for count in (harmful, harmless)]
    assert found == (tuple(wanted) if harmful >= MIN_PROMPTS else (0, 0)), "without harmful prompts there is no curve"


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 1))
def test_the_two_parts_are_the_set_and_always_the_same_parts(harmful: int, harmless: int, wanted: int) -> None:
    sets = [asked_of(words(harmful, "h")), asked_of(words(harmless, "b"))]
    found = hold_out(sets, wanted or None, max_tokens=100)
    assert found == hold_out(sets, wanted or None, max_tokens=100)
    assert found.harmless is not None
    for whole, searched, held_out in zip(sets, found.searched, (found.harmful, found.harmless), strict=True):
        assert sorted((*searched.prompts.texts, *held_out.prompts.texts)) == sorted(whole.prompts.texts)
        for part in (searched, held_out):
            rows = [whole.prompts.texts.index(text) for text in part.prompts.texts]
            assert rows == sorted(rows)
            assert part.ids == [whole.ids[row] for row in rows]


def test_pairs_are_split_row_by_row() -> None:
    sets = [asked_of(words(30, "h")), asked_of(words(30, "b"))]
    found = hold_out(sets, None, max_tokens=3)
    assert found.harmless is not None
    for one, other in (found.searched, (found.harmful, found.harmless)):
        assert [text[1:] for text in one.prompts.texts] == [text[1:] for text in other.prompts.texts]
    assert all(part.prompts.keeps_rows for part in found.searched)
    assert len(found.harmful) == 10


@pytest.mark.parametrize(
    "sets",
    [
        [asked_of(words(30, "h")), asked_of(words(29, "b"))],
        [asked_of(words(30, "h"), keeps_rows=False), asked_of(words(30, "b"))],
    ],
)
def test_what_is_no_pair_does_not_claim_to_be_one_after_the_split(sets: list[Asked]) -> None:
    assert not any(part.prompts.keeps_rows for part in hold_out(sets, None, max_tokens=9).searched)
    kept = [part.prompts.keeps_rows for part in hold_out(sets, 0, max_tokens=9).searched]
    assert kept == [asked.prompts.keeps_rows for asked in sets], "nothing was taken out"


def test_a_prompt_whose_answer_would_not_fit_is_searched_and_not_held_out() -> None:
    found = hold_out([asked_of(words(30, "h"))], None, max_tokens=2)
    assert max(map(len, found.harmful.ids)) == 2
    assert max(map(len, found.searched[0].ids)) == 5


def test_the_search_keeps_a_prompt() -> None:
    with pytest.raises(UsageError, match="held out is 12, but a set has 12 prompts") as caught:
        attribute(load_refusing().model, load_refusing().tokenizer, HARMFUL, held_out=12)
    assert "--held-out" in str(caught.value.hint)


# The knee


def point(
    heads: int, refused: int, kl: float | None = 0.01, *, degenerate: int = 0, unfinished: int = 0, total: int = 13
) -> CurvePoint:
    share = wilson(refused, total)
    return CurvePoint(
        edits=tuple(HeadEdit(layer=0, head=head) for head in range(heads)),
        refused=refused,
        refused_share=(share.low, share.high),
        unfinished=unfinished,
        degenerate=degenerate,
        harmless_kl=kl,
    )


def curve_of(points: Sequence[CurvePoint], *, base: int = 13, total: int = 13, harmless: int = 13) -> Curve:
    return Curve(
        harmful=total,
        harmless=harmless,
        answer_tokens=48,
        kl_tokens=KL_TOKENS,
        max_kl=0.1,
        base=point(0, base, 0.0, total=total),
        points=tuple(points),
        why="",
    )


def knee_of(*points: CurvePoint, **figures: Any) -> int | None:
    """Heads of the knee."""
    curve = curve_of(points, **figures)
    found = find_knee(curve)
    return None if found is None else len(curve.points[found].edits)


@pytest.mark.parametrize(
    ("points", "knee", "why"),
    [
        ([point(1, 13), point(2, 1), point(5, 0)], 2, "1 of 13 can't be told from none"),
        ([point(1, 13), point(2, 4), point(5, 0)], 5, "4 of 13 can"),
        ([point(1, 0), point(2, 0), point(5, 0)], 1, "a tie goes to the smaller group"),
        ([point(1, 13), point(5, 2), point(10, 7)], 5, "more heads may be worse"),
        ([point(1, 12), point(2, 11)], None, "within what chance does to 13 of 13"),
        ([point(1, 12), point(2, 0, 0.2)], None, "too much harm"),
        ([point(1, 12), point(2, 0, degenerate=2)], None, "nonsense refuses nothing"),
        ([point(1, 12), point(2, 0, degenerate=1)], 2, "an odd answer is no nonsense"),
        ([point(1, 0, unfinished=13)], None, "thoughts without an end are no answer"),
        ([point(2, 0, None)], None, "harm that nobody measured"),
    ],
)
def test_the_knee(points: list[CurvePoint], knee: int | None, why: str) -> None:
    assert knee_of(*points) == knee, why


@pytest.mark.parametrize("base", range(MIN_REFUSED))
def test_of_a_model_that_hardly_refuses_nothing_is_concluded(base: int) -> None:
    assert knee_of(point(1, 0), base=base) is None


POINTS = st.builds(point, st.integers(1, 40), st.integers(0, 13), st.floats(0, 0.3, allow_nan=False), degenerate=st.integers(0, 3))


@given(st.lists(POINTS, max_size=8), st.integers(0, 13), st.randoms(use_true_random=False))
def test_the_knee_keeps_the_bounds_works_and_is_the_smallest_that_does(points: list[CurvePoint], base: int, chance: Any) -> None:
    curve = curve_of(points, base=base)
    found = find_knee(curve)
    bounded = [one for one in points if one.harmless_kl is not None and one.harmless_kl <= 0.1 and one.degenerate <= 1]
    working = [one for one in bounded if one.refused / 13 < wilson(base, 13).low and base >= MIN_REFUSED]
    best = min((one.refused for one in bounded), default=0)
    close = [one for one in working if one.refused / 13 <= wilson(best, 13).high]
    assert (found is None) == (not working), "where any group works, one is recommended"
    if found is not None:
        knee = points[found]
        assert knee in close
        assert len(knee.edits) == min(len(one.edits) for one in close)
    shuffled = list(points)
    chance.shuffle(shuffled)
    again = find_knee(curve_of(shuffled, base=base))
    assert None in (found, again) or _figures(shuffled[again or 0]) == _figures(points[found or 0]), "in whatever order they come"
    beyond = find_knee(curve_of([*points, point(1, 0, 5.0)], base=base))
    assert beyond == found, "what is beyond the bounds decides nothing"


def _figures(one: CurvePoint) -> tuple[Any, ...]:
    return len(one.edits), one.refused, one.harmless_kl


@given(st.lists(st.integers(0, 13), min_size=1, max_size=6))
def test_of_a_curve_that_falls_the_knee_leaves_no_more_than_chance_above_its_end(refused: list[int]) -> None:
    falling = sorted(refused, reverse=True)
    knee = find_knee(curve_of([point(size, left) for size, left in zip(SIZES, falling, strict=False)]))
    assert knee is None or falling[knee] / 13 <= wilson(falling[-1], 13).high


# Figures


@torch.no_grad()
def naive_answer(model: Any, ids: Sequence[int], tokens: int) -> list[int]:
    """Greedy, one token after the other, without a cache or a batch."""
    answer: list[int] = []
    while len(answer) < tokens and 2 not in answer:
        answer.append(int(model(torch.tensor([[*ids, *answer]])).logits[0, -1].argmax()))
    return answer


def test_the_figures_are_those_of_a_naive_loop_on_edited_weights_also_where_factors_differ() -> None:
    loaded = load_refusing()
    loaded = LoadedModel(model=loaded.model.double(), tokenizer=loaded.tokenizer)
    groups: list[Group] = [
        (HeadEdit(layer=1, head=2),),
        (HeadEdit(layer=1, head=2, factor=0.3), HeadEdit(layer=2, head=4, factor=1.7), HeadEdit(layer=0, head=0, factor=-0.5)),
    ]
    harmful, harmless = ids_of(HARMFUL[:4], loaded.tokenizer), ids_of(HARMLESS[:4], loaded.tokenizer)
    asked = [Asked(prompts=PromptSet.from_texts(texts[:4]), ids=ids) for texts, ids in ((HARMFUL, harmful), (HARMLESS, harmless))]
    found = measure_curve(
        LocalEngine(loaded),
        AnswerReader(tokenizer=loaded.tokenizer),
        groups[1:],
        HeldOut(searched=(), harmful=asked[0], harmless=asked[1]),
        own=groups[0],
        answer_tokens=12,
        max_kl=0.1,
    )
    assert [one.edits for one in found.points] == groups
    assert (found.harmful, found.harmless, found.chosen) == (4, 4, 0)
    own = [naive_answer(loaded.model, ids, KL_TOKENS) for ids in harmless]
    for one in (found.base, *found.points, *found.random):
        model: Any = copy.deepcopy(loaded.model)
        for edit in one.edits:
            model.model.layers[edit.layer].self_attn.o_proj.weight.data[:, edit.head * 8 : edit.head * 8 + 8] *= edit.factor
        answers = [loaded.tokenizer.decode(naive_answer(model, ids, 12), skip_special_tokens=True) for ids in harmful]
        assert one.refused == sum(find_refusal(answer) is not None for answer in answers)
        kls = []
        for ids, answer in zip(harmless, own, strict=True):
            read = torch.tensor([[*ids, *answer[:-1]]])
            logits = [each(read).logits[0, len(ids) - 1 :] for each in (loaded.model, model)]
            kls.append(sum(naive_kl(base, edited) for base, edited in zip(*logits, strict=True)) / len(answer))
        assert one.harmless_kl == pytest.approx(sum(kls) / 4, rel=1e-6, abs=1e-12)


# From prompts to a recipe


def run(kind: Any = "single", heads: tuple[HeadRef, ...] = (PLANTED,), count: int = 12, **choices: Any) -> Attribution:
    loaded = load_refusing(kind, heads)
    harmful, harmless = (questions(count, harmful=is_harmful, seed=1) for is_harmful in (True, False))
    return attribute(loaded.model, loaded.tokenizer, harmful, harmless=harmless, **choices)


def recipe_heads(found: Attribution) -> set[HeadRef]:
    return {edit.ref for edit in found.recipe.edits}


def test_the_curve_is_measured_beside_random_heads_and_stands_in_the_recipe() -> None:
    found = run(method="ships")
    curve, provenance = found.curve, found.recipe.provenance
    assert curve is not None
    assert provenance is not None
    assert provenance.curve == curve
    assert [len(one.edits) for one in curve.points] == [1, 2, 3, 5, 10], "and the 3 that the method chooses; there are 18 heads"
    assert (curve.harmful, curve.harmless, curve.base.refused, curve.recommended, curve.chosen) == (4, 4, 4, 0, 0)
    assert len(curve.random) == NUM_RANDOM
    assert all(one.refused == 4 and {edit.layer for edit in one.edits} == {1} for one in curve.random)
    assert "4 of 12 harmful and 4 of 12 harmless prompts are held out from the search; the curve is of these" in found.notes
    assert provenance.prompts is not None
    assert provenance.prompts.count == 12, "a recipe names the whole set, of which the same prompts are held out again"
    assert Recipe.parse(found.recipe.to_json()) == found.recipe


def test_what_is_recommended_is_the_recipe_unless_the_user_says_how_many_heads() -> None:
    left_open, chosen = run(method="ships"), run(method="ships", top=2)
    assert recipe_heads(left_open) == {PLANTED}
    assert len(left_open.scores.chosen) == 1
    assert len(recipe_heads(chosen)) == 2
    assert chosen.curve is not None
    assert (chosen.curve.recommended, chosen.curve.chosen) == (0, 1)
    assert chosen.curve.why.startswith("with 1 head edited, 0 of 4 held-out prompts are refused instead of 4")


def test_where_no_group_works_the_recipe_says_so() -> None:
    """Either of two heads can refuse alone, so the scores of single heads don't find the pair."""
    found = run("redundant", PAIR, method="ships")
    assert found.curve is not None
    assert found.curve.recommended is None
    assert found.curve.why == "no group of up to 10 heads takes any of the 4 refusals away at <= 0.1 nats per token"
    assert found.curve.why in found.notes
    assert found.curve.why in found.recipe.provenance.notes
    assert len(found.recipe.edits) == 3, "as the method chose"


def test_where_only_groups_beyond_the_bounds_work_the_first_of_them_is_named() -> None:
    why = run(method="ships", max_kl=1e-9).curve.why
    assert why.startswith("no group of up to 10 heads takes any of the 4 refusals away at <= 1e-09 nats per token")
    assert "; beyond the bounds, with 1 head edited, 0 of 4 held-out prompts are refused instead of 4, at 0.006" in why


def test_of_a_number_of_heads_that_the_user_chose_it_is_said_that_it_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = tuple(HeadEdit(layer=head.layer, head=head.head) for head in PAIR)
    monkeypatch.setattr(Ships, "groups", lambda *_: [pair])
    found = run("redundant", PAIR, method="ships", top=1)
    assert found.curve is not None
    assert (found.curve.recommended, found.curve.chosen) == (1, 0)
    said = "this recipe has no clear effect on other prompts: with 1 head edited, 4 of 4 held-out prompts are refused instead of 4"
    assert any(note.startswith(said) for note in found.recipe.provenance.notes)
    assert recipe_heads(run("redundant", PAIR, method="ships")) == set(PAIR), "of what is left open the curve decides"


def test_a_group_of_a_method_may_have_a_factor_for_each_head(monkeypatch: pytest.MonkeyPatch) -> None:
    group = (HeadEdit(layer=PLANTED.layer, head=PLANTED.head, factor=-0.1), HeadEdit(layer=0, head=3, factor=1.2))
    monkeypatch.setattr(Ships, "groups", lambda *_: [group])
    found = run(method="ships", apply_factor=0.99)
    assert found.recipe.edits == group, "nothing that is multiplied by 0.99 works"


def test_few_prompts_are_all_searched_and_that_is_said() -> None:
    found = run(method="ships", count=11)
    assert found.curve is None
    assert len(found.recipe.edits) == 3
    assert any(note.startswith("no prompts are held out from the search") for note in found.notes)
    asked_for = run(method="ships", held_out=0)
    assert asked_for.curve is None
    assert not any("held out" in note for note in asked_for.notes), "who asks for none needs no word"
    assert run(method="ships", count=6, held_out=3).curve is not None


def test_without_harmless_prompts_nothing_is_recommended() -> None:
    loaded = load_refusing()
    found = attribute(loaded.model, loaded.tokenizer, HARMFUL, method="ships")
    assert found.curve is not None
    assert found.curve.why == "no group is recommended, because no harmless prompts are held out and so its harm is not measured"
    assert all(one.harmless_kl is None for one in found.curve.points)
    assert len(found.recipe.edits) == 3


def test_of_held_out_prompts_that_are_not_refused_there_is_no_curve_and_no_invented_figure() -> None:
    loaded = load_refusing()
    rows = [words(12, "h").index(text) for text in hold_out([asked_of(words(12, "h"))], None, max_tokens=9).harmful.prompts.texts]
    mixed = [(HARMLESS if row in rows else HARMFUL)[row] for row in range(12)]
    found = attribute(loaded.model, loaded.tokenizer, mixed, harmless=questions(12, harmful=False, seed=2), method="ships")
    assert found.curve is not None
    assert (found.curve.points, found.curve.chosen) == ((), None)
    said = "the model refuses none of the 4 held-out prompts as it is, so groups of heads can't be compared on these"
    assert found.curve.why == said
    assert said in found.recipe.provenance.notes
    assert "0/4" in found._repr_html_()


def test_random_heads_that_do_as_well_are_a_doubt() -> None:
    curve = curve_of([point(1, 0)]).model_copy(update={"recommended": 0, "chosen": 0, "random": (point(1, 0), point(1, 13))})
    (doubt,) = doubt_curve(curve)
    assert doubt == "1 of 2 random groups in the same layers take as many refusals away as the recommended group does"


def test_a_method_that_chose_nothing_may_still_bring_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    score = Ships.score
    monkeypatch.setattr(Ships, "score", lambda *args: replace(score(*args), chosen=()))
    found = run(method="ships")
    assert found.curve is not None
    assert all(one.edits for one in found.curve.points)
    assert recipe_heads(found) == {PLANTED}


def test_a_reinforcement_holds_nothing_out() -> None:
    found = run(method="ships", intent="reinforce", apply_factor=1.5)
    assert found.curve is None
    assert not any("held out" in note for note in found.notes)
    with pytest.raises(UsageError, match="a reinforcement has none"):
        run(method="ships", intent="reinforce", apply_factor=1.5, held_out=4)


# A run that breaks off


class Counting(LocalEngine):
    """Counts the rounds of answers."""

    rounds = 0

    def complete(self, *args: Any, **kwargs: Any) -> list[list[int]]:
        self.rounds += 1
        return super().complete(*args, **kwargs)


@pytest.mark.parametrize("after", [1, 3, 6])
def test_points_that_were_measured_before_ctrl_c_are_not_measured_again(after: int, tmp_path: Path) -> None:
    def attributed(journal: SweepJournal, stop: int | None = None) -> tuple[Attribution, int]:
        def report(stage: str, done: int, _: int) -> None:
            if stage == "measuring groups of heads" and done == stop:
                raise KeyboardInterrupt

        engine = Counting(load_refusing())
        options: dict[str, Any] = {"method": "ships", "journal": journal, "on_progress": report}
        return attribute(engine, engine.loaded.tokenizer, HARMFUL, harmless=HARMLESS, **options), engine.rounds

    with SweepJournal(tmp_path / "whole", {}) as journal:
        whole, rounds = attributed(journal)
        again, left = attributed(journal)
        assert (again.recipe, left) == (whole.recipe, 0)
    with SweepJournal(tmp_path / "broken", {}) as journal:
        with pytest.raises(KeyboardInterrupt):
            attributed(journal, after)
        again, left = attributed(journal)
    assert again.recipe == whole.recipe
    assert left <= rounds - after


# What people see


def test_the_command_shows_the_curve_before_it_names_its_recipe(tmp_path: Path) -> None:
    model, output = save_refusing(tmp_path / "model"), tmp_path / "recipe.json"
    names = []
    for kind, is_harmful in (("harmful", True), ("harmless", False)):
        names.append(tmp_path / f"{kind}.txt")
        names[-1].write_text("\n".join(questions(12, harmful=is_harmful, seed=1)))
    arguments = ["attribute", model, "--prompts", names[0], "--harmless", names[1], "--method", "ships", "-o", output]
    shown = CliRunner().invoke(app, [*map(str, arguments), "--template", "paper", "--dtype", "float32"])
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    title = lines.index("Groups of heads on 4 harmful and 4 harmless prompts that no search saw")
    table = lines[title + 1 : title + 11]
    assert [line.split()[:2] for line in table] == [
        ["heads", "refused"],
        ["0", "4/4"],
        *([size, "0/4"] for size in ("1", "2", "3", "5", "10")),
        *([["1", "4/4"]] * NUM_RANDOM),
    ]
    assert "recommended, in the recipe" in table[2]
    assert max(map(len, table)) <= 80
    assert lines[-1] == f"Recipe: {output}"
    printed = CliRunner().invoke(
        app, [*map(str, arguments), "--template", "paper", "--dtype", "float32", "--json", "--max-kl", "1e-9"]
    )
    document = json.loads(printed.stdout)
    assert document["curve"] == document["recipe"]["provenance"]["curve"] | {"recommended": None}
    assert "the recipe is written, but no group of up to 10 heads takes any of the 4 refusals away" in printed.stderr


def test_a_notebook_and_a_card_claim_for_the_group_and_not_for_its_heads() -> None:
    found = run(method="ships", top=2)
    assert "Groups of heads on 4 harmful and 4 harmless prompts that no search saw" in found._repr_html_()
    said = "- On 4 harmful and 4 harmless prompts that no search saw: with these 2 heads edited together, it refuses 0 of 4"
    assert said in say_attribution(found.recipe.provenance, found.recipe.edits)
    assert said not in say_attribution(found.recipe.provenance, found.recipe.edits[:1]), "somebody changed them since"
