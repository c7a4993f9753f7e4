"""Scores of all heads, how heads are ranked by them, and the file that keeps them.

`scores.safetensors` holds a method's scores under its name, [step or query, layer, head], in its unit: `refusal` [step, ...] in
nats; `sahara` [step, ...] in degrees and, measured by its first step, `ships` [query, ...] in nats; `ships` alone; `direct`
[1, ...] in units of the residual stream. Where a control was given, its scores are in `refusal_harmless` and so on. After
screening, the estimates of all heads, [step, layer, head], are in `refusal_screen` and so on. All are float64, NaN where there is
nothing to score or a head was screened out. The run's record is JSON in the header's metadata. Each method declares in `methods`
which arrays it writes, and how they are reduced to a ranking.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from headsurgery.attribution.methods import UNITS, load_method
from headsurgery.attribution.screen.account import Account
from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.strict_json import quote
from headsurgery.errors import HeadSurgeryError
from headsurgery.heads import AttentionGeometry, HeadRef
from headsurgery.recipe import HeadScore, Provenance, TriedGroup

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """Scores of one attribution.

    Args:
        arrays: All scores, by the names of the file.
        harmful: [layer, head] that heads are listed by: Ships averaged over queries, or the first step of a search.
        harmless: The same on the control, or None.
        contrast: Weight of the control, or None without one.
        chosen: Heads of the recipe, in order of choice, with the scores that they were chosen by.
        account: What screening may have missed in `combined`; None where all heads were scored.
        path: Groups that a search by answers went through, in order.
        doubts: What makes the choice doubtful, as far as only its method knows.
        notes: What the user should know besides.
    """

    arrays: dict[str, FloatArray]
    harmful: FloatArray
    harmless: FloatArray | None
    contrast: float | None
    chosen: tuple[HeadScore, ...]
    account: Account | None = None
    path: tuple[TriedGroup, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def combined(self) -> FloatArray:
        """harmful - contrast * harmless, [layer, head]."""
        return combine(self.harmful, self.harmless, self.contrast)

    def top(self, count: int) -> tuple[HeadScore, ...]:
        """The best heads by the combined score."""
        return score_heads(best_heads(self.combined, count), self.harmful, self.harmless, self.contrast)

    def save(self, path: Path | str, provenance: Provenance) -> None:
        """Write the file.

        Args:
            path: Where.
            provenance: The run's record.

        Raises:
            HeadSurgeryError: It can't be written.
        """
        record = provenance.model_dump_json(exclude_none=True)
        try:
            write_atomically(Path(path), save(self.arrays, metadata={"headsurgery": record}))
        except OSError as error:
            raise HeadSurgeryError(f"{path}: can't write the scores: {error.strerror}") from error


def load_scores(path: Path | str) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Arrays and record of a scores file.

    Raises:
        HeadSurgeryError: It is not one.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            record = json.loads((file.metadata() or {})["headsurgery"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if not isinstance(record, dict):
            raise ValueError("its record is no object")
        if not isinstance(record.get("contrast"), int | float | None) or not isinstance(record.get("method"), str | None):
            raise ValueError("its record is not one of headsurgery's")
        if len({array.shape[1:] for array in arrays.values()}) > 1:
            raise ValueError("its arrays are of different models")
        for name, array in arrays.items():
            if array.dtype != np.float64 or array.ndim != 3 or not array.size:
                raise ValueError(
                    f"{quote(name)} is {array.dtype} {list(array.shape)}, expected float64 [step or query, layer, head]"
                )
        return arrays, record
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError, AttributeError) as error:
        raise HeadSurgeryError(f"{path}: not a scores file of headsurgery: {error}") from error


def ranking_scores(arrays: Mapping[str, FloatArray], method: str, contrast: float | None) -> FloatArray:
    """The scores [layer, head] that all heads are ranked by, harmful - contrast * harmless, out of a file's arrays.

    Args:
        arrays: As `load_scores` gives them.
        method: Name of the method, which is that of its array.
        contrast: Weight of the control.
    """
    found = [arrays[name] for name in (method, f"{method}_harmless") if name in arrays]
    harmful, *control = (load_method(method).reduce(scores) if method in UNITS else scores[0] for scores in found)
    return combine(harmful, control[0] if control else None, contrast)


def spread_over_heads(geometry: AttentionGeometry, heads: Sequence[HeadRef], values: npt.ArrayLike) -> FloatArray:
    """Values of some heads, [..., heads], as an array [..., layer, head] with NaN for all others."""
    found = np.asarray(values, dtype=np.float64)
    array = np.full((*found.shape[:-1], geometry.num_layers, geometry.max_heads), np.nan)
    array[..., [head.layer for head in heads], [head.head for head in heads]] = found
    return array


def combine(harmful: FloatArray, harmless: FloatArray | None, contrast: float | None) -> FloatArray:
    """harmful - contrast * harmless."""
    return harmful if harmless is None or not contrast else harmful - contrast * harmless


def best_heads(scores: FloatArray, count: int) -> tuple[HeadRef, ...]:
    """The heads with the highest of scores [layer, head]; ties go to the lower layer, then the lower head; NaN is never chosen."""
    order = np.argsort(-scores, axis=None, kind="stable")[: min(count, int(np.isfinite(scores).sum()))]
    return tuple(HeadRef(int(flat) // scores.shape[1], int(flat) % scores.shape[1]) for flat in order)


def score_heads(
    heads: tuple[HeadRef, ...], harmful: FloatArray, harmless: FloatArray | None, contrast: float | None
) -> tuple[HeadScore, ...]:
    """The three scores of some heads, out of scores [layer, head]."""
    combined = combine(harmful, harmless, contrast)
    return tuple(
        HeadScore(
            layer=head.layer,
            head=head.head,
            score=float(combined[head.layer, head.head]),
            harmful=float(harmful[head.layer, head.head]),
            harmless=None if harmless is None else float(harmless[head.layer, head.head]),
        )
        for head in heads
    )
