"""Undo edits in place. The base's hashes are checked before anything is written."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from headsurgery.errors import SurgeryError
from headsurgery.filesystem.files import Directory
from headsurgery.filesystem.hashing import hash_file
from headsurgery.filesystem.staging import free_name
from headsurgery.filesystem.workplace import Note
from headsurgery.progress import Progress, StageProgress, of_stage
from headsurgery.surgery.base_files import ATTRIBUTES, CARD, MANIFEST
from headsurgery.surgery.history import describe_steps
from headsurgery.surgery.in_place.journal import Journal, open_journal, recover
from headsurgery.surgery.in_place.pending import COMING, LEAVING, Move, PendingChange, Write, as_move, as_write, open_own
from headsurgery.surgery.manifest import FileRecord
from headsurgery.surgery.restore import WayBack, find_way_back
from headsurgery.surgery.workers import OnBytes, work_by_size


def restore_in_place(
    directory: Path | str, *, steps: int | None = None, on_progress: Progress | None = None, on_note: Note | None = None
) -> tuple[FileRecord, ...]:
    """Restore the base in place, bit for bit.

    If a killed run left the checkpoint half edited, this call only makes it consistent: it undoes or finishes that run's change.

    Args:
        directory: A checkpoint that was edited, in place or not.
        steps: How many edits to undo; None: all.
        on_progress: Called with the stage, `reading`, the bytes read, and the total.
        on_note: Called with a line of text about leftovers of a killed run, and about a card that somebody rewrote, which is kept.

    Returns:
        The restored files, as for `restore.restore_checkpoint`; none if the checkpoint was half edited and is the base now.

    Raises:
        CheckpointError: There is no manifest or no undo file, they don't belong together, or there are not so many steps.
        SurgeryError: It can't be written. Or the result would not be the base; nothing was changed then. Or the checkpoint was half
            edited; it is consistent now, but still edited.
    """
    directory, on_note = Path(directory), on_note or (lambda _: None)
    outcome = recover(directory, on_note)
    if outcome is not None:
        _refuse_edited(directory, outcome)
        return ()
    way = find_way_back(directory, steps)
    with open_journal(directory, on_note) as journal:
        _check_hashes(way, of_stage(on_progress, "reading"))
        writes = _originals(way)
        edited = {write.file for write in writes}
        for file in edited:
            open_own(directory, file).close()
        digests = {file: str(record.base_sha256) for file, record in way.records.items() if file in edited}
        discarded = _discarded(way)
        moves = [*_cut_attributes(way, journal), *discarded, *_renamed(way)]
        journal.record(PendingChange(outcome="finished", writes=writes, digests=digests, moves=moves))
    for move in discarded:
        if not move.target.startswith(LEAVING):
            on_note(f"{move.source} was rewritten after apply, and is now called {move.target}")
    return tuple(way.records.values())


def _refuse_edited(directory: Path, outcome: str) -> None:
    if (directory / MANIFEST).is_file():
        edits = describe_steps(Directory(directory))
        raise SurgeryError(
            f"{directory}: was half edited; the change is {outcome}, and the checkpoint is still edited: {edits}",
            hint="run the command again to undo these edits",
        )


def _check_hashes(way: WayBack, on_progress: StageProgress | None) -> None:
    """Check that every file will be restored to the base's content."""
    records = {way.find(record.file): record for record in way.records.values()}

    def examine(file: str, on_bytes: OnBytes) -> tuple[str, str]:
        return file, way.hash(records[file], on_bytes)

    sizes = {file: record.num_bytes for file, record in records.items()}
    wrong = sorted(file for file, digest in work_by_size(sizes, examine, on_progress) if digest != records[file].base_sha256)
    if wrong:
        raise SurgeryError(
            f"{', '.join(wrong)}: changed since apply, so the base can't be restored; nothing was changed",
            hint="restore the files that apply wrote, or download the base",
        )


def _originals(way: WayBack) -> list[Write]:
    """The writes of all steps, the last step first, so that for the same place the oldest bytes win."""
    return [
        as_write(way.checkpoint.path, edit.tensor.file, edit.runs, original.file, original.offset)
        for step in way.originals
        for edit, original in step.places()
    ]


def _cut_attributes(way: WayBack, journal: Journal) -> list[Move]:
    """Remove the lines that the Hub added to .gitattributes."""
    record, path = way.records.get(ATTRIBUTES), way.checkpoint.path / ATTRIBUTES
    if record is None or path.stat().st_size <= record.num_bytes:
        return []
    with path.open("rb") as stream:
        (journal.new / ATTRIBUTES).write_bytes(stream.read(record.num_bytes))
    return [
        as_move(ATTRIBUTES, f"{LEAVING}/{ATTRIBUTES}"),
        as_move(f"{COMING}/{ATTRIBUTES}", ATTRIBUTES),
    ]


def _discarded(way: WayBack) -> list[Move]:
    """Remove the files that the steps added. A card that somebody rewrote is kept beside the base's."""
    directory, moves = way.checkpoint.path, []
    for number, step in enumerate(way.undone):
        added = {MANIFEST: "", **{record.file: record.sha256 for record in step.manifest.files if record.base_sha256 is None}}
        if number:  # the step on top of it lists the files that still existed
            found = {record.base_file for record in way.undone[number - 1].manifest.files}
            added = {file: digest for file, digest in added.items() if file in found}
        for file in added:
            now = way.find(file, number)
            if not os.path.lexists(directory / now):
                continue
            is_rewritten = file == CARD and hash_file(directory / now) != added[file]
            kept_card = free_name(directory / (f"{CARD}.bak" if not number else f"{CARD}.step{len(way.undone) - number}.bak"))
            moves.append(as_move(now, kept_card.name if is_rewritten else f"{LEAVING}/{now}"))
    return moves


def _renamed(way: WayBack) -> list[Move]:
    """Give renamed files their old names, the highest first, since each makes room for the one below it."""
    moves = [as_move(way.find(record.file), name) for name, record in way.records.items()]
    moves = [move for move in moves if move.source != move.target]
    return sorted(moves, key=lambda move: len(PurePosixPath(move.source).parts))
