"""Run a model from the middle: the forward pass that starts at layer l with given hidden states.

Ablating a head of layer l changes nothing below l. So the base is run once and every layer's output kept; a variant then runs the
model's own forward again, with the layers below l answering at once from what was kept. Masks, position embeddings, final norm and
logit scaling are thereby the model's own; no family needs code here. Only a query's last positions (`tail`, mostly one) leave the
model: only they go through the last layer's o_proj and MLP, and logits are computed for them alone, where they are asked for.

Whether a model allows this is not believed but tried: `shortcuts` says where it can be entered and what can be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headsurgery.model.hooks import EditSwitch, RowEdit, row_edits
from headsurgery.model.modules import ModuleMap

Forward = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class FinalStates:
    """What leaves the model at the last positions of every row, row after row.

    Args:
        states: Hidden states after the final norm, [rows * tail, hidden_size].
        logits: [rows * tail, vocabulary], or None where they were not asked for.
    """

    states: torch.Tensor
    logits: torch.Tensor | None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Queries side by side, padded on the right, which a causal model doesn't see.

    Args:
        tokens: [queries, pos].
        last: Each query's last position, [queries].
        tail: How many positions of a query are read, up to its last.
    """

    tokens: torch.Tensor
    last: torch.Tensor
    tail: int = 1

    @classmethod
    def of(cls, queries: Sequence[Sequence[int]], device: torch.device | str = "cpu", *, tail: int = 1) -> Batch:
        """Put queries side by side; a shorter one is filled up with its own last token. None is shorter than `tail`."""
        length = max(map(len, queries))
        rows = [[*query, *([query[-1]] * (length - len(query)))] for query in queries]
        last = torch.tensor([len(query) - 1 for query in queries], device=device)
        return cls(tokens=torch.tensor(rows, device=device), last=last, tail=tail)

    def repeat(self, copies: int) -> Batch:
        """Row c * queries + q is copy c of query q."""
        return Batch(tokens=self.tokens.repeat(copies, 1), last=self.last.repeat(copies), tail=self.tail)

    def read(self, states: torch.Tensor) -> torch.Tensor:
        """The positions that are read, out of states [queries, pos, ...]: [queries, tail, ...]."""
        return states[self._index(states.device)]

    def spread(self, read: torch.Tensor) -> torch.Tensor:
        """The inverse of `read`, zero elsewhere: [queries, tail, ...] to [queries, pos, ...]."""
        spread = read.new_zeros(*self.tokens.shape, *read.shape[2:])
        spread[self._index(read.device)] = read
        return spread

    def _index(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        rows = torch.arange(len(self.last), device=device).unsqueeze(1)  # [queries, 1]
        back = torch.arange(self.tail - 1, -1, -1, device=device)  # [tail]
        return rows, self.last.to(device).unsqueeze(1) - back  # [queries, tail]


@dataclass(frozen=True, kw_only=True)
class Captured:
    """One run of the whole model, kept to enter it again.

    Args:
        batch: What was read.
        trim: Whether the last layer was trimmed to the positions that are read; its output then counts there only.
        resid_post: Per layer, its output [queries, pos, hidden_size].
        rest: Per layer, what it returned behind the hidden states; None where it returns them alone.
        final: What left the model.
        edits: Edits that were in force, for all rows.
    """

    batch: Batch
    trim: bool
    resid_post: tuple[torch.Tensor, ...]
    rest: tuple[tuple[Any, ...] | None, ...]
    final: FinalStates
    edits: tuple[RowEdit, ...]


@torch.inference_mode()
def capture(
    modules: ModuleMap, batch: Batch, *, edits: Sequence[RowEdit] = (), want_logits: bool = False, trim: bool = False
) -> Captured:
    """Run the model and keep every layer's output.

    Args:
        modules: The model.
        batch: What it reads.
        edits: Edits in force, for all rows.
        want_logits: Compute logits.
        trim: Let only the positions that are read go through o_proj and MLP of the last layer.
    """
    outputs: list[Any] = []

    def keep(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        outputs.append(output)

    with ExitStack() as stack:
        stack.enter_context(row_edits(modules, edits))
        for layer in modules.layers:
            stack.callback(layer.register_forward_hook(keep).remove)
        final = _run(modules, batch, want_logits=want_logits, trim=trim)
    return Captured(
        batch=batch,
        trim=trim,
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
        [copies * queries * tail, ...] of each.
    """
    unaffected: list[torch.Tensor] = []
    with ExitStack() as stack:
        stack.enter_context(row_edits(modules, captured.edits))
        switch = stack.enter_context(row_edits(modules, edits))
        stack.enter_context(answering(modules, entry, lambda top: captured.resid_post[top].repeat(copies, 1, 1), captured.rest))
        if edited_layer is not None:
            hook = _find_unaffected(captured.resid_post[edited_layer], switch, unaffected)
            stack.callback(modules.layers[edited_layer].register_forward_hook(hook, with_kwargs=True).remove)
        final = _run(modules, captured.batch.repeat(copies), want_logits=want_logits, trim=captured.trim)
    for rows in unaffected:
        _replace_rows(final.states, captured.final.states, rows, captured.batch.tail)
        if final.logits is not None and captured.final.logits is not None:
            _replace_rows(final.logits, captured.final.logits, rows, captured.batch.tail)
    return final


def _run(modules: ModuleMap, batch: Batch, *, want_logits: bool, trim: bool) -> FinalStates:
    """The model's own forward; only the positions that are read go into the output embeddings."""
    embeddings = modules.output_embeddings
    original: Forward = embeddings.forward
    states: list[torch.Tensor] = []

    def unembed(hidden: torch.Tensor) -> Any:
        read = batch.read(hidden)  # [rows, tail, hidden_size]
        states.append(read)
        return original(read) if want_logits else read[..., :0]

    with _trimmed(modules, batch) if trim else nullcontext(), _forwards({embeddings: unembed}):
        logits = modules.model(input_ids=batch.tokens, use_cache=False, return_dict=True).logits  # [rows, tail, vocabulary]
    return FinalStates(states=states[-1].flatten(0, 1), logits=logits.flatten(0, 1) if want_logits else None)


@contextmanager
def _trimmed(modules: ModuleMap, batch: Batch) -> Iterator[None]:
    """Let only the positions that are read into o_proj and MLP of the last layer; at the others these two then answer 0."""

    def read(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (batch.read(args[0]), *args[1:])

    def spread(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        return batch.spread(output)

    top = len(modules.layers) - 1
    with ExitStack() as stack:
        for module in (modules.projection(top, "o_proj"), modules.projection(top, "mlp")):
            stack.callback(module.register_forward_pre_hook(read).remove)
            stack.callback(module.register_forward_hook(spread).remove)
        yield


@contextmanager
def answering(
    modules: ModuleMap,
    entry: int,
    resid_post: Callable[[int], torch.Tensor],
    rest: Sequence[tuple[Any, ...] | None] | None = None,
) -> Iterator[None]:
    """Let all layers below `entry` answer at once, without running.

    Args:
        modules: The model.
        entry: First layer that runs.
        resid_post: Called with layer `entry` - 1, gives what that layer answers, [rows, pos, hidden_size].
        rest: Per layer, what it returns behind the hidden states; None where it returns them alone.
    """

    def answer(layer: int) -> Forward:
        others = None if rest is None else rest[layer]

        def forward(*args: Any, **kwargs: Any) -> Any:
            hidden = resid_post(layer) if layer == entry - 1 else (args[0] if args else kwargs["hidden_states"])
            return hidden if others is None else (hidden, *others)

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


def _replace_rows(target: torch.Tensor, captured: torch.Tensor, rows: torch.Tensor, tail: int) -> None:
    """Overwrite masked rows, of [copies * queries] rows with `tail` positions each, with those of the captured queries."""
    index = rows.nonzero().squeeze(1)
    queries = captured.view(-1, tail, captured.shape[-1])  # [queries, tail, width]
    target.view(-1, tail, target.shape[-1])[index] = queries[index % queries.shape[0]]
