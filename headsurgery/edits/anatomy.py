"""Where a checkpoint's heads lie, proven from the file (law 6): its tensors must exist, fit the geometry and have an editable type.

Neighbour: `architectures.location` compares names and shapes with a family's declaration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headsurgery.architectures.declaration import Architecture
from headsurgery.architectures.location import LayerNames, LocatedHeads, locate_heads
from headsurgery.architectures.uniformity import Unevenness
from headsurgery.edits.operations import NAMED_BY, OPERATIONS, OperationName, allowed_operations, locate
from headsurgery.edits.slices import HeadSlice
from headsurgery.errors import ArchitectureError, GeometryError
from headsurgery.heads import AttentionGeometry, HeadRef
from headsurgery.recipe import Geometry, HeadEdit, RecipeBase
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import Matrix, count_parameters, explain_quantized, is_plain, open_matrix, stored_shapes
from headsurgery.storage.sole_weights import check_sole_weights
from headsurgery.storage.tensors import TensorInfo

_QUANTIZE_CONFIG = "quantize_config.json"
"""Where early tools stated a quantization."""
Shapes = Mapping[str, tuple[int, ...]]
"""Of weights and biases as they would be in plain floats, by name."""


@dataclass(frozen=True, kw_only=True)
class LayerTensors:
    """The tensors of one layer's attention that an edit may touch.

    Args:
        o_proj: Weight of the output projection.
        q_proj: Weight of the query projection.
        q_bias: Bias of the query projection, if it has one.
        q_norm: Weight of the norm on the queries, if there is one. It is never edited.
        outer_scales: Names of tensors by which the runtime multiplies what a projection puts out (GGUF files of BitNet and NVFP4).
    """

    o_proj: Matrix
    q_proj: Matrix
    q_bias: Matrix | None
    q_norm: TensorInfo | None
    outer_scales: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """A checkpoint's heads, proven.

    Args:
        architecture: The declaration of the family.
        geometry: The heads of every layer.
        layers: The tensors of every layer; None where a layer has no heads.
        has_q_norm: Whether any layer normalises its queries (QK-norm).
        shares_q_norm: Whether one norm spans all heads of a layer (OLMo 2). One head's queries then change the scale of the others.
        uneven: What keeps a head from attending uniformly when its queries are zero.
    """

    architecture: Architecture
    geometry: AttentionGeometry
    layers: tuple[LayerTensors | None, ...]
    has_q_norm: bool
    shares_q_norm: bool
    uneven: tuple[Unevenness, ...]

    def __repr__(self) -> str:
        """Family and heads, on one line."""
        return f"Anatomy({self.architecture.model_type}: {self.geometry.num_heads_in_all} heads in {len(self.layers)} layers)"

    @property
    def operations(self) -> tuple[OperationName, ...]:
        """Operations that this checkpoint allows."""
        return allowed_operations(self.architecture) if self.geometry.max_heads else ()

    @property
    def blocks(self) -> tuple[OperationName, ...]:
        """The blocks that each head of this checkpoint has. Each goes by the operation as which a change of it is reported."""
        return tuple(name for name in self.operations if name in NAMED_BY.values())

    @property
    def formats(self) -> tuple[str, ...]:
        """Number formats of the projections, each once."""
        layers = (layer for layer in self.layers if layer is not None)
        return tuple(dict.fromkeys(matrix.format for layer in layers for matrix in (layer.o_proj, layer.q_proj)))

    def count_changed(self, edits: Iterable[HeadEdit]) -> int:
        """Count the elements of weights and biases that edits change.

        Raises:
            GeometryError: The checkpoint has no such head, or it doesn't allow the operation.
        """
        touched = {(edit.ref, edit.operation) for edit in edits if not OPERATIONS[edit.operation].is_identity(edit.factor)}
        return sum(part.num_parameters for head, operation in touched for part in self.slices(head, operation))

    def slices(self, head: HeadRef, operation: OperationName, *, where: str = "") -> tuple[HeadSlice, ...]:
        """What an operation on a head changes: slices of weights. Where q_proj has a bias, its slice follows that of the weight.

        Args:
            head: The head.
            operation: The operation.
            where: Prefix of the error message.

        Raises:
            GeometryError: The checkpoint has no such head, or it doesn't allow the operation.
        """
        heads, tensors = self.geometry.layer_of(head, where=where), self.layers[head.layer]
        assert tensors is not None  # layer_of refused layers without heads
        found = []
        for part in locate(operation, self.architecture, heads, head.head, where=where):
            weight = tensors.o_proj if part.kind.projection == "o_proj" else tensors.q_proj
            found.append(HeadSlice(matrix=weight, axis=self.architecture.axis_of(part.kind.side), block=part.block))
            if part.kind.projection == "q_proj" and tensors.q_bias is not None:
                found.append(HeadSlice(matrix=tensors.q_bias, axis=0, block=part.block))
        return tuple(found)


def prove_anatomy(checkpoint: Checkpoint) -> Anatomy:
    """Find every layer's projections and check them against the geometry.

    Raises:
        CheckpointError: transformers would load other files than these.
        ArchitectureError: The family is not supported, has no heads, or its weights are quantized in a way that can't be edited.
        GeometryError: Names, shapes or types are not as expected.
    """
    check_sole_weights(checkpoint)
    shapes = stored_shapes(checkpoint)
    try:
        located = _locate_in_checkpoint(checkpoint, shapes)
    except (GeometryError, ArchitectureError) as error:
        explained = explain_quantized(checkpoint.config, str(error))
        if explained is None and checkpoint.files.has(_QUANTIZE_CONFIG):
            hint = (
                f"put the content of {_QUANTIZE_CONFIG} into config.json as quantization_config, with the quant_method gptq or awq"
            )
            raise ArchitectureError(f"{error}; config.json doesn't say how weights are quantized", hint=hint) from error
        if explained is None:
            raise
        raise explained from error
    layers = tuple(None if names is None else _tensors_of(checkpoint, names, shapes) for names in located.layers)
    _check_orientation(located.architecture, layers)
    return Anatomy(
        architecture=located.architecture,
        geometry=located.geometry,
        layers=layers,
        has_q_norm=located.has_q_norm,
        shares_q_norm=located.shares_q_norm,
        uneven=located.uneven,
    )


def _locate_in_checkpoint(checkpoint: Checkpoint, shapes: Shapes) -> LocatedHeads:
    """Locate the heads among the tensors that the index lists. If that fails, try all tensors in the shards.

    A tool that drops layers may take them out of the index alone. The shards then hold more than the model has.
    """
    if not checkpoint.unlisted:
        return locate_heads(checkpoint.config, shapes)
    try:
        return locate_heads(checkpoint.config, {name: shape for name, shape in shapes.items() if name not in checkpoint.unlisted})
    except (GeometryError, ArchitectureError):
        return locate_heads(checkpoint.config, shapes)


def _check_orientation(architecture: Architecture, layers: Iterable[LayerTensors | None]) -> None:
    """Refuse weights with scales that are stored as [in, out]. No tool writes them, so it is unclear what each scale belongs to."""
    if architecture.orientation == "linear":
        return
    for layer in layers:
        for matrix in (layer.o_proj, layer.q_proj) if layer is not None else ():
            if len(matrix.tensors) > 1:
                raise ArchitectureError(f"{matrix.tensor.name}: is {matrix.format} in a Conv1D layer, expected a Linear layer")


def _tensors_of(checkpoint: Checkpoint, names: LayerNames, shapes: Shapes) -> LayerTensors:
    q_bias = f"{names.q_proj}.bias"
    return LayerTensors(
        o_proj=_open(checkpoint, f"{names.o_proj}.weight", shapes),
        q_proj=_open(checkpoint, f"{names.q_proj}.weight", shapes),
        q_bias=_open(checkpoint, q_bias, shapes) if q_bias in checkpoint.tensors else None,
        q_norm=None if names.q_norm is None else checkpoint.tensors[f"{names.q_norm}.weight"],
        outer_scales=tuple(scale for name in (names.o_proj, names.q_proj) if (scale := f"{name}.scale") in checkpoint.tensors),
    )


def _open(checkpoint: Checkpoint, name: str, shapes: Shapes) -> Matrix:
    """A weight or bias, which must have the shape by which it was located."""
    matrix = open_matrix(checkpoint, name)
    if matrix.shape != shapes[name]:
        found = f"{matrix.tensor.name}: {matrix.format} of the shape {list(matrix.shape)}"
        raise GeometryError(f"{found}, but its quantization says {list(shapes[name])}")
    return matrix


def record_base(checkpoint: Checkpoint, anatomy: Anatomy) -> RecipeBase:
    """What a recipe or manifest says of its base: names, geometry and fingerprint, but no path."""
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
        "notes": [note for operation in anatomy.operations for note in OPERATIONS[operation].caveats(anatomy.uneven)],
        "dtypes": dict(sorted(dtypes.items())),
        "parameters": count_parameters(checkpoint),
        "shards": [{"file": shard.file, "bytes": shard.num_bytes, "tensors": len(shard.tensors)} for shard in checkpoint.shards],
        "fingerprint": None if checkpoint.files.path is None else checkpoint.fingerprint(),  # a remote model's commit identifies it
        "formats": _describe_formats(anatomy),
        "tensors": [
            {"layer": layer, "o_proj": _tensor_json(tensors.o_proj), "q_proj": _tensor_json(tensors.q_proj)}
            | ({"q_bias": _tensor_json(tensors.q_bias)} if tensors.q_bias else {})
            for layer, tensors in enumerate(anatomy.layers)
            if tensors is not None
        ],
    }


def _tensor_json(matrix: Matrix) -> dict[str, Any]:
    tensor = matrix.tensor
    found = {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype, "file": tensor.file}
    return found if len(matrix.tensors) == 1 else {**found, "format": matrix.format}


def _describe_formats(anatomy: Anatomy) -> list[dict[str, Any]]:
    """Number formats of the projections. For those with scales: how many heads have scales that they share with no other."""
    counts: dict[tuple[str, str], list[bool]] = {}
    for head in anatomy.geometry.heads():
        tensors = anatomy.layers[head.layer]
        assert tensors is not None  # a layer with heads
        for operation in anatomy.blocks:
            for part in anatomy.slices(head, operation):
                if part.matrix is tensors.q_bias:
                    continue
                kind = "o_proj" if part.matrix is tensors.o_proj else "q_proj"
                is_own = part.matrix.has_own_scales(part.axis, part.block)
                counts.setdefault((kind, part.matrix.format), []).append(is_own)
    return [
        {"part": part, "format": form, "heads": len(own)} | ({} if is_plain(form) else {"heads_with_own_scales": sum(own)})
        for (part, form), own in counts.items()
    ]
