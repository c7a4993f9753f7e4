"""The engine: every (head, query) pair once, whatever the batch; the fallback; running out of memory."""

from __future__ import annotations

import pytest
import torch

import headsurgery.model.sweep as sweep_module
from headsurgery import HeadEdit
from headsurgery.errors import ModelError
from headsurgery.heads import HeadRef
from headsurgery.model.modules import locate_modules
from headsurgery.model.sweep import Sweeper, share_progress
from tests.naive import naive_run
from tests.test_shortcuts import model_with_carried_state
from tests.tiny import build_model, tokens

QUERIES = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (5, 5, 8, 3, 8, 5)]


def all_heads() -> list[HeadRef]:
    return list(locate_modules(build_model("llama")).geometry.heads())


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000, "auto"])
def test_every_pair_comes_once_within_the_batch_size(batch_size: int | str) -> None:
    sweeper = Sweeper(locate_modules(build_model("llama")), QUERIES, batch_size=batch_size)
    seen = []
    for block in sweeper.sweep(all_heads(), operation="scale", factor=0.0):
        assert len({head.layer for head in block.heads}) == 1
        assert batch_size == "auto" or len(block.heads) * len(block.queries) <= int(batch_size)
        assert block.states.shape == (len(block.heads), len(block.queries), 48)
        seen += [(head, query) for head in block.heads for query in block.queries]
    assert sorted(seen) == sorted((head, query) for head in all_heads() for query in range(len(QUERIES)))


def test_a_group_stays_in_force_below_and_above_the_head() -> None:
    model = build_model("llama")
    group = [HeadRef(0, 3), HeadRef(2, 1)]
    edits = [HeadEdit(layer=head.layer, head=head.head) for head in group]
    sweeper = Sweeper(locate_modules(model), QUERIES[:3])
    for block in sweeper.sweep([HeadRef(0, 1), HeadRef(1, 4)], operation="scale", factor=0.0, group=edits):
        for row, head in enumerate(block.heads):
            for column, query in enumerate(block.queries):
                expected, _ = naive_run(model, QUERIES[query], [*group, head])
                torch.testing.assert_close(block.states[row, column], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 5, "auto"])
@pytest.mark.parametrize("tail", [2, 3])
def test_several_positions_of_a_query_are_those_of_the_naive_loop(tail: int, batch_size: int | str) -> None:
    """Queries of several lengths, the shortest as long as the tail; a group in force."""
    model, group = build_model("llama"), [HeadRef(0, 3)]
    edits = [HeadEdit(layer=head.layer, head=head.head) for head in group]
    sweeper = Sweeper(locate_modules(model), QUERIES, tail=tail, batch_size=batch_size)
    heads = [HeadRef(0, 1), HeadRef(1, 4), HeadRef(2, 2)]
    seen = []
    for block in sweeper.sweep(heads, operation="scale", factor=0.0, group=edits, want_logits=True):
        assert block.states.shape == (len(block.heads), len(block.queries) * tail, 48)
        assert block.base_states.shape == (len(block.queries) * tail, 48)
        for column, query in enumerate(block.queries):
            places = slice(column * tail, (column + 1) * tail)
            for found, edited in (
                ((block.base_states, block.base_logits), group),
                *(((block.states[row], block.logits[row]), [*group, head]) for row, head in enumerate(block.heads)),
            ):
                expected = naive_run(model, QUERIES[query], edited, where=slice(-tail, None))
                torch.testing.assert_close(found[0][places], expected[0], rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(found[1][places], expected[1], rtol=1e-4, atol=1e-5)
            seen += [(head, query) for head in block.heads]
    assert sorted(seen) == [(head, query) for head in heads for query in range(len(QUERIES))]


def test_a_model_that_cannot_be_entered_falls_back_to_fuller_forwards_and_says_so() -> None:
    modules = model_with_carried_state()
    sweeper = Sweeper(modules, QUERIES[:2])
    assert sweeper.shortcuts.entries == (0, 1, 1)
    assert sweeper.shortcuts.notes == ("1 of 3 layers of this model can't be entered midway; slower, fuller forwards are used",)
    for block in sweeper.sweep(all_heads(), operation="scale", factor=0.0):
        for row, head in enumerate(block.heads):
            expected, _ = naive_run(modules.model, QUERIES[0], [head])
            torch.testing.assert_close(block.states[row, 0], expected, rtol=1e-4, atol=1e-5)


def test_running_out_of_memory_halves_the_batch_and_loses_nothing() -> None:
    """The real engine with a model that refuses more than 7 rows, as a full device does."""
    model = build_model("llama")
    sweeper = Sweeper(locate_modules(model), QUERIES[:2])
    wanted = {block.heads: block.states for block in sweeper.sweep(all_heads(), operation="scale", factor=0.0)}

    def refuse(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if len(args[0]) > 7:
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.model.layers[2].mlp.register_forward_pre_hook(refuse)
    found = list(sweeper.sweep(all_heads(), operation="scale", factor=0.0))
    handle.remove()
    assert max(len(block.heads) for block in found) == 3
    for heads, states in wanted.items():
        again = torch.cat([block.states for block in found if block.heads[0].layer == heads[0].layer])
        torch.testing.assert_close(again, states, rtol=1e-4, atol=1e-5)


def test_queries_that_do_not_fit_together_run_apart() -> None:
    model = build_model("llama")
    sweeper = Sweeper(locate_modules(model), [QUERIES[0], QUERIES[1], QUERIES[5]])

    def refuse(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if len(args[0]) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    handle = model.model.layers[2].mlp.register_forward_pre_hook(refuse)
    found = list(sweeper.sweep([HeadRef(0, 0), HeadRef(0, 1)], operation="scale", factor=0.0))
    handle.remove()
    assert sorted(block.queries for block in found) == [(0,), (0,), (1,), (1,), (2,), (2,)]


def test_a_single_row_without_memory_is_an_expected_failure() -> None:
    model = build_model("llama")
    sweeper = Sweeper(locate_modules(model), QUERIES[:1])

    def refuse(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    handle = model.model.layers[2].mlp.register_forward_pre_hook(refuse)
    with pytest.raises(ModelError, match="out of memory with a single head and query"):
        list(sweeper.sweep([HeadRef(0, 0)], operation="scale", factor=0.0))
    handle.remove()


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    model = build_model("llama")
    sweeper = Sweeper(locate_modules(model), QUERIES[:1])
    handle = model.model.layers[2].register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        list(sweeper.sweep([HeadRef(0, 0)], operation="scale", factor=0.0))
    handle.remove()


def test_only_nearly_equal_lengths_share_a_forward_and_only_while_it_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = locate_modules(build_model("llama"))
    queries = [tokens(queries=1, length=length)[0].tolist() for length in (4, 5, 6, 20, 21, 40)]

    def chunks(batch_size: int | str = "auto") -> list[tuple[int, ...]]:
        return [
            block.queries
            for block in Sweeper(modules, queries, batch_size=batch_size).sweep([HeadRef(0, 0)], operation="scale", factor=0.0)
        ]

    assert chunks() == [(0, 1), (2,), (3, 4), (5,)], "6 is more than 1.25 times 4"
    assert chunks(100) == [(0,), (1,), (2,), (3,), (4,), (5,)], "a batch size of one's own: no padding"
    monkeypatch.setattr(sweep_module, "_FULL_TOKENS", 60)
    assert chunks() == [(0, 1), (2,), (3,), (4,), (5,)], "6 heads x 20 tokens keep the hardware busy"


def test_auto_batches_are_a_number_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "_MAX_TOKENS", 40)
    sweeper = Sweeper(locate_modules(build_model("llama")), QUERIES)
    assert all(
        len(block.heads) * len(block.queries) * len(QUERIES[block.queries[0]]) <= 40
        for block in sweeper.sweep(all_heads(), operation="scale", factor=0.0)
    )


def test_parts_of_a_run_report_on_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    first, second = share_progress([10, 30], lambda done, total: seen.append((done, total)))
    assert first is not None
    assert second is not None
    first(10, 10)
    second(5, 30)
    assert seen == [(10, 40), (15, 40)]
    assert share_progress([1, 2], None) == [None, None]
