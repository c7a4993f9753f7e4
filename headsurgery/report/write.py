"""Write the report's folder.

Each file is replaced whole or not at all. A picture of an earlier report that this one doesn't have is removed, so that what
lies in the folder belongs together; other files are left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headsurgery.attribution.frontier_record import FrontierPoint
from headsurgery.behaviour.answers import Answer
from headsurgery.documents.atomic import write_atomically
from headsurgery.errors import HeadSurgeryError
from headsurgery.evaluation.records import Evaluation
from headsurgery.heads import HeadRef
from headsurgery.report.html import render_page

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable

PICTURES = ("heatmap.png", "rates.png", "frontier.png")


def write_report(
    evaluation: Evaluation,
    answers: Sequence[Answer],
    out: Path,
    *,
    scores: ScoreTable | None = None,
    unit: str | None = None,
    frontier: Sequence[FrontierPoint] | None = None,
    marked: Collection[HeadRef] = (),
) -> tuple[str, ...]:
    """Write `report.html`, `report.json` and the PNGs.

    Args:
        evaluation: The figures.
        answers: Answers to choose samples from; may be empty.
        out: The folder; made if it isn't there.
        scores: Scores of the attribution, for the heat maps.
        unit: Unit of the scores, such as nats.
        frontier: Candidates of a search for heads and factor.
        marked: Heads to ring in the heat maps, such as planted ones.

    Returns:
        Notes for the user: what was left out, and why.

    Raises:
        HeadSurgeryError: The folder or a file can't be written.
    """
    page = render_page(evaluation, answers, scores=scores, unit=unit, frontier=frontier or (), marked=marked)
    files = {"report.json": f"{evaluation.model_dump_json(by_alias=True, indent=2)}\n".encode(), "report.html": page.encode()}
    notes = []
    try:
        from headsurgery.report import png
    except ImportError:
        notes.append("no PNGs: matplotlib is not installed; pip install 'headsurgery[report]' brings it")
    else:
        files["rates.png"] = png.to_png(png.draw_rates(evaluation))
        if scores is not None:
            files["heatmap.png"] = png.to_png(png.draw_heat_maps(scores, unit=unit, marked=marked))
        if frontier:
            files["frontier.png"] = png.to_png(png.draw_frontier(frontier))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in set(PICTURES) - files.keys():
            (out / name).unlink(missing_ok=True)
        for name, data in files.items():
            write_atomically(out / name, data)
    except OSError as error:
        raise HeadSurgeryError(f"{out}: can't write the report: {error.strerror}", hint="choose another folder with -o") from error
    return tuple(notes)
