"""Parameters of tests that a contributor's run need not have, but that CI runs as well: `pytest -m exhaustive`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def all_but(usual: Collection[Any], values: Iterable[Any]) -> list[ParameterSet]:
    """Parameters of which only the usual ones are without the marker.

    Args:
        usual: Those of every run; a value that is not in `values` is a mistake.
        values: All of them.
    """
    values = list(values)
    assert all(value in values for value in usual), f"of {usual} not all are in {values}"
    return [pytest.param(value, marks=() if value in usual else pytest.mark.exhaustive) for value in values]
