"""Compare a checkpoint with its base: heads that were multiplied, with their recipe, and everything else that changed.

Invariant: a head is called multiplied only if one factor explains how it differs from the base. A recipe contains only edits that
give the heads' values, up to one rounding. Heads that were changed individually in another way are named as well (`standing_out`).
All other changes are described by tensor (`matrices`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from headsurgery.auditing.matrices import Matrix, describe_change, low_rank_of, read_sample
from headsurgery.auditing.records import Audit, Finding
from headsurgery.auditing.standing_out import Place, find_multiplied, find_standing_out
from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.comparing.names import match_names
from headsurgery.comparing.result import CheckpointDiff, HeadChange
from headsurgery.edits.anatomy import Anatomy, prove_anatomy, record_base
from headsurgery.errors import HeadSurgeryError
from headsurgery.progress import Progress
from headsurgery.recipe import HeadEdit, Provenance, Recipe
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import is_plain
from headsurgery.storage.sole_weights import check_sole_weights
from headsurgery.storage.tensors import TensorInfo
from headsurgery.surgery.plan import check_edit

RECOVERED = "recovered by an audit of"
"""Beginning of the note of a recovered recipe."""


def examine_against(checkpoint: Checkpoint, base: Checkpoint, *, on_progress: Progress | None = None) -> Audit:
    """Examine a checkpoint against its base.

    Args:
        checkpoint: The checkpoint to examine.
        base: The checkpoint from which it is said to be made.
        on_progress: Called with the stage, `comparing`, the bytes compared, and the total.

    Raises:
        ArchitectureError, GeometryError: The base's heads are not where its family's declaration says.
        CheckpointError: The two have no tensor with heads in common, or a runtime would load something other than the weights.
    """
    anatomy = prove_anatomy(base)
    check_sole_weights(checkpoint)
    found = diff_checkpoints(base, checkpoint, on_progress=on_progress)
    edited = match_names(base, checkpoint).edited
    changes = _Changes(anatomy, base, edited, found)
    refused, edits = {}, []
    for change in changes.scaled:
        edit = HeadEdit(
            layer=change.head.layer, head=change.head.head, operation=change.operation, factor=float(change.factor or 0.0)
        )
        try:
            check_edit(edit, base, anatomy)
        except HeadSurgeryError as error:
            refused[change.head, change.operation] = str(error)
        else:
            edits.append(edit)
    recipe = None
    if edits:
        note = f"{RECOVERED} {checkpoint.model}"
        recipe = Recipe(base=record_base(base, anatomy), edits=tuple(edits), provenance=Provenance(note=note))
    multiplied = [
        _say_multiplied(change, refused.get((change.head, change.operation)), is_whole_layer=changes.is_whole_layer(change))
        for change in changes.scaled
    ]
    findings = sorted([*multiplied, *changes.name_others()], key=lambda finding: (finding.head, finding.operation))
    other = changes.describe_tensors()
    return Audit(
        model=checkpoint.model,
        base=base.model,
        findings=tuple(findings),
        other=other,
        recipe=recipe,
        is_exact=bool(
            edits
            and len(edits) == len(findings)
            and not (other or found.retyped)
            and all(change.exact for change in changes.scaled)
        ),
        notes=(
            *(f"{ours}: called {theirs} in {checkpoint.model}" for ours, theirs in found.renamed.items()),
            *(f"{file}: {what}" for file, what in found.files.items()),
        ),
        retyped=found.retyped,
        changed_heads=tuple((change.head, change.operation) for change in found.heads),
    )


class _Changes:
    """The differences, sorted into multiplied heads, heads that were changed individually, and tensors."""

    def __init__(self, anatomy: Anatomy, base: Checkpoint, edited: Checkpoint, found: CheckpointDiff) -> None:
        self._anatomy, self._base, self._edited, self._found = anatomy, base, edited, found
        self.scaled = find_multiplied(found.heads, anatomy)
        self._named: dict[Place, str] = {}
        self._named = find_standing_out(found, anatomy, base, edited, is_low_rank=cache(self._is_low_rank))

    def is_whole_layer(self, change: HeadChange) -> bool:
        """Whether a multiplied head's layer has several heads, all of them multiplied by the same factor."""
        mates = [other for other in self.scaled if (other.head.layer, other.operation) == (change.head.layer, change.operation)]
        num_heads = self._anatomy.geometry.layer_of(change.head).num_heads
        return len(mates) == num_heads > 1 and all(other.factor == change.factor for other in mates)

    def name_others(self) -> Iterable[Finding]:
        """Heads that were changed individually, and those of which a factor explains only a part."""
        for change in self._found.heads:
            reason = self._named.get((change.head, change.operation))
            if reason is not None:
                yield _say_changed(change, reason)

    def describe_tensors(self) -> dict[str, str]:
        """Tensors that changed in another way, each with a description."""
        rest: dict[str, list[HeadChange]] = {}
        done = {(change.head, change.operation) for change in self.scaled} | self._named.keys()
        for change in self._found.heads:
            if (change.head, change.operation) not in done:
                for part in self._anatomy.slices(change.head, change.operation):
                    rest.setdefault(part.tensor.name, []).append(change)
        said = {name: self._describe(name, rest.get(name, [])) for name in sorted({*rest, *self._found.other_tensors})}
        return {name: what for name, what in said.items() if what}

    def _describe(self, name: str, changes: Sequence[HeadChange]) -> str:
        """Describe a tensor's change, apart from heads that are findings. Empty if nothing else changed."""
        said = [self._found.other_tensors[name]] if name in self._found.other_tensors else []
        old, new = self._base.tensors.get(name), self._edited.tensors.get(name)
        if old is None or new is None or not _is_comparable(old, new):
            return "; ".join([*said, *self._count_heads(changes)])
        before, after = self._sides(old, new)
        if not said and not _differ(before, after):
            return "only the signs of zeros changed" if changes else ""
        said += self._count_heads(changes)
        if len(old.shape) == 2 and _differ(before, after):
            said.append(describe_change(before, after))
        return "; ".join(said)

    def _count_heads(self, changes: Sequence[HeadChange]) -> list[str]:
        """How many heads of a layer changed in a way that no factor explains; empty if none did."""
        if not changes:
            return []
        layer = self._anatomy.geometry.layer_of(changes[0].head)
        count = len({change.head for change in changes})
        return [f"{count} of the layer's {layer.num_heads} heads changed, and no factor explains it"]

    def _sides(self, old: TensorInfo, new: TensorInfo) -> tuple[Matrix, Matrix]:
        """A tensor before and after. Blocks of heads that are findings are reset, so that they don't affect the description."""
        before, after = read_sample(self._base, old), read_sample(self._edited, new)
        known = self._blocks_of([*((change.head, change.operation) for change in self.scaled), *self._named])
        if old.name in known and before.shape == old.shape:
            after = after.copy()
            with np.errstate(over="ignore", invalid="ignore"):
                for axis, block in known[old.name]:
                    cut = (slice(None), slice(block.start, block.stop)) if axis else (slice(block.start, block.stop),)
                    after[cut] = before[cut].astype(after.dtype)
        return before, after

    def _blocks_of(self, places: Iterable[Place]) -> dict[str, list[tuple[int, range]]]:
        blocks: dict[str, list[tuple[int, range]]] = {}
        for head, operation in places:
            for part in self._anatomy.slices(head, operation):
                blocks.setdefault(part.tensor.name, []).append((part.axis, part.block))
        return blocks

    def _is_low_rank(self, name: str) -> bool:
        old, new = self._base.tensors[name], self._edited.tensors[name]
        return _is_comparable(old, new) and len(old.shape) == 2 and low_rank_of(*self._sides(old, new)) is not None


def _is_comparable(old: TensorInfo, new: TensorInfo) -> bool:
    """Whether a tensor of floats kept its shape."""
    return old.shape == new.shape and is_plain(old.dtype) and is_plain(new.dtype) and old.num_parameters > 0


def _differ(before: Matrix, after: Matrix) -> bool:
    with np.errstate(invalid="ignore"):  # nan, which differs from everything
        return bool((before.astype(np.float64) != after.astype(np.float64)).any())


def _say_multiplied(change: HeadChange, refused: str | None, *, is_whole_layer: bool) -> Finding:
    if change.order is not None:
        how = "multiplied, value for value, and stored in another type"
    elif change.exact:
        how = "multiplied, bit for bit"
    else:
        how = f"multiplied; each value to within one step of its type ({change.unexplained:.2g} of the change)"
    if is_whole_layer:
        how = f"{how}, like all heads of its layer"
    evidence = how if refused is None else f"{how}; not in the recipe: {refused}"
    return Finding(head=change.head, operation=change.operation, factor=change.factor, certainty="proven", evidence=evidence)


def _say_changed(change: HeadChange, reason: str) -> Finding:
    if change.agreement == "about":
        rest = f"changed in other ways as well ({change.unexplained:.2g} of the change)"
        evidence = f"multiplied by about {change.factor:.4g} and {rest}: {reason}"
        return Finding(head=change.head, operation=change.operation, factor=change.factor, certainty="strong", evidence=evidence)
    evidence = f"changed, not multiplied: {reason}"
    return Finding(head=change.head, operation=change.operation, factor=None, certainty="strong", evidence=evidence, kind="changed")
