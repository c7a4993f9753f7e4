"""The sweep's cost against the number of queries and of heads: two straight lines, into docs/engine-cost.png.

SmolLM2-135M in float32, built-in prompts, template `paper`, Ships. Heads are taken evenly over the layers, since a head of a low
layer costs more. One document on stdout: seconds, slope, intercept and R².
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.heads import HeadRef
from headsurgery.model.loading import load_model
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import encode, load_prompts, load_template

_QUERIES, _HEADS = (3, 6, 12, 24), (68, 135, 202, 270)
_QUERIES_OF_HEADS = 6
PLOT = Path(__file__).parent.parent / "docs/engine-cost.png"


def main() -> None:
    path = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    loaded = load_model(path, dtype="float32")
    modules = locate_modules(loaded.model)
    prompts = load_prompts("builtin:decline", limit=max(_QUERIES))
    _, queries = encode(prompts, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=8192)
    sweeper = Sweeper(engine=LocalEngine(loaded))
    heads = tuple(modules.geometry.heads())

    def seconds(some: Sequence[HeadRef], count: int) -> float:
        task = SweepTask(
            queries=tuple(map(tuple, queries[:count])), heads=tuple(some), operation="scale", factor=0.0, measure=Divergence()
        )
        started = time.perf_counter()
        sweeper.sweep(task)
        return time.perf_counter() - started

    seconds(heads[::30], 3)  # warm
    against_queries = [seconds(heads, count) for count in _QUERIES]
    evenly = [[heads[place * len(heads) // count] for place in range(count)] for count in _HEADS]
    against_heads = [seconds(some, _QUERIES_OF_HEADS) for some in evenly]

    figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
    report = {"threads": torch.get_num_threads()}
    for axis, name, counts, times in (
        (axes[0], f"queries, {len(heads)} heads", _QUERIES, against_queries),
        (axes[1], f"heads, {_QUERIES_OF_HEADS} queries", _HEADS, against_heads),
    ):
        slope, intercept = np.polyfit(counts, times, 1)
        r2 = float(np.corrcoef(counts, times)[0, 1] ** 2)
        axis.plot(counts, times, "o", color="black")
        line = np.array([0, max(counts)])
        axis.plot(line, slope * line + intercept, color="grey", linewidth=1, label=f"R² = {r2:.4f}")
        axis.set(xlabel=name, ylabel="seconds", xlim=(0, None), ylim=(0, None))
        axis.legend(frameon=False, loc="upper left")
        report[name] = {
            "seconds": dict(zip(counts, np.round(times, 2), strict=True)),
            "slope": round(float(slope), 4),
            "intercept": round(float(intercept), 2),
            "r2": round(r2, 5),
        }
    figure.savefig(PLOT, dpi=110)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
