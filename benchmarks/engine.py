"""The sweep against the naive loop on SmolLM2-135M: 12 of the built-in prompts, template `paper`, Ships of all 270 heads.

The naive loop is what the paper's reference does: one full forward per head and query, batch 1, float32, logits of every position.
It stands in tests/naive.py, where it also serves as the independent reference of the scores. The engine runs before each half of
the naive loop, and the mean of its two runs counts, so that a slow spell of the machine hits both sides.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.attribution.scores import best_heads
from headsurgery.attribution.ships import ships_of_queries
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.model.loading import load_model
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import encode, load_prompts, load_template
from tests.naive import naive_kl, naive_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--dtype", default="float32", help="of the engine; the naive loop runs in float32")
    arguments = parser.parse_args()
    path = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    loaded = load_model(path, dtype=arguments.dtype)
    prompts = load_prompts("builtin:decline", limit=arguments.prompts)
    _, queries = encode(prompts, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=8192)

    model = load_model(path, dtype="float32").model
    geometry = locate_modules(model).geometry
    naive = np.full((len(queries), geometry.num_layers, geometry.max_heads), np.nan)
    engine_seconds = naive_seconds = 0.0
    for half in (range(len(queries) // 2), range(len(queries) // 2, len(queries))):
        started = time.perf_counter()
        engine = ships_of_queries(Sweeper(engine=LocalEngine(loaded)), queries, operation="scale", factor=0.0)
        engine_seconds += (time.perf_counter() - started) / 2

        started = time.perf_counter()
        for query in half:
            base = naive_run(model, queries[query])[1]
            for head in geometry.heads():
                naive[query, head.layer, head.head] = naive_kl(base, naive_run(model, queries[query], [head])[1])
        naive_seconds += time.perf_counter() - started

    top = [{str(head) for head in best_heads(scores.mean(axis=0), 10)} for scores in (engine, naive)]
    report = {
        "heads": sum(1 for _ in geometry.heads()),
        "queries": len(queries),
        "tokens": sum(map(len, queries)),
        "threads": torch.get_num_threads(),
        "dtype": arguments.dtype,
        "engine_seconds": round(engine_seconds, 1),
        "naive_seconds": round(naive_seconds, 1),
        "ratio": round(naive_seconds / engine_seconds, 2),
        "largest_relative_difference": float(np.max(np.abs(engine - naive) / naive)),
        "largest_difference_nats": float(np.max(np.abs(engine - naive))),
        "same_top_10": top[0] == top[1],
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
