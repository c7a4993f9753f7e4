"""Bytes fetched from the Hub, held in a temporary file so that they can be read again. Neighbour: `files`."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from headsurgery.errors import HubError

_IN_MEMORY = 8 * 2**20


class FetchedSpan:
    """The bytes of a span that have been fetched so far; on disk if there are many.

    Args:
        repo: Repository, for error messages.
        span: Position of the bytes in their file.
        pieces: The source of the bytes.
        is_whole: Keep all bytes; otherwise only those from the current position on.
    """

    def __init__(self, repo: str, span: range, pieces: Iterator[bytes], *, is_whole: bool) -> None:
        self.span, self.is_whole = span, is_whole
        self._repo, self._pieces = repo, pieces
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._first = self._end = span.start
        self._failed = False

    def read_into(self, at: int, view: memoryview) -> int:
        """Fill a view with the bytes from a position on; the number of bytes, 0 at the end."""
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
            raise HubError(f"{self._repo}: an earlier read failed", hint="try again")
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
        """Delete the bytes."""
        self._file.close()
        self._pieces = iter(())


class Stream(io.RawIOBase):
    """A file object of which one span can be read."""

    def __init__(self, fetched: FetchedSpan) -> None:
        self._fetched, self._at = fetched, fetched.span.start

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position in the whole file, of which only the span can be read."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._fetched.span.stop}[whence]
        return self._at

    def tell(self) -> int:
        """The position in the whole file."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, up to the end of the span."""
        count = self._fetched.read_into(self._at, memoryview(buffer).cast("B"))
        self._at += count
        return count
