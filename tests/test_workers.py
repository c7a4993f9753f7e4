"""Several files at a time: order, errors, interruption."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from headsurgery.surgery.workers import work_through

OnBytes = Callable[[int], None]


@pytest.fixture(autouse=True)
def no_thread_outlives_it() -> Any:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def endless(file: str, on_bytes: OnBytes) -> None:
    while True:
        on_bytes(1)


def test_every_file_once_and_bytes_in_the_callers_thread() -> None:
    seen: list[tuple[int, int]] = []

    def work(file: str, on_bytes: OnBytes) -> str:
        for _ in range(3):
            on_bytes(int(file))
        return file

    files = [str(number) for number in range(50)]
    done = work_through(files, work, lambda count: seen.append((threading.get_ident(), count)))
    assert sorted(done) == sorted(files)
    assert {thread for thread, _ in seen} == {threading.get_ident()}
    assert sorted(count for _, count in seen) == sorted(3 * list(range(50)))


def test_nothing_to_do() -> None:
    assert work_through([], endless, lambda count: None) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
def test_an_error_in_one_file_ends_the_others(error: BaseException) -> None:
    def work(file: str, on_bytes: OnBytes) -> None:
        if file == "bad":
            raise error
        endless(file, on_bytes)

    with pytest.raises(type(error)) as caught:
        work_through(["bad", "good", "never begun", *map(str, range(20))], work, lambda count: None)
    assert caught.value is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()])
def test_an_error_of_who_listens_ends_all(error: BaseException) -> None:
    def listen(count: int) -> None:
        raise error

    with pytest.raises(type(error)):
        work_through(list("abcdefg"), endless, listen)


def test_who_works_does_not_run_ahead_of_who_listens() -> None:
    """So that a progress callback that stops the work stops it there."""
    sent = 0

    def work(file: str, on_bytes: OnBytes) -> None:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            on_bytes(1)

    def listen(count: int) -> None:
        time.sleep(0.05)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        work_through(["file"], work, listen)
    assert sent <= 4


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("place", range(8))
def test_ctrl_c_at_the_moment_when_news_arrives(place: int) -> None:
    """It must come out as Ctrl-C, whatever the waiting thread was doing, and no work goes on behind it."""
    working = 0

    def work(file: str, on_bytes: OnBytes) -> str:
        nonlocal working
        working += 1
        try:
            for count in range(9):
                if count == place:
                    os.kill(os.getpid(), signal.SIGINT)
                on_bytes(1)
            endless(file, on_bytes)
        finally:
            working -= 1
        return file

    with pytest.raises(KeyboardInterrupt):
        work_through(["a"], work, lambda _: None)
    assert working == 0


def test_ctrl_c_while_threads_are_started_leaves_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool doesn't know a thread yet whose start was interrupted."""
    start, ended = threading.Thread.start, threading.Event()

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        time.sleep(0.05)  # it is at work
        raise KeyboardInterrupt

    def work(file: str, on_bytes: OnBytes) -> str:
        try:
            endless(file, on_bytes)
        finally:
            time.sleep(0.2)
            ended.set()
        return file

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work_through(["a", "b"], work, lambda _: None)
    assert ended.is_set()
    time.sleep(0.1)  # the thread itself
