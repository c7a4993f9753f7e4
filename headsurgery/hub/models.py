"""Find a model by name: a directory, or a repository on the Hub, which is fetched or read remotely.

Neighbours: `files` reads byte ranges of a repository, `names` parses names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.errors import CheckpointError, HubError, UsageError
from headsurgery.hub.errors import HubMissingError, HubUnreachableError, hub_errors
from headsurgery.hub.names import check_token, split_gguf_name, split_name
from headsurgery.progress import Progress, StageProgress, of_stage
from headsurgery.storage.copies import COPY_FOLDERS, COPY_PATTERNS

if TYPE_CHECKING:
    from headsurgery.storage.checkpoint import Checkpoint

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model on disk, and its name.

    Args:
        path: Its directory, or its GGUF file.
        model: Hub id, the same with a GGUF file of that repository, or the name of the directory or file.
        revision: The commit, if the model came from the Hub.
    """

    path: Path
    model: str
    revision: str | None


def fetch_model(name: str, *, revision: str | None = None, token: str | None = None, on_progress: Progress | None = None) -> Source:
    """Find a model. A directory or a GGUF file is used as it is; a Hub id is downloaded into the Hub's cache, which can be resumed.

    Args:
        name: Directory, GGUF file, `org/name`, `hf://org/name` or `org/name/FILE.gguf`, with an optional `@revision`.
        revision: Branch, tag or commit; the same as after `@`.
        token: For gated and private models.
        on_progress: Called with the stage, `fetching`, and bytes fetched and in all, as far as they are known. Default: the Hub
            client's own bars.

    Raises:
        CheckpointError: Neither a directory nor a Hub id.
        UsageError: A revision of a directory, two revisions, or a token that can't be one.
        HubError: The Hub refused, or can't be reached.
    """
    report = of_stage(on_progress, "fetching")
    how: dict[str, Any] = {"token": check_token(token), "tqdm_class": _bar(report) if report else None}
    file = _find_gguf(name, revision)
    if file is not None:
        with _no_folder_either(name, file[0]):
            return _fetch_gguf(*file, **how)
    found = _find(name, revision)
    if isinstance(found, Source):
        return found
    with _no_folder_either(name, found[0]):
        return _fetch_snapshot(*found, **how)


def open_model(name: str, *, revision: str | None = None, token: str | None = None) -> Checkpoint:
    """Open a directory, or a repository on the Hub without downloading it: only the requested bytes are fetched.

    A Hub name is resolved to its commit here, and all later reads are of that commit. If the Hub can't be reached, a complete
    snapshot in its cache is used. A GGUF file on the Hub is downloaded.

    Args:
        name: Directory, GGUF file, `org/name`, `hf://org/name` or `org/name/FILE.gguf`, with an optional `@revision`.
        revision: Branch, tag or commit; the same as after `@`.
        token: For gated and private models.

    Raises:
        CheckpointError: Neither a directory nor a Hub id, or not a checkpoint.
        UsageError: A revision of a directory, two revisions, or a token that can't be one.
        HubError: The Hub refused, or can't be reached.
    """
    from headsurgery.storage.checkpoint import open_checkpoint

    if _find_gguf(name, revision) is not None:
        source = fetch_model(name, revision=revision, token=token)
        return open_checkpoint(source.path, model=source.model, revision=source.revision)
    found = _find(name, revision)
    if not isinstance(found, Source):
        from headsurgery.hub.files import list_files

        repo, wanted = found
        token = check_token(token)
        try:
            files = list_files(repo, wanted, token=token)
        except HubError as error:
            try:
                snapshot = _fetch_snapshot(repo, wanted, token=token, local_files_only=True)
                return open_checkpoint(snapshot.path, model=snapshot.model, revision=snapshot.revision)
            except (HubError, CheckpointError):  # no snapshot, or an incomplete one
                with _no_folder_either(name, repo):
                    raise error from error.__cause__
        return open_checkpoint(files, model=files.repo, revision=files.commit)
    return open_checkpoint(found.path, model=found.model, revision=found.revision)


@contextmanager
def _no_folder_either(name: str, repo: str) -> Iterator[None]:
    """If a name may have been meant as a path, add to the error that there is no such folder either."""
    try:
        yield
    except HubUnreachableError as error:
        if name.startswith("hf://"):
            raise
        raise HubUnreachableError(
            f"{name}: no such folder, and {repo} could not be looked up on the Hub ({error.cause})",
            cause=error.cause,
            hint="check the path; for a model on the Hub, check the connection and HF_HUB_OFFLINE",
        ) from error.__cause__
    except HubMissingError as error:
        if name.startswith("hf://"):
            raise
        raise HubMissingError(
            f"{name}: no such folder, and no such repository on the Hub, or it is private", hint=error.hint
        ) from error.__cause__


def _find(name: str, revision: str | None) -> Source | tuple[str, str | None]:
    """A directory, or a repository's id and revision."""
    path = os.path.expanduser(name)
    if os.path.isdir(path) or (path.lower().endswith(".gguf") and os.path.isfile(path)):
        if revision is not None:
            raise UsageError(f"--revision {revision}: {name} is on this machine, so it has none")
        return _local(Path(path))
    found = None if os.path.exists(path) else split_name(name, revision)
    if found is None and os.path.isfile(path):
        from headsurgery.storage.foreign import explain_file

        raise explain_file(Path(path))
    if found is None:
        what = "not a directory" if os.path.exists(path) else "no such directory, and not a Hub id"
        raise CheckpointError(f"{name}: {what}", hint="give a checkpoint directory or a Hub id like org/name")
    return found


def _find_gguf(name: str, revision: str | None) -> tuple[str, str, str | None] | None:
    """The repository, file and revision of a GGUF file on the Hub; None for a path on this machine or another name."""
    return None if os.path.exists(os.path.expanduser(name)) else split_gguf_name(name, revision)


def _fetch_gguf(repo: str, file: str, revision: str | None, **how: Any) -> Source:
    from huggingface_hub import snapshot_download

    from headsurgery.storage.gguf import parts_of

    with hub_errors(repo):
        snapshot = Path(snapshot_download(repo, revision=revision, allow_patterns=[escape(part) for part in parts_of(file)], **how))
    if not (snapshot / file).is_file():
        raise CheckpointError(f"{repo}: has no file {file}", hint="look at the repository's page for the names of its files")
    return Source(path=snapshot / file, model=f"{repo}/{file}", revision=commit_of(snapshot))


def _fetch_snapshot(repo: str, revision: str | None, **how: Any) -> Source:
    from huggingface_hub import snapshot_download

    copies = [*COPY_PATTERNS, *(f"{folder}/*" for folder in COPY_FOLDERS)]
    with hub_errors(repo):
        snapshot = Path(snapshot_download(repo, revision=revision, ignore_patterns=copies, **how))
    return Source(path=snapshot, model=repo, revision=commit_of(snapshot))


def _bar(on_progress: StageProgress) -> type[Any]:
    """A progress bar that shows nothing and reports the bytes that have arrived."""
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
    """A directory or a GGUF file. A snapshot in the Hub's cache gets its Hub id and commit."""
    if path.is_file():
        return Source(path=path, model=path.name, revision=None)
    commit = commit_of(path.resolve())
    repository = path.resolve().parent.parent.name
    if commit and repository.startswith("models--"):
        return Source(path=path, model=repository.removeprefix("models--").replace("--", "/"), revision=commit)
    return Source(path=path, model=path.resolve().name, revision=None)


def commit_of(snapshot: Path) -> str | None:
    """The commit of a snapshot in the Hub's cache; None for other directories."""
    is_snapshot = snapshot.parent.name == "snapshots" and _COMMIT.fullmatch(snapshot.name)
    return snapshot.name if is_snapshot else None


def pinned_name(name: str, source: Source | Checkpoint) -> str:
    """The name to use in a later command for the same weights: a path as the user gave it, or a Hub id with its commit."""
    if source.revision is None or Path(name).expanduser().exists():
        return name
    return f"{source.model}@{source.revision}"
