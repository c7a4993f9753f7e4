"""What a long run keeps on disk, so that it goes on where it broke off: identity, lock, resume, `--force`; the one place for these.

A store is a file that only grows. It states its schema and the settings of its run. The same run goes on from it; another run's is
refused with the first difference, and replaced only by force. One process writes at a time. What a crash tore at the end is cut.
The formats are those of the stores themselves: `engine.journal` (blocks of a sweep, and what a search asked), `evaluation.journal`
(answers), `paper.choice` (chosen heads).
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from headsurgery.documents.settings import first_difference
from headsurgery.errors import HeadSurgeryError
from headsurgery.filesystem.file_locks import lock_open_file

if TYPE_CHECKING:
    from typing_extensions import Self

ANEW = "give another -o, or --force to begin anew; what is kept there is lost then"


class JournalError(HeadSurgeryError):
    """What a run keeps is damaged, another run's, being written by another process, or can't be written."""


def check_same_run(path: Path, found: Any, wanted: Mapping[str, Any]) -> None:
    """Refuse what another run keeps.

    Args:
        path: Where it is kept.
        found: The settings that are stated there.
        wanted: This run's, as JSON.

    Raises:
        JournalError: They differ.
    """
    different = first_difference(found, wanted)
    if different is not None:
        raise JournalError(f"{path.name} is another run's: {different}", hint=ANEW)


@contextmanager
def creating_folder(path: Path) -> Iterator[None]:
    """Create a run's folder. After an error it is removed again, if it was created here and nothing is in it.

    Raises:
        HeadSurgeryError: It can't be created.
    """
    is_new = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HeadSurgeryError(f"{path}: can't create this folder: {error.strerror}") from error
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):  # something is in it
                path.rmdir()
        raise


class RunStore(ABC):
    """A file of one run.

    Args:
        path: The file; its directory exists.
        settings: All that its entries depend on, and what the user knows the run by, as JSON.
        force: Begin anew where another run's file, or a damaged one, stands.

    Raises:
        JournalError: It is another run's, damaged, being written by another process, or can't be written.
    """

    cannot: ClassVar[str] = "can't be written"
    """What is said when the disk refuses."""

    def __init__(self, path: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        self.path = path
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))
        is_new = not path.exists()
        if is_new:
            with self._accessing():
                self._create()
        self._open()
        try:
            try:
                self._resume()
            except JournalError:
                if not force:
                    raise
                self._forget()
                with self._accessing():
                    self._begin_anew()
        except BaseException:
            if is_new and not os.fstat(self._file.fileno()).st_size:
                path.unlink(missing_ok=True)
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes have the file; what was appended is in it."""
        self._file.close()

    @abstractmethod
    def _create(self) -> None:
        """Put the file in its place, where there is none."""

    @abstractmethod
    def _find_settings(self) -> dict[str, Any] | None:
        """The settings that are stated; None where there is nothing yet.

        Raises:
            JournalError: They can't be read, or the file is something else.
        """

    @abstractmethod
    def _find_entries(self) -> None:
        """Read what the run finished, and cut what a crash tore.

        Raises:
            JournalError: It is damaged.
        """

    @abstractmethod
    def _begin_anew(self) -> None:
        """Put this run's settings in place of whatever there is, without entries."""

    @abstractmethod
    def _forget(self) -> None:
        """Drop the entries that were read."""

    def _resume(self) -> None:
        with self._accessing():
            found = self._find_settings()
            if found is None:
                self._begin_anew()
                return
            check_same_run(self.path, found, self._settings)
            self._find_entries()

    def _open(self) -> None:
        """Open the file, and keep other processes out for as long as it is open."""
        with self._accessing():
            self._file = FileIO(os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+")
        try:
            lock_open_file(self._file.fileno())
        except BlockingIOError as error:
            self._file.close()
            raise JournalError(f"{self.path}: another run is writing it", hint="wait for it, or give another -o") from error

    def _append(self, data: bytes) -> int:
        """Add an entry at the end; where it begins."""
        with self._accessing():
            start = self._file.seek(0, os.SEEK_END)
            while data:
                data = data[self._file.write(data) :]
        return start

    def _cut(self, size: int) -> None:
        """Drop what stands behind the last whole entry."""
        if size < os.fstat(self._file.fileno()).st_size:
            os.truncate(self._file.fileno(), size)

    @contextmanager
    def _accessing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalError(f"{self.path}: {self.cannot}: {error.strerror}") from error
