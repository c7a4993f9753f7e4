"""The contest of methods (benchmarks/methods.py): its figures against plain sums, and an interrupted contest on the tiny chain."""

from __future__ import annotations

import json
import sys
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import methods

SHARES = st.floats(0, 1, width=32)


@given(st.lists(st.tuples(st.floats(0, 1.5, width=32), SHARES), max_size=8))
def test_the_area_is_the_mean_of_the_best_group_so_far(groups: list[tuple[float, float]]) -> None:
    places, lost = (np.array([group[column] for group in groups]) for column in (0, 1))
    grid = (np.arange(4000) + 0.5) / 4000
    naive = np.mean([max((share for place, share in groups if place <= x), default=0.0) for x in grid])
    assert methods.mean_of_best(places, lost) == pytest.approx(naive, abs=len(groups) / 4000 + 1e-9)


def result_of(*groups: tuple[int, float, float], **changes: Any) -> dict[str, Any]:
    """Groups of heads, with the share of 10 prompts that each takes away and its KL."""

    def effect(heads: int, lost: float, kl: float) -> dict[str, Any]:
        refused = [row >= round(lost * 10) for row in range(10)]
        return {
            "edits": [f"L0H{head}" for head in range(heads)],
            "refused": refused,
            "unfinished": [False] * 10,
            "degenerate": [False] * 10,
            "kl": [kl] * 4,
        }

    base, *effects = (effect(*group) for group in ((0, 0.0, 0.0), *groups))
    document = {
        "model": "m",
        "kind": "single",
        "method": "a",
        "draw": 0,
        "planted": [],
        "seconds": 1.0,
        "ranking": [],
        "most_degenerate": 1,
    }
    return document | {"base": base, "effects": effects} | changes


def test_both_areas_of_a_curve() -> None:
    points = methods.Points.of(result_of((1, 0.5, 0.1), (10, 1.0, 0.15), (40, 1.0, 0.3)))
    assert points.by_kl() == pytest.approx((0.05 * 0.5 + 0.05 * 1.0) / 0.2)
    assert points.by_heads() == pytest.approx(0.5 * log2(10) / log2(40) + 1 - log2(10) / log2(40)), "the last one harms too much"
    assert points.most_lost(0.1) == 0.5
    assert points.least_kl(0.8) == pytest.approx(0.15)


@pytest.mark.parametrize(("nonsense", "of_oracle", "area"), [(1, 0, 1.0), (2, 0, 0.5), (3, 2, 1.0), (4, 2, 0.5)])
def test_groups_that_talk_more_nonsense_do_not_count(nonsense: int, of_oracle: int, area: float, tmp_path: Path) -> None:
    """A tenth more is allowed, as in the curve of attribute; in a plant, a tenth more than without the planted heads."""
    result, oracle = result_of((1, 0.5, 0.0), (5, 1.0, 0.0)), result_of((1, 0.0, 0.0), (2, 1.0, 0.05), method=methods.PLANTED)
    for document, count, name in ((result, nonsense, "a"), (oracle, of_oracle, "oracle")):
        document["effects"][1]["degenerate"] = [row < count for row in range(10)]
        (tmp_path / f"m--{name}--0.json").write_text(json.dumps(document))
    found = next(one for one in methods.Store(tmp_path).results() if one["method"] == "a")
    assert methods.Points.of(found).by_kl() == pytest.approx(area)


def test_what_is_compared_with_the_planted_heads() -> None:
    planted = ["L0H0", "L0H1"]
    oracle = result_of((1, 0.0, 0.0), (2, 1.0, 0.05), method=methods.PLANTED, planted=planted)
    other = result_of((1, 0.8, 0.08), (5, 1.0, 0.12), planted=planted, ranking=["L0H5", "L0H1", "L0H0"])
    assert methods.share_of_oracle(other, oracle) == pytest.approx(0.8)
    assert methods.kl_of_oracle(other, oracle) == pytest.approx(1.6)
    assert methods.average_precision(other) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_an_interrupted_contest_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate's amplifiers can stand in for each other: greedy single ablation finds none, and gates find them."""
    store, subject = methods.Store(tmp_path), methods.chain_subject()
    for wanted in (("refusal",), ("refusal", "gates")):
        methods.run(subject, 0, store, wanted, ())
    said = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[2].split(":")[0] for line in said] == [methods.PLANTED, "refusal", methods.RANDOM, "gates"]
    areas = {result["method"]: methods.Points.of(result).by_heads() for result in store.results()}
    assert areas["refusal"] == 0
    assert areas["gates"] == areas[methods.PLANTED] > areas[methods.RANDOM]
    table = methods.write_tables(store)
    assert table.startswith("**chain** (1 model)")
    assert table.splitlines()[4].startswith(("| gates | 1.00 (", "| planted heads (oracle) | 1.00 ("))


def test_a_plant_without_its_oracle_is_in_no_table(tmp_path: Path) -> None:
    """How much nonsense is usual there is not known yet."""
    (tmp_path / "m--a--0.json").write_text(json.dumps(result_of((1, 0.5, 0.0), planted=["L0H0"])))
    assert (
        methods.write_tables(methods.Store(tmp_path)) == "Not in the tables, because their planted heads are not measured yet: m."
    )


def test_figures_of_other_prompts_are_not_mixed(tmp_path: Path) -> None:
    store, subject = methods.Store(tmp_path), methods.chain_subject()
    methods.run(subject, 0, store, (), ())
    with pytest.raises(SystemExit, match="other held-out prompts"):
        store.known(subject, "another")
