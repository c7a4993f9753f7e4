"""`evaluate`: from recipes, checkpoints or a server to figures with their controls, in one call.

First, everything that could be refused is checked. Then models answer, one in memory at a time; then judges read; then figures are
counted. Answers are journalled as they come, so the same call continues an interrupted run. Neighbours: `sets` and `variants` say
what is asked of whom, `local` and `remote` ask, `judging` judges, `measure` counts.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.documents.run_store import creating_folder
from headsurgery.endpoints.endpoint import Endpoint
from headsurgery.errors import UsageError
from headsurgery.evaluation.generate import check_generation, choose_seeds
from headsurgery.evaluation.journal import AnswerJournal, MemoryJournal, read_answers_dtype
from headsurgery.evaluation.judging import Judging
from headsurgery.evaluation.local import ModelRuntime, ask_models, choose_template
from headsurgery.evaluation.measure import compare_judges, count_degenerate, key_of, measure, note_absences
from headsurgery.evaluation.options import EvaluationOptions, ServerOptions
from headsurgery.evaluation.records import Damage, Evaluation, Variant
from headsurgery.evaluation.remote import ask_server, choose_server_template, describe_changes, find_cut_thoughts, read_base_answers
from headsurgery.evaluation.sets import choose_sets, record_set
from headsurgery.evaluation.targets import Target
from headsurgery.evaluation.utility import check_tasks
from headsurgery.evaluation.variants import Lineup, line_up
from headsurgery.judges import JudgeResources
from headsurgery.model.dequantizing import say_dequantized
from headsurgery.model.loading import LoadedModel
from headsurgery.model.precision import dtype_name
from headsurgery.options import ModelOptions, PromptOptions, check_no_more
from headsurgery.progress import Progress
from headsurgery.prompts import PromptSet
from headsurgery.recipe import RecipeBase
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.version import __version__

if TYPE_CHECKING:
    import pandas as pd

ANSWERS = "answers.jsonl"
"""The journal's name in the output folder."""


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """The result of an evaluation.

    Args:
        evaluation: The figures: `report.json`.
        answers: The answers from which they were counted: `answers.jsonl`.
    """

    evaluation: Evaluation
    answers: tuple[Answer, ...]

    def __repr__(self) -> str:
        """Number of answers, base, and numbers of variants, sets and judges, on one line."""
        return f"EvaluationResult({len(self.answers)} answers; {self.evaluation!r})"

    def to_dataframe(self) -> pd.DataFrame:
        """The figures as a pandas data frame, a row for each variant, set and judge.

        Raises:
            UsageError: pandas is not installed.
        """
        return self.evaluation.to_dataframe()

    def _repr_html_(self) -> str:
        """Figures and notes, for a notebook."""
        return self.evaluation._repr_html_()


def evaluate(
    targets: Target | Sequence[Target] = (),
    *,
    base: str | Path | None = None,
    prompts: Sequence[str | PromptSet] = (),
    options: EvaluationOptions | None = None,
    reading: PromptOptions | None = None,
    model: ModelOptions | None = None,
    server: ServerOptions | None = None,
    running: LoadedModel | None = None,
    out: str | Path | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
    **keywords: Any,
) -> EvaluationResult:
    """Measure what edits do to a model: refusal, over-refusal, nonsense and damage, next to the untouched base and random heads.

    Args:
        targets: Recipes (or their files), edited checkpoints, plain models. A plain model alone is evaluated as it is.
        base: Directory or Hub id of the untouched model. Default: the only plain model, else the one that recipes and manifests
            state.
        prompts: Sets, or names as for `load_prompts`. Default: `builtin:decline`.
        options: What is asked, compared and measured, and by which judges.
        reading: Column, limit and template of the prompts.
        model: Commit, type and device of the models.
        server: A server to ask instead of `targets`, or one that judges.
        running: The base, if it is already loaded. It is asked as it is, and stays in memory; checkpoints are loaded in the same
            way.
        out: Folder for `answers.jsonl`. An interrupted run continues from there. None: answers are kept only in memory.
        force: Start again even if the folder has another run's answers.
        on_progress: Called with the stage, such as `answers`, the work done, and the total.
        keywords: Fields of the four option objects, by name, instead of the objects: `evaluate(..., limit=5, dtype="float32")`.

    Raises:
        UsageError: Arguments contradict each other or are out of range.
        OptionError: A keyword is not a field of an option object, or is given together with its object.
        HeadSurgeryError: One of its subclasses says what can't be found, read, fitted or run.
    """
    options, reading, model, server = (
        EvaluationOptions.take(keywords, options),
        PromptOptions.take(keywords, reading),
        ModelOptions.take(keywords, model),
        ServerOptions.take(keywords, server),
    )
    check_no_more("evaluate", keywords, (EvaluationOptions, PromptOptions, ModelOptions, ServerOptions))
    if running is not None:
        first = next(running.model.parameters())
        model = replace(model, dtype=dtype_name(first.dtype), device=str(first.device))
    resources = JudgeResources(
        open_endpoint=server.open_judge if server.has_judge else None,
        device=model.device,
        dtype=model.dtype,
        token=model.token,
        trust_remote_code=model.trust_remote_code,
    )
    judging = Judging(judges=options.judges, resources=resources)
    how = Decoding(
        method=options.decoding,
        top_k=options.top_k if options.decoding == "top_k" else None,
        temperature=options.temperature,
        seeds=choose_seeds(options.decoding, options.seeds),
        max_new_tokens=options.max_new_tokens,
        template=reading.template or "",
        prefill=options.prefill,
        system=options.system,
    )
    check_generation(how, options.batch_size)
    named = [targets] if not isinstance(targets, Sequence) or isinstance(targets, str) else list(targets)
    endpoint = server.open()
    if endpoint is not None:
        if named or base is not None:
            raise UsageError("--endpoint asks the server's own model; it takes no recipe, checkpoint or --base")
        if options.perplexity_text is not None or options.utility:
            raise UsageError("--perplexity and --utility need a model that runs here, not --endpoint")
    elif server.base_answers is not None:
        raise UsageError("--base-answers needs --endpoint; a model that runs here is compared with its base")
    sets = choose_sets(
        prompts,
        kinds=options.kinds,
        harmless=options.harmless,
        column=reading.column,
        limit=reading.limit,
        token=model.token,
    )
    request = _Request(
        sets=sets,
        decoding=how,
        template=reading.template,
        out=None if out is None else Path(out),
        force=force,
        report=on_progress,
    )
    if endpoint is not None:
        judging.check()
        asked = _ask_server(request, endpoint, None if server.base_answers is None else Path(server.base_answers))
    else:
        lineup = line_up(named, base=None if base is None else str(base), options=options, model=model)
        judging.check()
        if options.utility:
            check_tasks(options.utility)
        runtime = replace(ModelRuntime.of(model, options.batch_size), running=running)
        asked = _ask_models(request, lineup, runtime.settled(lineup.base.source, read_answers_dtype(request.out)), options)
    found = _count(asked, judging, on_progress)
    chosen = options.to_json() | (model.placement() if endpoint is None else {})
    return replace(found, evaluation=found.evaluation.model_copy(update={"options": chosen}))


@dataclass(frozen=True, kw_only=True)
class _Request:
    """The prompts, how they are asked, and where answers are stored."""

    sets: tuple[PromptSet, ...]
    decoding: Decoding
    template: str | None
    out: Path | None
    force: bool
    report: Progress | None

    @contextmanager
    def journal(self, decoding: Decoding, settings: Mapping[str, Any]) -> Iterator[MemoryJournal]:
        """Open the journal, with the settings on which the answers depend. A run that fails at once leaves no folder."""
        if self.out is None:
            yield MemoryJournal()
            return
        common = {
            "sets": {prompts.name: prompts.content() for prompts in self.sets},
            "decoding": decoding.model_dump(exclude={"dtype"}),
        }
        with (
            creating_folder(self.out),
            AnswerJournal(self.out / ANSWERS, {**settings, **common}, force=self.force) as journal,
        ):
            yield journal


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """All answers, and what is known about the models that gave them."""

    base: str
    revision: str | None = None
    fingerprint: str | None = None
    donor: RecipeBase | None = None
    variants: tuple[Variant, ...]
    sets: tuple[PromptSet, ...]
    decoding: Decoding
    answers: tuple[Answer, ...]
    damage: tuple[Damage, ...] = ()
    notes: tuple[str, ...] = ()


def _ask_models(request: _Request, lineup: Lineup, runtime: ModelRuntime, options: EvaluationOptions) -> _Asked:
    settings = runtime.settings(lineup.base.source)
    if runtime.reason is not None and request.report is not None:  # not recorded, so that reports of one run are the same bytes
        request.report(f"running in {runtime.reason}", 0, 1)
    template = choose_template(lineup, request.template, request.sets, request.decoding, runtime)
    decoding = request.decoding.model_copy(update={"template": template.name})
    base = {"model": lineup.base.model, "fingerprint": lineup.base.fingerprint()}
    donor = None if lineup.donor is None else _record_donor(lineup.donor)
    from_donor = {} if donor is None else {"donor": donor.fingerprint}
    with request.journal(decoding, {"base": base, **from_donor, "variants": _variant_settings(lineup), **settings}) as journal:
        found = ask_models(
            lineup, request.sets, template, decoding, runtime=runtime, options=options, journal=journal, report=request.report
        )
        variants = tuple(contender.record for contender in lineup.contenders)
        return _Asked(
            base=lineup.base.model,
            revision=lineup.base.revision,
            fingerprint=base["fingerprint"],
            donor=donor,
            variants=variants,
            sets=found.sets,
            decoding=decoding.model_copy(update={"dtype": found.dtype}),
            answers=journal.answers(),
            damage=tuple(found.damage[variant.name] for variant in variants if variant.name in found.damage),
            notes=(*lineup.notes, *_say_dequantized(lineup, runtime), *found.notes),
        )


def _say_dequantized(lineup: Lineup, runtime: ModelRuntime) -> Iterator[str]:
    """Which models are GGUF files, each line once."""
    checkpoints = (lineup.base, *(checkpoint for _, checkpoint in lineup.checkpoints))
    yield from dict.fromkeys(note for one in checkpoints if (note := say_dequantized(one, runtime.dtype)) is not None)


def _record_donor(donor: Checkpoint) -> RecipeBase:
    return RecipeBase(model=donor.model, revision=donor.revision, fingerprint=donor.fingerprint())


def _variant_settings(lineup: Lineup) -> dict[str, Any]:
    """Edits by variant, or the fingerprint of a checkpoint's weights."""
    edits = {variant.name: [edit.model_dump() for edit in variant.edits] for variant in lineup.on_base}
    return edits | {variant.name: checkpoint.fingerprint() for variant, checkpoint in lineup.checkpoints}


def _ask_server(request: _Request, endpoint: Endpoint, base_answers: Path | None) -> _Asked:
    template = choose_server_template(request.template, request.decoding)
    base = None if base_answers is None else read_base_answers(base_answers, request.sets, request.decoding)
    name = "endpoint" if template is None else template.name
    decoding = request.decoding.model_copy(update={"template": name, "engine": endpoint.model})
    given = None if base is None else sha256("".join(answer.to_line() for answer in base.answers).encode()).hexdigest()
    with request.journal(decoding, {"base_answers": given}) as journal:
        variants = ask_server(endpoint, request.sets, template, decoding, base=base, journal=journal, report=request.report)
        used, notes = describe_changes(journal.answers(variant=variants[-1].name), decoding)
        answers, more = find_cut_thoughts(journal.answers(), variants[-1].name)
        return _Asked(
            base=endpoint.model if base is None else base.model,
            variants=variants,
            sets=request.sets,
            decoding=used,
            answers=answers,
            notes=(*notes, *more),
        )


def _count(asked: _Asked, judging: Judging, report: Progress | None) -> EvaluationResult:
    """Judge the answers and count."""
    verdicts, notes = judging.judge(asked.answers, asked.sets, report=report)
    names = {"variants": [variant.name for variant in asked.variants], "sets": [prompts.name for prompts in asked.sets]}
    base = asked.variants[0].name
    by_server = {key_of(answer) for answer in asked.answers if answer.refused_by is not None}
    absences = note_absences(asked.answers, asked.decoding.max_new_tokens)
    evaluation = Evaluation(
        base=asked.base,
        revision=asked.revision,
        fingerprint=asked.fingerprint,
        donor=asked.donor,
        sets=tuple(record_set(prompts) for prompts in asked.sets),
        variants=asked.variants,
        decoding=asked.decoding,
        judges=tuple(verdicts),
        measurements=tuple(
            one for judge in verdicts for one in measure(judge, verdicts[judge], base=base, by_server=by_server, **names)
        ),
        degenerate=tuple(count_degenerate(asked.answers, **names)),
        agreements=tuple(compare_judges(verdicts)),
        damage=asked.damage,
        versions={
            "headsurgery": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
        notes=(*dict.fromkeys(note for prompts in asked.sets for note in prompts.notes), *asked.notes, *absences, *notes),
    )
    return EvaluationResult(evaluation=evaluation, answers=asked.answers)
