"""A read-only view of a checkpoint: configuration, shards, where each tensor's bytes are.

Invariant: opening a checkpoint reads headers only, and nothing here ever opens a file for writing (law 1). Neighbours: `files` says
where the bytes come from, `header` parses one file, `carried` says which other files belong to the checkpoint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np
import numpy.typing as npt

from headsurgery.documents.strict_json import parse_object, quote
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Directory, Files
from headsurgery.filesystem.reading import CHUNK_BYTES, read_exactly
from headsurgery.filesystem.workplace import JOURNAL, TODO
from headsurgery.storage.foreign import explain_file, explain_folder
from headsurgery.storage.header import Shard, TensorInfo, not_the_file, read_header

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"

_MAX_CONFIG_BYTES, _MAX_INDEX_BYTES, _MAX_SHARDS = 8 * 2**20, 64 * 2**20, 20_000
"""What a checkpoint may have; the largest published ones have 1 MB of configuration, 30 MB of index and a few hundred shards."""

FLOAT_TYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
"""Stored types that can be edited."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint.

    Args:
        files: Where its bytes come from.
        config: config.json.
        shards: Its safetensors files.
        tensors: All tensors by name.
        model: A Hub id, or the folder's mere name.
        revision: Commit of the Hub repository, if known.
        unlisted: Names of tensors that are in shards but not in the index. transformers loads them, if the model has such weights.
    """

    files: Files
    config: Mapping[str, Any]
    shards: tuple[Shard, ...]
    tensors: Mapping[str, TensorInfo]
    model: str
    revision: str | None = None
    unlisted: frozenset[str] = frozenset()

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
    def num_parameters(self) -> int:
        """Number of stored elements; tied weights count once."""
        return sum(tensor.num_parameters for tensor in self.tensors.values())

    def read(self, tensor: TensorInfo) -> npt.NDArray[Any]:
        """One whole tensor, as a NumPy array of its stored type and shape."""
        with self.open_tensor(tensor) as stream:
            data = read_exactly(stream, tensor.offset, tensor.num_bytes, tensor.file)
        return data.view(FLOAT_TYPES[tensor.dtype]).reshape(tensor.shape)

    def read_block(self, tensor: TensorInfo, axis: int, block: range) -> npt.NDArray[Any]:
        """A slice of a tensor along one axis, as an array of its stored type; only the rows that hold it are read."""
        rows = range(tensor.num_rows) if axis else block
        parts = []
        with self.open_tensor(tensor, rows) as stream:
            for _, data in read_rows(stream, tensor, rows):
                values = data.view(FLOAT_TYPES[tensor.dtype]).reshape(len(data), -1)  # [rows, columns]
                parts.append((values[:, block.start : block.stop] if axis else values).copy())
        return np.concatenate(parts)

    def open_tensor(self, tensor: TensorInfo, rows: range | None = None) -> BinaryIO:
        """Open a tensor's file to read the tensor, or some of its rows.

        Raises:
            CheckpointError: It can't be opened.
        """
        rows = range(tensor.num_rows) if rows is None else rows
        row_bytes = tensor.num_bytes // max(1, tensor.num_rows)
        return self.files.open(tensor.file, range(tensor.offset + rows.start * row_bytes, tensor.offset + rows.stop * row_bytes))

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
        source: A directory with config.json and safetensors weights, single file or sharded; or where else such files are.
        model: Hub id that it came from; default: the directory's name.
        revision: Commit that it came from.

    Raises:
        CheckpointError: It is not such a directory, or its files contradict each other.
    """
    files = Directory(Path(source)) if isinstance(source, Path | str) else source
    try:
        check_at_rest(files)
        _check_is_checkpoint(files)
        config = _read_object(files, "config.json", max_bytes=_MAX_CONFIG_BYTES, lenient=True)
        shards, tensors, unlisted = _read_single(files) if files.has(WEIGHTS) else _read_sharded(files)
    except OSError as error:
        raise CheckpointError(f"{files.where}: can't be read: {error.strerror}") from error
    return Checkpoint(
        files=files,
        config=config,
        shards=shards,
        tensors=tensors,
        model=model or files.name,
        revision=revision,
        unlisted=unlisted,
    )


def check_at_rest(files: Files) -> None:
    """Refuse a checkpoint that is half edited: a run changes it in place at this moment, or was killed while it did.

    Raises:
        CheckpointError: It is.
    """
    if files.has(f"{JOURNAL}/{TODO}"):
        raise CheckpointError(
            f"{files.where}: half edited: a change in place is going on, or was killed",
            hint=f"if none is going on, this finishes it or takes it back: headsurgery restore {files.where} --in-place",
        )


def read_rows(
    stream: BinaryIO, tensor: TensorInfo, rows: range, *, chunk_rows: int | None = None
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Whole rows of a tensor in chunks, so that memory stays constant whatever its size.

    Rows are counted as in `TensorInfo.num_rows`.

    Args:
        stream: The tensor's file.
        tensor: The tensor.
        rows: Which of its rows.
        chunk_rows: Rows of a chunk; default: as many as 4 MiB have.

    Yields:
        First row of the chunk, and its bytes as [rows, bytes per row]; the array is the reader's to change.
    """
    row_bytes = tensor.num_bytes // tensor.num_rows if tensor.num_rows else 0
    if not row_bytes:
        return
    step = chunk_rows or max(1, CHUNK_BYTES // row_bytes)
    for first in range(rows.start, rows.stop, step):
        count = min(step, rows.stop - first)
        data = read_exactly(stream, tensor.offset + first * row_bytes, count * row_bytes, tensor.file)
        yield first, data.reshape(count, row_bytes)


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


def read_bounded(files: Files, file: str, max_bytes: int) -> bytes:
    """A checkpoint's file, or its beginning, one byte longer than allowed.

    Raises:
        CheckpointError: It is not there, or can't be opened.
        OSError: It can't be read.
    """
    with files.open(file, range(min(files.size_of(file), max_bytes + 1))) as stream:
        return stream.read(max_bytes + 1)


def _read_object(files: Files, file: str, *, max_bytes: int, lenient: bool = False) -> dict[str, Any]:
    data = b""
    try:
        data = read_bounded(files, file, max_bytes)
        return parse_object(data, max_bytes=max_bytes, lenient=lenient)
    except (OSError, ValueError) as error:
        instead = not_the_file(file, data[:64]) if data else None
        if instead is not None:
            raise instead from error
        raise CheckpointError(f"{file}: can't be read as JSON: {error}") from error


_Read = tuple[tuple[Shard, ...], dict[str, TensorInfo], frozenset[str]]


def _read_single(files: Files) -> _Read:
    shard = read_header(files, WEIGHTS)
    return (shard,), {tensor.name: tensor for tensor in shard.tensors}, frozenset()


def _read_sharded(files: Files) -> _Read:
    weight_map = _read_object(files, INDEX, max_bytes=_MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{INDEX}: no weight_map")
    for name, file in weight_map.items():
        if not isinstance(file, str) or not stays_inside(file):
            raise CheckpointError(f"{INDEX}: {quote(name)} points to {quote(file)}, outside the checkpoint's directory")
    names = sorted(set(weight_map.values()))
    if len(names) > _MAX_SHARDS:
        raise CheckpointError(f"{INDEX}: {len(names)} shards, expected at most {_MAX_SHARDS}")
    with ThreadPoolExecutor(max_workers=8) as pool:  # where the files are elsewhere, a header is two journeys
        shards = tuple(pool.map(lambda file: read_header(files, file), names))
    tensors = _merge(shards, weight_map)
    for name, file in weight_map.items():
        if name not in tensors:
            raise CheckpointError(
                f"{INDEX}: says that {quote(name)} is in {file}, but that file doesn't have it, nor does another",
                hint="download the checkpoint again; if the model has no such weight, take it out of the index",
            )
    return shards, tensors, frozenset(tensors.keys() - weight_map.keys())


def _merge(shards: tuple[Shard, ...], weight_map: Mapping[str, str]) -> dict[str, TensorInfo]:
    """The tensors as transformers takes them: out of all shards, wherever the index says they are; of two of a name the later one.

    Raises:
        CheckpointError: The index says that the other one of two holds.
    """
    tensors: dict[str, TensorInfo] = {}
    for tensor in (tensor for shard in shards for tensor in shard.tensors):
        twin = tensors.get(tensor.name)
        if twin is not None and weight_map.get(tensor.name) != tensor.file:
            listed = weight_map.get(tensor.name)
            says = "the index names neither" if listed is None else f"the index says {listed}, and transformers loads the last"
            raise CheckpointError(
                f"{quote(tensor.name)} is in {twin.file} and again in {tensor.file}; {says}",
                hint="take it out of all shards but one, or load the model and save it anew with save_pretrained",
            )
        tensors[tensor.name] = tensor
    return tensors


def stays_inside(file: str) -> bool:
    """Whether a file's name, as some document gives it, is plainly relative: no way out of a directory, no detour within it.

    By the rules of the system that it is about to be used on: a backslash is a letter here, and leads out on Windows.
    """
    path = PurePath(file)
    is_plain = bool(path.name) and not path.anchor and ".." not in path.parts and path.as_posix() == file
    return is_plain and not re.search("[\0\ud800-\udfff]", file) and len(file) <= _MAX_NAME


_MAX_NAME = 4096
