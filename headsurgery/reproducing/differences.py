"""What differs between a document and the one that was made again.

A figure counts as the same when each of the two lies within the other's interval; one without an interval when it is equal, up to
rounding. Other versions, types and devices are said, and don't matter by themselves.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headsurgery.behaviour.figures import Interval, Rate
from headsurgery.evaluation.records import Evaluation, SetRecord
from headsurgery.paper.records import ExperimentReport
from headsurgery.recipe import HeadEdit, Provenance, Recipe, RecipeBase

_ROUNDING = 1e-6
"""Relative difference of two floats that count as equal."""


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


def compare_recipes(before: Recipe, now: Recipe) -> Iterator[Difference]:
    """What differs between two recipes of `attribute`: sources, versions, heads and scores."""
    old, new = before.provenance or Provenance(), now.provenance or Provenance()
    yield from _compare_models("base", before.base, now.base)
    for record, again in ((old.prompts, new.prompts), (old.harmless, new.harmless)):
        yield from _compare_sets([record] if record else [], [again] if again else [])
    yield from _compare("template", old.template, new.template, matters=True)
    yield from _compare("dtype", old.dtype, new.dtype)
    yield from _compare("device", old.device, new.device)
    yield from _compare_versions(old.versions, new.versions)
    yield from _compare("heads", say_heads(before.edits), say_heads(now.edits), matters=True)
    yield from _compare("curve", *(one_of.curve and one_of.curve.why for one_of in (old, new)))
    yield from _compare("stability", *(one_of.stability and one_of.stability.say() for one_of in (old, new)))
    scores, others = ({(one.layer, one.head): one.score for one in one_of.scores or ()} for one_of in (old, new))
    for layer, head in scores.keys() & others.keys():
        is_same = _is_same(scores[layer, head], others[layer, head])
        yield from _compare_figures(f"score of L{layer}H{head}", scores[layer, head], others[layer, head], is_same, matters=False)


def compare_evaluations(before: Evaluation, now: Evaluation) -> Iterator[Difference]:
    """What differs between two reports of `evaluate`: sources, versions, edits and figures."""
    yield from _compare_models("base", _base_of(before), _base_of(now))
    yield from _compare_models("donor", before.donor, now.donor)
    yield from _compare_sets(_records_of(before.sets), _records_of(now.sets))
    yield from _compare("template", before.decoding.template, now.decoding.template, matters=True)
    yield from _compare("dtype", before.decoding.dtype, now.decoding.dtype)
    yield from _compare("device", *((report.options or {}).get("device") for report in (before, now)))
    yield from _compare_versions(before.versions, now.versions)
    edits = {variant.name: say_heads(variant.edits) for variant in now.variants}
    for variant in before.variants:
        yield from _compare(f"edits of {variant.name}", say_heads(variant.edits), edits.get(variant.name), matters=True)
    yield from _compare_tables(_figures_of(before), _figures_of(now))


def compare_experiments(before: ExperimentReport, now: ExperimentReport) -> Iterator[Difference]:
    """What differs between two reports of `experiment`: sources, versions, heads and figures."""
    yield from _compare_models("model", *(RecipeBase(revision=one.revision, fingerprint=one.fingerprint) for one in (before, now)))
    yield from _compare_models(
        "other model", *(RecipeBase(revision=one.other_revision, fingerprint=one.other_fingerprint) for one in (before, now))
    )
    yield from _compare_sets(_records_of(before.sets), _records_of(now.sets))
    yield from _compare("template", before.settings.template, now.settings.template, matters=True)
    if before.decoding is not None:
        yield from _compare("dtype", before.decoding.dtype, now.decoding and now.decoding.dtype)
    yield from _compare("device", *((report.options or {}).get("device") for report in (before, now)))
    yield from _compare_versions(before.versions, now.versions)
    rows = {_name_row(row): row for row in now.rows}
    for row in before.rows:
        again = rows.get(_name_row(row))
        if row.heads:
            heads = None if again is None else ", ".join(again.heads)
            yield from _compare(f"heads for {_name_row(row)}", ", ".join(row.heads), heads, matters=True)
    yield from _compare_tables({_name_row(row): row.ours for row in before.rows}, {name: row.ours for name, row in rows.items()})


def say_heads(edits: Iterable[HeadEdit]) -> str:
    """All edits, in an order that does not depend on theirs."""
    return ", ".join(sorted(f"{edit.ref} {edit.operation} {edit.factor:g}" for edit in edits)) or "none"


def _base_of(report: Evaluation) -> RecipeBase:
    return RecipeBase(revision=report.revision, fingerprint=report.fingerprint)


def _records_of(sets: Iterable[SetRecord]) -> list[Any]:
    return [one.record for one in sets]


def _name_row(row: Any) -> str:
    return f"{row.quantity} of {', '.join(f'{key} {value}' for key, value in row.setting.items())}"


def _figures_of(report: Evaluation) -> dict[str, Any]:
    """Every figure of a report by what it is of."""
    found: dict[str, Any] = {}
    for one in report.measurements:
        where = f"of {one.variant} on {one.set} by {one.judge}"
        found |= {f"complied {where}": one.complied, f"refused {where}": one.refused}
    for nonsense in report.degenerate:
        found[f"nonsense of {nonsense.variant} on {nonsense.set}"] = nonsense.rate
    for loss in report.damage:
        found[f"KL of {loss.variant}"] = loss.harmless_kl
        found |= {f"{task} of {loss.variant}": value for task, value in (loss.utility or {}).items()}
    return found


def _compare(what: str, before: Any, now: Any, *, matters: bool = False) -> Iterator[Difference]:
    """What was not recorded is not compared."""
    if before is not None and before != now:
        yield Difference(what=what, before=str(before), now="missing" if now is None else str(now), matters=matters)


def _compare_models(what: str, before: RecipeBase | None, now: RecipeBase | None) -> Iterator[Difference]:
    if before is None or now is None:
        return
    is_known = before.fingerprint is not None and now.fingerprint is not None
    if is_known:
        yield from _compare(f"fingerprint of the {what}", before.fingerprint, now.fingerprint, matters=True)
    found = now.revision or "a folder, which has none"
    yield from _compare(f"commit of the {what}", before.revision, found, matters=not is_known and now.revision is not None)


def _compare_sets(before: Iterable[Any], now: Iterable[Any]) -> Iterator[Difference]:
    found = {record.name: record for record in now}
    for record in before:
        other = found.get(record.name)
        if other is not None and other.sha256 != record.sha256:
            yield Difference(
                what=f"{record.name}, SHA-256 of {record.count} prompts",
                before=record.sha256[:12],
                now=f"{other.sha256[:12]} of {other.count}",
                matters=True,
            )


def _compare_versions(before: Mapping[str, str] | None, now: Mapping[str, str] | None) -> Iterator[Difference]:
    for name, version in (before or {}).items():
        yield from _compare(name, version, (now or {}).get(name, platform.python_version() if name == "python" else None))


def _compare_tables(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for what, figure in before.items():
        if figure is not None:
            yield from _compare_figures(what, figure, now.get(what), _is_same(figure, now.get(what)), matters=True)


def _compare_figures(what: str, before: Any, now: Any, is_same: bool, *, matters: bool) -> Iterator[Difference]:
    if _say(before) != _say(now):
        yield Difference(what=what, before=_say(before), now=_say(now), matters=matters and not is_same)


def _is_same(before: Any, now: Any) -> bool:
    if now is None:
        return False
    one, other = (figure.interval if isinstance(figure, Rate) else figure for figure in (before, now))
    if isinstance(one, Interval) and isinstance(other, Interval):
        return one.low <= other.value <= one.high and other.low <= one.value <= other.high
    if isinstance(one, Interval) or isinstance(other, Interval):
        return False
    return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _say(figure: Any) -> str:
    if figure is None:
        return "missing"
    if isinstance(figure, Rate):
        return f"{figure.count}/{figure.total} [{figure.interval.low:.2f}, {figure.interval.high:.2f}]"
    if isinstance(figure, Interval):
        return f"{figure.value:.4g} [{figure.low:.4g}, {figure.high:.4g}]"
    return f"{figure:.6g}" if isinstance(figure, int | float) else json.dumps(figure, sort_keys=True)
