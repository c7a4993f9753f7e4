"""The look back of a greedy search: which heads of a group are still needed, and which of the tried groups did most.

Each step adds the head that removes most from the refusals' first tokens. What the whole group does, only answers show. So after a
step, the group answers again without each of its earlier heads (the head just added stays). It drops a head if that leaves fewer
refusals than any earlier group of that size: the floating search of Pudil, Novovicova and Kittler (1994), which can't go in
circles. As long as no refusal disappears, heads are kept: of several heads that can each refuse alone, none shows an effect until
all are ablated. In the end, the group that left the fewest refusals is chosen; ties go to fewer heads, then to less harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from headsurgery.heads import HeadRef

Answers = TypeVar("Answers")
Heads = tuple[HeadRef, ...]


class LookBack(Generic[Answers]):
    """Groups of heads, with what the model still refuses when they are ablated. Each group answers only once.

    Args:
        answer: Returns the model's answers with these heads ablated.
        count: Tells how many of these answers are still refusals.
        harm: What ablating each head does to harmless answers. Among otherwise equal groups, the smaller sum wins.
        untouched: The answers with no head ablated.
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
        """The model's answers with this group ablated."""
        key = frozenset(group)
        if key not in self._known:
            self._known[key] = (group, self._answer(group))
        return self._known[key][1]

    def refused(self, group: Heads) -> int:
        """How many of these answers are refusals."""
        return self._count(self.answers(group))

    def is_known(self, group: Heads) -> bool:
        """Whether the group has answered before."""
        return frozenset(group) in self._known

    def step(self, group: Heads) -> Heads:
        """Given a group whose last head was just added, return what is left of it after the look back."""
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
        """The group to choose among all that have answered."""
        return min((group for group, _ in self._known.values()), key=self._order)

    @property
    def path(self) -> tuple[Heads, ...]:
        """The groups that the search went through. If the chosen group is none of them, it comes last."""
        return tuple(self._path if not self._path or self.best in self._path else [*self._path, self.best])

    def _order(self, group: Heads) -> tuple[int, int, float]:
        return self.refused(group), len(group), sum(map(self._harm, group))


def _without(group: Heads, head: HeadRef) -> Heads:
    return tuple(other for other in group if other != head)


def most_answers(steps: int) -> int:
    """Maximum number of groups that answer in a search of this many steps, if each group looks back as far as possible."""
    return sum(size * (size - 1) // 2 for size in range(1, steps + 1))
