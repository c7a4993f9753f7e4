"""Which heads changed between two checkpoints, by what factor, and whether anything else did.

Tensors are compared by name in chunks of rows, so sharding may differ and memory stays constant; only the blocks of changed heads
are read a second time. Files that are one and the same on disk are not read. The factor is recovered from the data: the least
squares fit of edited = factor * base, and how well it fits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.architectures import Operation
from headsurgery.checkpoint.anatomy import Anatomy, prove_anatomy
from headsurgery.checkpoint.blocks import BlockReader
from headsurgery.checkpoint.carried import BASE_CARD, CARD, MANIFEST, OWN_FILES, sort_files
from headsurgery.checkpoint.factor import recover_factor
from headsurgery.checkpoint.header import TensorInfo
from headsurgery.checkpoint.plan import multiply, plan_surgery
from headsurgery.checkpoint.reader import CHUNK_BYTES, Checkpoint, read_rows
from headsurgery.errors import CheckpointError
from headsurgery.heads import HeadRef
from headsurgery.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class HeadChange:
    """One head whose block changed.

    Args:
        head: The head.
        operation: Which of its blocks: `scale` for the columns of o_proj, `uniform_attention` for the rows of q_proj and bias.
        factor: What the base was multiplied by, if the fit says anything at all; else None.
        spread: Relative residual of that fit (L2): 0 for an exact multiple, about 1e-3 for bfloat16 rounding, near 1 for none.
        exact: Whether multiplying the base by the factor and rounding gives the edited values, all of them.
        parameters_changed: Elements that differ.
    """

    head: HeadRef
    operation: Operation
    factor: float | None
    spread: float
    exact: bool
    parameters_changed: int

    def to_json(self) -> dict[str, Any]:
        """One entry of `heads` in the JSON document."""
        return {**vars(self.head), **{key: value for key, value in vars(self).items() if key != "head"}}


@dataclass(frozen=True, kw_only=True)
class CheckpointDiff:
    """All that differs.

    Args:
        heads: Changed heads, by layer, head and operation.
        other_tensors: Name of each tensor that changed outside head blocks, and what was found.
        files: What differs besides tensors' values: file name and `added`, `missing` or `differs`.
        parameters: Stored parameters of the base.
        parameters_changed: Elements that differ, in head blocks or not.
        recipe_problems: How the difference departs from the recipe; None when no recipe was given.
    """

    heads: tuple[HeadChange, ...]
    other_tensors: dict[str, str]
    files: dict[str, str]
    parameters: int
    parameters_changed: int
    recipe_problems: tuple[str, ...] | None = None

    @property
    def is_identical(self) -> bool:
        """Whether nothing differs at all."""
        return not (self.heads or self.other_tensors or self.files)

    @property
    def matches_recipe(self) -> bool | None:
        """Whether the difference is exactly the recipe's; None when no recipe was given."""
        return None if self.recipe_problems is None else not self.recipe_problems

    def to_json(self) -> dict[str, Any]:
        """The JSON document of `headsurgery diff --json`."""
        return {
            "identical": self.is_identical,
            "matches_recipe": self.matches_recipe,
            "recipe_problems": list(self.recipe_problems or ()),
            "heads": [head.to_json() for head in self.heads],
            "other_tensors": self.other_tensors,
            "files": self.files,
            "parameters": self.parameters,
            "parameters_changed": self.parameters_changed,
            "share": self.parameters_changed / self.parameters,
        }


def diff_checkpoints(
    base: Checkpoint, edited: Checkpoint, *, recipe: Recipe | None = None, on_progress: Callable[[int, int], None] | None = None
) -> CheckpointDiff:
    """Compare two checkpoints.

    Args:
        base: The original; its architecture says where heads lie.
        edited: What was made from it.
        recipe: When given, the difference is checked against it.
        on_progress: Called with bytes compared and bytes in all.

    Raises:
        ArchitectureError: The base's family is not supported.
        GeometryError: The base is not what the table says.
        CheckpointError: With a recipe, the base is an edited checkpoint itself.
        RecipeError: The recipe names a head that the base doesn't have.
    """
    if recipe is not None and (base.path / MANIFEST).exists():
        raise CheckpointError(f"{base.path}: is an edited checkpoint itself, expected the base", hint="were the two swapped?")
    anatomy = prove_anatomy(base)
    blocks = _head_blocks(anatomy)
    tensors = _compare_tensors(base, edited, blocks, on_progress)
    heads = tuple(sorted(_head_changes(base, edited, blocks, tensors.counts), key=lambda change: (change.head, change.operation)))
    files = _compare_files(base, edited)
    problems = None
    if recipe is not None:
        problems = tuple(_recipe_problems(base, edited, recipe, heads, tensors.other, files))
    return CheckpointDiff(
        heads=heads,
        other_tensors=tensors.other,
        files=files,
        parameters=base.num_parameters,
        parameters_changed=tensors.parameters_changed,
        recipe_problems=problems,
    )


@dataclass(frozen=True, kw_only=True)
class _Block:
    """A head's slice of one tensor."""

    head: HeadRef
    operation: Operation
    axis: int
    block: range


@dataclass(kw_only=True)
class _Tensors:
    """What the pass over all tensors found: differing elements along the axis of head blocks, and everything else."""

    counts: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)
    parameters_changed: int = 0


def _head_blocks(anatomy: Anatomy) -> dict[str, list[_Block]]:
    """Every head's slices by tensor name; all slices of one tensor run along one axis."""
    blocks: dict[str, list[_Block]] = {}
    for head in anatomy.geometry.heads():
        for operation in anatomy.operations:
            for part in anatomy.slices(head, operation):
                block = _Block(head=head, operation=operation, axis=part.axis, block=part.block)
                blocks.setdefault(part.tensor.name, []).append(block)
    return blocks


def _compare_tensors(
    base: Checkpoint, edited: Checkpoint, blocks: dict[str, list[_Block]], on_progress: Callable[[int, int], None] | None
) -> _Tensors:
    found = _Tensors()
    found.other.update(dict.fromkeys(sorted(edited.tensors.keys() - base.tensors.keys()), "only in the edited checkpoint"))
    done, total = 0, sum(tensor.num_bytes for tensor in base.tensors.values())
    for tensor in sorted(base.tensors.values(), key=lambda tensor: (tensor.file, tensor.offset)):
        twin = edited.tensors.get(tensor.name)
        if twin is None:
            found.other[tensor.name] = "missing from the edited checkpoint"
        elif not _are_comparable(base, edited, tensor.name):
            found.other[tensor.name] = f"{tensor.dtype} {list(tensor.shape)} became {twin.dtype} {list(twin.shape)}"
        elif not _is_same_place(base, tensor, edited, twin):
            _compare_tensor(base, tensor, edited, twin, blocks.get(tensor.name, []), found)
        done += tensor.num_bytes
        if on_progress is not None:
            on_progress(done, total)
    return found


def _is_same_place(base: Checkpoint, tensor: TensorInfo, edited: Checkpoint, twin: TensorInfo) -> bool:
    return tensor.offset == twin.offset and os.path.samefile(base.path / tensor.file, edited.path / twin.file)


def _compare_tensor(
    base: Checkpoint, tensor: TensorInfo, edited: Checkpoint, twin: TensorInfo, blocks: list[_Block], found: _Tensors
) -> None:
    axis = blocks[0].axis if blocks else 0
    counts: npt.NDArray[np.int64] | None = None
    for first, mask in _differing_elements(base, tensor, edited, twin):
        if counts is None:
            counts = np.zeros(mask.shape[1] if axis else tensor.num_rows, dtype=np.int64)
        if axis:
            counts += mask.sum(axis=0)
        else:
            counts[first : first + len(mask)] += mask.sum(axis=1)
    if counts is None:
        return
    total = int(counts.sum())
    inside = sum(int(counts[block.block.start : block.block.stop].sum()) for block in blocks)
    found.parameters_changed += total
    if inside:
        found.counts[tensor.name] = counts
    if total > inside:
        place = "outside its heads' blocks" if blocks else "in a tensor that carries no head block"
        found.other[tensor.name] = f"{total - inside} of {tensor.num_parameters} elements differ, {place}"


def _differing_elements(
    base: Checkpoint, tensor: TensorInfo, edited: Checkpoint, twin: TensorInfo
) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
    """First row and mask [rows, elements per row] of each chunk that differs, bit by bit."""
    rows = range(tensor.num_rows)
    item = max(1, tensor.num_bytes // max(1, tensor.num_parameters))
    with base.open(tensor.file) as one, edited.open(twin.file) as other:
        for (first, old), (_, new) in zip(read_rows(one, tensor, rows), read_rows(other, twin, rows), strict=True):
            if not np.array_equal(old, new):
                yield first, (old != new).reshape(len(old), -1, item).any(axis=2)


def _head_changes(
    base: Checkpoint, edited: Checkpoint, blocks: dict[str, list[_Block]], counts: dict[str, npt.NDArray[np.int64]]
) -> Iterator[HeadChange]:
    """Changed heads, each with its factor recovered from all of its slices together."""
    slices: dict[tuple[HeadRef, Operation], list[tuple[str, _Block]]] = {}
    for name, per_tensor in blocks.items():
        for block in per_tensor:
            slices.setdefault((block.head, block.operation), []).append((name, block))
    readers = BlockReader(base), BlockReader(edited)
    for (head, operation), of_head in slices.items():
        parts = [(name, block) for name, block in of_head if _are_comparable(base, edited, name)]
        differing = sum(int(counts[name][block.block.start : block.block.stop].sum()) for name, block in parts if name in counts)
        if not differing:
            continue
        old, new = (
            np.concatenate([reader.read(name, block.axis, block.block).ravel() for name, block in parts]) for reader in readers
        )
        factor, spread, exact = recover_factor(old, new)
        yield HeadChange(head=head, operation=operation, factor=factor, spread=spread, exact=exact, parameters_changed=differing)


def _are_comparable(base: Checkpoint, edited: Checkpoint, name: str) -> bool:
    tensor, twin = base.tensors[name], edited.tensors.get(name)
    return twin is not None and (twin.dtype, twin.shape) == (tensor.dtype, tensor.shape)


def _compare_files(base: Checkpoint, edited: Checkpoint) -> dict[str, str]:
    """Differences besides tensors' values. Files of ours, and copies of the weights that `apply` leaves out, don't count."""
    ours, theirs = sort_files(base), sort_files(edited)
    all_theirs = {*theirs.carried, *theirs.left_out}
    kept_card = BASE_CARD if BASE_CARD in all_theirs else CARD  # where the edited checkpoint has the base's card
    if MANIFEST in all_theirs and CARD not in ours.carried:
        all_theirs.discard(CARD)
    all_theirs -= set(OWN_FILES)
    found = dict.fromkeys(all_theirs - {*ours.carried, *ours.left_out}, "added")
    found |= dict.fromkeys(set(ours.carried) - set(OWN_FILES) - all_theirs, "missing")
    headers = {shard.file: shard.num_header_bytes for shard in base.shards}
    for file in set(ours.carried) & all_theirs:
        twin = kept_card if file == CARD else file
        if not os.path.samefile(base.path / file, edited.path / twin) and not _equal_bytes(
            base, file, edited, twin, headers.get(file)
        ):
            found[file] = "header differs" if file in headers else "differs"
    return dict(sorted(found.items()))


def _equal_bytes(base: Checkpoint, file: str, edited: Checkpoint, twin: str, limit: int | None) -> bool:
    """Compare two files, or only their first `limit` bytes."""
    if limit is None and (base.path / file).stat().st_size != (edited.path / twin).stat().st_size:
        return False
    with base.open(file) as one, edited.open(twin) as other:
        while True:
            length = CHUNK_BYTES if limit is None else min(CHUNK_BYTES, limit)
            old, new = one.read(length), other.read(length)
            if old != new:
                return False
            if not old:
                return True
            limit = None if limit is None else limit - len(old)


def _recipe_problems(
    base: Checkpoint,
    edited: Checkpoint,
    recipe: Recipe,
    heads: tuple[HeadChange, ...],
    other: dict[str, str],
    files: dict[str, str],
) -> Iterator[str]:
    plan = plan_surgery(recipe, base, allow_mismatch=True)
    planned = {(edit.ref, edit.operation) for edit in recipe.edits}
    for change in heads:
        if (change.head, change.operation) not in planned:
            yield f"{change.head}: {change.operation} changed, but the recipe doesn't edit it"
    for edit in plan.edits:
        twin = edited.tensors.get(edit.tensor.name)
        if twin is None or twin.dtype != edit.tensor.dtype or twin.shape != edit.tensor.shape:
            continue  # among the other tensors below
        wanted = multiply(base.read_block(edit.tensor, edit.axis, edit.block), edit.edit.factor)
        if not np.array_equal(edited.read_block(twin, edit.axis, edit.block), wanted):
            yield f"{edit.edit.ref}: {edit.tensor.name} is not base × {edit.edit.factor:g}"
    yield from (f"{name}: {what}" for name, what in other.items())
    yield from (f"{file}: {what}" for file, what in files.items())
