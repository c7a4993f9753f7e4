"""What llama.cpp calls a family's attention: rows that turn a GGUF file's metadata into a configuration and an `Architecture`.

The metadata name an architecture (`general.architecture`) and its geometry. The row of the table says which families of
transformers go by that name. Everything else follows: llama.cpp names the tensors of all families alike. The file must then prove
its geometry, as everywhere (`location`).

llama.cpp reorders the rows of some projections: each head's queries and keys for its rotary embedding (llama), and queries, keys
and values that are mixed in one projection (Falcon, GPT-NeoX, BLOOM), which it stores one after the other. A head's rows stay
together, so an edit of all rows of a head is the same edit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headsurgery.architectures.declaration import Architecture, ConfigKeys
from headsurgery.architectures.table import TABLE
from headsurgery.documents.strict_json import quote
from headsurgery.errors import ArchitectureError, GeometryError

_NAME = "general.architecture"

_NAMED_ALIKE = (
    "apertus", "arcee", "bitnet", "bloom", "cohere2", "dbrx", "dots1", "ernie4_5", "exaone", "exaone4", "falcon", "gemma",
    "gemma2", "gpt2", "gptj", "granite", "jais2", "jamba", "lfm2", "afmoe", "minicpm3", "mpt", "nemotron", "olmo", "olmoe",
    "phi3", "phimoe", "qwen2", "qwen3", "seed_oss", "smollm3", "stablelm", "starcoder2",
)  # fmt: skip
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in _NAMED_ALIKE},
    "chatglm": ("glm",),
    "command-r": ("cohere",),
    "deepseek2": ("deepseek_v3", "deepseek_v2", "glm4_moe_lite"),
    "ernie4_5-moe": ("ernie4_5_moe",),
    "exaone-moe": ("exaone_moe",),
    "falcon-h1": ("falcon_h1",),
    "gemma3": ("gemma3_text", "gemma3"),
    "gemma3n": ("gemma3n_text", "gemma3n"),
    "gemma4": ("gemma4_text", "gemma4"),
    "glm-dsa": ("glm_moe_dsa",),
    "glm4": ("glm4", "glm"),
    "glm4moe": ("glm4_moe",),
    "gpt-oss": ("gpt_oss",),
    "gptneox": ("gpt_neox",),
    "granitehybrid": ("granitemoehybrid",),
    "granitemoe": ("granitemoe", "granitemoeshared"),
    "hunyuan-dense": ("hunyuan_v1_dense",),
    "hunyuan-moe": ("hunyuan_v1_moe",),
    "lfm2moe": ("lfm2_moe",),
    "llama": ("llama", "mistral", "mixtral", "ministral", "internlm3", "helium", "hyperclovax", "iquestcoder", "cwm"),
    "llama4": ("llama4_text", "llama4"),
    "mimo2": ("mimo_v2_flash",),
    "minimax-m2": ("minimax_m2",),
    "mistral3": ("ministral3", "mistral3"),
    "nemotron_h": ("nemotron_h",),
    "nemotron_h_moe": ("nemotron_h",),
    "olmo2": ("olmo2", "olmo3"),
    "phi2": ("phi",),
    "qwen2moe": ("qwen2_moe",),
    "qwen2vl": ("qwen2_vl", "qwen2_5_vl", "qwen2_vl_text", "qwen2_5_vl_text"),
    "qwen35": ("qwen3_5_text", "qwen3_5"),
    "qwen35moe": ("qwen3_5_moe_text", "qwen3_5_moe"),
    "qwen3moe": ("qwen3_moe",),
    "qwen3next": ("qwen3_next",),
    "qwen3vl": ("qwen3_vl", "qwen3_vl_text"),
    "qwen3vlmoe": ("qwen3_vl_moe", "qwen3_vl_moe_text"),
    "starcoder": ("gpt_bigcode",),
}
"""llama.cpp's name -> the families of transformers that are converted to it; the first one stands for all of them."""

NAMES = frozenset(_FAMILIES)
"""Architectures of llama.cpp that have a row."""

_NO_DECODER = "is no decoder of text; headsurgery edits decoders, which predict the next token"
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        ("clip", "t5", "t5encoder", "bert", "modern-bert", "nomic-bert", "jina-bert-v2", "wavtokenizer-dec"), _NO_DECODER
    ),
    **dict.fromkeys(
        ("mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"), "has no attention heads, so there is nothing to edit"
    ),
}


@dataclass(frozen=True, kw_only=True)
class GgufModel:
    """What a file's metadata say of its attention.

    Args:
        architecture: Names and layout of the projections.
        config: The geometry, under the keys that `architecture.config` names.
    """

    architecture: Architecture
    config: Mapping[str, Any]


def is_gguf(config: Mapping[str, object]) -> bool:
    """Whether a configuration is a GGUF file's metadata."""
    return _NAME in config


def families_of(config: Mapping[str, object]) -> tuple[str, ...]:
    """The families of transformers from which such a file may have been converted; empty for another configuration."""
    name = config.get(_NAME)
    return _FAMILIES.get(name, ()) if isinstance(name, str) else ()


def names_in(config: Mapping[str, object]) -> tuple[str, ...]:
    """What a GGUF file's metadata call the model and what it was made from, the most telling first."""
    keys = ("general.base_model.0.repo_url", "general.source.url", "general.base_model.0.name", "general.name", "general.basename")
    return tuple(name for key in keys if isinstance(name := config.get(key), str) and name)


def read_gguf_model(metadata: Mapping[str, Any], names: Collection[str]) -> GgufModel:
    """The architecture and configuration of a GGUF file.

    Args:
        metadata: Its entries.
        names: Of its tensors, which show whether queries, keys and values are fused.

    Raises:
        ArchitectureError: An architecture without heads that can be edited.
        GeometryError: An entry is missing or makes no sense.
    """
    name = metadata.get(_NAME)
    if not isinstance(name, str) or not 0 < len(name) <= 100:
        raise ArchitectureError(f"{_NAME} is {quote(name)}, which is no name")
    if name in _REFUSED:
        raise ArchitectureError(f"architecture {name!r} {_REFUSED[name]}")
    families = _FAMILIES.get(name, ())
    row = TABLE[families[0]] if families else Architecture(model_type=name, is_listed=False)
    entries = _Entries(metadata, name)
    is_latent = bool(row.config.qk_head_dim) and row.config.num_kv_heads == "num_attention_heads"
    config = _read_config(entries, is_latent=is_latent)
    return GgufModel(architecture=_rename(row, config, names, is_latent=is_latent), config={"model_type": row.model_type, **config})


def _rename(row: Architecture, config: Mapping[str, Any], names: Collection[str], *, is_latent: bool) -> Architecture:
    """A family's row with llama.cpp's names."""
    is_fused = any(name.endswith(".attn_qkv.weight") for name in names)
    q_proj: tuple[str, ...] = ("attn_q_b", "attn_q") if is_latent else ("attn_q",)
    layout = row.query_layout if row.query_layout == "gated" else "separate"
    return replace(
        row,
        layers=("blk",),
        o_proj="attn_output",
        q_proj=("attn_qkv", "attn_q") if is_fused and not row.hybrid else q_proj,
        k_proj=None if is_fused or is_latent else "attn_k",
        hybrid=row.hybrid or config["has_layers_without_heads"],
        marker=None,
        q_norm="attn_q_norm",
        query_layout="fused" if is_fused and not row.hybrid else layout,
        orientation="linear",
        numbering="plain",
        stacks=(),
        stored=None,
        config=ConfigKeys(
            num_kv_heads="num_attention_heads" if is_latent else "num_key_value_heads",
            q_inputs=("q_lora_rank",) if is_latent and "q_lora_rank" in config else (),
            qk_head_dim=("qk_head_dim",) if "qk_head_dim" in config else (),
        ),
    )


class _Entries:
    """The entries of one architecture, with what is wrong said in their own names."""

    def __init__(self, metadata: Mapping[str, Any], name: str) -> None:
        self._metadata, self._name = metadata, name

    def get(self, key: str) -> Any:
        """An entry; None if it is not there."""
        return self._metadata.get(f"{self._name}.{key}")

    def number(self, key: str, default: int | None = None) -> int:
        """A whole number.

        Raises:
            GeometryError: It is something else, or missing without a default.
        """
        return self._check(key, default if self.get(key) is None else self.get(key))

    def per_layer(self, key: str, num_layers: int, default: list[int] | None = None) -> list[int]:
        """A whole number for each layer: stated once, or for each. 0 stands for a layer without heads.

        Raises:
            GeometryError: It is something else, or missing without a default.
        """
        found = self.get(key)
        if found is None and default is not None:
            return default
        if not isinstance(found, list):
            return [self._check(key, found)] * num_layers
        if len(found) < num_layers:
            raise GeometryError(f"{self._name}.{key} has {len(found)} values, expected one for each of {num_layers} layers")
        return [self._check(key, value) for value in found[:num_layers]]

    def _check(self, key: str, value: object) -> int:
        if type(value) is not int or not 0 <= value < _TOO_MANY:
            raise GeometryError(f"{self._name}.{key} is {quote(value)}, expected an integer from 0 to {_TOO_MANY - 1}")
        return value


_TOO_MANY = 2**20
_TOO_MANY_LAYERS = 2048


def _read_config(entries: _Entries, *, is_latent: bool) -> dict[str, Any]:
    """The geometry as `configuration.read_geometry` reads it."""
    drafts = entries.number("nextn_predict_layers", 0)
    num_layers = entries.number("block_count") - drafts
    if not 1 <= num_layers < _TOO_MANY_LAYERS:
        raise GeometryError(f"the metadata say {num_layers} layers, expected from 1 to {_TOO_MANY_LAYERS - 1}")
    hidden_size = entries.number("embedding_length")
    heads = entries.per_layer("attention.head_count", num_layers)
    kv_heads = entries.per_layer("attention.head_count_kv", num_layers, heads)
    lacking = [not (own and shared) for own, shared in zip(heads, kv_heads)]
    own, shared = max(heads), max(kv_heads)
    heads, kv_heads = ([value or most for value in values] for values, most in ((heads, own), (kv_heads, shared)))
    width = hidden_size // own if own else 0
    suffix = "_mla" if is_latent and entries.get("attention.key_length_mla") is not None else ""
    keys = _widths(entries, f"attention.key_length{suffix}", num_layers, width)
    values = _widths(entries, f"attention.value_length{suffix}", num_layers, width)
    layers = [
        {
            "num_attention_heads": own,
            "num_key_value_heads": shared,
            "head_dim": value,
            **({"qk_head_dim": key} if key != value else {}),
        }
        for own, shared, key, value in zip(heads, kv_heads, keys, values)
    ]
    config: dict[str, Any] = {
        "num_hidden_layers": num_layers,
        "hidden_size": hidden_size,
        "has_layers_without_heads": any(lacking),
        **layers[0],
    }
    if entries.get("attention.max_alibi_bias") is not None:
        config["alibi"] = bool(entries.get("attention.max_alibi_bias"))
    if any("qk_head_dim" in layer for layer in layers):
        layers = [{"qk_head_dim": layer["head_dim"], **layer} for layer in layers]
        config |= layers[0]
    if any(layer != layers[0] for layer in layers):
        config["per_layer_config"] = {str(number): layer for number, layer in enumerate(layers)}
    if drafts:
        config["num_nextn_predict_layers"] = drafts
    if is_latent and entries.get("attention.q_lora_rank"):
        config["q_lora_rank"] = entries.number("attention.q_lora_rank")
    return config


def _widths(entries: _Entries, key: str, num_layers: int, default: int) -> list[int]:
    """The width of a head in each layer, as llama.cpp reads it. Layers with a sliding window may have another one."""
    wide = entries.per_layer(key, num_layers, [default] * num_layers)
    narrow, pattern = entries.get(f"{key}_swa"), entries.get("attention.sliding_window_pattern")
    if narrow is None or not isinstance(pattern, list) or len(pattern) < num_layers:
        return wide
    own = entries.number(f"{key}_swa")
    return [own if is_sliding else width for is_sliding, width in zip(pattern, wide)]
