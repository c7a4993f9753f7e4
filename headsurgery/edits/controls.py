"""The random-head control: what happens when the same edits hit other heads of the same layers.

Invariant: a draw differs from the recipe only in which heads are edited. It has as many per layer, and none of the recipe's. So an
effect that random heads have as well comes from editing these layers, not from the heads that were found.
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
"""Edits by layer, then by head."""


def random_heads(edits: Sequence[HeadEdit], geometry: AttentionGeometry, *, draws: int, seed: int) -> list[tuple[HeadEdit, ...]]:
    """Move the edits to random other heads of their layers.

    All edits of one head move together and keep their operation and factor. Draws differ from each other as long as the layers have
    enough heads. After that they start again, so that every possible draw occurs about equally often.

    Args:
        edits: The edits of a recipe.
        geometry: Heads of the model; layers may differ.
        draws: Number of draws, at least 0.
        seed: The same seed gives the same draws. With fewer draws, it gives the first of them.

    Returns:
        For each draw its edits, in the recipe's order of layers.

    Raises:
        UsageError: A layer has too few heads outside the recipe, or `draws` is negative.
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
    assert of_layer is not None  # layer_of has checked it
    others = [head for head in range(of_layer.num_heads) if head not in heads]
    if len(others) < len(heads):
        raise UsageError(
            f"random heads: layer {layer} has {of_layer.num_heads} heads, and {len(heads)} of them are in the recipe, "
            f"so a control with {len(heads)} other heads has only {len(others)} to choose from",
            hint="use a recipe with fewer heads in this layer, or omit the control",
        )
    return others


def _num_draws(heads: dict[int, list[HeadEdit]], others: int) -> int:
    """How many different draws a layer allows. Heads with equal edits are interchangeable."""
    alike = Counter(frozenset((edit.operation, edit.factor) for edit in of_head) for of_head in heads.values())
    return comb(others, len(heads)) * factorial(len(heads)) // prod(factorial(number) for number in alike.values())


def _draw(heads: dict[int, list[HeadEdit]], others: list[int], random: Random) -> list[HeadEdit]:
    targets = random.sample(others, len(heads))
    return [edit.model_copy(update={"head": target}) for target, of_head in zip(targets, heads.values()) for edit in of_head]
