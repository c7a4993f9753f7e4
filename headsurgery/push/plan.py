"""How each file travels, and every reason to refuse, before anything is sent. A dry run shows exactly this."""

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
from headsurgery.push.contents import Item, Parcel, Terms, pack
from headsurgery.push.survey import Original, Target, survey_base, survey_target
from headsurgery.surgery.base_files import ATTRIBUTES, CARD

How = Literal["there", "copy", "upload", "delete"]


@dataclass(frozen=True, kw_only=True)
class Travel:
    """One file's way.

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
        travels: The files.
        notes: What the user should know.
        token: Of the Hub, checked.
    """

    repo: str
    revision: str | None
    target: Target
    makes_private: bool | None
    base: tuple[str | None, str | None]
    travels: tuple[Travel, ...]
    notes: tuple[str, ...]
    parcel: Parcel
    token: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether everything is there already."""
        return all(travel.how == "there" for travel in self.travels)

    def bytes_by(self, how: How) -> int:
        """Bytes that travel so."""
        return sum(travel.num_bytes for travel in self.travels if travel.how == how)

    def to_json(self) -> dict[str, Any]:
        """What a dry run shows."""
        return {
            "repository": self.repo,
            "revision": self.revision or "main",
            "exists": None if self.target.is_hidden else self.target.exists,
            "private": self.target.is_private if self.target.exists else self.makes_private,
            "files": [{key: getattr(travel, key) for key in ("file", "num_bytes", "how", "why")} for travel in self.travels],
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
    """Check the checkpoint, look at the Hub, and decide how each file travels. Nothing is written anywhere.

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
        raise HubError(f"{repo}: nobody may write without a token", hint="run hf auth login, or set HF_TOKEN; --dry-run needs none")
    parcel = pack(directory, recipe_only=recipe_only, force=force, on_progress=on_progress)
    if not recipe_only and not force:
        check_terms(repo, parcel.terms)
    files = [item.record.file for item in parcel.items]
    target = survey_target(repo, revision, token)
    moved = () if target.repo.lower() == repo.lower() else (f"{repo}: has moved to {target.repo}",)
    repo = target.repo
    _check_target(repo, target, parcel, private=private, recipe_only=recipe_only, force=force)
    base = parcel.manifest.base
    there, reason = survey_base(base, [item.record.file for item in parcel.items if item.is_as_in_base], token)
    travels = [_decide(item, target, there, reason) for item in parcel.items]
    _validate_card(repo, travels)
    if not recipe_only:
        stale = sorted(target.ours - {*files, ATTRIBUTES})
        travels += [
            Travel(file=file, num_bytes=target.files[file].num_bytes, how="delete", why="no longer part of it") for file in stale
        ]
    return PushPlan(
        repo=repo,
        revision=revision,
        target=target,
        makes_private=True if private is None and parcel.ablates else private,
        base=(base.model, base.revision),
        travels=tuple(travels),
        notes=(*moved, *([_HIDDEN.format(repo=repo)] if target.is_hidden else []), *parcel.notes, *_licence_notes(repo, parcel)),
        parcel=parcel,
        token=token,
    )


_HIDDEN = (
    "{repo}: without a token the Hub doesn't show what lies there, if anything; the plan is that for a new repository, and what "
    "lies in an existing one may change it or forbid the push"
)


def _decide(item: Item, target: Target, base: Mapping[str, Original], reason: str) -> Travel:
    record = item.record
    there = base.get(record.file)

    def travel(how: How, why: str) -> Travel:
        return Travel(file=record.file, num_bytes=record.num_bytes, how=how, why=why, item=item)

    if target.has(item):
        return travel("there", "the same already")
    if not item.is_as_in_base:
        return travel("upload", "edited" if record.base_sha256 and record.base_file == record.file else "new")
    if there is None:
        return travel("upload", reason or "the base doesn't have it any more")
    if there.sha256 is None:
        return travel("upload", "too small to be copied")
    if there.sha256 != record.sha256:
        return travel("upload", "the base on the Hub has another file of this name")
    return (
        travel("copy", "as in the base") if there.can_be_copied else travel("upload", "the Hub can't copy it: not in Xet storage")
    )


def _validate_card(repo: str, travels: list[Travel]) -> None:
    """Let the Hub look at the card before anything is sent; it would refuse a commit with metadata that are not valid."""
    from huggingface_hub import ModelCard

    for item in (travel.item for travel in travels if travel.file == CARD and travel.how == "upload"):
        if item is not None:
            with hub_write_errors(repo), bounded_silence():
                ModelCard(item.read().decode()).validate()


def check_terms(repo: str, terms: Terms) -> None:
    """Refuse to publish what the base's licence forbids, or may forbid for all that can be read."""
    for licence in terms.licences:
        if licence.forbids_derivatives:
            raise HubError(
                f"{repo}: the base's licence, {licence.name}, forbids to pass edited copies on",
                hint="publish the recipe alone with --recipe-only, or --force if you may",
            )
    if terms.unread:
        raise HubError(
            f"{repo}: {terms.unread}, so its licence may forbid to pass edited copies on",
            hint="write the base's licence into the metadata of README.md; or --recipe-only; or --force if you may",
        )


def _check_target(repo: str, target: Target, parcel: Parcel, *, private: bool | None, recipe_only: bool, force: bool) -> None:
    """Refuse to publish by accident, and to overwrite what is not ours."""
    if target.exists and not target.is_private and private is not False and parcel.ablates:
        raise HubError(
            f"{repo}: is public, and this recipe ablates",
            hint="--public if everybody shall have it, or push to a private repository",
        )
    if force:
        return
    changed = [item.record.file for item in parcel.items if item.record.file in target.files and not target.has(item)]
    strange = [file for file in changed if file not in (*target.ours, ATTRIBUTES)]  # the Hub puts one into a new repository
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise HubError(
            f"{repo}: has {strange[0]}{more}, which no push of headsurgery wrote",
            hint="push to another repository, or --force to replace them",
        )
    if recipe_only and any(file.endswith(".safetensors") for file in target.files):
        raise HubError(
            f"{repo}: has weights, which need not be this recipe's", hint="push to another repository, or --force to go on"
        )


def _licence_notes(repo: str, parcel: Parcel) -> list[str]:
    organisation, _, name = repo.rpartition("/")
    return [
        f"the base's licence, {licence.name}, wants the name to begin with {licence.prefix!r}: "
        + f"{organisation}/{licence.prefix}-{name}".replace(" ", "-")
        for licence in parcel.terms.licences
        if not licence.allows_name(repo)
    ]
