"""The choice of a reinforcement as pure counting: ladders, bounds, ties, efficiency."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from headsurgery.attribution.frontier import (
    Bounds,
    Candidate,
    arrange,
    choose,
    plan_ladders,
    rank_anti_heads,
    rank_heads,
    save_frontier,
    scan_ladders,
)
from headsurgery.attribution.frontier_record import Frontier, FrontierPoint
from headsurgery.attribution.scores import ScoreTable, best_heads, score_heads
from headsurgery.behaviour.statistics import rate
from headsurgery.errors import HeadSurgeryError, UsageError
from headsurgery.heads import HeadRef
from headsurgery.recipe import PromptRecord

HEADS = tuple(HeadRef(layer, head) for layer in range(2) for head in range(4))
BOUNDS = Bounds(max_over_refusal=0.1, max_kl=0.1)


def point(refused: int, over: int = 0, kl: float = 0.0, *, heads: int = 1, factor: float = 2.0, removed: int = 0) -> FrontierPoint:
    """Of 20 harmful and 20 harmless prompts."""
    names = tuple(map(str, HEADS))
    return FrontierPoint(
        heads=names[:heads],
        factor=factor,
        removed=names[heads : heads + removed],
        refusal=rate(refused, 20),
        over_refusal=rate(over, 20),
        harmless_kl=kl,
    )


BASE = point(5, 1, heads=0, factor=1.0)


def chosen_of(*points: FrontierPoint) -> FrontierPoint | None:
    numbered = {Candidate(heads=(HeadRef(0, number),), factor=2.0): entry for number, entry in enumerate(points)}
    found = choose(numbered, BASE, BOUNDS)
    return None if found is None else numbered[found]


def table_of(harmful: list[list[float]], harmless: list[list[float]] | None = None, chosen: int = 0) -> ScoreTable:
    first, control = np.array(harmful), None if harmless is None else np.array(harmless)
    contrast = None if harmless is None else 1.0
    heads = best_heads(first, chosen)
    return ScoreTable(
        arrays={}, harmful=first, harmless=control, contrast=contrast, chosen=score_heads(heads, first, control, contrast)
    )


def test_ladders_are_prefixes_of_the_ranking_with_ascending_factors() -> None:
    ladders = plan_ladders(HEADS[:4], group_sizes=(1, 3, 8), factors=(3.0, 1.5))
    assert [(len(ladder[0].heads), [one.factor for one in ladder]) for ladder in ladders] == [(n, [1.5, 3.0]) for n in (1, 3, 4)]
    assert all(one.heads == HEADS[: len(one.heads)] for ladder in ladders for one in ladder)
    assert plan_ladders((), group_sizes=(1, 2), factors=(2.0,)) == ()


def test_a_candidates_edits_amplify_its_heads_and_take_the_others_out() -> None:
    edits = Candidate(heads=HEADS[:2], factor=3.0, removed=HEADS[5:6]).edits
    assert [(edit.ref, edit.operation, edit.factor) for edit in edits] == [
        (HEADS[0], "scale", 3.0),
        (HEADS[1], "scale", 3.0),
        (HEADS[5], "scale", 0.0),
    ]


@pytest.mark.parametrize("seed", range(50))
def test_skipping_gives_what_a_full_scan_gives_where_costs_grow_with_the_factor(seed: int) -> None:
    """And whatever the table, nothing is admitted that breaks a bound, nor tried after a smaller factor that did."""
    chance = random.Random(seed)
    ladders = plan_ladders(HEADS, group_sizes=(1, 2, 3, 5, 8), factors=(1.1, 1.25, 1.5, 2.0, 3.0, 4.0))
    is_monotone = bool(seed % 2)
    points: dict[Candidate, FrontierPoint] = {}
    for ladder in ladders:
        kls, over = [chance.expovariate(10) for _ in ladder], [chance.randint(0, 6) for _ in ladder]
        if is_monotone:
            kls, over = sorted(kls), sorted(over)
        for one, kl, count in zip(ladder, kls, over, strict=True):
            points[one] = point(chance.randint(0, 20), count, kl, heads=len(one.heads), factor=one.factor)
    within = {one for one, found in points.items() if BOUNDS.hold(found, BASE)}
    tried: list[Candidate] = []

    def keep(candidates: Sequence[Candidate]) -> list[bool]:
        tried.extend(candidates)
        return [one in within for one in candidates]

    skipped = scan_ladders(ladders, keep)
    assert sorted([*tried, *skipped], key=str) == sorted(points, key=str), "each once"
    for ladder in ladders:
        fate = [one in within for one in ladder if one in tried]
        assert all(fate[:-1]), "a ladder ends at the first that breaks a bound"
        assert fate[-1] is False or len(fate) == len(ladder)
    admitted = within & {*tried}
    if is_monotone:
        assert admitted == within
        assert choose({one: points[one] for one in admitted}, BASE, BOUNDS) == choose(points, BASE, BOUNDS)


def test_no_ladder_is_no_trial() -> None:
    assert scan_ladders([(), ()], lambda _: pytest.fail("nothing to try")) == ()


def test_most_refusals_within_bounds_win() -> None:
    best = point(12, 3, 0.1)
    assert chosen_of(point(11), best, point(20, 4), point(20, 0, 0.1001), point(6)) is best


def test_bounds_are_met_exactly_and_count_from_the_base() -> None:
    assert chosen_of(point(9, 3)) is not None, "1 of 20 by the base, and 10 % of 20 are 2 more"
    assert chosen_of(point(9, 4)) is None
    assert Bounds(max_over_refusal=0.0, max_kl=0.1).hold(point(9, 1), BASE)


def test_what_is_no_better_than_the_base_is_not_chosen_unless_asked_for() -> None:
    same = {Candidate(heads=HEADS[:1], factor=2.0): point(5)}
    assert choose(same, BASE, BOUNDS) is None
    assert choose(same, BASE, BOUNDS, must_improve=False) in same


def test_ties_go_to_lower_kl_then_fewer_heads_then_the_smaller_factor() -> None:
    best = point(9, 0, 0.01, heads=2, factor=1.5)
    others = [
        point(9, 0, 0.02, heads=1, factor=1.25),
        point(9, 0, 0.01, heads=3, factor=1.25),
        point(9, 0, 0.01, heads=2, factor=1.25, removed=1),
        point(9, 0, 0.01, heads=2, factor=2.0),
    ]
    assert chosen_of(*others, best) is best
    assert chosen_of(best, *others) is best


@pytest.mark.parametrize("seed", range(20))
def test_efficient_points_come_first_and_are_those_that_nothing_beats(seed: int) -> None:
    chance = random.Random(seed)
    points = [
        point(chance.randint(3, 9), chance.randint(0, 3), chance.choice([0.01, 0.02, 0.03]), heads=n % 4 + 1) for n in range(12)
    ]
    arranged = arrange(points, BASE)

    def figures(one: FrontierPoint) -> tuple[float, float, float]:
        return one.refusal.count, -one.over_refusal.count, -(one.harmless_kl or 0.0)

    for one in arranged:
        beaten = any(
            all(a >= b for a, b in zip(figures(other), figures(one), strict=True)) and figures(other) != figures(one)
            for other in [BASE, *points]
        )
        assert one.efficient == (not beaten)
    flags = [one.efficient for one in arranged]
    assert flags == sorted(flags, reverse=True)
    assert sorted(map(figures, arranged)) == sorted(map(figures, points))


def test_heads_are_ranked_from_the_chosen_ones_on_and_none_twice() -> None:
    scores = table_of([[0.1, 0.9, float("nan")], [0.8, -0.2, 0.0]], chosen=1)
    assert rank_heads(scores, 10) == (HeadRef(0, 1), HeadRef(1, 0), HeadRef(0, 0)), "none that carries no refusal"
    assert rank_heads(scores, 2) == (HeadRef(0, 1), HeadRef(1, 0))


def test_anti_refusal_heads_raise_refusal_most_for_what_they_cost() -> None:
    harmful = [[-0.5, -0.4, 0.9], [-0.1, 0.2, float("nan")]]
    assert rank_anti_heads(table_of(harmful), 2) == (HeadRef(0, 0), HeadRef(0, 1))
    assert rank_anti_heads(table_of(harmful, [[0.3, 0.0, 0.0], [0.0, 0.0, 0.0]]), 2) == (HeadRef(0, 1), HeadRef(0, 0))
    assert rank_anti_heads(table_of(harmful), 9) == (HeadRef(0, 0), HeadRef(0, 1), HeadRef(1, 0))
    assert rank_anti_heads(table_of([[0.0, 0.3]]), 9) == (), "KL and angles have no sign"


@pytest.mark.parametrize(
    ("over_refusal", "kl"), [(-0.1, 0.1), (1.1, 0.1), (float("nan"), 0.1), (0.1, 0.0), (0.1, float("inf")), (0.1, float("nan"))]
)
def test_bounds_out_of_range_are_usage_errors(over_refusal: float, kl: float) -> None:
    with pytest.raises(UsageError, match="expected a"):
        Bounds(max_over_refusal=over_refusal, max_kl=kl)


def test_the_frontier_is_a_document_that_can_be_read_back(tmp_path: Path) -> None:
    record = PromptRecord(name="inline", count=2, sha256="0" * 64)
    frontier = Frontier(
        prompts=record,
        harmless=record,
        template="paper",
        max_over_refusal=0.05,
        max_kl=0.1,
        answer_tokens=32,
        kl_tokens=12,
        base=BASE,
        points=(point(9, removed=1),),
    )
    save_frontier(frontier, tmp_path / "frontier.json")
    text = (tmp_path / "frontier.json").read_text()
    assert json.loads(text)["schema"] == "headsurgery.frontier/1"
    assert Frontier.model_validate_json(text) == frontier
    assert frontier.points[0].label == "L0H0 × 2, without L0H1"
    with pytest.raises(HeadSurgeryError, match="can't write the frontier"):
        save_frontier(frontier, tmp_path / "no" / "frontier.json")
