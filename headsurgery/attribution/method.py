"""What an attribution method declares. Each file in `attribution.methods` is a subclass.

A method states its name, its options and inputs, how it scores heads, how its scores are reduced to a ranking, and which sweeps it
will run. Most of that has a default here. The command line, the estimate, the screen, recipes, scores files, cards and comparisons
read these declarations. Neither this module nor a method's file imports torch or numpy at its top, so that `--help` is quick: a
method imports what it needs inside the functions that score.
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
    from headsurgery.recipe import HeadEdit

Own = TypeVar("Own", bound=Options)
"""A method's own options."""

Queries = Sequence[Sequence[int]]
"""Token ids of each prompt of a set."""

Need = Literal["harmless", "model"]

SCORING, SEARCHING, MEASURING = "scoring heads x prompts", "trying heads x factors", "measuring groups of heads"
LEARNING, RESAMPLING = "learning factors", "searching halves of the prompts"
"""The stages of an attribution, as its progress callback reports them."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Everything with which a method scores heads.

    Args:
        settings: The choices of the attribution.
        sweeper: Runs the model with heads edited.
        reader: Reads the model's answers.
        queries: Token ids of the harmful prompts, and of the harmless ones if there is a control.
        attacked: Token ids of the harmful prompts under attacks, for a method that learns a reinforcement itself.
        modules: The model itself. None: it runs elsewhere; methods that need `model` are then refused earlier.
        max_memory: Bytes that the run may take, for a method that runs the model itself; None: four fifths of what is free.
        screener: Selects the heads that are scored. None: all are.
        on_progress: Called with what is done of the method's `stage`, and the total: (head, query) pairs, or its own steps.
    """

    settings: Settings
    sweeper: Sweeper
    reader: AnswerReader
    queries: Sequence[Queries]
    attacked: Queries
    modules: ModuleMap | None
    max_memory: int | None
    screener: Screener | None
    on_progress: StageProgress | None


@dataclass(frozen=True, kw_only=True)
class PlannedSweep:
    """A future sweep, for an estimate.

    Args:
        what: What it does, in words.
        queries: Token ids of what the model reads.
        measure: What is stored of its final states.
        step: Step of a search that takes one head per step, from 0. The heads are not known yet, so each step has one head less.
        tail: How many positions of a query are read, counted from its end.
        screen_figures: Figures that a screen differentiates for each query, in addition to its sketches of the divergence.
        partners: Token ids of the other prompt of each query, for methods that swap head outputs between prompts; none otherwise.
        swapped: Last positions at which head outputs are swapped.
        heads: Maximum number of heads that are scored; None: all.
    """

    what: str
    queries: Queries
    measure: Measure
    step: int = 0
    tail: int = 1
    screen_figures: int = 0
    partners: Queries = ()
    swapped: int = 0
    heads: int | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedGradients:
    """Future forward and backward passes, for an estimate.

    Args:
        queries: Token ids of what the model reads in one of them.
        tail: How many positions of a query are read, counted from its end.
        passes: Number of passes.
    """

    queries: Queries
    tail: int
    passes: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a method will make the model do.

    Args:
        sweeps: Its sweeps.
        gradients: Its forward and backward passes, apart from a screen's.
        answers: Token ids of the prompts that the model will answer, round by round.
        note: What the figures of an estimate assume.
    """

    sweeps: Sequence[PlannedSweep] = ()
    gradients: Sequence[PlannedGradients] = ()
    answers: Sequence[Queries] = ()
    note: str = ""


class Method(ABC, Generic[Own]):
    """A way to score heads. To add one, write a subclass in a file of its own and name it in `attribution.methods`.

    Attributes:
        name: Its name in recipes, scores files and on the command line.
        help: What it does, in a few words for `--help`.
        options: Its own options, with their defaults. Each becomes a flag, a key of run files and a field of `AttributionOptions`.
        counted_by: Its own option that limits how many heads it chooses.
        search_defaults: Other defaults of its own options, for when a search for a reinforcement follows.
        default_contrast: Weight of the control if the user gives none.
        needs: What it requires, and why. `harmless`: a control. `model`: the model in this process.
        stage: What it is at while it scores heads, for whoever watches the progress.
        ablates: Whether it edits heads to score them.
        wants_control: Whether, without a control, it also ranks heads high that every prompt needs.
        seeded_by: Its own option that seeds what it draws; None: it draws nothing.
        learns_factors: Whether it finds the factors of the recipe itself, to ablate as to reinforce, so that no search follows.
        not_screened: Why heads can't be screened for it. None: they can.
        is_rough_to_screen: Whether a screen's estimates of its scores are so rough that it must let more heads through.
        not_estimated: Why `work` can't say what it will run.
        rounding: Score that rounding alone can cause, in its unit, by the type in which the model runs (docs/methods.md).
        also_writes: Further arrays that it writes to a scores file, and their units.
        ranking: What its list of all heads shows, if that needs an explanation.
        is_per_prompt: Whether its arrays hold the scores of each prompt, so that a choice can be tried on halves of the prompts.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    options: type[Own]
    counted_by: ClassVar[str]
    search_defaults: ClassVar[Mapping[str, object]] = {}
    default_contrast: ClassVar[float] = 1.0
    needs: ClassVar[Mapping[Need, str]] = {}
    stage: ClassVar[str] = SCORING
    ablates: ClassVar[bool] = True
    wants_control: ClassVar[bool] = True
    seeded_by: ClassVar[str | None] = None
    learns_factors: ClassVar[bool] = False
    not_screened: ClassVar[str | None] = "has no estimate of its scores by which a screen could choose"
    is_rough_to_screen: ClassVar[bool] = False
    not_estimated: ClassVar[str] = "does not know its sweeps in advance, so there is nothing to estimate"
    rounding: ClassVar[Mapping[str, float]] = {}
    also_writes: ClassVar[Mapping[str, str | None]] = {}
    ranking: ClassVar[str] = ""
    is_per_prompt: ClassVar[bool] = False

    @property
    def unit(self) -> str | None:
        """Unit of its scores; None if they have only the unit of the residual stream."""
        return UNITS[self.name]

    @property
    def answer_tokens(self) -> int:
        """Default number of new tokens that it reads of an answer; 0 if it reads no answers."""
        return 0

    @abstractmethod
    def score(self, scoring: Scoring, options: Own) -> ScoreTable:
        """Score all heads, or those that the screener selects, and choose.

        Args:
            scoring: Prompts, model and choices.
            options: Its own options.

        Returns:
            The scores. The array with the method's name holds them, [step or query, layer, head]; `NAME_harmless` holds those of
            the control, and `NAME_screen` the screen's estimates.
        """

    def reduce(self, scores: FloatArray) -> FloatArray:
        """Reduce scores [step or query, layer, head] to the [layer, head] by which heads are ranked. Default: the first step."""
        first: FloatArray = scores[0]
        return first

    def groups(self, scores: ScoreTable, settings: Settings) -> Sequence[tuple[HeadEdit, ...]]:
        """The groups of heads that the curve measures, besides the chosen one. They need not be nested, and factors may differ.

        Args:
            scores: What it scored and chose.
            settings: The choices of the attribution.
        """
        from headsurgery.attribution.groups import groups_of

        return groups_of(scores, settings)

    def check_prompts(self, sets: Sequence[PromptSet], options: Own) -> None:
        """Refuse prompts with which it can't score heads, before anything runs.

        Args:
            sets: The harmful prompts, and the control if there is one.
            options: Its own options.

        Raises:
            UsageError: It can't score heads with them.
        """

    def work(self, sets: Sequence[Queries], options: Own) -> Work:
        """What it is expected to run.

        Args:
            sets: Token ids of the harmful prompts, and of the control if there is one.
            options: Its own options.

        Raises:
            UsageError: It can't say.
        """
        raise UsageError(f"{self.name} {self.not_estimated}")

    def longest_work(self, sets: Sequence[Queries], options: Own) -> Work | None:
        """The most that it may run; None if that equals `work`."""
        return None
