"""A repository on the Hub as a checkpoint's files: only the requested bytes are fetched, and none of them twice.

All reads are of one commit, which is fixed on the first request. Its listing gives names, sizes and hashes. A file in the Hub's
cache is read from there. Of other files, byte ranges are requested through huggingface_hub's own session, with its token, endpoint,
retries and offline mode. Fetched bytes stay in a temporary file for a while, so that blocks can be read again. The cache is never
written.

Invariant: a read returns all its bytes or raises. After a broken connection, the read continues from the same byte. A file that is
read as a whole is checked against its hash. Neighbours: `hub` turns names into these, `filesystem.files` defines the protocol.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from headsurgery.errors import CheckpointError, HubError
from headsurgery.filesystem.files import ContentId, start_hash
from headsurgery.hub.errors import hub_errors
from headsurgery.hub.read_cache import FetchedSpan, Stream
from headsurgery.storage.json_files import stays_inside

_MAX_CUTS = 5
_ENOUGH_BYTES = 2**20
"""If a connection breaks after more bytes than this, the count of broken connections starts again."""

_MAX_CACHED_SPAN = 2**30
_MAX_CACHED_BYTES = 2 * 2**30


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One file of a commit.

    Args:
        num_bytes: Its size.
        content: Its hash, if the Hub lists one.
    """

    num_bytes: int
    content: ContentId | None


class HubFiles:
    """The files of one commit.

    Args:
        repo: Its id, as the Hub spells it.
        commit: The commit.
        listing: Its files by name.
        token: Token for gated and private repositories.
        is_private: Whether the repository is private; None if the Hub didn't say.
    """

    path = None
    extent = None

    def __init__(
        self, repo: str, commit: str, listing: Mapping[str, Listed], *, token: str | None = None, is_private: bool | None = None
    ) -> None:
        self.repo, self.commit, self.listing, self._token, self.is_private = repo, commit, listing, token, is_private
        self._fetched: OrderedDict[tuple[str, range], FetchedSpan] = OrderedDict()
        self._lock = threading.Lock()

    def __del__(self) -> None:
        for fetched in self._fetched.values():
            fetched.close()

    @property
    def where(self) -> str:
        """Id and commit, for messages."""
        return f"{self.repo}@{self.commit[:12]}"

    @property
    def name(self) -> str:
        """The id's last part."""
        return self.repo.rpartition("/")[2]

    def top(self) -> list[str]:
        """Names of files and folders at the top level, sorted."""
        return sorted({file.partition("/")[0] for file in self.listing})

    def has(self, file: str) -> bool:
        """Whether there is such a file."""
        return file in self.listing

    def walk(self, skip: Container[str]) -> tuple[list[str], list[str]]:
        """See `Files.walk`."""
        passed = {f"{top}/" for top, slash, _ in (file.partition("/") for file in self.listing) if slash and top in skip}
        return [file for file in self.listing if f"{file.partition('/')[0]}/" not in passed], sorted(passed)

    def size_of(self, file: str) -> int:
        """See `Files.size_of`."""
        if file not in self.listing:
            raise CheckpointError(
                f"{file}: missing from {self.where}", hint="look at the repository's files, or try another revision"
            )
        return self.listing[file].num_bytes

    def is_link(self, file: str) -> bool:
        """Always false: no file on the Hub is a link."""
        return False

    def content_id(self, file: str) -> ContentId | None:
        """The hash that the Hub lists; None if there is none."""
        return self.listing[file].content if file in self.listing else None

    def open(self, file: str, span: range | None = None) -> BinaryIO:
        """See `Files.open`. For a file in the cache, all bytes can be read, not only the span.

        Raises:
            CheckpointError: The commit has no such file.
        """
        size = self.size_of(file)
        span = range(size) if span is None else range(span.start, min(span.stop, size))
        cached = self._find_cached(file)
        if cached is not None:
            return cached.open("rb", buffering=0)
        return cast(BinaryIO, Stream(self._get_span(file, span)))

    def _find_cached(self, file: str) -> Path | None:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.repo, file, revision=self.commit)
        return Path(found) if isinstance(found, str) and os.path.getsize(found) == self.size_of(file) else None

    def _get_span(self, file: str, span: range) -> FetchedSpan:
        """Fetched bytes that contain a span. If the limit is reached, the least recently used ones are dropped."""
        with self._lock:
            for (name, fetched_span), fetched in self._fetched.items():
                if name == file and fetched_span.start <= span.start and span.stop <= fetched_span.stop and fetched.is_whole:
                    self._fetched.move_to_end((name, fetched_span))
                    return fetched
            while self._fetched and len(span) + sum(len(fetched_span) for _, fetched_span in self._fetched) > _MAX_CACHED_BYTES:
                self._fetched.popitem(last=False)[1].close()
            old = self._fetched.pop((file, span), None)
            if old is not None:
                old.close()
            self._fetched[file, span] = fetched = FetchedSpan(
                self.repo, span, self._fetch(file, span), is_whole=len(span) <= _MAX_CACHED_SPAN
            )
            return fetched

    def _fetch(self, file: str, span: range) -> Iterator[bytes]:
        """Yield all bytes of a span in pieces, or raise."""
        content = self.listing[file].content if len(span) == self.size_of(file) else None
        digest = start_hash(content.kind, len(span)) if content is not None else None
        at, cuts = span.start, 0
        while at < span.stop:
            start = at
            with hub_errors(self.repo):
                for piece in self._request(file, range(at, span.stop)):
                    if isinstance(piece, Exception):
                        break
                    at += len(piece)
                    if digest is not None:
                        digest.update(piece)
                    yield piece
            cuts = 0 if at - start >= _ENOUGH_BYTES else cuts + 1
            if at < span.stop and cuts > _MAX_CUTS:
                raise HubError(
                    f"{self.repo}: {file}: the connection broke {cuts} times at byte {at}",
                    hint="check the connection and try again",
                )
            if at < span.stop:
                time.sleep(cuts)
        if digest is not None and content is not None and digest.hexdigest() != content.digest:
            raise HubError(
                f"{self.repo}: {file}: the fetched file is not what the Hub lists: its hash differs",
                hint="try again; check HF_ENDPOINT and the proxy",
            )

    def _request(self, file: str, span: range) -> Iterator[bytes | Exception]:
        """Yield the pieces of one answer. If the connection breaks during it, the exception is yielded as the last item."""
        from huggingface_hub import constants, errors, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff  # type: ignore[attr-defined]

        headers = build_hf_headers(token=self._token) | {
            "Accept-Encoding": "identity",
            "Range": f"bytes={span.start}-{span.stop - 1}",
        }
        url = hf_hub_url(self.repo, file, revision=self.commit)
        with http_stream_backoff("GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
            if response.status_code != 416:
                hf_raise_for_status(response)
            self._check(response, file, span)
            left = len(span)
            try:
                for piece in response.iter_bytes():
                    if len(piece) > left:
                        raise HubError(f"{self.repo}: {file}: more bytes arrived than were requested", hint=_PROXY)
                    left -= len(piece)
                    yield piece
            except errors.HTTPError as error:  # type: ignore[attr-defined]
                yield error  # not raised: the client would retry the request from the start

    def _check(self, response: Any, file: str, span: range) -> None:
        """Refuse an answer that is not the requested span, or whose file size differs from the listed one."""
        size = self.size_of(file)
        if response.status_code == 200:
            if len(span) < size:
                raise HubError(
                    f"{self.repo}: {file}: a range was requested, but the whole file arrived",
                    hint=f"{_PROXY}; or run hf download {self.repo}, and give the directory that it prints",
                )
            expected, found = size, int(response.headers.get("Content-Length", size))
        else:
            place, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            found = int(total) if total.isdigit() else -1
            expected = size
            if response.status_code == 206 and place != f"{span.start}-{span.stop - 1}":
                raise HubError(f"{self.repo}: {file}: another range arrived than was requested", hint=_PROXY)
        if found != expected:
            raise HubError(f"{self.repo}: {file}: the Hub lists {expected} bytes, but serves a file of {found}", hint=_PROXY)


_PROXY = "try again; check HF_ENDPOINT and the proxy"


def list_files(repo: str, revision: str | None, *, token: str | None = None) -> HubFiles:
    """Resolve a revision to its commit and list the files of that commit. It is the request of `HfApi.model_info`, with retries.

    Args:
        repo: The repository's id. If the repository was renamed, the result has the new id.
        revision: Branch, tag or commit; default: main.
        token: Token for gated and private repositories.

    Raises:
        HubError: The Hub refused, or can't be reached.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        build_hf_headers,
        hf_raise_for_status,
        http_backoff,
        validate_repo_id,
    )

    with hub_errors(repo):
        validate_repo_id(repo)
        answer = http_backoff(
            "GET",
            f"{constants.ENDPOINT}/api/models/{repo}/revision/{quote(revision or 'main', safe='')}",
            params={"blobs": True},
            headers=build_hf_headers(token=token),
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            max_retries=3,
        )
        hf_raise_for_status(answer)
        info = answer.json()
    try:
        listing = {}
        for entry in info["siblings"]:
            large, blob = entry.get("lfs"), entry.get("blobId")
            content = (
                ContentId(kind="sha256", digest=large["sha256"]) if large else ContentId(kind="git", digest=blob) if blob else None
            )
            if not stays_inside(entry["rfilename"]):
                raise ValueError(entry["rfilename"])
            listing[entry["rfilename"]] = Listed(num_bytes=int(large["size"] if large else entry["size"]), content=content)
        return HubFiles(str(info["id"]), str(info["sha"]), listing, token=token, is_private=info.get("private"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HubError(
            f"{repo}: the answer doesn't list files as the Hub does", hint="check HF_ENDPOINT, the proxy and the connection"
        ) from error
