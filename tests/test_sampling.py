"""Top-k sampling without a random state."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import chisquare

from headsurgery.evaluation.sampling import TopKSampler, row_key

START = 3


def sample(keys: list[int], logits: torch.Tensor, *, top_k: int = 5, temperature: float = 1.0, place: int = 0) -> np.ndarray:
    """Tokens [rows] for one distribution [vocabulary]."""
    sampler = TopKSampler(keys, top_k=top_k, temperature=temperature, start=START)
    scores = sampler(torch.zeros(len(keys), START + place, dtype=torch.long), logits.repeat(len(keys), 1))
    assert (scores.isfinite().sum(dim=-1) == 1).all()
    return scores.argmax(dim=-1).numpy()


KEYS = [row_key(seed, [5, 6]) for seed in range(20_000)]
LOGITS = torch.tensor([0.3, -4.0, 1.2, 0.9, 2.0, -0.5, 0.0, 1.9])
BEST = [4, 7, 2, 3, 0]


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("place", [0, 17])
def test_frequencies_are_the_softmax_over_the_k_likeliest(temperature: float, place: int) -> None:
    counts = np.bincount(sample(KEYS, LOGITS, temperature=temperature, place=place), minlength=len(LOGITS))
    assert counts.sum() == counts[BEST].sum()
    expected = softmax(LOGITS[BEST].double().numpy() / temperature) * len(KEYS)
    assert chisquare(counts[BEST], expected).pvalue > 1e-4  # keys are fixed: it passes always or never


def test_positions_and_rows_are_independent() -> None:
    first, second = sample(KEYS, LOGITS), sample(KEYS, LOGITS, place=1)
    agreement = float((first == second).mean())
    expected = float((softmax(LOGITS[BEST].double().numpy()) ** 2).sum())
    assert abs(agreement - expected) < 4 * np.sqrt(expected * (1 - expected) / len(KEYS))


def test_k_of_1_is_greedy_and_a_large_k_takes_all() -> None:
    assert set(sample(KEYS[:100], LOGITS, top_k=1)) == {4}
    assert set(sample(KEYS, LOGITS, top_k=1000)) == set(range(len(LOGITS)))


def test_a_sample_depends_on_its_key_alone_not_on_other_rows() -> None:
    together = sample(KEYS[:50], LOGITS)
    assert [int(sample([key], LOGITS)[0]) for key in KEYS[:50]] == together.tolist()


def test_nearly_equal_distributions_give_nearly_always_the_same_sample() -> None:
    assert (sample(KEYS, LOGITS) == sample(KEYS, LOGITS + 0.01 * torch.arange(8))).mean() > 0.97


def test_the_key_tells_seeds_and_prompts_apart() -> None:
    assert len({row_key(seed, prompt) for seed in (0, 1, 10) for prompt in ([1, 2], [2, 1], [12], [1], [0, 1, 2])}) == 15
    assert row_key(0, [1, 2]) == row_key(0, (1, 2)) < 2**64


def test_torchs_random_state_stays_as_it_is() -> None:
    before = torch.get_rng_state()
    sample(KEYS[:5], LOGITS)
    assert torch.equal(before, torch.get_rng_state())
