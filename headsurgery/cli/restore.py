"""`headsurgery restore`: the base, out of an edited checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headsurgery.cli.options import Force, Json, OutputDirectory, Quiet


def restore(
    edited: Annotated[Path, typer.Argument(metavar="DIR", help="A checkpoint that apply wrote.")],
    output: OutputDirectory,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Edits to undo, of a checkpoint that was edited several times. Default: all."),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bring the base back bit for bit, from the original bytes that apply kept, and prove it by the manifest's hashes."""
    from headsurgery.checkpoint.restore import restore_checkpoint
    from headsurgery.console import Console

    console = Console(as_json=json, quiet=quiet)
    with console.progress("writing") as on_progress:
        records = restore_checkpoint(edited, output, steps=steps, force=force, on_progress=on_progress, on_note=console.note)
    document = {"output": str(output), "files": [{"file": record.file, "sha256": record.base_sha256} for record in records]}
    console.data(document, f"{output}: {len(records)} files, each with the base's SHA-256")
