"""The GGUF format: what the `gguf` package writes is read alike, and every corruption is refused."""

from __future__ import annotations

import random
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from safetensors.numpy import save_file

from headsurgery.architectures.gguf import families_of, read_gguf_model
from headsurgery.architectures.table import TABLE
from headsurgery.edits.anatomy import describe, prove_anatomy
from headsurgery.errors import ArchitectureError, CheckpointError, GeometryError, HeadSurgeryError
from headsurgery.filesystem.files import Directory
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.storage.gguf import parts_of, read_file, read_gguf
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.base_files import sort_files
from headsurgery.surgery.plan import plan_surgery
from tests.gguf_files import Tiny, save_gguf, store

GOLDEN = (
    b"GGUF\x03\0\0\0" + struct.pack("<QQ", 1, 2)
    + struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<II", 4, 64)
    + struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 8, 2) + struct.pack("<Q", 1) + b"x" + struct.pack("<Q", 0)
    + struct.pack("<Q", 1) + b"t" + struct.pack("<IQQIQ", 2, 32, 2, 2, 0)
    + bytes(52)
    + bytes(36)
)  # fmt: skip
"""One tensor of two rows, stored as Q4_0."""


def parse(data: bytes, folder: Path) -> None:
    (folder / "x.gguf").write_bytes(data)
    read_file(Directory(folder), "x.gguf")


def test_golden_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(GOLDEN)
    found = read_file(Directory(tmp_path), "x.gguf")
    (tensor,) = found.shard.tensors
    assert found.metadata == {"general.alignment": 64, "a": ["x", ""]}
    assert (tensor.name, tensor.dtype, tensor.shape, tensor.offset, tensor.num_bytes) == ("t", "Q4_0", (2, 32), 192, 36)
    assert (found.shard.num_header_bytes, found.shard.num_bytes) == (140, 228)


def test_what_the_package_writes_is_read_alike(tmp_path: Path) -> None:
    path = save_gguf(tmp_path / "x.gguf", Tiny(dtype="Q6_K", tokens=5000))
    found = read_gguf(Directory(tmp_path), ("x.gguf",))
    theirs = GGUFReader(path)
    assert {
        tensor.name: (tensor.dtype, tensor.shape[::-1], tensor.offset, tensor.num_bytes) for tensor in found.tensors.values()
    } == {
        tensor.name: (tensor.tensor_type.name, tuple(tensor.shape.tolist()), tensor.data_offset, tensor.n_bytes)
        for tensor in theirs.tensors
    }
    assert found.metadata["tokenizer.ggml.tokens"] is None, "a vocabulary is passed over"
    assert found.metadata["llama.block_count"] == 2


CORRUPT = {
    "begins with": (0, b"GGUX"),
    "version 1": (4, b"\1"),
    "big-endian": (4, b"\0\0\0\3"),
    "tensors and": (8, b"\xff" * 8),
    "at most 65535": (24, b"\xff" * 4),
    "expected a power of two": (53, b"\3\0\0\0"),
    "unknown type 77": (66, b"\x4d"),
    "not UTF-8": (65, b"\xff"),
    "elements": (74, b"\xff" * 8),
    "in the middle of an entry": (82, b"\xff" * 4),
    "axes": (108, b"\5"),
    "overflow": (112, b"\xff" * 7),
    "stores 32 elements together": (112, b"\x21"),
    "llama.cpp has given up": (128, b"\4"),
    "unknown type 200": (128, b"\xc8"),
    "multiple of 64": (132, b"\x20"),
    "truncated": (132, b"\x40"),
}


@pytest.mark.parametrize("says", CORRUPT)
def test_a_corrupt_header_is_refused(says: str, tmp_path: Path) -> None:
    place, new = CORRUPT[says]
    data = GOLDEN[:place] + new + GOLDEN[place + len(new) :]
    with pytest.raises(CheckpointError, match=says):
        parse(data, tmp_path)


def test_twins_and_overlaps_are_refused(tmp_path: Path) -> None:
    entry = struct.pack("<Q", 1) + b"u" + struct.pack("<IQQIQ", 2, 32, 2, 2, 0)
    head, tail = GOLDEN[:99], GOLDEN[99:140]
    twice = head[:8] + struct.pack("<Q", 2) + head[16:]
    for second, says in ((tail, "listed twice|inside of"), (entry, "inside of")):
        body = twice + tail + second
        with pytest.raises(CheckpointError, match=says):
            parse(body + bytes(-len(body) % 64 + 36), tmp_path)
    key = GOLDEN[24:57]
    with pytest.raises(CheckpointError, match="stated twice"):
        parse(GOLDEN[:24] + key + key + GOLDEN[57:], tmp_path)


def test_no_damage_ends_in_anything_but_an_error_of_ours(tmp_path: Path) -> None:
    whole = save_gguf(tmp_path / "whole.gguf", Tiny(dtype="Q4_0", layers=1)).read_bytes()
    chance = random.Random(0)
    path = tmp_path / "damaged" / "x.gguf"
    path.parent.mkdir()
    for number in range(400):
        data = bytearray(whole[: chance.randrange(3000)] if number % 4 == 0 else whole)
        for _ in range(chance.choice([1, 1, 2, 8])):
            at = chance.randrange(min(len(data), 1500)) if data else 0
            data[at : at + chance.choice([0, 1, 8])] = chance.choice([b"", b"\xff" * 8, b"\0" * 8, bytes([chance.randrange(256)])])
        path.write_bytes(data)
        with suppress(HeadSurgeryError):
            describe(open_checkpoint(path))


class TestSplit:
    def split(self, folder: Path) -> Path:
        """A model in two files, as gguf-split writes them."""
        rng = np.random.default_rng(0)
        for number in range(2):
            writer = GGUFWriter(folder / f"m-{number + 1:05}-of-00002.gguf", "llama")
            if not number:
                writer.add_block_count(2)
                writer.add_embedding_length(256)
                writer.add_head_count(4)
            writer.add_uint16("split.count", 2)
            writer.add_uint16("split.no", number)
            writer.add_int32("split.tensors.count", 6)
            for name in ("attn_output", "attn_q", "attn_k"):
                kind = GGMLQuantizationType.Q4_K
                writer.add_tensor(f"blk.{number}.{name}.weight", store(rng, (256, 256), "Q4_K"), raw_dtype=kind)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
        return folder / "m-00001-of-00002.gguf"

    def test_any_part_stands_for_all(self, tmp_path: Path) -> None:
        first = self.split(tmp_path)
        for source in (first, tmp_path / "m-00002-of-00002.gguf", tmp_path):
            assert prove_anatomy(open_checkpoint(source)).geometry.num_heads_in_all == 8
        recipe = Recipe(edits=(HeadEdit(layer=1, head=2, operation="scale"),))
        manifest = apply_plan(plan_surgery(recipe, open_checkpoint(first)), tmp_path / "out")
        assert [record.file for record in manifest.files if record.sha256 != record.base_sha256 and record.base_sha256] == [
            "m-00002-of-00002.gguf"
        ]

    def test_a_missing_or_renamed_part_is_refused(self, tmp_path: Path) -> None:
        first = self.split(tmp_path)
        second = tmp_path / "m-00002-of-00002.gguf"
        third = second.rename(tmp_path / "m-00003-of-00003.gguf")
        with pytest.raises(CheckpointError, match="missing; the model is split into 2"):
            open_checkpoint(first)
        third.rename(second)
        first.rename(tmp_path / "single.gguf")
        with pytest.raises(CheckpointError, match="part 0 of 2, expected 0 of 1"):
            open_checkpoint(tmp_path / "single.gguf")

    def test_names(self) -> None:
        assert parts_of("a-00001-of-00003.gguf") == tuple(f"a-0000{number}-of-00003.gguf" for number in (1, 2, 3))
        assert parts_of("a-00004-of-00003.gguf") == ("a-00004-of-00003.gguf",)
        assert parts_of("a.gguf") == ("a.gguf",)


class TestFolders:
    def test_a_file_stands_for_itself(self, tmp_path: Path) -> None:
        path = save_gguf(tmp_path / "a.gguf", Tiny(layers=1))
        save_gguf(tmp_path / "b.gguf", Tiny(layers=1))
        (tmp_path / "private.txt").write_text("not part of the model")
        plan = plan_surgery(Recipe(edits=(HeadEdit(layer=0, head=0, operation="scale"),)), open_checkpoint(path))
        apply_plan(plan, tmp_path / "out")
        assert {"a.gguf", "headsurgery.json"} <= {entry.name for entry in (tmp_path / "out").iterdir()}
        assert not (tmp_path / "out/private.txt").exists()
        assert len(prove_anatomy(open_checkpoint(tmp_path / "out")).layers) == 1
        again = plan_surgery(
            Recipe(edits=(HeadEdit(layer=0, head=1, operation="scale"),)), open_checkpoint(tmp_path / "out/a.gguf")
        )
        assert any("edited before" in note for note in again.notes), "a file that apply wrote stands for its folder"

    def test_weights_beside_it_are_left_out(self, tmp_path: Path) -> None:
        save_gguf(tmp_path / "a.gguf", Tiny(layers=1))
        save_file({"layers.0.wo": np.zeros(2, np.float32)}, tmp_path / "consolidated.safetensors")
        (tmp_path / "tokenizer.json").touch()
        files = sort_files(open_checkpoint(tmp_path))
        assert (files.copied, files.copies) == (("a.gguf", "tokenizer.json"), ("consolidated.safetensors",))

    def test_in_an_edited_folder(self, tmp_path: Path) -> None:
        path = save_gguf(tmp_path / "a.gguf", Tiny(layers=1))
        apply_plan(
            plan_surgery(Recipe(edits=(HeadEdit(layer=0, head=0, operation="scale"),)), open_checkpoint(path)), tmp_path / "out"
        )
        save_gguf(tmp_path / "out" / "b.gguf", Tiny(layers=2))
        with pytest.raises(CheckpointError) as caught:
            open_checkpoint(tmp_path / "out/a.gguf")
        assert caught.value.hint == "move the others away"
        (tmp_path / "out/model.safetensors").touch()
        assert open_checkpoint(tmp_path / "out/b.gguf").model == "b.gguf", "a file beside an edited safetensors checkpoint"

    def test_of_several_models_one_must_be_named(self, tmp_path: Path) -> None:
        for name in ("a.gguf", "b.gguf", "mmproj-a.gguf"):
            save_gguf(tmp_path / name, Tiny(layers=1))
        with pytest.raises(CheckpointError, match=r"has 2 GGUF models: 'a\.gguf', 'b\.gguf'"):
            open_checkpoint(tmp_path)


class TestMetadata:
    def read(self, architecture: str = "llama", **entries: object) -> dict[str, object]:
        usual = {"block_count": 2, "embedding_length": 256, "attention.head_count": 4}
        base = {f"{architecture}.{key}": value for key, value in usual.items()}
        more = {f"{architecture}.{key.replace('__', '.')}": value for key, value in entries.items()}
        return dict(read_gguf_model({"general.architecture": architecture, **base, **more}, ()).config)

    def test_heads_may_differ_by_layer(self) -> None:
        found = self.read(attention__head_count=[4, 0], attention__head_count_kv=[2, 0])
        assert found["has_layers_without_heads"]
        assert (found["num_attention_heads"], found["num_key_value_heads"], found["head_dim"]) == (4, 2, 64)
        found = self.read(attention__head_count=[4, 8], attention__head_count_kv=[2, 2], attention__value_length=32)
        assert [layer["num_attention_heads"] for layer in found["per_layer_config"].values()] == [4, 8]  # type: ignore[attr-defined]

    def test_widths_that_are_not_stated(self) -> None:
        found = self.read(attention__key_length=96)
        assert (found["head_dim"], found["qk_head_dim"]) == (64, 96), "llama.cpp's default for values is n_embd / n_head"
        assert self.read()["head_dim"] == 64

    def test_latent_attention(self) -> None:
        mla = {"attention__key_length_mla": 192, "attention__value_length_mla": 128, "attention__q_lora_rank": 1536}
        found = self.read("deepseek2", attention__key_length=576, attention__value_length=512, attention__head_count_kv=1, **mla)
        assert (found["head_dim"], found["qk_head_dim"], found["q_lora_rank"]) == (128, 192, 1536)

    @pytest.mark.parametrize("value", [None, -1, 2**40, "4", 1.5, [4], [True, True]])
    def test_nonsense_is_refused(self, value: object) -> None:
        with pytest.raises(GeometryError, match=r"attention\.head_count"):
            self.read(attention__head_count=value)

    def test_no_decoders(self) -> None:
        for name in ("bert", "clip", "mamba"):
            with pytest.raises(ArchitectureError, match=name):
                self.read(name)

    def test_every_row_names_families_of_the_table(self) -> None:
        from gguf import MODEL_ARCH_NAMES

        from headsurgery.architectures.gguf import NAMES

        assert not NAMES - set(MODEL_ARCH_NAMES.values())
        assert all(family in TABLE for name in NAMES for family in families_of({"general.architecture": name}))
