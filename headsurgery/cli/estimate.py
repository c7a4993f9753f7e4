"""`headsurgery attribute --estimate`: what a run takes, before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.console import Console, table

if TYPE_CHECKING:
    from headsurgery.attribution.estimate import Estimate
    from headsurgery.attribution.settings import Settings
    from headsurgery.edits.anatomy import Anatomy
    from headsurgery.model.precision import Precision
    from headsurgery.options import ModelOptions
    from headsurgery.prompts import PromptSet
    from headsurgery.storage.checkpoint import Checkpoint


def show_estimate(
    console: Console,
    checkpoint: Checkpoint,
    anatomy: Anatomy,
    settings: Settings,
    sets: list[PromptSet],
    *,
    template: str | None,
    hardware: str | None,
    loading: ModelOptions,
    max_memory: int | None,
) -> None:
    """Print what an attribution would take on this machine, or on other hardware by its profile. No weights are read."""
    import torch

    from headsurgery.attribution.estimate import estimate
    from headsurgery.engine.hardware import measure_hardware, plan_hardware
    from headsurgery.engine.shape import ModelShape
    from headsurgery.model.loading import choose_device
    from headsurgery.model.precision import choose_precision, dtype_name
    from headsurgery.prompts import encode, load_template

    chosen = torch.device("cuda") if hardware is not None else choose_device(loading.device)
    precision = choose_precision(loading.dtype, chosen, checkpoint.source)
    tensors = {tensor.name: tuple(tensor.shape) for tensor in checkpoint.tensors.values()}
    shape = ModelShape.of_tensors(tensors, anatomy.architecture, anatomy.geometry)
    tokenizer = _tokenizer(checkpoint.source, loading.trust_remote_code)
    found = load_template(template, tokenizer)
    encoded = [encode(prompts, found, tokenizer, max_tokens=2**31) for prompts in sets]
    queries = [ids for _, ids in encoded]

    def of(weight_type: torch.dtype) -> Estimate:
        if hardware is not None:
            runs_on = plan_hardware(hardware, weight_type, shape.parameters * weight_type.itemsize)
        else:
            runs_on = measure_hardware(chosen, weight_type, shape, max_memory)
        return estimate(shape, anatomy.geometry, settings, queries, runs_on, itemsize=weight_type.itemsize)

    result, name = of(precision.dtype), precision.name
    by_type = {name: result.seconds}
    if chosen.type == "cpu":
        by_type |= {dtype_name(other): of(other).seconds for other in (torch.float32, torch.bfloat16) if other != precision.dtype}
    for note in dict.fromkeys((*(note for prompts, _ in encoded for note in prompts.notes), *result.notes)):
        console.note(note)
    document = {"model": checkpoint.model, "method": settings.method.name, "dtype": name, "dtype_reason": precision.reason}
    console.data(
        {**document, "template": found.name, **result.to_json(), "seconds_by_dtype": by_type},
        table(("", ""), _facts(result, checkpoint.model, precision, by_type)),
        *([table(_HEADERS, _rows(result), title="\nSweeps")] if result.steps else []),
    )


_HEADERS = (
    "sweep",
    "prompts",
    "heads",
    "shared prefix",
    "naive forwards",
    "forwards' worth",
    "blocks",
    "naive TFLOP",
    "TFLOP",
    "time",
)


def _tokenizer(path: Path, trust_remote_code: bool) -> Any:
    from headsurgery.model.loading import load_tokenizer

    return load_tokenizer(path, trust_remote_code=trust_remote_code)


def _facts(found: Estimate, model: str, precision: Precision, by_type: dict[str, float]) -> list[tuple[str, str]]:
    from headsurgery.engine.limits import show_bytes

    parts = found.to_json()["bytes"]
    peak = parts.pop("peak")
    workers = found.hardware.workers
    return [
        ("estimate for", f"{model} in {precision.name}"),
        ("hardware", found.hardware.name + (f", {workers} workers" if workers > 1 else "")),
        ("speed", f"{found.hardware.speed / 1e9:,.0f} GFLOP/s a worker: {found.hardware.assumption}"),
        ("work", f"{found.flops / 1e12:,.1f} TFLOP, of which answers take {found.answers / 1e12:,.1f}"),
        *(
            [("gradients", f"{found.gradients / 1e12:,.1f} TFLOP of that, {show_seconds(found.gradient_seconds)}")]
            if found.gradients
            else []
        ),
        *(
            [("resamples", f"{found.resampling / 1e12:,.1f} TFLOP of that, {show_seconds(found.resampling_seconds)}")]
            if found.resampling
            else []
        ),
        (
            "memory",
            f"{show_bytes(peak)} a worker: {', '.join(f'{name} {show_bytes(size)}' for name, size in parts.items() if size)}",
        ),
        ("time", f"{_show_time(found)}, without loading the model"),
        *(
            [("time by type", "; ".join(f"{name} {show_seconds(taken)}" for name, taken in by_type.items()))]
            if by_type.keys() > {precision.name}
            else []
        ),
        *([("type", _say_choice(precision))] if precision.reason else []),
    ]


def _say_choice(precision: Precision) -> str:
    """Why this type. The speeds of the short test that chose it are left out: the time is told by a longer one, under `speed`."""
    if precision.is_measured:
        return f"{precision.name}, chosen by a short test of float32 and bfloat16 on this machine"
    return str(precision.reason)


def _show_time(found: Estimate) -> str:
    if found.most_seconds is None:
        return show_seconds(found.seconds)
    return f"{show_seconds(found.seconds)} expected, {show_seconds(found.most_seconds)} at the longest"


def _rows(found: Estimate) -> list[tuple[object, ...]]:
    return [
        (
            step.what,
            step.queries,
            step.heads,
            step.cost.prefix,
            step.cost.pairs + step.queries,
            round(step.cost.forwards),
            len(step.cost.blocks),
            step.cost.naive_flops / 1e12,
            (step.cost.flops + step.gradients) / 1e12,
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
