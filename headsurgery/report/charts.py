"""Charts as inline SVG: bars with whiskers, heat maps, the frontier.

Colours are classes of `page.css`, never values, so that one picture suits light and dark. Bars and the frontier are laid out in
percent of their box: they fill any width while their text keeps its size. Heat maps have a fixed size and scroll in their box.
All text goes through `Markup.format`, which escapes it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

from headsurgery.attribution.frontier_record import FrontierPoint
from headsurgery.behaviour.figures import Interval, Rate
from headsurgery.heads import HeadRef
from headsurgery.report.wording import say_rate

if TYPE_CHECKING:
    from headsurgery.attribution.scores import FloatArray

_MARGIN_LEFT, _MARGIN_TOP = 38, 20
_LABEL_SPACE = 28
_LEGEND_STEPS = 12


def bar(rate: Rate, kind: str) -> Markup:
    """One bar from 0 to 100 % with a whisker over its interval.

    Args:
        rate: The share.
        kind: The variant's kind, which sets the colour.
    """
    if not rate.total:
        return Markup("")
    value, low, high = (f"{share * 100:.2f}%" for share in (rate.interval.value, rate.interval.low, rate.interval.high))
    whisker = Markup(
        '<line x1="{low}" x2="{high}" y1="10" y2="10"/><line x1="{low}" x2="{low}" y1="6" y2="14"/>'
        '<line x1="{high}" x2="{high}" y1="6" y2="14"/>'
    ).format(low=low, high=high)
    return Markup(
        '<svg class="bar" height="20" width="100%" aria-hidden="true"><rect class="{kind}" y="4" height="12" width="{value}"/>'
        '<g class="halo">{whisker}</g><g class="whisker">{whisker}</g></svg>'
    ).format(kind=kind, value=value, whisker=whisker)


def level_of(score: float, scale: float) -> float:
    """Colour of a score, from -1 to 1: the square root of |score| / scale, signed, so that weak heads can be seen; 0 stays 0."""
    return math.copysign(min(abs(score) / scale, 1.0) ** 0.5, score) if scale else 0.0


def scale_of(*tables: FloatArray | None) -> float:
    """The largest |score| of some tables [layer, head], ignoring NaN."""
    return max((abs(score) for table in tables if table is not None for score in table.flat if not math.isnan(score)), default=0.0)


def cell_size(heads: int) -> int:
    """Side of a heat map's cell in pixels."""
    return next((side for limit, side in ((12, 18), (32, 13), (64, 10)) if heads <= limit), 7)


def heat_map(
    table: FloatArray, *, scale: float, label: str, chosen: Sequence[HeadRef] = (), marked: Collection[HeadRef] = ()
) -> Markup:
    """Scores as a picture: a row per layer, a column per head, and a tooltip on each cell.

    Args:
        table: Scores, [layer, head]; NaN where there is no head.
        scale: The score of the full colour.
        label: What it shows, for those who can't see it.
        chosen: Heads to outline, in order of choice.
        marked: Heads to ring.
    """
    layers, heads = table.shape
    side = cell_size(heads)
    parts = [_cell(HeadRef(layer, head), float(table[layer, head]), scale, side, chosen, marked) for layer, head in _grid(table)]
    parts += [_outline(head, side, "chosen") for head in chosen] + [_ring(head, side) for head in sorted(marked)]
    step = math.ceil(_LABEL_SPACE / side)
    parts += [
        Markup('<text x="{}" y="{}" text-anchor="end">L{}</text>').format(
            _MARGIN_LEFT - 6, _MARGIN_TOP + layer * side + side // 2 + 4, layer
        )
        for layer in range(0, layers, step)
    ]
    parts += [
        Markup('<text x="{}" y="{}" text-anchor="middle">H{}</text>').format(
            _MARGIN_LEFT + head * side + side / 2, _MARGIN_TOP - 6, head
        )
        for head in range(0, heads, step)
    ]
    return Markup('<svg class="heat" role="img" aria-label="{}" width="{}" height="{}">{}</svg>').format(
        label, _MARGIN_LEFT + heads * side + 12, _MARGIN_TOP + layers * side + 4, Markup("").join(parts)
    )


def _grid(table: FloatArray) -> list[tuple[int, int]]:
    layers, heads = table.shape
    return [(layer, head) for layer in range(layers) for head in range(heads)]


def _cell(ref: HeadRef, score: float, scale: float, side: int, chosen: Sequence[HeadRef], marked: Collection[HeadRef]) -> Markup:
    x, y = _MARGIN_LEFT + ref.head * side, _MARGIN_TOP + ref.layer * side
    if math.isnan(score):
        return Markup('<rect class="none" x="{}" y="{}" width="{side}" height="{side}"/>').format(x, y, side=side)
    level = level_of(score, scale)
    words = [f"{ref}: {score:.4g}"]
    words += [f"chosen, number {chosen.index(ref) + 1}"] if ref in chosen else []
    words += ["marked"] if ref in marked else []
    return Markup(
        '<rect class="{}" x="{}" y="{}" width="{side}" height="{side}" fill-opacity="{:.3f}"><title>{}</title></rect>'
    ).format("hot" if level >= 0 else "cold", x, y, abs(level), ", ".join(words), side=side)


def _outline(ref: HeadRef, side: int, name: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{side}" height="{side}"/>').format(
        name, _MARGIN_LEFT + ref.head * side, _MARGIN_TOP + ref.layer * side, side=side
    )


def _ring(ref: HeadRef, side: int) -> Markup:
    x, y = _MARGIN_LEFT + (ref.head + 0.5) * side, _MARGIN_TOP + (ref.layer + 0.5) * side
    return Markup('<circle class="marked" cx="{}" cy="{}" r="{}"/>').format(x, y, side * 0.28)


def legend(table: FloatArray, scale: float) -> Markup:
    """The colour scale of a heat map, labelled with the scores at its ends and middle. It has only the signs that occur."""
    scores = [score for score in table.flat if not math.isnan(score)]
    first = -_LEGEND_STEPS if min(scores, default=0.0) < 0 else 0
    last = _LEGEND_STEPS if max(scores, default=0.0) > 0 or not first else 0
    steps = [step / _LEGEND_STEPS for step in range(first, last + 1)]
    side = 8
    rects = [
        Markup('<rect class="{}" x="{}" y="1" width="{side}" height="10" fill-opacity="{:.3f}"/>').format(
            "hot" if step >= 0 else "cold", 24 + place * side, abs(step), side=side
        )
        for place, step in enumerate(steps)
    ]
    ends = sorted({0, len(steps) - 1, steps.index(0.0)})
    texts = [
        Markup('<text x="{}" y="24" text-anchor="middle">{:.3g}</text>').format(
            24 + (place + 0.5) * side, math.copysign(steps[place] ** 2 * scale, steps[place])
        )
        for place in ends
    ]
    return Markup('<svg class="legend" aria-hidden="true" width="{}" height="28">{}</svg>').format(
        48 + len(steps) * side, Markup("").join(rects + texts)
    )


def frontier(points: Sequence[FrontierPoint], *, label: str, use_kl: bool = False) -> Markup:
    """Refusal of harmful prompts upwards, over-refusal or harmless KL to the right; the chosen point is a diamond with its name.

    Args:
        points: Candidates; those of the same heads are joined in order of their factor.
        label: What it shows, for those who can't see it.
        use_kl: Damage to the right; points without one are left out.
    """
    shown = (point for point in points if not use_kl or point.harmless_kl is not None)
    points = sorted(shown, key=lambda point: (point.heads, point.removed, point.factor))
    limit = round_up(max((_cost(point, use_kl).high for point in points), default=0.0))
    parts = _axes(limit, use_kl)
    for _, group in groupby(points, key=lambda point: (point.heads, point.removed)):
        curve = [_place(point, limit, use_kl) for point in group]
        parts += [
            Markup('<line class="curve" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(*start, *end) for start, end in pairwise(curve)
        ]
    parts += [_dot(point, limit, use_kl) for point in sorted(points, key=lambda point: point.chosen)]
    return Markup('<svg class="frontier" role="img" aria-label="{}" width="100%" height="300">{}</svg>').format(
        label, Markup("").join(parts)
    )


def round_up(value: float) -> float:
    """The end of an axis: the next of 1, 2, 2.5, 5, 10 × a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0) if step * power >= value)


def _cost(point: FrontierPoint, use_kl: bool) -> Interval:
    if use_kl and point.harmless_kl is not None:
        return Interval(value=point.harmless_kl, low=point.harmless_kl, high=point.harmless_kl)
    return point.over_refusal.interval


def _place(point: FrontierPoint, limit: float, use_kl: bool) -> tuple[str, str]:
    return f"{_cost(point, use_kl).value / limit * 100:.2f}%", f"{(1 - point.refusal.interval.value) * 100:.2f}%"


def _axes(limit: float, use_kl: bool) -> list[Markup]:
    parts = []
    for quarter in range(5):
        at = f"{quarter * 25}%"
        cost = limit * quarter / 4
        words = f"{cost:.3g}" if use_kl else f"{cost * 100:.3g} %"
        parts.append(Markup('<line class="grid" x1="{at}" x2="{at}" y1="0" y2="100%"/>').format(at=at))
        parts.append(Markup('<line class="grid" x1="0" x2="100%" y1="{at}" y2="{at}"/>').format(at=at))
        parts.append(Markup('<text x="{}" y="100%" dy="18" text-anchor="middle">{}</text>').format(at, words))
        parts.append(Markup('<text x="-8" y="{}" dy="4" text-anchor="end">{} %</text>').format(at, 100 - quarter * 25))
    return parts


def _dot(point: FrontierPoint, limit: float, use_kl: bool) -> Markup:
    x, y = _place(point, limit, use_kl)
    cost, refusal = _cost(point, use_kl), point.refusal.interval
    left, right = (f"{share / limit * 100:.2f}%" for share in (cost.low, cost.high))
    top, bottom = (f"{(1 - share) * 100:.2f}%" for share in (refusal.high, refusal.low))
    kl = "" if point.harmless_kl is None else f"; harmless KL {point.harmless_kl:.3g} nats per token"
    over = f"over-refusal {say_rate(point.over_refusal)}"
    title = f"{point.label}: refusal {say_rate(point.refusal)}, n = {point.refusal.total}; {over}{kl}"
    cross = Markup(
        '<line class="span" x1="{}" x2="{}" y1="{y}" y2="{y}"/><line class="span" x1="{x}" x2="{x}" y1="{}" y2="{}"/>'
    ).format(left, right, top, bottom, x=x, y=y)
    if not point.chosen:
        return Markup('<g>{}<circle class="point" cx="{}" cy="{}" r="4.5"/><title>{}</title></g>').format(cross, x, y, title)
    is_right, is_low = cost.value > limit / 2, refusal.value < 0.1
    return Markup(
        '<g>{}<svg x="{}" y="{}" overflow="visible"><path class="best" d="M0-9 9 0 0 9-9 0Z"/>'
        '<text class="name" x="{}" y="{}" text-anchor="{}">chosen: × {:g}</text></svg><title>{}</title></g>'
    ).format(cross, x, y, -12 if is_right else 12, -10 if is_low else 20, "end" if is_right else "start", point.factor, title)


def say_scale(table: FloatArray, scale: float) -> str:
    """The range of a table's scores, in words."""
    scores = [score for score in table.flat if not math.isnan(score)]
    if not scores:
        return "no scores"
    return f"from {min(scores):.3g} to {max(scores):.3g}; full colour at {scale:.3g}"
