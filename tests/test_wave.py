"""One block, run upwards: the naive loop's final states, whatever is shared, sliced or left out."""

from __future__ import annotations

import pytest
import torch

from headsurgery import HeadEdit
from headsurgery.engine.parts import collect
from headsurgery.engine.probe import find_shortcuts
from headsurgery.engine.shortcuts import Shortcuts, shared_prefix
from headsurgery.engine.slices import Slices
from headsurgery.engine.task import Block, Finals, SweepTask
from headsurgery.engine.wave import run_wave
from headsurgery.engine.whole import run_whole
from headsurgery.errors import ModelError
from headsurgery.heads import HeadRef
from headsurgery.model.modules import ModuleMap, locate_modules
from tests.naive import naive_run
from tests.test_probe import model_with_carried_state
from tests.tiny import EACH_FAMILY, build_model, tokens

QUERIES = tuple(tuple(tokens(queries=1, length=length, seed=length)[0].tolist()) for length in (5, 5, 8, 3, 8))
PREFIXED = tuple((7, 8, 9, *query) for query in QUERIES)


class Everything:
    """Final states and logits, side by side."""

    wants_logits = True

    def of_heads(self, finals: Finals) -> torch.Tensor:
        return torch.cat([finals.states, finals.logits], dim=-1)

    def of_base(self, finals: Finals) -> torch.Tensor:
        return torch.cat([finals.base_states, finals.base_logits], dim=-1)


def task_of(modules: ModuleMap, queries: tuple[tuple[int, ...], ...] = QUERIES, **choices: object) -> SweepTask:
    standard = {"heads": tuple(modules.geometry.heads()), "operation": "scale", "factor": 0.0, "measure": Everything()}
    return SweepTask(queries=queries, **(standard | choices))


def run(modules: ModuleMap, task: SweepTask, *, max_tokens: int = 40, whole: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    block = Block(heads=tuple(range(len(task.heads))), queries=tuple(range(len(task.queries))))
    slices = Slices(max_tokens=max_tokens)
    parts = run_whole(modules, slices, task, block)
    if not whole:
        parts = run_wave(modules, find_shortcuts(modules, task.queries[0]), slices, task, block)
    measured = collect(task, block, parts)
    return measured.heads, measured.base


def naive(model: torch.nn.Module, task: SweepTask, head: int, query: int) -> torch.Tensor:
    heads = [*(edit.ref for edit in task.group), *([task.heads[head]] if head >= 0 else [])]
    return torch.cat(naive_run(model, task.queries[query], heads, task.operation, where=slice(-task.tail, None)), dim=-1)


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
@pytest.mark.parametrize(("queries", "tail"), [(QUERIES, 2), (PREFIXED, 1)], ids=["alone", "prefixed"])
def test_a_wave_is_the_naive_loop(family: str, operation: str, queries: tuple[tuple[int, ...], ...], tail: int) -> None:
    """Slices of 40 tokens cut through variants and queries; sliding windows are shorter than the prefixed queries."""
    model = build_model(family)
    modules = locate_modules(model)
    task = task_of(modules, queries, operation=operation, tail=tail)
    heads, base = run(modules, task)
    for query in range(len(queries)):
        torch.testing.assert_close(base[query], naive(model, task, -1, query), rtol=1e-4, atol=1e-5)
        for head in (0, 8, 17):
            torch.testing.assert_close(heads[head, query], naive(model, task, head, query), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("whole", [False, True])
def test_a_group_stays_in_force_below_and_above_the_head(whole: bool) -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    group = (HeadEdit(layer=0, head=3), HeadEdit(layer=2, head=1))
    task = task_of(modules, PREFIXED, group=group, heads=(HeadRef(0, 1), HeadRef(1, 4)))
    heads, base = run(modules, task, whole=whole)
    for query in range(len(PREFIXED)):
        torch.testing.assert_close(base[query], naive(model, task, -1, query), rtol=1e-4, atol=1e-5)
        for head in range(2):
            torch.testing.assert_close(heads[head, query], naive(model, task, head, query), rtol=1e-4, atol=1e-5)


def test_the_shared_prefix_leaves_every_query_the_positions_that_are_read() -> None:
    modules = locate_modules(build_model("llama"))
    assert shared_prefix(task_of(modules, PREFIXED)) == (7, 8, 9)
    assert shared_prefix(task_of(modules, PREFIXED, tail=4)) == (7, 8)
    assert shared_prefix(task_of(modules, PREFIXED[:1])) == PREFIXED[0][:-1]
    assert shared_prefix(task_of(modules, QUERIES)) == ()


def test_a_head_runs_from_its_layer_on_and_a_prefix_once_per_head_and_not_per_query() -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    shortcuts = find_shortcuts(modules, PREFIXED[0])
    ran = [0, 0, 0]

    def count(layer: int, output: torch.Tensor) -> None:
        ran[layer] += output.shape[0] * output.shape[1]

    handles = [
        layer.self_attn.k_proj.register_forward_hook(lambda _, __, output, number=number: count(number, output))
        for number, layer in enumerate(model.model.layers)
    ]
    task = task_of(modules, PREFIXED, heads=(HeadRef(1, 0), HeadRef(2, 0)))
    list(run_wave(modules, shortcuts, Slices(max_tokens=999), task, Block(heads=(0, 1), queries=tuple(range(5)))))
    for handle in handles:
        handle.remove()

    tokens = 3 + sum(map(len, QUERIES))
    assert ran == [tokens, 2 * tokens, 3 * (tokens + 1)]  # in the last layer a single position goes as two: see `batches`


@pytest.mark.parametrize(("slices", "most"), [(Slices(max_tokens=40), 40), (Slices(max_tokens=999, max_rows=3), 3 * 8)])
def test_a_call_of_a_layer_keeps_to_the_limit(slices: Slices, most: int) -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    shortcuts, sizes = find_shortcuts(modules, QUERIES[0]), []
    handle = model.model.layers[2].self_attn.k_proj.register_forward_hook(
        lambda _, __, output: sizes.append(output.shape[0] * output.shape[1])
    )
    list(run_wave(modules, shortcuts, slices, task_of(modules), Block(heads=tuple(range(18)), queries=tuple(range(5)))))
    handle.remove()
    assert max(sizes) == most


def test_rows_that_an_edit_leaves_as_they_are_equal_the_base_exactly(subtests: pytest.Subtests) -> None:
    for queries in [QUERIES, PREFIXED]:
        for whole in [False, True]:
            for layer in [0, 1, 2]:
                with subtests.test(layer=layer, whole=whole, queries=queries):
                    modules = locate_modules(build_model("llama"))
                    with torch.no_grad():
                        modules.projection(layer, "o_proj").weight[:, modules.geometry.layers[layer].column_block(2)] = 0
                    heads, base = run(modules, task_of(modules, queries), whole=whole)
                    for number, head in enumerate(modules.geometry.heads()):
                        assert torch.equal(heads[number], base) is (head == HeadRef(layer, 2))


def refuse_above(model: torch.nn.Module, rows: int) -> torch.utils.hooks.RemovableHandle:
    """A model that refuses more rows, as a full device does."""

    def refuse(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if len(args[0]) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory")

    return model.model.layers[2].mlp.register_forward_pre_hook(refuse)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("queries", [QUERIES, PREFIXED], ids=["alone", "prefixed"])
def test_running_out_of_memory_halves_the_slices_and_loses_nothing(whole: bool, queries: tuple[tuple[int, ...], ...]) -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    task = task_of(modules, queries)
    wanted = run(modules, task, whole=whole)
    handle = refuse_above(model, 2)
    found = run(modules, task, whole=whole, max_tokens=999)
    handle.remove()
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_single_row_without_memory_is_an_expected_failure() -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    shortcuts = find_shortcuts(modules, QUERIES[0])
    handle = refuse_above(model, 0)
    with pytest.raises(ModelError, match="out of memory with a single row"):
        list(run_wave(modules, shortcuts, Slices(max_tokens=40), task_of(modules), Block(heads=(0, 1), queries=(0,))))
    handle.remove()


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    shortcuts = find_shortcuts(modules, QUERIES[0])
    handle = model.model.layers[2].register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        list(run_wave(modules, shortcuts, Slices(max_tokens=40), task_of(modules), Block(heads=(0,), queries=(0,))))
    handle.remove()


def test_states_that_are_not_finite_are_refused() -> None:
    model = build_model("llama", dtype=torch.float16)
    modules = locate_modules(model)
    shortcuts = find_shortcuts(modules, QUERIES[0])
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight.fill_(6e4)
    with pytest.raises(ModelError, match="not finite in float16"):
        list(run_wave(modules, shortcuts, Slices(max_tokens=40), task_of(modules), Block(heads=(0,), queries=(0,))))


def test_a_model_that_cannot_be_called_layer_by_layer_runs_whole() -> None:
    modules = model_with_carried_state()
    task = task_of(modules, QUERIES[:2])
    heads, _ = run(modules, task, whole=True)
    for head in (0, 8, 17):
        torch.testing.assert_close(heads[head, 1], naive(modules.model, task, head, 1), rtol=1e-4, atol=1e-5)


def test_nothing_is_left_on_the_model() -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    run(modules, task_of(modules, PREFIXED))
    run(modules, task_of(modules, PREFIXED), whole=True)
    assert all(
        "forward" not in module.__dict__ and not module._forward_hooks and not module._forward_pre_hooks
        for module in model.modules()
    )


def test_the_user_is_told_of_full_forwards_only() -> None:
    choices = {"prefixed": 0, "trim": False, "rest": ()}
    assert Shortcuts(wave=True, **choices).notes == ()
    assert "full forwards" in Shortcuts(wave=False, **choices).notes[0]
