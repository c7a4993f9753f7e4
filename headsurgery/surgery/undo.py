"""The original bytes of what was edited. Neighbour: `restore` goes the way back with them.

They lie in the edited checkpoint as `headsurgery.undo`: a safetensors file, one tensor `L2H26.scale.<tensor>` per planned slice,
with the slice's own shape. It does not end in `.safetensors`, because some runtimes load every file that does.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.documents.strict_json import quote
from headsurgery.errors import CheckpointError
from headsurgery.storage.checkpoint import FLOAT_TYPES, Checkpoint
from headsurgery.storage.header import TensorInfo, read_header
from headsurgery.surgery.base_files import MANIFEST, UNDO
from headsurgery.surgery.copying import ByteArray, Changes
from headsurgery.surgery.history import Step
from headsurgery.surgery.manifest import EditRecord
from headsurgery.surgery.plan import TensorEdit


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The part of an edit's slice that lies in one chunk of rows.

    Args:
        rows: Rows within the chunk.
        columns: Columns of the chunk, in elements.
        offset: Where the part begins within the slice's own bytes, in elements.
    """

    rows: slice
    columns: slice
    offset: int


def locate_piece(edit: TensorEdit, first: int, num_rows: int) -> Piece | None:
    """Find the part of a slice in the rows [first, first + num_rows) of its tensor; None where there is none."""
    num_columns = edit.tensor.num_parameters // edit.tensor.num_rows
    if edit.axis == 1:
        columns = slice(edit.block.start, edit.block.stop)
        return Piece(rows=slice(0, num_rows), columns=columns, offset=first * len(edit.block))
    start, stop = max(edit.block.start, first), min(edit.block.stop, first + num_rows)
    if start >= stop:
        return None
    rows = slice(start - first, stop - first)
    return Piece(rows=rows, columns=slice(0, num_columns), offset=(start - edit.block.start) * num_columns)


class UndoWriter:
    """Writes original slices as they come by, in any order of their parts and from any thread."""

    def __init__(self, path: Path, edits: Sequence[TensorEdit]) -> None:
        header, self._starts, end = _layout(edits)
        self._starts = {key: start + len(header) for key, start in self._starts.items()}
        self._file = path.open("xb")
        try:
            self._file.write(header)
            self._file.truncate(len(header) + end)
        except BaseException:
            self._file.close()
            raise
        self._lock = threading.Lock()

    def __enter__(self) -> UndoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def start_of(self, edit: TensorEdit) -> int:
        """Where an edit's original values begin in the file."""
        return self._starts[_key(edit)]

    def write(self, edit: TensorEdit, piece: Piece, values: npt.NDArray[Any]) -> None:
        """Keep one part of an edit's original values."""
        with self._lock:
            self._file.seek(self._starts[_key(edit)] + piece.offset * values.itemsize)
            self._file.write(values.tobytes())


def _key(edit: TensorEdit) -> str:
    return f"{edit.edit.ref}.{edit.edit.operation}.{edit.tensor.name}"


def _layout(edits: Sequence[TensorEdit]) -> tuple[bytes, dict[str, int], int]:
    """Header bytes of the undo file, where each slice starts in its data, and how long the data are."""
    entries: dict[str, Any] = {}
    starts: dict[str, int] = {}
    end = 0
    for edit in edits:
        shape = list(edit.tensor.shape)
        shape[edit.axis] = len(edit.block)
        starts[_key(edit)], length = end, edit.runs.count * edit.runs.length
        entries[_key(edit)] = {"dtype": edit.tensor.dtype, "shape": shape, "data_offsets": [end, end + length]}
        end += length
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, starts, end


class Originals:
    """The original bytes of an edited checkpoint.

    Args:
        checkpoint: The edited checkpoint.
        step: Whose originals.

    Raises:
        CheckpointError: There is no undo file, or it is not one.
    """

    def __init__(self, checkpoint: Checkpoint, step: Step) -> None:
        if not checkpoint.files.has(step.folder + UNDO):
            raise CheckpointError(
                f"{checkpoint.files.where}: no {step.folder}{UNDO} in it, so the original bytes are not here",
                hint="it was made with --no-undo, or the file was deleted; take the base instead",
            )
        undo = read_header(checkpoint.files, step.folder + UNDO)
        self._edited, self._manifest = checkpoint, step.manifest
        self._kept = Checkpoint(
            files=checkpoint.files,
            config={},
            shards=(undo,),
            tensors={tensor.name: tensor for tensor in undo.tensors},
            model=checkpoint.model,
        )

    def slices(self, file: str) -> list[tuple[TensorEdit, npt.NDArray[Any]]]:
        """The edits of one file, each with its original values, flat.

        Raises:
            CheckpointError: The manifest, the checkpoint and the undo file don't belong together.
        """
        located = [_locate(self._edited, self._kept, edit) for edit in self._manifest.edits if edit.file == file]
        return [(edit, np.ascontiguousarray(self._kept.read(original)).reshape(-1)) for edit, original in located]

    def values(self) -> Iterator[tuple[TensorEdit, npt.NDArray[Any]]]:
        """All edits, each with its original values, flat.

        Raises:
            CheckpointError: See `slices`.
        """
        for file in dict.fromkeys(edit.file for edit in self._manifest.edits):
            yield from self.slices(file)

    def places(self) -> list[tuple[TensorEdit, TensorInfo]]:
        """All edits, each with where its original values lie.

        Raises:
            CheckpointError: See `slices`.
        """
        return [_locate(self._edited, self._kept, edit) for edit in self._manifest.edits]

    def changes(self, file: str) -> Changes:
        """What puts the originals of one file back."""
        slices: dict[str, list[tuple[TensorEdit, npt.NDArray[Any]]]] = {}
        for edit, values in self.slices(file):
            slices.setdefault(edit.tensor.name, []).append((edit, values))

        def put_back(tensor: TensorInfo, first: int, rows: ByteArray) -> ByteArray:
            changed: ByteArray = rows.copy()
            for edit, values in slices[tensor.name]:
                piece = locate_piece(edit, first, len(rows))
                if piece is not None:
                    target_view = changed.view(FLOAT_TYPES[tensor.dtype])[piece.rows, piece.columns]
                    target_view[:] = values[piece.offset : piece.offset + target_view.size].reshape(target_view.shape)
            return changed

        return dict.fromkeys(slices, put_back)


def _locate(checkpoint: Checkpoint, originals: Checkpoint, record: EditRecord) -> tuple[TensorEdit, TensorInfo]:
    """One edit of the manifest, and the tensor of the undo file that holds its original values."""
    tensor = checkpoint.tensors.get(record.tensor)
    if tensor is None or tensor.file != record.file:
        raise CheckpointError(f"{MANIFEST}: edits {quote(record.tensor)} in {record.file}, which the checkpoint doesn't have")
    is_slice = record.axis in range(min(2, len(tensor.shape))) and 0 <= record.start < record.stop <= tensor.shape[record.axis]
    if not is_slice or len(tensor.shape) > 2 or tensor.dtype not in FLOAT_TYPES:
        raise CheckpointError(f"{MANIFEST}: edits a slice of {tensor.name} that {tensor.dtype} {list(tensor.shape)} doesn't have")
    tensor_edit = TensorEdit(edit=record, tensor=tensor, axis=record.axis, block=range(record.start, record.stop))
    original = originals.tensors.get(_key(tensor_edit))
    if original is None or original.dtype != tensor.dtype or original.num_parameters != tensor_edit.num_parameters:
        raise CheckpointError(f"{UNDO}: doesn't hold the original of {_key(tensor_edit)}")
    return tensor_edit, original
