"""Undo edits (law 7): restore the base bit for bit from an edited checkpoint and the original bytes stored in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.filesystem.files import Directory
from headsurgery.filesystem.hashing import hash_stream
from headsurgery.filesystem.staging import staged_directory
from headsurgery.filesystem.workplace import Note
from headsurgery.progress import Progress, of_stage
from headsurgery.storage.checkpoint import Checkpoint, open_checkpoint
from headsurgery.storage.tensors import Shard, TensorInfo, cut_as
from headsurgery.surgery.base_files import ATTRIBUTES, MANIFEST
from headsurgery.surgery.copying import ByteArray, Changes, Reporter, copy_file, copy_shard, hash_shard
from headsurgery.surgery.history import HistoryStep, is_as_written, read_history
from headsurgery.surgery.manifest import FileRecord
from headsurgery.surgery.undo import Originals
from headsurgery.surgery.workers import OnBytes


def restore_checkpoint(
    edited: Path | str,
    out: Path | str,
    *,
    steps: int | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
    on_note: Note | None = None,
) -> tuple[FileRecord, ...]:
    """Restore the base from an edited checkpoint, bit for bit, and check it against the manifest's hashes of the base.

    Args:
        edited: A checkpoint that `apply_plan` wrote.
        out: Directory to create.
        steps: How many edits to undo if there were several; None: all of them, back to the first base.
        force: Replace an existing directory.
        on_progress: Called with the stage, `writing`, the bytes written, and the total.
        on_note: Called with a line of text about leftovers of a killed run next to `out`.

    Returns:
        The files written, none of them a link. They are the base's, or those of the step that was not undone. If the file system
        can, they share blocks with the edited checkpoint's. Files that `apply_plan` left out can't be restored; the manifest names
        them.

    Raises:
        CheckpointError: There is no manifest or no undo file, they don't belong together, or there are not so many steps.
        SurgeryError: `out` can't be written, or a restored file differs from the base's.
    """
    way = find_way_back(Path(edited), steps)
    total = sum(record.num_bytes for record in way.records.values())
    with staged_directory(
        Path(out), base=Path(edited), num_bytes=total, force=force, is_ours=is_as_written, on_note=on_note
    ) as staging:
        report = Reporter(total, of_stage(on_progress, "writing"))
        for name, record in way.records.items():
            if _restore_file(way, record, staging / name, report) != record.base_sha256:
                raise SurgeryError(
                    f"{way.find(record.file)}: the restored file differs from the base's; nothing was kept",
                    hint="the edited checkpoint was changed after apply; download the base instead",
                )
    return tuple(way.records.values())


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """What is needed to undo the last steps of an edited checkpoint.

    Args:
        checkpoint: The edited checkpoint.
        undone: The steps to undo, the last one first.
        originals: The original bytes of each step.
        records: The files to restore, by their restored names.
    """

    checkpoint: Checkpoint
    undone: tuple[HistoryStep, ...]
    originals: tuple[Originals, ...]
    records: dict[str, FileRecord]

    def find(self, file: str, step: int = -1) -> str:
        """The current path of a file of one of the steps.

        Args:
            file: Its name when the step was done.
            step: Index in `undone`.
        """
        above = self.undone[: step % len(self.undone)]
        for names in ({record.base_file: record.file for record in later.manifest.files} for later in reversed(above)):
            if file not in names:
                raise CheckpointError(f"{MANIFEST}: doesn't say where {file} of the step before is")
            file = names[file]
        return file

    @contextmanager
    def open(self, record: FileRecord) -> Iterator[tuple[BinaryIO, Shard | None, Changes]]:
        """Open the current file from which a file is restored. Returns it, its shard, and the changes that undo all steps on it.

        Lines that the Hub appended to .gitattributes are not included. Without a shard or changes, the file is restored as it is.
        """
        file, files = self.find(record.file), self.checkpoint.files
        shard = next((shard for shard in self.checkpoint.shards if shard.file == file), None)
        with files.open(file) as source:
            if file == ATTRIBUTES:
                yield BytesIO(source.read(min(record.num_bytes, files.size_of(file)))), None, {}
            else:
                slices = [part for originals in self.originals for part, _ in originals.places() if part.tensor.file == file]
                yield source, None if shard is None else cut_as(shard, slices), self._changes(file)

    def hash(self, record: FileRecord, on_bytes: OnBytes) -> str:
        """SHA-256 of the restored file."""
        with self.open(record) as (source, shard, changes):
            if isinstance(source, BytesIO):
                return sha256(source.getvalue()).hexdigest()
            return hash_shard(source, shard, changes, on_bytes).after if shard and changes else hash_stream(source, on_bytes)

    def _changes(self, file: str) -> Changes:
        """The changes that undo all steps on one file, the last step first."""
        by_step = [originals.changes(file) for originals in self.originals]

        def put_back(tensor: TensorInfo, first: int, rows: ByteArray) -> ByteArray:
            for changes in by_step:
                if tensor.name in changes:
                    rows = changes[tensor.name](tensor, first, rows)
            return rows

        return {name: put_back for changes in by_step for name in changes}


def find_way_back(edited: Path, steps: int | None) -> WayBack:
    """Read what is needed to undo steps.

    Args:
        edited: A checkpoint that was edited.
        steps: How many edits to undo; None: all.

    Raises:
        CheckpointError: See `restore_checkpoint`.
    """
    history = read_history(Directory(edited))
    if steps is not None and not 1 <= steps <= len(history):
        raise CheckpointError(f"{edited}: {steps} steps to undo, but it was edited {len(history)} times")
    undone, checkpoint = history[:steps], open_checkpoint(edited)
    return WayBack(
        checkpoint=checkpoint,
        undone=undone,
        originals=tuple(Originals(checkpoint, step) for step in undone),
        records={record.base_file: record for record in undone[-1].manifest.files if record.base_file is not None},
    )


def _restore_file(way: WayBack, record: FileRecord, target: Path, report: Reporter) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    with way.open(record) as (source, shard, changes):
        if shard and changes:
            return copy_shard(source, shard, target, changes, report).after
        return copy_file(source, target, report, clone=not isinstance(source, BytesIO)).after
