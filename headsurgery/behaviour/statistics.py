"""Figures with their uncertainty: rates, paired comparisons, means, agreement.

A prompt is the unit. Several answers to one prompt (seeds) form one cluster, so ten seeds of fifty prompts don't count as five
hundred prompts. Every interval is finite, contains its value, and has a width unless the data exclude change. The tests check by
simulation that the intervals cover the truth. Neighbour: `figures` for the types.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import comb, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from headsurgery.behaviour.answers import Verdict
from headsurgery.behaviour.figures import Agreement, Interval, Paired, Rate

Floats = NDArray[np.float64]

_LEVELS = (0.025, 0.975)
_STUDENT = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004)
"""The 97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom, for means of fewer than ten prompts."""


def wilson(count: float, total: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share.

    Args:
        count: Hits.
        total: Trials; an effective number if trials depend on each other. 0: nothing is known, and the interval is [0, 1].
        confidence: Above 0, below 1.

    Raises:
        ValueError: Unless 0 <= count <= total and 0 < confidence < 1.
    """
    if not (0 <= count <= total and 0 < confidence < 1):
        raise ValueError(f"wilson: {count} of {total} at confidence {confidence}")
    if not total:
        return Interval(value=0.0, low=0.0, high=1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, shrink = count / total, 1 + z * z / total
    center = (share + z * z / (2 * total)) / shrink
    half = z / shrink * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return Interval(value=share, low=max(0.0, min(share, center - half)), high=min(1.0, max(share, center + half)))


def rate(count: int, total: int) -> Rate:
    """A share of prompts, one answer each."""
    return Rate(count=count, total=total, interval=wilson(count, total))


def rate_of(outcomes: Sequence[bool | None], prompts: Sequence[Hashable] | None = None) -> Rate:
    """A share of answers. Several of them may belong to one prompt.

    Wilson's interval for the equivalent number of independent answers: their number over the design effect (the variance between
    prompts, relative to that of independent answers), but at most the number of answers and at least the number of prompts.

    Args:
        outcomes: One per answer; None (unclear, or no answer) is left out.
        prompts: The prompt of each answer; None if every answer has its own.
    """
    is_counted = [outcome is not None for outcome in outcomes]
    hits, sizes = _per_prompt([float(bool(outcome)) for outcome in outcomes], is_counted, prompts)
    count, total = int(hits.sum()), int(sizes.sum())
    if total == len(sizes):
        return rate(count, total)
    share, clusters = count / total, len(sizes)
    between = clusters / max(1, clusters - 1) * float(((hits - share * sizes) ** 2).sum())
    independent = total * share * (1 - share)
    effective = max(clusters, total * independent / max(between, independent)) if independent else clusters
    return Rate(count=count, total=total, interval=_wilson_of_share(share, effective))


def _wilson_of_share(share: float, total: float) -> Interval:
    return wilson(min(total, share * total), total)


def mcnemar_exact(only_base: int, only_variant: int) -> float:
    """The exact McNemar test: the two-sided p-value of a fair coin that came up `only_base` to `only_variant`.

    Returns:
        The p-value; 1.0 if there are no discordant pairs.
    """
    discordant, fewer = only_base + only_variant, min(only_base, only_variant)
    return min(1.0, 2 * sum(comb(discordant, k) for k in range(fewer + 1)) / (1 << discordant))


def paired(
    base: Sequence[bool | None],
    variant: Sequence[bool | None],
    *,
    prompts: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 10_000,
) -> Paired:
    """Compare a variant with the base on the same prompts.

    The test: each prompt counts for the side with more hits on it; prompts with equal hits tell nothing. With one answer per prompt
    this is McNemar's exact test, with several it is the exact sign test.

    The intervals: 95 % of bootstrap samples of whole prompts. A plain bootstrap would call 0 of 100 against 0 of 100 a difference
    of exactly 0, and divide by 0 when a sample misses the base's few hits. So four prompts of weight 1/2 are added, one for each
    outcome of the pair (Agresti and Min's adjustment of the difference), and both counts of a sample's ratio get 1/2 added
    (Haldane, Anscombe). So the ratio's upper end is finite; if the base has few hits, it is too low rather than too high. The
    values themselves are not smoothed. If one would lie outside its interval, the interval is widened to contain it.

    Args:
        base: One outcome per answer.
        variant: The outcomes of the same answers in the variant. Pairs with a None (unclear, or no answer) are left out.
        prompts: The prompt of each pair; None if every pair has its own.
        seed: Seed of the bootstrap.
        resamples: Number of bootstrap samples.
    """
    is_counted = [b is not None and v is not None for b, v in zip(base, variant, strict=True)]
    base_hits, sizes = _per_prompt([float(bool(outcome)) for outcome in base], is_counted, prompts)
    variant_hits, _ = _per_prompt([float(bool(outcome)) for outcome in variant], is_counted, prompts)
    only_base, only_variant = int((base_hits > variant_hits).sum()), int((variant_hits > base_hits).sum())
    total, in_base, in_variant = sizes.sum(), float(base_hits.sum()), float(variant_hits.sum())
    if not total:
        return Paired(only_base=0, only_variant=0, p_value=1.0, difference=Interval(value=0.0, low=-1.0, high=1.0))
    samples = _resample_pairs(np.stack([base_hits, variant_hits, sizes], axis=1), seed=seed, resamples=resamples)
    differences = (samples[:, 1] - samples[:, 0]) / samples[:, 2]
    ratios = (samples[:, 1] + 0.5) / (samples[:, 0] + 0.5)
    return Paired(
        only_base=only_base,
        only_variant=only_variant,
        p_value=mcnemar_exact(only_base, only_variant),
        difference=_percentile_interval((in_variant - in_base) / float(total), differences),
        ratio=_percentile_interval(in_variant / in_base, ratios) if in_base else None,
    )


def _resample_pairs(rows: Floats, *, seed: int, resamples: int) -> Floats:
    """Sums over bootstrap samples of prompts, [resamples, 3], from rows (hits in the base, in the variant, answers), [prompts, 3].

    Prompts with equal rows are interchangeable, so each sample is one multinomial draw over the few distinct rows.
    """
    size = rows[:, 2].mean()
    pseudo = np.array([[b * size, v * size, size] for b in (0, 1) for v in (0, 1)])
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    distinct, weights = np.concatenate([distinct, pseudo]), np.concatenate([counts, np.full(4, 0.5)])
    draws = np.random.default_rng(seed).multinomial(len(rows) + 2, weights / weights.sum(), size=resamples)
    return np.asarray(draws @ distinct, dtype=np.float64)


def _percentile_interval(value: float, samples: Floats) -> Interval:
    low, high = np.quantile(samples, _LEVELS)
    return Interval(value=value, low=min(value, float(low)), high=max(value, float(high)))


def mean_interval(
    values: Sequence[float],
    prompts: Sequence[Hashable] | None = None,
    *,
    at_least: float | None = None,
    seed: int = 0,
    resamples: int = 10_000,
) -> Interval | None:
    """The mean of measured values, such as KL per answer.

    The studentised bootstrap over prompts, which follows the skew of the values; with fewer than ten prompts Student's t, which
    doesn't. For very skewed values (log-normal, sigma 1) the interval covers the mean 94 % of the time with 50 prompts, 90 % with
    20, 82 % with 5.

    Args:
        values: The values; all finite.
        prompts: The prompt of each value; None if every value has its own.
        at_least: Lower bound of such values; cuts the interval.
        seed: Seed of the bootstrap.
        resamples: Number of bootstrap samples.

    Returns:
        The interval; None with fewer than two prompts, because one prompt tells nothing about others.
    """
    sums, sizes = _per_prompt(values, [True] * len(values), prompts)
    count = len(sizes)
    if count < 2:
        return None
    mean, error = _mean_and_error(np.stack([sums, sizes], axis=1)[None])
    value, width = float(mean[0]), float(error[0])
    if count <= len(_STUDENT) + 1:
        low, high = value - _STUDENT[count - 2] * width, value + _STUDENT[count - 2] * width
    else:
        t_low, t_high = _student_quantiles(sums, sizes, value, seed=seed, resamples=resamples)
        low, high = value - t_high * width, value - t_low * width
    floor = -np.inf if at_least is None else at_least
    return Interval(value=value, low=min(value, max(low, floor)), high=max(value, high))


def _student_quantiles(sums: Floats, sizes: Floats, value: float, *, seed: int, resamples: int) -> tuple[float, float]:
    """Quantiles of (mean - value) / standard error in the bootstrap, without samples of only one prompt, which have no error."""
    generator, rows = np.random.default_rng(seed), np.stack([sums, sizes], axis=1)
    step = max(1, 2**20 // len(rows))
    found: list[Floats] = []
    for first in range(0, resamples, step):
        mean, error = _mean_and_error(rows[generator.integers(len(rows), size=(min(step, resamples - first), len(rows)))])
        found.append((mean - value)[error > 0] / error[error > 0])
    samples = np.concatenate(found)
    if not len(samples):  # all prompts have the same value
        return 0.0, 0.0
    low, high = np.quantile(samples, _LEVELS)
    return float(low), float(high)


def _mean_and_error(rows: Floats) -> tuple[Floats, Floats]:
    """Mean over answers and its standard error over prompts, from (sum, size) per prompt [samples, prompts, 2]."""
    sums, sizes, prompts = rows[..., 0], rows[..., 1], rows.shape[1]
    total = sizes.sum(axis=1)
    mean = sums.sum(axis=1) / total
    residuals = sums - mean[:, None] * sizes
    return mean, np.sqrt(prompts / (prompts - 1) * (residuals**2).sum(axis=1)) / total


def cohens_kappa(first: Sequence[Verdict], second: Sequence[Verdict], *, names: tuple[str, str]) -> Agreement:
    """Measure how far two judges agree beyond chance.

    Args:
        first: Verdicts of one judge.
        second: The other's verdicts on the same answers. Pairs where either is neither refused nor complied are left out.
        names: The judges.

    Returns:
        Kappa is None if a judge always gives the same verdict. Agreement is 0 if nothing is left to compare.
    """
    pairs = [pair for pair in zip(first, second, strict=True) if set(pair) <= {"refused", "complied"}]
    total = len(pairs)
    agreement = sum(a == b for a, b in pairs) / total if total else 0.0
    shares = [sum(pair[judge] == "complied" for pair in pairs) / total if total else 0.0 for judge in (0, 1)]
    kappa = None
    if all(0 < share < 1 for share in shares):
        chance = shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1])
        kappa = (agreement - chance) / (1 - chance)
    return Agreement(first=names[0], second=names[1], kappa=kappa, agreement=agreement, total=total)


def _per_prompt(values: Sequence[float], is_counted: Sequence[bool], prompts: Sequence[Hashable] | None) -> tuple[Floats, Floats]:
    """Sum and number of each prompt's counted values, [prompts] each, in order of appearance; prompts without any are left out."""
    keys: Sequence[Hashable] = range(len(values)) if prompts is None else prompts
    sums: dict[Hashable, float] = {}
    sizes: dict[Hashable, int] = {}
    for key, value, counts in zip(keys, values, is_counted, strict=True):
        if counts:
            sums[key] = sums.get(key, 0.0) + value
            sizes[key] = sizes.get(key, 0) + 1
    return np.array(list(sums.values()), dtype=np.float64), np.array(list(sizes.values()), dtype=np.float64)
