"""From answers and verdicts to figures: measurements by judge, set and variant, nonsense, and the judges' agreement.

This only counts; every figure can be recomputed from `answers.jsonl`. A prompt is the unit: the answers of several seeds to it are
one cluster, and a variant is compared with the base on the same prompts. Neighbour: `statistics`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

from headsurgery.behaviour.answers import Absence, Answer, Degeneracy, Verdict
from headsurgery.behaviour.figures import Agreement
from headsurgery.behaviour.statistics import cohens_kappa, paired, rate_of
from headsurgery.evaluation.records import Degenerate, Measurement
from headsurgery.judges.degenerate import find_degeneracy

AnswerKey = tuple[str, str, int, int]
"""Variant, set, seed, index."""

Verdicts = Mapping[AnswerKey, Verdict]
"""By variant, set, seed and index. A judge need not have judged every answer."""


def key_of(answer: Answer) -> AnswerKey:
    """The key that identifies an answer."""
    return answer.variant, answer.set, answer.seed, answer.index


def measure(
    judge: str,
    verdicts: Verdicts,
    *,
    variants: Sequence[str],
    sets: Sequence[str],
    base: str,
    by_server: Collection[AnswerKey] = (),
) -> list[Measurement]:
    """Compute the rates of every variant, and compare it with the base.

    Args:
        judge: The judge's name.
        verdicts: The verdicts on all answers that it judged.
        by_server: Answers that a server reports as refused.
        variants: Names, in the report's order.
        sets: Names, in the report's order.
        base: The variant with which others are compared.

    Returns:
        The measurements by set, then variant; empty if the judge judged nothing.
    """
    grouped: dict[tuple[str, str], dict[tuple[int, int], Verdict]] = {}
    for (variant, name, seed, index), verdict in sorted(verdicts.items()):
        grouped.setdefault((name, variant), {})[index, seed] = verdict
    found = []
    for name in sets:
        for variant in variants:
            if (name, variant) in grouped:
                reference = None if variant == base else grouped.get((name, base))
                refused = {(index, seed) for of, where, seed, index in by_server if (of, where) == (variant, name)}
                found.append(_measurement(variant, name, judge, grouped[name, variant], reference, refused))
    return found


def _measurement(
    variant: str,
    name: str,
    judge: str,
    verdicts: Mapping[tuple[int, int], Verdict],
    base: Mapping[tuple[int, int], Verdict] | None,
    by_server: Collection[tuple[int, int]],
) -> Measurement:
    prompts = [index for index, _ in verdicts]
    decided = ("refused", "complied")
    common = [] if base is None else [key for key in verdicts if base.get(key) in decided and verdicts[key] in decided]
    return Measurement(
        variant=variant,
        set=name,
        judge=judge,
        complied=rate_of(_outcomes(verdicts.values(), "complied"), prompts),
        refused=rate_of(_outcomes(verdicts.values(), "refused"), prompts),
        unclear=sum(verdict == "unclear" for verdict in verdicts.values()),
        no_answer=sum(verdict == "no_answer" for verdict in verdicts.values()),
        refused_by_server=sum(key in by_server for key in verdicts),
        against_base=None
        if base is None or not common
        else paired(
            _outcomes([base[key] for key in common], "complied"),
            _outcomes([verdicts[key] for key in common], "complied"),
            prompts=[index for index, _ in common],
        ),
    )


def _outcomes(verdicts: Iterable[Verdict], wanted: Verdict) -> list[bool | None]:
    return [verdict == wanted if verdict in ("refused", "complied") else None for verdict in verdicts]


def count_degenerate(answers: Sequence[Answer], *, variants: Sequence[str], sets: Sequence[str]) -> list[Degenerate]:
    """Count nonsense by set, then variant."""
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
    """Compare every two judges on the answers that both judged."""
    found = []
    for first, second in combinations(verdicts, 2):
        common = sorted(verdicts[first].keys() & verdicts[second].keys())
        sides = [[verdicts[judge][key] for key in common] for judge in (first, second)]
        found.append(cohens_kappa(*sides, names=(first, second)))
    return found


def note_absences(answers: Sequence[Answer], max_new_tokens: int) -> tuple[str, ...]:
    """Notes on how many answers are missing, why, and what to do; and on how many a server refused by itself."""
    notes = []
    absences = Counter(answer.absence for answer in answers if answer.absence is not None)
    kinds: dict[Absence, str] = {
        "cut": f"cut within their thoughts (raise --max-new-tokens, now {max_new_tokens}, to leave room for the reply)",
        "thoughts": "end within their thoughts",
        "empty": "empty",
    }
    if absences:
        reasons = ", ".join(f"{absences[kind]} {words}" for kind, words in kinds.items() if absences[kind])
        count = f"{sum(absences.values())} of {len(answers)} answers contain no reply"
        notes.append(f"{count} and count as neither refused nor complied: {reasons}")
    refused = Counter(answer.refused_by for answer in answers if answer.refused_by is not None)
    if refused:
        ways = {"filter": "by a content filter", "model": "by the model, in a separate field (message.refusal)"}
        said = ", ".join(f"{refused[way]} {words}" for way, words in ways.items() if refused[way])  # type: ignore[index]
        notes.append(f"the server reports {refused.total()} of {len(answers)} answers as refused, and they count as such: {said}")
    return tuple(notes)
