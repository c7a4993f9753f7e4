"""Every expected failure, with the next step as a hint.

An expected failure is the user's to mend: a wrong path, a checkpoint that does not fit, a full disk. It is raised as a child of
`HeadSurgeryError`; the command line prints message and hint and exits with `exit_code`. Anything else is a bug and keeps its
traceback. Messages say where, what was found and what was expected; they carry no markup.
"""

from __future__ import annotations

from typing import ClassVar


class HeadSurgeryError(Exception):
    """Base of all expected failures.

    Args:
        message: One line: where, what was found, what was expected.
        hint: The next thing to do, often a command; empty when there is none.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(HeadSurgeryError):
    """Arguments that contradict each other or lie outside their range."""

    exit_code = 2


class RecipeError(HeadSurgeryError, ValueError):
    """A recipe that is not valid, whatever the checkpoint. It is a ValueError too, as pydantic's own errors are."""

    exit_code = 2


class CheckpointError(HeadSurgeryError):
    """A checkpoint that can't be read, or whose files contradict each other."""


class ArchitectureError(HeadSurgeryError):
    """A model that the architecture table doesn't hold, or that has no attention heads to edit."""


class GeometryError(HeadSurgeryError):
    """Heads, shapes or types that are not what the configuration and the table say."""


class SurgeryError(HeadSurgeryError):
    """An edit that must not or could not be carried out. Nothing stands under the target's name."""


class PromptError(HeadSurgeryError):
    """Prompts that can't be read, or a set with nothing in it."""


class ModelError(HeadSurgeryError):
    """A model that transformers can't load, or that can't be hooked."""


class NothingToFindError(ModelError):
    """A model that gives a method nothing to find on these prompts: it refuses none of them, say."""


class HubError(HeadSurgeryError):
    """The Hub refused, or could not be reached."""


class ClusterError(HeadSurgeryError):
    """A cluster that can't be reached, has no room, or loses its workers."""


def not_finite(what: str, dtype: str) -> ModelError:
    """The error for numbers that came out as nan or inf.

    Args:
        what: What was seen, as "logits are not finite".
        dtype: The type that they were computed in: float16 overflows at 65,504; where others give nan, it is mostly in the weights.
    """
    weights = "the weights may hold nan or inf: headsurgery audit MODEL --blind names such heads"
    return ModelError(f"{what} in {dtype}", hint=_OTHER_TYPES.get(dtype, weights))


_OTHER_TYPES = {"float16": "use --dtype float32 or bfloat16"}
