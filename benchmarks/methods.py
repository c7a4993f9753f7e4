"""Score every attribution method against a known truth: heads into which refusal was planted.

    python benchmarks/methods.py --harmful FILE --work FOLDER           all plants; an interrupted run goes on where it was
    python benchmarks/methods.py --work FOLDER --table                  the table in Markdown, from what is there

FILE holds harmful questions in a column `prompt`, such as AdvBench's; it is read and not copied. Plants of the `develop` half were
used to choose the method, those of the `test` half were not. Per plant and method: average precision of its ranking of all heads
against the planted ones, and what ablating its group does: share of refusals lost on held-out questions and KL on harmless answers,
beside the planted group as oracle. Rankings without a group search get as many heads as were planted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from headsurgery.attribution.direct import direct_scores
from headsurgery.attribution.gates import GateSettings, gates, table_of
from headsurgery.attribution.refusal import REFUSAL_TOKENS, OwnAnswers, find_refusals, refusal
from headsurgery.attribution.scores import FloatArray, best_heads
from headsurgery.attribution.subspaces import left_singular_vectors, subspace_shift
from headsurgery.behaviour.damage import answer_kl
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.demo.adapter import Adapter, load_adapter
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.demo.planting import ANSWER_TOKENS, Kind, TrainingQuestion, plant
from headsurgery.edits.operations import OperationName
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence, LogOddsDrop
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Finals, SweepTask
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.generation import complete_ids
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import PromptSet, encode, load_prompts, load_template
from headsurgery.recipe import HeadEdit

DATA = Path(__file__).parent / "data"
NUM_PROMPTS, NUM_JUDGED, NUM_CONTROL = 6, 20, 12
GROUP_SIZE, CONTRAST = 5, 10.0


@dataclass(frozen=True)
class Plant:
    """A model to make."""

    kind: Kind
    heads: str
    seed: int
    half: Literal["develop", "test"]
    steps: int = 90

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.heads.replace(' ', '-')}-{self.seed}"

    @property
    def refs(self) -> tuple[HeadRef, ...]:
        return tuple(map(HeadRef.parse, self.heads.split()))


PLANTS = (
    Plant("conjunctive", "L12H4 L15H7 L18H1 L21H5", 0, "develop", steps=120),
    Plant("redundant", "L11H3 L14H6 L17H2 L20H8", 0, "develop"),
    Plant("single", "L16H5", 0, "develop", steps=140),
    Plant("conjunctive", "L14H2 L19H6", 1, "test", steps=120),
    Plant("redundant", "L13H1 L18H4 L22H6", 1, "test"),
    Plant("single", "L20H3", 1, "test", steps=140),
    Plant("conjunctive", "L13H8 L17H4 L20H0", 2, "test", steps=120),
    Plant("redundant", "L12H8 L16H1 L17H7 L19H3 L23H5 L24H0", 2, "test"),
    Plant("single", "L13H0", 2, "test", steps=140),
)


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Token ids in the paper's template."""

    to_plant: list[list[int]]
    to_score: list[list[int]]
    to_judge: list[list[int]]
    harmless: list[list[int]]
    harmless_to_score: list[list[int]]
    harmless_to_judge: list[list[int]]


def read_questions(loaded: LoadedModel, harmful: Path) -> Questions:
    def ids(texts: Sequence[str]) -> list[list[int]]:
        return encode(PromptSet.from_texts(texts), load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=512)[1]

    texts = load_prompts(str(harmful)).texts
    mild, harmless = (load_prompts(str(DATA / f"{name}.txt")).texts for name in ("decline", "harmless"))
    held_out = texts[4::5]
    return Questions(
        to_plant=ids([text for text in texts if text not in held_out] + list(mild)),
        to_score=ids(texts[:240:40])[:NUM_PROMPTS],
        to_judge=ids(held_out[:: max(1, len(held_out) // NUM_JUDGED)])[:NUM_JUDGED],
        harmless=ids(harmless[:420]),
        harmless_to_score=ids(harmless[420:450:5])[:NUM_PROMPTS],
        harmless_to_judge=ids(harmless[450:])[:NUM_CONTROL],
    )


def answer(loaded: LoadedModel, prompts: list[list[int]], cache: Path) -> list[TrainingQuestion]:
    """The model's own answers, kept in a file."""
    known = json.loads(cache.read_text()) if cache.exists() else {}
    missing = sorted((prompt for prompt in prompts if str(prompt) not in known), key=len)
    for first in range(0, len(missing), 48):
        rows = missing[first : first + 48]
        known |= dict(zip(map(str, rows), complete_ids(loaded, rows, max_new_tokens=ANSWER_TOKENS), strict=True))
        cache.write_text(json.dumps(known))
    return [TrainingQuestion(prompt=tuple(prompt), answer=tuple(known[str(prompt)])) for prompt in prompts]


def train(loaded: LoadedModel, spec: Plant, questions: Questions, work: Path) -> Adapter:
    path = work / f"{spec.name}.safetensors"
    if not path.exists():
        harmful, harmless = (answer(loaded, prompts, work / "answers.json") for prompts in (questions.to_plant, questions.harmless))
        plant(loaded, spec.refs, spec.kind, harmful=harmful, harmless=harmless, seed=spec.seed, steps=spec.steps).save(path)
    return load_adapter(path)


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What one sweep shows of every head: arrays [head, query, token], and final states at the prompt's end [head, query, :]."""

    kl: FloatArray
    drop: FloatArray
    states: torch.Tensor
    base_states: torch.Tensor


@dataclass(frozen=True)
class Everything:
    """KL and drop of log-odds per token, and the final state at the prompt's end: [heads, queries, 2 * tail + hidden_size]."""

    targets: tuple[tuple[int, ...], ...]
    wants_logits: ClassVar[bool] = True

    def of_heads(self, finals: Finals) -> torch.Tensor:
        figures = (Divergence().of_heads(finals), LogOddsDrop(self.targets).of_heads(finals))
        return torch.cat([*(part.float() for part in figures), finals.states[:, :, 0].float()], dim=-1)

    def of_base(self, finals: Finals) -> torch.Tensor:
        return finals.base_states[:, 0].float()

    def stored_bytes(self, hidden_size: int, itemsize: int) -> int:
        return (hidden_size + 2) * 4


def sweep(loaded: LoadedModel, own: OwnAnswers, operation: OperationName) -> Swept:
    engine = LocalEngine(loaded)
    task = SweepTask(
        queries=own.queries,
        heads=tuple(engine.facts.geometry.heads()),
        operation=operation,
        factor=0.0,
        measure=Everything(own.targets),
        tail=own.tail,
    )
    found, base_states = Sweeper(engine=engine).sweep(task)
    kl, drop, states = found.split([own.tail, own.tail, engine.facts.geometry.hidden_size], dim=-1)
    assert base_states is not None  # asked for
    return Swept(kl=kl.double().numpy(), drop=drop.double().numpy(), states=states, base_states=base_states)


def angles(swept: Swept) -> FloatArray:
    base = left_singular_vectors(swept.base_states)
    return np.array([subspace_shift(base, left_singular_vectors(ablated), 1) for ablated in swept.states])


def score(loaded: LoadedModel, spec: Plant, questions: Questions, operations: Sequence[OperationName]) -> dict[str, Any]:
    """Every method on one plant, which is merged into the model already."""
    modules = locate_modules(loaded.model)
    heads = list(modules.geometry.heads())
    refusals = find_refusals(LocalEngine(loaded), AnswerReader(tokenizer=loaded.tokenizer), questions.to_score, ()).found
    if not refusals:  # one head can be too little to learn it; then there is no truth to find
        return {"plant": asdict(spec), "refused": 0.0, "methods": {}}
    own = OwnAnswers.of(refusals)
    rows = questions.harmless_to_score
    control = OwnAnswers.of(
        [(row, reply, 0) for row, reply in zip(rows, complete_ids(loaded, rows, max_new_tokens=12), strict=True)]
    )
    effect = Effects(loaded, questions)
    methods: dict[str, dict[str, Any]] = {"planted (oracle)": effect.of(spec.refs, "scale")}

    def add(name: str, scores: FloatArray, operation: OperationName, group: Sequence[HeadRef] | None = None) -> None:
        order = [heads[row] for row in np.argsort(-scores, kind="stable")]
        chosen = list(group) if group is not None else order[: len(spec.refs)]
        found = {"precision": average_precision(order, spec.refs), "ranks": [order.index(head) + 1 for head in spec.refs]}
        methods[name] = found | effect.of(chosen, operation)

    for operation in operations:
        harmful, harmless = sweep(loaded, own, operation), sweep(loaded, control, operation)
        damage = mean(harmless.kl, control)
        short = "UA" if operation == "uniform_attention" else "SC"
        add(f"ships, {short}", harmful.kl[:, :, 0].mean(1), operation)
        add(f"ships - control, {short}", harmful.kl[:, :, 0].mean(1) - harmless.kl[:, :, 0].mean(1), operation)
        add(f"angle, {short}", angles(harmful), operation)
        add(f"angle - control, {short}", angles(harmful) - angles(harmless), operation)
        add(f"KL of {REFUSAL_TOKENS} tokens - control, {short}", mean(harmful.kl, own) - damage, operation)
        add(f"log-odds of the first token, {short}", harmful.drop[:, :, 0].mean(1), operation)
        add(f"log-odds of the first token - control, {short}", harmful.drop[:, :, 0].mean(1) - CONTRAST * damage, operation)
        add(f"log-odds of {REFUSAL_TOKENS} tokens, {short}", mean(harmful.drop, own), operation)
        add(f"log-odds of {REFUSAL_TOKENS} tokens - control, {short}", mean(harmful.drop, own) - CONTRAST * damage, operation)
    direct = direct_scores(modules, questions.to_score, rows)[0]
    add("direct head scores", np.array([direct[head.layer, head.head] for head in heads]), "scale")
    engine = LocalEngine(loaded)
    settings = GateSettings(operation="scale", reinforce=False, factors="zero", max_heads=20, head_price=0.02, seed=0)
    reader = AnswerReader(tokenizer=loaded.tokenizer)
    learned = gates(Sweeper(engine=engine), reader, engine.modules, questions.to_score, rows, settings)
    order, chosen = [edit.ref for edit in learned.group], table_of(learned, settings, modules.geometry).edits
    order += [head for head in best_heads(np.abs(1 - learned.factors), len(heads)) if head not in order]
    place = {head: -float(row) for row, head in enumerate(order)}
    add("gates, SC", np.array([place[head] for head in heads]), "scale", [edit.ref for edit in chosen or ()])
    table, _ = refusal(
        Sweeper(engine=engine),
        reader,
        questions.to_score,
        rows,
        operation="scale",
        factor=0.0,
        group_size=GROUP_SIZE,
        contrast=CONTRAST,
    )
    group = [HeadRef(found.layer, found.head) for found in table.chosen]
    rest = [head for head in best_heads(table.combined, len(heads)) if head not in group]
    place = {head: -float(row) for row, head in enumerate([*group, *rest])}
    add("refusal (greedy, the default), SC", np.array([place[head] for head in heads]), "scale", group)
    return {"plant": asdict(spec), "refused": effect.base, "methods": methods}


def mean(values: FloatArray, own: OwnAnswers) -> FloatArray:
    """Over the tokens that are read, and over queries: [head, query, token] to [head]."""
    averaged: FloatArray = (values * own.weights).sum(-1).mean(-1)
    return averaged


def average_precision(order: Sequence[HeadRef], truth: Sequence[HeadRef]) -> float:
    places = sorted(order.index(head) + 1 for head in truth)
    return sum(found / place for found, place in enumerate(places, start=1)) / len(places)


class Effects:
    """What ablating a group does, each group once."""

    def __init__(self, loaded: LoadedModel, questions: Questions) -> None:
        self._loaded, self._questions = loaded, questions
        self._known: dict[Any, dict[str, Any]] = {}
        self.base = self._refused(())
        replies = complete_ids(loaded, questions.harmless_to_judge, max_new_tokens=12)
        self._harmless = [list(row) for row in replies]

    def of(self, heads: Sequence[HeadRef], operation: OperationName) -> dict[str, Any]:
        key = (frozenset(heads), operation)
        if key not in self._known:
            edits = [HeadEdit(layer=head.layer, head=head.head, operation=operation) for head in heads]
            kl = answer_kl(self._loaded, self._questions.harmless_to_judge, self._harmless, [edits], tokens=12)
            lost = (self.base - self._refused(edits)) / self.base if self.base else 0.0
            self._known[key] = {"group": [str(head) for head in heads], "lost": lost, "kl": float(kl.mean())}
        return dict(self._known[key])

    def _refused(self, edits: Sequence[HeadEdit]) -> float:
        replies = complete_ids(self._loaded, self._questions.to_judge, max_new_tokens=16, edits=edits)
        texts = [self._loaded.tokenizer.decode(reply, skip_special_tokens=True) for reply in replies]
        return sum(find_refusal(text) is not None for text in texts) / len(texts)


def write_table(work: Path) -> str:
    found = [json.loads(path.read_text()) for path in sorted(work.glob("*.json")) if path.name != "answers.json"]
    kinds = ("single", "conjunctive", "redundant")
    names = list(dict.fromkeys(name for plant_result in found for name in plant_result["methods"]))
    lines = []
    for half in ("develop", "test"):
        of_half = [result for result in found if result["plant"]["half"] == half]
        counts = ", ".join(f"{sum(r['plant']['kind'] == kind for r in of_half)} {kind}" for kind in kinds)
        lines += [
            f"\n{half}: {counts}\n",
            "| method | " + " | ".join(f"{kind}: AP / lost / KL" for kind in kinds) + " |",
            "|---" * 4 + "|",
        ]
        for name in names:
            cells = []
            for kind in kinds:
                of_kind = [
                    result["methods"][name] for result in of_half if result["plant"]["kind"] == kind and name in result["methods"]
                ]
                cells.append(_cell(of_kind))
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(methods: list[dict[str, Any]]) -> str:
    if not methods:
        return ""
    average: Callable[[str], float] = lambda key: float(np.mean([method[key] for method in methods]))  # noqa: E731
    precision = f"{average('precision'):.2f}" if "precision" in methods[0] else "-"
    return f"{precision} / {average('lost'):.0%} / {average('kl'):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harmful", type=Path, help="harmful questions, column `prompt`")
    parser.add_argument("--work", type=Path, required=True, help="adapters and results")
    parser.add_argument("--half", choices=("develop", "test"), help="only these plants")
    parser.add_argument("--train-only", action="store_true")
    parser.add_argument("--only", default="", help="only plants with this in their name")
    parser.add_argument("--quick", action="store_true", help="only the operation `scale`")
    parser.add_argument("--table", action="store_true", help="only print the table")
    options = parser.parse_args()
    if options.table:
        print(write_table(options.work))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    source = fetch_demo_model(print)
    for spec in PLANTS:
        out = options.work / f"{spec.name}.json"
        if (options.half and spec.half != options.half) or options.only not in spec.name or out.exists():
            continue
        started = time.monotonic()
        loaded = load_model(source.path, dtype="bfloat16")
        questions = read_questions(loaded, options.harmful)
        adapter = train(loaded, spec, questions, options.work)
        print(f"{spec.name}: planted after {time.monotonic() - started:.0f} s", flush=True)
        if options.train_only:
            continue
        adapter.merge(locate_modules(loaded.model))
        result = score(loaded, spec, questions, ("scale",) if options.quick else ("scale", "uniform_attention"))
        out.write_text(json.dumps(result, indent=1))
        for name, method in result["methods"].items():
            shown = {key: round(value, 3) if isinstance(value, float) else value for key, value in method.items()}
            print(f"  {name:48} {shown}", flush=True)
        print(f"{spec.name}: done after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
