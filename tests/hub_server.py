"""A small Hub on 127.0.0.1 that the unmodified huggingface_hub client talks to.

It serves what reading needs: information, tree and files (byte ranges, too) of models and data sets, and the Hub's own refusals. A
repository is a map of commits to files and of branches and tags to commits, so that uploads only have to add commits. On PyPI
hf-local-hub 3.0.0 comes nearest, but it doesn't bring its server (a Go program) along, and faults must be ours anyway. Neighbours:
`hub_writes` adds writing; `test_hub` and `test_hub_reading` drive it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import huggingface_hub
import pytest
from huggingface_hub import constants

TOKEN = "hf_maySeeEverything"
STRANGER = "hf_isValidButMaySeeNothing"
LARGE = (".safetensors", ".bin", ".gguf", ".undo", ".png")
"""Endings of the files that are kept by their SHA-256 (LFS); others lie in git."""

_API = re.compile(r"/api/(?P<kind>models|datasets)/(?P<id>[^/]+/[^/]+)(?:/(?P<verb>revision|tree)/(?P<revision>[^/]+))?/?")
_FILE = re.compile(r"/(?:(?P<kind>datasets)/)?(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(kw_only=True)
class Repository:
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    def commit(self, files: dict[str, bytes], *, ref: str = "main") -> str:
        """Add a commit with exactly these files, let a branch or tag point to it, and return its id."""
        content = b"".join(b"%s %d %s" % (name.encode(), len(data), data) for name, data in sorted(files.items()))
        commit = sha1(b"%d %s" % (len(self.commits), content)).hexdigest()
        self.commits[commit] = dict(files)
        self.refs[ref] = commit
        return commit

    def resolve(self, revision: str) -> str | None:
        """Commit of a branch, tag or commit."""
        return self.refs.get(revision) or (revision if revision in self.commits else None)


class RefusedError(Exception):
    """An answer other than 2xx, with the headers by which the client tells them apart."""

    def __init__(self, status: int, message: str = "", code: str = "") -> None:
        headers = {"X-Error-Message": message, "X-Error-Code": code}
        self.status, self.headers = status, {key: value for key, value in headers.items() if value}


class HubServer(ThreadingHTTPServer):
    """Repositories by (kind, id), where kind is `models` or `datasets`.

    `faults` maps the beginning of a path to the status, or to the body of an answer with status 200, that it is answered with
    instead; `passing` does so once per entry, with headers. `cuts` names a file for each answer that breaks off half-way, `served`
    maps a file to what is served in its place. `moved` maps old ids to new ones; the next answer takes `slow_once` seconds.
    `requests` lists what was asked, in order, like `GET /api/models/org/name`; `sent` what was answered to GET: path and bytes of
    the body.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.faults: dict[str, int | bytes] = {}
        self.passing: list[tuple[str, int, dict[str, str]]] = []
        self.cuts: list[str] = []
        self.served: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.knows_ranges = True
        self.slow_once = 0.0
        self.requests: list[str] = []
        self.sent: list[tuple[str, int]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bytes_of_files(self) -> int:
        """Bytes of repositories' files that were sent, again and again included."""
        return sum(count for path, count in self.sent if "/resolve/" in path)

    def add(self, name: str, files: dict[str, bytes], *, kind: str = "models", **flags: bool) -> Repository:
        """A repository with one commit on `main`."""
        repository = self.repositories[kind, name] = Repository(**flags)
        repository.commit(files)
        return repository


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.requests.append(f"{self.command} {path}")
        slow, self.server.slow_once = self.server.slow_once, 0.0
        Event().wait(slow)  # time.sleep may be patched
        once = next((entry for entry in self.server.passing if path.startswith(entry[0])), None)
        if once is not None:
            self.server.passing.remove(once)
            return self._answer(once[1], b"", **once[2])
        old = next((old for old in self.server.moved if re.search(rf"/{re.escape(old)}(/|$)", path)), None)
        if old is not None:
            return self._answer(307, b"", Location=self.path.replace(old, self.server.moved[old], 1))
        fault = next((fault for start, fault in self.server.faults.items() if path.startswith(start)), None)
        try:
            if isinstance(fault, int):
                raise RefusedError(fault)
            if fault is not None:
                self._answer(200, fault)
            elif match := _API.fullmatch(path):
                self._answer_api(**match.groupdict())
            elif match := _FILE.fullmatch(path):
                self._answer_file(match["kind"] or "models", match["id"], match["revision"], unquote(match["file"]))
            else:
                raise RefusedError(404)
        except RefusedError as refusal:
            self._answer(refusal.status, b"", **refusal.headers)

    do_HEAD = do_GET  # noqa: N815

    def _answer_api(self, kind: str, id: str, verb: str | None, revision: str | None) -> None:
        repository, commit = self._find(kind, id, revision or "main")
        files = repository.commits[commit]
        info = {"id": id, "sha": commit, "private": repository.private, "gated": "auto" if repository.gated else False}
        if verb == "tree":
            answer: Any = [self._entry(name, data) for name, data in files.items()]
        elif "blobs=true" in urlsplit(self.path).query.lower():
            siblings = [{"rfilename": name, "blobId": _git_id(data)} | _size(name, data) for name, data in files.items()]
            answer = {**info, "siblings": siblings}
        else:
            answer = {**info, "siblings": [{"rfilename": name} for name in files]}
        self._answer(200, json.dumps(answer).encode(), **{"Content-Type": "application/json"})

    def _entry(self, name: str, data: bytes) -> dict[str, Any]:
        """A file as a tree lists it."""
        return {"type": "file", "path": name, "oid": _git_id(data)} | _size(name, data)

    def _answer_file(self, kind: str, id: str, revision: str, file: str) -> None:
        repository, commit = self._find(kind, id, revision)
        if repository.gated and self._token() != TOKEN:
            raise RefusedError(403 if self._token() else 401, f"Access to {kind} {id} is restricted.", "GatedRepo")
        if file not in repository.commits[commit]:
            raise RefusedError(404, "Entry not found", "EntryNotFound")
        data = self.server.served.get(file, repository.commits[commit][file])
        headers = {"ETag": f'"{content_id(file, data)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        wanted = _RANGE.fullmatch(self.headers.get("Range", "")) if self.server.knows_ranges else None
        first, last, status = 0, len(data) - 1, 200
        if wanted is not None:
            first, last, status = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1), 206
            if first >= len(data):
                return self._answer(416, b"", **{"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        body = memoryview(data)[first : last + 1]
        headers["Content-Length"] = str(len(body))
        if self.command == "GET" and file in self.server.cuts:
            self.server.cuts.remove(file)
            body = body[: len(body) // 2]
        self._answer(status, body, **headers)

    def _find(self, kind: str, id: str, revision: str) -> tuple[Repository, str]:
        token, repository = self._token(), self.server.repositories.get((kind, id))
        if token not in (None, TOKEN, STRANGER):
            raise RefusedError(401, "Invalid credentials in Authorization header")
        if repository is None or (repository.private and token != TOKEN):
            raise (
                RefusedError(404, "Repository not found", "RepoNotFound")
                if token
                else RefusedError(401, "Invalid username or password.")
            )
        commit = repository.resolve(unquote(revision))
        if commit is None:
            raise RefusedError(404, f"Invalid rev id: {unquote(revision)}", "RevisionNotFound")
        return repository, commit

    def _token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def _answer(self, status: int, body: bytes | memoryview, **headers: str) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.server.sent.append((urlsplit(self.path).path, len(body)))
            with suppress(ConnectionError):  # the client has seen enough
                self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `requests` has it."""


def content_id(name: str, data: bytes) -> str:
    """As the Hub's: SHA-256 of a large file (LFS), else the id of git's blob."""
    return _sha256(data) if name.endswith(LARGE) else _git_id(data)


def _git_id(data: bytes) -> str:
    return sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()


@lru_cache(maxsize=1024)
def _sha256(data: bytes) -> str:
    return sha256(data).hexdigest()


def _size(name: str, data: bytes) -> dict[str, Any]:
    """As the Hub tells it in trees and in information about a model."""
    large = {"lfs": {"oid": _sha256(data), "sha256": _sha256(data), "size": len(data), "pointerSize": 134}}
    return {"size": len(data)} | (large if name.endswith(LARGE) else {})


@contextmanager
def serve_hub() -> Iterator[HubServer]:
    """A running server without repositories."""
    with HubServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def point_client(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path, *, offline: bool = False) -> None:
    """Let huggingface_hub use this endpoint and an own cache: what HF_ENDPOINT, HF_HUB_CACHE and HF_HUB_OFFLINE do at import."""
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    huggingface_hub.close_session()
