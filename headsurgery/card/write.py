"""Make a card from metadata, our sections and the base's card, with the picture beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headsurgery.architectures.uniformity import is_about_uniformity
from headsurgery.card import sections
from headsurgery.card.licences import find_licences
from headsurgery.card.metadata import find_variant, list_results, make_metadata
from headsurgery.card.picture import draw_heads
from headsurgery.documents.front_matter import FrontMatter, join_front_matter, read_front_matter
from headsurgery.documents.strict_json import quote
from headsurgery.edits.operations import OPERATIONS
from headsurgery.errors import CheckpointError, UsageError
from headsurgery.recipe import Geometry, Recipe
from headsurgery.surgery.base_files import CARD, MANIFEST, PICTURE, RECIPE
from headsurgery.surgery.history import earlier_manifests
from headsurgery.surgery.manifest import Manifest

if TYPE_CHECKING:
    from headsurgery.evaluation.records import Evaluation
    from headsurgery.surgery.own_files import CardWriter
    from headsurgery.surgery.plan import SurgeryPlan

_MAX_HEADS = 2**16
"""Cells of the picture; about three times as many as the heads of the largest models."""


def card_writer(plan: SurgeryPlan) -> CardWriter:
    """What `apply_plan` makes the card of a plan's result with."""
    return partial(write_card, recipe=plan.recipe, earlier=earlier_manifests(plan.checkpoint.files))


def write_card(
    manifest: Manifest,
    base_card: bytes | None,
    *,
    recipe: Recipe,
    earlier: Sequence[Manifest] = (),
    evaluation: Evaluation | None = None,
    scores: npt.NDArray[np.float64] | None = None,
) -> dict[str, bytes]:
    """Make the card and its picture.

    Args:
        manifest: Of the edited checkpoint.
        base_card: The base's own card, if it has one; it stands below ours, as it is but for its metadata.
        recipe: What was applied.
        earlier: Of a base that was edited itself: its manifests, the last one first.
        evaluation: Figures; one of its variants must have the recipe's edits.
        scores: [layer, head], for the picture; None: the picture shows factors.

    Returns:
        The files by name.

    Raises:
        UsageError: The evaluation is of other edits, or the scores are of another model.
        CheckpointError: The manifest and the recipe don't belong together.
    """
    base = read_front_matter(base_card or b"")
    results = []
    if evaluation is not None:
        variant = find_variant(evaluation, recipe.edits)
        if variant is None:
            raise UsageError("the report is about other edits: none of its variants has the recipe's edits")
        results = list_results(evaluation, variant, str(base.metadata.get("pipeline_tag", "text-generation")))
    first = earlier[-1].base if earlier else manifest.base
    edits = (*recipe.edits, *(edit for step in earlier for edit in step.edits))
    metadata = make_metadata(base.metadata, first, edits, results)
    parts = [
        sections.say_title(manifest, recipe, find_licences(base.licences), first=first, steps=len(earlier) + 1),
        sections.say_edits(recipe, PICTURE, scores is not None, notes=tuple(filter(is_about_uniformity, manifest.notes))),
        *([sections.say_earlier(earlier)] if earlier else []),
        sections.say_attribution(recipe.provenance, recipe.edits),
        sections.say_effect(evaluation, recipe.edits),
        sections.say_use(edits, evaluation, recipe),
        sections.say_commands(manifest.base, manifest.donor),
    ]
    if below := _say_base(base):
        parts.append(f"---\n\n*The base's own card follows. It describes the base.*\n\n{below}\n")
    values = _picture_values(manifest.base.geometry, recipe, scores)
    picture = draw_heads(values, {edit.ref for edit in recipe.edits})
    return {CARD: join_front_matter(metadata, "\n".join(parts)).encode(), PICTURE: picture}


def _say_base(base: FrontMatter) -> str:
    """The base's card, to be put after ours. If its metadata can't be read, they are included as text."""
    text = base.text.strip()
    if not base.problem or not base.block:
        return text
    fence = "`" * max(3, *(1 + len(run) for run in re.findall("`*", base.block)))
    block = f"*Its metadata can't be read ({sections.escape(base.problem)}):*\n\n{fence}yaml\n{base.block.strip()}\n{fence}"
    return f"{block}\n\n{text}".rstrip()


def _picture_values(geometry: Geometry | None, recipe: Recipe, scores: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    """Scores, or factor - 1 of every edited head, [layer, head]; NaN where there is no head."""
    if geometry is None:
        raise CheckpointError(f"{MANIFEST}: contains no geometry, which apply always writes")
    layers, counts = geometry.num_layers or 0, geometry.num_heads
    heads = [count or 0 for count in counts] if isinstance(counts, list) else [counts or 0] * layers
    if len(heads) != layers or not 0 < layers * max(heads, default=0) <= _MAX_HEADS:
        raise CheckpointError(f"{MANIFEST}: not a possible geometry: {layers} layers, {quote(counts)} heads")
    if any(edit.layer >= layers or edit.head >= heads[edit.layer] for edit in recipe.edits):
        raise CheckpointError(f"{RECIPE}: edits a head that the checkpoint doesn't have according to {MANIFEST}")
    if scores is not None:
        if scores.shape != (layers, max(heads)):
            raise UsageError(
                f"the scores belong to another model: {scores.shape} layers and heads, expected {(layers, max(heads))}"
            )
        return scores
    values = np.zeros((layers, max(heads)))
    values[np.arange(max(heads)) >= np.array(heads)[:, None]] = np.nan
    for edit in recipe.edits:
        values[edit.layer, edit.head] = edit.factor - 1 if OPERATIONS[edit.operation].multiplies else 0
    return values
