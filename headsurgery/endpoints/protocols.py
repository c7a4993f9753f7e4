"""Recognise servers that speak another protocol than OpenAI's at the given address, and name their OpenAI-compatible address.

They are recognised by the address or by the answer: Gemini, Anthropic and Ollama with their own protocols, the full path of a
request instead of the base address, and event streams. Neighbour: `connection` calls this when it got no usable answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_GEMINI = re.compile(r":(?:stream)?generateContent|/v1(?:beta|alpha)(?:/models(?:/.*)?)?\Z", re.IGNORECASE)
_ANTHROPIC = re.compile(r"/(?:messages|complete)\Z")
_OLLAMA = re.compile(r"/api(?:/(?:chat|generate|tags|embed\w*))?\Z")
_REQUEST = re.compile(r"(?P<base>.*?)/(?:chat/completions|chat|completions|responses|models|embeddings)\Z")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The protocol that a server speaks instead.

    Args:
        seen: In a clause.
        hint: The next thing to do.
    """

    seen: str
    hint: str


def recognise(url: str, content: bytes, content_type: str = "") -> Protocol | None:
    """Recognise an unsupported protocol from an address and an answer; None if it is not known.

    Args:
        url: The address that was given.
        content: What came back.
        content_type: As the server states it.
    """
    parts, document = urlsplit(url), _first_document(content)
    root, host = f"{parts.scheme}://{parts.netloc}", parts.hostname or ""
    path = parts.path.rstrip("/")
    is_google = host == "generativelanguage.googleapis.com" and not path.endswith("/openai")
    if is_google or _GEMINI.search(path) or _has(document, "candidates", "usageMetadata"):
        return _native("Gemini", url, f"{root}/v1beta/openai")
    if _ANTHROPIC.search(path) or document.get("type") == "message":
        return _native("Anthropic", url, root + _ANTHROPIC.sub("", path))
    is_reply = isinstance(document.get("done"), bool) and _has(document, "message", "response")
    if is_reply or (_OLLAMA.search(path) and (not path.endswith("/api") or content.startswith(b"404 page not found"))):
        return _native("Ollama", url, root + _OLLAMA.sub("", path) + ("" if path.endswith("/v1") else "/v1"))
    if (request := _REQUEST.fullmatch(path)) is not None:
        return Protocol(seen="the address of a single request", hint=f"give the base address: {root}{request['base'] or '/v1'}")
    if content_type == "text/event-stream" or re.match(rb"\s*(?:data|event|id|retry)?:", content):
        return Protocol(
            seen="a stream of events, which was not requested",
            hint="configure the server to answer without streaming (stream: false), or use another server",
        )
    return None


def wants_stream(said: str) -> bool:
    """Whether a server refuses a request because it answers in streams only."""
    return re.search(r"\bstream(?:ing|ed)?\b", said, re.IGNORECASE) is not None


def _native(name: str, url: str, compatible: str) -> Protocol | None:
    """The compatible address; None if the address is already the compatible one."""
    if url.rstrip("/") == compatible:
        return None
    return Protocol(
        seen=f"{name}'s own protocol, not OpenAI's", hint=f"give the address of its OpenAI-compatible side: {compatible}"
    )


def _first_document(content: bytes) -> Mapping[str, Any]:
    """The JSON object that was sent, or the first of several, one a line; empty where there is none."""
    text = content.decode("utf-8", "replace").strip()
    for candidate in (text, text.partition("\n")[0].removeprefix("data:")):
        try:
            document = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        document = document[0] if isinstance(document, list) and document else document
        return document if isinstance(document, Mapping) else {}
    return {}


def _has(document: Mapping[str, Any], *keys: str) -> bool:
    return any(key in document for key in keys)
