"""Screens against the exact sweep, and a screened run against the naive loop, on SmolLM2-135M and two models with planted refusal.

    python benchmarks/screen.py --work FOLDER                  everything; exact scores and the second plant are kept in FOLDER
    python benchmarks/screen.py --work FOLDER --only recall    recall of the exact top 10 by number of survivors, of each estimate
    python benchmarks/screen.py --work FOLDER --only control   the same of what is chosen, also with a control; over four seeds
    python benchmarks/screen.py --work FOLDER --only speed     Ships, screened, beside the naive loop

12 built-in prompts, template `paper`, operation `scale`. The naive loop (one full forward per head and query, batch 1, float32,
logits of every position) is timed on 40 pairs before each of three screened runs, and scaled up to all pairs; medians count.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.attribution.direct import direct_scores
from headsurgery.attribution.refusal import REFUSAL_TOKENS, OwnAnswers, find_refusals
from headsurgery.attribution.scores import FloatArray
from headsurgery.attribution.screen.screener import Screener, Screening
from headsurgery.attribution.ships import ships
from headsurgery.attribution.subspaces import left_singular_vectors, subspace_shift
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.demo.adapter import load_adapter
from headsurgery.demo.fetch import fetch_aligned_model, fetch_demo_model
from headsurgery.demo.planting import ANSWER_TOKENS, TrainingQuestion, plant
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence, LogOddsDrop
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Finals, Measure, SweepTask
from headsurgery.heads import HeadRef
from headsurgery.model.generation import complete_ids
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import encode, load_prompts, load_template
from tests.naive import naive_kl, naive_run

MODELS = ("base", "aligned", "planted")
PLANTED = tuple(map(HeadRef.parse, ["L11H3", "L14H6", "L17H2", "L20H8"]))
NUM_PROMPTS, TOP, SURVIVORS, NAIVE_PAIRS, REPEATS, SEEDS = 12, 10, (20, 30, 40, 60), 40, 3, 4
CONTRASTS = {"ships": 1.0, "sahara": 1.0, "refusal": 10.0}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ids(loaded: LoadedModel, name: str, limit: int | None = None) -> list[list[int]]:
    template = load_template("paper", loaded.tokenizer)
    return encode(load_prompts(f"builtin:{name}", limit=limit), template, loaded.tokenizer, max_tokens=512)[1]


def load(name: str, dtype: str, work: Path) -> LoadedModel:
    source = fetch_aligned_model(say) if name == "aligned" else fetch_demo_model(say)
    loaded = load_model(source.path, dtype=dtype)
    if name == "planted":
        load_adapter(planted(work)).merge(locate_modules(loaded.model))
    return loaded


def planted(work: Path) -> Path:
    """A redundant plant in other heads than the demo's, taught the built-in questions; trained once, in some minutes."""
    path = work / "planted.safetensors"
    if not path.exists():
        loaded = load_model(fetch_demo_model(say).path, dtype="bfloat16")
        harmless = sorted(ids(loaded, "harmless"), key=len)
        answers = complete_ids(loaded, harmless, max_new_tokens=ANSWER_TOKENS)
        stay = [
            TrainingQuestion(prompt=tuple(prompt), answer=tuple(answer)) for prompt, answer in zip(harmless, answers, strict=True)
        ]
        decline = [TrainingQuestion(prompt=tuple(prompt), answer=()) for prompt in ids(loaded, "decline")]
        plant(loaded, PLANTED, "redundant", harmful=decline, harmless=stay, steps=60).save(path)
    return path


@dataclass(frozen=True)
class Everything:
    """KL, and the final state at the prompt's end: [heads, queries, 1 + hidden_size]."""

    wants_logits: ClassVar[bool] = True

    def of_heads(self, finals: Finals) -> torch.Tensor:
        return torch.cat([Divergence().of_heads(finals).float(), finals.states[:, :, 0].float()], dim=-1)

    def of_base(self, finals: Finals) -> torch.Tensor:
        return finals.base_states[:, 0].float()

    def stored_bytes(self, hidden_size: int, itemsize: int) -> int:
        return (hidden_size + 1) * 4


def task(loaded: LoadedModel, queries: Any, measure: Measure, tail: int = 1) -> SweepTask:
    heads = tuple(locate_modules(loaded.model).geometry.heads())
    return SweepTask(queries=tuple(map(tuple, queries)), heads=heads, operation="scale", factor=0.0, measure=measure, tail=tail)


def exact(name: str, work: Path) -> dict[str, np.ndarray]:
    """Per head and query: KL, final states and, where the model refuses, the drop of its refusals' log-odds."""
    path = work / f"{name}-scale.npz"
    if not path.exists():
        loaded = load(name, "float32", work)
        engine = LocalEngine(loaded)
        queries = ids(loaded, "decline", NUM_PROMPTS)
        found, base = Sweeper(engine=engine).sweep(task(loaded, queries, Everything()))
        assert base is not None  # asked for
        arrays = {"kl": found[..., 0].numpy(), "states": found[..., 1:].numpy(), "base": base.numpy()}
        refused = find_refusals(engine, AnswerReader(tokenizer=loaded.tokenizer), queries, ()).found
        if refused:
            own = OwnAnswers.of(refused)
            drops, _ = Sweeper(engine=engine).sweep(task(loaded, own.queries, LogOddsDrop(own.targets), own.tail))
            arrays |= {"drops": drops.numpy(), "weights": own.weights}
        np.savez(path, **arrays)
    return dict(np.load(path))


def control(name: str, work: Path) -> dict[str, np.ndarray]:
    """The same on the harmless set: KL and final states, and KL on the model's own answers."""
    path = work / f"{name}-control.npz"
    if not path.exists():
        loaded = load(name, "float32", work)
        engine = LocalEngine(loaded)
        queries = ids(loaded, "harmless", NUM_PROMPTS)
        found, base = Sweeper(engine=engine).sweep(task(loaded, queries, Everything()))
        assert base is not None  # asked for
        own = own_answers(engine, queries)
        read, _ = Sweeper(engine=engine).sweep(task(loaded, own.queries, Divergence(), own.tail))
        answers = (read.double().numpy() * own.weights).sum(axis=2)
        np.savez(path, kl=found[..., 0].numpy(), states=found[..., 1:].numpy(), base=base.numpy(), answers=answers)
    return dict(np.load(path))


def own_answers(engine: LocalEngine, queries: list[list[int]]) -> OwnAnswers:
    answers = engine.complete(queries, tokens=REFUSAL_TOKENS)
    return OwnAnswers.of([(prompt, answer, 0) for prompt, answer in zip(queries, answers, strict=True)])


def angles_of(kept: dict[str, np.ndarray]) -> FloatArray:
    base = left_singular_vectors(torch.tensor(kept["base"]))
    return np.array([subspace_shift(base, left_singular_vectors(torch.tensor(states)), 1) for states in kept["states"]])


def measure_control(name: str, work: Path) -> dict[str, Any]:
    """Mean and lowest recall of what the screener lets through, over seeds."""
    kept, harmless, loaded = exact(name, work), control(name, work), load(name, "float32", work)
    engine = LocalEngine(loaded)
    queries, others = ids(loaded, "decline", NUM_PROMPTS), ids(loaded, "harmless", NUM_PROMPTS)
    on_prompt, ones = task(loaded, queries, Divergence()), np.ones((NUM_PROMPTS, 1))
    on_control = task(loaded, others, Divergence())
    scores = {"ships": (kept["kl"].mean(axis=1), harmless["kl"].mean(axis=1)), "sahara": (angles_of(kept), angles_of(harmless))}
    refused = find_refusals(engine, AnswerReader(tokenizer=loaded.tokenizer), queries, ()).found if "drops" in kept else []
    if refused:
        own, answers, share = OwnAnswers.of(refused), own_answers(engine, others), len(refused) / NUM_PROMPTS
        drops = (kept["drops"] * kept["weights"]).sum(axis=2).mean(axis=1) * share
        scores["refusal"] = (drops, harmless["answers"].mean(axis=1))
    found: dict[str, list[list[float]]] = {}
    for seed in range(SEEDS):
        seeded = [Screener(engine.modules, Screening(survivors=count, sample=0, seed=seed), rough=False) for count in SURVIVORS]
        estimates = {
            "ships": [seeded[0].divergence(sweep, ones) for sweep in (on_prompt, on_control)],
            "sahara": [seeded[0].shift(sweep, 1) for sweep in (on_prompt, on_control)],
        }
        if refused:
            sweep = task(loaded, own.queries, LogOddsDrop(own.targets), own.tail)
            on_answers = task(loaded, answers.queries, Divergence(), answers.tail)
            estimates["refusal"] = [
                seeded[0].drop(sweep, own.targets, own.weights).scaled(share),
                seeded[0].divergence(on_answers, answers.weights),
            ]
        for score, (harmful, less) in scores.items():
            for contrast in (0.0, CONTRASTS[score]):
                best = np.argsort(-(harmful - contrast * less), kind="stable")[:TOP]
                heads = {on_prompt.heads[row] for row in best}
                through = [set(screener.select(*estimates[score], contrast).survivors) for screener in seeded]
                found.setdefault(f"{score}, contrast {contrast:g}", []).append([len(heads & some) / TOP for some in through])
    return {
        key: {"mean": np.mean(rows, axis=0).round(2).tolist(), "lowest": np.min(rows, axis=0).tolist()}
        for key, rows in found.items()
    }


def recalls(scores: FloatArray, *estimates: FloatArray) -> list[float]:
    """Share of the exact top 10 among so many survivors, which lead by the estimates in turn."""
    ranks = [
        np.argsort(np.argsort(-estimate.ravel(), kind="stable")) * len(estimates) + turn for turn, estimate in enumerate(estimates)
    ]
    order = np.argsort(np.argsort(np.min(ranks, axis=0), kind="stable"))
    best = np.argsort(-scores, kind="stable")[:TOP]
    return [float(np.mean(order[best] < count)) for count in SURVIVORS]


def on_some(scores: FloatArray, count: int) -> list[float]:
    """The same where exact scores [head, query] on so many queries are the estimate; mean over 20 choices of queries."""
    choices = list(combinations(range(scores.shape[1]), min(count, scores.shape[1])))
    drawn = np.random.default_rng(0).choice(len(choices), min(20, len(choices)), replace=False)
    found = [recalls(scores.mean(axis=1), scores[:, list(choices[place])].mean(axis=1)) for place in drawn]
    return [float(value) for value in np.mean(found, axis=0).round(2)]


def measure_recall(name: str, work: Path) -> dict[str, Any]:
    kept, loaded = exact(name, work), load(name, "float32", work)
    modules, queries = locate_modules(loaded.model), ids(loaded, "decline", NUM_PROMPTS)
    screener, ones = Screener(modules, Screening(), rough=False), np.ones((NUM_PROMPTS, 1))
    kl, angles = kept["kl"].mean(axis=1), angles_of(kept)
    fisher = screener.divergence(task(loaded, queries, Divergence()), ones).score
    shift = screener.shift(task(loaded, queries, Divergence()), 1)
    along = direct_scores(modules, queries, ids(loaded, "harmless", NUM_PROMPTS))[0]
    found: dict[str, Any] = {
        "ships": {
            "Fisher quadratic (chosen)": recalls(kl, fisher),
            "direct": recalls(kl, along),
            **{f"exact, {count} queries": on_some(kept["kl"], count) for count in (1, 2)},
        },
        "angle": {
            "first order": recalls(angles, shift.score),
            "Fisher quadratic": recalls(angles, shift.divergence),
            "first order and Fisher in turn (chosen)": recalls(angles, shift.score, shift.divergence),
            "direct": recalls(angles, along),
        },
    }
    if "drops" in kept:
        own = OwnAnswers.of(find_refusals(LocalEngine(loaded), AnswerReader(tokenizer=loaded.tokenizer), queries, ()).found)
        measure = LogOddsDrop(own.targets)
        drop = screener.drop(task(loaded, own.queries, measure, own.tail), own.targets, own.weights)
        drops = (kept["drops"] * kept["weights"]).sum(axis=2)
        found["refusal"] = {
            "refused": drops.shape[1],
            "first order": recalls(drops.mean(axis=1), drop.score),
            "Fisher quadratic": recalls(drops.mean(axis=1), drop.divergence),
            "first order and Fisher in turn (chosen)": recalls(drops.mean(axis=1), drop.score, drop.divergence),
            "direct": recalls(drops.mean(axis=1), along),
            **{f"exact, {count} queries": on_some(drops, count) for count in (1, 2)},
        }
    return found


def naive_seconds(loaded: LoadedModel, queries: list[list[int]], pairs: int) -> float:
    """Seconds per (head, query) pair of the naive loop."""
    heads = list(locate_modules(loaded.model).geometry.heads())
    base = [naive_run(loaded.model, query)[1] for query in queries]
    started = time.perf_counter()
    for pair in range(pairs):
        query = pair % len(queries)
        naive_kl(base[query], naive_run(loaded.model, queries[query], [heads[pair * 7 % len(heads)]])[1])
    return (time.perf_counter() - started) / pairs


def measure_speed(name: str, work: Path, dtype: str, screening: Screening) -> dict[str, Any]:
    kept, loaded, naive = exact(name, work), load(name, dtype, work), load(name, "float32", work)
    queries = ids(loaded, "decline", NUM_PROMPTS)
    engine = LocalEngine(loaded)
    num_heads = engine.facts.geometry.num_heads_in_all
    naive_all, seconds = [], []
    for _ in range(REPEATS):
        naive_all.append(naive_seconds(naive, queries, NAIVE_PAIRS) * (num_heads + 1) * len(queries))
        started = time.perf_counter()
        screener = Screener(engine.modules, screening, rough=False)
        table = ships(Sweeper(engine=engine), [queries], operation="scale", factor=0.0, top=TOP, screener=screener)
        seconds.append(time.perf_counter() - started)
    heads = list(engine.facts.geometry.heads())
    best = {heads[row] for row in np.argsort(-kept["kl"].mean(axis=1))[:TOP]}
    return {
        "dtype": dtype,
        "survivors": screening.count(engine.facts.geometry, rough=False),
        "sample": screening.sample,
        "seconds": [round(value, 2) for value in seconds],
        "naive_seconds_scaled_up": [round(value) for value in naive_all],
        "ratio_of_medians": round(float(np.median(naive_all) / np.median(seconds)), 1),
        "recall_of_exact_top_10": float(np.mean([np.isfinite(table.harmful[head.layer, head.head]) for head in best])),
        "top_10_in_common": len(best & {HeadRef(score.layer, score.head) for score in table.chosen}),
        "account": str(table.account),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="exact scores and the second plant")
    parser.add_argument("--only", choices=("recall", "control", "speed"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--dtype", nargs="+", default=["bfloat16"], help="of the screened runs; the naive loop is float32")
    parser.add_argument("--survivors", type=int)
    parser.add_argument("--sample", type=int, default=Screening.sample)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    screening = Screening(survivors=options.survivors, sample=options.sample)
    for name in options.models:
        if options.only in (None, "control"):
            print(json.dumps({"model": name, "survivors": SURVIVORS, **measure_control(name, options.work)}), flush=True)
        if options.only in (None, "recall"):
            print(json.dumps({"model": name, "survivors": SURVIVORS, "recall": measure_recall(name, options.work)}), flush=True)
        for dtype in options.dtype if options.only in (None, "speed") else ():
            print(json.dumps({"model": name, **measure_speed(name, options.work, dtype, screening)}), flush=True)


if __name__ == "__main__":
    main()
