"""Progress of long work, as a callback: done and in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Progress = Callable[[int, int], None]
"""Called with units of work, such as (head, query) pairs, done and in all."""


def share_progress(parts: Sequence[int], on_progress: Progress | None) -> list[Progress | None]:
    """One callback per part of a longer run, which together report on the whole.

    Args:
        parts: Pairs in each part, in the order in which they run.
        on_progress: The callback of the whole.
    """
    if on_progress is None:
        return [None] * len(parts)
    total = sum(parts)

    def report(start: int) -> Progress:
        return lambda done, _: on_progress(start + done, total)

    return [report(sum(parts[:position])) for position in range(len(parts))]
