"""Files of prompts: what a file's ending promises becomes rows, or is refused with the file's name, the line and the next step.

Nothing is read as a list of lines that is not one: an ending that isn't known, a table under a text's name, a spreadsheet or an
archive is refused. A row of a table that doesn't fit its header is refused, too: a comma that nobody quoted would cut a prompt, and
a quote that nobody closed would swallow the rows behind it. Neighbour: `tables` picks the prompts out of rows.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml

from headsurgery.errors import PromptError

_CSV, _TSV = (".csv",), (".tsv", ".tab")
_JSON, _JSON_LINES = (".json",), (".jsonl", ".ndjson", ".jsonlines")
_YAML, _MARKDOWN = (".yaml", ".yml"), (".md", ".markdown")
CONVERSATIONS = ("messages", "conversations", "conversation", "turns")
"""Columns whose values are lists: a conversation, turn by turn."""

_TEXT = ("", ".txt", ".text")
READABLE = (*_TEXT[1:], *_CSV, *_TSV, *_JSON, *_JSON_LINES, *_YAML, *_MARKDOWN)
"""File endings that can be read. A name without an ending is a text file."""

_TO_TABLE = "save it as CSV UTF-8 (.csv)"
_TO_PLAIN = "save its prompts as text, one per line (.txt), or as a table (.csv, .jsonl)"
_EXPORT = "export it as .jsonl or .csv; with pandas: read_parquet(FILE).to_json(OUT, orient='records', lines=True)"
_PARQUET = ".parquet"
_INSTALL = "pip install pyarrow (part of headsurgery[datasets]), or export it with another tool as .jsonl or .csv"
_REFUSED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"), ("a spreadsheet", _TO_TABLE)),
    **dict.fromkeys((".docx", ".doc", ".odt", ".rtf", ".pdf", ".html", ".htm", ".xml", ".ipynb"), ("a document", _TO_PLAIN)),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz", ".7z"), ("packed", "unpack it first")),
    **dict.fromkeys((".arrow", ".feather", ".orc", ".avro"), ("a binary table", _EXPORT)),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".pkl", ".pickle", ".npy", ".npz", ".pt", ".bin"), ("binary", _TO_PLAIN)),
}
_MAGIC: Mapping[bytes, tuple[str, str]] = {
    b"PK\x03\x04": ("a spreadsheet, a document or an archive (ZIP)", f"{_TO_TABLE}, or unpack it first"),
    b"PAR1": ("a binary table (Parquet)", _EXPORT),
    b"ARROW1": ("a binary table (Arrow)", _EXPORT),
    b"\x1f\x8b": ("packed (gzip)", "unpack it first"),
    b"\xd0\xcf\x11\xe0": ("a spreadsheet or document of an old Office version", _TO_TABLE),
    b"%PDF": ("a PDF", _TO_PLAIN),
    b"{\\rtf": ("a document (RTF)", _TO_PLAIN),
    b"SQLite format 3": ("a database", _TO_PLAIN),
}
_AS_UTF8 = "save it as UTF-8 (Excel: 'CSV UTF-8'; PowerShell: Out-File -Encoding utf8)"

NAMED_ENDINGS = (*READABLE, _PARQUET, *_REFUSED)
"""Endings that distinguish a file from a data set's name."""

_MAX_YAML = 2**21
"""Characters; YAML is parsed slowly."""

_CONTAINERS = (
    "data",
    "rows",
    "prompts",
    "questions",
    "queries",
    "instructions",
    "behaviors",
    "goals",
    "examples",
    "items",
    "train",
)
"""Keys under which files store their only list."""

_MARKUP = re.compile(r"\s{0,3}(#{1,6}\s|[-*+]\s|\d+[.)]\s|>|\||```|~~~|<\w|---\s*$|===)")
_SEPARATOR = re.compile(r"-{3,}|={3,}|\*{3,}|#{3,}|_{3,}|~{3,}|%{2,}|<\|endoftext\|>|<eot>", re.IGNORECASE)
_NUMBERED_ROW = re.compile(r'"?\d+"?[,;|]')
_NAME_A_TABLE = "give it a name that ends in .csv or .tsv, and a first line that names its columns"
_AROUND = {
    "every line begins with a number": re.compile(r"\(?\d+[.):] .*"),
    "every line begins with a bullet": re.compile(r"[-*+•] .*"),
    "every line is in quotes": re.compile(r"\".*\"|'.*'|“.*”|«.*»"),
    "every line ends with a comma": re.compile(r".*,"),
}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The content of a file.

    Args:
        rows: Objects, or plain strings.
        is_table: Whether they may have columns; false for a text's lines.
        notes: How it was read, where its name doesn't say that.
    """

    rows: list[Any]
    is_table: bool = True
    notes: tuple[str, ...] = ()


def read_file(path: Path, columns: Sequence[str]) -> Rows:
    """Rows of one file.

    Args:
        path: .txt or no ending (lines), .csv, .tsv, .jsonl, .ndjson, .json, .yaml, or .md without markup (lines); .parquet where
            pyarrow is installed, or pandas with an engine for it.
        columns: Names of columns that may hold prompts, in lower case; they tell a table's separator and a JSON file's layout.

    Raises:
        FileNotFoundError: No such file; the caller knows what else its name may mean.
        PromptError: Not what its name says, or not of a known kind.
    """
    suffix = path.suffix.lower()
    if suffix == _PARQUET:
        return Rows(rows=_read_parquet(path))
    text = _read_text(path)
    if suffix in (*_CSV, *_TSV):
        return _read_table(text, path, columns, first="\t" if suffix in _TSV else ",")
    if suffix in (*_JSON, *_JSON_LINES):
        return Rows(rows=_read_json(text, path, columns, is_lines=suffix in _JSON_LINES))
    if suffix in _YAML:
        document = _read_yaml(text, path)
        return Rows(rows=_unfold(document, path, columns), notes=_note_comments(text, document, path))
    lines = _split_lines(text)
    if suffix in _MARKDOWN:
        _check_unmarked(lines, path)
    _check_plain(lines, path, columns)
    return Rows(rows=list(lines), is_table=False, notes=_note_marks(lines, path))


def _read_parquet(path: Path) -> list[Any]:
    """Rows of a Parquet file, null as None.

    Raises:
        FileNotFoundError: No such file.
        PromptError: Nothing is installed that reads it, or it is none.
    """
    with path.open("rb"):  # a missing file is the caller's
        pass
    try:
        try:
            from pyarrow import parquet
        except ImportError:
            import pandas

            frame = pandas.read_parquet(path).astype(object)
            return list(frame.where(frame.notna(), None).to_dict("records"))
        return list(parquet.read_table(path).to_pylist())
    except ImportError as error:
        raise PromptError(
            f"{path.name}: is a Parquet file, and no library that reads Parquet is installed", hint=_INSTALL
        ) from error
    except Exception as error:  # Arrow's own errors and those of the engines of pandas have no common base
        raise PromptError(f"{path.name}: can't be read as a Parquet file: {show(' '.join(str(error).split()))}") from error


def _read_text(path: Path) -> str:
    """The file's text, each line ended by a line feed alone."""
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            start = file.read(16)
            known = _REFUSED.get(suffix) or next((found for magic, found in _MAGIC.items() if start.startswith(magic)), None)
            if known is None and suffix not in (*_TEXT, *READABLE):
                known = (
                    f"has an unknown file ending ({suffix})",
                    f"expected {', '.join(READABLE)}; a file with one prompt per line ends in .txt",
                )
            if known is not None:
                raise PromptError(f"{path.name}: is {known[0]}, which can't be read as prompts", hint=known[1])
            data = start + file.read()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise PromptError(f"{path}: can't be read as text: {error}") from error
    if start[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff") or start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise PromptError(f"{path.name}: can't be read as text: it is UTF-16 or UTF-32, expected UTF-8", hint=_AS_UTF8)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PromptError(f"{path.name}:{line}: can't be read as text: not UTF-8 ({error.reason})", hint=_AS_UTF8) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise PromptError(f"{path.name}:{line}: can't be read as text: it contains a NUL character", hint=_AS_UTF8)
    return re.sub(r"^\ufeff", "", text.replace("\r\n", "\n").replace("\r", "\n"), flags=re.MULTILINE)


def show(names: str) -> str:
    """Show names from a file in a message: on one line, shortened, without unprintable characters."""
    return shorten(names.encode(errors="backslashreplace").decode(), 100)


def _split_lines(text: str) -> list[str]:
    """Split at line feeds only: a prompt may contain a form feed or U+2028, at which `str.splitlines` splits."""
    return text.removesuffix("\n").split("\n")


# Text


def _check_unmarked(lines: Sequence[str], path: Path) -> None:
    """Read Markdown as lines if it is nothing else."""
    number = next((number for number, line in enumerate(lines, start=1) if _MARKUP.match(line)), None)
    if number is not None:
        raise PromptError(f"{path.name}:{number}: is Markdown, and this line is not a plain prompt", hint=_TO_PLAIN)
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip())
    if len(paragraphs) > 1 and any("\n" in paragraph for paragraph in paragraphs):
        raise PromptError(f"{path.name}: is Markdown with paragraphs of several lines, not one prompt per line", hint=_TO_PLAIN)


def _check_plain(lines: Sequence[str], path: Path, columns: Sequence[str]) -> None:
    """Refuse a table or a document in a text file, which would give wrong prompts."""
    filled = [line.strip() for line in lines if line.strip()]
    if not filled:
        return
    if filled[0][0] in "[{" and (kind := _sniff_json(filled)):
        raise PromptError(
            f"{path.name}: contains {kind[0]}, not one prompt per line", hint=f"give it a name that ends in {kind[1]}"
        )
    if _is_python_list(filled):
        raise PromptError(f"{path.name}: contains a Python list, not one prompt per line", hint="save it with json.dump as .json")
    if len(filled) > 1 and (
        len({line.count("\t") for line in filled}) == 1 <= filled[0].count("\t")
        or (re.fullmatch(r"[\w .-]{1,30}([,;|][\w .-]{1,30})+", filled[0]) and all(_NUMBERED_ROW.match(row) for row in filled[1:]))
    ):
        raise PromptError(f"{path.name}: every line has several fields, so it is a table", hint=_NAME_A_TABLE)
    number = next((number for number, line in enumerate(lines, start=1) if _SEPARATOR.fullmatch(line.strip())), None)
    if number is not None:
        raise PromptError(
            f"{path.name}:{number}: this line is a separator ({lines[number - 1].strip()[:10]}), but a text has a prompt per line",
            hint="write prompts of several lines as .jsonl or .csv",
        )
    names = [name.strip(' "').lower() for name in re.split(r"[,;\t|]", filled[0])]
    is_header = len(names) > 1 or names[0] not in ("input", "text", "turns")
    if is_header and len(filled) > 1 and set(names) & set(columns) and all(re.fullmatch(r"[\w .-]{0,30}", name) for name in names):
        raise PromptError(
            f"{path.name}: its first line contains column names ({shorten(filled[0], 60)}), so it is a table",
            hint="give it a name that ends in .csv or .tsv; or delete that line",
        )


def _is_python_list(lines: Sequence[str]) -> bool:
    if not (lines[0].startswith("[") and lines[-1].endswith("]")):
        return False
    try:
        return isinstance(ast.literal_eval("\n".join(lines)), list)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False


def _note_marks(lines: Sequence[str], path: Path) -> tuple[str, ...]:
    """Notes on numbers, bullets, quotes and comments, which are kept as part of the prompts."""
    filled = [line.strip() for line in lines if line.strip()]
    notes = [
        f"{path.name}: {what}, which is part of the prompts"
        for what, pattern in _AROUND.items()
        if len(filled) > 1 and all(map(pattern.fullmatch, filled))
    ]
    comments = [line for line in filled if line.startswith(("# ", "//"))]
    if comments:
        notes.append(f"{path.name}: {len(comments)} lines look like comments but are read as prompts: {shorten(comments[0], 60)!r}")
    return tuple(notes)


def _sniff_json(lines: Sequence[str]) -> tuple[str, str] | None:
    for text, kind in ((lines[0], ("JSON lines", ".jsonl")), ("\n".join(lines), ("JSON", ".json"))):
        try:
            if isinstance(json.loads(text), dict | list):
                return kind
        except (ValueError, RecursionError):
            continue
    return None


# Tables of separated values


def _read_table(text: str, path: Path, columns: Sequence[str], *, first: str) -> Rows:
    """Read CSV by RFC 4180 with any of four separators. The first line has the column names."""
    stated = re.match(r'"?sep=(.)"?\n', text, re.IGNORECASE)  # Excel's own first line
    body, skipped = (text[stated.end() :], 1) if stated else (text, 0)
    delimiter = stated[1] if stated else _find_delimiter(body, columns, first)
    records = _split_records(body, delimiter, path, skipped)
    _, header = next(records, (0, []))
    names = [name.strip().lower() for name in header]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise PromptError(f"{path.name}: two columns are called {twice}", hint="rename one of them")
    rows = []
    for line, fields in records:
        if fields == header and any(names):
            raise PromptError(f"{path.name}:{line}: the header is repeated here, as if tables were joined", hint="delete that line")
        if len(fields) != len(header):
            raise PromptError(
                f"{path.name}:{line}: a row of {len(fields)} fields under a header of {len(header)}",
                hint=f'a field with {_DELIMITERS.get(delimiter, "separators")} or line breaks in it must be in quotes: "..."',
            )
        rows.append(dict(zip(header, fields)))
    note = f"{path.name}: its fields are separated by {_DELIMITERS.get(delimiter, repr(delimiter))}"
    notes = [note] if delimiter != first else []
    if count := sum(str(next(iter(row.values()))).startswith("#") for row in rows):
        notes.append(f"{path.name}: {count} rows begin with #; they are read as rows, not as comments")
    return Rows(rows=rows, notes=tuple(notes))


def _find_delimiter(text: str, columns: Sequence[str], first: str) -> str:
    """The separator with which the first line contains a wanted column. Without one, the only separator in the line, or that of the
    file ending.
    """
    line = next((line for line in text.split("\n") if line.strip()), "")
    delimiters = sorted(_DELIMITERS, key=lambda one: one != first)
    for delimiter in delimiters:
        if {name.strip(' "').lower() for name in line.split(delimiter)} & set(columns):
            return delimiter
    others = [delimiter for delimiter in delimiters if delimiter in line]
    return others[0] if len(others) == 1 else first


def _split_records(text: str, delimiter: str, path: Path, line: int) -> Iterator[tuple[int, list[str]]]:
    """The first line number and the fields of each record; empty lines have none."""
    end = rf"(?=[{re.escape(delimiter)}\n]|\Z)"
    quoted = re.compile(rf' *"([^"]*(?:""[^"]*)*)" *{end}')
    plain = re.compile(rf"[^{re.escape(delimiter)}\n]*")
    at, line = 0, line + 1
    while at < len(text):
        start, begin, fields = line, at, list[str]()
        while True:
            match = quoted.match(text, at)
            if match is not None:
                field = match[1].replace('""', '"')
                line += match[1].count("\n")
            else:
                match = plain.match(text, at)
                assert match is not None  # it matches nothing, too
                field = match[0].strip(" ")
                _check_unquoted(field, path, line)
            fields.append(field)
            at = match.end()
            if at == len(text) or text[at] == "\n":
                break
            at += 1
        is_empty = not text[begin:at].strip(" ")
        at, line = at + 1, line + 1
        if not is_empty:
            yield start, fields


def _check_unquoted(field: str, path: Path, line: int) -> None:
    """Explain a broken record. A field that begins with a quote but is not a quoted field is broken; backslashes belong to another
    dialect.
    """
    if field.startswith('"'):
        raise PromptError(
            f"{path.name}:{line}: not valid CSV: a quote is never closed, or text follows the closing quote",
            hint='inside a quoted field, write a quote twice: "Say ""hi"", please"',
        )
    if '\\"' in field:
        raise PromptError(
            f'{path.name}:{line}: not valid CSV: \\" outside of quotes',
            hint='put the field in quotes, and write quotes inside it twice: ""',
        )


# JSON and YAML


def _read_json(text: str, path: Path, columns: Sequence[str], *, is_lines: bool) -> list[Any]:
    """Read one document, or a document per line, as the file ending says, or the other form if the file has that."""
    readers = [lambda: _unfold(_parse(text, path), path, columns), lambda: _parse_lines(text, path)]
    first, second = reversed(readers) if is_lines else readers
    try:
        return first()
    except PromptError as error:
        if error.__cause__ is None or not text.strip():
            raise
        try:
            return second()
        except PromptError:
            raise error from error.__cause__


def _parse_lines(text: str, path: Path) -> list[Any]:
    lines = [(number, line) for number, line in enumerate(_split_lines(text), start=1) if line.strip()]
    rows = [_parse(line, path, number) for number, line in lines]
    return rows[0] if len(rows) == 1 and isinstance(rows[0], list) else rows


def _parse(text: str, path: Path, number: int | None = None) -> Any:
    """Parse JSON; an error names the line."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        line = number or getattr(error, "lineno", None)
        raise PromptError(f"{path.name}{f':{line}' if line else ''}: not valid JSON: {show(str(error))}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {show(next(name for name in names if names.count(name) > 1))!r} occurs twice in an object")
    return document


class _PromptLoader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """Parse YAML without references, which a few lines can nest to billions of entries, and without keys that occur twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it contains references (*), which are not supported")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        document = super().construct_mapping(node, deep)
        if len(document) < len(node.value):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: a key occurs twice in an object")
        return document


def _read_yaml(text: str, path: Path) -> Any:
    if len(text) > _MAX_YAML:
        raise PromptError(
            f"{path.name}: YAML of {len(text):,} characters, expected at most {_MAX_YAML:,}", hint="save it as .jsonl"
        )
    try:
        document = yaml.load(text, Loader=_PromptLoader)
    except Exception as error:  # yaml raises more than its own errors, for dates and numbers that are none
        raise PromptError(f"{path.name}: not valid YAML: {show(str(error))}") from error
    if not isinstance(document, list | dict):
        raise PromptError(f"{path.name}: YAML that contains no list", hint="begin each prompt with '- ', or name the file .txt")
    return document


def _note_comments(text: str, document: Any, path: Path) -> tuple[str, ...]:
    """Note that a prompt without quotes ends at a YAML comment."""
    whole = str(document)
    for number, line in enumerate(text.split("\n"), start=1):
        comment = re.search(r"[^\s#-]\s+(#.*)", line)
        if comment is not None and comment[1].strip() not in whole:
            return (f"{path.name}:{number}: text after # is a comment and not part of an unquoted prompt",)
    return ()


def _unfold(document: Any, path: Path, columns: Sequence[str]) -> list[Any]:
    """Read rows from the layouts that programs write: a list; lists or numbered objects by column; a list inside one object."""
    if not isinstance(document, dict):
        return document if isinstance(document, list) else [document]
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):  # pandas, orient="split"
        return _join_columns(document["columns"], document["data"], path)
    named = [key for key in document if isinstance(key, str) and key.strip().lower() in columns]
    if named:
        return _turn_columns(document, named[0], path)
    lists = {key: value for key, value in document.items() if isinstance(value, list)}
    records = [key for key, value in lists.items() if value and all(isinstance(row, dict) for row in value)]
    found = records or [key for key in lists if str(key).strip().lower() in _CONTAINERS or len(document) == 1]
    if len(found) == 1:
        return list(lists[found[0]])
    if len(lists) > 1:
        shown, hint = show(", ".join(map(str, lists))), "keep one list in the file" if records else "name one with --column"
        raise PromptError(f"{path.name}: an object with several lists: {shown}", hint=hint)
    values = list(document.values())
    if values and all(isinstance(value, dict) for value in values):  # pandas, orient="index"
        return values
    return [document]


def _join_columns(names: list[Any], data: list[Any], path: Path) -> list[Any]:
    if any(not isinstance(row, list) or len(row) != len(names) for row in data) or len(set(map(str, names))) < len(names):
        raise PromptError(f"{path.name}: columns and data that don't match")
    return [dict(zip(map(str, names), row)) for row in data]


def _turn_columns(document: dict[str, Any], key: str, path: Path) -> list[Any]:
    """Turn columns into rows. An object whose columns hold one value each is a row."""
    column = document[key]
    if isinstance(column, dict) and not {"content", "value", "text"} & column.keys():  # pandas, as it writes by default
        others = {name: value for name, value in document.items() if isinstance(value, dict)}
        if any(value.keys() != column.keys() for value in others.values()):
            raise PromptError(f"{path.name}: columns with different rows")
        return [{name: value[index] for name, value in others.items()} for index in column]
    is_row = isinstance(column, list) and (key.strip().lower() in CONVERSATIONS or all(isinstance(value, dict) for value in column))
    if not isinstance(column, list) or (is_row and not all(isinstance(value, list) for value in column)):
        return [document]
    lists = {name: value for name, value in document.items() if isinstance(value, list) and len(value) == len(column)}
    return [dict(zip(lists, values)) for values in zip(*lists.values())]
