"""Models that see or hear, whose text model is one of another row and stands under a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headsurgery.architectures.declaration import Architecture

TOWERS = {
    "deepseek_vl": "llama",
    "deepseek_vl_hybrid": "llama",
    "idefics3": "llama",
    "janus": "llama",
    "llava": "llama",
    "llava_next": "llama",
    "llava_next_video": "llama",
    "omniasr": "llama",
    "perception_lm": "llama",
    "smolvlm": "llama",
    "video_llava": "llama",
    "vipllava": "llama",
    "voxtral": "llama",
    "glmasr": "llama",
    "fast_vlm": "qwen2",
    "got_ocr2": "qwen2",
    "internvl": "qwen2",
    "llava_onevision": "qwen2",
    "ovis2": "qwen2",
    "pp_chart2table": "qwen2",
    "qwen2_audio": "qwen2",
    "vibevoice_asr": "qwen2",
    "video_llama_3": "qwen2",
    "fun_asr_nano": "qwen3",
    "lighton_ocr": "qwen3",
    "moss_transcribe_diarize": "qwen3",
    "qwen3_asr": "qwen3",
    "idefics2": "mistral",
    "mistral3": "mistral",
    "aya_vision": "cohere2",
    "cohere2_vision": "cohere2",
    "granite_speech": "granite",
    "granite_speech_plus": "granite",
    "apertus1p5": "apertus1p5_text",
    "aria": "aria_text",
    "cohere_compass": "cohere_compass_text",
    "exaone4_5": "exaone4",
    "gemma3": "gemma3_text",
    "gemma3n": "gemma3n_text",
    "gemma4": "gemma4_text",
    "gemma4_unified": "gemma4_unified_text",
    "llama4": "llama4_text",
    "hyperclovax_vision_v2": "hyperclovax",
    "minimax_m3_vl": "minimax_m3_vl_text",
    "mllama": "mllama_text_model",
    "emu3": "emu3_text_model",
    "paligemma": "gemma",
    "qwen2_vl": "qwen2_vl_text",
    "qwen2_5_vl": "qwen2_5_vl_text",
    "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text",
}
"""Models that see or hear -> family of their text model, unless `text_config` names another."""

_OWN_DEFAULTS: Mapping[str, Mapping[str, int]] = {
    "voxtral": {"num_hidden_layers": 30, "num_key_value_heads": 8, "head_dim": 128, "hidden_size": 3072},
    "glmasr": {"num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 4, "hidden_size": 2048},
}
"""What such a model assumes for its text model, where that is not what the text model's class does."""


def tower_row(model_type: str, text: Architecture) -> Architecture:
    """A text model's row, where that stands under a prefix: as transformers 5 names it, as it did before, and bare."""
    *whole, bare = text.layers
    prefixed = [f"model.language_model.{bare}", f"language_model.{bare}", f"model.text_model.{bare}"]
    prefixed += [f"{prefix}.{name}" for prefix in ("language_model", "text_model") for name in whole]
    defaults = {**text.config.defaults, **_OWN_DEFAULTS.get(model_type, {})}
    config = replace(text.config, section="text_config", defaults=defaults, may_be_flat=model_type in ("qwen2_vl", "qwen2_5_vl"))
    return replace(text, model_type=model_type, layers=(*prefixed, *whole), config=config)
