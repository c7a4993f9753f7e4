"""Refusals while writing to the Hub, each as one line with its next step; `hub` has those of reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from headsurgery.errors import HubError
from headsurgery.hub_errors import hub_errors

_AGAIN = "nothing was committed; the same command goes on from here"


@contextmanager
def hub_write_errors(repo: str) -> Iterator[None]:
    """huggingface_hub's errors while writing, each with its next step."""
    from huggingface_hub import errors

    try:
        with hub_errors(repo):
            try:
                yield
            except RuntimeError as error:  # how the client wraps a failed upload
                if isinstance(error.__cause__, Exception):
                    raise error.__cause__ from error
                raise _broken(repo, error) from error
            except (ConnectionError, TimeoutError) as error:  # Xet's own
                raise _broken(repo, error) from error
            except ValueError as error:
                if isinstance(error, (errors.HFValidationError, UnicodeError)) or type(error) is not ValueError:
                    raise
                raise HubError(f"{repo}: the Hub refused: {' '.join(str(error).split())[:300]}", hint=_AGAIN) from error
    except HubError as error:
        raise _sharpen(repo, error) from error.__cause__


def _broken(repo: str, error: Exception) -> HubError:
    """Xet's failures have no status, and their text is not ours to show."""
    what = f"{repo}: the upload broke ({type(error).__name__})"
    return HubError(what, hint=f"{_AGAIN}; HF_HUB_DISABLE_XET=1 goes another way")


def _sharpen(repo: str, error: HubError) -> HubError:
    """What a status means when one writes."""
    answer = getattr(error.__cause__, "response", None)
    status = getattr(answer, "status_code", None)
    if status is None:
        broke = "can't be reached" in str(error) and error.__cause__ is not None
        return HubError(f"{repo}: the connection broke ({type(error.__cause__).__name__})", hint=_AGAIN) if broke else error
    sayings = {
        403: ("the token may not write there", "use a token with write access, or another repository"),
        409: ("somebody changed it meanwhile", "look what changed, then push again; nothing was committed"),
        412: ("somebody changed it meanwhile", "look what changed, then push again; nothing was committed"),
        422: ("the Hub got other bytes than were announced", _AGAIN),
        429: ("too many requests", f"wait {_wait_of(answer)} and push again; {_AGAIN}"),
    }
    if status in sayings:
        what, hint = sayings[status]
        return HubError(f"{repo}: {what}", hint=hint)
    return HubError(str(error), hint=f"{error.hint}; {_AGAIN}" if status >= 500 else error.hint)


def _wait_of(answer: Any) -> str:
    seconds = answer.headers.get("Retry-After", "")
    return f"{seconds} s" if seconds.isdigit() else "a few minutes"
