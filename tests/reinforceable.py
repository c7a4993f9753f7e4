"""A tiny model that refuses a little, through one known head, made by hand.

Head `PLANTED` attends uniformly, reads the word `forbidden` and writes the direction of one token, whose text is a refusal. So a
harmful question is refused if `forbidden` takes enough of what the model reads: long attacks dilute it, a larger factor brings it
back. All other heads and the MLPs are random and weak. A second head, `ANTI`, reads the same and writes against that direction.
"""

from __future__ import annotations

import random

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel
from tests.tiny import VOCABULARY, build_model

PLANTED, ANTI = HeadRef(0, 1), HeadRef(0, 2)
REFUSAL, _FORBIDDEN, _FIRST_WORD = 3, 4, 5
_WORDS = ["<pad>", "<s>", "</s>", "\nI'm sorry, but I can't help with that.\n", "forbidden"]
_HEAD_DIM, _HEADS_PER_GROUP = 8, 3


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word; a word that it doesn't know is `w5`."""
    words = [*_WORDS, *(f"w{number}" for number in range(_FIRST_WORD, VOCABULARY))]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="w5"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def build_reinforceable(*, strength: float = 1.0, against: float = 0.6, seed: int = 0) -> PreTrainedModel:
    """The model.

    Args:
        strength: Of the planted head.
        against: Of the anti-refusal head.
        seed: Of the weights.
    """
    model = build_model("llama", seed=seed, max_position_embeddings=256)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight *= 0.1
            layer.mlp.down_proj.weight *= 0.1
        refusal = torch.nn.functional.normalize(model.lm_head.weight[REFUSAL], dim=0)
        forbidden = torch.nn.functional.normalize(model.model.embed_tokens.weight[_FORBIDDEN], dim=0)
        _plant(model, PLANTED, reads=forbidden, writes=refusal * strength)
        _plant(model, ANTI, reads=forbidden, writes=-refusal * against)
    return model


def _plant(model: PreTrainedModel, head: HeadRef, *, reads: torch.Tensor, writes: torch.Tensor) -> None:
    """The head's first channel reads one direction of what it sees, on average over all positions, and writes another."""
    attention = model.model.layers[head.layer].self_attn
    rows = slice(head.head * _HEAD_DIM, (head.head + 1) * _HEAD_DIM)
    first = head.head // _HEADS_PER_GROUP * _HEAD_DIM
    attention.q_proj.weight[rows] = 0
    attention.v_proj.weight[first] = reads
    attention.o_proj.weight[:, rows] = 0
    attention.o_proj.weight[:, rows.start] = writes


def load_reinforceable(*, strength: float = 1.0, against: float = 0.6) -> LoadedModel:
    """The model with its tokenizer."""
    return LoadedModel(model=build_reinforceable(strength=strength, against=against), tokenizer=build_tokenizer())


def questions(count: int, *, harmful: bool, seed: int = 0) -> list[str]:
    """Nonsense questions; a harmful one holds `forbidden` one to three times."""
    chance = random.Random(f"{seed} {harmful}")
    found = []
    for number in range(count):
        words = [f"w{chance.randrange(_FIRST_WORD, VOCABULARY)}" for _ in range(chance.randint(2, 5))]
        found.append(" ".join([*words, *(["forbidden"] * (number % 3 + 1) if harmful else [])]))
    return found
