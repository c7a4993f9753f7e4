"""`headsurgery push`: publish an edited checkpoint, or only its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headsurgery.cli.options import Json, Quiet, Token
from headsurgery.cli.stages import stages
from headsurgery.edits.operations import OPERATIONS
from headsurgery.hub.names import repository_of
from headsurgery.recipe import HeadEdit

if TYPE_CHECKING:
    from headsurgery.console import Console
    from headsurgery.push import PushPlan


def push(
    edited: Annotated[Path, typer.Argument(metavar="DIR", help="A checkpoint that apply wrote.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="Where to: org/name, with an optional @branch.")],
    recipe_only: Annotated[
        bool, typer.Option("--recipe-only", help="Send recipe, manifest and card, not the weights: a few kB.")
    ] = False,
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Who sees a new repository. Default: nobody else, if the recipe ablates."),
    ] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")] = False,
    revision: Annotated[str | None, typer.Option("--revision", help="Branch to commit to; made if it isn't there.")] = None,
    message: Annotated[str | None, typer.Option("--commit-message", help="Of the commit. Default: what was edited.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List every file and how it would travel; send nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that no push wrote, and pass by what the licence or a check forbids.")
    ] = False,
    token: Token = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Publish on the Hub in one commit. Files that equal the base's are copied there, not sent; the bytes for restore go along."""
    from headsurgery.console import Console
    from headsurgery.push import plan_push, send
    from headsurgery.surgery.base_files import RECIPE

    console = Console(as_json=json, quiet=quiet)
    console.quiet_hub()
    with stages(console) as on_progress:
        plan = plan_push(
            edited,
            repo,
            revision=revision,
            recipe_only=recipe_only,
            private=private,
            force=force,
            dry_run=dry_run,
            token=token,
            on_progress=on_progress,
        )
    for note in plan.notes:
        console.note(note)
    if dry_run:
        _show_plan(console, plan)
        return
    with console.ending_at_once("nothing of the repository's was changed, or all; the same command goes on from here"):
        done = send(plan, message=message or _message(plan, recipe_only), create_pr=create_pr)
    for note in done.notes:
        console.note(note)
    document = plan.to_json() | {"dry_run": False, "url": done.url, "commit": done.commit}
    console.data(document, f"{done.url}: {_summary(plan)}")
    base, commit = plan.base
    if repository_of(base) and commit and recipe_only:
        console.next_command("apply", f"hf://{plan.repo}@{done.commit}/{RECIPE}", "-o", "again")
    elif repository_of(base) and commit:
        console.next_command("diff", f"{base}@{commit}", f"{plan.repo}@{done.commit}", "--recipe", edited / RECIPE)


def _say(edit: HeadEdit) -> str:
    operation = OPERATIONS[edit.operation]
    return f"{edit.ref} {operation.say_amount(edit.factor) if operation.multiplies else operation.say(edit.factor)}"


def _message(plan: PushPlan, recipe_only: bool) -> str:
    heads = ", ".join(dict.fromkeys(_say(edit) for edit in plan.contents.manifest.edits))
    text = f"{'Recipe' if recipe_only else 'headsurgery'}: {heads}"
    return text if len(text) <= 100 else f"{text[:97]}..."


def _summary(plan: PushPlan) -> str:
    parts = [f"{count:,} bytes {_WORDS[how]}" for how, count in plan.to_json()["bytes"].items() if count]
    return ", ".join(parts) or "nothing to do"


_WORDS = {"upload": "uploaded", "copy": "copied on the Hub", "there": "there already", "delete": "deleted"}


def _show_plan(console: Console, plan: PushPlan) -> None:
    from headsurgery.console import table

    rows = [(transfer.file, transfer.num_bytes, transfer.how, transfer.why) for transfer in plan.transfers]
    is_private = plan.target.is_private if plan.target.exists else plan.makes_private
    sight = {True: "private", False: "public", None: "as the organisation has it"}[is_private]
    is_new = "new, or hidden without a token" if plan.target.is_hidden else "new"
    where = f"{plan.repo}, {'branch ' + (plan.revision or 'main') if plan.target.exists else is_new}, {sight}"
    console.data(plan.to_json() | {"dry_run": True}, table(("file", "bytes", "how", "why"), rows), "", where, _summary(plan))
    console.say("dry run: nothing was sent")
