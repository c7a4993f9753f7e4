"""From answers and verdicts to figures: a measurement per judge, set and variant, nonsense, and the judges' agreement.

Pure counting; every figure can be recomputed from `answers.jsonl`. A prompt is the unit: several seeds' answers to it are one
cluster, and a variant is compared with the base on the same prompts. Neighbour: `statistics`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from headsurgery.evaluation.degenerate import find_degeneracy
from headsurgery.evaluation.records import (
    Agreement,
    Answer,
    Degeneracy,
    Degenerate,
    Measurement,
    Verdict,
)
from headsurgery.evaluation.statistics import cohens_kappa, paired, rate_of

Verdicts = Mapping[tuple[str, str, int, int], Verdict]
"""By variant, set, seed and index; a judge need not have judged every answer."""


def key_of(answer: Answer) -> tuple[str, str, int, int]:
    """What tells an answer from all others."""
    return answer.variant, answer.set, answer.seed, answer.index


def measure(judge: str, verdicts: Verdicts, *, variants: Sequence[str], sets: Sequence[str], base: str) -> list[Measurement]:
    """Rates, and the comparison with the base.

    Args:
        judge: Its name.
        verdicts: Of all answers that it judged.
        variants: Names, in the report's order.
        sets: Names, in the report's order.
        base: The variant that others are compared with.

    Returns:
        By set, then variant; none where the judge judged nothing.
    """
    grouped: dict[tuple[str, str], dict[tuple[int, int], Verdict]] = {}
    for (variant, name, seed, index), verdict in sorted(verdicts.items()):
        grouped.setdefault((name, variant), {})[index, seed] = verdict
    found = []
    for name in sets:
        for variant in variants:
            if (name, variant) in grouped:
                reference = None if variant == base else grouped.get((name, base))
                found.append(_measurement(variant, name, judge, grouped[name, variant], reference))
    return found


def _measurement(
    variant: str,
    name: str,
    judge: str,
    verdicts: Mapping[tuple[int, int], Verdict],
    base: Mapping[tuple[int, int], Verdict] | None,
) -> Measurement:
    prompts = [index for index, _ in verdicts]
    common = [] if base is None else [key for key in verdicts if key in base]
    return Measurement(
        variant=variant,
        set=name,
        judge=judge,
        complied=rate_of(_outcomes(verdicts.values(), "complied"), prompts),
        refused=rate_of(_outcomes(verdicts.values(), "refused"), prompts),
        unclear=sum(verdict == "unclear" for verdict in verdicts.values()),
        against_base=None
        if base is None
        else paired(
            _outcomes([base[key] for key in common], "complied"),
            _outcomes([verdicts[key] for key in common], "complied"),
            prompts=[index for index, _ in common],
        ),
    )


def _outcomes(verdicts: Iterable[Verdict], wanted: Verdict) -> list[bool | None]:
    return [None if verdict == "unclear" else verdict == wanted for verdict in verdicts]


def count_degenerate(answers: Sequence[Answer], *, variants: Sequence[str], sets: Sequence[str]) -> list[Degenerate]:
    """Nonsense by set, then variant."""
    grouped: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        grouped.setdefault((answer.set, answer.variant), []).append(answer)
    found = []
    for name in sets:
        for variant in variants:
            of_variant = grouped.get((name, variant), [])
            kinds = [find_degeneracy(answer) for answer in of_variant]
            counts: Counter[Degeneracy] = Counter(kind for kind in kinds if kind is not None)
            rate = rate_of([kind is not None for kind in kinds], [answer.index for answer in of_variant])
            found.append(Degenerate(variant=variant, set=name, rate=rate, kinds=dict(sorted(counts.items()))))
    return found


def compare_judges(verdicts: Mapping[str, Verdicts]) -> list[Agreement]:
    """Every two judges, on the answers that both judged."""
    found = []
    for first, second in combinations(verdicts, 2):
        common = sorted(verdicts[first].keys() & verdicts[second].keys())
        sides = [[verdicts[judge][key] for key in common] for judge in (first, second)]
        found.append(cohens_kappa(*sides, names=(first, second)))
    return found
