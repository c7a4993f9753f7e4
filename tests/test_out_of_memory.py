"""Where memory runs out, every place tries again with less, by the same rule."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from headsurgery.engine.slices import Slices
from headsurgery.errors import ModelError
from headsurgery.model.memory import Halving, within_memory

LACKS = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    RuntimeError("[enforce fail] not enough memory: you tried to allocate 8 bytes"),
]


class Room:
    """Room for some rows at a time; `sizes` are the attempts."""

    def __init__(self, rows: int, lack: RuntimeError = LACKS[0]) -> None:
        self.rows, self.lack, self.sizes = rows, lack, list[int]()

    def __call__(self, rows: Sequence[int]) -> list[int]:
        self.sizes.append(len(rows))
        if len(rows) > self.rows:
            raise self.lack
        return [row * 10 for row in rows]


@pytest.mark.parametrize("lack", LACKS)
def test_a_lack_of_memory_is_told_from_other_errors(lack: RuntimeError) -> None:
    assert within_memory(Room(2, lack), [1, 2, 3]) is None
    assert within_memory(Room(3, lack), [1, 2, 3]) == [10, 20, 30]
    with pytest.raises(RuntimeError, match="a bug"):
        within_memory(Room(2, RuntimeError("a bug")), [1, 2, 3])


def test_rows_are_halved_and_the_size_is_kept() -> None:
    room = Room(2)
    assert Halving(what="text", hint="").run(range(8), room) == [row * 10 for row in range(8)]
    assert room.sizes == [8, 4, 2, 2, 2, 2]


def test_slices_of_a_length_are_halved_for_good() -> None:
    room, slices = Room(2), Slices(max_tokens=60)
    found = list(slices.run(range(7), 10, room))
    assert [len(rows) for rows, _ in found] == [1] * 7
    assert [value for _, part in found for value in part] == [row * 10 for row in range(7)]
    assert slices.rows(10) <= 2
    assert room.sizes[:2] == [6, 3]


def test_no_room_for_a_single_row_is_our_error() -> None:
    for run in (
        lambda room: list(Slices(max_tokens=60).run(range(3), 10, room)),
        lambda room: Halving(what="t", hint="").run([1], room),
    ):
        room = Room(0)
        with pytest.raises(ModelError, match="out of memory with a single"):
            run(room)
        assert room.sizes[-1] == 1
