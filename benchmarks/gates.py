"""Learned gates, as a method to compare with: one number per head, trained so that refusal goes and harmless answers stay.

Every head's z is multiplied by a gate in [0, 1]; gradient descent lowers the log-odds of the model's own refusals, with a price on
KL(base || gated) of its own harmless answers and on every gate that closes. A head's score is 1 - gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import nn

from headsurgery.attribution.refusal import REFUSAL_TOKENS, OwnAnswers
from headsurgery.attribution.scores import FloatArray
from headsurgery.engine.measures import log_odds
from headsurgery.model.modules import ModuleMap

STEPS, LEARNING_RATE, KL_PRICE, GATE_PRICE = 25, 0.1, 10.0, 0.05


def learn_gates(modules: ModuleMap, refusals: OwnAnswers, harmless: OwnAnswers) -> FloatArray:
    """1 - gate of every head, [layer, head]."""
    geometry = modules.geometry
    closed = nn.Parameter(torch.full((geometry.num_layers, geometry.max_heads), -3.0))  # gate = 1 - sigmoid
    optimizer = torch.optim.Adam([closed], lr=LEARNING_RATE * 3)
    batches = [own.queries for own in (refusals, harmless)]
    targets = torch.tensor(refusals.targets).flatten()
    weights = [torch.tensor(own.weights).flatten() / len(own.queries) for own in (refusals, harmless)]
    with torch.inference_mode():
        base = _logits(modules, batches[1]).float().log_softmax(-1)
    base = base.clone()
    for _ in range(STEPS):
        with _gated(modules, 1 - torch.sigmoid(closed)):
            odds = log_odds(_logits(modules, batches[0]), targets)
            now = _logits(modules, batches[1]).float().log_softmax(-1)
        divergence = ((base.exp() * (base - now)).sum(-1) * weights[1]).sum()
        loss = (odds * weights[0]).sum() + KL_PRICE * divergence + GATE_PRICE * torch.sigmoid(closed).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores: FloatArray = torch.sigmoid(closed.detach()).double().numpy()
    return np.asarray(scores)


def _logits(modules: ModuleMap, queries: Sequence[Sequence[int]]) -> torch.Tensor:
    """[queries * REFUSAL_TOKENS, vocabulary]; padded on the right, which a causal model doesn't see."""
    model: Any = modules.model
    length = max(map(len, queries))
    tokens = torch.tensor([[*query, *([query[-1]] * (length - len(query)))] for query in queries], device=modules.device)
    states = model.get_decoder()(input_ids=tokens, use_cache=False).last_hidden_state
    read = [row[len(query) - REFUSAL_TOKENS : len(query)] for row, query in zip(states, queries, strict=True)]
    logits: torch.Tensor = modules.output_embeddings(torch.cat(read))
    return logits


def _gated(modules: ModuleMap, gates: torch.Tensor) -> ExitStack:
    stack = ExitStack()
    for layer in modules.geometry.attention_layers:
        heads = modules.geometry.layers[layer]
        assert heads is not None

        def gate(_: nn.Module, args: tuple[torch.Tensor, ...], layer: int = layer, width: int = heads.head_dim) -> Any:
            scale = gates[layer].to(args[0].dtype).repeat_interleave(width)
            return (args[0] * scale, *args[1:])

        stack.callback(modules.projection(layer, "o_proj").register_forward_pre_hook(gate).remove)
    return stack
