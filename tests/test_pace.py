"""Blocks of some seconds: no longer than Ctrl-C may cost, whatever the machine, and the same scores however a task is cut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headsurgery.engine.cost import count_block
from headsurgery.engine.limits import Limits
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence, LogOddsDrop, StatesAndDivergence
from headsurgery.engine.pace import BLOCK_SECONDS, fit_time
from headsurgery.engine.plan import plan_blocks
from headsurgery.engine.shape import LayerShape, ModelShape
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Measure, SweepTask
from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel
from tests.exhaustive import all_but
from tests.tiny import build_model, tokens

_LAYER = {"before": 896 * 1152, "after": 896 * 896 + 3 * 896 * 4864, "parameters": 0, "query_width": 896, "kv_width": 256}
QWEN = ModelShape(hidden_size=896, vocabulary=151_936, layers=(LayerShape(**_LAYER, widest=4864),) * 24, outside=0)
"""Sizes of Qwen2.5-Coder-0.5B: 336 heads."""

PLENTY = Limits(block=2**16, tokens=2**10, logits=2**23)
QUERIES = tuple(tuple(tokens(queries=1, length=length, seed=length)[0].tolist()) for length in (4, 6, 6, 7))
TARGETS = tuple((query[0], query[1]) for query in QUERIES)
needs_wide_products = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512",
    reason="elsewhere float32 products are not oneDNN's, and round by their size",
)
CUTS = (2**16, 150, 64, 37, 23, 7, 1)


def task_of(lengths: list[int]) -> SweepTask:
    return SweepTask(
        queries=tuple((1,) * length for length in lengths),
        heads=tuple(HeadRef(layer, head) for layer in range(24) for head in range(14)),
        operation="scale",
        factor=0.0,
        measure=Divergence(),
    )


def small_task(measure: Measure, tail: int = 1) -> SweepTask:
    heads = tuple(HeadRef(layer, head) for layer in range(3) for head in range(6))
    return SweepTask(queries=QUERIES, heads=heads, operation="scale", factor=0.0, measure=measure, tail=tail)


def test_no_block_takes_longer_than_it_may_unless_it_is_a_single_head_and_prompt(subtests: pytest.Subtests) -> None:
    for lengths in [[20] * 12, [200] * 4, [11, 35, 60], [1500]]:
        for speed in [1e10, 5e10, 1.5e11, 3e11, 1e12, 1e13]:
            with subtests.test(speed=speed, lengths=lengths):
                task = task_of(lengths)
                limits = fit_time(PLENTY, QWEN, task, prefix=0, speed=speed)
                blocks = list(plan_blocks(task, tokens=limits.block))
                assert sum(block.num_pairs for block in blocks) == 336 * len(lengths)
                for block in blocks:
                    assert count_block(QWEN, task, block, 0) <= BLOCK_SECONDS * speed or block.num_pairs == 1


def test_the_issues_own_case_loses_seconds_and_not_ten_minutes() -> None:
    """336 heads on 12 prompts were two blocks of about ten minutes."""
    task, speed = task_of([40] * 12), 5e10
    before = [count_block(QWEN, task, block, 0) / speed for block in plan_blocks(task, tokens=PLENTY.block)]
    limits = fit_time(PLENTY, QWEN, task, prefix=0, speed=speed)
    after = [count_block(QWEN, task, block, 0) / speed for block in plan_blocks(task, tokens=limits.block)]
    assert max(before) > 300
    assert max(after) <= BLOCK_SECONDS
    assert sum(after) < 1.1 * sum(before), "the base's own way up, once per block, stays a small part"


@settings(deadline=None, max_examples=20)
@given(speed=st.floats(1e9, 1e13), wavering=st.floats(0.95, 1.05))
def test_speeds_that_differ_a_little_cut_alike_or_in_half(speed: float, wavering: float) -> None:
    task = task_of([20] * 12)
    found = [fit_time(PLENTY, QWEN, task, prefix=0, speed=one).block for one in (speed, speed * wavering)]
    assert max(found) <= 2 * min(found) + 1


def test_what_is_soon_done_stays_whole() -> None:
    assert fit_time(PLENTY, QWEN, task_of([20]), prefix=0, speed=1e15) == PLENTY


@needs_wide_products
@pytest.mark.parametrize(
    ("measure", "tail"),
    [
        (StatesAndDivergence(), 1),
        pytest.param(LogOddsDrop(TARGETS), 2, marks=pytest.mark.exhaustive),
        pytest.param(Divergence(), 2, marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("family", all_but(["qwen2"], ["llama", "qwen2", "gemma2", "olmo2"]))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scores_are_the_same_bits_however_a_task_is_cut(
    family: str, measure: Measure, tail: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, found = build_model(family, dtype=dtype, intermediate_size=64), []
    for block in CUTS:
        monkeypatch.setattr(Limits, "of", lambda *_, block=block, **__: Limits(block=block, tokens=40, logits=2**23))
        engine = LocalEngine(LoadedModel(model=model, tokenizer=None))
        found.append(Sweeper(engine=engine).sweep(small_task(measure, tail))[0])
    assert all(torch.equal(scores, found[0]) for scores in found)


_THREADED = """
import torch
from tests.test_pace import CUTS, small_task
from headsurgery.engine.limits import Limits
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import StatesAndDivergence
from headsurgery.engine.sweep import Sweeper
from headsurgery.model.loading import LoadedModel
from tests.tiny import build_model
torch.set_num_threads(2)
model, found = build_model("llama", vocab_size=60000, intermediate_size=64), []
for block in CUTS:
    Limits.of = classmethod(lambda *_, block=block, **__: Limits(block=block, tokens=40, logits=2**23))
    engine = LocalEngine(LoadedModel(model=model, tokenizer=None))
    found.append(Sweeper(engine=engine).sweep(small_task(StatesAndDivergence()))[0])
assert all(torch.equal(scores, found[0]) for scores in found)
"""


@needs_wide_products
@pytest.mark.exhaustive
def test_also_with_several_threads_and_a_large_vocabulary() -> None:
    """Where sums over one row would be cut among the threads."""
    root = Path(__file__).parents[1]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "2", "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", _THREADED], capture_output=True, text=True, env=environment, cwd=root, check=False)
    assert done.returncode == 0, done.stderr


def test_a_block_that_turns_out_too_slow_is_cut_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LocalEngine(LoadedModel(model=build_model("llama"), tokenizer=None))
    task = small_task(Divergence())
    whole = Sweeper(engine=engine).sweep(task)[0]
    blocks = engine.plan(task)
    monkeypatch.setattr("headsurgery.engine.pace._LEAST_SPEED", 0.0)
    engine._pace.speed = count_block(engine._shape, task, blocks[0], 0) / (4 * BLOCK_SECONDS)  # as if it took four times as long
    monkeypatch.setattr(engine._pace, "note", lambda *_: None)
    measured = list(engine.run(task, blocks))
    assert len(blocks) == 1
    assert len(measured) >= 3
    found = torch.empty_like(whole)
    for part in measured:
        found[torch.tensor(part.block.heads).unsqueeze(1), torch.tensor(part.block.queries)] = part.heads
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-7)
