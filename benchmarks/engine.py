"""The sweep against the naive loop on SmolLM2-135M: Ships and Sahara's first step of all 270 heads, built-in prompts.

The naive loop is what the paper's reference does: one full forward per head and query, batch 1, float32, logits of every position;
both scores come from the same forward. It stands in tests/naive.py, where it also serves as the independent reference. The engine
runs what `attribute` does: Ships alone, and Sahara's first step, which measures Ships on the way. Engine and loop take turns, so
that a slow spell of the machine hits both.

With `--naive-queries N` the naive loop runs N queries, spread over the lengths, all heads on each, and its time is scaled up; the
engine always runs whole. Scores and top 10 are compared on what both ran.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.attribution.sahara import sahara
from headsurgery.attribution.scores import best_heads
from headsurgery.attribution.ships import ships_of_queries
from headsurgery.attribution.subspaces import left_singular_vectors, subspace_shift
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import encode, load_prompts, load_template
from tests.naive import naive_kl, naive_run

Queries = list[list[int]]
Scores = np.ndarray[Any, np.dtype[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--template", choices=("paper", "chat"), default="paper")
    parser.add_argument("--dtypes", default="float32,bfloat16", help="of the engine; the naive loop runs in float32")
    parser.add_argument("--naive-queries", type=int, help="default: all")
    arguments = parser.parse_args()
    path = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    loaded = load_model(path, dtype="float32")
    prompts = load_prompts("builtin:decline", limit=arguments.prompts)
    template = load_template(arguments.template, loaded.tokenizer)
    _, queries = encode(prompts, template, loaded.tokenizer, max_tokens=8192)
    chosen = spread(queries, arguments.naive_queries or len(queries))
    dtypes = arguments.dtypes.split(",")

    naive, engine, seconds = [], {}, {}
    naive_seconds = 0.0
    for dtype, part in zip(dtypes, np.array_split(np.array(chosen), len(dtypes)), strict=True):
        engine[dtype], seconds[dtype] = run_engine(loaded if dtype == "float32" else load_model(path, dtype=dtype), queries)
        started = time.perf_counter()
        naive.append(run_naive(loaded.model, [queries[place] for place in part]))
        naive_seconds += (time.perf_counter() - started) * len(queries) / len(chosen)

    expected = np.concatenate(naive)
    report: dict[str, Any] = {
        "heads": sum(1 for _ in locate_modules(loaded.model).geometry.heads()),
        "template": arguments.template,
        "queries": len(queries),
        "tokens": sum(map(len, queries)),
        "threads": torch.get_num_threads(),
        "naive_queries_run": len(chosen),
        "naive_seconds_for_all": round(naive_seconds, 1),
    }
    for dtype in dtypes:
        scores = engine[dtype][chosen]
        top = [{str(head) for head in best_heads(some.mean(axis=0), 10)} for some in (scores, expected)]
        report[dtype] = {name: round(value, 1) for name, value in seconds[dtype].items()} | {
            "ratio_ships_and_sahara": round(naive_seconds / seconds[dtype]["ships_and_sahara_seconds"], 2),
            "ratio_ships_alone": round(naive_seconds / seconds[dtype]["ships_seconds"], 2),
            "largest_difference_nats": float(np.max(np.abs(scores - expected))),
            "largest_relative_difference": float(np.max(np.abs(scores - expected) / expected)),
            "same_top_10": top[0] == top[1],
        }
    print(json.dumps(report, indent=2))


def spread(queries: Queries, count: int) -> list[int]:
    """Positions of some queries, evenly spread over the lengths."""
    order = sorted(range(len(queries)), key=lambda place: len(queries[place]))
    return [order[int((step + 0.5) * len(order) / count)] for step in range(count)]


def run_engine(loaded: LoadedModel, queries: Queries) -> tuple[Scores, dict[str, float]]:
    """Ships [query, layer, head]; and the seconds of Ships alone, and of Sahara's first step, which measures both."""
    sweeper = Sweeper(engine=LocalEngine(loaded))
    started = time.perf_counter()
    ships_of_queries(sweeper, queries, operation="scale", factor=0.0)
    between = time.perf_counter()
    both = sahara(sweeper, [queries], operation="scale", factor=0.0, group_size=1)
    return both.arrays["ships"], {"ships_seconds": between - started, "ships_and_sahara_seconds": time.perf_counter() - between}


def run_naive(model: torch.nn.Module, queries: Queries) -> Scores:
    """Ships [query, layer, head]; Sahara's angles are computed on the way, for their time."""
    geometry = locate_modules(model).geometry
    base = [naive_run(model, query) for query in queries]
    untouched = left_singular_vectors(torch.stack([states for states, _ in base]))
    scores = np.full((len(queries), geometry.num_layers, geometry.max_heads), np.nan)
    for head in geometry.heads():
        edited = [naive_run(model, query, [head]) for query in queries]
        scores[:, head.layer, head.head] = [naive_kl(own[1], other[1]) for own, other in zip(base, edited, strict=True)]
        subspace_shift(untouched, left_singular_vectors(torch.stack([states for states, _ in edited])), 1)
    return scores


if __name__ == "__main__":
    main()
