"""`headsurgery apply` against transformers' load and save on SmolLM2-135M in float32 (538 MB): time and peak memory.

Every command runs in a process of its own; the best of several runs counts, since the machine is noisy.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 3
RECIPE = {"schema": "headsurgery.recipe/1", "edits": [{"layer": layer, "head": 3} for layer in (2, 10, 20)]}
LOAD_AND_SAVE = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
with torch.no_grad():
    for layer in (2, 10, 20):
        model.model.layers[layer].self_attn.o_proj.weight[:, 192:256] = 0
model.save_pretrained(sys.argv[2])
AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])
"""


def measure(command: list[str], out: Path | None) -> tuple[float, float]:
    """Seconds and peak megabytes of the best run."""
    best = (float("inf"), float("inf"))
    for _ in range(RUNS):
        if out is not None:
            shutil.rmtree(out, ignore_errors=True)
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise SystemExit(f"{command[:3]} failed")
        best = min(best, (seconds, usage.ru_maxrss / 1e3))
    return best


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        convert = (
            "import sys; from headsurgery.demo.fetch import fetch_demo_model; from headsurgery.model.loading import load_model\n"
            "loaded = load_model(fetch_demo_model(lambda text: None).path, dtype='float32')\n"
            "loaded.model.save_pretrained(sys.argv[1]); loaded.tokenizer.save_pretrained(sys.argv[1])"
        )
        base, out, recipe = folder / "base", folder / "out", folder / "recipe.json"
        subprocess.run([sys.executable, "-c", convert, str(base)], check=True)
        recipe.write_text(json.dumps(RECIPE))
        headsurgery = [sys.executable, "-m", "headsurgery"]
        ours = measure([*headsurgery, "apply", str(recipe), str(base), "-o", str(out)], out)
        theirs = measure([sys.executable, "-c", LOAD_AND_SAVE, str(base), str(out)], out)
        subprocess.run([*headsurgery, "apply", str(recipe), str(base), "-o", str(out), "--force"], check=True, capture_output=True)
        diff = measure([*headsurgery, "diff", str(base), str(out), "--recipe", str(recipe)], None)
        help_seconds = measure([*headsurgery, "--help"], None)[0]
        report = {
            "checkpoint_megabytes": round((base / "model.safetensors").stat().st_size / 1e6),
            "apply": {"seconds": round(ours[0], 2), "peak_megabytes": round(ours[1])},
            "transformers_load_and_save": {"seconds": round(theirs[0], 2), "peak_megabytes": round(theirs[1])},
            "ratio_time": round(theirs[0] / ours[0], 2),
            "ratio_memory": round(theirs[1] / ours[1], 2),
            "diff": {"seconds": round(diff[0], 2), "peak_megabytes": round(diff[1])},
            "help_seconds": round(help_seconds, 3),
        }
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
