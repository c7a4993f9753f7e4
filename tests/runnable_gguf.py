"""A tiny GGUF model that transformers can run, with its tokenizer, written by the `gguf` package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType

from tests.gguf_files import store

LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD_DIM, INNER = 2, 256, 4, 2, 64, 64
_WORDS = 200


def save_runnable(path: Path, *, architecture: str = "llama", dtype: str = "Q8_0", seed: int = 0) -> Path:
    """Write one file.

    Args:
        path: Where.
        architecture: llama or qwen2, as llama.cpp calls it.
        dtype: Type of q_proj and o_proj.
        seed: Of the values.
    """
    rng = np.random.default_rng(seed)
    writer = GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_block_count(LAYERS)
    writer.add_context_length(2048)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(10000.0)
    letters = [chr(code) for code in range(33, 127)] + ["\u0120"]
    tokens = [*letters, *(f"w{number}" for number in range(_WORDS)), "<end>"]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([TokenType.NORMAL] * (len(tokens) - 1) + [TokenType.CONTROL])
    writer.add_token_merges([])
    writer.add_bos_token_id(len(tokens) - 1)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}<end>")
    width, kv_width = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
    shapes = {"token_embd": (len(tokens), HIDDEN)}
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.attn_q": (width, HIDDEN),
            f"blk.{layer}.attn_k": (kv_width, HIDDEN),
            f"blk.{layer}.attn_v": (kv_width, HIDDEN),
            f"blk.{layer}.attn_output": (HIDDEN, width),
            f"blk.{layer}.ffn_gate": (INNER, HIDDEN),
            f"blk.{layer}.ffn_up": (INNER, HIDDEN),
            f"blk.{layer}.ffn_down": (HIDDEN, INNER),
        }
    for name, shape in shapes.items():
        kind = GGMLQuantizationType[dtype if name.endswith(("attn_q", "attn_output")) else "F32"]
        writer.add_tensor(f"{name}.weight", store(rng, shape, kind.name), raw_dtype=kind)
    for name in ["output_norm", *(f"blk.{layer}.{part}_norm" for layer in range(LAYERS) for part in ("attn", "ffn"))]:
        writer.add_tensor(f"{name}.weight", np.ones(HIDDEN, dtype=np.float32))
    if architecture == "qwen2":
        for layer in range(LAYERS):
            for name, size in (("q", width), ("k", kv_width), ("v", kv_width)):
                writer.add_tensor(f"blk.{layer}.attn_{name}.bias", rng.normal(size=size).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
