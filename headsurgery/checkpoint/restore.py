"""The way back (law 7): the base, bit for bit, out of an edited checkpoint and the original bytes that lie in it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from headsurgery.checkpoint.carried import ATTRIBUTES, MANIFEST
from headsurgery.checkpoint.copying import ByteArray, Changes, Progress, Reporter, copy_file, copy_shard
from headsurgery.checkpoint.files import Directory
from headsurgery.checkpoint.header import TensorInfo
from headsurgery.checkpoint.history import read_history
from headsurgery.checkpoint.manifest import FileRecord
from headsurgery.checkpoint.reader import Checkpoint, open_checkpoint
from headsurgery.checkpoint.staging import staged_directory
from headsurgery.checkpoint.undo import Originals
from headsurgery.checkpoint.workplace import Note
from headsurgery.errors import CheckpointError, SurgeryError


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
