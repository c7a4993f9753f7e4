"""Where a checkpoint's heads lie, proven from the file (law 6).

The architecture table says what to expect; here the file has to show it: the layer list stands under exactly one of the table's
names, both projections have the shape and orientation that the geometry demands, their type can be edited. Otherwise the
checkpoint is refused with what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headsurgery.architectures import OPERATIONS, Architecture, Operation, find_architecture, lever, read_geometry
from headsurgery.checkpoint.header import TensorInfo
from headsurgery.checkpoint.reader import FLOAT_TYPES, Checkpoint
from headsurgery.errors import ArchitectureError, GeometryError
from headsurgery.heads import AttentionGeometry, HeadRef, LayerHeads
from headsurgery.recipe import Geometry, RecipeBase


@dataclass(frozen=True, kw_only=True)
class LayerTensors:
    """The tensors of one layer's attention that an edit may touch.

    Args:
        o_proj: Weight of the output projection.
        q_proj: Weight of the projection that makes the queries.
        q_bias: Its bias, if it has one.
        q_norm: Weight of the norm on the queries, if there is one; not edited.
    """

    o_proj: TensorInfo
    q_proj: TensorInfo
    q_bias: TensorInfo | None
    q_norm: TensorInfo | None


@dataclass(frozen=True, kw_only=True)
class HeadSlice:
    """What one operation on one head touches in one tensor.

    Args:
        tensor: The tensor.
        axis: 0: the block is whole rows of the stored tensor; 1: columns.
        block: Indices along the axis.
    """

    tensor: TensorInfo
    axis: int
    block: range


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """A checkpoint's heads, proven."""

    architecture: Architecture
    geometry: AttentionGeometry
    layers: tuple[LayerTensors | None, ...]

    @property
    def has_q_norm(self) -> bool:
        """Whether queries are normalised in any layer (QK-norm)."""
        return any(layer is not None and layer.q_norm is not None for layer in self.layers)

    @property
    def shares_q_norm(self) -> bool:
        """Whether the norm spans all heads of a layer (OLMo 2), so that one head's queries change the others' scale."""
        return any(
            layer is not None and heads is not None and layer.q_norm is not None and layer.q_norm.shape != (heads.head_dim,)
            for layer, heads in zip(self.layers, self.geometry.layers, strict=True)
        )

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Operations that this checkpoint allows."""
        return OPERATIONS if self.geometry.max_heads else ()

    def slices(self, head: HeadRef, operation: Operation, *, where: str = "") -> tuple[HeadSlice, ...]:
        """What an operation on a head touches: a slice of a weight, and one of q_proj's bias where that has one.

        Args:
            head: The head.
            operation: The operation.
            where: Prefix of the error.

        Raises:
            GeometryError: The checkpoint has no such head.
        """
        heads, tensors = self.geometry.layer_of(head, where=where), self.layers[head.layer]
        assert tensors is not None  # layer_of refused layers without heads
        pull = lever(self.architecture, heads, head.head, operation)
        input_axis = self.architecture.input_axis
        axis = input_axis if pull.side == "input" else 1 - input_axis
        weight = tensors.o_proj if pull.projection == "o_proj" else tensors.q_proj
        found = [HeadSlice(tensor=weight, axis=axis, block=pull.block)]
        if pull.projection == "q_proj" and tensors.q_bias is not None:
            found.append(HeadSlice(tensor=tensors.q_bias, axis=0, block=pull.block))
        return tuple(found)


def prove_anatomy(checkpoint: Checkpoint) -> Anatomy:
    """Find every layer's projections and check them against the geometry.

    Raises:
        ArchitectureError: The family is not in the table, has no heads, or its weights are quantized.
        GeometryError: Names, shapes or types are not as expected.
    """
    _refuse_quantized(checkpoint)
    architecture = find_architecture(checkpoint.config)
    geometry = read_geometry(checkpoint.config, architecture)
    prefix = _find_layers(checkpoint.tensors, architecture)
    layers = tuple(
        None if heads is None else _prove_layer(checkpoint.tensors, architecture, geometry.hidden_size, heads, f"{prefix}.{layer}")
        for layer, heads in enumerate(geometry.layers)
    )
    beyond = f"{prefix}.{geometry.num_layers}.{architecture.o_proj}.weight"
    if beyond in checkpoint.tensors and not checkpoint.config.get("num_nextn_predict_layers"):
        raise GeometryError(f"config.json says {geometry.num_layers} layers, but the file also has {beyond}")
    return Anatomy(architecture=architecture, geometry=geometry, layers=layers)


def _refuse_quantized(checkpoint: Checkpoint) -> None:
    section = checkpoint.config.get("quantization_config")
    if section is not None:
        method = section.get("quant_method", "unknown") if isinstance(section, Mapping) else "unknown"
        raise ArchitectureError(
            f"weights are quantized ({method}); headsurgery edits F32, F16 and BF16 weights",
            hint="edit the unquantized model and quantize the result",
        )


def _find_layers(tensors: Mapping[str, TensorInfo], architecture: Architecture) -> str:
    tail = f"0.{architecture.o_proj}.weight"
    matches = [prefix for prefix in architecture.layers if f"{prefix}.{tail}" in tensors]
    if len(matches) != 1:
        expected = " or ".join(f"{prefix}.{tail}" for prefix in architecture.layers)
        close = sorted(name for name in tensors if f".0.{architecture.o_proj}." in f".{name}")[:3]
        seen = ", ".join(close) or next(iter(sorted(tensors)), "no tensor at all")
        raise GeometryError(f"{architecture.model_type}: expected exactly one of {expected}; found {len(matches)}, seen: {seen}")
    return matches[0]


def _prove_layer(
    tensors: Mapping[str, TensorInfo], architecture: Architecture, hidden_size: int, heads: LayerHeads, layer: str
) -> LayerTensors:
    width = heads.num_heads * heads.head_dim
    query_rows = architecture.num_query_rows(heads)
    oriented = architecture.weight_shape
    o_proj = _find(tensors, f"{layer}.{architecture.o_proj}.weight", oriented(hidden_size, width))
    q_proj = _find(tensors, f"{layer}.{architecture.q_proj}.weight", oriented(query_rows, hidden_size))
    bias_name = f"{layer}.{architecture.q_proj}.bias"
    q_bias = _find(tensors, bias_name, (query_rows,)) if bias_name in tensors else None
    if architecture.k_proj is not None:
        kv_rows = heads.num_kv_heads * heads.head_dim
        _find(tensors, f"{layer}.{architecture.k_proj}.weight", oriented(kv_rows, hidden_size))
    q_norm = tensors.get(f"{layer}.{architecture.q_norm}.weight")
    if q_norm is not None and q_norm.shape not in ((heads.head_dim,), (width,)):
        raise GeometryError(f"{q_norm.name}: shape {list(q_norm.shape)}, expected [{heads.head_dim}] or [{width}]")
    return LayerTensors(o_proj=o_proj, q_proj=q_proj, q_bias=q_bias, q_norm=q_norm)


def _find(tensors: Mapping[str, TensorInfo], name: str, shape: tuple[int, ...]) -> TensorInfo:
    tensor = tensors.get(name)
    if tensor is None:
        raise GeometryError(f"{name}: not in the checkpoint; expected {list(shape)}")
    if tensor.shape != shape:
        raise GeometryError(f"{name}: shape {list(tensor.shape)}, but the configuration demands {list(shape)}")
    if tensor.dtype not in FLOAT_TYPES:
        raise ArchitectureError(
            f"{name}: stored as {tensor.dtype}; headsurgery edits {', '.join(FLOAT_TYPES)}",
            hint="edit the unquantized model and quantize the result",
        )
    return tensor


def record_base(checkpoint: Checkpoint, anatomy: Anatomy) -> RecipeBase:
    """What a recipe or manifest says of its base: names, geometry and fingerprint, no path."""
    return RecipeBase(
        model=checkpoint.model,
        revision=checkpoint.revision,
        model_type=anatomy.architecture.model_type,
        geometry=Geometry.of(anatomy.geometry),
        fingerprint=checkpoint.fingerprint(),
    )


def describe(checkpoint: Checkpoint) -> dict[str, Any]:
    """What `inspect` shows, as one JSON-ready document."""
    anatomy = prove_anatomy(checkpoint)
    dtypes: dict[str, int] = {}
    for tensor in checkpoint.tensors.values():
        dtypes[tensor.dtype] = dtypes.get(tensor.dtype, 0) + 1
    return {
        "model": checkpoint.model,
        "revision": checkpoint.revision,
        "model_type": anatomy.architecture.model_type,
        "geometry": anatomy.geometry.to_json(),
        "attention_layers": list(anatomy.geometry.attention_layers),
        "num_heads_in_all": anatomy.geometry.num_heads_in_all,
        "operations": list(anatomy.operations),
        "q_norm": ("all_heads" if anatomy.shares_q_norm else "per_head") if anatomy.has_q_norm else None,
        "dtypes": dict(sorted(dtypes.items())),
        "parameters": checkpoint.num_parameters,
        "shards": [{"file": shard.file, "bytes": shard.num_bytes, "tensors": len(shard.tensors)} for shard in checkpoint.shards],
        "fingerprint": None if checkpoint.files.path is None else checkpoint.fingerprint(),  # elsewhere the commit says as much
        "tensors": [
            {"layer": layer, "o_proj": _tensor_json(tensors.o_proj), "q_proj": _tensor_json(tensors.q_proj)}
            | ({"q_bias": _tensor_json(tensors.q_bias)} if tensors.q_bias else {})
            for layer, tensors in enumerate(anatomy.layers)
            if tensors is not None
        ],
    }


def _tensor_json(tensor: TensorInfo) -> dict[str, Any]:
    return {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype, "file": tensor.file}
