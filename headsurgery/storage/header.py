"""The header of a safetensors file, parsed and validated for byte offsets.

The format in three lines: 8 bytes, little endian, the length N of the header; N bytes of JSON, mapping each tensor's name to its
`dtype`, `shape` and `data_offsets` (relative to byte 8 + N), and optionally `__metadata__` to strings; then the tensors' bytes,
row-major, little endian, without holes. https://github.com/huggingface/safetensors#format

Invariant: what `read_header` returns covers the file exactly, each byte of data by one tensor. Anything else is refused, because
an edit addresses bytes by these offsets.
"""

from __future__ import annotations

import math
from typing import Any

from headsurgery.documents.strict_json import parse_object, quote
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Files
from headsurgery.storage.tensors import Shard, TensorInfo

MAX_HEADER_BYTES = 100_000_000
"""The limit of the format's own library."""

_MAX_AXES = 64

_BITS = {
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
    "F32": 32,
    "I32": 32,
    "U32": 32,
    "F16": 16,
    "BF16": 16,
    "I16": 16,
    "U16": 16,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F4": 4,
}


def read_header(files: Files, file: str) -> Shard:
    """Parse and validate one file's header; no tensor data are read.

    Args:
        files: Where it is.
        file: Its name.

    Raises:
        CheckpointError: The file is missing, truncated, or its header is not what the format says.
    """
    try:
        num_bytes = files.size_of(file)
        prefix = _read(files, file, range(min(8, num_bytes)))
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or not 2 <= length <= min(MAX_HEADER_BYTES, num_bytes - 8):
            begin = _read(files, file, range(min(64, num_bytes)))
            raise not_the_file(file, begin) or CheckpointError(
                f"{file}: not a safetensors file: header length {length}, file size {num_bytes}", hint="download this file again"
            )
        text = _read(files, file, range(8, 8 + length))
    except OSError as error:
        raise CheckpointError(f"{file}: can't be read: {error.strerror}") from error
    try:
        header = parse_object(text, max_bytes=MAX_HEADER_BYTES)
    except ValueError as error:
        raise CheckpointError(f"{file}: corrupt header: {error}") from error
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise CheckpointError(f"{file}: corrupt header: __metadata__ must map names to texts, found {quote(metadata)}")
    tensors = [_read_entry(name, entry, file, 8 + length) for name, entry in header.items()]
    tensors.sort(key=lambda tensor: (tensor.offset, tensor.num_bytes))
    _check_coverage(tensors, file, 8 + length, num_bytes)
    return Shard(file=file, num_header_bytes=8 + length, num_bytes=num_bytes, tensors=tuple(tensors))


def not_the_file(file: str, begin: bytes) -> CheckpointError | None:
    """What a file is instead of what its name says, told from its first bytes; None where that can't be told."""
    if begin.startswith(b"version https://git-lfs.github.com/spec/"):
        return CheckpointError(
            f"{file}: a git LFS pointer, which stands for the file and is not the file itself",
            hint="git lfs install && git lfs pull, in that folder; or download the model with: hf download",
        )
    found = next((what for start, what in _BEGINNINGS.items() if begin.lstrip().lower().startswith(start)), None)
    return None if found is None else CheckpointError(f"{file}: {found}", hint="download this file again")


_BEGINNINGS = {
    **dict.fromkeys((b"<!doctype html", b"<html"), "a web page, which came in place of the file"),
    **dict.fromkeys((b"entry not found", b"repository not found", b"access to model"), "an error message of the Hub"),
    b"gguf": "a GGUF file under another name",
    b"pk\x03\x04": "a zip or PyTorch file under another name",
}


def _read(files: Files, file: str, span: range) -> bytes:
    with files.open(file, span) as stream:
        stream.seek(span.start)
        data = b""
        while len(data) < len(span) and (more := stream.read(len(span) - len(data))):
            data += more
    return data


def _read_entry(name: str, entry: Any, file: str, data_start: int) -> TensorInfo:
    where = f"{file}: corrupt header: tensor {quote(name)}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{where}: expected exactly dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise CheckpointError(f"{where}: unknown dtype {quote(dtype)}")
    for numbers, label in ((shape, "shape"), (offsets, "data_offsets")):
        if not isinstance(numbers, list) or any(type(number) is not int or not 0 <= number < 2**63 for number in numbers):
            raise CheckpointError(f"{where}: {label} must be a list of non-negative integers, found {quote(numbers)}")
    if len(shape) > _MAX_AXES:
        raise CheckpointError(f"{where}: {len(shape)} axes, expected at most {_MAX_AXES}")
    if math.prod(extent for extent in shape if extent) >= 2**63:
        raise CheckpointError(f"{where}: shape {quote(shape)} overflows")
    bits = math.prod(shape) * _BITS[dtype]
    if len(offsets) != 2 or bits % 8 or offsets[1] - offsets[0] != bits // 8:
        raise CheckpointError(f"{where}: data_offsets {quote(offsets)} don't span {dtype} {quote(shape)}")
    return TensorInfo(
        name=name, file=file, dtype=dtype, shape=tuple(shape), offset=data_start + offsets[0], num_bytes=offsets[1] - offsets[0]
    )


def _check_coverage(tensors: list[TensorInfo], file: str, data_start: int, num_bytes: int) -> None:
    end = data_start
    for tensor in tensors:
        if tensor.offset != end:
            raise CheckpointError(
                f"{file}: corrupt header: tensor {quote(tensor.name)} begins at byte {tensor.offset}, expected {end}"
            )
        end += tensor.num_bytes
    if end != num_bytes:
        word = "truncated" if end > num_bytes else "longer than its header says"
        raise CheckpointError(f"{file}: {word}: {num_bytes} bytes, expected {end}", hint="download this file again")
