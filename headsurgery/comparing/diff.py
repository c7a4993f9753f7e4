"""Which heads changed between two checkpoints, by what factor, and whether anything else did.

Tensors are compared by name in chunks of rows, so sharding may differ and memory stays constant. First the tensors that hold head
blocks are compared, layer by layer. The blocks of changed heads are read a second time right after their layer. Then all other
tensors follow. Files that are known to be equal, because they are one file on disk or the Hub lists equal hashes, are not read. If
one factor explains a change, it is recovered from the data (`factor`). Tensors that were saved under another prefix (`names`) or in
another float type are compared as well, by value: the base's values are rounded to the other type. Neighbour: `files` compares
whole files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from headsurgery.architectures.gguf import is_gguf
from headsurgery.comparing.factor import Block, is_product, recover_factor
from headsurgery.comparing.files import Sameness, compare_files
from headsurgery.comparing.names import match_names
from headsurgery.comparing.pairs import Differences, are_comparable, count_differences, describe_resized, show_type
from headsurgery.comparing.result import CheckpointDiff, HeadChange
from headsurgery.documents.strict_json import quote
from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.operations import OPERATIONS, OperationName, blocks_of
from headsurgery.edits.slices import HeadSlice
from headsurgery.errors import CheckpointError
from headsurgery.heads import HeadRef
from headsurgery.progress import Progress, StageProgress, of_stage
from headsurgery.recipe import Recipe
from headsurgery.storage.blocks import BlockReader
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import is_plain, read_numbers
from headsurgery.storage.tensors import StoredSlice, TensorInfo
from headsurgery.surgery.base_files import MANIFEST, PREVIOUS
from headsurgery.surgery.plan import TensorEdit, plan_surgery, resolve_edits


def diff_checkpoints(
    base: Checkpoint,
    edited: Checkpoint,
    *,
    recipe: Recipe | None = None,
    donor: Checkpoint | None = None,
    heads_only: bool = False,
    on_start: Callable[[int], None] | None = None,
    on_progress: Progress | None = None,
) -> CheckpointDiff:
    """Compare two checkpoints.

    Args:
        base: The original. Its architecture says where heads lie.
        edited: The checkpoint that was made from it.
        recipe: If given, the difference is checked against it.
        donor: Where the recipe's transplanted heads come from. Without it, only their places are checked, not their values.
        heads_only: Compare values only in tensors that hold head blocks. Of all others, compare name, type and shape.
        on_start: Called once, before values are compared, with the number of bytes to compare that are not on this machine.
        on_progress: Called with the stage, `comparing`, the bytes compared, and the total.

    Raises:
        ArchitectureError: The base's family is not supported.
        GeometryError: The base doesn't match its family's declaration.
        CheckpointError: The two have no tensor with heads in common. Or, with a recipe, the base is itself an edited checkpoint.
        RecipeError: The recipe names a head that the base doesn't have.
    """
    if recipe is not None and base.files.has(MANIFEST) and not edited.files.has(f"{PREVIOUS}/{MANIFEST}"):
        raise CheckpointError(
            f"{base.files.where}: is itself an edited checkpoint, expected the base", hint="were the two swapped?"
        )
    blocks = _head_blocks(prove_anatomy(base))
    matched = match_names(base, edited)
    edited = matched.edited
    _check_is_related(base, edited, blocks)
    is_same = Sameness(base, edited)
    work = _plan(base, edited, blocks, is_same, heads_only)
    if on_start is not None:
        on_start(work.num_bytes * [base.files.path, edited.files.path].count(None))
    found = _compare_tensors(base, edited, blocks, work, of_stage(on_progress, "comparing"))
    heads = tuple(sorted(found.heads, key=lambda change: (change.head, change.operation)))
    files = compare_files(base, edited, is_same)
    problems = None
    if recipe is not None:
        names = {ours: f"called {theirs} in the edited checkpoint" for ours, theirs in matched.renamed.items()}
        others = {**found.other, **found.retyped, **names, **files}
        problems = tuple(_recipe_problems(base, edited, recipe, donor, heads, others))
    return CheckpointDiff(
        heads=heads,
        other_tensors=found.other,
        files=files,
        parameters=base.num_parameters,
        parameters_changed=found.parameters_changed,
        recipe_problems=problems,
        parameters_unread=work.parameters_unread,
        retyped=found.retyped,
        renamed=matched.renamed,
    )


@dataclass(frozen=True, kw_only=True)
class _HeadBlock:
    """A stored slice that holds numbers of only one head.

    Args:
        head: The head.
        operation: The operation as which changes of such slices are reported.
        part: The head's slice of a weight or bias to which it belongs.
        axis: See `StoredSlice`.
        block: See `StoredSlice`.
        shape: The shape in which the tensor is cut.
    """

    head: HeadRef
    operation: OperationName
    part: HeadSlice
    axis: int
    block: range
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The tensors whose values are compared, in groups that are read one after the other; and the number of parameters left out."""

    groups: list[list[TensorInfo]]
    parameters_unread: int

    @property
    def num_bytes(self) -> int:
        return sum(tensor.num_bytes for group in self.groups for tensor in group)


@dataclass(kw_only=True)
class _Found:
    """What comparing the tensors found."""

    heads: list[HeadChange] = field(default_factory=list)
    other: dict[str, str] = field(default_factory=dict)
    retyped: dict[str, str] = field(default_factory=dict)
    parameters_changed: int = 0


def _check_is_related(base: Checkpoint, edited: Checkpoint, blocks: dict[str, list[_HeadBlock]]) -> None:
    """Refuse two checkpoints that have no tensor with heads in common, by name or by shape."""
    if is_gguf(base.config) != is_gguf(edited.config):
        raise CheckpointError(
            f"{base.files.where} and {edited.files.where}: one is a GGUF file and the other is not, so all numbers differ",
            hint="compare the edited file with the file that it was made from; or only its heads, with comparing.across",
        )
    if blocks and not blocks.keys() & edited.tensors.keys():
        expected = min(blocks)
        end = expected.split(".")[-2:]
        close = sorted(name for name in edited.tensors if name.split(".")[-2:] == end) or sorted(edited.tensors)
        seen = ", ".join(quote(name) for name in close[:3]) or "no tensors"
        raise CheckpointError(
            f"{edited.files.where}: has none of the tensors that hold heads in {base.files.where}: "
            f"expected names like {quote(expected)}, found {seen}",
            hint="is it a model of another family, or was it saved under other names?",
        )
    shared = sorted(blocks.keys() & edited.tensors.keys())
    if shared and all(base.tensors[name].shape != edited.tensors[name].shape for name in shared):
        name = shared[0]
        raise CheckpointError(
            f"{edited.files.where}: no tensor that holds heads has the same shape as in {base.files.where}: "
            f"{quote(name)} is {list(edited.tensors[name].shape)}, expected {list(base.tensors[name].shape)}",
            hint="is it a model of another size or family?",
        )


def _head_blocks(anatomy: Anatomy) -> dict[str, list[_HeadBlock]]:
    """Every head's stored slices, by tensor name. All slices of one tensor have the same axis."""
    blocks: dict[str, list[_HeadBlock]] = {}
    for head in anatomy.geometry.heads():
        for operation in anatomy.blocks:
            for part in anatomy.slices(head, operation):
                for stored in part.matrix.owned(part.axis, part.block):
                    block = _HeadBlock(
                        head=head,
                        operation=operation,
                        part=part,
                        axis=stored.axis,
                        block=stored.block,
                        shape=stored.tensor.shape,
                    )
                    blocks.setdefault(stored.tensor.name, []).append(block)
    return blocks


def _plan(base: Checkpoint, edited: Checkpoint, blocks: dict[str, list[_HeadBlock]], is_same: Sameness, heads_only: bool) -> _Work:
    """Group the tensors with head blocks by layer, and put every other tensor into its own group. Equal tensors are left out."""
    layers: dict[int, list[TensorInfo]] = {}
    others = []
    for tensor in sorted(base.tensors.values(), key=lambda tensor: (tensor.file, tensor.offset)):
        twin = edited.tensors.get(tensor.name)
        if twin is None or not are_comparable(tensor, twin):
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
    blocks: dict[str, list[_HeadBlock]],
    work: _Work,
    on_progress: StageProgress | None,
) -> _Found:
    found = _Found()
    found.other.update(dict.fromkeys(sorted(edited.tensors.keys() - base.tensors.keys()), "only in the edited checkpoint"))
    for name, tensor in base.tensors.items():
        twin = edited.tensors.get(name)
        if twin is None:
            found.other[name] = "missing from the edited checkpoint"
        elif not are_comparable(tensor, twin):
            found.other[name] = f"{show_type(tensor)} became {show_type(twin)}{describe_resized(base, tensor, edited, twin)}"
    done, total = 0, work.num_bytes
    for group in work.groups:
        counts = {}
        for tensor in group:
            axis, cut = 0, tensor
            if tensor.name in blocks:
                axis, cut = blocks[tensor.name][0].axis, replace(tensor, shape=blocks[tensor.name][0].shape)
            differences = count_differences(base, edited, cut, axis=axis)
            if differences is not None:
                counts[tensor.name] = differences.counts
                _sum_up(tensor, edited.tensors[tensor.name], differences, blocks.get(tensor.name, []), found)
            done += tensor.num_bytes
            if on_progress is not None:
                on_progress(done, total)
        found.heads += _head_changes(base, edited, blocks, counts)
    return found


def _sum_up(tensor: TensorInfo, twin: TensorInfo, differences: Differences, blocks: list[_HeadBlock], found: _Found) -> None:
    total = int(differences.counts.sum())
    inside = sum(_count_in(differences.counts, block) for block in blocks)
    found.parameters_changed += total
    values = "same values" if not differences.rounded else f"same values rounded to {twin.dtype}"
    stored = f"stored as {twin.dtype} instead of {tensor.dtype}"
    if total > inside:
        place = "outside its heads' blocks" if blocks else "in a tensor that holds no head block"
        what = f"{total - inside} of {tensor.num_parameters} elements differ, {place}"
        found.other[tensor.name] = what if tensor.dtype == twin.dtype else f"{what}; {stored}"
    elif tensor.dtype != twin.dtype:
        found.retyped[tensor.name] = f"{stored}, {values}{' outside the heads that changed' if inside else ''}"


def _count_in(counts: npt.NDArray[np.int64], block: _HeadBlock) -> int:
    return int(counts[block.block.start : block.block.stop].sum())


def _head_changes(
    base: Checkpoint, edited: Checkpoint, blocks: dict[str, list[_HeadBlock]], counts: dict[str, npt.NDArray[np.int64]]
) -> Iterator[HeadChange]:
    """The changed heads of one layer. Each head's factor is recovered from all of its slices together."""
    changed = {
        (block.head, block.operation)
        for name, of_tensor in counts.items()
        for block in blocks.get(name, [])
        if _count_in(of_tensor, block)
    }
    slices: dict[tuple[HeadRef, OperationName], list[tuple[str, _HeadBlock]]] = {}
    for name, per_tensor in blocks.items():
        for block in per_tensor:
            if (block.head, block.operation) in changed and _has_twin(name, base, edited):
                slices.setdefault((block.head, block.operation), []).append((name, block))
    readers = BlockReader(base), BlockReader(edited)
    for (head, operation), parts in slices.items():
        old, new = _read_compared(base, edited, readers, parts)
        are_blocks = any(base.tensors[name].block_type is not None for name, _ in parts)
        fit, (amount, size) = recover_factor(old, new, share_scales=are_blocks), _measure_change(old, new)
        yield HeadChange(
            head=head,
            operation=operation,
            factor=fit.factor,
            spread=fit.spread,
            exact=fit.agreement == "exact",
            parameters_changed=sum(_count_in(counts[name], block) for name, block in parts if name in counts),
            agreement=fit.agreement,
            unexplained=fit.unexplained,
            relative=amount / size if size else math.inf,
            amount=amount,
            parameters=sum(part.num_parameters for part in {block.part for _, block in parts}),
            order=fit.order,
            nearest=fit.nearest,
        )


def _read_compared(
    base: Checkpoint, edited: Checkpoint, readers: tuple[BlockReader, BlockReader], parts: list[tuple[str, _HeadBlock]]
) -> tuple[Block, Block]:
    """The numbers of a head's slices, in both checkpoints, from which a factor can be recovered."""
    old, new = [], []
    for part in dict.fromkeys(block.part for _, block in parts):
        places = part.matrix.compared(part.axis, part.block)
        if not all(_has_twin(place.tensor.name, base, edited) for place in places):
            places = places[:1]
        one, other = ([reader.read(place) for place in places] for reader in readers)
        compared = part.matrix.as_compared(part.axis, part.block, one, other)
        old.append(compared[0])
        new.append(compared[1])
    return old, new


def _has_twin(name: str, base: Checkpoint, edited: Checkpoint) -> bool:
    twin = edited.tensors.get(name)
    return twin is not None and are_comparable(base.tensors[name], twin)


@np.errstate(over="ignore", invalid="ignore")  # a stranger's weights may hold inf and nan
def _measure_change(old: Block, new: Block) -> tuple[float, float]:
    """L2 norm of a change, and of the values before."""
    x = np.concatenate([part.astype(np.float64).ravel() for part in old])
    y = np.concatenate([part.astype(np.float64).ravel() for part in new])
    return float(np.linalg.norm(y - x)), float(np.linalg.norm(x))


def _recipe_problems(
    base: Checkpoint,
    edited: Checkpoint,
    recipe: Recipe,
    donor: Checkpoint | None,
    heads: tuple[HeadChange, ...],
    others: dict[str, str],
) -> Iterator[str]:
    if recipe.needs_donor and donor is None:
        edits = resolve_edits(recipe, prove_anatomy(base))
    else:
        edits = plan_surgery(recipe, base, donor=donor, allow_mismatch=True).edits
    planned = {(edit.ref, block) for edit in recipe.edits for block in blocks_of(edit.operation)}
    for change in heads:
        if (change.head, change.operation) not in planned:
            yield f"{change.head}: {change.operation} changed, but the recipe doesn't edit it"
    for edit in edits:
        if not _has_twin(edit.tensor.name, base, edited):
            continue  # listed with the other tensors below
        if edit.change.is_known and not _is_as_planned(edit, base, edited, edited.here(edit)):
            wanted = OPERATIONS[edit.edit.operation].say_result("base", edit.edit.factor)
            yield f"{edit.edit.ref}: {edit.tensor.name} is not {wanted}"
    yield from (f"{place}: {what}" for place, what in others.items())


def _is_as_planned(edit: TensorEdit, base: Checkpoint, edited: Checkpoint, place: StoredSlice) -> bool:
    """Whether a stored slice of the edited checkpoint is what the plan makes of the base's. Floats of another type go by value."""
    if edit.tensor.dtype == place.tensor.dtype:
        wanted = edit.rewriter(base)(base.read_slice(edit), 0)
        if edit.agree(wanted, edited.read_slice(place)):
            return True
    if not is_plain(edit.tensor.dtype):
        return False
    factor, old, new = edit.change.factor, read_numbers(base, edit), read_numbers(edited, place)
    if factor is not None:
        return is_product(old, new, factor)
    wanted = edit.change(old.astype(np.float64))
    return any(np.array_equal(stored.astype(new.dtype), new) for stored in (wanted, wanted.astype(old.dtype)))
