"""Undo edits where the edited checkpoint lies: proven by the base's hashes before anything is written."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path, PurePosixPath

from headsurgery.checkpoint.carried import ATTRIBUTES, MANIFEST
from headsurgery.checkpoint.copying import Progress, Reporter, hash_shard
from headsurgery.checkpoint.hashing import hash_stream
from headsurgery.checkpoint.in_place.journal import Journal, open_journal, recover
from headsurgery.checkpoint.in_place.todo import NEW, OLD, Move, Todo, Write, open_own
from headsurgery.checkpoint.manifest import FileRecord
from headsurgery.checkpoint.restore import WayBack, find_way_back
from headsurgery.checkpoint.workplace import Note


def restore_in_place(
    directory: Path | str, *, steps: int | None = None, on_progress: Progress | None = None, on_note: Note | None = None
) -> tuple[FileRecord, ...]:
    """Bring the base back, bit for bit, where its edited copy lies.

    A checkpoint that a killed run left half edited is made whole, and that is all: what was begun is taken back, or finished.

    Args:
        directory: A checkpoint that was edited, in place or not.
        steps: How many edits to undo; None: all.
        on_progress: Called with bytes read and bytes in all.
        on_note: Called with a line for what a killed run left.

    Returns:
        The files that came back, as for `restore.restore_checkpoint`; none if the checkpoint was half edited.

    Raises:
        CheckpointError: No manifest, no undo file, or they don't belong together; or there are not so many steps.
        SurgeryError: It can't be written, or what would come back is not the base; then nothing was changed.
    """
    directory = Path(directory)
    if recover(directory, on_note or (lambda _: None)):
        return ()
    way = find_way_back(directory, steps)
    with open_journal(directory) as journal:
        report = Reporter(sum(record.num_bytes for record in way.records.values()), on_progress)
        for record in way.records.values():
            way.check(record, _hash(way, record, report))
        writes = _originals(way)
        for file in {write.file for write in writes}:
            open_own(directory, file).close()
        moves = [*_cut_attributes(way, journal), *_discarded(way), *_renamed(way)]
        journal.promise(Todo(outcome="finished", writes=writes, moves=moves))
    return tuple(way.records.values())


def _hash(way: WayBack, record: FileRecord, report: Reporter) -> str:
    """SHA-256 of what a file will be."""
    file, files = way.find(record.file), way.checkpoint.files
    shard, changes = way.shard(file), way.changes(file)
    with files.open(file) as source:
        if file == ATTRIBUTES:
            return sha256(source.read(min(record.num_bytes, files.size_of(file)))).hexdigest()
        if shard is None or not changes:
            return hash_stream(source, report)
        return hash_shard(source, shard, changes, report).after


def _originals(way: WayBack) -> list[Write]:
    """Of all steps, the last one first, so that of two to one place the older wins."""
    return [
        Write(file=edit.tensor.file, **vars(edit.runs), source=original.file, start=original.offset)
        for step in way.originals
        for edit, original in step.places()
    ]


def _cut_attributes(way: WayBack, journal: Journal) -> list[Move]:
    """What the Hub added to .gitattributes goes."""
    record, path = way.records.get(ATTRIBUTES), way.checkpoint.path / ATTRIBUTES
    if record is None or path.stat().st_size <= record.num_bytes:
        return []
    with path.open("rb") as stream:
        (journal.new / ATTRIBUTES).write_bytes(stream.read(record.num_bytes))
    return [
        Move(source=ATTRIBUTES, target=f"{OLD}/{ATTRIBUTES}"),
        Move(source=f"{NEW}/{ATTRIBUTES}", target=ATTRIBUTES),
    ]


def _discarded(way: WayBack) -> list[Move]:
    """What the steps had added goes."""
    files = [
        way.find(file, number)
        for number, step in enumerate(way.undone)
        for file in (MANIFEST, *(record.file for record in step.manifest.files if record.base_file is None))
    ]
    return [Move(source=file, target=f"{OLD}/{file}") for file in files if os.path.lexists(way.checkpoint.path / file)]


def _renamed(way: WayBack) -> list[Move]:
    """What the steps had renamed gets its name back, the highest first, since each makes room for the one below it."""
    moves = [Move(source=way.find(record.file), target=name) for name, record in way.records.items()]
    moves = [move for move in moves if move.source != move.target]
    return sorted(moves, key=lambda move: len(PurePosixPath(move.source).parts))
