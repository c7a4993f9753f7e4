"""`gates`: one factor per head, learned by gradient for all heads at once (`attribution.gates`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from headsurgery.attribution.method import LEARNING, Method, Need, PlannedGradients, Queries, Scoring, Work
from headsurgery.options import Flag, Options

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable
    from headsurgery.attribution.settings import Settings
    from headsurgery.recipe import HeadEdit


@dataclass(frozen=True, kw_only=True)
class GatesOptions(Options):
    """How many heads it moves, and how far."""

    top: Annotated[int, Flag(help="heads in the recipe at most", at_least=1)] = 20
    factors: Annotated[
        Literal["zero", "free"],
        Flag(help="zero takes the chosen heads out, free gives each its learned factor; to reinforce they are always free"),
    ] = "zero"
    head_price: Annotated[
        float, Flag(help="loss for taking out one head: more gives fewer heads, less a larger effect", at_least=0)
    ] = 0.02
    gates_seed: Annotated[int, Flag(help="seed of the prompts that each step sees", at_least=0)] = 0


class Gates(Method[GatesOptions]):
    """How far the learned factor of a head lies from 1.

    A head that is moved belongs to a group that acts together; alone it may do nothing. So what the group does is claimed for the
    group, and the curve measures it.
    """

    name = "gates"
    help = "a factor for every head, learned by gradient for all heads at once"
    options = GatesOptions
    counted_by = "top"
    default_contrast = 0.0
    needs: ClassVar[Mapping[Need, str]] = {
        "harmless": "whose answers are to stay as they are",
        "model": "learns factors by gradient through a model in one process",
    }
    stage = LEARNING
    wants_control = False
    seeded_by = "gates_seed"
    learns_factors = True
    not_screened = "learns all heads at once, so there is nothing to screen"
    also_writes: ClassVar[Mapping[str, str | None]] = {"gates_factors": None}

    @property
    def answer_tokens(self) -> int:
        """New tokens among which a refusal is looked for."""
        from headsurgery.attribution.refusal import ANSWER_TOKENS

        return ANSWER_TOKENS

    def score(self, scoring: Scoring, options: GatesOptions) -> ScoreTable:
        """See `attribution.gates`."""
        from headsurgery.attribution.gates import GateSettings, gates, table_of
        from headsurgery.engine.factors import GradientPasses

        assert scoring.modules is not None  # it needs the model
        chosen = scoring.settings
        reinforce = chosen.intent == "reinforce"
        settings = GateSettings(
            operation=chosen.operation,
            reinforce=reinforce,
            factors="free" if reinforce else options.factors,
            max_heads=min(options.top, scoring.sweeper.geometry.num_heads_in_all),
            head_price=options.head_price,
            seed=options.gates_seed,
            answer_tokens=chosen.answer_tokens or self.answer_tokens,
        )
        prompts, harmless = scoring.queries
        longest = max(map(len, (*prompts, *harmless, *scoring.attacked))) + settings.answer_tokens
        found = gates(
            scoring.sweeper,
            scoring.reader,
            scoring.modules,
            prompts,
            harmless,
            settings,
            attacked=scoring.attacked,
            passes=GradientPasses.fit(scoring.modules, prompts[0], longest, scoring.max_memory),
            on_progress=scoring.on_progress,
        )
        return table_of(found, settings, scoring.sweeper.geometry)

    def work(self, sets: Sequence[Queries], options: GatesOptions) -> Work:
        """The steps of the descent and the rounds of answers; refining a group is counted as steps."""
        from headsurgery.attribution.gates import FITTING_STEPS, OPENING_TOKENS, REFINING_STEPS, ROUNDS, ROWS, STEPS
        from headsurgery.attribution.refusal import REFUSAL_TOKENS

        rows = [[*ids, *[ids[-1]] * (OPENING_TOKENS - 1)] for ids in sets[0][:ROWS]]
        rows += [[*ids, *[ids[-1]] * (REFUSAL_TOKENS - 1)] for ids in sets[1][:ROWS]]
        last = FITTING_STEPS if options.factors == "free" else REFINING_STEPS
        return Work(
            gradients=[PlannedGradients(queries=rows, tail=REFUSAL_TOKENS, passes=ROUNDS * STEPS + last)],
            answers=[*[sets[0]] * (2 + ROUNDS), sets[1]],
            note=f"to refine a group of heads is counted as {REFINING_STEPS} steps; how many it takes depends on the heads; "
            "to reinforce, a step reads half as much again, and the model answers more often",
        )

    def groups(self, scores: ScoreTable, settings: Settings) -> Sequence[tuple[HeadEdit, ...]]:
        """The group's first 1, 2, 5, ... heads, each with its own factor."""
        return scores.groups


METHOD = Gates()
