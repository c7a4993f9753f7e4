"""A tiny model that says what it is told to, whatever it is asked: a llama whose output embeddings hold which piece follows which.

A piece is one token, however long its text; pieces differ. Some may be special tokens, which decoding usually leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from headsurgery.model.loading import LoadedModel

_WORDS = ("<pad>", "<s>", "</s>", "user", "assistant")


def load_saying(pieces: Sequence[str], *, special: Sequence[str] = (), opening: str = "") -> LoadedModel:
    """Make it.

    Args:
        pieces: What it says, then it ends.
        special: Those of the pieces that are special tokens.
        opening: What its template writes behind `assistant`, a token of its own.
    """
    words = [*_WORDS, *([opening] if opening else []), *pieces]
    assert len(set(words)) == len(words), "each piece once"
    raw = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    if special:
        tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} {% endfor %}"
        "{% if add_generation_prompt %}assistant" + (f" {opening}" if opening else "") + "{% endif %}"
    )
    size = -len(words) % 16 + len(words)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=size,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=size // 4,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval().requires_grad_(False)
    eye = torch.eye(len(words), size)
    model.model.embed_tokens.weight.copy_(eye)
    model.lm_head.weight.zero_()
    said = [words.index(piece) for piece in ([opening] if opening else ["assistant"]) + list(pieces)]
    for before, after in zip(said, [*said[1:], 2], strict=True):
        model.lm_head.weight[after] += 5 * eye[before]
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight *= 0.05
        layer.mlp.down_proj.weight *= 0.01
    return LoadedModel(model=model, tokenizer=tokenizer)


def save_saying(path: Path, pieces: Sequence[str], *, special: Sequence[str] = (), opening: str = "") -> Path:
    """The same as a checkpoint."""
    loaded = load_saying(pieces, special=special, opening=opening)
    loaded.model.save_pretrained(path)
    loaded.tokenizer.save_pretrained(path)
    return path
