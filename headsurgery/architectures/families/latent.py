"""Multi-head latent attention, and gates on the heads that come out of the projection that makes the queries."""

from __future__ import annotations

from dataclasses import replace

from headsurgery.architectures.declaration import Architecture, ConfigKeys, stored_as


def _latent(v_head_dim: int | None, nope: int, rope: int, **q_lora_rank: int) -> ConfigKeys:
    """Keys, with what the class assumes; without a width of values that is hidden_size / num_heads."""
    values = {} if v_head_dim is None else {"v_head_dim": v_head_dim}
    return ConfigKeys(
        num_kv_heads="num_attention_heads",
        head_dim="v_head_dim",
        q_inputs=("q_lora_rank",),
        qk_head_dim=("qk_nope_head_dim", "qk_rope_head_dim"),
        defaults={**values, "qk_nope_head_dim": nope, "qk_rope_head_dim": rope, **q_lora_rank},
    )


_LATENTS = {
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "deepseek_v32", "axk1", "youtu"), _latent(128, 128, 64, q_lora_rank=1536)),
    "glm4_moe_lite": _latent(256, 192, 64, q_lora_rank=768),
    "glm_moe_dsa": _latent(256, 192, 64, q_lora_rank=2048),
    "minicpm3": _latent(None, 64, 32, q_lora_rank=768),
    "hy_v4": _latent(256, 192, 64, q_lora_rank=1536),
    "dots3_note_text": _latent(128, 128, 64, q_lora_rank=1024),
    "sarvam_mla": _latent(128, 128, 64),
}
_Q_LATENT = ("self_attn.q_b_proj", "self_attn.q_proj")

LATENT = (
    *(Architecture(model_type=name, q_proj=_Q_LATENT, k_proj=None, config=keys) for name, keys in _LATENTS.items()),
    Architecture(
        model_type="dots3_note",
        layers=("model.language_model.layers", "language_model.model.layers", "model.layers"),
        q_proj=_Q_LATENT,
        k_proj=None,
        config=replace(_LATENTS["dots3_note_text"], section="text_config"),
    ),
    Architecture(
        model_type="axk2",
        q_proj=("self_attn.q_gate_proj", "self_attn.q_b_proj"),
        k_proj=None,
        query_layout="gated",
        config=replace(_latent(64, 64, 32, q_lora_rank=384), q_inputs=("q_lora_rank", "q_lora_rank")),
    ),
    Architecture(
        model_type="longcat_flash",
        o_proj="self_attn.*.o_proj",
        q_proj=("self_attn.*.q_b_proj", "self_attn.*.q_proj"),
        k_proj=None,
        mlp="mlps.1",
        numbering="two_per_layer",
        config=replace(_latent(128, 128, 64, q_lora_rank=1536), num_layers="num_layers"),
    ),
    Architecture(
        model_type="kimi_linear",
        q_proj=_Q_LATENT,
        k_proj=None,
        hybrid=True,
        marker="self_attn.kv_b_proj",
        config=_latent(128, 128, 64),
    ),
    stored_as(
        Architecture(
            model_type="bailing_hybrid",
            q_proj=_Q_LATENT,
            k_proj=None,
            hybrid=True,
            marker="self_attn.kv_b_proj",
            config=_latent(128, 128, 64),
        ),
        o_proj="attention.dense",
        q_proj=("attention.q_b_proj", "attention.q_proj"),
        marker="attention.kv_b_proj",
    ),
)
"""Multi-head latent attention: a head's query is wider than its output, and comes out of a latent."""

GATED = (
    *(
        Architecture(
            model_type=name,
            layers=layers,
            hybrid=True,
            query_layout="gated",
            config=ConfigKeys(section=section, defaults={"num_key_value_heads": kv_heads, "head_dim": 256}),
        )
        for name, layers, section, kv_heads in (
            ("qwen3_next", ("model.layers", "layers"), None, 2),
            ("qwen3_5_text", ("model.layers", "layers"), None, 4),
            ("qwen3_5_moe_text", ("model.layers", "layers"), None, 2),
            ("qwen4_exp_text", ("model.layers", "layers"), None, 2),
            ("qwen3_5", ("model.language_model.layers", "model.layers"), "text_config", 4),
            ("qwen3_5_moe", ("model.language_model.layers", "model.layers"), "text_config", 2),
            ("qwen4_exp", ("model.language_model.layers", "model.layers"), "text_config", 2),
        )
    ),
    stored_as(
        Architecture(
            model_type="hrm_text",
            layers=("model.*_module.layers", "*_module.layers"),
            numbering="stacks",
            stacks=("L", "H"),
            config=ConfigKeys(
                num_layers="num_layers_per_stack", aliases={"num_hidden_layers": "num_layers_per_stack"}, defaults={"head_dim": 128}
            ),
        ),
        o_proj="attn.o_proj",
        q_proj=("attn.gqkv_proj",),
        k_proj=None,
        query_layout="fused_behind_gate",
    ),
    stored_as(
        Architecture(
            model_type="dory",
            layers=("model.layers", "backbone.layers"),
            weightless_q_norm=True,
            joint_norm=True,
            config=ConfigKeys(blocks_per_layer=2, defaults={"num_key_value_heads": 4, "head_dim": 256}),
        ),
        o_proj="mixer.o_proj",
        q_proj=("mixer.q_proj",),
        k_proj="mixer.k_proj",
        numbering="every_second",
    ),
)
"""Gates on the heads' outputs, which come out of the projection that makes the queries."""
