"""Cutting a task into blocks: as large as pays, small enough that losing one costs little and that it fits into memory.

The cut depends on the task and the limits alone, so every engine of one kind cuts the same blocks, and a resumed run finds its own
again. All queries of a block go up together with as many heads as the limit allows; its base goes up once, which is one row more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headsurgery.engine.task import Block, SweepTask

_MIN_HEADS = 64
"""Heads of a block that make the base's own way up a small part of it."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large a block may be.

    Args:
        tokens: (head, token) pairs at most, unless one head on one query has more.
    """

    tokens: int


def plan_blocks(task: SweepTask, limits: Limits, *, prefix: int = 0) -> tuple[Block, ...]:
    """Cut a task into blocks that together hold every (head, query) pair once.

    Args:
        task: What is asked.
        limits: How large a block may be.
        prefix: Tokens that all queries share and that run once per head.
    """
    return tuple(_blocks(task, limits, prefix))


def _blocks(task: SweepTask, limits: Limits, prefix: int) -> Iterator[Block]:
    for queries in _query_groups([len(query) - prefix for query in task.queries], limits.tokens // _MIN_HEADS - prefix):
        tokens = prefix + sum(len(task.queries[query]) - prefix for query in queries)
        step = max(1, limits.tokens // tokens)
        num_blocks = -(-len(task.heads) // step)
        for block in range(num_blocks):  # of nearly one size
            first, end = (len(task.heads) * place // num_blocks for place in (block, block + 1))
            yield Block(heads=tuple(range(first, end)), queries=queries)


def _query_groups(lengths: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Queries by length, in groups of at most so many tokens, one query at least."""
    group: list[int] = []
    tokens = 0
    for query in sorted(range(len(lengths)), key=lambda query: (lengths[query], query)):
        if group and tokens + lengths[query] > most:
            yield tuple(group)
            group, tokens = [], 0
        group.append(query)
        tokens += lengths[query]
    yield tuple(group)
