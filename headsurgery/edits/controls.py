"""The random-head control: what happens when the same edits hit other heads of the same layers.

Invariant: a draw differs from the recipe only in which heads are edited; per layer it has as many, and none of the recipe's. So an
effect that random heads have as well is an effect of editing these layers, not of the heads that were found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb, factorial, prod
from random import Random

from headsurgery.errors import UsageError
from headsurgery.heads import AttentionGeometry
from headsurgery.recipe import HeadEdit

_Layers = dict[int, dict[int, list[HeadEdit]]]
"""Edits by layer, then head."""


def random_heads(edits: Sequence[HeadEdit], geometry: AttentionGeometry, *, draws: int, seed: int) -> list[tuple[HeadEdit, ...]]:
    """Move the edits to random other heads of their layers.

    All edits of one head move together, with their operation and factor. Draws differ from each other as long as the layers have
    enough heads for that; then they start again, so that every possible draw comes about equally often.

    Args:
        edits: A recipe's.
        geometry: Heads of the model; layers may differ.
        draws: How many, at least 0.
        seed: The same seed gives the same draws, and fewer draws are the first of more.

    Returns:
        Per draw the edits, in the recipe's order of layers.

    Raises:
        UsageError: A layer has too few heads outside the recipe, or a negative number of draws.
        GeometryError: The model has no such head.
    """
    if draws < 0:
        raise UsageError(f"random heads: {draws} draws, expected 0 or more")
    layers = _by_layer(edits, geometry)
    others = {layer: _others(layer, heads, geometry) for layer, heads in layers.items()}
    possible = prod(_num_draws(heads, len(others[layer])) for layer, heads in layers.items())
    random, found, seen = Random(seed), list[tuple[HeadEdit, ...]](), set[frozenset[HeadEdit]]()
    while len(found) < draws:
        draw = tuple(edit for layer, heads in layers.items() for edit in _draw(heads, others[layer], random))
        if frozenset(draw) in seen:
            continue
        found.append(draw)
        seen.add(frozenset(draw))
        if len(seen) == possible:
            seen.clear()
    return found


def _by_layer(edits: Sequence[HeadEdit], geometry: AttentionGeometry) -> _Layers:
    layers: _Layers = {}
    for position, edit in enumerate(edits):
        geometry.layer_of(edit.ref, where=f"edits[{position}]: ")
        layers.setdefault(edit.layer, {}).setdefault(edit.head, []).append(edit)
    return layers


def _others(layer: int, heads: dict[int, list[HeadEdit]], geometry: AttentionGeometry) -> list[int]:
    of_layer = geometry.layers[layer]
    assert of_layer is not None  # layer_of has seen it
    others = [head for head in range(of_layer.num_heads) if head not in heads]
    if len(others) < len(heads):
        raise UsageError(
            f"random heads: layer {layer} has {of_layer.num_heads} heads, {len(heads)} of them in the recipe, "
            f"so {len(others)} are left for a control that needs {len(heads)}",
            hint="compare a recipe with fewer heads in this layer, or leave out the control",
        )
    return others


def _num_draws(heads: dict[int, list[HeadEdit]], others: int) -> int:
    """How many different draws a layer allows; heads that get the same edits can change places."""
    alike = Counter(frozenset((edit.operation, edit.factor) for edit in of_head) for of_head in heads.values())
    return comb(others, len(heads)) * factorial(len(heads)) // prod(factorial(number) for number in alike.values())


def _draw(heads: dict[int, list[HeadEdit]], others: list[int], random: Random) -> list[HeadEdit]:
    targets = random.sample(others, len(heads))
    return [edit.model_copy(update={"head": target}) for target, of_head in zip(targets, heads.values()) for edit in of_head]
