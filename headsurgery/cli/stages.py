"""Long runs of several stages on the terminal: a bar for each, and how to go on after one that broke off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.errors import HeadSurgeryError

if TYPE_CHECKING:
    from headsurgery.console import Console
    from headsurgery.engine.journal import SweepJournal
    from headsurgery.evaluation.progress import Report


@contextmanager
def resumable(console: Console, journal: Path | None, what: str) -> Iterator[None]:
    """Say how to go on after a run that broke off with more in its journal than before.

    Args:
        console: Where.
        journal: Its file.
        what: What is kept there, such as `answers`.
    """
    before = _size(journal)
    try:
        yield
    except (KeyboardInterrupt, HeadSurgeryError):
        if _size(journal) > before:
            console.say(f"the {what} so far are in {journal}; the same command goes on from there")
        raise


def journal_of(output: Path) -> Path:
    """The file of the journal beside what a run will write."""
    return output.with_name(f"{output.name}.journal")


@contextmanager
def journaled(console: Console, output: Path, settings: Mapping[str, Any], *, force: bool) -> Iterator[SweepJournal]:
    """The journal of a sweep, beside what it is for.

    Args:
        console: Says how many blocks are there, and how to go on after a run that breaks off.
        output: What the run will write.
        settings: See `SweepJournal`.
        force: See `SweepJournal`.
    """
    from headsurgery.engine.journal import SweepJournal

    kept = journal_of(output)
    with SweepJournal(kept, settings, force=force) as journal, resumable(console, kept, "finished blocks"):
        if journal.num_blocks:
            console.say(f"{kept}: {journal.num_blocks} finished blocks; going on from there")
        yield journal


def _size(path: Path | None) -> int:
    return path.stat().st_size if path is not None and path.is_file() else 0


@contextmanager
def stages(console: Console) -> Iterator[Report]:
    """A bar for every stage; one that can't tell its progress, 0 of 1, is only named."""
    with ExitStack() as bars:
        current: list[str] = []
        callbacks: list[Callable[[int, int], None]] = []

        def report(stage: str, done: int, total: int) -> None:
            if current != [stage]:
                bars.close()
                current[:] = [stage]
                is_silent = (done, total) == (0, 1)
                callbacks[:] = [] if is_silent else [bars.enter_context(console.progress(stage))]
                if is_silent:
                    console.say(stage)
            for callback in callbacks:
                callback(done, total)

        yield report
