"""How fast this machine runs a decoder layer of given sizes: random weights, and the products, attention and norms of a real one.

A small model's layers spend much of their time outside of products, so the whole layer is timed, its linear layers by the route
that the sweep takes (`linears`). Neighbours: `precision` compares two number types by it, `engine.hardware` tells time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention, silu

from headsurgery.model.linears import fast_linears

_LENGTH, _HEAD = 32, 64
"""Positions of a row, and width of a head."""


@dataclass(frozen=True, kw_only=True)
class LayerSizes:
    """Sizes of one decoder layer.

    Args:
        hidden_size: Width of the residual stream.
        attention_width: Outputs of q_proj, k_proj and v_proj together.
        query_width: Inputs of o_proj, at most `attention_width`.
        inner: Width within the MLP, which is taken to have a gate.
    """

    hidden_size: int
    attention_width: int
    query_width: int
    inner: int

    @property
    def weights(self) -> int:
        """Elements of all matrices."""
        return self.hidden_size * (self.attention_width + self.query_width + 3 * self.inner)

    def flops(self, tokens: int) -> float:
        """Of one call."""
        return tokens * (2.0 * self.weights + 4.0 * self.query_width * _LENGTH)


class LayerProbe:
    """A layer with random weights, ready to be timed.

    Args:
        sizes: Its sizes.
        device: Where it runs.
        dtype: Type that it runs in.
        tokens: Positions of a call; as many as make whole rows.
    """

    def __init__(self, sizes: LayerSizes, device: torch.device, dtype: torch.dtype, *, tokens: int) -> None:
        def linear(inputs: int, outputs: int) -> nn.Linear:
            return nn.Linear(inputs, outputs, bias=False, device=device, dtype=dtype).requires_grad_(False)

        self._sizes, self._device = sizes, device
        self._qkv, self._o_proj = linear(sizes.hidden_size, sizes.attention_width), linear(sizes.query_width, sizes.hidden_size)
        self._up, self._down = linear(sizes.hidden_size, 2 * sizes.inner), linear(sizes.inner, sizes.hidden_size)
        self._linears = nn.ModuleList([self._qkv, self._o_proj, self._up, self._down])
        rows = max(1, tokens // _LENGTH)
        self._states = torch.randn(rows, _LENGTH, sizes.hidden_size, device=device, dtype=dtype)
        self.flops = sizes.flops(rows * _LENGTH)
        """Of one call."""

    @torch.inference_mode()
    def seconds(self) -> float:
        """Run once; the seconds that it took."""
        with fast_linears(self._linears):
            self._wait()
            started = time.perf_counter()
            self._run()
            self._wait()
            return time.perf_counter() - started

    def _run(self) -> torch.Tensor:
        states, width = self._states, self._sizes.query_width
        heads = max(1, width // _HEAD)
        queries = self._qkv(_norm(states))[..., : width // heads * heads].unflatten(-1, (heads, -1)).transpose(1, 2)
        attended = scaled_dot_product_attention(queries, queries, queries, is_causal=True)  # [rows, heads, pos, head_dim]
        outputs = attended.transpose(1, 2).flatten(2)
        between = states + self._o_proj(nn.functional.pad(outputs, (0, width - outputs.shape[-1])))
        gate, value = self._up(_norm(between)).chunk(2, dim=-1)
        after: torch.Tensor = between + self._down(silu(gate) * value)
        return after

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def _norm(states: torch.Tensor) -> torch.Tensor:
    """RMS norm, in float32 as in real models."""
    wide = states.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(states.dtype)


def say_threads() -> str:
    """`1 thread`, or how many torch uses on this CPU."""
    count = torch.get_num_threads()
    return "1 thread" if count == 1 else f"{count} threads"
