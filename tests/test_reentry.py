"""Entering a model midway."""

from __future__ import annotations

import pytest
import torch

from headsurgery import HeadEdit
from headsurgery.heads import HeadRef
from headsurgery.model.hooks import RowEdit
from headsurgery.model.modules import locate_modules
from headsurgery.model.reentry import Batch, capture, reenter
from tests.naive import naive_run
from tests.tiny import FAMILIES, build_model, tokens


@pytest.mark.parametrize("family", FAMILIES)
def test_a_captured_run_is_the_models_own(family: str) -> None:
    model = build_model(family)
    ids = tokens()
    captured = capture(locate_modules(model), Batch.of(ids.tolist()), want_logits=True)
    with torch.inference_mode():
        own = model(input_ids=ids, output_hidden_states=True)
    torch.testing.assert_close(captured.final.logits, own.logits[:, -1])
    torch.testing.assert_close(captured.final.states, own.hidden_states[-1][:, -1], msg="final states come after the final norm")
    for layer, resid_post in enumerate(captured.resid_post[:-1]):
        assert torch.equal(resid_post, own.hidden_states[layer + 1])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("entry", [0, 1, 2])
def test_entering_at_any_layer_gives_the_whole_forward(family: str, entry: int) -> None:
    modules = locate_modules(build_model(family))
    captured = capture(modules, Batch.of(tokens().tolist()), want_logits=True)
    final = reenter(modules, captured, entry=entry, copies=3, want_logits=True)
    torch.testing.assert_close(final.states, captured.final.states.repeat(3, 1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(final.logits, captured.final.logits.repeat(3, 1), rtol=1e-5, atol=1e-5)


def test_nothing_is_left_on_the_model() -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    reenter(
        modules,
        capture(modules, Batch.of(tokens().tolist())),
        entry=2,
        copies=2,
        edits=[RowEdit(edit=HeadEdit(layer=2, head=0))],
        edited_layer=2,
    )
    assert all(
        "forward" not in module.__dict__ and not module._forward_hooks and not module._forward_pre_hooks
        for module in model.modules()
    )


def test_layers_below_the_entry_do_not_run() -> None:
    modules = locate_modules(build_model("llama"))
    captured = capture(modules, Batch.of(tokens().tolist()))
    ran: list[int] = []
    handles = [
        layer.self_attn.register_forward_hook(lambda *_, number=number: ran.append(number))
        for number, layer in enumerate(modules.layers)
    ]
    reenter(modules, captured, entry=1)
    assert ran == [1, 2]
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("trim", [False, True])
def test_padding_on_the_right_and_a_trimmed_last_layer_change_nothing_but_rounding(family: str, trim: bool) -> None:
    modules = locate_modules(build_model(family))
    queries = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (4, 9, 6)]
    together = capture(modules, Batch.of(queries), want_logits=True, trim=trim).final
    for row, query in enumerate(queries):
        alone = capture(modules, Batch.of([query]), want_logits=True).final
        torch.testing.assert_close(together.states[row], alone.states[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(together.logits[row], alone.logits[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("trim", [False, True])
def test_rows_that_an_edit_leaves_as_they_are_get_the_captured_states_exactly(layer: int, trim: bool) -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    with torch.no_grad():
        modules.projection(layer, "o_proj").weight[:, modules.geometry.layers[layer].column_block(2)] = 0
    captured = capture(modules, Batch.of(tokens(queries=5, length=11).tolist()), want_logits=True, trim=trim)
    edits = [RowEdit(edit=HeadEdit(layer=layer, head=head), rows=range(5 * head, 5 * head + 5)) for head in range(6)]
    final = reenter(modules, captured, entry=layer, copies=6, edits=edits, edited_layer=layer, want_logits=True)
    states, logits = final.states.view(6, 5, -1), final.logits.view(6, 5, -1)
    for head in range(6):
        assert torch.equal(states[head], captured.final.states) is (head == 2)
        assert torch.equal(logits[head], captured.final.logits) is (head == 2)


TAIL = 3


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("trim", [False, True])
def test_the_last_positions_that_are_read_are_those_of_the_whole_forward(family: str, trim: bool) -> None:
    """Padded or not, entered at any layer, with a head edited in half of the rows."""
    model = build_model(family)
    modules = locate_modules(model)
    queries = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (4, 9, 3)]
    captured = capture(modules, Batch.of(queries, tail=TAIL), want_logits=True, trim=trim)
    for layer in range(3):
        edit = HeadEdit(layer=layer, head=4)
        final = reenter(
            modules,
            captured,
            entry=layer,
            copies=2,
            edits=[RowEdit(edit=edit, rows=range(3, 6))],
            edited_layer=layer,
            want_logits=True,
        )
        states, logits = final.states.view(2, 3, TAIL, -1), final.logits.view(2, 3, TAIL, -1)
        for copy, heads in enumerate(([], [HeadRef(layer, 4)])):
            for row, query in enumerate(queries):
                expected = naive_run(model, query, heads, where=slice(-TAIL, None))
                torch.testing.assert_close(states[copy, row], expected[0], rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(logits[copy, row], expected[1], rtol=1e-4, atol=1e-5)
    assert torch.equal(states[0], captured.final.states.view(3, TAIL, -1)), "rows without an edit are the captured ones"


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("trim", [False, True])
def test_unaffected_rows_get_all_their_captured_positions(layer: int, trim: bool) -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    with torch.no_grad():
        modules.projection(layer, "o_proj").weight[:, modules.geometry.layers[layer].column_block(2)] = 0
    queries = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (11, 9, 10)]
    captured = capture(modules, Batch.of(queries, tail=TAIL), want_logits=True, trim=trim)
    edits = [RowEdit(edit=HeadEdit(layer=layer, head=head), rows=range(3 * head, 3 * head + 3)) for head in range(6)]
    final = reenter(modules, captured, entry=layer, copies=6, edits=edits, edited_layer=layer, want_logits=True)
    states, logits = final.states.view(6, 3 * TAIL, -1), final.logits.view(6, 3 * TAIL, -1)
    for head in range(6):
        assert torch.equal(states[head], captured.final.states) is (head == 2)
        assert torch.equal(logits[head], captured.final.logits) is (head == 2)


@pytest.mark.parametrize("tail", [1, 2, 4])
def test_spread_is_the_inverse_of_read_and_zero_elsewhere(tail: int) -> None:
    batch = Batch.of([[5] * length for length in (4, 9, 6)], tail=tail)
    states = torch.randn(3, 9, 2, 5)
    read = batch.read(states)
    for row, length in enumerate((4, 9, 6)):
        assert torch.equal(read[row], states[row, length - tail : length])
    spread = batch.spread(read)
    assert torch.equal(batch.read(spread), read)
    is_read = torch.zeros(3, 9, dtype=torch.bool)
    for row, length in enumerate((4, 9, 6)):
        is_read[row, length - tail : length] = True
    assert torch.equal(spread[is_read], states[is_read])
    assert (spread[~is_read] == 0).all()
    repeated = batch.repeat(2)
    assert torch.equal(repeated.read(states.repeat(2, 1, 1, 1)), read.repeat(2, 1, 1, 1)), "copies keep the tail"
