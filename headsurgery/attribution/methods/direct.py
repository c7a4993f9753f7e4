"""`direct`: the heads that write most along the direction from harmless to harmful prompts (`attribution.direct`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from headsurgery.attribution.method import Method, Need, Scoring
from headsurgery.options import Flag, Options

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable


@dataclass(frozen=True, kw_only=True)
class DirectOptions(Options):
    """How many heads it chooses."""

    top: Annotated[int, Flag(help="heads in the recipe", at_least=1)] = 3


class Direct(Method[DirectOptions]):
    """What a head writes along the direction, in units of the residual stream. The direction already contains the control."""

    name = "direct"
    help = "heads that write most along harmful - harmless, from two forward passes per prompt"
    options = DirectOptions
    counted_by = "top"
    default_contrast = 0.0
    needs: ClassVar[Mapping[Need, str]] = {
        "harmless": "which its direction leads away from",
        "model": "reads the activations of a model in one process",
    }
    ablates = False
    wants_control = False
    not_screened = "scores all heads in two forward passes per prompt, so there is nothing to screen"
    not_estimated = "takes two forward passes per prompt and no sweep, so there is nothing to estimate"

    def score(self, scoring: Scoring, options: DirectOptions) -> ScoreTable:
        """See `attribution.direct`."""
        from headsurgery.attribution.direct import direct

        assert scoring.modules is not None  # `needs` asks for the model
        return direct(scoring.modules, scoring.queries, top=options.top, contrast=scoring.settings.contrast)


METHOD = Direct()
