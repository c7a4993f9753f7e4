"""The options of an engine: where the sweep runs, and how much of it at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from headsurgery.errors import UsageError
from headsurgery.options import Flag, Options, read_batch_size


def read_bytes(text: str) -> int:
    """Parse the value of `--max-memory`: bytes, or a number with KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of 1024).

    Raises:
        UsageError: It is neither.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(I?))?B?", text.strip().upper(), re.ASCII)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--max-memory {text}: expected bytes, or a size such as 8GiB")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** ("KMGT".index(match[2]) + 1 if match[2] else 0))


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Options):
    """Where the sweep runs: in this process, or on the workers of a cluster."""

    batch_size: Annotated[
        int | Literal["auto"],
        Flag(help="Rows (head, query) per forward pass, or auto.", read=read_batch_size, at_least=1, identity=True),
    ] = "auto"
    engine: Annotated[Literal["local", "ray"], Flag(help="local: this process; ray: workers of a Ray cluster.")] = "local"
    ray_address: Annotated[
        str | None, Flag(help="host:port or auto. Default: RAY_ADDRESS, else a cluster of this machine for this run.")
    ] = None
    workers: Annotated[
        int | None, Flag(help="For ray: number of workers. Default: as many as the GPUs allow, or without GPUs the CPUs.")
    ] = None
    gpus_per_worker: Annotated[float | None, Flag(help="For ray: 0, a fraction, or several. Default: 1 if there are any.")] = None
    max_memory: Annotated[
        int | None,
        Flag(
            help="Limit for the memory of the process, or of each GPU, such as 8GiB. Default: by what is free.",
            metavar="SIZE",
            read=read_bytes,
        ),
    ] = None
    device_map: Annotated[
        Literal["auto"] | None,
        Flag(help="auto: spread a model that exceeds memory over GPUs, CPU and disk (accelerate)."),
    ] = None
