"""What travelled from the Hub, kept for a while in a temporary file, so that it can be read again. Neighbour: `files`."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from headsurgery.errors import HubError

_IN_MEMORY = 8 * 2**20


class FetchedSpan:
    """Bytes of a span, as far as they have come; on disk if they are many.

    Args:
        repo: For errors.
        span: Where they are in their file.
        pieces: The bytes.
        is_whole: Keep them all; else only those that are being read.
    """

    def __init__(self, repo: str, span: range, pieces: Iterator[bytes], *, is_whole: bool) -> None:
        self.span, self.is_whole = span, is_whole
        self._repo, self._pieces = repo, pieces
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._first = self._end = span.start
        self._failed = False

    def read_into(self, at: int, view: memoryview) -> int:
        """Fill a view from a byte on; 0 at the end."""
        stop = min(at + len(view), self.span.stop)
        if not self._first <= at < stop:
            return 0
        if self._end < stop:
            self._pull(at, stop)
        self._file.seek(at - self._first)
        data = self._file.read(stop - at)
        view[: len(data)] = data
        return len(data)

    def _pull(self, at: int, stop: int) -> None:
        if self._failed:
            raise HubError(f"{self._repo}: reading broke off before", hint="try again")
        try:
            if not self.is_whole:
                self._file.seek(at - self._first)
                tail = self._file.read()
                self._file.seek(0)
                self._file.truncate()
                self._file.write(tail)
                self._first = at
            self._failed = True
            while self._end < stop:
                piece = next(self._pieces)
                self._file.seek(0, os.SEEK_END)
                self._file.write(piece)
                self._end += len(piece)
            if self._end == self.span.stop:
                next(self._pieces, None)  # the check of the hash
                self._pieces = iter(())
            self._failed = False
        except OSError as error:
            folder = tempfile.gettempdir()
            raise HubError(f"{folder}: can't be written: {error.strerror}", hint="set TMPDIR to a folder with room") from error

    def close(self) -> None:
        """Forget the bytes."""
        self._file.close()
        self._pieces = iter(())


class Stream(io.RawIOBase):
    """A file that has one span."""

    def __init__(self, fetched: FetchedSpan) -> None:
        self._fetched, self._at = fetched, fetched.span.start

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the whole file, though only the span's can be read."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._fetched.span.stop}[whence]
        return self._at

    def tell(self) -> int:
        """Where in the whole file."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there are bytes."""
        count = self._fetched.read_into(self._at, memoryview(buffer).cast("B"))
        self._at += count
        return count
