"""Direct head scores: one forward per prompt, no ablation (RDSHA, arXiv 2508.19697).

The refusal direction is r = mean(harmful) - mean(harmless) of the residual stream behind the last decoder layer (resid_post, before
the final norm) at the prompt's last position. A head's score is the mean over prompts of |head_result . r| / ||r||, its head_result
read at the same position: what it writes along r itself, in units of the residual stream. What later layers make of it is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, combine, score_heads
from headsurgery.engine.calls import run_model
from headsurgery.model.modules import ModuleMap


def direct(modules: ModuleMap, sets: Sequence[Sequence[Sequence[int]]], *, top: int, contrast: float | None = None) -> ScoreTable:
    """Score all heads and choose the best.

    Args:
        modules: The model.
        sets: Token ids of the harmful queries, and of the harmless ones.
        top: Heads to choose.
        contrast: Weight of the score on the harmless queries.
    """
    harmful, harmless = direct_scores(modules, *sets)
    chosen = best_heads(combine(harmful, harmless, contrast), top)
    return ScoreTable(
        arrays={"direct": harmful[None], "direct_harmless": harmless[None]},
        harmful=harmful,
        harmless=harmless,
        contrast=contrast,
        chosen=score_heads(chosen, harmful, harmless, contrast),
    )


@torch.inference_mode()
def direct_scores(
    modules: ModuleMap, harmful: Sequence[Sequence[int]], harmless: Sequence[Sequence[int]]
) -> tuple[FloatArray, FloatArray]:
    """Scores on the harmful and on the harmless queries, [layer, head] each; NaN where a layer has no such head."""
    taken = [[_read(modules, query) for query in queries] for queries in (harmful, harmless)]
    means = [torch.stack([resid for resid, _ in of_set]).mean(dim=0) for of_set in taken]
    direction = torch.nn.functional.normalize(means[0] - means[1], dim=0)  # [hidden_size]
    first, second = (
        torch.stack([_along(modules, head_outputs, direction).abs() for _, head_outputs in of_set]).mean(dim=0) for of_set in taken
    )
    return first.numpy(), second.numpy()


def _read(modules: ModuleMap, query: Sequence[int]) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    """At the last position the residual stream behind the last layer, [hidden_size], and z by layer, [width], in float64."""
    heads: dict[int, torch.Tensor] = {}
    resid: list[torch.Tensor] = []

    def keep(layer: int) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            heads[layer] = args[0][0, -1].double().cpu()

        return hook

    def leaving(_: nn.Module, __: Any, output: Any) -> None:
        resid.append((output[0] if isinstance(output, tuple) else output)[0, -1].double().cpu())

    with ExitStack() as stack:
        for layer in modules.geometry.attention_layers:
            stack.callback(modules.projection(layer, "o_proj").register_forward_pre_hook(keep(layer)).remove)
        stack.callback(modules.layers[-1].register_forward_hook(leaving).remove)
        run_model(modules, torch.tensor([list(query)], device=modules.device), tail=1, want_logits=False)
    return resid[0], heads


def _along(modules: ModuleMap, head_outputs: dict[int, torch.Tensor], direction: torch.Tensor) -> torch.Tensor:
    """head_result . direction of every head, [layer, head]."""
    geometry = modules.geometry
    found = torch.full((geometry.num_layers, geometry.max_heads), torch.nan, dtype=torch.float64)
    for layer, z in head_outputs.items():
        weight: Any = modules.projection(layer, "o_proj").weight
        toward = weight.detach().double().cpu()  # [hidden_size, width], or its transpose
        read = direction @ (toward if modules.architecture.input_axis == 1 else toward.T)  # [width]
        heads = geometry.layers[layer]
        assert heads is not None  # attention_layers have heads
        found[layer, : heads.num_heads] = (z * read).view(heads.num_heads, heads.head_dim).sum(dim=1)
    return found
