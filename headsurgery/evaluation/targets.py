"""What the user named: recipes, edited checkpoints and plain models, and the base that they belong to.

Nothing is guessed: the base is given, or is the only plain model, or all recipes and manifests state the same one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headsurgery.errors import RecipeError, UsageError
from headsurgery.hub.models import Source, fetch_model
from headsurgery.recipe import Recipe, RecipeBase
from headsurgery.storage.foreign import names_weights
from headsurgery.surgery.base_files import MANIFEST
from headsurgery.surgery.manifest import Manifest


@dataclass(frozen=True, kw_only=True)
class Named:
    """One thing that the user named: a recipe or a model.

    Args:
        name: Its name in the report: a file's stem, a directory's name, or the last part of a Hub id.
        recipe: The recipe, if it is one.
        source: The model, if it is one.
        manifest: The model's manifest, if headsurgery edited it.
    """

    name: str
    recipe: Recipe | None = None
    source: Source | None = None
    manifest: Manifest | None = None

    @property
    def stated_base(self) -> RecipeBase | None:
        """The base that it states; None for a plain model."""
        if self.recipe is not None:
            return self.recipe.base
        return None if self.manifest is None else self.manifest.base


Target = str | Path | Recipe | Named


def read_targets(
    named: Sequence[Target], *, base: str | None = None, revision: str | None = None, token: str | None = None
) -> tuple[Named, ...]:
    """Read the recipes and fetch the models.

    Args:
        named: Recipes, files, directories, Hub ids, or what has been read already.
        base: The base's name, if it is given separately.
        revision: Commit of the base. If the base is not given separately, that of the only model named.
        token: Hub token for gated and private models.

    Raises:
        UsageError: Nothing is named.
        RecipeError, CheckpointError, HubError: Something can't be read or found.
    """
    if not named and base is None:
        raise UsageError("nothing to evaluate; expected a recipe, an edited checkpoint or a model")
    models = [target for target in named if not _is_recipe(target)]
    of_model = revision if base is None and len(models) == 1 else None
    return tuple(_read(target, of_model, token) for target in named)


def find_base(
    targets: Sequence[Named], *, base: str | None = None, revision: str | None = None, token: str | None = None
) -> tuple[Source, tuple[Named, ...]]:
    """Find the base, and what is compared with it.

    Raises:
        UsageError, RecipeError: There is no base, or there are several.
        CheckpointError, HubError: It can't be found.
    """
    if base is not None:
        return fetch_model(base, revision=revision, token=token), tuple(targets)
    plain = [target for target in targets if target.stated_base is None]
    if len(plain) > 1:
        raise UsageError(
            f"{' and '.join(target.name for target in plain)}: which of them is the base?", hint="name the base with --base"
        )
    if plain:
        assert plain[0].source is not None
        return plain[0].source, tuple(target for target in targets if target is not plain[0])
    return _fetch_stated(targets, revision, token), tuple(targets)


def find_donor(targets: Sequence[Named], *, donor: str | None = None, token: str | None = None) -> Source | None:
    """Find the model from which recipes transplant heads; None if they transplant none.

    Args:
        targets: Recipes, and checkpoints that were edited before. The latter need their donor only for random controls.
        donor: The donor's name, if it is given separately.
        token: Hub token for gated and private models.

    Raises:
        UsageError, RecipeError: There is no donor, there are several, or none is needed.
        CheckpointError, HubError: It can't be found.
    """
    recipes = {target.name: target.recipe for target in targets if target.recipe is not None and target.recipe.needs_donor}
    if donor is not None:
        if not recipes and not any(target.manifest is not None and target.manifest.donor is not None for target in targets):
            raise UsageError("no recipe takes anything from a donor", hint="omit --donor")
        return fetch_model(donor, token=token)
    if not recipes:
        return None
    hint = "name the donor with --donor"
    stated = {(recipe.donor.model, recipe.donor.revision) if recipe.donor else (None, None) for recipe in recipes.values()}
    if len(stated) > 1:
        raise UsageError(f"{', '.join(recipes)}: the recipes state different donors", hint="evaluate them one at a time")
    ((model, revision),) = stated
    if model is None:
        raise RecipeError(f"{', '.join(recipes)}: takes heads from a donor, but names none", hint=hint)
    is_local = Path(model).expanduser().is_dir()
    if "/" not in model and not is_local:
        raise RecipeError(f"{', '.join(recipes)}: the donor is a local folder {model!r}, which is not here", hint=hint)
    return fetch_model(model, revision=None if is_local else revision, token=token)


def _read(target: Target, revision: str | None, token: str | None) -> Named:
    if isinstance(target, Named):
        return target
    return _read_recipe(target) if _is_recipe(target) else _read_model(str(target), revision=revision, token=token)


def _is_recipe(target: Target) -> bool:
    if isinstance(target, Named):
        return target.recipe is not None
    if isinstance(target, Recipe):
        return True
    path = os.path.expanduser(target)
    if names_weights(path):
        return False
    return os.path.isfile(path) or (str(target).endswith(".json") and not os.path.isdir(path))


def _read_recipe(target: str | Path | Recipe) -> Named:
    if isinstance(target, Recipe):
        return Named(name="recipe", recipe=target)
    path = Path(os.path.expanduser(target))
    return Named(name=path.stem, recipe=Recipe.load(path))


def _read_model(name: str, *, revision: str | None, token: str | None) -> Named:
    source = fetch_model(name, revision=revision, token=token)
    manifest = Manifest.load(source.path) if (source.path / MANIFEST).exists() else None
    return Named(name=source.model.split("/")[-1], source=source, manifest=manifest)


def _fetch_stated(targets: Sequence[Named], revision: str | None, token: str | None) -> Source:
    """The base that all targets state."""
    hint = "name the base with --base"
    stated = {target.name: target.stated_base for target in targets}
    models = {base.model for base in stated.values() if base is not None and base.model is not None}
    revisions = {base.revision for base in stated.values() if base is not None and base.revision is not None}
    if not models:
        raise RecipeError(f"{', '.join(stated)}: no base is stated", hint=hint)
    if len(models) > 1 or (len(revisions) > 1 and revision is None):
        raise UsageError(f"the targets state different bases: {', '.join(sorted({*models, *revisions}))}", hint=hint)
    (model,) = models
    if "/" not in model and not Path(model).is_dir():
        raise RecipeError(f"{', '.join(stated)}: the base is a local folder {model!r}, which is not here", hint=hint)
    is_local = Path(model).expanduser().is_dir()
    return fetch_model(model, revision=None if is_local else revision or next(iter(revisions), None), token=token)
