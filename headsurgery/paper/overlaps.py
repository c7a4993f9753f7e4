"""Figure 5: which top heads two rankings have in common, beside what chance gives.

Heads are ranked by generalized Ships (Eq. 11) of a set. Of N heads, two random choices of k share k^2/N on average; the p-value is
the hypergeometric probability of sharing as many as were found, or more. The paper shows the overlap without a chance level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations

from headsurgery.attribution.comparison import chance_of_overlap
from headsurgery.heads import HeadRef
from headsurgery.paper.choice import HeadStore, rank_heads
from headsurgery.paper.counting import set_name
from headsurgery.paper.records import ResultRow
from headsurgery.paper.settings import ExperimentSettings, Setting
from headsurgery.paper.subject import Subject

NO_KINSHIP = (
    "chance treats all heads alike; if low layers rank high in every model, unrelated models overlap more than by chance, too"
)
"""For the reader: two models with random weights show as much."""

Ranking = tuple[str, str, str]
"""Which model, operation and set a ranking is of."""


def rank_all(subject: Subject, settings: ExperimentSettings, store: HeadStore, *, role: str) -> dict[Ranking, list[HeadRef]]:
    """The top heads of a model, by set and operation.

    Args:
        subject: The model.
        settings: The experiment; its only group size says how many heads.
        store: Keeps them.
        role: `model` or `sibling`.

    Raises:
        UsageError: Too few prompts or heads.
    """
    size = settings.group_sizes[0]
    found: dict[Ranking, list[HeadRef]] = {}
    for prompts in subject.sets:
        for operation in settings.operations:
            find = partial(rank_heads, subject, prompts, operation, settings.factor, size)
            groups = store.get(f"{role}, {prompts.name}, {operation}, top {size}", find)
            found[role, operation, set_name(prompts)] = groups[0]
    return found


def compare_rankings(
    rankings: Mapping[Ranking, Sequence[HeadRef]], settings: ExperimentSettings, num_heads: int
) -> list[ResultRow]:
    """Every two rankings of a set that differ either in the model or in the operation."""
    rows = []
    for first, second in combinations(rankings, 2):
        if first[2] == second[2] and sum(a != b for a, b in zip(first, second, strict=True)) == 1:
            rows.append(_compare(first, second, rankings, settings, num_heads))
    return rows


def _compare(
    first: Ranking,
    second: Ranking,
    rankings: Mapping[Ranking, Sequence[HeadRef]],
    settings: ExperimentSettings,
    num_heads: int,
) -> ResultRow:
    ours, theirs = rankings[first], rankings[second]
    common = [head for head in ours if head in theirs]
    one, other = (f"{role}, {operation}" for role, operation, _ in (first, second))
    setting: Setting = {"set": first[2], "first": one, "second": other, "heads": len(ours)}
    return ResultRow(
        setting=setting,
        quantity="heads in common",
        ours=float(len(common)),
        paper=settings.figure("heads in common", setting),
        p_value=chance_of_overlap(len(common), (len(ours), len(theirs)), num_heads),
        expected=len(ours) ** 2 / num_heads,
        heads=tuple(map(str, common)),
    )
