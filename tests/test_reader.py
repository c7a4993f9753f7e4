"""Opening a checkpoint: what is read, and every directory that is not one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from headsurgery import open_checkpoint
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Directory
from headsurgery.filesystem.reading import CHUNK_BYTES
from headsurgery.storage import header
from headsurgery.storage.codecs import open_matrix, read_tensor
from headsurgery.storage.json_files import stays_inside
from headsurgery.storage.safetensors import INDEX, WEIGHTS
from headsurgery.storage.tensors import read_rows
from tests.directories import COMMIT, FEW_KB, as_hub_cache, edit_json, pack
from tests.tiny import save_model


@pytest.fixture
def single(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "single")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "sharded", max_shard_size=FEW_KB)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("max_shard_size", ["5GB", FEW_KB])
def test_tensors_are_what_safetensors_reads(dtype: torch.dtype, max_shard_size: str, tmp_path: Path) -> None:
    base = save_model("llama", tmp_path / "base", dtype=dtype, max_shard_size=max_shard_size)
    checkpoint = open_checkpoint(base)
    expected = {}
    for file in base.glob("*.safetensors"):
        with safe_open(file, framework="pt") as shard:
            expected |= {name: shard.get_tensor(name) for name in shard.keys()}  # noqa: SIM118
    assert checkpoint.tensors.keys() == expected.keys()
    assert checkpoint.num_parameters == sum(tensor.numel() for tensor in expected.values())
    for name, tensor in expected.items():
        values = read_tensor(checkpoint, checkpoint.tensors[name])
        assert values.shape == tuple(tensor.shape)
        assert np.array_equal(values.astype(np.float64), tensor.to(torch.float64).numpy())


def test_a_block_is_a_slice_of_its_tensor(sharded: Path) -> None:
    checkpoint = open_checkpoint(sharded)
    for tensor in checkpoint.tensors.values():
        whole = read_tensor(checkpoint, tensor)
        assert np.array_equal(open_matrix(checkpoint, tensor.name).read(checkpoint, 0, range(3, 11)).ravel(), whole[3:11].ravel())
        if whole.ndim == 2:
            assert np.array_equal(open_matrix(checkpoint, tensor.name).read(checkpoint, 1, range(3, 11)), whole[:, 3:11])


@pytest.mark.parametrize(
    "shape", [(), (3,), (0, 4), (4, 0), (5, 3), (2, 3, 4), (1, 3 * CHUNK_BYTES // 4), (3 * CHUNK_BYTES // 4, 1), (3, 700_001)]
)
def test_chunks_of_rows_make_up_the_tensor_whatever_its_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.random.default_rng(0).random(shape, dtype=np.float32)
    save_file({"x": np.asarray(array)}, tmp_path / "x.safetensors")
    (tensor,) = header.read_header(Directory(tmp_path), "x.safetensors").tensors
    with (tmp_path / "x.safetensors").open("rb", buffering=0) as stream:
        chunks = list(read_rows(stream, tensor, range(tensor.num_rows)))
    assert b"".join(rows.tobytes() for _, rows in chunks) == array.tobytes()
    firsts = [first for first, _ in chunks]
    assert firsts == [sum(len(rows) for _, rows in chunks[:position]) for position in range(len(chunks))]


def test_opening_reads_no_tensor_data(single: Path) -> None:
    """A terabyte of data, as a sparse file."""
    data = pack({"x": {"dtype": "U8", "shape": [2**40], "data_offsets": [0, 2**40]}})
    (single / WEIGHTS).write_bytes(data)
    os.truncate(single / WEIGHTS, len(data) + 2**40)
    assert open_checkpoint(single).num_parameters == 2**40


def test_a_links_checkpoint_is_named_by_hub_id_and_revision(single: Path, tmp_path: Path) -> None:
    snapshot = as_hub_cache(single, tmp_path / "hub")
    checkpoint = open_checkpoint(snapshot, model="org/name", revision=COMMIT)
    assert (checkpoint.model, checkpoint.revision) == ("org/name", COMMIT)
    assert checkpoint.tensors == open_checkpoint(single).tensors
    assert open_checkpoint(single).model == "single", "a local folder is its mere name"


class TestFingerprint:
    def test_it_is_independent_of_sharding_and_names_of_files(self, single: Path, sharded: Path) -> None:
        assert open_checkpoint(single).fingerprint() == open_checkpoint(sharded).fingerprint()

    def test_it_is_independent_of_the_order_in_the_file(self, single: Path) -> None:
        before = open_checkpoint(single)
        fingerprint = before.fingerprint()
        tensors = load_file(single / WEIGHTS)
        header_and_data = {}
        data = b""
        for name in sorted(tensors, reverse=True):
            raw = tensors[name].tobytes()
            header_and_data[name] = {
                "dtype": "F32",
                "shape": list(tensors[name].shape),
                "data_offsets": [len(data), len(data) + len(raw)],
            }
            data += raw
        (single / WEIGHTS).write_bytes(pack(header_and_data, data))
        after = open_checkpoint(single)
        assert [tensor.name for tensor in after.shards[0].tensors] != [tensor.name for tensor in before.shards[0].tensors]
        assert after.fingerprint() == fingerprint

    @pytest.mark.parametrize("change", ["value", "name", "shape"])
    def test_it_depends_on_the_weights(self, change: str, single: Path) -> None:
        before = open_checkpoint(single).fingerprint()
        tensors = load_file(single / WEIGHTS)
        norm = tensors.pop("model.norm.weight")
        if change == "value":
            norm[-1] = np.nextafter(norm[-1], np.float32(9))
        tensors["model.norm.Weight" if change == "name" else "model.norm.weight"] = norm[:, None] if change == "shape" else norm
        save_file(tensors, single / WEIGHTS)
        assert open_checkpoint(single).fingerprint() != before


class TestRefusals:
    def test_a_file_instead_of_a_directory(self, single: Path) -> None:
        with pytest.raises(CheckpointError, match=r"model\.safetensors: a file; expected a checkpoint directory") as caught:
            open_checkpoint(single / WEIGHTS)
        assert "config.json" in caught.value.hint

    def test_no_such_directory(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="absent: no such directory"):
            open_checkpoint(tmp_path / "absent")

    def test_an_empty_directory(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"not a checkpoint: neither model\.safetensors nor"):
            open_checkpoint(tmp_path)

    def test_pickled_weights_only_says_how_to_convert(self, tmp_path: Path) -> None:
        (tmp_path / "pytorch_model.bin").touch()
        with pytest.raises(CheckpointError, match=r"\.bin weights only; headsurgery never unpickles") as caught:
            open_checkpoint(tmp_path)
        assert "save_pretrained" in caught.value.hint

    def test_an_adapter_says_to_merge(self, tmp_path: Path) -> None:
        (tmp_path / "adapter_config.json").touch()
        (tmp_path / "adapter_model.safetensors").touch()
        with pytest.raises(CheckpointError, match="a PEFT adapter, not a whole model") as caught:
            open_checkpoint(tmp_path)
        assert "merge_and_unload" in caught.value.hint

    def test_gguf_weights_only(self, tmp_path: Path) -> None:
        (tmp_path / "model-Q4_K_M.gguf").touch()
        with pytest.raises(CheckpointError, match=r"^model-Q4_K_M\.gguf: not a GGUF file: 0 bytes"):
            open_checkpoint(tmp_path)

    def test_a_missing_configuration(self, single: Path) -> None:
        (single / "config.json").unlink()
        with pytest.raises(CheckpointError, match=r"has weights but no config\.json"):
            open_checkpoint(single)

    @pytest.mark.parametrize("text", [b"", b"{", b'{"a": "\xff"}', b"[" * 100_000, b"[]", b"null"])
    def test_a_configuration_that_is_no_json_object(self, text: bytes, single: Path) -> None:
        (single / "config.json").write_bytes(text)
        with pytest.raises(CheckpointError, match=r"^config\.json: (can't be read as JSON|expected a JSON object)"):
            open_checkpoint(single)

    @pytest.mark.parametrize("text", [b"{", b"[]", b"{}", b'{"weight_map": {}}', b'{"weight_map": []}'])
    def test_an_index_without_a_map(self, text: bytes, sharded: Path) -> None:
        (sharded / INDEX).write_bytes(text)
        with pytest.raises(CheckpointError, match=rf"^{INDEX}: (can't be read as JSON|expected a JSON object|no weight_map)"):
            open_checkpoint(sharded)

    @pytest.mark.parametrize(
        "file", ["../single/model.safetensors", "/etc/passwd", "a/../../b", "./a.safetensors", "a//b", "", "\0", None, 5]
    )
    def test_an_index_that_points_outside(self, file: object, sharded: Path, single: Path) -> None:
        index = json.loads((sharded / INDEX).read_text())
        index["weight_map"]["model.norm.weight"] = file
        (sharded / INDEX).write_text(json.dumps(index))
        with pytest.raises(CheckpointError, match=r"'model\.norm\.weight' points to .*, outside the checkpoint's directory"):
            open_checkpoint(sharded)

    def test_a_shard_that_is_named_but_absent(self, sharded: Path) -> None:
        shard = sorted(sharded.glob("*.safetensors"))[2]
        shard.unlink()
        with pytest.raises(CheckpointError, match=f"{shard.name}: missing from the checkpoint") as caught:
            open_checkpoint(sharded)
        assert caught.value.hint == "download the checkpoint again"
        shard.symlink_to("nowhere")  # as in a cache whose download was cut off
        with pytest.raises(CheckpointError, match=f"{shard.name}: missing from the checkpoint"):
            open_checkpoint(sharded)

    def test_a_tensor_in_the_index_that_its_shard_does_not_have(self, sharded: Path) -> None:
        index = json.loads((sharded / INDEX).read_text())
        edit_json(sharded / INDEX, weight_map={**index["weight_map"], "ghost": index["weight_map"]["model.norm.weight"]})
        with pytest.raises(CheckpointError, match=r"says that 'ghost' is in model-.*, but that file doesn't have it"):
            open_checkpoint(sharded)

    def test_a_tensor_in_two_shards(self, sharded: Path) -> None:
        """transformers loads every tensor of every shard, whatever the index says, and the last one wins."""
        first, second, *_ = sorted(sharded.glob("*.safetensors"))
        name, values = next(iter(load_file(first).items()))
        save_file({**load_file(second), name: values}, second)
        with pytest.raises(CheckpointError, match=f"'{name}' is in {first.name} and again in {second.name}"):
            open_checkpoint(sharded)

    def test_a_corrupt_shard(self, sharded: Path) -> None:
        shard = sorted(sharded.glob("*.safetensors"))[1]
        os.truncate(shard, shard.stat().st_size - 4)
        with pytest.raises(CheckpointError, match=f"{shard.name}: truncated"):
            open_checkpoint(sharded)

    def test_a_file_that_becomes_shorter_while_it_is_read(self, single: Path) -> None:
        checkpoint = open_checkpoint(single)
        os.truncate(single / WEIGHTS, 5000)
        with pytest.raises(CheckpointError, match=r"model\.safetensors: became shorter while it was read"):
            checkpoint.fingerprint()


def test_a_tensor_that_the_index_forgot_belongs_to_the_checkpoint_all_the_same(sharded: Path) -> None:
    index = json.loads((sharded / INDEX).read_text())
    del index["weight_map"]["model.norm.weight"]
    (sharded / INDEX).write_text(json.dumps(index))
    assert "model.norm.weight" in open_checkpoint(sharded).tensors


def test_a_single_file_is_preferred_to_an_index_as_in_transformers(single: Path, sharded: Path) -> None:
    for file in [*sharded.glob("*.safetensors"), sharded / INDEX]:
        shutil.copy(file, single)
    assert [shard.file for shard in open_checkpoint(single).shards] == [WEIGHTS]


@pytest.mark.parametrize("file", ["a.safetensors", "folder/a.safetensors", "..a", "a..b", ".hidden", "naïve"])
def test_a_plain_relative_name_stays_inside(file: str) -> None:
    assert stays_inside(file)
