"""Entering a model midway, and finding out whether it can be entered."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from headsurgery import HeadEdit
from headsurgery.model.hooks import RowEdit
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.model.reentry import capture, find_entries, reenter
from tests.tiny import FAMILIES, build_model, tokens


@pytest.mark.parametrize("family", FAMILIES)
def test_a_captured_run_is_the_models_own(family: str) -> None:
    model = build_model(family)
    ids = tokens()
    captured = capture(locate_modules(model), ids, want_logits=True)
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
    captured = capture(modules, tokens(), want_logits=True)
    final = reenter(modules, captured, entry=entry, copies=3, want_logits=True)
    torch.testing.assert_close(final.states, captured.final.states.repeat(3, 1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(final.logits, captured.final.logits.repeat(3, 1), rtol=1e-5, atol=1e-5)


def test_nothing_is_left_on_the_model() -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    reenter(modules, capture(modules, tokens()), entry=2, copies=2, edits=[RowEdit(edit=HeadEdit(layer=2, head=0))], edited_layer=2)
    assert all(
        "forward" not in module.__dict__ and not module._forward_hooks and not module._forward_pre_hooks
        for module in model.modules()
    )


def test_layers_below_the_entry_do_not_run() -> None:
    modules = locate_modules(build_model("llama"))
    captured = capture(modules, tokens())
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
def test_every_family_of_the_table_can_be_entered_everywhere(family: str) -> None:
    assert find_entries(locate_modules(build_model(family)), tokens(queries=1)) == (0, 1, 2)


class Carrying(nn.Module):
    """Wraps a layer so that it adds what the layer below left in a common place: state carried beside the hidden states."""

    def __init__(self, layer: nn.Module, shelf: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.self_attn = layer.self_attn
        self.inner = layer
        self.shelf = shelf

    def forward(self, hidden_states: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        carried = self.shelf.pop("state")
        self.shelf["state"] = hidden_states
        return self.inner(hidden_states, **kwargs) + carried


class Leaving(Carrying):
    """The layer that leaves the first state."""

    def forward(self, hidden_states: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        self.shelf["state"] = hidden_states
        return self.inner(hidden_states, **kwargs)


def model_with_carried_state() -> ModuleMap:
    """Layer 1 leaves a state that layer 2 needs, so layer 2 can't be entered alone; layers 0 and 1 can."""
    model = build_model("llama")
    shelf: dict[str, torch.Tensor] = {}
    model.model.layers[1] = Leaving(model.model.layers[1], shelf)
    model.model.layers[2] = Carrying(model.model.layers[2], shelf)
    return locate_modules(model)


def test_a_layer_that_needs_its_predecessor_is_entered_from_further_down() -> None:
    assert find_entries(model_with_carried_state(), tokens(queries=1)) == (0, 1, 1)


def test_rows_that_an_edit_leaves_as_they_are_get_the_captured_states_exactly() -> None:
    model = build_model("llama")
    modules = locate_modules(model)
    with torch.no_grad():
        modules.projection(1, "o_proj").weight[:, modules.geometry.layers[1].column_block(2)] = 0
    captured = capture(modules, tokens(queries=5, length=11), want_logits=True)
    edits = [RowEdit(edit=HeadEdit(layer=1, head=head), rows=range(5 * head, 5 * head + 5)) for head in range(6)]
    final = reenter(modules, captured, entry=1, copies=6, edits=edits, edited_layer=1, want_logits=True)
    states, logits = final.states.view(6, 5, -1), final.logits.view(6, 5, -1)
    for head in range(6):
        assert torch.equal(states[head], captured.final.states) is (head == 2)
        assert torch.equal(logits[head], captured.final.logits) is (head == 2)
