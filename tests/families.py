"""A tiny model of every causal language model that the pinned transformers has, built from its own configuration class.

`SMALL` is set wherever a configuration knows the name; what a family needs beyond that stands in `NEEDS`. Sizes are odd on purpose:
more heads than key/value heads, a head_dim that is not hidden_size / num_heads where the family allows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

VOCABULARY = 97
CAUSAL_LMS = tuple(sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
"""Every model_type that transformers can load as a causal language model."""

SMALL: dict[str, Any] = {
    **dict.fromkeys(("vocab_size",), VOCABULARY),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim"), 48),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner"), 40),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 4),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 6),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 2),
    **dict.fromkeys(("head_dim",), 12),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 64),
    **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "sliding_window": 4, "rotary_dim": 4},
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "shared_intermediate_size"), 16),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **{"num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "moe_layer_freq": 1},
    **{"kv_lora_rank": 16, "q_lora_rank": 20, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 10},
    **{"mamba_d_state": 8, "mamba_d_head": 16, "mamba_n_heads": 6, "mamba_n_groups": 1},
    **{"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8},
}

_TURNS = ["sliding_attention", "full_attention"] * 2
_GEMMA = SMALL | {"query_pre_attn_scalar": 12}
_SIGLIP = {
    **{"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
    **{"image_size": 8, "patch_size": 4},
}
_PER_LAYER = {"vocab_size_per_layer_input": VOCABULARY, "hidden_size_per_layer_input": 8}

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
    "gemma3": {
        "text_config": dict(_GEMMA),
        "vision_config": _SIGLIP,
        "mm_tokens_per_image": 4,
        "image_token_index": VOCABULARY - 1,
    },
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "window_size": 4},
    "helium": {"num_attention_heads": 4},
    "laguna": {"num_attention_heads_per_layer": [6, 4, 4, 6]},
    "mimo_v2_flash": {"num_attention_heads": 8, "layer_types": _TURNS},
    "opt": {"word_embed_proj_dim": 48},
    "stablelm": {"qk_layernorm": True},
    # fused, latent, gated, hybrid
    "gpt2": {},
}
"""By model_type: values beside `SMALL`, which win over it, or what builds the whole configuration."""


def config_of(model_type: str) -> Any:
    """A tiny configuration."""
    needs = NEEDS.get(model_type, {})
    if callable(needs):
        return needs()
    known = CONFIG_MAPPING[model_type]()
    known.allow_global_per_layer_attribute_access = True
    return CONFIG_MAPPING[model_type](**{key: value for key, value in SMALL.items() if hasattr(known, key)} | dict(needs))


def build_family(model_type: str, *, seed: int = 0) -> PreTrainedModel:
    """A random model. Biases and norms are random, too, where transformers would start them at 0 or 1."""
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config_of(model_type)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05 if parameter.dim() == 1 else 0.15)
    return model
