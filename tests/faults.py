"""Faults: something happens at the n-th operation that changes a disk, of a run in this process or in a child of it."""

from __future__ import annotations

import errno
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

CHANGES = ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "link", "symlink", "write", "pwrite", "truncate", "ftruncate")
COPIES = ("copy_file_range", "sendfile")
DELETES = {"unlink", "remove", "rmdir"}

Happen = Callable[[str], None]
"""Gets an operation's name before it is done; may raise, or end the process."""


class Operations:
    """What a run did to disks, in order.

    Args:
        first: Number of the first operation at which something happens.
        happen: What happens then, and at every later one.
    """

    def __init__(self, first: int, happen: Happen) -> None:
        self.done: list[tuple[str, tuple[Any, ...]]] = []
        self._first, self._happen = first, happen

    def meet(self, name: str, *arguments: Any) -> None:
        """An operation is about to be done."""
        self.done.append((name, arguments))
        if len(self.done) >= self._first:
            self._happen(name)


@contextmanager
def watching(first: int = 10**9, happen: Happen = lambda _: None) -> Iterator[Operations]:
    """Watch all operations of this process that change a disk."""
    operations = Operations(first, happen)
    real_open, real_os_open = io.open, os.open

    def watch(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def watched(*arguments: Any, **more: Any) -> Any:
            operations.meet(name, *arguments)
            return real(*arguments, **more)

        return watched

    class File(io.FileIO):
        def write(self, data: Any) -> int:
            operations.meet("write", self.name)
            return super().write(data)

        def truncate(self, size: int | None = None) -> int:
            operations.meet("truncate", self.name)
            return super().truncate(size)

    def open_file(file: Any, mode: str = "r", buffering: int = -1, *arguments: Any, **more: Any) -> Any:
        if not set(mode) & set("xwa+") or "b" not in mode:
            return real_open(file, mode, buffering, *arguments, **more)
        operations.meet("open", file)
        raw = File(os.fspath(file), mode.replace("b", ""))
        return raw if buffering == 0 else io.BufferedWriter(raw)

    def open_descriptor(path: Any, flags: int, *arguments: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            operations.meet("open", path)
        return real_os_open(path, flags, *arguments, **more)

    with ExitStack() as stack:
        for name in (*CHANGES, *COPIES, "fsync"):
            if hasattr(os, name):
                stack.enter_context(mock.patch.object(os, name, watch(name)))
        stack.enter_context(mock.patch.object(io, "open", open_file))
        stack.enter_context(mock.patch.object(os, "open", open_descriptor))
        yield operations


def fail(number: int, *, spares: set[str] | frozenset[str] = frozenset()) -> Happen:
    """The system refuses, from now on."""

    def happen(name: str) -> None:
        if name not in spares:
            raise OSError(number, os.strerror(number))

    return happen


def interrupt_once() -> Happen:
    """Ctrl-C, one time."""
    is_due = [True]

    def happen(_: str) -> None:
        if is_due.pop() if is_due else False:
            raise KeyboardInterrupt

    return happen


def die(_: str) -> None:
    """Kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


FAULTS: dict[str, Callable[[], Happen]] = {
    "disk full": lambda: fail(errno.ENOSPC, spares=DELETES | {"rename", "fsync"}),
    "permission lost": lambda: fail(errno.EACCES, spares={"write", "fsync"}),
    "disk dead": lambda: fail(errno.EIO),
    "Ctrl-C": interrupt_once,
}


def in_child(work: Callable[[], object]) -> int:
    """Do something in a fork of this process; its exit status, negative the number of the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
