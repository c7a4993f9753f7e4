"""Check that an edited checkpoint still matches its manifest byte for byte, and that it is the base with exactly its edits.

People may rewrite the card and its picture, so these are only checked to exist. Lines that the Hub appended to .gitattributes are
ignored. Files that the manifest doesn't name are not an error. They are listed, so that nobody publishes them unawares.

Hashes alone prove that nothing changed since `apply`. If the base is available, the edit itself is checked against it: every edited
slice must be the result of its edit, and every other byte must be the base's. Without the base, the originals stored in the
checkpoint take its place: each slice must be the result of its edit, and each file must have the base's hash once all originals
are put back. Heads from a donor are checked if the donor is available. What the manifest states is derived anew (`statements`) or
listed as unchecked.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.edits.donor import open_donor
from headsurgery.edits.operations import OPERATIONS
from headsurgery.errors import CheckpointError, RecipeError
from headsurgery.filesystem.files import Directory
from headsurgery.filesystem.hashing import hash_file
from headsurgery.progress import Progress, StageProgress, of_stage
from headsurgery.recipe import Recipe
from headsurgery.storage.checkpoint import Checkpoint, open_checkpoint
from headsurgery.storage.tensors import cut_as
from headsurgery.surgery.base_files import ATTRIBUTES, BOOKKEEPING, CARD, MANIFEST, PICTURE, RECIPE, UNDO
from headsurgery.surgery.copying import hash_shard
from headsurgery.surgery.history import HistoryStep, count_restorable, misfits, read_history
from headsurgery.surgery.manifest import FileRecord, Manifest
from headsurgery.surgery.plan import TensorEdit, resolve_edits
from headsurgery.surgery.statements import check_against_base, check_against_donor, check_statements, list_unchecked
from headsurgery.surgery.undo import Originals
from headsurgery.surgery.workers import OnBytes, work_by_size, work_through

_OTHER_BYTES = "not the bytes that apply wrote"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of a verification.

    Args:
        problems: Files that are missing or differ, each with what was found.
        others: Files that the manifest doesn't name, sorted.
        against: What the edit was checked against; None: files were only hashed.
        steps: How many edits were made.
        restorable: How many of them `restore` can undo, counted from the last one.
        unchecked: Fields of the manifest that nothing can confirm, or that could not be derived from what was available.
        underived: Edits that were not checked because their donor was not available, such as `L2H26 transplant`. Everything else
            was checked all the same.
    """

    problems: dict[str, str]
    others: tuple[str, ...]
    against: Literal["base", "originals"] | None = None
    steps: int = 1
    restorable: int = 0
    unchecked: tuple[str, ...] = ()
    underived: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """The verdict, on one line."""
        found = "every file matches the manifest"
        if self.problems:
            first, what = next(iter(self.problems.items()))
            found = f"{first}: {what}" + (f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else "")
        return f"Verification({found}; edit derived from the {self.against})" if self.against else f"Verification({found})"


def verify_files(directory: Path, manifest: Manifest, *, on_progress: StageProgress | None = None) -> Verification:
    """Hash every file that the manifest names.

    Args:
        directory: The edited checkpoint.
        manifest: Its manifest.
        on_progress: Called with the bytes read and the total.

    Raises:
        CheckpointError: A file can't be read.
    """
    records = {record.file: record for record in manifest.files}

    def examine(file: str, on_bytes: OnBytes) -> tuple[str, str | None]:
        try:
            return file, _problem_of(directory / file, records[file], on_bytes)
        except OSError as error:
            raise CheckpointError(f"{file}: can't be read: {error.strerror}") from error

    found = dict(work_by_size({file: record.num_bytes for file, record in records.items()}, examine, on_progress))
    problems = {file: problem for file in records if (problem := found[file]) is not None}
    return Verification(problems=problems, others=tuple(sorted(_files_of(directory) - records.keys() - {MANIFEST})))


def _problem_of(path: Path, record: FileRecord, on_bytes: OnBytes) -> str | None:
    """What is wrong with a file."""
    if not path.is_file():
        return "missing"
    if record.file in (CARD, PICTURE):  # only checked to exist, so refuse a link, which could publish any file of this machine
        return "a link, expected a file" if path.is_symlink() else None
    if record.file == ATTRIBUTES:
        with path.open("rb") as stream:
            head = stream.read(min(record.num_bytes, path.stat().st_size))
        if len(head) < record.num_bytes:
            return f"{len(head)} bytes, expected {record.num_bytes}"
        return None if sha256(head).hexdigest() == record.sha256 else _OTHER_BYTES
    if path.stat().st_size != record.num_bytes:
        return f"{path.stat().st_size} bytes, expected {record.num_bytes}"
    return None if hash_file(path, on_bytes) == record.sha256 else _OTHER_BYTES


def verify_checkpoint(
    directory: Path, *, base: Checkpoint | None = None, donor: Checkpoint | None = None, on_progress: Progress | None = None
) -> Verification:
    """Hash every file, and check the edit.

    Args:
        directory: The edited checkpoint.
        base: The base that it was made from; None: the originals stored in it are used instead.
        donor: The donor of its transplanted heads; None: these edits are not checked.
        on_progress: Called with the stage, `reading`, the bytes read, and the total.

    Raises:
        CheckpointError: It has no manifest, a file can't be read, or manifest and checkpoint don't belong together.
        RecipeError: A donor was given, but no edit takes anything from it.
        GeometryError: The donor has different heads.
    """
    history = read_history(Directory(directory))
    manifest = history[0].manifest
    found = verify_files(directory, manifest, on_progress=of_stage(on_progress, "reading"))
    restorable = count_restorable(Directory(directory), history)
    found = replace(found, problems=found.problems | misfits(history), steps=len(history), restorable=restorable)
    if found.problems:
        return found
    edited, has_undo = open_checkpoint(directory), (directory / UNDO).is_file()
    unchecked = list_unchecked(manifest, base, has_undo=has_undo, has_donor=donor is not None)
    found = replace(found, problems=check_statements(edited, history), unchecked=unchecked)
    if found.problems:
        return found
    recipe, anatomy = Recipe.load(directory / RECIPE), prove_anatomy(edited)
    if donor is not None and not recipe.needs_donor:
        raise RecipeError(f"{directory}: none of its edits takes anything from a donor", hint="omit --donor")
    giver = None if donor is None else open_donor(donor, anatomy)
    edits = resolve_edits(recipe, anatomy, giver)
    unknown = dict.fromkeys(f"{edit.edit.ref} {edit.edit.operation}" for edit in edits if not edit.change.is_known)
    if base is None and not has_undo:
        return replace(found, underived=tuple(unknown))
    if base is not None:
        problems = _differ_from_base(edited, base, donor, recipe, history) or check_against_base(edited, history[0], base)
    else:
        problems = _differ_from_originals(edited, manifest, edits)
    if not problems and giver is not None:
        problems = check_against_donor(history[0], giver)
    return replace(found, against="originals" if base is None else "base", problems=problems, underived=tuple(unknown))


def _differ_from_base(
    edited: Checkpoint, base: Checkpoint, donor: Checkpoint | None, recipe: Recipe, history: Sequence[HistoryStep]
) -> dict[str, str]:
    compared = diff_checkpoints(base, edited, recipe=recipe, donor=donor)
    rewritten = {f"{file}: {what}" for file, what in compared.files.items() if file in (CARD, PICTURE)}
    problems = [problem for problem in compared.recipe_problems or () if problem not in rewritten]
    if not problems:
        return {}
    more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return {base.model: "; ".join([*_say_other_base(base, history), *problems[:_SHOWN], *more])}


_SHOWN = 5


def _say_other_base(base: Checkpoint, history: Sequence[HistoryStep]) -> list[str]:
    """A problem if the given base doesn't have the weights that the last edit was made from."""
    found = base.fingerprint()
    if found == history[0].manifest.base.fingerprint:
        return []
    if any(found == step.manifest.base.fingerprint for step in history[1:]):
        return ["is the base of an earlier edit, expected the checkpoint that the last edit was made from"]
    return ["is not the base that the manifest names: its base.fingerprint differs, because of other weights or a new save"]


def _differ_from_originals(edited: Checkpoint, manifest: Manifest, edits: Sequence[TensorEdit]) -> dict[str, str]:
    """Slices and files that don't follow from the originals by the manifest's edits, which `check_statements` has checked."""
    planned = {(edit.edit.ref, edit.edit.operation, edit.tensor.name): edit for edit in edits}
    originals, shards = Originals(edited, HistoryStep(manifest=manifest, folder="")), {shard.file: shard for shard in edited.shards}
    records = {record.file: record for record in manifest.files}

    def examine(file: str, on_bytes: OnBytes) -> dict[str, str]:
        problems, slices = {}, originals.slices(file)
        for part, original in slices:
            edit = planned[part.edit.ref, part.edit.operation, part.tensor.name]
            if edit.change.is_known and not edit.agree(edited.read_slice(edit), edit.rewriter(edited)(original, 0)):
                wanted = OPERATIONS[edit.edit.operation].say_result("its original", edit.edit.factor)
                problems[edit.tensor.name] = f"{edit.edit.ref} is not {wanted}"
        if file in shards and (slices or records[file].sha256 != records[file].base_sha256):
            with edited.files.open(file) as source:
                shard = cut_as(shards[file], [part for part, _ in slices])
                restored = hash_shard(source, shard, originals.changes(file), on_bytes)
            if restored.after != records[file].base_sha256:
                problems[file] = "differs from the base's file even with its originals put back"
        return problems

    found = work_through(sorted(records), examine, lambda _: None)
    return {place: problem for problems in found for place, problem in problems.items()}


def _files_of(directory: Path) -> set[str]:
    found: set[str] = set()
    for folder, folders, names in os.walk(directory):
        if Path(folder) == directory:
            folders[:] = [name for name in folders if name not in BOOKKEEPING]
        found |= {Path(folder, name).relative_to(directory).as_posix() for name in names}
    return found
