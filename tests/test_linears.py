"""Float32 products by oneDNN: as exact as PyTorch's, and gone when the block ends."""

from __future__ import annotations

import torch
from torch import nn

from headsurgery.model.linears import fast_linears
from tests.tiny import build_model, tokens


@torch.inference_mode()
def test_the_products_are_as_exact_as_pytorchs_own() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(576, 1536)
    states = torch.randn(3, 21, 600)[:, :, 24:]  # [rows, pos, width], not contiguous
    exact = layer.double()(states.double())
    own = layer.float()(states)
    with fast_linears(nn.Sequential(layer)):
        fast = layer(states)
    assert fast.shape == own.shape
    assert (fast - exact).abs().max() <= 2 * (own - exact).abs().max()


@torch.inference_mode()
def test_a_model_is_the_same_but_for_rounding_and_then_itself_again() -> None:
    model = build_model("llama")
    own = model(tokens()).logits
    with fast_linears(model):
        torch.testing.assert_close(model(tokens()).logits, own, rtol=1e-4, atol=1e-5)
    assert torch.equal(model(tokens()).logits, own)


@torch.inference_mode()
def test_other_types_other_classes_and_a_forward_put_in_by_others_stay() -> None:
    class Own(nn.Linear):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return states + 1

    offloaded = nn.Linear(4, 4)
    offloaded.forward = lambda states: states + 2
    with fast_linears(nn.ModuleList([own := Own(4, 4), offloaded, half := nn.Linear(4, 4, dtype=torch.bfloat16)])):
        assert own(torch.zeros(4)).eq(1).all()
        assert offloaded(torch.zeros(4)).eq(2).all()
        assert "forward" not in half.__dict__
