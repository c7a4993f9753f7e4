"""One request: what is tried again, how long it waits, what each failure says."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest

from headsurgery.endpoints.connection import Connection, EndpointError
from headsurgery.errors import UsageError
from tests.chat_server import MODEL, ChatServer, Fault, serve

KEY = "sk-only-for-one-host"
BODY = {"model": MODEL, "prompt": "w7"}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serve(key=KEY) as running:
        yield running


def connect(url: str, *, key: str = KEY, timeout: float = 10.0, retries: int = 2, backoff: float = 0.001) -> Connection:
    return Connection(url, key=key, timeout=timeout, retries=retries, backoff=backoff)


def ask(connection: Connection, body: dict[str, Any] | None = None) -> str:
    return connection.call("/completions", body or BODY, lambda reply: str(reply["choices"][0]["text"]), what="prompt 3")


def refusal(connection: Connection, body: dict[str, Any] | None = None) -> tuple[str, str]:
    """Message and hint, neither with the key, even where the server repeats it."""
    with pytest.raises(EndpointError) as caught:
        ask(connection, body)
    message, hint = str(caught.value), caught.value.hint
    assert "\n" not in message
    assert KEY not in message + hint + repr(connection) + repr(caught.value)
    return message, hint


MENDABLE = [
    Fault(status=429), Fault(status=500), Fault(status=502), Fault(status=503, body=b"<html>Busy</html>"), Fault(cut="before"),
    Fault(cut="within"), Fault(body=b"{"), Fault(body=b""), Fault(body=b"[]"), Fault(body=b'{"choices": []}'), Fault(body=b"\xff"),
    Fault(body=b'{"error": {"message": "overloaded"}}'),
]  # fmt: skip


@pytest.mark.parametrize("fault", MENDABLE, ids=str)
def test_what_a_moment_may_mend_is_tried_again(fault: Fault, server: ChatServer) -> None:
    server.faults.extend([fault, fault])
    assert ask(connect(server.url)) == "W7"
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(status=429), "status 429: fault 429; tried 3 times"),
        (Fault(status=503, body=b"<html>\nBusy</html>"), "status 503: <html> Busy</html>; tried 3 times"),
        (Fault(status=500, body=b""), "status 500; tried 3 times"),
        (Fault(cut="before"), "connection lost: Remote end closed connection without response; tried 3 times"),
        (Fault(cut="within"), "connection lost: IncompleteRead"),
        (Fault(body=b"{"), "no usable answer: {; tried 3 times"),
        (Fault(body=b'{"error": {"message": "overloaded"}}'), "no usable answer: overloaded; tried 3 times"),
    ],
    ids=str,
)
def test_in_the_end_it_gives_up_and_says_why(fault: Fault, message: str, server: ChatServer) -> None:
    server.faults.extend([fault] * 9)
    found, _ = refusal(connect(server.url))
    assert found.startswith(server.url)
    assert message in found
    assert len(server.requests) == 3
    assert refusal(connect(server.url, retries=0))[0].endswith("tried 1 times")


def test_retry_after_is_honoured_in_seconds(server: ChatServer) -> None:
    for stated, least in (("0.3", 0.3), ("-5", 0.0), ("soon", 0.0)):
        server.requests.clear()
        server.faults.append(Fault(status=429, headers={"Retry-After": stated}))
        assert ask(connect(server.url)) == "W7"
        first, second = (request.time for request in server.requests)
        assert second - first >= least


def test_retry_after_is_honoured_as_a_date(server: ChatServer) -> None:
    earliest = int(time.time()) + 2
    server.faults.append(Fault(status=429, headers={"Retry-After": formatdate(earliest, usegmt=True)}))
    assert ask(connect(server.url)) == "W7"
    assert time.time() >= earliest


def test_waits_double(server: ChatServer) -> None:
    server.faults.extend([Fault(status=500)] * 3)
    assert ask(connect(server.url, retries=3, backoff=0.1)) == "W7"
    times = [request.time for request in server.requests]
    for attempt, (before, after) in enumerate(pairwise(times)):
        assert after - before >= 0.05 * 2**attempt


# What is not tried again


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_prompt_is_named_with_the_servers_reason(status: int, server: ChatServer) -> None:
    server.faults.append(Fault(status=status, body=b'{"object": "error", "message": "maximum context\\nlength is 64 tokens"}'))
    message, _ = refusal(connect(server.url))
    assert message == f"{server.url}: refuses prompt 3 (status {status}): maximum context length is 64 tokens"
    assert len(server.requests) == 1


def test_a_key_that_is_wrong_or_not_there(server: ChatServer) -> None:
    server.key = "another"
    message, hint = refusal(connect(server.url))
    assert message == f"{server.url}: does not accept the API key (status 401): Incorrect API key provided: Bearer ***"
    assert "HEADSURGERY_API_KEY" in hint
    message, hint = refusal(connect(server.url, key=""))
    assert "requires an API key (status 401)" in message
    assert "HEADSURGERY_API_KEY" in hint
    assert "authorization" not in server.requests[-1].headers
    assert len(server.requests) == 2


def test_an_unknown_model_or_path(server: ChatServer) -> None:
    message, hint = refusal(connect(server.url), {**BODY, "model": "org/other"})
    assert message == f"{server.url}: not found (status 404): The model `org/other` does not exist."
    assert "model's name" in hint
    assert "/v1" in hint


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening: refused for certain
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        message, hint = refusal(connect(url, backoff=30.0))
    assert message == f"{url}: connection refused"
    assert "is the server running" in hint


def test_a_server_that_restarts_is_waited_for() -> None:
    with serve(key=KEY) as first:
        connection, port = connect(first.url, retries=3), first.server_address[1]
        assert ask(connection) == "W7"
    assert refusal(connection)[0].endswith("connection refused; tried 4 times")
    with serve(key=KEY, port=port):
        assert ask(connection) == "W7"


def test_a_slow_server(server: ChatServer) -> None:
    server.delay = lambda _: 0.5
    message, _ = refusal(connect(server.url, timeout=0.1, retries=1))
    assert message == f"{server.url}: no answer within 0.1 s; tried 2 times"


def test_http_where_https_is_expected(server: ChatServer) -> None:
    message, _ = refusal(connect(server.url.replace("http:", "https:"), retries=1, timeout=2.0))
    assert "secure connection" in message or "connection lost" in message
    assert server.url.removeprefix("http") in message


def test_a_host_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    assert "no such host" in refusal(connect("http://nowhere.invalid/v1"))[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_so_the_key_stays_here(status: int, server: ChatServer) -> None:
    with serve() as other:
        server.faults.append(Fault(status=status, headers={"Location": f"{other.url}/completions"}))
        message, hint = refusal(connect(server.url))
        assert f"redirects to {other.url}/completions (status {status})" in message
        assert hint
        assert not other.requests


# Addresses


def test_the_path_is_v1_unless_one_is_given() -> None:
    for given, used in (
        ("http://host:80", "http://host:80/v1"),
        ("http://host/", "http://host/v1"),
        (" https://host/v1/ ", "https://host/v1"),
        ("http://host/openai/v2", "http://host/openai/v2"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ):
        assert connect(given).url == used


def test_what_is_no_address_is_refused_without_repeating_it(subtests: pytest.Subtests) -> None:
    for url in [
        "",
        "host",
        "localhost:8000",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://user:secret@host",
        "http://h/v1?a=secret",
        "http://[",
    ]:
        with subtests.test(url=url):
            with pytest.raises(UsageError, match="--endpoint: expected an address") as caught:
                connect(url)
            assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-ü", "\x00"])
def test_a_key_that_can_not_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(UsageError, match="API key contains characters") as caught:
        connect("http://host", key=key)
    assert key not in str(caught.value)
