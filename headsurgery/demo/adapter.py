"""An adapter that lives in known heads: changes to their query rows and o_proj columns, and to their groups' value rows.

It is kept in bfloat16 as a safetensors file with tensors `L18H1.q` [head_dim, hidden_size], `L18H1.o` [hidden_size, head_dim] and
`L18G0.v` [head_dim, hidden_size] (kv group 0), and a record of its making in the metadata. Invariant: nothing else of the model
moves, so which heads carry the behaviour is known. Neighbours: `planting` trains it; `edits.operation` knows where a head's blocks
are. An adapter is no operation of `edits`: it adds trained numbers, and to the value rows of whole groups, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from headsurgery.edits.operation import O_COLUMNS, Q_ROWS
from headsurgery.errors import GeometryError, ModelError
from headsurgery.heads import HeadRef
from headsurgery.model.modules import ModuleMap


@dataclass(frozen=True, kw_only=True)
class AdapterTensor:
    """One tensor of an adapter, and where it is added.

    Args:
        name: Its name in the file.
        layer: Decoder layer.
        projection: The module in the layer.
        block: Output rows of q_proj or v_proj, input columns of o_proj.
        is_input: Whether the block counts inputs.
    """

    name: str
    layer: int
    projection: str
    block: slice
    is_input: bool

    def of(self, weight: torch.Tensor) -> torch.Tensor:
        """The part's slice of the module's weight, as a view."""
        return weight[:, self.block] if self.is_input else weight[self.block]


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """Changes to the weights of a few heads.

    Args:
        heads: The heads, as planted.
        tensors: The changes, by the names of the file.
        record: How it was made.
    """

    heads: tuple[HeadRef, ...]
    tensors: Mapping[str, torch.Tensor]
    record: Mapping[str, Any]

    def merge(self, modules: ModuleMap) -> None:
        """Add the changes to a model's weights, in float32, rounded once to its type.

        Raises:
            GeometryError: The model has other heads; it is left as it was.
        """
        parts = parts_of(modules, self.heads)
        for part in parts:
            wanted, change = part.of(weight_of(modules, part)).shape, self.tensors.get(part.name)
            if change is None or change.shape != wanted:
                found = "nothing" if change is None else list(change.shape)
                raise GeometryError(f"{part.name}: the adapter has {found}, the model {list(wanted)}")
        with torch.no_grad():
            for part in parts:
                view, change = part.of(weight_of(modules, part)), self.tensors[part.name]
                view.copy_((view.float() + change.float().to(view.device)).to(view.dtype))

    def save(self, path: Path) -> None:
        """Write the file in bfloat16: the changes are small compared with the weights."""
        metadata = {"heads": " ".join(map(str, self.heads)), "headsurgery": json.dumps(dict(self.record))}
        save_file({name: tensor.to(torch.bfloat16).contiguous() for name, tensor in self.tensors.items()}, path, metadata=metadata)


def load_adapter(path: Path) -> Adapter:
    """Read an adapter file.

    Raises:
        ModelError: It is not one.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            heads = tuple(HeadRef.parse(head) for head in metadata["heads"].split())
            return Adapter(heads=heads, tensors=tensors, record=json.loads(metadata["headsurgery"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, GeometryError) as error:
        raise ModelError(f"{path.name}: not an adapter of headsurgery: {error}") from error


def parts_of(modules: ModuleMap, heads: Iterable[HeadRef]) -> list[AdapterTensor]:
    """The tensors of an adapter in these heads. The tensor of a kv group occurs once, however many of the heads read it.

    Raises:
        GeometryError: The model has no such head, or its projections are fused.
    """
    parts: dict[str, AdapterTensor] = {}
    for head in heads:
        layer = modules.geometry.layer_of(head)
        rows, columns = (kind.of(modules.architecture, layer, head.head).block for kind in (Q_ROWS, O_COLUMNS))
        group = layer.kv_group(head.head)
        for name, projection, block in (
            (f"{head}.q", "self_attn.q_proj", rows),
            (f"{head}.o", "self_attn.o_proj", columns),
            (f"L{head.layer}G{group}.v", "self_attn.v_proj", range(group * layer.head_dim, (group + 1) * layer.head_dim)),
        ):
            own = slice(block.start, block.stop)
            parts[name] = AdapterTensor(name=name, layer=head.layer, projection=projection, block=own, is_input=name.endswith(".o"))
            weight_of(modules, parts[name])  # or refused
    return list(parts.values())


@contextmanager
def adapted(modules: ModuleMap, parts: Iterable[AdapterTensor], tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Run a model as if the adapter had been merged, with gradients for its tensors alone.

    Args:
        modules: The model.
        parts: Of the adapter.
        tensors: Its tensors, by name.
    """
    by_module: dict[tuple[int, str], list[AdapterTensor]] = {}
    for part in parts:
        by_module.setdefault((part.layer, part.projection), []).append(part)
    with ExitStack() as stack:
        for (layer, projection), of_module in by_module.items():
            module = modules.layers[layer].get_submodule(projection)
            stack.callback(module.register_forward_hook(_adding(of_module, tensors)).remove)
        yield


def _adding(parts: list[AdapterTensor], tensors: Mapping[str, torch.Tensor]) -> Any:
    def hook(_: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        change = torch.zeros_like(output)  # [rows, pos, width]
        for part in parts:
            weight = tensors[part.name].to(output.dtype)
            if part.is_input:
                change = change + args[0][..., part.block] @ weight.T
            else:
                change[..., part.block] = args[0] @ weight.T
        return output + change

    return hook


def weight_of(modules: ModuleMap, part: AdapterTensor) -> torch.Tensor:
    """The complete weight that an adapter tensor is a slice of.

    Raises:
        GeometryError: The model has no such projection.
    """
    try:
        weight = modules.layers[part.layer].get_submodule(part.projection).weight
    except AttributeError as error:
        raise GeometryError(
            f"layer {part.layer} has no {part.projection}; adapters need separate q, v and o projections"
        ) from error
    assert isinstance(weight, torch.Tensor)
    return weight
