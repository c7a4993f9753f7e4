"""`headsurgery diff`: which heads changed between two checkpoints, and did anything else."""

from __future__ import annotations

from typing import Annotated

import typer

from headsurgery.cli.options import Json, Quiet, Token
from headsurgery.cli.stages import stages
from headsurgery.errors import UsageError


def diff(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The original: directory, GGUF file or Hub id, with @revision.")],
    edited: Annotated[str, typer.Argument(metavar="EDITED", help="What was made from it.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", metavar="FILE", help="Check that the difference is exactly this recipe's (file, hf:// or https://)."
        ),
    ] = None,
    donor: Annotated[
        str | None,
        typer.Option("--donor", metavar="MODEL", help="Where the recipe's transplanted heads come from. Default: its own donor."),
    ] = None,
    heads_only: Annotated[
        bool,
        typer.Option(
            "--heads-only",
            help="Compare values only of tensors that hold head blocks (o_proj, q_proj, its bias), and all headers.",
        ),
    ] = False,
    token: Token = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare two checkpoints head by head. Exit 0 if nothing differs; with --recipe if exactly its edits do; else 1.

    Of a safetensors checkpoint and a GGUF file, only each head's factor is told, and what quantization left.

    Of a model on the Hub only what is compared is read; files whose hashes are equal are not.
    """
    from headsurgery.cli.opening import open_donor_of, open_named, show_bytes
    from headsurgery.cli.render import render_across, render_diff
    from headsurgery.comparing.across import compare_across, is_across
    from headsurgery.comparing.diff import diff_checkpoints
    from headsurgery.console import Console
    from headsurgery.hub.recipes import is_local, load_recipe

    console = Console(as_json=json, quiet=quiet)
    wanted = None if recipe is None else load_recipe(recipe, token=token)
    checkpoints = [open_named(console, name, token=token) for name in (base, edited)]
    if is_across(*checkpoints):
        if recipe is not None or donor is not None:
            raise UsageError(
                "--recipe and --donor: one of the two is a GGUF file and the other is not, so nothing is exact",
                hint="compare the edited file with the file that it was made from",
            )
        with stages(console) as on_progress:
            factors = compare_across(*checkpoints, on_progress=on_progress)
        changed = sum(one.is_changed for one in factors)
        console.data({"heads": [one.to_json() for one in factors], "changed": changed}, *render_across(factors))
        raise typer.Exit(1 if changed else 0)
    giver = None
    if recipe is not None and wanted is not None:
        giver = open_donor_of(console, wanted, donor, is_ours=is_local(recipe), token=token)
    elif donor is not None:
        raise UsageError("--donor is for the heads that a recipe transplants", hint="give the recipe with --recipe")

    def announce(num_bytes: int) -> None:
        if num_bytes:
            shorter = "" if heads_only else "; --heads-only reads less"
            console.say(f"reading {show_bytes(num_bytes)} from the Hub{shorter}")

    with stages(console) as on_progress:
        found = diff_checkpoints(
            *checkpoints, recipe=wanted, donor=giver, heads_only=heads_only, on_start=announce, on_progress=on_progress
        )
    console.data(found.to_json(), *render_diff(found))
    is_expected = found.is_identical if found.matches_recipe is None else found.matches_recipe
    raise typer.Exit(0 if is_expected else 1)
