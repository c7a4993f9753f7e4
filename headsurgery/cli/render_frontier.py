"""The frontier of a reinforcement on the terminal: what was tried, what it won, and what it cost."""

from __future__ import annotations

from rich.console import RenderableType

from headsurgery.attribution.frontier_record import Frontier, FrontierPoint
from headsurgery.behaviour.figures import Rate
from headsurgery.console import table


def render_frontier(frontier: Frontier) -> list[RenderableType]:
    """A table: the base, what is chosen, and the candidates that are efficient; a line on the others."""
    shown = [point for point in frontier.points if point.efficient or point.chosen]
    attacks = tuple(frontier.base.attacks)
    rows = [_row("base", frontier.base, attacks, ""), *(_row(p.label, p, attacks, "chosen" if p.chosen else "") for p in shown)]
    headers = ("candidate", "refusal", *attacks, "over-refusal", "harmless KL", "")
    others = (
        f"{len(frontier.points) - len(shown)} more were asked, {len(frontier.over_bound)} are over a bound, or a smaller factor is."
    )
    return ["", table(headers, rows, title="Frontier: refusal of harmful prompts against its costs"), others]


def _row(name: str, point: FrontierPoint, attacks: tuple[str, ...], remark: str) -> tuple[object, ...]:
    by_attack = (_share(point.attacks[attack]) for attack in attacks)
    return name, _share(point.refusal), *by_attack, _share(point.over_refusal), point.harmless_kl, remark


def _share(rate: Rate) -> str:
    return f"{rate.count}/{rate.total}"
