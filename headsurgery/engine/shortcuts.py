"""What the engine may leave out for a model. Neighbours: `probe` finds it out; `wave` and `plan` use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headsurgery.engine.calls import Rest
from headsurgery.engine.task import SweepTask


@dataclass(frozen=True, kw_only=True)
class Shortcuts:
    """Shortcuts that do not change the final states of a model.

    Args:
        wave: Whether its layers can be called one by one, with other rows than those of the model's own call.
        prefixed: Longest query, in tokens, whose prefix may run separately, so that its keys and values serve all queries with that
            prefix; 0: none.
        trim: Whether the last layer's o_proj and MLP may skip positions that are not read.
        rest: See `catch_rest`.
    """

    wave: bool
    prefixed: int
    trim: bool
    rest: Rest

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user about speed."""
        if self.wave:
            return ()
        return ("the layers of this model can't be called one by one, so full forwards are used, which take about twice as long",)

    def unchanged_of(self, task: SweepTask, length: int) -> int:
        """How many positions at the start of a query of this length no edit changes, so that they run once for all heads."""
        if task.changed is None or length > self.prefixed:
            return 0
        return length - max(task.changed, task.tail)

    def prefix_of(self, task: SweepTask) -> tuple[int, ...]:
        """Token ids that run once per head for all queries of a task; none if the model doesn't allow it."""
        return shared_prefix(task) if max(map(len, task.queries)) <= self.prefixed else ()


def shared_prefix(task: SweepTask) -> tuple[int, ...]:
    """Token ids with which all queries of a task begin. Each query keeps at least the positions that are read.

    None if heads are edited only at the last positions: then everything before these runs once for all heads, shared or not.
    """
    return () if task.changed is not None else common_prefix(task.queries, task.tail)


def common_prefix(queries: Sequence[tuple[int, ...]], tail: int) -> tuple[int, ...]:
    """Token ids with which all queries begin, without the last `tail` of any query."""
    first, last = min(queries), max(queries)
    limit = max(0, min(map(len, queries)) - tail)
    length = next((place for place in range(limit) if first[place] != last[place]), limit)
    return tuple(first[:length])
