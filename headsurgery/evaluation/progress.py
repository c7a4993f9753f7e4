"""Progress of a run with several stages: what is being done, how much of it is done, and how much there is."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, int, int], None]
"""Called with a stage, such as `answers`, and done and in all. A stage begins with its first call."""


def of_stage(report: Report | None, stage: str) -> Callable[[int, int], None] | None:
    """The callback of one stage."""
    if report is None:
        return None
    return lambda done, total: report(stage, done, total)
