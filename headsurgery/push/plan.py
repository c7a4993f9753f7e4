"""Decide how each file gets to the Hub, and find every reason to refuse. A dry run shows exactly this plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from headsurgery.errors import HubError, UsageError
from headsurgery.hub.errors import hub_write_errors
from headsurgery.hub.names import check_token, split_name
from headsurgery.hub.silence import bounded_silence
from headsurgery.progress import Progress
from headsurgery.push.contents import Item, PushContents, Terms, gather_contents
from headsurgery.push.survey import Original, TargetRepo, survey_base, survey_target
from headsurgery.surgery.base_files import ATTRIBUTES, CARD

How = Literal["there", "copy", "upload", "delete"]


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """How one file gets to the Hub.

    Args:
        file: Its name.
        num_bytes: Its size.
        how: `there`: nothing to do. `copy`: the Hub copies it from the base. `upload`: it is sent. `delete`: an earlier push put
            it there, and it is no longer part.
        why: In a few words.
        item: What is sent; None for `delete`.
    """

    file: str
    num_bytes: int
    how: How
    why: str
    item: Item | None = None


@dataclass(frozen=True, kw_only=True)
class PushPlan:
    """Everything that `send` will do.

    Args:
        repo: Target.
        revision: Branch; None: main.
        target: What is there.
        makes_private: Whether a new repository is made private; None: as the organisation has it.
        base: Id and commit to copy from.
        transfers: The files.
        notes: What the user should know.
        token: Of the Hub, checked.
    """

    repo: str
    revision: str | None
    target: TargetRepo
    makes_private: bool | None
    base: tuple[str | None, str | None]
    transfers: tuple[Transfer, ...]
    notes: tuple[str, ...]
    contents: PushContents
    token: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether the target already has every file."""
        return all(transfer.how == "there" for transfer in self.transfers)

    def bytes_by(self, how: How) -> int:
        """Total bytes of the files that are sent this way."""
        return sum(transfer.num_bytes for transfer in self.transfers if transfer.how == how)

    def to_json(self) -> dict[str, Any]:
        """What a dry run shows."""
        return {
            "repository": self.repo,
            "revision": self.revision or "main",
            "exists": None if self.target.is_hidden else self.target.exists,
            "private": self.target.is_private if self.target.exists else self.makes_private,
            "files": [{key: getattr(transfer, key) for key in ("file", "num_bytes", "how", "why")} for transfer in self.transfers],
            "bytes": {how: self.bytes_by(how) for how in ("there", "copy", "upload", "delete")},
            "notes": list(self.notes),
        }


def plan_push(
    directory: Path,
    name: str,
    *,
    revision: str | None = None,
    recipe_only: bool = False,
    private: bool | None = None,
    force: bool = False,
    dry_run: bool = False,
    token: str | None = None,
    on_progress: Progress | None = None,
) -> PushPlan:
    """Check the checkpoint, look at the Hub, and decide how each file gets there. Nothing is written anywhere.

    Args:
        directory: A checkpoint that `apply` wrote.
        name: `org/name`, with an optional `@branch`.
        revision: The same as after `@`.
        recipe_only: Send only recipe, manifest and card.
        private: Whether a new repository is private; None: yes if the recipe ablates.
        force: Overwrite what an earlier push did not write, and publish in spite of the base's licence.
        dry_run: The plan is only to be looked at: there need be no token, and what only a token could see is noted.
        token: Of the Hub; None: HF_TOKEN or hf auth login.
        on_progress: Called with the stage, `checking`, and bytes checked and in all.

    Raises:
        UsageError: Not a Hub id, or two revisions.
        CheckpointError, SurgeryError: The checkpoint is not what its manifest says.
        HubError: The Hub refused, can't be reached, or has something that must not be overwritten.
    """
    from huggingface_hub import get_token

    found = split_name(name, revision)
    if found is None:
        raise UsageError(f"{name}: not a Hub id", hint="give one like org/name")
    repo, revision = found
    token = check_token(token)
    if not dry_run and token is None and get_token() is None:
        raise HubError(f"{repo}: pushing needs a token", hint="run hf auth login, or set HF_TOKEN; --dry-run needs none")
    contents = gather_contents(directory, recipe_only=recipe_only, force=force, on_progress=on_progress)
    if not recipe_only and not force:
        check_terms(repo, contents.terms)
    files = [item.record.file for item in contents.items]
    target = survey_target(repo, revision, token)
    moved = () if target.repo.lower() == repo.lower() else (f"{repo}: has moved to {target.repo}",)
    repo = target.repo
    _check_target(repo, target, contents, private=private, recipe_only=recipe_only, force=force)
    base = contents.manifest.base
    there, reason = survey_base(base, [item.record.file for item in contents.items if item.is_as_in_base], token)
    transfers = [_decide(item, target, there, reason) for item in contents.items]
    _validate_card(repo, transfers)
    if not recipe_only:
        stale = sorted(target.ours - {*files, ATTRIBUTES})
        transfers += [
            Transfer(file=file, num_bytes=target.files[file].num_bytes, how="delete", why="no longer part of the checkpoint")
            for file in stale
        ]
    return PushPlan(
        repo=repo,
        revision=revision,
        target=target,
        makes_private=True if private is None and contents.ablates else private,
        base=(base.model, base.revision),
        transfers=tuple(transfers),
        notes=(
            *moved,
            *([_HIDDEN.format(repo=repo)] if target.is_hidden else []),
            *contents.notes,
            *_licence_notes(repo, contents),
        ),
        contents=contents,
        token=token,
    )


_HIDDEN = (
    "{repo}: without a token, the Hub doesn't show whether this repository exists; the plan assumes a new one, and files in "
    "an existing one may change the plan or forbid the push"
)


def _decide(item: Item, target: TargetRepo, base: Mapping[str, Original], reason: str) -> Transfer:
    record = item.record
    there = base.get(record.file)

    def transfer(how: How, why: str) -> Transfer:
        return Transfer(file=record.file, num_bytes=record.num_bytes, how=how, why=why, item=item)

    if target.has(item):
        return transfer("there", "already the same")
    if not item.is_as_in_base:
        return transfer("upload", "edited" if record.base_sha256 and record.base_file == record.file else "new")
    if there is None:
        return transfer("upload", reason or "the base no longer has it")
    if there.sha256 is None:
        return transfer("upload", "too small to be copied")
    if there.sha256 != record.sha256:
        return transfer("upload", "the base on the Hub has another file of this name")
    return (
        transfer("copy", "as in the base")
        if there.can_be_copied
        else transfer("upload", "the Hub can't copy it: not in Xet storage")
    )


def _validate_card(repo: str, transfers: list[Transfer]) -> None:
    """Let the Hub validate the card before anything is sent. It would refuse a commit with invalid metadata."""
    from huggingface_hub import ModelCard

    for item in (transfer.item for transfer in transfers if transfer.file == CARD and transfer.how == "upload"):
        if item is not None:
            with hub_write_errors(repo), bounded_silence():
                ModelCard(item.read().decode()).validate()


def check_terms(repo: str, terms: Terms) -> None:
    """Refuse to publish what the base's licence forbids, or what an unreadable licence may forbid."""
    for licence in terms.licences:
        if licence.forbids_derivatives:
            raise HubError(
                f"{repo}: the base's licence, {licence.name}, forbids sharing edited copies",
                hint="publish only the recipe with --recipe-only, or use --force if you have permission",
            )
    if terms.unread:
        raise HubError(
            f"{repo}: {terms.unread}, so its licence may forbid sharing edited copies",
            hint="write the base's licence into the metadata of README.md; or use --recipe-only; or --force if you have permission",
        )


def _check_target(
    repo: str, target: TargetRepo, contents: PushContents, *, private: bool | None, recipe_only: bool, force: bool
) -> None:
    """Refuse to publish by accident, and to overwrite other people's files."""
    if target.exists and not target.is_private and private is not False and contents.ablates:
        raise HubError(
            f"{repo}: is public, and this recipe ablates",
            hint="use --public if everyone may have it, or push to a private repository",
        )
    if force:
        return
    changed = [item.record.file for item in contents.items if item.record.file in target.files and not target.has(item)]
    strange = [file for file in changed if file not in (*target.ours, ATTRIBUTES)]  # the Hub puts one into a new repository
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise HubError(
            f"{repo}: has {strange[0]}{more}, which headsurgery did not push",
            hint="push to another repository, or use --force to replace them",
        )
    if recipe_only and any(file.endswith(".safetensors") for file in target.files):
        raise HubError(
            f"{repo}: contains weights, which may not belong to this recipe",
            hint="push to another repository, or use --force to continue",
        )


def _licence_notes(repo: str, contents: PushContents) -> list[str]:
    organisation, _, name = repo.rpartition("/")
    return [
        f"the base's licence, {licence.name}, requires a name that begins with {licence.prefix!r}: "
        + f"{organisation}/{licence.prefix}-{name}".replace(" ", "-")
        for licence in contents.terms.licences
        if not licence.allows_name(repo)
    ]
