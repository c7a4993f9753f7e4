"""Carry out a plan: write the edited checkpoint beside its target, check it, rename it into place.

The laws of the bytes, each with a test of its name in tests/test_surgery.py: the base is never written; only planned byte runs
change; all or nothing; every file is carried over but other copies of the weights; float32, rounded once; geometry is proven first
(`anatomy`, `plan`); `undo` brings the base back bit for bit. Neighbours: `transfer` moves the bytes, `linking` spares copies.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from headsurgery import __version__
from headsurgery.checkpoint.anatomy import record_base
from headsurgery.checkpoint.carried import MANIFEST, RECIPE, UNDO, sort_files
from headsurgery.checkpoint.copying import Progress
from headsurgery.checkpoint.files import Directory
from headsurgery.checkpoint.hashing import hash_file
from headsurgery.checkpoint.history import find_base_card, name_in_copy
from headsurgery.checkpoint.linking import Link
from headsurgery.checkpoint.manifest import EditRecord, FileRecord, Manifest
from headsurgery.checkpoint.plan import SurgeryPlan, TensorEdit, multiply
from headsurgery.checkpoint.reader import open_checkpoint
from headsurgery.checkpoint.staging import staged_directory
from headsurgery.checkpoint.transfer import Transfer
from headsurgery.checkpoint.unchanged import Looks, changed, check_unchanged
from headsurgery.checkpoint.undo import UndoWriter
from headsurgery.checkpoint.workplace import Note
from headsurgery.errors import SurgeryError

CardWriter = Callable[[Manifest, bytes | None], dict[str, bytes]]
"""Gets the manifest and the base's own card, if it has one; returns the new card and its picture by name."""


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
        link: How files come over that stay as they are. `auto`: sharing their blocks with the base's (`reflink`) where the file
            system can; else weight shards as hard links, but not those of the Hub's cache; else as copies. `hardlink` and
            `symlink` are for weight shards, of the cache, too; all other files are then as with `auto`. See `linking`.
        force: Replace an existing directory.
        keep_originals: Keep the edited slices' original bytes in the checkpoint, without which it can't be restored.
        on_progress: Called with bytes brought over and bytes in all.
        on_note: Called with a line for what a killed run left beside `out`.

    Returns:
        The manifest, which also lies in `out`.

    Raises:
        SurgeryError: `out` exists, lies inside the base or can't be written; or what was written is not what was planned.
        CheckpointError: The base changed since it was planned.
    """
    base = plan.checkpoint
    undo_bytes = sum(edit.runs.count * edit.runs.length for edit in plan.edits)
    with staged_directory(
        Path(out), base=base.path, num_bytes=undo_bytes, force=force, replaceable=MANIFEST, on_note=on_note
    ) as staging:
        with UndoWriter(staging / UNDO, plan.edits) as undo:
            was_edited, has_card = MANIFEST in plan.files.carried, write_card is not None
            names = {file: name_in_copy(file, was_edited=was_edited, has_card=has_card) for file in plan.files.carried}
            transfer = Transfer(plan, staging, undo, link, on_progress)
            records = transfer.run(names)
        if not keep_originals:
            (staging / UNDO).unlink()
        recipe_text = plan.recipe.to_json()
        _write_new(staging / RECIPE, recipe_text.encode())
        _check_base_stayed(plan, transfer.looks, records)
        _check_result(plan, staging)
        records += [_record_new(staging, file) for file in (UNDO, RECIPE) if (staging / file).is_file()]
        manifest = Manifest(
            headsurgery=__version__,
            base=record_base(base, plan.anatomy),
            recipe_sha256=sha256(recipe_text.encode()).hexdigest(),
            edits=[_record_edit(edit) for edit in plan.edits],
            parameters=base.num_parameters,
            parameters_changed=plan.parameters_changed,
            share=plan.share,
            files=sorted(records, key=lambda record: record.file),
            left_out=list(plan.files.left_out),
            notes=[*plan.notes, *_explain_unread(transfer.unread)],
        )
        if write_card:
            manifest = _add_card(manifest, write_card, staging)
        _write_new(staging / MANIFEST, manifest.to_json().encode())
    return manifest


def _add_card(manifest: Manifest, write_card: CardWriter, staging: Path) -> Manifest:
    """Write the card and its picture, and enter them in the manifest."""
    kept = find_base_card(Directory(staging))
    made = write_card(manifest, (staging / kept).read_bytes() if kept else None)
    for file, data in made.items():
        _write_new(staging / file, data)
    records = [*manifest.files, *(_record_new(staging, file) for file in made)]
    return manifest.model_copy(update={"files": sorted(records, key=lambda record: record.file)})


def _explain_unread(files: list[str]) -> list[str]:
    """What to know about hashes that nobody computed here."""
    if not files:
        return []
    return [f"not read, SHA-256 taken from the names of the Hub cache's blobs: {', '.join(files)}"]


def _check_base_stayed(plan: SurgeryPlan, looks: Looks, records: list[FileRecord]) -> None:
    """The base has the files that it had when it was planned, and they hold what was read of them."""
    base = plan.checkpoint
    check_unchanged(base.path, looks, {str(record.base_file): str(record.base_sha256) for record in records})
    if sort_files(base).carried != plan.files.carried:
        raise changed(str(base.path))


def _check_result(plan: SurgeryPlan, staging: Path) -> None:
    """Read the result back: the same headers, and every planned slice what it shall be."""
    result = open_checkpoint(staging)
    if result.config != plan.checkpoint.config:
        raise changed("config.json")
    if result.tensors != plan.checkpoint.tensors:
        raise SurgeryError(f"{staging}: the written headers are not the base's; nothing was kept")
    for edit in plan.edits:
        wanted = multiply(plan.checkpoint.read_block(edit.tensor, edit.axis, edit.block), edit.edit.factor)
        if result.read_block(edit.tensor, edit.axis, edit.block).tobytes() != wanted.tobytes():
            raise SurgeryError(f"{edit.edit.ref}: {edit.tensor.name} was not written as planned; nothing was kept")


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)


def _record_new(staging: Path, file: str) -> FileRecord:
    return FileRecord(file=file, num_bytes=(staging / file).stat().st_size, sha256=hash_file(staging / file))


def _record_edit(edit: TensorEdit) -> EditRecord:
    return EditRecord(
        **edit.edit.model_dump(),
        tensor=edit.tensor.name,
        file=edit.tensor.file,
        axis=edit.axis,
        start=edit.block.start,
        stop=edit.block.stop,
    )
