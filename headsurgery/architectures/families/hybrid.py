"""Families of which only some layers have heads, and those that are like no other."""

from __future__ import annotations

from headsurgery.architectures.declaration import Architecture, ConfigKeys, assumed, stored_as

HYBRID = (
    Architecture(model_type="jamba", hybrid=True, config=ConfigKeys(defaults=assumed(kv_heads=8))),
    Architecture(model_type="bamba", hybrid=True, config=ConfigKeys(defaults=assumed(kv_heads=8))),
    Architecture(model_type="falcon_h1", hybrid=True, config=ConfigKeys(defaults=assumed(kv_heads=8))),
    Architecture(model_type="granitemoehybrid", hybrid=True),
    Architecture(model_type="minimax", hybrid=True, config=ConfigKeys(defaults=assumed(kv_heads=8))),
    Architecture(model_type="lfm3", hybrid=True, config=ConfigKeys(defaults=assumed(kv_heads=4, head_dim=128))),
    Architecture(model_type="olmo_hybrid", hybrid=True),
    Architecture(model_type="lara_mini", hybrid=True, config=ConfigKeys(defaults=assumed(kv_heads=4, head_dim=128))),
    *(
        Architecture(
            model_type=name,
            o_proj="self_attn.out_proj",
            hybrid=True,
            q_norm="self_attn.q_layernorm",
            mlp="feed_forward",
            config=ConfigKeys(defaults=assumed(kv_heads=8)),
        )
        for name in ("lfm2", "lfm2_moe")
    ),
    Architecture(
        model_type="nemotron_h",
        layers=("model.layers", "backbone.layers"),
        o_proj="mixer.o_proj",
        q_proj=("mixer.q_proj",),
        k_proj="mixer.k_proj",
        hybrid=True,
        config=ConfigKeys(
            layer_types="layers_block_type",
            aliases={"attention_head_dim": "head_dim"},
            defaults=assumed(kv_heads=8, head_dim=128),
        ),
    ),
    *(
        Architecture(
            model_type=name,
            o_proj=f"{shared}.self_attn.o_proj",
            q_proj=(f"{shared}.self_attn.q_proj",),
            k_proj=f"{shared}.self_attn.k_proj",
            own_queries=own_queries,
            hybrid=True,
            config=ConfigKeys(
                head_dim="attention_head_dim",
                head_share=2,
                q_inputs=("attention_hidden_size",),
                own_heads="num_mem_blocks",
                layer_types="layers_block_type",
                defaults=assumed(kv_heads, num_mem_blocks=1),
            ),
        )
        for name, shared, own_queries, kv_heads in (
            ("zamba", "shared_transf", True, 16),
            ("zamba2", "shared_transformer", False, None),
        )
    ),
    Architecture(
        model_type="recurrent_gemma",
        o_proj="temporal_block.o_proj",
        q_proj=("temporal_block.q_proj",),
        k_proj="temporal_block.k_proj",
        hybrid=True,
        mlp="mlp_block",
    ),
)
"""Only some layers have heads. Zamba's share those of the first that has them; adapters add to Zamba 2's queries."""

_SLIDING_INKLING = {
    "hybrid_sliding": {
        "num_attention_heads": "swa_num_attention_heads",
        "num_key_value_heads": "swa_num_key_value_heads",
        "head_dim": "swa_head_dim",
    }
}

OTHERS = (
    Architecture(
        model_type="inkling_text",
        own_queries=False,
        config=ConfigKeys(by_type=_SLIDING_INKLING, defaults=assumed(kv_heads=8, head_dim=128)),
    ),
    *(
        stored_as(
            Architecture(
                model_type=name,
                o_proj="self_attn.o_proj.linear",
                q_proj=("self_attn.q_proj.linear",),
                k_proj="self_attn.k_proj.linear",
                own_queries=False,
                config=ConfigKeys(by_type=_SLIDING_INKLING, defaults=assumed(kv_heads=8, head_dim=128)),
            ),
            layers=("model.llm.layers",),
            o_proj="attn.wo_ud",
            q_proj=("attn.wq_du",),
            k_proj="attn.wk_dv",
        )
        for name in ("inkling2_text", "inkling2_loop_text")
    ),
    Architecture(
        model_type="moshi",
        layers=("model.layers", "decoder.model.layers", "layers"),
        o_proj="self_attn.o_proj.linear",
        q_proj=("self_attn.q_proj.linear",),
        k_proj="self_attn.k_proj.linear",
    ),
    Architecture(
        model_type="zaya",
        q_proj=("self_attn.qkv_proj.q_proj",),
        k_proj="self_attn.qkv_proj.k_proj",
        own_queries=False,
        config=ConfigKeys(defaults=assumed(kv_heads=2, head_dim=128)),
    ),
    Architecture(model_type="doge", uneven=("dynamic_mask",)),
)
"""Inkling's heads also look by a projection of the hidden states that is not their query's, Zaya's queries are mixed with keys."""
