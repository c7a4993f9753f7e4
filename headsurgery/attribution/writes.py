"""What happens to o_proj's output on its way into the residual stream, as a linear map: norms, multipliers, layer scales, gates.

In many families, a head's part of o_proj's output is not what it writes: Gemma 2 and 3 and OLMo 2 normalise it first, Granite and
MiniCPM multiply it, GPT normalises the residual stream after adding it. No table says what a family does; the layer itself shows
it. Its own forward pass is differentiated with respect to o_proj's output, with two things held fixed:

- The scale of every norm, as it is at that position. The norm is then a linear map (the weight times one over the root mean square;
  LayerNorm also subtracts the mean), under which the parts of all heads add up to what the whole writes.
- Whatever a matrix computes from the output: the MLP, a second attention and a router read it and write something of their own.

So take the component of the residual stream after the layer along a direction. Its gradient is that direction as o_proj's output
sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from headsurgery.engine.calls import run_model
from headsurgery.errors import ModelError
from headsurgery.model.modules import ModuleMap


def residual_at_end(output: Any, hidden_size: int) -> torch.Tensor:
    """The residual stream at the last position, from a decoder layer's output of one query, [hidden_size].

    Args:
        output: The layer's output.
        hidden_size: The model's width.

    Raises:
        ModelError: The layer has several streams (Gemma 3n, hyper-connections).
    """
    states: torch.Tensor = output[0] if isinstance(output, tuple | list) else output
    if states.dim() != 3 or states.shape[-1] != hidden_size:
        raise ModelError(
            f"this model's layers answer {[*states.shape]}, not [rows, pos, hidden_size {hidden_size}]: it has several residual "
            "streams, but the method direct reads one",
            hint="use another --method",
        )
    return states[0, -1]


@contextmanager
def read_back(modules: ModuleMap, direction: torch.Tensor) -> Iterator[dict[int, torch.Tensor]]:
    """While the model runs on one query, map a direction of the residual stream back to every layer's o_proj.

    Args:
        modules: The model.
        direction: [hidden_size], in the residual stream after a layer.

    Yields:
        For each attention layer the direction as o_proj's output at the last position sees it, [hidden_size], in float64 on the
        CPU. A run within the block fills it.

    Raises:
        ModelError: The output of attention reaches the residual stream only through matrices (Zamba), or there are several streams.
    """
    found: dict[int, torch.Tensor] = {}
    leaves: dict[int, torch.Tensor] = {}
    owners = _owners(modules)

    def begin(number: int) -> Callable[..., torch.Tensor]:
        def hook(_: nn.Module, __: Any, output: torch.Tensor) -> torch.Tensor:
            leaves[number] = output.detach().requires_grad_()
            return leaves[number]

        return hook

    def end(numbers: Sequence[int]) -> Callable[..., Any]:
        def hook(_: nn.Module, __: Any, output: Any) -> Any:
            at = [number for number in numbers if number in leaves]
            residual = residual_at_end(output, modules.geometry.hidden_size)
            for number, gradient in zip(at, _gradients(residual, direction, [leaves[n] for n in at]), strict=True):
                if direction.any() and not gradient.any():
                    raise ModelError(
                        f"layer {number}: the output of attention reaches the residual stream only through further matrices, "
                        "so the method direct can't read it",
                        hint="use another --method",
                    )
                found[number] = gradient
                del leaves[number]
            return _detached(output)

        return hook

    with ExitStack() as stack:
        for layer, numbers in owners.items():
            for number in numbers:
                stack.callback(modules.projection(number, "o_proj").register_forward_hook(begin(number)).remove)
            for module in layer.modules():
                if any(weight.dim() > 1 for weight in module.parameters(recurse=False)):
                    stack.callback(module.register_forward_pre_hook(_cut, with_kwargs=True).remove)
            stack.callback(layer.register_forward_hook(end(numbers)).remove)
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_Frozen())
        yield found


def directions_at(modules: ModuleMap, query: Sequence[int], direction: torch.Tensor) -> dict[int, torch.Tensor]:
    """Run the model once on a query. Returns the direction as every layer's o_proj sees it; see `read_back`."""
    with read_back(modules, direction) as found:
        run_model(modules, torch.tensor([list(query)], device=modules.device), tail=1, want_logits=False)
    return found


def _owners(modules: ModuleMap) -> Mapping[nn.Module, list[int]]:
    """Which attention modules belong to which decoder layer."""
    found: dict[nn.Module, list[int]] = {}
    for number in modules.geometry.attention_layers:
        o_proj = modules.projection(number, "o_proj")
        layer = next(layer for layer in modules.layers if any(module is o_proj for module in layer.modules()))
        found.setdefault(layer, []).append(number)
    return found


def _gradients(residual: torch.Tensor, direction: torch.Tensor, leaves: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Gradients of residual . direction at the last position of each leaf, in float64."""
    sums = [torch.zeros(leaf.shape[-1], dtype=torch.float64) for leaf in leaves]
    if not residual.requires_grad:
        return sums
    for part in _parts(direction, residual.dtype):
        gradients = torch.autograd.grad(residual, list(leaves), part.to(residual.device), retain_graph=True, allow_unused=True)
        for total, gradient in zip(sums, gradients, strict=True):
            if gradient is not None:
                total += gradient[0, -1].double().cpu()
    return sums


def _parts(direction: torch.Tensor, dtype: torch.dtype) -> list[torch.Tensor]:
    """A direction as a sum of vectors of a coarser type, so that nothing is lost on its way through a model of that type."""
    parts, left = [], direction.double()
    for _ in range(3 if dtype in (torch.bfloat16, torch.float16) else 1):
        parts.append(left.to(dtype))
        left = left - parts[-1].double()
    return parts


def _cut(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Detach the input of a module with matrices: it reads the input, and what it writes is its own."""
    return _detached(args), {name: _detached(value) for name, value in kwargs.items()}


def _detached(output: Any) -> Any:
    if isinstance(output, tuple | list):
        return type(output)(_detached(part) for part in output)
    return output.detach() if isinstance(output, torch.Tensor) else output


_PRODUCTS = frozenset(
    {
        functional.linear,
        functional.conv1d,
        functional.scaled_dot_product_attention,
        functional.embedding,
        torch.conv1d,
        torch.matmul,
        torch.mm,
        torch.bmm,
        torch.addmm,
        torch.baddbmm,
        torch.einsum,
        torch.Tensor.matmul,
        torch.Tensor.mm,
        torch.Tensor.bmm,
        torch.Tensor.__matmul__,
        torch.Tensor.__rmatmul__,
        torch.Tensor.addmm,
        torch.Tensor.baddbmm,
    }
)
"""Functions that multiply by a matrix outside a module. Their results are not written by the head."""

_SCALES = frozenset(
    {
        torch.rsqrt,
        torch.sqrt,
        torch.norm,
        torch.linalg.norm,
        torch.linalg.vector_norm,
        torch.var,
        torch.std,
        torch.Tensor.rsqrt,
        torch.Tensor.sqrt,
        torch.Tensor.norm,
        torch.Tensor.var,
        torch.Tensor.std,
    }
)
"""Functions by which norms divide."""

_POWERS = frozenset({torch.pow, torch.Tensor.pow, torch.Tensor.__pow__})


class _Frozen(TorchFunctionMode):
    """Holds norms' scales and the results of matrices fixed: no gradient goes through them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (functional.layer_norm, torch.layer_norm):
            return _layer_norm(*args, **kwargs)
        if func in (functional.rms_norm, getattr(torch, "rms_norm", None)):
            return _rms_norm(*args, **kwargs)
        if func is functional.normalize:
            return _normalize(*args, **kwargs)
        output = func(*args, **kwargs)
        if func in _PRODUCTS or func in _SCALES or (func in _POWERS and _is_root(*args[1:2], **kwargs)):
            return _detached(output)
        return output


def _is_root(exponent: Any = 1, **_: Any) -> bool:
    return isinstance(exponent, float | int) and (exponent < 0 or exponent != int(exponent))


def _layer_norm(
    states: torch.Tensor,
    shape: Sequence[int],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> torch.Tensor:
    axes = tuple(range(-len(shape), 0))
    wide = states.to(torch.promote_types(states.dtype, torch.float32))
    centred = wide - wide.mean(axes, keepdim=True)
    normed = centred * (centred.detach().pow(2).mean(axes, keepdim=True) + eps).rsqrt()
    normed = normed if weight is None else normed * weight
    return (normed if bias is None else normed + bias).to(states.dtype)


def _rms_norm(
    states: torch.Tensor, shape: Sequence[int], weight: torch.Tensor | None = None, eps: float | None = None
) -> torch.Tensor:
    axes = tuple(range(-len(shape), 0))
    wide = states.to(torch.promote_types(states.dtype, torch.float32))
    least = torch.finfo(states.dtype).eps if eps is None else eps
    normed = wide * (wide.detach().pow(2).mean(axes, keepdim=True) + least).rsqrt()
    return (normed if weight is None else normed * weight).to(states.dtype)


def _normalize(states: torch.Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> torch.Tensor:
    scale: torch.Tensor = states.detach().norm(p, dim, keepdim=True).clamp_min(eps)
    return states / scale
