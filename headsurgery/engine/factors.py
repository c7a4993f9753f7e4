"""One factor per head on a live model, as a tensor that a gradient runs back into.

`model.hooks` applies edits whose factors are numbers. Here every head's factor is an entry of one tensor, so that all can be
learned at once. Only operations that multiply states can be done this way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache

from headsurgery.edits.operation import BlockKind
from headsurgery.edits.operations import OPERATIONS, OperationName, locate
from headsurgery.engine.calls import call_model
from headsurgery.engine.limits import find_room, show_bytes
from headsurgery.engine.probe import find_shortcuts
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.slices import Slices
from headsurgery.errors import UsageError
from headsurgery.model.forwards import Forward, forwards
from headsurgery.model.modules import ModuleMap

_TOKENS, _TOKENS_GPU = 1024, 4096
"""Tokens per pass that keep a device busy."""
_READ = 4
"""Of so many tokens one is read, at least: a prompt is longer than what is read of its answer."""


@contextmanager
def head_factors(modules: ModuleMap, operation: OperationName, factors: torch.Tensor) -> Iterator[None]:
    """Multiply what an operation touches of each head by the head's factor.

    Args:
        modules: The model.
        operation: One that multiplies states.
        factors: [layer, head]; entries of layers or heads that do not exist are not read.

    Raises:
        UsageError: The operation does more than multiply.
        GeometryError: On this model only a factor of 0 has an effect (QK-norm).
    """
    if not (OPERATIONS[operation].multiplies and OPERATIONS[operation].acts_on_states):
        raise UsageError(f"{operation} does not multiply, so it has no factor that could be learned")
    OPERATIONS[operation].check(0.5, has_q_norm=modules.has_q_norm)
    with ExitStack() as stack:
        for (layer, kind), heads in _blocks(modules, operation).items():
            for module in modules.projections(layer, kind.projection):
                stack.callback(_multiply(module, kind, heads, factors[layer]).remove)
        yield


def _blocks(modules: ModuleMap, operation: OperationName) -> dict[tuple[int, BlockKind], dict[int, range]]:
    """By layer and projection, the block of every head."""
    found: defaultdict[tuple[int, BlockKind], dict[int, range]] = defaultdict(dict)
    for head in modules.geometry.heads():
        for block in locate(operation, modules.architecture, modules.geometry.layer_of(head), head.head):
            found[head.layer, block.kind][head.head] = block.block
    return found


def _multiply(module: nn.Module, kind: BlockKind, heads: dict[int, range], factors: torch.Tensor) -> Any:
    places = torch.cat([torch.arange(block.start, block.stop) for block in heads.values()])
    owners = torch.cat([torch.full((len(block),), head) for head, block in heads.items()])

    def scaled(states: torch.Tensor) -> torch.Tensor:
        own = factors[owners.to(factors.device)].to(states)
        scale = torch.ones(states.shape[-1], dtype=states.dtype, device=states.device)
        return states * scale.index_put((places.to(states.device),), own)

    if kind.side == "input":
        return module.register_forward_pre_hook(lambda _, args: (scaled(args[0]), *args[1:]))
    return module.register_forward_hook(lambda _, __, output: scaled(output))


@dataclass
class GradientPasses:
    """How much goes through the model at a time where a gradient runs back.

    Args:
        slices: Rows per pass; fewer after a lack of memory.
        checkpointed: Keep only what goes into each layer, and run layers again in the backward pass.
        prefixed: Longest query, in tokens, whose prefix may run once for all queries that share it; 0: none.
    """

    slices: Slices = field(default_factory=lambda: Slices(max_tokens=_TOKENS))
    checkpointed: bool = False
    prefixed: int = 0

    @classmethod
    def fit(cls, modules: ModuleMap, query: Sequence[int], longest: int, max_memory: int | None) -> GradientPasses:
        """As many tokens as fit into memory, and as keep the device busy.

        Args:
            modules: The model.
            query: Token ids on which a separate prefix is tried.
            longest: Tokens of the longest query.
            max_memory: Bytes that the process may take; None: four fifths of what is free now.

        Raises:
            UsageError: A single query does not fit, not even with layers that run again.
        """
        shape, itemsize = ModelShape.of_modules(modules), modules.dtype.itemsize
        room = find_room(modules, max_memory)
        usual = _TOKENS if modules.device.type == "cpu" else _TOKENS_GPU
        prefixed = find_shortcuts(modules, query).prefixed
        if room is None:
            return cls(slices=Slices(max_tokens=usual), prefixed=prefixed)
        for checkpointed in (False, True):
            tokens = room.size // gradient_bytes(shape, itemsize=itemsize, checkpointed=checkpointed)
            if tokens >= longest:
                return cls(slices=Slices(max_tokens=min(usual, tokens)), checkpointed=checkpointed, prefixed=prefixed)
        needed = room.taken + longest * gradient_bytes(shape, itemsize=itemsize, checkpointed=True)
        raise UsageError(
            f"a gradient needs at least {show_bytes(needed)} of memory, found {show_bytes(room.taken + room.size)}",
            hint="raise --max-memory, or use shorter prompts or a smaller --dtype",
        )


def gradient_bytes(shape: ModelShape, *, itemsize: int, checkpointed: bool) -> int:
    """Bytes of a token while a gradient runs back: what each layer keeps, and the logits of an answer's token.

    A layer keeps 8 hidden states (norms in float32 among them), 4 times its queries and its keys and values, and 4 times the MLP's
    widest side. With layers that run again only one of them does, and the others keep what goes into them.
    """
    layers = [
        (8 * shape.hidden_size + 4 * layer.query_width + 4 * layer.kv_width + 4 * layer.widest) * itemsize for layer in shape.layers
    ]
    kept = max(layers) + len(layers) * shape.hidden_size * itemsize if checkpointed else sum(layers)
    return kept + 6 * 4 * shape.vocabulary // _READ


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No gradient for the weights, so that a backward pass keeps no activations for them."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


def read_ends(
    modules: ModuleMap, queries: Sequence[Sequence[int]], tail: int, *, prefix: int = 0, checkpointed: bool = False
) -> torch.Tensor:
    """Logits at the last positions of queries of different lengths, in one batch.

    Queries are padded on the right, which a causal model does not see.

    Args:
        modules: The model.
        queries: Token ids.
        tail: Positions that are read of each query, up to its last; of a shorter one its first stands in for those that it lacks.
        prefix: So many tokens, with which all queries begin, run once for all of them; at most those before the tail.
        checkpointed: Keep only what goes into each layer, and run the layer again in the backward pass. Then there is no prefix,
            because a layer that runs again would find its own keys among those of the prefix.

    Returns:
        [queries, tail, vocabulary].
    """
    length = max(map(len, queries))
    tokens = torch.tensor([[*query, *[query[-1]] * (length - len(query))] for query in queries], device=modules.device)
    prefix = 0 if checkpointed else prefix
    ends = torch.tensor([len(query) - prefix for query in queries], device=modules.device).unsqueeze(1)
    places = (ends - torch.arange(tail, 0, -1, device=modules.device)).clamp(min=0)  # [queries, tail]
    cache = _run_prefix(modules, tokens[:1, :prefix], len(queries)) if prefix else None
    original: Forward = modules.output_embeddings.forward

    def unembed(hidden: torch.Tensor) -> Any:
        rows = torch.arange(len(queries), device=hidden.device).unsqueeze(1)
        return original(hidden[rows, places.to(hidden.device)])

    replaced: dict[nn.Module, Forward] = {modules.output_embeddings: unembed}
    if checkpointed:
        replaced |= {layer: _checkpointed(layer.forward) for layer in modules.layers}
    with forwards(replaced):
        logits: torch.Tensor = call_model(modules, tokens[:, prefix:], cache=cache).logits
    return logits


def _run_prefix(modules: ModuleMap, tokens: torch.Tensor, rows: int) -> DynamicCache:
    """Keys and values of a prefix [1, pos], for so many rows; a gradient runs back into them."""
    cache = DynamicCache()
    with forwards({modules.output_embeddings: lambda hidden: hidden[..., :0]}):
        call_model(modules, tokens, cache=cache)
    for layer in cache.layers:
        layer.keys, layer.values = (states.expand(rows, -1, -1, -1) for states in (layer.keys, layer.values))
    return cache


def _checkpointed(forward: Callable[..., Any]) -> Forward:
    def run(*args: Any, **kwargs: Any) -> Any:
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    return run
