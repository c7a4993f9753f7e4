"""What an experiment of the paper is: model, sets, settings, and the figures that it reported.

The documents are `recipes/paper/NAME.json`; a wheel carries them inside this package, a checkout at its top. A figure that we don't
know is null, never a guess. Nothing here loads torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, ValidationError

from headsurgery.edits.operations import AblationName
from headsurgery.errors import HeadSurgeryError, UsageError
from headsurgery.recipe import Strict, first_problem

Name = Literal["table-3", "table-5", "table-7", "figure-4b", "figure-5", "figure-6a", "parameters"]
NAMES: tuple[Name, ...] = get_args(Name)

Quantity = Literal["ASR", "change in ASR", "heads in common", "share of parameters, counted", "share of parameters, paper's way"]

Level = Literal["dataset", "query"]
"""Whether a set has one group of heads (Sahara), or every query its own (Ships)."""

Setting = dict[str, str | int]
"""What tells a row from the others, such as set, operation, level and heads."""


class PaperFigure(Strict):
    """A figure of the paper."""

    quantity: Quantity
    setting: Setting
    value: float | None = Field(description="shares from 0 to 1; null: not known to us")


class ExperimentSettings(Strict):
    """An experiment: recipes/paper/NAME.json."""

    schema_: Literal["headsurgery.experiment/1"] = Field(default="headsurgery.experiment/1", alias="schema")
    name: Name
    title: str
    finding: str = Field(description="what the paper found, in its own terms")
    open: str | None = Field(default=None, description="what of these settings the paper, as we know it, doesn't state")
    model: str = Field(description="the paper's model, on the Hub")
    pretrained: str | None = Field(default=None, description="what the paper's model was aligned from, on the Hub")
    sibling: str | None = Field(default=None, description="another model aligned from the same weights, on the Hub")
    sets: tuple[str, ...] = Field(strict=False, description="as load_prompts takes them")
    operations: tuple[AblationName, ...] = Field(default=(), strict=False, description="ablations, in the report's order")
    factor: float = Field(default=1e-5, description="epsilon of Eq. 7 and 8")
    levels: tuple[Level, ...] = Field(default=(), strict=False)
    group_sizes: tuple[int, ...] = Field(default=(), strict=False, description="numbers of heads")
    template: str = "paper"
    prefill: str | None = Field(default=None, description="how every answer begins; heads are chosen without it")
    max_new_tokens: int | None = Field(default=128, description="per answer; null: nothing is generated")
    quantity: Quantity = Field(default="ASR", description="what the paper reports of an ablation")
    figures: tuple[PaperFigure, ...] | None = Field(default=None, strict=False)

    def figure(self, quantity: Quantity, setting: Mapping[str, str | int]) -> float | None:
        """The paper's figure for a row, if it is known."""
        known = (figure.value for figure in self.figures or () if (figure.quantity, figure.setting) == (quantity, dict(setting)))
        return next(known, None)


def load_experiment(name: str) -> ExperimentSettings:
    """An experiment by name.

    Raises:
        UsageError: No such experiment.
        HeadSurgeryError: Its document is missing or damaged.
    """
    if name not in NAMES:
        raise UsageError(f"experiment {name!r}: not known; expected {', '.join(NAMES)}", hint="headsurgery experiment --list")
    file = f"{name}.json"
    try:
        document = json.loads((_folder() / file).read_text(encoding="utf-8"))
        return ExperimentSettings.model_validate(document)
    except (OSError, ValueError) as error:
        reason = first_problem(error) if isinstance(error, ValidationError) else error
        raise HeadSurgeryError(f"recipes/paper/{file}: not an experiment: {reason}", hint="install headsurgery again") from error


def list_experiments() -> tuple[ExperimentSettings, ...]:
    """All experiments, in the paper's order."""
    return tuple(load_experiment(name) for name in NAMES)


def _folder() -> Path:
    """Inside the package (a wheel), else at the top of the checkout."""
    packaged = Path(__file__).parent / "paper"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "recipes" / "paper"
