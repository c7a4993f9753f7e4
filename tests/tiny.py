"""Real models of every family in the architecture table, tiny, built from their own configuration classes, with random weights.

Sizes are odd on purpose: more heads than key/value heads, a head_dim that is not hidden_size / num_heads where the family allows
it, and biases where it has them, so that a wrong stride can't go unnoticed.
"""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Concatenate, ParamSpec

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.model.loading import LoadedModel
from tests.exhaustive import all_but

VOCABULARY = 97
_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_GROUPED = {**_COMMON, "num_key_value_heads": 2}
_OWN_WIDTH = {**_GROUPED, "head_dim": 12}
_SLIDING = {**_OWN_WIDTH, "num_key_value_heads": 3, "sliding_window": 4, "query_pre_attn_scalar": 12}

CONFIGS: dict[str, Callable[[], Any]] = {
    "llama": lambda: transformers.LlamaConfig(**_GROUPED),
    "mistral": lambda: transformers.MistralConfig(**_OWN_WIDTH, sliding_window=4),
    "qwen2": lambda: transformers.Qwen2Config(**_GROUPED),
    "qwen3": lambda: transformers.Qwen3Config(**_OWN_WIDTH),
    "gemma2": lambda: transformers.Gemma2Config(**_SLIDING),
    "gemma3_text": lambda: transformers.Gemma3TextConfig(**_SLIDING),
    "gemma3": lambda: transformers.Gemma3Config(
        text_config=_SLIDING,
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 8,
            "patch_size": 4,
        },
        mm_tokens_per_image=4,
        image_token_index=VOCABULARY - 1,
    ),
    "olmo2": lambda: transformers.Olmo2Config(**_GROUPED),
    "phi3": lambda: transformers.Phi3Config(**_GROUPED),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**_COMMON),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=48, n_layer=3, n_head=6, n_positions=64, bos_token_id=1, eos_token_id=2
    ),
}
FAMILIES = tuple(CONFIGS)
EACH_FAMILY = all_but(("llama", "gemma3", "gpt2"), FAMILIES)
"""As parameters; those that differ most are of every run, and `test_families.py` has more of them."""

Q_NORM_FAMILIES = ("qwen3", "gemma3_text", "gemma3", "olmo2")


def build_model(family: str, *, seed: int = 0, dtype: torch.dtype = torch.float32, **overrides: Any) -> PreTrainedModel:
    """A random model of a family. Biases and norms are random, too, where transformers would start them at 0 or 1."""
    config = CONFIGS[family]()
    for key, value in overrides.items():
        setattr(config, key, value)
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05 if parameter.dim() == 1 else 0.15)
    return model.to(dtype)


def engine_of(model: nn.Module, **choices: Any) -> LocalEngine:
    """The engine on a model without a tokenizer."""
    return LocalEngine(LoadedModel(model=model, tokenizer=None), **choices)


def sweeper_of(model: nn.Module, **choices: Any) -> Sweeper:
    """A sweeper on it."""
    return Sweeper(engine=engine_of(model, **choices))


Arguments = ParamSpec("Arguments")


def copied(save: Callable[Concatenate[str, Path, Arguments], Path]) -> Callable[Concatenate[str, Path, Arguments], Path]:
    """Let a function save what it saves of a family once in a run of the tests; from then on it is copied."""
    kept: dict[str, Path] = {}

    @wraps(save)
    def saved(family: str, path: Path, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Path:
        called = repr((family, args, sorted(kwargs.items())))
        if called not in kept:
            kept[called] = save(family, _kept_folder() / f"{save.__name__}{len(kept)}", *args, **kwargs)
        return Path(shutil.copytree(kept[called], path, dirs_exist_ok=True))

    return saved


@lru_cache
def _kept_folder() -> Path:
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@copied
def save_model(family: str, path: Path, *, max_shard_size: str = "5GB", **kwargs: Any) -> Path:
    """Save a random model with its tokenizer, as `save_pretrained` does; a small shard size gives a sharded checkpoint."""
    build_model(family, **kwargs).save_pretrained(path, max_shard_size=max_shard_size)
    build_tokenizer().save_pretrained(path)
    return path


def build_tokenizer(*, chat: bool = False, bos: bool = False) -> PreTrainedTokenizerFast:
    """A word-level tokenizer over `w3` ... `w96`; what it does not know becomes one of them by its length."""
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2} | {f"w{number}": number for number in range(3, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w3"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    if bos:
        from tokenizers.processors import TemplateProcessing

        fast._tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    if chat:
        fast.chat_template = (
            "{% for message in messages %}<s> w4 {{ message['content'] }} {% endfor %}{% if add_generation_prompt %}w5{% endif %}"
        )
    return fast


def tokens(*, queries: int = 2, length: int = 7, seed: int = 0) -> torch.Tensor:
    """Random token ids [queries, length]."""
    return torch.randint(3, VOCABULARY - 1, (queries, length), generator=torch.Generator().manual_seed(seed))
