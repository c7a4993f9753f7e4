"""A made-up evaluation that looks like a real one: two harmful and two other sets, two judges, random controls, many scripts."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from headsurgery.attribution.frontier_record import FrontierPoint
from headsurgery.attribution.scores import ScoreTable, score_heads
from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.behaviour.figures import Agreement, Interval, Paired, Rate
from headsurgery.evaluation.records import Damage, Degenerate, Evaluation, Measurement, SetRecord, Variant
from headsurgery.heads import HeadRef
from headsurgery.recipe import HeadEdit, PromptRecord

NASTY = (
    "<script>alert('x')</script> & \"quoted\" </style><img src=x onerror=y> \u202eright to left مرحبا 🙂\x00\x1b[31m " + "w" * 300
)
EDITED = (HeadRef(2, 5), HeadRef(7, 1), HeadRef(7, 3))
PLANTED = (HeadRef(2, 5), HeadRef(7, 3), HeadRef(9, 0))
JUDGES = ("keyword", "classifier:wildguard")
SETS = (("advbench", "harmful"), ("malicious-instruct", "harmful"), ("xstest", "over_refusal"), ("harmless", "harmless"))
COUNTS = {"advbench": 500, "malicious-instruct": 100, "xstest": 250, "harmless": 100}
VARIANTS = ("base", "sahara-3", "sahara-3-half", "random-1", "random-2", "random-3")


def rate(count: int, total: int) -> Rate:
    """A share with its Wilson interval by scipy."""
    found = binomtest(count, total).proportion_ci(method="wilson")
    return Rate(count=count, total=total, interval=Interval(value=count / total, low=float(found.low), high=float(found.high)))


def paired(base: int, complied: int, total: int, p_value: float = 1.2e-9) -> Paired:
    """Against the base's count; the widths of the intervals are made up."""
    ratio = None if base == 0 else Interval(value=complied / base, low=0.4 * complied / base, high=2.6 * complied / base)
    difference = (complied - base) / total
    return Paired(
        only_base=2,
        only_variant=max(complied - base, 0) + 2,
        p_value=p_value,
        difference=Interval(value=difference, low=difference - 0.05, high=difference + 0.05),
        ratio=ratio,
    )


def measurement(variant: str, name: str, judge: str, refused: int, unclear: int, total: int, base: int) -> Measurement:
    complied = total - refused - unclear
    against_base = paired(base, complied, total, p_value=0.31 if variant.startswith("random") else 1.2e-9)
    return Measurement(
        variant=variant,
        set=name,
        judge=judge,
        complied=rate(complied, total),
        refused=rate(refused, total),
        unclear=unclear,
        against_base=None if variant.startswith("base") else against_base,
    )


def example(*, base: str = "acme/Aligned-7B-Instruct", variants: tuple[str, ...] = VARIANTS, note: str = "") -> Evaluation:
    """Two harmful and two other sets, two judges, an edited model at two strengths, three random controls."""
    refusals = dict(zip(variants, (98, 29, 60, 97, 98, 96)))
    measurements, degenerate = [], []
    for name, kind in SETS:
        total = COUNTS[name]
        for variant, percent in refusals.items():
            for judge in JUDGES:
                share = percent / 100 if kind == "harmful" else (4 if kind == "over_refusal" else 1) * percent / 9800
                refused, unclear = round(total * share), 3 if judge != "keyword" and variant != "base" else 0
                zero = total - round(total * (0.98 if kind == "harmful" else 0.04 if kind == "over_refusal" else 0.01))
                measurements.append(measurement(variant, name, judge, refused, min(unclear, total - refused), total, zero))
            bad = total // 90 if variant != "base" else 0
            kinds = {"empty": 1, "repetition": bad - 1, "off_script": 0} if bad else {"empty": 0, "repetition": 0, "off_script": 0}
            degenerate.append(Degenerate(variant=variant, set=name, rate=rate(bad, total), kinds=kinds))
    return Evaluation(
        base=base,
        revision="a" * 40,
        sets=tuple(
            SetRecord(kind=kind, record=PromptRecord(name=name, count=COUNTS[name], sha256="0123456789abcdef" * 4))
            for name, kind in SETS
        ),
        variants=tuple(_variant(name, place) for place, name in enumerate(variants)),
        decoding=Decoding(template="chat", seeds=(0,), system="You are a helpful assistant. 🩺", prefill="Sure, here is"),
        judges=JUDGES,
        measurements=tuple(measurements),
        degenerate=tuple(degenerate),
        agreements=(
            Agreement(first=JUDGES[0], second=JUDGES[1], kappa=0.8712, agreement=0.957, total=5682),
            Agreement(first=JUDGES[1], second=JUDGES[0], kappa=None, agreement=1.0, total=0),
        ),
        damage=tuple(_damage(name, place) for place, name in enumerate(variants[1:])),
        versions={"headsurgery": "0.1.0", "torch": "2.9.1", "transformers": "5.0.0"},
        notes=(
            "malicious-instruct: 3 answers have no verdict of classifier:wildguard, it gave no usable reply",
            *((note,) if note else ()),
        ),
    )


def _variant(name: str, place: int) -> Variant:
    if place == 0:
        return Variant(name=name, kind="base")
    heads = EDITED if place < 3 else tuple(HeadRef(head.layer, (head.head + place) % 8) for head in EDITED)
    edits = tuple(HeadEdit(layer=head.layer, head=head.head, factor=0.5 if place == 2 else 0.0) for head in heads)
    return Variant(
        name=name,
        kind="recipe" if place < 3 else "random",
        edits=edits,
        parameters_changed=1_572_864,
        parameters=6_738_415_616,
        parameters_changed_paper=0.00024,
    )


def _damage(name: str, place: int) -> Damage:
    return Damage(
        variant=name,
        harmless_kl=Interval(value=0.0123 * (place + 1), low=0.0101 * (place + 1), high=0.0151 * (place + 1)),
        kl_tokens=1280,
        perplexity=7.317 + place / 10,
        base_perplexity=7.251,
        utility={"boolq": 0.771, "rte": 0.702, "winogrande": 0.661, "arc_challenge": 0.44, "openbookqa": 0.33},
        base_utility={"boolq": 0.779, "rte": 0.711, "winogrande": 0.664, "arc_challenge": 0.443, "openbookqa": 0.334},
    )


def answers(evaluation: Evaluation, *, prompt: str = "", text: str = "") -> list[Answer]:
    """Twelve prompts per set; mild nonsense of many scripts and lengths."""
    texts = (
        "I'm sorry, but I can't help with the blue teapot.",
        "Of course! Here is how:\n\n1. Fill the pot.\n2. Wait.\n" * 4,
        "",
        "pot " * 90,
    )
    return [
        Answer(
            variant=variant.name,
            set=entry.record.name,
            index=index,
            seed=seed,
            prompt=prompt or f"How do I paint teapot number {index} blue? 🫖 كيف أرسم إبريق الشاي؟",
            text=text or texts[(place + index) % 4] + (" שלום" if seed else ""),
            num_tokens=12 * (place + 1),
            finished=place != 3,
        )
        for entry in evaluation.sets
        for index in range(12)
        for place, variant in enumerate(evaluation.variants)
        for seed in (0, 1)
    ]


def score_table(layers: int = 12, heads: int = 8) -> ScoreTable:
    generator = np.random.default_rng(0)
    harmful, harmless = generator.gamma(0.3, 1.0, (layers, heads)), generator.gamma(0.3, 1.0, (layers, heads)) - 0.05
    harmful[4] = harmless[4] = np.nan
    for head in EDITED:
        harmful[head.layer, head.head] += 5
    chosen = score_heads(EDITED, harmful, harmless, 1.5)
    return ScoreTable(arrays={"ships": harmful[None]}, harmful=harmful, harmless=harmless, contrast=1.5, chosen=chosen)


def frontier() -> list[FrontierPoint]:
    return [
        FrontierPoint(
            heads=heads,
            factor=factor,
            refusal=rate(min(99, round(50 + 30 * factor * len(heads) ** 0.3)), 100),
            over_refusal=rate(round(2 + factor**3 * len(heads)), 250),
            harmless_kl=None if factor == 1.25 else 0.004 * factor**2 * len(heads),
            chosen=heads == ("L2H5", "L7H1") and factor == 1.5,
        )
        for heads in (("L2H5",), ("L2H5", "L7H1"), ("L2H5", "L7H1", "L7H3"))
        for factor in (1.0, 1.25, 1.5, 2.0)
    ]
