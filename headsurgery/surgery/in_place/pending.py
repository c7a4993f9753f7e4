"""A pending in-place change: bytes to write, then files to rename. It can be carried out repeatedly without harm.

The record may be damaged or come from a stranger, so all of it is checked before anything is written. Nothing outside the
checkpoint is touched, nothing that belongs to git, and no file that is shared with another directory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, ValidationError, model_validator

from headsurgery.documents.strict_json import parse_object
from headsurgery.errors import CheckpointError, SurgeryError
from headsurgery.filesystem.hashing import hash_file
from headsurgery.filesystem.reading import read_exactly
from headsurgery.filesystem.staging import flush
from headsurgery.filesystem.workplace import JOURNAL, PENDING
from headsurgery.recipe import Strict, first_problem
from headsurgery.storage.tensors import ByteRuns
from headsurgery.surgery.copying import write_all
from headsurgery.surgery.manifest import FileName

COMING, LEAVING, DRAFT = f"{JOURNAL}/new", f"{JOURNAL}/old", "todo.draft"
"""Folders for files to be added and removed, and the temporary name of `todo.json`."""
_MAX_BYTES = 64 * 2**20
_MAX_SLICE = 2**31
_NOT_OURS = (".git", ".cache")


def _check_is_ours(file: str) -> str:
    if any(part.casefold() in _NOT_OURS for part in PurePosixPath(file).parts):
        raise ValueError("is in a folder of git or of the Hub's client")
    return file


Name = Annotated[FileName, AfterValidator(_check_is_ours)]
"""Relative to the checkpoint. Paths in `.git` are refused, because git runs files there."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""
_Count = Field(ge=0, lt=2**63)


class Write(Strict):
    """Bytes to write.

    Args:
        file: The file to write to.
        offset: First byte of the first run.
        length: Bytes per run.
        stride: Distance between the first bytes of two runs.
        count: Number of runs.
        source: File that holds the bytes of all runs, one run after the other.
        start: Offset of the first of these bytes in it.
        sha256: Hash of these bytes, in hexadecimal.
    """

    file: Name
    offset: int = _Count
    length: int = Field(ge=1, lt=_MAX_SLICE)
    stride: int = _Count
    count: int = Field(ge=1, lt=_MAX_SLICE)
    source: Name
    start: int = _Count
    sha256: Digest

    @model_validator(mode="after")
    def _check_size(self) -> Write:
        if self.num_bytes >= _MAX_SLICE or (self.count > 1 and self.stride < self.length):
            raise ValueError("runs overlap, or have more than 2 GiB")
        return self

    @property
    def num_bytes(self) -> int:
        """Total number of bytes."""
        return self.count * self.length

    @property
    def runs(self) -> ByteRuns:
        """The byte runs."""
        return ByteRuns(offset=self.offset, length=self.length, stride=self.stride, count=self.count)


class Move(Strict):
    """A file to be renamed. The rename is done if a file with the new name exists."""

    source: Name
    target: Name


class PendingChange(Strict):
    """The work that is left, in the order of the fields.

    Args:
        outcome: The outcome of the change once this work is done.
        writes: If two of them write to the same place, the last one wins.
        digests: SHA-256 of each written file once all is written.
        moves: Each makes room for the next.
        checksum: SHA-256 of all other fields.
    """

    schema_: Literal["headsurgery.journal/1"] = Field(default="headsurgery.journal/1", alias="schema")
    outcome: Literal["taken back", "finished"]
    writes: list[Write] = Field(default_factory=list)
    digests: dict[Name, Digest] = Field(default_factory=dict)
    moves: list[Move] = Field(default_factory=list)
    checksum: Digest | None = None

    def compute_checksum(self) -> str:
        """The correct checksum."""
        return sha256(self.model_dump_json(exclude={"checksum"}).encode()).hexdigest()


def as_move(source: str, target: str) -> Move:
    """Plan to rename a file.

    Raises:
        SurgeryError: One of the two files must not be touched.
    """
    try:
        return Move(source=source, target=target)
    except ValidationError as error:
        raise SurgeryError(f"{source}: can't be renamed to {target} in place: {first_problem(error)}") from error


def as_write(directory: Path, file: str, runs: ByteRuns, source: str, start: int) -> Write:
    """Plan to write a slice, and record the hash of its bytes.

    Args:
        directory: The checkpoint.
        file: The file to write to.
        runs: The byte runs in it.
        source: File that holds the bytes.
        start: Offset of the first of these bytes in it.

    Raises:
        SurgeryError: The slice is too large, or is in a file that must not be touched.
    """
    with _open_regular(directory, source) as stream:
        data = read_exactly(stream, start, runs.count * runs.length, source)
    try:
        return Write(file=file, **vars(runs), source=source, start=start, sha256=sha256(data.data).hexdigest())
    except ValidationError as error:
        raise SurgeryError(f"{file}: can't be written in place: {first_problem(error)}") from error


def check_moves(directory: Path, moves: Sequence[Move]) -> None:
    """Refuse renames that are not possible.

    Raises:
        SurgeryError: A file is in the way, or the renamed file would be something else under its new name.
    """
    leaving: set[str] = set()
    targets = [move.target for move in moves]
    if len(set(targets)) < len(targets):
        raise SurgeryError("two files would get the same name; nothing was changed")
    for move in moves:
        target = _inside(directory, move.target)
        folders = [directory / folder for folder in list(PurePosixPath(move.target).parents)[:-1]]  # all but the directory itself
        in_the_way = [path for path in folders if os.path.lexists(path) and (path.is_symlink() or not path.is_dir())]
        if os.path.lexists(target) and move.target not in leaving:
            in_the_way.append(target)
        if in_the_way:
            raise SurgeryError(f"{in_the_way[0]}: is in the way of {move.target}; nothing was changed", hint="rename it")
        if (directory / move.source).is_symlink():
            raise SurgeryError(
                f"{move.source}: a link, which may lead elsewhere when renamed to {move.target}; nothing was changed",
                hint="put a copy of the file itself there",
            )
        leaving.add(move.source)


def read_pending(place: Path) -> PendingChange | None:
    """Read the pending change from a journal; None if there is none.

    Raises:
        CheckpointError: It is damaged.
        OSError: It can't be read.
    """
    path = place / PENDING
    try:
        look = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if not stat.S_ISREG(look.st_mode):
            raise ValueError("it is missing")
        with path.open("rb") as stream:
            pending = PendingChange.model_validate(parse_object(stream.read(_MAX_BYTES + 1), max_bytes=_MAX_BYTES))
        if pending.checksum != pending.compute_checksum():
            raise ValueError("its checksum is wrong")
    except ValidationError as error:
        raise CheckpointError(f"{path}: not a valid journal: {first_problem(error)}") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: not a valid journal: {error}") from error
    return pending


def write_pending(directory: Path, pending: PendingChange) -> None:
    """Replace the pending change of a checkpoint, in one step.

    Raises:
        SurgeryError: It would be too long to be read again.
        OSError: It can't be written. Either the old or the new change is on disk.
    """
    place = directory / JOURNAL
    text = pending.model_copy(update={"checksum": pending.compute_checksum()}).model_dump_json(by_alias=True).encode()
    if len(text) > _MAX_BYTES:
        raise SurgeryError(f"{directory}: too many changes to make in place", hint="write to a new directory with -o")
    (place / DRAFT).write_bytes(text)
    flush(place / DRAFT)
    os.replace(place / DRAFT, place / PENDING)
    flush(place)


def carry_out(directory: Path, pending: PendingChange) -> None:
    """Carry out a pending change, and flush it to the disk.

    Raises:
        CheckpointError: The files are not those that it was written for.
        SurgeryError: A file is shared with another directory.
        OSError: A file can't be written or renamed.
    """
    for write in pending.writes:
        _read_source(directory, write)
    by_file = sorted(pending.writes, key=lambda write: write.file)  # stable: of two writes to one place, the last wins
    for file, writes in groupby(by_file, lambda write: write.file):
        with open_own(directory, file) as out:
            _write_slices(directory, out, list(writes))
            os.fsync(out.fileno())
    for file, digest in pending.digests.items():
        if hash_file(_inside(directory, file)) != digest:
            raise CheckpointError(
                f"{file}: another program has changed it",
                hint=f"restore it from its source, or delete {JOURNAL} to keep the file as it is",
            )
    if pending.writes and pending.moves:  # a move may rename the file that holds the bytes
        write_pending(directory, pending.model_copy(update={"writes": [], "digests": {}}))
    touched = [_move(directory, move) for move in pending.moves]
    for folder in {folder for folders in touched for folder in folders}:
        if folder.is_dir():
            flush(folder)


def write_runs(out: BinaryIO, runs: ByteRuns, data: memoryview) -> None:
    """Write bytes run by run over the existing ones."""
    for number in range(runs.count):
        out.seek(runs.offset + number * runs.stride)
        write_all(out, data[number * runs.length : (number + 1) * runs.length])


def open_own(directory: Path, file: str) -> BinaryIO:
    """Open a file of the checkpoint for writing, unless that would change other files as well.

    Raises:
        SurgeryError: It is a link, has several hard links, or must not be written.
    """
    path, aside = _inside(directory, file), "or write to a new directory with -o"
    try:
        look = path.lstat()
        if not stat.S_ISREG(look.st_mode):
            raise SurgeryError(
                f"{file}: a link, and its target may be shared with others",
                hint=f"put a copy of the file itself there, {aside}",
            )
        if look.st_nlink > 1:
            raise SurgeryError(
                f"{file}: has {look.st_nlink} names (hard links), and an edit would change the file under all of them",
                hint=f"put a copy there, {aside}",
            )
        return path.open("r+b", buffering=0)
    except OSError as error:
        raise SurgeryError(f"{file}: can't be written: {error.strerror}", hint=f"make it writable, {aside}") from error


def _write_slices(directory: Path, out: BinaryIO, writes: list[Write]) -> None:
    num_bytes = os.fstat(out.fileno()).st_size
    ends = [write.offset + (write.count - 1) * write.stride + write.length for write in writes]
    if max(ends) > num_bytes or sum(write.count for write in writes) > num_bytes:
        raise CheckpointError(f"{JOURNAL}/{PENDING}: doesn't match {writes[0].file}")
    for write in writes:
        write_runs(out, write.runs, _read_source(directory, write).data)


def _read_source(directory: Path, write: Write) -> npt.NDArray[np.uint8]:
    with _open_regular(directory, write.source) as stream:
        if write.start + write.num_bytes > os.fstat(stream.fileno()).st_size:
            raise CheckpointError(f"{JOURNAL}/{PENDING}: doesn't match {write.source}")
        data = read_exactly(stream, write.start, write.num_bytes, write.source)
    if sha256(data.data).hexdigest() != write.sha256:
        raise CheckpointError(f"{write.source}: damaged: its bytes are not those to be written")
    return data


def _open_regular(directory: Path, file: str) -> BinaryIO:
    path = _inside(directory, file)
    if not stat.S_ISREG(path.lstat().st_mode):
        raise CheckpointError(f"{file}: a link, expected a file")
    return path.open("rb", buffering=0)


def _move(directory: Path, move: Move) -> tuple[Path, Path]:
    """Rename a file, if that is not done yet. Returns the folders before and after."""
    source, target = _inside(directory, move.source), _inside(directory, move.target)
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(source, target)
    folder = source.parent
    while folder != directory and folder.is_relative_to(directory) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
    return folder, target.parent


def _inside(directory: Path, file: str) -> Path:
    """The path of a file. It must be inside the directory after links are resolved."""
    path = directory / file
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(directory)):
        raise SurgeryError(f"{file}: a link in its path leads out of {directory}")
    return path
