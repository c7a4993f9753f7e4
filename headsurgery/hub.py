"""The Hub: names become local paths, or checkpoints that are read in place; failures become one clear line each.

A model is a directory, a Hub id `org/name`, or `hf://org/name`, each Hub name with an optional `@revision`. Token, endpoint, cache
and offline mode are huggingface_hub's own: HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE. Neighbours: `hub_files` reads a
repository by ranges, `hub_errors` explains failures; no other module talks to the Hub.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.checkpoint.copies import COPY_FOLDERS, COPY_PATTERNS
from headsurgery.errors import CheckpointError, HubError, PromptError, UsageError
from headsurgery.hub_errors import hub_errors
from headsurgery.progress import Progress

if TYPE_CHECKING:
    from headsurgery.checkpoint.reader import Checkpoint

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


def fetch_model(name: str, *, revision: str | None = None, token: str | None = None, on_progress: Progress | None = None) -> Source:
    """Find a model: a directory stays where it is, a Hub id is fetched into the Hub's cache (resumable).

    Args:
        name: Directory, `org/name` or `hf://org/name`, with an optional `@revision`.
        revision: Branch, tag or commit; the same as after `@`.
        token: For gated and private models.
        on_progress: Called with bytes fetched and bytes in all, as far as they are known; default: the Hub client's own bars.

    Raises:
        CheckpointError: Neither a directory nor a Hub id.
        UsageError: A revision of a directory, two revisions, or a token that can't be one.
        HubError: The Hub refused, or can't be reached.
    """
    found = _find(name, revision)
    if isinstance(found, Source):
        return found
    return _fetch_snapshot(*found, token=_checked(token), tqdm_class=_bar(on_progress) if on_progress else None)


def open_model(name: str, *, revision: str | None = None, token: str | None = None) -> Checkpoint:
    """Open a checkpoint where it is: a directory, or a repository on the Hub, of which only the bytes that are asked for travel.

    A Hub name is pinned to its commit here; whatever is read later is of that commit. Where the Hub can't be reached, a snapshot in
    its cache will do.

    Args:
        name: Directory, `org/name` or `hf://org/name`, with an optional `@revision`.
        revision: Branch, tag or commit; the same as after `@`.
        token: For gated and private models.

    Raises:
        CheckpointError: Neither a directory nor a Hub id, or not a checkpoint.
        UsageError: A revision of a directory, two revisions, or a token that can't be one.
        HubError: The Hub refused, or can't be reached.
    """
    from headsurgery.checkpoint.reader import open_checkpoint
    from headsurgery.hub_files import list_files

    found = _find(name, revision)
    if not isinstance(found, Source):
        repo, wanted = found
        token = _checked(token)
        try:
            files = list_files(repo, wanted, token=token)
        except HubError as error:
            try:
                kept = _fetch_snapshot(repo, wanted, token=token, local_files_only=True)
                return open_checkpoint(kept.path, model=kept.model, revision=kept.revision)
            except (HubError, CheckpointError):  # no snapshot, or a part of one
                raise error from error.__cause__
        return open_checkpoint(files, model=files.repo, revision=files.commit)
    return open_checkpoint(found.path, model=found.model, revision=found.revision)


def _find(name: str, revision: str | None) -> Source | tuple[str, str | None]:
    """A directory, or a repository's id and revision."""
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
    return match["id"], revision or match["revision"]


def _fetch_snapshot(repo: str, revision: str | None, **how: Any) -> Source:
    from huggingface_hub import snapshot_download

    copies = [*COPY_PATTERNS, *(f"{folder}/*" for folder in COPY_FOLDERS)]
    with hub_errors(repo):
        snapshot = Path(snapshot_download(repo, revision=revision, ignore_patterns=copies, **how))
    return Source(path=snapshot, model=repo, revision=_commit_of(snapshot))


def _bar(on_progress: Progress) -> type[Any]:
    """A bar that shows nothing and passes on the bytes that arrived."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._passes_on = kwargs.get("unit") == "B" and "transfer" not in kwargs.get("name", "")
            super().__init__(*args, **kwargs | {"disable": True})  # type: ignore[no-untyped-call]
            self.total, self._done = kwargs.get("total"), 0

        def update(self, n: float | None = 1) -> None:
            self._done += int(n or 0)
            if self._passes_on and self.total:
                on_progress(min(self._done, int(self.total)), int(self.total))

    return Bar


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


def pinned_name(name: str, source: Source | Checkpoint) -> str:
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
