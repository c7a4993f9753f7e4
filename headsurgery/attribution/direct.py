"""Direct head scores: two forward passes per prompt, no ablation (RDSHA, arXiv 2508.19697).

The refusal direction is r = mean(harmful) - mean(harmless) of the residual stream after the last decoder layer (resid_post, before
the final norm) at the prompt's last position. A head's score is the mean over prompts of |head_result . r| / ||r||, with its
head_result at the same position: what it writes along r itself, in units of the residual stream. If a norm or a multiplier stands
between o_proj and the residual stream, the head_result is what comes out of it (`writes`), with the norm's scale fixed at that
position, so the heads' results add up to what their layer's attention writes. Effects through later layers are not included.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from headsurgery.attribution.scores import FloatArray, ScoreTable, best_heads, combine, score_heads
from headsurgery.attribution.writes import directions_at, residual_at_end
from headsurgery.engine.calls import run_model
from headsurgery.model.hooks import head_outputs
from headsurgery.model.modules import ModuleMap


def direct(modules: ModuleMap, sets: Sequence[Sequence[Sequence[int]]], *, top: int, contrast: float | None = None) -> ScoreTable:
    """Score all heads and choose the best.

    Args:
        modules: The model.
        sets: Token ids of the harmful queries, and of the harmless ones.
        top: How many heads to choose.
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


@torch.no_grad()
def direct_scores(
    modules: ModuleMap, harmful: Sequence[Sequence[int]], harmless: Sequence[Sequence[int]]
) -> tuple[FloatArray, FloatArray]:
    """Scores on the harmful and on the harmless queries, [layer, head] each; NaN where a layer has no such head.

    Raises:
        ModelError: The model has several residual streams, or attention does not write into it.
    """
    taken = [[_read(modules, query) for query in queries] for queries in (harmful, harmless)]
    means = [torch.stack([resid for resid, _ in of_set]).mean(dim=0) for of_set in taken]
    direction = torch.nn.functional.normalize(means[0] - means[1], dim=0)  # [hidden_size]
    weights = _weights(modules)
    found = [
        torch.stack(
            [
                _along(modules, weights, head_outputs, directions_at(modules, query, direction)).abs()
                for query, (_, head_outputs) in zip(queries, of_set, strict=True)
            ]
        ).mean(dim=0)
        for queries, of_set in zip((harmful, harmless), taken, strict=True)
    ]
    return found[0].numpy(), found[1].numpy()


def _read(modules: ModuleMap, query: Sequence[int]) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    """At the last position: the residual stream after the last layer, [hidden_size], and z by layer, [width], in float64."""
    resid: list[torch.Tensor] = []

    def leaving(_: nn.Module, __: Any, output: Any) -> None:
        resid[:] = [residual_at_end(output, modules.geometry.hidden_size).double().cpu()]

    with ExitStack() as stack:
        outputs = stack.enter_context(head_outputs(modules, modules.geometry.attention_layers, positions=1))
        for module in modules.layers:  # the last one may never run, like layers for images
            stack.callback(module.register_forward_hook(leaving).remove)
        run_model(modules, torch.tensor([list(query)], device=modules.device), tail=1, want_logits=False)
    return resid[0], {layer: z[0, -1].double().cpu() for layer, z in outputs.items()}


def _weights(modules: ModuleMap) -> dict[int, torch.Tensor]:
    """o_proj by attention layer, [hidden_size, width], in float64."""
    found = {}
    for layer in modules.geometry.attention_layers:
        weight: Any = modules.projection(layer, "o_proj").weight
        wide = weight.detach().double().cpu()
        found[layer] = wide if modules.architecture.input_axis == 1 else wide.T
    return found


def _along(
    modules: ModuleMap,
    weights: dict[int, torch.Tensor],
    head_outputs: dict[int, torch.Tensor],
    directions: dict[int, torch.Tensor],
) -> torch.Tensor:
    """head_result . direction of every head, [layer, head]."""
    geometry = modules.geometry
    found = torch.full((geometry.num_layers, geometry.max_heads), torch.nan, dtype=torch.float64)
    for layer, z in head_outputs.items():
        read = directions[layer] @ weights[layer]  # [width]
        heads = geometry.layers[layer]
        assert heads is not None  # attention_layers have heads
        found[layer, : heads.num_heads] = (z * read).view(heads.num_heads, heads.head_dim).sum(dim=1)
    return found
