"""The sweep against TransformerLens and nnsight: Ships of SmolLM2-135M in float32 for 12 of the built-in prompts, template `paper`.

The peers ablate a head as their documentation shows it, with all prompts in one batch, and read the logits of the last position
(`peers/with_*.py`). Each runs in an environment of its own, which is made here, with the same PyTorch and as many threads. They may
run every n-th head, spread over all layers, and their time is scaled up; ours runs whole, before and after them, and the mean
counts. One document on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.attribution.ships import ships_of_queries
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.model.loading import load_model
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import encode, load_prompts, load_template

PEERS = {"transformer-lens": "4.3.0", "nnsight": "0.8.1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--every", type=int, default=1, help="peers run every n-th head only")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache/headsurgery/peers", help="for their environments")
    arguments = parser.parse_args()
    pythons = {peer: install(peer, arguments.work) for peer in PEERS}

    path = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    loaded = load_model(path, dtype="float32")
    modules = locate_modules(loaded.model)
    prompts = load_prompts("builtin:decline", limit=arguments.prompts)
    _, queries = encode(prompts, load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=8192)
    heads = list(modules.geometry.heads())
    some = heads[:: arguments.every]
    longest = max(map(len, queries))
    work = {
        "model": str(path),
        "ids": [[loaded.tokenizer.pad_token_id] * (longest - len(query)) + query for query in queries],
        "mask": [[0] * (longest - len(query)) + [1] * len(query) for query in queries],
        "heads": [(head.layer, head.head) for head in some],
    }

    def run_ours() -> tuple[float, np.ndarray]:
        started = time.perf_counter()
        scores = ships_of_queries(Sweeper(engine=LocalEngine(loaded)), queries, operation="scale", factor=0.0)
        return time.perf_counter() - started, scores

    before, scores = run_ours()
    found = {peer: run_peer(peer, pythons[peer], work) for peer in PEERS}
    ours = (before + run_ours()[0]) / 2
    expected = np.array([scores[:, head.layer, head.head] for head in some])  # [heads, queries]
    report: dict[str, Any] = {
        "heads": len(heads),
        "queries": len(queries),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "headsurgery_seconds": round(ours, 1),
    }
    for peer, answer in found.items():
        seconds = answer["seconds"] * len(heads) / len(some)
        report[peer] = {
            "version": PEERS[peer],
            "heads_run": len(some),
            "threads": answer["threads"],
            "seconds_for_all_heads": round(seconds, 1),
            "ratio": round(seconds / ours, 2),
            "largest_difference_nats": float(np.max(np.abs(np.array(answer["scores"]) - expected))),
            "largest_relative_difference": float(np.max(np.abs(np.array(answer["scores"]) - expected) / expected)),
        }
    print(json.dumps(report, indent=2))


def install(peer: str, work: Path) -> Path:
    """Python of an environment that has the peer and our PyTorch."""
    folder = work / f"{peer}-{PEERS[peer]}"
    python, done = folder / "bin/python", folder / "installed"
    wanted = [f"{peer}=={PEERS[peer]}", f"torch=={torch.__version__.partition('+')[0]}"]
    if not done.exists() or done.read_text() != str(wanted):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True, stdout=sys.stderr)
        done.write_text(str(wanted))
    return python


def run_peer(peer: str, python: Path, work: dict[str, Any]) -> dict[str, Any]:
    script = Path(__file__).parent / "peers" / f"with_{peer.replace('-', '_')}.py"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(torch.get_num_threads())}
    result = subprocess.run(
        [python, script], input=json.dumps(work), env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()
