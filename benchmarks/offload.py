"""A model that exceeds memory: Ships on SmolLM2-135M with its layers on disk, against memory and accelerate alone.

The limit is artificial: accelerate is told that the CPU has room for the embeddings alone, so all layers stay on disk and are read
when they are called. `held` reads a layer once per block; without it each call of a layer reads it anew.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import numpy as np
from accelerate.utils.offload import OffloadedWeightsLoader

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.attribution.ships import ships_of_queries
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.model.loading import load_model
from headsurgery.prompts import encode, load_prompts, load_template

LIMIT = 100 * 2**20


@contextmanager
def counted_loads() -> Iterator[list[int]]:
    """Bytes of every weight that accelerate loads."""
    loads: list[int] = []
    original = OffloadedWeightsLoader.__getitem__

    def load(self: OffloadedWeightsLoader, name: str) -> object:
        found = original(self, name)
        loads.append(found.nbytes)
        return found

    with patch.object(OffloadedWeightsLoader, "__getitem__", load):
        yield loads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=3)
    count = parser.parse_args().prompts
    path = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    first = None
    for name, placement in (
        ("memory", {}),
        ("disk, held", {"device_map": "auto"}),
        ("disk, accelerate alone", {"device_map": "auto"}),
    ):
        if placement:
            placement = {**placement, "max_memory": LIMIT}
        loaded = load_model(path, dtype="bfloat16", **placement)
        _, queries = encode(
            load_prompts("builtin:decline", limit=count),
            load_template("paper", loaded.tokenizer),
            loaded.tokenizer,
            max_tokens=8192,
        )
        engine = LocalEngine(loaded)
        plain = patch("headsurgery.engine.wave.held", lambda *_, **__: nullcontext()) if "alone" in name else nullcontext()
        with counted_loads() as loads, plain:
            started = time.perf_counter()
            scores = ships_of_queries(Sweeper(engine=engine), queries, operation="scale", factor=0.0)
            seconds = time.perf_counter() - started
        first = scores if first is None else first
        report = {
            "weights": name,
            "seconds": round(seconds, 1),
            "weights_loaded": len(loads),
            "gigabytes_loaded": round(sum(loads) / 1e9, 2),
            "same_bits": bool(np.array_equal(scores, first)),
        }
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
