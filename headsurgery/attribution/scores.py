"""The scores of all heads, how they rank heads, and the file that stores them.

`scores.safetensors` holds a method's scores under its name, [step or query, layer, head], in its unit: `refusal` [step, ...] in
nats; `sahara` [step, ...] in degrees, with `ships` [query, ...] in nats from its first step; `ships` alone; `direct` [1, ...] in
units of the residual stream; `interchange` [pair, ...] in nats. If a control was given, its scores are in `refusal_harmless` and so
on. After screening, the estimates of all heads, [step, layer, head], are in `refusal_screen` and so on. All are float64, NaN where
there is nothing to score, where a head was screened out, and where it was left out because it could not be the best (`lazy`). The
run's record is JSON in the header's metadata. Each method declares in `methods` which arrays it writes and how they are reduced to
a ranking.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from headsurgery.attribution.methods import UNITS, load_method
from headsurgery.attribution.screen.account import Account
from headsurgery.documents.atomic import write_atomically
from headsurgery.documents.strict_json import quote
from headsurgery.documents.tables import Table
from headsurgery.errors import HeadSurgeryError, UsageError
from headsurgery.heads import AttentionGeometry, HeadRef
from headsurgery.recipe import HeadEdit, HeadScore, LazyRecord, Provenance, TriedGroup, first_problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """The scores of one attribution.

    Args:
        arrays: All scores, by their names in the file.
        harmful: [layer, head] by which heads are listed: Ships averaged over queries, or the first step of a search.
        harmless: The same on the control, or None.
        contrast: Weight of the control, or None if there is none.
        chosen: The recipe's heads in order of choice, with the scores by which they were chosen.
        edits: Edits of the recipe where the method found factors of its own; None: the chosen heads by the settings' factor.
        groups: Groups of heads, each with its own factors, that such a method wants measured.
        account: What screening may have missed in `combined`; None if all heads were scored.
        path: The groups that a search by answers went through, in order.
        lazy: What a search left out because it could not be the best; None if it left nothing out.
        doubts: What makes the choice doubtful, as far as only the method knows.
        notes: Further notes for the user.
        provenance: The run's record; None while the run is in progress.
    """

    arrays: dict[str, FloatArray]
    harmful: FloatArray
    harmless: FloatArray | None
    contrast: float | None
    chosen: tuple[HeadScore, ...]
    edits: tuple[HeadEdit, ...] | None = None
    groups: tuple[tuple[HeadEdit, ...], ...] = ()
    account: Account | None = None
    path: tuple[TriedGroup, ...] = ()
    lazy: LazyRecord | None = None
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Provenance | None = None

    def __repr__(self) -> str:
        """Method and best heads, on one line."""
        best = ", ".join(f"{HeadRef(score.layer, score.head)} {score.score:.3g}" for score in self.top(3))
        layers, heads = self.harmful.shape
        return f"ScoreTable({self.method or 'scores'} of {layers} x {heads} heads; best: {best})"

    @property
    def method(self) -> str | None:
        """Name of the method; None while the run is in progress."""
        return None if self.provenance is None else self.provenance.method

    @property
    def unit(self) -> str | None:
        """Unit of the scores; None if they have none."""
        return None if self.provenance is None else self.provenance.unit

    @property
    def per_query(self) -> FloatArray | None:
        """Ships of each prompt, [query, layer, head]; None if the method doesn't measure it."""
        return self.arrays.get("ships")

    @property
    def heads(self) -> Table[HeadScore]:
        """All heads that have a score, the best first."""
        return Table(what="heads", rows=self.top(self.harmful.size), to_dict=self._row)

    def _row(self, score: HeadScore) -> dict[str, Any]:
        rank = next((n for n, one in enumerate(self.chosen, start=1) if (one.layer, one.head) == (score.layer, score.head)), None)
        return score.model_dump() | {"chosen": rank}

    def plot(self) -> Figure:
        """A heat map, drawn with matplotlib: harmful, harmless and difference.

        Raises:
            UsageError: matplotlib is not installed.
        """
        try:
            from headsurgery.report.png import draw_heat_maps
        except ImportError as error:
            raise UsageError("plot() needs matplotlib", hint="pip install 'headsurgery[report]'") from error
        return draw_heat_maps(self, unit=self.unit)

    def _repr_html_(self) -> str:
        """A heat map and the best heads, for a notebook."""
        from headsurgery.report.fragment import show_scores

        return show_scores(self)

    @property
    def combined(self) -> FloatArray:
        """harmful - contrast * harmless, [layer, head]."""
        return combine(self.harmful, self.harmless, self.contrast)

    def top(self, count: int) -> tuple[HeadScore, ...]:
        """The best heads by the combined score."""
        return score_heads(best_heads(self.combined, count), self.harmful, self.harmless, self.contrast)

    def scores_of(self, heads: Sequence[HeadRef]) -> tuple[HeadScore, ...]:
        """Scores of heads: those that they were chosen by, where they were; none of a head that was not scored."""
        known = {HeadRef(score.layer, score.head): score for score in (*self.top(self.combined.size), *self.chosen)}
        return tuple(known[head] for head in heads if head in known)

    def save(self, path: Path | str, provenance: Provenance | None = None) -> None:
        """Write the file.

        Args:
            path: Where to write it.
            provenance: The run's record; None: the table's own.

        Raises:
            HeadSurgeryError: It can't be written.
        """
        provenance = provenance or self.provenance or Provenance()
        record = provenance.model_dump_json(exclude_none=True)
        try:
            write_atomically(Path(path), save(self.arrays, metadata={"headsurgery": record}))
        except OSError as error:
            raise HeadSurgeryError(f"{path}: can't write the scores: {error.strerror}") from error


def load_scores(path: Path | str) -> ScoreTable:
    """Read a scores file back. Only the provenance says what screening may have missed.

    Raises:
        HeadSurgeryError: It is not a scores file, or its record was not written by headsurgery.
    """
    arrays, record = read_scores_file(path)
    try:
        provenance = Provenance.model_validate(record)
    except ValidationError as error:
        raise HeadSurgeryError(f"{path}: not a scores file of headsurgery: {first_problem(error)}") from error
    method = find_method(arrays, record, path)
    harmful, harmless = (reduce_scores(arrays, name, method) for name in (method, f"{method}_harmless"))
    assert harmful is not None
    return ScoreTable(
        arrays=arrays,
        harmful=harmful,
        harmless=harmless,
        contrast=provenance.contrast,
        chosen=tuple(provenance.scores or ()),
        path=tuple(provenance.path or ()),
        lazy=provenance.lazy,
        provenance=provenance,
    )


def find_method(arrays: Mapping[str, FloatArray], record: Mapping[str, Any], path: Path | str) -> str:
    """The method whose scores a file contains.

    Raises:
        HeadSurgeryError: It contains no scores of a known method.
    """
    stated = record.get("method")
    method = stated if stated in arrays else next((name for name in UNITS if name in arrays), None)
    if method is None:
        raise HeadSurgeryError(f"{path}: no scores of {', '.join(UNITS)} in it; found {', '.join(sorted(arrays)) or 'nothing'}")
    return str(method)


def reduce_scores(arrays: Mapping[str, FloatArray], name: str, method: str) -> FloatArray | None:
    """One of a file's arrays, reduced to scores [layer, head]; None if the file doesn't have it."""
    if name not in arrays:
        return None
    return load_method(method).reduce(arrays[name]) if method in UNITS else arrays[name][0]


def read_scores_file(path: Path | str) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Read the arrays and the record of a scores file.

    Raises:
        HeadSurgeryError: It is not a scores file.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            record = json.loads((file.metadata() or {})["headsurgery"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if not isinstance(record, dict):
            raise ValueError("its record is not an object")
        if not isinstance(record.get("contrast"), int | float | None) or not isinstance(record.get("method"), str | None):
            raise ValueError("its record was not written by headsurgery")
        if len({array.shape[1:] for array in arrays.values()}) > 1:
            raise ValueError("its arrays belong to different models")
        for name, array in arrays.items():
            if array.dtype != np.float64 or array.ndim != 3 or not array.size:
                raise ValueError(
                    f"{quote(name)} is {array.dtype} {list(array.shape)}, expected float64 [step or query, layer, head]"
                )
        return arrays, record
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError, AttributeError) as error:
        raise HeadSurgeryError(f"{path}: not a scores file of headsurgery: {error}") from error


def ranking_scores(arrays: Mapping[str, FloatArray], method: str, contrast: float | None) -> FloatArray:
    """The scores [layer, head] by which all heads are ranked, harmful - contrast * harmless, from a file's arrays.

    Args:
        arrays: The arrays as `read_scores_file` returns them.
        method: Name of the method, which is also the name of its array.
        contrast: Weight of the control.
    """
    harmful = reduce_scores(arrays, method, method)
    assert harmful is not None
    return combine(harmful, reduce_scores(arrays, f"{method}_harmless", method), contrast)


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
    """The heads with the highest scores [layer, head]. Ties go to the lower layer, then the lower head; NaN is never chosen."""
    order = np.argsort(-scores, axis=None, kind="stable")[: min(count, int(np.isfinite(scores).sum()))]
    return tuple(HeadRef(int(flat) // scores.shape[1], int(flat) % scores.shape[1]) for flat in order)


def score_heads(
    heads: tuple[HeadRef, ...], harmful: FloatArray, harmless: FloatArray | None, contrast: float | None
) -> tuple[HeadScore, ...]:
    """The three scores of some heads, from scores [layer, head]."""
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
