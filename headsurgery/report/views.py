"""What the page shows, as rows of text and pictures, ready for the template.

Every figure is words or a chart by now; the template only places them. Order is the evaluation's own: sets, judges and variants
as they were given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from headsurgery.attribution.frontier_record import FrontierPoint
from headsurgery.behaviour.answers import Absence, Answer
from headsurgery.behaviour.figures import Rate
from headsurgery.edits.operations import OPERATIONS
from headsurgery.evaluation.records import Damage, Evaluation, Kind, Measurement, SetRecord
from headsurgery.heads import HeadRef
from headsurgery.recipe import HeadScore
from headsurgery.report import charts
from headsurgery.report.wording import MEASURES, kinds_by_variant, rate_of, say_interval, say_paired, say_percent, say_rate

if TYPE_CHECKING:
    from headsurgery.attribution.scores import FloatArray, ScoreTable

SAMPLES_PER_SET = 8
"""Number of prompts per set whose answers are shown."""


@dataclass(frozen=True, kw_only=True)
class BarRow:
    """One variant: its bar, the same in words, the counts behind it, and how it stands against the base."""

    variant: str
    kind: str
    bar: Markup
    figure: str
    counts: str
    against_base: str = ""


@dataclass(frozen=True, kw_only=True)
class BarChart:
    """Bars of one set; a group per judge, under the judge's name."""

    title: str
    measure: str
    groups: tuple[tuple[str, tuple[BarRow, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A heat map with its legend."""

    title: str
    words: str
    picture: Markup
    legend: Markup


@dataclass(frozen=True, kw_only=True)
class Table:
    """A plain table; the first cell of a row is its header."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class SampleAnswer:
    """What one variant said: its reply, its thoughts, and what is shown where there is no reply."""

    answer: Answer
    thoughts: str
    absence: str


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One prompt and what each variant said."""

    prompt: str
    place: str
    answers: tuple[SampleAnswer, ...]


def rate_charts(evaluation: Evaluation, kinds: tuple[Kind, ...]) -> list[BarChart]:
    """Bars of every set of some kinds."""
    return [
        BarChart(title=entry.record.name, measure=MEASURES[entry.kind], groups=groups)
        for entry in evaluation.sets
        if entry.kind in kinds and (groups := _groups(evaluation, entry))
    ]


def _groups(evaluation: Evaluation, entry: SetRecord) -> tuple[tuple[str, tuple[BarRow, ...]], ...]:
    variants = kinds_by_variant(evaluation)
    groups = []
    for judge in evaluation.judges:
        found = [m for m in evaluation.measurements if (m.set, m.judge) == (entry.record.name, judge)]
        rows = tuple(_row(m, entry.kind, variants[m.variant]) for m in found)
        groups += [(f"judge: {judge}", rows)] if rows else []
    return tuple(groups)


def _row(measurement: Measurement, set_kind: Kind, variant_kind: str) -> BarRow:
    rate = rate_of(measurement, set_kind)
    is_harmful = set_kind == "harmful"
    other = f"{measurement.refused.count} refused" if is_harmful else f"{measurement.complied.count} answered"
    paired = measurement.against_base
    return BarRow(
        variant=measurement.variant,
        kind=variant_kind,
        bar=charts.bar(rate, variant_kind),
        figure=say_rate(rate),
        counts=f"{_say_counts(rate)}; {other}{_say_others(measurement)}",
        against_base=say_paired(paired) if paired and is_harmful else "",
    )


def _say_others(measurement: Measurement) -> str:
    """Answers that are counted in neither share, and refusals by the server."""
    found = [(measurement.unclear, "unclear"), (measurement.no_answer, "no answer")]
    by_server = f" ({measurement.refused_by_server} by the server)" if measurement.refused_by_server else ""
    return by_server + "".join(f", {count} {words}" for count, words in found if count)


def _say_counts(rate: Rate) -> str:
    return f"{rate.count} of {rate.total}"


def degenerate_charts(evaluation: Evaluation) -> list[BarChart]:
    """Bars of the share of nonsense, by set."""
    variants = kinds_by_variant(evaluation)
    found = []
    for entry in evaluation.sets:
        rows = tuple(
            BarRow(
                variant=one.variant,
                kind=variants[one.variant],
                bar=charts.bar(one.rate, variants[one.variant]),
                figure=say_rate(one.rate),
                counts=": ".join(
                    part for part in (_say_counts(one.rate), ", ".join(f"{name} {n}" for name, n in one.kinds.items() if n)) if part
                ),
            )
            for one in evaluation.degenerate
            if one.set == entry.record.name
        )
        found += [BarChart(title=entry.record.name, measure="degenerate answers", groups=(("", rows),))] if rows else []
    return found


def damage_table(evaluation: Evaluation) -> Table:
    """The damage to each variant, and how many parameters it changes."""
    tasks = list(dict.fromkeys(task for entry in evaluation.damage for task in entry.utility or {}))
    losses = {entry.variant: entry for entry in evaluation.damage}
    rows = []
    for variant in evaluation.variants:
        loss = losses.get(variant.name)
        if variant.kind == "base" and loss is None:
            continue
        changed, paper = variant.parameters_changed, variant.parameters_changed_paper
        share = f"{changed:,}" if changed is not None else ""
        share += f" ({changed / variant.parameters * 100:.2g} %)" if changed is not None and variant.parameters else ""
        rows.append((variant.name, share, "" if paper is None else f"{paper * 100:.2g} %", *_losses(loss, tasks)))
    headers = ("variant", "parameters changed", "as the paper counts", "harmless KL, nats per token", "perplexity", *tasks)
    return Table(headers=headers, rows=tuple(rows))


def _losses(loss: Damage | None, tasks: Sequence[str]) -> tuple[str, ...]:
    if loss is None:
        return ("",) * (2 + len(tasks))
    kl = say_interval(loss.harmless_kl) if loss.harmless_kl else ""
    kl += f", n = {loss.kl_tokens} tokens" if kl and loss.kl_tokens is not None else ""
    perplexity = "" if loss.perplexity is None else f"{loss.perplexity:.4g}"
    perplexity += f" (base {loss.base_perplexity:.4g})" if perplexity and loss.base_perplexity is not None else ""
    return kl, perplexity, *(_utility(loss, task) for task in tasks)


def _utility(loss: Damage, task: str) -> str:
    found, base = (loss.utility or {}).get(task), (loss.base_utility or {}).get(task)
    return "" if found is None else f"{found:.1%}" + ("" if base is None else f" (base {base:.1%})")


def heat_maps(scores: ScoreTable, marked: Sequence[HeadRef]) -> list[HeatMap]:
    """Harmful, harmless and difference. The first two share a scale, so that they can be compared; the difference has its own."""
    chosen = [HeadRef(score.layer, score.head) for score in scores.chosen]
    shared = charts.scale_of(scores.harmful, scores.harmless)
    tables: list[tuple[str, FloatArray, float]] = [("harmful", scores.harmful, shared)]
    if scores.harmless is not None:
        weight = "" if scores.contrast in (None, 1.0) else f"{scores.contrast:g} × "
        combined = scores.combined
        tables.append(("harmless", scores.harmless, shared))
        tables.append((f"difference: harmful - {weight}harmless", combined, charts.scale_of(combined)))
    return [
        HeatMap(
            title=title,
            words=(words := charts.say_scale(table, scale)),
            picture=charts.heat_map(
                table, scale=scale, label=f"Scores by layer and head, {title}: {words}", chosen=chosen, marked=marked
            ),
            legend=charts.legend(table, scale),
        )
        for title, table, scale in tables
    ]


def score_rows(scores: Sequence[HeadScore]) -> Table:
    """Scores of some heads."""
    rows = tuple((f"L{s.layer}H{s.head}", *_say_scores(s)) for s in scores)
    return Table(headers=("head", "score", "harmful", "harmless"), rows=rows)


def _say_scores(score: HeadScore | None) -> tuple[str, str, str]:
    if score is None:
        return "", "", ""
    return f"{score.score:.4g}", f"{score.harmful:.4g}", "" if score.harmless is None else f"{score.harmless:.4g}"


def edit_table(evaluation: Evaluation, scores: ScoreTable | None, marked: Sequence[HeadRef], *, random: bool) -> Table:
    """Heads that variants edit, the random controls' or all others'; scores as they were when a head was chosen, else as listed."""
    rows = tuple(
        (
            variant.name,
            str(edit.ref),
            edit.operation,
            f"{edit.factor:g}" if OPERATIONS[edit.operation].multiplies else "",
            *(_say_scores(_score_of(scores, edit.ref)) if scores else ()),
            *((("yes" if edit.ref in marked else "no",)) if marked else ()),
        )
        for variant in evaluation.variants
        if (variant.kind == "random") == random
        for edit in variant.edits
    )
    headers = ("variant", "head", "operation", "factor")
    return Table(
        headers=headers + (("score", "harmful", "harmless") if scores else ()) + (("marked",) if marked else ()), rows=rows
    )


def _score_of(scores: ScoreTable, head: HeadRef) -> HeadScore | None:
    """A head's scores; None: the model has no such head, or it was screened out before heads were scored."""
    layers, heads = scores.harmful.shape
    if head.layer >= layers or head.head >= heads:
        return None
    known = {HeadRef(score.layer, score.head): score for score in scores.chosen}
    if head in known:
        return known[head]
    if math.isnan(scores.combined[head.layer, head.head]):
        return None
    return HeadScore(
        layer=head.layer,
        head=head.head,
        score=float(scores.combined[head.layer, head.head]),
        harmful=float(scores.harmful[head.layer, head.head]),
        harmless=None if scores.harmless is None else float(scores.harmless[head.layer, head.head]),
    )


def frontier_table(points: Sequence[FrontierPoint]) -> Table:
    """All candidates."""
    rows = tuple(
        (
            ", ".join(point.heads) + (f", without {', '.join(point.removed)}" if point.removed else ""),
            f"{point.factor:g}",
            f"{say_rate(point.refusal)}, n = {point.refusal.total}",
            f"{say_rate(point.over_refusal)}, n = {point.over_refusal.total}",
            "" if point.harmless_kl is None else f"{point.harmless_kl:.3g}",
            "chosen" if point.chosen else "",
        )
        for point in points
    )
    return Table(headers=("heads", "factor", "refusal of harmful", "over-refusal", "harmless KL", ""), rows=rows)


def agreement_table(evaluation: Evaluation) -> Table:
    """How far judges agree."""
    rows = tuple(
        (
            f"{pair.first} and {pair.second}",
            "not defined" if pair.kappa is None else f"{pair.kappa:.2f}",
            say_percent(pair.agreement),
            str(pair.total),
        )
        for pair in evaluation.agreements
    )
    return Table(headers=("judges", "Cohen's kappa", "same verdict", "n"), rows=rows)


def samples(evaluation: Evaluation, answers: Sequence[Answer]) -> list[tuple[str, int, list[Sample]]]:
    """By set: prompts spread evenly over it, with the answers of the first seed; of the random controls the first only."""
    shown = [variant.name for variant in evaluation.variants if variant.kind != "random"]
    shown += [variant.name for variant in evaluation.variants if variant.kind == "random"][:1]
    by_prompt: dict[tuple[str, int], dict[str, Answer]] = {}
    for answer in answers:
        if answer.variant in shown and answer.seed in evaluation.decoding.seeds[:1]:
            by_prompt.setdefault((answer.set, answer.index), {}).setdefault(answer.variant, answer)
    found = []
    for entry in evaluation.sets:
        name = entry.record.name
        indices = sorted(index for set_name, index in by_prompt if set_name == name)
        chosen = _spread(indices, SAMPLES_PER_SET)
        made = [_sample(by_prompt[name, index], index, shown) for index in chosen]
        found += [(name, len(indices), made)] if made else []
    return found


def _spread(indices: Sequence[int], count: int) -> list[int]:
    if len(indices) <= count:
        return list(indices)
    return [indices[place * (len(indices) - 1) // (count - 1)] for place in range(count)]


def _sample(said: dict[str, Answer], index: int, shown: Sequence[str]) -> Sample:
    answers = tuple(said[variant] for variant in shown if variant in said)
    spoken = tuple(SampleAnswer(answer=answer, thoughts=_thoughts(answer), absence=_say_absence(answer)) for answer in answers)
    return Sample(prompt=answers[0].prompt, place=f"{index + 1}", answers=spoken)


def _thoughts(answer: Answer) -> str:
    return "\n".join(filter(None, [answer.thoughts, answer.split.thoughts]))


def _say_absence(answer: Answer) -> str:
    """The text that is shown instead of a missing reply."""
    if answer.refused_by is not None:
        return "refused by the server"
    absences: dict[Absence | None, str] = {
        "cut": "no answer: cut within its thoughts",
        "thoughts": "no answer: ends within its thoughts",
        "empty": "no answer: empty",
    }
    return absences.get(answer.absence, "")
