"""The cost model: `--estimate` against real runs on this machine, and a table of estimates for machines that are not here.

`check` runs Ships on SmolLM2-135M three ways and compares the time and the FLOPs' memory with what `--estimate` says beforehand.
`table` writes checkpoints of Llama-2's shapes, headers only (sparse files that take no room), and lets `--estimate-for` speak.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.attribution.ships import ships_of_queries
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.model.loading import load_model
from headsurgery.prompts import encode, load_prompts, load_template
from tests.tiny import build_tokenizer

CHECKS = (("float32", "paper", 6), ("bfloat16", "paper", 12), ("float32", "chat", 6), ("bfloat16", "chat", 12))
SIZES: dict[str, dict[str, int]] = {
    "Llama-2-7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
    "Llama-2-70b": {
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
    },
}
RUNS = (("Llama-2-7b", "h100:1"), ("Llama-2-70b", "h100:8"), ("Llama-2-70b", "h100:64"))
PROMPTS, WORDS, SYSTEM_WORDS = 100, 26, 140


def estimate(model: Path, prompts: str, *options: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "headsurgery",
        "attribute",
        str(model),
        "--prompts",
        prompts,
        "--json",
        "-q",
        "--held-out",
        "0",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def check() -> None:
    path = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    for dtype, template, count in CHECKS:
        choices = ["--method", "ships", "--limit", str(count), "--template", template, "--dtype", dtype]
        told = estimate(path, "builtin:decline", *choices, "--estimate")
        loaded = load_model(path, dtype=dtype)
        prompts = load_prompts("builtin:decline", limit=count)
        _, queries = encode(prompts, load_template(template, loaded.tokenizer), loaded.tokenizer, max_tokens=8192)
        started = time.perf_counter()
        ships_of_queries(Sweeper(engine=LocalEngine(loaded)), queries, operation="scale", factor=0.0)
        seconds = time.perf_counter() - started
        report = {
            "dtype": dtype,
            "template": template,
            "prompts": count,
            "threads": torch.get_num_threads(),
            "tflop": round(told["flops"] / 1e12, 2),
            "assumption": told["assumption"],
            "estimated_seconds": round(told["seconds"], 1),
            "seconds": round(seconds, 1),
            "estimated_to_real": round(told["seconds"] / seconds, 2),
        }
        print(json.dumps(report), flush=True)


def write_headers(folder: Path, sizes: dict[str, int]) -> Path:
    """A checkpoint in bfloat16 whose one file has a header, and a hole where its weights would be."""
    config = transformers.LlamaConfig(**sizes, vocab_size=32000, dtype="bfloat16")
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    header, end = {}, 0
    for name, weight in model.state_dict().items():
        header[name] = {"dtype": "BF16", "shape": list(weight.shape), "data_offsets": [end, end := end + 2 * weight.numel()]}
    text = json.dumps(header).encode()
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + end)
    config.save_pretrained(folder)
    return folder


def table() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prompts = folder / "prompts.txt"
        prompts.write_text(
            "".join(" ".join(f"w{3 + (number + word) % 90}" for word in range(WORDS)) + "\n" for number in range(PROMPTS))
        )
        rows = [
            "| model | GPUs | queries | method | naive forwards | naive PFLOP | PFLOP | memory of a worker | time |",
            "|---" * 9 + "|",
        ]
        models = {size: write_headers(folder / size, sizes) for size, sizes in SIZES.items()}
        for size, gpus in RUNS:
            for system in (0, SYSTEM_WORDS):
                tokenizer = build_tokenizer(chat=True)
                words = "<s> " + "w5 " * system + "w4 {{ messages[0]['content'] }} w5 w6"
                tokenizer.chat_template = words
                tokenizer.save_pretrained(models[size])
                for method in ("ships", "sahara"):
                    told = estimate(models[size], str(prompts), "--method", method, "--estimate-for", gpus)
                    steps = told["steps"]
                    length = f"{WORDS + 4} tokens" + (f" behind {steps[0]['prefix_tokens']} shared" if system else "")
                    naive = sum(step["naive_flops"] for step in steps)
                    cells = [
                        size,
                        gpus,
                        f"{PROMPTS} of {length}",
                        method,
                        f"{sum(step['naive_forwards'] for step in steps):,}",
                        f"{naive / 1e15:,.0f}",
                        f"{told['flops'] / 1e15:,.0f}",
                        f"{told['bytes']['peak'] / 1e9:.0f} GB",
                        show(told["seconds"]),
                    ]
                    rows.append(f"| {' | '.join(cells)} |")
                print(told["assumption"], told["workers"], told["devices_per_worker"], file=sys.stderr)
        print("\n".join(rows))


def show(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 100 else f"{seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("check", "table"))
    {"check": check, "table": table}[parser.parse_args().what]()


if __name__ == "__main__":
    main()
