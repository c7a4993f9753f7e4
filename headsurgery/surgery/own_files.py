"""What `apply` adds to a checkpoint besides the original bytes: the recipe, the card with its picture, and the manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from headsurgery.edits.anatomy import record_base
from headsurgery.filesystem.hashing import hash_file
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.surgery.base_files import MANIFEST, RECIPE, UNDO
from headsurgery.surgery.history import read_base_card
from headsurgery.surgery.manifest import EditRecord, ExactnessRecord, FileRecord, Manifest
from headsurgery.surgery.plan import SurgeryPlan, TensorEdit
from headsurgery.version import __version__

CardWriter = Callable[[Manifest, bytes | None], dict[str, bytes]]
"""Gets the manifest and the base's own card, if there is one. Returns the new card and its picture, by file name."""


def add_own_files(
    plan: SurgeryPlan,
    records: Sequence[FileRecord],
    folder: Path,
    *,
    write_card: CardWriter | None,
    left_out: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Manifest:
    """Write the files.

    Args:
        plan: The plan that was carried out.
        records: The base's files that were copied.
        folder: Where to write. It may already hold the original bytes.
        write_card: Writes the card; None: there is no card.
        left_out: Files of the base that are not in the checkpoint.
        notes: Notes for the user, in addition to the plan's own.

    Returns:
        The manifest.
    """
    recipe_text = plan.recipe.to_json()
    _write_new(folder / RECIPE, recipe_text.encode())
    own = [_record_new(folder, file) for file in (UNDO, RECIPE) if (folder / file).is_file()]
    manifest = Manifest(
        headsurgery=__version__,
        base=record_base(plan.checkpoint, plan.anatomy),
        donor=None if plan.donor is None else plan.donor.record,
        recipe_sha256=sha256(recipe_text.encode()).hexdigest(),
        edits=[record_edit(edit, plan.checkpoint) for edit in plan.edits],
        parameters=plan.num_parameters,
        parameters_changed=plan.parameters_changed,
        share=plan.share,
        files=sorted([*records, *own], key=lambda record: record.file),
        left_out=list(left_out),
        notes=[*plan.notes, *notes],
    )
    if write_card:
        manifest = _add_card(manifest, write_card, read_base_card(plan.checkpoint.files, plan.files.copied), folder)
    _write_new(folder / MANIFEST, manifest.to_json().encode())
    return manifest


def _add_card(manifest: Manifest, write_card: CardWriter, base_card: bytes | None, folder: Path) -> Manifest:
    """Write the card and its picture, and list them in the manifest."""
    made = write_card(manifest, base_card)
    for file, data in made.items():
        _write_new(folder / file, data)
    records = [*manifest.files, *(_record_new(folder, file) for file in made)]
    return manifest.model_copy(update={"files": sorted(records, key=lambda record: record.file)})


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)


def _record_new(folder: Path, file: str) -> FileRecord:
    return FileRecord(file=file, num_bytes=(folder / file).stat().st_size, sha256=hash_file(folder / file))


def record_edit(edit: TensorEdit, checkpoint: Checkpoint) -> EditRecord:
    """The manifest's entry for one planned slice of a checkpoint."""
    stored = checkpoint.tensors[edit.tensor.name]
    return EditRecord(
        **edit.edit.model_dump(),
        tensor=edit.tensor.name,
        file=edit.tensor.file,
        axis=edit.axis,
        start=edit.block.start,
        stop=edit.block.stop,
        shape=None if edit.tensor.shape == stored.shape else list(edit.tensor.shape),
        exactness=None if edit.exactness is None else ExactnessRecord.model_validate(edit.exactness.to_json()),
    )
