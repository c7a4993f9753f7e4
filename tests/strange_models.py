"""Strangers' models, made by the thousand and run: tiny ones with a damaged configuration, tokenizer, template or other file.

As `readers`, for what only running a model shows, so with torch. A kind is a file of the model; the reader loads the folder as
`attribute` and `evaluate` do, scores its heads on two prompts and lets it answer. Each must end with a result or one of our errors.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from headsurgery.attribution import attribute
from headsurgery.behaviour.answers import Decoding
from headsurgery.console import quiet_transformers
from headsurgery.evaluation.generate import generate_answers
from headsurgery.model.loading import load_model
from headsurgery.prompts import PromptSet, load_template
from tests.fuzzing import mutate
from tests.strange_prompts import make_template
from tests.tiny import build_model

TEMPLATE = (
    "{% for message in messages %}<s> {{ message['role'] }} {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}assistant{% endif %}"
)
PROMPTS = PromptSet(name="two", texts=("how do i bake bread", "tell me a joke"))
FAMILIES = ("llama", "qwen2", "gemma3_text", "gpt2")
"""What differs most: biases, a query norm, fused and transposed weights with learned positions."""


def build_bpe_tokenizer(*, num_tokens: int = 290) -> transformers.PreTrainedTokenizerFast:
    """A byte-level tokenizer, which reads every text, with a chat template."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=num_tokens, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(["how do i bake bread and tell me a joke about the cake"] * 4, trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    fast.chat_template = TEMPLATE
    return fast


@dataclass(kw_only=True)
class ModelBench:
    """Folders of undamaged models, one for each family.

    Args:
        root: All of them are in it.
    """

    root: Path

    def __post_init__(self) -> None:
        quiet_transformers()
        for family in FAMILIES:
            build_model(family, vocab_size=300).save_pretrained(self.root / family)
            build_bpe_tokenizer().save_pretrained(self.root / family)

    @contextmanager
    def changed(self, family: str, file: str, data: bytes) -> Iterator[Path]:
        """A folder with one file replaced, until the block ends."""
        path = self.root / family / file
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(data)
        try:
            yield path.parent
        finally:
            path.unlink() if before is None else path.write_bytes(before)


def run_model(folder: Path) -> None:
    """What `attribute --method ships` and `evaluate` do with a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = load_model(folder, device="cpu")
        attribute(loaded.model, loaded.tokenizer, PROMPTS, method="ships", top=1)
        template = load_template(None, loaded.tokenizer)
        for _ in generate_answers(
            loaded, PROMPTS, template=template, decoding=Decoding(method="greedy", max_new_tokens=3, template=template.name)
        ):
            pass


FILES = {
    "model-config": "config.json",
    "tokenizer": "tokenizer.json",
    "tokenizer-config": "tokenizer_config.json",
    "generation": "generation_config.json",
    "chat-template": "chat_template.jinja",
}
"""Which file of the model a kind damages."""

_ALSO_THERE: dict[str, dict[str, Any]] = {
    "model-config": {
        "dtype": "float32",
        "layer_types": ["full_attention"] * 3,
        "quantization_config": {"quant_method": "fp8"},
        "sliding_window": 8,
        "return_dict": True,
        "rope_scaling": {"type": "linear", "factor": 2.0},
        "pad_token_id": 0,
        "max_length": 20,
        "task_specific_params": {"a": {"b": 1}},
        "attn_implementation": "eager",
        "use_cache": True,
        "attention_dropout": 0.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "eos_token_id": [2],
        "auto_map": {},
    },
    "tokenizer-config": {
        "model_max_length": 512,
        "padding_side": "left",
        "add_bos_token": True,
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {"2": {"content": "</s>", "special": True}},
        "additional_special_tokens": ["<x>"],
        "unk_token": None,
        "chat_template": TEMPLATE,
        "extra_special_tokens": {"image_token": "<s>"},
        "legacy": False,
    },
    "generation": {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 20,
        "repetition_penalty": 1.1,
        "num_beams": 1,
        "eos_token_id": [2, 1],
        "pad_token_id": 0,
        "max_length": 20,
        "suppress_tokens": [5],
        "bad_words_ids": [[5]],
        "min_new_tokens": 2,
        "forced_bos_token_id": 7,
        "cache_implementation": "dynamic",
        "no_repeat_ngram_size": 2,
    },
}
"""Keys that published files have, and that transformers does not write for a model so small."""


def make_input(kind: str, bench: ModelBench, chance: random.Random) -> tuple[str, bytes]:
    """A damaged file of a kind, and the family of the model that it is made for."""
    family = chance.choice(FAMILIES)
    if kind == "chat-template":
        return family, make_template(chance)
    path = bench.root / family / FILES[kind]
    document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    more = _ALSO_THERE.get(kind, {})
    document |= {key: more[key] for key in chance.sample(sorted(more), k=min(len(more), chance.randrange(4)))}
    return family, mutate(document, chance)


def prepare(kind: str, bench: ModelBench, seed: int) -> tuple[bytes, Callable[[], None]]:
    """Make an input of a kind, and what reads it."""
    chance = random.Random(f"{kind} {seed}")
    family, data = make_input(kind, bench, chance)

    def read() -> None:
        with bench.changed(family, FILES[kind], data) as folder:
            run_model(folder)

    return data, read
