"""What a model family calls its attention: the form of a row of the architecture table (`families`), and no class per family.

A row gives names and orientation; the checkpoint must then prove them (`edits.anatomy`, law 6) and so must the live model
(`model.modules`). Nothing is guessed from a shape. A row states facts;
`edits.operations` draws from them what can be done to a head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from headsurgery.heads import LayerHeads

Projection = Literal["o_proj", "q_proj"]

Orientation = Literal["linear", "conv1d"]
"""`linear` stores a weight as [out, in], `conv1d` (GPT-2) as [in, out]."""

QueryLayout = Literal["separate", "gated", "fused", "fused_behind_gate", "fused_per_group", "fused_in_fours"]
"""`separate`: q alone (under MLA what makes q out of its latent); `gated`: q and gate of head 0, of head 1, ... (Qwen3-Next);
`fused`: all q rows, then k, then v (Phi-3, GPT-2); `fused_behind_gate`: the gates of all heads go before (HRM's files);
`fused_per_group`: the q of a key/value group, its k, its v, then the next group (Falcon; with as many groups as heads GPT-NeoX and
BLOOM); `fused_in_fours`: four blocks, each q, v, k of a quarter of the heads (CodeGen)."""

Numbering = Literal["plain", "every_second", "two_per_layer", "stacks"]
"""Where attention number i of the model stands. `plain`: in layer i; `every_second`: in layer 2i, MLPs between (Dory's files);
`two_per_layer`: in layer i / 2, whose two are told apart by a number, `*` in the names below it (LongCat-Flash); `stacks`: in the
lists that `Architecture.stacks` names, one after the other, `*` in `Architecture.layers` (HRM)."""


@dataclass(frozen=True, kw_only=True)
class ConfigKeys:
    """Where config.json keeps the geometry.

    Args:
        section: Sub-configuration that holds the text model, for vision-language checkpoints.
        may_be_flat: Older files have no such section and keep its keys at the top (Qwen2-VL).
        head_dim: Key of the head's width; where it is absent or null the width is hidden_size / num_heads,
        head_share: times this (Zamba).
        q_inputs: Keys whose sum is the width that goes into q_proj; none: hidden_size, which also stands in for a null.
        qk_head_dim: Keys whose sum is the width of a head's query, where it is not that of its output (MLA).
        one_kv_head: Key of a flag that says there is one key/value head, whatever `num_kv_heads` says (Falcon, GPT-BigCode).
        unless: Key of a flag that lifts it.
        layer_types: Key of the list of what each layer is, which also counts them where `num_layers` is absent.
        by_type: By such a type, key -> key that stands in for it where it is given (Gemma 4's full attention).
        by_layer: Key -> key of a list that has a value of it for each layer (Laguna).
        twice_the_kv_heads: Type of layers that have twice as many key/value heads as stated (MiMo-V2-Flash).
        blocks_per_layer: What `num_layers` counts for each layer (Dory: attention and MLP).
        own_heads: Key of the number of layers with heads of their own, which the layers above share (Zamba).
        aliases: Another name of a key -> the key; `outer.inner` is one of an object.
        defaults: What the transformers configuration class assumes when the file leaves a key out; a null is no key left out.
    """

    section: str | None = None
    may_be_flat: bool = False
    num_layers: str = "num_hidden_layers"
    num_heads: str = "num_attention_heads"
    num_kv_heads: str = "num_key_value_heads"
    head_dim: str = "head_dim"
    head_share: int = 1
    hidden_size: str = "hidden_size"
    q_inputs: tuple[str, ...] = ()
    qk_head_dim: tuple[str, ...] = ()
    one_kv_head: str | None = None
    unless: str | None = None
    layer_types: str = "layer_types"
    by_type: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_layer: Mapping[str, str] = field(default_factory=dict)
    twice_the_kv_heads: str | None = None
    blocks_per_layer: int = 1
    own_heads: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, int | bool] = field(default_factory=dict)


def assumed(
    kv_heads: int | None = None,
    head_dim: int | None = None,
    layers: int | None = None,
    heads: int | None = None,
    hidden: int | None = None,
    **more: int | bool,
) -> dict[str, int | bool]:
    """What a family's configuration class assumes where config.json leaves a key out.

    Args:
        kv_heads: Key/value heads, where they are not as many as the heads.
        head_dim: A head's width, where it is not hidden_size / num_heads.
        layers: Layers; with `heads` and `hidden` for families whose `text_config` is written without them.
        heads: Heads.
        hidden: hidden_size.
        more: Further keys of config.json.
    """
    stated = {
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "hidden_size": hidden,
    }
    return {name: value for name, value in stated.items() if value is not None} | more


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One family.

    Args:
        model_type: As in config.json.
        layers: Where the list of decoder layers may stand, in a file or in a module; exactly one must match.
        o_proj: Output projection, below a layer.
        q_proj: Projections that make the queries, alone or fused with keys and values; a layer has exactly one of them.
        k_proj: Key projection where it is separate; it proves the head's width. None if there is none.
        own_queries: Whether a head attends by rows of q_proj that are its own, and by nothing else.
        hybrid: Some layers may have no attention heads: those that have none of the names above.
        marker: A weight that tells attention from what else has these names; None: nothing else has them.
        shares_keys: Some layers have no k_proj, since they read the keys of a layer below (Gemma 3n).
        in_pairs: Two queries make one head, the difference of their outputs (DiffLlama): half as many heads, each twice as wide.
        q_norm: Norm on the queries; whether a model has one is read from the file.
        q_norm_has_bias: Whether that norm adds a bias; read from the file.
        weightless_q_norm: Queries are normalised without a weight that would show it: always, or where this key is not false.
        joint_norm: What all heads put out is normalised together before o_proj (BitNet), so one head's queries move the others.
        mlp: What follows attention in a layer; not edited, only left out where the engine can.
        query_layout: Which output rows of q_proj belong to a head's query.
        orientation: How both projections store their weight.
        uneven: What keeps a head whose queries are zero from attending uniformly, where no weight of its layer shows it; see
            `uniformity`. `alibi`: unless the configuration switches it off.
        is_listed: Whether the table has it; an unknown family is tried with the usual names, and has to pass `model.selftest`.
        numbering: Which layer is whose.
        stacks: Names of the lists that `*` in `layers` stands for, from the bottom.
        config: Keys of config.json.
        stored: The same attention under the names of a file, where transformers renames or splits weights as it loads them.
    """

    model_type: str
    layers: tuple[str, ...] = ("model.layers", "layers")
    o_proj: str = "self_attn.o_proj"
    q_proj: tuple[str, ...] = ("self_attn.q_proj",)
    k_proj: str | None = "self_attn.k_proj"
    own_queries: bool = True
    hybrid: bool = False
    marker: str | None = None
    shares_keys: bool = False
    in_pairs: bool = False
    q_norm: str = "self_attn.q_norm"
    q_norm_has_bias: bool = False
    weightless_q_norm: str | bool = False
    joint_norm: bool = False
    mlp: str = "mlp"
    query_layout: QueryLayout = "separate"
    orientation: Orientation = "linear"
    uneven: tuple[Literal["alibi", "relative", "dynamic_mask"], ...] = ()
    is_listed: bool = True
    numbering: Numbering = "plain"
    stacks: tuple[str, ...] = ()
    config: ConfigKeys = ConfigKeys()
    stored: Architecture | None = None

    @property
    def input_axis(self) -> int:
        """Axis of a stored weight that runs over its inputs."""
        return 1 if self.orientation == "linear" else 0

    def axis_of(self, side: Literal["input", "output"]) -> int:
        """Axis of a stored weight that runs over its inputs, or over its outputs."""
        return self.input_axis if side == "input" else 1 - self.input_axis

    def weight_shape(self, outputs: int, inputs: int) -> tuple[int, int]:
        """Shape of a stored weight."""
        return (outputs, inputs) if self.orientation == "linear" else (inputs, outputs)

    def query_rows(self, heads: LayerHeads, head: int) -> range:
        """The head's outputs of q_proj."""
        width = heads.query_width
        per_group = heads.num_heads // heads.num_kv_heads
        per_quarter = max(1, heads.num_heads // 4)
        start = {
            "separate": head * width,
            "gated": head * (width + heads.head_dim),
            "fused": head * width,
            "fused_behind_gate": heads.num_heads * heads.head_dim + head * width,
            "fused_per_group": (head + 2 * (head // per_group)) * width,
            "fused_in_fours": (head + 2 * per_quarter * (head // per_quarter)) * width,
        }[self.query_layout]
        return range(start, start + width)

    def num_query_rows(self, heads: LayerHeads) -> int:
        """All outputs of q_proj: gates, keys and values included where they are fused."""
        queries, gates = heads.num_heads * heads.query_width, heads.num_heads * heads.head_dim
        keys_and_values = 2 * heads.num_kv_heads * heads.query_width
        others = {"separate": 0, "gated": gates, "fused_behind_gate": gates + keys_and_values}
        return queries + others.get(self.query_layout, keys_and_values)

    def layer_name(self, prefix: str, layer: int, num_layers: int) -> str:
        """Where attention number `layer` of `num_layers` stands, for a name of the layer list."""
        if self.numbering == "stacks":
            stack = min(layer * len(self.stacks) // num_layers, len(self.stacks) - 1)
            return f"{prefix.replace('*', self.stacks[stack])}.{layer - stack * num_layers // len(self.stacks)}"
        number = {"plain": layer, "every_second": 2 * layer, "two_per_layer": layer // 2}[self.numbering]
        return f"{prefix}.{number}"

    def of_layer(self, layer: int) -> Architecture:
        """The row with the names of one attention of a layer that has two."""
        if self.numbering != "two_per_layer":
            return self
        o_proj, *q_proj = (name.replace("*", str(layer % 2)) for name in (self.o_proj, *self.q_proj))
        return replace(self, o_proj=o_proj, q_proj=tuple(q_proj))


def stored_as(row: Architecture, **names: Any) -> Architecture:
    """A row whose files have other names."""
    return replace(row, stored=replace(row, **names))
