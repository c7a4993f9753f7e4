"""`headsurgery compare`: what rankings of heads have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headsurgery.cli.options import Json, Quiet
from headsurgery.cli.output import check_ending


def compare(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="RECIPE|SCORES...", help="Two or more recipes, edited checkpoints, or scores files of attribute."),
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="Heads of each scores file.")] = 10,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the overlaps as a PNG (needs headsurgery[report]).")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare rankings of heads of one shape of model: overlap and rank correlation, each beside what chance gives."""
    from headsurgery.attribution.comparison import compare_rankings, read_ranking
    from headsurgery.console import Console, table

    console = Console(as_json=json, quiet=quiet)
    if plot is not None:
        check_ending(plot, "--plot", ".png", "the drawing is written as PNG")
    rankings = [read_ranking(file, top) for file in files]
    found = compare_rankings(rankings)
    rows = [
        (
            f"{entry.first} / {entry.second}",
            f"{len(entry.common)} of {' and '.join(map(str, dict.fromkeys(entry.sizes)))}",
            entry.expected,
            entry.overlap_p,
            entry.correlation,
            entry.correlation_p,
            " ".join(map(str, entry.common)),
        )
        for entry in found
    ]
    if plot is not None:
        sizes = [len(ranking.heads) for ranking in rankings]
        _draw(plot, [ranking.name for ranking in rankings], [len(entry.common) for entry in found], sizes)
        console.say(f"drawn: {plot}")
    headers = ("rankings", "in common", "by chance", "p", "rank correlation", "p (rank)", "heads in common")
    console.data({"comparisons": [entry.to_json() for entry in found]}, table(headers, rows))
    for ranking in rankings:
        if ranking.num_scored is not None and ranking.num_heads is not None and ranking.num_scored < ranking.num_heads:
            console.say(
                f"{ranking.name}: a screen let {ranking.num_scored} of {ranking.num_heads} heads be scored; chance is taken over "
                f"all {ranking.num_heads}, the rank correlation over the heads that both scored"
            )
    if unknown := [ranking.name for ranking in rankings if ranking.shape is None]:
        console.note(
            f"{', '.join(unknown)}: no base.geometry in it, so that nobody knows whether these are heads of the same shape of "
            "model; they are matched by layer and number"
        )
    if any(entry.expected is None for entry in found):
        console.say("by chance and p need the shape of the model: recipes of attribute state it, as base.geometry")
    console.say("chance takes all heads as alike; where low layers rank high in every model, strangers overlap beyond it, too")


def _draw(path: Path, names: list[str], common: list[int], sizes: list[int]) -> None:
    from headsurgery.documents.atomic import write_atomically
    from headsurgery.errors import HeadSurgeryError, UsageError

    try:
        from headsurgery.report.png import draw_overlaps, to_png
    except ImportError as error:
        raise UsageError("--plot needs matplotlib", hint="pip install 'headsurgery[report]'") from error
    try:
        write_atomically(path, to_png(draw_overlaps(names, common, sizes)))
    except OSError as error:
        raise HeadSurgeryError(f"{path}: can't be written: {error.strerror}") from error
