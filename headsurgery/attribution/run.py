"""`attribute`: score every head, choose those that matter, make the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn

from headsurgery.attribution.attacks import Development, encode_development
from headsurgery.attribution.direct import direct
from headsurgery.attribution.doubts import find_doubts
from headsurgery.attribution.frontier_record import Frontier
from headsurgery.attribution.record import record_run
from headsurgery.attribution.refusal import ANSWER_TOKENS, refusal
from headsurgery.attribution.reinforce import ANSWER_TOKENS as SEARCH_TOKENS
from headsurgery.attribution.reinforce import Reinforcement, reinforce
from headsurgery.attribution.sahara import sahara
from headsurgery.attribution.scores import ScoreTable
from headsurgery.attribution.screen.screener import Screener, Screening
from headsurgery.attribution.settings import Intent, Method, Settings
from headsurgery.attribution.ships import ships
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.edits.operations import OPERATIONS, OperationName
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Engine
from headsurgery.errors import UsageError
from headsurgery.model.completion import BatchSize
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import ModuleMap, context_length
from headsurgery.progress import Progress
from headsurgery.prompts import PromptSet, Template, encode, load_template
from headsurgery.recipe import Geometry, HeadEdit, Recipe, RecipeBase


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """What an attribution found.

    Args:
        recipe: The chosen heads, ready to apply.
        scores: Scores of all heads.
        notes: What the user should know although nothing is wrong.
        frontier: What a search for a reinforcement tried; None where none ran.
    """

    recipe: Recipe
    scores: ScoreTable
    notes: tuple[str, ...]
    frontier: Frontier | None = None


def attribute(
    model: nn.Module | Engine,
    tokenizer: Any,
    prompts: PromptSet | Sequence[str],
    *,
    harmless: PromptSet | Sequence[str] | None = None,
    contrast: float | None = None,
    method: Method = "refusal",
    operation: OperationName = "scale",
    factor: float = 0.0,
    group_size: int | None = None,
    top: int = 3,
    r_main: int = 1,
    intent: Intent = "ablate",
    apply_factor: float | None = None,
    max_over_refusal: float = 0.05,
    max_kl: float = 0.1,
    template: str | None = None,
    answer_tokens: int | None = None,
    screen: Screening | None = None,
    batch_size: int | str = "auto",
    base: RecipeBase | None = None,
    journal: SweepJournal | None = None,
    on_progress: Progress | None = None,
    on_search: Progress | None = None,
) -> Attribution:
    """Score every head of a model and choose those that matter most.

    Args:
        model: A transformers causal language model, which for the run is put into evaluation mode; or an engine that runs one.
        tokenizer: Its tokenizer.
        prompts: Harmful queries.
        harmless: The control: queries that look alike but are harmless.
        contrast: Heads are ranked by harmful - contrast * harmless. Default with a control: 10 for `refusal`, else 1; the paper: 0.
        method: `refusal` chooses a group greedily by what it takes from the model's own refusals, `sahara` by the shift of final
            states; `ships` chooses the heads with the highest mean score; `direct` those that write most along the direction from
            harmless to harmful, from two forwards per prompt.
        operation: How a head is ablated while it is scored.
        factor: By how much; 0 takes it out.
        group_size: Heads that `sahara` chooses (default 3), or `refusal` at most (default 5; 1 where a search follows).
        top: Heads that `ships` and `direct` choose.
        r_main: Leading singular vectors that `sahara` compares.
        intent: `ablate` or `reinforce`: what the recipe is for.
        apply_factor: The recipe's factor. Default: `factor` to ablate; to reinforce, heads and factor are searched for on the given
            prompts under attacks; see `reinforce`.
        max_over_refusal: Bound of the search: share of harmless prompts refused, in addition to the base's.
        max_kl: Bound of the search: mean KL(base || reinforced) on harmless answers, in nats per token.
        template: chat, paper, direct or a file; default: the tokenizer's chat template, else paper.
        answer_tokens: New tokens of an answer among which a refusal is looked for, thoughts included. Default: 48, in a search 32.
        screen: Score exactly only heads that come through a screen, and say what it may have missed; None: score all.
        batch_size: Rows (head, query) per forward, or `auto`; an engine has its own.
        base: What the recipe says of its base; default: the model's type and geometry.
        journal: Keeps finished blocks of the sweep, so that a run that broke off goes on where it was.
        on_progress: Called with (head, query) pairs done and in all.
        on_search: Called with candidates of the search done and in all.

    Raises:
        UsageError: Arguments out of range, or that contradict each other.
        ArchitectureError: The family is not in the table.
        GeometryError: The model is not what the table says, or can't be edited with this operation and factor (QK-norm).
        PromptError: No prompts, or no template.
        ModelError: Method `refusal`, and the model refuses none of the prompts.
        NoReinforcementError: A search, and nothing refuses more than the base within bounds.
    """
    settings = Settings.resolve(
        has_harmless=harmless is not None,
        method=method,
        operation=operation,
        factor=factor,
        group_size=group_size,
        top=top,
        r_main=r_main,
        intent=intent,
        apply_factor=apply_factor,
        contrast=contrast,
        batch_size=batch_size,
        max_over_refusal=max_over_refusal,
        max_kl=max_kl,
        answer_tokens=answer_tokens,
        screen=screen,
    )
    engine = model
    if isinstance(engine, nn.Module):
        engine = LocalEngine(LoadedModel(model=engine, tokenizer=tokenizer), batch_size=batch_size)
    settings.check_engine(is_local=isinstance(engine, LocalEngine))
    facts = engine.facts
    settings.check_model(facts.geometry, has_q_norm=facts.has_q_norm)
    loaded = engine.loaded if isinstance(engine, LocalEngine) and settings.apply_factor is None else None  # for a search
    chosen_template = load_template(template, tokenizer)
    sets = [_as_set(prompts, "prompts")] if harmless is None else [_as_set(prompts, "prompts"), _as_set(harmless, "harmless")]
    with _evaluation_mode(model):
        room = facts.context_length - ((answer_tokens or ANSWER_TOKENS) if method == "refusal" else 0)
        encoded = [encode(prompt_set, chosen_template, tokenizer, max_tokens=room) for prompt_set in sets]
        sets = [prompt_set for prompt_set, _ in encoded]
        _check_enough_prompts(settings, sets)
        development = None if loaded is None else _development(loaded, sets, chosen_template, answer_tokens or SEARCH_TOKENS)
        sweeper = Sweeper(engine=engine, journal=journal)
        reader = AnswerReader.of(tokenizer, chosen_template)
        scores, notes = _score(sweeper, reader, [ids for _, ids in encoded], settings, on_progress)
        found = None
        if loaded is not None and development is not None:
            found = _reinforce(loaded, scores, development, settings, on_search)
    edits = found.edits if found else _edits(scores, settings)
    doubts = (*scores.doubts, *find_doubts(settings, scores, facts.dtype))
    provenance = record_run(settings, facts.dtype, sets, chosen_template, edits, scores, doubts)
    recipe = Recipe(
        base=base or RecipeBase(model_type=facts.model_type, geometry=Geometry.of(facts.geometry)),
        edits=edits,
        provenance=provenance.model_copy(update={"search": found.record}) if found else provenance,
    )
    uneven = OPERATIONS[settings.operation].caveats(facts.uneven) if settings.method != "direct" else ()
    said = (note for prompt_set in sets for note in prompt_set.notes)
    notes = tuple(dict.fromkeys((*said, *notes, *doubts, *uneven, *(found.notes if found else ()))))
    return Attribution(recipe=recipe, scores=scores, notes=notes, frontier=found.frontier if found else None)


def _score(
    sweeper: Sweeper, reader: AnswerReader, queries: list[list[list[int]]], settings: Settings, on_progress: Progress | None
) -> tuple[ScoreTable, tuple[str, ...]]:
    """The scores, and notes for the user."""
    notes: tuple[str, ...] = ()
    if settings.method == "direct":
        return direct(_modules(sweeper), queries, top=settings.top, contrast=settings.contrast), ()
    screener = None
    if settings.screen is not None:
        screener = Screener(_modules(sweeper), settings.screen, rough=settings.method == "refusal" or bool(settings.contrast))
    if settings.method == "refusal":
        scores, notes = refusal(
            sweeper,
            reader,
            queries[0],
            queries[1] if len(queries) > 1 else None,
            operation=settings.operation,
            factor=settings.factor,
            group_size=settings.group_size,
            contrast=settings.contrast,
            answer_tokens=settings.answer_tokens or ANSWER_TOKENS,
            screener=screener,
            on_progress=on_progress,
        )
    else:
        scores = _score_states(sweeper, queries, settings, screener, on_progress)
    account = () if scores.account is None else (str(scores.account),)
    return scores, (*notes, *account, *sweeper.engine.notes)


def _modules(sweeper: Sweeper) -> ModuleMap:
    """The model itself, for methods that read activations; `Settings.check_engine` has seen to it."""
    assert isinstance(sweeper.engine, LocalEngine)
    return sweeper.engine.modules


def _score_states(
    sweeper: Sweeper,
    queries: list[list[list[int]]],
    settings: Settings,
    screener: Screener | None,
    on_progress: Progress | None,
) -> ScoreTable:
    if settings.method == "ships":
        return ships(
            sweeper,
            queries,
            operation=settings.operation,
            factor=settings.factor,
            top=settings.top,
            contrast=settings.contrast,
            screener=screener,
            on_progress=on_progress,
        )
    return sahara(
        sweeper,
        queries,
        operation=settings.operation,
        factor=settings.factor,
        group_size=settings.group_size,
        contrast=settings.contrast,
        r_main=settings.r_main,
        screener=screener,
        on_progress=on_progress,
    )


def _development(loaded: LoadedModel, sets: list[PromptSet], template: Template, answer_tokens: int) -> Development:
    """What a search looks at; encoded before heads are scored, so that what can't be asked shows at once."""
    room = context_length(loaded.model) - answer_tokens
    return encode_development(sets[0], sets[1], template, loaded.tokenizer, max_tokens=room)


def _reinforce(
    loaded: LoadedModel, scores: ScoreTable, development: Development, settings: Settings, on_search: Progress | None
) -> Reinforcement:
    rows: BatchSize = settings.batch_size if isinstance(settings.batch_size, int) else "auto"
    tokens = settings.answer_tokens or SEARCH_TOKENS
    return reinforce(
        loaded, scores, development, bounds=settings.bounds, answer_tokens=tokens, batch_size=rows, on_progress=on_search
    )


def _edits(scores: ScoreTable, settings: Settings) -> tuple[HeadEdit, ...]:
    assert settings.apply_factor is not None  # else there was a search
    return tuple(
        HeadEdit(layer=score.layer, head=score.head, operation=settings.operation, factor=settings.apply_factor)
        for score in scores.chosen
    )


def _as_set(prompts: PromptSet | Sequence[str], name: str) -> PromptSet:
    if isinstance(prompts, str):
        raise UsageError(f"{name}: a single string", hint="give a list of prompts, or load_prompts(...) of a name")
    return prompts if isinstance(prompts, PromptSet) else PromptSet.from_texts(prompts, name=name)


def _check_enough_prompts(settings: Settings, sets: list[PromptSet]) -> None:
    """One query spans the whole of R^1, and r queries the whole of R^r: then every angle is 0."""
    for prompt_set in sets:
        if settings.method == "sahara" and len(prompt_set.texts) <= settings.r_main:
            raise UsageError(
                f"{prompt_set.name}: {len(prompt_set.texts)} prompts, but sahara with r_main {settings.r_main} needs at least "
                f"{settings.r_main + 1}",
                hint="give more prompts, or --method ships",
            )


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
