"""Record how the model calls its decoder layers, so that a layer can be called again with other rows.

The model's forward pass runs for one query with its layers skipped, which costs only embeddings and masks. The other arguments of
each layer (masks, position embeddings, flags) are the same for every query of that length. Where they are not, the model can't be
called layer by layer; `probe` finds that out.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from headsurgery.model.forwards import Forward, forwards
from headsurgery.model.modules import ModuleMap

Rest = Sequence[tuple[Any, ...] | None]
"""For each layer, what it returns in addition to the hidden states; None if it returns only these."""


@dataclass(frozen=True, kw_only=True)
class LayerCall:
    """How the model calls one layer.

    Args:
        args: Positional arguments. The hidden states are the first, if there are any.
        kwargs: Keyword arguments.
        cache: The key/value cache among them, which can be replaced by another; None: there is none.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    cache: DynamicCache | None

    def __call__(self, layer: nn.Module, hidden: torch.Tensor, cache: Any = None) -> torch.Tensor:
        """The layer's output, [rows, pos, hidden_size]."""
        args = tuple(self._with(value, cache) for value in self.args[1:])
        kwargs = {name: self._with(value, cache) for name, value in self.kwargs.items() if name != "hidden_states"}
        output = layer(hidden, *args, **kwargs) if self.args else layer(hidden_states=hidden, **kwargs)
        states: torch.Tensor = output[0] if isinstance(output, tuple) else output
        return states

    def _with(self, value: Any, cache: Any) -> Any:
        return cache if self.cache is not None and value is self.cache else value


@dataclass(frozen=True, kw_only=True)
class Calls:
    """One run of the model with its layers skipped.

    Args:
        layers: How the model calls each layer.
        embedded: The input of layer 0, [queries, pos, hidden_size].
    """

    layers: tuple[LayerCall, ...]
    embedded: torch.Tensor


def catch_calls(modules: ModuleMap, rest: Rest, tokens: torch.Tensor, cache: DynamicCache | None = None) -> Calls:
    """Find out how the model calls its layers for queries of one length.

    Args:
        modules: The model.
        rest: See `catch_rest`.
        tokens: [queries, pos]; the calls are those of the first query.
        cache: Keys and values of the positions before the tokens, one row; it is not changed.
    """
    found: list[LayerCall] = []
    entered: list[torch.Tensor] = []

    def passing(layer: int) -> Forward:
        def forward(*args: Any, **kwargs: Any) -> Any:
            hidden: torch.Tensor = args[0] if args else kwargs["hidden_states"]
            entered.append(hidden)
            found.append(LayerCall(args=(None, *args[1:]) if args else (), kwargs={**kwargs, "hidden_states": None}, cache=cache))
            return _answer(hidden, rest[layer])

        return forward

    with forwards({layer: passing(number) for number, layer in enumerate(modules.layers)}), _undecoded(modules):
        call_model(modules, tokens, cache=cache)
        embedded = entered[0]
        found.clear()
        call_model(modules, tokens[:1], cache=cache)
    return Calls(layers=tuple(found), embedded=embedded)


def catch_rest(modules: ModuleMap, tokens: torch.Tensor) -> Rest:
    """Run the model on tokens [queries, pos], and record what its layers return in addition to the hidden states."""
    found: list[tuple[Any, ...] | None] = []

    def keep(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        found.append(output[1:] if isinstance(output, tuple) else None)

    with ExitStack() as stack:
        for layer in modules.layers:
            stack.callback(layer.register_forward_hook(keep).remove)
        call_model(modules, tokens)
    return found


def _answer(hidden: torch.Tensor, others: tuple[Any, ...] | None) -> Any:
    return hidden if others is None else (hidden, *others)


@contextmanager
def _undecoded(modules: ModuleMap) -> Iterator[None]:
    """Skip the output embeddings."""
    with forwards({modules.output_embeddings: lambda hidden: hidden[..., :0]}):
        yield


def call_model(modules: ModuleMap, tokens: torch.Tensor, *, cache: DynamicCache | None = None) -> Any:
    """The model's own forward pass, without a cache or with the given one."""
    if cache is None:
        return modules.model(input_ids=tokens, use_cache=False, return_dict=True)
    name = "cache" if "cache" in inspect.signature(modules.model.forward).parameters else "past_key_values"
    return modules.model(input_ids=tokens, use_cache=True, return_dict=True, **{name: cache})


@contextmanager
def answering(modules: ModuleMap, entry: int, resid_post: torch.Tensor, rest: Rest | None = None) -> Iterator[None]:
    """Let all layers below `entry` return at once, without running.

    Args:
        modules: The model.
        entry: The first layer that runs.
        resid_post: What layer `entry` - 1 returns, [rows, pos, hidden_size].
        rest: See `catch_rest`; None: layers return only hidden states.
    """

    def answer(layer: int) -> Forward:
        def forward(*args: Any, **kwargs: Any) -> Any:
            hidden = resid_post if layer == entry - 1 else (args[0] if args else kwargs["hidden_states"])
            return _answer(hidden, None if rest is None else rest[layer])

        return forward

    with forwards({modules.layers[layer]: answer(layer) for layer in range(entry)}):
        yield


@dataclass(frozen=True, kw_only=True)
class FinalStates:
    """The output of the model.

    Args:
        states: Hidden states after the final norm, [rows, pos, hidden_size].
        logits: [rows, pos, vocabulary], or None if they were not requested.
    """

    states: torch.Tensor
    logits: torch.Tensor | None


def leave(modules: ModuleMap, rest: Rest, resid_post: torch.Tensor, *, want_logits: bool) -> FinalStates:
    """Apply everything that the model does after the last layer: final norm, output embeddings, soft-capping and so on.

    Args:
        modules: The model.
        rest: See `catch_rest`.
        resid_post: [rows, pos, hidden_size].
        want_logits: Compute logits.
    """
    tokens = torch.zeros(resid_post.shape[:2], dtype=torch.long, device=modules.device)
    with answering(modules, len(modules.layers), resid_post, rest):
        return run_model(modules, tokens, want_logits=want_logits)


def run_model(modules: ModuleMap, tokens: torch.Tensor, *, tail: int | None = None, want_logits: bool) -> FinalStates:
    """The model's own forward pass. Only the last `tail` positions go through the output embeddings."""
    embeddings = modules.output_embeddings
    original: Forward = embeddings.forward
    outputs: list[torch.Tensor] = []

    def unembed(hidden: torch.Tensor) -> Any:
        read = hidden if tail is None else hidden[:, -tail:].contiguous()  # otherwise torch copies the weights once per row
        outputs.append(read)
        return original(read) if want_logits else read[..., :0]

    with forwards({embeddings: unembed}):
        logits = call_model(modules, tokens).logits
    return FinalStates(states=outputs[-1], logits=logits if want_logits else None)
