"""`headsurgery attribute --estimate`: what a run takes, before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.console import Console, table

if TYPE_CHECKING:
    from headsurgery.attribution.estimate import Estimate
    from headsurgery.attribution.settings import Settings
    from headsurgery.checkpoint.anatomy import Anatomy
    from headsurgery.checkpoint.reader import Checkpoint
    from headsurgery.prompts import PromptSet


def show_estimate(
    console: Console,
    checkpoint: Checkpoint,
    anatomy: Anatomy,
    settings: Settings,
    sets: list[PromptSet],
    *,
    template: str | None,
    hardware: str | None,
    dtype: str,
    device: str,
    max_memory: int | None,
    trust_remote_code: bool,
) -> None:
    """Print what an attribution would take on this machine, or on other hardware by its profile. No weights are read."""
    import torch

    from headsurgery.attribution.estimate import estimate
    from headsurgery.engine.hardware import measure_hardware, plan_hardware
    from headsurgery.engine.shape import ModelShape
    from headsurgery.model.loading import choose_device, resolve_dtype
    from headsurgery.prompts import encode, load_template

    chosen = torch.device("cuda") if hardware is not None else choose_device(device)
    weight_type = resolve_dtype(dtype, chosen, checkpoint.path)
    tensors = {tensor.name: tuple(tensor.shape) for tensor in checkpoint.tensors.values()}
    shape = ModelShape.of_tensors(tensors, anatomy.architecture, anatomy.geometry)
    tokenizer = _tokenizer(checkpoint.path, trust_remote_code)
    found = load_template(template, tokenizer)
    encoded = [encode(prompts, found, tokenizer, max_tokens=2**31) for prompts in sets]
    queries = [ids for _, ids in encoded]
    if hardware is not None:
        runs_on = plan_hardware(hardware, weight_type, shape.parameters * weight_type.itemsize)
    else:
        runs_on = measure_hardware(chosen, weight_type, shape, max_memory)
    result = estimate(shape, anatomy.geometry, settings, queries, runs_on, itemsize=weight_type.itemsize)
    name = str(weight_type).removeprefix("torch.")
    for note in dict.fromkeys((*(note for prompts, _ in encoded for note in prompts.notes), *result.notes)):
        console.note(note)
    console.data(
        {"model": checkpoint.model, "method": settings.method, "dtype": name, "template": found.name, **result.to_json()},
        table(("", ""), _facts(result, checkpoint.model, name)),
        table(_HEADERS, _rows(result), title="\nSweeps"),
    )


_HEADERS = ("sweep", "prompts", "shared prefix", "naive forwards", "forwards' worth", "blocks", "naive TFLOP", "TFLOP", "time")


def _tokenizer(path: Path, trust_remote_code: bool) -> Any:
    from headsurgery.model.loading import load_tokenizer

    return load_tokenizer(path, trust_remote_code=trust_remote_code)


def _facts(found: Estimate, model: str, dtype: str) -> list[tuple[str, str]]:
    from headsurgery.engine.limits import show_bytes

    parts = found.to_json()["bytes"]
    peak = parts.pop("peak")
    workers = found.hardware.workers
    return [
        ("estimate for", f"{model} in {dtype}"),
        ("hardware", found.hardware.name + (f", {workers} workers" if workers > 1 else "")),
        ("speed", f"{found.hardware.speed / 1e9:,.0f} GFLOP/s a worker: {found.hardware.assumption}"),
        ("work", f"{found.flops / 1e12:,.1f} TFLOP, of which answers take {found.answers / 1e12:,.1f}"),
        (
            "memory",
            f"{show_bytes(peak)} a worker: {', '.join(f'{name} {show_bytes(size)}' for name, size in parts.items() if size)}",
        ),
        ("time", f"{show_seconds(found.seconds)}, without loading the model"),
    ]


def _rows(found: Estimate) -> list[tuple[object, ...]]:
    return [
        (
            step.what,
            step.queries,
            step.cost.prefix,
            step.cost.pairs + step.queries,
            round(step.cost.forwards),
            len(step.cost.blocks),
            step.cost.naive_flops / 1e12,
            step.cost.flops / 1e12,
            show_seconds(step.seconds),
        )
        for step in found.steps
    ]


def show_seconds(seconds: float) -> str:
    """`2 h 5 min`, `3 min 20 s` or `4.2 s`."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
