"""The tokenizer's chat template: messages become text, and nothing of them may be lost on the way.

A template is a stranger's program. It may fail inside with any exception; it may read a message's content as text or as a list of
parts; and it may drop, cut, escape or rewrite what it is given, with no error. So a conversation of marks is rendered first: every
mark must come out again. The text around the marks is the frame. Each prompt's text must then be the frame with the prompt in its
place, or hold the prompt where the template writes another frame for it. Neighbour: `templates` encodes what is rendered here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from textwrap import shorten
from typing import Any, Literal

from headsurgery.errors import PromptError

Role = Literal["system", "user", "assistant"]

_MARKS: dict[Role, str] = {"system": "Zq4System7Qz", "user": "Zq4Prompt7Qz", "assistant": "Zq4Prefill7Qz"}
"""A marker in mixed case with a digit. No template contains it, and templates that change the case of letters change it."""

_WHAT: dict[Role, str] = {"system": "the system message", "user": "the prompt", "assistant": "the start of the answer"}
_SWITCH = re.compile(r"(?<!\S)/(?:no_?)?think(?!\S)")
"""Switches that a template may remove from a message, because it carries them out (SmolLM3, Nemotron)."""
_DATE = re.compile(r"strftime_now\(\s*\\?['\"]([^'\"\\]+)")
_FLAGS: dict[Role, str] = {"system": "--system", "assistant": "--prefill"}


@dataclass(frozen=True, kw_only=True)
class Chat:
    """A chat template that was checked to render every message.

    Args:
        tokenizer: Has the template.
        system: The system message.
        prefill: How the answer begins.
        in_parts: Roles whose content the template reads as a list of parts.
        frame: What it writes around the marks.
    """

    tokenizer: Any
    system: str | None
    prefill: str | None
    in_parts: frozenset[Role]
    frame: str

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how messages are given to the template, and on what it does with them."""
        given = ("reads content as a list of parts; messages are given to it as parts of type text",) if self.in_parts else ()
        return tuple(f"this tokenizer's chat template {note}" for note in (*given, *self._note_frame()))

    def _note_frame(self) -> Iterator[str]:
        """Notes on unexpected text that the template puts around a prompt."""
        for role, what in _WHAT.items():
            if (count := self.frame.count(_MARKS[role])) > 1:
                yield f"writes {what} {count} times"
        end = str(getattr(self.tokenizer, "eos_token", None) or "")
        if end and not self.prefill and self.frame.rstrip().endswith(end):
            yield f"ends a prompt with {end!r} and does not start an answer, so answers may be empty or ask another question"
        formats = _DATE.findall(str(getattr(self.tokenizer, "chat_template", "")))
        if any(datetime.now().strftime(form) in self.frame for form in formats):
            yield "writes the date or the time, so the model reads different prompts on another day"
        if (begin := _begin(self.tokenizer)) and not self.frame.lstrip().startswith(begin):
            yield f"doesn't write {begin!r}, with which this tokenizer begins all other texts, so prompts lack it"

    def render(self, text: str) -> str:
        """A prompt as the model reads it, with the generation prompt or the start of the answer.

        Raises:
            PromptError: The template fails on this prompt, or doesn't write it as it is.
        """
        given = _given(self.system, text, self.prefill)
        rendered = _apply(self.tokenizer, given, self.in_parts)
        if not self._is_framed(rendered, given) and (lost := _find_lost(rendered, given, self.frame)):
            raise _refuse(lost, given, rendered)
        return rendered

    def _is_framed(self, rendered: str, given: Mapping[Role, str]) -> bool:
        """Whether a text is the frame with the messages in it. A template may strip white space at a message's ends."""
        stripped = {role: text.strip() for role, text in given.items()}
        return rendered.rstrip() in (_fill(self.frame, given).rstrip(), _fill(self.frame, stripped).rstrip())


def open_chat(tokenizer: Any, *, system: str | None = None, prefill: str | None = None) -> Chat:
    """Find out in which form the chat template expects its messages, and check that it renders all of them.

    Args:
        tokenizer: Has a chat template.
        system: A system message.
        prefill: How the answer begins.

    Raises:
        PromptError: The template fails, or ignores or changes a message in whatever form it is given.
    """
    marks = {role: _MARKS[role] for role in _given(system, "", prefill)}
    refusal: PromptError | None = None
    for in_parts in _forms(list(marks)):
        try:
            frame = _apply(tokenizer, marks, in_parts)
        except PromptError as error:
            refusal = refusal or error
            continue
        lost = _find_lost(frame, marks, "")
        if not lost and not _is_raw(frame, marks):
            return Chat(tokenizer=tokenizer, system=system, prefill=prefill, in_parts=in_parts, frame=frame)
        refusal = refusal or _refuse(lost, marks, frame)
    assert refusal is not None  # every form was refused
    raise refusal


def apply_chat_template(tokenizer: Any, messages: Sequence[Mapping[str, Any]], **mode: bool) -> str:
    """Render messages. Any exception from the template is reported as the template's failure.

    Args:
        tokenizer: Has a chat template.
        messages: With `role` and `content`.
        mode: `add_generation_prompt` or `continue_final_message`.

    Raises:
        PromptError: The template fails.
    """
    try:
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, **mode))
    except Exception as error:
        from jinja2 import TemplateError

        kind = "" if isinstance(error, TemplateError | ValueError) and str(error) else f"{type(error).__name__}: "
        reason = shorten(f"{kind}{error}", 200).rstrip(": ")
        raise PromptError(f"this tokenizer's chat template fails: {reason}", hint=_hint(())) from error


def _given(system: str | None, text: str, prefill: str | None) -> dict[Role, str]:
    """The given messages, in order."""
    given: dict[Role, str] = {} if system is None else {"system": system}
    given["user"] = text
    if prefill:
        given["assistant"] = prefill
    return given


def _forms(roles: Sequence[Role]) -> list[frozenset[Role]]:
    """Combinations of messages that are given as parts: none, all, then every mixture."""
    forms = [
        frozenset(role for role, chosen in zip(roles, choice) if chosen) for choice in product((False, True), repeat=len(roles))
    ]
    return sorted(forms, key=lambda form: (0 < len(form) < len(roles), len(form)))


def _begin(tokenizer: Any) -> str:
    """The token that a tokenizer puts before every text; empty if there is none."""
    bos = getattr(tokenizer, "bos_token_id", None)
    try:
        begins = bos is not None and list(tokenizer("a")["input_ids"])[:1] == [bos]
    except Exception:  # it fails on prompts, too, and is refused there
        return ""
    return str(tokenizer.bos_token) if begins else ""


def _apply(tokenizer: Any, given: Mapping[Role, str], in_parts: frozenset[Role]) -> str:
    messages = [
        {"role": role, "content": [{"type": "text", "text": text}] if role in in_parts else text} for role, text in given.items()
    ]
    mode = {"continue_final_message" if "assistant" in given else "add_generation_prompt": True}
    try:
        return apply_chat_template(tokenizer, messages, **mode)
    except PromptError as error:
        raise PromptError(str(error), hint=_hint(given)) from error.__cause__


def _fill(frame: str, given: Mapping[Role, str]) -> str:
    """The frame with messages instead of markers."""
    roles = {_MARKS[role]: role for role in given}
    return re.sub("|".join(roles), lambda mark: given[roles[mark[0]]], frame)


def _find_lost(rendered: str, given: Mapping[Role, str], frame: str) -> list[Role]:
    """The messages that a text does not contain, apart from white space at their ends.

    Text of the frame does not count: the prompt `a` is not rendered just because there is an `assistant`. A message that is found
    is removed, so a message that occurs only inside another one counts as lost.
    """
    rest, lost = rendered, list[Role]()
    for role in sorted(given, key=lambda role: len(given[role]), reverse=True):
        without = _fill(frame, {**given, role: "\n"})
        texts = dict.fromkeys([given[role].strip(), _SWITCH.sub("", given[role]).strip()])
        found = next((text for text in texts if not text or (text in rest and rendered.count(text) > without.count(text))), None)
        if found is None:
            lost.append(role)
        elif found:
            rest = rest.replace(found, "\n", 1)
    if "assistant" in given and "assistant" not in lost and not rendered.rstrip().endswith(given["assistant"].rstrip()):
        lost.append("assistant")
    return [role for role in given if role in lost]


def _is_raw(frame: str, marks: Mapping[Role, str]) -> bool:
    """Whether a list of parts was written out as it is, by a template that wants text."""
    return any(re.search(rf"""['"]text['"]\s*:\s*['"]{mark}""", frame) for mark in marks.values())


def _refuse(lost: Sequence[Role], given: Mapping[Role, str], rendered: str) -> PromptError:
    what = " and ".join(_WHAT[role] for role in lost) or "a message"
    if lost == ["system"]:
        message = "this tokenizer's chat template ignores or changes the system message"
        return PromptError(
            message, hint="leave out --system, or write the message into your own template: --template FILE with {query}"
        )
    shown = f"the result is {shorten(rendered, 100)!r}" if rendered.strip() else "the result is empty"
    return PromptError(f"this tokenizer's chat template changes {what}: {shown}", hint=_hint(given))


def _hint(given: Mapping[Role, str] | Sequence[Role]) -> str:
    without = " and ".join(flag for role, flag in _FLAGS.items() if role in given)
    return "use --template paper, direct or a file with {query}" + (f", or leave out {without}" if without else "")
