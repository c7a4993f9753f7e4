"""How near the sweep is to its floor: FLOPs that the exact method can't avoid, at the speed of PyTorch's own matrix product here.

What is counted, for SmolLM2-135M and 12 of the built-in prompts, template `paper`, Ships of all heads: real tokens without padding,
the prefix that all queries share once per head; for a head of layer l o_proj and MLP of l, then everything in the layers above
(linear layers, and scores and mixing of causal attention), of the last layer keys and values only, but for the last position;
output embeddings at the last position; and the base once. Norms, rotations, activations and the divergence count nothing.

The speed is the best that `torch.nn.functional.linear` reaches: on large squares, and on the model's own weights, layer by layer,
with 1024 rows. In float32 the engine multiplies by oneDNN (headsurgery/model/linears.py), whose speed on the same weights stands
beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.attribution.ships import ships_of_queries
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.model.linears import fast_linears
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.prompts import encode, load_prompts, load_template

_ROWS = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--dtypes", default="float32,bfloat16")
    arguments = parser.parse_args()
    path = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    report = {"threads": torch.get_num_threads()}
    for dtype in arguments.dtypes.split(","):
        loaded = load_model(path, dtype=dtype)
        prompts = load_prompts("builtin:decline", limit=arguments.prompts)
        _, queries = encode(prompts, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=8192)
        report[dtype] = measure(loaded, queries)
    print(json.dumps(report, indent=2))


@torch.inference_mode()
def measure(loaded: LoadedModel, queries: Sequence[Sequence[int]]) -> dict[str, float]:
    """The engine's best of two runs between measurements of the products, in one type."""
    modules = locate_modules(loaded.model)
    work = floor_flops(modules, queries)
    speeds: dict[str, float] = {}
    seconds = []
    for _ in range(2):
        found = product_speeds(modules)
        speeds = {name: max(speed, speeds.get(name, 0.0)) for name, speed in found.items()}
        started = time.perf_counter()
        ships_of_queries(Sweeper(engine=LocalEngine(loaded)), queries, operation="scale", factor=0.0)
        seconds.append(time.perf_counter() - started)
    best = max(speed for name, speed in speeds.items() if name != "own_weights_onednn")
    return {
        "floor_teraflops": round(work / 1e12, 2),
        **{f"gigaflops_per_second_{name}": round(speed / 1e9) for name, speed in speeds.items()},
        "engine_seconds": round(min(seconds), 2),
        "floor_seconds_at_best": round(work / best, 2),
        "floor_seconds_at_large_squares": round(work / speeds["square_4096"], 2),
        "ratio_at_best": round(work / best / min(seconds), 3),
        "ratio_at_large_squares": round(work / speeds["square_4096"] / min(seconds), 3),
        "ratio_at_onednn": round(work / speeds["own_weights_onednn"] / min(seconds), 3),
    }


def floor_flops(modules: ModuleMap, queries: Sequence[Sequence[int]]) -> float:
    """What the exact method can't avoid; see above."""
    top = modules.geometry.num_layers - 1
    heads = modules.geometry.layers[top]
    assert heads is not None  # SmolLM2 has attention in every layer
    first, last = min(queries), max(queries)
    prefix = next(place for place in range(len(first)) if first[place] != last[place])
    tokens = prefix + sum(len(query) - prefix for query in queries)
    ends = len(queries)

    def causal(length: int) -> float:
        return length * (length + 1) / 2

    keys = causal(prefix) + sum(causal(len(query)) - causal(prefix) for query in queries)  # (position, key) pairs
    end_keys = sum(map(len, queries))  # of the last positions
    width = heads.num_heads * heads.head_dim
    after = linear_weights(modules.projection(top, "o_proj")) + linear_weights(modules.layers[top].mlp)
    queried = linear_weights(modules.projection(top, "q_proj"))
    everything = linear_weights(modules.layers[top])

    joining = 2 * tokens * after
    whole = 2 * tokens * everything + 4 * width * keys
    joining_at_top = 2 * ends * after
    whole_at_top = 2 * tokens * (everything - after - queried) + 2 * ends * (after + queried) + 4 * width * end_keys
    leaving = 2 * ends * linear_weights(modules.output_embeddings)

    def of_head(layer: int) -> float:
        return leaving + (joining_at_top if layer == top else joining + (top - layer - 1) * whole + whole_at_top)

    base = top * whole + whole_at_top + leaving
    return base + sum(of_head(head.layer) for head in modules.geometry.heads())


def linear_weights(module: nn.Module) -> int:
    return sum(part.weight.numel() for part in module.modules() if isinstance(part, nn.Linear))


def product_speeds(modules: ModuleMap) -> dict[str, float]:
    """FLOPs per second of `torch.nn.functional.linear`, the best of a few."""
    speeds = {}
    for size in (2048, 4096):
        states, weight = (torch.randn(size, size).to(modules.dtype) for _ in range(2))
        speeds[f"square_{size}"] = 2 * size**3 / best_time(lambda a=states, b=weight: functional.linear(a, b))
    linears = [part for layer in modules.layers for part in layer.modules() if isinstance(part, nn.Linear)]
    inputs = {part.in_features: torch.randn(_ROWS, part.in_features).to(modules.dtype) for part in linears}

    def run_all() -> None:
        for part in linears:
            part(inputs[part.in_features])

    work = 2 * _ROWS * sum(map(linear_weights, linears))
    speeds["own_weights"] = work / best_time(run_all)
    with fast_linears(modules.model):
        speeds["own_weights_onednn"] = work / best_time(run_all)
    return speeds


def best_time(run: Callable[[], object]) -> float:
    """Seconds, the best of four."""
    times = []
    for _ in range(4):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
