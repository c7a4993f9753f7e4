"""Carry out a plan: write the edited checkpoint next to its target, check it, and rename it into place.

The laws of the bytes, each with a test of its name in tests/test_surgery.py: the base is never written; only planned byte runs
change; all or nothing; every file is carried over except other copies of the weights; values are computed in float32 and rounded
once; geometry is proven first (`anatomy`, `plan`); `undo` restores the base bit for bit. Neighbours: `transfer` moves the bytes,
`linking` avoids copies, `in_place` edits without a copy.
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
        write_card: Writes the card, see `card.write_card`. The base's card is kept next to it. None: the base's card stays as it
            is.
        link: How files that are not edited are transferred. `auto`: they share their blocks with the base's files (`reflink`) if
                the file system supports it. Otherwise weight shards become hard links, unless they are in the Hub's cache, and
                other files are copied. `hardlink` and `symlink` apply to weight shards, even those in the cache; all other files
                are handled as with `auto`. See `linking`.
        force: Replace an existing directory.
        keep_originals: Keep the original bytes of the edited slices in the checkpoint. Without them it can't be restored.
        on_progress: Called with the stage, `writing`, the bytes written, and the total.
        on_note: Called with a line of text about leftovers of a killed run next to `out`, and about hashes taken on trust.

    Returns:
        The manifest, which is also written to `out`.

    Raises:
        SurgeryError: `out` exists, lies inside the base or can't be written, or the written bytes are not the planned ones.
        CheckpointError: The base has changed since it was planned.
    """
    base = plan.checkpoint
    if plan.donor is not None and Path(out).resolve() == plan.donor.checkpoint.files.path:
        raise SurgeryError(f"{out}: is the donor, which would be replaced", hint="choose another directory with -o")
    undo_bytes = sum(edit.runs.num_bytes for edit in plan.edits)
    with staged_directory(
        Path(out), base=base.files.extent, num_bytes=undo_bytes, force=force, is_ours=is_as_written, on_note=on_note
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
            f"{len(transfer.unread)} files were not read: their hashes are taken from the Hub cache's file names; verify reads them"
        )
    return manifest


def _check_result(plan: SurgeryPlan, staging: Path) -> None:
    """Read the result back: its headers must be the base's, and every planned slice must hold the planned bytes."""
    result = open_checkpoint(staging)
    if result.config != plan.checkpoint.config:
        raise changed(result.described_by[0] if result.described_by else result.shards[0].file)
    if result.tensors != plan.checkpoint.tensors:
        raise SurgeryError(f"{staging}: the written headers differ from the base's; nothing was kept")
    for edit in plan.edits:
        wanted = edit.rewriter(plan.checkpoint)(plan.checkpoint.read_slice(edit), 0)
        if not edit.agree(result.read_slice(edit), wanted):
            raise SurgeryError(f"{edit.edit.ref}: {edit.tensor.name} was not written as planned; nothing was kept")
