"""The engines of `attribute`: the model in this process, or on the workers of a cluster."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.errors import ModelError
from headsurgery.hub.models import Source, fetch_model

if TYPE_CHECKING:
    from headsurgery.engine.options import EngineOptions
    from headsurgery.engine.task import Engine
    from headsurgery.model.loading import LoadedModel
    from headsurgery.options import ModelOptions


@contextmanager
def open_local(source: Source, loading: ModelOptions, running: EngineOptions) -> Iterator[tuple[Engine, Any]]:
    """The engine in this process, and the tokenizer.

    Args:
        source: The model.
        loading: How it is loaded.
        running: How much of the sweep runs at a time.
    """
    from headsurgery.engine.local import LocalEngine
    from headsurgery.model.loading import load_model

    loaded = load_model(source.path, **_loading(loading, running))
    yield LocalEngine(loaded, batch_size=running.batch_size, max_memory=running.max_memory), loaded.tokenizer


@contextmanager
def open_ray(source: Source, loading: ModelOptions, running: EngineOptions) -> Iterator[tuple[Engine, Any]]:
    """The engine on a cluster, and the tokenizer; here no weights are loaded.

    Args:
        source: The model: a directory that every worker sees, or a commit on the Hub, which each fetches.
        loading: How each worker loads it.
        running: The cluster, and how much of the sweep runs at a time.
    """
    import torch

    from headsurgery.engine.cluster import Cluster, ray_engine
    from headsurgery.model.loading import load_tokenizer
    from headsurgery.model.precision import choose_precision

    cluster = Cluster(address=running.ray_address, workers=running.workers, gpus_per_worker=running.gpus_per_worker)
    tokenizer = load_tokenizer(source.path, trust_remote_code=loading.trust_remote_code)
    on_cpu = choose_precision(loading.dtype, torch.device("cpu"), source.path).name  # one for all, whatever CPU each has
    worker = {"on_cpu": on_cpu, **_loading(loading, running)}
    if (cluster.gpus_per_worker or 0) > 1:
        worker["device_map"] = "auto"
    load = partial(load_on_worker, source.path.absolute(), source.model, source.revision, worker)
    with ray_engine(load, cluster=cluster, batch_size=running.batch_size, max_memory=running.max_memory) as engine:
        yield engine, tokenizer


def _loading(loading: ModelOptions, running: EngineOptions) -> dict[str, Any]:
    """Arguments of `load_model`."""
    return {
        "dtype": loading.dtype,
        "device": loading.device,
        "trust_remote_code": loading.trust_remote_code,
        "device_map": running.device_map,
        "max_memory": running.max_memory,
    }


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
    if path.exists():
        return load_model(path, **loading)
    if revision is None:
        raise ModelError(
            f"{path}: no such directory on worker {socket.gethostname()}",
            hint="put the model where all machines of the cluster see it under one path, or give its Hub id",
        )
    return load_model(fetch_model(model, revision=revision).path, **loading)
