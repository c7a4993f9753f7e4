"""The safetensors format: golden bytes, and every corruption refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from safetensors.numpy import load, save_file

from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Directory
from headsurgery.storage.header import read_header
from headsurgery.storage.tensors import Shard, TensorInfo
from tests.directories import pack

GOLDEN = (
    b'\x5b\x00\x00\x00\x00\x00\x00\x00{"__metadata__":{"format":"pt"},"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}    '
    b"\x00\x00\x80\x3f\x00\x00\x00\xc0"
)
ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DATA = bytes(8)


def parse(data: bytes, directory: Path) -> Shard:
    (directory / "x.safetensors").write_bytes(data)
    return read_header(Directory(directory), "x.safetensors")


def test_golden_bytes(tmp_path: Path) -> None:
    assert load(GOLDEN)["x"].tolist() == [[1.0, -2.0]], "the format's own library must read them alike"
    assert parse(GOLDEN, tmp_path) == Shard(
        file="x.safetensors",
        num_header_bytes=99,
        num_bytes=107,
        tensors=(TensorInfo(name="x", file="x.safetensors", dtype="F32", shape=(1, 2), offset=99, num_bytes=8),),
    )


names = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: name != "__metadata__")
arrays = st_numpy.arrays(
    st.sampled_from([np.float32, np.float16, np.int64, np.uint8, np.bool_]),
    st_numpy.array_shapes(min_dims=0, min_side=0, max_side=4),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, arrays, min_size=1, max_size=4), st.none() | st.dictionaries(names, names, max_size=2))
def test_what_safetensors_writes_is_read_alike(tmp_path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None) -> None:
    path = tmp_path / "x.safetensors"
    save_file(tensors, path, metadata=metadata)
    data = path.read_bytes()
    shard = read_header(Directory(tmp_path), "x.safetensors")
    assert {tensor.name: tensor.shape for tensor in shard.tensors} == {name: array.shape for name, array in tensors.items()}
    for tensor in shard.tensors:
        assert data[tensor.offset : tensor.offset + tensor.num_bytes] == tensors[tensor.name].tobytes()
        assert tensor.num_parameters == tensors[tensor.name].size


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 50, 98, 99, 103, 106])
def test_a_truncated_file_is_refused(cut: int, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"x\.safetensors: (not a safetensors file|truncated: \d+ bytes, expected 107)"):
        parse(GOLDEN[:cut], tmp_path)


def test_bytes_after_the_last_tensor_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"longer than its header says: 108 bytes, expected 107"):
        parse(GOLDEN + b"\0", tmp_path)


@pytest.mark.parametrize("length", [0, 1, 100, 100_000_001, 2**63, 2**64 - 1])
def test_an_impossible_header_length_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"not a safetensors file: header length {length}, file size 107"):
        parse(length.to_bytes(8, "little") + GOLDEN[8:], tmp_path)


@pytest.mark.parametrize(
    "header",
    [
        b"{]",
        b"not json",
        b'{"x": "\xff"}',
        b'\xef\xbb\xbf{"x": 1}',
        b"[" * 100_000,
        b'{"x":1}{}',
        b'{"x":' + b"9" * 5000 + b"}",
        json.dumps({"x": ENTRY}).encode("utf-16"),
        json.dumps({"x": ENTRY}).encode()[:-1] + b', "x": ' + json.dumps(ENTRY).encode() + b"}",
        b'{"x":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}',
        b"[]",
        b"null",
        b"17",
    ],
)
def test_a_header_that_is_not_one_json_object_with_unique_keys_is_refused(header: bytes, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"x\.safetensors: corrupt header"):
        parse(pack(header, DATA), tmp_path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (5, "expected exactly dtype, shape and data_offsets"),
        ({}, "expected exactly"),
        ({**ENTRY, "extra": 1}, "expected exactly"),
        ({"dtype": "F32", "shape": [2]}, "expected exactly"),
        ({**ENTRY, "dtype": "F33"}, "unknown dtype 'F33'"),
        ({**ENTRY, "dtype": "f32"}, "unknown dtype 'f32'"),
        ({**ENTRY, "dtype": None}, "unknown dtype None"),
        ({**ENTRY, "dtype": ["F32"]}, "unknown dtype"),
        ({**ENTRY, "shape": 2}, "shape must be a list of non-negative integers, found 2"),
        ({**ENTRY, "shape": [-2]}, "shape must be a list of non-negative integers"),
        ({**ENTRY, "shape": [-1, -2]}, "shape must be a list of non-negative integers"),
        ({**ENTRY, "shape": [2.0]}, "shape must be a list of non-negative integers"),
        ({**ENTRY, "shape": [True, 2]}, "shape must be a list of non-negative integers"),
        ({**ENTRY, "shape": ["2"]}, "shape must be a list of non-negative integers"),
        ({**ENTRY, "shape": [float("nan")]}, "shape must be a list of non-negative integers"),
        ({**ENTRY, "shape": [2**63]}, "shape must be a list of non-negative integers"),
        ({**ENTRY, "data_offsets": [False, 8]}, "data_offsets must be a list of non-negative integers"),
        ({**ENTRY, "data_offsets": [-8, 0]}, "data_offsets must be a list of non-negative integers"),
        ({**ENTRY, "data_offsets": {"0": 8}}, "data_offsets must be a list of non-negative integers"),
        ({**ENTRY, "data_offsets": [0, 8, 8]}, "don't span F32"),
        ({**ENTRY, "data_offsets": [8]}, "don't span F32"),
        ({**ENTRY, "data_offsets": [8, 0]}, "don't span F32"),
        ({**ENTRY, "data_offsets": [0, 7]}, "don't span F32"),
        ({**ENTRY, "shape": [3]}, "don't span F32"),
        ({**ENTRY, "dtype": "BF16"}, "don't span BF16"),
        ({**ENTRY, "dtype": "F4", "shape": [15]}, "don't span F4"),
        ({**ENTRY, "shape": [2**62] * 60}, "overflows"),
        ({**ENTRY, "shape": [0, 2**62, 2], "data_offsets": [0, 0]}, "overflows"),
        ({**ENTRY, "data_offsets": list(range(9999))}, r"data_offsets \[0, 1, 2, 3, 4, 5, \.\.\.\] don't span"),
        ({**ENTRY, "shape": [2**62] * 200_000}, "200000 axes, expected at most 64"),
    ],
)
def test_a_corrupt_entry_is_refused_with_its_name(entry: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"x\.safetensors: corrupt header: tensor 'w\\n': .*{message}"):
        parse(pack({"w\n": entry}, DATA), tmp_path)


@pytest.mark.parametrize(
    ("offsets", "what"),
    [
        ([[0, 8], [4, 12]], "overlap"),
        ([[0, 8], [0, 8]], "overlap"),
        ([[0, 8], [12, 20]], "hole"),
        ([[4, 12], [12, 20]], "hole"),
        ([[0, 8], [2**62, 2**62 + 8]], "out of range"),
    ],
)
def test_data_that_are_not_covered_once_are_refused(offsets: list[list[int]], what: str, tmp_path: Path) -> None:
    header = {name: {**ENTRY, "data_offsets": pair} for name, pair in zip("ab", offsets, strict=True)}
    with pytest.raises(CheckpointError, match=r"corrupt header: tensor '[ab]' begins at byte \d+, expected \d+"):
        parse(pack(header, bytes(20)), tmp_path)


def test_the_order_in_the_header_does_not_matter_only_that_of_the_bytes(tmp_path: Path) -> None:
    header = {"b": {**ENTRY, "data_offsets": [8, 16]}, "e": {**ENTRY, "shape": [0], "data_offsets": [8, 8]}, "a": ENTRY}
    assert [tensor.name for tensor in parse(pack(header, bytes(16)), tmp_path).tensors] == ["a", "e", "b"]


@pytest.mark.parametrize(
    "name", ["", " ", "__metadata", "a/b/../c", "naïve 🩺", "\x00", "model.layers.0.self_attn.o_proj.weight" * 99]
)
def test_a_tensors_name_may_be_anything(name: str, tmp_path: Path) -> None:
    (tensor,) = parse(pack({name: ENTRY}, DATA), tmp_path).tensors
    assert tensor.name == name


def test_a_file_without_tensors_is_valid(tmp_path: Path) -> None:
    assert parse(pack({}), tmp_path).tensors == ()
    assert parse(pack({"__metadata__": {"format": "pt"}}), tmp_path).tensors == ()


@pytest.mark.parametrize(
    ("dtype", "shape", "num_bytes", "num_rows"),
    [
        ("F32", [], 4, 1),
        ("F32", [3], 12, 3),
        ("F32", [3, 2], 24, 3),
        ("F32", [3, 2, 5], 120, 6),
        ("F32", [0, 4], 0, 0),
        ("F32", [4, 0], 0, 4),
        ("F4", [2, 3], 3, 1),
        ("F4", [3, 2], 3, 3),
    ],
)
def test_rows_are_all_axes_but_the_last_and_whole_bytes(
    dtype: str, shape: list[int], num_bytes: int, num_rows: int, tmp_path: Path
) -> None:
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, num_bytes]}
    (tensor,) = parse(pack({"x": entry}, bytes(num_bytes)), tmp_path).tensors
    assert tensor.num_rows == num_rows
    assert not num_rows or num_bytes % num_rows == 0


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"x\.safetensors: missing from the checkpoint"):
        read_header(Directory(tmp_path), "x.safetensors")
    (tmp_path / "x.safetensors").mkdir()
    with pytest.raises(CheckpointError, match="can't be read: Is a directory"):
        read_header(Directory(tmp_path), "x.safetensors")


def test_random_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    """Flip, delete, insert or repeat a few bytes: a CheckpointError, or a header that covers the file exactly."""
    generator = random.Random(0)
    header = {"a": ENTRY, "b": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [8, 16]}, "__metadata__": {"format": "pt"}}
    original = pack(header, bytes(16))
    fragments = [b"[", b"]", b"{}", b'"', b"-", b"9", b"e9", b"null", b"true", b"\xff", b"\0", b",", b"NaN", b'"dtype":', b"[[]]"]
    refused = 0
    for _ in range(1500):
        data = bytearray(original)
        for _ in range(generator.randint(1, 3)):
            at = generator.randrange(len(data))
            data[at : at + generator.randint(0, 3)] = generator.choice([*fragments, bytes([generator.randrange(256)])])
        if generator.random() < 0.7:  # a header length that fits again, so that damage reaches the JSON
            data[:8] = max(0, len(data) - 24).to_bytes(8, "little")
        try:
            shard = parse(bytes(data), tmp_path)
        except CheckpointError:
            refused += 1
            continue
        assert shard.num_header_bytes + sum(tensor.num_bytes for tensor in shard.tensors) == len(data)
    assert 500 < refused < 1500
