"""`headsurgery apply`: a recipe and a base make an edited checkpoint."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headsurgery.checkpoint.linking import Link
from headsurgery.cli.options import Force, Json, Quiet, Revision, Token
from headsurgery.errors import RecipeError, UsageError
from headsurgery.hub_names import is_hub_id

if TYPE_CHECKING:
    from headsurgery.checkpoint.own_files import CardWriter
    from headsurgery.checkpoint.plan import SurgeryPlan
    from headsurgery.console import Console
    from headsurgery.recipe import Recipe


def apply(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Recipe: a JSON file, hf://org/name/recipe.json, or https://host/recipe.json.")
    ],
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Base: directory or Hub id. Default: the recipe's own base.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Directory to create.")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Edit MODEL itself, without a copy; restore --in-place takes it back.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; write nothing.")] = False,
    force: Force = False,
    link: Annotated[
        Link,
        typer.Option(
            "--link",
            help="How files come over that are not edited: reflink (shared blocks), hardlink or symlink (weights only), copy. "
            "auto: reflink if the file system can, else hard links to weights outside the Hub's cache, else copy.",
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
    from headsurgery.checkpoint.carried import RECIPE
    from headsurgery.checkpoint.plan import plan_surgery
    from headsurgery.checkpoint.reader import open_checkpoint
    from headsurgery.checkpoint.staging import check_target
    from headsurgery.cli.opening import open_named
    from headsurgery.console import Console
    from headsurgery.hub import fetch_model, pinned_name
    from headsurgery.recipe_source import is_local, load_recipe

    if in_place:
        without = {"-o": output is not None, "--force": force, "--link": link != "auto", "--no-undo": no_undo}
        _check_in_place_usage(model, [flag for flag, is_given in without.items() if is_given])
    elif output is None and not dry_run:
        raise UsageError("apply needs a directory to write to", hint="give one with -o DIR, or look first with --dry-run")
    console = Console(as_json=json, quiet=quiet)
    loaded = load_recipe(recipe, token=token)
    name = model or _base_of(loaded, is_ours=is_local(recipe))
    pinned = revision or (loaded.base.revision if model is None else None)
    if in_place and not dry_run:
        from headsurgery.checkpoint.in_place import recover

        recover(Path(name), console.note)
    base = open_named(console, name, revision=pinned, token=token)
    plan = plan_surgery(loaded, base, allow_mismatch=allow_mismatch)
    for note in plan.notes:
        console.note(note)
    if in_place:
        from headsurgery.checkpoint.in_place import check_in_place

        check_in_place(plan)
    if dry_run:
        _show_plan(console, plan)
    elif output is None:
        _edit_in_place(console, plan, name)
    else:
        if base.files.path is None:
            check_target(output, base.files.path, force)
            with console.progress("fetching") as on_progress, console.ending_at_once("what was fetched is kept"):
                source = fetch_model(f"{base.model}@{base.revision}", token=token, on_progress=on_progress)
            base = open_checkpoint(source.path, model=base.model, revision=base.revision)
            plan = plan_surgery(loaded, base, allow_mismatch=allow_mismatch)
        _write_copy(console, plan, output, link=link, force=force, keep_originals=not no_undo)
        console.next_command("diff", pinned_name(name, base), output, "--recipe", recipe if is_local(recipe) else output / RECIPE)


def _check_in_place_usage(model: str | None, without: list[str]) -> None:
    if without:
        raise UsageError(
            f"--in-place writes no new directory and keeps the original bytes; found {', '.join(without)} beside it",
            hint="leave one of the two out",
        )
    if model is None or not Path(model).is_dir():
        raise UsageError(
            f"--in-place edits MODEL itself, a directory on this machine; found {model or 'none'}",
            hint="headsurgery apply RECIPE MODEL --in-place",
        )


def _edit_in_place(console: Console, plan: SurgeryPlan, name: str) -> None:
    from headsurgery.checkpoint.in_place import apply_in_place

    with console.progress("reading") as on_progress:
        manifest = apply_in_place(plan, write_card=_card_writer(plan), on_progress=on_progress, on_note=console.note)
    console.data({"output": name} | manifest.model_dump(by_alias=True), f"{name}: edited in place: {_summary(plan)}")
    console.next_command("verify", name)


def _write_copy(console: Console, plan: SurgeryPlan, output: Path, *, link: Link, force: bool, keep_originals: bool) -> None:
    from headsurgery.checkpoint.linking import shared_files
    from headsurgery.checkpoint.surgery import apply_plan

    with console.progress("writing") as on_progress:
        manifest = apply_plan(
            plan,
            output,
            write_card=_card_writer(plan),
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
    if manifest.left_out:
        console.note(
            f"left out, because they hold the unedited weights or are no part of the model: {', '.join(manifest.left_out)}"
        )
    console.data({"output": str(output)} | manifest.model_dump(by_alias=True), f"{output}: {_summary(plan)}")


def _card_writer(plan: SurgeryPlan) -> CardWriter:
    from headsurgery.card import write_card
    from headsurgery.checkpoint.history import earlier_manifests

    return partial(write_card, recipe=plan.recipe, earlier=earlier_manifests(plan.checkpoint.files))


def _base_of(recipe: Recipe, *, is_ours: bool) -> str:
    """The recipe's own base; of somebody else's recipe never a folder here."""
    if recipe.base.model is None:
        raise RecipeError("the recipe names no base model", hint="give MODEL: headsurgery apply RECIPE MODEL -o DIR")
    if is_hub_id(recipe.base.model) and not is_ours:
        return f"hf://{recipe.base.model}"
    if "/" not in recipe.base.model and not (is_ours and Path(recipe.base.model).is_dir()):
        raise RecipeError(
            f"the recipe's base is a local folder {recipe.base.model!r}, which is not here",
            hint="give its path: headsurgery apply RECIPE MODEL -o DIR",
        )
    return recipe.base.model


def _summary(plan: SurgeryPlan) -> str:
    heads = ", ".join(f"{edit.ref} {edit.operation} × {edit.factor:g}" for edit in plan.recipe.edits)
    return f"{heads}; {plan.parameters_changed:,} of {plan.checkpoint.num_parameters:,} parameters ({plan.share:.4%})"


def _show_plan(console: Console, plan: SurgeryPlan) -> None:
    from headsurgery.console import table

    rows = []
    for edit in plan.edits:
        block = f"{'columns' if edit.axis else 'rows'} {edit.block.start}-{edit.block.stop - 1}"
        what = (str(edit.edit.ref), edit.edit.operation, edit.edit.factor, edit.tensor.name, edit.tensor.file, block)
        rows.append((*what, edit.runs.count, edit.runs.length))
    headers = ("head", "operation", "factor", "tensor", "file", "block", "runs", "bytes each")
    left_out = f"Left out: {', '.join(plan.files.left_out)}" if plan.files.left_out else "Nothing is left out."
    carried = f"{len(plan.files.carried)} files are carried over, {len({edit.tensor.file for edit in plan.edits})} of them edited."
    console.data(plan.to_json(), table(headers, rows), "", _summary(plan), carried, left_out)
    console.say("dry run: nothing was written")
