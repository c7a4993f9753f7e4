"""Cutting a task into blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headsurgery.engine.measures import States
from headsurgery.engine.plan import plan_blocks
from headsurgery.engine.task import SweepTask
from headsurgery.heads import HeadRef


def task_of(lengths: list[int], num_heads: int) -> SweepTask:
    return SweepTask(
        queries=tuple((1,) * length for length in lengths),
        heads=tuple(HeadRef(0, head) for head in range(num_heads)),
        operation="scale",
        factor=0.0,
        measure=States(),
    )


@given(
    lengths=st.lists(st.integers(3, 40), min_size=1, max_size=20),
    num_heads=st.integers(1, 200),
    tokens=st.integers(1, 20_000),
    prefix=st.integers(0, 2),
)
def test_every_pair_comes_once_and_blocks_keep_to_the_limit(lengths: list[int], num_heads: int, tokens: int, prefix: int) -> None:
    task = task_of(lengths, num_heads)
    blocks = list(plan_blocks(task, tokens=tokens, prefix=prefix))
    pairs = [(head, query) for block in blocks for head in block.heads for query in block.queries]
    assert sorted(pairs) == [(head, query) for head in range(num_heads) for query in range(len(lengths))]
    for block in blocks:
        per_head = prefix + sum(lengths[query] - prefix for query in block.queries)
        assert len(block.heads) == 1 or len(block.heads) * per_head <= tokens
    assert list(plan_blocks(task, tokens=tokens, prefix=prefix)) == blocks, "the cut is always the same"


def test_queries_stay_together_as_long_as_64_heads_fit_beside_them() -> None:
    """So that the base's own way up stays a small part of a block."""
    blocks = list(plan_blocks(task_of([10] * 8, 128), tokens=64 * 40))
    assert {len(block.queries) for block in blocks} == {4}
    assert {len(block.heads) for block in blocks} == {64}
