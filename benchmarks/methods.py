"""The contest of attribution methods, decided by what their groups of heads do to prompts that no search saw.

    python benchmarks/methods.py --harmful FILE --work FOLDER [--draws 2]            plants, whose heads are known
    python benchmarks/methods.py --harmful FILE --work FOLDER --model MODEL          any model
    python benchmarks/methods.py --work FOLDER --table                               the tables in Markdown, of what is there

FILE has harmful questions in a column `prompt`; it is read and not copied. Every fifth question is held out from all searches and
from the training of plants. A method runs as `attribute` runs it, with its defaults, on 12 harmful prompts that the model refuses
and 12 harmless ones that it answers; each draw has other prompts and another seed. Its groups of 1, 2, 5, 10, 20 and 40 heads are
measured as `attribute` measures its curve, on 30 held-out prompts that the model refuses and 24 that it answers.

Two figures decide, both between 0 and 1. The area against KL is the mean, over x from 0 to 0.2 nats per token, of the largest share
of refusals that a group takes away at a harmless KL of at most x. The area against heads is the mean, over log2(x) from 1 to 40
heads, of the largest share that a group of at most x heads takes away at 0.2 nats at most. Groups that make more than a tenth more
of the answers nonsense don't count: more than the model as it is or, of plants, without all planted heads. Intervals are of a
bootstrap over held-out prompts and draws. An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import log2
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
from plants import NUM_KEPT, PLANTS, Plant, harmless_lines, load_plant, split_harmful

from headsurgery.attribution import attribute
from headsurgery.attribution.curve import ANSWER_TOKENS, GroupEffect, measure_effects, most_degenerate
from headsurgery.attribution.groups import SIZES, Group, heads_of_size
from headsurgery.attribution.holding_out import Asked, HeldOut
from headsurgery.attribution.options import AttributionOptions
from headsurgery.attribution.scores import FloatArray
from headsurgery.attribution.settings import Settings
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.documents.atomic import write_atomically
from headsurgery.engine.local import LocalEngine
from headsurgery.errors import HeadSurgeryError
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.prompts import PromptSet, encode, load_prompts, load_template
from headsurgery.recipe import HeadEdit

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.gated import AMPLIFIERS, load_gated
from tests.gated import pairs as gated_pairs

METHODS = ("direct", "interchange", "ships", "gates", "refusal", "sahara")
"""The quickest first."""
RANDOM, PLANTED = "random heads", "planted heads (oracle)"
SEARCHED, HARMFUL, HARMLESS = 12, 30, 24
LEAST_PAIRS = 3
PLANT_TOKENS = 24
"""Plants refuse with their first words, or not at all."""
MOST_KL, MOST_HEADS = 0.2, 40
LEAST_KL = 1e-3
"""Of the planted heads, for other groups to be compared with it."""
BOOTSTRAPS = 1000

Places = npt.NDArray[np.int64]


# The models and their prompts


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model of the contest, and the prompts that are drawn from.

    Args:
        name: Of the model.
        kind: Models of one kind are averaged.
        load: Loads it.
        template: How it is asked; None: by its chat template.
        answer_tokens: New tokens among which the curve looks for a refusal.
        planted: The heads that are known to refuse, where they are.
        harmful: Prompts for searches.
        held_out: Other harmful prompts, to measure on.
        harmless: Harmless prompts, for both.
        pairs: Harmful prompts and their look-alikes, for `interchange`.
    """

    name: str
    kind: str
    load: Callable[[], LoadedModel]
    template: str | None
    answer_tokens: int
    planted: tuple[HeadRef, ...] = ()
    harmful: Sequence[str]
    held_out: Sequence[str]
    harmless: Sequence[str]
    pairs: Sequence[tuple[str, str]]


def plant_subject(spec: Plant, harmful: Path, work: Path) -> Subject:
    searched, held_out = split_harmful(harmful)
    return Subject(
        name=spec.name,
        kind=spec.kind,
        load=lambda: load_plant(spec, harmful, work),
        template="paper",
        answer_tokens=PLANT_TOKENS,
        planted=spec.refs,
        harmful=searched,
        held_out=held_out,
        harmless=[*harmless_lines()[NUM_KEPT:], *load_prompts("builtin:harmless").texts],
        pairs=builtin_pairs(),
    )


def model_subject(model: Path, dtype: str, harmful: Path) -> Subject:
    searched, held_out = split_harmful(harmful)
    return Subject(
        name=model.name,
        kind=model.name,
        load=lambda: load_model(model, dtype=dtype),
        template=None,
        answer_tokens=ANSWER_TOKENS,
        harmful=searched,
        held_out=held_out,
        harmless=[*harmless_lines()[NUM_KEPT:], *load_prompts("builtin:harmless").texts],
        pairs=builtin_pairs(),
    )


def chain_subject() -> Subject:
    """A gate and its amplifiers, which no ablation of a single head finds."""
    harmful, harmless = gated_pairs(120)
    return Subject(
        name="chain-tiny",
        kind="chain",
        load=load_gated,
        template="paper",
        answer_tokens=PLANT_TOKENS,
        planted=AMPLIFIERS,
        harmful=harmful[:60],
        held_out=harmful[60:],
        harmless=harmless[60:],
        pairs=list(zip(harmful[:60], harmless[:60], strict=True)),
    )


def builtin_pairs() -> list[tuple[str, str]]:
    harmful, harmless = (load_prompts(f"builtin:paired-{kind}").texts for kind in ("decline", "harmless"))
    return list(zip(harmful, harmless, strict=True))


class Prompts:
    """Draws prompts of a subject by what the model says to them."""

    def __init__(self, subject: Subject, engine: LocalEngine) -> None:
        self._subject, self._engine = subject, engine
        self._template = load_template(subject.template, engine.loaded.tokenizer)
        self.reader = AnswerReader.of(engine.loaded.tokenizer, self._template)
        harmless = shuffled(subject.harmless, "held out")
        self.held_out = HeldOut(
            searched=(),
            harmful=self._encode(self._take(shuffled(subject.held_out, "held out"), HARMFUL, refused=True)),
            harmless=self._encode(self._take(harmless, HARMLESS, refused=False)),
        )
        measured = set(self.held_out.harmless.prompts.texts) if self.held_out.harmless else set()
        self._harmless = [text for text in harmless if text not in measured]

    @property
    def digest(self) -> str:
        """Of what is measured on, so that figures of other prompts are never mixed."""
        assert self.held_out.harmless is not None
        ids = [*self.held_out.harmful.ids, *self.held_out.harmless.ids]
        return sha256(json.dumps([self._subject.answer_tokens, ids]).encode()).hexdigest()[:16]

    def draw(self, number: int, *, are_paired: bool) -> tuple[PromptSet, PromptSet]:
        """Harmful prompts that the model refuses and harmless ones that it answers, for one search."""
        if are_paired:
            return self._draw_pairs(number)
        harmful = self._take(shuffled(self._subject.harmful, number), SEARCHED, refused=True)
        harmless = self._take(shuffled(self._harmless, number), SEARCHED, refused=False)
        return PromptSet.from_texts(harmful, name="harmful"), PromptSet.from_texts(harmless, name="harmless")

    def _draw_pairs(self, number: int) -> tuple[PromptSet, PromptSet]:
        found: list[tuple[str, str]] = []
        pairs = shuffled(self._subject.pairs, number)
        for first in range(0, len(pairs), 2 * SEARCHED):
            rows = pairs[first : first + 2 * SEARCHED]
            refused = self._ask([text for pair in rows for text in pair])
            found += [pair for row, pair in enumerate(rows) if refused[2 * row] and not refused[2 * row + 1]]
            if len(found) >= SEARCHED:
                break
        if len(found) < LEAST_PAIRS:
            raise HeadSurgeryError(f"the model refuses one prompt of only {len(found)} pairs and answers the other")
        harmful, harmless = zip(*found[:SEARCHED], strict=True)
        return PromptSet.from_texts(harmful, name="harmful"), PromptSet.from_texts(harmless, name="harmless")

    def _take(self, texts: Sequence[str], count: int, *, refused: bool) -> list[str]:
        """The first prompts that are refused, or that are answered."""
        found: list[str] = []
        for first in range(0, len(texts), count):
            rows = texts[first : first + count]
            found += [text for text, verdict in zip(rows, self._ask(rows), strict=True) if verdict == refused]
            if len(found) >= count:
                break
        return found[:count]

    def _ask(self, texts: Sequence[str]) -> list[bool]:
        """Which are refused."""
        answers = self._engine.complete(self._encode(texts).ids, tokens=self._subject.answer_tokens)
        return [find_refusal(self.reader.split(answer).reply) is not None for answer in answers]

    def _encode(self, texts: Sequence[str]) -> Asked:
        prompts, ids = encode(PromptSet.from_texts(texts), self._template, self._engine.loaded.tokenizer, max_tokens=1024)
        return Asked(prompts=prompts, ids=ids)


def shuffled(items: Sequence[Any], seed: object) -> list[Any]:
    return Random(f"contest {seed}").sample(list(items), len(items))


# What methods propose


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Groups of heads that are to be measured, the ranking of all heads, and the search's processor time in seconds."""

    groups: tuple[Group, ...]
    ranking: tuple[HeadRef, ...]
    seconds: float = 0.0


def search(subject: Subject, engine: LocalEngine, prompts: Prompts, method: str, draw: int, *, is_screened: bool) -> Proposal:
    """What a method of `attribute` finds on one draw of prompts."""
    options = AttributionOptions(method=method, held_out=0, resamples=0, screen=is_screened)
    settings = Settings.resolve(options, has_harmless=True).reseeded(draw)
    harmful, harmless = prompts.draw(draw, are_paired=method == "interchange")
    started = time.process_time()
    found = attribute(engine, engine.loaded.tokenizer, harmful, harmless=harmless, options=settings, template=subject.template)
    seconds = time.process_time() - started
    groups = [*settings.method.groups(found.scores, settings), found.recipe.edits]
    ranking = heads_of_size(found.scores, engine.facts.geometry.num_heads_in_all)
    return Proposal(groups=tuple(group for group in groups if group), ranking=ranking, seconds=seconds)


def rank(heads: Sequence[HeadRef]) -> Proposal:
    """Groups of a fixed order: of the usual sizes, and all of it."""
    sizes = sorted({size for size in (*SIZES, len(heads)) if size <= min(len(heads), MOST_HEADS)})
    groups = tuple(tuple(HeadEdit(layer=head.layer, head=head.head) for head in heads[:size]) for size in sizes)
    return Proposal(groups=groups, ranking=tuple(heads))


# What is kept


@dataclass(frozen=True)
class Store:
    """Results as JSON, one file for each model, method and draw."""

    folder: Path

    def path(self, subject: Subject, method: str, draw: int) -> Path:
        return self.folder / f"{subject.name}--{method.replace(' ', '-')}--{draw}.json"

    def results(self, pattern: str = "*") -> list[dict[str, Any]]:
        """What is there, with the number of answers of a group that may be nonsense."""
        found = [json.loads(path.read_text()) for path in sorted(self.folder.glob(f"{pattern}--*--*.json"))]
        oracles = {result["model"]: whole_plant(result) for result in found if result["method"] == PLANTED}
        for result in found:
            usual = [sum(effect["degenerate"]) for effect in (result["base"], oracles.get(result["model"], result["base"]))]
            result["most_degenerate"] = most_degenerate(max(usual), len(result["base"]["refused"]))
        return found

    def known(self, subject: Subject, digest: str) -> dict[str, dict[str, Any]]:
        """Effects of groups that are measured already, by their edits."""
        found = self.results(subject.name)
        if any(result["digest"] != digest for result in found):
            raise SystemExit(f"{subject.name}: {self.folder} has figures of other held-out prompts; use another folder")
        return {name_group(effect["edits"]): effect for result in found for effect in (result["base"], *result["effects"])}


def name_group(edits: Sequence[Any]) -> str:
    return json.dumps(sorted(edits, key=json.dumps))


def to_json(effect: GroupEffect) -> dict[str, Any]:
    document = asdict(effect) | {"edits": [edit.model_dump(mode="json", exclude_none=True) for edit in effect.edits]}
    return {name: list(value) for name, value in document.items()}


def run(subject: Subject, draw: int, store: Store, methods: Sequence[str], screened: Sequence[str]) -> None:
    """Everything of one model and draw that is not there yet."""
    labels = [(PLANTED, PLANTED)] if subject.planted and not draw else []
    labels += [(f"{method} --screen" if method in screened else method, method) for method in methods] + [(RANDOM, RANDOM)]
    missing = [(label, method) for label, method in labels if not store.path(subject, label, draw).exists()]
    if not missing:
        return
    engine = LocalEngine(subject.load())
    prompts = Prompts(subject, engine)
    known = store.known(subject, prompts.digest)
    for label, method in missing:
        result: dict[str, Any] = {"model": subject.name, "kind": subject.kind, "method": label, "draw": draw}
        result |= {"digest": prompts.digest, "planted": list(map(str, subject.planted)), "effects": []}
        try:
            proposal = propose(subject, engine, prompts, method, draw, is_screened=label != method)
        except HeadSurgeryError as error:
            proposal, result = rank(()), result | {"failed": str(error)}
        groups = [(), *proposal.groups]
        keys = [name_group([edit.model_dump(mode="json", exclude_none=True) for edit in group]) for group in groups]
        new = {key: group for key, group in zip(keys, groups, strict=True) if key not in known}
        measured = measure_effects(
            engine, prompts.reader, list(new.values()), prompts.held_out, answer_tokens=subject.answer_tokens
        )
        known |= {key: to_json(effect) for key, effect in zip(new, measured, strict=True)}
        base, *effects = (known[key] for key in keys)
        result |= {"seconds": proposal.seconds, "ranking": list(map(str, proposal.ranking)), "base": base, "effects": effects}
        write_atomically(store.path(subject, label, draw), json.dumps(result).encode())
        print(f"{subject.name}, draw {draw}, {label}: {result.get('failed') or say(result)}", flush=True)


def propose(subject: Subject, engine: LocalEngine, prompts: Prompts, method: str, draw: int, *, is_screened: bool) -> Proposal:
    if method == PLANTED:
        return rank(subject.planted)
    if method == RANDOM:
        return rank(shuffled(list(engine.facts.geometry.heads()), draw)[:MOST_HEADS])
    return search(subject, engine, prompts, method, draw, is_screened=is_screened)


def say(result: dict[str, Any]) -> str:
    """What each group does."""
    groups = [
        f"{len(effect['edits'])} heads: {1 - np.mean(effect['refused']):.0%} at {np.mean(effect['kl']):.3f}, "
        f"nonsense {sum(effect['degenerate'])}"
        for effect in result["effects"]
    ]
    return f"{result['seconds']:.0f} s of CPU; lost {'; '.join(groups)}"


# The figures


@dataclass(frozen=True, kw_only=True)
class Points:
    """The groups of one search whose answers are not much more often nonsense.

    Args:
        heads: Heads of each group.
        left: Which held-out harmful prompts are still refused or unfinished, [group, prompt].
        kls: KL on each held-out harmless prompt, [group, prompt], in nats per token.
    """

    heads: list[int]
    left: FloatArray
    kls: FloatArray

    @classmethod
    def of(cls, result: dict[str, Any]) -> Points:
        base = result["base"]
        sane = [effect for effect in result["effects"] if sum(effect["degenerate"]) <= result["most_degenerate"]]
        sane.sort(key=lambda effect: len(effect["edits"]))
        left = [np.logical_or(effect["refused"], effect["unfinished"]) for effect in sane]
        return cls(
            heads=[len(effect["edits"]) for effect in sane],
            left=np.array(left, dtype=float).reshape(len(sane), len(base["refused"])),
            kls=np.array([effect["kl"] for effect in sane], dtype=float).reshape(len(sane), len(base["kl"])),
        )

    def resampled(self, harmful: Places, harmless: Places) -> Points:
        """The same groups on other samples of the prompts, given as positions."""
        return Points(heads=self.heads, left=self.left[:, harmful], kls=self.kls[:, harmless])

    def lost(self) -> FloatArray:
        """Share of the prompts that each group takes away; the model as it is refuses all of them."""
        lost: FloatArray = 1.0 - self.left.mean(axis=1)
        return lost

    def kl(self) -> FloatArray:
        mean: FloatArray = self.kls.mean(axis=1)
        return mean

    def by_kl(self) -> float:
        return mean_of_best(self.kl() / MOST_KL, self.lost())

    def by_heads(self) -> float:
        within = self.kl() <= MOST_KL
        places = np.log2(np.array(self.heads, dtype=float)) / log2(MOST_HEADS)
        return mean_of_best(places[within], self.lost()[within])

    def most_lost(self, most_kl: float) -> float:
        """The largest share that a group takes away at this KL or less."""
        return float(self.lost()[self.kl() <= most_kl].max(initial=0.0))

    def least_kl(self, lost: float) -> float:
        """The least KL at which a group takes this share away; infinite where none does."""
        return float(self.kl()[self.lost() >= lost].min(initial=np.inf))


def mean_of_best(places: FloatArray, lost: FloatArray) -> float:
    """Mean over x from 0 to 1 of the largest share lost among groups whose place is at most x; 0 where there is none."""
    area = best = at = 0.0
    for row in np.argsort(places, kind="stable"):
        if places[row] > 1:
            break
        area += best * (places[row] - at)
        at, best = places[row], max(best, lost[row])
    return float(area + best * (1 - at))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one method did on the models of a table: [model][draw]."""

    method: str
    results: list[list[dict[str, Any]]]

    def mean(self, figure: Callable[[dict[str, Any]], float]) -> float:
        """Over models of the mean over draws."""
        return float(np.mean([np.mean([figure(result) for result in draws]) for draws in self.results]))

    def bootstrap(self) -> Iterator[tuple[float, float]]:
        """Both areas on resampled prompts and draws. Methods get the same samples of the prompts."""
        points = [[Points.of(result) for result in draws] for draws in self.results]
        chances = [np.random.default_rng([7, *draws[0]["model"].encode()]) for draws in self.results]
        picking = np.random.default_rng(8)
        for _ in range(BOOTSTRAPS):
            areas = []
            for draws, chance in zip(points, chances, strict=True):
                samples = [chance.integers(size, size=size) for size in (draws[0].left.shape[1], draws[0].kls.shape[1])]
                picked = [draws[row].resampled(*samples) for row in picking.integers(len(draws), size=len(draws))]
                areas.append(np.mean([(one.by_kl(), one.by_heads()) for one in picked], axis=0))
            by_kl, by_heads = np.mean(areas, axis=0)
            yield by_kl, by_heads


def write_tables(store: Store) -> str:
    found = store.results()
    measured = {result["model"] for result in found if result["method"] == PLANTED or not result["planted"]}
    results = [result for result in found if result["model"] in measured]
    unmeasured = sorted({result["model"] for result in found} - measured)
    plants = [result for result in results if result["planted"] and result["kind"] != "chain"]
    kinds = dict.fromkeys(sorted((result["kind"] for result in results), key=place_of_kind))
    tables = [write_table("all plants", plants)] if len({result["model"] for result in plants}) > 1 else []
    tables += [write_table(kind, [result for result in results if result["kind"] == kind]) for kind in kinds]
    tables += (
        [f"Not in the tables, because their planted heads are not measured yet: {', '.join(unmeasured)}."] if unmeasured else []
    )
    return "\n\n".join(tables)


def place_of_kind(kind: str) -> int:
    order = ("single", "conjunctive", "redundant", "distributed", "chain")
    return order.index(kind) if kind in order else len(order)


def write_table(title: str, results: Sequence[dict[str, Any]]) -> str:
    """The methods that finished on all of these models that any method finished on, the best first; then which did not."""
    models = sorted({result["model"] for result in results})
    methods = dict.fromkeys(result["method"] for result in results)
    entries, others = [], []
    for method in methods:
        own = [[one for one in results if (one["model"], one["method"]) == (model, method)] for model in models]
        done = [draws for draws in own if draws and not any("failed" in one for one in draws)]
        if len(done) == len(models):
            entries.append(Entry(method=method, results=done))
        else:
            others.append(f"{method} ({len(done)} of {len(models)} models)")
    oracles = {one["model"]: one for one in results if one["method"] == PLANTED}
    if not all(model in oracles and effect_of_plant(oracles[model])[1] >= LEAST_KL for model in models):
        oracles = {}
    columns = ["area against KL", "area against heads", "lost at ≤ 0.05 nats", "lost at ≤ 0.1 nats"]
    columns += ["AP"] if results[0]["planted"] else []
    columns += ["of the oracle's effect, at ≤ 2 × its KL", "KL for 80 % of its effect / its KL"] if oracles else []
    columns += ["CPU seconds", "draws"]
    lines = [f"**{title}** ({len(models)} {'model' if len(models) == 1 else 'models'})", ""]
    lines += [f"| method | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    rows = sorted(entries, key=lambda entry: -entry.mean(lambda one: Points.of(one).by_kl()))
    lines += [write_row(entry, oracles) for entry in rows]
    if others:
        lines += ["", f"Not run on all of these models: {', '.join(others)}."]
    return "\n".join(lines)


def write_row(entry: Entry, oracles: dict[str, dict[str, Any]]) -> str:
    samples = np.array(list(entry.bootstrap()))
    cells = []
    means = [entry.mean(lambda one: Points.of(one).by_kl()), entry.mean(lambda one: Points.of(one).by_heads())]
    for mean, (low, high) in zip(means, np.percentile(samples, [2.5, 97.5], axis=0).T, strict=True):
        cells.append(f"{mean:.2f} ({low:.2f} to {high:.2f})")
    cells.append(f"{entry.mean(lambda one: Points.of(one).most_lost(0.05)):.0%}")
    cells.append(f"{entry.mean(lambda one: Points.of(one).most_lost(0.1)):.0%}")
    if entry.results[0][0]["planted"]:
        is_ranked = entry.method not in (RANDOM, PLANTED)
        cells.append(f"{entry.mean(average_precision):.2f}" if is_ranked else "")
    if oracles:
        cells.append(f"{entry.mean(lambda one: share_of_oracle(one, oracles[one['model']])):.0%}")
        ratio = entry.mean(lambda one: kl_of_oracle(one, oracles[one["model"]]))
        cells.append(f"{ratio:.2f}" if np.isfinite(ratio) else "not always reached")
    seconds = entry.mean(lambda one: one["seconds"])
    cells += [f"{seconds:.0f}" if seconds else "", say_draws([len(draws) for draws in entry.results])]
    return f"| {entry.method} | {' | '.join(cells)} |"


def say_draws(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"


def average_precision(result: dict[str, Any]) -> float:
    places: list[int] = sorted(result["ranking"].index(head) + 1 for head in result["planted"])
    return sum(found / place for found, place in enumerate(places, start=1)) / len(places)


def share_of_oracle(result: dict[str, Any], oracle: dict[str, Any]) -> float:
    lost, kl = effect_of_plant(oracle)
    return Points.of(result).most_lost(2 * kl) / lost if lost else 0.0


def kl_of_oracle(result: dict[str, Any], oracle: dict[str, Any]) -> float:
    lost, kl = effect_of_plant(oracle)
    return Points.of(result).least_kl(0.8 * lost) / kl


def effect_of_plant(oracle: dict[str, Any]) -> tuple[float, float]:
    """The share that all planted heads take away, and their KL."""
    whole = whole_plant(oracle)
    return float(1 - np.logical_or(whole["refused"], whole["unfinished"]).mean()), float(np.mean(whole["kl"]))


def whole_plant(oracle: dict[str, Any]) -> dict[str, Any]:
    """What ablating all planted heads does."""
    return max(oracle["effects"], key=lambda effect: len(effect["edits"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harmful", type=Path, help="harmful questions, column `prompt`")
    parser.add_argument("--work", type=Path, required=True, help="plants and results")
    parser.add_argument("--model", type=Path, action="append", help="a model's folder, in place of the plants; may be repeated")
    parser.add_argument("--dtype", default="float32", help="in which --model runs")
    parser.add_argument("--half", choices=("develop", "test"), help="only these plants")
    parser.add_argument("--only", default="", help="only plants with this in their name")
    parser.add_argument("--methods", default=",".join(METHODS), help="separated by commas")
    parser.add_argument("--screen", default="", help="methods that only score heads which a quick estimate selects")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--train-only", action="store_true", help="only make the plants")
    parser.add_argument("--table", action="store_true", help="only print the tables")
    options = parser.parse_args()
    store = Store(options.work)
    if options.table:
        print(write_tables(store))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    if options.model:
        subjects = [model_subject(model, options.dtype, options.harmful) for model in options.model]
    else:
        specs = [spec for spec in PLANTS if options.half in (None, spec.half) and options.only in spec.name]
        subjects = [plant_subject(spec, options.harmful, options.work) for spec in specs]
        subjects += [chain_subject()] if options.only in "chain-tiny" else []
    if options.train_only:
        for subject in subjects:
            subject.load()
        return
    for draw in range(options.draws):
        for subject in subjects:
            run(subject, draw, store, options.methods.split(","), options.screen.split(","))


if __name__ == "__main__":
    main()
