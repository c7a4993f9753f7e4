"""What is there: the target repository, and the base's files that the Hub could copy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headsurgery.card.metadata import is_hub_id
from headsurgery.checkpoint.carried import MANIFEST
from headsurgery.checkpoint.manifest import Manifest
from headsurgery.errors import CheckpointError, HubError
from headsurgery.hub_errors import hub_errors
from headsurgery.push.parcel import Item
from headsurgery.recipe import RecipeBase

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_SMALL = 10 * 2**20
"""Files up to this size may lie in git itself, and then only their git hash is known; the Hub's own limit."""


@dataclass(frozen=True, kw_only=True)
class There:
    """A file of a repository: its size, its SHA-256 if it is a large one, else git's hash; and whether the Hub can copy it."""

    num_bytes: int
    sha256: str | None
    blob: str
    can_be_copied: bool

    def equals(self, item: Item) -> bool:
        """Whether it is the same file."""
        if self.num_bytes != item.record.num_bytes:
            return False
        if self.sha256 is not None:
            return self.sha256 == item.record.sha256
        data = item.source if isinstance(item.source, bytes) else item.source.read_bytes()
        return len(data) <= _SMALL and self.blob == sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Target:
    """The repository that is pushed to.

    Args:
        exists: Whether it is there; else it will be made.
        has_branch: Whether the branch is there.
        is_private: Whether others can't see it; None where it isn't there.
        head: The branch's commit, or main's where there is no branch; None where there is no repository.
        files: What lies there, by name.
        ours: Names of files that an earlier push put there and that nobody changed since.
    """

    exists: bool
    has_branch: bool = False
    is_private: bool | None = None
    head: str | None = None
    files: Mapping[str, There] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()


def survey_target(api: HfApi, repo: str, revision: str | None) -> Target:
    """Look at the target. Small files that an earlier push wrote are fetched, to see whether they are still as it left them.

    Args:
        api: The client.
        repo: Its id.
        revision: A branch; None: main.

    Raises:
        HubError: The Hub refused, or can't be reached.
    """
    from huggingface_hub import errors

    try:
        info = api.model_info(repo, revision=revision)
        has_branch = True
    except errors.RevisionNotFoundError:
        info = api.model_info(repo)
        has_branch = False
    except errors.RepositoryNotFoundError:
        return Target(exists=False)
    files = _list(api.list_repo_tree(repo, recursive=True, revision=info.sha)) if info.sha else {}
    ours = _find_ours(api, repo, str(info.sha), files) if MANIFEST in files else frozenset()
    return Target(
        exists=True, has_branch=has_branch, is_private=bool(info.private), head=info.sha, files=files, ours=frozenset(ours)
    )


def _list(entries: Any) -> dict[str, There]:
    from huggingface_hub.hf_api import RepoFile

    return {
        entry.path: There(
            num_bytes=entry.size,
            sha256=entry.lfs.sha256 if entry.lfs else None,
            blob=entry.blob_id,
            can_be_copied=bool(entry.lfs and entry.xet_hash),
        )
        for entry in entries
        if isinstance(entry, RepoFile)
    }


def _find_ours(api: HfApi, repo: str, head: str, files: Mapping[str, There]) -> set[str]:
    """What the manifest there vouches for."""
    try:
        manifest = Manifest.load(Path(api.hf_hub_download(repo, MANIFEST, revision=head)).parent)
    except CheckpointError:  # somebody's file of that name
        return set()
    ours = {MANIFEST}
    for record in manifest.files:
        there = files.get(record.file)
        if there is None or there.num_bytes != record.num_bytes:
            continue
        if there.sha256 is not None:
            found = there.sha256
        else:
            found = sha256(Path(api.hf_hub_download(repo, record.file, revision=head)).read_bytes()).hexdigest()
        if found == record.sha256:
            ours.add(record.file)
    return ours


def survey_base(api: HfApi, base: RecipeBase, files: Collection[str]) -> tuple[dict[str, There], str]:
    """The base's files on the Hub, and in a word why there are none."""
    if not is_hub_id(base.model) or base.model is None:
        return {}, "the base is not on the Hub"
    if base.revision is None:
        return {}, "the base's commit is unknown"
    if not files:
        return {}, ""
    try:
        with hub_errors(base.model):
            return _list(api.get_paths_info(base.model, sorted(files), revision=base.revision)), ""
    except HubError as error:
        return {}, f"the base can't be copied from: {error}"
