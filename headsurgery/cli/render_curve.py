"""The curve of an attribution on the terminal: refusals and harm by the number of heads, on prompts that no search saw."""

from __future__ import annotations

from rich.console import RenderableType

from headsurgery.console import table
from headsurgery.recipe import Curve
from headsurgery.report.curve import say_title, tabulate_curve


def render_curve(curve: Curve) -> list[RenderableType]:
    """A table of the groups, and what it says in a sentence."""
    rows = [(one.heads, one.refused, one.share, one.harmless_kl, one.nonsense, one.remark) for one in tabulate_curve(curve)]
    headers = ("heads", "refused", "95 %", "harmless KL", "nonsense", "")
    return ["", table(headers, rows, title=say_title(curve)), f"{curve.why[0].upper()}{curve.why[1:]}."]
