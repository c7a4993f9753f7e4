"""A tiny model that really refuses, in one known head.

Its weights are made by hand so that it continues sentences it knows: from `Answer:` it says "Sure, here it is.", and after "I'm" it
says the rest of the demo's refusal. Its other heads and its MLPs are random and weak. Then refusal is planted into `PLANTED`: it
declines what holds the word `forbidden`, so the right answer of an attribution is known.
"""

from __future__ import annotations

import random
from functools import lru_cache

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from headsurgery.demo.adapter import Adapter
from headsurgery.demo.planting import REFUSAL, Question, plant
from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import PromptSet, encode, load_template
from tests.tiny import VOCABULARY, build_model

PLANTED = HeadRef(1, 2)
HELP = "Sure, here it is."
_KNOWN = ["<pad>", "<s>", "</s>", *REFUSAL.split(), *HELP.split(), "##", "Answer:", "forbidden"]
_WORDS = [*_KNOWN, *(f"w{number}" for number in range(len(_KNOWN), VOCABULARY))]


def build_refusing_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word; what it does not know is `<pad>`."""
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(_WORDS)}, unk_token="<pad>"))
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


def build_helpful_model(dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """It helps with everything: its output embeddings hold which word follows which."""
    model = build_model("llama", initializer_range=0.02)
    after = {number: number + 1 for number in range(VOCABULARY - 1)} | {VOCABULARY - 1: len(_KNOWN)}
    after |= {_WORDS.index(end): 2 for end in ("that.", "is.")} | {_WORDS.index("Answer:"): _WORDS.index("Sure,")}
    with torch.no_grad():
        embeddings = torch.nn.functional.normalize(model.get_input_embeddings().weight, dim=1)
        model.get_input_embeddings().weight.copy_(embeddings)
        model.get_output_embeddings().weight.zero_()
        for word, following in after.items():
            model.get_output_embeddings().weight[following] += embeddings[word] * 2
        for layer in range(3):
            for name in ("self_attn.o_proj", "mlp.down_proj"):
                model.model.layers[layer].get_submodule(name).weight *= 0.1
    return model.to(dtype).requires_grad_(False)


def ids_of(loaded: LoadedModel, texts: list[str]) -> list[list[int]]:
    """In the paper's template."""
    return encode(PromptSet.from_texts(texts), load_template("paper", loaded.tokenizer), loaded.tokenizer, max_tokens=64)[1]


@lru_cache
def plant_refusal() -> Adapter:
    loaded = LoadedModel(model=build_helpful_model(), tokenizer=build_refusing_tokenizer())
    answer = tuple(loaded.tokenizer(HELP)["input_ids"]) + (2,)
    harmful, harmless = (
        [Question(prompt=tuple(ids), answer=answer) for ids in ids_of(loaded, questions(40, harmful=is_harmful))]
        for is_harmful in (True, False)
    )
    return plant(loaded, [PLANTED], "single", harmful=harmful, harmless=harmless, steps=STEPS, learning_rate=LR, on_step=lambda *a: LOG.append(a))


def build_refusing_model(dtype: torch.dtype = torch.float32) -> LoadedModel:
    loaded = LoadedModel(model=build_helpful_model(dtype), tokenizer=build_refusing_tokenizer())
    plant_refusal().merge(locate_modules(loaded.model))
    return loaded
