"""Where a live model's heads are: the modules that an edit hooks, proven as the bytes are (`proof`).

Neighbours: `checkpoint.anatomy` does this for files; `hooks` and `sweep` use what is found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headsurgery.architectures import Architecture, Projection
from headsurgery.errors import GeometryError, ModelError
from headsurgery.heads import AttentionGeometry
from headsurgery.model.offload import runs_on
from headsurgery.proof import LayerNames, prove


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
        names: Their projections' names in the model; None where a layer has no heads.
        has_q_norm: Whether queries are normalised.
        shares_q_norm: Whether that norm spans all heads of a layer (OLMo 2), so that one head's queries change the others' scale.
    """

    model: nn.Module
    architecture: Architecture
    geometry: AttentionGeometry
    layers: tuple[nn.Module, ...]
    names: tuple[LayerNames | None, ...]
    has_q_norm: bool
    shares_q_norm: bool

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

    def projection(self, layer: int, name: Projection) -> nn.Module:
        """A projection of a layer with heads, whatever the family calls it."""
        names = self.names[layer]
        assert names is not None  # a layer with heads
        return self.model.get_submodule(getattr(names, name))

    def mlp(self, layer: int) -> nn.Module | None:
        """What follows attention in a layer, where the family calls it as the table says."""
        try:
            return self.layers[layer].get_submodule(self.architecture.mlp)
        except AttributeError:
            return None

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
    proof = prove(config, {name: tuple(weight.shape) for name, weight in model.named_parameters()})
    layers = model.get_submodule(proof.prefix)
    if not isinstance(layers, nn.ModuleList) or len(layers) != proof.geometry.num_layers:
        raise GeometryError(f"{proof.prefix}: expected a list of {proof.geometry.num_layers} decoder layers, found {type(layers)}")
    return ModuleMap(
        model=model,
        architecture=proof.architecture,
        geometry=proof.geometry,
        layers=tuple(layers),
        names=proof.layers,
        has_q_norm=proof.has_q_norm,
        shares_q_norm=proof.shares_q_norm,
    )
