"""Lack of memory, which calls for smaller batches, told from all other errors."""

from __future__ import annotations

import torch


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that a GPU's or the host's memory ran out."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error) or "not enough memory" in str(error)
