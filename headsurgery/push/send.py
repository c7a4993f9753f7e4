"""Carry out a push: create what is missing, upload blobs, commit once.

Nobody sees uploaded blobs before the commit, and they need not be sent again. The commit names its parent, so the Hub refuses it if
somebody else committed first. If an answer was lost, the target is read again to find out whether the commit was made.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headsurgery.errors import HubError
from headsurgery.hub.errors import hub_write_errors
from headsurgery.hub.names import repository_of
from headsurgery.hub.silence import bounded_silence
from headsurgery.push.survey import survey_target

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, HfApi

    from headsurgery.push.plan import PushPlan

_TRIES = 4
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The result of a push.

    Args:
        url: The commit's page, or the pull request's.
        commit: The commit.
        notes: What went another way than planned.
    """

    url: str
    commit: str
    notes: tuple[str, ...] = ()


def send(plan: PushPlan, *, message: str, create_pr: bool = False) -> Pushed:
    """Carry out a plan.

    Args:
        plan: From `plan_push`.
        message: Of the commit.
        create_pr: Open a pull request instead of committing to the branch.

    Raises:
        HubError: The Hub refused, or the connection broke. The branch is as it was, and the same push can be repeated.
    """
    from huggingface_hub import HfApi

    api = HfApi(token=plan.token)
    with hub_write_errors(plan.repo), bounded_silence():
        parent = _prepare(api, plan, create_pr)
        if plan.is_done:
            return Pushed(url=f"{api.endpoint}/{plan.repo}", commit=str(parent))
        operations = _operations(plan)
        additions = _upload(api, plan, operations, create_pr)
        commit = _Commit(api=api, plan=plan, parent=parent, message=message, create_pr=create_pr)
        try:
            return commit.send(operations)
        except _CopyRefusedError as error:
            fallback = _operations(plan, copies=False)
            missing = [operation for operation in fallback if operation.path_in_repo not in {a.path_in_repo for a in additions}]
            _upload(api, plan, missing, create_pr)
            return commit.send(fallback, note=f"the Hub did not copy from the base ({error}), so those files were uploaded")


def _prepare(api: HfApi, plan: PushPlan, create_pr: bool) -> str | None:
    """Create the repository and the branch if they are missing. Returns the branch's commit."""
    parent = plan.target.head
    if not plan.target.exists:
        api.create_repo(plan.repo, private=plan.makes_private)
        parent = api.model_info(plan.repo).sha
    if plan.revision not in (None, "main") and not plan.target.has_branch and not create_pr:
        api.create_branch(plan.repo, branch=str(plan.revision), exist_ok=True)
    return parent


def _operations(plan: PushPlan, *, copies: bool = True) -> list[Any]:
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    base, commit = plan.base
    operations: list[Any] = []
    for transfer in plan.transfers:
        if transfer.how == "delete":
            operations.append(CommitOperationDelete(transfer.file))
        elif transfer.how == "copy" and copies:
            operations.append(
                CommitOperationCopy(
                    transfer.file, transfer.file, src_revision=commit, src_repo_id=repository_of(base), src_repo_type="model"
                )
            )
        elif transfer.how != "there" and transfer.item is not None:
            operations.append(CommitOperationAdd(transfer.file, transfer.item.source))
    return operations


def _upload(api: HfApi, plan: PushPlan, operations: list[Any], create_pr: bool) -> list[Any]:
    """Upload the large files, and make sure that the uploaded bytes are those that were checked."""
    from huggingface_hub import CommitOperationAdd

    additions = [operation for operation in operations if isinstance(operation, CommitOperationAdd)]
    api.preupload_lfs_files(
        plan.repo, additions, revision=None if create_pr else plan.revision, create_pr=create_pr, free_memory=False
    )
    wanted = {transfer.file: transfer.item.record.sha256 for transfer in plan.transfers if transfer.item}
    for addition in additions:
        if addition.upload_info.sha256.hex() != wanted[addition.path_in_repo]:
            raise HubError(f"{addition.path_in_repo}: changed while it was pushed", hint="push again; nothing was committed")
    return additions


class _CopyRefusedError(Exception):
    """The Hub refused to copy from the base."""


@dataclass(frozen=True, kw_only=True)
class _Commit:
    api: HfApi
    plan: PushPlan
    parent: str | None
    message: str
    create_pr: bool

    def send(self, operations: list[Any], *, note: str = "") -> Pushed:
        """Make one commit, with a few retries."""
        notes = (note,) if note else ()
        for wait in (*_waits(), None):
            try:
                info = self._once(operations)
                return Pushed(url=str(info.pr_url or info.commit_url), commit=info.oid, notes=notes)
            except _retryable() as error:
                if (commit := self._is_there()) is not None:
                    return Pushed(url=f"{self.api.endpoint}/{self.plan.repo}/commit/{commit}", commit=commit, notes=notes)
                if wait is None or not _is_passing(error, self.create_pr):
                    raise
                time.sleep(max(wait, _asked_wait(error)))
        raise AssertionError("the last try returns or raises")

    def _once(self, operations: list[Any]) -> CommitInfo:
        from huggingface_hub import errors

        try:
            with bounded_silence():  # once more: after a broken connection the session is another one
                return self.api.create_commit(
                    self.plan.repo,
                    operations,
                    commit_message=self.message,
                    revision=self.plan.revision,
                    create_pr=self.create_pr,
                    parent_commit=self.parent,
                )
        except errors.FileDuplicationError as error:
            raise _CopyRefusedError("refused") from error
        except errors.HfHubHTTPError as error:
            if "/lfs-files/duplicate" in str(error.response.url):
                raise _CopyRefusedError(f"status {error.response.status_code}") from error
            raise

    def _is_there(self) -> str | None:
        """The commit, if it was made and only its answer was lost."""
        if self.create_pr:
            return None
        target = survey_target(self.plan.repo, self.plan.revision, self.plan.token)
        if target.head == self.parent:
            return None
        for transfer in self.plan.transfers:
            if (transfer.file in target.files) if transfer.item is None else not target.has(transfer.item):
                return None
        return target.head


def _waits() -> list[float]:
    return [2.0**number for number in range(_TRIES - 1)]


def _retryable() -> type[Exception]:
    from huggingface_hub import errors

    return errors.HTTPError  # type: ignore[attr-defined]


def _is_passing(error: Any, create_pr: bool) -> bool:
    """Whether a retry may help. A pull request is requested again only if the first one was certainly not opened."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status == 429 or (not create_pr and (status is None or status >= 500))


def _asked_wait(error: Any) -> float:
    """Seconds to wait, as requested by the Hub."""
    asked = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    return min(float(asked), _LONGEST_WAIT) if asked.isascii() and asked.isdigit() else 0.0
