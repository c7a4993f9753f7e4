"""A pool of Ray actors. Each call goes to a free actor, and the calls of an actor that died are repeated on others.

Actors join once they have answered `hello`, and a dead one is replaced, so a cluster may shrink and grow during a run. A call that
ends several actors ends the run. Neighbours: `cluster` defines the actors, and passes Ray itself to the pool.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headsurgery.errors import ClusterError

_IN_FLIGHT = 2
"""Calls assigned to an actor at a time: one runs, one waits."""

_TRIES = 3
"""Number of actors that may die on one call, or in a row before they answer `hello`."""


@dataclass(frozen=True)
class Call:
    """A call of an actor's method.

    Args:
        method: The method's name.
        args: References to values passed to `put`, or small values.
    """

    method: str
    args: tuple[Any, ...] = ()


class Pool:
    """Identical actors.

    Args:
        ray: The connected module.
        start: Starts an actor.
        workers: Number of actors.
        hello: The answer that each actor must give to `hello`.
        patience: Seconds to wait while there is no actor.
        room: What each actor needs and what there is, for messages.
    """

    def __init__(
        self, ray: Any, *, start: Callable[[], Any], workers: int, hello: Mapping[str, str], patience: float, room: str
    ) -> None:
        self.deaths = 0
        self._ray, self._start, self._hello, self._patience, self._room = ray, start, hello, patience, room
        self._starting: dict[Any, Any] = {}  # future answer of hello -> actor
        self._ready: list[Any] = []
        self._still_born = 0
        for _ in range(workers):
            self._add()

    def put(self, value: Any) -> Any:
        """Store a value, and return a reference. Each machine fetches the value once."""
        return self._ray.put(value)

    def call(self, method: str, *args: Any) -> Any:
        """Call one method on any actor."""
        (answer,) = self.run([Call(method, args)])
        return answer

    def run(self, calls: Sequence[Call]) -> Iterator[Any]:
        """The results of calls, as they come.

        Raises:
            ClusterError: No actor can be started, or a call ends every actor.
            Exception: Any exception of a call.
        """
        waiting, running = deque(calls), dict[Any, tuple[Any, Call]]()
        ended: Counter[int] = Counter()
        try:
            while waiting or running:
                self._hand_out(waiting, running)
                done = self._wait([*running, *self._starting])
                if done in self._starting:
                    self._greet(done)
                    continue
                try:
                    answer = self._ray.get(done)
                except self._ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except self._ray.exceptions.RayError as error:
                    actor, call = running[done]
                    lost = [ref for ref, (owner, _) in running.items() if owner is actor]
                    waiting.extendleft(running.pop(ref)[1] for ref in reversed(lost))
                    self._replace(actor)
                    ended[id(call)] += 1  # this call was running, since an actor runs its first call first
                    if ended[id(call)] == _TRIES:
                        raise _give_up(f"{_TRIES} workers in a row died on the same work", error) from error
                else:
                    del running[done]
                    yield answer
        finally:
            for ref in running:
                self._ray.cancel(ref)

    def close(self) -> None:
        """End all actors."""
        for actor in (*self._ready, *self._starting.values()):
            self._ray.kill(actor)

    def _hand_out(self, waiting: deque[Call], running: dict[Any, tuple[Any, Call]]) -> None:
        load = {id(actor): 0 for actor in self._ready}
        for actor, _ in running.values():
            load[id(actor)] += 1
        while waiting and self._ready:
            actor = min(self._ready, key=lambda actor: load[id(actor)])
            if load[id(actor)] == _IN_FLIGHT:
                return
            call = waiting.popleft()
            running[getattr(actor, call.method).remote(*call.args)] = actor, call
            load[id(actor)] += 1

    def _wait(self, refs: list[Any]) -> Any:
        """The first reference that is ready; among several, that of the earliest call."""
        done, _ = self._ray.wait(refs, num_returns=1, timeout=None if self._ready else self._patience)
        if not done:
            raise ClusterError(
                f"no worker could be started within {self._patience:g} s: {self._room}",
                hint="wait until other jobs end (see ray status), or lower --gpus-per-worker",
            )
        return done[0]

    def _add(self) -> None:
        actor = self._start()
        self._starting[actor.hello.remote()] = actor

    def _greet(self, ref: Any) -> None:
        """Handle the answer to `hello`: the actor is ready or dead."""
        actor = self._starting.pop(ref)
        try:
            found: dict[str, str] = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._still_born += 1
            if self._still_born >= _TRIES and not self._ready:
                raise _give_up("workers die as they start", error) from error
            self._replace(actor)
            return
        for name, version in self._hello.items():
            if found[name] != version:
                raise ClusterError(
                    f"a worker has {name} {found[name]}, but this machine has {version}",
                    hint="install the same versions on all machines of the cluster",
                )
        self._still_born = 0
        self._ready.append(actor)

    def _replace(self, actor: Any) -> None:
        self.deaths += 1
        if actor in self._ready:
            self._ready.remove(actor)
        self._ray.kill(actor)
        self._add()


def _give_up(what: str, error: Exception) -> ClusterError:
    """The error, with the reason from Ray's message: its last line up to the general advice."""
    reason = str(error).strip().splitlines()[-1].partition(". Some common causes")[0].strip()
    return ClusterError(
        f"{what}: {reason}", hint="check whether there is enough memory; Ray's logs are in /tmp/ray/session_latest/logs"
    )
