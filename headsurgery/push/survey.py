"""Look at the target repository, and at the base's files that the Hub could copy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from headsurgery.errors import CheckpointError, HubError
from headsurgery.hub.errors import hub_errors
from headsurgery.hub.files import HubFiles, Listed, list_files
from headsurgery.hub.names import repository_of
from headsurgery.hub.silence import bounded_silence
from headsurgery.push.contents import Item
from headsurgery.recipe import RecipeBase
from headsurgery.surgery.base_files import ATTRIBUTES, MANIFEST
from headsurgery.surgery.manifest import Manifest


@dataclass(frozen=True, kw_only=True)
class TargetRepo:
    """The target repository.

    Args:
        repo: Its id, as the Hub spells it now.
        exists: Whether it is there; else it will be made.
        is_hidden: Whether it may be there all the same, and only a token could see it.
        has_branch: Whether the branch is there.
        is_private: Whether others can't see it; None where it isn't there.
        head: The branch's commit, or main's where there is no branch; None where there is no repository.
        files: What lies there, by name.
        ours: Names of files that an earlier push put there and that nobody changed since.
        attributes: Its .gitattributes.
    """

    repo: str
    exists: bool
    is_hidden: bool = False
    has_branch: bool = False
    is_private: bool | None = None
    head: str | None = None
    files: Mapping[str, Listed] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    attributes: bytes = b""

    def has(self, item: Item) -> bool:
        """Whether the target has an identical file. The .gitattributes there may end with lines that the Hub added."""
        if item.record.file == ATTRIBUTES and isinstance(item.source, bytes):
            return ATTRIBUTES in self.files and self.attributes.startswith(item.source)
        there = self.files.get(item.record.file)
        return there is not None and item.equals(there)


@dataclass(frozen=True, kw_only=True)
class Original:
    """A file of the base on the Hub: its SHA-256 if it is large, and whether the Hub can copy it."""

    sha256: str | None
    can_be_copied: bool


def survey_target(repo: str, revision: str | None, token: str | None) -> TargetRepo:
    """Look at the target. Small files that an earlier push wrote are read, to see whether they have changed since.

    Args:
        repo: Its id.
        revision: A branch; None: main.
        token: Of the Hub.

    Raises:
        HubError: The Hub refused, or can't be reached.
    """
    from huggingface_hub import errors, get_token

    try:
        return _look(repo, revision, token)
    except HubError as error:
        has_token = token is not None or get_token() is not None
        if not has_token and _needs_token(error.__cause__):
            return TargetRepo(repo=repo, exists=False, is_hidden=True)
        if isinstance(error.__cause__, errors.RepositoryNotFoundError):
            return TargetRepo(repo=repo, exists=False)
        raise


def _look(repo: str, revision: str | None, token: str | None) -> TargetRepo:
    """What is there."""
    from huggingface_hub import errors

    has_branch = True
    try:
        there = list_files(repo, revision, token=token)
    except HubError as error:
        if not isinstance(error.__cause__, errors.RevisionNotFoundError):
            raise
        there, has_branch = list_files(repo, None, token=token), False
    return TargetRepo(
        repo=there.repo,
        exists=True,
        has_branch=has_branch,
        is_private=bool(there.is_private),
        head=there.commit,
        files=there.listing,
        ours=frozenset(_find_ours(there)),
        attributes=_read(there, ATTRIBUTES) if there.has(ATTRIBUTES) else b"",
    )


def _needs_token(error: BaseException | None) -> bool:
    """Whether the Hub hides the repository from this user. Private and missing repositories give the same answer."""
    from huggingface_hub import errors

    if isinstance(error, errors.RepositoryNotFoundError | errors.GatedRepoError):
        return True
    return isinstance(error, errors.HfHubHTTPError) and error.response.status_code == 401


def _find_ours(there: HubFiles) -> set[str]:
    """Files that the target's manifest lists and that have not changed since."""
    if not there.has(MANIFEST):
        return set()
    try:
        manifest = Manifest.load(there)
    except CheckpointError:  # somebody's file of that name
        return set()
    named = [record for record in manifest.files if there.has(record.file) and there.size_of(record.file) == record.num_bytes]
    return {MANIFEST, *(record.file for record in named if _hash(there, record.file) == record.sha256)}


def _hash(there: HubFiles, file: str) -> str:
    """SHA-256 of a file. For a large file the Hub lists it."""
    listed = there.content_id(file)
    if listed is not None and listed.kind == "sha256":
        return listed.digest
    return sha256(_read(there, file)).hexdigest()


def _read(there: HubFiles, file: str) -> bytes:
    with there.open(file) as stream:
        return stream.read()


def survey_base(base: RecipeBase, files: Collection[str], token: str | None) -> tuple[dict[str, Original], str]:
    """The base's files on the Hub; if there are none, the reason in a few words."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    repository = repository_of(base.model)
    if repository is None:
        return {}, "the base is not on the Hub"
    if base.revision is None:
        return {}, "the base's commit is unknown"
    if not files:
        return {}, ""
    try:
        with hub_errors(repository), bounded_silence():
            entries = list(HfApi(token=token).list_repo_tree(repository, recursive=True, revision=base.revision))
    except HubError as error:
        return {}, f"can't copy from the base: {error}"
    return {
        entry.path: Original(sha256=entry.lfs.sha256 if entry.lfs else None, can_be_copied=bool(entry.lfs and entry.xet_hash))
        for entry in entries
        if isinstance(entry, RepoFile)
    }, ""
