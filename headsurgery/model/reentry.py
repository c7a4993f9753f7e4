"""Run a model from the middle: the forward pass that starts at layer l with given hidden states.

Ablating a head of layer l changes nothing below l. So the base is run once and every layer's output kept; a variant then runs the
model's own forward again, with the layers below l answering at once from what was kept. Masks, position embeddings, final norm and
logit scaling are thereby the model's own; no family needs code here. Logits are computed for the last position only, and only where
they are asked for.

Whether a model can be entered at a layer is not believed but tried (`find_entries`): a model that shares keys across layers, or
carries state between them, gives other states or an error, and is then entered further down, at the bottom in the worst case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headsurgery.model.hooks import EditSwitch, RowEdit, row_edits
from headsurgery.model.modules import ModuleMap

Forward = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class FinalStates:
    """What leaves the model at the last position.

    Args:
        states: Hidden states after the final norm, [rows, hidden_size].
        logits: [rows, vocabulary], or None where they were not asked for.
    """

    states: torch.Tensor
    logits: torch.Tensor | None


@dataclass(frozen=True, kw_only=True)
class Captured:
    """One run of the whole model, kept to enter it again.

    Args:
        tokens: [queries, pos].
        resid_post: Per layer, its output [queries, pos, hidden_size].
        rest: Per layer, what it returned behind the hidden states; None where it returns them alone.
        final: What left the model.
        edits: Edits that were in force, for all rows.
    """

    tokens: torch.Tensor
    resid_post: tuple[torch.Tensor, ...]
    rest: tuple[tuple[Any, ...] | None, ...]
    final: FinalStates
    edits: tuple[RowEdit, ...]


@torch.inference_mode()
def capture(modules: ModuleMap, tokens: torch.Tensor, *, edits: Sequence[RowEdit] = (), want_logits: bool = False) -> Captured:
    """Run the model on token ids [queries, pos] and keep every layer's output."""
    outputs: list[Any] = []

    def keep(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        outputs.append(output)

    with ExitStack() as stack:
        stack.enter_context(row_edits(modules, edits))
        for layer in modules.layers:
            stack.callback(layer.register_forward_hook(keep).remove)
        final = _run(modules, tokens, want_logits=want_logits)
    return Captured(
        tokens=tokens,
        resid_post=tuple(output[0] if isinstance(output, tuple) else output for output in outputs),
        rest=tuple(output[1:] if isinstance(output, tuple) else None for output in outputs),
        final=final,
        edits=tuple(edits),
    )


@torch.inference_mode()
def reenter(
    modules: ModuleMap,
    captured: Captured,
    *,
    entry: int,
    copies: int = 1,
    edits: Sequence[RowEdit] = (),
    edited_layer: int | None = None,
    want_logits: bool = False,
) -> FinalStates:
    """Run from layer `entry` up, on `copies` stacked copies of the captured queries.

    Args:
        modules: The model.
        captured: Its run, whose own edits stay in force.
        entry: First layer that runs.
        copies: Row c * queries + q is copy c of query q.
        edits: Further edits, row by row.
        edited_layer: The lowest layer of `edits`. Rows whose output of this layer equals, bit for bit, what the same batch gives
            without `edits` are unaffected; they get the captured final states, so that an edit without effect scores exactly 0.
        want_logits: Compute logits.

    Returns:
        [copies * queries, ...] of each.
    """
    tokens = captured.tokens.repeat(copies, 1)  # [copies * queries, pos]
    unaffected: list[torch.Tensor] = []
    with ExitStack() as stack:
        stack.enter_context(row_edits(modules, captured.edits))
        switch = stack.enter_context(row_edits(modules, edits))
        stack.enter_context(_answering(modules, captured, entry, copies))
        if edited_layer is not None:
            hook = _find_unaffected(captured.resid_post[edited_layer], switch, unaffected)
            stack.callback(modules.layers[edited_layer].register_forward_hook(hook, with_kwargs=True).remove)
        final = _run(modules, tokens, want_logits=want_logits)
    for rows in unaffected:
        _replace_rows(final.states, captured.final.states, rows)
        if final.logits is not None and captured.final.logits is not None:
            _replace_rows(final.logits, captured.final.logits, rows)
    return final


def find_entries(modules: ModuleMap, tokens: torch.Tensor) -> tuple[int, ...]:
    """For every layer the highest layer, at most itself, at which the model can be entered.

    Args:
        modules: The model.
        tokens: A short query, [1, pos].
    """
    captured = capture(modules, tokens)
    wanted = captured.final.states
    tolerance = 16 * torch.finfo(wanted.dtype).eps * wanted.norm()
    entries = [0]
    for layer in range(1, len(modules.layers)):
        entries.append(layer if _can_enter(modules, captured, layer, tolerance) else entries[-1])
    return tuple(entries)


def _can_enter(modules: ModuleMap, captured: Captured, layer: int, tolerance: torch.Tensor) -> bool:
    try:
        found = reenter(modules, captured, entry=layer).states
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):  # what a layer raises that misses its predecessor
        return False
    return bool((found - captured.final.states).norm() <= tolerance)


def _run(modules: ModuleMap, tokens: torch.Tensor, *, want_logits: bool) -> FinalStates:
    """The model's own forward; only the last position goes into the output embeddings."""
    embeddings = modules.output_embeddings
    original: Forward = embeddings.forward
    states: list[torch.Tensor] = []

    def unembed(hidden: torch.Tensor) -> Any:
        last = hidden[:, -1:]  # [rows, 1, hidden_size]
        states.append(last)
        return original(last) if want_logits else last[..., :0]

    with _forwards({embeddings: unembed}):
        logits = modules.model(input_ids=tokens, use_cache=False).logits  # [rows, 1, vocabulary]
    return FinalStates(states=states[-1][:, -1].clone(), logits=logits[:, -1].clone() if want_logits else None)


@contextmanager
def _answering(modules: ModuleMap, captured: Captured, entry: int, copies: int) -> Iterator[None]:
    """Let all layers below `entry` answer from the captured run; the topmost of them with its output, stacked."""

    def answer(layer: int) -> Forward:
        is_top, rest = layer == entry - 1, captured.rest[layer]

        def forward(*args: Any, **kwargs: Any) -> Any:
            hidden = captured.resid_post[layer].repeat(copies, 1, 1) if is_top else (args[0] if args else kwargs["hidden_states"])
            return hidden if rest is None else (hidden, *rest)

        return forward

    with _forwards({modules.layers[layer]: answer(layer) for layer in range(entry)}):
        yield


@contextmanager
def _forwards(replacements: Mapping[nn.Module, Forward]) -> Iterator[None]:
    """Replace modules' forward for a while, keeping what an outer library (accelerate) may have put there."""
    before = {module: module.__dict__.get("forward") for module in replacements}
    try:
        for module, forward in replacements.items():
            module.forward = forward
        yield
    finally:
        for module, forward in before.items():  # type: ignore[assignment]
            if forward is None:
                module.__dict__.pop("forward", None)
            else:
                module.forward = forward


def _find_unaffected(resid_post: torch.Tensor, switch: EditSwitch, found: list[torch.Tensor]) -> Callable[..., None]:
    """A hook that appends the mask [rows] of rows whose edits changed nothing in this layer's output.

    The captured output comes from a batch of another size, whose rounding may differ; so rows that are merely close to it are
    settled by running the layer once more on the same batch without the edits.
    """

    def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        states = output[0] if isinstance(output, tuple) else output  # [copies * queries, pos, hidden_size]
        queries = resid_post.shape[0]
        distance = (states.view(-1, queries, *states.shape[1:]) - resid_post).abs().amax(dim=(2, 3))  # [copies, queries]
        if bool((distance <= 64 * torch.finfo(states.dtype).eps * resid_post.abs().amax(dim=(1, 2))).any()):
            with switch.off():
                again = layer.forward(*args, **kwargs)
            again = again[0] if isinstance(again, tuple) else again
            found.append((states == again).flatten(1).all(dim=1))

    return hook


def _replace_rows(target: torch.Tensor, captured: torch.Tensor, rows: torch.Tensor) -> None:
    """Overwrite masked rows [copies * queries] with those of the captured queries."""
    index = rows.nonzero().squeeze(1)
    target[index] = captured[index % captured.shape[0]]
