"""Learn which request fields a server accepts: fields that it refuses are renamed, set to the one value that it allows, or left
out.

OpenAI's reasoning models require `max_completion_tokens` and a fixed temperature. Strict servers refuse fields outside the
protocol. After a server's first refusal, all later requests are adapted. Every answer to an adapted request records what was
changed. Neighbour: `endpoint` sends the requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from threading import Lock
from typing import Any

from headsurgery.endpoints.connection import RefusedRequestError, leaves

_NEEDED = frozenset({"model", "messages", "prompt", "add_generation_prompt", "continue_final_message"})
"""Without these fields, the request would have another meaning."""

_UNKNOWN = re.compile(
    r"un(?:supported|known|recogni[sz]ed|expected|permitted|allowed)|not (?:supported|permitted|allowed|accepted|recogni[sz]ed)|"
    r"(?:doesn't|does not|cannot|can't) support|\bextra[ _](?:input|field|forbidden|param)|additional propert|deprecated|"
    r"only the default|invalid (?:param|arg|field|key)|cannot find field|no such (?:param|field)|is not a valid|"
    r"must be (?:equal to )?1\b|only [\d.]+ is allowed",
    re.IGNORECASE,
)
_FREE = frozenset({"temperature", "top_p", "top_k", "seed", "repetition_penalty", "min_p"})
"""Optional fields. If a server refuses one or its value, the request is sent without it."""

_ABOUT_LENGTH = re.compile(r"too (?:long|large|many)|maximum context|context length|exceed", re.IGNORECASE)
_POSITIVE = re.compile(
    r"strictly positive|(?:greater|larger|more) than 0\b(?!\.)|> ?0\b(?!\.\d*[1-9])|\(0(?:\.0+)?,", re.IGNORECASE
)
_SMALLEST = 0.01
"""Used instead of temperature 0 if a server requires a positive one: nearly greedy."""

_ABOUT_THE_PROMPT = re.compile(r"too long|length|context|token|model\b", re.IGNORECASE)
_ONLY_VALUE = re.compile(r"(?:default|only|must be|equal to)[^.\d]{0,30}\(?\s*(\d+(?:\.\d+)?)\)?", re.IGNORECASE)
_RENAMED = {"max_tokens": "max_completion_tokens"}


class Dialect:
    """The fields that one server accepts, learned from its refusals.

    Args:
        extra: Fields outside of OpenAI's protocol, added to every request for as long as the server takes them.
    """

    def __init__(self, extra: Mapping[str, Any]) -> None:
        self._extra = dict(extra)
        self._values: dict[str, Any] = {}
        self._left_out: set[str] = set()
        self._renamed: set[str] = set()
        self._has_answered = False
        self._lock = Lock()

    def speak(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The request in the form that the server accepts, as far as is known."""
        with self._lock:
            fields = {**self._extra, **body}
            fields |= {name: value for name, value in self._values.items() if name in fields}
            return {
                _RENAMED[name] if name in self._renamed else name: value
                for name, value in fields.items()
                if name not in self._left_out
            }

    def changed(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """The parts of a request that are not sent as asked. Extra fields that were left out are not listed, since they have no
        effect.
        """
        with self._lock:
            found = [f"{_RENAMED[name]} for {name}" for name in sorted(self._renamed & body.keys())]
            found += [f"{name} {value:g}" for name, value in self._values.items() if name in body and name not in self._left_out]
            return (*found, *(f"no {name}" for name in sorted(self._left_out & {*body, *self._extra})))

    def accept(self) -> None:
        """Record that the server accepted a request in its current form."""
        self._has_answered = True

    def learn(self, error: RefusedRequestError, sent: Mapping[str, Any]) -> bool:
        """Adapt the request to a refusal.

        Args:
            error: The refusal.
            sent: The request.

        Returns:
            Whether the request may be tried again, spoken anew.
        """
        text = _text(error.document)
        with self._lock:
            named = _named(error.document, text, sent)
            is_free = bool(_FREE & set(named)) and not _ABOUT_LENGTH.search(text)
            if not (_UNKNOWN.search(text) or is_free) or _is_a_limit(text, named):
                may_be_extra = not self._has_answered and not named and not _ABOUT_THE_PROMPT.search(text)
                return may_be_extra and self._drop_extra(sent)
            if "max_tokens" in sent and ("max_tokens" in named or "max_completion_tokens" in text):
                self._renamed.add("max_tokens")
                return True
            for name in (name for name in named if name not in _RENAMED.values()):
                value = _allowed_temperature(text) if name == "temperature" else None
                if value is not None and sent[name] != value:
                    self._values[name] = value
                else:
                    self._left_out.add(name)
                return True
            return not named and self._drop_extra(sent)

    def _drop_extra(self, sent: Mapping[str, Any]) -> bool:
        fresh = self._extra.keys() & sent.keys()
        self._left_out |= fresh
        return bool(fresh)


def _allowed_temperature(text: str) -> float | None:
    """The value that a server names, or the smallest of several."""
    if only := _ONLY_VALUE.search(text):
        return float(only[1])
    if least := re.search(r"\[(0\.\d+),|(?:at least|>=?) ?(0\.\d+)", text):
        return float(least[1] or least[2])
    return _SMALLEST if _POSITIVE.search(text) else None


def _text(document: Any) -> str:
    """All that a server says."""
    if isinstance(document, dict):
        return " ".join(f"{key} {_text(value)}" for key, value in document.items())
    if isinstance(document, list):
        return " ".join(map(_text, document))
    return str(document)


def _named(document: Any, text: str, sent: Mapping[str, Any]) -> list[str]:
    """The request fields that an error is about: the one that it points to, or all that its text mentions."""
    names = [name for name in sent if name not in _NEEDED]
    pointed = [name for name in names if any(name == value for key, value in leaves(document) if key in ("param", "loc"))]
    held = [name for name in names if _is_named(name, text)]
    return pointed or sorted(held, key=lambda name: name == "temperature")  # which changes the answers, so it comes last


def _is_named(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text) is not None


def _is_a_limit(text: str, named: list[str]) -> bool:
    """Whether it is the number that is refused and not the field: `max_tokens is too large`."""
    return "max_tokens" in named and re.search(r"too (?:large|many|high|long)|at most|maximum context|exceed", text) is not None
