"""Pictures for papers, drawn with matplotlib (the extra `headsurgery[report]`); importing this without it raises ImportError.

Figures are made without pyplot, so no state is shared and no window opens. Text is never read as mathematics, whatever a set or
a variant is called. Each shows the same figures as the page.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection, Sequence
from itertools import combinations, groupby
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from headsurgery.attribution.frontier_record import FrontierPoint
from headsurgery.behaviour.figures import Rate
from headsurgery.evaluation.records import Evaluation
from headsurgery.heads import HeadRef
from headsurgery.report.charts import scale_of
from headsurgery.report.wording import MEASURES, kinds_by_variant, rate_of

if TYPE_CHECKING:
    from headsurgery.attribution.scores import FloatArray, ScoreTable

_COLOURS = {"base": "#68707c", "recipe": "#4338ca", "checkpoint": "#4338ca", "random": "#b9c0ca"}
_DPI = 200
_SMALL = 8
_LONGEST_NAME = 32


def to_png(figure: Figure) -> bytes:
    """The picture; the same figure gives the same bytes. A letter that the font lacks is drawn as a box."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def draw_rates(evaluation: Evaluation) -> Figure:
    """Bars with Wilson whiskers: a row per set, a column per judge. ASR on harmful sets, refusals on all others."""
    kinds = kinds_by_variant(evaluation)
    rows, columns = len(evaluation.sets), len(evaluation.judges)
    figure = Figure(figsize=(1.8 + 3.2 * columns, rows * (0.8 + 0.2 * len(kinds))), layout="constrained")
    for entry, row in zip(evaluation.sets, figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)):
        for judge, axes in zip(evaluation.judges, row):
            found = [m for m in evaluation.measurements if (m.set, m.judge) == (entry.record.name, judge)]
            rates = {measurement.variant: rate_of(measurement, entry.kind) for measurement in found}
            _draw_bars(axes, rates, kinds)
            totals = sorted({rate.total for rate in rates.values()})
            count = "-".join(map(str, dict.fromkeys((*totals[:1], *totals[-1:]))))
            title = f"{_shorten(entry.record.name)}, judge {_shorten(judge)}\n{MEASURES[entry.kind]}, n = {count}"
            axes.set_title(title, fontsize=_SMALL, loc="left", parse_math=False)
    for axes in row:
        axes.set_xlabel("%", fontsize=_SMALL)
    return figure


def _draw_bars(axes: Axes, rates: dict[str, Rate], kinds: dict[str, str]) -> None:
    """Horizontal bars, the first variant at the top; a variant without answers has a place but no bar."""
    names = list(kinds)
    for name, rate in rates.items():
        if rate.total:
            value, low, high = (share * 100 for share in (rate.interval.value, rate.interval.low, rate.interval.high))
            place = names.index(name)
            axes.barh(place, value, height=0.7, color=_COLOURS[kinds[name]])
            axes.errorbar((low + high) / 2, place, xerr=(high - low) / 2, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
    axes.set_yticks(range(len(names)), [_shorten(name) for name in names], fontsize=_SMALL, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.tick_params(axis="x", labelsize=_SMALL)
    axes.spines[["top", "right"]].set_visible(False)


def draw_heat_maps(scores: ScoreTable, *, unit: str | None = None, marked: Collection[HeadRef] = ()) -> Figure:
    """Harmful, harmless and difference, [layer, head]; blue below zero, red above, linear.

    Chosen heads are outlined, marked ones ringed.
    """
    shared = scale_of(scores.harmful, scores.harmless)
    tables: list[tuple[str, FloatArray, float]] = [("harmful", scores.harmful, shared)]
    if scores.harmless is not None:
        tables += [("harmless", scores.harmless, shared), ("difference", scores.combined, scale_of(scores.combined))]
    layers, heads = scores.harmful.shape
    size = (len(tables) * (1.6 + heads * 0.09), 1.2 + layers * 0.09)
    figure = Figure(figsize=size, layout="constrained")
    for (title, table, scale), axes in zip(tables, figure.subplots(1, len(tables), squeeze=False)[0]):
        image = axes.imshow(table, cmap="RdBu_r", vmin=-(scale or 1.0), vmax=scale or 1.0, interpolation="nearest", aspect="auto")
        for score in scores.chosen:
            axes.add_patch(Rectangle((score.head - 0.5, score.layer - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1.2))
        rings = sorted(marked)
        axes.plot([head.head for head in rings], [head.layer for head in rings], "o", mfc="none", mec="black", ms=4, mew=0.8)
        axes.set_title(title, fontsize=_SMALL, loc="left")
        axes.set_xlabel("head", fontsize=_SMALL)
        axes.set_ylabel("layer", fontsize=_SMALL)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=_SMALL)
        bar = figure.colorbar(image, ax=axes, fraction=0.08, pad=0.03)
        bar.ax.tick_params(labelsize=_SMALL)
        bar.set_label(unit or "score", fontsize=_SMALL)
    return figure


def draw_frontier(points: Sequence[FrontierPoint]) -> Figure:
    """Refusal of harmful prompts against over-refusal; the same heads are joined in order of factor, the chosen is a diamond."""
    figure = Figure(figsize=(4.2, 3.2), layout="constrained")
    axes = figure.subplots()
    ordered = sorted(points, key=lambda point: (point.heads, point.removed, point.factor))
    for _, group in groupby(ordered, key=lambda point: (point.heads, point.removed)):
        curve = list(group)
        x, y = (np.array([_percent(rate) for rate in rates]) for rates in zip(*((p.over_refusal, p.refusal) for p in curve)))
        spans = {"xerr": np.abs(x[:, 1:] - x[:, :1]).T, "yerr": np.abs(y[:, 1:] - y[:, :1]).T}
        axes.errorbar(
            x[:, 0], y[:, 0], **spans, fmt="o:", ms=4, lw=0.8, color=_COLOURS["recipe"], ecolor=_COLOURS["random"], elinewidth=0.6
        )
    for point in points:
        if point.chosen:
            place = (_percent(point.over_refusal)[0], _percent(point.refusal)[0])
            axes.plot(*place, "D", ms=7, color="#c2410c", zorder=3, label=f"chosen, factor {point.factor:g}")
            axes.legend(fontsize=_SMALL, frameon=False)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 102)
    axes.set_xlabel("over-refusal, %", fontsize=_SMALL)
    axes.set_ylabel("refusal of harmful prompts, %", fontsize=_SMALL)
    axes.tick_params(labelsize=_SMALL)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_overlaps(names: Sequence[str], common: Sequence[int], sizes: Sequence[int]) -> Figure:
    """How many heads every two rankings share, as a matrix; shaded by the share of the smaller one.

    Args:
        names: The rankings.
        common: For every two of them, in the order of `itertools.combinations`.
        sizes: Heads of each.
    """
    count = len(names)
    shared = np.diag(np.array(sizes, dtype=int))
    for (row, column), value in zip(combinations(range(count), 2), common, strict=True):
        shared[row, column] = shared[column, row] = value
    shares = shared / np.minimum.outer(sizes, sizes).clip(min=1)
    figure = Figure(figsize=(2.4 + 0.6 * count, 1.6 + 0.6 * count), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Purples", vmin=0, vmax=1)
    for row, column in np.ndindex(count, count):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, str(shared[row, column]), ha="center", va="center", fontsize=_SMALL, color=colour)
    labels = [_shorten(name) for name in names]
    axes.set_xticks(range(count), labels, rotation=45, ha="right", fontsize=_SMALL)
    axes.set_yticks(range(count), labels, fontsize=_SMALL)
    axes.set_title("heads in common", fontsize=_SMALL, loc="left")
    return figure


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _percent(rate: Rate) -> tuple[float, float, float]:
    return rate.interval.value * 100, rate.interval.low * 100, rate.interval.high * 100
