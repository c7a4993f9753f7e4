"""A recipe resolved against one checkpoint: which slices of which tensors of which files change, and how.

`plan_surgery` finds every reason to refuse before any byte is written. `surgery.apply_plan` executes exactly this plan, so a dry
run can't drift from the real one. A plan is never saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from headsurgery.architectures.gguf import families_of, is_gguf, names_in
from headsurgery.documents.front_matter import MAX_CARD, read_front_matter
from headsurgery.documents.strict_json import quote
from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.changes import EditChange
from headsurgery.edits.donor import Donor, open_donor
from headsurgery.edits.operations import OPERATIONS, OperationName
from headsurgery.edits.slices import HeadSlice
from headsurgery.errors import GeometryError, RecipeError, SurgeryError
from headsurgery.filesystem.files import Files
from headsurgery.hub.names import repository_of
from headsurgery.recipe import HeadEdit, Recipe, RecipeBase, say_edits
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import Exactness, Rewriter, count_parameters, is_plain
from headsurgery.storage.gguf import SUFFIX
from headsurgery.storage.sole_weights import says_quantized
from headsurgery.storage.tensors import StoredSlice
from headsurgery.surgery.base_files import CARD, MANIFEST, OWN_FILES, BaseFiles, sort_files
from headsurgery.surgery.history import count_restorable, describe_steps, read_base_card, read_history
from headsurgery.surgery.unchanged import Looks, observe

_ROPE_BASE = 10_000
"""Base frequency of the rotary embedding if a configuration states none."""


@dataclass(frozen=True, kw_only=True)
class TensorEdit(StoredSlice):
    """One stored slice that an edit changes.

    Args:
        edit: The recipe's edit that it comes from.
        part: The head's slice that it belongs to.
        change: What is done to the numbers of `part`.
        exactness: How exact the result will be; None if no values were read.
    """

    edit: HeadEdit
    part: HeadSlice
    change: EditChange
    exactness: Exactness | None = None

    def __repr__(self) -> str:
        """The edit and its slice, on one line."""
        what = "columns" if self.axis else "rows"
        return f"TensorEdit({say_edits([self.edit])}: {what} {self.block.start}-{self.block.stop - 1} of {self.tensor.name})"

    def rewriter(self, checkpoint: Checkpoint) -> Rewriter:
        """A function that changes its bytes.

        Args:
            checkpoint: Where the values that the new bytes depend on are read, such as the scales of quantized numbers.
        """
        return self.part.matrix.rewriter(checkpoint, self, self.change)


@dataclass(frozen=True, kw_only=True)
class SurgeryPlan:
    """Everything that `apply_plan` will do.

    Args:
        recipe: The recipe that was resolved.
        checkpoint: The base.
        anatomy: Where its heads lie.
        edits: The slices to change, in the recipe's order; an edit of a q_proj with a bias has two.
        files: Which files are carried over and which are left out.
        looks: Size and times of the carried files before their values were read.
        notes: What the user should know, although nothing is wrong.
        donor: Where transplanted heads come from; None: there are none.
    """

    recipe: Recipe
    checkpoint: Checkpoint
    anatomy: Anatomy
    edits: tuple[TensorEdit, ...]
    files: BaseFiles
    looks: Looks
    notes: tuple[str, ...]
    donor: Donor | None = None

    @property
    def parameters_changed(self) -> int:
        """Parameters that the edits change."""
        return self.anatomy.count_changed(edit.edit for edit in self.edits)

    @cached_property
    def num_parameters(self) -> int:
        """Parameters of the base."""
        return count_parameters(self.checkpoint)

    @property
    def is_exact(self) -> bool:
        """Whether no number will be rounded."""
        return all(edit.exactness is not None and edit.exactness.level == "exact" for edit in self.edits)

    @property
    def share(self) -> float:
        """`parameters_changed` as a share of all parameters, from 0 to 1."""
        return self.parameters_changed / self.num_parameters

    def __repr__(self) -> str:
        """What is edited, and where, on one line."""
        what = f"{say_edits(self.recipe.edits)} in {len({edit.tensor.name for edit in self.edits})} tensors"
        return f"SurgeryPlan({what} of {self.checkpoint.model}; {self.parameters_changed:,} parameters)"

    def to_json(self) -> dict[str, Any]:
        """The document that a dry run shows."""
        return {
            "base": {"model": self.checkpoint.model, "revision": self.checkpoint.revision},
            **({} if self.donor is None else {"donor": self.donor.record.model_dump(include={"model", "revision"})}),
            "edits": [
                edit.edit.model_dump()
                | {"tensor": edit.tensor.name, "file": edit.tensor.file, "dtype": edit.tensor.dtype, "axis": edit.axis}
                | {"start": edit.block.start, "stop": edit.block.stop, "runs": vars(edit.runs)}
                | {"exactness": edit.exactness.to_json() if edit.exactness else None}
                for edit in self.edits
            ],
            "parameters": self.num_parameters,
            "parameters_changed": self.parameters_changed,
            "share": self.share,
            "exactness": "exact" if self.is_exact else "rounded",
            "edited_files": sorted({edit.tensor.file for edit in self.edits}),
            "carried_files": list(self.files.copied),
            "left_out": list(self.files.left_out),
            "notes": list(self.notes),
        }


def plan_surgery(
    recipe: Recipe, checkpoint: Checkpoint, *, donor: Checkpoint | None = None, allow_mismatch: bool = False
) -> SurgeryPlan:
    """Resolve a recipe against a checkpoint and check that every edit can be made.

    Args:
        recipe: The recipe.
        checkpoint: The base.
        donor: Where transplanted heads come from, if the recipe has any.
        allow_mismatch: Continue even if the recipe was made for another base or names another donor.

    Raises:
        RecipeError: The checkpoint has no such head, two edits change one block, or a donor is missing or not needed.
        GeometryError: The base doesn't match the recipe or its family's declaration, or the donor doesn't fit.
        ArchitectureError: The family is not supported.
        SurgeryError: The stored type can't hold an edit, or the base has a file with a name that `apply` needs.
    """
    anatomy = prove_anatomy(checkpoint)
    files = sort_files(checkpoint)
    looks = observe(checkpoint.files, files.copied)
    if not allow_mismatch:
        _check_stated(recipe.base, checkpoint, anatomy, what="the recipe was made for another base", own="base")
    _check_needs_donor(recipe, donor)
    giver = None if donor is None else open_donor(donor, anatomy)
    if giver is not None and recipe.donor is not None and not allow_mismatch:
        _check_stated(recipe.donor, giver.checkpoint, giver.anatomy, what="the recipe names another donor", own="donor")
    taken = [file for file in OWN_FILES if file in files.copied]
    if taken and MANIFEST not in taken:
        raise SurgeryError(
            f"{checkpoint.files.where}: has a file {taken[0]}, but apply writes a file of that name", hint="rename that file"
        )
    edits = tuple(_assess(checkpoint, edit) for edit in resolve_edits(recipe, anatomy, giver))
    return SurgeryPlan(
        recipe=recipe if allow_mismatch else _pin(recipe, checkpoint, giver),
        checkpoint=checkpoint,
        anatomy=anatomy,
        edits=edits,
        files=files,
        looks=looks,
        notes=(
            *_notes(recipe, anatomy),
            *_say_other_format(recipe.base, checkpoint),
            *_say_donor(recipe, checkpoint, anatomy, giver),
            *_say_quantized(checkpoint),
            *_say_rope(checkpoint.config),
            *_say_steps(checkpoint.files),
            *_say_card(checkpoint.files, files),
        ),
        donor=giver,
    )


def check_exact(plan: SurgeryPlan) -> None:
    """Refuse a plan that rounds numbers.

    Raises:
        SurgeryError: It rounds some.
    """
    rounded = [edit for edit in plan.edits if edit.exactness is None or edit.exactness.level != "exact"]
    if rounded:
        shown = "; ".join(
            f"{edit.edit.ref}: {OPERATIONS[edit.edit.operation].say_result(edit.tensor.name, edit.edit.factor)}: {edit.exactness}"
            for edit in rounded[:3]
        )
        more = f"; and {len(rounded) - 3} more" if len(rounded) > 3 else ""
        raise SurgeryError(
            f"{len(rounded)} of {len(plan.edits)} slices can't be changed exactly: {shown}{more}",
            hint="omit --exact to accept that, or choose the factor 0 or a power of two; --dry-run shows each slice",
        )


def resolve_edits(recipe: Recipe, anatomy: Anatomy, donor: Donor | None = None) -> tuple[TensorEdit, ...]:
    """The slices that a recipe's edits change, in the recipe's order.

    Args:
        recipe: The recipe.
        anatomy: Where heads lie.
        donor: Where transplanted heads come from. Without it, their changes are not known (`EditChange.is_known`).

    Raises:
        RecipeError, GeometryError: The checkpoint doesn't allow a head or a factor, or two edits change one block.
    """
    found: list[TensorEdit] = []
    taken: dict[tuple[str, int], int] = {}
    for position, edit in enumerate(recipe.edits):
        for resolved in _resolve(edit, anatomy, donor, f"edits[{position}]: "):
            name = resolved.part.tensor.name
            first = taken.setdefault((name, resolved.part.block.start), position)
            if first != position:
                raise RecipeError(
                    f"edits[{position}]: {edit.operation} on {edit.ref} changes {name}, which edits[{first}] changes too",
                    hint="split them into two recipes, and apply the second to the result of the first",
                )
            found.append(resolved)
    return tuple(found)


def _check_needs_donor(recipe: Recipe, donor: Checkpoint | None) -> None:
    if recipe.needs_donor and donor is None:
        raise RecipeError(
            "the recipe takes heads from a donor, but no donor was given", hint="name it with --donor MODEL (in Python donor=...)"
        )
    if donor is not None and not recipe.needs_donor:
        raise RecipeError("no edit of the recipe takes anything from a donor", hint="omit --donor")


def check_edit(edit: HeadEdit, checkpoint: Checkpoint, anatomy: Anatomy) -> None:
    """Refuse an edit that can't be made.

    Raises:
        RecipeError, GeometryError, SurgeryError: As `plan_surgery`.
    """
    for tensor_edit in _resolve(edit, anatomy, None, ""):
        _assess(checkpoint, tensor_edit)


def _assess(checkpoint: Checkpoint, edit: TensorEdit) -> TensorEdit:
    """Add to an edit how exact it will be.

    Raises:
        SurgeryError: The result overflows, is not a number, or is lost in rounding.
    """
    part, factor = edit.part, edit.edit.factor
    found = part.matrix.assess(checkpoint, part.axis, part.block, edit.change)
    if found.fault is not None:
        place = f"{edit.edit.ref}: {part.tensor.name}"
        raise OPERATIONS[edit.edit.operation].refusal(found, place=place, factor=factor, dtype=part.matrix.stored_type)
    return replace(edit, exactness=found)


def _resolve(edit: HeadEdit, anatomy: Anatomy, donor: Donor | None, where: str) -> list[TensorEdit]:
    try:
        slices = anatomy.slices(edit.ref, edit.operation, where=where)
    except GeometryError as error:
        raise RecipeError(str(error)) from error
    OPERATIONS[edit.operation].check(edit.factor, has_q_norm=anatomy.has_q_norm, where=where)
    changes = [EditChange(edit=edit, inputs=donor.inputs(edit, number) if donor else {}) for number in range(len(slices))]
    return [
        TensorEdit(edit=edit, part=part, change=change, tensor=stored.tensor, axis=stored.axis, block=stored.block)
        for part, change in zip(slices, changes, strict=True)
        for stored in part.matrix.rewritten(part.axis, part.block, change)
    ]


def _pin(recipe: Recipe, checkpoint: Checkpoint, donor: Donor | None) -> Recipe:
    """Complete the recipe with what is known of base and donor, so that base + donor + recipe = model for everyone.

    A base that the recipe doesn't identify gets its id and commit. The donor gets all that is known.
    """
    pinned: dict[str, RecipeBase] = {}
    base = recipe.base
    if checkpoint.revision and not base.revision and (repository_of(base.model) is None or base.model == checkpoint.model):
        pinned["base"] = base.model_copy(update={"model": checkpoint.model, "revision": checkpoint.revision})
    if donor is not None:
        stated = {} if recipe.donor is None else {key: value for key, value in recipe.donor if value is not None}
        pinned["donor"] = donor.record.model_copy(update=stated)
    return recipe.model_copy(update=pinned) if pinned else recipe


def _check_stated(stated: RecipeBase, checkpoint: Checkpoint, anatomy: Anatomy, *, what: str, own: str) -> None:
    """Compare a checkpoint with what the recipe says of its base or donor."""
    differences = stated.geometry.differences(anatomy.geometry) if stated.geometry else []
    if stated.model_type not in (None, anatomy.architecture.model_type, *families_of(checkpoint.config)):
        differences.insert(0, f"model_type: recipe {stated.model_type}, checkpoint {anatomy.architecture.model_type}")
    if stated.revision and checkpoint.revision and stated.revision != checkpoint.revision:
        differences.append(f"revision: recipe {stated.revision}, checkpoint {checkpoint.revision}")
    is_proven = checkpoint.files.path is None and stated.revision == checkpoint.revision  # a commit identifies the bytes
    is_proven |= _is_of_another_format(stated, checkpoint)  # whose fingerprint differs in any case; `_say_other_format` says so
    if not differences and not is_proven and stated.fingerprint and stated.fingerprint != (found := checkpoint.fingerprint()):
        differences.append(f"fingerprint of the weights: recipe {stated.fingerprint[:12]}..., checkpoint {found[:12]}...")
    if differences:
        raise GeometryError(
            f"{what}: {'; '.join(differences)}",
            hint=f"use the {own} that the recipe names, or --allow-mismatch (allow_mismatch=True) to continue",
        )


def _is_of_another_format(stated: RecipeBase, checkpoint: Checkpoint) -> bool:
    """Whether a recipe was made on safetensors and the checkpoint is a GGUF file, or the other way round."""
    return stated.model is not None and stated.model.lower().endswith(SUFFIX) != is_gguf(checkpoint.config)


def _say_other_format(stated: RecipeBase, checkpoint: Checkpoint) -> tuple[str, ...]:
    """How it is known that a recipe's base and a checkpoint in another format are the same model."""
    is_same = stated.revision is not None and stated.revision == checkpoint.revision
    if not _is_of_another_format(stated, checkpoint) or is_same or stated.fingerprint == checkpoint.fingerprint():
        return ()
    compared = "layers, heads and widths are those of the recipe" if stated.geometry else "the recipe states no geometry"
    names = names_in(checkpoint.config)
    wanted = _letters(str(stated.model).rpartition("/")[2].removesuffix(SUFFIX))
    found = {name: letters for name in names if (letters := _letters(name.rpartition("/")[2]))}
    same = [name for name, letters in found.items() if letters == wanted]
    close = [name for name, letters in found.items() if letters in wanted or wanted in letters]
    if same:
        known = f"its metadata name {quote(same[0])}"
    elif close:
        known = f"its metadata name {quote(close[0])}, which may be another version, such as the base of a chat model"
    else:
        known = f"its metadata name {quote(names[0])}" if names else "no name in its metadata"
        known += ", so nothing but the shape shows that it is the same model"
    return (
        f"the recipe was made on {quote(stated.model)}, in another format, so fingerprints can't be compared: {compared}; {known}",
    )


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _say_donor(recipe: Recipe, base: Checkpoint, anatomy: Anatomy, donor: Donor | None) -> tuple[str, ...]:
    """Notes if the donor's values are rounded, or if the donor is the base itself."""
    if donor is None:
        return ()
    pairs = {
        tuple(part.matrix.format for part in both)
        for edit in recipe.edits
        if "donor" in OPERATIONS[edit.operation].needs
        for both in zip(*(one.slices(edit.ref, edit.operation) for one in (donor.anatomy, anatomy)), strict=True)
    }
    notes = [
        f"the donor's weights are stored as {theirs}; transplanted values are stored as {ours}, like the base"
        for theirs, ours in sorted(pairs)
        if theirs != ours
    ]
    own = donor.record.fingerprint
    if own == base.fingerprint() if own else (base.model, base.revision) == (donor.record.model, donor.record.revision):
        notes.append("the donor is the base itself, so nothing changes")
    return tuple(notes)


def _say_rope(config: Mapping[str, Any]) -> tuple[str, ...]:
    """A note on a setting that transformers 5 writes and other runtimes misread, edited or not; see docs/runtimes.md."""
    parameters = config.get("rope_parameters")
    base = parameters.get("rope_theta") if isinstance(parameters, dict) else None
    if not isinstance(base, int | float) or base == _ROPE_BASE or "rope_theta" in config:
        return ()
    return (
        f"config.json has rope_theta {quote(base)} only inside rope_parameters, where transformers 4, Optimum and MLX don't look: "
        f"they run base and result with {_ROPE_BASE}; copy it to the top level of config.json as well",
    )


def _say_quantized(checkpoint: Checkpoint) -> tuple[str, ...]:
    """A note if the configuration says that the weights are quantized, but none of them are."""
    method = says_quantized(checkpoint.config)
    if method is None or any(not is_plain(tensor.dtype) for tensor in checkpoint.tensors.values()):
        return ()
    return (
        f"config.json says that the weights are quantized ({method}), but all of them are plain floats: runtimes will refuse base "
        "and result, or quantize them when they load; if they were dequantized, delete that section of config.json",
    )


def _say_steps(files: Files) -> tuple[str, ...]:
    if not files.has(MANIFEST):
        return ()
    steps = read_history(files)
    end = len(steps) - count_restorable(files, steps)
    return (
        f"the base was edited before ({describe_steps(files)}); this edit is step {len(steps) + 1} on top of that",
        *([f"restore can go back to step {end} only, because that step's original bytes are missing"] if end else []),
    )


def _say_card(files: Files, base_files: BaseFiles) -> tuple[str, ...]:
    """Notes on what can't be carried over from the base's card into the new one."""
    card = read_front_matter(read_base_card(files, base_files.copied, most=MAX_CARD) or b"")
    notes = tuple(f"{CARD}: the base's card {note}" for note in card.notes)
    if not card.problem:
        return notes
    stated = f" It has {' and '.join(map(quote, card.licences))}, which still holds." if card.licences else ""
    return (
        *notes,
        f"{CARD}: the metadata of the base's card can't be read ({card.problem}), so licence, languages and tags are missing from "
        f"the new card's metadata.{stated} push will ask for --force",
    )


def _notes(recipe: Recipe, anatomy: Anatomy) -> tuple[str, ...]:
    factors: dict[OperationName, list[float]] = {}
    for edit in recipe.edits:
        factors.setdefault(edit.operation, []).append(edit.factor)
    notes = [note for name, of_edits in factors.items() for note in OPERATIONS[name].notes(anatomy, of_edits)]
    if all(OPERATIONS[edit.operation].is_identity(edit.factor) for edit in recipe.edits):
        notes.append("every factor is 1: the result will be an identical copy")
    return tuple(notes)
