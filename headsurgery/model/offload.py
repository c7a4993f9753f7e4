"""Weights that accelerate keeps elsewhere (CPU, disk) and brings in for one call of a module at a time.

A hook of accelerate's on each module with weights of its own loads them before its forward and drops them behind it. A sweep calls
one layer many times in a row; `held` loads the weights once for all of these calls. accelerate itself is not imported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn


def is_offloaded(model: nn.Module) -> bool:
    """Whether any weights are offloaded."""
    return any(True for _ in _offloading(model))


def runs_on(module: nn.Module) -> torch.device:
    """The device on which a module with a weight runs, also if its weights are offloaded."""
    weight: Any = module.weight
    return torch.device(getattr(getattr(module, "_hf_hook", None), "execution_device", None) or weight.device)


@contextmanager
def held(module: nn.Module, *, without: Collection[nn.Module] = ()) -> Iterator[None]:
    """Keep the weights of a module and of all modules below it on the device that they run on.

    Args:
        module: The module.
        without: Modules below it that are left alone, with all below them.
    """
    passed_over = {below for top in without for below in top.modules()}
    with ExitStack() as stack:
        for part, hook in list(_offloading(module)):
            if part not in passed_over:
                stack.enter_context(_loaded(part, hook))
        yield


def _offloading(module: nn.Module) -> Iterator[tuple[nn.Module, Any]]:
    """Modules whose weights are loaded and dropped, each with accelerate's hook (AlignDevicesHook)."""
    for part in module.modules():
        hook = getattr(part, "_hf_hook", None)
        if getattr(hook, "offload", False):
            yield part, hook


@contextmanager
def _loaded(part: nn.Module, hook: Any) -> Iterator[None]:
    """Load a module's weights. In the meantime its hook only moves inputs and outputs."""
    hook.pre_forward(part)
    hook.offload = False
    try:
        yield
    finally:
        hook.offload = True
        hook.post_forward(part, None)
