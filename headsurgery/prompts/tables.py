"""Tables of prompts: files become rows, rows become prompts.

Every reader refuses what it can't read with the file's name and place, and guesses no column beyond `COLUMNS`. `sets` calls it for
files of the user and for files that `hub` fetched.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

from headsurgery.errors import PromptError

COLUMNS = ("prompt", "input", "goal", "query", "question", "instruction")
"""Columns that hold prompts, in the order in which they are looked for."""

TEXT_SUFFIXES = (".txt", ".csv", ".jsonl", ".json")
_ROW_SUFFIXES = (".csv", ".jsonl", ".json")


def read_prompts(path: Path, column: str | None) -> list[str]:
    """Prompts of one file.

    Args:
        path: .csv, .jsonl, .json; anything else is text, one prompt a line.
        column: Column of a table; None for the first of `COLUMNS` that it has.

    Raises:
        FileNotFoundError: No such file; the caller knows what else its name may mean.
        PromptError: No such column, or not what its name says.
    """
    rows = read_rows(path)
    if path.suffix.lower() in _ROW_SUFFIXES:
        return pick_column(rows, column, path.name)
    if column is not None:
        raise PromptError(f"{path.name}: a text file has no columns; expected .csv or .jsonl with --column {column}")
    return rows


def read_rows(path: Path) -> list[Any]:
    """Rows of one file as they are; of a text file its lines.

    Raises:
        FileNotFoundError: No such file.
        PromptError: Not what its name says.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{path}: can't be read as text: {error}") from error
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _parse_csv_rows(text, path)
    return _parse_json_rows(text, path) if suffix in _ROW_SUFFIXES else _split_lines(text)


def keep_rows(rows: Sequence[Any], column: str, value: str, where: str) -> list[Any]:
    """Rows whose column, white space aside, holds exactly this value.

    Args:
        rows: Objects.
        column: Its name, whatever its case.
        value: Wanted.
        where: What the rows are of, for messages.

    Raises:
        PromptError: No such column, or no such row.
    """
    found = _find_column(rows, (column,), where)
    kept = [row for row in rows if str(row.get(found)).strip() == value]
    if not kept:
        raise PromptError(f"{where}: no row has {value} in {column}")
    return kept


def pick_column(rows: Sequence[Any], column: str | None, where: str) -> list[Any]:
    """The prompts of a table; rows may also be plain strings. What is no text is left to `PromptSet.from_texts` to refuse.

    Raises:
        PromptError: No rows, no such column, or rows of different kinds.
    """
    if rows and all(isinstance(row, str) for row in rows):
        return list(rows)
    found = _find_column(rows, (column,) if column is not None else COLUMNS, where)
    return ["" if row.get(found) is None else row[found] for row in rows]


def _find_column(rows: Sequence[Any], wanted: Sequence[str], where: str) -> str:
    """The first wanted column that any row has, as the table spells it."""
    if not rows:
        raise PromptError(f"{where}: no rows in it")
    if not all(isinstance(row, dict) for row in rows):
        raise PromptError(f"{where}: expected rows that are all objects or all strings")
    present = {key.strip().lower(): key for row in reversed(rows) for key in row if isinstance(key, str)}
    names = [name.strip().lower() for name in wanted]
    found = next((present[name] for name in names if name in present), None)
    if found is None:
        raise PromptError(
            f"{where}: no column {' or '.join(names)}; it has {shorten(', '.join(present.values()), 100) or 'none'}",
            hint="name one with --column; the first line of a CSV file names its columns",
        )
    return found


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
