"""The engines of `attribute`, by its flags: the model in this process, or on the workers of a cluster."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from headsurgery.errors import ModelError
from headsurgery.hub.models import Source, fetch_model

if TYPE_CHECKING:
    from headsurgery.engine.task import Engine
    from headsurgery.model.loading import LoadedModel


BatchOfPairs = Annotated[str, typer.Option("--batch-size", help="auto, or rows (head, query) per forward.")]
EngineName = Annotated[
    Literal["local", "ray"], typer.Option("--engine", help="local: this process; ray: workers of a Ray cluster.")
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", help="host:port or auto. Default: RAY_ADDRESS, else a cluster of this machine for this run."),
]
Workers = Annotated[int | None, typer.Option("--workers", help="ray: how many. Default: as many as there are GPUs, or CPUs, for.")]
GpusPerWorker = Annotated[
    float | None, typer.Option("--gpus-per-worker", help="ray: 0, a part of one, or several. Default: 1 if there are any.")
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        help="Memory to stay below, such as 8GiB: of the process, or of each GPU. Default: by what is free.",
    ),
]
DeviceMap = Annotated[
    Literal["auto"] | None,
    typer.Option("--device-map", help="auto: spread the model over GPUs, CPU and disk (accelerate), where it exceeds memory."),
]
Estimate = Annotated[bool, typer.Option("--estimate", help="Say what the run takes on this machine, and end; loads no weights.")]
EstimateFor = Annotated[
    str | None,
    typer.Option(
        "--estimate-for", metavar="GPU[:COUNT]", help="The same for other hardware, such as h100:8, by published figures."
    ),
]


@contextmanager
def open_local(source: Source, loading: dict[str, Any], sizes: dict[str, Any]) -> Iterator[tuple[Engine, Any]]:
    """The engine in this process, and the tokenizer.

    Args:
        source: The model.
        loading: Further arguments of `load_model`.
        sizes: Further arguments of `LocalEngine`.
    """
    from headsurgery.engine.local import LocalEngine
    from headsurgery.model.loading import load_model

    loaded = load_model(source.path, max_memory=sizes["max_memory"], **loading)
    yield LocalEngine(loaded, **sizes), loaded.tokenizer


@contextmanager
def open_ray(source: Source, loading: dict[str, Any], sizes: dict[str, Any], **choices: Any) -> Iterator[tuple[Engine, Any]]:
    """The engine on a cluster, and the tokenizer; here no weights are loaded.

    Args:
        source: The model: a directory that every worker sees, or a commit on the Hub, which each fetches.
        loading: Further arguments of `load_model`.
        sizes: Further arguments of `LocalEngine`.
        choices: See `Cluster`.
    """
    import torch

    from headsurgery.engine.cluster import Cluster, ray_engine
    from headsurgery.model.loading import load_tokenizer
    from headsurgery.model.precision import choose_precision

    cluster = Cluster(**choices)
    if (cluster.gpus_per_worker or 0) > 1:
        loading = {**loading, "device_map": "auto"}
    tokenizer = load_tokenizer(source.path, trust_remote_code=loading["trust_remote_code"])
    on_cpu = choose_precision(loading["dtype"], torch.device("cpu"), source.path).name  # one for all, whatever CPU each has
    loading = {"max_memory": sizes["max_memory"], "on_cpu": on_cpu, **loading}
    load = partial(load_on_worker, source.path.absolute(), source.model, source.revision, loading)
    with ray_engine(load, cluster=cluster, **sizes) as engine:
        yield engine, tokenizer


def load_on_worker(path: Path, model: str, revision: str | None, loading: dict[str, Any]) -> LoadedModel:
    """Load the driver's model, where a worker is.

    Args:
        path: Its directory on the driver.
        model: Hub id, or the directory's name.
        revision: Commit, if it came from the Hub.
        loading: Further arguments of `load_model`; and `on_cpu`, the type on a CPU, where it was measured for all.

    Raises:
        ModelError: No such directory here, and it is not on the Hub; or transformers can't load it.
        HubError: The Hub refused, or can't be reached.
    """
    from headsurgery.console import quiet_transformers
    from headsurgery.model.loading import choose_device, load_model

    quiet_transformers()
    on_cpu, loading = loading.get("on_cpu"), {name: value for name, value in loading.items() if name != "on_cpu"}
    if on_cpu is not None and choose_device(loading["device"]).type == "cpu":
        loading["dtype"] = on_cpu
    if path.is_dir():
        return load_model(path, **loading)
    if revision is None:
        raise ModelError(
            f"{path}: no such directory on worker {socket.gethostname()}",
            hint="put the model where all machines of the cluster see it under one path, or give its Hub id",
        )
    return load_model(fetch_model(model, revision=revision).path, **loading)
