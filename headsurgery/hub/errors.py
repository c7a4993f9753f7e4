"""Turn huggingface_hub's errors into one line each, with the next step. The text of HTTP errors is never shown: see `_explain`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any

from headsurgery.errors import HubError

_AGAIN = "nothing was committed; run the same command again to continue"


@contextmanager
def hub_errors(repo: str) -> Iterator[None]:
    """Explain huggingface_hub's errors while reading. Its log messages about retries are hidden."""
    kinds = _kinds()
    try:
        with _no_talk():
            yield
    except kinds as error:
        raise _explain(repo, error) from error


@contextmanager
def hub_write_errors(repo: str) -> Iterator[None]:
    """Explain huggingface_hub's errors while writing. Its log messages are hidden: they contain URLs that let others write."""
    kinds: tuple[type[Exception], ...] = (RuntimeError, ValueError, *_kinds())
    try:
        with _no_talk():
            yield
    except kinds as error:
        cause = error.__cause__ if type(error) is RuntimeError else error  # the client wraps a failed upload
        if isinstance(cause, _kinds()):
            raise _explain_write(repo, cause) from error
        if type(error) is RuntimeError:
            raise _broken(repo, cause or error) from error
        if type(error) is ValueError:
            raise HubError(f"{repo}: the Hub refused: {' '.join(str(error).split())[:300]}", hint=_AGAIN) from error
        raise


@contextmanager
def _no_talk() -> Iterator[None]:
    """Let the client log errors only. Retries are not worth a message, and a final failure is reported in one line."""
    logger = logging.getLogger("huggingface_hub")
    previous = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(previous)


class HubUnreachableError(HubError):
    """The Hub could not be reached.

    Args:
        message: One line.
        cause: The reason, in a few words.
        hint: The next step.
    """

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.cause = cause


class HubMissingError(HubError):
    """The repository does not exist, or this user may not see it."""


def _kinds() -> tuple[type[Exception], ...]:
    """The exceptions that the client raises for failures outside this program."""
    from huggingface_hub import errors

    return errors.HTTPError, errors.HFValidationError, OSError, JSONDecodeError, UnicodeError  # type: ignore[attr-defined]


def _explain_write(repo: str, error: Exception) -> HubError:
    """Explain an error that occurred while writing."""
    from huggingface_hub import errors

    answer = getattr(error, "response", None)
    if answer is not None:
        return _explain_refusal(repo, error, answer)
    if isinstance(error, (ConnectionError, TimeoutError)) and not isinstance(error, errors.OfflineModeIsEnabled):  # Xet's own
        return _broken(repo, error)
    if "Timeout" in type(error).__name__:
        what = f"{repo}: the Hub does not answer ({type(error).__name__})"
        return HubError(what, hint="push again later; files that have arrived are not sent again")
    if isinstance(error, errors.HTTPError):  # type: ignore[attr-defined]
        return HubError(f"{repo}: the connection broke ({type(error).__name__})", hint=_AGAIN)
    if isinstance(error, (FileNotFoundError, PermissionError)) and error.filename:  # a local file that was being sent
        return HubError(f"{error.filename}: can't be read: {error.strerror}", hint=_AGAIN)
    return _explain(repo, error)


def _explain_refusal(repo: str, error: Exception, answer: Any) -> HubError:
    sayings = {
        401: ("the Hub doesn't accept the token for writing", "run hf auth login, or set HF_TOKEN to one with write access"),
        403: ("the token has no write access to this repository", "use a token with write access, or another repository"),
        409: ("somebody else changed it in the meantime", "check what changed, then push again; nothing was committed"),
        412: ("somebody else changed it in the meantime", "check what changed, then push again; nothing was committed"),
        422: ("the Hub received other bytes than announced", _AGAIN),
        429: ("too many requests", f"wait {_wait_of(answer)} and push again; {_AGAIN}"),
    }
    if answer.status_code in sayings:
        what, hint = sayings[answer.status_code]
        return HubError(f"{repo}: {what}", hint=hint)
    read = _explain(repo, error)
    return HubError(str(read), hint=f"{read.hint}; {_AGAIN}") if answer.status_code >= 500 else read


def _broken(repo: str, error: BaseException) -> HubError:
    """Failures of Xet have no status, and their text may contain secrets, so it is not shown."""
    what = f"{repo}: the upload failed ({type(error).__name__})"
    return HubError(what, hint=f"{_AGAIN}; HF_HUB_DISABLE_XET=1 uploads without Xet")


def _wait_of(answer: Any) -> str:
    seconds = answer.headers.get("Retry-After", "")
    return f"{seconds} s" if seconds.isdigit() else "a few minutes"


def _explain(repo: str, error: Exception) -> HubError:
    """Explain an error without the text of an HTTP error, which may quote the request's headers and so the token."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return HubError(f"{repo}: gated", hint="request access on its page, then run hf auth login, or set HF_TOKEN")
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(f"{repo}: no such revision", hint="check the repository's branches, tags and commits")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return HubError(f"{repo}: a file that it lists does not exist", hint="try again later, or try another revision")
    answer = error.response if isinstance(error, errors.HfHubHTTPError) else None
    status = answer.status_code if answer is not None else None
    if answer is not None and status == 401 and "credentials" in answer.headers.get("X-Error-Message", ""):
        return HubError(f"{repo}: the Hub doesn't accept the token", hint="run hf auth login, or set HF_TOKEN to a valid one")
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:  # the client tells 401s apart on https only
        return HubMissingError(
            f"{repo}: no such repository, or it is private", hint="check the name; for a private one set HF_TOKEN"
        )
    if isinstance(error, errors.HFValidationError):
        return HubError(f"{repo}: not a Hub id", hint="expected org/name; neither part may contain -- or .., or end in - or .")
    if status is not None:
        hint = "check what the token is allowed to do" if status == 403 else "try again later"
        if status == 429:
            hint = f"wait {_wait_of(answer)} and try again; the limit is higher with a token (HF_TOKEN)"
        return HubError(f"{repo}: the Hub answered with status {status}", hint=hint)
    if isinstance(error, (errors.FileMetadataError, JSONDecodeError, UnicodeDecodeError)):
        return HubError(f"{repo}: the answer did not come from a Hub", hint="check HF_ENDPOINT, the proxy and the connection")
    if isinstance(error, UnicodeError):
        return HubError(f"{repo}: the token contains invalid characters", hint="copy it again, or run hf auth login")
    if isinstance(error, errors.LocalEntryNotFoundError):
        if isinstance(error.__cause__, (errors.HfHubHTTPError, errors.FileMetadataError)):
            return _explain(repo, error.__cause__)
        return HubUnreachableError(
            f"{repo}: not a local folder, not in the Hub's cache, and the Hub can't be reached",
            cause=_cause(error.__cause__),
            hint="check the connection and HF_HUB_OFFLINE, or give a local path",
        )
    if isinstance(error, (errors.HTTPError, errors.OfflineModeIsEnabled)):  # type: ignore[attr-defined]
        return HubUnreachableError(
            f"{repo}: the Hub can't be reached ({_cause(error)})",
            cause=_cause(error),
            hint="check the connection and HF_HUB_OFFLINE",
        )
    reason = getattr(error, "strerror", None) or type(error).__name__
    return HubError(f"{repo}: can't be stored in the Hub's cache: {reason}", hint="check HF_HOME and the disk's free space")


def _cause(error: BaseException | None) -> str:
    """Why the Hub can't be reached, as the class of the error. The error's text may quote a token."""
    from huggingface_hub import errors

    if error is None or isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    return type(error).__name__
