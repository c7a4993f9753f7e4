"""Float32 matrix products on a CPU by oneDNN, which comes with PyTorch, instead of its BLAS.

That BLAS is MKL, which leaves the wide instructions (AVX-512) of processors that are not Intel's alone; oneDNN takes them and is
about twice as fast there. Other types than float32 are oneDNN's anyway. The products are as exact; only their rounding differs, so
whatever is compared bit for bit must run within the same `fast_linears`. Neighbour: `engine.local` runs all of its work in it.
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
    """Let a model's linear layers run by oneDNN where that is the faster way; for inference, since it keeps no gradients.

    A forward that another library has put in stays, and so does a subclass's own. accelerate's, which loads weights and then calls
    what it replaced, calls oneDNN instead, so that weights from elsewhere give the same bits.
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
