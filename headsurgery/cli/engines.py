"""The engines of `attribute`, by its flags: the model in this process, or on the workers of a cluster."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.errors import ModelError
from headsurgery.hub import Source, fetch_model

if TYPE_CHECKING:
    from headsurgery.engine.task import Engine
    from headsurgery.model.loading import LoadedModel


@contextmanager
def open_local(source: Source, loading: dict[str, Any], batch_size: int | str) -> Iterator[tuple[Engine, Any]]:
    """The engine in this process, and the tokenizer.

    Args:
        source: The model.
        loading: Further arguments of `load_model`.
        batch_size: See `LocalEngine`.
    """
    from headsurgery.engine.local import LocalEngine
    from headsurgery.model.loading import load_model

    loaded = load_model(source.path, **loading)
    yield LocalEngine(loaded, batch_size=batch_size), loaded.tokenizer


@contextmanager
def open_ray(source: Source, loading: dict[str, Any], batch_size: int | str, **choices: Any) -> Iterator[tuple[Engine, Any]]:
    """The engine on a cluster, and the tokenizer; here no weights are loaded.

    Args:
        source: The model: a directory that every worker sees, or a commit on the Hub, which each fetches.
        loading: Further arguments of `load_model`.
        batch_size: See `LocalEngine`.
        choices: See `Cluster`.
    """
    from headsurgery.engine.cluster import Cluster, ray_engine
    from headsurgery.model.loading import load_tokenizer

    cluster = Cluster(**choices)
    tokenizer = load_tokenizer(source.path, trust_remote_code=loading["trust_remote_code"])
    load = partial(load_on_worker, source.path.absolute(), source.model, source.revision, loading)
    with ray_engine(load, cluster=cluster, batch_size=batch_size) as engine:
        yield engine, tokenizer


def load_on_worker(path: Path, model: str, revision: str | None, loading: dict[str, Any]) -> LoadedModel:
    """Load the driver's model, where a worker is.

    Args:
        path: Its directory on the driver.
        model: Hub id, or the directory's name.
        revision: Commit, if it came from the Hub.
        loading: Further arguments of `load_model`.

    Raises:
        ModelError: No such directory here, and it is not on the Hub; or transformers can't load it.
        HubError: The Hub refused, or can't be reached.
    """
    from headsurgery.console import quiet_transformers
    from headsurgery.model.loading import load_model

    quiet_transformers()
    if path.is_dir():
        return load_model(path, **loading)
    if revision is None:
        raise ModelError(
            f"{path}: no such directory on worker {socket.gethostname()}",
            hint="put the model where all machines of the cluster see it under one path, or give its Hub id",
        )
    return load_model(fetch_model(model, revision=revision).path, **loading)
