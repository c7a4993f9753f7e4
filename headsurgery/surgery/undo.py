"""The original bytes of edited slices. Neighbour: `restore` uses them to undo edits.

They are stored in the edited checkpoint as `headsurgery.undo`: a safetensors file with one tensor `L2H26.scale.<tensor>` per
planned slice, in the slice's own shape. Of blocks that a head shares with its neighbours (GGUF), it holds the whole bytes, and only
the head's own bits are put back. The file's name does not end in `.safetensors`, because some runtimes load every file that does.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from headsurgery.documents.strict_json import quote
from headsurgery.errors import CheckpointError
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import is_known
from headsurgery.storage.header import read_header
from headsurgery.storage.tensors import ByteArray, Piece, StoredSlice, TensorInfo
from headsurgery.surgery.base_files import MANIFEST, UNDO
from headsurgery.surgery.copying import Changes
from headsurgery.surgery.history import HistoryStep
from headsurgery.surgery.manifest import EditRecord
from headsurgery.surgery.plan import TensorEdit


@dataclass(frozen=True, kw_only=True)
class RecordedSlice(StoredSlice):
    """A stored slice that was changed.

    Args:
        edit: The manifest's entry.
    """

    edit: EditRecord


class UndoWriter:
    """Writes the original bytes of slices in parts, in any order and from any thread."""

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
        """Offset of an edit's original values in the file."""
        return self._starts[_key(edit)]

    def write(self, edit: TensorEdit, piece: Piece, original: ByteArray) -> None:
        """Store one part of an edit's original bytes."""
        with self._lock:
            self._file.seek(self._starts[_key(edit)] + piece.offset)
            self._file.write(original.tobytes())


def _key(edit: TensorEdit | RecordedSlice) -> str:
    return f"{edit.edit.ref}.{edit.edit.operation}.{edit.tensor.name}"


def _stored_as(part: StoredSlice) -> tuple[str, list[int]]:
    """Type and shape of the tensor that holds a slice's original bytes: the slice's own, or its bytes if it has whole blocks."""
    if part.tensor.block_type is not None:
        return "U8", [part.num_rows, part.row_bytes]
    shape = list(part.tensor.shape)
    shape[part.axis] = len(part.block)
    return part.tensor.dtype, shape


def _layout(edits: Sequence[TensorEdit]) -> tuple[bytes, dict[str, int], int]:
    """The header of the undo file, the offset of each slice in its data, and the size of the data."""
    entries: dict[str, Any] = {}
    starts: dict[str, int] = {}
    end = 0
    for edit in edits:
        dtype, shape = _stored_as(edit)
        starts[_key(edit)], length = end, edit.runs.num_bytes
        entries[_key(edit)] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + length]}
        end += length
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, starts, end


class Originals:
    """The original bytes of an edited checkpoint.

    Args:
        checkpoint: The edited checkpoint.
        step: The edit whose originals are meant.

    Raises:
        CheckpointError: There is no undo file, or it is not one.
    """

    def __init__(self, checkpoint: Checkpoint, step: HistoryStep) -> None:
        if not checkpoint.files.has(step.folder + UNDO):
            raise CheckpointError(
                f"{checkpoint.files.where}: no {step.folder}{UNDO} in it, so the original bytes are missing",
                hint="it was made with --no-undo, or the file was deleted; download the base instead",
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

    def slices(self, file: str) -> list[tuple[RecordedSlice, ByteArray]]:
        """The edits of one file, each with its original bytes, [rows, bytes per row].

        Raises:
            CheckpointError: The manifest, the checkpoint and the undo file don't belong together.
        """
        located = [_locate(self._edited, self._kept, edit) for edit in self._manifest.edits if edit.file == file]
        return [(edit, self._kept.read_tensor(original).reshape(-1, edit.row_bytes)) for edit, original in located]

    def all_slices(self) -> Iterator[tuple[RecordedSlice, ByteArray]]:
        """All edits, each with its original bytes, [rows, bytes per row].

        Raises:
            CheckpointError: See `slices`.
        """
        for file in dict.fromkeys(edit.file for edit in self._manifest.edits):
            yield from self.slices(file)

    def places(self) -> list[tuple[RecordedSlice, TensorInfo]]:
        """All edits, each with the tensor that holds its original values.

        Raises:
            CheckpointError: See `slices`.
        """
        return [_locate(self._edited, self._kept, edit) for edit in self._manifest.edits]

    def changes(self, file: str) -> Changes:
        """The changes that restore the originals of one file."""
        slices: dict[str, list[tuple[RecordedSlice, ByteArray]]] = {}
        for edit, original in self.slices(file):
            slices.setdefault(edit.tensor.name, []).append((edit, original))

        def put_back(tensor: TensorInfo, first: int, rows: ByteArray) -> ByteArray:
            changed: ByteArray = rows.copy()
            for edit, original in slices[tensor.name]:
                piece = edit.locate(first, len(rows))
                if piece is not None:
                    count = piece.rows.stop - piece.rows.start
                    place = piece.rows, piece.columns
                    changed[place] = edit.merge(changed[place], original[piece.first : piece.first + count])
            return changed

        return dict.fromkeys(slices, put_back)


def _locate(checkpoint: Checkpoint, originals: Checkpoint, record: EditRecord) -> tuple[RecordedSlice, TensorInfo]:
    """One edit of the manifest, and the tensor of the undo file that holds its original values."""
    tensor = checkpoint.tensors.get(record.tensor)
    if tensor is None or tensor.file != record.file:
        raise CheckpointError(f"{MANIFEST}: edits {quote(record.tensor)} in {record.file}, but the checkpoint has no such tensor")
    is_whole = record.shape is None or math.prod(record.shape) == tensor.num_parameters
    tensor = tensor if record.shape is None else replace(tensor, shape=tuple(record.shape))
    is_slice = record.axis in range(min(2, len(tensor.shape))) and 0 <= record.start < record.stop <= tensor.shape[record.axis]
    if not is_slice or not is_whole or len(tensor.shape) > 2 or not is_known(tensor.dtype):
        raise CheckpointError(f"{MANIFEST}: edits a slice of {tensor.name} outside of {tensor.dtype} {list(tensor.shape)}")
    part = RecordedSlice(edit=record, tensor=tensor, axis=record.axis, block=range(record.start, record.stop))
    original = originals.tensors.get(_key(part))
    dtype, shape = _stored_as(part)
    if original is None or original.dtype != dtype or original.num_parameters != math.prod(shape):
        raise CheckpointError(f"{UNDO}: doesn't hold the original of {_key(part)}")
    return part, original
