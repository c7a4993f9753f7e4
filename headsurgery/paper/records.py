"""The documents of an experiment's outcome: `report.json`, and the heads that were chosen on the way, `heads.json`.

Neither holds a path of anyone's machine. Every row can be counted again from `answers.jsonl` and `heads.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.behaviour.figures import Interval, Rate
from headsurgery.evaluation.records import SetRecord
from headsurgery.paper.settings import ExperimentSettings, Quantity, Setting
from headsurgery.recipe import Strict

Figure = Rate | Interval | float


class ResultRow(Strict):
    """One figure of ours, and the paper's."""

    setting: Setting
    quantity: Quantity
    ours: Figure | None = Field(description="by the paper's judge; shares from 0 to 1; null: a figure that only the paper has")
    paper: float | None = Field(description="null: not known to us, or for another setting than the paper's")
    keyword: Figure | None = Field(default=None, description="the same by the judge `keyword`")
    asr: Rate | None = Field(default=None, description="by the paper's judge, where `ours` is a change")
    p_value: float | None = Field(
        default=None, description="against the untouched model (exact McNemar), or of an overlap by chance"
    )
    degenerate: Rate | None = Field(default=None, description="answers that are nonsense, neither safe nor harmful")
    expected: float | None = Field(default=None, description="heads in common by chance")
    heads: tuple[str, ...] = Field(default=(), strict=False, description="as L2H26; empty where every query has its own")


class ExperimentReport(Strict):
    """One experiment, whole: report.json."""

    schema_: Literal["headsurgery.experiment-report/1"] = Field(default="headsurgery.experiment-report/1", alias="schema")
    settings: ExperimentSettings = Field(description="as they were run; sets and limits may be the user's")
    model: str
    revision: str | None = None
    fingerprint: str | None = Field(default=None, description="of the model's weights, see checkpoint.fingerprint")
    other_model: str | None = Field(default=None, description="the pretrained model or the sibling")
    other_revision: str | None = None
    other_fingerprint: str | None = None
    sets: tuple[SetRecord, ...] = Field(strict=False)
    decoding: Decoding | None = Field(description="null: nothing was generated")
    rows: tuple[ResultRow, ...] = Field(strict=False)
    versions: dict[str, str]
    options: dict[str, Any] | None = Field(default=None, description="what was chosen of `experiment`, without the defaults")
    notes: tuple[str, ...] = Field(default=(), strict=False)


class ChosenHeads(Strict):
    """Heads that an experiment chose: heads.json. They are not chosen again when it goes on."""

    schema_: Literal["headsurgery.heads/1"] = Field(default="headsurgery.heads/1", alias="schema")
    settings: dict[str, Any]
    heads: dict[str, list[list[str]]] = Field(description="by choice; one group, or one for each query")


@dataclass(frozen=True, kw_only=True)
class ExperimentResult:
    """What an experiment found.

    Args:
        report: The figures.
        answers: What they were counted from.
        heads: Heads by choice; one group, or one for each query.
    """

    report: ExperimentReport
    answers: tuple[Answer, ...]
    heads: dict[str, list[list[str]]]
