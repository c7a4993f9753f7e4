"""The engine on many machines: workers of a Ray cluster run blocks, each with its own copy of the model. Only this module uses Ray.

A worker is an actor around a `LocalEngine`. Everything that can change bits (blocks, rows per call, shortcuts, threads) is taken
from the local engine, so with the same hardware and type the scores are bit-identical to the local engine's. `pool` assigns the
calls and replaces workers that die. This module starts the workers and puts a task where all workers of a machine can read it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import transformers

from headsurgery.engine.local import LocalEngine
from headsurgery.engine.pool import Call, Pool
from headsurgery.engine.task import Block, Found, Measured, SweepTask
from headsurgery.errors import ClusterError, UsageError
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import ModelFacts
from headsurgery.recipe import HeadEdit
from headsurgery.version import __version__

_REACH_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Ray cluster, and which part of it to use.

    Args:
        address: `host:port` of its head, or `auto` for the cluster of this machine. None: RAY_ADDRESS, or else a cluster of only
            this machine, which ends with the run.
        workers: Number of workers; None: as many as it has GPUs for, or CPUs.
        gpus_per_worker: A fraction of one, or a whole number; None: one, or none if the cluster has none.
        patience: Seconds to wait for the first worker.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_worker: float | None = None
    patience: float = 120.0

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"workers is {self.workers}, expected at least 1")
        gpus = self.gpus_per_worker
        if gpus is not None and (gpus < 0 or (gpus > 1 and gpus % 1)):
            raise UsageError(f"GPUs per worker is {gpus:g}, expected 0, a fraction such as 0.5, or a whole number")


@dataclass(frozen=True, kw_only=True)
class Share:
    """The resources of a cluster that the workers get.

    Args:
        workers: Number of workers.
        cpus: CPUs that Ray reserves for each worker.
        gpus: GPUs that each worker gets.
        threads: CPU threads of each worker: as many as torch uses here, so that the bits are the same as in a run here.
    """

    workers: int
    cpus: float
    gpus: float
    threads: int

    @classmethod
    def of(cls, cluster: Cluster, resources: Mapping[str, float]) -> Share:
        """Divide a cluster's resources. More threads than CPUs is not an error, only slow."""
        all_cpus, all_gpus = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
        gpus = min(1.0, all_gpus) if cluster.gpus_per_worker is None else cluster.gpus_per_worker
        threads = torch.get_num_threads()
        fitting = all_gpus / gpus if gpus else all_cpus / threads
        workers = cluster.workers or max(1, int(fitting))
        cpus = min(1 if gpus else threads, all_cpus / workers)
        return cls(workers=workers, cpus=int(cpus) or cpus, gpus=gpus, threads=threads)


@contextmanager
def ray_engine(
    load: Callable[[], LoadedModel],
    *,
    cluster: Cluster | None = None,
    batch_size: int | str = "auto",
    max_memory: int | None = None,
) -> Iterator[RayEngine]:
    """Start an engine on a Ray cluster. Its workers end with it.

    Args:
        load: Loads the model. Every worker calls it on its machine, so it must be a module's function, or a `partial` of one.
        cluster: The cluster.
        batch_size: See `LocalEngine`.
        max_memory: Limit for each worker; see `LocalEngine`.

    Raises:
        ClusterError: Ray is not installed, or there is no cluster.
        UsageError: The address has no valid form.
    """
    cluster = cluster or Cluster()
    with _connected(cluster.address) as ray:
        resources = ray.cluster_resources()
        share = Share.of(cluster, resources)
        actor = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, scheduling_strategy="SPREAD")(_Worker)
        needs = f"{share.gpus:g} GPUs and {share.cpus:g} CPUs"
        has = f"{resources.get('GPU', 0):g} GPUs and {resources.get('CPU', 0):g} CPUs"
        pool = Pool(
            ray,
            start=lambda: actor.remote(load, {"batch_size": batch_size, "max_memory": max_memory}, share.threads),
            workers=share.workers,
            hello=versions(),
            patience=cluster.patience,
            room=f"each worker needs {needs}, but the whole cluster has only {has}",
        )
        try:
            yield RayEngine(pool)
        finally:
            pool.close()


class RayEngine:
    """Runs blocks on the workers of a pool; see `ray_engine`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._first: Any = None
        self._latest: tuple[SweepTask, Any] | None = None

    @cached_property
    def facts(self) -> ModelFacts:
        """See `Engine.facts`."""
        facts: ModelFacts = self._pool.call("facts")
        return facts

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Engine.notes`."""
        count = self._pool.deaths
        died = (f"{count} worker{'s'[: count > 1]} died, and the lost work was repeated",) if count else ()
        return died if self._first is None else (*self._pool.call("notes", self._first), *died)

    def complete(self, questions: Sequence[Sequence[int]], *, tokens: int, edits: Sequence[HeadEdit] = ()) -> list[list[int]]:
        """See `Engine.complete`. One worker answers all, in the batches of a local run."""
        answers: list[list[int]] = self._pool.call("complete", questions, tokens, tuple(edits))
        return answers

    def on_model(self, measure: Callable[[LoadedModel], Found]) -> Found:
        """See `Engine.on_model`; one worker calls it."""
        found: Found = self._pool.call("on_model", measure)
        return found

    def plan(self, task: SweepTask) -> tuple[Block, ...]:
        """See `Engine.plan`."""
        blocks: tuple[Block, ...] = self._pool.call("plan", *self._sent(task))
        return blocks

    def run(self, task: SweepTask, blocks: Sequence[Block], on_pairs: Callable[[int], None] | None = None) -> Iterator[Measured]:
        """See `Engine.run`. Blocks come as they are finished; `on_pairs` is not called in between.

        Raises:
            ModelError: See `LocalEngine.run`.
            ClusterError: There is no worker left, or a block ends its worker every time.
        """
        sent = self._sent(task)
        for measured in self._pool.run([Call("measure", (*sent, block)) for block in blocks]):
            yield from measured

    def _sent(self, task: SweepTask) -> tuple[Any, Any]:
        """References to this task and to the first one, on which workers try their shortcuts. Each machine fetches them once."""
        if self._latest is None or self._latest[0] is not task:
            self._latest = (task, self._pool.put(task))
        self._first = self._first or self._latest[1]
        return self._first, self._latest[1]


class _Worker:
    """An actor on the cluster. It loads the model at its first call, so that expected failures are returned as our errors."""

    def __init__(self, load: Callable[[], LoadedModel], sizes: Mapping[str, Any], threads: int) -> None:
        torch.set_num_threads(threads)
        self._load, self._sizes = load, sizes

    def hello(self) -> dict[str, str]:
        return versions()

    @cached_property
    def _engine(self) -> LocalEngine:
        return LocalEngine(self._load(), **self._sizes)

    def whereabouts(self) -> tuple[int, int]:
        return os.getpid(), torch.get_num_threads()

    def facts(self) -> ModelFacts:
        return self._engine.facts

    def complete(self, questions: Sequence[Sequence[int]], tokens: int, edits: Sequence[HeadEdit]) -> list[list[int]]:
        return self._engine.complete(questions, tokens=tokens, edits=edits)

    def on_model(self, measure: Callable[[LoadedModel], Found]) -> Found:
        return self._engine.on_model(measure)

    def notes(self, first: SweepTask) -> tuple[str, ...]:
        return self._engine.shortcuts(first).notes

    def plan(self, first: SweepTask, task: SweepTask) -> tuple[Block, ...]:
        self._engine.shortcuts(first)
        return self._engine.plan(task)

    def measure(self, first: SweepTask, task: SweepTask, block: Block) -> list[Measured]:
        self._engine.shortcuts(first)
        return list(self._engine.run(task, [block]))


def versions() -> dict[str, str]:
    """Versions that results depend on. Builds of torch for different devices count as one."""
    return {
        "headsurgery": __version__,
        "torch": torch.__version__.partition("+")[0],
        "transformers": transformers.__version__,
    }


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Ray, connected. A connection that the program already has is used and left as it is."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # for a cluster started here: as fast as a run without Ray
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # otherwise Ray prints about dead workers on stdout
    try:
        import ray
    except ImportError as error:
        raise ClusterError("this needs ray", hint="pip install 'headsurgery[ray]'") from error
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_address(address)
    if ray.is_initialized():
        yield ray
        return
    is_main = threading.current_thread() is threading.main_thread()
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise ClusterError(f"{address}: no Ray cluster: {_first_line(error)}", hint="start one with ray start --head") from error
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, on_terminate)  # Ray installs its own handler
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Check the form and the reachability of an address. Ray itself would try for two minutes and then end the process."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise UsageError(
            f"--ray-address {address}: expected auto or host:port",
            hint="run headsurgery on a machine of the cluster; Ray Client (ray://) is not supported",
        )
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"{address}: can't reach a Ray cluster: {_first_line(error)}",
            hint="run ray status on its head node to see the address; without --ray-address, a cluster is started on this machine",
        ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
