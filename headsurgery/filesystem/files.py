"""Where a checkpoint's bytes come from: a directory here, or a repository elsewhere (`headsurgery.hub.files`).

Everything in `checkpoint` reads through `Files`, so that `inspect`, `diff` and a dry run work on both. Invariant: nothing here ever
opens a file for writing (law 1), and a read is whole or an error.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal, Protocol

from headsurgery.errors import CheckpointError

_CHUNK_BYTES = 4 * 2**20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ContentId:
    """A hash that names a file's content.

    Args:
        kind: `sha256` of its bytes, as for large files on the Hub; or `git`, the id of git's blob.
        digest: In hexadecimal.
    """

    kind: Literal["sha256", "git"]
    digest: str


class Files(Protocol):
    """A checkpoint's files by name, relative to it, with forward slashes."""

    @property
    def where(self) -> str:
        """What messages call it."""

    @property
    def name(self) -> str:
        """What it is called when nobody gives it another name."""

    @property
    def path(self) -> Path | None:
        """Its directory on this machine, if it has one."""

    @property
    def extent(self) -> Path | None:
        """What belongs to it on this machine: the directory, or a file if only that is meant."""

    def top(self) -> list[str]:
        """Names at the top, sorted."""

    def has(self, file: str) -> bool:
        """Whether there is such a file."""

    def walk(self, skip: Container[str]) -> tuple[list[str], list[str]]:
        """List files, and what is passed over.

        Args:
            skip: Folders at the top that are not entered.

        Returns:
            Regular files; and links that lead out, pipes, sockets, and folders not entered, which end in a slash.
        """

    def open(self, file: str, span: range | None = None) -> BinaryIO:
        """Open a file for reading.

        Args:
            file: Its name.
            span: The bytes that will be read, in ascending order; others may not be there. None: all of them.

        Raises:
            CheckpointError: It can't be opened.
        """

    def size_of(self, file: str) -> int:
        """Bytes of a file.

        Raises:
            CheckpointError: It is not there.
        """

    def is_link(self, file: str) -> bool:
        """Whether it is a link; where the files are elsewhere, none is."""

    def content_id(self, file: str) -> ContentId | None:
        """What somebody else promises that a file holds, if anybody does."""


@dataclass(frozen=True)
class Directory:
    """Files of a directory on this machine."""

    path: Path

    @property
    def extent(self) -> Path:
        """The directory."""
        return self.path

    @property
    def where(self) -> str:
        """The path as it was given."""
        return str(self.path)

    @property
    def name(self) -> str:
        """The folder's mere name."""
        return self.path.resolve().name

    def top(self) -> list[str]:
        """Names at the top, sorted."""
        return sorted(os.listdir(self.path))

    def has(self, file: str) -> bool:
        """Whether there is such a file; links count as what they lead to. What can't be told is an error, not a no.

        Raises:
            CheckpointError: It can't be told.
        """
        try:
            return stat.S_ISREG((self.path / file).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError):  # the last of a name that no file can have
            return False
        except OSError as error:
            if error.errno == errno.ELOOP:
                return False
            raise _refusal(file, error) from error

    def walk(self, skip: Container[str]) -> tuple[list[str], list[str]]:
        """See `Files.walk`. A link counts as the file that it leads to, where that one belongs to the model; see `_holds`."""
        found: list[str] = []
        passed: list[str] = []
        for folder, folders, files in os.walk(self.path, onerror=_refuse):
            relative = PurePosixPath(os.path.relpath(folder, self.path).replace(os.sep, "/"))
            for name in list(folders):
                if os.path.islink(os.path.join(folder, name)) or (relative == PurePosixPath(".") and name in skip):
                    folders.remove(name)
                    passed.append(f"{relative / name}/")
            for name in files:
                file = str(relative / name)
                (found if self._holds(file) else passed).append(file)
        return found, passed

    def open(self, file: str, span: range | None = None) -> BinaryIO:
        """See `Files.open`; all bytes are there whatever the span. Pipes and devices, which may never end, are refused."""
        path = self.path / file
        try:
            if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
                raise CheckpointError(f"{file}: a pipe or a device, expected a file")
            if self._is_downloaded and self._leads_out(path):
                raise CheckpointError(
                    f"{file}: a link that leads out of the downloaded repository",
                    hint="put the file itself in its place, if you trust the link",
                )
            return path.open("rb", buffering=0)
        except OSError as error:
            raise _refusal(file, error) from error

    def size_of(self, file: str) -> int:
        """See `Files.size_of`."""
        try:
            return (self.path / file).stat().st_size
        except OSError as error:
            raise _refusal(file, error) from error

    def is_link(self, file: str) -> bool:
        """See `Files.is_link`."""
        return (self.path / file.removesuffix("/")).is_symlink()

    def content_id(self, file: str) -> ContentId | None:
        """Of a snapshot in the Hub's cache: a large file is a link to a blob named by its SHA-256."""
        blob = Path(os.path.realpath(self.path / file))
        is_promised = (self.path / file).is_symlink() and is_snapshot(self.path) and blob.parent == _blobs(self.path)
        return ContentId(kind="sha256", digest=blob.name) if is_promised and _SHA256.fullmatch(blob.name) else None

    @cached_property
    def _is_downloaded(self) -> bool:
        """Whether somebody else made the links: a snapshot in the Hub's cache, what git cloned or the Hub's client put here."""
        real = Path(os.path.realpath(self.path))
        in_cache = real.parent.name == "snapshots" and (real.parent.parent / "blobs").is_dir()
        return in_cache or (real / ".git").exists() or (real / ".cache" / "huggingface").is_dir()

    def _holds(self, file: str) -> bool:
        """Whether a regular file lies in the directory, or is linked from where the model is.

        That is in the blobs of the Hub cache that the directory is a snapshot of, or beside weights that are links, too.
        """
        path = self.path / file
        return path.is_file() and not (path.is_symlink() and self._leads_out(path) and not self._leads_to_its_model(path))

    @cached_property
    def _folders_of_weights(self) -> set[Path]:
        """Where the weights really lie, if they are links: in a folder of links to a model, the model's folder."""
        links = [entry for entry in self.path.iterdir() if entry.name.endswith(".safetensors") and entry.is_symlink()]
        return {Path(os.path.realpath(link)).parent for link in links if link.is_file()}

    def _leads_to_its_model(self, path: Path) -> bool:
        """Whether a link at the top leads to the file of its name beside weights that are links, too; or to blobs beside theirs.

        So a folder of links to a model counts as that model, and a link to some other file of this machine does not.
        """
        real = Path(os.path.realpath(path))
        is_named_alike = real.name == path.name and not path.name.startswith(".")
        is_of_model = real.parent in self._folders_of_weights and path.parent == self.path
        return is_of_model and (is_named_alike or real.parent.name == "blobs") and not self._is_downloaded

    def _leads_out(self, path: Path) -> bool:
        """Whether a link on the way leads out of both."""
        real, real_base = Path(os.path.realpath(path)), Path(os.path.realpath(self.path))
        in_blobs = is_snapshot(self.path) and real.is_relative_to(_blobs(self.path))
        return not in_blobs and not real.is_relative_to(real_base)


@dataclass(frozen=True)
class Chosen(Directory):
    """A few files of a directory, as if there were no others: a model in a folder of many."""

    names: tuple[str, ...]

    @property
    def extent(self) -> Path:
        """The first file."""
        return self.path / self.names[0]

    @property
    def where(self) -> str:
        """The path of the first file."""
        return str(self.extent)

    @property
    def name(self) -> str:
        """The name of the first file."""
        return self.names[0]

    def top(self) -> list[str]:
        """The files."""
        return sorted(self.names)

    def has(self, file: str) -> bool:
        """Whether it is one of the files, and there."""
        return file in self.names and super().has(file)

    def walk(self, skip: Container[str]) -> tuple[list[str], list[str]]:
        """The files."""
        return list(self.names), []


def is_snapshot(directory: Path) -> bool:
    """Whether a directory is a snapshot in the Hub's cache; its files may be links into blobs that other snapshots share."""
    return Path(os.path.realpath(directory)).parent.name == "snapshots"


def _blobs(snapshot: Path) -> Path:
    return Path(os.path.realpath(Path(os.path.realpath(snapshot)).parent.parent / "blobs"))


def is_same_content(one: Files, file: str, other: Files, twin: str) -> bool | None:
    """Whether two files are equal, without reading what is elsewhere. A file here is hashed where the other is elsewhere.

    Returns:
        None where only reading both can tell.
    """
    if one.path is not None and other.path is not None:
        return os.path.samefile(one.path / file, other.path / twin) or None
    if one.size_of(file) != other.size_of(twin):
        return False
    promised = one.content_id(file) if one.path is None else other.content_id(twin)
    if promised is None:
        return None
    if one.path is not None:
        return _digest(one.path / file, promised.kind) == promised.digest
    if other.path is not None:
        return _digest(other.path / twin, promised.kind) == promised.digest
    found = other.content_id(twin)
    return found.digest == promised.digest if found is not None and found.kind == promised.kind else None


def start_hash(kind: Literal["sha256", "git"], num_bytes: int) -> hashlib._Hash:
    """A hash that makes a content id from a file's bytes."""
    return hashlib.sha256() if kind == "sha256" else hashlib.sha1(b"blob %d\0" % num_bytes, usedforsecurity=False)


def _digest(path: Path, kind: Literal["sha256", "git"]) -> str:
    with path.open("rb", buffering=0) as stream:
        digest = start_hash(kind, os.fstat(stream.fileno()).st_size)
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _refusal(file: str, error: OSError) -> CheckpointError:
    if isinstance(error, FileNotFoundError):
        return CheckpointError(f"{file}: missing from the checkpoint", hint="download the checkpoint again")
    return CheckpointError(f"{file}: can't be read: {error.strerror}")


def _refuse(error: OSError) -> None:
    raise CheckpointError(f"{error.filename}: can't be read: {error.strerror}") from error
