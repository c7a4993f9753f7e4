"""Process several files at a time in threads. The waiting thread reports the progress.

Invariant: whatever ends the wait (an error in any thread, an error of the progress callback, Ctrl-C) ends all work at its next
chunk, and no thread outlives it. Ctrl-C may interrupt the waiting thread at any instruction. So messages go through a SimpleQueue,
which is written in C: in a Queue's Condition, Ctrl-C can release a lock twice. And running threads are counted here, because the
pool loses track of a thread if Ctrl-C comes while it is being started.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Condition, Event, Semaphore
from typing import Generic, TypeVar

from headsurgery.progress import StageProgress
from headsurgery.surgery.copying import Reporter

_FILES_AT_ONCE = 4
"""How many threads. Enough for a disk; each takes about ten megabytes of memory, and up to two processors for its hashes."""
_LOOK_AROUND = 0.1
"""Seconds after which a thread that can't report checks whether it must end."""

OnBytes = Callable[[int], None]
"""Called with the number of bytes of each chunk."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Done(Generic[Result]):
    """A file is done."""

    result: Result


def work_by_size(
    sizes: Mapping[str, int], work: Callable[[str, OnBytes], Result], on_progress: StageProgress | None
) -> list[Result]:
    """Like `work_through`, starting with the largest files, because that finishes soonest.

    Args:
        sizes: Bytes of each file.
        work: See `work_through`.
        on_progress: Called with the bytes done and the total.
    """
    largest_first = sorted(sizes, key=lambda file: sizes[file], reverse=True)
    return work_through(largest_first, work, Reporter(sum(sizes.values()), on_progress))


def work_through(files: Iterable[str], work: Callable[[str, OnBytes], Result], on_bytes: OnBytes) -> list[Result]:
    """Process every file, a few at a time.

    Args:
        files: The names of the files.
        work: Called in threads, with a name and a function to be called with the number of bytes of each chunk.
        on_bytes: Called with these numbers in the calling thread.

    Returns:
        The results of `work`, in the order in which the files were finished.
    """
    news: SimpleQueue[int | _Done[Result] | BaseException] = SimpleQueue()
    room = Semaphore()  # for one message, so that no thread runs far ahead of the waiting one
    is_over, idle, active = Event(), Condition(), 0

    def send(what: int | _Done[Result] | BaseException) -> None:
        while not is_over.is_set():
            if room.acquire(timeout=_LOOK_AROUND):
                news.put(what)
                return
        raise CancelledError

    def bring(file: str) -> None:
        nonlocal active
        with idle:
            if is_over.is_set():
                return
            active += 1
        try:
            bring_one(file)
        finally:
            with idle:
                active -= 1
                idle.notify_all()

    def bring_one(file: str) -> None:
        try:
            send(_Done(work(file, send)))
        except CancelledError:
            pass
        except BaseException as error:  # raised again below
            with suppress(CancelledError):
                send(error)

    pool = ThreadPoolExecutor(max_workers=min(_FILES_AT_ONCE, os.cpu_count() or 1))
    results: list[Result] = []
    try:
        num_files = len([pool.submit(bring, file) for file in files])
        while len(results) < num_files:
            what = news.get()
            room.release()
            if isinstance(what, BaseException):
                raise what
            if isinstance(what, _Done):
                results.append(what.result)
            else:
                on_bytes(what)
    finally:
        with idle:
            is_over.set()
        pool.shutdown(cancel_futures=True)
        with idle:
            idle.wait_for(lambda: not active)
    return results
