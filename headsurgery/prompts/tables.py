"""Tables of prompts: rows become prompts.

A column is guessed only among names that are usual for prompts, and never where two of them say different things. What stands
beside a prompt and belongs to it (Alpaca's `input`) is joined to it; other text that the model would need is named in a note. Chat
messages are read as what the user says in them. Neighbours: `files` reads rows out of files, `sets` cleans the prompts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headsurgery.errors import PromptError
from headsurgery.prompts.files import CONVERSATIONS, read_file, show

_TIERS = (
    ("prompt", "instruction", "question", "query", "goal", "forbidden_prompt", "input"),
    ("behavior",),
    ("text",),
    CONVERSATIONS,
)
COLUMNS = tuple(name for tier in _TIERS for name in tier)
"""Columns that contain prompts. The first group of which a table has any counts: a `text` or `messages` beside a `prompt` does not.
"""

_BESIDE = (
    "input",
    "context",
    "contextstring",
    "context_string",
    "system",
    "system_prompt",
    "history",
    "choices",
    "options",
    "passage",
    "document",
    "documents",
    "image",
    "images",
)
"""Columns whose text belongs to the prompt beside them."""

_MISSING = ("nan", "none", "null", "n/a", "<na>", "#n/a")
"""Values that programs write for an empty field."""
_NO_INPUT = ("", "<noinput>", "noinput", "no input", "no input.", "<no input>", "not applicable", *_MISSING)
_ROLES: Mapping[str, str] = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_CHAT_AS_TEXT = re.compile(r"""\s*\[?\s*\{\s*['"]\w+['"]\s*:.*""", re.DOTALL)
_TURN = re.compile(r"""['"](?:role|from)['"]\s*:""")


@dataclass(frozen=True, kw_only=True)
class Picked:
    """Prompts of a table.

    Args:
        texts: One for each row, empty where it has none; what is no text is left to `PromptSet.from_texts` to refuse.
        column: Where they stood; None for rows that are plain strings.
        notes: How they were read, for the user.
    """

    texts: list[Any]
    column: str | None = None
    notes: tuple[str, ...] = ()


def read_prompts(path: Path, column: str | None) -> Picked:
    """Prompts of one file.

    Args:
        path: As `files.read_file` takes it.
        column: Column of a table; None for the usual one that it has. A text has none.

    Raises:
        FileNotFoundError: No such file; the caller knows what else its name may mean.
        PromptError: No such column, several that may hold the prompts, or not what the file's name says.
    """
    found = read_file(path, COLUMNS if column is None else (column.strip().lower(),))
    if not found.is_table:
        return Picked(texts=found.rows, notes=found.notes)
    picked = pick_prompts(found.rows, column, path.name)
    return Picked(texts=picked.texts, column=picked.column, notes=(*found.notes, *picked.notes))


def read_rows(path: Path, column: str) -> list[Any]:
    """Rows of one file, unchanged; see `files.read_file` for the errors.

    Args:
        path: The file.
        column: One that it has; tells a table's separator.
    """
    return read_file(path, (column.strip().lower(),)).rows


def keep_rows(rows: Sequence[Any], column: str, value: str, where: str) -> list[Any]:
    """Rows whose column has exactly this value, apart from white space.

    Args:
        rows: Objects.
        column: Its name, whatever its case.
        value: Wanted.
        where: What the rows are of, for messages.

    Raises:
        PromptError: No such column, or no such row.
    """
    found = _find_column(_present(rows, where), column, where)
    chosen = [row for row in rows if str(row.get(found)).strip() == value]
    if not chosen:
        raise PromptError(f"{where}: no row has {value} in {column}")
    return chosen


def _is_document(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def has_column(rows: Sequence[Any], column: str) -> bool:
    """Whether any row has a column of this name, whatever its case."""
    wanted = column.strip().lower()
    return any(isinstance(row, dict) and any(isinstance(key, str) and key.strip().lower() == wanted for key in row) for row in rows)


def pick_prompts(rows: Sequence[Any], column: str | None, where: str) -> Picked:
    """The prompts of a table; rows may also be plain strings.

    Args:
        rows: Objects, or strings.
        column: Their column; None for the usual one that they have.
        where: What the rows are of, for messages.

    Raises:
        PromptError: No rows, no such column, several that may hold the prompts, rows of different kinds, or chat messages that are
            no single question.
    """
    if rows and all(isinstance(row, str) for row in rows):
        if all(map(_is_document, rows)):
            raise PromptError(f"{where}: its rows are texts that contain JSON", hint="encode the rows once instead of twice")
        return Picked(texts=list(rows))
    present = _present(rows, where)
    if column is not None:
        return _pick(rows, _find_column(present, column, where), present, where)
    names = next((names for tier in _TIERS if (names := [name for name in tier if name in present])), None)
    if names is None:
        raise _no_column("with a common name for prompts", present, where)
    several = next((present[name] for name in names if len(present[name]) > 1), None)
    if several is not None:
        raise PromptError(f"{where}: has columns {show(' and '.join(several))}", hint=f"name one: --column {show(several[0])}")
    if {"instruction", "input"} == set(names):
        used = _find_column(present, names[0], where), _find_column(present, names[1], where)
        joined = _join_alpaca(rows, *used, where)
        return replace(joined, notes=(*joined.notes, *_note_beside(rows, used, present, where)))
    candidates = [_pick(rows, _find_column(present, name, where), present, where) for name in names]
    filled = [found for found in candidates if any(found.texts)] or candidates[:1]
    if any(found.texts != filled[0].texts for found in filled):
        shown = show(", ".join(str(found.column) for found in filled))
        raise PromptError(f"{where}: several columns may hold the prompts: {shown}", hint=f"name one: --column {filled[0].column}")
    return filled[0]


def _present(rows: Sequence[Any], where: str) -> dict[str, list[str]]:
    """The table's columns in lower case, each with its spellings."""
    if not rows:
        raise PromptError(f"{where}: contains no rows")
    odd = next(((number, row) for number, row in enumerate(rows, start=1) if not isinstance(row, dict)), None)
    if odd is not None:
        raise PromptError(f"{where}: expected rows that are all objects or all strings; row {odd[0]} is {type(odd[1]).__name__}")
    present: dict[str, list[str]] = {}
    for key in dict.fromkeys(key for row in rows for key in row if isinstance(key, str)):
        present.setdefault(key.strip().lower(), []).append(key)
    return present


def _find_column(present: Mapping[str, list[str]], column: str, where: str) -> str:
    """A column in the table's spelling."""
    spellings = present.get(column.strip().lower())
    if spellings is None:
        raise _no_column(column.strip().lower(), present, where)
    if len(spellings) > 1 and column not in spellings:
        raise PromptError(
            f"{where}: has columns {show(' and '.join(spellings))}", hint="rename one, or give --column its exact spelling"
        )
    return column if column in spellings else spellings[0]


def _no_column(wanted: str, present: Mapping[str, list[str]], where: str) -> PromptError:
    has = show(", ".join(spellings[0] for spellings in present.values())) or "none"
    return PromptError(
        f"{where}: no column {wanted}; it has {has}", hint="name one with --column; the first line of a CSV file names its columns"
    )


def _pick(rows: Sequence[Any], column: str, present: Mapping[str, list[str]], where: str) -> Picked:
    """The prompts of one column, with notes on text in other columns."""
    values = ["" if _is_missing(row.get(column)) else row[column] for row in rows]
    notes: list[str] = []
    chats = [_as_chat(value) for value in values]
    if any(chat is not None for chat in chats):
        notes.append(f"{where}: the prompts are the user's messages in the column {show(column)}")
        systems = sum(any(role == "system" and text for role, text in chat) for chat in chats if chat)
        if systems:
            notes.append(
                f"{where}: {systems} rows have a system message, which is not part of the prompt; `evaluate --system` gives one"
            )
        values = [
            value if chat is None else _read_question(chat, f"{where}, row {number}")
            for number, (value, chat) in enumerate(zip(values, chats), start=1)
        ]
    return Picked(texts=values, column=column, notes=(*notes, *_note_beside(rows, (column,), present, where)))


def _note_beside(rows: Sequence[Any], used: Sequence[str], present: Mapping[str, list[str]], where: str) -> list[str]:
    """Notes on columns that belong to the prompts but are not part of them."""
    notes = []
    for name in _BESIDE:
        beside = next((key for key in present.get(name, ()) if key not in used), None)
        if beside is not None and (count := sum(_is_filled(row.get(beside)) for row in rows)):
            notes.append(f"{where}: {count} rows have text in the column {show(beside)}, which is not part of the prompt")
    return notes


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _MISSING)


def _is_filled(value: Any) -> bool:
    """Whether a field has a value; pandas writes NaN for none."""
    if isinstance(value, str):
        return value.strip().lower() not in _NO_INPUT
    return bool(value) and value == value


def _join_alpaca(rows: Sequence[Any], instruction: str, data: str, where: str) -> Picked:
    """An instruction and its data, in the order of Alpaca's own format."""
    texts, joined = list[Any](), 0
    for number, row in enumerate(rows, start=1):
        question, beside = row.get(instruction), row.get(data)
        if not _is_filled(question) or not _is_filled(beside):
            texts.append("" if question is None else question)
            if not _is_filled(question) and _is_filled(beside):
                raise PromptError(f"{where}, row {number}: {data} without {instruction}", hint="name the column with --column")
        elif isinstance(question, str) and isinstance(beside, str):
            texts.append(f"{question.strip()}\n\n{beside.strip()}")
            joined += 1
        else:
            raise PromptError(f"{where}, row {number}: {data} is {type(beside).__name__}, expected text")
    if not joined:
        return Picked(texts=texts, column=instruction)
    note = (
        f"{where}: in {joined} rows the prompt is {instruction}, a blank line, and {data}; --column {instruction} takes one alone"
    )
    return Picked(texts=texts, column=instruction, notes=(note,))


# Chat messages


_Chat = list[tuple[str, str | None]]


def _as_chat(value: Any) -> _Chat | None:
    """Roles and texts of chat messages (OpenAI's role and content, ShareGPT's from and value, turns); None for other values."""
    if isinstance(value, str):
        if not (_CHAT_AS_TEXT.fullmatch(value) and _TURN.search(value)):
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [("", None)]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list | tuple) or not value:
        return None
    if all(isinstance(turn, str) for turn in value):
        return [("user", turn) for turn in value]
    if not all(isinstance(turn, dict) and ("role" in turn or "from" in turn) for turn in value):
        return None
    return [(_ROLES.get(str(turn.get("role", turn.get("from"))).lower(), ""), _content(turn)) for turn in value]


def _content(turn: Mapping[str, Any]) -> str | None:
    """A message's text; None where there is something else in it."""
    content = turn.get("content", turn.get("value", turn.get("text")))
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in content):
        return "\n".join(part["text"] for part in content)
    return "" if content is None else None


def _read_question(chat: _Chat, where: str) -> str:
    """The user's question, if nothing else precedes the answer."""
    said = [(role, text) for role, text in chat if role != "system"]
    questions = [text for role, text in said if role == "user"]
    if any(not role for role, _ in said) or any(text is None for _, text in said):
        raise PromptError(f"{where}: chat messages may contain only text of user, assistant and system")
    if len(questions) != 1 or said[0][0] != "user":
        raise PromptError(
            f"{where}: a conversation with {len(questions)} user messages; expected one, at the start",
            hint="headsurgery asks single questions: keep rows with one user message, or write the question into its own column",
        )
    return questions[0] or ""
