"""A small server on 127.0.0.1 that speaks OpenAI's protocol: models, chat completions, completions.

It answers by a rule, which may be a real tiny model, and fails as real servers do, on order. Neighbours: `test_endpoint`,
`test_connection`.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

MODEL = "org/tiny"

Rule = Callable[[dict[str, Any]], tuple[str, int, str]]
"""From a request's body to text, number of tokens and finish reason."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How a completion fails: a status, or with status 200 a body of its own, or a cut connection; late if it should.

    Args:
        status: HTTP status.
        body: Sent as it is; None: an error document as OpenAI's.
        headers: Further headers.
        cut: `before` the answer or `within` it.
    """

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: str | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    time: float
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def echo(body: dict[str, Any]) -> tuple[str, int, str]:
    """The last message or the prompt, in capitals."""
    text = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
    return text.upper(), len(text.split()), "stop"


class ChatServer(ThreadingHTTPServer):
    """One model and its rule.

    `faults` go to the next completions, one each. `refusals` maps words of a prompt to the fault that every request with it meets.
    `delay` is how long a completion takes. `requests` lists what was asked, `peak` is the largest number of completions at a time.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, rule: Rule = echo, *, key: str = "", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.rule, self.key = rule, key
        self.models = [MODEL]
        self.faults: deque[Fault] = deque()
        self.refusals: dict[str, Fault] = {}
        self.delay: Callable[[dict[str, Any]], float] = lambda _: 0.0
        self.requests: list[Request] = []
        self.in_flight = self.peak = 0
        self.lock = Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def completions(self) -> list[Request]:
        """What was asked, but for the list of models."""
        return [request for request in self.requests if request.method == "POST"]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ChatServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._record({})
        if self._is_let_in():
            if self.path == "/v1/models":
                self._send(200, {"object": "list", "data": [{"id": model, "object": "model"} for model in self.server.models]})
            else:
                self._fail(404, "Not Found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._record(body)
        with self.server.lock:
            self.server.in_flight += 1
            self.server.peak = max(self.server.peak, self.server.in_flight)
        time.sleep(self.server.delay(body))
        with self.server.lock:
            self.server.in_flight -= 1  # before the answer goes out: a client may ask again before this thread runs on
        if self._is_let_in():
            self._complete(body)

    def _record(self, body: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(time=time.monotonic(), method=self.command, path=self.path, headers=headers, body=body)
        self.server.requests.append(request)

    def _is_let_in(self) -> bool:
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._fail(401, f"Incorrect API key provided: {self.headers.get('Authorization')}")
            return False
        return True

    def _complete(self, body: dict[str, Any]) -> None:
        asked = json.dumps(body)
        fault = next((fault for word, fault in self.server.refusals.items() if word in asked), None)
        with self.server.lock:
            if fault is None and self.server.faults:
                fault = self.server.faults.popleft()
        if fault is not None:
            self._fail_as(fault)
        elif body.get("model") not in self.server.models:
            self._fail(404, f"The model `{body.get('model')}` does not exist.")
        else:
            text, tokens, reason = self.server.rule(body)
            is_chat = self.path.endswith("/chat/completions")
            content = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
            choice = {"index": 0, **content, "finish_reason": reason}
            self._send(200, {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": tokens}})

    def _fail_as(self, fault: Fault) -> None:
        if fault.cut == "before":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault.cut == "within":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": ')
        elif fault.body is not None:
            self._send_bytes(fault.status, fault.body, fault.headers)
        else:
            self._send(fault.status, {"error": {"message": f"fault {fault.status}"}}, fault.headers)
        self.close_connection = True

    def _fail(self, status: int, message: str) -> None:
        self._send(status, {"error": {"message": message, "type": "invalid_request_error", "code": status}})

    def _send(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(document).encode(), headers or {})

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(rule: Rule = echo, *, key: str = "", port: int = 0) -> Iterator[ChatServer]:
    """A running server."""
    with ChatServer(rule, key=key, port=port) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
