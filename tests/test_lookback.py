"""The look back of the greedy search: the group that is taken never leaves more refusals than any other that was tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headsurgery.attribution.lookback import Heads, LookBack, most_answers
from headsurgery.heads import HeadRef

A, B, C, D, E = (HeadRef(0, number) for number in range(5))
ALL = (A, B, C, D, E)


class Model:
    """Refuses so many of 40 prompts with these heads ablated, and counts how often it answers."""

    def __init__(self, rule: Callable[[frozenset[HeadRef]], int]) -> None:
        self.rule, self.asked = rule, Counter[frozenset[HeadRef]]()

    def __call__(self, heads: Heads) -> list[int]:
        self.asked[frozenset(heads)] += 1
        return [*range(self.rule(frozenset(heads)))]


def search(model: Model, order: Iterable[HeadRef], harm: Callable[[HeadRef], float] = lambda head: 0.0) -> LookBack[list[int]]:
    """Heads are added in this order."""
    groups: LookBack[list[int]] = LookBack(model, len, harm, [*range(40)])
    group: Heads = ()
    for head in order:
        group = groups.step((*group, head))
    return groups


def test_heads_that_bring_refusals_back_are_left_out() -> None:
    """What the search met on a real model: 40, 27, 27, 13, 14, 26 refusals with 0 to 5 heads, a group's first heads doing most."""
    left = {1: 27, 2: 27, 3: 13, 4: 14, 5: 26}
    groups = search(Model(lambda heads: left[len(heads)] if heads == {*ALL[: len(heads)]} else 40), ALL)
    assert groups.best == (A, B, C)
    assert [groups.refused(group) for group in groups.path] == [27, 27, 13, 14, 26]


def test_a_head_that_another_makes_superfluous_goes() -> None:
    groups = search(Model(lambda heads: 10 if C in heads else 30 if {A, B} <= heads else 35), (A, B, C))
    assert groups.best == (C,)
    assert groups.path[-1] == (C,)


def test_after_a_head_went_the_search_goes_on_from_what_is_left() -> None:
    """B stands in the way of D: only without it D takes the rest."""

    def rule(heads: frozenset[HeadRef]) -> int:
        return 0 if {C, D} <= heads and not {A, B} & heads else 12 if C in heads else 30

    assert search(Model(rule), (A, B, C, D)).best == (C, D)


@pytest.mark.parametrize("needed", [2, 3, 4])
def test_of_heads_that_can_each_refuse_alone_none_goes_before_all_are_there(needed: int) -> None:
    groups = search(Model(lambda heads: 0 if heads >= {*ALL[:needed]} else 40), ALL)
    assert groups.best == ALL[:needed]


def test_of_equal_groups_the_smaller_one_and_then_the_less_harmful_one_is_taken() -> None:
    assert search(Model(lambda heads: 20), (A, B, C)).best == (A,)
    alike = Model(lambda heads: 5 if heads & {A, B} and C in heads else 30)
    for harmful, other in ((A, B), (B, A)):
        assert set(search(alike, (A, B, C), lambda head: float(head == harmful)).best) == {other, C}  # noqa: B023


def test_where_nothing_helps_one_head_is_left_and_nothing_is_tried_twice() -> None:
    model = Model(lambda heads: 40)
    assert search(model, ALL).best == (A,)
    assert model.asked.total() == 5, "no look back while nothing is taken from the refusals"


@given(st.integers(0, 2**32), st.permutations(ALL))
def test_whatever_the_model_does_the_best_of_all_that_answered_is_taken(seed: int, order: list[HeadRef]) -> None:
    chance = Counter[frozenset[HeadRef]]()

    def rule(heads: frozenset[HeadRef]) -> int:
        return chance.setdefault(heads, hash((seed, tuple(sorted(heads)))) % 41)

    model = Model(rule)
    groups = search(model, order)
    refused = {heads: rule(heads) for heads in model.asked}
    best = frozenset(groups.best)
    assert refused[best] == min(refused.values())
    assert len(best) == min(len(heads) for heads, left in refused.items() if left == refused[best])
    assert set(model.asked.values()) == {1}, "each group answers once"
    assert model.asked.total() <= 5 + most_answers(5) == 25
    assert best in map(frozenset, groups.path)
