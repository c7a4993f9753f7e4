"""Send one request to a server that speaks OpenAI's protocol: API key, retries, waits, and a one-line message for each failure.

Temporary failures (429, 5xx, a broken connection, an answer that is not JSON) are retried; all others raise at once. The API key
goes to the given host only: redirects are not followed, and no message shows the key. Only the standard library is used, since
huggingface_hub guarantees no particular HTTP package. Neighbour: `endpoint` decides what to ask, and sends many requests at a time.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.message import Message
from email.utils import parsedate_to_datetime
from textwrap import shorten
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from headsurgery.endpoints.protocols import recognise, wants_stream
from headsurgery.errors import HeadSurgeryError, UsageError

_NEVER_FILTERING = frozenset({401, 402, 404, 405, 413})
"""With any other 4xx status, a server may report that its content filter refused a prompt."""

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_MAX_DELAY, _MAX_RETRY_AFTER = 30.0, 300.0
"""Maximum seconds between two attempts: by our own backoff, and at the server's request."""

_KEY_HINT = "set HEADSURGERY_API_KEY to the server's key"

Parsed = TypeVar("Parsed")


class EndpointError(HeadSurgeryError):
    """A server that can't be reached, refuses, or gives no usable answer."""


class RefusedRequestError(EndpointError):
    """A server permanently refuses a request as it was sent.

    Args:
        message: What to say.
        document: The server's answer, parsed where it is JSON, else as text.
        is_filtered: Whether a content filter refuses the prompt, and not the server the request.
    """

    def __init__(self, message: str, document: Any, *, is_filtered: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.document, self.is_filtered = document, is_filtered


class _RetryLater(Exception):  # noqa: N818
    """A failed attempt that may be repeated.

    Args:
        error: What to say in the end.
        wait: Seconds that the server asks for.
    """

    def __init__(self, error: EndpointError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.wait = error, wait


class Connection:
    """A server's address, its API key, and how often and how long to try.

    Args:
        url: Up to and including `/v1`; without a path, `/v1` is added.
        key: API key; empty: none.
        timeout: Seconds to wait for an answer.
        retries: Attempts after the first.
        backoff: Seconds before the second attempt, about; doubled each time.

    Raises:
        UsageError: Not an address of a server, or a key that can't be sent.
    """

    def __init__(self, url: str, *, key: str, timeout: float, retries: int, backoff: float) -> None:
        try:
            parts = urlsplit(url.strip())
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address:
            raise UsageError("--endpoint: expected an address such as http://localhost:8000/v1")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise UsageError("--endpoint: expected an address without user, password or query", hint=_KEY_HINT)
        if not (key.isascii() and key.isprintable()):
            raise UsageError("the API key contains characters that a key can't have, such as a line feed", hint=_KEY_HINT)
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"
        self._key, self._timeout, self._retries, self._backoff = key, timeout, retries, backoff
        is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        self._opener = urllib.request.build_opener(_NoRedirect, *([urllib.request.ProxyHandler({})] if is_local else []))
        self._has_answered = False

    def call(
        self,
        path: str,
        body: Mapping[str, Any] | None,
        parse: Callable[[Any], Parsed],
        *,
        what: str = "the request",
        stop: threading.Event | None = None,
    ) -> Parsed:
        """Ask until there is a usable answer.

        Args:
            path: Below the address, such as `/models`.
            body: Posted as JSON; None: a GET.
            parse: Reads the answer's JSON; what raises LookupError, TypeError or ValueError is no usable answer.
            what: For messages: what the server may refuse.
            stop: Once set, no further attempt is made.

        Raises:
            EndpointError: The server can't be reached, refuses, or gives no usable answer.
        """
        stop = stop or threading.Event()
        for attempt in range(self._retries + 1):
            try:
                return self._attempt(path, body, parse, what)
            except _RetryLater as failure:
                delay = min(_MAX_DELAY, self._backoff * 2**attempt) * random.uniform(0.5, 1.0)
                if attempt == self._retries or stop.wait(delay if failure.wait is None else failure.wait):
                    hint = failure.error.hint
                    raise EndpointError(f"{failure.error}; tried {attempt + 1} times", hint=hint) from failure
        raise AssertionError("unreachable")

    def _attempt(self, path: str, body: Mapping[str, Any] | None, parse: Callable[[Any], Parsed], what: str) -> Parsed:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        content, content_type = b"", ""
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                content_type = response.headers.get_content_type()
                content = response.read()
            self._has_answered = True
            return parse(json.loads(content))
        except HTTPError as error:
            self._has_answered = True
            with error:
                raise self._refusal(error, what, texts_of(body)) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._no_connection(error) from error
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            found = self._clean(_message(content) or "nothing")
            if (protocol := recognise(self.url, content, content_type)) is not None:
                raise EndpointError(f"{self.url}: {protocol.seen}; the answer was: {found}", hint=protocol.hint) from error
            raise _RetryLater(EndpointError(f"{self.url}{path}: no usable answer: {found}")) from error

    def _refusal(self, error: HTTPError, what: str, asked: Sequence[str]) -> Exception:
        """The error for a status other than 2xx."""
        try:
            content = error.read()
        except (OSError, http.client.HTTPException):
            content = b""
        said = self._clean(_message(content))
        said = f": {said}" if said else ""
        where, status = self.url, error.code
        document = _document(content)
        if status in (400, 404, 405, 501) and (protocol := recognise(where, content)) is not None:
            return EndpointError(f"{where}: {protocol.seen} (status {status}){said}", hint=protocol.hint)
        may_filter = 400 <= status < 500 and status not in _NEVER_FILTERING | _RETRIED
        if (may_filter and is_filtered(document, asked)) or (status == 500 and _has_filter_code(document)):
            return RefusedRequestError(f"{where}: refuses {what} (status {status}){said}", document, is_filtered=True)
        if _EXHAUSTED.search(said) and status in (402, 429):
            return EndpointError(
                f"{where}: status {status}{said}", hint="with -o, the answers so far are saved; continue once the quota is renewed"
            )
        if status in _RETRIED:
            hint = "lower --concurrency" if status == 429 else "check the server's log"
            return _RetryLater(EndpointError(f"{where}: status {status}{said}", hint=hint), _retry_after(error.headers))
        if status in (401, 403):
            problem = "does not accept the API key" if self._key else "requires an API key"
            return EndpointError(f"{where}: {problem} (status {status}){said}", hint=_KEY_HINT)
        if status == 404:
            hint = "check the model's name, and the end of the address, often /v1"
            return EndpointError(f"{where}: not found (status 404){said}", hint=hint)
        if 300 <= status < 400:
            place = self._clean(error.headers.get("Location", "nowhere"))
            return EndpointError(f"{where}: redirects to {place} (status {status})", hint="give that address if you trust it")
        hint = (
            "configure the server to answer without streaming (stream: false), or use another server" if wants_stream(said) else ""
        )
        return RefusedRequestError(f"{where}: refuses {what} (status {status}){said}", document, hint=hint)

    def _no_connection(self, error: Exception) -> Exception:
        """The error for a request that got no answer at all."""
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ConnectionRefusedError):
            found = EndpointError(f"{self.url}: connection refused", hint="is the server running at this address?")
            return _RetryLater(found) if self._has_answered else found
        if isinstance(reason, socket.gaierror):
            return EndpointError(f"{self.url}: no such host", hint="check the address and the network")
        if isinstance(reason, ssl.SSLError) and not isinstance(reason, ssl.SSLEOFError):
            return EndpointError(
                f"{self.url}: can't make a secure connection: {self._clean(str(reason))}",
                hint="check whether the server uses http instead of https",
            )
        if isinstance(reason, TimeoutError):
            return _RetryLater(EndpointError(f"{self.url}: no answer within {self._timeout:g} s", hint="lower --concurrency"))
        return _RetryLater(EndpointError(f"{self.url}: connection lost: {self._clean(str(reason)) or type(reason).__name__}"))

    def _clean(self, text: str) -> str:
        """One short line without the key."""
        return shorten(text.replace(self._key, "***") if self._key else text, 300)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Turns a redirect into an error: the key must not go to another host, and a POST would become a GET."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_FILTER_CODES = frozenset(
    {"contentfilter", "contentfiltered", "contentpolicyviolation", "responsibleaipolicyviolation", "datainspectionfailed"}
    | {"moderationblocked", "contentmoderation", "contentviolation", "sensitive", "sensitivecontent", "promptblocked", "safety"}
    | {"guardrailintervened", "inputmoderation", "outputmoderation", "invalidprompt", "prohibitedcontent", "refusal", "1301"}
    | {"censorship", "contentblocked", "contentpolicy", "contentpolicyviolationerror", "unsafecontent", "unsafe", "jailbreak"}
    | {"1026", "1027"}
)
"""Error codes of content filters, letters and digits only: OpenAI, Azure, OpenRouter, DashScope, Moonshot, Zhipu, Bedrock, MiniMax,
LiteLLM.
"""

_CODES = ("code", "type", "reason", "status", "error_code", "param", "status_code")
_WORDS = ("", "message", "detail", "error", "msg", "status_msg")
_EXHAUSTED = re.compile(r"\bquota\b|insufficient[_ ](?:quota|balance|credits?|funds)|billing|out of credits", re.IGNORECASE)

_FILTER_WORDS = re.compile(
    r"content[ _-]?(?:management|filter|moderation|polic)|responsible ?ai|safety (?:system|filter|polic|setting|guideline|reason)|"
    r"\bmoderation\b|\bflagged\b|data inspection|inappropriate content|prohibited[ _]content|"
    r"(?:usage|acceptable use|use) polic|content (?:was|is|has been) (?:blocked|filtered)|"
    r"blocked by (?:our|the|a) (?:content|safety)|content exists risk|(?:considered|deemed|classified as) (?:high[ -]risk|unsafe)|"
    r"\b(?:prompt|content|input|output|completion) (?:was |is |has been |were )?(?:blocked|filtered|flagged|rejected: unsafe)|"
    r"\bguard ?rails?\b|\bllama ?guard|\bjailbreak|\bcensor(?:ed|ship)|"
    r"\b(?:unsafe|harmful|sensitive|offensive|illegal) (?:content|prompt|request|input|material|information)|new_sensitive|"
    r"(?:rejected|blocked|refused)\b.{0,30}\b(?:unsafe|safety)|\b(?:pii|personal data) detected|敏感|不安全|违规",
    re.IGNORECASE,
)


def is_filtered(document: Any, asked: Sequence[str] = ()) -> bool:
    """Whether a server's error reports that its content filter refused the prompt, not that the request is wrong.

    Args:
        document: The server's answer.
        asked: Texts of the request. Where the answer repeats them, they are not the server's words.
    """
    if _has_filter_code(document):
        return True
    texts = [value for key, value in leaves(document) if isinstance(value, str) and key in _WORDS]
    for own in filter(None, asked):
        texts = [text.replace(own, " ").replace(json.dumps(own)[1:-1], " ") for text in texts]
    return any(_FILTER_WORDS.search(text) for text in texts)


def _has_filter_code(document: Any) -> bool:
    codes = [value for key, value in leaves(document) if key in _CODES]
    return any(re.sub(r"[^a-z0-9]", "", str(code).casefold()) in _FILTER_CODES for code in codes)


def texts_of(body: Any) -> list[str]:
    """What a request asks the model to read."""
    return [value for key, value in leaves(body) if key in ("content", "prompt", "text") and isinstance(value, str)]


def leaves(document: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a document, with its key."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from leaves(value, str(name))
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value, key)
    else:
        yield key, document


def _document(content: bytes) -> Any:
    """What a server sent: JSON, or the text."""
    text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _message(content: bytes) -> str:
    """What a server says is wrong: OpenAI's `error.message`, an error inside of the choice, or whatever else it sent."""
    document = _document(content)
    if isinstance(document, str):
        return content.decode("utf-8", "replace")
    choices = document.get("choices") if isinstance(document, dict) else None
    if isinstance(choices, list) and choices and isinstance(choices[0], dict) and choices[0].get("error"):
        document = choices[0]
    for key in ("error", "message", "detail"):
        if isinstance(document, dict) and document.get(key):
            document = document[key]
    return document if isinstance(document, str) else json.dumps(document)


def _retry_after(headers: Message) -> float | None:
    """Seconds to wait, from a number or a date."""
    stated = headers.get("Retry-After")
    if stated is None:
        return None
    try:
        seconds = float(stated)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(stated).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER) if seconds == seconds else None
