"""`headsurgery apply` and its neighbours against what one would use otherwise: time and peak memory.

On SmolLM2-135M in float32 (538 MB): `cp` and one SHA-256 pass, transformers' load and save, mergekit's passthrough (installed here
in an environment of its own). On a checkpoint of random bytes in 8 shards (`--gigabytes`, default 10), two of them edited: `cp -r`,
and `cmp` for `diff`. Every command runs in a process of its own. Sides take turns, and the best of several runs counts, since
machines are noisy; what was written is deleted between runs. One document on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MERGEKIT = "0.1.5"
EDITS = [{"layer": layer, "head": 3} for layer in (2, 10, 20)]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Compiled modules are kept, as those of an installed package are."""
HEADSURGERY = [sys.executable, "-m", "headsurgery"]
CONVERT = """
import sys; from headsurgery.demo.fetch import fetch_demo_model; from headsurgery.model.loading import load_model
loaded = load_model(fetch_demo_model(lambda text: None).path, dtype='float32')
loaded.model.save_pretrained(sys.argv[1]); loaded.tokenizer.save_pretrained(sys.argv[1])
"""
COPY_AND_HASH = """
import sys, hashlib, subprocess
subprocess.run(['cp', '-r', *sys.argv[1:]], check=True)
with open(sys.argv[1] + '/model.safetensors', 'rb') as file: hashlib.file_digest(file, 'sha256')
"""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=10.0, help="size of the random checkpoint; 0: none")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", type=Path, help="where checkpoints are written; default: a temporary folder")
    parser.add_argument("--peers", type=Path, default=Path.home() / ".cache/headsurgery/peers", help="for mergekit's environment")
    parser.add_argument("--no-mergekit", action="store_true")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_random(arguments.write, arguments.gigabytes)
        return
    with tempfile.TemporaryDirectory(dir=arguments.work) as name:
        folder = Path(name)
        report: dict[str, Any] = {"start": measure_start(arguments.runs)}
        mergekit = None if arguments.no_mergekit else install_mergekit(arguments.peers)
        report["smollm2_float32"] = measure_small(folder, mergekit, arguments.runs)
        if arguments.gigabytes:
            report["random"] = measure_sharded(folder, arguments.gigabytes, max(2, arguments.runs // 2))
    print(json.dumps(report, indent=2))


def measure_start(runs: int) -> dict[str, Any]:
    """How long `--help` takes, and the interpreter alone."""
    return as_document(race({"python": [sys.executable, "-c", "pass"], "apply_help": [*HEADSURGERY, "apply", "--help"]}, runs))


def measure_small(folder: Path, mergekit: Path | None, runs: int) -> dict[str, Any]:
    base, out, recipe = folder / "base", folder / "out", folder / "recipe.json"
    subprocess.run([sys.executable, "-c", CONVERT, str(base)], check=True, stderr=subprocess.DEVNULL)
    recipe.write_text(json.dumps({"schema": "headsurgery.recipe/1", "edits": EDITS}))
    sides = {
        "apply": [*HEADSURGERY, "apply", str(recipe), str(base), "-o", str(out)],
        "dry_run": [*HEADSURGERY, "apply", str(recipe), str(base), "--dry-run"],
        "cp_and_sha256": [sys.executable, "-c", COPY_AND_HASH, str(base), str(out)],
        "transformers": [sys.executable, "-c", LOAD_AND_SAVE, str(base), str(out)],
    }
    if mergekit is not None:
        config = folder / "passthrough.yml"
        config.write_text(f"merge_method: passthrough\ndtype: float32\nmodels:\n  - model: {base}\n")
        sides["mergekit"] = [str(mergekit), str(config), str(out)]
    found = race(sides, runs, lambda: shutil.rmtree(out, ignore_errors=True))
    seconds, memory = found["apply"]
    report = {"sides": as_document(found)}
    report["apply_to_cp_and_sha256"] = ratio(seconds, found["cp_and_sha256"][0])
    report["the_same_without_our_start"] = ratio(seconds - found["dry_run"][0], found["cp_and_sha256"][0])
    for peer in ("transformers", "mergekit"):
        if peer in found:
            report[f"{peer}_to_apply"] = {"time": ratio(found[peer][0], seconds), "memory": ratio(found[peer][1], memory)}
    return report | measure_neighbours(folder, base, recipe, runs)


def measure_sharded(folder: Path, gigabytes: float, runs: int) -> dict[str, Any]:
    base, out, recipe = folder / "random", folder / "out", folder / "recipe.json"
    # in a process of its own: a child's peak, as the system records it, begins with its parent's memory
    subprocess.run([sys.executable, __file__, "--write", str(base), "--gigabytes", str(gigabytes)], check=True)
    recipe.write_text(json.dumps({"schema": "headsurgery.recipe/1", "edits": [{"layer": 1, "head": 3}, {"layer": 6, "head": 5}]}))
    sides = {
        "apply_auto": [*HEADSURGERY, "apply", str(recipe), str(base), "-o", str(out)],
        "apply_copy": [*HEADSURGERY, "apply", str(recipe), str(base), "-o", str(out), "--link", "copy"],
        "cp": ["cp", "-r", str(base), str(out)],
    }
    found = race(sides, runs, lambda: shutil.rmtree(out, ignore_errors=True))
    size = sum(path.stat().st_size for path in base.iterdir())
    report = {"gigabytes": round(size / 1e9, 1), "sides": as_document(found)}
    report["apply_auto_to_cp"] = ratio(found["apply_auto"][0], found["cp"][0])
    return report | measure_neighbours(folder, base, recipe, runs)


def measure_neighbours(folder: Path, base: Path, recipe: Path, runs: int) -> dict[str, Any]:
    """`diff` against `cmp` of equal files, which reads them whole; memory of `verify` and `restore`. Nothing is shared on disk."""
    out, twin, back = folder / "edited", folder / "twin", folder / "back"
    apply = [*HEADSURGERY, "apply", str(recipe), str(base), "-o", str(out), "--link", "copy"]
    subprocess.run(apply, check=True, capture_output=True)
    shutil.copytree(base, twin)
    cmp = " && ".join(f"cmp '{path}' '{twin / path.name}'" for path in sorted(base.glob("*.safetensors")))
    sides = {
        "diff": [*HEADSURGERY, "diff", str(base), str(out)],
        "diff_of_one_and_itself": [*HEADSURGERY, "diff", str(base), str(base)],  # reads headers only: our start
        "cmp": ["sh", "-c", cmp],
    }
    found = race(sides, runs, good=(0, 1))
    shutil.rmtree(twin)
    found |= race({"verify": [*HEADSURGERY, "verify", str(out)]}, 1)
    found |= race({"verify_with_base": [*HEADSURGERY, "verify", str(out), "--base", str(base)]}, 1)
    found |= race(
        {"restore": [*HEADSURGERY, "restore", str(out), "-o", str(back)]}, 1, lambda: shutil.rmtree(back, ignore_errors=True)
    )
    shutil.rmtree(out)
    seconds, start = found["diff"][0], found["diff_of_one_and_itself"][0]
    ratios = {"diff_to_cmp": ratio(seconds, found["cmp"][0]), "without_our_start": ratio(seconds - start, found["cmp"][0])}
    return {"neighbours": as_document(found), **ratios}


def race(
    sides: dict[str, list[str]], runs: int, clean: Callable[[], object] = lambda: None, good: tuple[int, ...] = (0,)
) -> dict[str, tuple[float, float]]:
    """Seconds and peak megabytes of each command: the best of several runs, in turns, after one that warms the caches.

    Each round has an order of its own, since what ran just before, and the memory that it let go of, makes a difference.
    """
    found = {side: (float("inf"), float("inf")) for side in sides}
    for run in range(runs + 1):
        for side, command in random.Random(run).sample(list(sides.items()), len(sides)):
            clean()
            os.sync()  # so that nobody waits for what another has written
            started = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            if os.waitstatus_to_exitcode(status) not in good:
                raise SystemExit(f"{command} failed")
            if run or runs == 1:
                found[side] = min(found[side][0], seconds), min(found[side][1], usage.ru_maxrss / 1e3)
    clean()
    return found


def write_random(base: Path, gigabytes: float) -> None:
    """A Llama of 8 layers, each in a shard of its own: attention that can be edited, and for the rest random bytes."""
    base.mkdir()
    width, layers = 2048, 8
    config = {"model_type": "llama", "num_hidden_layers": layers, "num_attention_heads": 16, "hidden_size": width}
    (base / "config.json").write_text(json.dumps(config))
    rng, weight_map = np.random.default_rng(0), {}
    for layer in range(layers):
        file = f"model-{layer + 1:05}-of-{layers:05}.safetensors"
        names = [f"model.layers.{layer}.self_attn.{part}_proj.weight" for part in "qkvo"]
        matrix = width * width * 4
        rest = int(gigabytes * 1e9 / layers) - 4 * matrix
        sizes = {**dict.fromkeys(names, matrix), f"model.layers.{layer}.mlp.up_proj.weight": rest // (4 * width) * 4 * width}
        entries, end = {}, 0
        for name, size in sizes.items():
            entries[name] = {"dtype": "F32", "shape": [size // 4 // width, width], "data_offsets": [end, end + size]}
            end += size
            weight_map[name] = file
        header = json.dumps(entries).encode()
        with (base / file).open("xb") as out:
            out.write(len(header).to_bytes(8, "little") + header)
            for size in sizes.values():
                if size == matrix:
                    out.write(rng.standard_normal(size // 4, dtype=np.float32).tobytes())
                else:
                    for start in range(0, size, 2**26):
                        out.write(rng.bytes(min(2**26, size - start)))
    index = {"metadata": {}, "weight_map": weight_map}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))


def install_mergekit(work: Path) -> Path:
    """Its command, in an environment of its own."""
    folder = work / f"mergekit-{MERGEKIT}"
    if not (folder / "bin/mergekit-yaml").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [folder / "bin/python", "-m", "pip", "install", "-q", f"mergekit=={MERGEKIT}"], check=True, stdout=sys.stderr
        )
    return folder / "bin/mergekit-yaml"


def as_document(found: dict[str, tuple[float, float]]) -> dict[str, Any]:
    return {side: {"seconds": round(seconds, 3), "peak_megabytes": round(peak)} for side, (seconds, peak) in found.items()}


def ratio(one: float, other: float) -> float:
    return round(one / other, 2)


if __name__ == "__main__":
    main()
