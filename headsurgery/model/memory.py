"""Memory: how much this process uses, how much is left, and how to continue if it runs out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from headsurgery.errors import ModelError

_CGROUPS = Path("/sys/fs/cgroup")
_MEMINFO, _OWN_CGROUP, _OWN_PAGES = Path("/proc/meminfo"), Path("/proc/self/cgroup"), Path("/proc/self/statm")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a GPU's or the host's memory ran out."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error) or "not enough memory" in str(error)


Row = TypeVar("Row")
Result = TypeVar("Result")
Given = TypeVar("Given")


def within_memory(attempt: Callable[[Given], Result], given: Given) -> Result | None:
    """What an attempt returns; None where memory ran out.

    Every place that tries again with less goes through here. By the time that this returns, what the attempt held is free, because
    its error is gone.

    Args:
        attempt: It holds nothing of what it did when it fails, and never returns None.
        given: What it is called with.
    """
    try:
        return attempt(given)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


@dataclass
class Halving:
    """Runs rows together, and in halves if memory runs out. A size that was too large is not tried again.

    Args:
        what: One row, for the error: `out of memory with a single ...`.
        hint: What takes less.
        max_rows: Rows at a time.
    """

    what: str
    hint: str
    max_rows: int = 2**31

    def run(self, rows: Sequence[Row], attempt: Callable[[Sequence[Row]], Sequence[Result]]) -> list[Result]:
        """A result for each row.

        Args:
            rows: What to run.
            attempt: Runs some of them, a result each; it holds nothing of what it did when it fails.

        Raises:
            ModelError: No memory for a single row.
        """
        done: list[Result] = []
        while len(done) < len(rows):
            part = rows[len(done) : len(done) + self.max_rows]
            results = within_memory(attempt, part)
            if results is not None:
                done += results
            elif len(part) == 1:
                raise ModelError(f"out of memory with a single {self.what}", hint=self.hint)
            else:
                self.max_rows = len(part) // 2
        return done


def used_memory(device: torch.device) -> int | None:
    """Bytes that this process uses on a device; None if unknown."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    try:
        return int(_OWN_PAGES.read_text().split()[1]) * _page_size()
    except (OSError, ValueError, IndexError):
        return None


def free_memory(device: torch.device) -> int | None:
    """Bytes that this process can still allocate on a device; None if unknown.

    On a host, it is the least of what the system and, in a container, its control groups leave. Cached pages of files count as
    free.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    left = [room for room in (_available(), *_left_by_cgroups()) if room is not None]
    return max(0, min(left)) if left else None


def _page_size() -> int:
    import resource  # not on Windows, which has no /proc either

    return resource.getpagesize()


def _available() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return None


def _left_by_cgroups() -> list[int]:
    """The free memory of each control group above this process (version 2). Inside a container, the mount shows its own group as
    the root.
    """
    if sys.platform != "linux":
        return []
    try:
        own = next(line[3:] for line in _OWN_CGROUP.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        own = "/"
    folder = _CGROUPS / own.lstrip("/")
    return [room for group in (folder, *folder.parents) if group.is_relative_to(_CGROUPS) and (room := _left(group)) is not None]


def _left(group: Path) -> int | None:
    try:
        limit, current = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        pages = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return limit - current + int(pages["inactive_file"])
    except (OSError, ValueError, KeyError):  # no such group here, or "max": no limit
        return None
