"""Work on several files at a time, reported by the thread that waits for it.

Invariant: whatever ends the waiting (an error in any thread, one that the progress callback raises, Ctrl-C) ends all work at its
next chunk, and no work outlives it. Ctrl-C may come at any instruction of the thread that waits. So its news come in a SimpleQueue,
which is written in C: within a Queue's Condition, Ctrl-C can leave the lock released that is then released again. And work is
counted by itself: the pool forgets a thread when Ctrl-C comes while it starts it.
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
"""Enough for a disk; each takes some ten megabytes of memory, and up to two processors for its hashes."""
_LOOK_AROUND = 0.1
"""Seconds after which a thread that can't report looks whether it shall end."""

OnBytes = Callable[[int], None]
"""Called with the number of bytes of every chunk."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Done(Generic[Result]):
    """A file is done."""

    result: Result


def work_by_size(
    sizes: Mapping[str, int], work: Callable[[str, OnBytes], Result], on_progress: StageProgress | None
) -> list[Result]:
    """`work_through`, the largest files first, since they end soonest so.

    Args:
        sizes: Bytes of each file.
        work: See there.
        on_progress: Called with bytes done and bytes in all.
    """
    largest_first = sorted(sizes, key=lambda file: sizes[file], reverse=True)
    return work_through(largest_first, work, Reporter(sum(sizes.values()), on_progress))


def work_through(files: Iterable[str], work: Callable[[str, OnBytes], Result], on_bytes: OnBytes) -> list[Result]:
    """Do something with every file, a few at a time.

    Args:
        files: Their names.
        work: Gets a name and what it shall call with the number of bytes of every chunk; called in threads.
        on_bytes: Called with these numbers in the thread that called this.

    Returns:
        What `work` returned, in the order in which the files were done.
    """
    news: SimpleQueue[int | _Done[Result] | BaseException] = SimpleQueue()
    room = Semaphore()  # for one piece of news, so that nobody runs far ahead of who waits
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
