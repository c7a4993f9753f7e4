"""Prompt sets: load by name, clean, hash.

A set is named in one word: `builtin:decline`, a published set like `advbench`, a file, or a data set on the Hub as
`org/name[@revision][:split]`. Sets of harmful questions are loaded from where they are published (`published` says where) and never
written anywhere; a recipe records a set's name, count and hash. `tables` picks prompts out of files, `hub` fetches them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from headsurgery.errors import HubError, PromptError, UsageError
from headsurgery.prompts.files import NAMED_ENDINGS
from headsurgery.prompts.ids import is_visible
from headsurgery.prompts.published import Kind, PublishedSet, find_published, published_sets
from headsurgery.prompts.tables import Picked, has_column, keep_rows, pick_prompts, read_prompts, read_rows
from headsurgery.recipe import PromptRecord

_BUILTIN_KINDS: dict[str, Kind] = {
    "decline": "harmful",
    "harmless": "harmless",
    "paired-decline": "harmful",
    "paired-harmless": "harmless",
}
BUILTIN = tuple(_BUILTIN_KINDS)
"""Built-in sets. Row i of `harmless` is a look-alike of row i of `decline`, and row i of `paired-harmless` of `paired-decline`."""

_BYTE_ORDER_MARK = "\ufeff"
"""Occurs inside a text if files were joined."""
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class PromptSet:
    """Prompts in order, without empty ones and without duplicates.

    Args:
        name: As it goes into a recipe: no path.
        texts: The prompts.
        notes: What was left out, and how it was read, for the user.
        kind: What it is for; None where nobody has said.
        column: Of the table that they stood in; None where they are no table. Sets of the same prompts are equal whatever it is.
        keeps_rows: Whether prompt i is the source's row i: none was left out before it. Methods that pair two sets rely on it.
        left_out: How many prompts are missing because they don't fit into a model's context.
    """

    name: str
    texts: tuple[str, ...]
    notes: tuple[str, ...] = ()
    kind: Kind | None = None
    column: str | None = field(default=None, compare=False)
    keeps_rows: bool = field(default=True, compare=False)
    left_out: int = field(default=0, compare=False)

    def __repr__(self) -> str:
        """Its name and how many prompts there are, on one line."""
        return f"PromptSet({self.name}: {len(self.texts)} {self.kind or ''} prompts)".replace("  ", " ")

    @property
    def sha256(self) -> str:
        """SHA-256 of the prompts, each followed by a line feed, in UTF-8."""
        return sha256("".join(f"{text}\n" for text in self.texts).encode()).hexdigest()

    def to_record(self) -> PromptRecord:
        """Name, count and hash, and what else it takes to find them again, as a recipe states them."""
        return PromptRecord(
            name=self.name, count=len(self.texts), sha256=self.sha256, column=self.column, left_out=self.left_out or None
        )

    def identity(self) -> dict[str, Any]:
        """What a journal knows the set by, as JSON."""
        return {"name": self.name} | self.content()

    def content(self) -> dict[str, Any]:
        """The same without the name."""
        return {"count": len(self.texts), "sha256": self.sha256}

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], *, name: str = "inline", limit: int | None = None, kind: Kind | None = None
    ) -> PromptSet:
        """Clean a list of prompts.

        Args:
            texts: Prompts; white space around them is dropped.
            name: Name of the set.
            limit: Keep the first so many.
            kind: What it is for, if that is known.

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
                raise PromptError(f"{name}: prompt {position} contains half a surrogate pair, which is not valid text")
            stripped.append(text.strip().strip(_BYTE_ORDER_MARK).strip())
        filled = [text for text in stripped if any(map(is_visible, text))]
        unique = list(dict.fromkeys(filled))
        if not unique:
            raise PromptError(f"{name}: contains no prompts")
        notes = []
        if len(filled) < len(stripped):
            notes.append(f"{name}: left out {len(stripped) - len(filled)} empty prompts")
        if len(unique) < len(filled):
            notes.append(f"{name}: left out {len(filled) - len(unique)} duplicate prompts")
        if broken := sum("\ufffd" in text for text in unique):
            notes.append(f"{name}: {broken} prompts contain U+FFFD, a sign that characters were lost earlier")
        chosen = unique[:limit]
        return cls(name=name, texts=tuple(chosen), notes=tuple(notes), kind=kind, keeps_rows=chosen == stripped[: len(chosen)])


def load_prompts(source: str, *, column: str | None = None, limit: int | None = None, token: str | None = None) -> PromptSet:
    """Load a set by name, looked for in this order.

    Args:
        source: A built-in set, `builtin:` and one of `BUILTIN`; a published set, `NAME[@revision]` (see `published_sets`), even
            where a file of this name lies here: that is `./NAME`; a .txt (one prompt a line), .csv, .tsv, .jsonl, .json or .yaml
            file; or a data set on the Hub, `org/name[@revision][:split]` (split `train` if not given).
        column: Column of a table; default: the published one, or the one of `COLUMNS` that it has.
        limit: Keep the first so many.
        token: For gated data sets.

    Returns:
        The set. Its kind is None unless it is built in or published: what an unknown set is for is the caller's to say.

    Raises:
        PromptError: No such set, column or prompts; a set without columns, and one is asked for.
        HubError: The Hub refused, or can't be reached.
        UsageError: A limit below 1.
    """
    return load_prompt_sets([source], column=column, limit=limit, token=token)[0]


def load_prompt_sets(
    sources: Iterable[str], *, column: str | None = None, limit: int | None = None, token: str | None = None
) -> tuple[PromptSet, ...]:
    """Load several sets, as `load_prompts` does. The column is searched in the sets that are tables.

    Args:
        sources: Names.
        column: Column of the tables among them; a published set that has no such column keeps its own.
        limit: Keep the first so many of each.
        token: For gated data sets.

    Raises:
        PromptError: As `load_prompts`; or none of the sets has columns, and one is asked for.
        HubError: The Hub refused, or can't be reached.
        UsageError: A limit below 1.
    """
    named = list(sources)
    sets = tuple(_load(source, column, limit, token, is_alone=len(named) == 1) for source in named)
    wanted = None if column is None else column.strip().lower()
    if wanted is not None and all(prompts.column is None or prompts.column.strip().lower() != wanted for prompts in sets):
        names = ", ".join(named)
        if all(prompts.column is None for prompts in sets):
            raise PromptError(f"{names}: has no columns, so --column {column} can't be used")
        raise PromptError(f"{names}: no column {column}")
    return sets


def _load(source: str, column: str | None, limit: int | None, token: str | None, *, is_alone: bool) -> PromptSet:
    if source.startswith("builtin:"):
        return _load_builtin(source.removeprefix("builtin:"), limit)
    if (row := find_published(source.partition("@")[0])) is not None:
        return _load_published(row, source, column, limit, token, is_alone=is_alone)
    path = Path(os.path.expanduser(source))
    if os.path.exists(path) or _looks_like_path(source):
        return _clean(_read_local(path, column), name=path.name, limit=limit)
    from headsurgery.hub.datasets import fetch_dataset  # the Hub client is slow to import

    dataset = fetch_dataset(source, token=token)
    picked = [read_prompts(path, column) for path in dataset.files] or [pick_prompts(dataset.rows, column, source)]
    together = Picked(
        texts=[text for part in picked for text in part.texts],
        column=next((part.column for part in picked if part.column is not None), None),
        notes=tuple(note for part in picked for note in part.notes),
    )
    return _clean(together, name=dataset.name, limit=limit)


def _clean(picked: Picked, *, name: str, limit: int | None, kind: Kind | None = None) -> PromptSet:
    prompts = PromptSet.from_texts(picked.texts, name=name, limit=limit, kind=kind)
    return replace(prompts, notes=(*picked.notes, *prompts.notes), column=picked.column)


def _looks_like_path(source: str) -> bool:
    """Whether a name has another form than `org/name`, ignoring what follows: a revision may contain slashes, and a split a full
    stop.
    """
    if source.startswith("hf://"):
        return False
    name = source.partition("@")[0].partition(":")[0]
    return name.lower().endswith(NAMED_ENDINGS) or source.startswith((".", "/", "~")) or name.count("/") != 1


def _load_builtin(name: str, limit: int | None) -> PromptSet:
    if name not in BUILTIN:
        raise PromptError(f"builtin:{name}: no such set; expected {' or '.join(f'builtin:{known}' for known in BUILTIN)}")
    texts = (files("headsurgery") / "data" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return PromptSet.from_texts(texts, name=f"builtin:{name}", limit=limit, kind=_BUILTIN_KINDS[name])


def _read_local(path: Path, column: str | None) -> Picked:
    try:
        return read_prompts(path, column)
    except FileNotFoundError as error:
        known = ", ".join([*(f"builtin:{name}" for name in BUILTIN), *(row.name for row in published_sets())])
        raise PromptError(f"{path}: no such file", hint=f"give a file, a Hub data set like org/name, or one of {known}") from error


def _load_published(
    row: PublishedSet, source: str, column: str | None, limit: int | None, token: str | None, *, is_alone: bool
) -> PromptSet:
    """The set with the name `NAME@commit`, which loads the same texts again."""
    revision = source.partition("@")[2] if "@" in source else row.revision
    try:
        commit, rows = _fetch_rows(row, revision, token)
        chosen = row.column if column is None or (not is_alone and not has_column(rows, column)) else column
        prompts = _clean(pick_prompts(rows, chosen, row.repo), name=f"{row.name}@{commit}", limit=limit, kind=row.kind)
    except (HubError, PromptError) as error:
        raise _explain(row, error) from error
    if len(rows) != row.count:
        prompts = replace(
            prompts, notes=(f"{prompts.name}: {len(rows)} rows, but the published set has {row.count}", *prompts.notes)
        )
    return prompts


def _fetch_rows(row: PublishedSet, revision: str | None, token: str | None) -> tuple[str, list[Any]]:
    """The commit, and the rows of the table that belong to the set."""
    from headsurgery.hub.datasets import fetch_dataset

    dataset = fetch_dataset(row.repo if revision is None else f"{row.repo}@{revision}", file=row.file, token=token)
    rows = [line for path in dataset.files for line in read_rows(path, row.column)] or list(dataset.rows)
    return dataset.revision, rows if row.where is None else keep_rows(rows, *row.where, row.repo)


def _explain(row: PublishedSet, error: HubError | PromptError) -> HubError | PromptError:
    """The same error with the set's name, and with alternatives as its hint."""
    doubt = f" (unverified: {row.unverified})" if row.unverified else ""
    built_in = "builtin:decline" if row.kind == "harmful" else "builtin:harmless"
    ways = f"try {row.name}@main, a file, or another copy on the Hub like org/name:split; {built_in} works without the Hub"
    return type(error)(f"{row.name}: {error}{doubt}", hint=f"{error.hint}; or {ways}" if error.hint else ways)
