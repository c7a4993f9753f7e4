"""Check what a manifest states against what can be derived anew from the checkpoint, its recipe and the base.

A manifest lies in the checkpoint that it describes, so whoever changes one may change the other. Invariant: every field of it
is either derived here, hashed by `verify`, or named by `list_unchecked`. Neighbour: `verify`, which reads the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from headsurgery.documents.strict_json import quote
from headsurgery.edits.anatomy import Anatomy, prove_anatomy, record_base
from headsurgery.edits.donor import Donor
from headsurgery.errors import HeadSurgeryError
from headsurgery.filesystem.files import Files
from headsurgery.filesystem.hashing import hash_stream
from headsurgery.hub.names import repository_of
from headsurgery.recipe import MAX_RECIPE_BYTES, Geometry, Recipe, RecipeBase
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import count_parameters
from headsurgery.storage.json_files import read_bounded
from headsurgery.surgery.base_files import CARD, IN_PLACE, MANIFEST, PICTURE, RECIPE, UNDO, sort_files
from headsurgery.surgery.history import HistoryStep
from headsurgery.surgery.manifest import FileRecord, Manifest
from headsurgery.surgery.own_files import record_edit
from headsurgery.surgery.plan import TensorEdit, resolve_edits
from headsurgery.surgery.undo import Originals

_NEW = (UNDO, RECIPE, CARD, PICTURE)
"""Files of `apply` itself. They have no base."""


def check_statements(edited: Checkpoint, steps: tuple[HistoryStep, ...]) -> dict[str, str]:
    """Derive what the manifests state, as far as the checkpoint and its recipes allow.

    Args:
        edited: The edited checkpoint, whose files match the last manifest.
        steps: Its edits, the last one first.

    Returns:
        The differences: manifest and field, with what is stated and what is true.

    Raises:
        ArchitectureError, GeometryError: The checkpoint's heads are not where its family's declaration says.
        CheckpointError: A file can't be read.
    """
    anatomy = prove_anatomy(edited)
    found = {f"{step.folder}{MANIFEST}, {field}": what for step in steps for field, what in _check_step(edited, anatomy, step)}
    named = {record.file for record in steps[0].manifest.files}
    needed = {*edited.described_by, *(shard.file for shard in edited.shards)}
    if lacking := sorted(needed - named):
        found[f"{MANIFEST}, files"] = f"has no entry for {', '.join(lacking)}, although the checkpoint needs it"
    return found


def check_against_base(edited: Checkpoint, step: HistoryStep, base: Checkpoint) -> dict[str, str]:
    """Derive what the last manifest states of its base. The checkpoint must be that base with its recipe's edits.

    Raises:
        CheckpointError: A file can't be read, or undo file and manifest don't belong together.
    """
    return {f"{MANIFEST}, {field}": what for field, what in _check_base(edited, step, base)}


def check_against_donor(step: HistoryStep, donor: Donor) -> dict[str, str]:
    """Derive what the last manifest states of its donor."""
    stated, found = step.manifest.donor or RecipeBase(), donor.record
    fields = [field for field in RecipeBase.model_fields if None not in (getattr(stated, field), getattr(found, field))]
    pairs = [{f"donor.{field}": getattr(record, field) for field in fields} for record in (stated, found)]
    return {f"{MANIFEST}, {field}": what for field, what in _differences(*pairs)}


def list_unchecked(manifest: Manifest, base: Checkpoint | None, *, has_undo: bool, has_donor: bool = False) -> tuple[str, ...]:
    """Fields that nothing can confirm, or that can't be derived from what is available."""
    fields = ["headsurgery", "notes"]
    if any(edit.exactness is not None for edit in manifest.edits):
        fields.append("edits.exactness")
    if base is None or not (repository_of(manifest.base.model) and repository_of(base.model)):
        fields.append("base.model")
    if base is None or None in (manifest.base.revision, base.revision):
        fields.append("base.revision")
    if base is None:
        fields += ["base.fingerprint", "left_out"]
    if manifest.donor is not None and not has_donor:
        fields.append("donor")
    for record in manifest.files:
        if record.file in (CARD, PICTURE):  # people may rewrite them
            fields += [f"files[{record.file}].num_bytes", f"files[{record.file}].sha256"]
        is_edited = any(edit.file == record.file for edit in manifest.edits)
        if base is None and not has_undo and record.base_sha256 is not None and (is_edited or record.base_sha256 != record.sha256):
            fields.append(f"files[{record.file}].base_sha256")
    return tuple(fields)


def _check_step(edited: Checkpoint, anatomy: Anatomy, step: HistoryStep) -> Iterator[tuple[str, str]]:
    """Check a step by its recipe and the tensors, without its base."""
    manifest = step.manifest
    recipe = step.folder + RECIPE
    text = read_bounded(edited.files, recipe, MAX_RECIPE_BYTES)
    if sha256(text).hexdigest() != manifest.recipe_sha256:
        yield "recipe_sha256", f"is not the hash of {recipe}"
    try:
        parsed = Recipe.parse(text.decode(), where=recipe)
        edits = resolve_edits(parsed, anatomy)
    except (HeadSurgeryError, UnicodeDecodeError) as error:
        yield "edits", f"can't be derived: {error}"
        return
    yield from _compare_edits(manifest, edits, edited)
    yield from _compare_donor(manifest, parsed)
    changed, num_parameters = anatomy.count_changed(edit.edit for edit in edits), count_parameters(edited)
    expected: dict[str, Any] = {
        "parameters": num_parameters,
        "parameters_changed": changed,
        "share": changed / num_parameters,
        "base.model_type": anatomy.architecture.model_type,
    }
    found = manifest.model_dump(include={"parameters", "parameters_changed", "share"}) | {
        "base.model_type": manifest.base.model_type
    }
    yield from _differences(found, expected)
    yield from _compare_geometry(manifest, Geometry.of(anatomy.geometry))
    edited_files = {edit.tensor.file for edit in edits}
    for record in manifest.files:
        yield from _check_record(record, is_edited=record.file in edited_files)


def _differences(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for field, value in expected.items():
        if found[field] != value or type(found[field]) is not type(value):
            yield field, f"says {_show(found[field])}, expected {_show(value)}"


def _show(value: object) -> str:
    return quote(value) if isinstance(value, str) else str(value)


def _compare_edits(manifest: Manifest, edits: tuple[TensorEdit, ...], edited: Checkpoint) -> Iterator[tuple[str, str]]:
    if len(manifest.edits) != len(edits):
        yield "edits", f"has {len(manifest.edits)} entries, but the recipe's edits change {len(edits)} slices"
        return
    for place, (found, edit) in enumerate(zip(manifest.edits, edits, strict=True)):
        expected = record_edit(edit, edited).model_dump(exclude={"exactness"})
        yield from ((f"edits[{place}].{field}", what) for field, what in _differences(found.model_dump(), expected))


def _compare_donor(manifest: Manifest, recipe: Recipe) -> Iterator[tuple[str, str]]:
    if manifest.donor is None or not recipe.needs_donor:
        if (manifest.donor is None) == recipe.needs_donor:
            yield "donor", "is missing" if recipe.needs_donor else "is named, but the recipe takes nothing from a donor"
        return
    stated = (recipe.donor or RecipeBase()).model_dump(exclude_none=True)
    found = manifest.donor.model_dump(exclude_none=True)
    for field, value in stated.items():
        if field in found and found[field] != value:
            yield f"donor.{field}", f"says {found[field]}, but the recipe says {value}"


def _compare_geometry(manifest: Manifest, expected: Geometry) -> Iterator[tuple[str, str]]:
    if manifest.base.geometry is None:
        yield "base.geometry", "is missing"
        return
    yield from (
        (f"base.geometry.{field}", what) for field, what in _differences(manifest.base.geometry.model_dump(), expected.model_dump())
    )


def _check_record(record: FileRecord, *, is_edited: bool) -> Iterator[tuple[str, str]]:
    """Check that a file which no edit touches is recorded as the base's, and a new one as new."""
    field = f"files[{record.file}].base_sha256"
    if record.file in (UNDO, RECIPE, PICTURE) and record.base_sha256 is not None:
        yield field, "says that this is a file of the base, but apply made it"
    elif record.base_sha256 is None and record.file not in _NEW:
        yield field, "is null, but apply makes no such file"
    elif record.base_sha256 not in (None, record.sha256) and not is_edited:
        yield field, "is not the file's own hash, but no edit touches it"


def _check_base(edited: Checkpoint, step: HistoryStep, base: Checkpoint) -> Iterator[tuple[str, str]]:
    """Check a step by the base that it was made from."""
    manifest, stated = step.manifest, step.manifest.base
    derived = record_base(base, prove_anatomy(base))
    yield from _differences({"base.fingerprint": stated.fingerprint}, {"base.fingerprint": derived.fingerprint})
    if None not in (stated.revision, derived.revision):
        yield from _differences({"base.revision": stated.revision}, {"base.revision": derived.revision})
    if repository_of(stated.model) and repository_of(derived.model):
        yield from _differences({"base.model": stated.model}, {"base.model": derived.model})
    left_out = [] if IN_PLACE in manifest.notes else list(sort_files(base).left_out)
    if sorted(manifest.left_out) != sorted(left_out):
        yield "left_out", f"says {', '.join(manifest.left_out) or 'nothing'}, expected {', '.join(left_out) or 'nothing'}"
    edits = {edit.file for edit in manifest.edits}
    shards = {shard.file for shard in base.shards}
    for record in manifest.files:
        source = record.base_file
        if source is None or (source in shards and record.file not in edits):  # `verify` compares their bytes
            continue
        if not base.files.has(source):
            yield f"files[{record.file}].base_sha256", f"is the hash of {source}, which the base doesn't have"
        elif _hash(base.files, source) != record.base_sha256:
            yield f"files[{record.file}].base_sha256", f"is not the hash of the base's {source}"
    if edited.files.has(step.folder + UNDO):
        for edit, original in Originals(edited, step).all_slices():
            part = base.here(edit)
            if base.read_slice(part).tobytes() != original.tobytes():
                yield f"files[{UNDO}]", f"the original of {edit.edit.ref} in {edit.tensor.name} is not the base's"


def _hash(files: Files, file: str) -> str:
    promised = files.content_id(file) if files.path is None else None
    if promised is not None and promised.kind == "sha256":
        return promised.digest
    with files.open(file) as stream:
        return hash_stream(stream)
