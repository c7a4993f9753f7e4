"""`headsurgery diff`: which heads changed between two checkpoints, and did anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headsurgery.cli.options import Json, Quiet, Token


def diff(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The original: directory or Hub id, with @revision.")],
    edited: Annotated[str, typer.Argument(metavar="EDITED", help="What was made from it.")],
    recipe: Annotated[
        Path | None, typer.Option("--recipe", metavar="FILE", help="Check that the difference is exactly this recipe's.")
    ] = None,
    token: Token = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare two checkpoints head by head. Exit 0 if nothing differs; with --recipe if exactly its edits do; else 1."""
    from headsurgery.checkpoint.diff import diff_checkpoints
    from headsurgery.checkpoint.reader import open_checkpoint
    from headsurgery.cli.render import render_diff
    from headsurgery.console import Console
    from headsurgery.hub import fetch_model
    from headsurgery.recipe import Recipe

    console = Console(as_json=json, quiet=quiet)
    wanted = None if recipe is None else Recipe.load(recipe)
    sources = [fetch_model(name, token=token) for name in (base, edited)]
    checkpoints = [open_checkpoint(source.path, model=source.model, revision=source.revision) for source in sources]
    with console.progress("comparing") as on_progress:
        found = diff_checkpoints(checkpoints[0], checkpoints[1], recipe=wanted, on_progress=on_progress)
    console.data(found.to_json(), *render_diff(found))
    is_expected = found.is_identical if found.matches_recipe is None else found.matches_recipe
    raise typer.Exit(0 if is_expected else 1)
