"""What names and tokens of the Hub look like: `org/name`, `hf://` before it or not, with an optional `@revision`.

Nothing here asks the Hub. Neighbour: `hub` turns names into models, data sets and files.
"""

from __future__ import annotations

import re

from headsurgery.errors import UsageError

ID = r"(?P<id>\w[\w.-]*/\w[\w.-]*)"
NAME = rf"{ID}(?:@(?P<revision>[\w./-]+))?"

_ID = re.compile(ID)
_NAME = re.compile(rf"(?:hf://)?{NAME}")
_TOKEN = re.compile(r"[!-~]+")


def is_hub_id(name: str | None) -> bool:
    """Whether a name is a mere `org/name`, and not a local folder's."""
    return name is not None and _ID.fullmatch(name) is not None


def split_name(name: str, revision: str | None = None) -> tuple[str, str | None] | None:
    """A repository's id and revision; None where it is no such name.

    Args:
        name: `org/name` or `hf://org/name`, with an optional `@revision`.
        revision: The same as after `@`.

    Raises:
        UsageError: Two revisions.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    if revision and match["revision"] and revision != match["revision"]:
        raise UsageError(f"{name} and --revision {revision} name two revisions")
    return match["id"], revision or match["revision"]


def check_token(token: str | None) -> str | None:
    """A token that can go into a header, without white space around it. Whatever is wrong with it, it is never shown.

    Raises:
        UsageError: It can't be one.
    """
    if token is not None and not _TOKEN.fullmatch(token := token.strip()):
        raise UsageError("the token is empty, or holds characters that no token has", hint="copy it again, or run hf auth login")
    return token
