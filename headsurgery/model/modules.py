"""Where a live model's heads are: the modules that an edit hooks, proven as the bytes are (`architectures.location`).

Neighbours: `edits.anatomy` does this for files; `hooks` and `sweep` use what is found here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from headsurgery.architectures.declaration import Architecture, Projection
from headsurgery.architectures.location import LayerNames, locate_heads
from headsurgery.architectures.uniformity import Unevenness
from headsurgery.errors import GeometryError, ModelError
from headsurgery.heads import AttentionGeometry
from headsurgery.model.offload import runs_on

_FETCHED_CODE = "transformers_modules."
"""The package in which transformers puts code that came with a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """The properties of a model that are needed without the model itself.

    Args:
        model_type: Its family.
        geometry: Its heads.
        has_q_norm: Whether queries are normalised.
        uneven: What keeps a head whose queries are zero from attending uniformly.
        context_length: Tokens that it can read.
        dtype: Type that it runs in, such as `float32`.
        device: Kind of device that it runs on, such as `cuda`.
        runs_own_code: Whether its modules are Python code that came with the checkpoint.
    """

    model_type: str
    geometry: AttentionGeometry
    has_q_norm: bool
    uneven: tuple[Unevenness, ...]
    context_length: int
    dtype: str
    device: str
    runs_own_code: bool = False


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
        uneven: What keeps a head whose queries are zero from attending uniformly.
    """

    model: nn.Module
    architecture: Architecture
    geometry: AttentionGeometry
    layers: tuple[nn.Module, ...]
    names: tuple[LayerNames | None, ...]
    has_q_norm: bool
    shares_q_norm: bool
    uneven: tuple[Unevenness, ...]

    @property
    def facts(self) -> ModelFacts:
        """What can be known without the modules."""
        return ModelFacts(
            model_type=self.architecture.model_type,
            geometry=self.geometry,
            has_q_norm=self.has_q_norm,
            uneven=self.uneven,
            context_length=context_length(self.model),
            dtype=str(self.dtype).removeprefix("torch."),
            device=self.device.type,
            runs_own_code=type(self.model).__module__.startswith(_FETCHED_CODE),
        )

    def projection(self, layer: int, name: Projection) -> nn.Module:
        """A projection of a layer with heads, whatever the family calls it."""
        names = self.names[layer]
        assert names is not None  # a layer with heads
        return self.model.get_submodule(getattr(names, name))

    def projections(self, layer: int, name: Projection) -> tuple[nn.Module, ...]:
        """That projection, and those of other layers that share its weight."""
        first = self.projection(layer, name)
        return (first, *(module for module in self._tied if module is not first and module.weight is first.weight))

    @cached_property
    def _tied(self) -> tuple[nn.Module, ...]:
        """Modules whose weight another module has, too."""
        weighted = [module for module in self.model.modules() if isinstance(getattr(module, "weight", None), nn.Parameter)]
        uses = Counter(id(module.weight) for module in weighted)
        return tuple(module for module in weighted if uses[id(module.weight)] > 1)

    @property
    def is_plain(self) -> bool:
        """Whether a layer has its heads to itself: it has no second attention, and shares none with another layer."""
        numbers = self.geometry.attention_layers
        return self.geometry.num_layers == len(self.layers) and all(
            len(self.projections(layer, "o_proj")) == 1 for layer in numbers
        )

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


def _shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shapes of all parameters by name. Modules whose weight is packed, as that of quantized ones, state its shape."""
    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    for name, module in model.named_modules():
        outputs, inputs = getattr(module, "out_features", None), getattr(module, "in_features", None)
        weight = getattr(module, "weight", None)
        is_packed = not isinstance(weight, torch.Tensor) or not weight.is_floating_point()
        if is_packed and isinstance(outputs, int) and isinstance(inputs, int):
            shapes[f"{name}.weight"] = (outputs, inputs)
    return shapes


def locate_modules(model: nn.Module) -> ModuleMap:
    """Find and prove the heads of a loaded transformers model.

    Raises:
        ArchitectureError: The family is not in the table.
        GeometryError: Modules or weights are not as the table and the configuration say.
    """
    config: dict[str, Any] = model.config.to_dict()  # type: ignore[operator,union-attr]
    located = locate_heads(config, _shapes_of(model))
    numbers = range(located.geometry.num_layers)
    names = dict.fromkeys(located.architecture.layer_name(located.prefix, layer, len(numbers)) for layer in numbers)
    lists = {name.rpartition(".")[0]: model.get_submodule(name.rpartition(".")[0]) for name in names}
    if not all(isinstance(layers, nn.ModuleList) for layers in lists.values()) or sum(map(len, lists.values())) != len(names):  # type: ignore[arg-type]
        raise GeometryError(
            f"{located.prefix}: expected a list of {len(names)} decoder layers, found {[*map(type, lists.values())]}"
        )
    return ModuleMap(
        model=model,
        architecture=located.architecture,
        geometry=located.geometry,
        layers=tuple(map(model.get_submodule, names)),
        names=located.layers,
        has_q_norm=located.has_q_norm,
        shares_q_norm=located.shares_q_norm,
        uneven=located.uneven,
    )
