"""`headsurgery audit`: what was done to a checkpoint's attention heads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headsurgery.cli.options import Json, ModelOrFile, Quiet, Revision, Token
from headsurgery.cli.stages import stages

if TYPE_CHECKING:
    from headsurgery.console import Console
    from headsurgery.storage.checkpoint import Checkpoint


def audit(
    model: ModelOrFile,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="MODEL", help="What it was made from. Default: what its manifest or card names."),
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Examine it by itself, whatever base it names.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the recovered recipe here (needs a base).")
    ] = None,
    fail_on_tamper: Annotated[
        bool, typer.Option("--fail-on-tamper", help="Exit 1 if anything was changed; unusual norms alone don't count.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that headsurgery did not write.")] = False,
    revision: Revision = None,
    token: Token = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what was done to a checkpoint's attention heads: against its base, or by itself.

    Against a base: every changed head, its factor, and what other changes look like. By itself: blocks that are zero or no
    numbers, that have only values which some factor can give, or whose norm is unusual; docs/audit.md has the measured rates.
    """
    from headsurgery.auditing import examine, examine_against
    from headsurgery.cli.opening import open_named
    from headsurgery.cli.output import check_ending, check_file, is_recovered_recipe
    from headsurgery.cli.render import render_audit
    from headsurgery.console import Console
    from headsurgery.errors import UsageError
    from headsurgery.surgery.history import describe_steps

    console = Console(as_json=json, quiet=quiet)
    if blind and base is not None:
        raise UsageError("--blind and --base: expected one of the two")
    if output is not None:
        check_ending(output, "-o", ".json", "the recovered recipe is written as JSON")
    opened = open_named(console, model, revision=revision, token=token)
    original = None if base is None else open_named(console, base, token=token)
    if base is None and not blind:
        original = _named_base(console, opened, token)
    if output is not None and original is None:
        raise UsageError("-o: a recipe can be recovered against a base only", hint="give --base")
    if output is not None:
        for known in (opened, original):
            check_file(output, model=known.files.path if known else None, is_ours=is_recovered_recipe, force=force)
    if original is not None and original.files.where == opened.files.where:
        console.say(f"{opened.files.where} is compared with itself, so nothing can differ; is --base the right one?")
    with stages(console) as on_progress:
        if original is not None:
            found = examine_against(opened, original, on_progress=on_progress)
        else:
            found = examine(opened, on_progress=on_progress)
    console.data(found.to_json(), *render_audit(found))
    if edits := describe_steps(opened.files):
        console.say(f"its manifest says: {edits}; headsurgery verify checks that")
    if output is not None:
        if found.recipe is None:
            console.say("no head was multiplied, so there is no recipe to write")
        else:
            found.recipe.save(output)
            console.say(f"recovered: {output}")
    raise typer.Exit(1 if fail_on_tamper and found.is_tampered else 0)


def _named_base(console: Console, checkpoint: Checkpoint, token: str | None) -> Checkpoint | None:
    """The base that a checkpoint names, if it names one on the Hub that can be opened."""
    from headsurgery.auditing.declared_base import find_base
    from headsurgery.cli.opening import open_named
    from headsurgery.errors import HeadSurgeryError

    name = find_base(checkpoint)
    if name is None:
        return None
    try:
        return open_named(console, name, token=token)
    except HeadSurgeryError as error:
        console.say(f"it names {name} as its base, which can't be opened ({error}); examined by itself")
        return None
