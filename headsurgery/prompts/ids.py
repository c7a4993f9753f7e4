"""What a tokenizer makes of prompts: token ids, and word of what gets lost in them.

A tokenizer may map what it doesn't know to one token, or drop it in its normalizer, with no error. Figures about such prompts are
figures about other prompts, so that it is said; a set whose prompts all become the same ids is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from textwrap import shorten
from typing import Any

from headsurgery.errors import PromptError


def tokenize(tokenizer: Any, text: str, *, add_special_tokens: bool = True) -> list[int]:
    """Token ids of a text. Any exception from the tokenizer is reported as its failure.

    Raises:
        PromptError: It fails.
    """
    try:
        return list(tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"])
    except Exception as error:
        reason = shorten(f"{type(error).__name__}: {error}", 200)
        raise PromptError(f"this tokenizer fails on {quote_prompt(text)}: {reason}") from error


def check_ids(name: str, texts: Sequence[str], ids: Sequence[Sequence[int]], tokenizer: Any) -> tuple[str, ...]:
    """Find prompts that the model can't read completely.

    Args:
        name: The set's.
        texts: Its prompts.
        ids: Token ids of each, as the model reads it.
        tokenizer: A transformers tokenizer.

    Returns:
        Notes for the user.

    Raises:
        PromptError: Several prompts, and all of them are the same ids.
    """
    notes = [*_note_unread(name, texts, tokenizer), *_note_special(name, texts, tokenizer)]
    first: dict[tuple[int, ...], str] = {}
    twins = [(first[key], text) for text, row in zip(texts, ids) if first.setdefault(key := tuple(row), text) != text]
    if twins:
        one, other = map(quote_prompt, twins[0])
        if len(first) == 1:
            raise PromptError(
                f"{name}: all {len(texts)} prompts become the same token ids, such as {one} and {other}",
                hint="the tokenizer doesn't know their characters or drops them; use prompts in the model's language",
            )
        notes.append(f"{name}: {one} and {other} become the same token ids" + _and_others(len(twins) - 1))
    return tuple(notes)


def quote_prompt(text: str) -> str:
    """A prompt in a message, shortened."""
    return repr(shorten(text, 60) if len(text.split()) > 1 else text[:60])


def _and_others(count: int) -> str:
    return f"; so do {count} more" if count else ""


def _note_unread(name: str, texts: Sequence[str], tokenizer: Any) -> list[str]:
    """Notes on unknown tokens, and on text that is dropped."""
    unknown, dropped = list[tuple[int, str]](), list[tuple[int, str]]()
    for text in texts:
        lost = _count_lost(text, tokenizer)
        for found, count in zip((unknown, dropped), lost):
            if count:
                found.append((count, text))
    notes = []
    if unknown:
        count, text = max(unknown, key=lambda entry: entry[0])
        notes.append(
            f"{name}: the tokenizer has no token for parts of {len(unknown)} of {len(texts)} prompts; "
            f"in {quote_prompt(text)}, {count} tokens are 'unknown'"
        )
    if dropped:
        count, text = max(dropped, key=lambda entry: entry[0])
        notes.append(
            f"{name}: the tokenizer drops characters of {len(dropped)} of {len(texts)} prompts; {count} in {quote_prompt(text)}"
        )
    return notes


def _note_special(name: str, texts: Sequence[str], tokenizer: Any) -> list[str]:
    """A note on text that ends or begins a turn. Such prompts usually went through a chat template before."""
    added = getattr(tokenizer, "added_tokens_decoder", None) or {}
    tokens = {str(token) for token in added.values() if getattr(token, "special", False)}
    tokens -= {str(getattr(tokenizer, "unk_token", None))}  # what is unknown is told of anyway
    found = [(text, next((token for token in sorted(tokens) if token.strip() and token in text), None)) for text in texts]
    held = [(text, token) for text, token in found if token is not None]
    if not held:
        return []
    text, token = held[0]
    return [
        f"{name}: {len(held)} of {len(texts)} prompts contain text that is read as special tokens, such as {token!r} in "
        f"{quote_prompt(text)}"
    ]


def _count_lost(text: str, tokenizer: Any) -> tuple[int, int]:
    """Tokens of a prompt that stand for unknown text, and characters that no token stands for."""
    try:
        if not tokenizer.is_fast:
            ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
            unknown = tokenizer.unk_token_id
            count = 0 if unknown is None or str(tokenizer.unk_token) in text else ids.count(unknown)
            return count, 0 if count else _missing(text, tokenizer.decode(ids))
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids, spans = list(encoded["input_ids"]), list(encoded["offset_mapping"])
        token = tokenizer.unk_token or getattr(tokenizer.backend_tokenizer.model, "unk_token", None)
        unknown = None if token is None else tokenizer.convert_tokens_to_ids(token)
        count = sum(row == unknown and text[start:end].strip() != token for row, (start, end) in zip(ids, spans))
        covered = {position for start, end in spans for position in range(start, end)}
        bare = "".join(letter for position, letter in enumerate(text) if position not in covered)
        if not any(map(is_visible, bare)) or not _missing(text, tokenizer.decode(ids)):
            return count, 0
        return count, sum(map(is_visible, bare))
    except Exception:  # a tokenizer of its own kind, which can't be asked; that it encodes is seen elsewhere
        return 0, 0


def is_visible(letter: str) -> bool:
    """Whether one sees it."""
    return letter.isprintable() and not letter.isspace()


def _missing(text: str, decoded: str) -> int:
    """Number of visible characters of a text that its tokens don't give back, apart from case and white space."""

    def plain(words: str) -> str:
        folded = unicodedata.normalize("NFKC", words).casefold()
        return "".join(filter(is_visible, re.sub("[▁Ġ]", "", folded)))

    return 0 if plain(text) in plain(decoded) else max(1, len(plain(text)) - len(plain(decoded)))
