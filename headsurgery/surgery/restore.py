"""The way back (law 7): the base, bit for bit, out of an edited checkpoint and the original bytes that lie in it."""

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
from headsurgery.storage.tensors import Shard, TensorInfo
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
    """Bring the base back from an edited checkpoint, bit for bit, and prove it by the manifest's hashes of the base.

    Args:
        edited: A checkpoint that `apply_plan` wrote.
        out: Directory to create.
        steps: How many edits to undo, of a checkpoint that was edited several times; None: all, back to the first base.
        force: Replace an existing directory.
        on_progress: Called with the stage, `writing`, and bytes written and in all.
        on_note: Called with a line for what a killed run left beside `out`.

    Returns:
        The files written, as the undone step made them, none of them a link; where the file system can they share blocks with the
        edited checkpoint's. What `apply_plan` left out of the base can't come back; the manifest names it.

    Raises:
        CheckpointError: No manifest, no undo file, or they don't belong together; or there are not so many steps.
        SurgeryError: `out` can't be written, or a restored file is not the base's.
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
                    f"{way.find(record.file)}: what came back is not the base's file; nothing was kept",
                    hint="the edited checkpoint was changed after apply; download the base instead",
                )
    return tuple(way.records.values())


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """What undoes the last steps of an edited checkpoint.

    Args:
        checkpoint: As it is.
        undone: The steps, the last one first.
        originals: Of each.
        records: The files that come back, by the names that they get back.
    """

    checkpoint: Checkpoint
    undone: tuple[HistoryStep, ...]
    originals: tuple[Originals, ...]
    records: dict[str, FileRecord]

    def find(self, file: str, step: int = -1) -> str:
        """Where a file of one of the steps lies now.

        Args:
            file: Its name as the step left it.
            step: Which of `undone`.
        """
        above = self.undone[: step % len(self.undone)]
        for names in ({record.base_file: record.file for record in later.manifest.files} for later in reversed(above)):
            if file not in names:
                raise CheckpointError(f"{MANIFEST}: doesn't say where {file} of the step before lies")
            file = names[file]
        return file

    @contextmanager
    def open(self, record: FileRecord) -> Iterator[tuple[BinaryIO, Shard | None, Changes]]:
        """Open what a file comes back from: as it is now, as the shard that it is, and what undoes all steps on it.

        What the Hub added at the end of .gitattributes is not there. Without a shard, or changes, it comes back as it is.
        """
        file, files = self.find(record.file), self.checkpoint.files
        shard = next((shard for shard in self.checkpoint.shards if shard.file == file), None)
        with files.open(file) as source:
            if file == ATTRIBUTES:
                yield BytesIO(source.read(min(record.num_bytes, files.size_of(file)))), None, {}
            else:
                yield source, shard, self._changes(file)

    def hash(self, record: FileRecord, on_bytes: OnBytes) -> str:
        """SHA-256 of what comes back."""
        with self.open(record) as (source, shard, changes):
            if isinstance(source, BytesIO):
                return sha256(source.getvalue()).hexdigest()
            return hash_shard(source, shard, changes, on_bytes).after if shard and changes else hash_stream(source, on_bytes)

    def _changes(self, file: str) -> Changes:
        """What undoes all steps on one file, the last step first."""
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
        steps: How many; None: all.

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
