"""Which number type a model runs in: the user's; on a GPU the checkpoint's own; on a CPU the one that was just measured as faster.

Not every CPU with bfloat16 instructions is fast at them: without AMX a float32 product may be the faster one by far. So on a CPU a
decoder layer of the model's own sizes is timed in both types, for a fraction of a second, where the checkpoint is in bfloat16.
float32 wins unless bfloat16 is clearly faster, so that noise doesn't turn the choice; within a process it is made once, and a run
that goes on from a journal keeps the journal's type. Neighbours: `layer_speed` measures, `loading` loads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from headsurgery.architectures.configuration import read_geometry
from headsurgery.architectures.table import find_architecture
from headsurgery.errors import HeadSurgeryError, UsageError
from headsurgery.model.layer_speed import LayerProbe, LayerSizes, say_threads

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}

CLEARLY_FASTER = 1.2
"""bfloat16 is chosen only if it is this many times as fast as float32: it is less exact, and timings vary."""

_INNER_KEYS = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "d_ff", "d_inner", "inner_hidden_size")
_MOST_WEIGHTS = 2**26
"""Of the layer that is timed; a larger one's speed is that of a layer half as wide."""

_CALL_FLOPS = 8e9
"""Of one timed call, which takes some 10 to 100 ms."""

_LEAST_TOKENS, _MOST_TOKENS = 64, 1024
"""Positions of a call; the upper limit is the sweep's own."""

_ROUNDS, _SECONDS = 5, 2.0
"""Calls of each type at most, and seconds after which there are no more than two."""

_HOPELESS = 3.0
"""If bfloat16 is this many times as slow on a few positions, it is emulated, and further tries would only take time."""


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """FLOP/s of a decoder layer on this CPU.

    Args:
        float32: In float32.
        bfloat16: In bfloat16.
    """

    float32: float
    bfloat16: float

    @property
    def faster(self) -> torch.dtype:
        """The type to run in."""
        return torch.bfloat16 if self.bfloat16 >= CLEARLY_FASTER * self.float32 else torch.float32

    def __str__(self) -> str:
        return (
            f"a layer of this model's sizes was just measured at {self.float32 / 1e9:,.0f} GFLOP/s in float32 and "
            f"{self.bfloat16 / 1e9:,.0f} in bfloat16, with {say_threads()}"
        )


@dataclass(frozen=True, kw_only=True)
class Precision:
    """A choice.

    Args:
        dtype: The type that the model will have once it is loaded.
        reason: Why, in a line for the user; None where there was nothing to choose.
        is_measured: Whether a short test of both types chose it.
    """

    dtype: torch.dtype
    reason: str | None
    is_measured: bool = False

    @property
    def name(self) -> str:
        """Of the type, as `--dtype` takes it."""
        return dtype_name(self.dtype)


def dtype_name(dtype: torch.dtype | str) -> str:
    """`bfloat16`."""
    return str(dtype).removeprefix("torch.")


def choose_precision(name: str, device: torch.device, path: Path | str, *, journal_dtype: str | None = None) -> Precision:
    """Choose the type, and say why.

    Args:
        name: auto, float32, bfloat16, float16 or float64.
        device: Where the model will run.
        path: Checkpoint directory.
        journal_dtype: On a CPU, with `auto`: the type of the run that this one goes on from; it is not measured then.

    Raises:
        UsageError: Not a floating-point type that models run in.
    """
    if name != "auto" and name not in DTYPES:
        raise UsageError(f"--dtype {name}: expected auto, {', '.join(DTYPES)}")
    if name != "auto":
        return Precision(dtype=DTYPES[name], reason=None)
    stored = stored_dtype(path)
    if device.type != "cpu":
        return Precision(dtype=stored or torch.float32, reason=None)
    if journal_dtype in DTYPES:
        return Precision(dtype=DTYPES[journal_dtype], reason=f"{journal_dtype}: the type of the interrupted run that continues")
    if stored != torch.bfloat16:
        return Precision(dtype=torch.float32, reason=None)
    speeds = measure_speeds(path)
    if speeds is None:
        return Precision(dtype=torch.float32, reason="float32: config.json does not give the sizes of a layer")
    return Precision(dtype=speeds.faster, reason=f"{dtype_name(speeds.faster)}: {speeds}", is_measured=True)


def choose_dtype(name: str, device: torch.device, path: Path | str) -> torch.dtype | str:
    """What transformers is told: the type, or `auto`, the checkpoint's own. See `choose_precision`.

    Raises:
        UsageError: Not a floating-point type that models run in.
    """
    if name == "auto" and device.type != "cpu":
        return "auto"
    chosen = choose_precision(name, device, path).dtype
    return "auto" if name == "auto" and chosen == stored_dtype(path) == torch.bfloat16 else chosen


def stored_dtype(path: Path | str) -> torch.dtype | None:
    """The type that config.json states, which is the one that transformers' own `auto` takes; None where it states none."""
    config = _read_config(path)
    named = config.get("dtype") or config.get("torch_dtype")
    return DTYPES.get(named) if isinstance(named, str) else None


def measure_speeds(path: Path | str) -> Speeds | None:
    """Time a layer of a checkpoint's sizes in both types on this CPU, once per process; None where its sizes are unknown."""
    sizes = _layer_sizes(_read_config(path))
    return None if sizes is None else _measure(sizes, torch.get_num_threads())


@lru_cache(maxsize=64)
def _measure(sizes: LayerSizes, _threads: int) -> Speeds:
    """Time both types alternately, so that other load on the machine slows both. The fastest call of each counts."""

    def probe(dtype: torch.dtype, tokens: int) -> LayerProbe:
        return LayerProbe(sizes, torch.device("cpu"), dtype, tokens=tokens)

    tokens = int(_CALL_FLOPS / sizes.flops(1))
    first, *more = sorted({_LEAST_TOKENS, max(_LEAST_TOKENS, min(_MOST_TOKENS, tokens))})
    speeds = _time([probe(torch.float32, first), probe(torch.bfloat16, first)], rounds=2)
    if not more or speeds.float32 > _HOPELESS * speeds.bfloat16:
        return speeds if more else _time([probe(torch.float32, first), probe(torch.bfloat16, first)], rounds=_ROUNDS)
    return _time([probe(torch.float32, more[0]), probe(torch.bfloat16, more[0])], rounds=_ROUNDS)


def _time(probes: list[LayerProbe], *, rounds: int) -> Speeds:
    for probe in probes:
        probe.seconds()  # warms up: the first call makes its kernels
    began, times = time.monotonic(), list[list[float]]()
    while len(times) < rounds and (len(times) < 2 or time.monotonic() - began < _SECONDS):
        times.append([probe.seconds() for probe in probes])
    float32, bfloat16 = (probe.flops / max(min(own), 1e-9) for probe, own in zip(probes, zip(*times, strict=True), strict=True))
    return Speeds(float32=float32, bfloat16=bfloat16)


def _layer_sizes(config: Mapping[str, Any]) -> LayerSizes | None:
    """Of the widest layer, halved until it may be timed; None for a family that is not in the table, or a broken configuration."""
    try:
        geometry = read_geometry(config, find_architecture(config))
    except HeadSurgeryError:
        return None
    hidden = geometry.hidden_size
    widths = [(heads.num_heads * heads.head_dim, heads.num_kv_heads * heads.head_dim) for heads in geometry.layers if heads]
    query_width, kv_width = max(widths)
    sections = [section for section in (config, *config.values()) if isinstance(section, Mapping)]
    stated = [section.get(key) for section in sections for key in _INNER_KEYS]
    inner = max((value for value in stated if isinstance(value, int) and not isinstance(value, bool)), default=4 * hidden)
    sizes = [hidden, query_width + 2 * kv_width, query_width, max(1, inner)]
    while sizes[0] * (sizes[1] + sizes[2] + 3 * sizes[3]) > _MOST_WEIGHTS:
        sizes = [max(1, size // 2) for size in sizes]
    return LayerSizes(hidden_size=sizes[0], attention_width=sizes[1], query_width=min(sizes[1], sizes[2]), inner=sizes[3])


def _read_config(path: Path | str) -> dict[str, Any]:
    try:
        config = json.loads((Path(path) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # loading will say what is wrong with it
        return {}
    return config if isinstance(config, dict) else {}
