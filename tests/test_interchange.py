"""Interchange: what a head puts out for one prompt, put into the run of another."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from headsurgery import attribute
from headsurgery.attribution.interchange import Pair, common_ending, count_swapped, find_pairs
from headsurgery.attribution.methods import load_method
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.engine.cost import count_cost
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.limits import Limits
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import PreferenceDrop, States
from headsurgery.engine.parts import collect
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.slices import Slices
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Block, InterchangeTask
from headsurgery.engine.whole import run_whole
from headsurgery.errors import ModelError, UsageError
from headsurgery.heads import HeadRef
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import PromptSet
from headsurgery.recipe import HeadEdit
from tests.gated import AMPLIFIERS, GATE, load_gated, pairs
from tests.naive import naive_run
from tests.refusing import PLANTED, build_refusing_tokenizer, ids_of, load_helpful, load_late, load_refusing
from tests.test_probe import model_with_carried_state
from tests.tiny import EACH_FAMILY, build_model, engine_of, sweeper_of, tokens

QUERIES, PARTNERS = (
    tuple(tuple(tokens(queries=1, length=length, seed=seed + length)[0].tolist()) for length in lengths)
    for seed, lengths in ((0, (5, 8, 8, 6)), (50, (7, 5, 8, 6)))
)
TOKENS = ((5, 9), (20, 3), (7, 7), (60, 61))


def task_of(model: torch.nn.Module, *, swapped: int = 3, measure: Any = None, **choices: Any) -> InterchangeTask:
    standard = {"queries": QUERIES, "partners": PARTNERS, "heads": tuple(locate_modules(model).geometry.heads())}
    measure = measure or PreferenceDrop(TOKENS)
    return InterchangeTask(**(standard | choices), operation="scale", factor=0.0, measure=measure, swapped=swapped)


@torch.no_grad()
def naive_logits(
    model: torch.nn.Module, query: Sequence[int], partner: Sequence[int], head: HeadRef, swapped: int, group: Sequence[HeadRef] = ()
) -> torch.Tensor:
    """By plain hooks and two full forwards: z of the one run put into the other, [vocabulary] at the last position."""
    modules = locate_modules(model)
    block = modules.geometry.layers[head.layer].column_block(head.head)
    o_proj = modules.projection(head.layer, "o_proj")
    taken: list[torch.Tensor] = []

    def take(_: Any, args: tuple[torch.Tensor, ...]) -> None:
        taken.append(args[0].clone())

    def put(_: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        states = args[0].clone()
        for place in range(1, swapped + 1):
            states[0, -place, block.start : block.stop] = taken[0][0, -place, block.start : block.stop]
        return (states, *args[1:])

    with ExitStack() as stack:
        handle = o_proj.register_forward_pre_hook(take)
        naive_run(model, partner, group)
        handle.remove()
        stack.callback(o_proj.register_forward_pre_hook(put).remove)
        return naive_run(model, query, group)[1]


def preference(logits: torch.Tensor, pair: tuple[int, int]) -> float:
    probabilities = logits.double().log_softmax(-1)
    return float(probabilities[pair[0]] - probabilities[pair[1]])


# The sweep


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_drops_equal_the_naive_loop(family: str, subtests: pytest.Subtests) -> None:
    model = build_model(family, dtype=torch.float64)
    group = [HeadRef(1, 0)]
    for swapped in (1, 3, 5):
        for heads in ((), group):
            with subtests.test(swapped=swapped, group=heads):
                edits = tuple(HeadEdit(layer=head.layer, head=head.head) for head in heads)
                task = task_of(model, swapped=swapped, group=edits)
                drops, base = sweeper_of(model).sweep(task)
                assert base is not None
                assert drops.shape == (18, 4, 1)
                for query, (ids, partner, pair) in enumerate(zip(QUERIES, PARTNERS, TOKENS, strict=True)):
                    before = preference(naive_run(model, ids, heads)[1], pair)
                    assert float(base[query, 0]) == pytest.approx(before, rel=1e-4, abs=1e-6)
                    for row, head in list(enumerate(task.heads))[:: 5 - query]:
                        after = preference(naive_logits(model, ids, partner, head, swapped, heads), pair)
                        assert float(drops[row, query, 0]) == pytest.approx(before - after, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 7, "auto"])
@pytest.mark.parametrize("block_tokens", [1, 100, 2**16])
def test_drops_do_not_depend_on_how_the_task_is_cut(
    batch_size: int | str, block_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_model("llama", dtype=torch.float64)
    whole, _ = sweeper_of(model).sweep(task_of(model))
    monkeypatch.setattr(Limits, "of", lambda *_, **__: Limits(block=block_tokens, tokens=2**10, logits=2**23))
    cut, _ = sweeper_of(model, batch_size=batch_size).sweep(task_of(model))
    torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-6)


def test_a_model_that_is_run_whole_scores_the_same() -> None:
    model = build_model("llama", dtype=torch.float64)
    modules, task = locate_modules(model), task_of(model)
    block = Block(heads=tuple(range(18)), queries=tuple(range(4)))
    whole = collect(task, block, run_whole(modules, Slices(max_tokens=40), task, block))
    torch.testing.assert_close(whole.heads, sweeper_of(model).sweep(task)[0], rtol=1e-4, atol=1e-6)


def test_a_model_whose_layers_can_not_be_called_singly_is_scored_too() -> None:
    model = model_with_carried_state().model
    task = task_of(model)
    drops, _ = sweeper_of(model).sweep(task)
    head = task.heads[4]
    before, after = naive_run(model, QUERIES[0])[1], naive_logits(model, QUERIES[0], PARTNERS[0], head, 3)
    expected = preference(before, TOKENS[0]) - preference(after, TOKENS[0])
    assert float(drops[4, 0, 0]) == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_a_prompt_that_is_its_own_partner_scores_0() -> None:
    model = build_model("llama")
    drops, _ = sweeper_of(model).sweep(task_of(model, partners=QUERIES))
    assert float(drops.abs().max()) < 1e-5


def test_only_what_is_swapped_runs_for_each_head(subtests: pytest.Subtests) -> None:
    """By torch's own counter; the long queries show that what stands before runs once."""
    long = [tuple(tokens(queries=1, length=40, seed=seed)[0].tolist()) for seed in range(6)]
    for family in ("llama", "phi3", "gpt2"):
        with subtests.test(family=family):
            model = build_model(family, _attn_implementation="eager", dtype=torch.float64)
            task = task_of(model, queries=tuple(long[:3]), partners=tuple(long[3:]))
            engine = engine_of(model)
            engine.plan(task)  # tries the shortcuts
            with FlopCounterMode(display=False) as counter:
                Sweeper(engine=engine).sweep(task)
            told = count_cost(ModelShape.of_modules(locate_modules(model)), task, engine.limits(task), itemsize=8)
            assert told.flops == pytest.approx(counter.get_total_flops(), rel=0.1)
            assert told.flops < told.naive_flops / 5


def test_a_journal_keeps_finished_blocks_apart_by_partners(tmp_path: Any) -> None:
    model = build_model("llama")
    task, other = task_of(model), task_of(model, partners=QUERIES)
    with SweepJournal(tmp_path / "journal", {}) as journal:
        engine = engine_of(model)
        first, base = Sweeper(engine=engine, journal=journal).sweep(task)
        assert not list(journal.read(other))
        again, base_again = Sweeper(engine=engine, journal=journal).sweep(task)
        assert journal.num_pairs == 18 * 4
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    torch.testing.assert_close(base_again, base, rtol=0, atol=0)


def test_final_states_can_be_kept_as_well() -> None:
    model = build_model("llama")
    states, base = sweeper_of(model).sweep(task_of(model, measure=States(), tail=2))
    assert base is not None
    assert np.isfinite(states.numpy()).all()
    torch.testing.assert_close(base[1], naive_run(model, QUERIES[1], where=slice(-2, None))[0], rtol=1e-4, atol=1e-5)


def test_a_task_reaches_another_process_as_it_is() -> None:
    task = task_of(build_model("llama"))
    assert pickle.loads(pickle.dumps(task)) == task


# Pairs

HARMFUL, HARMLESS = pairs(8)


def find(loaded: Any, harmful: list[str] = HARMFUL, harmless: list[str] = HARMLESS) -> Any:
    sets = (ids_of(texts, loaded.tokenizer) for texts in (harmful, harmless))
    return find_pairs(LocalEngine(loaded), AnswerReader(tokenizer=loaded.tokenizer), *sets, tokens=16)


def words(*ids: int, tokenizer: Any = None) -> str:
    return str((tokenizer or build_refusing_tokenizer()).decode(list(ids)))


def test_a_pair_is_read_where_its_answers_part() -> None:
    loaded = load_gated()
    found = find(loaded)
    assert (found.total, found.refused, found.both, found.thinking, len(found.found)) == (8, 8, 0, 0, 8)
    for pair, text in zip(found.found, HARMFUL, strict=True):
        assert (words(pair.refusal), words(pair.answer), pair.begun) == ("I'm", "Sure,", 0)
        assert list(pair.harmful) == ids_of([text])[0]


def test_what_both_answers_begin_with_is_read_as_part_of_the_prompt() -> None:
    loaded = load_late()
    found = find(loaded)
    assert len(found.found) == 8
    for pair in found.found:
        assert words(pair.refusal, pair.answer, tokenizer=loaded.tokenizer) == "I'm Sure,"
        assert pair.begun == 1
        assert words(pair.harmful[-1], pair.harmless[-1], tokenizer=loaded.tokenizer) == "Well. Well."


def test_pairs_that_the_model_refuses_or_answers_both_are_left_out() -> None:
    mixed = [*HARMFUL[:4], *HARMLESS[4:]]
    found = find(load_gated(), [*HARMFUL[:6], *HARMLESS[6:]], mixed)
    assert (found.refused, found.both, len(found.found)) == (6, 4, 2)
    assert found.say() == (
        "the model refuses 6 of 8 harmful prompts; 2 pairs of a refused and an answered prompt are scored; 4 harmless prompts are "
        "refused as well"
    )


def test_only_the_ending_that_all_prompts_share_is_swapped() -> None:
    assert common_ending([[1, 2, 3, 4], [5, 3, 4], [3, 4]]) == 2
    assert common_ending([[1], [2]]) == 0
    pair = Pair(harmful=(1, 7), harmless=(2, 7), refusal=3, answer=4, begun=1)
    assert count_swapped([pair], [[1], [2]]) == 2, "the last position, and what the answers begin with"
    assert count_swapped([pair, pair], [[1, 5, 6], [2, 5, 6]]) == 3


# From prompts to a recipe


def run(loaded: Any, **options: Any) -> Any:
    prompts = {"harmless": HARMLESS, "template": "paper", "answer_tokens": 16} | options
    return attribute(loaded.model, loaded.tokenizer, HARMFUL, method="interchange", **prompts)


def refs(found: Any, count: int) -> list[HeadRef]:
    return [HeadRef(score.layer, score.head) for score in found.scores.top(count)]


def test_a_gate_that_ablation_can_not_see_is_found() -> None:
    """The reason of the method: a gate that speaks by silence, and its amplifiers, of which any one can be spared."""
    loaded = load_gated()
    ablated = {
        name: attribute(loaded.model, loaded.tokenizer, HARMFUL, method=name, template="paper", **options).scores
        for name, options in {"refusal": {"group_size": 1}, "ships": {}}.items()
    }
    for scores in ablated.values():
        assert scores.harmful[GATE.layer, GATE.head] == pytest.approx(0, abs=1e-6)
    assert {HeadRef(score.layer, score.head) for score in ablated["ships"].top(3)} == set(AMPLIFIERS)
    found = run(loaded, top=1)
    assert refs(found, 4)[0] == GATE
    assert set(refs(found, 4)[1:]) == set(AMPLIFIERS)
    taken, brought = found.scores.harmful[GATE.layer, GATE.head], found.scores.harmless[GATE.layer, GATE.head]
    assert taken > 5
    assert brought < -5, "and refusal comes where the harmless prompt hears nothing from it"
    assert found.scores.combined[GATE.layer, GATE.head] == pytest.approx(taken - brought)
    assert found.scores.doubts[0].startswith("this recipe has no effect: the model refuses 8 as it is, and 8 with the chosen")


@pytest.mark.parametrize("load", [load_refusing, load_late], ids=["at once", "late"])
def test_a_head_that_writes_the_refusal_is_found_too_and_ablating_it_ends_refusals(load: Any) -> None:
    """And with it the head that shares its values, into which the plant was trained, too."""
    found = run(load(), top=2)
    assert PLANTED in refs(found, 2)
    assert "with the 2 heads of highest score ablated it refuses 0 of 8 harmful prompts instead of 8" in found.notes
    assert not found.scores.doubts


def test_scores_are_the_naive_means_over_pairs_and_both_directions_are_kept() -> None:
    loaded = load_refusing()
    loaded.model.double()
    scores = run(loaded, top=2).scores
    pair_of = find(loaded).found
    swapped = common_ending([*ids_of(HARMFUL), *ids_of(HARMLESS)])
    assert swapped >= 2, "the template's end"
    assert scores.arrays["interchange"].shape == scores.arrays["interchange_harmless"].shape == (8, 3, 6)
    for head in (PLANTED, HeadRef(0, 0), HeadRef(2, 5)):
        for name, sides in (("interchange", (0, 1)), ("interchange_harmless", (1, 0))):
            drops = []
            for pair in pair_of:
                ids, tokens_of = (pair.harmful, pair.harmless), (pair.refusal, pair.answer)
                query, partner = (ids[side] for side in sides)
                after = naive_logits(loaded.model, query, partner, head, swapped)
                drops.append(preference(naive_run(loaded.model, query)[1], tokens_of) - preference(after, tokens_of))
            np.testing.assert_allclose(scores.arrays[name][:, head.layer, head.head], drops, rtol=1e-4, atol=1e-6)
        assert scores.harmful[head.layer, head.head] == pytest.approx(scores.arrays["interchange"][:, head.layer, head.head].mean())


def test_sets_that_are_no_pairs_are_refused_or_doubted() -> None:
    method, options = load_method("interchange"), load_method("interchange").options()
    whole, shorter = PromptSet.from_texts(["a", "b"], name="whole"), PromptSet.from_texts(["c"], name="shorter")
    gap = PromptSet.from_texts(["d", "", "e"], name="gap")
    with pytest.raises(UsageError, match="whole has 2 prompts and shorter 1, but interchange pairs them line by line"):
        method.check_prompts([whole, shorter], options)
    with pytest.raises(UsageError, match="gap: some of its prompts were left out"):
        method.check_prompts([whole, gap], options)
    method.check_prompts([whole, whole], options)
    mismatched = run(load_gated(), harmless=[*HARMLESS[1:], HARMLESS[0]])
    assert any("don't seem to be pairs" in doubt for doubt in mismatched.scores.doubts)
    assert not any("don't seem to be pairs" in doubt for doubt in run(load_gated()).scores.doubts)


def test_nothing_to_compare_is_an_expected_failure() -> None:
    with pytest.raises(ModelError, match="nothing to compare: the model refuses 0 of 8 harmful prompts") as caught:
        run(load_helpful())
    assert "--method refusal" in caught.value.hint
