"""Finding out what a model lets the engine leave out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from headsurgery.heads import HeadRef
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.model.shortcuts import Shortcuts, find_shortcuts
from headsurgery.model.sweep import Sweeper
from tests.naive import naive_run
from tests.tiny import FAMILIES, build_model, tokens

QUERY = tokens(queries=1, length=9)[0].tolist()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_every_family_of_the_table_takes_every_shortcut(family: str, dtype: torch.dtype) -> None:
    found = find_shortcuts(locate_modules(build_model(family, dtype=dtype)), QUERY)
    assert found == Shortcuts(entries=(0, 1, 2), trim=True, pad=True)


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
    assert find_shortcuts(model_with_carried_state(), QUERY).entries == (0, 1, 1)


def test_a_layer_without_the_tables_mlp_is_not_trimmed() -> None:
    assert not find_shortcuts(model_with_carried_state(), QUERY).trim


def test_a_model_that_looks_ahead_is_not_padded() -> None:
    """Layer 0 sees the mean over all positions, also those to the right."""
    model = build_model("llama")

    def look_ahead(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        return output + output.mean(dim=1, keepdim=True)

    model.model.layers[0].register_forward_hook(look_ahead)
    assert not find_shortcuts(locate_modules(model), QUERY).pad


def test_a_last_mlp_that_sees_several_positions_is_not_trimmed_and_the_positions_read_are_right() -> None:
    """Its output depends on all positions that are put in, so it may not be left with those that are read."""
    model = build_model("llama")

    def look_back(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        hidden = args[0]
        counts = torch.arange(1, hidden.shape[1] + 1, dtype=hidden.dtype).unsqueeze(-1)
        return (hidden.cumsum(dim=1) / counts,)

    model.model.layers[2].mlp.register_forward_pre_hook(look_back)
    modules = locate_modules(model)
    assert find_shortcuts(modules, QUERY) == Shortcuts(entries=(0, 1, 2), trim=False, pad=True)
    for block in Sweeper(modules, [QUERY, QUERY[:8]], tail=3).sweep([HeadRef(1, 4)], operation="scale", factor=0.0):
        for column, query in enumerate(block.queries):
            expected, _ = naive_run(model, [QUERY, QUERY[:8]][query], [HeadRef(1, 4)], where=slice(-3, None))
            torch.testing.assert_close(block.states[0, 3 * column : 3 * column + 3], expected, rtol=1e-4, atol=1e-5)
