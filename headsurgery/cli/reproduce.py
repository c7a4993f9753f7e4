"""`headsurgery reproduce`: run again what a recipe or a report records, and say what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headsurgery.cli.options import Json, Quiet
from headsurgery.cli.stages import stages
from headsurgery.reproducing.options import ReproductionOptions


def reproduce(
    *,
    document: Annotated[Path, typer.Argument(metavar="RECIPE|REPORT", help="Recipe of `attribute`, or report.json.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Write the new recipe or report and what differs here; a broken-off run goes on."
        ),
    ] = None,
    options: ReproductionOptions,
    force: Annotated[bool, typer.Option("--force", help="Drop other results in the folder.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run again what a recipe or a report records, and say what differs. Exit 1 if heads or figures do."""
    from headsurgery.console import Console, quiet_transformers

    console = Console(as_json=json, quiet=quiet)
    console.say("importing torch and transformers")
    from headsurgery.reproducing.run import reproduce as run

    quiet_transformers()
    with stages(console) as on_progress:
        found = run(document, options=options, out=output, force=force, on_progress=on_progress)
    for lack in found.lacks:
        console.note(f"{document.name} does not record {lack}")
    lines = [f"{'differs' if one.matters else 'other'}: {one}" for one in found.differences]
    verdict = "Reproduced: heads and figures are as recorded." if found.is_same else "Not reproduced."
    console.data(found.to_json() | {"document": found.document.model_dump(mode="json", by_alias=True)}, *lines, verdict)
    if not found.is_same:
        raise typer.Exit(1)
