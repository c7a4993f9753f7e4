"""The architecture table, one row for each family; a new family is a new row, and the file has to prove it."""

from __future__ import annotations

from collections.abc import Mapping

from headsurgery.architectures import Architecture, ConfigKeys
from headsurgery.errors import ArchitectureError
from headsurgery.rows.fused import FUSED
from headsurgery.rows.hybrid import HYBRID, OTHERS
from headsurgery.rows.latent import GATED, LATENT

_USUAL = (
    *("afmoe", "apertus", "apertus1p5_text", "arcee", "aria_text", "beam", "bitnet", "cohere", "cohere2", "cohere2_moe"),
    *("cohere_compass_text", "cwm", "dots1", "ernie4_5", "ernie4_5_moe", "exaone4", "exaone_moe", "flex_olmo", "flint", "gemma"),
    *("gemma2", "gemma3_text", "glm", "glm4", "glm4_moe", "gpt_oss", "granite", "granite_swa", "granitemoe", "granitemoe_swa"),
    *("granitemoeshared", "helium", "hy_v3", "hyperclovax", "internlm3", "iquestcoder", "jais2", "kolibri1", "llama", "mellum"),
    *("minimax_m2", "minimax_m3_vl_text", "ministral", "ministral3", "mistral", "mixtral", "nemotron", "olmo", "olmo2", "olmo3"),
    *("olmoe", "phimoe", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "seed_oss", "smollm3", "solar_open"),
    *("starcoder2", "vaultgemma"),
)
"""Families whose projections and keys have the names that `Architecture` and `ConfigKeys` assume."""

_KV_HEADS = {
    **{"bitnet": 5, "dots1": 32, "ernie4_5": 2, "ernie4_5_moe": 4, "exaone": 8, "exaone4": 32, "exaone_moe": 32},
    **{"beam": 8, "cwm": 8, "flint": 4, "gemma": 16, "gemma2": 4, "gemma3_text": 4, "gemma3n_text": 2, "gemma4_text": 4},
    **{"gemma4_unified_text": 4, "glm": 2, "glm4": 2, "glm4_moe": 8, "gpt_oss": 8, "granite_swa": 4, "helium": 20, "hy_v3": 8},
    **{"internlm3": 2, "iquestcoder": 8, "kolibri1": 4, "laguna": 8, "llama4_text": 8, "mellum": 4, "mimo_v2_flash": 4},
    **{"minimax_m2": 8, "minimax_m3_vl_text": 4, "ministral": 8, "ministral3": 8, "mistral": 8, "mixtral": 8, "phimoe": 8},
    **{"qwen2": 32, "qwen2_moe": 16, "qwen3": 32, "qwen3_moe": 4, "sarvam_moe": 4, "seed_oss": 8, "smollm3": 4, "solar_open": 8},
    **{"stablelm": 32, "starcoder2": 2, "vaultgemma": 4},
}
"""Key/value heads that a configuration class assumes, where that is not the number of heads."""

_HEAD_DIM = {
    **dict.fromkeys(("afmoe", "beam", "cohere2_moe", "cwm", "ernie4_5", "flint", "glm", "glm4", "helium", "hy_v3"), 128),
    **dict.fromkeys(("internlm3", "iquestcoder", "kolibri1", "laguna", "llama4_text", "mellum", "minimax_m2"), 128),
    **dict.fromkeys(("minimax_m3_vl_text", "ministral3", "qwen3", "seed_oss", "solar_open"), 128),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "gemma3n_text", "vaultgemma"), 256),
    **dict.fromkeys(("gemma4_text", "gemma4_unified_text"), 256),
    **{"gpt_oss": 64, "mimo_v2_flash": 192, "sarvam_moe": 64},
}
"""A head's width that a configuration class assumes, where that is not hidden_size / num_heads."""


def _defaults(model_type: str, **more: int | bool) -> dict[str, int | bool]:
    stated = {"num_key_value_heads": _KV_HEADS.get(model_type), "head_dim": _HEAD_DIM.get(model_type)}
    return {key: value for key, value in stated.items() if value is not None} | more


_GEMMA4 = {"full_attention": {"head_dim": "global_head_dim", "num_key_value_heads": "num_global_key_value_heads"}}
_GEMMA3 = {"num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "hidden_size": 2304}
_SHORT = ConfigKeys(num_layers="n_layer", num_heads="n_head", hidden_size="n_embd")

_SEPARATE = (
    *(Architecture(model_type=name, config=ConfigKeys(defaults=_defaults(name))) for name in _USUAL),
    *(
        Architecture(model_type=name, q_norm="self_attn.query_layernorm", config=ConfigKeys(defaults=_defaults(name)))
        for name in ("hunyuan_v1_dense", "hunyuan_v1_moe")
    ),
    Architecture(model_type="stablelm", q_norm="self_attn.q_layernorm.norms.0", config=ConfigKeys(defaults=_defaults("stablelm"))),
    Architecture(model_type="nanochat", weightless_q_norm=True),
    Architecture(
        model_type="llama4_text",
        weightless_q_norm="use_qk_norm",
        mlp="feed_forward",
        config=ConfigKeys(defaults=_defaults("llama4_text")),
    ),
    Architecture(model_type="diffllama", in_pairs=True, operations=("scale",)),
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
    Architecture(model_type="phi", o_proj="self_attn.dense", q_norm="self_attn.q_layernorm"),
    Architecture(model_type="opt", layers=("model.decoder.layers", "decoder.layers"), o_proj="self_attn.out_proj", mlp="fc1"),
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
        config=ConfigKeys(head_dim="dim_head", defaults={"dim_head": 128}),
    ),
    Architecture(model_type="modernbert-decoder", o_proj="attn.Wo", q_proj=("attn.q_proj",), k_proj="attn.k_proj"),
)

_TOWERS = (
    Architecture(
        model_type="gemma3",
        layers=("language_model.model.layers", "model.language_model.layers"),
        config=ConfigKeys(section="text_config", defaults=_GEMMA3),
    ),
)

TABLE: Mapping[str, Architecture] = {
    row.model_type: row
    for row in (
        *_SEPARATE,
        *_TOWERS,
        *FUSED,
        *LATENT,
        *GATED,
        *HYBRID,
        *OTHERS,
    )
}

_WITHOUT_HEADS = frozenset({"mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm"})

_ENCODERS = frozenset(
    (
        *("bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie", "megatron-bert", "rembert"),
        *("roberta", "roberta-prelayernorm", "roc_bert", "roformer", "xlm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
    )
)
_ENCODER_DECODERS = frozenset(
    (
        *("bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "marian", "mbart", "musicgen", "musicgen_melody", "mvp"),
        *("pegasus", "plbart", "prophetnet", "trocr", "whisper"),
    )
)
_DRAFT = "drafts tokens for another model and reads that one's keys, so it can't run alone"
_REFUSED = {
    **dict.fromkeys(sorted(_WITHOUT_HEADS), "has no attention heads, so there is nothing to edit"),
    **dict.fromkeys(sorted(_ENCODERS), "is an encoder; headsurgery edits decoders, which predict the next token"),
    **dict.fromkeys(
        sorted(_ENCODER_DECODERS), "is an encoder-decoder, or the decoder of one; headsurgery edits models of a decoder alone"
    ),
    **dict.fromkeys(("gemma4_assistant", "gemma4_unified_assistant"), _DRAFT),
    "reformer": "hashes its queries, which are its keys, so they can't be scaled by themselves; its layers are reversible",
    "blt": "reads bytes in patches of its own choice; its heads stand in three stacks of several widths, some of them over patches",
    "deepseek_v4": "has heads that share the columns of their output projection in groups (o_a_proj), so that none has its own",
    "jetmoe": "chooses its heads' query and output projections among experts, token by token",
    "xlnet": "predicts in permuted order through two streams, and stores its projections with three axes",
}


def find_architecture(config: Mapping[str, object]) -> Architecture:
    """The row for a configuration.

    Raises:
        ArchitectureError: No row, or a model without attention heads.
    """
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise ArchitectureError("config.json: no model_type, so the family is unknown")
    if model_type in _REFUSED:
        raise ArchitectureError(f"model_type {model_type!r} {_REFUSED[model_type]}")
    if model_type not in TABLE:
        raise ArchitectureError(
            f"model_type {model_type!r} is not in the architecture table, which holds {', '.join(sorted(TABLE))}",
            hint="add a row to headsurgery/families.py: names of the layer list, o_proj and q_proj, query layout, orientation",
        )
    return TABLE[model_type]
