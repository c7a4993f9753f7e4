"""Queries, keys and values out of one projection, in each of the layouts that there are."""

from __future__ import annotations

from dataclasses import replace

from headsurgery.architectures.declaration import Architecture, ConfigKeys

_SHORT = ConfigKeys(num_layers="n_layer", num_heads="n_head", hidden_size="n_embd")
_BLOOM = {"num_attention_heads": "n_head", "num_hidden_layers": "n_layer", "n_embed": "hidden_size"}

FUSED = (
    *(
        Architecture(
            model_type=name,
            layers=("transformer.h", "h"),
            o_proj="attn.c_proj",
            q_proj=("attn.c_attn",),
            k_proj=None,
            query_layout="fused",
            orientation="conv1d",
            config=_SHORT,
        )
        for name in ("gpt2", "gpt-sw3", "openai-gpt")
    ),
    Architecture(
        model_type="gpt_bigcode",
        layers=("transformer.h", "h"),
        o_proj="attn.c_proj",
        q_proj=("attn.c_attn",),
        k_proj=None,
        query_layout="fused_per_group",
        config=replace(_SHORT, num_kv_heads="n_head", one_kv_head="multi_query", defaults={"multi_query": True}),
    ),
    *(
        Architecture(
            model_type=name,
            layers=(f"{name}.layers", "layers"),
            o_proj="attention.dense",
            q_proj=("attention.query_key_value",),
            k_proj=None,
            query_layout="fused_per_group",
        )
        for name in ("gpt_neox", "gpt_neox_japanese")
    ),
    Architecture(
        model_type="bloom",
        layers=("transformer.h", "h"),
        o_proj="self_attention.dense",
        q_proj=("self_attention.query_key_value",),
        k_proj=None,
        query_layout="fused_per_group",
        uneven=("alibi",),
        config=ConfigKeys(num_layers="n_layer", num_heads="n_head", aliases=_BLOOM),
    ),
    Architecture(
        model_type="falcon",
        layers=("transformer.h", "h"),
        o_proj="self_attention.dense",
        q_proj=("self_attention.query_key_value",),
        k_proj=None,
        query_layout="fused_per_group",
        config=ConfigKeys(
            num_kv_heads="num_kv_heads",
            one_kv_head="multi_query",
            unless="new_decoder_architecture",
            aliases={"n_layer": "num_hidden_layers", "n_head": "num_attention_heads", "n_head_kv": "num_kv_heads"},
            defaults={"multi_query": True},
        ),
    ),
    Architecture(
        model_type="mpt",
        layers=("transformer.blocks", "blocks"),
        o_proj="attn.out_proj",
        q_proj=("attn.Wqkv",),
        k_proj=None,
        mlp="ffn",
        query_layout="fused",
        uneven=("alibi",),
        config=ConfigKeys(num_layers="n_layers", num_heads="n_heads", hidden_size="d_model"),
    ),
    Architecture(
        model_type="dbrx",
        layers=("transformer.blocks", "blocks"),
        o_proj="norm_attn_norm.attn.out_proj",
        q_proj=("norm_attn_norm.attn.Wqkv",),
        k_proj=None,
        mlp="ffn",
        query_layout="fused",
        config=ConfigKeys(
            num_layers="n_layers",
            num_heads="n_heads",
            hidden_size="d_model",
            aliases={"attn_config.kv_n_heads": "num_key_value_heads"},
            defaults={"num_key_value_heads": 1},
        ),
    ),
    Architecture(
        model_type="codegen",
        layers=("transformer.h", "h"),
        o_proj="attn.out_proj",
        q_proj=("attn.qkv_proj",),
        k_proj=None,
        query_layout="fused_in_fours",
        config=_SHORT,
    ),
    *(
        Architecture(
            model_type=name,
            layers=layers,
            o_proj="self_attn.dense",
            q_proj=("self_attn.query_key_value",),
            k_proj=None,
            q_norm="self_attn.q_layernorm",
            query_layout="fused_per_group",
            config=ConfigKeys(section=section),
        )
        for name, layers, section in (
            ("persimmon", ("model.layers", "layers"), None),
            ("fuyu", ("language_model.model.layers", "model.language_model.layers"), "text_config"),
        )
    ),
    Architecture(model_type="phi3", q_proj=("self_attn.qkv_proj",), k_proj=None, query_layout="fused"),
    Architecture(
        model_type="phi4_multimodal",
        q_proj=("self_attn.qkv_proj",),
        k_proj=None,
        query_layout="fused",
        config=ConfigKeys(defaults={"num_key_value_heads": 8}),
    ),
)
"""Queries, keys and values out of one projection."""
