"""The syntax of the Hub's names and tokens: `org/name`, `hf://org/name` or `org/name/FILE.gguf`, with an optional `@revision`.

Nothing here makes requests. Neighbours: the other modules of `hub` turn names into models, data sets and files.
"""

from __future__ import annotations

import re

from headsurgery.errors import UsageError

ID = r"(?P<id>\w[\w.-]*/\w[\w.-]*)"
NAME = rf"{ID}(?:@(?P<revision>[\w./-]+))?"

_ID = re.compile(ID)
_NAME = re.compile(rf"(?:hf://)?{NAME}")
_GGUF = re.compile(rf"(?:hf://)?{ID}/(?P<file>[^@]+\.gguf)(?:@(?P<revision>[\w./-]+))?", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]+")


def is_hub_id(name: str | None) -> bool:
    """Whether a name has the form `org/name`."""
    return name is not None and _ID.fullmatch(name) is not None


def repository_of(name: str | None) -> str | None:
    """The repository's id in `org/name` or `org/name/FILE.gguf`, as recipes and manifests name models; None for another name."""
    if name is None or is_hub_id(name):
        return name
    match = _GGUF.fullmatch(name)
    return None if match is None or "://" in name or "@" in name or ".." in name.split("/") else match["id"]


def split_name(name: str, revision: str | None = None) -> tuple[str, str | None] | None:
    """Split a name into the repository's id and revision; None if it is not a Hub name.

    Args:
        name: `org/name` or `hf://org/name`, with an optional `@revision`.
        revision: The same as after `@`.

    Raises:
        UsageError: Two revisions.
    """
    match = _NAME.fullmatch(name)
    return None if match is None else (match["id"], _one_revision(name, match["revision"], revision))


def split_gguf_name(name: str, revision: str | None = None) -> tuple[str, str, str | None] | None:
    """Split the name of a GGUF file on the Hub into the repository's id, the file and the revision; None if it is none.

    Args:
        name: `org/name/FILE.gguf` or `hf://org/name/FILE.gguf`, with an optional `@revision`.
        revision: The same as after `@`.

    Raises:
        UsageError: Two revisions.
    """
    match = _GGUF.fullmatch(name)
    if match is None or ".." in match["file"].split("/"):
        return None
    return match["id"], match["file"], _one_revision(name, match["revision"], revision)


def _one_revision(name: str, own: str | None, given: str | None) -> str | None:
    if given and own and given != own:
        raise UsageError(f"{name} and --revision {given} name two revisions")
    return given or own


def check_token(token: str | None) -> str | None:
    """Strip white space from a token and check that it can be sent in a header. The token is never shown in an error.

    Raises:
        UsageError: The token is empty or contains invalid characters.
    """
    if token is not None and not _TOKEN.fullmatch(token := token.strip()):
        raise UsageError("the token is empty, or contains invalid characters", hint="copy it again, or run hf auth login")
    return token
