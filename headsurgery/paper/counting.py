"""Turn answers into rows: attack success rates and their changes, by the paper's judge, with `keyword` and degenerate answers
beside them.

Everything is counted by `evaluation.measure`. This module puts the counts beside the paper's figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headsurgery.behaviour.answers import Answer
from headsurgery.behaviour.figures import Rate
from headsurgery.evaluation.judging import Judging
from headsurgery.evaluation.measure import count_degenerate, measure
from headsurgery.evaluation.records import Measurement
from headsurgery.paper.records import Figure, ResultRow
from headsurgery.paper.settings import ExperimentSettings, Quantity, Setting
from headsurgery.progress import Progress
from headsurgery.prompts import PromptSet

BASE = "base"
"""Name of the untouched model among the variants."""

PAPER, KEYWORD = "paper", "keyword"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A variant's answers to one set, to be counted.

    Args:
        variant: Its name.
        set: The set's name.
        setting: Of the row.
        quantity: What the row is about: the rate, or its change.
        heads: That were ablated.
    """

    variant: str
    set: str
    setting: Setting
    quantity: Quantity
    heads: tuple[str, ...] = ()


def count_rows(
    cases: Sequence[Case],
    answers: Sequence[Answer],
    sets: Sequence[PromptSet],
    settings: ExperimentSettings,
    report: Progress | None,
) -> list[ResultRow]:
    """A row for every case and, where there are several sets, for the mean over them."""
    variants, names = list(dict.fromkeys(case.variant for case in cases)), [prompts.name for prompts in sets]
    verdicts, _ = Judging(judges=(PAPER, KEYWORD)).judge(answers, sets, report=report)
    measured = {
        (judge, one.set, one.variant): one
        for judge in verdicts
        for one in measure(judge, verdicts[judge], variants=variants, sets=names, base=BASE)
    }
    nonsense = {(one.set, one.variant): one.rate for one in count_degenerate(answers, variants=variants, sets=names)}
    rows = []
    for case in cases:
        paper, keyword = (measured[judge, case.set, case.variant] for judge in (PAPER, KEYWORD))
        rows.append(
            ResultRow(
                setting=case.setting,
                quantity=case.quantity,
                ours=_figure(paper, case.quantity),
                paper=settings.figure(case.quantity, case.setting),
                keyword=_figure(keyword, case.quantity),
                asr=None if case.quantity == "ASR" else paper.complied,
                p_value=paper.against_base.p_value if paper.against_base else None,
                degenerate=nonsense[case.set, case.variant],
                heads=case.heads,
            )
        )
    return rows + _means(rows, settings, len(sets))


def set_name(prompts: PromptSet) -> str:
    """A published set's name without its commit, which is how the paper's figures are stored."""
    return prompts.name.partition("@")[0]


def _figure(measurement: Measurement, quantity: Quantity) -> Figure:
    if quantity == "ASR":
        return measurement.complied
    assert measurement.against_base is not None  # only edited variants have a change
    return measurement.against_base.difference


def _means(rows: Sequence[ResultRow], settings: ExperimentSettings, num_sets: int) -> list[ResultRow]:
    """The mean over all sets, each counting the same, as the paper's "Avg." does."""
    if num_sets < 2:
        return []
    alike: dict[tuple[Quantity, tuple[tuple[str, str | int], ...]], list[ResultRow]] = {}
    for row in rows:
        rest = tuple((key, value) for key, value in row.setting.items() if key != "set")
        alike.setdefault((row.quantity, rest), []).append(row)
    found = []
    for (quantity, rest), group in alike.items():
        setting: Setting = {"set": "mean", **dict(rest)}
        ours, keyword = _mean([row.ours for row in group]), _mean([row.keyword for row in group])
        found.append(
            ResultRow(setting=setting, quantity=quantity, ours=ours, paper=settings.figure(quantity, setting), keyword=keyword)
        )
    return found


def _mean(figures: Sequence[Figure | None]) -> float:
    return sum(map(value_of, figures)) / len(figures)


def value_of(figure: Figure | None) -> float:
    """The bare number."""
    assert figure is not None  # rows of ours have one
    return figure.interval.value if isinstance(figure, Rate) else figure if isinstance(figure, float) else figure.value
