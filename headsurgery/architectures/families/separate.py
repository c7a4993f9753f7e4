"""Families with q, k, v and o projections of their own, most of them under the usual names."""

from __future__ import annotations

from headsurgery.architectures.declaration import Architecture, ConfigKeys

_USUAL = (
    *("afmoe", "apertus", "apertus1p5_text", "arcee", "aria_text", "beam", "cohere", "cohere2", "cohere2_moe"),
    *("cohere_compass_text", "cwm", "dots1", "ernie4_5", "ernie4_5_moe", "exaone4", "exaone_moe", "flex_olmo", "flint", "gemma"),
    *("gemma2", "gemma3_text", "glm", "glm4", "glm4_moe", "gpt_oss", "granite", "granite_swa", "granitemoe", "granitemoe_swa"),
    *("granitemoeshared", "helium", "hy_v3", "hyperclovax", "internlm3", "iquestcoder", "jais2", "kolibri1", "llama", "mellum"),
    *("minimax_m2", "minimax_m3_vl_text", "ministral", "ministral3", "mistral", "mixtral", "nemotron", "olmo", "olmo2", "olmo3"),
    *("olmoe", "phimoe", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "seed_oss", "smollm3", "solar_open"),
    *("starcoder2", "vaultgemma", "emu3_text_model", "qwen2_vl_text", "qwen2_5_vl_text", "qwen3_vl_text", "qwen3_vl_moe_text"),
)
"""Families whose projections and keys have the names that `Architecture` and `ConfigKeys` assume."""

_KV_HEADS = {
    **{"bitnet": 5, "dots1": 32, "ernie4_5": 2, "ernie4_5_moe": 4, "exaone": 8, "exaone4": 32, "exaone_moe": 32},
    **{"beam": 8, "cwm": 8, "flint": 4, "gemma": 16, "gemma2": 4, "gemma3_text": 4, "gemma3n_text": 2, "gemma4_text": 4},
    **{"gemma4_unified_text": 4, "glm": 2, "glm4": 2, "glm4_moe": 8, "gpt_oss": 8, "granite_swa": 4, "helium": 20, "hy_v3": 8},
    **{"internlm3": 2, "iquestcoder": 8, "kolibri1": 4, "laguna": 8, "llama4_text": 8, "mellum": 4, "mimo_v2_flash": 4},
    **{"minimax_m2": 8, "minimax_m3_vl_text": 4, "ministral": 8, "ministral3": 8, "mistral": 8, "mixtral": 8, "phimoe": 8},
    **{"qwen2": 32, "qwen2_moe": 16, "qwen3": 32, "qwen3_moe": 4, "sarvam_moe": 4, "seed_oss": 8, "smollm3": 4, "solar_open": 8},
    **{"stablelm": 32, "starcoder2": 2, "vaultgemma": 4, "mllama_text_model": 8},
    **{"emu3_text_model": 8, "qwen2_vl_text": 8, "qwen2_5_vl_text": 8, "qwen3_vl_text": 32, "qwen3_vl_moe_text": 16},
}
"""Key/value heads that a configuration class assumes, where that is not the number of heads."""

_HEAD_DIM = {
    **dict.fromkeys(("afmoe", "beam", "cohere2_moe", "cwm", "ernie4_5", "flint", "glm", "glm4", "helium", "hy_v3"), 128),
    **dict.fromkeys(("internlm3", "iquestcoder", "kolibri1", "laguna", "llama4_text", "mellum", "minimax_m2"), 128),
    **dict.fromkeys(("minimax_m3_vl_text", "ministral3", "qwen3", "qwen3_vl_text", "seed_oss", "solar_open"), 128),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "gemma3n_text", "vaultgemma"), 256),
    **dict.fromkeys(("gemma4_text", "gemma4_unified_text"), 256),
    **{"gpt_oss": 64, "mimo_v2_flash": 192, "sarvam_moe": 64},
}
"""A head's width that a configuration class assumes, where that is not hidden_size / num_heads."""

_SIZES = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "qwen3_vl_text", "aria_text", "apertus1p5_text"), (32, 32, 4096)),
    **dict.fromkeys(("hyperclovax", "granite", "exaone4"), (32, 32, 4096)),
    **dict.fromkeys(("gemma2", "gemma3_text"), (26, 8, 2304)),
    **dict.fromkeys(("gemma4_text", "gemma4_unified_text"), (30, 8, 2304)),
    **dict.fromkeys(("qwen2_vl_text", "qwen2_5_vl_text"), (80, 64, 8192)),
    **dict.fromkeys(("cohere2", "cohere_compass_text"), (40, 64, 8192)),
    **{"gemma": (28, 16, 3072), "gemma3n_text": (35, 8, 2048), "llama4_text": (48, 40, 5120), "opt": (12, 12, 768)},
    **{"mllama_text_model": (40, 32, 4096), "minimax_m3_vl_text": (60, 64, 6144), "qwen3_vl_moe_text": (24, 16, 2048)},
}
"""Layers, heads and hidden_size that a configuration class assumes; a `text_config` is written without them."""


def _defaults(model_type: str, **more: int | bool) -> dict[str, int | bool]:
    names = ("num_key_value_heads", "head_dim", "num_hidden_layers", "num_attention_heads", "hidden_size")
    values = (_KV_HEADS.get(model_type), _HEAD_DIM.get(model_type), *_SIZES.get(model_type, ()))
    return {name: value for name, value in zip(names, values, strict=False) if value is not None} | more


_GEMMA4 = {"full_attention": {"head_dim": "global_head_dim", "num_key_value_heads": "num_global_key_value_heads"}}
_SHORT = ConfigKeys(num_layers="n_layer", num_heads="n_head", hidden_size="n_embd")

SEPARATE = (
    *(Architecture(model_type=name, config=ConfigKeys(defaults=_defaults(name))) for name in _USUAL),
    *(
        Architecture(model_type=name, q_norm="self_attn.query_layernorm", config=ConfigKeys(defaults=_defaults(name)))
        for name in ("hunyuan_v1_dense", "hunyuan_v1_moe")
    ),
    Architecture(model_type="stablelm", q_norm="self_attn.q_layernorm.norms.0", config=ConfigKeys(defaults=_defaults("stablelm"))),
    Architecture(model_type="bitnet", joint_norm=True, config=ConfigKeys(defaults=_defaults("bitnet"))),
    Architecture(model_type="nanochat", weightless_q_norm=True),
    Architecture(
        model_type="llama4_text",
        weightless_q_norm="use_qk_norm",
        mlp="feed_forward",
        config=ConfigKeys(defaults=_defaults("llama4_text")),
    ),
    Architecture(model_type="diffllama", in_pairs=True, own_queries=False),
    Architecture(
        model_type="laguna",
        config=ConfigKeys(by_layer={"num_attention_heads": "num_attention_heads_per_layer"}, defaults=_defaults("laguna")),
    ),
    Architecture(
        model_type="mimo_v2_flash",
        config=ConfigKeys(
            head_dim="v_head_dim",
            qk_head_dim=("head_dim",),
            twice_the_kv_heads="sliding_attention",
            defaults=_defaults("mimo_v2_flash", v_head_dim=128),
        ),
    ),
    Architecture(model_type="gemma3n_text", shares_keys=True, config=ConfigKeys(defaults=_defaults("gemma3n_text"))),
    *(
        Architecture(
            model_type=name,
            shares_keys=True,
            config=ConfigKeys(by_type=_GEMMA4, defaults=_defaults(name, global_head_dim=512)),
        )
        for name in ("gemma4_text", "gemma4_unified_text")
    ),
    Architecture(
        model_type="exaone",
        config=ConfigKeys(aliases={"num_layers": "num_hidden_layers"}, defaults=_defaults("exaone")),
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
        config=ConfigKeys(defaults=_defaults("sarvam_moe")),
        stored=Architecture(
            model_type="sarvam_moe",
            o_proj="attention.dense",
            q_proj=("attention.query_key_value",),
            k_proj=None,
            q_norm="attention.query_layernorm",
            query_layout="fused",
        ),
    ),
    Architecture(model_type="mllama_text_model", hybrid=True, config=ConfigKeys(defaults=_defaults("mllama_text_model"))),
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
        config=ConfigKeys(defaults=_defaults("opt")),
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
