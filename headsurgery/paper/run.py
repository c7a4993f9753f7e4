"""`run_experiment`: an experiment of the paper on a model, from its settings to the report.

First everything that can be refused is checked, from files' headers; then the cost is told; then the model is loaded, heads are
chosen, answers generated and judged. Answers and chosen heads are kept as they come: the same call again goes on where it broke
off. Neighbours: `ablations`, `overlaps` and `transplant` do the work, `counting` makes the rows.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import transformers

from headsurgery.behaviour.answers import Decoding
from headsurgery.documents.run_store import creating_folder
from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.operations import OPERATIONS
from headsurgery.errors import GeometryError, UsageError
from headsurgery.evaluation.generate import check_generation
from headsurgery.evaluation.journal import AnswerJournal, MemoryJournal, read_answers_dtype
from headsurgery.evaluation.local import ModelRuntime
from headsurgery.evaluation.sets import choose_sets, record_set
from headsurgery.hub.models import fetch_model
from headsurgery.model.loading import load_tokenizer
from headsurgery.model.selftest import settle_unevenness
from headsurgery.options import ModelOptions, check_no_more
from headsurgery.paper.ablations import ablate_groups, ablate_single_heads, count_shares
from headsurgery.paper.choice import HeadStore
from headsurgery.paper.counting import Case, count_rows
from headsurgery.paper.options import ExperimentOptions
from headsurgery.paper.overlaps import NO_KINSHIP, compare_rankings, rank_all
from headsurgery.paper.plan import plan_work, say_work
from headsurgery.paper.records import ExperimentReport, ExperimentResult, ResultRow
from headsurgery.paper.settings import ExperimentSettings, load_experiment
from headsurgery.paper.subject import Conditions, Subject, load_subject, loaded_model
from headsurgery.paper.transplant import ask_transplanted
from headsurgery.progress import Progress
from headsurgery.prompts import PromptSet, load_prompt_sets, load_template
from headsurgery.storage.checkpoint import Checkpoint, open_checkpoint
from headsurgery.storage.codecs import count_parameters
from headsurgery.version import __version__

ANSWERS, HEADS = "answers.jsonl", "heads.json"


def run_experiment(
    name: str,
    model: str | Path,
    *,
    sets: Sequence[str | PromptSet] = (),
    options: ExperimentOptions | None = None,
    model_options: ModelOptions | None = None,
    out: str | Path | None = None,
    force: bool = False,
    on_plan: Callable[[str], None] | None = None,
    on_progress: Progress | None = None,
    **keywords: Any,
) -> ExperimentResult:
    """Repeat an experiment of the paper.

    Args:
        name: One of `settings.NAMES`.
        model: Directory or Hub id.
        sets: Instead of the paper's: sets, or names as `load_prompts` takes them. What doesn't say its purpose counts as harmful.
        options: What else is replaced, and the second model of figure-5 and figure-6a.
        model_options: Commit, type and device of the models.
        out: Folder for `answers.jsonl` and `heads.json`; a run that broke off goes on from there. None: in memory only.
        force: Begin anew where another run's answers are in the folder.
        on_plan: Called once, before the model is loaded, with a line that says how much is to be done.
        on_progress: Called with the stage, such as `answers`, and done and in all.
        keywords: Fields of the two option objects, by name, instead of the objects.

    Raises:
        UsageError: No such experiment, a choice that doesn't belong to it, or too few prompts or heads.
        HeadSurgeryError: Its children say what can't be found, read, fitted or run.
    """
    options, loading = ExperimentOptions.take(keywords, options), ModelOptions.take(keywords, model_options)
    check_no_more("run_experiment", keywords, (ExperimentOptions, ModelOptions))
    settings = _settle(load_experiment(name), options)
    _check_choices(settings, options)
    decoding = Decoding(max_new_tokens=settings.max_new_tokens or 1, template="", prefill=settings.prefill)
    check_generation(decoding, options.batch_size)
    asked = _load_sets(sets or settings.sets, options, loading.token)
    settings = settings.model_copy(update={"sets": tuple(prompts.name for prompts in asked)})
    checkpoint, anatomy = _open(model, loading.revision, loading.token)
    runtime = ModelRuntime.of(loading, options.batch_size).settled(
        checkpoint.source, read_answers_dtype(None if out is None else Path(out))
    )
    run_on = runtime.settings(checkpoint.source)
    other = options.pretrained or options.sibling
    second = None if other is None else _open_like(other, loading.token, anatomy)
    found = load_template(settings.template, load_tokenizer(checkpoint.source, trust_remote_code=loading.trust_remote_code))
    decoding = decoding.model_copy(update={"template": found.name})
    sizes, num_heads = [len(prompts.texts) for prompts in asked], anatomy.geometry.num_heads_in_all
    work = plan_work(settings, sizes, num_heads, single_heads=options.heads_limit, models=1 + (second is not None))
    if on_plan is not None:
        on_plan(say_work(settings, work, sizes, num_heads))
    record: dict[str, Any] = {
        "experiment": settings.name,
        "model": {"model": checkpoint.model, "fingerprint": checkpoint.fingerprint()},
        "other": None if second is None else {"model": second.model, "fingerprint": second.fingerprint()},
        "sets": {prompts.name: prompts.content() for prompts in asked},
        "decoding": decoding.model_dump(exclude={"dtype"}),
        "factor": settings.factor,
        **({"group_sizes": list(settings.group_sizes)} if settings.levels and options.heads_limit else {}),
        **run_on,
    }
    folder = None if out is None else Path(out)
    store = HeadStore(None if folder is None else folder / HEADS, record, force=force)
    with (
        nullcontext() if folder is None else creating_folder(folder),
        _open_journal(folder, record, has_answers=work.answers > 0, force=force) as journal,
    ):
        conditions = Conditions(
            sets=asked,
            template=settings.template,
            decoding=decoding,
            runtime=runtime,
            journal=journal,
            num_answers=work.answers,
            report=on_progress,
        )
        run = _ExperimentRun(settings=settings, conditions=conditions, store=store, heads_limit=options.heads_limit)
        done = run.overlaps(checkpoint, second) if settings.name == "figure-5" else run.answers(checkpoint, anatomy, second)
        report = ExperimentReport(
            settings=settings.model_copy(update={"template": found.name}),
            model=checkpoint.model,
            revision=checkpoint.revision,
            fingerprint=record["model"]["fingerprint"],
            other_model=second.model if second else None,
            other_revision=second.revision if second else None,
            other_fingerprint=record["other"]["fingerprint"] if second else None,
            sets=tuple(record_set(prompts) for prompts in done.sets),
            decoding=decoding.model_copy(update={"dtype": done.dtype}) if work.answers else None,
            rows=(*done.rows, *_only_in_the_paper(settings, done.rows)),
            versions={
                "headsurgery": __version__,
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "python": platform.python_version(),
            },
            options=options.to_json() | loading.placement(),
            notes=(*dict.fromkeys(note for prompts in done.sets for note in prompts.notes), *done.notes),
        )
        return ExperimentResult(report=report, answers=journal.answers(), heads=store.heads)


@dataclass(frozen=True, kw_only=True)
class _Finished:
    rows: tuple[ResultRow, ...]
    sets: tuple[PromptSet, ...]
    dtype: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _ExperimentRun:
    """The parts that both kinds of experiment share."""

    settings: ExperimentSettings
    conditions: Conditions
    store: HeadStore
    heads_limit: int | None

    def overlaps(self, checkpoint: Checkpoint, sibling: Checkpoint | None) -> _Finished:
        """Rank the heads of one model after the other."""
        with load_subject(checkpoint, self.conditions, checkpoint.model) as subject:
            rankings = rank_all(subject, self.settings, self.store, role="model")
            num_heads, done = subject.modules.geometry.num_heads_in_all, self._done(subject, ())
        done = replace(done, notes=(*done.notes, NO_KINSHIP))
        if sibling is None:
            note = "no sibling was given, so only operations are compared; --sibling compares two models"
            return replace(done, rows=tuple(compare_rankings(rankings, self.settings, num_heads)), notes=(*done.notes, note))
        with load_subject(sibling, self.conditions, sibling.model) as subject:
            rankings |= rank_all(subject, self.settings, self.store, role="sibling")
        return replace(done, rows=tuple(compare_rankings(rankings, self.settings, num_heads)))

    def answers(self, checkpoint: Checkpoint, anatomy: Anatomy, pretrained: Checkpoint | None) -> _Finished:
        """Ask, judge and count."""
        with load_subject(checkpoint, self.conditions, checkpoint.model) as subject:
            cases = list(self._ask(subject, pretrained))
            done = self._done(subject, ())
        rows = count_rows(cases, self.conditions.journal.answers(), done.sets, self.settings, self.conditions.report)
        if self.settings.name == "parameters":
            rows = [*count_shares(self.settings, anatomy, count_parameters(checkpoint)), *rows]
        notes = done.notes
        if self.settings.name == "figure-4b":
            notes += ("the highest of many rates is partly luck; test that head again on other prompts",)
        return replace(done, rows=tuple(rows), notes=notes)

    def _ask(self, subject: Subject, pretrained: Checkpoint | None) -> Iterable[Case]:
        if pretrained is not None:
            with loaded_model(pretrained, self.conditions, pretrained.model) as donor:
                yield from ask_transplanted(subject, donor)
        elif self.settings.name == "figure-4b":
            yield from ablate_single_heads(subject, self.settings, self.store, limit=self.heads_limit)
        else:
            yield from ablate_groups(subject, self.settings, self.store)

    def _done(self, subject: Subject, rows: tuple[ResultRow, ...]) -> _Finished:
        notes = [
            f"this model normalises its queries (QK-norm), so {operation} takes factor 0 instead of {self.settings.factor:g}"
            for operation in self.settings.operations
            if subject.factor(operation, self.settings.factor) != self.settings.factor
        ]
        uneven = settle_unevenness(subject.modules).uneven
        notes += [note for operation in self.settings.operations for note in OPERATIONS[operation].caveats(uneven)]
        dtype = str(subject.modules.dtype).removeprefix("torch.")
        return _Finished(rows=rows, sets=subject.sets, dtype=dtype, notes=tuple(notes))


def _settle(settings: ExperimentSettings, options: ExperimentOptions) -> ExperimentSettings:
    """The paper's settings with the user's changes."""
    if options.max_new_tokens is not None and settings.max_new_tokens is None:
        raise UsageError(f"{settings.name} generates nothing, so it takes no --max-new-tokens {options.max_new_tokens}")
    given: dict[str, Any] = {"max_new_tokens": options.max_new_tokens, "template": options.template}
    if options.heads_limit is not None and settings.levels:
        given["group_sizes"] = tuple(size for size in settings.group_sizes if size <= options.heads_limit)
    return settings.model_copy(update={key: value for key, value in given.items() if value is not None})


def _check_choices(settings: ExperimentSettings, options: ExperimentOptions) -> None:
    homes = {"pretrained": "figure-6a", "sibling": "figure-5"}
    for choice, home in homes.items():
        if getattr(options, choice) is not None and settings.name != home:
            raise UsageError(f"--{choice} belongs to {home}, not to {settings.name}")
    if options.heads_limit is not None and settings.name != "figure-4b" and not settings.levels:
        raise UsageError(f"--heads-limit belongs to figure-4b, tables and parameters, not to {settings.name}")
    if settings.name == "figure-6a" and options.pretrained is None:
        raise UsageError(
            "figure-6a needs the model that MODEL was aligned from",
            hint=f"give it with --pretrained; the paper's is {settings.pretrained}",
        )


def _load_sets(sources: Sequence[str | PromptSet], options: ExperimentOptions, token: str | None) -> tuple[PromptSet, ...]:
    names = [source for source in sources if isinstance(source, str)]
    by_name = iter(load_prompt_sets(names, column=options.column, limit=options.limit, token=token))
    loaded = [next(by_name) if isinstance(source, str) else source for source in sources]
    return choose_sets([replace(prompts, kind=prompts.kind or "harmful") for prompts in loaded], harmless=False)


def _open(model: str | Path, revision: str | None, token: str | None) -> tuple[Checkpoint, Anatomy]:
    source = fetch_model(str(model), revision=revision, token=token)
    checkpoint = open_checkpoint(source.path, model=source.model, revision=source.revision)
    return checkpoint, prove_anatomy(checkpoint)


def _open_like(model: str | Path, token: str | None, anatomy: Anatomy) -> Checkpoint:
    """Open a second model, whose heads must have the same names."""
    checkpoint, found = _open(model, None, token)
    sides = [{"model_type": side.architecture.model_type, **side.geometry.to_json()} for side in (anatomy, found)]
    different = [f"{key} {sides[1][key]}, in MODEL {value}" for key, value in sides[0].items() if sides[1][key] != value]
    if different:
        raise GeometryError(
            f"{checkpoint.model}: {'; '.join(different)}", hint="give two models aligned from the same pretrained model"
        )
    return checkpoint


def _open_journal(folder: Path | None, record: dict[str, Any], *, has_answers: bool, force: bool) -> MemoryJournal:
    return AnswerJournal(folder / ANSWERS, record, force=force) if folder is not None and has_answers else MemoryJournal()


def _only_in_the_paper(settings: ExperimentSettings, rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Figures of the paper for which this run has no row: other methods, and the paper's sets where the user gave his own."""
    ours = [(row.quantity, row.setting) for row in rows]
    return [
        ResultRow(setting=figure.setting, quantity=figure.quantity, ours=None, paper=figure.value)
        for figure in settings.figures or ()
        if figure.value is not None and (figure.quantity, figure.setting) not in ours
    ]
