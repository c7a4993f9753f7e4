"""Progress of long work, in one form: `on_progress(stage, done, total)`.

Every function of the library that takes long takes such a callback. A stage, such as `answers`, begins with its first call. A
function that has a single stage is given that stage's part alone, `StageProgress`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with a stage, and with the units of work that are done in it and in all. (0, 1) names a stage that can't count."""

StageProgress = Callable[[int, int], None]
"""The same within one stage: called with units of work, such as (head, query) pairs or bytes, done and in all."""


def of_stage(on_progress: Progress | StageProgress | None, stage: str) -> StageProgress | None:
    """The callback of one stage.

    Args:
        on_progress: The caller's. One that takes two arguments, as most functions of version 0.1 wanted, is used as it is.
        stage: What the stage is called.
    """
    report: Any = on_progress
    if report is None or not takes_stage(report):
        return report  # type: ignore[no-any-return]
    return lambda done, total: report(stage, done, total)


def takes_stage(on_progress: Progress | StageProgress) -> bool:
    """Whether a callback takes the stage, too; False: it can be called with two numbers, as in version 0.1."""
    try:
        signature = inspect.signature(on_progress)
        signature.bind(0, 0)
    except (TypeError, ValueError):  # it takes more; or, as some built-in functions, doesn't tell
        return True
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in signature.parameters.values())


def share_progress(parts: Sequence[int], on_progress: StageProgress | None) -> list[StageProgress | None]:
    """One callback per part of a longer stage, which together report on the whole.

    Args:
        parts: Units of work in each part, in the order in which they run.
        on_progress: The callback of the whole.
    """
    if on_progress is None:
        return [None] * len(parts)
    total = sum(parts)

    def report(start: int) -> StageProgress:
        return lambda done, _: on_progress(start + done, total)

    return [report(sum(parts[:position])) for position in range(len(parts))]


class Consecutive:
    """Progress of work whose parts are not known beforehand: each goes on where the last one ended.

    Args:
        on_progress: Called with units done over all parts, and those of the parts so far.
    """

    def __init__(self, on_progress: StageProgress | None) -> None:
        self._on_progress, self._total = on_progress, 0

    def next(self) -> StageProgress | None:
        """The callback of the next part."""
        report, before = self._on_progress, self._total
        if report is None:
            return None

        def say(done: int, total: int) -> None:
            self._total = before + total
            report(before + done, self._total)

        return say
