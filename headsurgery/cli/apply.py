"""`headsurgery apply`: a recipe and a base make an edited checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from headsurgery.cli.options import Force, Json, Quiet, Revision, Token
from headsurgery.cli.stages import stages
from headsurgery.edits.operations import OPERATIONS
from headsurgery.errors import UsageError
from headsurgery.filesystem.linking import Link

if TYPE_CHECKING:
    from headsurgery.console import Console
    from headsurgery.recipe import Recipe
    from headsurgery.storage.checkpoint import Checkpoint
    from headsurgery.surgery.plan import SurgeryPlan

Found = TypeVar("Found", "Checkpoint", "Checkpoint | None")


def apply(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Recipe: a JSON file, hf://org/name/recipe.json, or https://host/recipe.json.")
    ],
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Base: directory, GGUF file or Hub id. Default: the recipe's own base.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Directory to create.")] = None,
    donor: Annotated[
        str | None,
        typer.Option(
            "--donor", metavar="MODEL", help="Where transplanted heads come from: directory or Hub id. Default: the recipe's own."
        ),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Edit MODEL itself, without a copy; restore --in-place takes it back.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; write nothing.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Refuse edits that would round a stored number.")] = False,
    force: Force = False,
    link: Annotated[
        Link,
        typer.Option(
            "--link",
            help="How to transfer files that are not edited: reflink (shared blocks), hardlink or symlink (weights only), or copy. "
            "auto: reflink if the file system supports it, else hard links to weights outside the Hub's cache, else copy.",
        ),
    ] = "auto",
    allow_mismatch: Annotated[
        bool, typer.Option("--allow-mismatch", help="Go on although the recipe was made for another base.")
    ] = False,
    no_undo: Annotated[
        bool, typer.Option("--no-undo", help="Leave the original bytes out, which restore and verify need.")
    ] = False,
    revision: Revision = None,
    token: Token = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Edit exactly the recipe's heads in a copy of the checkpoint's bytes, and write its model card.

    A base on the Hub is planned first, from its headers and the edited tensors; --dry-run fetches nothing else.
    """
    from headsurgery.cli.opening import name_of_own, open_donor_of, open_named
    from headsurgery.console import Console
    from headsurgery.filesystem.staging import check_target
    from headsurgery.hub.models import pinned_name
    from headsurgery.hub.recipes import is_local, load_recipe
    from headsurgery.surgery.base_files import RECIPE
    from headsurgery.surgery.plan import check_exact, plan_surgery

    console = Console(as_json=json, quiet=quiet)
    if in_place:
        others = {"-o": output, "--force": force, "--link": link != "auto", "--no-undo": no_undo, "--revision": revision}
        directory = _check_in_place(model, [flag for flag, is_given in others.items() if is_given])
        loaded = load_recipe(recipe, token=token)
        giver = open_donor_of(console, loaded, donor, is_ours=is_local(recipe), token=token)
        giver = giver if dry_run else _fetch(console, giver, token)
        _apply_in_place(console, loaded, directory, giver, dry_run=dry_run, exact=exact, allow_mismatch=allow_mismatch)
        return
    if output is None and not dry_run:
        raise UsageError(
            "apply needs a directory to write to", hint="give one with -o DIR, or look first with --dry-run; --in-place edits MODEL"
        )
    loaded = load_recipe(recipe, token=token)
    name = model or name_of_own(loaded.base, what="base", is_ours=is_local(recipe))
    pinned = revision or (loaded.base.revision if model is None else None)
    base = open_named(console, name, revision=pinned, token=token)
    giver = open_donor_of(console, loaded, donor, is_ours=is_local(recipe), token=token)
    plan = plan_surgery(loaded, base, donor=giver, allow_mismatch=allow_mismatch)
    if exact:
        check_exact(plan)
    if output is not None:
        check_target(output, base.files.extent, force)
    _say_notes(console, plan)
    if dry_run or output is None:
        _show_plan(console, plan, files="files carried over")
        return
    if base.files.path is None or (giver is not None and giver.files.path is None):
        base, giver = _fetch(console, base, token), _fetch(console, giver, token)
        plan = plan_surgery(loaded, base, donor=giver, allow_mismatch=allow_mismatch)
    _write_copy(console, plan, output, link=link, force=force, keep_originals=not no_undo)
    given = [] if donor is None else ["--donor", donor]
    console.next_command(
        "diff", pinned_name(name, base), output, "--recipe", recipe if is_local(recipe) else output / RECIPE, *given
    )


def _check_in_place(model: str | None, flags: list[str]) -> Path:
    if flags:
        raise UsageError(
            f"--in-place edits a directory as it is, and keeps the original bytes in it; found {', '.join(flags)} beside it",
            hint="leave one of the two out",
        )
    if model is None or not Path(model).is_dir():
        raise UsageError(
            f"--in-place edits MODEL itself, a directory on this machine; found {model or 'none'}",
            hint="headsurgery apply RECIPE MODEL --in-place; a GGUF file is edited in a directory of its own",
        )
    return Path(model)


def _apply_in_place(
    console: Console,
    recipe: Recipe,
    directory: Path,
    donor: Checkpoint | None,
    *,
    dry_run: bool,
    exact: bool,
    allow_mismatch: bool,
) -> None:
    from headsurgery.card import card_writer
    from headsurgery.cli.opening import saying_what_became
    from headsurgery.storage.checkpoint import open_checkpoint
    from headsurgery.surgery.in_place import apply_in_place, check_in_place, recover
    from headsurgery.surgery.plan import check_exact, plan_surgery

    if not dry_run:
        recover(directory, console.note)
    plan = plan_surgery(recipe, open_checkpoint(directory), donor=donor, allow_mismatch=allow_mismatch)
    check_in_place(plan)
    if exact:
        check_exact(plan)
    _say_notes(console, plan)
    if dry_run:
        _show_plan(console, plan, files="files that stay where they are")
        return
    with stages(console) as on_progress, saying_what_became(console, directory):
        manifest = apply_in_place(plan, write_card=card_writer(plan), on_progress=on_progress, on_note=console.note)
    document = {"output": str(directory)} | manifest.model_dump(by_alias=True)
    console.data(document, f"{directory}: edited in place: {_summary(plan)}")
    console.next_command("verify", directory)


def _say_notes(console: Console, plan: SurgeryPlan) -> None:
    for note in plan.notes:
        console.note(note)


def _fetch(console: Console, model: Found, token: str | None) -> Found:
    """Base or donor, on this machine."""
    if model is None or model.files.path is not None:
        return model
    from headsurgery.hub.models import fetch_model
    from headsurgery.storage.checkpoint import open_checkpoint

    with stages(console) as on_progress, console.ending_at_once("what was fetched is kept"):
        source = fetch_model(f"{model.model}@{model.revision}", token=token, on_progress=on_progress)
    return open_checkpoint(source.path, model=model.model, revision=model.revision)


def _write_copy(console: Console, plan: SurgeryPlan, output: Path, *, link: Link, force: bool, keep_originals: bool) -> None:
    from headsurgery.card import card_writer
    from headsurgery.filesystem.linking import shared_files
    from headsurgery.surgery.apply import apply_plan

    with stages(console) as on_progress:
        manifest = apply_plan(
            plan,
            output,
            write_card=card_writer(plan),
            link=link,
            force=force,
            keep_originals=keep_originals,
            on_progress=on_progress,
            on_note=console.note,
        )
    unedited = (record.file for record in manifest.files if record.sha256 == record.base_sha256)
    shared = shared_files(plan.checkpoint.path, output, unedited)
    if shared:
        console.note(
            f"{len(shared)} of its files are the base's own under a second name: whoever writes into one changes both. "
            "--link copy makes them independent"
        )
    for note in _explain_left_out(plan):
        console.note(note)
    console.data({"output": str(output)} | manifest.model_dump(by_alias=True), f"{output}: {_summary(plan)}")


def _explain_left_out(plan: SurgeryPlan) -> list[str]:
    """Why files of the base are not in the result."""
    links = plan.files.links
    others = [file for file in plan.files.left_out if file not in links]
    notes = []
    if links:
        notes.append(
            f"left out, because they are links that lead out of {plan.checkpoint.files.where}: {', '.join(links)}; "
            "if they belong to the model, give the folder that they lead to, or put the files themselves in their place"
        )
    if others:
        notes.append(f"left out, because they hold the unedited weights or are no part of the model: {', '.join(others)}")
    return notes


def _summary(plan: SurgeryPlan) -> str:
    from headsurgery.recipe import say_edits

    parameters = f"{plan.parameters_changed:,} of {plan.num_parameters:,} parameters ({plan.share:.4%})"
    return f"{say_edits(plan.recipe.edits)}; {parameters}"


def _show_plan(console: Console, plan: SurgeryPlan, *, files: str) -> None:
    from headsurgery.console import table

    rows = []
    for edit in plan.edits:
        block = f"{'columns' if edit.axis else 'rows'} {edit.block.start}-{edit.block.stop - 1}"
        factor = edit.edit.factor if OPERATIONS[edit.edit.operation].multiplies else ""
        what = (str(edit.edit.ref), edit.edit.operation, factor, edit.tensor.name, edit.tensor.file, block)
        rows.append((*what, edit.runs.count, edit.runs.length, str(edit.exactness)))
    headers = ("head", "operation", "factor", "tensor", "file", "block", "runs", "bytes each", "result")
    left_out = f"Left out: {', '.join(plan.files.left_out)}" if plan.files.left_out else "Nothing is left out."
    carried = f"{files}: {len(plan.files.copied)}, of which edited: {len({edit.tensor.file for edit in plan.edits})}"
    for note in _explain_left_out(plan):
        console.note(note)
    console.data(plan.to_json(), table(headers, rows), "", _summary(plan), carried, left_out)
    console.say("dry run: nothing was written")
