"""Copies: true hashes, exactly the changed bytes, constant memory, offsets beyond 4 GiB."""

from __future__ import annotations

import errno
import io
import os
import random
import subprocess
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headsurgery.errors import CheckpointError
from headsurgery.filesystem import linking
from headsurgery.filesystem.files import Directory
from headsurgery.filesystem.hashing import hash_file, hash_stream
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import read_numbers
from headsurgery.storage.header import read_header
from headsurgery.storage.tensors import StoredSlice, TensorInfo
from headsurgery.surgery import copying
from headsurgery.surgery.copying import ByteArray, CopiedFile, copy_file, copy_shard, hash_shard
from tests.directories import pack
from tests.disks import mounted


def invert(tensor: TensorInfo, first: int, rows: ByteArray) -> ByteArray:
    return ~rows if first % 2 else rows


def write_shard(path: Path, sizes: list[tuple[int, int]], seed: int = 0) -> bytes:
    """A safetensors file with a matrix of bytes of each size, named by its number."""
    entries, end = {}, 0
    for number, (rows, columns) in enumerate(sizes):
        entries[str(number)] = {"dtype": "U8", "shape": [rows, columns], "data_offsets": [end, end + rows * columns]}
        end += rows * columns
    data = pack(entries, np.random.default_rng(seed).bytes(end))
    path.write_bytes(data)
    return data


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2000)), min_size=1, max_size=6),
    chosen=st.sets(st.integers(0, 5)),
    chunk=st.integers(100, 5000),
    seed=st.integers(0, 3),
)
def test_exactly_the_changed_bytes_whatever_the_chunks(
    sizes: list[tuple[int, int]], chosen: set[int], chunk: int, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    monkeypatch.setattr(copying, "_CHUNK_BYTES", chunk)
    data = write_shard(tmp_path / "shard", sizes, seed)
    shard = read_header(Directory(tmp_path), "shard")
    wanted = bytearray(data)
    for tensor in shard.tensors:
        if int(tensor.name) in chosen:
            span = slice(tensor.offset, tensor.offset + tensor.num_bytes)
            wanted[span] = bytes(255 - byte for byte in wanted[span])
    changes = {str(number): lambda tensor, first, rows: ~rows for number in chosen}
    seen: list[int] = []
    with (tmp_path / "shard").open("rb", buffering=0) as source:
        copied = copy_shard(source, shard, tmp_path / "copy", changes, seen.append)
        assert hash_shard(source, shard, changes, lambda count: None) == copied
    assert (tmp_path / "copy").read_bytes() == wanted
    assert (copied.before, copied.after) == (sha256(data).hexdigest(), sha256(wanted).hexdigest())
    assert sum(seen) == copied.num_bytes == len(data)
    assert (tmp_path / "shard").read_bytes() == data


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=3000), chunk=st.integers(10, 500))
def test_a_file_as_it_is(data: bytes, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_CHUNK_BYTES", chunk)
    (tmp_path / "copy").unlink(missing_ok=True)
    copied = copy_file(io.BytesIO(data), tmp_path / "copy", lambda count: None, clone=False)
    assert (tmp_path / "copy").read_bytes() == data
    assert copied.before == copied.after == sha256(data).hexdigest() == hash_file(tmp_path / "copy")


@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_into_a_clone_only_changed_chunks_are_written(kind: str, tmp_path: Path) -> None:
    with mounted(kind, tmp_path) as disk:
        data = write_shard(disk / "shard", [(2000, 4096), (100, 4096), (2000, 4096)])
        shard = read_header(Directory(disk), "shard")
        os.sync()
        before = os.statvfs(disk).f_bfree
        with (disk / "shard").open("rb", buffering=0) as source:
            copied = copy_shard(source, shard, disk / "copy", {"1": lambda tensor, first, rows: ~rows}, lambda count: None)
        os.sync()
        assert (before - os.statvfs(disk).f_bfree) * os.statvfs(disk).f_frsize < 2**21, "of 16 MB"
        middle = slice(shard.tensors[1].offset, shard.tensors[2].offset)
        wanted = data[: middle.start] + bytes(255 - byte for byte in data[middle]) + data[middle.stop :]
        assert (disk / "copy").read_bytes() == wanted
        assert (disk / "shard").read_bytes() == data
        assert (copied.before, copied.after) == (sha256(data).hexdigest(), sha256(wanted).hexdigest())


class TestKnownHash:
    """A file whose hash is known is copied by the system, unread."""

    DIGEST = "0" * 64

    def copy(self, tmp_path: Path) -> CopiedFile:
        seen: list[int] = []
        with (tmp_path / "file").open("rb", buffering=0) as source:
            copied = copy_file(source, tmp_path / "copy", seen.append, clone=False, trusted=self.DIGEST)
        assert sum(seen) == copied.num_bytes
        return copied

    @pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="Linux")
    @pytest.mark.parametrize("size", [0, 1, 10_000])
    def test_the_same_bytes(self, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(linking, "_STEP_BYTES", 3000)
        (tmp_path / "file").write_bytes(random.Random(0).randbytes(size))
        assert self.copy(tmp_path) == CopiedFile(before=self.DIGEST, after=self.DIGEST, num_bytes=size, is_read=False)
        assert (tmp_path / "copy").read_bytes() == (tmp_path / "file").read_bytes()

    @pytest.mark.parametrize("answer", ["refuses", "does nothing", "is not there"])
    def test_where_the_system_can_not_it_is_read(self, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def copy_file_range(*_: object) -> int:
            if answer == "refuses":
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return 0

        monkeypatch.setattr(os, "copy_file_range", copy_file_range, raising=False)
        if answer == "is not there":
            monkeypatch.delattr(os, "copy_file_range")
        (tmp_path / "file").write_bytes(b"data")
        digest = sha256(b"data").hexdigest()
        assert self.copy(tmp_path) == CopiedFile(before=digest, after=digest, num_bytes=4)
        assert (tmp_path / "copy").read_bytes() == b"data"

    def test_a_failure_is_none_of_that(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def copy_file_range(*_: object) -> int:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "copy_file_range", copy_file_range, raising=False)
        (tmp_path / "file").write_bytes(b"data")
        with pytest.raises(OSError, match="Input/output error"):
            self.copy(tmp_path)

    def test_a_file_that_became_shorter(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        counts = iter((3, 0))
        monkeypatch.setattr(os, "copy_file_range", lambda *_: next(counts), raising=False)
        (tmp_path / "file").write_bytes(b"data")
        with pytest.raises(CheckpointError, match="file: became shorter while it was read"):
            self.copy(tmp_path)


def test_an_existing_file_is_never_written(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        copy_file(io.BytesIO(b"ours"), tmp_path / "target", lambda count: None, clone=False)
    assert (tmp_path / "target").read_bytes() == b"theirs"


def test_a_shard_that_became_shorter(tmp_path: Path) -> None:
    write_shard(tmp_path / "shard", [(10, 100), (10, 100)])
    shard = read_header(Directory(tmp_path), "shard")
    os.truncate(tmp_path / "shard", shard.num_bytes - 1)
    for number, changes in enumerate(({}, {"0": invert}, {"1": invert})):
        with (
            (tmp_path / "shard").open("rb", buffering=0) as source,
            pytest.raises(CheckpointError, match=r"(shard|copy\d): became shorter while it was read"),
        ):
            copy_shard(source, shard, tmp_path / f"copy{number}", changes, lambda count: None)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux")
def test_a_base_that_can_not_be_read_is_not_mistaken_for_a_result_that_can_not_be_written(tmp_path: Path) -> None:
    with Path("/proc/self/mem").open("rb", buffering=0) as source:
        for read in (lambda: copy_file(source, tmp_path / "copy", lambda count: None, clone=False), lambda: hash_stream(source)):
            with pytest.raises(CheckpointError, match="mem: can't be read: Input/output error"):
                read()


def test_a_disk_that_fills_while_it_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delayed allocation tells it only then, and only once."""

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copying, "_flush", fail)
    monkeypatch.setattr(copying, "_FLUSH_BYTES", 1000)
    with pytest.raises(OSError, match="No space left on device"):
        copy_file(io.BytesIO(bytes(1001)), tmp_path / "copy", lambda count: None, clone=False)


class TestBeyond4GiB:
    """One tensor that is longer, in a sparse file; its last rows are edited."""

    ROWS, COLUMNS, EDITED = 2**20 + 8, 1024, range(2**20 + 2, 2**20 + 5)

    @pytest.fixture
    def big(self, tmp_path: Path) -> Path:
        entry = {"dtype": "F32", "shape": [self.ROWS, self.COLUMNS], "data_offsets": [0, self.ROWS * self.COLUMNS * 4]}
        start = pack({"big": entry})
        with (tmp_path / "shard").open("xb") as file:
            file.write(start)
            file.truncate(len(start) + self.ROWS * self.COLUMNS * 4)
            for row in self.EDITED:
                file.seek(len(start) + row * self.COLUMNS * 4)
                file.write(np.full(self.COLUMNS, row, dtype=np.float32).tobytes())
        return tmp_path

    def test_a_block_is_found(self, big: Path) -> None:
        shard = read_header(Directory(big), "shard")
        (tensor,) = shard.tensors
        assert tensor.num_bytes > 2**32
        checkpoint = Checkpoint(files=Directory(big), config={}, shards=(shard,), tensors={"big": tensor}, model="big")
        edited = StoredSlice(tensor=tensor, axis=0, block=self.EDITED)
        assert read_numbers(checkpoint, edited)[:, -1].tolist() == list(self.EDITED)
        runs = edited.runs
        assert runs.offset == shard.num_header_bytes + self.EDITED.start * self.COLUMNS * 4 > 2**32
        columns = StoredSlice(tensor=tensor, axis=1, block=range(8, 16)).runs
        assert columns.offset + (columns.count - 1) * columns.stride > 2**32

    def test_a_clone_is_changed_there_and_nowhere_else(self, big: Path, tmp_path: Path) -> None:
        with mounted("btrfs", tmp_path) as disk:
            (disk / "shard").touch()
            subprocess.run(["cp", "--sparse=always", big / "shard", disk / "shard"], check=True)
            shard = read_header(Directory(disk), "shard")

            def negate(tensor: TensorInfo, first: int, rows: ByteArray) -> ByteArray:
                if first + len(rows) <= self.EDITED.start:
                    return rows
                changed: ByteArray = rows.copy()
                changed.view(np.float32)[self.EDITED.start - first : self.EDITED.stop - first] *= -1
                return changed

            with (disk / "shard").open("rb", buffering=0) as source:
                copied = copy_shard(source, shard, disk / "copy", {"big": negate}, lambda count: None)
            assert copied.after == hash_file(disk / "copy") != copied.before
            assert (disk / "copy").stat().st_blocks * 512 < 2**24, "what is a hole stays one"
            assert subprocess.run(["cmp", "-s", "-n", str(2**32), disk / "shard", disk / "copy"], check=False).returncode == 0
            with (disk / "copy").open("rb") as file:
                file.seek(shard.num_header_bytes + self.EDITED.start * self.COLUMNS * 4)
                assert np.fromfile(file, np.float32, 1).tolist() == [-self.EDITED.start]
