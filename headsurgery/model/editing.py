"""Run a live model as if a recipe had been applied to its weights. `hooks` does it, `selftest` makes sure of the heads first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import locate_modules
from headsurgery.model.selftest import ensure_heads
from headsurgery.recipe import HeadEdit, Recipe


@contextmanager
def edited(model: nn.Module, recipe: Recipe | Iterable[HeadEdit]) -> Iterator[nn.Module]:
    """Run a loaded transformers model as if the recipe had been applied to its weights.

    The weights are not touched. In nested use all edits hold; on the same head their factors multiply.

    Args:
        model: A causal language model.
        recipe: A recipe, or its edits.

    Yields:
        The same model, hooked.

    Raises:
        RecipeError: The model has no such head.
        GeometryError: The edit has no effect on this model as stated (QK-norm), or the model is not what the table says.
        ArchitectureError: The family is refused.
        ModelError: The family is not in the table, and what looks like its heads are none.
    """
    modules = locate_modules(model)
    ensure_heads(modules)
    edits = recipe.edits if isinstance(recipe, Recipe) else tuple(recipe)
    with row_edits(modules, [RowEdit(edit=edit) for edit in edits]):
        yield model
