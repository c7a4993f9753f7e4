"""Where a live model's heads are: the modules that an edit hooks, found by the same table as the bytes, and proven likewise.

Neighbours: `checkpoint.anatomy` does this for files; `hooks` and `sweep` use what is found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headsurgery.architectures import Architecture, find_architecture, read_geometry
from headsurgery.errors import GeometryError, ModelError
from headsurgery.heads import AttentionGeometry
from headsurgery.model.offload import runs_on


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What one must know of a model without having it at hand.

    Args:
        model_type: Its family.
        geometry: Its heads.
        has_q_norm: Whether queries are normalised.
        context_length: Tokens that it can read.
        dtype: Type that it runs in, such as `float32`.
        device: Kind of device that it runs on, such as `cuda`.
    """

    model_type: str
    geometry: AttentionGeometry
    has_q_norm: bool
    context_length: int
    dtype: str
    device: str


@dataclass(frozen=True, kw_only=True)
class ModuleMap:
    """A live model's decoder layers and head-bearing projections.

    Args:
        model: The causal language model.
        architecture: Its row of the table.
        geometry: Its heads.
        layers: Decoder layers, in order.
        has_q_norm: Whether queries are normalised.
    """

    model: nn.Module
    architecture: Architecture
    geometry: AttentionGeometry
    layers: tuple[nn.Module, ...]
    has_q_norm: bool

    @property
    def facts(self) -> ModelFacts:
        """What can be known without the modules."""
        return ModelFacts(
            model_type=self.architecture.model_type,
            geometry=self.geometry,
            has_q_norm=self.has_q_norm,
            context_length=context_length(self.model),
            dtype=str(self.dtype).removeprefix("torch."),
            device=self.device.type,
        )

    def projection(self, layer: int, name: str) -> nn.Module:
        """A layer's `o_proj`, `q_proj` or `mlp`, whatever the family calls it."""
        return self.layers[layer].get_submodule(getattr(self.architecture, name))

    @property
    def device(self) -> torch.device:
        """Where token ids go in."""
        return input_device(self.model)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the input embeddings, which is that of the residual stream."""
        weight: torch.Tensor = self.model.get_input_embeddings().weight  # type: ignore[operator]
        return weight.dtype

    @property
    def output_embeddings(self) -> nn.Module:
        """The module that turns final hidden states into logits."""
        found = self.model.get_output_embeddings()  # type: ignore[operator]
        if not isinstance(found, nn.Module):
            raise ModelError(f"{type(self.model).__name__} has no output embeddings; expected a causal language model")
        return found


def input_device(model: nn.Module) -> torch.device:
    """Where token ids go in."""
    return runs_on(model.get_input_embeddings())  # type: ignore[operator]


def context_length(model: nn.Module) -> int:
    """Tokens that a model can read; what states no limit has a very large one."""
    config: Any = model.config
    return int(getattr(config.get_text_config(), "max_position_embeddings", None) or 2**31)


def locate_modules(model: nn.Module) -> ModuleMap:
    """Find and prove the heads of a loaded transformers model.

    Raises:
        ArchitectureError: The family is not in the table.
        GeometryError: Modules or weights are not as the table and the configuration say.
    """
    config: dict[str, Any] = model.config.to_dict()  # type: ignore[operator,union-attr]
    architecture = find_architecture(config)
    geometry = read_geometry(config, architecture)
    layers = _find_layers(model, architecture)
    if len(layers) != geometry.num_layers:
        raise GeometryError(f"the model has {len(layers)} decoder layers, its configuration says {geometry.num_layers}")
    found = ModuleMap(
        model=model,
        architecture=architecture,
        geometry=geometry,
        layers=layers,
        has_q_norm=any(_submodule(layer, architecture.q_norm) is not None for layer in layers),
    )
    for layer in geometry.attention_layers:
        _prove_layer(found, layer)
    return found


def _find_layers(model: nn.Module, architecture: Architecture) -> tuple[nn.Module, ...]:
    matches = [module for name in architecture.layers if isinstance(module := _submodule(model, name), nn.ModuleList)]
    if len(matches) != 1:
        raise GeometryError(
            f"{type(model).__name__}: expected one layer list at {' or '.join(architecture.layers)}, found {len(matches)}"
        )
    return tuple(matches[0])


def _submodule(module: nn.Module, name: str) -> nn.Module | None:
    try:
        return module.get_submodule(name)
    except AttributeError:
        return None


def _prove_layer(found: ModuleMap, layer: int) -> None:
    heads = found.geometry.layers[layer]
    assert heads is not None  # attention_layers have heads
    width, hidden_size = heads.num_heads * heads.head_dim, found.geometry.hidden_size
    for name, outputs, inputs in (
        ("o_proj", hidden_size, width),
        ("q_proj", found.architecture.num_query_rows(heads), hidden_size),
    ):
        expected = found.architecture.weight_shape(outputs, inputs)
        weight = getattr(found.projection(layer, name), "weight", None)
        if weight is None or tuple(weight.shape) != expected:
            seen = None if weight is None else list(weight.shape)
            raise GeometryError(f"layer {layer}: {name} has weight {seen}, but the configuration demands {list(expected)}")
