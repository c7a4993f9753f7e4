"""Two tensors side by side: exactly the rows that differ, wherever the two lie."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headsurgery.comparing import pairs
from headsurgery.comparing.pairs import differing_rows
from headsurgery.errors import CheckpointError
from headsurgery.storage.tensors import TensorInfo


def at(offset: int, rows: int, columns: int) -> TensorInfo:
    return TensorInfo(name="t", file="shard", dtype="U8", shape=(rows, columns), offset=offset, num_bytes=rows * columns)


@given(
    rows=st.integers(0, 50),
    columns=st.integers(0, 20),
    changed=st.sets(st.integers(0, 999), max_size=5),
    offsets=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    chunk=st.integers(1, 200),
)
def test_exactly_the_rows_that_differ(rows: int, columns: int, changed: set[int], offsets: tuple[int, int], chunk: int) -> None:
    old = np.random.default_rng(0).integers(0, 256, rows * columns, dtype=np.uint8)
    new = old.copy()
    for place in changed:
        if place < len(new):
            new[place] ^= 1
    streams = [io.BytesIO(bytes(offset) + data.tobytes() + b"beyond") for offset, data in zip(offsets, (old, new))]
    tensor, twin = (at(offset, rows, columns) for offset in offsets)
    found = np.zeros((rows, columns), dtype=bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_CHUNK_BYTES", chunk)
        for first, one, other in differing_rows(streams[0], tensor, streams[1], twin):
            assert not np.array_equal(one, other)
            assert np.array_equal(one, old.reshape(rows, columns)[first : first + len(one)])
            found[first : first + len(one)] = one != other
    assert np.array_equal(found.ravel(), old != new)


@pytest.mark.parametrize("shorter", [0, 1])
def test_a_file_that_became_shorter(shorter: int) -> None:
    streams = [io.BytesIO(bytes(100 - (number == shorter))) for number in range(2)]
    with pytest.raises(CheckpointError, match="shard: became shorter while it was read"):
        list(differing_rows(streams[0], at(0, 10, 10), streams[1], at(0, 10, 10)))
