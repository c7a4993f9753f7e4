"""An evaluation on the terminal: the finding, a table per set and judge, and the damage."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from headsurgery.behaviour.figures import Rate
from headsurgery.console import table
from headsurgery.evaluation.records import Evaluation, Measurement, SetRecord
from headsurgery.report.wording import MEASURES, damage_of, rate_of, say_effect, say_finding, say_interval, say_rate


def render_evaluation(evaluation: Evaluation) -> list[RenderableType]:
    """Tables and lines for people."""
    made: list[RenderableType] = [Text(say_finding(evaluation)), ""]
    for entry in evaluation.sets:
        for judge in evaluation.judges:
            found = [m for m in evaluation.measurements if (m.set, m.judge) == (entry.record.name, judge)]
            if found:
                made += [_rates(evaluation, entry, judge, found), ""]
    if evaluation.damage:
        made += [_damage(evaluation), ""]
    for pair in evaluation.agreements:
        kappa = "not defined" if pair.kappa is None else f"{pair.kappa:.2f}"
        made.append(Text(f"{pair.first} and {pair.second}: kappa {kappa}, same verdict {pair.agreement:.0%}, n = {pair.total}"))
    return made + [Text(f"note: {note}") for note in evaluation.notes]


def _rates(evaluation: Evaluation, entry: SetRecord, judge: str, found: list[Measurement]) -> RenderableType:
    nonsense = {one.variant: one.rate for one in evaluation.degenerate if one.set == entry.record.name}
    is_harmful = entry.kind == "harmful"
    has_absences = any(one.no_answer for one in found)
    figures = ("ASR [95 %]", "n", "against base", "McNemar p", "refused") if is_harmful else ("refused [95 %]", "n", "answered")
    rows = [
        (
            one.variant,
            say_rate(rate_of(one, entry.kind)),
            one.complied.total,
            *(_against_base(one) if is_harmful else ()),
            one.refused.count if is_harmful else one.complied.count,
            one.unclear,
            *((one.no_answer,) if has_absences else ()),
            _short(nonsense.get(one.variant)),
        )
        for one in found
    ]
    title = f"{entry.record.name}, judge {judge}: {MEASURES[entry.kind]}"
    absences = ("no answer",) if has_absences else ()
    return table(("variant", *figures, "unclear", *absences, "degenerate"), rows, title=title)


def _against_base(measurement: Measurement) -> tuple[str, str]:
    paired = measurement.against_base
    return ("", "") if paired is None else (say_effect(paired), f"{paired.p_value:.2g}")


def _short(rate: Rate | None) -> str:
    return "" if rate is None else say_rate(rate).split(" [")[0]


def _damage(evaluation: Evaluation) -> RenderableType:
    rows = []
    for variant in evaluation.variants:
        loss = damage_of(evaluation, variant.name)
        if loss is None:
            continue
        kl = say_interval(loss.harmless_kl) if loss.harmless_kl else ""
        utility = ", ".join(f"{task} {value:.1%}{_base(loss.base_utility, task)}" for task, value in (loss.utility or {}).items())
        rows.append((variant.name, variant.parameters_changed, kl, loss.kl_tokens, loss.perplexity, loss.base_perplexity, utility))
    headers = ("variant", "parameters changed", "harmless KL, nats per token", "tokens", "perplexity", "base's", "utility")
    return table(headers, rows, title="Damage")


def _base(utility: dict[str, float] | None, task: str) -> str:
    return f" (base {utility[task]:.1%})" if utility and task in utility else ""
