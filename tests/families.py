"""A tiny model of every causal language model that the pinned transformers has, built from its own configuration class.

`SMALL` is set wherever a configuration knows the name; what a family needs beyond that stands in `NEEDS`. Sizes are odd on purpose:
more heads than key/value heads, a head_dim that is not hidden_size / num_heads where the family allows it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
import transformers
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from headsurgery.architectures.families.towers import TOWERS as SEEING

VOCABULARY = 97
CAUSAL_LMS = tuple(sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
"""Every model_type that transformers can load as a causal language model."""

TOWERS = tuple(sorted({*SEEING} - {*CAUSAL_LMS, "apertus1p5", "fast_vlm", "perception_lm", "vibevoice_asr", "janus"}))
"""Models that also see or hear and can't be loaded as one; without those that need another library, or are never small."""

USUAL_FAMILIES = (
    "llama",
    "qwen2",
    "qwen3",
    "gemma3n_text",
    "olmo2",
    "mistral",
    "llama4_text",
    "bitnet",
    "gemma3",  # names of Llama
    "gpt2",
    "gpt_neox",
    "phi3",
    "falcon/new",
    "codegen",
    "hrm_text",
    "qwen3_next",  # queries fused with keys, values or gates
    "deepseek_v3",
    "longcat_flash",
    "kimi_linear",  # latent attention; two attentions in a layer; among other layers
    "bloom",
    "cpmant",
    "diffllama",
    "zamba2",
    "dory",
    "nemotron_h",  # uneven; pairs of queries; shared, run again, counted otherwise
)
"""Families that differ in kind: those that tests run through every time. The others differ from one of them in names and sizes."""

SMALL: dict[str, Any] = {
    **dict.fromkeys(("vocab_size",), VOCABULARY),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim"), 48),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner"), 40),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 4),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 6),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 2),
    **dict.fromkeys(("head_dim",), 12),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 64),
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "sliding_window": 4,
    "rotary_dim": 4,
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "shared_intermediate_size"), 16),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "kv_lora_rank": 16,
    "q_lora_rank": 20,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 10,
    "mamba_d_state": 8,
    "mamba_d_head": 16,
    "mamba_n_heads": 6,
    "mamba_n_groups": 1,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}

SENSE: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "embed_dim", "intermediate_size", "mlp_dim", "d_model"), 16),
    **dict.fromkeys(("num_hidden_layers", "depth"), 1),
    **dict.fromkeys(("num_attention_heads", "num_heads", "attention_heads"), 2),
    "image_size": 8,
    "patch_size": 4,
    "out_hidden_size": 48,
    "head_dim": 8,
}
"""The same for what sees or hears."""

_MROPE = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}
_SIGLIP = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
}
_TURNS = ["sliding_attention", "full_attention"] * 2
_PER_LAYER = {"vocab_size_per_layer_input": VOCABULARY, "hidden_size_per_layer_input": 8}

_MHA = {"num_key_value_heads": 6}
_MLA = {"num_key_value_heads": 6, "head_dim": 4}
_INDEXER = {"index_topk": 4, "index_head_dim": 8, "index_n_heads": 2}
_KDA = {"layer_types": ["linear_attention", "full_attention"] * 2, "linear_head_dim": 8, "linear_num_heads": 2}
_LINEAR_TURNS = ["linear_attention", "full_attention"] * 2
_QWEN4 = {
    "layer_types": ["linear_attention", "indexed_attention"] * 2,
    "hc_lowrank": 4,
    "ple_embed_dim": 8,
    "heads_per_ngram": 2,
    "ngram_vocab_size_base": 50,
    "make_ngram_vocab_size_divisible_by": 8,
    "split_ngram_parts": 2,
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 12,
    "indexer_budget": 4,
    "indexer_compress_ratio": 2,
}
_DOTS = {key: value for key, value in SMALL.items() if key in CONFIG_MAPPING["dots3_note_text"]().to_dict()} | {
    "layer_types": ["indexed_attention", "sliding_attention"] * 2,
    **_MLA,
    **_INDEXER,
    "n_shared_experts": 1,
    "shared_experts_intermediate_size": 16,
    "mlp_layer_types": ["dense", *["sparse"] * 3],
    "per_layer_config": {
        layer: {"num_attention_heads": 4, "num_key_value_heads": 4, "qk_nope_head_dim": 6, "head_dim": 10} for layer in (1, 3)
    },
}
_QWEN_VISION = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 48, "patch_size": 4}
_DOTS_TOWERS = {
    "vision_config": _SIGLIP | {"mlp_layer_types": ["dense"], "adapter_in_dim": 16, "adapter_out_dim": 48},
    "audio_config": _SIGLIP | {"adapter_input_size": 16, "adapter_out_dim": 48, "downsample_hidden_size": 8},
}
_INKLING = {
    "layer_types": ["hybrid_sliding", "hybrid"] * 2,
    "sliding_window_size": 4,
    "d_rel": 4,
    "rel_extent": 8,
    "swa_num_attention_heads": 4,
    "swa_num_key_value_heads": 2,
    "swa_head_dim": 8,
    "n_layers_per_attn_res_block": 2,
    "unpadded_vocab_size": VOCABULARY,
}

NEEDS: Mapping[str, Callable[[], Any] | Mapping[str, Any]] = {
    # separate projections of the usual names
    "aria_text": {"moe_num_experts": 4, "moe_topk": 2, "moe_num_shared_experts": 1},
    "cohere": {"use_qk_norm": True},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    "cpmant": {"dim_head": 12, "dim_ff": 40, "prompt_types": 4, "prompt_length": 4, "position_bias_max_distance": 64},
    "ctrl": {"dff": 40},
    "diffllama": {"num_attention_heads": 8, "num_key_value_heads": 4},
    "dots1": {"n_shared_experts": 1},
    "gemma3n_text": {"layer_types": _TURNS, "num_kv_shared_layers": 2, **_PER_LAYER, "laurel_rank": 4, "altup_num_inputs": 2},
    "gemma4_text": {"layer_types": _TURNS, "num_kv_shared_layers": 2, **_PER_LAYER, "global_head_dim": 16},
    "gemma4_unified_text": {"layer_types": _TURNS, "global_head_dim": 16},
    "gemma3": {"mm_tokens_per_image": 4, "image_token_index": VOCABULARY - 1},
    "apertus1p5": {
        "vision_config": {"codebook_size": 10},
        "audio_config": {"codebook_dim": 16, "codebook_size": 10},
        "image_token_offset": 70,
        "audio_token_offset": 80,
    },
    "ovis2": {"vision_config": {"vocab_size": 16}},
    "emu3": {"vocabulary_map": {"<image>": 96}, "vq_config": {"base_channels": 32, "channel_multiplier": [1], "codebook_size": 8}},
    "fun_asr_nano": {"adaptor_config": {"hidden_size": 48, "intermediate_size": 12}},
    "git": {"vision_config": SENSE},
    "qwen2_vl_text": {"rope_parameters": _MROPE},
    "qwen2_5_vl_text": {"rope_parameters": _MROPE},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "window_size": 4},
    "helium": {"num_attention_heads": 4},
    "laguna": {"num_attention_heads_per_layer": [6, 4, 4, 6]},
    "mimo_v2_flash": {"num_attention_heads": 8, "layer_types": _TURNS},
    "opt": {"word_embed_proj_dim": 48},
    "phi/normed": {"qk_layernorm": True},
    "stablelm": {"qk_layernorm": True},
    # fused, latent, gated, hybrid
    "falcon": lambda: small("falcon", without=("head_dim",)),
    "falcon/new": lambda: small("falcon", without=("head_dim",), new_decoder_architecture=True, multi_query=False),
    "falcon/old": lambda: small("falcon", without=("head_dim", "num_kv_heads"), multi_query=False, alibi=True, bias=True),
    "gpt_bigcode/many": {"multi_query": False},
    "codegen": {"n_head": 8, "num_attention_heads": 8},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"hidden_size": 48, "ffn_hidden_size": 16, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "fuyu": lambda: small("fuyu", text_config=small("persimmon"), patch_size=2, image_token_id=VOCABULARY - 1),
    "phi4_multimodal": {
        "vision_config": {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
        | {"image_size": 28, "crop_size": 28},
        "audio_config": {"hidden_size": 16, "intermediate_size": 16, "num_blocks": 1, "num_attention_heads": 2}
        | {"ext_pw_out_channel": 16, "depthwise_separable_out_channel": 16, "nemo_conv_channels": 8, "input_size": 16},
    },
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "axk1", "youtu", "minicpm3", "sarvam_mla"), _MLA),
    "deepseek_v2/plain": _MLA | {"q_lora_rank": None},
    **dict.fromkeys(("deepseek_v32", "axk2"), _MLA | _INDEXER),
    "glm4_moe_lite": _MLA,
    "glm_moe_dsa": _MLA | _INDEXER,
    "hy_v4": _MLA | _INDEXER,
    "dots3_note_text": lambda: CONFIG_MAPPING["dots3_note_text"](**_DOTS),
    "dots3_note": lambda: CONFIG_MAPPING["dots3_note"](text_config=CONFIG_MAPPING["dots3_note_text"](**_DOTS), **_DOTS_TOWERS),
    "longcat_flash": _MHA
    | {"head_dim": 4, "zero_expert_num": 1, "moe_topk": 2, "ffn_hidden_size": 40, "expert_ffn_hidden_size": 16},
    "kimi_linear": _MLA | _KDA,
    "bailing_hybrid": _MLA | _KDA | {"num_nextn_predict_layers": 0},
    "qwen3_next": {"layer_types": _LINEAR_TURNS},
    **{name: {"layer_types": _LINEAR_TURNS} for name in ("qwen3_5_text", "qwen3_5_moe_text", "lara_mini", "olmo_hybrid")},
    "qwen4_exp_text": _QWEN4,
    **{
        name: lambda name=name, more=more: small(
            name, text_config=small(f"{name}_text", **more), vision_config=_QWEN_VISION, image_token_id=90
        )
        for name, more in (
            ("qwen3_5", {"layer_types": _LINEAR_TURNS}),
            ("qwen3_5_moe", {"layer_types": _LINEAR_TURNS}),
            ("qwen4_exp", _QWEN4),
        )
    },
    "dory": {"n_input_layers": 1, "n_recurrent_layers": 2, "n_output_layers": 1, "num_hidden_layers": 4},
    "hrm_text": {"num_hidden_layers": 2, "num_attention_heads": 6},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_dt_rank": 4, "use_mamba_kernels": False},
    "bamba": {"attn_layer_indices": [1, 3]},
    "falcon_h1": {"mamba_d_ssm": 96},
    "granitemoehybrid": {"layer_types": _LINEAR_TURNS},
    "nemotron_h": {"layers_block_type": ["linear_attention", "moe", "full_attention", "mlp", "full_attention"]}
    | {"ssm_state_size": 8, "mamba_num_heads": 6, "mamba_head_dim": 16, "n_groups": 1}
    | {"moe_shared_expert_intermediate_size": 16},
    "zamba": {
        "head_dim": 16,
        "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"],
        "use_mamba_kernels": False,
        "attention_hidden_size": 96,
        "attention_head_dim": 16,
        "mamba_dt_rank": 4,
        **_MHA,
    },
    "zamba2": {
        "head_dim": 16,
        "layers_block_type": ["hybrid", "linear_attention", "hybrid", "hybrid"],
        "use_mamba_kernels": False,
        "num_mem_blocks": 2,
        "use_shared_attention_adapter": True,
        "adapter_rank": 4,
        "n_mamba_heads": 6,
        **_MHA,
    },
    "minimax": {"layer_types": _LINEAR_TURNS},
    **{name: {"layer_types": ["conv", "full_attention"] * 2, "block_multiple_of": 8} for name in ("lfm2", "lfm2_moe", "lfm3")},
    "recurrent_gemma": {"block_types": ["recurrent", "attention"], "lru_width": 48, "attention_window_size": 4},
    "inkling_text": _INKLING,
    "inkling2_text": _INKLING,
    "inkling2_loop_text": _INKLING
    | {
        "loop_layer_index_start": 2,
        "loop_layer_index_end": 4,
        "num_hidden_layers": 6,
        "layer_types": ["hybrid_sliding", "hybrid"] * 3,
        "loop_gate_rank": 4,
    },
    "moshi": {"ffn_dim": 40, "num_key_value_heads": 2},
    "zaya": {"router_hidden_size": 8, "num_experts_per_tok": 1},
}
"""By model_type: values beside `SMALL`, which win over it, or what builds the whole configuration. A slash and what follows
tell further models of a family apart."""


def small(model_type: str, *, without: Collection[str] = (), **more: Any) -> Any:
    """A configuration of `SMALL` values, as far as it knows them, and more."""
    values = _known(SMALL, CONFIG_MAPPING[model_type]())
    return CONFIG_MAPPING[model_type](**{key: value for key, value in values.items() if key not in without} | more)


def small_tower(model_type: str, **more: Any) -> Any:
    """The same for a model that sees or hears: of its text model, and of `SENSE` for the rest."""
    known = CONFIG_MAPPING[model_type]()
    text = known.get_text_config()
    parts = {
        name: _known(SENSE, part) for name, part in vars(known).items() if isinstance(part, PretrainedConfig) and part is not text
    }
    parts["text_config"] = {"model_type": text.model_type, **_known(SMALL, text), **dict(NEEDS.get(text.model_type, {}))}
    merged = {name: {**parts.get(name, {}), **value} if isinstance(value, Mapping) else value for name, value in more.items()}
    return CONFIG_MAPPING[model_type](**parts | merged)


def _known(values: Mapping[str, Any], config: Any) -> dict[str, Any]:
    config.allow_global_per_layer_attribute_access = True
    return {key: value for key, value in values.items() if hasattr(config, key)}


def config_of(family: str) -> Any:
    """A tiny configuration."""
    needs = NEEDS.get(family, {})
    name = family.partition("/")[0]
    return needs() if callable(needs) else small_tower(name, **needs) if name in SEEING else small(name, **needs)


def build_family(family: str, *, seed: int = 0, whole: bool = False) -> PreTrainedModel:
    """A random model. Biases and norms are random, too, where transformers would start them at 0 or 1.

    Args:
        family: Which, a key of `NEEDS` or a model_type.
        seed: Of its weights.
        whole: With all that sees or hears, also where transformers has a class for the text model alone.
    """
    torch.manual_seed(seed)
    config = config_of(family)
    autos = [transformers.AutoModelForCausalLM, transformers.AutoModelForImageTextToText, transformers.AutoModelForMultimodalLM]
    auto = next(auto for auto in (autos[::-1] if whole else autos) if type(config) in auto._model_mapping)
    model = auto.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05 if parameter.dim() == 1 else 0.15)
    return model
