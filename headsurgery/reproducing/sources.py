"""What a document names, found again: base, prompts, template and device. What can't be had is refused before a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from headsurgery.errors import HeadSurgeryError, PromptError, RecipeError, UsageError
from headsurgery.hub.models import Source, fetch_model
from headsurgery.options import Options
from headsurgery.prompts import PromptSet, load_prompts
from headsurgery.recipe import PromptRecord, RecipeBase

_TEMPLATES = ("chat", "paper", "direct")
Chosen = TypeVar("Chosen", bound=Options)


def find_model(stated: RecipeBase, given: str | None, *, token: str | None, what: str = "base", flag: str = "--base") -> Source:
    """A recorded model: where the user says that it is, at its commit on the Hub, or in a folder of its name here.

    Raises:
        UsageError: Only its name is recorded, and no folder here has that name.
        HubError, CheckpointError: It can't be fetched.
    """
    if given is not None:
        return fetch_model(given, token=token)
    if stated.model is None:
        raise UsageError(f"the {what} is not recorded", hint=f"say where it is with {flag}")
    if stated.revision is None and not Path(stated.model).is_dir():
        raise UsageError(
            f"the {what} {stated.model} is not recorded with a commit of the Hub, and no folder of that name is here",
            hint=f"say where it is with {flag}",
        )
    is_commit = stated.revision is not None and "/" in stated.model
    return fetch_model(f"hf://{stated.model}" if is_commit else stated.model, revision=stated.revision, token=token)


def find_prompts(record: PromptRecord, path: Path, token: str | None, **changes: Any) -> PromptSet:
    """The set as it is now under the recorded name: built in, published, on the Hub, or a file beside the document or here.

    Args:
        record: Name, count and hash.
        path: The document.
        token: For gated sets.
        changes: Other fields of the set, such as its kind.

    Raises:
        PromptError: It can't be found.
    """
    beside = path.parent / record.name
    source = str(beside) if beside.is_file() else record.name
    if "/" not in source and Path(source).is_file():
        source = f"./{source}"
    try:
        found = load_prompts(source, column=record.column, limit=record.count + (record.left_out or 0), token=token)
    except HeadSurgeryError as error:
        raise PromptError(
            f"{record.name}: these prompts can't be had: {error}", hint="put the file beside the recipe or report"
        ) from error
    return replace(found, name=record.name, **changes)


def find_template(recorded: str | None, given: str | None) -> str | None:
    """The recorded template by its name, or the file that the user gave for it.

    Raises:
        UsageError: It was a file, and none is given; or one is given, and it was none.
    """
    is_file = recorded is not None and recorded not in _TEMPLATES
    if given is not None and not is_file:
        raise UsageError(f"--template {given}: the run's template was {recorded or 'not recorded'}", hint="leave --template out")
    if is_file and given is None:
        raise UsageError(
            f"the template is recorded by its hash alone ({str(recorded)[:13]}...)", hint="give its file with --template FILE"
        )
    return given if is_file else recorded


def find_device(recorded: str | None) -> str:
    """The recorded device, or `auto` where this machine has none of the kind."""
    from headsurgery.model.loading import choose_device

    try:
        choose_device(recorded or "auto")
    except UsageError:
        return "auto"
    return recorded or "auto"


def check_code(chosen: dict[str, Any], *, is_trusted: bool, name: str) -> None:
    """Take the recorded use of a checkpoint's own code out of a run's choices. A document alone never makes such code run.

    Raises:
        UsageError: Such code ran, and the user doesn't say that it may run again.
    """
    if chosen.pop("trust_remote_code", False) and not is_trusted:
        raise UsageError(
            f"{name}: the run executed Python code that came with the checkpoint",
            hint="read that code, then give --trust-remote-code",
        )


def make_options(kind: type[Chosen], chosen: Mapping[str, Any], name: str) -> Chosen:
    """Recorded choices as an option object.

    Raises:
        RecipeError: They are another version's.
    """
    try:
        return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in chosen.items()})
    except TypeError as error:
        raise RecipeError(f"{name}: its options are another version's: {error}", hint="update headsurgery") from error
