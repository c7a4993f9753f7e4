"""Float32 matrix products on a CPU by oneDNN, which is part of PyTorch, instead of PyTorch's BLAS.

That BLAS is MKL, which does not use the wide instructions (AVX-512) of processors that are not Intel's. oneDNN uses them and is
about twice as fast there. Types other than float32 are computed by oneDNN anyway. The products are as exact, but their rounding
differs. So results that are compared bit for bit must be computed within the same `fast_linears`. Neighbour: `engine.local` runs
all its work in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from headsurgery.model.forwards import Forward, forwards
from headsurgery.model.offload import runs_on


@contextmanager
def fast_linears(model: nn.Module) -> Iterator[None]:
    """Run a model's linear layers by oneDNN if that is faster; for inference only, since no gradients are kept.

    A forward that another library has put in stays, and so does that of a subclass. accelerate's forward loads weights and then
    calls the one that it replaced. That one is exchanged for oneDNN, so that offloaded weights give the same bits.
    """
    is_faster = torch.backends.cpu.get_cpu_capability() == "AVX512" and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    linears = [module for module in model.modules() if type(module) is nn.Linear and module.weight.dtype == torch.float32]
    suited = [module for module in linears if is_faster and runs_on(module).type == "cpu"]
    hooked = [module for module in suited if "_old_forward" in module.__dict__]
    own = [module for module in suited if "forward" not in module.__dict__]
    inner = forwards({module: _by_onednn(module) for module in hooked}, attribute="_old_forward")
    with forwards({module: _by_onednn(module) for module in own}), inner:
        yield


def _by_onednn(module: nn.Linear) -> Forward:
    def forward(states: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, module.weight, module.bias, "none", [], "")
        return output

    return forward
