"""huggingface_hub's errors, each as one clear line with its next step. Never with the text of an HTTP error: see `_explain`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

from headsurgery.errors import HubError


@contextmanager
def hub_errors(repo: str) -> Iterator[None]:
    """huggingface_hub's errors, each with its next step."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.HTTPError, errors.HFValidationError, OSError, JSONDecodeError, UnicodeError) as error:  # type: ignore[attr-defined]
        raise _explain(repo, error) from error


def _explain(repo: str, error: Exception) -> HubError:
    """Never with the text of an HTTP error: it may quote the request's headers, and so the token."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return HubError(f"{repo}: gated", hint="ask for access on its page, then run hf auth login, or set HF_TOKEN")
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(f"{repo}: no such revision", hint="look at the repository's branches, tags and commits")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return HubError(f"{repo}: a file that it lists is not there", hint="try again later, or another revision")
    answer = error.response if isinstance(error, errors.HfHubHTTPError) else None
    status = answer.status_code if answer is not None else None
    if answer is not None and status == 401 and "credentials" in answer.headers.get("X-Error-Message", ""):
        return HubError(f"{repo}: the Hub doesn't know the token", hint="run hf auth login, or set HF_TOKEN to a valid one")
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:  # the client tells 401s apart on https only
        return HubError(f"{repo}: no such repository, or it is private", hint="check the name; for a private one set HF_TOKEN")
    if isinstance(error, errors.HFValidationError):
        return HubError(f"{repo}: not a Hub id", hint="expected org/name, each without -- or .. and not ending in - or .")
    if status is not None:
        hint = "check what the token is allowed to" if status == 403 else "try again later"
        hint += "; with a token (HF_TOKEN) the limit is higher" if status == 429 else ""
        return HubError(f"{repo}: the Hub answered with status {status}", hint=hint)
    if isinstance(error, (errors.FileMetadataError, JSONDecodeError, UnicodeDecodeError)):
        return HubError(f"{repo}: what answered is not the Hub", hint="check HF_ENDPOINT, the proxy and the connection")
    if isinstance(error, UnicodeError):
        return HubError(f"{repo}: the token holds characters that no token has", hint="copy it again, or run hf auth login")
    if isinstance(error, errors.LocalEntryNotFoundError):
        if isinstance(error.__cause__, (errors.HfHubHTTPError, errors.FileMetadataError)):
            return _explain(repo, error.__cause__)
        return HubError(
            f"{repo}: not here, not in the Hub's cache, and the Hub can't be reached",
            hint="check the connection and HF_HUB_OFFLINE, or give a local path",
        )
    if isinstance(error, (errors.HTTPError, errors.OfflineModeIsEnabled)):  # type: ignore[attr-defined]
        return HubError(
            f"{repo}: not here, and the Hub can't be reached ({type(error).__name__})",
            hint="check the connection and HF_HUB_OFFLINE, or give a local path",
        )
    reason = getattr(error, "strerror", None) or type(error).__name__
    return HubError(f"{repo}: can't be stored in the Hub's cache: {reason}", hint="check HF_HOME and the disk's free space")
