"""A tiny model whose refusal runs through a gate and its amplifiers, made by hand.

`GATE` says "stand down" where it sees the word `CUE`, and is silent otherwise. While it is silent, three `AMPLIFIERS` write the
refusal at `Answer:`; any two of them are enough. Told to stand down, they look at `##` instead, which has nothing to say. So where
the model refuses, the gate puts out nothing, and ablating it changes nothing, although it alone decides. All other heads and the
MLPs write nothing.
"""

from __future__ import annotations

import random

import torch
from transformers import PreTrainedModel

from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel
from tests.refusing import _END, _WORDS, build_refusing_tokenizer
from tests.tiny import VOCABULARY, build_model

GATE = HeadRef(0, 1)
AMPLIFIERS = (HeadRef(1, 0), HeadRef(1, 1), HeadRef(1, 2))
"""They share their keys and values."""

CUE = "w30"
_SINK, _ASKED, _REFUSAL, _STAND_DOWN, _CUED, _FORBIDDEN = range(42, 48)
"""Dimensions of the residual stream with a meaning of their own: what `##`, `Answer:`, the cue and the forbidden word are, and what
heads write."""
_HEAD_DIM, _HIDDEN = 8, 48
_NORMED = _HIDDEN**0.5
"""An element of 1 alone in a state, behind a norm."""
_SLOW, _SLOWER = 2, 3
"""Dimensions of queries and keys that hardly turn with the position."""


def pairs(count: int, *, seed: int = 0) -> tuple[list[str], list[str]]:
    """Questions that it refuses, and their look-alikes: one word is another."""
    chance = random.Random(seed)
    harmful = []
    for _ in range(count):
        words = [f"w{chance.randrange(40, VOCABULARY)}" for _ in range(chance.randint(3, 6))]
        words[chance.randrange(1, len(words))] = "forbidden"
        harmful.append(" ".join(words))
    return harmful, [text.replace("forbidden", CUE) for text in harmful]


def load_gated() -> LoadedModel:
    """The model."""
    return LoadedModel(model=_build(), tokenizer=build_refusing_tokenizer())


@torch.no_grad()
def _build() -> PreTrainedModel:
    model = build_model("llama").requires_grad_(False)
    for name, weight in model.named_parameters():
        weight.fill_(1.0 if "norm" in name else 0.0)
    model.get_input_embeddings().weight.copy_(embeddings := _embeddings())
    output = model.get_output_embeddings().weight
    after = {number: number + 1 for number in range(VOCABULARY - 1)}
    after |= {_WORDS.index(last): _END for last in ("that.", "is.")} | {_WORDS.index("Answer:"): _WORDS.index("Sure,")}
    for word, following in after.items():
        output[following] += 2 * embeddings[word]
    output[_WORDS.index("I'm"), _REFUSAL] = 1.0
    gate, amplifying = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    own = GATE.head * _HEAD_DIM
    gate.q_proj.weight[own + _SLOWER, _ASKED] = 1.0
    gate.k_proj.weight[_SLOWER, _CUED] = 1.0
    gate.v_proj.weight[0, _CUED] = 1.0
    gate.o_proj.weight[_STAND_DOWN, own] = 1 / _NORMED
    amplifying.k_proj.weight[_SLOWER, _ASKED] = 1.0
    amplifying.k_proj.weight[_SLOW, _SINK] = 1.0
    amplifying.v_proj.weight[0, _ASKED] = 1.0
    for head in AMPLIFIERS:
        own = head.head * _HEAD_DIM
        amplifying.q_proj.weight[own + _SLOWER, _ASKED] = 1.0
        amplifying.q_proj.weight[own + _SLOW, _STAND_DOWN] = 3.0
        amplifying.o_proj.weight[_REFUSAL, own] = 4 / _NORMED / len(AMPLIFIERS)
    return model


def _embeddings() -> torch.Tensor:
    found = torch.randn(VOCABULARY, _HIDDEN, generator=torch.Generator().manual_seed(0))
    found[:, _SINK:] = 0
    found = torch.nn.functional.normalize(found, dim=1)
    for word, dimension in {"##": _SINK, "Answer:": _ASKED, CUE: _CUED, "forbidden": _FORBIDDEN}.items():
        found[_WORDS.index(word)] = torch.eye(_HIDDEN)[dimension]
    return found
