"""Plain floats: a tensor holds the numbers themselves. They are computed in float32 (F64: in float64) and rounded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs.matrix import (
    Change,
    Codec,
    Exactness,
    OneTensor,
    Rewriter,
    Values,
    assess_rounding,
    multiply,
    rewrite_whole,
    round_to,
)
from headsurgery.storage.tensors import ByteArray, StoredSlice

ELEMENTS: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
"""Stored types that are plain floats."""

_MAX_ROUNDING = 0.01
"""Relative error (L2) of a rounded block above which the stored type can't hold the edit. Usual: bfloat16 0.002, float16 0.0003."""


@dataclass(frozen=True, kw_only=True)
class PlainMatrix(OneTensor):
    """A tensor of plain floats."""

    def has_own_scales(self, axis: int, block: range) -> bool:
        """True, since there are none."""
        return True

    def read(self, checkpoint: Checkpoint, axis: int, block: range) -> Values:
        """Read a slice as it is stored."""
        tensor = checkpoint.tensors[self.tensor.name]
        rows = checkpoint.read_slice(StoredSlice(tensor=tensor, axis=axis, block=block))
        return np.ascontiguousarray(rows).view(ELEMENTS[tensor.dtype])

    def rewriter(self, checkpoint: Checkpoint, part: StoredSlice, change: Change) -> Rewriter:
        """Multiplications are done chunk by chunk, other changes on the whole slice at once."""
        factor = change.factor
        if factor is not None:
            return lambda rows, first: multiply(self._view(rows), factor).view(np.uint8)
        return rewrite_whole(
            part, lambda: checkpoint.read_slice(part), lambda rows: self._change_all(self._view(rows), change).view(np.uint8)
        )

    def assess(self, checkpoint: Checkpoint, axis: int, block: range, change: Change) -> Exactness:
        """Whether the stored type can hold the result."""
        factor = change.factor
        if factor == 1:
            return Exactness(level="exact")
        before = self.read(checkpoint, axis, block)
        stored = multiply(before, factor) if factor is not None else self._change_all(before, change)
        return assess_rounding(before, stored, change, limit=_MAX_ROUNDING)

    @staticmethod
    def _change_all(values: Values, change: Change) -> Values:
        wide = np.float64 if values.dtype == np.float64 else np.float32
        with np.errstate(over="ignore", invalid="ignore"):
            return round_to(change(values.astype(wide)), values.dtype)

    def _view(self, rows: ByteArray) -> Values:
        return np.ascontiguousarray(rows).view(ELEMENTS[self.tensor.dtype])


def open_plain(checkpoint: Checkpoint, name: str) -> PlainMatrix | None:
    """Open a tensor of plain floats; None if it holds something else."""
    tensor = checkpoint.tensors.get(name)
    return None if tensor is None or tensor.dtype not in ELEMENTS else PlainMatrix(tensor=tensor)


CODEC = Codec(says=", ".join(ELEMENTS), open=open_plain, elements=ELEMENTS)
