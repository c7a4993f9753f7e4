"""Render the page: one file that loads nothing.

Every text is escaped by the template engine, whoever wrote it; only the pictures of `charts`, which escape their own text, go in
as they are. Control characters are shown as a replacement character. A content security policy forbids scripts and any request,
in case something slips through. The same arguments give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from headsurgery.attribution.frontier_record import FrontierPoint
from headsurgery.behaviour.answers import Answer
from headsurgery.evaluation.records import Evaluation
from headsurgery.heads import HeadRef
from headsurgery.report import charts, views
from headsurgery.report.wording import say_finding

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable

_LISTED = 10
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NARROW_GAP = re.compile(r" (?=[%×=<]|\[[\d<>+-])|(?<=[=<×]) |(?<=[\d.],) (?=[\d<>+-])")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def render_page(
    evaluation: Evaluation,
    answers: Sequence[Answer],
    *,
    scores: ScoreTable | None = None,
    unit: str | None = None,
    frontier: Sequence[FrontierPoint] = (),
    marked: Collection[HeadRef] = (),
) -> str:
    """The page as text; the arguments are those of `write_report`."""
    heads = sorted(marked)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    page = environment.from_string(_resource("page.html")).render(
        style=Markup(_resource("page.css")),
        evaluation=evaluation,
        finding=_one_line(say_finding(evaluation)),
        attack=views.rate_charts(evaluation, ("harmful",)),
        refusal=views.rate_charts(evaluation, ("over_refusal", "harmless")),
        degenerate=views.degenerate_charts(evaluation),
        damage=views.damage_table(evaluation),
        maps=views.heat_maps(scores, heads) if scores is not None else [],
        strongest=views.score_rows(scores.top(_LISTED)) if scores is not None else None,
        unit=unit,
        marked=heads,
        frontiers=_frontiers(frontier),
        frontier_table=views.frontier_table(frontier),
        edits=views.edit_table(evaluation, scores, heads, random=False),
        random_edits=views.edit_table(evaluation, scores, heads, random=True),
        agreements=views.agreement_table(evaluation),
        samples=views.samples(evaluation, answers),
    )
    return _UNPRINTABLE.sub("\ufffd", page)


def _one_line(finding: str) -> str:
    """The finding without characters in names that would reorder the text, and with figures that don't break across lines."""
    return _NARROW_GAP.sub("\xa0", _REORDERING.sub("", finding))


def _frontiers(points: Sequence[FrontierPoint]) -> list[tuple[str, Markup]]:
    """A chart against over-refusal and, if it is known, one against damage."""
    made = []
    if points:
        label = f"Refusal of harmful prompts against over-refusal, {len(points)} candidates; the figures are in the table below"
        made.append(("over-refusal", charts.frontier(points, label=label)))
    known = sum(point.harmless_kl is not None for point in points)
    if known:
        label = f"Refusal of harmful prompts against harmless KL, {known} candidates; the figures are in the table below"
        made.append(("harmless KL, nats per token", charts.frontier(points, label=label, use_kl=True)))
    return made


def _resource(name: str) -> str:
    return (files("headsurgery.report") / name).read_text(encoding="utf-8")
