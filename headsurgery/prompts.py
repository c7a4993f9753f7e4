"""Prompt sets: load, template, hash.

A set is named in one word: `builtin:decline`, a file, or a data set on the Hub as `org/name[@revision][:split]`. Sets of harmful
questions are loaded from where they are published and never written anywhere; a recipe records a set's name, count and hash.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from textwrap import shorten
from typing import Any

from headsurgery.errors import PromptError, UsageError
from headsurgery.recipe import PromptRecord

COLUMNS = ("prompt", "input", "goal", "query", "question", "instruction")
"""Columns that hold prompts, in the order in which they are looked for."""

BUILTIN = ("decline", "harmless")
PAPER_TEMPLATE = "## Query:{query}\n## Answer:"
"""The paper's template, letter for letter."""

TEXT_SUFFIXES = (".txt", ".csv", ".jsonl", ".json")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class PromptSet:
    """Prompts in order, without empty ones and without duplicates.

    Args:
        name: As it goes into a recipe: no path.
        texts: The prompts.
        notes: What was left out, for the user.
    """

    name: str
    texts: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """SHA-256 of the prompts, each followed by a line feed, in UTF-8."""
        return sha256("".join(f"{text}\n" for text in self.texts).encode()).hexdigest()

    def to_record(self) -> PromptRecord:
        """Name, count and hash, as a recipe states them."""
        return PromptRecord(name=self.name, count=len(self.texts), sha256=self.sha256)

    @classmethod
    def from_texts(cls, texts: Iterable[str], *, name: str = "inline", limit: int | None = None) -> PromptSet:
        """Clean a list of prompts.

        Args:
            texts: Prompts; white space around them is dropped.
            name: Name of the set.
            limit: Keep the first so many.

        Raises:
            PromptError: None is left, or one is not text.
            UsageError: A limit below 1.
        """
        if limit is not None and limit < 1:
            raise UsageError(f"limit is {limit}, expected at least 1")
        stripped: list[str] = []
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise PromptError(f"{name}: prompt {position} is {type(text).__name__}, expected text")
            if _SURROGATE.search(text):
                raise PromptError(f"{name}: prompt {position} holds half a surrogate pair, which is no text")
            stripped.append(text.strip())
        filled = [text for text in stripped if text]
        unique = list(dict.fromkeys(filled))
        if not unique:
            raise PromptError(f"{name}: no prompts in it")
        notes = []
        if len(filled) < len(stripped):
            notes.append(f"{name}: left out {len(stripped) - len(filled)} empty prompts")
        if len(unique) < len(filled):
            notes.append(f"{name}: left out {len(filled) - len(unique)} duplicate prompts")
        return cls(name=name, texts=tuple(unique[:limit]), notes=tuple(notes))


def load_prompts(source: str, *, column: str | None = None, limit: int | None = None, token: str | None = None) -> PromptSet:
    """Load a set by name.

    Args:
        source: `builtin:decline` or `builtin:harmless`; a .txt (one prompt a line), .csv, .jsonl or .json file; or a data set on
            the Hub, `org/name[@revision][:split]` (split `train` if not given).
        column: Column of a table; default: the first of `COLUMNS` that it has.
        limit: Keep the first so many.
        token: For gated data sets.

    Raises:
        PromptError: No such set, column or prompts.
        HubError: The Hub refused, or can't be reached.
        UsageError: A limit below 1.
    """
    if source.startswith("builtin:"):
        if column is not None:
            raise PromptError(f"{source}: has no columns, so there is no --column {column}")
        return PromptSet.from_texts(_builtin(source.removeprefix("builtin:")), name=source, limit=limit)
    path = Path(os.path.expanduser(source))
    if os.path.exists(path) or _looks_like_path(source):
        return PromptSet.from_texts(_read_file(path, column), name=path.name, limit=limit)
    from headsurgery.hub import fetch_dataset  # the Hub client is slow to import

    dataset = fetch_dataset(source, token=token)
    texts = [text for path in dataset.files for text in _read_file(path, column)] or _column(dataset.rows, column, source)
    return PromptSet.from_texts(texts, name=dataset.name, limit=limit)


def _looks_like_path(source: str) -> bool:
    """Not `org/name`, whatever stands after it: a revision may hold slashes, a split a full stop."""
    if source.startswith("hf://"):
        return False
    name = source.partition("@")[0].partition(":")[0]
    return name.lower().endswith(TEXT_SUFFIXES) or source.startswith((".", "/", "~")) or name.count("/") != 1


def _builtin(name: str) -> list[str]:
    if name not in BUILTIN:
        raise PromptError(f"builtin:{name}: no such set; expected {' or '.join(f'builtin:{known}' for known in BUILTIN)}")
    return (files("headsurgery") / "data" / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def _read_file(path: Path, column: str | None) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        known = ", ".join(f"builtin:{name}" for name in BUILTIN)
        raise PromptError(f"{path}: no such file", hint=f"give a file, a Hub data set like org/name, or one of {known}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{path}: can't be read as text: {error}") from error
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _column(_parse_csv_rows(text, path), column, path.name)
    if suffix in (".jsonl", ".json"):
        return _column(_parse_json_rows(text, path), column, path.name)
    if column is not None:
        raise PromptError(f"{path.name}: a text file has no columns; expected .csv or .jsonl with --column {column}")
    return _split_lines(text)


def _split_lines(text: str) -> list[str]:
    """At line feeds only: a form feed or U+2028 (`str.splitlines`) may well stand in a prompt."""
    return text.removesuffix("\n").split("\n")


def _parse_csv_rows(text: str, path: Path) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise PromptError(f"{path.name}: not valid CSV: {error}") from error


def _parse_json_rows(text: str, path: Path) -> list[Any]:
    if path.suffix.lower() == ".json":
        try:
            rows = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise PromptError(f"{path.name}: not valid JSON: {error}") from error
        return rows if isinstance(rows, list) else [rows]
    rows = []
    for number, line in enumerate(_split_lines(text), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise PromptError(f"{path.name}:{number}: not valid JSON: {error}") from error
    return rows


def _column(rows: Sequence[Any], column: str | None, where: str) -> list[str]:
    """The prompts of a table; rows may also be plain strings."""
    if not rows:
        raise PromptError(f"{where}: no rows in it")
    if all(isinstance(row, str) for row in rows):
        return list(rows)
    if not all(isinstance(row, dict) for row in rows):
        raise PromptError(f"{where}: expected rows that are all objects or all strings")
    present = {key.strip().lower(): key for row in reversed(rows) for key in row if isinstance(key, str)}
    wanted = (column.strip().lower(),) if column is not None else COLUMNS
    found = next((present[name] for name in wanted if name in present), None)
    if found is None:
        raise PromptError(
            f"{where}: no column {' or '.join(wanted)}; it has {shorten(', '.join(present.values()), 100) or 'none'}",
            hint="name one with --column; the first line of a CSV file names its columns",
        )
    return ["" if row.get(found) is None else row[found] for row in rows]


@dataclass(frozen=True, kw_only=True)
class Template:
    """How a bare query becomes what the model reads.

    Args:
        name: `chat`, `paper`, `direct`, or `file:<sha256>` for the user's own; goes into the recipe.
        text: Holds `{query}` once; None for the tokenizer's chat template.
    """

    name: str
    text: str | None


def load_template(source: str | None, tokenizer: Any) -> Template:
    """Find a template.

    Args:
        source: `chat`, `paper`, `direct`, a file that holds `{query}` (a line feed at its very end doesn't count), or None: `chat`
            where the tokenizer has one, else `paper`.
        tokenizer: A transformers tokenizer.

    Raises:
        PromptError: The tokenizer has no chat template, or the file doesn't serve.
    """
    if source is None:
        source = "chat" if tokenizer.chat_template else "paper"
    if source == "chat":
        if not tokenizer.chat_template:
            raise PromptError("this tokenizer has no chat template", hint="use --template paper, direct, or a file with {query}")
        return Template(name="chat", text=None)
    if source in ("paper", "direct"):
        return Template(name=source, text=PAPER_TEMPLATE if source == "paper" else "{query}")
    try:
        text = Path(os.path.expanduser(source)).read_text(encoding="utf-8-sig").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"template {source}: expected chat, paper, direct or a readable text file") from error
    if text.count("{query}") != 1:
        raise PromptError(f"template {source}: holds {{query}} {text.count('{query}')} times, expected once")
    return Template(name=f"file:{sha256(text.encode()).hexdigest()}", text=text)


def encode(prompts: PromptSet, template: Template, tokenizer: Any, *, max_tokens: int) -> tuple[PromptSet, list[list[int]]]:
    """Token ids of every prompt, generation prompt included, special tokens never twice.

    Args:
        prompts: What to encode.
        template: How.
        tokenizer: A transformers tokenizer.
        max_tokens: The model's context; longer prompts are left out, and said so.

    Returns:
        The set of what was encoded, and its ids.

    Raises:
        PromptError: Nothing is left.
    """
    encoded = [(text, _encode_one(text, template, tokenizer)) for text in prompts.texts]
    kept = [(text, ids) for text, ids in encoded if 0 < len(ids) <= max_tokens]
    if not kept:
        raise PromptError(f"{prompts.name}: no prompt fits into the model's {max_tokens} tokens")
    notes = prompts.notes
    if len(kept) < len(encoded):
        notes += (f"{prompts.name}: left out {len(encoded) - len(kept)} prompts longer than the model's {max_tokens} tokens",)
    return replace(prompts, texts=tuple(text for text, _ in kept), notes=notes), [ids for _, ids in kept]


def _encode_one(text: str, template: Template, tokenizer: Any) -> list[int]:
    if template.text is None:
        from jinja2 import TemplateError

        try:
            messages = [{"role": "user", "content": text}]
            rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        except TemplateError as error:
            reason = shorten(str(error), 200)
            raise PromptError(f"this tokenizer's chat template fails: {reason}", hint="use --template paper or direct") from error
        return list(tokenizer(rendered, add_special_tokens=False)["input_ids"])
    rendered = template.text.replace("{query}", text)
    ids = list(tokenizer(rendered)["input_ids"])
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    if bos is not None and ids[:2] == [bos, bos]:
        ids = ids[1:]
    if eos is not None and len(ids) > 1 and ids[-1] == eos and not rendered.endswith(str(tokenizer.eos_token)):
        ids = ids[:-1]  # the answer shall begin here, not end
    return ids
