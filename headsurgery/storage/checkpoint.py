"""A read-only view of a checkpoint: configuration, shards, where each tensor's bytes are.

Invariant: opening a checkpoint reads headers only, and nothing here ever opens a file for writing (law 1). Neighbours: `Files` says
where the bytes come from, `safetensors` finds the tensors in them, `codecs` reads their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from headsurgery.documents.strict_json import quote
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Chosen, Directory, Files
from headsurgery.filesystem.reading import read_exactly
from headsurgery.filesystem.workplace import JOURNAL, MANIFEST, PENDING
from headsurgery.storage.foreign import explain_file, explain_folder
from headsurgery.storage.gguf import SUFFIX, find_gguf, parts_of, read_gguf
from headsurgery.storage.json_files import read_object
from headsurgery.storage.safetensors import INDEX, WEIGHTS, StoredWeights, read_weights
from headsurgery.storage.tensors import ByteArray, Shard, StoredSlice, TensorInfo, read_rows

_MAX_CONFIG_BYTES = 8 * 2**20
"""The largest published checkpoints have 1 MB of configuration."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint.

    Args:
        files: Where its bytes come from.
        config: config.json, or the metadata of a GGUF file.
        shards: Its files of weights.
        tensors: All tensors by name.
        model: A Hub id, or the folder's mere name.
        revision: Commit of the Hub repository, if known.
        unlisted: Names of tensors that are in shards but not in the index. transformers loads them, if the model has such weights.
        described_by: Files beside the shards without which it could not be opened.
    """

    files: Files
    config: Mapping[str, Any]
    shards: tuple[Shard, ...]
    tensors: Mapping[str, TensorInfo]
    model: str
    revision: str | None = None
    unlisted: frozenset[str] = frozenset()
    described_by: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Its name and size, on one line."""
        family = self.config.get("model_type", self.config.get("general.architecture"))
        commit = "" if self.revision is None else f"@{self.revision[:12]}"
        return f"Checkpoint({self.model}{commit}: {family}, {len(self.tensors)} tensors in {len(self.shards)} files)"

    @property
    def path(self) -> Path:
        """Its directory.

        Raises:
            CheckpointError: It is not on this machine.
        """
        if self.files.path is None:
            raise CheckpointError(f"{self.files.where}: not on this machine", hint="fetch it first: headsurgery.hub.fetch_model")
        return self.files.path

    @property
    def source(self) -> Path:
        """What it is opened from: its directory, or its GGUF file.

        Raises:
            CheckpointError: It is not on this machine.
        """
        return self.path / self.shards[0].file if self.shards[0].file.lower().endswith(SUFFIX) else self.path

    @property
    def num_parameters(self) -> int:
        """Number of stored elements; tied weights count once."""
        return sum(tensor.num_parameters for tensor in self.tensors.values())

    def here(self, part: StoredSlice) -> StoredSlice:
        """The same slice of this checkpoint's tensor of that name, cut in the same shape."""
        return replace(part, tensor=replace(self.tensors[part.tensor.name], shape=part.tensor.shape))

    def read_slice(self, part: StoredSlice) -> ByteArray:
        """The bytes of a slice of a tensor, [rows, bytes per row]; only the rows that hold it are read."""
        rows = range(part.tensor.num_rows) if part.axis else part.block
        columns = part.columns
        with self.open_tensor(part.tensor, rows) as stream:
            chunks = [data[:, columns].copy() if part.axis else data for _, data in read_rows(stream, part.tensor, rows)]
        return np.concatenate(chunks) if len(chunks) != 1 else chunks[0]

    def read_tensor(self, tensor: TensorInfo) -> npt.NDArray[np.uint8]:
        """The bytes of one whole tensor."""
        with self.open_tensor(tensor) as stream:
            return read_exactly(stream, tensor.offset, tensor.num_bytes, tensor.file)

    def open_tensor(self, tensor: TensorInfo, rows: range | None = None) -> BinaryIO:
        """Open a tensor's file to read the tensor, or some of its rows.

        Raises:
            CheckpointError: It can't be opened.
        """
        rows = range(tensor.num_rows) if rows is None else rows
        start, stop = (tensor.offset + number * tensor.row_bytes for number in (rows.start, rows.stop))
        return self.files.open(tensor.file, range(start, stop))

    def fingerprint(self) -> str:
        """A hash that tells two sets of weights apart without reading them whole.

        SHA-256 over every tensor in the order of names: name, dtype, shape, and the first 16 KiB of its data. It does not depend
        on sharding or on the order inside a file. It is no proof of equality; the manifest's file hashes are.
        """
        digest = sha256()
        for name in sorted(self.tensors):
            tensor = self.tensors[name]
            length = min(tensor.num_bytes, 16 * 2**10)
            digest.update(json.dumps([tensor.name, tensor.dtype, tensor.shape]).encode())
            with self.files.open(tensor.file, range(tensor.offset, tensor.offset + length)) as stream:
                digest.update(read_exactly(stream, tensor.offset, length, tensor.file).data)
        return digest.hexdigest()

    def modified(self) -> int:
        """When its weights were last written, in nanoseconds since 1970: the newest of its files."""
        return max((self.path / shard.file).stat().st_mtime_ns for shard in self.shards)


def open_checkpoint(source: Path | str | Files, *, model: str | None = None, revision: str | None = None) -> Checkpoint:
    """Read a checkpoint's configuration and headers.

    Args:
        source: A directory with config.json and safetensors weights, single file or sharded; a GGUF file, or a directory with one;
            or where else such files are.
        model: Hub id that it came from; default: the directory's name, or that of the GGUF file.
        revision: Commit that it came from.

    Raises:
        CheckpointError: It is not such a directory, or its files contradict each other.
    """
    files = _files_of(Path(source)) if isinstance(source, Path | str) else source
    try:
        check_at_rest(files)
        gguf = _find_gguf(files)
        if gguf is not None:
            weights: StoredWeights = (held := read_gguf(files, gguf))
            config, described_by = held.metadata, tuple[str, ...]()
        else:
            _check_is_checkpoint(files)
            config = read_object(files, "config.json", max_bytes=_MAX_CONFIG_BYTES, lenient=True)
            weights, described_by = read_weights(files), ("config.json", *([INDEX] if files.has(INDEX) else []))
    except OSError as error:
        raise CheckpointError(f"{files.where}: can't be read: {error.strerror}") from error
    if gguf is not None and (model is None or "/" not in model):
        model = gguf[0]
    return Checkpoint(
        files=files,
        config=config,
        shards=weights.shards,
        tensors=weights.tensors,
        model=model or files.name,
        revision=revision,
        unlisted=weights.unlisted,
        described_by=described_by,
    )


def gguf_file_of(path: Path | str) -> Path | None:
    """The GGUF file that `open_checkpoint` would read, the first one of a split model; None for another checkpoint.

    Raises:
        CheckpointError: There are several models.
    """
    files = _files_of(Path(path))
    found = _find_gguf(files)
    return files.path / found[0] if found else None


def _files_of(path: Path) -> Directory:
    """The files of a directory. A GGUF file stands for itself, unless it is in a checkpoint that `apply` wrote."""
    if path.suffix.lower() != SUFFIX or not path.is_file():
        return Directory(path)
    folder = Directory(path.parent)
    is_ours = any((path.parent / name).exists() for name in (MANIFEST, JOURNAL))
    is_its_model = not folder.has(WEIGHTS) and not folder.has(INDEX)
    return folder if is_ours and is_its_model else Chosen(path.parent, parts_of(path.name))


def _find_gguf(files: Files) -> tuple[str, ...] | None:
    """The files of the GGUF model in a folder without safetensors weights; None if there is none.

    Raises:
        CheckpointError: There are several models.
    """
    if files.path is None or not files.path.is_dir() or files.has(WEIGHTS) or files.has(INDEX):
        return None
    found = find_gguf(files.top())
    if len(found) > 1:
        shown = ", ".join(quote(names[0]) for names in found[:8]) + (", ..." if len(found) > 8 else "")
        hint = "move the others away" if files.has(MANIFEST) else "give the path of one of these files"
        raise CheckpointError(f"{files.where}: has {len(found)} GGUF models: {shown}", hint=hint)
    return found[0] if found else None


def check_at_rest(files: Files) -> None:
    """Refuse a checkpoint that is half edited: a run changes it in place at this moment, or was killed while it did.

    Raises:
        CheckpointError: It is.
    """
    if files.has(f"{JOURNAL}/{PENDING}"):
        raise CheckpointError(
            f"{files.where}: half edited: a change in place is going on, or was killed",
            hint=f"if none is going on, this finishes it or takes it back: headsurgery restore {files.where} --in-place",
        )


def _check_is_checkpoint(files: Files) -> None:
    where, path = files.where, files.path
    if path is not None and path.is_file():
        raise explain_file(path)
    if path is not None and not path.is_dir():
        raise CheckpointError(f"{where}: no such directory", hint="give a checkpoint directory or a Hub id like org/name")
    if files.has(WEIGHTS) or files.has(INDEX):
        if not files.has("config.json"):
            raise CheckpointError(f"{where}: has weights but no config.json, so its family is unknown")
        return
    raise explain_folder(where, files.name, files.top(), weights=WEIGHTS, index=INDEX)
