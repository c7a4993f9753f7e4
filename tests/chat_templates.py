"""Chat templates as published models have them, short, and a tokenizer that knows every text."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

GENERATION = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" + GENERATION
LLAMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{% set s = messages[0].content | trim %}{% set messages = messages[1:] %}"
    "{% else %}{% set s = 'You are helpful.' %}{% endif %}<|system|>Today: {{ strftime_now('%d %b %Y') }}\n{{ s }}"
    "{% if tools is not none and tools is defined %}tools{% endif %}{% for m in messages %}<|{{ m['role'] }}|>"
    "{{ m['content'] | trim }}<|eot|>{% endfor %}{% if add_generation_prompt %}<|assistant|>\n\n{% endif %}"
)
MISTRAL = (
    "{% if messages[0].role == 'system' %}{% set s = messages[0].content %}{% set rest = messages[1:] %}{% else %}"
    "{% set rest = messages %}{% endif %}{{ bos_token }}{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% if m.role == 'user' %}[INST] {% if s is defined and loop.first %}"
    "{{ s }}\n\n{% endif %}{{ m.content }} [/INST]{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
GEMMA_3 = (
    "{% if messages[0].role == 'system' %}{% if messages[0].content is string %}{% set first = messages[0].content + '\n\n' %}"
    "{% else %}{% set first = messages[0].content[0].text + '\n\n' %}{% endif %}{% set rest = messages[1:] %}{% else %}"
    "{% set first = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}<start_of_turn>{{ m.role }}\n"
    "{{ first if loop.first }}{% if m.content is string %}{{ m.content | trim }}{% else %}{% for p in m.content %}"
    "{% if p.type == 'text' %}{{ p.text | trim }}{% endif %}{% endfor %}{% endif %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
REASONING = (
    "{% for m in messages %}{% if m.role == 'assistant' %}<|a|>{{ m.content.split('</think>')[-1] }}{% else %}<|{{ m.role }}|>"
    "{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|a|><think>\n{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}<|system|>You are a model.{% endif %}{% for m in messages %}<|{{ m.role }}|>"
    "{{ m.content }}{% endfor %}" + GENERATION
)
IN_TEXT = {
    "chatml": CHATML,
    "llama": LLAMA,
    "mistral": MISTRAL,
    "gemma3": GEMMA_3,
    "reasoning": REASONING,
    "default system": DEFAULT_SYSTEM,
}

LLAVA = (
    "{% for m in messages %}{{ m['role'] | upper }}: {% for p in m['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ p['text'] }} {% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
IDEFICS = (
    "<s>{% for m in messages %}{{ m['role'].capitalize() }}{% if m['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}"
    "{% for line in m['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}{% elif line['type'] == 'image' %}<image>"
    "{% endif %}{% endfor %}<end>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
INDEXED = "{% for m in messages %}<|{{ m.role }}|>{{ m.content[0].text + '' }}{% endfor %}" + GENERATION
MIXED = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'user' %}{% for p in m.content %}{{ p.text }}{% endfor %}{% else %}"
    "{{ m.content.strip() }}{% endif %}{% endfor %}" + GENERATION
)
IN_PARTS = {"llava": LLAVA, "idefics": IDEFICS, "indexed": INDEXED, "mixed": MIXED}


def build_bytes(template: Any = None, *, normalizer: Any = None, **special: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer, which knows every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=270, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["hello"], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", **special)
    fast.chat_template = template
    return fast
