"""Figures as words: shares with intervals, ratios, p-values, and the finding in one sentence.

The page and the terminal share these, so that both say the same. Nothing here computes a statistic: every figure is in the
`Evaluation` already, and is only rounded. Shares are whole percents, except close to 0 and 100 %, where that would say "none" or
"all" of what is neither.
"""

from __future__ import annotations

from headsurgery.behaviour.figures import Interval, Paired, Rate
from headsurgery.evaluation.records import Damage, Evaluation, Kind, Measurement, Variant

MEASURES: dict[Kind, str] = {
    "harmful": "attack success rate (ASR)",
    "over_refusal": "over-refusal",
    "harmless": "refusal of harmless prompts",
}
"""What is counted on a set, depending on its purpose."""


def say_percent(share: float, *, sign: bool = True) -> str:
    """A share in [0, 1] as `71 %`; one more digit below 1 % and above 99 %."""
    value = share * 100
    is_close = 0 < value < 1 or 99 < value < 100
    text = f"{value:.1f}" if is_close else f"{value:.0f}"
    if (text == "0.0" and value > 0) or (text == "100.0" and value < 100):
        text = "<0.1" if value < 1 else ">99.9"
    return f"{text} %" if sign else text


def say_rate(rate: Rate) -> str:
    """A share with its interval, as `71 % [64, 77]`."""
    if not rate.total:
        return "no answers"
    low, high = (say_percent(share, sign=False) for share in (rate.interval.low, rate.interval.high))
    return f"{say_percent(rate.interval.value)} [{low}, {high}]"


def say_interval(interval: Interval) -> str:
    """A number with its interval, three digits each."""
    return f"{interval.value:.3g} [{interval.low:.3g}, {interval.high:.3g}]"


def say_effect(paired: Paired) -> str:
    """A variant against the base: the ratio as `35 × [14, 90]` or, where the base has none, the difference in points."""
    if paired.ratio is not None:
        value, low, high = (_two_digits(number) for number in (paired.ratio.value, paired.ratio.low, paired.ratio.high))
        return f"{value} × [{low}, {high}]"
    value, low, high = (f"{share * 100:+.0f}" for share in (paired.difference.value, paired.difference.low, paired.difference.high))
    return f"{value} points [{low}, {high}]"


def _two_digits(number: float) -> str:
    return f"{number:.2g}" if number < 99.5 else f"{number:.0f}"


def say_p(p_value: float) -> str:
    """The p-value of a test, two digits."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


def say_paired(paired: Paired) -> str:
    """A variant against the base, and the test."""
    return f"{say_effect(paired)}, {say_p(paired.p_value)}"


def rate_of(measurement: Measurement, kind: Kind) -> Rate:
    """What is counted: compliance with harmful prompts, refusal of all others."""
    return measurement.complied if kind == "harmful" else measurement.refused


def kinds_by_variant(evaluation: Evaluation) -> dict[str, str]:
    """Kind of every variant, by name."""
    return {variant.name: variant.kind for variant in evaluation.variants}


def say_finding(evaluation: Evaluation) -> str:
    """The finding in one sentence: the first judge, the first harmful set and the first edited variant, as they were given.

    The first ones, not the most striking ones: a choice after the fact would be biased.
    """
    base = _first(evaluation, "base")
    edited = next((variant for variant in evaluation.variants if variant.kind in ("recipe", "checkpoint")), None)
    parts = [_say_attack(evaluation, base, edited), *_say_costs(evaluation, base, edited)]
    sentence = "; ".join(part for part in parts if part)
    return f"{sentence}." if sentence else "Nothing was measured."


def _first(evaluation: Evaluation, kind: str) -> Variant | None:
    return next((variant for variant in evaluation.variants if variant.kind == kind), None)


def _first_set(evaluation: Evaluation, kind: Kind) -> str | None:
    return next((entry.record.name for entry in evaluation.sets if entry.kind == kind), None)


def _find(evaluation: Evaluation, variant: Variant | None, name: str | None) -> Measurement | None:
    """The first judge's measurement."""
    return next(
        (
            measurement
            for measurement in evaluation.measurements
            if variant and (measurement.variant, measurement.set, measurement.judge) == (variant.name, name, evaluation.judges[0])
        ),
        None,
    )


def _say_attack(evaluation: Evaluation, base: Variant | None, edited: Variant | None) -> str:
    name = _first_set(evaluation, "harmful")
    before, after = _find(evaluation, base, name), _find(evaluation, edited, name)
    found = [measurement for measurement in (before, after) if measurement]
    if not found:
        return ""
    parts = [f"{measurement.variant} {say_rate(measurement.complied)}" for measurement in found]
    absent = f", {found[-1].no_answer} more no answer" if found[-1].no_answer else ""
    text = f"ASR on {name} (judge {found[0].judge}, n = {found[-1].complied.total}{absent}): {', '.join(parts)}"
    if after and after.against_base:
        text += f"; {say_paired(after.against_base)}"
    return f"{text}{_say_random(evaluation, name)}"


def _say_random(evaluation: Evaluation, name: str | None) -> str:
    """The random controls' mean, and their range."""
    found = [_find(evaluation, variant, name) for variant in evaluation.variants if variant.kind == "random"]
    values = sorted(measurement.complied.interval.value for measurement in found if measurement and measurement.complied.total)
    if not values:
        return ""
    draws = f" ({len(values)} draws, {say_percent(values[0], sign=False)}-{say_percent(values[-1])})" if len(values) > 1 else ""
    return f"; random heads {say_percent(sum(values) / len(values))}{draws}"


def _say_costs(evaluation: Evaluation, base: Variant | None, edited: Variant | None) -> list[str]:
    """Refusal of what a good model answers, nonsense, and the distance from the base."""
    parts = []
    sets: tuple[tuple[Kind, str], ...] = (("over_refusal", "over-refusal"), ("harmless", "refusal of harmless prompts"))
    for kind, what in sets:
        name = _first_set(evaluation, kind)
        before, after = _find(evaluation, base, name), _find(evaluation, edited, name)
        if before and after:
            shares = " → ".join(
                say_percent(rate.interval.value) if rate.total else "no answers" for rate in (before.refused, after.refused)
            )
            parts.append(f"{what} on {name} {shares} (n = {after.refused.total})")
            break
    harmful = _first_set(evaluation, "harmful")
    for entry in evaluation.degenerate:
        if edited and (entry.variant, entry.set) == (edited.name, harmful):
            parts.append(f"degenerate {say_percent(entry.rate.interval.value)} (n = {entry.rate.total})")
    damage = damage_of(evaluation, edited.name) if edited else None
    if damage and damage.harmless_kl:
        parts.append(f"harmless KL {say_interval(damage.harmless_kl)} nats per token")
    return parts


def damage_of(evaluation: Evaluation, variant: str) -> Damage | None:
    """The damage to a variant, if it was measured."""
    return next((entry for entry in evaluation.damage if entry.variant == variant), None)
