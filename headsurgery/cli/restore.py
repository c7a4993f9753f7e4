"""`headsurgery restore`: the base, out of an edited checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headsurgery.cli.opening import saying_what_became
from headsurgery.cli.options import Force, Json, Quiet
from headsurgery.cli.stages import stages
from headsurgery.errors import UsageError


def restore(
    edited: Annotated[Path, typer.Argument(metavar="DIR", help="A checkpoint that apply wrote.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Directory to create.")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Make DIR itself the base again. If it was left half edited, only make it whole.")
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Edits to undo, of a checkpoint that was edited several times. Default: all."),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bring the base back bit for bit, from the original bytes that apply kept, and prove it by the manifest's hashes."""
    from headsurgery.console import Console
    from headsurgery.surgery.restore import restore_checkpoint

    console = Console(as_json=json, quiet=quiet)
    if in_place:
        if output is not None or force:
            raise UsageError("--in-place writes no new directory; found -o or --force beside it", hint="leave one of the two out")
        from headsurgery.surgery.in_place import restore_in_place

        with stages(console) as on_progress, saying_what_became(console, edited):
            records = restore_in_place(edited, steps=steps, on_progress=on_progress, on_note=console.note)
    elif output is not None:
        with stages(console) as on_progress:
            records = restore_checkpoint(edited, output, steps=steps, force=force, on_progress=on_progress, on_note=console.note)
    else:
        raise UsageError("restore needs a directory to write to", hint="give one with -o DIR, or --in-place to change DIR itself")
    where, what = output or edited, "the base's SHA-256" if steps is None else f"the SHA-256 that it had {steps} edits before"
    document = {"output": str(where), "files": [{"file": record.file, "sha256": record.base_sha256} for record in records]}
    console.data(document, f"{where}: files restored: {len(records)}, each with {what}" if records else f"{where}: the base again")
