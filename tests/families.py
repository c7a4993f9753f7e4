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

NEEDS: Mapping[str, Callable[[], Any] | Mapping[str, Any]] = {
    # separate projections of the usual names
    "llama": {},
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
    return CONFIG_MAPPING[model_type](**{key: value for key, value in SMALL.items() if hasattr(known, key)} | dict(needs))


def build_family(model_type: str, *, seed: int = 0) -> PreTrainedModel:
    """A random model. Biases and norms are random, too, where transformers would start them at 0 or 1."""
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config_of(model_type)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05 if parameter.dim() == 1 else 0.15)
    return model
