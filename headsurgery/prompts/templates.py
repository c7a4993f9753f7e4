"""Templates: how a bare query becomes the token ids that a model reads.

The generation prompt is included, special tokens never stand twice. The queries come from `sets`; `chat` renders the tokenizer's
own template and proves that it loses nothing, `ids` looks for what the tokenizer loses.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from headsurgery.errors import PromptError, UsageError
from headsurgery.prompts.chat import Chat, open_chat
from headsurgery.prompts.ids import check_ids, quote_prompt, tokenize
from headsurgery.prompts.sets import PromptSet

PAPER_TEMPLATE = "## Query:{query}\n## Answer:"
"""The paper's template, letter for letter."""

NO_CHAT_TEMPLATE = (
    "this model's tokenizer has no chat template, so prompts are put into the paper's, '## Query:... ## Answer:', which the model "
    "may not know; --template chooses another"
)
"""Note for the case that nobody chose a template and the tokenizer has none."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """How a bare query becomes what the model reads.

    Args:
        name: `chat`, `paper`, `direct`, or `file:<sha256>` for the user's own; goes into the recipe.
        text: Holds `{query}` once; None for the tokenizer's chat template.
        note: What the user should know of this choice; `encode` adds it to the notes of what it encodes.
    """

    name: str
    text: str | None
    note: str | None = None

    def fill(self, query: str, *, prefill: str | None = None) -> str:
        """The text that the model reads, for a template with a text of its own.

        Raises:
            ValueError: The template is the tokenizer's.
        """
        if self.text is None:
            raise ValueError("the chat template needs a tokenizer; see encode")
        return self.text.replace("{query}", query) + (prefill or "")


def load_template(source: str | None, tokenizer: Any) -> Template:
    """Find a template.

    Args:
        source: `chat`, `paper`, `direct`, a file that holds `{query}` (a line feed at its very end doesn't count), or None: `chat`
            where the tokenizer has one, else `paper`, which its note tells.
        tokenizer: A transformers tokenizer.

    Raises:
        PromptError: The tokenizer has no chat template, or the file doesn't serve.
    """
    if source is None or source == "chat":
        known = getattr(tokenizer, "chat_template", None)
        if source is None and not known:
            return replace(load_template("paper", tokenizer), note=NO_CHAT_TEMPLATE)
        if not known:
            raise PromptError("this tokenizer has no chat template", hint="use --template paper, direct, or a file with {query}")
        if isinstance(known, dict) and "default" not in known:
            raise PromptError(
                f"this tokenizer has several chat templates ({', '.join(map(str, known))}), and none of them is the default",
                hint="use --template paper, direct, or a file with {query}",
            )
        return Template(name="chat", text=None)
    if source in ("paper", "direct"):
        return Template(name=source, text=PAPER_TEMPLATE if source == "paper" else "{query}")
    try:
        text = Path(os.path.expanduser(source)).read_text(encoding="utf-8-sig").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"template {source}: expected chat, paper, direct or a readable text file") from error
    if text.count("{query}") != 1:
        raise PromptError(f"template {source}: contains {{query}} {text.count('{query}')} times, expected once")
    return Template(name=f"file:{sha256(text.encode()).hexdigest()}", text=text)


def render(query: str, template: Template, tokenizer: Any, *, system: str | None = None, prefill: str | None = None) -> str:
    """The text that the model reads, for any template; `encode` turns it into tokens.

    Raises:
        PromptError: The chat template fails, or doesn't write a message as it is.
    """
    if template.text is None:
        return open_chat(tokenizer, system=system, prefill=prefill).render(query)
    return template.fill(query, prefill=prefill)


def encode(
    prompts: PromptSet,
    template: Template,
    tokenizer: Any,
    *,
    max_tokens: int,
    system: str | None = None,
    prefill: str | None = None,
) -> tuple[PromptSet, list[list[int]]]:
    """Token ids of every prompt, with the generation prompt and without doubled special tokens.

    Args:
        prompts: What to encode.
        template: How.
        tokenizer: A transformers tokenizer.
        max_tokens: The model's context; longer prompts are left out, and said so.
        system: A system message; for the template `chat` only.
        prefill: How the answer begins; a template other than `chat` gets it appended as it is.

    Returns:
        The set of what was encoded, with notes on what the tokenizer doesn't keep of it; and its ids.

    Raises:
        PromptError: Nothing is left; the chat template fails, or doesn't write a prompt, the system message or the start of the
            answer as they are; or all prompts become the same ids.
        UsageError: A system message for a template that has no place for it.
    """
    if system is not None and template.text is not None:
        raise UsageError(f"template {template.name} has no place for a system message", hint="use --template chat")
    chat = open_chat(tokenizer, system=system, prefill=prefill) if template.text is None else None
    encoded = [
        (text, _encode_one(text, template, tokenizer, prefill) if chat is None else _encode_chat(prompts.name, text, chat))
        for text in prompts.texts
    ]
    fitting = [(text, ids) for text, ids in encoded if 0 < len(ids) <= max_tokens]
    if not fitting:
        raise PromptError(
            f"{prompts.name}: no prompt fits into the {max(0, max_tokens)} tokens that the model allows for a prompt",
            hint="use shorter prompts, or fewer new tokens",
        )
    texts, ids = tuple(text for text, _ in fitting), [row for _, row in fitting]
    said = (*((template.note,) if template.note else ()), *(chat.notes if chat else ()))
    notes = [*prompts.notes, *said, *check_ids(prompts.name, texts, ids, tokenizer)]
    if len(fitting) < len(encoded):
        notes.append(f"{prompts.name}: left out {len(encoded) - len(fitting)} prompts longer than the model's {max_tokens} tokens")
    keeps_rows = prompts.keeps_rows and texts == prompts.texts[: len(texts)]
    left_out = prompts.left_out + len(encoded) - len(fitting)
    return replace(prompts, texts=texts, notes=tuple(dict.fromkeys(notes)), keeps_rows=keeps_rows, left_out=left_out), ids


def _encode_chat(name: str, text: str, chat: Chat) -> list[int]:
    try:
        rendered = chat.render(text)
    except PromptError as error:
        raise PromptError(f"{name}, {quote_prompt(text)}: {error}", hint=error.hint) from error
    return tokenize(chat.tokenizer, rendered, add_special_tokens=False)


def _encode_one(text: str, template: Template, tokenizer: Any, prefill: str | None) -> list[int]:
    rendered = template.fill(text, prefill=prefill)
    ids = tokenize(tokenizer, rendered)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    if bos is not None and ids[:2] == [bos, bos]:
        ids = ids[1:]
    if eos is not None and len(ids) > 1 and ids[-1] == eos and not rendered.endswith(str(tokenizer.eos_token)):
        ids = ids[:-1]  # the answer shall begin here, not end
    return ids
