"""The architecture table: what a model family calls its attention, one row each, and no class per family.

A row gives names and orientation; the checkpoint must then prove them (`checkpoint.anatomy`, law 6) and so must the live model
(`model.modules`). Nothing is guessed from a shape. `lever` turns one head edit into one slice of one projection; it drives both
the hooks and the bytes, which is why the two agree. A new family is a new row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from headsurgery.errors import ArchitectureError, GeometryError
from headsurgery.heads import AttentionGeometry, LayerHeads

Operation = Literal["scale", "uniform_attention"]
OPERATIONS: tuple[Operation, ...] = ("scale", "uniform_attention")

Orientation = Literal["linear", "conv1d"]
"""`linear` stores a weight as [out, in], `conv1d` (GPT-2) as [in, out]."""

QueryLayout = Literal["separate", "fused", "fused_per_head"]
"""`separate`: q alone; `fused`: all q rows, then k, then v (Phi-3, GPT-2); `fused_per_head`: q, k, v of head 0, of head 1, ..."""


@dataclass(frozen=True, kw_only=True)
class ConfigKeys:
    """Where config.json keeps the geometry.

    Args:
        section: Sub-configuration that holds the text model, for vision-language checkpoints.
        head_dim: Key of the head's width; where it is absent or null the width is hidden_size / num_heads.
        defaults: What the transformers configuration class assumes when the file leaves a key out.
    """

    section: str | None = None
    num_layers: str = "num_hidden_layers"
    num_heads: str = "num_attention_heads"
    num_kv_heads: str = "num_key_value_heads"
    head_dim: str = "head_dim"
    hidden_size: str = "hidden_size"
    defaults: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One family.

    Args:
        model_type: As in config.json.
        layers: Where the list of decoder layers may stand, in a file or in a module; exactly one must match.
        o_proj: Output projection, below a layer.
        q_proj: Projection that makes the queries, alone or fused with keys and values.
        k_proj: Key projection where it is separate; it proves the head's width. None if there is none.
        q_norm: Norm on the queries; whether a model has one is read from the file.
        mlp: What follows attention in a layer; not edited, only left out where the engine can.
        query_layout: Which output rows of q_proj belong to a head's query.
        orientation: How both projections store their weight.
        config: Keys of config.json.
    """

    model_type: str
    layers: tuple[str, ...] = ("model.layers", "layers")
    o_proj: str = "self_attn.o_proj"
    q_proj: str = "self_attn.q_proj"
    k_proj: str | None = "self_attn.k_proj"
    q_norm: str = "self_attn.q_norm"
    mlp: str = "mlp"
    query_layout: QueryLayout = "separate"
    orientation: Orientation = "linear"
    config: ConfigKeys = ConfigKeys()

    @property
    def input_axis(self) -> int:
        """Axis of a stored weight that runs over its inputs."""
        return 1 if self.orientation == "linear" else 0

    def weight_shape(self, outputs: int, inputs: int) -> tuple[int, int]:
        """Shape of a stored weight."""
        return (outputs, inputs) if self.orientation == "linear" else (inputs, outputs)

    def query_rows(self, heads: LayerHeads, head: int) -> range:
        """The head's outputs of q_proj."""
        stride = 3 * heads.head_dim if self.query_layout == "fused_per_head" else heads.head_dim
        return range(head * stride, head * stride + heads.head_dim)

    def num_query_rows(self, heads: LayerHeads) -> int:
        """All outputs of q_proj, keys and values included where they are fused."""
        kv_heads = 0 if self.query_layout == "separate" else 2 * heads.num_kv_heads
        return (heads.num_heads + kv_heads) * heads.head_dim


@dataclass(frozen=True, kw_only=True)
class Lever:
    """The slice of one projection that an operation multiplies.

    Args:
        projection: Which of the layer's two projections.
        side: `input`: columns of the weight, or the module's input; `output`: rows of weight and bias, or the module's output.
        block: The slice.
    """

    projection: Literal["o_proj", "q_proj"]
    side: Literal["input", "output"]
    block: range


def lever(architecture: Architecture, heads: LayerHeads, head: int, operation: Operation) -> Lever:
    """Where to pull for one head: Eq. 8 of the paper at o_proj (`scale`), Eq. 7 at q_proj (`uniform_attention`).

    The paper scales W_v for the first; under GQA those rows belong to a whole group of heads, so the input columns of o_proj
    are used, which have the same effect on this head alone.
    """
    if operation == "scale":
        return Lever(projection="o_proj", side="input", block=heads.column_block(head))
    return Lever(projection="q_proj", side="output", block=architecture.query_rows(heads, head))


def check_query_factor(operation: Operation, factor: float, *, has_q_norm: bool, where: str = "") -> None:
    """Refuse what a query norm would undo.

    Raises:
        GeometryError: `uniform_attention` with a factor other than 0 on a model with QK-norm.
    """
    if operation == "uniform_attention" and has_q_norm and factor != 0:
        raise GeometryError(
            f"{where}uniform_attention with factor {factor:g}, but this model normalises its queries (QK-norm), "
            "which cancels every factor except 0",
            hint="use factor 0, or the operation scale",
        )


_GEMMA = {"num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "hidden_size": 2304}

TABLE: Mapping[str, Architecture] = {
    row.model_type: row
    for row in (
        Architecture(model_type="llama"),
        Architecture(model_type="mistral", config=ConfigKeys(defaults={"num_key_value_heads": 8})),
        Architecture(model_type="qwen2"),
        Architecture(model_type="qwen3", config=ConfigKeys(defaults={"head_dim": 128})),
        Architecture(model_type="gemma2", config=ConfigKeys(defaults=_GEMMA)),
        Architecture(model_type="gemma3_text", config=ConfigKeys(defaults=_GEMMA)),
        Architecture(
            model_type="gemma3",
            layers=("language_model.model.layers", "model.language_model.layers"),
            config=ConfigKeys(section="text_config", defaults=_GEMMA),
        ),
        Architecture(model_type="olmo2"),
        Architecture(model_type="phi3", q_proj="self_attn.qkv_proj", k_proj=None, query_layout="fused"),
        Architecture(
            model_type="gpt_neox",
            layers=("gpt_neox.layers", "layers"),
            o_proj="attention.dense",
            q_proj="attention.query_key_value",
            k_proj=None,
            query_layout="fused_per_head",
        ),
        Architecture(
            model_type="gpt2",
            layers=("transformer.h", "h"),
            o_proj="attn.c_proj",
            q_proj="attn.c_attn",
            k_proj=None,
            query_layout="fused",
            orientation="conv1d",
            config=ConfigKeys(num_layers="n_layer", num_heads="n_head", hidden_size="n_embd"),
        ),
    )
}

_TOO_MANY = 2**20
"""More than this of anything is a corrupt configuration, whose geometry would not fit into memory."""

_WITHOUT_HEADS = frozenset({"mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm"})


def find_architecture(config: Mapping[str, object]) -> Architecture:
    """The row for a configuration.

    Raises:
        ArchitectureError: No row, or a model without attention heads.
    """
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise ArchitectureError("config.json: no model_type, so the family is unknown")
    if model_type in _WITHOUT_HEADS:
        raise ArchitectureError(f"model_type {model_type!r} has no attention heads, so there is nothing to edit")
    if model_type not in TABLE:
        raise ArchitectureError(
            f"model_type {model_type!r} is not in the architecture table, which holds {', '.join(sorted(TABLE))}",
            hint="add a row to headsurgery/architectures.py: names of the layer list, o_proj and q_proj, query layout, orientation",
        )
    return TABLE[model_type]


def read_geometry(config: Mapping[str, object], architecture: Architecture) -> AttentionGeometry:
    """The geometry that a configuration claims; the weights still have to prove it.

    Raises:
        GeometryError: A key is missing or not a positive integer, or heads don't divide.
    """
    keys = architecture.config
    section: object = config if keys.section is None else config.get(keys.section)
    if not isinstance(section, Mapping):
        raise GeometryError(f"config.json: expected an object under {keys.section!r}")

    def number(key: str, fallback: int | None = None) -> int:
        value = section.get(key)
        value = keys.defaults.get(key, fallback) if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < _TOO_MANY:
            raise GeometryError(f"config.json: {key} is {value!r}, expected an integer from 1 to {_TOO_MANY - 1}")
        return value

    num_layers, num_heads = number(keys.num_layers), number(keys.num_heads)
    hidden_size = number(keys.hidden_size)
    num_kv_heads = number(keys.num_kv_heads, num_heads)
    if num_heads % num_kv_heads:
        raise GeometryError(f"config.json: {num_heads} heads don't divide into {num_kv_heads} key/value heads")
    head_dim = number(keys.head_dim, hidden_size // num_heads)
    heads = LayerHeads(num_heads=num_heads, num_kv_heads=num_kv_heads, head_dim=head_dim)
    return AttentionGeometry(hidden_size=hidden_size, layers=(heads,) * num_layers)
