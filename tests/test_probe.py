"""Finding out what a model lets the engine leave out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from headsurgery.engine.measures import States
from headsurgery.engine.probe import find_shortcuts
from headsurgery.engine.task import SweepTask
from headsurgery.model.modules import ModuleMap, locate_modules
from tests.tiny import EACH_FAMILY, build_model, tokens

QUERY = tokens(queries=1, length=9)[0].tolist()


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_every_family_of_the_table_takes_every_shortcut(family: str, dtype: torch.dtype) -> None:
    found = find_shortcuts(locate_modules(build_model(family, dtype=dtype)), QUERY)
    assert found.wave
    assert found.prefixed
    assert found.trim


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


def test_state_carried_from_layer_to_layer_forbids_calling_them_one_by_one() -> None:
    found = find_shortcuts(model_with_carried_state(), QUERY)
    assert (found.wave, found.prefixed, found.trim) == (False, 0, False)


def test_layers_that_see_the_token_ids_are_not_called_one_by_one() -> None:
    """Layer 1 adds what the embeddings left for it, which belongs to the query that the model runs for."""
    model = build_model("llama")
    left: list[torch.Tensor] = []
    model.model.embed_tokens.register_forward_hook(lambda _, __, output: left.append(output))

    def add(_: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        return output + left[-1][: len(output)].mean()

    model.model.layers[1].register_forward_hook(add)
    assert not find_shortcuts(locate_modules(model), QUERY).wave


def test_a_last_mlp_that_sees_several_positions_is_not_trimmed() -> None:
    """Its output depends on all positions that are put in, so it may not be left with those that are read."""
    model = build_model("llama")

    def look_back(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        hidden = args[0]
        counts = torch.arange(1, hidden.shape[1] + 1, dtype=hidden.dtype).unsqueeze(-1)
        return (hidden.cumsum(dim=1) / counts,)

    model.model.layers[2].mlp.register_forward_pre_hook(look_back)
    found = find_shortcuts(locate_modules(model), QUERY)
    assert found.wave
    assert not found.trim
    assert not found.prefixed, "the MLP would see the queries without their prefix"


def test_position_embeddings_that_change_with_the_length_forbid_a_prefix_of_its_own() -> None:
    model = build_model("llama")
    model.config.rope_parameters = {**model.config.rope_parameters, "original_max_position_embeddings": 8}
    found = find_shortcuts(locate_modules(model), QUERY)
    for length, prefix in ((8, 7), (9, 0)):
        task = SweepTask(queries=(tuple(QUERY[:length]),), heads=(), operation="scale", factor=0.0, measure=States())
        assert len(found.prefix_of(task)) == prefix
