"""The document of an evaluation, `report.json`: what was asked, and the figures. It contains no path of anyone's machine."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from headsurgery.behaviour.answers import Decoding, Degeneracy
from headsurgery.behaviour.figures import Agreement, Interval, Paired, Rate
from headsurgery.documents.tables import Table
from headsurgery.errors import UsageError
from headsurgery.prompts import Kind as Kind
from headsurgery.recipe import HeadEdit, PromptRecord, RecipeBase, Strict, first_problem

if TYPE_CHECKING:
    import pandas as pd

REPORT = "report.json"


class Measurement(Strict):
    """What one judge found for one variant on one set, over all seeds."""

    variant: str
    set: str
    judge: str
    complied: Rate = Field(description="on harmful prompts: the attack success rate (ASR)")
    refused: Rate
    unclear: int
    no_answer: int = Field(default=0, description="cut within their thoughts, or empty; counted in neither share")
    refused_by_server: int = Field(default=0, description="how many of the refused: by message.refusal or a content filter")
    against_base: Paired | None = Field(default=None, description="on complied; null for the base itself")


class Degenerate(Strict):
    """Nonsense in one variant's answers to one set. It is neither safe nor harmful."""

    variant: str
    set: str
    rate: Rate
    kinds: dict[Degeneracy, int]


class Damage(Strict):
    """What a variant lost on harmless text, compared with the base."""

    variant: str
    harmless_kl: Interval | None = Field(
        default=None, description="KL(base || variant) in nats per token, over the first tokens of the base's harmless answers"
    )
    kl_tokens: int | None = None
    perplexity: float | None = None
    base_perplexity: float | None = None
    utility: dict[str, float] | None = Field(default=None, description="accuracy by lm-eval task")
    base_utility: dict[str, float] | None = None


class Variant(Strict):
    """A model that was asked."""

    name: str
    kind: Literal["base", "recipe", "checkpoint", "random"]
    edits: tuple[HeadEdit, ...] = Field(default=(), strict=False)
    parameters_changed: int | None = None
    parameters: int | None = None
    parameters_changed_paper: float | None = Field(
        default=None, description="share as the paper seems to count it, see `parameters`"
    )


class SetRecord(Strict):
    """A prompt set and what it is for."""

    kind: Kind
    record: PromptRecord


class Evaluation(Strict):
    """The document of one evaluation, report.json."""

    schema_: Literal["headsurgery.evaluation/1"] = Field(default="headsurgery.evaluation/1", alias="schema")
    base: str
    revision: str | None = None
    fingerprint: str | None = Field(default=None, description="of the base's weights, see checkpoint.fingerprint")
    donor: RecipeBase | None = Field(default=None, description="what recipes' transplanted heads were taken from")
    sets: tuple[SetRecord, ...] = Field(strict=False)
    variants: tuple[Variant, ...] = Field(strict=False)
    decoding: Decoding
    judges: tuple[str, ...] = Field(strict=False)
    measurements: tuple[Measurement, ...] = Field(strict=False)
    degenerate: tuple[Degenerate, ...] = Field(strict=False)
    agreements: tuple[Agreement, ...] = Field(default=(), strict=False)
    damage: tuple[Damage, ...] = Field(default=(), strict=False)
    versions: dict[str, str]
    options: dict[str, Any] | None = Field(default=None, description="options of `evaluate` that differ from the defaults")
    notes: tuple[str, ...] = Field(default=(), strict=False)

    def __repr__(self) -> str:
        """Base, and numbers of variants, sets and judges, on one line."""
        return f"Evaluation({self.base}: {len(self.variants)} variants, {len(self.sets)} sets, {len(self.judges)} judges)"

    __str__ = __repr__

    @property
    def figures(self) -> Table[Measurement]:
        """All measurements, a row for each variant, set and judge."""
        return Table(what="measurements", rows=self.measurements, to_dict=self._row)

    def _row(self, found: Measurement) -> dict[str, Any]:
        """One measurement as columns: shares with their 95 % intervals."""
        kind = next((entry.kind for entry in self.sets if entry.record.name == found.set), None)
        row: dict[str, Any] = {"variant": found.variant, "set": found.set, "kind": kind, "judge": found.judge}
        row["n"] = found.complied.total
        for name, rate in (("complied", found.complied), ("refused", found.refused)):
            row |= {name: rate.interval.value, f"{name}_low": rate.interval.low, f"{name}_high": rate.interval.high}
        row |= {"unclear": found.unclear, "no_answer": found.no_answer}
        against = found.against_base
        return row | {
            "difference": None if against is None else against.difference.value,
            "p_value": None if against is None else against.p_value,
        }

    def to_dataframe(self) -> pd.DataFrame:
        """The figures as a pandas data frame.

        Raises:
            UsageError: pandas is not installed.
        """
        return self.figures.to_dataframe()

    def _repr_html_(self) -> str:
        """Figures and notes, for a notebook."""
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return self.figures._repr_html_() + (f"<ul>{notes}</ul>" if notes else "")


def load_report(path: Path | str) -> Evaluation:
    """Load an evaluation's report from its folder or its report.json.

    Raises:
        UsageError: There is no report.
    """
    path = Path(path)
    file = path / REPORT if path.is_dir() else path
    try:
        return Evaluation.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file}: can't be read as a report: {error.strerror}", hint="evaluate -o DIR writes a report") from error
    except ValidationError as error:
        raise UsageError(f"{file}: not a report of headsurgery evaluate: {first_problem(error)}") from error
