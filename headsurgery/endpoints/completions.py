"""Read a server's reply: the text, separate thoughts, a refusal in its own field, and the result of a content filter.

Servers put these in different places: OpenAI and Azure, OpenRouter, vLLM and SGLang with a reasoning parser, Mistral (content in
parts), and the OpenAI-compatible APIs of Anthropic and Gemini. Neighbours: `endpoint` asks, `connection` transports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headsurgery.endpoints.connection import is_filtered, texts_of


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What a model wrote.

    Args:
        text: Without the prefilled start.
        num_tokens: New tokens; 0 where the server doesn't count them.
        finished: Whether the model ended it; false: cut at the limit.
        thoughts: What the server gave apart from the text as the model's thoughts.
        refused_by: Who refused, where the server says so itself.
        changed: What of the request the server did not take.
    """

    text: str
    num_tokens: int
    finished: bool
    thoughts: str | None = None
    refused_by: Literal["model", "filter"] | None = None
    changed: tuple[str, ...] = ()


FILTERED = Completion(text="", num_tokens=0, finished=True, refused_by="filter")
"""A prompt that a content filter refused before the model read it."""

_CUT = re.compile(r"length|max\w*tokens?|limit|context|truncated|incomplete")
_BROKEN_OFF = re.compile(r"error|abort|cancel|timeout|failed|insufficientsystemresource|overloaded")
_FILTERED = re.compile(
    r"filter|safety|unsafe|prohibited|block|spii|recitation|refus|sensitive|moderat|guardrail|toxic|flagged|violation|policy|censor|"
    r"modelarmor|\Arisk|contentrisk"
)
"""Reasons why generation stopped, letters only: OpenAI, Azure, Gemini, Anthropic, Bedrock, Zhipu, Cohere, DeepSeek, vLLM, TGI."""

_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "thoughts", "reasoning_details")


def parse_completion(reply: Any, body: Mapping[str, Any]) -> Completion:
    """Read a reply.

    Args:
        reply: The document.
        body: The request.

    Raises:
        LookupError, TypeError, ValueError: No completion; a moment may mend that.
    """
    choices = _object(reply).get("choices")
    if not choices:
        if _is_blocked(reply) or is_filtered(reply, texts_of(body)):
            return FILTERED
        raise LookupError("no choices")
    choice = _object(choices[0])
    reasons = {
        _plain(source.get(key)) for source in (choice, reply) for key in ("finish_reason", "native_finish_reason", "stop_reason")
    }
    is_finished = not any(map(_CUT.search, reasons))
    is_refused = any(map(_FILTERED.search, reasons)) or _has_filtered(choice)
    refused_by: Literal["model", "filter"] | None = "filter" if is_refused else None
    if choice.get("error"):
        if not is_filtered(choice["error"], texts_of(body)):
            raise LookupError("the choice is an error")
        refused_by = "filter"
    elif refused_by is None and is_finished and any(map(_BROKEN_OFF.search, reasons)):
        raise LookupError("generation broke off")
    message = choice.get("message")
    if message is None and "text" not in choice and refused_by is None:
        raise LookupError("no message")
    message = _object(message or {})
    content = message.get("content") if "messages" in body else choice.get("text")
    text, thoughts, refusal = _read_content(content)
    fields = [source.get("refusal") for source in (message, choice)]
    if refusal or any(fields):
        refusal = "\n".join(filter(None, dict.fromkeys([refusal, *map(_words, fields)])))
        text, refused_by = "\n".join(filter(None, [text, refusal])), refused_by or "model"
    if body.get("continue_final_message"):
        text = text.removeprefix(body["messages"][-1]["content"])  # some servers repeat it
    apart = next(filter(None, (_words(source.get(key)) for source in (message, choice) for key in _THOUGHTS)), "")
    tokens = _object(reply.get("usage") or {}).get("completion_tokens") or 0
    return Completion(
        text=text,
        num_tokens=int(tokens),
        finished=is_finished,
        thoughts="\n".join(filter(None, [apart, thoughts])) or None,
        refused_by=refused_by,
    )


def _object(value: Any) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{type(value).__name__} in place of an object")
    return value


def _read_content(content: Any) -> tuple[str, str, str]:
    """Text, thoughts and refusal of a message's content, which is a text, a part, or a list of parts."""
    if content is None:
        return "", "", ""
    if isinstance(content, str):
        return _valid(content), "", ""
    if isinstance(content, dict) and _words(content):
        content = content.get("parts") or [content]
    if not isinstance(content, list):
        raise TypeError(f"content is {type(content).__name__}")
    text, thoughts, refusal = [], [], []
    for part in content:
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        if re.search(r"think|reason|thought", str(kind)) or (isinstance(part, dict) and part.get("thought") is True):
            thoughts.append(_words(part))
        elif kind == "refusal":
            refusal.append(_words(part))
        elif not re.search(r"tool|function|image|audio|video|file|citation", str(kind)):
            text.append(_words(part))
    return "".join(text), "\n".join(filter(None, thoughts)), "\n".join(filter(None, refusal))


def _words(value: Any) -> str:
    """All text in a field, at any depth."""
    if isinstance(value, str):
        return _valid(value)
    if isinstance(value, list):
        return "".join(map(_words, value))
    if isinstance(value, dict):
        names = ("text", "value", "thinking", "reasoning", "refusal", "content", "summary", "parts", "message", "reason")
        return next(filter(None, (_words(value.get(name)) for name in names)), "")
    return ""


def _valid(text: str) -> str:
    """Remove halves of surrogate pairs, which JSON may contain."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain(reason: Any) -> str:
    """`FinishReason.PROHIBITED_CONTENT` as `prohibitedcontent`."""
    if not isinstance(reason, str):  # a stop token's number, in vLLM
        return ""
    letters = re.sub(r"[^a-z]", "", reason.casefold())
    return letters.removeprefix("finishreason")


def _is_blocked(reply: Mapping[str, Any]) -> bool:
    """Whether a reply without choices says that the prompt was blocked: Gemini's feedback, Azure's filter results."""
    feedback = _object(reply.get("promptFeedback") or reply.get("prompt_feedback") or {})
    if feedback.get("blockReason") or feedback.get("block_reason"):
        return True
    return any(_has_filtered(_object(entry)) for entry in reply.get("prompt_filter_results") or [])


def _has_filtered(source: Mapping[str, Any]) -> bool:
    """Whether Azure's results beside a prompt or a choice say that it was filtered, and not merely rated."""
    results = _object(source.get("content_filter_results") or {})
    return any(isinstance(found, dict) and found.get("filtered") is True for found in results.values())
