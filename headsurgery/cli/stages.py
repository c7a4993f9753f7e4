"""Long runs of several stages on the terminal: a bar for each, and how to go on after one that broke off."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from headsurgery.errors import HeadSurgeryError

if TYPE_CHECKING:
    from headsurgery.console import Console
    from headsurgery.engine.journal import SweepJournal
    from headsurgery.progress import Progress, StageProgress


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
    except (KeyboardInterrupt, SystemExit, HeadSurgeryError):
        if _size(journal) > before:
            console.say(f"the {what} so far are in {journal}; the same command goes on from there")
        raise


class Sweeping:
    """A sweep with a journal: what is kept of it, and what is lost, when it breaks off.

    Args:
        journal: Where finished blocks are kept.
    """

    def __init__(self, journal: SweepJournal) -> None:
        self.journal = journal
        self._total = 0
        self._has_scores = False
        self._since, self._pairs = time.monotonic(), journal.num_pairs

    def watch(self, progress: Progress | None) -> Progress:
        """The callback of the attribution, which tells how many pairs there are in all."""
        from headsurgery.attribution.method import RESAMPLING, SCORING

        def report(stage: str, done: int, total: int) -> None:
            if stage != SCORING:
                if stage == RESAMPLING:
                    self._total = 0  # pairs of the resamples join those of the search, and nobody has counted them all
                if not self._has_scores:
                    self._has_scores, self._since = True, time.monotonic()
            else:
                self._total = total
                if self.journal.num_pairs != self._pairs:
                    self._since, self._pairs = time.monotonic(), self.journal.num_pairs
            if progress is not None:
                progress(stage, done, total)

        return report

    def describe(self) -> str:
        """What Ctrl-C keeps, and what it costs."""
        finished, lost = self.journal.num_pairs, time.monotonic() - self._since
        if not finished and not self.journal.num_notes:
            return f"nothing is kept yet: the first block was running for {lost:.0f} s; the same command begins anew"
        of_all = f"{finished} of {self._total}" if self._total else f"{finished}"
        notes, goes_on = self.journal.num_notes, "the same command goes on from there"
        if self._has_scores or notes:
            found = f"{notes} results of the search"
            if finished:
                found = f"{of_all} (head, prompt) scores and {found}"
            return f"kept {found} in {self.journal.path}; {goes_on}; the batch in work is lost"
        return (
            f"kept {of_all} (head, prompt) scores in {self.journal.path}; {goes_on}; the block in work, about {lost:.0f} s, is lost"
        )


def journal_of(output: Path) -> Path:
    """The file of the journal beside what a run will write."""
    return output.with_name(f"{output.name}.journal")


@contextmanager
def journaled(console: Console, output: Path, settings: Mapping[str, Any], *, force: bool) -> Iterator[Sweeping]:
    """The journal of a sweep, beside what it is for.

    Args:
        console: Says what is there, and what is kept and lost of a run that breaks off.
        output: What the run will write.
        settings: See `SweepJournal`.
        force: See `SweepJournal`.
    """
    from headsurgery.engine.journal import SweepJournal

    path = journal_of(output)
    with SweepJournal(path, settings, force=force) as journal:
        if journal.num_blocks or journal.num_notes:
            search = f", {journal.num_notes} results of the search" if journal.num_notes else ""
            console.say(f"{path}: {journal.num_blocks} finished blocks, {journal.num_pairs} scores{search}; going on from there")
        sweeping = Sweeping(journal)
        try:
            yield sweeping
        except (KeyboardInterrupt, SystemExit):
            console.say(sweeping.describe())
            raise
        except HeadSurgeryError:
            if journal.num_blocks or journal.num_notes:
                console.say(sweeping.describe())
            raise


def _size(path: Path | None) -> int:
    return path.stat().st_size if path is not None and path.is_file() else 0


@contextmanager
def stages(console: Console) -> Iterator[Progress]:
    """A bar for every stage; one that can't tell its progress, 0 of 1, is only named."""
    with ExitStack() as bars:
        current: list[str] = []
        callbacks: list[StageProgress] = []
        lock = Lock()  # the Hub's client reports from several threads

        def report(stage: str, done: int, total: int) -> None:
            with lock:
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
