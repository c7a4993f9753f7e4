"""The factor between two blocks, recovered from stored values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headsurgery.comparing.factor import recover_factor
from headsurgery.storage.codecs import multiply
from headsurgery.storage.codecs.plain import ELEMENTS as FLOATS

types = pytest.mark.parametrize("dtype", [FLOATS[name] for name in ("F32", "F16", "BF16")], ids=str)


def block(dtype: np.dtype[Any], *, size: int = 400, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(0, 0.03, size).astype(dtype)


@types
@settings(max_examples=60, deadline=None)
@example(factor=2.3095665203975555, seed=4)  # only one float32 number gives these float16 values
@given(factor=st.floats(-8, 8).filter(lambda factor: abs(factor) > 0.1), seed=st.integers(0, 9))
def test_the_recovered_factor_gives_the_same_values(dtype: np.dtype[Any], factor: float, seed: int) -> None:
    old = block(dtype, seed=seed)
    new = multiply(old, factor)
    found = recover_factor([old], [new])
    assert found.agreement == "exact"
    assert found.factor is not None
    assert np.array_equal(multiply(old, found.factor), new)


@types
@settings(max_examples=60, deadline=None)
@given(factor=st.integers(-200, 200).map(lambda number: number / 100))
def test_a_factor_of_two_decimals_comes_back_as_it_was_written(dtype: np.dtype[Any], factor: float) -> None:
    """Up to 2, where bfloat16 still tells neighbours apart; it can't tell × 7.99 from × 8."""
    old = block(dtype, size=4000)
    assert recover_factor([old], [multiply(old, factor)]).factor == factor


@types
def test_unrelated_values_have_no_exact_factor(dtype: np.dtype[Any]) -> None:
    found = recover_factor([block(dtype)], [block(dtype, seed=1)])
    assert (found.factor, found.agreement) == (None, None)
    assert found.spread > 0.9


@types
def test_one_value_that_differs_by_a_bit_is_not_exact(dtype: np.dtype[Any]) -> None:
    old = block(dtype)
    new = multiply(old, 0.5)
    new.view(np.uint8)[0] ^= 1
    found = recover_factor([old], [new])
    assert found.factor == pytest.approx(0.5, rel=1e-3)
    assert found.spread < 1e-3
    assert found.agreement in ("rounded", "about")


@types
def test_zeros_that_became_something_have_no_factor(dtype: np.dtype[Any]) -> None:
    found = recover_factor([np.zeros(9, dtype=dtype)], [block(dtype, size=9)])
    assert (found.factor, found.agreement, found.spread) == (None, None, 1.0)


@types
def test_some_zeros_that_became_something_are_not_exact(dtype: np.dtype[Any]) -> None:
    old = block(dtype)
    old[:9] = 0
    new = multiply(old, 0.5)
    new[0] = 1
    assert recover_factor([old], [new]).agreement != "exact"
