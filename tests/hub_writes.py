"""The writing side of the test Hub: create, pre-upload, LFS upload, copy between repositories, commit.

As on the Hub, a blob is known by its SHA-256, uploaded before the commit, and seen by nobody until then. Xet is not spoken (the
client is told so by HF_HUB_DISABLE_XET): blobs travel by the LFS protocol, which the Hub still takes. Neighbours: `hub_server`
reads, `test_push` drives it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from hashlib import sha256
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml
from huggingface_hub import constants

from tests.hub_server import LARGE, STRANGER, TOKEN, HubServer, RefusedError, Repository, _Handler, content_id

READER = "hf_mayReadEverything"
TRACKED = " filter=lfs diff=lfs merge=lfs -text"
_MODEL = r"/api/models/(?P<id>[^/]+/[^/]+)"
_ROUTES = {
    "create": re.compile(r"/api/repos/create"),
    "validate": re.compile(r"/api/validate-yaml"),
    "preupload": re.compile(rf"{_MODEL}/preupload/(?P<revision>[^/]+)"),
    "paths_info": re.compile(rf"{_MODEL}/paths-info/(?P<revision>[^/]+)"),
    "commit": re.compile(rf"{_MODEL}/commit/(?P<revision>[^/]+)"),
    "branch": re.compile(rf"{_MODEL}/branch/(?P<revision>[^/]+)"),
    "duplicate": re.compile(rf"{_MODEL}/lfs-files/duplicate"),
    "batch": re.compile(r"/(?P<id>[^/]+/[^/]+)\.git/info/lfs/objects/batch"),
    "verify": re.compile(r"/lfs/(?P<id>[^/]+/[^/]+)/verify"),
}
_BLOB = re.compile(r"/lfs/(?P<id>[^/]+/[^/]+)/(?P<oid>[0-9a-f]{64})")


@dataclass(kw_only=True)
class Fault:
    """What happens instead of an answer to `METHOD /path...`.

    Args:
        status: Answer with this status.
        retry_after: And with this header.
        cut: Close the connection in the middle of the body.
        corrupt: Store other bytes than those that came.
        lost: Do what was asked, then close the connection without an answer.
        delay: Wait so many seconds, then answer as always.
        times: How often; None: always.
    """

    status: int | None = None
    retry_after: int | None = None
    cut: bool = False
    corrupt: bool = False
    lost: bool = False
    delay: float = 0.0
    times: int | None = None


@dataclass(kw_only=True)
class Writable(Repository):
    """A repository with blobs of its own, and the messages of its commits."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    pulls: int = 0


class WritableHub(HubServer):
    """Repositories that can be written with `TOKEN`, and read with `READER`, too.

    `write_faults` maps the beginning of `METHOD /path` to a fault. `bytes_in` counts the bytes of all bodies, `uploads` those of
    each blob by its hash, `received` keeps what was stored on the way of a commit.
    """

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _WritingHandler  # type: ignore[assignment]
        self.write_faults: dict[str, Fault] = {}
        self.bytes_in = 0
        self.uploads: dict[str, int] = {}
        self.can_copy = True
        self.lock = Lock()

    def add(self, name: str, files: dict[str, bytes], *, kind: str = "models", **flags: bool) -> Writable:
        repository = self.repositories[kind, name] = Writable(**flags)  # type: ignore[arg-type]
        repository.commit(files)
        repository.blobs = {sha256(data).hexdigest(): data for data in files.values()}
        return repository

    def writable(self, name: str) -> Writable:
        found = self.repositories["models", name]
        assert isinstance(found, Writable)
        return found

    def files(self, name: str, ref: str = "main") -> dict[str, bytes]:
        """What lies at a branch, without the lines that the Hub added to .gitattributes."""
        repository = self.writable(name)
        files = dict(repository.commits[repository.refs[ref]])
        if ".gitattributes" in files:
            lines = files[".gitattributes"].decode().splitlines(keepends=True)
            files[".gitattributes"] = "".join(line for line in lines if not line.endswith(f"{TRACKED}\n")).encode()
        return files


class RefusedCardError(RefusedError):
    """A card whose metadata are not valid; the answer's body says why."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(400)
        self.document = {"errors": [{"message": error} for error in errors], "warnings": []}


class _WritingHandler(_Handler):
    server: WritableHub

    def do_POST(self) -> None:  # noqa: N802
        self._write()

    def do_PUT(self) -> None:  # noqa: N802
        self._write()

    def _write(self) -> None:
        url = urlsplit(self.path)
        asked = f"{self.command} {url.path}"
        with self.server.lock:
            self.server.requests.append(asked)
            fault = next((fault for start, fault in self.server.write_faults.items() if asked.startswith(start)), Fault())
            if fault.times == 0:
                fault = Fault()
            elif fault.times is not None:
                fault.times -= 1
        Event().wait(fault.delay)  # tests take time.sleep away
        if fault.cut:
            self.rfile.read(int(self.headers.get("Content-Length", 2)) // 2)
            self.close_connection = True
            return
        body = self._read_body()
        try:
            if fault.status is not None:
                raise RefusedError(fault.status)
            answer = self._route(url.path, parse_qs(url.query), body[::-1] if fault.corrupt else body)
        except RefusedError as refusal:
            extra = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            body = json.dumps(getattr(refusal, "document", {})).encode()
            if isinstance(refusal, RefusedCardError) and self.headers.get("Accept") == "text/plain":
                body = "\n".join(error["message"] for error in refusal.document["errors"]).encode()
            return self._answer(refusal.status, body, **refusal.headers, **extra, **{"Content-Type": "application/json"})
        if fault.lost:
            self.close_connection = True
            return
        self._answer(200, json.dumps(answer).encode(), **{"Content-Type": "application/json"})

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.bytes_in += len(body)
        return body

    def _route(self, path: str, query: dict[str, list[str]], body: bytes) -> Any:
        if self.command == "PUT":
            match = _BLOB.fullmatch(path)
            assert match is not None, path
            return self._put(match["id"], match["oid"], body)
        for name, route in _ROUTES.items():
            if match := route.fullmatch(path):
                found = {key: unquote(value) for key, value in match.groupdict().items()}
                return getattr(self, f"_{name}")(query=query, body=body, **found)
        raise RefusedError(404)

    # What is asked

    def _create(self, body: bytes, query: Any) -> Any:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if self._token() not in (TOKEN, READER, STRANGER):
            raise RefusedError(401, "Invalid credentials in Authorization header")
        if self._token() != TOKEN:
            raise RefusedError(403, "You don't have the rights to create a model under this namespace")
        if ("models", name) in self.server.repositories:
            raise RefusedError(409, "You already created this model repo")
        self.server.add(name, {".gitattributes": b"*.safetensors filter=lfs\n"}, private=asked.get("visibility") == "private")
        return {"url": f"{self.server.url}/{name}", "name": name}

    def _validate(self, body: bytes, query: Any) -> Any:
        """The block is a mapping, and what the Hub knows of has the form that it wants."""
        text = json.loads(body)["content"]
        match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
        errors = [] if match else ["no metadata"]
        if match:
            data = yaml.safe_load(match[1])
            for key in ("license", "pipeline_tag", "library_name", "base_model", "base_model_relation"):
                if key in data and not isinstance(data[key], str):
                    errors.append(f'"{key}" must be a string')
            for entry in data.get("model-index", []):
                for result in entry["results"]:
                    if not re.fullmatch(r"(?:[\w-]+/)?[\w.-]+", result["dataset"]["type"]):
                        errors.append(f"dataset.type {result['dataset']['type']!r} fails to match the required pattern")
                    errors += [f"{metric} lacks a value" for metric in result["metrics"] if "value" not in metric]
        if errors:
            raise RefusedCardError(errors)
        return {"errors": [], "warnings": []}

    def _preupload(self, id: str, revision: str, body: bytes, query: Any) -> Any:
        repository, commit = self._writing(id, revision, is_pull="create_pr" in query)
        files = repository.commits[commit]
        return {
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(LARGE) or file["size"] > 10 * 2**20 else "regular",
                    "shouldIgnore": False,
                    "oid": content_id(file["path"], files[file["path"]]) if file["path"] in files else None,
                }
                for file in json.loads(body)["files"]
            ]
        }

    def _batch(self, id: str, body: bytes, query: Any) -> Any:
        repository, _ = self._writing(id, "main", is_pull=True)
        objects = []
        for wanted in json.loads(body)["objects"]:
            entry: dict[str, Any] = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in repository.blobs:
                place = f"{self.server.url}/lfs/{id}"
                entry["actions"] = {"upload": {"href": f"{place}/{wanted['oid']}"}, "verify": {"href": f"{place}/verify"}}
            objects.append(entry)
        return {"transfer": "basic", "objects": objects}

    def _put(self, id: str, oid: str, body: bytes) -> Any:
        with self.server.lock:
            self.server.uploads[oid] = self.server.uploads.get(oid, 0) + len(body)
        if sha256(body).hexdigest() == oid:
            self.server.writable(id).blobs[oid] = body
        return {}

    def _verify(self, id: str, body: bytes, query: Any) -> Any:
        asked = json.loads(body)
        data = self.server.writable(id).blobs.get(asked["oid"])
        if data is None or len(data) != asked["size"]:
            raise RefusedError(422, "the object is not what was announced")
        return {}

    def _duplicate(self, id: str, body: bytes, query: Any) -> Any:
        """Blobs of this repository become blobs of another one."""
        asked = json.loads(body)
        source, _ = self._find("models", id, "main")
        target, _ = self._writing(asked["target"]["name"], "main", is_pull=True)
        assert isinstance(source, Writable)
        failed = []
        for file in asked["files"]:
            if file["sha256"] in source.blobs:
                target.blobs[file["sha256"]] = source.blobs[file["sha256"]]
            else:
                failed.append({"sha256": file["sha256"], "error": "not found"})
        return {"failed": failed}

    def _paths_info(self, id: str, revision: str, body: bytes, query: Any) -> Any:
        repository, commit = self._find("models", id, revision)
        files = repository.commits[commit]
        return [self._entry(path, files[path]) for path in parse_qs(body.decode()).get("paths", []) if path in files]

    def _branch(self, id: str, revision: str, body: bytes, query: Any) -> Any:
        repository, commit = self._writing(id, json.loads(body or b"{}").get("startingPoint") or "main")
        if revision in repository.refs:
            raise RefusedError(409, "Reference already exists")
        repository.refs[revision] = commit
        return {}

    def _commit(self, id: str, revision: str, body: bytes, query: Any) -> Any:
        is_pull = "create_pr" in query
        with self.server.lock:
            repository, head = self._writing(id, revision, is_pull=is_pull)
            lines = [json.loads(line) for line in body.splitlines()]
            header = lines[0]["value"]
            if header.get("parentCommit") not in (None, head) and not is_pull:
                raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
            files = dict(repository.commits[head])
            for line in lines[1:]:
                self._apply(repository, files, line["key"], line["value"])
            self._track(files, [line["value"]["path"] for line in lines[1:] if line["key"] == "lfsFile"])
            ref = revision
            if is_pull:
                repository.pulls += 1
                ref = f"refs/pr/{repository.pulls}"
            commit = repository.commit(files, ref=ref)
            repository.messages.append(header["summary"])
        page = f"{self.server.url}/{id}"
        pull = f"{page}/discussions/{repository.pulls}" if is_pull else None
        return {"success": True, "commitOid": commit, "commitUrl": f"{page}/commit/{commit}", "pullRequestUrl": pull}

    def _apply(self, repository: Writable, files: dict[str, bytes], key: str, value: dict[str, Any]) -> None:
        if key == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile":
            if value["oid"] not in repository.blobs:
                raise RefusedError(400, "LFS pointer pointed to a file that does not exist")
            files[value["path"]] = repository.blobs[value["oid"]]
        elif key == "deletedFile":
            if files.pop(value["path"], None) is None:
                raise RefusedError(404, "A file with this name doesn't exist", "EntryNotFound")
        else:
            raise RefusedError(400, f"unknown operation {key}")

    def _track(self, files: dict[str, bytes], large: list[str]) -> None:
        """As the Hub does: a line at the end of .gitattributes for each large file that no line is about."""
        attributes = files.get(".gitattributes", b"").decode()
        patterns = [line.split()[0] for line in attributes.splitlines() if "filter=lfs" in line]
        unknown = [path for path in large if not any(fnmatch(path, pattern) for pattern in patterns)]
        files[".gitattributes"] = (attributes + "".join(f"{path}{TRACKED}\n" for path in unknown)).encode()

    # Who asks, and what for

    def _token(self) -> str | None:
        token = super()._token()
        return TOKEN if token == READER and self.command in ("GET", "HEAD") else token

    def _writing(self, id: str, revision: str, *, is_pull: bool = False) -> tuple[Writable, str]:
        if self._token() == READER:
            self._find_as_reader(id)
            raise RefusedError(403, "Forbidden: you must have write access")
        if self._token() is None:
            raise RefusedError(401, "Invalid username or password.")
        repository, commit = self._find("models", id, revision)
        assert isinstance(repository, Writable)
        return repository, commit

    def _find_as_reader(self, id: str) -> None:
        if ("models", id) not in self.server.repositories:
            raise RefusedError(404, "Repository not found", "RepoNotFound")

    def _entry(self, name: str, data: bytes) -> dict[str, Any]:
        is_in_xet = name.endswith(LARGE) and self.server.can_copy
        return super()._entry(name, data) | ({"xetHash": sha256(b"xet" + data).hexdigest()} if is_in_xet else {})


@contextmanager
def serve_writable_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[WritableHub]:
    """A running server without repositories; the client speaks LFS to it, not Xet."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with WritableHub() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
