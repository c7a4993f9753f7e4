"""`headsurgery verify`: is an edited checkpoint what its manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headsurgery.cli.options import Json, Quiet, Token
from headsurgery.cli.stages import stages

_SAYS = {
    "base": "every edited slice is what its edit makes of the base's, every other byte is the base's",
    "originals": "every edited slice is what its edit makes of the original, and with these put back each file has the base's hash",
    None: "the edit itself was not derived again: there is no undo file, and no --base",
}


def verify(
    edited: Annotated[Path, typer.Argument(metavar="DIR", help="A checkpoint that apply wrote, or a download of one.")],
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="MODEL", help="Derive the edit from this base: directory or Hub id."),
    ] = None,
    donor: Annotated[
        str | None,
        typer.Option("--donor", metavar="MODEL", help="Where transplanted heads were taken from: directory or Hub id."),
    ] = None,
    token: Token = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Hash every file against the manifest, and derive the edit anew. Exit 1 if anything is not as it says.

    Without --base the edit is derived from the original bytes that apply kept. What the manifest states beyond that is held against
    recipe, tensors and base; fields that nothing can prove are listed.
    """
    from headsurgery.cli.opening import open_named
    from headsurgery.console import Console
    from headsurgery.surgery.verify import verify_checkpoint

    console = Console(as_json=json, quiet=quiet)
    opened = None if base is None else open_named(console, base, token=token)
    giver = None if donor is None else open_named(console, donor, token=token)
    with stages(console) as on_progress:
        found = verify_checkpoint(edited, base=opened, donor=giver, on_progress=on_progress)
    document = {
        "problems": found.problems,
        "others": list(found.others),
        "against": found.against,
        "intact": not found.problems,
        "steps": found.steps,
        "restorable": found.restorable,
        "not_checked": list(found.unchecked),
        "not_derived": list(found.underived),
    }
    lines = [f"{name}: {what}" for name, what in found.problems.items()]
    if not lines:
        derived = "every edited slice that could be derived" if found.underived else "every edited slice"
        lines = [f"{edited}: every file is as the manifest says", _SAYS[found.against].replace("every edited slice", derived)]
    if found.steps > 1 or found.restorable < found.steps:
        lines.append(
            f"edits: {found.steps}, of which restore can undo {f'the last {found.restorable}' if found.restorable else 'none'}"
        )
    if found.underived:
        lines.append(f"not derived, because the donor is not at hand (--donor): {', '.join(found.underived)}")
    if found.unchecked:
        lines.append(f"stated by the manifest and not checked: {', '.join(found.unchecked)}")
    if found.others:
        lines.append(f"not in the manifest: {', '.join(found.others)}")
    console.data(document, *lines)
    raise typer.Exit(1 if found.problems else 0)
