"""Figures and their intervals: values against SciPy, coverage by simulation, and what happens where there is nothing to count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from headsurgery.behaviour.figures import Interval
from headsurgery.behaviour.statistics import _STUDENT, cohens_kappa, mcnemar_exact, mean_interval, paired, rate, rate_of, wilson

Outcomes = list[bool]


def covers(interval: Interval | None, truth: float) -> bool:
    assert interval is not None
    return interval.low <= truth <= interval.high


def draw_pairs(
    generator: np.random.Generator, prompts: int, base: float, variant: float, *, correlation: float, seeds: int = 1
) -> tuple[Outcomes, Outcomes, list[int]]:
    """Outcomes of base and variant with known rates, correlated with each other and between the seeds of a prompt."""
    shared = generator.standard_normal((prompts, 1))
    sides = [
        np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * generator.standard_normal((prompts, seeds))
        < stats.norm.ppf(share)  # [prompts, seeds]
        for share in (base, variant)
    ]
    return sides[0].ravel().tolist(), sides[1].ravel().tolist(), np.repeat(np.arange(prompts), seeds).tolist()


class TestWilson:
    @settings(deadline=None)
    @given(st.integers(0, 2000), st.integers(1, 2000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
    def test_it_is_scipys(self, count: int, total: int, confidence: float) -> None:
        count = min(count, total)
        expected = stats.binomtest(count, total).proportion_ci(confidence, method="wilson")
        found = wilson(count, total, confidence)
        assert (found.value, found.low, found.high) == pytest.approx((count / total, expected.low, expected.high), abs=1e-12)
        assert 0 <= found.low <= found.value <= found.high <= 1

    def test_nothing_is_known_of_no_trials(self) -> None:
        assert rate(0, 0).interval == Interval(value=0, low=0, high=1)

    @pytest.mark.parametrize(("count", "total"), [(-1, 5), (6, 5)])
    def test_impossible_counts_are_a_bug(self, count: int, total: int) -> None:
        with pytest.raises(ValueError, match="wilson"):
            wilson(count, total)

    @pytest.mark.parametrize("total", [50, 100])
    def test_its_coverage_is_95_percent(self, total: int) -> None:
        """Exactly, by summing over all outcomes: on the average over shares at least 93 %, at none below 90 %."""
        counts = np.arange(total + 1)
        intervals = [wilson(int(count), total) for count in counts]
        coverage = [
            stats.binom.pmf(counts, total, share)[[covers(interval, share) for interval in intervals]].sum()
            for share in (0.02, 0.1, 0.5, 0.9)
        ]
        assert np.mean(coverage) >= 0.93
        assert min(coverage) >= 0.90


class TestRateOfAnswers:
    def test_one_answer_per_prompt_is_a_plain_rate_and_unclear_is_left_out(self) -> None:
        assert rate_of([True, None, False, True]) == rate(2, 3)
        assert rate_of([None, None]) == rate(0, 0)

    def test_seeds_that_always_agree_count_once(self) -> None:
        few = rate(12, 40).interval
        copies = rate_of([prompt < 12 for prompt in range(40)] * 10, list(range(40)) * 10)
        assert (copies.count, copies.total) == (120, 400)
        assert (copies.interval.low, copies.interval.high) == pytest.approx((few.low, few.high))
        assert rate_of([False] * 400, list(range(40)) * 10).interval == rate(0, 40).interval

    def test_seeds_that_are_independent_count_in_full(self) -> None:
        outcomes = [(prompt + seed) % 2 == 0 for seed in range(10) for prompt in range(40)]
        assert rate_of(outcomes, list(range(40)) * 10) == rate(200, 400)

    def test_its_coverage_with_correlated_seeds(self) -> None:
        generator, hits, naive, runs = np.random.default_rng(0), 0, 0, 600
        for _ in range(runs):
            _, outcomes, prompts = draw_pairs(generator, 50, 0.5, 0.3, correlation=0.6, seeds=5)
            hits += covers(rate_of(outcomes, prompts).interval, 0.3)
            naive += covers(rate_of(outcomes).interval, 0.3)
        assert hits / runs >= 0.93
        assert naive / runs < 0.85, "answers of one prompt are not independent"


class TestMcNemar:
    @settings(deadline=None)
    @given(st.integers(0, 600), st.integers(0, 600))
    def test_it_is_scipys_binomial_test(self, only_base: int, only_variant: int) -> None:
        total = only_base + only_variant
        expected = stats.binomtest(only_base, total).pvalue if total else 1.0
        assert mcnemar_exact(only_base, only_variant) == pytest.approx(expected, rel=1e-6)

    def test_thousands_of_discordant_prompts_do_not_overflow(self) -> None:
        assert 0 <= mcnemar_exact(0, 100_000) < 1e-300


class TestPaired:
    def test_counts_and_values(self) -> None:
        base = [True, True, False, False, False, None, True]
        variant = [True, False, True, True, False, True, None]
        found = paired(base, variant, resamples=100)
        assert (found.only_base, found.only_variant, found.p_value) == (1, 2, mcnemar_exact(1, 2))
        assert found.difference.value == pytest.approx(3 / 5 - 2 / 5)
        assert found.ratio is not None
        assert found.ratio.value == pytest.approx(3 / 2)

    def test_the_interval_is_near_a_plain_bootstraps_where_that_one_holds(self) -> None:
        generator = np.random.default_rng(3)
        base, variant, _ = draw_pairs(generator, 400, 0.4, 0.6, correlation=0.5)
        found = paired(base, variant, resamples=4000)
        rows = np.array([base, variant], dtype=float)
        plain = [np.diff(rows[:, generator.integers(400, size=400)].mean(axis=1))[0] for _ in range(4000)]
        assert (found.difference.low, found.difference.high) == pytest.approx(tuple(np.quantile(plain, (0.025, 0.975))), abs=0.01)

    def test_nothing_found_is_not_certainty(self) -> None:
        """0 of 100 against 0 of 100: no ratio, and a difference that may be off by a few points."""
        nothing = [False] * 100
        found = paired(nothing, nothing)
        assert (found.p_value, found.ratio) == (1.0, None)
        assert -0.05 < found.difference.low < -0.01
        assert 0.01 < found.difference.high < 0.05
        everything = paired(nothing, [True] * 100)
        assert everything.difference.value == everything.difference.high == 1
        assert 0.9 < everything.difference.low < 0.99

    def test_few_hits_of_the_base_give_a_finite_and_wide_ratio(self) -> None:
        found = paired([prompt < 4 for prompt in range(100)], [prompt < 64 for prompt in range(100)]).ratio
        assert found is not None
        assert found.value == 16
        assert found.low < 8
        assert 30 < found.high < 200
        none_left = paired([prompt < 4 for prompt in range(100)], [False] * 100).ratio
        assert none_left is not None
        assert none_left.low == none_left.value == 0 < none_left.high

    def test_no_pairs_at_all(self) -> None:
        found = paired([None, True], [True, None])
        assert (found.only_base, found.only_variant, found.p_value, found.ratio) == (0, 0, 1.0, None)
        assert found.difference == Interval(value=0, low=-1, high=1)

    def test_copies_of_every_answer_change_nothing_but_the_prompts_decide(self) -> None:
        """Five equal seeds of 60 prompts are 60 prompts, not 300."""
        base, variant, _ = draw_pairs(np.random.default_rng(1), 60, 0.3, 0.5, correlation=0.5)
        once = paired(base, variant)
        copies = paired(base * 5, variant * 5, prompts=list(range(60)) * 5)
        assert (copies.only_base, copies.only_variant, copies.p_value) == (once.only_base, once.only_variant, once.p_value)
        assert copies.difference == once.difference
        as_if_independent = paired(base * 5, variant * 5)
        assert as_if_independent.difference.low > once.difference.low

    def test_with_seeds_a_prompt_counts_for_the_side_with_more_hits(self) -> None:
        prompts = ["a", "a", "a", "b", "b", "b", "c", "c", "c"]
        base = [True, True, False, False, False, False, True, False, False]
        variant = [False, False, True, True, False, False, False, True, False]
        found = paired(base, variant, prompts=prompts, resamples=100)
        assert (found.only_base, found.only_variant) == (1, 1)

    def test_neither_order_nor_a_second_run_changes_it(self) -> None:
        base, variant, prompts = draw_pairs(np.random.default_rng(2), 30, 0.3, 0.5, correlation=0.5, seeds=2)
        found = paired(base, variant, prompts=prompts, seed=4)
        assert found == paired(base, variant, prompts=prompts, seed=4)
        assert found == paired(base[::-1], variant[::-1], prompts=prompts[::-1], seed=4)
        assert found != paired(base, variant, prompts=prompts, seed=5)

    @pytest.mark.parametrize(
        ("prompts", "base", "variant", "correlation", "seeds"),
        [
            (100, 0.04, 0.64, 0.3, 1),
            (50, 0.1, 0.3, 0.5, 1),
            (100, 0.9, 0.3, 0.3, 1),
            (100, 0.5, 0.5, 0.7, 1),
            (50, 0.1, 0.3, 0.5, 5),
        ],
    )
    def test_both_intervals_cover_the_truth(
        self, prompts: int, base: float, variant: float, correlation: float, seeds: int
    ) -> None:
        """The paper's headline, a weak effect, a defence, no effect, and several seeds. 92 %: 95 % less the simulation's error."""
        generator, runs = np.random.default_rng(7), 400
        differences, ratios = [], []
        for run in range(runs):
            left, right, groups = draw_pairs(generator, prompts, base, variant, correlation=correlation, seeds=seeds)
            found = paired(left, right, prompts=groups, seed=run, resamples=1000)
            differences.append(covers(found.difference, variant - base))
            if found.ratio is not None:
                ratios.append(covers(found.ratio, variant / base))
        assert np.mean(differences) >= 0.92
        assert np.mean(ratios) >= 0.92

    def test_the_tests_error_is_below_5_percent_with_seeds_too(self) -> None:
        generator, runs = np.random.default_rng(8), 400
        p_values = []
        for _ in range(runs):
            base, variant, prompts = draw_pairs(generator, 40, 0.4, 0.4, correlation=0.6, seeds=3)
            p_values.append(paired(base, variant, prompts=prompts, resamples=10).p_value)
        assert np.mean(np.array(p_values) < 0.05) <= 0.05


class TestMean:
    def test_the_table_is_students_t(self) -> None:
        assert list(_STUDENT) == pytest.approx([stats.t.ppf(0.975, degrees) for degrees in range(1, 9)], abs=1e-6)

    @settings(deadline=None)
    @given(st.lists(st.floats(0, 10), min_size=2, max_size=9))
    def test_few_prompts_get_students_interval(self, values: list[float]) -> None:
        found = mean_interval(values)
        assert found is not None
        half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
        assert found.value == pytest.approx(np.mean(values))
        assert (found.low, found.high) == pytest.approx((np.mean(values) - half, np.mean(values) + half), abs=1e-4)
        assert mean_interval(values, at_least=0.0).low >= 0  # type: ignore[union-attr]

    def test_one_prompt_says_nothing_about_others(self) -> None:
        assert mean_interval([1.0]) is None
        assert mean_interval([1.0, 2.0, 3.0], ["a", "a", "a"]) is None

    @pytest.mark.parametrize("count", [3, 30])
    def test_equal_values_have_no_error(self, count: int) -> None:
        assert mean_interval([0.0] * count) == Interval(value=0, low=0, high=0)

    def test_copies_of_every_value_change_nothing(self) -> None:
        values = np.random.default_rng(0).exponential(size=25).tolist()
        once, copies = mean_interval(values), mean_interval(values * 4, list(range(25)) * 4)
        assert once is not None
        assert copies is not None
        assert (copies.value, copies.low, copies.high) == pytest.approx((once.value, once.low, once.high))

    @pytest.mark.parametrize(
        ("draw", "truth"),
        [
            (lambda generator: generator.normal(2.0, 1.0, size=30), 2.0),
            (lambda generator: generator.exponential(size=30), 1.0),
            (lambda generator: generator.lognormal(size=60), np.exp(0.5)),
        ],
        ids=["normal", "exponential", "log-normal"],
    )
    def test_its_coverage(self, draw: Callable[[np.random.Generator], NDArray[np.float64]], truth: float) -> None:
        """92 %: 95 % less the simulation's error, and less what skew still costs."""
        generator = np.random.default_rng(11)
        found = [covers(mean_interval(draw(generator).tolist(), seed=run, resamples=800), truth) for run in range(400)]
        assert np.mean(found) >= 0.92


class TestKappa:
    def test_against_the_textbook_table(self) -> None:
        """20 both refused, 15 both complied, 5 and 10 apart: agreement 0.7, by chance 0.5, kappa 0.4."""
        first = ["refused"] * 25 + ["complied"] * 25 + ["unclear", "refused"]
        second = ["refused"] * 20 + ["complied"] * 5 + ["refused"] * 10 + ["complied"] * 15 + ["refused", "unclear"]
        found = cohens_kappa(first, second, names=("a", "b"))  # type: ignore[arg-type]
        assert (found.first, found.second, found.total) == ("a", "b", 50)
        assert (found.agreement, found.kappa) == pytest.approx((0.7, 0.4))

    def test_it_is_symmetric_1_for_equal_and_about_0_for_independent_judges(self) -> None:
        generator = np.random.default_rng(0)
        first, second = (["refused" if draw else "complied" for draw in generator.random(4000) < 0.3] for _ in range(2))
        one = cohens_kappa(first, second, names=("a", "b"))  # type: ignore[arg-type]
        assert one.kappa == pytest.approx(0, abs=0.05)
        assert one.kappa == cohens_kappa(second, first, names=("b", "a")).kappa  # type: ignore[arg-type]
        assert cohens_kappa(first, first, names=("a", "a")).kappa == pytest.approx(1)  # type: ignore[arg-type]

    def test_a_judge_that_always_says_the_same_has_no_kappa(self) -> None:
        found = cohens_kappa(["refused", "refused"], ["refused", "complied"], names=("a", "b"))
        assert (found.kappa, found.agreement) == (None, 0.5)
        nothing = cohens_kappa(["unclear"], ["refused"], names=("a", "b"))
        assert (nothing.kappa, nothing.agreement, nothing.total) == (None, 0, 0)
