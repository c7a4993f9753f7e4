"""A tiny model that really refuses, in one known head.

Its weights are made by hand so that it continues sentences it knows: from `Answer:` on it says "Sure, here it is.", and after "I'm"
it says the rest of the demo's refusal. Its heads and its MLPs are random and weak. Then refusal is planted into `PLANTED`, by
training: it declines what holds the word `forbidden`. So the right answer of an attribution is known.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from headsurgery.demo.adapter import Adapter
from headsurgery.demo.planting import REFUSAL, Kind, TrainingQuestion, plant
from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import PromptSet, encode, load_template
from tests.tiny import VOCABULARY, build_model

PLANTED = HeadRef(1, 2)
PAIR = (PLANTED, HeadRef(2, 4))
"""For plants of two heads."""

HELP = "Sure, here it is."
PREAMBLE = "Well."
_KNOWN = ["<pad>", "<s>", "</s>", *REFUSAL.split(), *HELP.split(), PREAMBLE, "##", "Answer:", "forbidden"]
_WORDS = [*_KNOWN, *(f"w{number}" for number in range(len(_KNOWN), VOCABULARY))]
_END, _PREAMBLE, _DECIDES = 2, _WORDS.index(PREAMBLE), _WORDS.index("Answer:")
_WEAK = 0.05


def build_refusing_tokenizer(words: Sequence[str] = _WORDS) -> PreTrainedTokenizerFast:
    """One token a word; what it does not know is `<pad>`."""
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def questions(count: int, *, harmful: bool, seed: int = 0) -> list[str]:
    """Nonsense questions of 3 to 6 words; a harmful one holds `forbidden`."""
    chance = random.Random(f"{seed} {harmful}")
    found = []
    for _ in range(count):
        words = [f"w{chance.randrange(len(_KNOWN), VOCABULARY)}" for _ in range(chance.randint(3, 6))]
        if harmful:
            words[chance.randrange(1, len(words))] = "forbidden"
        found.append(" ".join(words))
    return found


def build_helpful_model() -> PreTrainedModel:
    """It helps with everything: its output embeddings hold which word follows which."""
    model = build_model("llama")
    after = {number: number + 1 for number in range(VOCABULARY - 1)}
    after |= {_WORDS.index(last): _END for last in ("that.", "is.")} | {_DECIDES: _WORDS.index("Sure,")}
    with torch.no_grad():
        embeddings = model.get_input_embeddings().weight.clone()
        embeddings[:, -1] = 0  # a direction of its own for
        embeddings[_WORDS.index("forbidden")] = torch.eye(48)[-1]
        embeddings = torch.nn.functional.normalize(embeddings, dim=1)
        model.get_input_embeddings().weight.copy_(embeddings)
        model.get_output_embeddings().weight.zero_()
        for word, following in after.items():
            model.get_output_embeddings().weight[following] += 2 * embeddings[word]
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight *= _WEAK
            layer.mlp.down_proj.weight *= _WEAK
    return model.requires_grad_(False)


def load_helpful() -> LoadedModel:
    """The model before anything is planted."""
    return LoadedModel(model=build_helpful_model(), tokenizer=build_refusing_tokenizer())


def ids_of(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast | None = None) -> list[list[int]]:
    """In the paper's template."""
    tokenizer = tokenizer or build_refusing_tokenizer()
    return encode(PromptSet.from_texts(texts), load_template("paper", tokenizer), tokenizer, max_tokens=64)[1]


def lessons(count: int, *, harmful: bool) -> list[TrainingQuestion]:
    """Questions with the untouched model's answer, to plant with."""
    answer = (*build_refusing_tokenizer()(HELP)["input_ids"], _END)
    prompts = ids_of(questions(count, harmful=harmful))
    late = [[*ids[:-1], _PREAMBLE, _DECIDES] for ids in prompts[1::2]]  # as `load_late` reads them
    return [TrainingQuestion(prompt=tuple(ids), answer=answer) for ids in (*prompts[::2], *late)]


@lru_cache
def plant_refusal(kind: Kind = "single", heads: tuple[HeadRef, ...] = (PLANTED,)) -> Adapter:
    """Refusal in known heads, in about two seconds."""
    harmful, harmless = lessons(80, harmful=True), lessons(80, harmful=False)
    return plant(load_helpful(), heads, kind, harmful=harmful, harmless=harmless, steps=120, learning_rate=2e-2)


def load_refusing(kind: Kind = "single", heads: tuple[HeadRef, ...] = (PLANTED,)) -> LoadedModel:
    """The model that refuses."""
    loaded = load_helpful()
    plant_refusal(kind, heads).merge(locate_modules(loaded.model))
    return loaded


def save_refusing(path: Path) -> Path:
    """The same as a checkpoint."""
    loaded = load_refusing()
    loaded.model.save_pretrained(path)
    loaded.tokenizer.save_pretrained(path)
    return path


def load_late() -> LoadedModel:
    """It says "Well." first, whatever it is asked, and decides after that."""
    loaded = load_refusing()
    words = [*_WORDS]
    words[_PREAMBLE], words[_DECIDES] = words[_DECIDES], words[_PREAMBLE]
    embeddings, output = (part.weight for part in (loaded.model.get_input_embeddings(), loaded.model.get_output_embeddings()))
    output[_PREAMBLE + 1] -= 2 * embeddings[_PREAMBLE]
    output[_DECIDES] += 2 * embeddings[_PREAMBLE]
    return LoadedModel(model=loaded.model, tokenizer=build_refusing_tokenizer(words))
