"""The curve of an attribution as rows: what the terminal and a notebook show of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from headsurgery.documents.tables import Table
from headsurgery.recipe import Curve, CurvePoint
from headsurgery.report.wording import say_percent


@dataclass(frozen=True)
class CurveRow:
    """One group of heads, in words."""

    heads: str
    refused: str
    share: str
    harmless_kl: str
    nonsense: int
    remark: str


def tabulate_curve(curve: Curve) -> Table[CurveRow]:
    """The model as it is, the groups by their number of heads, and the random groups."""
    rows = [_row(curve, curve.base, "0", "as it is")]
    for place, point in enumerate(curve.points):
        remarks = {"recommended": curve.recommended, "in the recipe": curve.chosen}
        rows.append(_row(curve, point, str(len(point.edits)), ", ".join(name for name, at in remarks.items() if at == place)))
    rows += [_row(curve, point, str(len(point.edits)), "random, same layers") for point in curve.random]
    return Table(what="groups of heads", rows=tuple(rows), to_dict=asdict)


def say_title(curve: Curve) -> str:
    """What the rows are of."""
    harmless = f" and {curve.harmless} harmless" if curve.harmless else ""
    return f"Groups of heads on {curve.harmful} harmful{harmless} prompts that no search saw"


def _row(curve: Curve, point: CurvePoint, heads: str, remark: str) -> CurveRow:
    low, high = (say_percent(share, sign=False) for share in point.refused_share)
    unfinished = f"{point.unfinished} unfinished" if point.unfinished else ""
    return CurveRow(
        heads=heads,
        refused=f"{point.refused}/{curve.harmful}",
        share=f"{low}-{high} %",
        harmless_kl="" if point.harmless_kl is None else f"{point.harmless_kl:.3g}",
        nonsense=point.degenerate,
        remark=", ".join(filter(None, [remark, unfinished])),
    )
