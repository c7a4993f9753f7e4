"""The GGUF store: a checkpoint's weights and metadata in one file, or in several that gguf-split made.

The format in five lines: `GGUF`, the version, the numbers of tensors and of metadata entries; the entries: key, type, value; for
each tensor its name, its extents (fastest first), its type and the offset of its data, counted from where data begin; padding up
to a multiple of `general.alignment` (32 unless stated); the data, each tensor's at such a multiple. All is little endian.
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

Invariant: every tensor that `read_gguf` returns has its bytes inside the file and shares none of them. Anything else is refused,
because an edit addresses bytes by these offsets. Large arrays, such as a vocabulary, are passed over.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headsurgery.documents.strict_json import quote
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Files
from headsurgery.storage.block_types import BLOCK_TYPES
from headsurgery.storage.header import not_the_file
from headsurgery.storage.safetensors import StoredWeights
from headsurgery.storage.tensors import Shard, TensorInfo

SUFFIX = ".gguf"
_MAX_HEADER_BYTES = 2**26
"""The largest vocabularies take 20 MB."""
_MAX_TENSORS, _MAX_ENTRIES, _MAX_AXES, _MAX_PARTS = 2**17, 2**16, 4, 10_000
_MAX_NAME, _MAX_KEPT, _MAX_DEPTH = 2**16 - 1, 4096, 3
"""Longest name; longest array whose values are kept, such as one for each layer; deepest nesting of arrays."""
_READ_BYTES = 2**20

_PLAIN = {
    0: ("F32", 4),
    1: ("F16", 2),
    24: ("I8", 1),
    25: ("I16", 2),
    26: ("I32", 4),
    27: ("I64", 8),
    28: ("F64", 8),
    30: ("BF16", 2),
}
_BLOCKS = {
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    20: "IQ4_NL",
    21: "IQ3_S",
    22: "IQ2_S",
    23: "IQ4_XS",
    29: "IQ1_M",
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
    40: "NVFP4",
}
_UNREAD = {9: ("Q8_1", 32, 40), 15: ("Q8_K", 256, 292), 41: ("Q1_0", 128, 18)}
"""Types whose place is known, but not their bits."""
_REMOVED = {
    4: "Q4_2",
    5: "Q4_3",
    31: "Q4_0_4_4",
    32: "Q4_0_4_8",
    33: "Q4_0_8_8",
    36: "IQ4_NL_4_4",
    37: "IQ4_NL_4_8",
    38: "IQ4_NL_8_8",
}
"""Types that llama.cpp itself no longer reads."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9

Value = Any
"""An entry of the metadata: a number, a text, a list of them, or None for a long array."""


@dataclass(frozen=True, kw_only=True)
class GgufFile:
    """One file.

    Args:
        shard: Its tensors.
        metadata: Its entries.
    """

    shard: Shard
    metadata: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class GgufWeights(StoredWeights):
    """What one or several files hold together.

    Args:
        metadata: The entries of the first file.
    """

    metadata: Mapping[str, Value]


def parts_of(file: str) -> tuple[str, ...]:
    """The names of all files that belong to a file: itself, or those of its split."""
    match = _SPLIT.fullmatch(file)
    if match is None:
        return (file,)
    count = int(match["count"])
    if not 1 <= int(match["number"]) <= count <= _MAX_PARTS:
        return (file,)
    return tuple(f"{match['stem']}-{number:05}-of-{count:05}{match['suffix']}" for number in range(1, count + 1))


def stem_of(file: str) -> str:
    """A file's name without its ending and the number of its part."""
    match = _SPLIT.fullmatch(file)
    return file[: -len(SUFFIX)] if match is None else match["stem"]


_SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})(?P<suffix>\.gguf)", re.DOTALL | re.IGNORECASE)


def find_gguf(names: list[str]) -> list[tuple[str, ...]]:
    """The models among the files of a folder, each as its files. Projectors of images (mmproj) are none."""
    files = [name for name in names if name.lower().endswith(SUFFIX) and not name.lower().startswith("mmproj")]
    return list(dict.fromkeys(parts_of(name) for name in files))


def read_gguf(files: Files, names: tuple[str, ...]) -> GgufWeights:
    """Read the headers of a model's files.

    Args:
        files: Where they are.
        names: As `parts_of` gives them.

    Raises:
        CheckpointError: A file is missing or damaged, or the files contradict each other.
    """
    for name in names:
        if not files.has(name):
            raise CheckpointError(f"{name}: missing; the model is split into {len(names)} files", hint="download all of them")
    read = [read_file(files, name) for name in names]
    tensors: dict[str, TensorInfo] = {}
    for tensor in (tensor for part in read for tensor in part.shard.tensors):
        if tensor.name in tensors:
            raise CheckpointError(f"{quote(tensor.name)} is in {tensors[tensor.name].file} and again in {tensor.file}")
        tensors[tensor.name] = tensor
    _check_split([part.metadata for part in read], names, len(tensors))
    return GgufWeights(shards=tuple(part.shard for part in read), tensors=tensors, metadata=read[0].metadata)


def _check_split(parts: list[Mapping[str, Value]], names: tuple[str, ...], num_tensors: int) -> None:
    for number, (metadata, name) in enumerate(zip(parts, names, strict=True)):
        stated = metadata.get("split.count", 1), metadata.get("split.no", 0)
        if stated != (len(names), number) and (len(names) > 1 or stated[0] not in (0, 1)):
            raise CheckpointError(
                f"{name}: says that it is part {quote(stated[1])} of {quote(stated[0])}, expected {number} of {len(names)}",
                hint="give the files the names that gguf-split gave them: NAME-00001-of-00003.gguf",
            )
    total = parts[0].get("split.tensors.count", num_tensors)
    if len(names) > 1 and total != num_tensors:
        raise CheckpointError(f"{names[0]}: says that all files have {quote(total)} tensors; they have {num_tensors}")


def read_file(files: Files, file: str) -> GgufFile:
    """Parse and validate one file's header; no tensor data are read.

    Raises:
        CheckpointError: The file is missing or truncated, or its header is not what the format says.
    """
    try:
        return _parse(_Cursor(files, file))
    except OSError as error:
        raise CheckpointError(f"{file}: can't be read: {error.strerror}") from error


class _Cursor:
    """Reads a header from its beginning, and never past the end of the file."""

    def __init__(self, files: Files, file: str) -> None:
        self._files, self.file, self.num_bytes = files, file, files.size_of(file)
        self._data, self.at = bytearray(), 0

    def fail(self, what: str) -> CheckpointError:
        """The error for a header that is not what the format says."""
        return CheckpointError(f"{self.file}: corrupt header: {what}", hint="download this file again")

    def take(self, count: int) -> int:
        """Pass over bytes, and return where they begin."""
        start, end = self.at, self.at + count
        if end > min(self.num_bytes, _MAX_HEADER_BYTES):
            raise self.fail(
                f"ends at byte {self.num_bytes}, in the middle of an entry" if end > self.num_bytes else "longer than 64 MiB"
            )
        if end > len(self._data):
            self._fetch(end)
        self.at = end
        return start

    def _fetch(self, end: int) -> None:
        have = len(self._data)
        wanted = range(have, min(self.num_bytes, max(end, have + max(_READ_BYTES, have))))
        with self._files.open(self.file, wanted) as stream:
            stream.seek(have)
            while len(self._data) < end and (more := stream.read(wanted.stop - len(self._data))):
                self._data += more
        if len(self._data) < end:
            raise self.fail("became shorter while it was read")

    def begin(self, count: int) -> bytes:
        """The first bytes of the file, for messages."""
        return bytes(self._data[:count])

    def number(self, form: str) -> Any:
        """One number."""
        start = self.take(struct.calcsize(f"<{form}"))
        return struct.unpack_from(f"<{form}", self._data, start)[0]

    def numbers(self, form: str, count: int) -> list[Any]:
        """Several numbers."""
        start = self.take(struct.calcsize(f"<{form}") * count)
        return list(struct.unpack_from(f"<{count}{form}", self._data, start))

    def skip_texts(self, count: int) -> None:
        """Pass over texts."""
        at, length_of = self.at, struct.Struct("<Q").unpack_from
        for _ in range(count):
            if at + 8 > len(self._data):
                self.take(at + 8 - self.at)
            at += 8 + length_of(self._data, at)[0]
        self.take(at - self.at)

    def text(self, what: str, most: int | None = None) -> str:
        """A text of at most so many bytes."""
        length = self.number("Q")
        if most is not None and length > most:
            raise self.fail(f"{what} has {length} bytes, expected at most {most}")
        start = self.take(length)
        try:
            return self._data[start : self.at].decode()
        except UnicodeDecodeError as error:
            raise self.fail(f"{what} is not UTF-8") from error


def _parse(cursor: _Cursor) -> GgufFile:
    if cursor.num_bytes < 24:
        raise CheckpointError(f"{cursor.file}: not a GGUF file: {cursor.num_bytes} bytes", hint="download this file again")
    cursor.take(4)
    magic = cursor.begin(64)
    if magic[:4] != b"GGUF":
        raise not_the_file(cursor.file, magic) or CheckpointError(
            f"{cursor.file}: not a GGUF file: begins with {magic[:4]!r}, expected b'GGUF'", hint="download this file again"
        )
    version = cursor.number("I")
    if version not in (2, 3):
        known = "big-endian" if int.from_bytes(version.to_bytes(4, "big"), "little") in (2, 3) else f"version {version}"
        raise CheckpointError(
            f"{cursor.file}: a {known} GGUF file; headsurgery reads little-endian files of versions 2 and 3",
            hint="convert it with llama.cpp's tools",
        )
    num_tensors, num_entries = cursor.numbers("Q", 2)
    if num_tensors > _MAX_TENSORS or num_entries > _MAX_ENTRIES:
        raise cursor.fail(f"{num_tensors} tensors and {num_entries} entries of metadata")
    metadata: dict[str, Value] = {}
    for _ in range(num_entries):
        key = cursor.text("a key", _MAX_NAME)
        if key in metadata:
            raise cursor.fail(f"{quote(key)} is stated twice")
        metadata[key] = _read_value(cursor, cursor.number("I"), f"entry {quote(key)}")
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 1 <= alignment <= 2**20 or alignment & (alignment - 1):
        raise cursor.fail(f"general.alignment is {quote(alignment)}, expected a power of two")
    entries = [_read_entry(cursor) for _ in range(num_tensors)]
    start = -(-cursor.at // alignment) * alignment
    tensors = sorted((_place(cursor, entry, start, alignment) for entry in entries), key=lambda tensor: tensor.offset)
    _check_places(cursor, tensors)
    shard = Shard(file=cursor.file, num_header_bytes=cursor.at, num_bytes=cursor.num_bytes, tensors=tuple(tensors))
    return GgufFile(shard=shard, metadata=metadata)


def _read_value(cursor: _Cursor, kind: int, where: str, depth: int = 0) -> Value:
    """A value. Arrays with more than a few thousand elements are passed over."""
    if kind in _SCALARS:
        return cursor.number(_SCALARS[kind])
    if kind == _TEXT:
        return cursor.text(where)
    if kind != _ARRAY or depth >= _MAX_DEPTH:
        raise cursor.fail(f"{where} has the unknown type {kind}" if kind != _ARRAY else f"{where} is nested too deeply")
    inner, count = cursor.number("I"), cursor.number("Q")
    if count > cursor.num_bytes:
        raise cursor.fail(f"{where} has {count} elements")
    if count <= _MAX_KEPT:
        return [_read_value(cursor, inner, where, depth + 1) for _ in range(count)]
    if inner in _SCALARS:
        cursor.take(struct.calcsize(f"<{_SCALARS[inner]}") * count)
    elif inner == _TEXT:
        cursor.skip_texts(count)
    else:
        for _ in range(count):
            _read_value(cursor, inner, where, depth + 1)
    return None


@dataclass(frozen=True, kw_only=True)
class _Entry:
    name: str
    extents: list[int]
    kind: int
    offset: int


def _read_entry(cursor: _Cursor) -> _Entry:
    name = cursor.text("a tensor's name", _MAX_NAME)
    num_axes = cursor.number("I")
    if num_axes > _MAX_AXES:
        raise cursor.fail(f"tensor {quote(name)}: {num_axes} axes, expected at most {_MAX_AXES}")
    extents = cursor.numbers("Q", num_axes)
    return _Entry(name=name, extents=extents, kind=cursor.number("I"), offset=cursor.number("Q"))


def _place(cursor: _Cursor, entry: _Entry, start: int, alignment: int) -> TensorInfo:
    where = f"tensor {quote(entry.name)}"
    dtype, size, num_bytes = _size_of(cursor, entry.kind, where)
    extents = entry.extents
    if any(extent >= 2**40 for extent in extents) or math.prod(extent for extent in extents if extent) >= 2**60:
        raise cursor.fail(f"{where}: extents {quote(extents)} overflow")
    if size > 1 and (not extents or extents[0] % size):
        raise cursor.fail(f"{where}: {dtype} stores {size} elements together, but its rows have {extents[0] if extents else 1}")
    if entry.offset % alignment:
        raise cursor.fail(f"{where}: its data begin at byte {entry.offset}, expected a multiple of {alignment}")
    shape = tuple(reversed(extents))
    tensor = TensorInfo(
        name=entry.name,
        file=cursor.file,
        dtype=dtype,
        shape=shape,
        offset=start + entry.offset,
        num_bytes=math.prod(shape) // size * num_bytes,
    )
    if tensor.offset + tensor.num_bytes > cursor.num_bytes:
        raise CheckpointError(
            f"{cursor.file}: truncated: {cursor.num_bytes} bytes, but {where} ends at byte {tensor.offset + tensor.num_bytes}",
            hint="download this file again",
        )
    return tensor


def _size_of(cursor: _Cursor, kind: int, where: str) -> tuple[str, int, int]:
    """A type's name, and how many elements take how many bytes."""
    if kind in _PLAIN:
        name, num_bytes = _PLAIN[kind]
        return name, 1, num_bytes
    if kind in _BLOCKS:
        block = BLOCK_TYPES[_BLOCKS[kind]]
        return block.name, block.size, block.num_bytes
    if kind in _UNREAD:
        return _UNREAD[kind]
    if kind in _REMOVED:
        raise CheckpointError(
            f"{cursor.file}: {where} has the type {_REMOVED[kind]}, which llama.cpp has given up",
            hint="quantize the model anew with a recent llama.cpp",
        )
    raise cursor.fail(f"{where} has the unknown type {kind}")


def _check_places(cursor: _Cursor, tensors: list[TensorInfo]) -> None:
    names: set[str] = set()
    end = 0
    for tensor in tensors:
        if tensor.name in names:
            raise cursor.fail(f"tensor {quote(tensor.name)} is listed twice")
        if tensor.num_bytes and tensor.offset < end:
            raise cursor.fail(f"tensor {quote(tensor.name)} begins at byte {tensor.offset}, inside of the one before it")
        names.add(tensor.name)
        end = max(end, tensor.offset + tensor.num_bytes)
