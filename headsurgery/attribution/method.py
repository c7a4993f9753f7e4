"""What an attribution method declares: the form of a file in `attribution.methods`.

A method says what it is called, which options and inputs it takes, how it scores heads, how its scores are reduced to a ranking,
and which sweeps it will run. Most of that has a default here. The command line, the estimate, the screen, recipes, scores files,
cards and comparisons read these declarations. Neither this module nor a method's file imports torch or numpy at its top, so that
`--help` is quick: a method imports what it scores with inside the functions that score.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar

from headsurgery.attribution.methods import UNITS
from headsurgery.errors import UsageError
from headsurgery.options import Options

if TYPE_CHECKING:
    from headsurgery.attribution.scores import FloatArray, ScoreTable
    from headsurgery.attribution.screen.screener import Screener
    from headsurgery.attribution.settings import Settings
    from headsurgery.behaviour.reading import AnswerReader
    from headsurgery.engine.sweep import Sweeper
    from headsurgery.engine.task import Measure
    from headsurgery.model.modules import ModuleMap
    from headsurgery.progress import StageProgress
    from headsurgery.prompts import PromptSet

Own = TypeVar("Own", bound=Options)
"""A method's own options."""

Queries = Sequence[Sequence[int]]
"""Token ids of each prompt of a set."""

Need = Literal["harmless", "model"]

SCORING, SEARCHING = "scoring heads x prompts", "trying heads x factors"
"""Stages of an attribution, for its callback of progress."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What a method scores heads with.

    Args:
        settings: The choices of the attribution.
        sweeper: Runs the model with heads edited.
        reader: Reads the model's answers.
        queries: Token ids of the harmful prompts, and of the harmless ones where there is a control.
        modules: The model itself. None: it runs elsewhere, which only a method that needs `model` never sees.
        screener: Lets some heads through, which alone are scored. None: all are.
        on_progress: Called with (head, query) pairs done and in all.
    """

    settings: Settings
    sweeper: Sweeper
    reader: AnswerReader
    queries: Sequence[Queries]
    modules: ModuleMap | None
    screener: Screener | None
    on_progress: StageProgress | None


@dataclass(frozen=True, kw_only=True)
class PlannedSweep:
    """A sweep to come, for an estimate.

    Args:
        what: In words.
        queries: Token ids of what the model reads.
        measure: What is kept of its final states.
        step: Of a search that takes one head a step, from 0. Which heads are taken is not known, so each step has one head less.
        tail: Positions of a query that are read, up to its last.
        screen_figures: What a screen differentiates for each query besides its sketches of the divergence.
    """

    what: str
    queries: Queries
    measure: Measure
    step: int = 0
    tail: int = 1
    screen_figures: int = 0


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a method will let the model do.

    Args:
        sweeps: Its sweeps.
        answers: Token ids of the prompts that it lets the model answer, round by round.
        note: What the figures of an estimate assume.
    """

    sweeps: Sequence[PlannedSweep]
    answers: Sequence[Queries] = ()
    note: str = ""


class Method(ABC, Generic[Own]):
    """A way to score heads. To add one, write a subclass in a file of its own and name it in `attribution.methods`.

    Attributes:
        name: As recipes, scores files and the command line name it.
        help: What it does, in a few words for `--help`.
        options: Its own options, with their defaults. Each becomes a flag, a key of run files and a field of `AttributionOptions`.
        counted_by: The own option that says how many heads it chooses at most.
        search_defaults: Own options that have another default where a search for a reinforcement follows.
        default_contrast: Weight of the control where the user gives none.
        needs: What it can't do without, and why. `harmless`: a control. `model`: the model in this process.
        ablates: Whether it edits heads to score them.
        wants_control: Whether it ranks heads high that every prompt needs, where there is no control.
        not_screened: Why heads can't be screened for it. None: they can.
        is_rough_to_screen: Whether a screen's estimates of its scores are so rough that more heads must come through.
        not_estimated: Why `work` can't tell what it will run.
        rounding: By the type that the model runs in, what rounding alone scores, in its unit (docs/methods.md).
        also_writes: Further arrays that it leaves in a scores file, and their units.
        ranking: What its list of all heads is of, where that needs saying.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    options: type[Own]
    counted_by: ClassVar[str]
    search_defaults: ClassVar[Mapping[str, object]] = {}
    default_contrast: ClassVar[float] = 1.0
    needs: ClassVar[Mapping[Need, str]] = {}
    ablates: ClassVar[bool] = True
    wants_control: ClassVar[bool] = True
    not_screened: ClassVar[str | None] = "has no estimate of its scores that a screen could go by"
    is_rough_to_screen: ClassVar[bool] = False
    not_estimated: ClassVar[str] = "does not tell its sweeps beforehand, so there is nothing to estimate"
    rounding: ClassVar[Mapping[str, float]] = {}
    also_writes: ClassVar[Mapping[str, str | None]] = {}
    ranking: ClassVar[str] = ""

    @property
    def unit(self) -> str | None:
        """Unit of its scores; None: no unit but that of the residual stream."""
        return UNITS[self.name]

    @property
    def answer_tokens(self) -> int:
        """New tokens of an answer that it reads where the user says nothing; 0: it reads no answers."""
        return 0

    @abstractmethod
    def score(self, scoring: Scoring, options: Own) -> ScoreTable:
        """Score all heads, or those that the screener lets through, and choose.

        Args:
            scoring: Prompts, model and choices.
            options: Its own options.

        Returns:
            The scores. The array of its name holds them, [step or query, layer, head]; `NAME_harmless` those of the control, and
            `NAME_screen` the screen's estimates.
        """

    def reduce(self, scores: FloatArray) -> FloatArray:
        """Scores [step or query, layer, head] as the one [layer, head] that all heads are ranked by: those of the first step."""
        first: FloatArray = scores[0]
        return first

    def check_prompts(self, sets: Sequence[PromptSet], options: Own) -> None:
        """Refuse prompts that it can't score heads with, before anything runs.

        Args:
            sets: The harmful ones, and the control where there is one.
            options: Its own options.

        Raises:
            UsageError: They can't.
        """

    def work(self, sets: Sequence[Queries], options: Own) -> Work:
        """What it is expected to run.

        Args:
            sets: Token ids of the harmful prompts, and of the control where there is one.
            options: Its own options.

        Raises:
            UsageError: It can't tell.
        """
        raise UsageError(f"{self.name} {self.not_estimated}")

    def longest_work(self, sets: Sequence[Queries], options: Own) -> Work | None:
        """The most that it may run; None where that is what `work` says."""
        return None
