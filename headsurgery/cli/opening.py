"""A model by its name, opened where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from headsurgery.errors import HeadSurgeryError, RecipeError
from headsurgery.hub.names import repository_of
from headsurgery.recipe import Recipe, RecipeBase

if TYPE_CHECKING:
    from headsurgery.console import Console
    from headsurgery.storage.checkpoint import Checkpoint


def open_named(console: Console, name: str, *, revision: str | None = None, token: str | None = None) -> Checkpoint:
    """Open a checkpoint, and say so if its repository has another name by now."""
    from headsurgery.hub.models import open_model

    if not os.path.isdir(os.path.expanduser(name)):
        console.quiet_hub()
    checkpoint = open_model(name, revision=revision, token=token)
    if checkpoint.files.path is None and checkpoint.model.lower() not in name.lower():
        console.note(f"{name}: has moved to {checkpoint.model}")
    return checkpoint


def name_of_own(stated: RecipeBase, *, what: str, is_ours: bool) -> str:
    """The base or donor that a recipe names itself; of somebody else's recipe never a folder here.

    Args:
        stated: What the recipe says of it.
        what: `base` or `donor`.
        is_ours: Whether the recipe is a file of this machine.

    Raises:
        RecipeError: It names none, or one that is not here.
    """
    flag = "MODEL" if what == "base" else "--donor MODEL"
    usage = f"headsurgery apply RECIPE MODEL{'' if what == 'base' else ' ' + flag} -o DIR"
    if stated.model is None:
        raise RecipeError(f"the recipe names no {what} model", hint=f"give {flag}: {usage}")
    if repository_of(stated.model) and not is_ours:
        return f"hf://{stated.model}"
    if "/" not in stated.model and not (is_ours and Path(stated.model).exists()):
        raise RecipeError(
            f"the recipe's {what} is a local folder {stated.model!r}, which is not here", hint=f"give its path: {usage}"
        )
    return stated.model


def open_donor_of(console: Console, recipe: Recipe, named: str | None, *, is_ours: bool, token: str | None) -> Checkpoint | None:
    """The donor of a recipe, opened where it is; None for a recipe without one.

    Args:
        console: Where to say that it has moved.
        recipe: The recipe.
        named: What the user gave with --donor; None: the recipe's own.
        is_ours: See `name_of_own`.
        token: For gated and private models.

    Raises:
        RecipeError: It needs one, and none is to be had; or the user gave one, and it needs none.
    """
    if not recipe.needs_donor:
        if named is not None:
            raise RecipeError("no edit of the recipe takes anything from a donor", hint="leave --donor out")
        return None
    if named is not None:
        return open_named(console, named, token=token)
    stated = recipe.donor or RecipeBase()
    return open_named(console, name_of_own(stated, what="donor", is_ours=is_ours), revision=stated.revision, token=token)


@contextmanager
def saying_what_became(console: Console, directory: Path) -> Iterator[None]:
    """After Ctrl-C or SIGTERM, say in which state a checkpoint is that is changed in place."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        from headsurgery.filesystem.files import Directory
        from headsurgery.storage.checkpoint import check_at_rest
        from headsurgery.surgery.history import describe_steps

        try:
            check_at_rest(Directory(directory))
            edits = describe_steps(Directory(directory))
        except HeadSurgeryError as error:
            console.error(error)
        else:
            console.note(f"{directory} is whole, and {f'edited by {edits}' if edits else 'not edited'}")
        raise


def show_bytes(count: int) -> str:
    """`1.2 GB`, `340 kB`."""
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
