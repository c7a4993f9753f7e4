"""How many rows run at a time: enough to use the hardware fully, and few enough to fit into memory."""

from __future__ import annotations

from dataclasses import dataclass

from headsurgery.errors import ModelError
from headsurgery.model.memory import is_out_of_memory


@dataclass
class Slices:
    """Rows per call of a layer; halved permanently if memory runs out.

    Args:
        max_tokens: Tokens per call, unless one row has more.
        max_rows: Rows per call; None: as many as the tokens allow.
    """

    max_tokens: int
    max_rows: int | None = None

    def rows(self, length: int) -> int:
        """Number of rows of a length that run together."""
        rows = max(1, self.max_tokens // length)
        return rows if self.max_rows is None else min(rows, self.max_rows)

    def keep_to(self, tokens: int) -> None:
        """Take at most so many tokens per call from now on."""
        self.max_tokens = min(self.max_tokens, tokens)

    def halve(self, error: RuntimeError, rows: int, length: int) -> None:
        """Take fewer rows from now on, after memory ran out.

        Args:
            error: What was raised; anything but a lack of memory goes on its way.
            rows: How many rows ran.
            length: Their positions.

        Raises:
            ModelError: There was but one row.
        """
        if not is_out_of_memory(error):
            raise error
        if rows == 1:
            raise ModelError("out of memory with a single row", hint="use a smaller --dtype or model") from error
        if self.max_rows is not None:
            self.max_rows = rows // 2
        self.max_tokens = rows // 2 * length
