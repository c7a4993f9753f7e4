"""Write every command's help into its page: python docs/update_help.py. A test fails where a page is behind."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from headsurgery.cli import VERBS, app

PAGES = Path(__file__).parent / "commands"
BLOCK = re.compile(r"(<!-- help -->\n).*?(<!-- end -->)", re.DOTALL)


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


def main() -> None:
    """Update all pages."""
    for verb in VERBS:
        page = page_of(verb)
        page.write_text(with_help(verb, page.read_text()))


if __name__ == "__main__":
    main()
