"""`headsurgery reproduce`: run again what a recipe or a report records, and say what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headsurgery.cli.options import Force, Json, Quiet
from headsurgery.cli.stages import stages
from headsurgery.errors import UsageError


def reproduce(
    document: Annotated[Path, typer.Argument(metavar="RECIPE|REPORT", help="Recipe of `attribute`, or report.json.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the new recipe or report here.")
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", metavar="MODEL", help="Where the base is. Default: the recorded commit on the Hub.")
    ] = None,
    token: Annotated[str | None, typer.Option("--token", help="Hub token; default: HF_TOKEN or hf auth login.")] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run again what a recipe or a report records, and say what differs. Exit 1 if heads or figures do."""
    from headsurgery.console import Console, quiet_transformers

    console = Console(as_json=json, quiet=quiet)
    if output is not None and output.exists() and any(output.iterdir()) and not force:
        raise UsageError(f"{output}: exists and is not empty", hint="give another -o, or --force")
    console.say("importing torch and transformers")
    from headsurgery.documents.atomic import write_atomically
    from headsurgery.evaluation.records import Evaluation
    from headsurgery.paper.write import write_experiment
    from headsurgery.recipe import Recipe
    from headsurgery.reproduce import reproduce as run

    quiet_transformers()
    with stages(console) as on_progress:
        found = run(document, base=base, out=output, token=token, on_progress=on_progress)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        if isinstance(found.document, Recipe):
            found.document.save(output / "recipe.json")
        elif isinstance(found.document, Evaluation):
            write_atomically(output / "report.json", f"{found.document.model_dump_json(by_alias=True, indent=2)}\n".encode())
        else:
            write_experiment(found.document, output)
    for lack in found.lacks:
        console.note(f"{document.name} does not record {lack}")
    lines = [f"{'differs' if one.matters else 'other'}: {one}" for one in found.differences]
    verdict = "Reproduced: heads and figures are as recorded." if found.is_same else "Not reproduced."
    record = {
        "is_same": found.is_same,
        "differences": [vars(one) for one in found.differences],
        "lacks": list(found.lacks),
        "document": found.document.model_dump(mode="json", by_alias=True),
    }
    console.data(record, *lines, verdict)
    if not found.is_same:
        raise typer.Exit(1)
