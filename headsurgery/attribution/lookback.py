"""The look back of a greedy search: which heads of a group still earn their place, and which of the groups tried did most.

A step adds the head that takes most from the refusals' first tokens; what the whole group does, only answers tell. So after a step
the group answers once more without each of its earlier heads (the head just added stays), and gives one up where that leaves fewer
refusals than any group of so few heads before: the floating search of Pudil, Novovicova and Kittler (1994), which can't go in
circles. While nothing is taken from the refusals, heads are kept: of several that can refuse alone, none shows an effect until all
are ablated. In the end the group is taken that left the fewest refusals; of several the one of fewer heads, then of less harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from headsurgery.heads import HeadRef

Answers = TypeVar("Answers")
Heads = tuple[HeadRef, ...]


class LookBack(Generic[Answers]):
    """Groups of heads, with what the model still refuses when they are ablated; each group answers once.

    Args:
        answer: What the model answers with these heads ablated.
        count: How many of these answers are still refusals.
        harm: What ablating a head does to harmless answers; of groups that are equal otherwise the sum decides.
        untouched: Its answers with none ablated.
    """

    def __init__(
        self,
        answer: Callable[[Heads], Answers],
        count: Callable[[Answers], int],
        harm: Callable[[HeadRef], float],
        untouched: Answers,
    ) -> None:
        self._answer, self._count, self._harm, self._untouched = answer, count, harm, count(untouched)
        self._known: dict[frozenset[HeadRef], tuple[Heads, Answers]] = {}
        self._path: list[Heads] = []

    def answers(self, group: Heads) -> Answers:
        """What the model answers with this group ablated."""
        key = frozenset(group)
        if key not in self._known:
            self._known[key] = (group, self._answer(group))
        return self._known[key][1]

    def refused(self, group: Heads) -> int:
        """How many of these are refusals."""
        return self._count(self.answers(group))

    def is_known(self, group: Heads) -> bool:
        """Whether the group has answered before."""
        return frozenset(group) in self._known

    def step(self, group: Heads) -> Heads:
        """A group to which a head was just added, as its last one; and what is left of it after the look back."""
        self._path.append(group)
        left = self.refused(group)
        while len(group) > 1 and left < self._untouched:
            least = min(
                (self.refused(known) for known, _ in self._known.values() if len(known) < len(group)), default=self._untouched
            )
            smaller = min((_without(group, head) for head in group[:-1]), key=self._order)
            if self.refused(smaller) >= least:
                break
            group, left = smaller, self.refused(smaller)
            self._path.append(group)
        return group

    @property
    def best(self) -> Heads:
        """Of all groups that answered the one to take."""
        return min((group for group, _ in self._known.values()), key=self._order)

    @property
    def path(self) -> tuple[Heads, ...]:
        """The groups that the search went through, and the one to take as the last where it is none of them."""
        return tuple(self._path if not self._path or self.best in self._path else [*self._path, self.best])

    def _order(self, group: Heads) -> tuple[int, int, float]:
        return self.refused(group), len(group), sum(map(self._harm, group))


def _without(group: Heads, head: HeadRef) -> Heads:
    return tuple(other for other in group if other != head)


def most_answers(steps: int) -> int:
    """How many groups a search of so many steps lets answer at most when it looks back: each one all its ways down."""
    return sum(size * (size - 1) // 2 for size in range(1, steps + 1))
