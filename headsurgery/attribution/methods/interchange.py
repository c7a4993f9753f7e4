"""`interchange`: heads whose output decides between a prompt and its look-alike (`attribution.interchange`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from headsurgery.attribution.method import Method, Need, PlannedSweep, Queries, Scoring, Work
from headsurgery.errors import UsageError
from headsurgery.options import Flag, Options

if TYPE_CHECKING:
    from headsurgery.attribution.scores import FloatArray, ScoreTable
    from headsurgery.prompts import PromptSet

_HINT = "give sets that are pairs line by line, such as builtin:paired-decline and builtin:paired-harmless"


@dataclass(frozen=True, kw_only=True)
class InterchangeOptions(Options):
    """How many heads it chooses."""

    top: Annotated[int, Flag(help="heads in the recipe", at_least=1)] = 10


class Interchange(Method[InterchangeOptions]):
    """The drop of the log-odds of the refusal's token against the harmless answer's, in nats, averaged over the pairs.

    The harmless prompts are no mere control. What their z takes from refusals is the score on the harmful prompts; what harmful z
    brings to them is, with a minus, the score on the harmless prompts. At the default contrast both directions count alike.
    """

    name = "interchange"
    help = "heads whose output, swapped between a prompt and its look-alike, moves refusal"
    options = InterchangeOptions
    counted_by = "top"
    is_per_prompt = True
    needs: ClassVar[Mapping[Need, str]] = {"harmless": "whose prompts are look-alikes of the harmful ones, line by line"}
    wants_control = False

    @property
    def answer_tokens(self) -> int:
        """New tokens among which a refusal is looked for."""
        from headsurgery.attribution.refusal import ANSWER_TOKENS

        return ANSWER_TOKENS

    def score(self, scoring: Scoring, options: InterchangeOptions) -> ScoreTable:
        """See `attribution.interchange`."""
        from headsurgery.attribution.interchange import interchange

        scores, notes = interchange(
            scoring.sweeper,
            scoring.reader,
            *scoring.queries,
            operation=scoring.settings.operation,
            factor=scoring.settings.factor,
            top=options.top,
            contrast=scoring.settings.contrast,
            answer_tokens=scoring.settings.answer_tokens or self.answer_tokens,
            on_progress=scoring.on_progress,
        )
        return replace(scores, notes=notes)

    def reduce(self, scores: FloatArray) -> FloatArray:
        """The mean over pairs."""
        mean: FloatArray = scores.mean(axis=0)
        return mean

    def check_prompts(self, sets: Sequence[PromptSet], options: InterchangeOptions) -> None:
        """Prompt i of one set is the look-alike of prompt i of the other, so none may be missing between."""
        harmful, harmless = sets
        for prompt_set in sets:
            if not prompt_set.keeps_rows:
                raise UsageError(
                    f"{prompt_set.name}: some of its prompts were left out, but interchange pairs prompts line by line", hint=_HINT
                )
        if len(harmful.texts) != len(harmless.texts):
            raise UsageError(
                f"{harmful.name} has {len(harmful.texts)} prompts and {harmless.name} {len(harmless.texts)}, but interchange pairs "
                "them line by line",
                hint=_HINT,
            )

    def work(self, sets: Sequence[Queries], options: InterchangeOptions) -> Work:
        """Both directions of every pair, each a sweep; then the chosen heads are tried."""
        from headsurgery.attribution.interchange import common_ending
        from headsurgery.engine.measures import PreferenceDrop

        harmful, harmless = sets
        swapped = max(1, common_ending([*harmful, *harmless]))
        directions = (("harmful prompts", harmful, harmless), ("harmless prompts", harmless, harmful))
        return Work(
            sweeps=[
                PlannedSweep(what=what, queries=queries, measure=PreferenceDrop(()), partners=partners, swapped=swapped)
                for what, queries, partners in directions
            ],
            answers=[harmful, harmless, harmful],
            note="the time assumes that every pair is scored; those that the model refuses or answers both are not",
        )


METHOD = Interchange()
