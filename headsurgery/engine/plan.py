"""Cut a task into blocks. They must be large: each needs one more row for the base's own pass, which must stay a small part.

The cut depends only on the task and the limit. All queries of a block run together with as many heads as the limit allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headsurgery.engine.task import Block, SweepTask

MIN_HEADS = 64
"""With this many heads in a block, the base's own pass is a small part of it."""


def plan_blocks(task: SweepTask, *, tokens: int, prefix: int = 0) -> Iterator[Block]:
    """Cut a task into blocks that together contain every (head, query) pair once.

    Args:
        task: The task.
        tokens: Maximum number of (head, token) pairs, unless one head on one query has more.
        prefix: Number of tokens that all queries share and that run once per head.
    """
    for queries in _query_groups([len(query) - prefix for query in task.queries], tokens // MIN_HEADS - prefix):
        per_head = prefix + sum(len(task.queries[query]) - prefix for query in queries)
        num_blocks = -(-len(task.heads) // max(1, tokens // per_head))
        for block in range(num_blocks):  # of nearly equal size
            first, end = (len(task.heads) * place // num_blocks for place in (block, block + 1))
            yield Block(heads=tuple(range(first, end)), queries=queries)


def _query_groups(lengths: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Queries in order of length, in groups with a maximum number of tokens and at least one query."""
    group: list[int] = []
    tokens = 0
    for query in sorted(range(len(lengths)), key=lambda query: (lengths[query], query)):
        if group and tokens + lengths[query] > most:
            yield tuple(group)
            group, tokens = [], 0
        group.append(query)
        tokens += lengths[query]
    yield tuple(group)
