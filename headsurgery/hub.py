"""The Hub: the only place that talks to it. Names become local paths, failures become one clear line each.

A model is a directory, a Hub id `org/name`, or `hf://org/name`, each Hub name with an optional `@revision`. Token, endpoint, cache
and offline mode are huggingface_hub's own: HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from headsurgery.checkpoint.copies import COPY_FOLDERS, COPY_PATTERNS
from headsurgery.errors import CheckpointError, HubError, PromptError, UsageError

_NAME = r"(?P<id>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w./-]+))?"
_HUB_ID = re.compile(rf"(?:hf://)?{_NAME}")
_DATASET = re.compile(rf"(?:hf://datasets/)?{_NAME}(?::(?P<split>[\w.-]+))?")
_TOKEN = re.compile(r"[!-~]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PLAIN_TABLES = (".csv", ".jsonl", ".json", ".txt")
_NO_TABLES = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "readme.txt", "license.txt", "requirements.txt")
_OTHER_SPLITS = ("test", "validation", "valid", "val", "dev", "eval")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model on disk, and what it is called.

    Args:
        path: Its directory.
        model: Hub id, or the directory's mere name.
        revision: Commit, if it came from the Hub.
    """

    path: Path
    model: str
    revision: str | None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set from the Hub: plain files, or rows where it has none.

    Args:
        name: `org/name@commit:split`, or `org/name@commit:file`.
        revision: The commit.
        files: Local copies of the split's plain files.
        rows: Its rows, where a library had to read them.
    """

    name: str
    revision: str
    files: tuple[Path, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()


def fetch_model(name: str, *, revision: str | None = None, token: str | None = None) -> Source:
    """Find a model: a directory stays where it is, a Hub id is fetched into the Hub's cache (resumable).

    Args:
        name: Directory, `org/name` or `hf://org/name`, with an optional `@revision`.
        revision: Branch, tag or commit; the same as after `@`.
        token: For gated and private models.

    Raises:
        CheckpointError: Neither a directory nor a Hub id.
        UsageError: A revision of a directory, two revisions, or a token that can't be one.
        HubError: The Hub refused, or can't be reached.
    """
    path = os.path.expanduser(name)
    if os.path.isdir(path):
        if revision is not None:
            raise UsageError(f"--revision {revision}: {name} is a local directory, which has none")
        return _local(Path(path))
    match = _HUB_ID.fullmatch(name)
    if match is None or os.path.exists(path):
        found = "a file" if os.path.exists(path) else "no such directory, and not a Hub id"
        raise CheckpointError(f"{name}: {found}", hint="give a checkpoint directory or a Hub id like org/name")
    if revision and match["revision"] and revision != match["revision"]:
        raise UsageError(f"{name} and --revision {revision} name two revisions")
    from huggingface_hub import snapshot_download

    with _hub_errors(match["id"]):
        snapshot = snapshot_download(
            match["id"],
            revision=revision or match["revision"],
            token=_checked(token),
            ignore_patterns=[*COPY_PATTERNS, *(f"{folder}/*" for folder in COPY_FOLDERS)],
        )
    return Source(path=Path(snapshot), model=match["id"], revision=_commit_of(Path(snapshot)))


def _local(path: Path) -> Source:
    """A directory; one inside the Hub's cache tells its id and commit."""
    commit = _commit_of(path.resolve())
    repository = path.resolve().parent.parent.name
    if commit and repository.startswith("models--"):
        return Source(path=path, model=repository.removeprefix("models--").replace("--", "/"), revision=commit)
    return Source(path=path, model=path.resolve().name, revision=None)


def _commit_of(snapshot: Path) -> str | None:
    is_snapshot = snapshot.parent.name == "snapshots" and _COMMIT.fullmatch(snapshot.name)
    return snapshot.name if is_snapshot else None


def pinned_name(name: str, source: Source) -> str:
    """A model's name as the user gave it, a Hub id with its commit, so that a later command means the same weights."""
    return name if source.revision is None or Path(name).expanduser().exists() else f"{source.model}@{source.revision}"


def fetch_dataset(name: str, *, file: str | None = None, token: str | None = None) -> Dataset:
    """Fetch one split or one file of a data set. Plain tables (CSV, JSON, text) need no library, others the extra `datasets`.

    Args:
        name: `org/name[@revision][:split]`; the split is `train` if not given.
        file: This file instead of a split. At a commit, a copy in the Hub's cache is enough: then the Hub isn't asked.
        token: For gated and private data sets.

    Raises:
        PromptError: Not a data set's name, or no such split or file.
        HubError: The Hub refused, or can't be reached.
    """
    match = _DATASET.fullmatch(name)
    if match is None:
        raise PromptError(f"{name}: neither a file nor a Hub data set; expected a form like org/name@revision:split")
    token = _checked(token)
    with _hub_errors(match["id"]):
        if file is not None:
            return _fetch_file(match["id"], match["revision"], file, token)
        return _fetch_split(match["id"], match["revision"], match["split"] or "train", token)


def _fetch_file(repo: str, revision: str | None, file: str, token: str | None) -> Dataset:
    from huggingface_hub import errors, hf_hub_download

    try:
        path = Path(hf_hub_download(repo, file, repo_type="dataset", revision=revision, token=token))
    except errors.RemoteEntryNotFoundError as error:
        raise PromptError(f"{repo}: has no file {file}" + (f" at {revision}" if revision else "")) from error
    commit = next(filter(None, map(_commit_of, path.parents)))
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


def _checked(token: str | None) -> str | None:
    """A token that can go into a header. Whatever is wrong with it, it is never shown."""
    if token is not None and not _TOKEN.fullmatch(token := token.strip()):
        raise UsageError("the token is empty, or holds characters that no token has", hint="copy it again, or run hf auth login")
    return token


def _tables(names: list[str]) -> list[str]:
    """The plain tables among a repository's files."""
    lower = {name: name.lower() for name in names}
    return [name for name in names if lower[name].endswith(_PLAIN_TABLES) and Path(lower[name]).name not in _NO_TABLES]


def _choose_files(names: list[str], split: str) -> list[str]:
    """Plain tables that belong to a split by name; a repository's only table, if its name tells no split, is `train`."""

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
            hint="name another split, or install what reads the rest: pip install 'headsurgery[datasets]'",
        ) from error
    try:
        return tuple(dict(row) for row in datasets.load_dataset(repo, split=split, revision=commit, token=token))
    except (ValueError, OSError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise PromptError(f"{repo}: can't be loaded as a data set: {' '.join(str(error).split())}") from error


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """huggingface_hub's errors, each with its next step."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.HTTPError, errors.HFValidationError, OSError, JSONDecodeError, UnicodeError) as error:  # type: ignore[attr-defined]
        raise _explain(repo, error) from error


def _explain(repo: str, error: Exception) -> HubError:
    """Never with the text of an HTTP error: it may quote the request's headers, and so the token."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return HubError(f"{repo}: gated", hint="ask for access on its page, then run hf auth login, or set HF_TOKEN")
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(f"{repo}: no such revision", hint="look at the repository's branches, tags and commits")
    answer = error.response if isinstance(error, errors.HfHubHTTPError) else None
    status = answer.status_code if answer is not None else None
    if answer is not None and status == 401 and "credentials" in answer.headers.get("X-Error-Message", ""):
        return HubError(f"{repo}: the Hub doesn't know the token", hint="run hf auth login, or set HF_TOKEN to a valid one")
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:  # the client tells 401s apart on https only
        return HubError(f"{repo}: no such repository, or it is private", hint="check the name; for a private one set HF_TOKEN")
    if isinstance(error, errors.HFValidationError):
        return HubError(f"{repo}: not a Hub id", hint="expected org/name, each without -- or .. and not ending in - or .")
    if status is not None:
        hint = "check what the token is allowed to" if status == 403 else "try again later"
        return HubError(f"{repo}: the Hub answered with status {status}", hint=hint)
    if isinstance(error, (errors.FileMetadataError, JSONDecodeError, UnicodeDecodeError)):
        return HubError(f"{repo}: what answered is not the Hub", hint="check HF_ENDPOINT, the proxy and the connection")
    if isinstance(error, UnicodeError):
        return HubError(f"{repo}: the token holds characters that no token has", hint="copy it again, or run hf auth login")
    if isinstance(error, errors.LocalEntryNotFoundError):
        if isinstance(error.__cause__, (errors.HfHubHTTPError, errors.FileMetadataError)):
            return _explain(repo, error.__cause__)
        return HubError(
            f"{repo}: not here, not in the Hub's cache, and the Hub can't be reached",
            hint="check the connection and HF_HUB_OFFLINE, or give a local path",
        )
    if isinstance(error, (errors.HTTPError, errors.OfflineModeIsEnabled)):  # type: ignore[attr-defined]
        return HubError(
            f"{repo}: not here, and the Hub can't be reached ({type(error).__name__})",
            hint="check the connection and HF_HUB_OFFLINE, or give a local path",
        )
    reason = getattr(error, "strerror", None) or type(error).__name__
    return HubError(f"{repo}: can't be stored in the Hub's cache: {reason}", hint="check HF_HOME and the disk's free space")
