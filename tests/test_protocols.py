"""Servers that speak another protocol at the given address: one line with what was seen, and the address that would do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from headsurgery.cli import app
from headsurgery.endpoints.protocols import recognise
from tests.chat_server import MODEL, Fault
from tests.chat_server import serve as serve_chat

Answer = tuple[int, str, bytes]
"""Status, type and body."""

JSON = "application/json"
EVENT = b'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "w7"}}]}\n\ndata: [DONE]\n\n'
OLLAMA_LINES = b'{"model": "m", "message": {"role": "assistant", "content": "w"}, "done": false}\n{"model": "m", "done": true}\n'
OLLAMA = json.dumps({"model": "m", "message": {"role": "assistant", "content": "w7"}, "done": True}).encode()
OLLAMA_GENERATE = json.dumps({"model": "m", "response": "w7", "done": True}).encode()
GEMINI = json.dumps({"candidates": [{"content": {"parts": [{"text": "w7"}]}}], "usageMetadata": {}}).encode()
GEMINI_ERROR = json.dumps({"error": {"code": 404, "message": "Not found.", "status": "NOT_FOUND"}}).encode()
ANTHROPIC = json.dumps({"id": "msg_1", "type": "message", "content": [{"type": "text", "text": "w7"}]}).encode()
ANTHROPIC_ERROR = json.dumps({"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}).encode()
NO_PAGE = (404, "text/plain", b"404 page not found")


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """A server that gives one answer to everything; its address without a path."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(answer[0])
            self.send_header("Content-Type", answer[1])
            self.send_header("Content-Length", str(len(answer[2])))
            self.end_headers()
            self.wfile.write(answer[2])

        do_GET = do_POST  # noqa: N815

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            assert len(asked) <= 4, "nothing of this is mended by trying again, but several prompts are asked at a time"


def evaluate(url: str) -> str:
    """What is printed; one error, one hint."""
    result = CliRunner().invoke(
        app, ["evaluate", "--endpoint", url, "--endpoint-model", MODEL, "--limit", "2", "--concurrency", "1", "-q"]
    )
    assert result.exit_code == 1, (result.stderr, result.exception)
    assert [line[:6] for line in result.stderr.splitlines()] == ["error:", "hint: "], result.stderr
    return result.stderr


CASES = [
    ("/api/chat", NO_PAGE, "Ollama", "/v1"),
    ("/api/chat", (200, "application/x-ndjson", OLLAMA_LINES), "Ollama", "/v1"),
    ("/api/chat", (200, JSON, OLLAMA), "Ollama", "/v1"),
    ("/api/generate", (200, JSON, OLLAMA_GENERATE), "Ollama", "/v1"),
    ("/api/generate/", (405, "text/plain", b"405 method not allowed"), "Ollama", "/v1"),
    ("/api", NO_PAGE, "Ollama", "/v1"),
    ("/proxy/api/chat", NO_PAGE, "Ollama", "/proxy/v1"),
    ("/v1beta/models/gemini-2.0-flash:generateContent", (404, JSON, GEMINI_ERROR), "Gemini", "/v1beta/openai"),
    ("/v1beta/models/gemini-2.0-flash:streamGenerateContent", (200, JSON, b"[" + GEMINI + b"]"), "Gemini", "/v1beta/openai"),
    ("/v1beta", (404, JSON, GEMINI_ERROR), "Gemini", "/v1beta/openai"),
    ("/v1beta/models", (404, "text/html", b""), "Gemini", "/v1beta/openai"),
    ("/x", (200, JSON, GEMINI), "Gemini", "/v1beta/openai"),
    ("/v1/messages", (404, JSON, ANTHROPIC_ERROR), "Anthropic", "/v1"),
    ("/v1/messages", (200, JSON, ANTHROPIC), "Anthropic", "/v1"),
    ("/v1/messages", (400, JSON, b'{"type": "error", "error": {"message": "max_tokens: Field required"}}'), "Anthropic", "/v1"),
]


def test_a_native_protocol_is_named_with_the_compatible_address(subtests: pytest.Subtests) -> None:
    for path, answer, name, compatible in CASES:
        with subtests.test(path=path, answer=answer, name=name, compatible=compatible), serve(answer) as root:
            said = evaluate(root + path)
            assert f"{name}'s own protocol, not OpenAI's" in said
            assert said.endswith(f"OpenAI-compatible side: {root}{compatible}\n")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/models"])
def test_the_whole_address_of_a_request(path: str) -> None:
    with serve((404, JSON, b'{"detail": "Not Found"}')) as root:
        said = evaluate(root + path)
        assert "the address of a single request (status 404): Not Found" in said
        assert said.endswith(f"give the base address: {root}/v1\n")


def test_a_server_that_answers_in_a_stream_though_none_was_asked_for(subtests: pytest.Subtests) -> None:
    for body in [EVENT, b": ping\n\n" + EVENT, b"event: message\n" + EVENT]:
        for content_type in ["text/event-stream", "text/event-stream; charset=utf-8", JSON]:
            with subtests.test(content_type=content_type, body=body), serve((200, content_type, body)) as root:
                said = evaluate(f"{root}/v1")
                assert "a stream of events, which was not requested" in said
                assert "stream: false" in said


@pytest.mark.parametrize("words", ["Only streaming is supported", "`stream` must be true", "Stream parameter must be set to true"])
def test_a_server_that_refuses_what_is_no_stream(words: str) -> None:
    with serve((400, JSON, json.dumps({"error": {"message": words}}).encode())) as root:
        said = evaluate(f"{root}/v1")
        assert words in said
        assert "configure the server to answer without streaming (stream: false), or use another server" in said


def test_the_compatible_sides_themselves_are_not_called_native() -> None:
    for url in (
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "https://api.anthropic.com/v1",
        "http://localhost:11434/v1",
        "http://localhost:3000/api",
        "https://openrouter.ai/api/v1",
        "http://localhost:8000/v1",
    ):
        assert recognise(url, GEMINI_ERROR) is None
        assert recognise(url, b'{"error": {"message": "model not found"}}') is None
        assert recognise(url, b"<html>Busy</html>", "text/html") is None


def test_an_openai_server_is_asked_as_before() -> None:
    with serve_chat() as server:
        server.faults.append(Fault(body=b'{"choices": []}'))
        result = CliRunner().invoke(app, ["evaluate", "--endpoint", server.url, "--endpoint-model", MODEL, "--limit", "2", "-q"])
        assert result.exit_code == 0, result.stderr
