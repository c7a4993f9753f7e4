"""Where the base of a recipe lies on this machine.

A recipe holds no path. So the checkpoints that were opened in this process are remembered by their fingerprint, which a recipe's
base states: a recipe that was just found is applied without naming its base again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headsurgery.errors import RecipeError
from headsurgery.recipe import Recipe, RecipeBase

if TYPE_CHECKING:
    from headsurgery.progress import Progress
    from headsurgery.storage.checkpoint import Checkpoint

_PATHS: dict[str, Path] = {}


def remember(checkpoint: Checkpoint) -> None:
    """Remember where a checkpoint lies."""
    _PATHS[checkpoint.fingerprint()] = checkpoint.path.resolve()


def open_named(
    name: str | Path | Checkpoint,
    *,
    revision: str | None = None,
    token: str | None = None,
    on_progress: Progress | None = None,
) -> Checkpoint:
    """Open a checkpoint by its name, or take one that is open. One that is on the Hub is fetched.

    Raises:
        CheckpointError, HubError, UsageError: It can't be found or read.
    """
    from headsurgery.hub.models import fetch_model
    from headsurgery.storage.checkpoint import Checkpoint, open_checkpoint

    if isinstance(name, Checkpoint):
        if name.files.path is not None:
            return name
        name, revision = f"{name.model}@{name.revision}", None
    source = fetch_model(str(name), revision=revision, token=token, on_progress=on_progress)
    return open_checkpoint(source.path, model=source.model, revision=source.revision)


def open_base(recipe: Recipe, *, token: str | None = None) -> Checkpoint:
    """Open the base that a recipe states.

    Raises:
        RecipeError: It states none, or a local folder that is not here.
        CheckpointError, HubError: It can't be found or read.
    """
    return _open_stated(recipe.base, "base", token)


def open_donor(recipe: Recipe, *, token: str | None = None) -> Checkpoint | None:
    """Open the donor that a recipe states; None for a recipe that needs none.

    Raises:
        RecipeError: It states none and needs one, or a local folder that is not here.
        CheckpointError, HubError: It can't be found or read.
    """
    return _open_stated(recipe.donor or RecipeBase(), "donor", token) if recipe.needs_donor else None


def _open_stated(stated: RecipeBase, what: str, token: str | None) -> Checkpoint:
    remembered = _PATHS.get(stated.fingerprint or "")
    if remembered is not None and remembered.is_dir():
        return open_named(remembered)
    if stated.model is None:
        raise RecipeError(f"the recipe names no {what}", hint=f"give it: recipe.apply(out, {what}=...)")
    if "/" not in stated.model and not Path(stated.model).is_dir():
        raise RecipeError(
            f"the recipe's {what} is a local folder {stated.model!r}, which is not here",
            hint=f"give its path: recipe.apply(out, {what}=...)",
        )
    return open_named(stated.model, revision=None if Path(stated.model).is_dir() else stated.revision, token=token)
