"""Write what is declared in code into the pages: python docs/update_help.py. A test fails where a page is behind.

Each command's page gets its help, and docs/api.md a table of each option object's fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.testing import CliRunner

from headsurgery.cli import VERBS, app
from headsurgery.options import Declared, Options

DOCS = Path(__file__).parent
PAGES, API = DOCS / "commands", DOCS / "api.md"
BLOCK = re.compile(r"(<!-- help -->\n).*?(<!-- end -->)", re.DOTALL)
OPTIONS = re.compile(r"(<!-- options ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page_of(verb: str) -> Path:
    """The page of a command."""
    return PAGES / f"{verb}.md"


def with_help(verb: str, text: str) -> str:
    """A page with its command's help as it is now.

    Raises:
        ValueError: The page has no place for it.
    """
    shown = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(app, [verb, "--help"], prog_name="headsurgery").stdout.strip()
    if not BLOCK.search(text):
        raise ValueError(f"{verb}.md: no <!-- help --> and <!-- end -->")
    return BLOCK.sub(lambda place: f"{place[1]}```text\n{shown}\n```\n{place[2]}", text)


def with_options(text: str) -> str:
    """A page with the fields of the option objects that it names, as they are now."""
    return OPTIONS.sub(lambda place: f"{place[1]}\n{table_of(_find(place[2]))}\n\n{place[3]}", text)


def table_of(options: type[Options]) -> str:
    """The fields of an option object: name, type, default, flag and what each is for."""
    rows = ["| field | type | default | flag | |", "|---|---|---|---|---|"]
    for field in options.declared():
        kind, default = _say_kind(field), _say_default(field.default)
        rows.append(f"| `{field.name}` | {kind} | {default} | `{field.long_name}` | {field.flag.help.replace('|', '&#124;')} |")
    return "\n".join(rows)


def _find(path: str) -> type[Options]:
    module, _, name = path.rpartition(".")
    found: type[Options] = getattr(import_module(module), name)
    return found


def _say_kind(field: Declared) -> str:
    if field.choices:
        return " or ".join(f"`{one!r}`" for one in field.choices)
    parts = [one for one in get_args(field.kind) if one is not Ellipsis] if get_origin(field.kind) else [field.kind]
    if get_origin(field.kind) is tuple:
        return f"tuple of {_say_type(parts[0])}"
    if get_origin(field.kind) not in (None, Mapping):
        return " or ".join(map(_say_type, parts))
    return _say_type(get_origin(field.kind) or field.kind)


def _say_type(kind: Any) -> str:
    if kind is Any:
        return "any"
    choices = get_args(kind)
    return " or ".join(f"`{one!r}`" for one in choices) if choices else str(getattr(kind, "__name__", kind)).lower()


def _say_default(default: Any) -> str:
    return "`{}`" if isinstance(default, Mapping) else f"`{default!r}`"


def main() -> None:
    """Update all pages."""
    for verb in VERBS:
        page = page_of(verb)
        page.write_text(with_help(verb, page.read_text()))
    API.write_text(with_options(API.read_text()))


if __name__ == "__main__":
    main()
