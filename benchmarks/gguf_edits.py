"""Edits inside published GGUF files, checked with the `gguf` package, timed, and run.

For each model of `real_models`: heads are edited (factors 0, 0.5 and 0.7), and both files are dequantized by the `gguf` package.
Wanted: the heads' numbers are the base's times the factor, exactly where the plan says so, and no other number differs by a bit.
Then `apply` is timed against `cp` and SHA-256 of the same file, with its peak of memory, and `verify` and `restore` are run.

With `--runtime`, ik_llama.cpp (`pip install ik-llama-cpp-python`, a fork of llama.cpp with wheels) runs base and result: its next
tokens must be those of transformers with the same heads removed from the expanded weights, on 20 prompts. How far the two runtimes
differ on the base is shown beside it, since ik_llama.cpp computes with rounded activations.

With `--peer`, what other tools would do is timed too: expand, edit, and quantize anew with its `llama-quantize`; and the numbers
outside of the heads that this changes are counted. One document on stdout.

    python benchmarks/gguf_edits.py [--runtime] [--peer] [NAME ...]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from real_models import MODELS, fetch, fetch_gguf

from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.plan import plan_surgery
from headsurgery.surgery.restore import restore_checkpoint
from headsurgery.surgery.verify import verify_checkpoint

PROMPTS = tuple(
    f"{start} {subject}"
    for start in ("The capital of", "A short story about", "def compute_", "In 1969, the history of", "How do I cook")
    for subject in ("France", "rice", "water", "the moon")
)
ROUNDING = 2.0**-10
"""Relative error that rounding a scale to float16 may cost, and float32 arithmetic besides."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[model.name for model in MODELS])
    parser.add_argument("--runtime", action="store_true", help="run the files with ik_llama.cpp")
    parser.add_argument("--peer", action="store_true", help="time expanding, editing and quantizing anew")
    given = parser.parse_args()
    found = {}
    for model in MODELS:
        if model.name in given.names:
            path = fetch_gguf(model)
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                found[model.name] = _measure(path, Path(folder))
                if given.runtime:
                    found[model.name]["runtime"] = _run(path, fetch(model), Path(folder))
                if given.peer:
                    found[model.name]["peer"] = _quantize_anew(path, Path(folder))
    print(json.dumps(found, indent=2))


def _edits(path: Path) -> tuple[HeadEdit, ...]:
    geometry = prove_anatomy(open_checkpoint(path)).geometry
    layers, heads = len(geometry.layers), geometry.max_heads
    return (
        HeadEdit(layer=1, head=0, operation="scale", factor=0.0),
        HeadEdit(layer=1, head=1, operation="scale", factor=0.0),
        HeadEdit(layer=layers // 2, head=heads - 1, operation="scale", factor=0.5),
        HeadEdit(layer=layers // 2, head=0, operation="scale", factor=0.7),
        HeadEdit(layer=layers - 1, head=1, operation="uniform_attention", factor=0.0),
    )


def _measure(path: Path, folder: Path) -> dict[str, Any]:
    recipe, out = Recipe(edits=_edits(path)), folder / "edited"
    base = open_checkpoint(path)
    plan = plan_surgery(recipe, base)
    apply_plan(plan, out)
    found = {
        "formats": prove_anatomy(base).formats,
        "exactness": [str(edit.exactness) for edit in plan.edits],
        "heads_as_wanted": _check(path, out / path.name, plan.edits),
        "verified": not verify_checkpoint(out, base=base).problems,
        "restored": _restore(out, path, folder / "restored"),
        "seconds": _time(path, folder, recipe),
    }
    subprocess.run(["rm", "-r", out, folder / "restored"], check=True)
    return found


def _check(path: Path, edited: Path, edits: Any) -> dict[str, Any]:
    """Compare both files, as the `gguf` package dequantizes them."""
    errors, foreign = [], 0
    for old, new in zip(GGUFReader(path).tensors, GGUFReader(edited).tensors, strict=True):
        if np.array_equal(old.data, new.data):
            continue
        before, after = (np.array(dequantize(one.data, one.tensor_type)) for one in (old, new))
        for edit in (edit for edit in edits if edit.tensor.name == old.name):
            block = slice(edit.block.start, edit.block.stop)
            place = (slice(None), block) if edit.axis else (block,)
            wanted = before[place] * np.float32(edit.edit.factor)
            errors.append(float(np.abs(after[place] - wanted).max() / (np.abs(wanted).max() or 1)))
            assert errors[-1] <= (0 if edit.exactness.level == "exact" else ROUNDING), (str(edit), errors[-1])
            after[place] = before[place]
        foreign += int((before.view(np.uint32) != after.view(np.uint32)).sum())
    assert not foreign
    return {"slices": len(errors), "largest_error": max(errors), "foreign_numbers_changed": foreign}


def _restore(out: Path, path: Path, back: Path) -> bool:
    restore_checkpoint(out, back)
    return _hash(back / path.name) == _hash(path)


def _hash(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**22):
            digest.update(block)
    return digest.hexdigest()


def _time(path: Path, folder: Path, recipe: Recipe) -> dict[str, float]:
    """Medians of three: `cp` with a flush and SHA-256; the command `apply` with its start; its peak of memory in MB."""
    document = folder / "recipe.json"
    document.write_text(recipe.to_json())
    command = [sys.executable, "-m", "headsurgery", "apply", document, path, "--link", "copy", "-o", folder / "timed", "--quiet"]
    times: dict[str, list[float]] = {"cp": [], "sha256": [], "apply": [], "start": []}
    for _ in range(3):
        times["cp"].append(_seconds(["sh", "-c", f"cp --reflink=never '{path}' '{folder}/copy' && sync '{folder}/copy'"]))
        times["sha256"].append(_seconds(["sha256sum", path]))
        times["apply"].append(_seconds(command))
        times["start"].append(_seconds([sys.executable, "-m", "headsurgery", "apply", "--help"]))
        subprocess.run(["rm", "-r", folder / "timed", folder / "copy"], check=True)
    measured = subprocess.run(["/usr/bin/time", "-f", "%M", *command], capture_output=True, text=True, check=True)
    subprocess.run(["rm", "-r", folder / "timed"], check=True)
    medians = {name: round(float(np.median(values)), 2) for name, values in times.items()}
    floor = medians["cp"] + medians["sha256"]
    ratio = (medians["apply"] - medians["start"]) / floor
    return {
        **medians,
        "apply_without_start_over_cp_and_sha256": round(ratio, 2),
        "peak_mb": int(measured.stderr.split()[-1]) / 1000,
    }


def _seconds(command: list[Any]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def _run(path: Path, expanded: Path, folder: Path) -> dict[str, Any]:
    """Next tokens of base and result, by ik_llama.cpp on the GGUF and by transformers on the expanded weights."""
    from transformers import AutoTokenizer

    recipe = Recipe(edits=tuple(edit for edit in _edits(path) if edit.factor == 0))
    apply_plan(plan_surgery(recipe, open_checkpoint(path)), folder / "run-gguf")
    apply_plan(plan_surgery(recipe, open_checkpoint(expanded)), folder / "run-expanded")
    tokenizer = AutoTokenizer.from_pretrained(expanded)
    prompts = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    by_gguf = [scores_of_gguf(file, prompts) for file in (path, folder / "run-gguf" / path.name)]
    again = scores_of_gguf(path, prompts)
    expanded_ones = [_scores_of_expanded(model, prompts) for model in (expanded, folder / "run-expanded")]
    return {
        "prompts": len(prompts),
        "same_next_token": {
            what: int((one.argmax(1) == other.argmax(1)).sum())
            for what, one, other in zip(("base", "edited"), by_gguf, expanded_ones, strict=True)
        },
        "mean_difference": {
            what: float(np.abs(one - other).mean())
            for what, one, other in zip(("base", "edited"), by_gguf, expanded_ones, strict=True)
        },
        "mean_difference_of_two_runs": float(np.abs(by_gguf[0] - again).mean()),
        "mean_effect_of_the_edit": float(np.abs(by_gguf[0] - by_gguf[1]).mean()),
        "correlation_of_the_effect": float(
            np.corrcoef((by_gguf[1] - by_gguf[0]).ravel(), (expanded_ones[1] - expanded_ones[0]).ravel())[0, 1]
        ),
    }


def scores_of_gguf(path: Path, prompts: list[list[int]]) -> Any:
    """Logits after the last token, [prompt, token], from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        document, out = Path(folder, "prompts.json"), Path(folder, "scores.npy")
        document.write_text(json.dumps(prompts))
        subprocess.run([sys.executable, "-c", _IN_LLAMA, path, document, out], check=True, capture_output=True)
        return np.load(out)


_IN_LLAMA = """
import ctypes, json, sys
import numpy as np
import ik_llama_cpp._ctypes_api as api
from ik_llama_cpp._internals import IkContext, IkModel, make_batch_range

model = IkModel(sys.argv[1])
context = IkContext(model, n_ctx=512, n_threads=2, flash_attn=False)
scores = []
for ids in json.load(open(sys.argv[2])):
    context.kv_cache_clear()
    batch = make_batch_range(ids, pos_start=0, logits_last=True)
    assert context.decode(batch) == 0
    found = api.llama_get_logits_ith(context.ctx, len(ids) - 1)
    scores.append(np.ctypeslib.as_array(found, (model.n_vocab,)).copy())
np.save(sys.argv[3], np.stack(scores))
"""


def _scores_of_expanded(path: Path, prompts: list[list[int]]) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    with torch.no_grad():
        return np.stack([model(torch.tensor([ids])).logits[0, -1].numpy() for ids in prompts])


def _quantize_anew(path: Path, folder: Path) -> dict[str, Any]:
    """Expand to float32, edit, and quantize to Q4_K_M as llama.cpp's tools do."""
    import ik_llama_cpp
    from gguf import GGMLQuantizationType, GGUFWriter

    edits = plan_surgery(Recipe(edits=_edits(path)), open_checkpoint(path)).edits
    start = time.perf_counter()
    reader = GGUFReader(path)
    writer = GGUFWriter(folder / "expanded.gguf", bytes(reader.fields["general.architecture"].parts[-1]).decode())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        values = np.array(dequantize(tensor.data, tensor.tensor_type))
        for edit in (edit for edit in edits if edit.tensor.name == tensor.name):
            block = slice(edit.block.start, edit.block.stop)
            values[(slice(None), block) if edit.axis else (block,)] *= np.float32(edit.edit.factor)
        writer.add_tensor(tensor.name, values, raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    expanded = time.perf_counter() - start
    tool = Path(ik_llama_cpp.__file__).parent / "bin" / "llama-quantize"
    subprocess.run(
        [tool, folder / "expanded.gguf", folder / "anew.gguf", "Q4_K_M"], check=True, capture_output=True, env=with_lib(tool)
    )
    total = time.perf_counter() - start
    changed = numbers = 0
    own = {edit.tensor.name for edit in edits}
    try:
        anew = _sorted_like(path, folder / "anew.gguf")
    except ValueError:  # a type of ik_llama.cpp alone, which it takes where rows don't fill a K-quant's blocks
        return {"expand_seconds": round(expanded, 1), "seconds": round(total, 1), "share_of_foreign_numbers_changed": None}
    for old, new in zip(GGUFReader(path).tensors, anew, strict=True):
        if old.name not in own:
            before, after = (np.array(dequantize(one.data, one.tensor_type)) for one in (old, new))
            changed += int((before != after).sum())
            numbers += before.size
    return {"expand_seconds": round(expanded, 1), "seconds": round(total, 1), "share_of_foreign_numbers_changed": changed / numbers}


def _sorted_like(path: Path, other: Path) -> list[Any]:
    """The tensors of the second file in the order of the first."""
    found = {tensor.name: tensor for tensor in GGUFReader(other).tensors}
    return [found[tensor.name] for tensor in GGUFReader(path).tensors]


def with_lib(tool: Path) -> dict[str, str]:
    return {**os.environ, "LD_LIBRARY_PATH": str(tool.parent.parent / "lib")}


if __name__ == "__main__":
    main()
