"""Each head's factor between a safetensors checkpoint and a GGUF file of the same model.

Quantization changes all numbers, so names and elements can't be compared. Of each head, the factor of least squares tells an edit
from none: about 1 where quantization is all that happened. What the factor leaves is the error of quantization. llama.cpp reorders
the rows of a head's queries for its rotary embedding, so all orders are tried.
Neighbour: `diff` compares checkpoints of one format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.architectures.gguf import is_gguf
from headsurgery.comparing.factor import fit_factor
from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.operations import OperationName
from headsurgery.errors import CheckpointError
from headsurgery.heads import HeadRef
from headsurgery.progress import Progress, of_stage
from headsurgery.storage.blocks import BlockReader
from headsurgery.storage.checkpoint import Checkpoint

_NEAR_ONE = 0.1
"""A factor this close to 1 is no edit. Of random blocks, Q4_0 to Q8_0 leave it within 0.003 of 1, and MXFP4 within 0.05."""
_UNRELATED = 0.7
"""Relative error above which no factor explains the block. Q4_0 to Q8_0 and MXFP4 leave at most 0.15, TQ2_0 0.7 to 0.8."""


@dataclass(frozen=True, kw_only=True)
class HeadFactor:
    """One head's block in the two checkpoints.

    Args:
        head: The head.
        operation: The block: `scale` for the columns of o_proj, `uniform_attention` for the rows of q_proj and its bias.
        factor: By least squares.
        error: What the factor leaves (L2), relative to the edited block; 0 where that is zero.
    """

    head: HeadRef
    operation: OperationName
    factor: float
    error: float

    @property
    def is_explained(self) -> bool:
        """Whether the block is the original's times the factor, but for quantization."""
        return self.error <= _UNRELATED

    @property
    def is_changed(self) -> bool:
        """Whether more happened than quantization."""
        return not self.is_explained or not abs(self.factor - 1) <= _NEAR_ONE

    def to_json(self) -> dict[str, Any]:
        """One entry of `heads` in the JSON document."""
        values = {"operation": self.operation, "factor": self.factor, "error": self.error, "changed": self.is_changed}
        return {**vars(self.head), **values}


def is_across(base: Checkpoint, edited: Checkpoint) -> bool:
    """Whether one of two checkpoints is a GGUF file and the other is not."""
    return is_gguf(base.config) != is_gguf(edited.config)


def compare_across(base: Checkpoint, edited: Checkpoint, *, on_progress: Progress | None = None) -> tuple[HeadFactor, ...]:
    """Find the factor of every head's block.

    Args:
        base: The original.
        edited: What was made from it. One of the two is a GGUF file.
        on_progress: Called with the stage, `comparing`, the layers compared, and their number.

    Raises:
        ArchitectureError: A family that is not supported, or numbers that can't be read.
        GeometryError: A checkpoint doesn't match its family's declaration.
        CheckpointError: The two have different heads, or values that are inf or nan.
    """
    anatomies = prove_anatomy(base), prove_anatomy(edited)
    if anatomies[0].geometry != anatomies[1].geometry:
        raise CheckpointError(
            f"{base.files.where} and {edited.files.where}: their heads differ in number or width",
            hint="is it a model of another size or family?",
        )
    readers, report = (BlockReader(base), BlockReader(edited)), of_stage(on_progress, "comparing")
    layers, found = anatomies[0].geometry.attention_layers, list[HeadFactor]()
    for done, layer in enumerate(layers):
        found += _compare_layer(anatomies, readers, layer)
        if report is not None:
            report(done + 1, len(layers))
    return tuple(found)


def _compare_layer(
    anatomies: tuple[Anatomy, Anatomy], readers: tuple[BlockReader, BlockReader], layer: int
) -> Iterator[HeadFactor]:
    blocks = [name for name in anatomies[0].blocks if name in anatomies[1].blocks]
    for operation in blocks:
        for head in (head for head in anatomies[0].geometry.heads() if head.layer == layer):
            old, new = (_read(*one, head, operation) for one in zip(anatomies, readers, strict=True))
            if [part.shape for part in old] != [part.shape for part in new]:
                raise CheckpointError(f"{head}: its block of {operation} has another shape in the other checkpoint")
            y = _flat(new)
            fits = [_fit(head, _flat(parts), y) for parts in _orders(old, operation)]
            factor, error = min(fits, key=lambda fit: fit[1])
            yield HeadFactor(head=head, operation=operation, factor=factor, error=error)


def _read(anatomy: Anatomy, reader: BlockReader, head: HeadRef, operation: OperationName) -> list[npt.NDArray[np.float64]]:
    """The head's weights, [its rows or columns, others]; and its bias, if it has one."""
    weights, biases = [], []
    for part in anatomy.slices(head, operation):
        values = np.asarray(reader.read_matrix(part.matrix, part.axis, part.block), dtype=np.float64)
        if len(part.matrix.shape) == 1:
            biases.append(values.reshape(-1))
        else:
            weights.append(values.T if part.axis else values)
    return [np.concatenate(parts) for parts in (weights, biases) if parts]


def _orders(parts: Sequence[npt.NDArray[np.float64]], operation: OperationName) -> Iterator[list[npt.NDArray[np.float64]]]:
    """A head's block as it is; and with rows alternately from both halves, as one format orders them, or as the other does."""
    yield list(parts)
    if operation == "uniform_attention" and all(len(part) % 2 == 0 for part in parts):
        half = len(parts[0]) // 2
        yield [part[np.arange(2 * half).reshape(2, half).T.ravel()] for part in parts]
        yield [part[np.arange(2 * half).reshape(half, 2).T.ravel()] for part in parts]


def _flat(parts: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    return np.concatenate([part.ravel() for part in parts])


def _fit(head: HeadRef, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The factor, and the error that it leaves. A block of zeros has become another only if that is not zero."""
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        raise CheckpointError(f"{head}: its weights are inf or nan")
    if not x.any():
        return (0.0, 1.0) if y.any() else (1.0, 0.0)
    return fit_factor(x, y)[:2]
