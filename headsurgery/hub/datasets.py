"""Fetch a data set from the Hub by name: the plain tables of one split, or its rows if a library has to read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headsurgery.errors import PromptError
from headsurgery.hub.errors import hub_errors
from headsurgery.hub.models import commit_of
from headsurgery.hub.names import NAME, check_token

_DATASET = re.compile(rf"(?:hf://datasets/)?{NAME}(?::(?P<split>[\w.-]+))?")
_PLAIN_TABLES = (".csv", ".jsonl", ".json", ".txt")
_NO_TABLES = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "readme.txt", "license.txt", "requirements.txt")
_OTHER_SPLITS = ("test", "validation", "valid", "val", "dev", "eval")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set from the Hub: its plain files, or its rows if it has none.

    Args:
        name: `org/name@commit:split`, or `org/name@commit:file`.
        revision: The commit.
        files: Local copies of the split's plain files.
        rows: Its rows, if a library had to read them.
    """

    name: str
    revision: str
    files: tuple[Path, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()


def fetch_dataset(name: str, *, file: str | None = None, token: str | None = None) -> Dataset:
    """Fetch one split or one file of a data set. Plain tables (CSV, JSON, text) need no library; others need the extra `datasets`.

    Args:
        name: `org/name[@revision][:split]`; the default split is `train`.
        file: Fetch this file instead of a split. If the revision is a commit and the file is in the Hub's cache, no request is
            made.
        token: Token for gated and private data sets.

    Raises:
        PromptError: The name is not valid, or there is no such split or file.
        HubError: The Hub refused the request, or can't be reached.
    """
    match = _DATASET.fullmatch(name)
    if match is None:
        raise PromptError(f"{name}: neither a file nor a Hub data set; expected a form like org/name@revision:split")
    token = check_token(token)
    with hub_errors(match["id"]):
        if file is not None:
            return _fetch_file(match["id"], match["revision"], file, token)
        return _fetch_split(match["id"], match["revision"], match["split"] or "train", token)


def _fetch_file(repo: str, revision: str | None, file: str, token: str | None) -> Dataset:
    from huggingface_hub import errors, hf_hub_download

    try:
        path = Path(hf_hub_download(repo, file, repo_type="dataset", revision=revision, token=token))
    except errors.RemoteEntryNotFoundError as error:
        raise PromptError(f"{repo}: has no file {file}" + (f" at {revision}" if revision else "")) from error
    commit = next(filter(None, map(commit_of, path.parents)))
    return Dataset(name=f"{repo}@{commit}:{file}", revision=commit, files=(path,))


def _fetch_split(repo: str, revision: str | None, split: str, token: str | None) -> Dataset:
    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi(token=token).dataset_info(repo, revision=revision)
    commit = info.sha or revision or "main"
    names = sorted(entry.rfilename for entry in info.siblings or ())
    name, chosen = f"{repo}@{commit}:{split}", _choose_files(names, split)
    if not chosen:
        return Dataset(name=name, revision=commit, rows=_load_rows(repo, commit, split, token, tables=_tables(names)))
    files = [Path(hf_hub_download(repo, file, repo_type="dataset", revision=commit, token=token)) for file in chosen]
    return Dataset(name=name, revision=commit, files=tuple(files))


def _tables(names: list[str]) -> list[str]:
    """The plain tables among a repository's files."""
    lower = {name: name.lower() for name in names}
    return [name for name in names if lower[name].endswith(_PLAIN_TABLES) and Path(lower[name]).name not in _NO_TABLES]


def _choose_files(names: list[str], split: str) -> list[str]:
    """Plain tables whose names contain the split. A repository's only table is `train` if its name contains no split."""

    def of(*splits: str) -> list[str]:
        words = re.compile(rf"(?:^|[/._-])(?:{'|'.join(map(re.escape, splits))})[/._-]")
        return [name for name in _tables(names) if words.search(name)]

    if chosen := of(split):
        return chosen
    is_only = len(_tables(names)) == 1 and not any(name.endswith((".parquet", ".arrow")) for name in names)
    return _tables(names) if is_only and split == "train" and not of(*_OTHER_SPLITS) else []


def _load_rows(repo: str, commit: str, split: str, token: str | None, *, tables: list[str]) -> tuple[dict[str, Any], ...]:
    try:
        import datasets
    except ImportError as error:
        shown = f"{', '.join(tables[:5])}, ..." if len(tables) > 5 else ", ".join(tables)
        raise PromptError(
            f"{repo}: has no plain table (CSV, JSON lines, text) for the split {split!r}" + (f"; it has {shown}" if tables else ""),
            hint="name another split, or install the library that reads other formats: pip install 'headsurgery[datasets]'",
        ) from error
    try:
        return tuple(dict(row) for row in datasets.load_dataset(repo, split=split, revision=commit, token=token))
    except (ValueError, OSError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise PromptError(f"{repo}: can't be loaded as a data set: {' '.join(str(error).split())}") from error
