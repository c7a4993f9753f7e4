"""What an audit without a base finds, and how often it cries wolf: on real models, untouched and edited.

    python benchmarks/audit.py                      # all
    python benchmarks/audit.py untouched            # false alarms alone
    python benchmarks/audit.py edited --model gemma # edits alone, of one model
    python benchmarks/audit.py untouched --like train --like "norms folded"     # variants with one of these in their name

The models come from PyPI (real_models.py). Untouched are: every model as it was expanded, in three types, stored in another type
first, with every weight moved a little, trained for some steps in whole or in part, with a low-rank update merged, pruned in three
ways, and with its norms folded in; and heads drawn from synthetic distributions (tests/test_audit_blind.py). Edits are made to two
sets of weights: `stored`, as expanded and rounded to bfloat16, and `smooth`, each weight times 1 + a hundredth of a normal number,
which takes the grain of the quantization away as training would. For every operation and factor 12 heads are drawn and edited;
counted are heads found beyond `weak`, heads found as `weak`, and false alarms among all other blocks. Queries that a norm follows
(Gemma's) have the factor 0 alone, since the norm cancels every other. Only attention is written, since an audit reads nothing else.
JSON lines, and the sums at the end.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.real_models import fetch_all
from headsurgery import HeadEdit, Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.auditing import Audit, examine
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.safetensors import WEIGHTS

HEADS = 12
FACTORS = {"scale": (0.0, 0.25, 0.5, 0.7, 0.9, 0.99, 1.01, 1.1, 1.5, 1.98, 2.0, 4.0), "uniform_attention": (0.0, 0.3, 0.5)}
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
STEPS, RATE = 4, 1e-4

Weights = dict[str, torch.Tensor]
Wanted = Callable[[str], bool]


def as_expanded(weights: Weights, source: Path) -> Weights:
    """Unchanged."""
    return weights


def resaved(first: torch.dtype) -> Callable[[Weights, Path], Weights]:
    """By way of another type."""
    return lambda weights, source: {name: values.to(first).float() for name, values in weights.items()}


def smooth(weights: Weights, source: Path) -> Weights:
    """Every weight moved by a hundredth."""
    chance = torch.Generator().manual_seed(0)
    return {name: values * (1 + 0.01 * torch.randn(values.shape, generator=chance)) for name, values in weights.items()}


def trained(part: str, dtype: torch.dtype = torch.float32) -> Callable[[Weights, Path], Weights]:
    """After some steps of AdamW on random tokens, of the weights whose names hold a word."""

    def train(weights: Weights, source: Path) -> Weights:
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
        chosen = [values for name, values in model.named_parameters() if part in name and ".layers." in name]
        for values in model.parameters():
            values.requires_grad_(False)
        for values in chosen:
            values.requires_grad_(True)
        steps = torch.optim.AdamW(chosen, lr=RATE)
        for _ in range(STEPS):
            ids = torch.randint(100, 20_000, (1, 32))
            model(input_ids=ids, labels=ids).loss.backward()
            steps.step()
            steps.zero_grad()
        return weights | {name: values.detach().float() for name, values in model.state_dict().items() if name in weights}

    return train


def merged(weights: Weights, source: Path) -> Weights:
    """A LoRA of rank 8 on all projections of attention."""
    chance = torch.Generator().manual_seed(0)
    made = dict(weights)
    for name, values in weights.items():
        if "_proj.weight" in name and "self_attn" in name:
            low = torch.randn(len(values), 8, generator=chance) @ torch.randn(8, values.shape[1], generator=chance)
            made[name] = values + low * (0.02 * values.norm() / low.norm())
    return made


def pruned(how: str) -> Callable[[Weights, Path], Weights]:
    """Weights set to zero: the smaller half of each projection, two of four, or a quarter of the residual stream's channels."""

    def prune(weights: Weights, source: Path) -> Weights:
        made = dict(weights)
        for name, values in weights.items():
            if "_proj.weight" not in name:
                continue
            if how == "magnitude":
                made[name] = values * (values.abs() > values.abs().median())
            elif how == "2:4":
                groups = values.reshape(len(values), -1, 4)
                kept = groups.abs().argsort(dim=2).argsort(dim=2) >= 2
                made[name] = (groups * kept).reshape(values.shape)
            elif how == "channels" and "o_proj" in name:
                made[name] = values * (torch.arange(len(values)) % 4 > 0)[:, None]
            elif how == "channels":
                made[name] = values * (torch.arange(values.shape[1]) % 4 > 0)
        return made

    return prune


def folded(weights: Weights, source: Path) -> Weights:
    """The norm before attention multiplied into the projections that read it."""
    made = dict(weights)
    is_gemma = any("pre_feedforward_layernorm" in name for name in weights)
    for name, values in weights.items():
        layer, _, norm = name.removesuffix(".weight").rpartition(".")
        for projection in ("q_proj", "k_proj", "v_proj") if norm == "input_layernorm" else ():
            made[f"{layer}.self_attn.{projection}.weight"] = weights[f"{layer}.self_attn.{projection}.weight"] * (values + is_gemma)
    return made


UNTOUCHED: dict[str, Callable[[Weights, Path], Weights]] = {
    "as expanded": as_expanded,
    "stored as bfloat16 first": resaved(torch.bfloat16),
    "stored as float16 first": resaved(torch.float16),
    "smoothed": smooth,
    "trained in float32": trained(""),
    "trained in bfloat16": trained("", torch.bfloat16),
    "two layers trained": trained(".1"),
    "LoRA merged": merged,
    "pruned by magnitude": pruned("magnitude"),
    "pruned 2:4": pruned("2:4"),
    "pruned by channels": pruned("channels"),
    "norms folded": folded,
}


def load(source: Path) -> Weights:
    """Weights of the attention of all layers, and of their norms."""
    with safe_open(source / WEIGHTS, framework="pt") as file:
        names = [name for name in file.keys() if ".self_attn." in name or ".input_layernorm." in name]  # noqa: SIM118
        return {name: file.get_tensor(name) for name in sorted(names)}


def write(source: Path, target: Path, weights: Weights, dtype: torch.dtype) -> Checkpoint:
    """The weights of attention in a type."""
    target.mkdir()
    shutil.copy(source / "config.json", target)
    made = {name: values.to(dtype).contiguous() for name, values in weights.items() if ".self_attn." in name}
    save_file(made, target / WEIGHTS, metadata={"format": "pt"})
    return open_checkpoint(target)


def count(found: Audit) -> dict[str, int]:
    """False alarms of a model that nobody edited."""
    sure = sum(entry.certainty != "weak" for entry in found.findings)
    return {"false_alarms": sure, "weak_false_alarms": len(found.findings) - sure}


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
        "operation": operation,
        "factor": factor,
        "found": len(sure & edited),
        "weak": len(weak & edited),
        "of": HEADS,
        "false_alarms": len(sure - edited),
        "weak_false_alarms": len(weak - edited),
        "blocks": 2 * len(heads) - HEADS,
    }


def untouched(name: str, source: Path, folder: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Variants of one model that were not edited."""
    weights = load(source)
    for variant, make in UNTOUCHED.items():
        if not wanted(variant):
            continue
        made = make(weights, source)
        for dtype, stored in DTYPES.items():
            base = write(source, folder / "base", made, stored)
            blocks = 2 * len(list(prove_anatomy(base).geometry.heads()))
            yield {"model": name, "variant": variant, "dtype": dtype, **count(examine(base)), "blocks": blocks}
            shutil.rmtree(folder / "base")


def edited(name: str, source: Path, folder: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Edits of one model."""
    weights = load(source)
    for variant, make in {"stored": resaved(torch.bfloat16), "smooth": smooth}.items():
        if not wanted(variant):
            continue
        made = make(weights, source)
        for dtype, stored in DTYPES.items():
            base = write(source, folder / "base", made, stored)
            chance = np.random.default_rng(0)
            has_q_norm = prove_anatomy(base).has_q_norm
            for operation, factors in FACTORS.items():
                for factor in (0.0,) if operation == "uniform_attention" and has_q_norm else factors:
                    row = measure(base, folder / "out", operation, factor, chance)
                    yield {"model": name, "variant": variant, "dtype": dtype, **row}
            shutil.rmtree(folder / "base")


def synthetic(count: int) -> dict[str, Any]:
    """False alarms among heads of mixed distributions: layers of 2 to 14 heads in the three types."""
    from headsurgery.auditing.multiples import can_be_multiples, find_multiple, that_stand_out
    from headsurgery.auditing.significands import STORED_BITS, count_codes, find_combs
    from tests.test_audit_blind import KINDS, stored

    alarms = blocks = 0
    for seed in range(count):
        chance = np.random.default_rng(seed)
        dtype = str(chance.choice(["BF16", "F16", "F32"]))
        kinds = chance.choice(list(KINDS), int(chance.integers(2, 15)))
        heads = [stored(KINDS[kind](chance), dtype) for kind in (kinds if seed % 2 else [kinds[0], *[kinds[1]] * (len(kinds) - 1)])]
        if dtype in STORED_BITS:
            alarms += sum(
                comb is not None and comb.is_strong for comb in find_combs([count_codes(head, dtype) for head in heads], dtype)
            )
        if can_be_multiples(dtype):
            alarms += sum(factor is not None for factor in that_stand_out([find_multiple(head, dtype) for head in heads]))
        blocks += len(heads)
    return {"model": "synthetic", "false_alarms": alarms, "weak_false_alarms": 0, "blocks": blocks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["untouched", "edited", "synthetic"])
    parser.add_argument("--model", default="", help="Only models whose name holds this, whatever the case.")
    parser.add_argument(
        "--like", action="append", default=[], metavar="TEXT", help="variants whose name holds this, or another one"
    )
    parser.add_argument("--layers", type=int, default=1000, help="Layers of synthetic heads.")
    arguments = parser.parse_args()
    sums: dict[str, Counter[str]] = {}

    def say(row: dict[str, Any]) -> None:
        print(json.dumps(row), flush=True)
        sums.setdefault(row["model"], Counter()).update({key: row[key] for key in ("false_alarms", "weak_false_alarms", "blocks")})

    def is_wanted(variant: str) -> bool:
        return not arguments.like or any(text in variant for text in arguments.like)

    kinds = {"untouched": untouched, "edited": edited}
    with tempfile.TemporaryDirectory() as scratch:
        for name, source in fetch_all().items() if arguments.what != "synthetic" else ():
            if arguments.model.lower() in name.lower():
                for kind, run in kinds.items():
                    for row in run(name, source, Path(scratch), is_wanted) if arguments.what in (kind, None) else ():
                        say({"kind": kind, **row})
    if arguments.what in ("synthetic", None):
        say({"kind": "synthetic", **synthetic(arguments.layers)})
    for name, total in sums.items():
        print(json.dumps({"sum": name, **total}))


if __name__ == "__main__":
    main()
