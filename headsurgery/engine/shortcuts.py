"""What the engine may leave out for a model. Neighbours: `probe` finds it out, `wave` and `plan` use it."""

from __future__ import annotations

from dataclasses import dataclass

from headsurgery.engine.calls import Rest
from headsurgery.engine.task import SweepTask


@dataclass(frozen=True, kw_only=True)
class Shortcuts:
    """Shortcuts that do not change the final states of a model.

    Args:
        wave: Its layers can be called one by one, on other rows than the model called them with.
        prefixed: Longest query, in tokens, whose prefix may run by itself, its keys and values serving all that begin with it;
            0: none.
        trim: All but the positions that are read may be left out of the last layer's o_proj and MLP.
        rest: See `catch_rest`.
    """

    wave: bool
    prefixed: int
    trim: bool
    rest: Rest

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about speed."""
        if self.wave:
            return ()
        return ("the layers of this model can't be called one by one, so full forwards are used, which take about twice as long",)

    def unchanged_of(self, task: SweepTask, length: int) -> int:
        """First positions of a query of this length that no head's edit changes, and that run once for all heads."""
        if task.changed is None or length > self.prefixed:
            return 0
        return length - max(task.changed, task.tail)

    def prefix_of(self, task: SweepTask) -> tuple[int, ...]:
        """Token ids that run once per head for all queries of a task; none where the model doesn't allow it."""
        return shared_prefix(task) if max(map(len, task.queries)) <= self.prefixed else ()


def shared_prefix(task: SweepTask) -> tuple[int, ...]:
    """Token ids that all queries of a task begin with; each keeps at least the positions that are read.

    None where heads are edited at the last positions alone: then all that comes before runs once for all heads, shared or not.
    """
    if task.changed is not None:
        return ()
    first, last = min(task.queries), max(task.queries)
    limit = min(map(len, task.queries)) - task.tail
    length = next((place for place in range(limit) if first[place] != last[place]), limit)
    return first[:length]
