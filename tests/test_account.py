"""The account of a screened ranking: its bound holds as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from headsurgery.attribution.screen.account import Account, most_marked


@pytest.mark.parametrize(("population", "drawn", "marked"), [(240, 20, 0), (240, 60, 1), (30, 10, 3), (8, 8, 2), (50, 0, 0)])
def test_the_bound_is_the_largest_number_that_the_draw_does_not_refute(population: int, drawn: int, marked: int) -> None:
    most = most_marked(population, drawn, marked)
    possible = population - drawn + marked
    assert most == possible or hypergeom.cdf(marked, population, most + 1, drawn) <= 0.05
    assert most == marked or hypergeom.cdf(marked, population, most, drawn) > 0.05


def test_the_stated_recall_is_reached_in_95_percent_of_the_samples(subtests: pytest.Subtests) -> None:
    """Whether the screen is blind or good; 1000 screens and samples, so 0.93 is three standard errors below."""
    for sample in [10, 40, 80]:
        for quality in [0.0, 0.7, 0.95]:
            with subtests.test(quality=quality, sample=sample):
                chance = np.random.default_rng(0)
                held = 0
                for _ in range(1000):
                    exact = chance.lognormal(size=120)
                    estimate = quality * np.log(exact) + (1 - quality) * chance.normal(size=120)
                    order = np.argsort(-estimate)
                    survivors, others = order[:20], order[20:]
                    drawn = chance.choice(others, sample, replace=False)
                    account = Account.of(exact[survivors].tolist(), exact[drawn].tolist(), screened_out=100, k=10)
                    scored = {*survivors.tolist(), *drawn.tolist()}
                    recall = np.mean([head in scored for head in np.argsort(-exact)[:10].tolist()])
                    held += recall >= account.recall_at_least - 1e-9
                assert held >= 930


def test_nothing_is_promised_without_a_sample_and_all_with_a_whole_one() -> None:
    none = Account.of([3.0, 2.0, 1.0], [], screened_out=9, k=2)
    assert (none.recall, none.recall_at_least, none.most_beating) == (0.0, 0.0, 9)
    whole = Account.of([3.0, 2.0, 1.0], [2.5, 0.5], screened_out=2, k=2)
    assert (whole.beating, whole.recall, whole.recall_at_least) == (1, 1.0, 1.0)
    everything = Account.of([3.0, 2.0], [], screened_out=0, k=10)
    assert (everything.k, everything.recall_at_least) == (2, 1.0)


def test_a_bound_that_tells_something_is_stated_with_all_numbers() -> None:
    text = str(Account.of([5.0, 4.0, 3.0], [1.0] * 19, screened_out=20, k=2))
    assert text == (
        "screened: 3 of 23 heads scored exactly, and 19 of the 20 others, drawn at random: none of these beats place 2 of the 3. "
        "At most 0 of all 20 do (95 %): recall of the top 2 is about 1.00, and at least 1.00 (95 %)"
    )


@pytest.mark.parametrize(("sampled", "beating"), [(10, 0), (10, 1), (20, 3), (40, 0), (1, 0), (1, 1)])
def test_a_bound_that_says_nothing_is_no_result_but_told_is_what_one_would_cost(sampled: int, beating: int) -> None:
    account = Account(k=10, survivors=40, screened_out=230, sampled=sampled, beating=beating)
    assert account.recall_at_least < 0.5
    text = str(account)
    assert "at least 0" not in text
    assert "recall of the top 10 is" not in text
    needed = account.sample_for(0.8)
    assert f"To bound the recall of the top 10 at 0.8 (95 %), score {needed} of them: --sample {needed}" in text
    assert Account(k=10, survivors=40, screened_out=230, sampled=needed, beating=beating).recall_at_least >= 0.8 - 1e-9
    assert Account(k=10, survivors=40, screened_out=230, sampled=needed - 1, beating=beating).recall_at_least < 0.8 - 1e-9


def test_without_a_sample_nothing_is_claimed() -> None:
    text = str(Account.of([3.0, 2.0, 1.0], [], screened_out=9, k=2))
    assert text == (
        "screened: 3 of 12 heads scored exactly; nothing is known about the 9 others, because none was drawn to be scored: "
        "add --sample"
    )
    assert str(Account.of([3.0, 2.0], [], screened_out=0, k=2)) == "screened: 2 of 2 heads scored exactly"


@pytest.mark.parametrize("quality", [0.0, 0.7, 0.95])
def test_the_bound_holds_also_for_who_takes_the_advice_and_samples_again(quality: float) -> None:
    """The second sample's size depends on what the first one showed."""
    chance, held = np.random.default_rng(1), 0
    for _ in range(500):
        exact = chance.lognormal(size=120)
        order = np.argsort(-(quality * np.log(exact) + (1 - quality) * chance.normal(size=120)))
        survivors, others, size = order[:20], order[20:], 10
        for _ in range(2):
            drawn = chance.choice(others, size, replace=False)
            account = Account.of(exact[survivors].tolist(), exact[drawn].tolist(), screened_out=100, k=10)
            size = account.sample_for(0.8)
        scored = {*survivors.tolist(), *drawn.tolist()}
        recall = np.mean([head in scored for head in np.argsort(-exact)[:10].tolist()])
        held += recall >= account.recall_at_least - 1e-9
    assert held >= 460, "three standard errors below 0.95"
