"""Progress of long work."""

from __future__ import annotations

from headsurgery.progress import share_progress


def test_parts_of_a_run_report_on_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    first, second = share_progress([10, 30], lambda done, total: seen.append((done, total)))
    assert first is not None
    assert second is not None
    first(10, 10)
    second(5, 30)
    assert seen == [(10, 40), (15, 40)]
    assert share_progress([1, 2], None) == [None, None]
