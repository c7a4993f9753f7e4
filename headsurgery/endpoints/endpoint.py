"""Completions from any server that speaks OpenAI's protocol: vLLM, SGLang, TGI, llama.cpp.

It sends many requests at a time and returns the answers in order. Requests run in daemon threads, so that an error or Ctrl-C ends
the call at once. Neighbours: `connection` sends one request and retries it, `dialect` knows which fields the server accepts,
`completions` reads its replies; `generate` asks a model in this process.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.behaviour.replies import open_mark
from headsurgery.endpoints.completions import FILTERED, Completion, parse_completion
from headsurgery.endpoints.connection import Connection, EndpointError, RefusedRequestError
from headsurgery.endpoints.dialect import Dialect
from headsurgery.errors import UsageError
from headsurgery.progress import StageProgress
from headsurgery.prompts import PromptSet, Template

__all__ = ["Completion", "Endpoint", "EndpointError", "ask_endpoint"]

KEY_VARIABLES = ("HEADSURGERY_API_KEY", "OPENAI_API_KEY")

NEUTRAL: Mapping[str, Any] = MappingProxyType({"repetition_penalty": 1.0, "min_p": 0.0})
"""Fields outside OpenAI's protocol. They make vLLM and others decode as requested instead of by the model's generation_config."""

Message = Mapping[str, str]


class Endpoint:
    """A model behind an OpenAI-compatible server.

    Args:
        url: Up to and including `/v1`; without a path, `/v1` is added.
        model: The server's name for it; None: the only one that it serves.
        api_key: None: from HEADSURGERY_API_KEY, else OPENAI_API_KEY, else none.
        concurrency: Requests at a time.
        timeout: Seconds to wait for an answer.
        retries: Attempts after the first.
        backoff: Seconds before the second attempt, about; doubled each time.
        extra: Fields added to every request, for as long as the server takes them.

    Raises:
        UsageError: Not an address of a server, a key that can't be sent, or a number out of range.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        api_key: str | None = None,
        concurrency: int = 16,
        timeout: float = 300.0,
        retries: int = 5,
        backoff: float = 0.5,
        extra: Mapping[str, Any] = NEUTRAL,
    ) -> None:
        if concurrency < 1 or retries < 0 or timeout <= 0:
            raise UsageError(f"concurrency {concurrency}, retries {retries}, timeout {timeout:g}: expected 1, 0, above 0 at least")
        key = next(filter(None, [api_key] if api_key is not None else map(os.environ.get, KEY_VARIABLES)), "")
        self._connection = Connection(url, key=key.strip(), timeout=timeout, retries=retries, backoff=backoff)
        self._concurrency, self._dialect, self._model = concurrency, Dialect(extra), model

    @property
    def url(self) -> str:
        """The server's address, as it is used."""
        return self._connection.url

    @property
    def model(self) -> str:
        """The model's name; asks the server where none was given.

        Raises:
            EndpointError: The server can't say, or serves several.
        """
        if self._model is None:
            names = self._connection.call("/models", None, lambda document: [str(model["id"]) for model in document["data"]])
            if len(names) != 1:
                raise EndpointError(
                    f"{self.url}: serves {', '.join(names) or 'no model'}; expected exactly one",
                    hint="name one with --endpoint-model",
                )
            self._model = names[0]
        return self._model

    def complete_chats(
        self,
        chats: Sequence[Sequence[Message]],
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int | None = None,
        prefill: str | None = None,
        on_progress: StageProgress | None = None,
    ) -> list[Completion]:
        """Answer chats, through the server's chat template.

        Args:
            chats: Messages with `role` and `content`.
            max_new_tokens: Limit per answer.
            temperature: 0 for greedy.
            top_k: Sample among so many tokens.
            seed: Of the server's sampling.
            prefill: How the answer begins; not part of the completion.
            on_progress: Called with chats answered and their number.

        Returns:
            In the chats' order.

        Raises:
            EndpointError: The server can't be reached, refuses, or gives no usable answer.
        """
        decoding = _decoding(max_new_tokens, temperature, top_k, seed)
        return self._in_order("/chat/completions", [_chat(chat, prefill) | decoding for chat in chats], on_progress)

    def complete_texts(
        self,
        texts: Sequence[str],
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int | None = None,
        on_progress: StageProgress | None = None,
    ) -> list[Completion]:
        """Continue texts as they are, for templates other than the server's; arguments as in `complete_chats`."""
        decoding = _decoding(max_new_tokens, temperature, top_k, seed)
        return self._in_order("/completions", [{"prompt": text, **decoding} for text in texts], on_progress)

    def _in_order(self, path: str, bodies: Sequence[dict[str, Any]], on_progress: StageProgress | None) -> list[Completion]:
        done: dict[int, Completion] = {}
        for position, completion in self.stream(path, bodies):
            done[position] = completion
            if on_progress is not None:
                on_progress(len(done), len(bodies))
        return [done[position] for position in range(len(bodies))]

    def stream(self, path: str, bodies: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Completion]]:
        """Post requests, many at a time.

        Args:
            path: `/chat/completions` or `/completions`.
            bodies: Requests, but for the model and the extra fields.

        Yields:
            Position and completion, as they come.

        Raises:
            EndpointError: One of them failed for good; the rest is given up.
        """
        if not bodies:
            return
        model = self.model  # asked for once, before the threads
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Completion | Exception]] = queue.SimpleQueue()
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                try:
                    position = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    found = self._ask(path, {"model": model, **bodies[position]}, what=f"prompt {position}", stop=stop)
                except Exception as error:
                    done.put((position, error))
                else:
                    done.put((position, found))

        for position in range(len(bodies)):
            waiting.put(position)
        try:
            for _ in range(min(self._concurrency, len(bodies))):
                threading.Thread(target=work, daemon=True).start()
            for _ in bodies:
                position, result = done.get()
                if isinstance(result, Exception):
                    raise result
                yield position, result
        finally:
            stop.set()

    def _ask(self, path: str, body: dict[str, Any], *, what: str, stop: threading.Event) -> Completion:
        """Post a request, and adapt it if the server refuses a part of it. A refusal by its content filter is an answer."""
        while True:
            sent = self._dialect.speak(body)
            changed = self._dialect.changed(body)
            try:
                found = self._connection.call(path, sent, partial(parse_completion, body=sent), what=what, stop=stop)
            except RefusedRequestError as error:
                if error.is_filtered:
                    return FILTERED
                if not self._dialect.learn(error, sent) and self._dialect.speak(body) == sent:
                    raise
            else:
                self._dialect.accept()
                return replace(found, changed=changed)


def ask_endpoint(
    endpoint: Endpoint,
    prompts: PromptSet,
    *,
    template: Template | None,
    decoding: Decoding,
    variant: str = "base",
    seed: int = 0,
    skip: Collection[int] = (),
    on_progress: StageProgress | None = None,
) -> Iterator[tuple[Answer, ...]]:
    """Answer every prompt of a set; the counterpart of `generate_answers`.

    Args:
        endpoint: The server.
        prompts: What to ask.
        template: None, or the template `chat`: the server's own.
        decoding: Method, limit, prefill and system message.
        variant: Name for the answers.
        seed: Of the server's sampling; greedy decoding has none, its answers say 0.
        skip: Positions in the set that have an answer.
        on_progress: Called with prompts done, skipped ones included, and their number.

    Yields:
        One answer at a time, as they come.

    Raises:
        EndpointError: The server can't be reached, refuses, or gives no usable answer.
        UsageError: A system message without a chat template.
    """
    is_greedy = decoding.method == "greedy"
    behind = decoding.prefill or ""
    if template is not None and template.text is not None:
        behind = template.text.rpartition("{query}")[2] + behind
    asked = [position for position in range(len(prompts.texts)) if position not in skip]
    fields = _decoding(
        decoding.max_new_tokens,
        0.0 if is_greedy else decoding.temperature,
        None if is_greedy else decoding.top_k,
        None if is_greedy else seed,
    )
    if template is None or template.text is None:
        system = [{"role": "system", "content": decoding.system}] if decoding.system is not None else []
        chats = [[*system, {"role": "user", "content": prompts.texts[position]}] for position in asked]
        path, bodies = "/chat/completions", [_chat(chat, decoding.prefill) | fields for chat in chats]
    elif decoding.system is not None:
        raise UsageError(f"template {template.name} has no place for a system message", hint="use --template chat")
    else:
        texts = [template.fill(prompts.texts[position], prefill=decoding.prefill) for position in asked]
        path, bodies = "/completions", [{"prompt": text, **fields} for text in texts]
    for done, (place, completion) in enumerate(endpoint.stream(path, bodies), start=1):
        position = asked[place]
        yield (
            Answer(
                variant=variant,
                set=prompts.name,
                index=position,
                seed=0 if is_greedy else seed,
                prompt=prompts.texts[position],
                text=completion.text,
                num_tokens=completion.num_tokens,
                finished=completion.finished,
                opened=open_mark(behind),
                thoughts=completion.thoughts,
                refused_by=completion.refused_by,
                changed=completion.changed,
            ),
        )
        if on_progress is not None:
            on_progress(len(prompts.texts) - len(asked) + done, len(prompts.texts))


def _decoding(max_new_tokens: int, temperature: float, top_k: int | None, seed: int | None) -> dict[str, Any]:
    """The request fields. What is not asked for is switched off, as far as the protocol allows."""
    fields = {"max_tokens": max_new_tokens, "temperature": temperature, "top_p": 1.0, "top_k": top_k, "seed": seed}
    return {name: value for name, value in fields.items() if value is not None}


def _chat(messages: Sequence[Message], prefill: str | None) -> dict[str, Any]:
    if not prefill:
        return {"messages": [dict(message) for message in messages]}
    begun = {"role": "assistant", "content": prefill}
    return {
        "messages": [*(dict(message) for message in messages), begun],
        "add_generation_prompt": False,
        "continue_final_message": True,
    }
