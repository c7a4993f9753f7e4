"""`refusal`: a group of heads, grown by what it takes from the model's own refusals (`attribution.refusal`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from headsurgery.attribution.method import Method, PlannedSweep, Queries, Scoring, Work
from headsurgery.options import Flag, Options

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable


@dataclass(frozen=True, kw_only=True)
class RefusalOptions(Options):
    """How far the search goes, and what it may leave out."""

    group_size: Annotated[int, Flag(help="heads in the group at most", at_least=1)] = 5
    every_head: Annotated[
        bool, Flag(help="score every head in every step, also those that can't be the best where gains shrink")
    ] = False
    check: Annotated[
        int, Flag(help="heads to draw in each step out of those that are left out, to see whether gains shrink", at_least=0)
    ] = 10
    check_seed: Annotated[int, Flag(help="seed of that draw", at_least=0)] = 0


class Refusal(Method[RefusalOptions]):
    """The drop of the log-odds of a refusal's first tokens, in nats.

    The search stops by itself when nothing is refused. A group grows by what is left when its first heads are taken out; a search
    for a reinforcement amplifies heads of the whole model, and goes by the first step.
    """

    name = "refusal"
    help = "a group grown by what it takes from the model's own refusals"
    options = RefusalOptions
    counted_by = "group_size"
    seeded_by = "check_seed"
    search_defaults: ClassVar[Mapping[str, object]] = {"group_size": 1}
    default_contrast = 10.0
    wants_control = False
    not_screened = None
    is_rough_to_screen = True

    @property
    def answer_tokens(self) -> int:
        """New tokens among which a refusal is looked for."""
        from headsurgery.attribution.refusal import ANSWER_TOKENS

        return ANSWER_TOKENS

    def score(self, scoring: Scoring, options: RefusalOptions) -> ScoreTable:
        """See `attribution.refusal`."""
        from headsurgery.attribution.lazy import Laziness
        from headsurgery.attribution.refusal import refusal

        lazy = None if options.every_head else Laziness(sample=options.check, seed=options.check_seed)
        scores, notes = refusal(
            scoring.sweeper,
            scoring.reader,
            scoring.queries[0],
            scoring.queries[1] if len(scoring.queries) > 1 else None,
            operation=scoring.settings.operation,
            factor=scoring.settings.factor,
            group_size=options.group_size,
            contrast=scoring.settings.contrast,
            answer_tokens=scoring.settings.answer_tokens or self.answer_tokens,
            screener=scoring.screener,
            lazy=lazy,
            on_progress=scoring.on_progress,
        )
        return replace(scores, notes=notes)

    def work(self, sets: Sequence[Queries], options: RefusalOptions) -> Work:
        """Expected: each step leaves half of the refusals, and half of the groups that may answer in looking back do.

        Lazily, a later step scores one batch of heads and the sample.
        """
        from headsurgery.attribution.lazy import Laziness
        from headsurgery.attribution.lookback import most_answers

        refused = [len(sets[0]) // 2**step for step in range(options.group_size)]
        grown = [count for count in refused if count]  # else the search has ended
        answers = [sets[0]] * (len(grown) + 1 + most_answers(len(grown)) // 2)
        note = (
            "how long the search takes depends on the answers: the expected time assumes that each step leaves half the refusals "
            "and that answers begin with the refusal, the longest time that no step takes any refusal away"
        )
        if options.every_head:
            return Work(sweeps=_sweeps(sets, grown), answers=[*answers, *sets[1:]], note=note)
        batch = Laziness().batch
        note += (
            f"; the expected time also assumes that {batch} heads may be the best in each step after the first, the longest time "
            "that all heads are scored in every step"
        )
        sweeps = _sweeps(sets, grown, again=batch + options.check)
        return Work(sweeps=sweeps, answers=[*answers, *sets[1:]], note=note)

    def longest_work(self, sets: Sequence[Queries], options: RefusalOptions) -> Work:
        """Every prompt is refused in every step, every head may be the best, and every group looks back all the way."""
        from headsurgery.attribution.lookback import most_answers

        answers = [sets[0]] * (options.group_size + 1 + most_answers(options.group_size))
        return Work(sweeps=_sweeps(sets, [len(sets[0])] * options.group_size), answers=[*answers, *sets[1:]])


def _sweeps(sets: Sequence[Queries], refused: Sequence[int], *, again: int | None = None) -> list[PlannedSweep]:
    """The control's sweep, and one for each step with so many prompts refused. A refusal is taken to come first in the answer.

    Args:
        sets: Token ids.
        refused: How many prompts each step scores.
        again: Heads of each step after the first at most; None: all.
    """
    from headsurgery.attribution.refusal import REFUSAL_TOKENS
    from headsurgery.engine.measures import Divergence, LogOddsDrop

    answered = [[[*ids, *[ids[-1]] * (REFUSAL_TOKENS - 1)] for ids in queries] for queries in sets]
    controls = [
        PlannedSweep(what="control", queries=queries, measure=Divergence(), tail=REFUSAL_TOKENS) for queries in answered[1:]
    ]
    return controls + [
        PlannedSweep(
            what=f"step {step + 1}, prompts",
            queries=answered[0][:count],
            measure=LogOddsDrop(()),
            step=step,
            tail=REFUSAL_TOKENS,
            screen_figures=1,
            heads=again if step else None,
        )
        for step, count in enumerate(refused)
    ]


METHOD = Refusal()
