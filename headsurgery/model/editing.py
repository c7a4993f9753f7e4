"""Run a live model as if a recipe had been applied to its weights. `hooks` makes the edits, `selftest` checks the heads first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import nn

from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.edits.donor import Donor
from headsurgery.errors import GeometryError
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.model.selftest import ensure_heads
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import Checkpoint


@contextmanager
def edited(model: nn.Module, recipe: Recipe | Iterable[HeadEdit], *, donor: Checkpoint | None = None) -> Iterator[nn.Module]:
    """Run a loaded transformers model as if the recipe had been applied to its weights.

    Edits that multiply are hooks, and touch no weights. Transplanted heads are exchanged weights, which come back on every way out.
    In nested use all edits hold; on the same head factors multiply, and the inner of two transplants counts.

    Args:
        model: A causal language model.
        recipe: A recipe, or its edits.
        donor: Checkpoint that transplanted heads are taken from; its slices are read from its files. None: what `donating` says.

    Yields:
        The same model, hooked.

    Raises:
        RecipeError: The model has no such head; or heads are transplanted, and there is no donor.
        GeometryError: The edit has no effect on this model as stated (QK-norm), or the model is not what the table says.
        ArchitectureError: The family is refused.
        ModelError: The family is not in the table, and what looks like its heads are none; or weights that are to be exchanged are
            quantized or offloaded.
    """
    modules = locate_modules(model)
    ensure_heads(modules)
    edits = recipe.edits if isinstance(recipe, Recipe) else tuple(recipe)
    donor = donor or _DONORS.get(model)
    giver = None if donor is None else _open_donor(donor, modules)
    with row_edits(modules, [RowEdit(edit=edit) for edit in edits], donor=giver):
        yield model


@contextmanager
def donating(model: nn.Module, donor: Checkpoint | None) -> Iterator[None]:
    """Set the donor of transplanted heads for all uses of `edited` in the block."""
    if donor is None:
        yield
        return
    before = _DONORS.get(model)
    _DONORS[model] = donor
    try:
        yield
    finally:
        if before is None:
            del _DONORS[model]
        else:
            _DONORS[model] = before


_DONORS: WeakKeyDictionary[nn.Module, Checkpoint] = WeakKeyDictionary()


def _open_donor(donor: Checkpoint, modules: ModuleMap) -> Donor:
    anatomy = prove_anatomy(donor)
    ours, theirs = modules.geometry, anatomy.geometry
    if anatomy.architecture.model_type != modules.architecture.model_type or ours != theirs:
        raise GeometryError(
            f"{donor.files.where}: can't be the donor: its heads differ from the model's",
            hint="a donor must have the model's family, heads and sizes, such as a sibling trained from the same weights",
        )
    return Donor(checkpoint=donor, anatomy=anatomy)
