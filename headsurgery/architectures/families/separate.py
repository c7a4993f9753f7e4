"""Families with q, k, v and o projections of their own, most of them under the usual names."""

from __future__ import annotations

from headsurgery.architectures.declaration import Architecture, ConfigKeys, assumed


def _usual(model_type: str, **defaults: int) -> Architecture:
    """A family whose projections and keys have the names that `Architecture` and `ConfigKeys` assume."""
    return Architecture(model_type=model_type, config=ConfigKeys(defaults=assumed(**defaults)))


_GEMMA4 = {"full_attention": {"head_dim": "global_head_dim", "num_key_value_heads": "num_global_key_value_heads"}}
_SHORT = ConfigKeys(num_layers="n_layer", num_heads="n_head", hidden_size="n_embd")

SEPARATE = (
    _usual("afmoe", head_dim=128),
    _usual("apertus"),
    _usual("apertus1p5_text", layers=32, heads=32, hidden=4096),
    _usual("arcee"),
    _usual("aria_text", layers=32, heads=32, hidden=4096),
    _usual("beam", kv_heads=8, head_dim=128),
    _usual("cohere"),
    _usual("cohere2", layers=40, heads=64, hidden=8192),
    _usual("cohere2_moe", head_dim=128),
    _usual("cohere_compass_text", layers=40, heads=64, hidden=8192),
    _usual("cwm", kv_heads=8, head_dim=128),
    _usual("dots1", kv_heads=32),
    _usual("ernie4_5", kv_heads=2, head_dim=128),
    _usual("ernie4_5_moe", kv_heads=4),
    _usual("exaone4", kv_heads=32, layers=32, heads=32, hidden=4096),
    _usual("exaone_moe", kv_heads=32),
    _usual("flex_olmo"),
    _usual("flint", kv_heads=4, head_dim=128),
    _usual("gemma", kv_heads=16, head_dim=256, layers=28, heads=16, hidden=3072),
    _usual("gemma2", kv_heads=4, head_dim=256, layers=26, heads=8, hidden=2304),
    _usual("gemma3_text", kv_heads=4, head_dim=256, layers=26, heads=8, hidden=2304),
    _usual("glm", kv_heads=2, head_dim=128),
    _usual("glm4", kv_heads=2, head_dim=128),
    _usual("glm4_moe", kv_heads=8),
    _usual("gpt_oss", kv_heads=8, head_dim=64),
    _usual("granite", layers=32, heads=32, hidden=4096),
    _usual("granite_swa", kv_heads=4),
    _usual("granitemoe"),
    _usual("granitemoe_swa"),
    _usual("granitemoeshared"),
    _usual("helium", kv_heads=20, head_dim=128),
    _usual("hy_v3", kv_heads=8, head_dim=128),
    _usual("hyperclovax", layers=32, heads=32, hidden=4096),
    _usual("internlm3", kv_heads=2, head_dim=128),
    _usual("iquestcoder", kv_heads=8, head_dim=128),
    _usual("jais2"),
    _usual("kolibri1", kv_heads=4, head_dim=128),
    _usual("llama", layers=32, heads=32, hidden=4096),
    _usual("mellum", kv_heads=4, head_dim=128),
    _usual("minimax_m2", kv_heads=8, head_dim=128),
    _usual("minimax_m3_vl_text", kv_heads=4, head_dim=128, layers=60, heads=64, hidden=6144),
    _usual("ministral", kv_heads=8),
    _usual("ministral3", kv_heads=8, head_dim=128),
    _usual("mistral", kv_heads=8, layers=32, heads=32, hidden=4096),
    _usual("mixtral", kv_heads=8),
    _usual("nemotron"),
    _usual("olmo"),
    _usual("olmo2"),
    _usual("olmo3"),
    _usual("olmoe"),
    _usual("phimoe", kv_heads=8),
    _usual("qwen2", kv_heads=32, layers=32, heads=32, hidden=4096),
    _usual("qwen2_moe", kv_heads=16),
    _usual("qwen3", kv_heads=32, head_dim=128, layers=32, heads=32, hidden=4096),
    _usual("qwen3_moe", kv_heads=4),
    _usual("seed_oss", kv_heads=8, head_dim=128),
    _usual("smollm3", kv_heads=4),
    _usual("solar_open", kv_heads=8, head_dim=128),
    _usual("starcoder2", kv_heads=2),
    _usual("vaultgemma", kv_heads=4, head_dim=256),
    _usual("emu3_text_model", kv_heads=8),
    _usual("qwen2_vl_text", kv_heads=8, layers=80, heads=64, hidden=8192),
    _usual("qwen2_5_vl_text", kv_heads=8, layers=80, heads=64, hidden=8192),
    _usual("qwen3_vl_text", kv_heads=32, head_dim=128, layers=32, heads=32, hidden=4096),
    _usual("qwen3_vl_moe_text", kv_heads=16, layers=24, heads=16, hidden=2048),
    *(Architecture(model_type=name, q_norm="self_attn.query_layernorm") for name in ("hunyuan_v1_dense", "hunyuan_v1_moe")),
    Architecture(model_type="stablelm", q_norm="self_attn.q_layernorm.norms.0", config=ConfigKeys(defaults=assumed(kv_heads=32))),
    Architecture(model_type="bitnet", joint_norm=True, config=ConfigKeys(defaults=assumed(kv_heads=5))),
    Architecture(model_type="nanochat", weightless_q_norm=True),
    Architecture(
        model_type="llama4_text",
        weightless_q_norm="use_qk_norm",
        mlp="feed_forward",
        config=ConfigKeys(defaults=assumed(kv_heads=8, head_dim=128, layers=48, heads=40, hidden=5120)),
    ),
    Architecture(model_type="diffllama", in_pairs=True, own_queries=False),
    Architecture(
        model_type="laguna",
        config=ConfigKeys(
            by_layer={"num_attention_heads": "num_attention_heads_per_layer"}, defaults=assumed(kv_heads=8, head_dim=128)
        ),
    ),
    Architecture(
        model_type="mimo_v2_flash",
        config=ConfigKeys(
            head_dim="v_head_dim",
            qk_head_dim=("head_dim",),
            twice_the_kv_heads="sliding_attention",
            defaults=assumed(kv_heads=4, head_dim=192, v_head_dim=128),
        ),
    ),
    Architecture(
        model_type="gemma3n_text",
        shares_keys=True,
        config=ConfigKeys(defaults=assumed(kv_heads=2, head_dim=256, layers=35, heads=8, hidden=2048)),
    ),
    *(
        Architecture(
            model_type=name,
            shares_keys=True,
            config=ConfigKeys(
                by_type=_GEMMA4, defaults=assumed(kv_heads=4, head_dim=256, layers=30, heads=8, hidden=2304, global_head_dim=512)
            ),
        )
        for name in ("gemma4_text", "gemma4_unified_text")
    ),
    Architecture(
        model_type="exaone",
        config=ConfigKeys(aliases={"num_layers": "num_hidden_layers"}, defaults=assumed(kv_heads=8)),
        stored=Architecture(
            model_type="exaone",
            layers=("transformer.h",),
            o_proj="attn.attention.out_proj",
            q_proj=("attn.attention.q_proj",),
            k_proj="attn.attention.k_proj",
        ),
    ),
    Architecture(
        model_type="sarvam_moe",
        config=ConfigKeys(defaults=assumed(kv_heads=4, head_dim=64)),
        stored=Architecture(
            model_type="sarvam_moe",
            o_proj="attention.dense",
            q_proj=("attention.query_key_value",),
            k_proj=None,
            q_norm="attention.query_layernorm",
            query_layout="fused",
        ),
    ),
    Architecture(
        model_type="mllama_text_model",
        hybrid=True,
        config=ConfigKeys(defaults=assumed(kv_heads=8, layers=40, heads=32, hidden=4096)),
    ),
    Architecture(
        model_type="git",
        layers=("git.encoder.layer", "encoder.layer"),
        o_proj="attention.output.dense",
        q_proj=("attention.self.query",),
        k_proj="attention.self.key",
    ),
    Architecture(model_type="phi", o_proj="self_attn.dense", q_norm="self_attn.q_layernorm"),
    Architecture(
        model_type="opt",
        layers=("model.decoder.layers", "decoder.layers"),
        o_proj="self_attn.out_proj",
        config=ConfigKeys(defaults=assumed(layers=12, heads=12, hidden=768)),
    ),
    Architecture(
        model_type="xglm",
        o_proj="self_attn.out_proj",
        config=ConfigKeys(num_layers="num_layers", num_heads="attention_heads", hidden_size="d_model"),
    ),
    Architecture(model_type="biogpt", layers=("biogpt.layers", "layers"), o_proj="self_attn.out_proj"),
    Architecture(
        model_type="gptj",
        layers=("transformer.h", "h"),
        o_proj="attn.out_proj",
        q_proj=("attn.q_proj",),
        k_proj="attn.k_proj",
        config=_SHORT,
    ),
    Architecture(
        model_type="gpt_neo",
        layers=("transformer.h", "h"),
        o_proj="attn.attention.out_proj",
        q_proj=("attn.attention.q_proj",),
        k_proj="attn.attention.k_proj",
        config=ConfigKeys(num_layers="num_layers", num_heads="num_heads"),
    ),
    Architecture(
        model_type="ctrl",
        layers=("transformer.h", "h"),
        o_proj="multi_head_attention.dense",
        q_proj=("multi_head_attention.Wq",),
        k_proj="multi_head_attention.Wk",
        config=_SHORT,
    ),
    Architecture(
        model_type="cpmant",
        layers=("cpmant.encoder.layers", "encoder.layers"),
        o_proj="self_att.self_attention.attention_out",
        q_proj=("self_att.self_attention.project_q",),
        k_proj="self_att.self_attention.project_k",
        uneven=("relative",),
        config=ConfigKeys(head_dim="dim_head", defaults={"dim_head": 128}),
    ),
    Architecture(model_type="modernbert-decoder", o_proj="attn.Wo", q_proj=("attn.q_proj",), k_proj="attn.k_proj"),
)
