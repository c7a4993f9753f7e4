"""The architecture table, one row for each family; a new family is a new row, and the file has to prove it."""

from __future__ import annotations

from collections.abc import Mapping

from headsurgery.architectures import Architecture, ConfigKeys
from headsurgery.errors import ArchitectureError

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
        Architecture(model_type="phi3", q_proj=("self_attn.qkv_proj",), k_proj=None, query_layout="fused"),
        Architecture(
            model_type="gpt_neox",
            layers=("gpt_neox.layers", "layers"),
            o_proj="attention.dense",
            q_proj=("attention.query_key_value",),
            k_proj=None,
            query_layout="fused_per_group",
        ),
        Architecture(
            model_type="gpt2",
            layers=("transformer.h", "h"),
            o_proj="attn.c_proj",
            q_proj=("attn.c_attn",),
            k_proj=None,
            query_layout="fused",
            orientation="conv1d",
            config=ConfigKeys(num_layers="n_layer", num_heads="n_head", hidden_size="n_embd"),
        ),
    )
}

_WITHOUT_HEADS = frozenset({"mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm"})


def find_architecture(config: Mapping[str, object]) -> Architecture:
    """The row for a configuration; a family that has none is tried with the usual names.

    Raises:
        ArchitectureError: No model_type, or a model without attention heads.
    """
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise ArchitectureError("config.json: no model_type, so the family is unknown")
    if model_type in _WITHOUT_HEADS:
        raise ArchitectureError(f"model_type {model_type!r} has no attention heads, so there is nothing to edit")
    return TABLE.get(model_type) or Architecture(model_type=model_type, is_listed=False)
