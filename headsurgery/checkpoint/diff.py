"""Which heads changed between two checkpoints, by what factor, and whether anything else did.

Tensors are compared by name in chunks of rows, so sharding may differ and memory stays constant. Layer by layer: the tensors that
hold head blocks, then once more the blocks of changed heads, while they are near; then all other tensors. Files that are known to
be equal, by being one on disk or by a hash that the Hub lists, are not read. The factor is recovered from the data: the least
squares fit of edited = factor * base, and how well it fits. Neighbour: `diff_files` compares whole files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headsurgery.architectures import Operation
from headsurgery.checkpoint.anatomy import Anatomy, prove_anatomy
from headsurgery.checkpoint.blocks import BlockReader
from headsurgery.checkpoint.carried import MANIFEST, PREVIOUS
from headsurgery.checkpoint.diff_files import Sameness, compare_files
from headsurgery.checkpoint.diff_result import CheckpointDiff, HeadChange
from headsurgery.checkpoint.factor import recover_factor
from headsurgery.checkpoint.header import TensorInfo
from headsurgery.checkpoint.pairs import differing_rows
from headsurgery.checkpoint.plan import multiply, plan_surgery
from headsurgery.checkpoint.reader import Checkpoint
from headsurgery.errors import CheckpointError
from headsurgery.heads import HeadRef
from headsurgery.recipe import Recipe


def diff_checkpoints(
    base: Checkpoint,
    edited: Checkpoint,
    *,
    recipe: Recipe | None = None,
    heads_only: bool = False,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> CheckpointDiff:
    """Compare two checkpoints.

    Args:
        base: The original; its architecture says where heads lie.
        edited: What was made from it.
        recipe: When given, the difference is checked against it.
        heads_only: Compare the values of those tensors alone that hold head blocks; of the others name, type and shape.
        on_start: Called once, before values are compared, with the bytes of them that are not on this machine.
        on_progress: Called with bytes compared and bytes in all.

    Raises:
        ArchitectureError: The base's family is not supported.
        GeometryError: The base is not what the table says.
        CheckpointError: With a recipe, the base is an edited checkpoint itself.
        RecipeError: The recipe names a head that the base doesn't have.
    """
    if recipe is not None and base.files.has(MANIFEST) and not edited.files.has(f"{PREVIOUS}/{MANIFEST}"):
        raise CheckpointError(
            f"{base.files.where}: is an edited checkpoint itself, expected the base", hint="were the two swapped?"
        )
    blocks = _head_blocks(prove_anatomy(base))
    is_same = Sameness(base, edited)
    work = _plan(base, edited, blocks, is_same, heads_only)
    if on_start is not None:
        on_start(work.num_bytes * [base.files.path, edited.files.path].count(None))
    found = _compare_tensors(base, edited, blocks, work, on_progress)
    heads = tuple(sorted(found.heads, key=lambda change: (change.head, change.operation)))
    files = compare_files(base, edited, is_same)
    problems = None
    if recipe is not None:
        problems = tuple(_recipe_problems(base, edited, recipe, heads, found.other, files))
    return CheckpointDiff(
        heads=heads,
        other_tensors=found.other,
        files=files,
        parameters=base.num_parameters,
        parameters_changed=found.parameters_changed,
        recipe_problems=problems,
        parameters_unread=work.parameters_unread,
    )


@dataclass(frozen=True, kw_only=True)
class _Block:
    """A head's slice of one tensor."""

    head: HeadRef
    operation: Operation
    axis: int
    block: range


@dataclass(frozen=True, kw_only=True)
class _Work:
    """Tensors whose values are compared, in groups that are read one after another; and parameters whose values are not."""

    groups: list[list[TensorInfo]]
    parameters_unread: int

    @property
    def num_bytes(self) -> int:
        return sum(tensor.num_bytes for group in self.groups for tensor in group)


@dataclass(kw_only=True)
class _Found:
    """What the pass over the tensors found."""

    heads: list[HeadChange] = field(default_factory=list)
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


def _plan(base: Checkpoint, edited: Checkpoint, blocks: dict[str, list[_Block]], is_same: Sameness, heads_only: bool) -> _Work:
    """Layer by layer the tensors that hold head blocks, then every other one by itself; without what is known to be equal."""
    layers: dict[int, list[TensorInfo]] = {}
    others = []
    for tensor in sorted(base.tensors.values(), key=lambda tensor: (tensor.file, tensor.offset)):
        twin = edited.tensors.get(tensor.name)
        if twin is None or not _are_comparable(tensor, twin):
            continue
        if tensor.offset == twin.offset and is_same(tensor.file, twin.file):
            continue
        if tensor.name in blocks:
            layers.setdefault(blocks[tensor.name][0].head.layer, []).append(tensor)
        else:
            others.append(tensor)
    unread = sum(tensor.num_parameters for tensor in others) if heads_only else 0
    return _Work(groups=[*layers.values(), *([] if heads_only else [[tensor] for tensor in others])], parameters_unread=unread)


def _compare_tensors(
    base: Checkpoint,
    edited: Checkpoint,
    blocks: dict[str, list[_Block]],
    work: _Work,
    on_progress: Callable[[int, int], None] | None,
) -> _Found:
    found = _Found()
    found.other.update(dict.fromkeys(sorted(edited.tensors.keys() - base.tensors.keys()), "only in the edited checkpoint"))
    for name, tensor in base.tensors.items():
        twin = edited.tensors.get(name)
        if twin is None:
            found.other[name] = "missing from the edited checkpoint"
        elif not _are_comparable(tensor, twin):
            found.other[name] = f"{tensor.dtype} {list(tensor.shape)} became {twin.dtype} {list(twin.shape)}"
    done, total = 0, work.num_bytes
    for group in work.groups:
        counts = {}
        for tensor in group:
            of_tensor = _count_differences(base, edited, tensor, blocks.get(tensor.name, []))
            if of_tensor is not None:
                counts[tensor.name] = of_tensor
                _sum_up(tensor, of_tensor, blocks.get(tensor.name, []), found)
            done += tensor.num_bytes
            if on_progress is not None:
                on_progress(done, total)
        found.heads += _head_changes(base, edited, blocks, counts)
    return found


def _count_differences(
    base: Checkpoint, edited: Checkpoint, tensor: TensorInfo, blocks: list[_Block]
) -> npt.NDArray[np.int64] | None:
    """Differing elements by their index along the axis of the head blocks; None where there are none."""
    axis = blocks[0].axis if blocks else 0
    counts: npt.NDArray[np.int64] | None = None
    for first, mask in _differing_elements(base, tensor, edited, edited.tensors[tensor.name]):
        if counts is None:
            counts = np.zeros(mask.shape[1] if axis else tensor.num_rows, dtype=np.int64)
        if axis:
            counts += mask.sum(axis=0)
        else:
            counts[first : first + len(mask)] += mask.sum(axis=1)
    return counts


def _sum_up(tensor: TensorInfo, counts: npt.NDArray[np.int64], blocks: list[_Block], found: _Found) -> None:
    total = int(counts.sum())
    inside = sum(_count_in(counts, block) for block in blocks)
    found.parameters_changed += total
    if total > inside:
        place = "outside its heads' blocks" if blocks else "in a tensor that carries no head block"
        found.other[tensor.name] = f"{total - inside} of {tensor.num_parameters} elements differ, {place}"


def _count_in(counts: npt.NDArray[np.int64], block: _Block) -> int:
    return int(counts[block.block.start : block.block.stop].sum())


def _differing_elements(
    base: Checkpoint, tensor: TensorInfo, edited: Checkpoint, twin: TensorInfo
) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
    """First row and mask [rows, elements per row] of each chunk that differs, bit by bit."""
    item = max(1, tensor.num_bytes // max(1, tensor.num_parameters))
    with base.open_tensor(tensor) as one, edited.open_tensor(twin) as other:
        for first, old, new in differing_rows(one, tensor, other, twin):
            yield first, (old != new).reshape(len(old), -1, item).any(axis=2)


def _head_changes(
    base: Checkpoint, edited: Checkpoint, blocks: dict[str, list[_Block]], counts: dict[str, npt.NDArray[np.int64]]
) -> Iterator[HeadChange]:
    """Changed heads of one layer, each with its factor recovered from all of its slices together."""
    changed = {
        (block.head, block.operation)
        for name, of_tensor in counts.items()
        for block in blocks.get(name, [])
        if _count_in(of_tensor, block)
    }
    slices: dict[tuple[HeadRef, Operation], list[tuple[str, _Block]]] = {}
    for name, per_tensor in blocks.items():
        for block in per_tensor:
            twin = edited.tensors.get(name)
            if (block.head, block.operation) in changed and twin is not None and _are_comparable(base.tensors[name], twin):
                slices.setdefault((block.head, block.operation), []).append((name, block))
    readers = BlockReader(base), BlockReader(edited)
    for (head, operation), parts in slices.items():
        old, new = (
            np.concatenate([reader.read(name, block.axis, block.block).ravel() for name, block in parts]) for reader in readers
        )
        factor, spread, exact = recover_factor(old, new)
        differing = sum(_count_in(counts[name], block) for name, block in parts if name in counts)
        yield HeadChange(head=head, operation=operation, factor=factor, spread=spread, exact=exact, parameters_changed=differing)


def _are_comparable(tensor: TensorInfo, twin: TensorInfo) -> bool:
    return (twin.dtype, twin.shape) == (tensor.dtype, tensor.shape)


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
