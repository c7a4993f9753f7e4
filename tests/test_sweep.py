"""A whole task, put together from its blocks."""

from __future__ import annotations

import pytest
import torch

from headsurgery.engine.limits import Limits
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence, LogOddsDrop, States
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.engine.variant_batch import VariantBatch
from headsurgery.errors import ModelError
from headsurgery.model.modules import locate_modules
from tests.naive import naive_kl, naive_run
from tests.test_probe import model_with_carried_state
from tests.tiny import build_model, engine_of, tokens

QUERIES = tuple(tuple(tokens(queries=1, length=length, seed=length)[0].tolist()) for length in (5, 5, 8, 3, 8, 5))


def task_of(engine: LocalEngine, measure: object, **choices: object) -> SweepTask:
    heads = tuple(engine.facts.geometry.heads())
    return SweepTask(queries=QUERIES, heads=heads, operation="scale", factor=0.0, measure=measure, **choices)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000, "auto"])
@pytest.mark.parametrize("block_tokens", [1, 200, 2**16])
def test_every_pair_stands_at_its_place(batch_size: int | str, block_tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limits, "of", lambda *_, **__: Limits(block=block_tokens, tokens=2**10, logits=2**23))
    model = build_model("llama")
    engine = engine_of(model, batch_size=batch_size)
    states, base = Sweeper(engine=engine).sweep(task_of(engine, States(), tail=2))
    assert states.shape == (18, 6, 2, 48)
    for query in (0, 3, 4):
        torch.testing.assert_close(base[query], naive_run(model, QUERIES[query], where=slice(-2, None))[0], rtol=1e-4, atol=1e-5)
        for row, head in list(enumerate(engine.facts.geometry.heads()))[::5]:
            expected = naive_run(model, QUERIES[query], [head], where=slice(-2, None))[0]
            torch.testing.assert_close(states[row, query], expected, rtol=1e-4, atol=1e-5)


def test_measures_are_those_of_the_naive_loop() -> None:
    model = build_model("llama")
    engine = engine_of(model)
    targets = tuple((query[0], query[1]) for query in QUERIES)
    kl, none = Sweeper(engine=engine).sweep(task_of(engine, Divergence()))
    drops, _ = Sweeper(engine=engine).sweep(task_of(engine, LogOddsDrop(targets), tail=2))
    assert none is None
    assert kl.shape == (18, 6, 1)
    assert kl.dtype == drops.dtype == torch.float64
    for row, head in list(enumerate(engine.facts.geometry.heads()))[::7]:
        base, edited = (naive_run(model, QUERIES[2], heads, where=slice(-2, None))[1] for heads in ([], [head]))
        assert kl[row, 2, 0] == pytest.approx(naive_kl(base[1], edited[1]), rel=1e-4, abs=1e-10)
        for place, target in enumerate(targets[2]):
            one, other = (torch.logit(logits[place].double().softmax(-1)[target]) for logits in (base, edited))
            assert drops[row, 2, place] == pytest.approx(float(one - other), rel=1e-3, abs=1e-5)


def test_progress_counts_pairs_up_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limits, "of", lambda *_, **__: Limits(block=200, tokens=2**10, logits=2**23))
    engine, seen = engine_of(build_model("llama")), []
    Sweeper(engine=engine).sweep(task_of(engine, States()), lambda done, total: seen.append((done, total)))
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert seen[-1] == (18 * 6, 18 * 6)


def test_a_model_that_runs_whole_is_swept_all_the_same_and_that_is_said() -> None:
    modules = model_with_carried_state()
    engine = engine_of(modules.model)
    assert engine.notes == ()
    states, _ = Sweeper(engine=engine).sweep(task_of(engine, States()))
    assert "full forwards" in engine.notes[0]
    head = list(engine.facts.geometry.heads())[7]
    torch.testing.assert_close(states[7, 2, 0], naive_run(modules.model, QUERIES[2], [head])[0], rtol=1e-4, atol=1e-5)


def refuse_blocks_above(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a device that has no room for the states of a block."""
    whole = VariantBatch.__post_init__

    def refuse(batch: VariantBatch) -> None:
        if batch.num_variants * batch.calls.embedded.shape[0] > rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        whole(batch)

    monkeypatch.setattr(VariantBatch, "__post_init__", refuse)


def test_a_block_without_room_for_its_states_is_cut_in_two_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of(build_model("llama"))
    task = task_of(engine, States())
    wanted, _ = Sweeper(engine=engine).sweep(task)
    refuse_blocks_above(4, monkeypatch)
    seen: list[tuple[int, int]] = []
    found, _ = Sweeper(engine=engine).sweep(task, lambda done, total: seen.append((done, total)))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert seen[-1] == (18 * 6, 18 * 6)


@pytest.mark.parametrize("whole", [False, True])
def test_a_single_pair_without_memory_is_an_expected_failure(whole: bool) -> None:
    modules = model_with_carried_state() if whole else locate_modules(build_model("llama"))
    engine = engine_of(modules.model)
    task = task_of(engine, States())
    engine.plan(task)  # tries the shortcuts, while there is memory

    def refuse(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    handle = modules.projection(2, "o_proj").register_forward_pre_hook(refuse)
    with pytest.raises(ModelError, match="out of memory with a single"):
        Sweeper(engine=engine).sweep(task)
    handle.remove()
