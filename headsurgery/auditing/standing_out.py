"""Find heads that were changed individually, as opposed to heads that changed together with their whole tensor.

Fine-tuning, a merge, or removing a direction changes all heads of a tensor about equally. Replacing, copying, training or breaking
one head leaves its neighbours unchanged, or changes it far more than them. Neighbour: `against`, which reports each of these heads.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.comparing.factor import recover_factor
from headsurgery.comparing.result import CheckpointDiff, HeadChange
from headsurgery.edits.anatomy import Anatomy
from headsurgery.edits.operations import OperationName
from headsurgery.heads import HeadRef
from headsurgery.storage.blocks import BlockReader
from headsurgery.storage.checkpoint import Checkpoint

Place = tuple[HeadRef, OperationName]
Blocks = list[npt.NDArray[Any]]

_FAR = 5.0
"""How many times more than its neighbours a head must have changed if its change is large."""
_FARTHER = 10.0
"""The same if its change is small."""
_LARGE = 0.3
"""Relative size above which a change counts as large; hardly any training reaches it."""
_BY_CHANCE, _BY_CHANCE_SHARE, _SLIGHT = 32, 0.01, 1e-3
"""Number or share of a head's elements up to which its change counts as small, if it is also small relative to the norm. When a
whole model changes a little, one head of a coarse type may have so few changed elements, and another none."""
_SCATTERED = 3
"""If heads of this many layers have just a few changed elements, a small change of the whole model explains them."""
_MOSTLY, _SOME = 0.75, 0.1
"""Share of a model's heads that counts as most, and share of its other tensors that shows a change of the whole model."""
_SAME_FACTOR, _SAME_DISTANCE = 0.1, 0.5
"""Relative difference of two factors that are about equal; and of their distances from 1, if only one explains much."""


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """The surroundings of a changed head.

    Args:
        others: Changes of the layer's other heads, of the same operation; None for an unchanged head.
        is_broad: Whether tensors, or a few elements of heads, changed all over the model.
        is_lonely: Whether most heads of the model are unchanged, as far as this operation goes.
        is_low_rank: Whether the tensor's change has a low rank.
    """

    others: tuple[HeadChange | None, ...]
    is_broad: bool
    is_lonely: bool
    is_low_rank: Callable[[], bool]


def find_standing_out(
    found: CheckpointDiff,
    anatomy: Anatomy,
    base: Checkpoint,
    edited: Checkpoint,
    *,
    is_low_rank: Callable[[str], bool],
) -> dict[Place, str]:
    """Find heads that were changed individually, each with the evidence. Heads that one factor explains are left out.

    Args:
        found: The result of the comparison.
        anatomy: The base's heads.
        base: The base.
        edited: The edited checkpoint, with the base's names.
        is_low_rank: Tells whether the change of a tensor has a low rank.
    """
    changes = {(change.head, change.operation): change for change in found.heads}
    is_broad = _is_scattered(found.heads) or _is_broad(found, anatomy, base)
    lonely = _lonely_operations(changes, anatomy)
    reads = BlockReader(base), BlockReader(edited)
    copies = _find_copies(found.heads, anatomy, base, *reads)
    named: dict[Place, str] = {}
    for (head, operation), change in changes.items():
        if change.agreement in ("exact", "rounded"):
            continue
        heads, tensor = anatomy.geometry.layer_of(head), anatomy.slices(head, operation)[0].tensor.name
        mates = [HeadRef(head.layer, number) for number in range(heads.num_heads) if number != head.head]
        around = Neighbourhood(
            others=tuple(changes.get((mate, operation)) for mate in mates),
            is_broad=is_broad,
            is_lonely=operation in lonely,
            is_low_rank=partial(is_low_rank, tensor),
        )
        copied = copies.get((head, operation))
        reason = f"it is the base's {copied}" if copied is not None else stands_out(change, around)
        if reason is not None:
            named[head, operation] = f"{describe_block(*_read(anatomy, change, *reads))}; {reason}"
    return named


def stands_out(change: HeadChange, around: Neighbourhood) -> str | None:
    """Why a changed head stands out from its layer; None if it does not."""
    others = [other for other in around.others if other is None or other.agreement not in ("exact", "rounded", "about")]
    if change.agreement == "about":
        alike = [other for other in around.others if other is not None and is_alike(other, change)]
        return None if around.others and len(alike) >= len(around.others) / 2 else "the layer's other heads don't share this factor"
    still = sum(other is None for other in others)
    if around.is_broad and _is_by_chance(change):
        return None
    if still:
        return f"{still} of the layer's {len(around.others)} other heads are unchanged"
    is_large = not change.relative <= _LARGE  # nan is large
    relative = [0.0 if other is None else other.relative for other in others]
    amounts = [0.0 if other is None else other.amount for other in others]
    if others and is_large and not change.relative < _FAR * float(np.quantile(relative, 0.25)):
        return f"most of the layer's other heads changed by {float(np.median(relative)):.2g} of their norm or less"
    if is_large and around.is_lonely and not around.is_low_rank():
        return "most heads of the model are unchanged"
    is_far = bool(others) and all(
        own >= _FARTHER * float(np.median(of_others)) for own, of_others in ((change.relative, relative), (change.amount, amounts))
    )
    if is_far and not around.is_low_rank():
        return f"the layer's other heads changed by {float(np.median(relative)):.2g} of their norm"
    return None


def is_alike(one: HeadChange, other: HeadChange) -> bool:
    """Whether a head was multiplied by about the same factor as another one, as far as it was multiplied."""
    if other.factor is None:
        return False
    if one.factor is None:
        return abs(one.nearest - other.factor) <= _SAME_DISTANCE * abs(1 - other.factor)
    return abs(one.factor - other.factor) <= _SAME_FACTOR * abs(other.factor)


def find_multiplied(changes: Sequence[HeadChange], anatomy: Anatomy) -> list[HeadChange]:
    """Heads that were multiplied individually, as opposed to whole tensors that were scaled and also changed in other ways.

    Weight decay affects all heads. In a coarse type, some of them then happen to be exact multiples, but most don't. A factor of 1
    doesn't count: only signs of zeros changed.
    """
    multiplied = [change for change in changes if change.agreement in ("exact", "rounded")]
    rest = [change for change in changes if change.agreement not in ("exact", "rounded")]
    num_heads = sum(1 for _ in anatomy.geometry.heads())

    def is_taken_along(change: HeadChange) -> bool:
        alike = [other for other in rest if other.operation == change.operation and is_alike(other, change)]
        in_layer = [other for other in alike if other.head.layer == change.head.layer]
        mates = anatomy.geometry.layer_of(change.head).num_heads - 1
        return len(in_layer) >= max(1, mates / 2) or len(alike) >= num_heads / 2

    return [change for change in multiplied if change.factor != 1 and (change.factor == 0 or not is_taken_along(change))]


def _lonely_operations(changes: Container[Place], anatomy: Anatomy) -> set[OperationName]:
    """Operations whose blocks are unchanged in most heads of the model."""
    heads = list(anatomy.geometry.heads())
    return {
        operation for operation in anatomy.blocks if sum((head, operation) not in changes for head in heads) >= _MOSTLY * len(heads)
    }


def _is_by_chance(change: HeadChange) -> bool:
    """Whether so little of a head changed that a small change of the whole model may explain it."""
    is_slight = change.parameters_changed <= _BY_CHANCE_SHARE * change.parameters and change.relative <= _SLIGHT
    return is_slight or (change.parameters_changed <= _BY_CHANCE and change.relative <= _LARGE)  # nan is large


def _is_scattered(changes: Iterable[HeadChange]) -> bool:
    """Whether a few elements changed in heads of several layers, as weak noise does in a coarse type."""
    return len({change.head.layer for change in changes if _is_by_chance(change)}) >= _SCATTERED


def _is_broad(found: CheckpointDiff, anatomy: Anatomy, base: Checkpoint) -> bool:
    """Whether more than a tenth of the tensors that hold no head block changed."""
    with_heads = {
        part.tensor.name
        for head in anatomy.geometry.heads()
        for operation in anatomy.blocks
        for part in anatomy.slices(head, operation)
    }
    without = base.tensors.keys() - with_heads
    return len(without & found.other_tensors.keys()) > _SOME * len(without)


def _read(anatomy: Anatomy, change: HeadChange, base: BlockReader, edited: BlockReader) -> tuple[Blocks, Blocks]:
    """A head's blocks before and after, [rows, columns]: of the weight, and of its bias if it has one."""
    parts = anatomy.slices(change.head, change.operation)
    old, new = ([reader.read_matrix(part.matrix, part.axis, part.block) for part in parts] for reader in (base, edited))
    return old, new


@np.errstate(over="ignore", invalid="ignore")  # a stranger's weights may hold inf and nan
def describe_block(old: Blocks, new: Blocks) -> str:
    """Describe what happened to a head's block."""
    if not all(np.isfinite(part.astype(np.float64)).all() for part in new):
        return "holds inf or nan"
    moved = [bool((one.astype(np.float64) != other.astype(np.float64)).any()) for one, other in zip(old, new, strict=True)]
    if len(old) > 1:
        said = [_describe_part(*pair) for pair in zip(old, new, strict=True)]
        if said[0] != said[1] and (not all(moved) or any("multiplied" in words or "zero" in words for words in said)):
            return f"its weight {said[0]}, its bias {said[1]}"
    return f"it {_describe_part(old[0], new[0])}"


def _describe_part(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> str:
    x, y = old.astype(np.float64), new.astype(np.float64)
    changed = x != y
    if not changed.any():
        return "is unchanged"
    if not y.any():
        return "is zero now"
    factor = recover_factor([old], [new])
    if factor.agreement == "exact":
        return f"was multiplied by {factor.factor:g}"
    relative = float(np.linalg.norm(y - x) / max(float(np.linalg.norm(x)), 1e-300))
    by = f"changed by {relative:.2g} of its norm" if x.any() else "was zero before"
    for axis, lines in ((1, "columns"), (0, "rows")):
        touched = np.flatnonzero(changed.any(axis=1 - axis))
        if len(touched) <= changed.shape[axis] / 2:
            part = recover_factor([np.take(old, touched, axis)], [np.take(new, touched, axis)])
            times = f", these multiplied by {part.factor:g}" if part.agreement == "exact" else ""
            return f"{by}, in {len(touched)} of its {changed.shape[axis]} {lines}{times}"
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    likeness = float((x * y).sum()) / size if size else 0.0
    return f"{by}, and no longer resembles the base" if abs(likeness) < _UNLIKE and relative > _LARGE else by


_UNLIKE = 0.1


def _find_copies(
    changes: Iterable[HeadChange], anatomy: Anatomy, base: Checkpoint, ours: BlockReader, theirs: BlockReader
) -> dict[Place, HeadRef]:
    """Replaced heads that are exact copies of another head of the base, preferably of one in the same layer."""
    wanted: dict[tuple[OperationName, bytes], list[HeadRef]] = {}
    for change in changes:
        if change.agreement not in ("exact", "rounded") and change.relative > _LARGE:
            old, new = _read(anatomy, change, ours, theirs)
            as_base = [part.astype(one.dtype) for one, part in zip(old, new, strict=True)]
            same = all(np.array_equal(narrow.astype(part.dtype), part) for narrow, part in zip(as_base, new, strict=True))
            if same and any(part.any() for part in as_base):
                wanted.setdefault((change.operation, _digest(as_base)), []).append(change.head)
    found: dict[Place, HeadRef] = {}
    layers = {head.layer for heads in wanted.values() for head in heads}
    for layer in sorted(anatomy.geometry.attention_layers, key=lambda layer: layer not in layers) if wanted else ():
        for head, operation, digest in _digests(anatomy, layer, {operation for operation, _ in wanted}, base):
            for copy in wanted.get((operation, digest), ()):
                if copy != head and ((copy, operation) not in found or copy.layer == layer != found[copy, operation].layer):
                    found[copy, operation] = head
    return found


def _digests(
    anatomy: Anatomy, layer: int, operations: set[OperationName], base: Checkpoint
) -> Iterator[tuple[HeadRef, OperationName, bytes]]:
    heads, reader = anatomy.geometry.layers[layer], BlockReader(base)
    assert heads is not None  # a layer with heads
    for operation in sorted(operations):
        for head in (HeadRef(layer, number) for number in range(heads.num_heads)):
            parts = anatomy.slices(head, operation)
            yield head, operation, _digest([reader.read_matrix(part.matrix, part.axis, part.block) for part in parts])


def _digest(block: Blocks) -> bytes:
    digest = sha256()
    for part in block:
        digest.update(str(part.shape).encode() + np.ascontiguousarray(part).tobytes())
    return digest.digest()
