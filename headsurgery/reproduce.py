"""Run again what a recipe or a report records, and say what differs.

Each document states its base, its prompts by name and hash, and its options. What can't be had, such as a file of prompts that is
not here, is refused in one line before a model is loaded. What an older document doesn't state is listed in `lacks`. Versions,
hashes, heads and figures are compared; a figure counts as the same when each of the two lies within the other's interval.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from headsurgery.documents.strict_json import parse_object
from headsurgery.errors import HeadSurgeryError, PromptError, RecipeError, UsageError
from headsurgery.evaluation.records import Evaluation, Measurement
from headsurgery.options import ModelOptions, PromptOptions
from headsurgery.paper.records import ExperimentReport
from headsurgery.progress import Progress
from headsurgery.prompts import PromptSet, load_prompts
from headsurgery.recipe import PromptRecord, Recipe, RecipeBase, first_problem

Document = Recipe | Evaluation | ExperimentReport
_MAX_BYTES = 256 * 2**20
_TEMPLATES = ("chat", "paper", "direct")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What is not as it was recorded.

    Args:
        what: Such as `torch` or `heads`.
        before: As it was recorded.
        now: As it is.
        matters: Whether the outcome is another; versions alone don't matter.
    """

    what: str
    before: str
    now: str
    matters: bool

    def __str__(self) -> str:
        return f"{self.what}: recorded {self.before}, now {self.now}"


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """The outcome of a run that was made again.

    Args:
        document: The new recipe or report.
        differences: Between the two.
        lacks: What the old document doesn't state, so that defaults were taken.
    """

    document: Document
    differences: tuple[Difference, ...]
    lacks: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether all that matters is as it was recorded."""
        return not any(difference.matters for difference in self.differences)


def read_document(path: Path) -> Document:
    """A recipe or a report.

    Raises:
        RecipeError: It is neither.
        UsageError: It can't be read.
    """
    try:
        data = path.read_bytes()
        document = parse_object(data, max_bytes=_MAX_BYTES)
    except OSError as error:
        raise UsageError(
            f"{path}: can't be read: {error.strerror}", hint="give a recipe, or the report.json of a report"
        ) from error
    except ValueError as error:
        raise RecipeError(f"{path}: not valid JSON: {error}") from error
    schema = str(document.get("schema"))
    try:
        if schema.startswith("headsurgery.evaluation/"):
            return Evaluation.model_validate_json(data)
        if schema.startswith("headsurgery.experiment-report/"):
            return ExperimentReport.model_validate_json(data)
    except ValidationError as error:
        raise RecipeError(f"{path.name}: {first_problem(error)}") from error
    return Recipe.parse(data.decode("utf-8-sig"), where=path.name)


def reproduce(
    path: Path, *, base: str | None = None, out: Path | None = None, token: str | None = None, on_progress: Progress | None = None
) -> Reproduction:
    """Run again what a document records.

    Args:
        path: A recipe, or a report.
        base: Where the base is now; None: the Hub's commit that is recorded.
        out: Folder for the new recipe's or report's answers; None: nothing is written on the way.
        token: For gated models and sets.
        on_progress: Called with the stage, and done and in all.

    Raises:
        HeadSurgeryError: Something that the document records can't be had, or the run fails.
    """
    document = read_document(path)
    if isinstance(document, Recipe):
        return _reproduce_recipe(document, path, base, token, on_progress)
    if isinstance(document, Evaluation):
        return _reproduce_evaluation(document, path, base, out, token, on_progress)
    return _reproduce_experiment(document, path, base, out, token, on_progress)


def _reproduce_recipe(
    recipe: Recipe, path: Path, base: str | None, token: str | None, on_progress: Progress | None
) -> Reproduction:
    found = recipe.provenance
    if found is None or found.method == "manual" or found.prompts is None:
        raise RecipeError(
            f"{path.name}: does not say how its heads were found", hint="only a recipe of `attribute` can be run again"
        )
    from headsurgery.attribution import attribute
    from headsurgery.attribution.options import AttributionOptions
    from headsurgery.edits.anatomy import prove_anatomy, record_base
    from headsurgery.engine.local import LocalEngine
    from headsurgery.model.loading import load_model
    from headsurgery.storage.checkpoint import open_checkpoint

    prompts = _find_prompts(found.prompts, path, token)
    harmless = None if found.harmless is None else _find_prompts(found.harmless, path, token)
    template = _find_template(found.template)
    source = _find_base(recipe.base, base, token)
    chosen, lacks = dict(found.options or {}), list[str]()
    if found.options is None:
        stated = {name: getattr(found, name) for name in ("method", "operation", "factor", "intent", "contrast", "r_main")}
        chosen = {name: value for name, value in stated.items() if value is not None}
        lacks.append(
            "options (group size, top, bounds of a search, screen): the defaults are taken, as far as the recipe says no other"
        )
        if found.method in ("ships", "direct"):
            chosen["top"] = len(recipe.edits)
        if found.intent == "ablate":
            chosen["apply_factor"] = recipe.edits[0].factor
    if found.device is None:
        lacks.append("device: auto is taken")
    checkpoint = open_checkpoint(source.path, model=source.model, revision=source.revision)
    batch_size = chosen.pop("batch_size", "auto")
    loaded = load_model(source.path, dtype=found.dtype or "auto", device=found.device or "auto")
    again = attribute(
        LocalEngine(loaded, batch_size=batch_size),
        loaded.tokenizer,
        prompts,
        harmless=harmless,
        options=_make_options(AttributionOptions, chosen, path),
        template=template,
        batch_size=batch_size,
        base=record_base(checkpoint, prove_anatomy(checkpoint)),
        on_progress=on_progress,
    ).recipe
    assert again.provenance is not None
    differences = [
        *_compare_bases(recipe.base, again.base),
        *_compare_sets({"prompts": found.prompts, "harmless": found.harmless}, {"prompts": prompts, "harmless": harmless}),
        *_compare("dtype", found.dtype, again.provenance.dtype),
        *_compare_versions(found.versions, again.provenance.versions),
        *_compare("heads", _say_edits(recipe), _say_edits(again), matters=True),
    ]
    before, now = ({(one.layer, one.head): one.score for one in scores or ()} for scores in (found.scores, again.provenance.scores))
    differences += [
        Difference(what=f"score of L{head[0]}H{head[1]}", before=f"{before[head]:.6g}", now=f"{now[head]:.6g}", matters=False)
        for head in before.keys() & now.keys()
        if abs(before[head] - now[head]) > 1e-6 * max(1.0, abs(before[head]))
    ]
    return Reproduction(document=again, differences=tuple(differences), lacks=tuple(lacks))


def _reproduce_evaluation(
    report: Evaluation, path: Path, base: str | None, out: Path | None, token: str | None, on_progress: Progress | None
) -> Reproduction:
    decoding = report.decoding
    if decoding.engine != "transformers":
        raise UsageError(
            f"{path.name}: a server answered ({decoding.engine}), whose model can't be fetched",
            hint="ask it with evaluate --endpoint",
        )
    checkpoints = [variant.name for variant in report.variants if variant.kind == "checkpoint"]
    if checkpoints:
        raise UsageError(
            f"{path.name}: the edited checkpoint {checkpoints[0]} is not recorded, only its name",
            hint="evaluate it again by its directory, or evaluate its recipe",
        )
    from headsurgery.evaluation.options import EvaluationOptions
    from headsurgery.evaluation.run import evaluate

    sets = [_find_prompts(one.record, path, token, kind=one.kind) for one in report.sets]
    template = _find_template(decoding.template)
    source = _find_base(RecipeBase(model=report.base, revision=report.revision), base, token)
    lacks, chosen = [], dict(report.options or {})
    device = chosen.pop("device", "auto")
    recipes = [variant for variant in report.variants if variant.kind == "recipe"]
    draws = [variant for variant in report.variants if variant.kind == "random"]
    if report.options is None:
        lacks.append("options (seed of random heads, batch size): the defaults are taken")
        chosen = {
            "random_draws": len(draws) // max(1, len(recipes)),
            "judges": report.judges,
            "decoding": decoding.method,
            "max_new_tokens": decoding.max_new_tokens,
            "kl_tokens": next((one.kl_tokens for one in report.damage if one.kl_tokens), 0),
            "seeds": decoding.seeds,
            "prefill": decoding.prefill,
            "system": decoding.system,
            "temperature": decoding.temperature,
        } | ({"top_k": decoding.top_k} if decoding.top_k else {})
    if any(one.perplexity is not None for one in report.damage):
        lacks.append("the text of --perplexity: perplexity is not measured again")
    folder = _input_folder(out)
    files = []
    for variant in recipes:
        files.append(folder / f"{variant.name}.json")
        Recipe(base=RecipeBase(model=source.model), edits=variant.edits).save(files[-1])
    again = evaluate(
        files,
        base=str(source.path),
        prompts=sets,
        options=_make_options(EvaluationOptions, chosen | {"harmless": False, "allow_mismatch": True}, path),
        reading=PromptOptions(template=template),
        model=ModelOptions(dtype=decoding.dtype or "auto", device=device, token=token),
        out=out,
        on_progress=on_progress,
    ).evaluation
    differences = [
        *_compare_sets({one.record.name: one.record for one in report.sets}, {one.name: one for one in sets}),
        *_compare("dtype", decoding.dtype, again.decoding.dtype),
        *_compare_versions(report.versions, again.versions),
        *_compare_measurements(report.measurements, again.measurements),
    ]
    return Reproduction(document=again, differences=tuple(differences), lacks=tuple(lacks))


def _reproduce_experiment(
    report: ExperimentReport, path: Path, base: str | None, out: Path | None, token: str | None, on_progress: Progress | None
) -> Reproduction:
    from headsurgery.paper.options import ExperimentOptions
    from headsurgery.paper.run import run_experiment

    settings, lacks, chosen = report.settings, list[str](), dict(report.options or {})
    sets = [_find_prompts(one.record, path, token, kind=one.kind) for one in report.sets]
    source = _find_base(RecipeBase(model=report.model, revision=report.revision), base, token)
    chosen.pop("limit", None)  # the sets are as long as they are recorded
    if report.options is None:
        lacks.append("options (heads limit, batch size): the defaults are taken")
        chosen = {} if settings.max_new_tokens is None else {"max_new_tokens": settings.max_new_tokens}
    if report.other_model is not None:
        other = str(_find_base(RecipeBase(model=report.other_model, revision=report.other_revision), None, token).path)
        chosen["pretrained" if settings.name == "figure-6a" else "sibling"] = other
    again = run_experiment(
        settings.name,
        source.path,
        sets=sets,
        options=_make_options(ExperimentOptions, chosen | {"template": _find_template(settings.template)}, path),
        model_options=ModelOptions(dtype=(report.decoding and report.decoding.dtype) or "auto", token=token),
        out=out,
        on_progress=on_progress,
    ).report
    rows = {json.dumps([row.setting, row.quantity], sort_keys=True): row for row in again.rows}
    differences = [
        *_compare_sets({one.record.name: one.record for one in report.sets}, {one.name: one for one in sets}),
        *_compare_versions(report.versions, again.versions),
    ]
    for row in report.rows:
        same = rows.get(json.dumps([row.setting, row.quantity], sort_keys=True))
        what = f"{row.quantity} of {', '.join(f'{key} {value}' for key, value in row.setting.items())}"
        ours = None if same is None else same.ours
        before, now = (json.dumps(_plain(one), sort_keys=True) for one in (row.ours, ours))
        differences += _compare(what, before, now, matters=True)
    return Reproduction(document=again, differences=tuple(differences), lacks=tuple(lacks))


def _find_base(stated: RecipeBase, given: str | None, token: str | None) -> Any:
    from headsurgery.hub.models import fetch_model

    if given is not None:
        return fetch_model(given, token=token)
    if stated.model is None or (stated.revision is None and not Path(stated.model).is_dir()):
        raise UsageError(
            f"the base {stated.model or ''} is not recorded with a commit of the Hub, and no folder of that name is here".replace(
                "  ", " "
            ),
            hint="say where it is with --base",
        )
    return fetch_model(stated.model, revision=stated.revision, token=token)


def _find_prompts(record: PromptRecord, path: Path, token: str | None, **changes: Any) -> PromptSet:
    """The set as it is now under the recorded name: built in, published, on the Hub, or a file beside the document or here.

    Raises:
        PromptError: It can't be found.
    """
    beside = path.parent / record.name
    source = str(beside) if beside.is_file() else record.name
    if "/" not in source and Path(source).is_file():
        source = f"./{source}"
    try:
        found = load_prompts(source, limit=record.count, token=token)
    except HeadSurgeryError as error:
        raise PromptError(
            f"{record.name}: these prompts can't be had: {error}", hint="put the file beside the recipe or report"
        ) from error
    from dataclasses import replace

    return replace(found, name=record.name, **changes)


def _find_template(recorded: str | None) -> str | None:
    if recorded is not None and recorded not in _TEMPLATES:
        raise UsageError(
            f"the template is recorded by its hash alone ({recorded[:13]}...)", hint="run the command again with --template FILE"
        )
    return recorded


def _make_options(kind: Any, chosen: Mapping[str, Any], path: Path) -> Any:
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()})
    except TypeError as error:
        raise RecipeError(f"{path.name}: its options are another version's: {error}", hint="update headsurgery") from error


def _input_folder(out: Path | None) -> Path:
    if out is None:
        from tempfile import mkdtemp

        return Path(mkdtemp(prefix="headsurgery-"))
    (out / "recipes").mkdir(parents=True, exist_ok=True)
    return out / "recipes"


def _say_edits(recipe: Recipe) -> str:
    return ", ".join(sorted(f"{edit.ref} {edit.operation} {edit.factor:g}" for edit in recipe.edits))


def _compare(what: str, before: Any, now: Any, *, matters: bool = False) -> Iterator[Difference]:
    if before is not None and before != now:
        yield Difference(what=what, before=str(before), now=str(now), matters=matters)


def _compare_bases(before: RecipeBase, now: RecipeBase) -> Iterator[Difference]:
    if before.revision is None or now.revision is None:
        yield from _compare("fingerprint of the base", before.fingerprint, now.fingerprint, matters=True)
    yield from _compare("commit of the base", before.revision, now.revision or before.revision, matters=True)


def _compare_sets(before: Mapping[str, PromptRecord | None], now: Mapping[str, PromptSet | None]) -> Iterator[Difference]:
    for name, record in before.items():
        found = now.get(name)
        if record is not None and found is not None and found.sha256 != record.sha256:
            yield Difference(
                what=f"{record.name}, SHA-256 of {record.count} prompts",
                before=record.sha256[:12],
                now=f"{found.sha256[:12]} of {len(found.texts)}",
                matters=True,
            )


def _compare_versions(before: Mapping[str, str] | None, now: Mapping[str, str] | None) -> Iterator[Difference]:
    for name, version in (before or {}).items():
        yield from _compare(name, version, (now or {}).get(name, platform.python_version() if name == "python" else None))


def _compare_measurements(before: tuple[Measurement, ...], now: tuple[Measurement, ...]) -> Iterator[Difference]:
    found = {(one.variant, one.set, one.judge): one for one in now}
    for one in before:
        other = found.get((one.variant, one.set, one.judge))
        where = f"of {one.variant} on {one.set} by {one.judge}"
        if other is None:
            yield Difference(what=f"figures {where}", before="there", now="missing", matters=True)
            continue
        for what in ("complied", "refused"):
            old, new = getattr(one, what), getattr(other, what)
            if (old.count, old.total) != (new.count, new.total):
                inside = old.interval.low <= new.interval.value <= old.interval.high
                inside = inside and new.interval.low <= old.interval.value <= new.interval.high
                yield Difference(what=f"{what} {where}", before=_say_rate(old), now=_say_rate(new), matters=not inside)


def _say_rate(rate: Any) -> str:
    return f"{rate.count}/{rate.total} [{rate.interval.low:.2f}, {rate.interval.high:.2f}]"


def _plain(figure: Any) -> Any:
    return figure.model_dump(mode="json") if hasattr(figure, "model_dump") else figure
