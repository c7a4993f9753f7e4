"""How fast hardware is: this machine by a probe of one second, other hardware by its published peaks.

The probe is a decoder layer of the model's own sizes, since a small model's layers spend much of their time outside of products.
The engine reaches a share of the probe's speed, which benchmarks/cost.py measured. For hardware that is not here, the share of the
published peak is an assumption, which every estimate states.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from statistics import median

import torch

from headsurgery.engine.limits import SHARE_OF_FREE, Limits
from headsurgery.engine.shape import ModelShape
from headsurgery.errors import UsageError
from headsurgery.model.layer_speed import LayerProbe, LayerSizes, say_threads
from headsurgery.model.memory import free_memory

_PROBE_SECONDS = 1.0

_FEW_TOKENS = 32
"""Positions per call in the probe for the next tokens of answers. Reading the weights dominates, so the number hardly matters."""

_EFFICIENCY, _EFFICIENCY_16_BIT = 0.93, 0.72
"""Share of the probe's speed that the engine reaches. In 16-bit types, its work apart from products weighs more."""

_USABLE = 0.9
"""Share of a GPU's memory that weights and states may fill."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Published figures of one GPU.

    Args:
        name: The name to show.
        peak: Dense FLOP/s in 16-bit types, without sparsity.
        peak_float32: FLOP/s in float32, without TF32.
        memory: Bytes.
    """

    name: str
    peak: float
    peak_float32: float
    memory: int


PROFILES = {
    "a100": Profile(name="NVIDIA A100 SXM 80 GB", peak=312e12, peak_float32=19.5e12, memory=80 * 10**9),
    "h100": Profile(name="NVIDIA H100 SXM 80 GB", peak=989e12, peak_float32=67e12, memory=80 * 10**9),
    "h200": Profile(name="NVIDIA H200 SXM 141 GB", peak=989e12, peak_float32=67e12, memory=141 * 10**9),
    "l40s": Profile(name="NVIDIA L40S 48 GB", peak=362e12, peak_float32=91.6e12, memory=48 * 10**9),
    "rtx4090": Profile(name="NVIDIA RTX 4090 24 GB", peak=165e12, peak_float32=82.6e12, memory=24 * 10**9),
}
"""From NVIDIA's data sheets; bf16 tensor cores with float32 accumulation."""

UTILISATION = 0.4
"""Assumed share of a GPU's peak."""


@dataclass(frozen=True, kw_only=True)
class ComputeResources:
    """The hardware of a sweep.

    Args:
        name: The name to show.
        device: The device for which blocks and slices are cut.
        speed: FLOP/s that a sweep reaches on one worker.
        workers: Number of copies of the model that run blocks in parallel.
        devices_per_worker: Number of GPUs over which one copy is spread; one of them works at a time.
        memory: Bytes that one worker has; None if unknown.
        assumption: How the speed is known.
        layer_call: Seconds of one call of a layer on a few positions, as for the next token of an answer; None: not measured.
    """

    name: str
    device: torch.device
    speed: float
    workers: int
    devices_per_worker: int
    memory: int | None
    assumption: str
    layer_call: float | None = None

    def seconds(self, blocks: Iterable[float]) -> float:
        """Time for blocks with these FLOPs, if each goes to the next free worker."""
        busy = [0.0] * self.workers
        for flops in blocks:
            heapq.heapreplace(busy, busy[0] + flops / self.speed)
        return max(busy)


def sweep_speed(device: torch.device, dtype: torch.dtype, shape: ModelShape) -> float:
    """FLOP/s that a sweep reaches here, found by a short probe."""
    flops, seconds = _time_layer(device, dtype, shape, tokens=Limits.of(device).tokens, seconds=_PROBE_SECONDS / 5)
    return flops / seconds * _efficiency(dtype)


def measure_hardware(device: torch.device, dtype: torch.dtype, shape: ModelShape, max_memory: int | None) -> ComputeResources:
    """Describe this machine, using a probe on a layer of the model's sizes.

    Args:
        device: The device that would run the model.
        dtype: The type in which it would run.
        shape: The model's sizes.
        max_memory: Bytes that it may take; None: four fifths of the free memory.
    """
    efficiency = _efficiency(dtype)
    speed, free = _layer_speed(device, dtype, shape), free_memory(device)
    call = _time_layer(device, dtype, shape, tokens=_FEW_TOKENS, seconds=_PROBE_SECONDS / 4)[1]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"this machine's {device.type}"
    if device.type == "cpu":
        name = f"{name}, {say_threads()}"
    return ComputeResources(
        name=name,
        device=device,
        speed=speed * efficiency,
        workers=1,
        devices_per_worker=1,
        memory=max_memory if max_memory is not None or free is None else int(free * SHARE_OF_FREE),
        assumption=f"{efficiency:.0%} of the {speed / 1e9:,.0f} GFLOP/s just measured on a layer of the model's sizes",
        layer_call=call,
    )


def plan_hardware(text: str, dtype: torch.dtype, weights: int) -> ComputeResources:
    """Describe hardware that need not be here.

    Args:
        text: `NAME` or `NAME:COUNT`, such as `h100:8`.
        dtype: The type in which the model runs.
        weights: Bytes of the model, which determine over how many GPUs one copy is spread.

    Raises:
        UsageError: There is no such profile or count, or there are too few GPUs for one copy.
    """
    name, _, number = text.lower().partition(":")
    if name not in PROFILES or not (number or "1").isdigit() or int(number or 1) < 1:
        raise UsageError(f"--estimate-for {text}: expected one of {', '.join(PROFILES)}, with :COUNT for several GPUs")
    profile, count = PROFILES[name], int(number or 1)
    peak = profile.peak if dtype.itemsize == 2 else profile.peak_float32
    room = int(profile.memory * _USABLE)
    per_worker = ceil(weights / room)
    if per_worker > count:
        raise UsageError(f"--estimate-for {text}: the weights take {weights / 1e9:,.0f} GB, which needs {per_worker} GPUs")
    spread = f"; each copy is spread over {per_worker} GPUs, which work one after another" if per_worker > 1 else ""
    return ComputeResources(
        name=f"{count} x {profile.name}",
        device=torch.device("cuda"),
        speed=peak * UTILISATION,
        workers=count // per_worker,
        devices_per_worker=per_worker,
        memory=per_worker * room,
        assumption=f"{UTILISATION:.0%} of the published {peak / 1e12:,.0f} TFLOP/s{spread}",
    )


def _efficiency(dtype: torch.dtype) -> float:
    return _EFFICIENCY if dtype.itemsize > 2 else _EFFICIENCY_16_BIT


def _layer_speed(device: torch.device, dtype: torch.dtype, shape: ModelShape) -> float:
    """FLOP/s of a decoder layer of the model's sizes with random weights, for as many tokens as the engine runs at a time."""
    flops, seconds = _time_layer(device, dtype, shape, tokens=Limits.of(device).tokens, seconds=_PROBE_SECONDS)
    return flops / seconds


def _time_layer(device: torch.device, dtype: torch.dtype, shape: ModelShape, *, tokens: int, seconds: float) -> tuple[float, float]:
    """FLOPs and median seconds of one call, repeated for the given time."""
    layer = max(shape.layers, key=lambda layer: layer.parameters)
    hidden, width = shape.hidden_size, layer.query_width
    inner = max(1, (layer.after - hidden * width) // (3 * hidden))
    sizes = LayerSizes(hidden_size=hidden, attention_width=max(width, layer.before // hidden), query_width=width, inner=inner)
    probe = LayerProbe(sizes, device, dtype, tokens=tokens)
    probe.seconds()
    times: list[float] = []
    while sum(times) < seconds:
        times.append(probe.seconds())
    return probe.flops, median(times)
