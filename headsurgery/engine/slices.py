"""How many rows run at a time: enough to use the hardware fully, and few enough to fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from headsurgery.errors import ModelError
from headsurgery.model.memory import within_memory

Rows = TypeVar("Rows", bound=Sequence[Any])
Result = TypeVar("Result")


@dataclass
class Slices:
    """How many rows of a layer run per call. The number is halved permanently if memory runs out.

    Args:
        max_tokens: Tokens per call, unless one row has more.
        max_rows: Rows per call; None: as many as the tokens allow.
    """

    max_tokens: int
    max_rows: int | None = None

    def rows(self, length: int) -> int:
        """Number of rows of this length that run together."""
        rows = max(1, self.max_tokens // length)
        return rows if self.max_rows is None else min(rows, self.max_rows)

    def keep_to(self, tokens: int) -> None:
        """Use at most this many tokens per call from now on."""
        self.max_tokens = min(self.max_tokens, tokens)

    def run(self, rows: Rows, length: int, attempt: Callable[[Rows], Result]) -> Iterator[tuple[Rows, Result]]:
        """Run rows of one length, as many at a time as fit; fewer from now on if memory runs out.

        Args:
            rows: The rows to run.
            length: Number of positions of each row.
            attempt: Runs some of them.

        Yields:
            The rows that ran together, and their result.

        Raises:
            ModelError: Memory is too small for a single row.
        """
        start = 0
        while start < len(rows):
            part: Any = rows[start : start + self.rows(length)]
            result = within_memory(attempt, part)
            if result is not None:
                yield part, result
                start += len(part)
                continue
            if len(part) == 1:
                raise ModelError("out of memory with a single row", hint="use a smaller --dtype or model")
            if self.max_rows is not None:
                self.max_rows = len(part) // 2
            self.max_tokens = len(part) // 2 * length
