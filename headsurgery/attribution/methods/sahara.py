"""`sahara`: a group of heads, grown by how far it turns the model's final states (`attribution.sahara`, section 4 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from headsurgery.attribution.method import Method, PlannedSweep, Queries, Scoring, Work
from headsurgery.errors import UsageError
from headsurgery.options import Flag, Options

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable
    from headsurgery.prompts import PromptSet


@dataclass(frozen=True, kw_only=True)
class SaharaOptions(Options):
    """How many steps the search takes (the paper finds 3 best), and what each step compares."""

    group_size: Annotated[int, Flag(help="heads in the group", at_least=1)] = 3
    r_main: Annotated[int, Flag(help="leading singular vectors compared", at_least=1)] = 1


class Sahara(Method[SaharaOptions]):
    """The shift of the subspace of final states, in degrees."""

    name = "sahara"
    help = "a group grown by the paper's search, by the shift of the model's final states"
    options = SaharaOptions
    counted_by = "group_size"
    not_screened = None
    rounding: ClassVar[Mapping[str, float]] = {"float64": 1e-5, "float32": 3e-5, "float16": 0.06, "bfloat16": 0.5}
    also_writes: ClassVar[Mapping[str, str | None]] = {"ships": "nats"}
    ranking = "first step"

    def score(self, scoring: Scoring, options: SaharaOptions) -> ScoreTable:
        """See `attribution.sahara`."""
        from headsurgery.attribution.sahara import sahara

        return sahara(
            scoring.sweeper,
            scoring.queries,
            operation=scoring.settings.operation,
            factor=scoring.settings.factor,
            group_size=options.group_size,
            contrast=scoring.settings.contrast,
            r_main=options.r_main,
            screener=scoring.screener,
            on_progress=scoring.on_progress,
        )

    def check_prompts(self, sets: Sequence[PromptSet], options: SaharaOptions) -> None:
        """Refuse too few prompts. One query spans all of R^1, and r queries all of R^r, so every angle would be 0."""
        for prompt_set in sets:
            if len(prompt_set.texts) <= options.r_main:
                raise UsageError(
                    f"{prompt_set.name}: {len(prompt_set.texts)} prompts, but sahara with r_main {options.r_main} needs at least "
                    f"{options.r_main + 1}",
                    hint="give more prompts, or use --method ships",
                )

    def work(self, sets: Sequence[Queries], options: SaharaOptions) -> Work:
        """One sweep over each set in every step. The first one also measures Ships."""
        from headsurgery.attribution.screen.estimates import MORE_VECTORS
        from headsurgery.engine.measures import States, StatesAndDivergence

        return Work(
            sweeps=[
                PlannedSweep(
                    what=f"step {step + 1}, {name}",
                    queries=queries,
                    measure=States() if step else StatesAndDivergence(),
                    step=step,
                    screen_figures=options.r_main + MORE_VECTORS,
                )
                for step in range(options.group_size)
                for name, queries in zip(("prompts", "control"), sets, strict=False)
            ]
        )


METHOD = Sahara()
