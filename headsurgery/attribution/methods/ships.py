"""`ships`: the best single heads by what ablating each does to the next token (`attribution.ships`, section 3.2 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from headsurgery.attribution.method import Method, PlannedSweep, Queries, Scoring, Work
from headsurgery.options import Flag, Options

if TYPE_CHECKING:
    from headsurgery.attribution.scores import FloatArray, ScoreTable


@dataclass(frozen=True, kw_only=True)
class ShipsOptions(Options):
    """How many heads it chooses."""

    top: Annotated[int, Flag(help="heads in the recipe", at_least=1)] = 3


class Ships(Method[ShipsOptions]):
    """KL of the next token's probabilities, in nats, averaged over the prompts."""

    name = "ships"
    help = "best single heads by the paper's score, KL of the next token"
    options = ShipsOptions
    counted_by = "top"
    is_per_prompt = True
    not_screened = None
    rounding: ClassVar[Mapping[str, float]] = {"float64": 1e-12, "float32": 1e-10, "float16": 1e-4, "bfloat16": 5e-3}

    def score(self, scoring: Scoring, options: ShipsOptions) -> ScoreTable:
        """See `attribution.ships`."""
        from headsurgery.attribution.ships import ships

        return ships(
            scoring.sweeper,
            scoring.queries,
            operation=scoring.settings.operation,
            factor=scoring.settings.factor,
            top=options.top,
            contrast=scoring.settings.contrast,
            screener=scoring.screener,
            on_progress=scoring.on_progress,
        )

    def reduce(self, scores: FloatArray) -> FloatArray:
        """The mean over queries."""
        mean: FloatArray = scores.mean(axis=0)
        return mean

    def work(self, sets: Sequence[Queries], options: ShipsOptions) -> Work:
        """One sweep over each set."""
        from headsurgery.engine.measures import Divergence

        pairs = zip(("prompts", "control"), sets, strict=False)
        return Work(sweeps=[PlannedSweep(what=name, queries=queries, measure=Divergence()) for name, queries in pairs])


METHOD = Ships()
