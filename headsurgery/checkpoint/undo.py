"""The original bytes of what was edited, and the way back (law 7).

They lie in the edited checkpoint as `headsurgery.undo`: a safetensors file, one tensor `L2H26.scale.<tensor>` per planned slice,
with the slice's own shape. It does not end in `.safetensors`, because some runtimes load every file that does.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.checkpoint.carried import ATTRIBUTES, MANIFEST, UNDO
from headsurgery.checkpoint.copying import ByteArray, Changes, Progress, Reporter, copy_file, copy_shard
from headsurgery.checkpoint.files import Directory
from headsurgery.checkpoint.header import TensorInfo, read_header
from headsurgery.checkpoint.history import Step, read_history
from headsurgery.checkpoint.manifest import EditRecord, FileRecord
from headsurgery.checkpoint.plan import TensorEdit
from headsurgery.checkpoint.reader import FLOAT_TYPES, Checkpoint, open_checkpoint
from headsurgery.checkpoint.staging import staged_directory
from headsurgery.checkpoint.workplace import Note
from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.strict_json import quote


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
        return [_slice(self._edited, self._kept, edit) for edit in self._manifest.edits if edit.file == file]

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


def restore_checkpoint(
    edited: Path | str,
    out: Path | str,
    *,
    steps: int | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
    on_note: Note | None = None,
) -> tuple[FileRecord, ...]:
    """Bring the base back from an edited checkpoint, bit for bit, and prove it by the manifest's hashes of the base.

    Args:
        edited: A checkpoint that `apply_plan` wrote.
        out: Directory to create.
        steps: How many edits to undo, of a checkpoint that was edited several times; None: all, back to the first base.
        force: Replace an existing directory.
        on_progress: Called with bytes written and bytes in all.
        on_note: Called with a line for what a killed run left beside `out`.

    Returns:
        The files written, as the undone step made them, none of them a link; where the file system can they share blocks with the
        edited checkpoint's. What `apply_plan` left out of the base can't come back; the manifest names it.

    Raises:
        CheckpointError: No manifest, no undo file, or they don't belong together; or there are not so many steps.
        SurgeryError: `out` can't be written, or a restored file is not the base's.
    """
    edited = Path(edited)
    history = read_history(Directory(edited))
    if steps is not None and not 1 <= steps <= len(history):
        raise CheckpointError(f"{edited}: {steps} steps to undo, but it was edited {len(history)} times")
    undone = history[:steps]
    checkpoint = open_checkpoint(edited)
    originals = [Originals(checkpoint, step) for step in undone]
    records = {record.base_file: record for record in undone[-1].manifest.files if record.base_file is not None}
    later = [{record.base_file: record.file for record in step.manifest.files} for step in undone[:-1]]
    total = sum(record.num_bytes for record in records.values())
    with staged_directory(Path(out), base=edited, num_bytes=total, force=force, replaceable=MANIFEST, on_note=on_note) as staging:
        report = Reporter(total, on_progress)
        for name, record in records.items():
            source = _name_now(record.file, later)
            if _restore_file(checkpoint, originals, source, record, staging / name, report) != record.base_sha256:
                raise SurgeryError(
                    f"{source}: what came back is not the base's file; nothing was kept",
                    hint="the edited checkpoint was changed after apply; download the base instead",
                )
    return tuple(records.values())


def _name_now(file: str, later: list[dict[str | None, str]]) -> str:
    """Where a file of an earlier step lies after the later ones: their names by those of their bases, the last step first."""
    for names in reversed(later):
        found = names.get(file)
        if found is None:
            raise CheckpointError(f"{MANIFEST}: doesn't say where {file} of the step before lies")
        file = found
    return file


def _restore_file(
    checkpoint: Checkpoint, originals: list[Originals], source_file: str, record: FileRecord, target: Path, report: Reporter
) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    shard = next((shard for shard in checkpoint.shards if shard.file == source_file), None)
    with checkpoint.files.open(source_file) as source:
        if source_file == ATTRIBUTES:
            length = min(record.num_bytes, checkpoint.files.size_of(source_file))
            return copy_file(BytesIO(source.read(length)), target, report, clone=False).after
        changes = {} if shard is None else _changes_of(originals, source_file)
        if shard is None or not changes:
            return copy_file(source, target, report).after
        return copy_shard(source, shard, target, changes, report).after


def _changes_of(originals: list[Originals], file: str) -> Changes:
    """What undoes several steps on one file, the last step first."""
    by_step = [step.changes(file) for step in originals]

    def put_back(tensor: TensorInfo, first: int, rows: ByteArray) -> ByteArray:
        for changes in by_step:
            if tensor.name in changes:
                rows = changes[tensor.name](tensor, first, rows)
        return rows

    return {name: put_back for changes in by_step for name in changes}


def _slice(checkpoint: Checkpoint, originals: Checkpoint, record: EditRecord) -> tuple[TensorEdit, npt.NDArray[Any]]:
    """One edit of the manifest with its original values, flat."""
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
    return tensor_edit, np.ascontiguousarray(originals.read(original)).reshape(-1)
