"""Whether `torch.compile` pays for the sweep on this CPU: one decoder layer of SmolLM2-135M, 48 rows of 21 tokens, as in a sweep.

The layer has no hooks on it, which is the best case: an edit's hooks would make it compile again. Seconds of a call, the best of
ten; and the seconds until the first call comes back. `engine` is what the sweep runs (headsurgery/model/linears.py).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.model.linears import fast_linears
from headsurgery.model.loading import load_model
from headsurgery.model.modules import locate_modules

_ROWS, _TOKENS, _LAYER = 48, 21, 15


def main() -> None:
    path = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    report = {"threads": torch.get_num_threads()}
    for dtype in ("float32", "bfloat16"):
        model = load_model(path, dtype=dtype).model
        modules = locate_modules(model)
        layer = modules.layers[_LAYER]
        hidden = torch.randn(_ROWS, _TOKENS, modules.geometry.hidden_size).to(modules.dtype)
        positions = model.model.rotary_emb(hidden, torch.arange(_TOKENS).unsqueeze(0))
        compiled = torch.compile(layer, dynamic=True)
        found = {}
        for name, call, linears in (
            ("pytorch", layer, nullcontext()),
            ("engine", layer, fast_linears(model)),
            ("compiled", compiled, nullcontext()),
        ):
            with torch.inference_mode(), linears:
                times = [clock(partial(call, hidden, position_embeddings=positions)) for _ in range(11)]
            found[f"{name}_milliseconds"] = round(1000 * min(times[1:]), 2)
            if name == "compiled":
                found["compile_seconds"] = round(times[0], 1)
        report[dtype] = found
    print(json.dumps(report, indent=2))


def clock(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
