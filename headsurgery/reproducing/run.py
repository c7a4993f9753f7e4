"""`reproduce`: from a document to the same document, made again, and what differs.

What can't be had is refused in one line before a model is loaded. What a document doesn't state is listed in `lacks`. A folder for
the results keeps `reproduction.json`; while that has no outcome, the same call goes on where it broke off. Results that are there
already are never taken for a run: they are refused, or by force replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.documents.atomic import write_atomically
from headsurgery.errors import HeadSurgeryError, RecipeError, UsageError
from headsurgery.evaluation.records import Evaluation, Variant
from headsurgery.options import ModelOptions, PromptOptions, check_no_more
from headsurgery.paper.records import ExperimentReport
from headsurgery.progress import Progress
from headsurgery.recipe import Provenance, Recipe, RecipeBase, takes_from_donor
from headsurgery.reproducing.differences import Difference, compare_evaluations, compare_experiments, compare_recipes
from headsurgery.reproducing.documents import Document, read_document
from headsurgery.reproducing.options import ReproductionOptions
from headsurgery.reproducing.sources import check_code, find_device, find_model, find_prompts, find_template, make_options

if TYPE_CHECKING:
    from headsurgery.engine.journal import SweepJournal
    from headsurgery.hub.models import Source

_STATE, _SCHEMA = "reproduction.json", "headsurgery.reproduction/1"
RECIPE = "recipe.json"
_KEPT = ("answers.jsonl", "answers.run.json", "heads.json", RECIPE, f"{RECIPE}.journal", "report.json", "report.html", "report.md")
_OTHER = "--other"


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """The outcome of a run that was made again.

    Args:
        document: The new recipe or report.
        differences: Between the two.
        lacks: What the old document doesn't state, so that defaults were taken, or what was not measured again.
    """

    document: Document
    differences: tuple[Difference, ...]
    lacks: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether all that matters is as it was recorded."""
        return not any(difference.matters for difference in self.differences)

    def to_json(self) -> dict[str, Any]:
        """The outcome without the document."""
        return {"is_same": self.is_same, "differences": [vars(one) for one in self.differences], "lacks": list(self.lacks)}


def reproduce(
    path: str | Path,
    *,
    options: ReproductionOptions | None = None,
    out: str | Path | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
    **keywords: Any,
) -> Reproduction:
    """Run again what a document records.

    Args:
        path: A recipe of `attribute`, or the report.json of `evaluate` or `experiment`.
        options: Where the base is, and what else the document doesn't record.
        out: Folder for the new recipe or report, its answers and `reproduction.json`; a run that broke off goes on from there.
            None: nothing is written.
        force: Drop other results that are in the folder.
        on_progress: Called with the stage, and done and in all.
        keywords: Fields of `ReproductionOptions`, by name, instead of the object.

    Raises:
        HeadSurgeryError: Something that the document records can't be had, or the run fails.
    """
    options = ReproductionOptions.take(keywords, options)
    check_no_more("reproduce", keywords, [ReproductionOptions])
    path = Path(path)
    document = read_document(path)
    folder = None if out is None else Path(out)
    rerun = _Rerun(path=path, options=options, out=folder, report=on_progress)
    if isinstance(document, Recipe):
        run: Any = _RecipeRun(document, rerun)
    else:
        run = _EvaluationRun(document, rerun) if isinstance(document, Evaluation) else _ExperimentRun(document, rerun)
    with _recording(folder, path, force=force) as record:
        found: Reproduction = run.make_again()
        record(found)
    return found


@dataclass(frozen=True, kw_only=True)
class _Rerun:
    """What all kinds of documents need."""

    path: Path
    options: ReproductionOptions
    out: Path | None
    report: Progress | None

    def model_options(self, dtype: str | None, device: str | None) -> ModelOptions:
        """How models are loaded: as recorded, as far as this machine can."""
        given = self.options
        return ModelOptions(
            dtype=dtype or "auto", device=find_device(device), token=given.token, trust_remote_code=given.trust_remote_code
        )

    def base(self, stated: RecipeBase) -> Source:
        """The base, where it is now."""
        return find_model(stated, self.options.base, token=self.options.token)

    def prompts(self, record: Any, **changes: Any) -> Any:
        """A set, as it is now."""
        return find_prompts(record, self.path, self.options.token, **changes)

    def template(self, recorded: str | None) -> str | None:
        """The template's name, or its file."""
        return find_template(recorded, self.options.template)

    def choices(self, recorded: dict[str, Any] | None) -> dict[str, Any]:
        """The recorded choices, from which code of a checkpoint is gone."""
        chosen = dict(recorded or {})
        check_code(chosen, is_trusted=self.options.trust_remote_code, name=self.path.name)
        return chosen

    def refuse_other(self) -> None:
        """No second model took part."""
        if self.options.other is not None:
            raise UsageError(f"{self.path.name}: records no second model", hint=f"leave {_OTHER} out")


class _RecipeRun:
    """A recipe of `attribute`, found again."""

    def __init__(self, recipe: Recipe, rerun: _Rerun) -> None:
        self.recipe, self.rerun, self.name = recipe, rerun, rerun.path.name
        rerun.refuse_other()
        found = recipe.provenance
        if found is None or found.method == "manual" or found.prompts is None:
            raise RecipeError(
                f"{self.name}: does not say how its heads were found", hint="only a recipe of `attribute` can be run again"
            )
        if recipe.needs_donor:
            raise RecipeError(
                f"{self.name}: takes heads from a donor, which attribute never does, so somebody changed it since",
                hint="evaluate it, and reproduce that report",
            )
        self.found = found
        self.chosen, self.lacks = rerun.choices(found.options), _recipe_lacks(found)
        if found.options is None:
            self.chosen = _recipe_choices(recipe, found)
        if found.curve is None:  # then no prompts were held out, be it by a version that never did
            self.chosen = self.chosen | {"held_out": 0}
        self.sets = [rerun.prompts(record) for record in (found.prompts, found.harmless) if record is not None]
        self.template = rerun.template(found.template)
        self.source = rerun.base(recipe.base)

    def make_again(self) -> Reproduction:
        """Attribute with what was recorded."""
        from headsurgery.attribution import attribute
        from headsurgery.attribution.identity import identify_run
        from headsurgery.attribution.options import AttributionOptions
        from headsurgery.edits.anatomy import prove_anatomy, record_base
        from headsurgery.engine.local import LocalEngine
        from headsurgery.engine.options import EngineOptions
        from headsurgery.model.loading import load_model
        from headsurgery.storage.checkpoint import open_checkpoint

        checkpoint = open_checkpoint(self.source.path, model=self.source.model, revision=self.source.revision)
        running = EngineOptions(batch_size=self.chosen.pop("batch_size", "auto"))
        options = make_options(AttributionOptions, self.chosen, self.name)
        how = self.rerun.model_options(self.found.dtype, self.found.device)
        reading = PromptOptions(template=self.template)
        base = record_base(checkpoint, prove_anatomy(checkpoint))
        loaded = load_model(self.source.path, dtype=how.dtype, device=how.device, trust_remote_code=how.trust_remote_code)
        engine = LocalEngine(loaded, batch_size=running.batch_size)
        known = identify_run(checkpoint, self.sets, (running, reading, options), engine.facts)
        with _journal(self.rerun.out, known) as journal:
            again = attribute(
                engine,
                loaded.tokenizer,
                self.sets[0],
                harmless=self.sets[1] if len(self.sets) > 1 else None,
                options=options,
                template=self.template,
                batch_size=running.batch_size,
                base=base,
                journal=journal,
                on_progress=self.rerun.report,
            ).recipe
            if self.rerun.out is not None and journal is not None:
                again.save(self.rerun.out / RECIPE)
                journal.remove()
        return Reproduction(document=again, differences=tuple(compare_recipes(self.recipe, again)), lacks=tuple(self.lacks))


def _recipe_choices(recipe: Recipe, found: Provenance) -> dict[str, Any]:
    """What a recipe of version 0.1 says of its options."""
    stated = {name: getattr(found, name) for name in ("method", "operation", "factor", "intent", "contrast", "r_main")}
    chosen = {name: value for name, value in stated.items() if value is not None}
    if found.method in ("ships", "direct"):
        chosen["top"] = len(recipe.edits)
    if found.intent == "ablate":
        chosen["apply_factor"] = recipe.edits[0].factor
    return chosen


def _recipe_lacks(found: Provenance) -> list[str]:
    lacks = []
    if found.options is None:
        lacks.append(
            "options (group size, top, bounds of a search, screen): the defaults are taken, as far as the recipe says no other"
        )
    if found.device is None:
        lacks.append("device: auto is taken")
    return lacks


class _EvaluationRun:
    """A report of `evaluate`, measured again."""

    def __init__(self, report: Evaluation, rerun: _Rerun) -> None:
        self.report, self.rerun, self.name = report, rerun, rerun.path.name
        decoding = report.decoding
        if decoding.engine != "transformers":
            raise UsageError(
                f"{self.name}: a server answered ({decoding.engine}), whose model can't be fetched",
                hint="ask it again with evaluate --endpoint",
            )
        self._check_variants()
        for judge in report.judges:
            if judge.startswith("endpoint:"):
                raise UsageError(
                    f"{self.name}: a server judged ({judge}), whose address is not recorded",
                    hint="evaluate again with --judge-endpoint",
                )
        self.chosen, self.lacks = rerun.choices(report.options), list[str]()
        self.device = self.chosen.pop("device", None)
        if report.options is None:
            self.chosen = _evaluation_choices(report)
            self.lacks.append("options (seed of random heads, batch size): the defaults are taken")
        if report.fingerprint is None and report.revision is None:
            self.lacks.append("the base's fingerprint: only its name is known")
        if any(one.perplexity is not None for one in report.damage):
            self.lacks.append("the text of --perplexity: perplexity is not measured again")
        self.sets = [rerun.prompts(one.record, kind=one.kind) for one in report.sets]
        self.template = rerun.template(decoding.template)
        self.source = rerun.base(RecipeBase(model=report.base, revision=report.revision))
        self.donor = self._find_donor()

    def _check_variants(self) -> None:
        checkpoints = [variant.name for variant in self.report.variants if variant.kind == "checkpoint"]
        if checkpoints:
            raise UsageError(
                f"{self.name}: the edited checkpoint {checkpoints[0]} is not recorded, only its name",
                hint="evaluate it again by its directory, or evaluate its recipe",
            )

    @property
    def _recipes(self) -> list[Variant]:
        return [variant for variant in self.report.variants if variant.kind == "recipe"]

    def _find_donor(self) -> Source | None:
        if not any(takes_from_donor(variant.edits) for variant in self._recipes):
            self.rerun.refuse_other()
            return None
        stated, given = self.report.donor or RecipeBase(), self.rerun.options
        return find_model(stated, given.other, token=given.token, what="donor of the heads", flag=_OTHER)

    def make_again(self) -> Reproduction:
        """Evaluate the recorded edits with what was recorded."""
        from headsurgery.evaluation.options import EvaluationOptions
        from headsurgery.evaluation.run import evaluate
        from headsurgery.evaluation.targets import Named
        from headsurgery.report.write import write_report

        chosen = self.chosen | {"harmless": False} | ({"donor": str(self.donor.path)} if self.donor else {})
        found = evaluate(
            [
                Named(name=one.name, recipe=Recipe(base=RecipeBase(model=self.source.model), edits=one.edits))
                for one in self._recipes
            ],
            base=str(self.source.path),
            prompts=self.sets,
            options=make_options(EvaluationOptions, chosen, self.name),
            reading=PromptOptions(template=self.template),
            model=self.rerun.model_options(self.report.decoding.dtype, self.device),
            out=self.rerun.out,
            on_progress=self.rerun.report,
        )
        if self.rerun.out is not None:
            write_report(found.evaluation, found.answers, self.rerun.out)
        again = found.evaluation
        return Reproduction(document=again, differences=tuple(compare_evaluations(self.report, again)), lacks=tuple(self.lacks))


def _evaluation_choices(report: Evaluation) -> dict[str, Any]:
    """What a report of version 0.1 says of its options."""
    decoding, kinds = report.decoding, [variant.kind for variant in report.variants]
    chosen = {
        "random_draws": kinds.count("random") // max(1, kinds.count("recipe")),
        "judges": report.judges,
        "decoding": decoding.method,
        "max_new_tokens": decoding.max_new_tokens,
        "kl_tokens": next((one.kl_tokens for one in report.damage if one.kl_tokens), 0),
        "seeds": decoding.seeds,
        "prefill": decoding.prefill,
        "system": decoding.system,
        "temperature": decoding.temperature,
    }
    return chosen | ({"top_k": decoding.top_k} if decoding.top_k else {})


class _ExperimentRun:
    """A report of `experiment`, made again."""

    def __init__(self, report: ExperimentReport, rerun: _Rerun) -> None:
        self.report, self.rerun, self.name = report, rerun, rerun.path.name
        settings = report.settings
        self.chosen, self.lacks = rerun.choices(report.options), list[str]()
        self.device = self.chosen.pop("device", None)
        self.dtype = None if report.decoding is None else report.decoding.dtype
        if self.dtype is None:
            self.lacks.append("dtype: auto is taken")
        for spent in ("limit", "column"):  # the records of the sets say it
            self.chosen.pop(spent, None)
        if report.options is None:
            self.lacks.append("options (heads limit, batch size): the defaults are taken")
            self.chosen = {} if settings.max_new_tokens is None else {"max_new_tokens": settings.max_new_tokens}
        self.sets = [rerun.prompts(one.record, kind=one.kind) for one in report.sets]
        self.chosen["template"] = rerun.template(settings.template)
        self.source = rerun.base(RecipeBase(model=report.model, revision=report.revision))
        if report.other_model is None:
            rerun.refuse_other()
            return
        stated, given = RecipeBase(model=report.other_model, revision=report.other_revision), rerun.options
        other = find_model(stated, given.other, token=given.token, what="second model", flag=_OTHER)
        self.chosen["pretrained" if settings.name == "figure-6a" else "sibling"] = str(other.path)

    def make_again(self) -> Reproduction:
        """Run the experiment with what was recorded."""
        from headsurgery.paper.options import ExperimentOptions
        from headsurgery.paper.run import run_experiment
        from headsurgery.paper.write import write_experiment

        again = run_experiment(
            self.report.settings.name,
            self.source.path,
            sets=self.sets,
            options=make_options(ExperimentOptions, self.chosen, self.name),
            model_options=self.rerun.model_options(self.dtype, self.device),
            out=self.rerun.out,
            on_progress=self.rerun.report,
        ).report
        if self.rerun.out is not None:
            write_experiment(again, self.rerun.out)
        return Reproduction(document=again, differences=tuple(compare_experiments(self.report, again)), lacks=tuple(self.lacks))


@contextmanager
def _journal(out: Path | None, known: dict[str, Any]) -> Iterator[SweepJournal | None]:
    """The journal of a sweep in the folder; None where nothing is written."""
    if out is None:
        yield None
        return
    from headsurgery.engine.journal import SweepJournal

    with SweepJournal(out / f"{RECIPE}.journal", known) as journal:
        yield journal


@contextmanager
def _recording(out: Path | None, document: Path, *, force: bool) -> Iterator[Any]:
    """Keep in the folder what is run again there, and at the end what came of it.

    Raises:
        UsageError: The folder holds something else, and nothing is forced; or it is the document's own.
        HeadSurgeryError: It can't be written.
    """
    if out is None:
        yield lambda found: None
        return
    if out.resolve() == document.resolve().parent:
        raise UsageError(f"{out}: holds the document that is run again", hint="choose another -o")
    identity = {"schema": _SCHEMA, "document": sha256(document.read_bytes()).hexdigest()}
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        if _read_state(out) != identity:
            if any(out.iterdir()):
                if not force:
                    raise UsageError(f"{out}: exists and is not empty", hint="give another -o, or --force to begin anew there")
                for name in (*_KEPT, _STATE):
                    (out / name).unlink(missing_ok=True)
            _write_state(out, identity)
        yield lambda found: _write_state(out, identity | found.to_json())
    except OSError as error:
        raise HeadSurgeryError(f"{out}: can't be written: {error.strerror}") from error
    except BaseException:
        if is_new and {entry.name for entry in out.iterdir()} == {_STATE}:  # nothing came of it
            (out / _STATE).unlink()
            out.rmdir()
        raise


def _read_state(out: Path) -> Any:
    try:
        return json.loads((out / _STATE).read_bytes())
    except (OSError, ValueError):
        return None


def _write_state(out: Path, state: dict[str, Any]) -> None:
    write_atomically(out / _STATE, (json.dumps(state, indent=2, ensure_ascii=False) + "\n").encode())
