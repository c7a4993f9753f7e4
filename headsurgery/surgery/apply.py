"""Carry out a plan: write the edited checkpoint beside its target, check it, rename it into place.

The laws of the bytes, each with a test of its name in tests/test_surgery.py: the base is never written; only planned byte runs
change; all or nothing; every file is carried over but other copies of the weights; float32, rounded once; geometry is proven first
(`anatomy`, `plan`); `undo` brings the base back bit for bit. Neighbours: `transfer` moves the bytes, `linking` spares copies,
`in_place` makes none.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from headsurgery.errors import SurgeryError
from headsurgery.filesystem.linking import Link
from headsurgery.filesystem.staging import staged_directory
from headsurgery.filesystem.workplace import Note
from headsurgery.progress import Progress, of_stage
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.base_files import UNDO
from headsurgery.surgery.history import check_as_recorded, is_as_written, names_in_copy
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.own_files import CardWriter, add_own_files
from headsurgery.surgery.plan import SurgeryPlan
from headsurgery.surgery.transfer import Transfer
from headsurgery.surgery.unchanged import changed, check_unchanged
from headsurgery.surgery.undo import UndoWriter


def apply_plan(
    plan: SurgeryPlan,
    out: Path | str,
    *,
    write_card: CardWriter | None = None,
    link: Link = "auto",
    force: bool = False,
    keep_originals: bool = True,
    on_progress: Progress | None = None,
    on_note: Note | None = None,
) -> Manifest:
    """Write the edited checkpoint.

    Args:
        plan: From `plan_surgery`.
        out: Directory to create.
        write_card: Makes a card, see `card.write_card`; the base's is kept beside it. None: the base's card stays as it is.
        link: How files that are not edited are transferred. `auto`: they share their blocks with the base's files (`reflink`) if
            the file system supports it. Otherwise weight shards become hard links, except those of the Hub's cache, and other
            files are copied. `hardlink` and `symlink` apply to weight shards, also of the cache; all other files are handled as
            with `auto`. See `linking`.
        force: Replace an existing directory.
        keep_originals: Keep the edited slices' original bytes in the checkpoint, without which it can't be restored.
        on_progress: Called with the stage, `writing`, and bytes brought over and in all.
        on_note: Called with a line for what a killed run left beside `out`, and for hashes that were taken on trust.

    Returns:
        The manifest, which also lies in `out`.

    Raises:
        SurgeryError: `out` exists, lies inside the base or can't be written; or what was written is not what was planned.
        CheckpointError: The base changed since it was planned.
    """
    base = plan.checkpoint
    if plan.donor is not None and Path(out).resolve() == plan.donor.checkpoint.files.path:
        raise SurgeryError(f"{out}: is the donor, which would be replaced", hint="give another directory with -o")
    undo_bytes = sum(edit.runs.num_bytes for edit in plan.edits)
    with staged_directory(
        Path(out), base=base.path, num_bytes=undo_bytes, force=force, is_ours=is_as_written, on_note=on_note
    ) as staging:
        with UndoWriter(staging / UNDO, plan.edits) if keep_originals else nullcontext() as undo:
            transfer = Transfer(plan, staging, undo, link, of_stage(on_progress, "writing"))
            records = transfer.run(names_in_copy(plan.files.copied, has_card=write_card is not None))
        was = {str(record.base_file): str(record.base_sha256) for record in records}
        check_unchanged(base, transfer.looks, was)
        check_as_recorded(base.files, was)
        _check_result(plan, staging)
        manifest = add_own_files(plan, records, staging, write_card=write_card, left_out=plan.files.left_out)
    if transfer.unread and on_note is not None:
        on_note(
            f"{len(transfer.unread)} files were not read: their hashes are the names of the Hub cache's blobs; verify reads them"
        )
    return manifest


def _check_result(plan: SurgeryPlan, staging: Path) -> None:
    """Read the result back: the same headers, and every planned slice what it shall be."""
    result = open_checkpoint(staging)
    if result.config != plan.checkpoint.config:
        raise changed("config.json")
    if result.tensors != plan.checkpoint.tensors:
        raise SurgeryError(f"{staging}: the written headers are not the base's; nothing was kept")
    for edit in plan.edits:
        wanted = edit.rewriter(plan.checkpoint)(plan.checkpoint.read_slice(edit), 0)
        if result.read_slice(edit).tobytes() != wanted.tobytes():
            raise SurgeryError(f"{edit.edit.ref}: {edit.tensor.name} was not written as planned; nothing was kept")
