"""Load recipes that others share: a file, `hf://org/name/recipe.json` with an optional `@revision`, or `https://host/recipe.json`.

A remote recipe gets no more rights than a local file: it is limited in size, validated, and may name only heads and a base on the
Hub. `recipe_web` fetches from the web. Neither it nor the Hub's modules are loaded for a local file.
"""

from __future__ import annotations

import re

from headsurgery.errors import RecipeError
from headsurgery.hub.names import ID, check_token, repository_of
from headsurgery.recipe import Recipe

MAX_BYTES = 2**20
_ON_HUB = re.compile(rf"hf://{ID}(?:@(?P<revision>[\w.-]+|refs/[\w/.-]+?))?/(?P<file>(?:[\w.-]+/)*[\w.-]+\.json)")


def load_recipe(name: str, *, token: str | None = None) -> Recipe:
    """Read a recipe from a file, the Hub or the web.

    Args:
        name: File, `hf://` or `https://`.
        token: Token for the Hub; it is sent to no other host.

    Raises:
        RecipeError: The recipe is not valid, or too large.
        HubError: The recipe can't be fetched.
    """
    if name.startswith("hf://"):
        return _checked_base(_parse(_fetch_from_hub(name, token), name), name)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", name):
        from headsurgery.hub.recipe_web import fetch_from_web

        return _checked_base(_parse(fetch_from_web(name, MAX_BYTES), name), name)
    return Recipe.load(name)


def is_local(name: str) -> bool:
    """Whether a recipe is a local file."""
    return "://" not in name


def _parse(data: bytes, name: str) -> Recipe:
    if len(data) > MAX_BYTES:
        raise RecipeError(f"{name}: larger than {MAX_BYTES:,} bytes, the limit for a recipe")
    try:
        return Recipe.parse(data.decode("utf-8-sig"), where=name)
    except UnicodeDecodeError as error:
        raise RecipeError(f"{name}: not a recipe: not UTF-8") from error


def _checked_base(recipe: Recipe, name: str) -> Recipe:
    """Refuse a remote recipe whose base is a local folder."""
    model = recipe.base.model
    if model is not None and "/" in model and repository_of(model) is None:
        raise RecipeError(f"{name}: base.model is {model!r}, expected a Hub id like org/name")
    return recipe


def _fetch_from_hub(name: str, token: str | None) -> bytes:
    from headsurgery.hub.files import list_files

    match = _ON_HUB.fullmatch(name)
    if match is None or ".." in name:
        raise RecipeError(f"{name}: not a recipe on the Hub", hint="expected a form like hf://org/name/recipe.json")
    repo, revision, file = match["id"], match["revision"], match["file"]
    files = list_files(repo, revision, token=check_token(token))
    if not files.has(file):
        raise RecipeError(f"{repo}: has no file {file}" + (f" at {revision}" if revision else ""))
    if files.size_of(file) > MAX_BYTES:
        raise RecipeError(f"{name}: {files.size_of(file):,} bytes, more than the limit of {MAX_BYTES:,} for a recipe")
    with files.open(file) as stream:
        return stream.read()
