"""Edit a checkpoint in place.

Everything is read before anything is written. Then the original bytes are saved to disk, the heads' bytes are written and read
back, and the new files get their names. If a run is killed before that, the next run undoes its changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath

from headsurgery.errors import SurgeryError
from headsurgery.filesystem.hashing import hash_file, hash_stream
from headsurgery.filesystem.reading import read_exactly
from headsurgery.filesystem.workplace import Note
from headsurgery.heads import HeadRef
from headsurgery.progress import Progress, StageProgress, of_stage
from headsurgery.recipe import HeadEdit
from headsurgery.storage.tensors import cut_as
from headsurgery.surgery.base_files import IN_PLACE, UNDO
from headsurgery.surgery.copying import hash_shard
from headsurgery.surgery.history import check_as_recorded, earlier_manifests, names_in_copy
from headsurgery.surgery.in_place.journal import open_journal, refuse_cache
from headsurgery.surgery.in_place.pending import (
    COMING,
    Move,
    PendingChange,
    Write,
    as_move,
    as_write,
    check_moves,
    open_own,
    write_runs,
)
from headsurgery.surgery.manifest import FileRecord, Manifest
from headsurgery.surgery.own_files import CardWriter, add_own_files
from headsurgery.surgery.plan import SurgeryPlan
from headsurgery.surgery.transfer import planned_changes
from headsurgery.surgery.unchanged import check_unchanged
from headsurgery.surgery.undo import UndoWriter
from headsurgery.surgery.workers import OnBytes, work_by_size, work_through


def apply_in_place(
    plan: SurgeryPlan,
    *,
    write_card: CardWriter | None = None,
    on_progress: Progress | None = None,
    on_note: Note | None = None,
) -> Manifest:
    """Edit the plan's own checkpoint.

    Args:
        plan: From `plan_surgery`.
        write_card: Writes the card, as for `surgery.apply_plan`.
        on_progress: Called with the stage, `reading`, the bytes read, and the total.
        on_note: Called with a line of text about leftovers of a killed run.

    Returns:
        The manifest, which is now also in the checkpoint.

    Raises:
        SurgeryError: It must not or can't be edited in place, or the written bytes are not the planned ones; it is then unchanged.
        CheckpointError: It has changed since it was planned.
    """
    check_in_place(plan)
    directory, names = plan.checkpoint.path, names_in_copy(plan.files.copied, has_card=write_card is not None)
    with open_journal(directory, on_note or (lambda _: None)) as journal:
        with UndoWriter(journal.new / UNDO, plan.edits) as undo:
            records = _hash_files(plan, names, undo, of_stage(on_progress, "reading"))
        was = {str(record.base_file): str(record.base_sha256) for record in records}
        check_unchanged(plan.checkpoint, plan.looks, was)
        check_as_recorded(plan.checkpoint.files, was)
        manifest = add_own_files(plan, records, journal.new, write_card=write_card, notes=[IN_PLACE])
        own = [as_move(f"{COMING}/{path.name}", path.name) for path in sorted(journal.new.iterdir())]
        moves = [*_renamed(names), *own]
        check_moves(directory, moves)
        originals = [
            as_write(directory, edit.tensor.file, edit.runs, f"{COMING}/{UNDO}", undo.start_of(edit)) for edit in plan.edits
        ]
        edited = {edit.tensor.file for edit in plan.edits}
        journal.record(PendingChange(outcome="taken back", writes=originals, digests={file: was[file] for file in edited}))
        _write_edits(plan, originals)
        _check_hashes(directory, [record for record in records if record.base_file in edited])
        journal.record(PendingChange(outcome="finished", moves=moves))
    return manifest


def check_in_place(plan: SurgeryPlan) -> None:
    """Refuse a checkpoint that must not be edited in place.

    Raises:
        SurgeryError: It is shared with others, holds a copy of its weights, or was edited by this recipe before.
    """
    directory, aside = plan.checkpoint.path, "write to a new directory with -o"
    refuse_cache(directory)
    if plan.files.copies:
        raise SurgeryError(
            f"{directory}: contains a second copy of the weights, which would stay unedited: {', '.join(plan.files.copies)}",
            hint=f"move the copy away, or {aside}",
        )
    steps = earlier_manifests(plan.checkpoint.files)
    if any(_what(step.edits) == _what(plan.recipe.edits) for step in steps):
        raise SurgeryError(
            f"{directory}: these edits were already made here",
            hint=f"undo them with headsurgery restore --in-place; to make them a second time, {aside}",
        )
    for file in sorted({edit.tensor.file for edit in plan.edits}):
        open_own(directory, file).close()


def _what(edits: Sequence[HeadEdit]) -> set[tuple[HeadRef, str, float]]:
    return {(edit.ref, edit.operation, edit.factor) for edit in edits}


def _hash_files(
    plan: SurgeryPlan, names: Mapping[str, str], undo: UndoWriter, on_progress: StageProgress | None
) -> list[FileRecord]:
    """Hash all files before and after the edit. The original bytes go to the undo file. Nothing else is written."""
    files, shards = plan.checkpoint.files, {shard.file: shard for shard in plan.checkpoint.shards}

    def hash_one(file: str, on_bytes: OnBytes) -> FileRecord:
        changes = planned_changes(plan, file, undo)
        with files.open(file) as source:
            if changes:
                shard = cut_as(shards[file], [edit for edit in plan.edits if edit.tensor.file == file])
                hashed = hash_shard(source, shard, changes, on_bytes)
                before, after = hashed.before, hashed.after
            else:
                before = after = hash_stream(source, on_bytes)
        return FileRecord(file=names[file], num_bytes=sizes[file], sha256=after, base_sha256=before)

    sizes = {file: files.size_of(file) for file in names}
    return work_by_size(sizes, hash_one, on_progress)


def _write_edits(plan: SurgeryPlan, originals: list[Write]) -> None:
    """Write every planned slice, computed from its saved original, and read it back."""
    base = plan.checkpoint
    by_file = sorted(zip(plan.edits, originals), key=lambda pair: pair[1].file)
    with base.files.open(f"{COMING}/{UNDO}") as undo:
        for file, pairs in groupby(by_file, lambda pair: pair[1].file):
            with open_own(base.path, file) as out:
                for edit, saved in pairs:
                    original = read_exactly(undo, saved.start, saved.num_bytes, UNDO).reshape(-1, edit.row_bytes)
                    wanted = edit.merge(base.read_slice(edit), edit.rewriter(base)(original, 0)).tobytes()
                    write_runs(out, edit.runs, memoryview(wanted))
                    if base.read_slice(edit).tobytes() != wanted:
                        raise SurgeryError(f"{edit.edit.ref}: {edit.tensor.name} was not written as planned; the change is undone")
                os.fsync(out.fileno())


def _check_hashes(directory: Path, records: Sequence[FileRecord]) -> None:
    """Check the edited files against the manifest."""
    digests = {str(record.base_file): record.sha256 for record in records}

    def examine(file: str, on_bytes: OnBytes) -> tuple[str, str]:
        return file, hash_file(directory / file, on_bytes)

    for file, digest in work_through(digests, examine, lambda _: None):
        if digest != digests[file]:
            raise SurgeryError(f"{file}: another program changed it at the same time; the edit is undone")


def _renamed(names: Mapping[str, str]) -> list[Move]:
    """Files to rename, the deepest first, since each makes room for the one above it."""
    moves = [as_move(file, name) for file, name in names.items() if file != name]
    return sorted(moves, key=lambda move: -len(PurePosixPath(move.source).parts))
