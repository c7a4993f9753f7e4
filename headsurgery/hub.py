"""The Hub: the only place that talks to it. Names become local paths, failures become one clear line each.

A model is a directory, a Hub id `org/name`, or `hf://org/name`, each Hub name with an optional `@revision`. Token, endpoint, cache
and offline mode are huggingface_hub's own: HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headsurgery.errors import CheckpointError, HubError, PromptError, UsageError

_HUB_ID = re.compile(r"(?:hf://)?(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_DATASET = re.compile(r"(?:hf://datasets/)?(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<split>[\w.-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WEIGHT_COPIES = [
    "*.bin",
    "*.gguf",
    "*.onnx*",
    "*.h5",
    "*.msgpack",
    "*.pth",
    "*.ot",
    "onnx/*",
    "original/*",
    "openvino/*",
    "coreml/*",
]
_PLAIN_TABLES = (".csv", ".jsonl", ".json", ".txt")


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
        name: `org/name@commit:split`.
        files: Local copies of the split's plain files.
        rows: Its rows, where a library had to read them.
    """

    name: str
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
        HubError: The Hub refused, or can't be reached.
    """
    path = Path(name).expanduser()
    if path.exists() or not (match := _HUB_ID.fullmatch(name)):
        if not path.exists():
            raise CheckpointError(
                f"{name}: no such directory, and not a Hub id", hint="give a checkpoint directory or a Hub id like org/name"
            )
        if revision is not None:
            raise UsageError(f"--revision {revision}: {name} is a local directory, which has none")
        return _local(path)
    if revision and match["revision"] and revision != match["revision"]:
        raise UsageError(f"{name} and --revision {revision} name two revisions")
    from huggingface_hub import snapshot_download

    with _hub_errors(match["id"]):
        snapshot = snapshot_download(
            match["id"], revision=revision or match["revision"], token=token, ignore_patterns=_WEIGHT_COPIES
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


def fetch_dataset(name: str, *, token: str | None = None) -> Dataset:
    """Fetch one split of a data set. Plain tables (CSV, JSON, text) need no further library, others the extra `datasets`.

    Args:
        name: `org/name[@revision][:split]`; the split is `train` if not given.
        token: For gated and private data sets.

    Raises:
        PromptError: Not a data set's name, or no such split.
        HubError: The Hub refused, or can't be reached.
    """
    match = _DATASET.fullmatch(name)
    if match is None:
        raise PromptError(f"{name}: neither a file nor a Hub data set; expected a form like org/name@revision:split")
    from huggingface_hub import HfApi

    split = match["split"] or "train"
    with _hub_errors(match["id"]):
        info = HfApi(token=token).dataset_info(match["id"], revision=match["revision"])
        commit = info.sha or match["revision"] or "main"
        names = sorted(entry.rfilename for entry in info.siblings or ())
        chosen = _choose_files(names, split)
        if not chosen:
            return Dataset(name=f"{match['id']}@{commit}:{split}", rows=_load_rows(match["id"], commit, split, token))
        from huggingface_hub import hf_hub_download

        files = [Path(hf_hub_download(match["id"], file, repo_type="dataset", revision=commit, token=token)) for file in chosen]
    return Dataset(name=f"{match['id']}@{commit}:{split}", files=tuple(files))


def _choose_files(names: list[str], split: str) -> list[str]:
    """Plain tables that belong to a split by name; a repository's only table belongs to any."""
    tables = [name for name in names if name.endswith(_PLAIN_TABLES) and not name.endswith(("dataset_infos.json", "README.txt"))]
    of_split = [name for name in tables if split in re.split(r"[/._-]", name)]
    return of_split or (tables if len(tables) == 1 else [])


def _load_rows(repo: str, commit: str, split: str, token: str | None) -> tuple[dict[str, Any], ...]:
    try:
        import datasets
    except ImportError as error:
        raise PromptError(
            f"{repo}: has no plain table (CSV, JSON lines, text) for the split {split!r}",
            hint="name another split, or install what reads the rest: pip install 'headsurgery[datasets]'",
        ) from error
    try:
        return tuple(dict(row) for row in datasets.load_dataset(repo, split=split, revision=commit, token=token))
    except (ValueError, OSError) as error:
        raise PromptError(f"{repo}: can't be loaded as a data set: {error}") from error


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """huggingface_hub's errors, each with its next step."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise HubError(f"{repo}: gated", hint="ask for access on its page, then run hf auth login, or set HF_TOKEN") from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{repo}: no such revision", hint="look at the repository's branches, tags and commits") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"{repo}: no such repository, or it is private", hint="check the name; for a private one set HF_TOKEN"
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise HubError(
            f"{repo}: not in the cache, and the Hub can't be reached",
            hint="check the connection and HF_HUB_OFFLINE, or give a directory",
        ) from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "no answer")
        raise HubError(
            f"{repo}: the Hub answered with status {status}", hint="try again later; for 401 and 403 set HF_TOKEN"
        ) from error
    except (errors.HTTPError, OSError) as error:  # type: ignore[attr-defined]
        raise HubError(f"{repo}: the Hub can't be reached: {error}", hint="check the connection, or give a directory") from error
