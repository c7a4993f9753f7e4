"""A checkpoint examined against its base: which heads were multiplied, the recipe of that, and what other changes look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.audit.records import Audit, Finding
from headsurgery.checkpoint.anatomy import Anatomy, prove_anatomy, record_base
from headsurgery.checkpoint.diff import diff_checkpoints
from headsurgery.checkpoint.diff_result import CheckpointDiff, HeadChange
from headsurgery.checkpoint.header import TensorInfo
from headsurgery.checkpoint.reader import FLOAT_TYPES, Checkpoint
from headsurgery.recipe import HeadEdit, Provenance, Recipe

_MAX_RANK = 16
_OVERSAMPLE = 24
_KEPT = 0.98
"""Share of a change's energy, rounding aside, that a low rank must hold."""

RECOVERED = "recovered by an audit of"
"""How the note of a recovered recipe begins."""
_CLOSE = 0.02
"""Relative residual below which a change is a scaling although not bit for bit: twice what the roughest rounding leaves."""


def examine_against(checkpoint: Checkpoint, base: Checkpoint, *, on_progress: Callable[[int, int], None] | None = None) -> Audit:
    """Examine a checkpoint against its base.

    Args:
        checkpoint: What to examine.
        base: What it is said to be made from.
        on_progress: Called with bytes compared and bytes in all.

    Raises:
        ArchitectureError, GeometryError: The base's heads are not where the table says.
    """
    anatomy = prove_anatomy(base)
    found = diff_checkpoints(base, checkpoint, on_progress=on_progress)
    scaled = [change for change in found.heads if _is_scaling(change)]
    recipe = None
    if scaled:
        edits = tuple(
            HeadEdit(layer=change.head.layer, head=change.head.head, operation=change.operation, factor=float(change.factor or 0.0))
            for change in scaled
        )
        note = f"{RECOVERED} {checkpoint.model}"
        recipe = Recipe(base=record_base(base, anatomy), edits=edits, provenance=Provenance(note=note))
    findings = [
        Finding(
            head=change.head,
            operation=change.operation,
            factor=change.factor,
            certainty="proven",
            evidence="multiplied, bit for bit" if change.exact else f"multiplied, but for {change.spread:.2g} of its norm",
        )
        for change in scaled
    ]
    other = _others(found, anatomy, base, checkpoint, [change for change in found.heads if not _is_scaling(change)])
    return Audit(
        model=checkpoint.model,
        base=base.model,
        findings=tuple(findings),
        other=other,
        recipe=recipe,
        is_exact=bool(scaled) and not other and all(change.exact for change in scaled),
        notes=tuple(f"{file}: {what}" for file, what in found.files.items()),
    )


def _is_scaling(change: HeadChange) -> bool:
    return change.factor is not None and (change.exact or change.spread <= _CLOSE)


def _others(
    found: CheckpointDiff, anatomy: Anatomy, base: Checkpoint, edited: Checkpoint, changes: list[HeadChange]
) -> dict[str, str]:
    """Tensors that changed otherwise, each with what it looks like."""
    tensors = {anatomy.slices(change.head, change.operation)[0].tensor.name for change in changes}
    named = dict(found.other_tensors)
    for name in sorted(tensors | named.keys()):
        if name in base.tensors and name in edited.tensors:
            looks = _describe_change(base, edited, base.tensors[name], edited.tensors[name])
            named[name] = f"{named[name]}; {looks}" if name in named and looks else named.get(name) or looks or "changed"
    return named


@np.errstate(over="ignore", invalid="ignore")  # inf and nan may be in a stranger's weights
def _describe_change(base: Checkpoint, edited: Checkpoint, old: TensorInfo, new: TensorInfo) -> str | None:
    """Low rank or not, for a matrix that kept its shape."""
    if len(old.shape) != 2 or old.shape != new.shape or not {old.dtype, new.dtype} <= FLOAT_TYPES.keys():
        return None
    before, after = base.read(old), edited.read(new)
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        return "a change with inf or nan in it or before it"
    change = after.astype(np.float32) - before.astype(np.float32)
    relative = float(np.linalg.norm(change) / max(float(np.linalg.norm(before.astype(np.float32))), 1e-30))
    rank = low_rank(change, rounding=_rounding_energy(after, new.dtype))
    shape = "of no low rank, as fine-tuning leaves it" if rank is None else f"of rank {rank}"
    return f"a change of {relative:.2g} of its norm, {shape}"


def low_rank(change: npt.NDArray[np.float32], *, rounding: float) -> int | None:
    """The smallest rank, 16 at most, that holds the change but for rounding; None if there is none.

    Args:
        change: [rows, columns].
        rounding: Squared norm of what rounding alone may have left.
    """
    energy = float((change.astype(np.float64) ** 2).sum())
    if min(change.shape) <= _MAX_RANK or not 2 * rounding < energy < np.inf:
        return None
    scale = float(np.abs(change).max())  # so that no product overflows
    change, energy, rounding = change / np.float32(scale), energy / scale**2, rounding / scale**2
    probe = np.random.default_rng(0).standard_normal((change.shape[1], _MAX_RANK + _OVERSAMPLE)).astype(np.float32)
    basis = np.linalg.qr(change @ (change.T @ (change @ probe)))[0]  # one power iteration
    held = np.cumsum(np.linalg.svd(basis.T @ change, compute_uv=False).astype(np.float64) ** 2)
    wanted = _KEPT * (energy - rounding)
    enough = np.flatnonzero(held[:_MAX_RANK] >= wanted)
    return int(enough[0]) + 1 if len(enough) else None


def _rounding_energy(stored: npt.NDArray[Any], dtype: str) -> float:
    """Squared norm that rounding leaves at most: a twelfth of a step squared for each value."""
    return float(((np.abs(stored.astype(np.float64)) * _STEP[dtype]) ** 2).sum() / 12)


_STEP = {"BF16": 2.0**-7, "F16": 2.0**-10, "F32": 2.0**-23, "F64": 2.0**-52}
"""Distance of two neighbouring numbers, relative to the power of two below them."""
