"""How many rows run at a time: what fills the hardware, and what fits into memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headsurgery.errors import ModelError
from headsurgery.model.memory import is_out_of_memory

_FULL_TOKENS, _FULL_TOKENS_GPU = 1024, 16384
"""Tokens per call of a layer that keep the hardware busy; more only take more memory."""


@dataclass
class Slices:
    """Rows per call of a layer; halved for good where memory runs out.

    Args:
        max_tokens: Tokens per call, where `max_rows` is None.
        max_rows: Rows per call.
    """

    max_tokens: int
    max_rows: int | None = None

    @classmethod
    def of(cls, batch_size: int | str, device: torch.device) -> Slices:
        """From what the user asked for: a number of rows, or `auto`."""
        full = _FULL_TOKENS if device.type == "cpu" else _FULL_TOKENS_GPU
        return cls(max_tokens=full, max_rows=batch_size if isinstance(batch_size, int) else None)

    def rows(self, length: int) -> int:
        """Rows of a length that go together."""
        return self.max_rows or max(1, self.max_tokens // length)

    def halve(self, error: RuntimeError, rows: int, length: int) -> None:
        """Take fewer rows from now on, after a lack of memory.

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
