"""`headsurgery diff`: which heads changed between two checkpoints, and did anything else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headsurgery.cli.options import Json, Quiet, Token

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headsurgery.checkpoint.diff import CheckpointDiff


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
    """Compare two checkpoints head by head. Exit 0 if nothing differs, or only and exactly the recipe's edits; else 1."""
    from headsurgery.checkpoint.diff import diff_checkpoints
    from headsurgery.checkpoint.reader import open_checkpoint
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


def render_diff(found: CheckpointDiff) -> list[RenderableType]:
    """Tables and lines for people."""
    from headsurgery.console import table

    lines: list[RenderableType] = []
    if found.heads:
        rows = [
            (
                str(change.head),
                change.operation,
                change.factor,
                "exact" if change.exact else f"{change.spread:.2g}",
                change.parameters_changed,
            )
            for change in found.heads
        ]
        lines += [table(("head", "operation", "factor", "spread", "elements changed"), rows), ""]
    for title, problems in (("Other tensors", found.other_tensors), ("Files", found.files)):
        if problems:
            lines += [f"{title}:", *(f"  {name}: {what}" for name, what in problems.items()), ""]
    share = found.parameters_changed / found.parameters
    lines.append(
        f"{found.parameters_changed:,} of {found.parameters:,} parameters differ ({share:.4%}); heads changed: {len(found.heads)}"
    )
    if found.is_identical:
        lines.append("The two are identical.")
    if found.recipe_problems:
        lines += ["Not the recipe's edit:", *(f"  {problem}" for problem in found.recipe_problems)]
    elif found.matches_recipe:
        lines.append("The difference is exactly the recipe's.")
    return lines
