"""Work on several files at a time, reported by the thread that waits for it.

Invariant: whatever ends the waiting (an error in any thread, one that the progress callback raises, Ctrl-C) ends all work at its
next chunk, and no thread outlives it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event
from typing import Generic, TypeVar

from headsurgery.surgery.copying import Progress, Reporter

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


def work_by_size(sizes: Mapping[str, int], work: Callable[[str, OnBytes], Result], on_progress: Progress | None) -> list[Result]:
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
    news: Queue[int | _Done[Result] | BaseException] = Queue(maxsize=1)  # so that nobody runs far ahead of who waits
    is_over = Event()

    def send(what: int | _Done[Result] | BaseException) -> None:
        while not is_over.is_set():
            try:
                news.put(what, timeout=_LOOK_AROUND)
            except Full:
                continue
            return
        raise CancelledError

    def bring(file: str) -> None:
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
            if isinstance(what, BaseException):
                raise what
            if isinstance(what, _Done):
                results.append(what.result)
            else:
                on_bytes(what)
    finally:
        is_over.set()
        pool.shutdown(cancel_futures=True)
    return results
