"""The sizes of a model that determine cost and memory, read from a live model's weights or from a checkpoint's headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from headsurgery.architectures.declaration import Architecture
from headsurgery.heads import AttentionGeometry
from headsurgery.model.modules import ModuleMap

_PLACE = re.compile(r"(.+?\.\d+)\.(.+)")
"""Matches a parameter's name: the layer's number, and the rest of the name."""


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """One decoder layer; sizes in elements.

    Args:
        before: Weights that every position goes through: q_proj, k_proj and v_proj.
        after: Weights after the attention: o_proj and MLP. The last layer skips them at positions that are not read.
        parameters: All parameters of the layer.
        query_width: Inputs of o_proj, heads * head_dim.
        kv_width: Keys and values of one position, 2 * kv_heads * head_dim.
        widest: Outputs of the layer's widest projection.
    """

    before: int
    after: int
    parameters: int
    query_width: int
    kv_width: int
    widest: int


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """A whole model.

    Args:
        hidden_size: Width of the residual stream.
        vocabulary: Number of logits of one position.
        layers: The layers, from the bottom up.
        outside: Number of parameters outside the layers.
    """

    hidden_size: int
    vocabulary: int
    layers: tuple[LayerShape, ...]
    outside: int

    @property
    def parameters(self) -> int:
        """Number of parameters of the whole model."""
        return self.outside + sum(layer.parameters for layer in self.layers)

    @classmethod
    def of_tensors(
        cls, tensors: Mapping[str, tuple[int, ...]], architecture: Architecture, geometry: AttentionGeometry
    ) -> ModelShape:
        """Sizes from the names and shapes of all weights."""
        numbers = range(geometry.num_layers)
        places = {
            architecture.layer_name(prefix, layer, len(numbers)): layer for prefix in architecture.layers for layer in numbers
        }
        inside: dict[int, dict[str, tuple[int, ...]]] = {layer: {} for layer in numbers}
        outside: dict[str, tuple[int, ...]] = {}
        for name, shape in tensors.items():
            place = _PLACE.match(name)
            if place is not None and place[1] in places:
                inside[places[place[1]]][place[2]] = shape
            else:
                outside[name] = shape
        return cls(
            hidden_size=geometry.hidden_size,
            vocabulary=max(max(shape, default=0) for shape in outside.values()),  # the embeddings are by far the longest
            layers=tuple(_layer_shape(inside[layer], architecture, geometry, layer) for layer in inside),
            outside=sum(map(prod, outside.values())),
        )

    @classmethod
    def of_modules(cls, modules: ModuleMap) -> ModelShape:
        """Sizes of a live model, even if accelerate stores its weights elsewhere."""
        tensors = {name: tuple(weight.shape) for name, weight in modules.model.named_parameters()}
        return cls.of_tensors(tensors, modules.architecture, modules.geometry)


def _layer_shape(
    tensors: Mapping[str, tuple[int, ...]], architecture: Architecture, geometry: AttentionGeometry, layer: int
) -> LayerShape:
    weights = {name: shape for name, shape in tensors.items() if len(shape) == 2}
    after = sum(
        prod(shape) for name, shape in weights.items() if name.startswith((f"{architecture.o_proj}.", f"{architecture.mlp}."))
    )
    heads = geometry.layers[layer]
    return LayerShape(
        before=sum(map(prod, weights.values())) - after,
        after=after,
        parameters=sum(map(prod, tensors.values())),
        query_width=0 if heads is None else heads.num_heads * heads.head_dim,
        kv_width=0 if heads is None else 2 * heads.num_kv_heads * heads.head_dim,
        widest=max(map(max, weights.values()), default=0),
    )
