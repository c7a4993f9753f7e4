"""`attribute`: score every head, choose those that matter, make the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from torch import nn

from headsurgery.attribution.attacks import Development, encode_development
from headsurgery.attribution.curve import answer_tokens_of, doubt_curve, follow_curve, measure_curve
from headsurgery.attribution.doubts import find_doubts
from headsurgery.attribution.frontier_record import Frontier
from headsurgery.attribution.holding_out import Asked, HeldOut, hold_out
from headsurgery.attribution.lazy import say_lazy
from headsurgery.attribution.method import MEASURING, RESAMPLING, SEARCHING, Scoring
from headsurgery.attribution.options import AttributionOptions
from headsurgery.attribution.record import record_run
from headsurgery.attribution.reinforce import ANSWER_TOKENS as SEARCH_TOKENS
from headsurgery.attribution.reinforce import Reinforcement, reinforce
from headsurgery.attribution.scores import ScoreTable
from headsurgery.attribution.screen.screener import Screening, screener_of
from headsurgery.attribution.settings import Settings
from headsurgery.attribution.stability import draw_halves, measure_stability
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.documents.tables import Table
from headsurgery.edits.operations import OPERATIONS
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Engine
from headsurgery.errors import UsageError
from headsurgery.heads import HeadRef
from headsurgery.model.completion import BatchSize
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import context_length
from headsurgery.options import check_no_more
from headsurgery.progress import Progress, StageProgress, of_stage, takes_stage
from headsurgery.prompts import PromptSet, Template, encode, load_template
from headsurgery.recipe import Curve, Geometry, HeadEdit, HeadScore, Recipe, RecipeBase, Stability, say_edits

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """The result of an attribution.

    Args:
        recipe: The chosen heads, ready to apply.
        scores: Scores of all heads.
        notes: What the user should know, although nothing is wrong.
        frontier: What a search for a reinforcement tried; None if there was none.
        curve: What groups of heads do to prompts that the search did not see; None if none were held out.
        stability: Which heads the search finds again on halves of its prompts; None if it was not repeated.
    """

    recipe: Recipe
    scores: ScoreTable
    notes: tuple[str, ...]
    frontier: Frontier | None = None
    curve: Curve | None = None
    stability: Stability | None = None

    def __repr__(self) -> str:
        """The chosen edits and the scores, on one line."""
        return f"Attribution({say_edits(self.recipe.edits)}; {self.scores!r})"

    @property
    def heads(self) -> Table[HeadScore]:
        """All heads that have a score, the best first."""
        return self.scores.heads

    def plot(self) -> Figure:
        """A heat map of the scores, drawn with matplotlib.

        Raises:
            UsageError: matplotlib is not installed.
        """
        return self.scores.plot()

    def _repr_html_(self) -> str:
        """A heat map, the best heads, the curve, the stability of the recipe's heads and the notes, for a notebook."""
        from headsurgery.report.fragment import show_curve, show_stability

        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        curve = "" if self.curve is None else show_curve(self.curve)
        stability = "" if self.stability is None else show_stability(self.stability)
        return self.scores._repr_html_() + curve + stability + (f"<ul>{notes}</ul>" if notes else "")


def attribute(
    model: nn.Module | Engine,
    tokenizer: Any,
    prompts: PromptSet | Sequence[str],
    *,
    harmless: PromptSet | Sequence[str] | None = None,
    options: AttributionOptions | Settings | None = None,
    template: str | None = None,
    batch_size: int | str = "auto",
    base: RecipeBase | None = None,
    journal: SweepJournal | None = None,
    on_progress: Progress | None = None,
    on_search: StageProgress | None = None,
    **keywords: Any,
) -> Attribution:
    """Score every head of a model and choose those that matter most.

    Args:
        model: A transformers causal language model, which is put into evaluation mode during the run; or an engine that runs one.
        tokenizer: Its tokenizer.
        prompts: Harmful queries.
        harmless: The control: queries that look alike but are harmless.
        options: The method and all choices of the attribution, or these resolved. Default: all open; which method that
            is says `AttributionOptions.with_method`.
        template: chat, paper, direct or a file; default: the tokenizer's chat template, else paper.
        batch_size: Rows (head, query) per forward pass, or `auto`. An engine has its own.
        base: What the recipe says of its base. Default: the model's type and geometry.
        journal: Stores finished blocks of the sweep and answers of a search, so that an interrupted run can continue where it
            stopped.
        on_progress: Called with the stage, the work done, and the total: (head, query) pairs of `scoring heads x prompts`, or steps
            of `learning factors`, then, if there is a search, candidates of `trying heads x factors`, or, if there is a curve,
            points of `measuring groups of heads`, and then, if there are resamples, those of `searching halves of the prompts`.
        on_search: Called instead of `on_progress` with the search's candidates done and their total.
        keywords: Fields of `AttributionOptions`, such as `method="ships", top=5`, instead of `options`.

    Raises:
        UsageError: Choices are out of range or contradict each other.
        ArchitectureError: The family is not supported.
        GeometryError: The model doesn't match its family's declaration, or can't be edited with this operation and factor
            (QK-norm).
        PromptError: There are no prompts, or no template.
        ModelError: With the method `refusal`: the model refuses none of the prompts.
        NoReinforcementError: In a search: no candidate refuses more than the base within the bounds.
        OptionError: A keyword is not an option, or is given together with `options`.
    """
    is_local = isinstance(model, nn.Module | LocalEngine)
    settings = _settle(options, keywords, has_harmless=harmless is not None, is_local=is_local)
    report = of_stage(on_progress, settings.method.stage)
    if on_search is None and on_progress is not None and takes_stage(on_progress):
        on_search = of_stage(on_progress, SEARCHING)
    on_curve, on_resample = None, None
    if on_progress is not None and takes_stage(on_progress):
        on_curve, on_resample = of_stage(on_progress, MEASURING), of_stage(on_progress, RESAMPLING)
    engine = model
    if isinstance(engine, nn.Module):
        if batch_size != "auto" and (isinstance(batch_size, str) or batch_size < 1):
            raise UsageError(f"batch size is {batch_size!r}, expected auto or at least 1")
        engine = LocalEngine(LoadedModel(model=engine, tokenizer=tokenizer), batch_size=batch_size)
    settings.check_engine(is_local=is_local)
    facts = engine.facts
    settings.check_model(facts.geometry, has_q_norm=facts.has_q_norm)
    loaded = engine.loaded if isinstance(engine, LocalEngine) and settings.is_attacked else None
    chosen_template = load_template(template, tokenizer)
    sets = [_as_set(prompts, "prompts")] if harmless is None else [_as_set(prompts, "prompts"), _as_set(harmless, "harmless")]
    with _evaluation_mode(model):
        room = facts.context_length
        if settings.method.answer_tokens:
            room -= settings.answer_tokens or settings.method.answer_tokens
        encoded = [encode(prompt_set, chosen_template, tokenizer, max_tokens=room) for prompt_set in sets]
        sets = [prompt_set for prompt_set, _ in encoded]
        settings.method.check_prompts(sets, settings.own)
        asked = [Asked(prompts=prompt_set, ids=ids) for prompt_set, ids in encoded]
        held_out = hold_out(asked, settings.held_out, max_tokens=facts.context_length - answer_tokens_of(settings))
        settings.method.check_prompts([part.prompts for part in held_out.searched], settings.own)
        halves = draw_halves(held_out.searched, settings)
        development = None
        if loaded is not None:
            development = _development(loaded, sets, chosen_template, settings.answer_tokens or SEARCH_TOKENS)
        reader = AnswerReader.of(tokenizer, chosen_template)
        scoring = _prepare_scoring(engine, settings, held_out.searched, development, journal, report, reader)
        scores = settings.method.score(scoring, settings.own)
        found = None
        if loaded is not None and development is not None and settings.searches:
            found = _reinforce(loaded, scores, development, settings, batch_size, journal, on_search)
        curve = _measure(scoring, scores, held_out, journal, on_curve) if held_out.harmful else None
        if curve is not None and settings.is_count_open:
            curve, scores = follow_curve(curve, scores)
        edits = _choose_edits(scores, settings, found, curve)
        stability = measure_stability(scoring, scores, halves, [edit.ref for edit in edits], on_progress=on_resample)
    doubts = _doubt(scores, settings, curve, facts.dtype)
    provenance = record_run(settings, facts.dtype, sets, chosen_template, edits, scores, doubts, curve, stability).model_copy(
        update={
            "device": facts.device,
            "options": settings.chosen.to_json()
            | ({} if batch_size == "auto" else {"batch_size": batch_size})
            | ({"trust_remote_code": True} if facts.runs_own_code else {}),
        }
    )
    recipe = Recipe(
        base=base or RecipeBase(model_type=facts.model_type, geometry=Geometry.of(facts.geometry)),
        edits=edits,
        provenance=provenance.model_copy(update={"search": found.record}) if found else provenance,
    )
    said = [note for prompt_set in sets for note in prompt_set.notes]
    said += (str(held_out),) if held_out.harmful or settings.held_out is None else ()
    said += scores.notes
    said += () if scores.account is None else (str(scores.account),)
    said += () if scores.lazy is None else (say_lazy(scores.lazy, settings.method.unit or ""),)
    said += engine.notes if settings.method.ablates else ()
    said += () if curve is None else (curve.why,)
    said += doubts
    said += _say_stability(stability, settings)
    said += OPERATIONS[settings.operation].caveats(facts.uneven) if settings.method.ablates else ()
    said += found.notes if found else () if development is None else development.notes
    scores = replace(scores, provenance=recipe.provenance)
    return Attribution(
        recipe=recipe,
        scores=scores,
        notes=tuple(dict.fromkeys(said)),
        frontier=found.frontier if found else None,
        curve=curve,
        stability=stability,
    )


def _settle(
    options: AttributionOptions | Settings | None, keywords: dict[str, Any], *, has_harmless: bool, is_local: bool
) -> Settings:
    """The settings. Keyword arguments may replace the options; all keywords of version 0.1 still work."""
    if isinstance(options, Settings):
        check_no_more("attribute", keywords, [AttributionOptions])
        return options
    if "screen" in keywords:
        screening = keywords.pop("screen")
        keywords["screen"] = screening is not None and screening is not False
        if isinstance(screening, Screening):
            keywords |= {"survivors": screening.survivors, "sample": screening.sample, "screen_seed": screening.seed}
    gathered = AttributionOptions.take(keywords, options)
    check_no_more("attribute", keywords, [AttributionOptions])
    return Settings.resolve(gathered, has_harmless=has_harmless, is_local=is_local)


def _prepare_scoring(
    engine: Engine,
    settings: Settings,
    searched: Sequence[Asked],
    development: Development | None,
    journal: SweepJournal | None,
    on_progress: StageProgress | None,
    reader: AnswerReader,
) -> Scoring:
    modules = engine.modules if isinstance(engine, LocalEngine) else None
    return Scoring(
        settings=settings,
        sweeper=Sweeper(engine=engine, journal=journal),
        reader=reader,
        queries=[part.ids for part in searched],
        attacked=() if development is None else development.attacked,
        modules=modules,
        max_memory=engine.max_memory if isinstance(engine, LocalEngine) else None,
        screener=screener_of(modules, settings),
        on_progress=on_progress,
    )


def _development(loaded: LoadedModel, sets: list[PromptSet], template: Template, answer_tokens: int) -> Development:
    """The prompts of a search. They are encoded before heads are scored, so that problems appear at once."""
    room = context_length(loaded.model) - answer_tokens
    return encode_development(sets[0], sets[1], template, loaded.tokenizer, max_tokens=room)


def _reinforce(
    loaded: LoadedModel,
    scores: ScoreTable,
    development: Development,
    settings: Settings,
    batch_size: int | str,
    journal: SweepJournal | None,
    on_search: StageProgress | None,
) -> Reinforcement:
    rows: BatchSize = batch_size if isinstance(batch_size, int) else "auto"
    tokens = settings.answer_tokens or SEARCH_TOKENS
    return reinforce(
        loaded,
        scores,
        development,
        bounds=settings.bounds,
        answer_tokens=tokens,
        batch_size=rows,
        journal=journal,
        on_progress=on_search,
    )


def _measure(
    scoring: Scoring, scores: ScoreTable, held_out: HeldOut, journal: SweepJournal | None, on_progress: StageProgress | None
) -> Curve:
    """The curve of the method's groups."""
    settings = scoring.settings
    return measure_curve(
        scoring.sweeper.engine,
        scoring.reader,
        settings.method.groups(scores, settings),
        held_out,
        own=_own_edits(scores, settings),
        answer_tokens=answer_tokens_of(settings),
        max_kl=settings.bounds.max_kl,
        journal=journal,
        on_progress=on_progress,
    )


def _choose_edits(scores: ScoreTable, settings: Settings, found: Reinforcement | None, curve: Curve | None) -> tuple[HeadEdit, ...]:
    """The recipe's edits: those of a search, of the curve's chosen group, or of the heads that the method chose."""
    if found is not None:
        return found.edits
    if curve is not None and curve.chosen is not None:
        return curve.points[curve.chosen].edits
    return _own_edits(scores, settings)


def _own_edits(scores: ScoreTable, settings: Settings) -> tuple[HeadEdit, ...]:
    if scores.edits is not None:
        return scores.edits
    return tuple(settings.edit(HeadRef(score.layer, score.head)) for score in scores.chosen)


def _doubt(scores: ScoreTable, settings: Settings, curve: Curve | None, dtype: str) -> tuple[str, ...]:
    """What makes the choice doubtful. Low scores of single heads are no doubt about a group that works on other prompts."""
    is_measured = curve is not None and curve.recommended is not None and curve.recommended == curve.chosen
    judged = replace(scores, chosen=()) if is_measured else scores
    of_curve = () if curve is None else doubt_curve(curve)
    return (*scores.doubts, *find_doubts(settings, judged, dtype), *of_curve)


def _say_stability(stability: Stability | None, settings: Settings) -> tuple[str, ...]:
    """What resamples say: where the user asked for them, and where they speak against a head of the recipe."""
    if stability is None or not (stability.unstable or settings.chosen.resamples):
        return ()
    return (stability.say(),)


def _as_set(prompts: PromptSet | Sequence[str], name: str) -> PromptSet:
    if isinstance(prompts, str):
        raise UsageError(f"{name}: a single string", hint="give a list of prompts, or load_prompts(...) of a name")
    return prompts if isinstance(prompts, PromptSet) else PromptSet.from_texts(prompts, name=name)


@contextmanager
def _evaluation_mode(model: nn.Module | Engine) -> Iterator[None]:
    training = []
    if isinstance(model, nn.Module):
        training = [module for module in model.modules() if module.training]
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
