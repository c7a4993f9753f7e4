"""Recipes that others share: from the Hub and the web, small, validated, without a surprise. Over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery.cli import app
from headsurgery.errors import HeadSurgeryError, HubError, RecipeError
from headsurgery.hub.recipes import MAX_BYTES, load_recipe
from tests.hub_server import TOKEN, HubServer
from tests.tiny import save_model

RECIPE = {"schema": "headsurgery.recipe/1", "edits": [{"layer": 1, "head": 2, "factor": 0.0}]}
TEXT = json.dumps(RECIPE).encode()


class Web(ThreadingHTTPServer):
    """Answers by path: bytes, a status, or where to go instead. Keeps the headers that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _WebHandler)
        self.answers: dict[str, bytes | int | str] = {}
        self.seen: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _WebHandler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.seen.append({key.lower(): value for key, value in self.headers.items()})
        answer = self.server.answers.get(self.path, 404)
        self.send_response(200 if isinstance(answer, bytes) else 302 if isinstance(answer, str) else answer)
        if isinstance(answer, str):
            self.send_header("Location", answer)
        self.send_header("Set-Cookie", "id=1")
        self.end_headers()
        if isinstance(answer, bytes):
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with Web() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def refusal(name: str, kind: type[HeadSurgeryError]) -> str:
    with pytest.raises(kind) as caught:
        load_recipe(name)
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_a_recipe_on_the_hub(hub: HubServer) -> None:
    repository = hub.add("org/name", {"recipe.json": TEXT, "deep/er/recipe.json": TEXT, "model.safetensors": b"large"})
    repository.refs["v1"] = repository.refs["main"]
    repository.commit({"recipe.json": b"{}"})
    for name in ("hf://org/name@v1/recipe.json", "hf://org/name@v1/deep/er/recipe.json"):
        assert load_recipe(name).edits[0].layer == 1
    assert "schema is missing" in refusal("hf://org/name/recipe.json", RecipeError)
    assert not [request for request in hub.requests if "model.safetensors" in request]


def test_refusals_of_the_hub(hub: HubServer) -> None:
    hub.add("org/name", {"recipe.json": b" " * (MAX_BYTES + 1), "other.json": b"\xff"})
    hub.add("org/private", {"recipe.json": TEXT}, private=True)
    assert "more than the limit" in refusal("hf://org/name/recipe.json", RecipeError)
    assert not [request for request in hub.requests if request.startswith("GET /org")]
    assert "not UTF-8" in refusal("hf://org/name/other.json", RecipeError)
    assert "has no file absent.json" in refusal("hf://org/name/absent.json", RecipeError)
    assert "no such revision" in refusal("hf://org/name@v9/recipe.json", HubError)
    assert "private" in refusal("hf://org/private/recipe.json", HubError)
    assert load_recipe("hf://org/private/recipe.json", token=TOKEN).edits
    for name in ("hf://org/name", "hf://org/name/model.safetensors", "hf://org/name/../x.json", "hf://name/recipe.json"):
        assert "not a recipe on the Hub" in refusal(name, RecipeError)


def test_a_recipe_on_the_web_is_asked_for_without_a_secret(web: Web) -> None:
    web.answers = {"/r.json": TEXT, "/moved": "/again", "/again": f"{web.url}/r.json"}
    assert load_recipe(f"{web.url}/r.json").edits == load_recipe(f"{web.url}/moved").edits
    for headers in web.seen:
        assert not headers.keys() & {"authorization", "cookie"}
        assert TOKEN not in str(headers)


@pytest.mark.parametrize(
    ("answer", "said", "kind"),
    [
        (404, "status 404", HubError),
        (500, "status 500", HubError),
        (b" " * (MAX_BYTES + 1), "larger than 1,048,576 bytes", RecipeError),
        (b"<html>", "not valid JSON", RecipeError),
        (b"\xff\xfe", "not UTF-8", RecipeError),
        (json.dumps(RECIPE | {"surprise": 1}).encode(), "surprise: unknown key", RecipeError),
        (json.dumps(RECIPE | {"base": {"model": "../../home/me"}}).encode(), "expected a Hub id", RecipeError),
        ("/r.json", "can't be fetched|redirect|status 302", HubError),
        ("ftp://elsewhere/r.json", "expected https://", RecipeError),
        ("http://elsewhere.example/r.json", "expected https://", RecipeError),
        ("file:///etc/passwd", "status 302", HubError),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refusals_of_the_web(answer: bytes | int | str, said: str, kind: type[HeadSurgeryError], web: Web) -> None:
    web.answers = {"/r.json": answer}
    text = refusal(f"{web.url}/r.json", kind)
    assert any(part in text for part in said.split("|")), text


def test_redirects_end(web: Web) -> None:
    web.answers = {f"/{number}": f"/{number + 1}" for number in range(9)} | {"/9": TEXT}
    assert load_recipe(f"{web.url}/7").edits
    refusal(f"{web.url}/1", HubError)
    assert len(web.seen) < 9


@pytest.mark.parametrize(
    "name", ["http://example.com/r.json", "http://192.168.0.1/r.json", "ftp://x/r.json", "file:///r.json", "https://a:b@x/r.json"]
)
def test_addresses_that_are_not_asked(name: str) -> None:
    text = refusal(name, RecipeError)
    assert ":b@" not in text


def test_nobody_answers() -> None:
    assert "can't be fetched" in refusal("http://127.0.0.1:1/r.json", HubError)


def test_apply_takes_them(web: Web, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model("llama", tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    web.answers = {"/r.json": TEXT}
    hub.add("org/name", {"recipe.json": TEXT})
    for number, name in enumerate((f"{web.url}/r.json", "hf://org/name/recipe.json")):
        done = CliRunner().invoke(app, ["apply", name, "base", "-o", f"out-{number}"])
        assert done.exit_code == 0, done.stderr
        assert f"next: headsurgery diff base out-{number} --recipe out-{number}/recipe.json" in done.stderr
    assert CliRunner().invoke(app, ["apply", "http://x.example/r.json", "base", "-o", "out"]).exit_code == 2


def test_a_strangers_recipe_takes_no_folder_of_this_machine(web: Web, hub: HubServer, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("base", "org/name"):
        save_model("llama", tmp_path / place)
        web.answers = {"/r.json": json.dumps(RECIPE | {"base": {"model": place}}).encode()}
        result = CliRunner().invoke(app, ["apply", f"{web.url}/r.json", "-o", "out"])
        assert result.exit_code != 0
        assert "which is not here" in result.stderr or "org/name: no such repository" in result.stderr
        assert not (tmp_path / "out").exists()
