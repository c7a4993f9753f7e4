"""New tokens by transformers' own loop, with a key/value cache, decoded exactly as asked.

The model's generation_config (temperature, top_p, repetition_penalty, ...) is set aside; only its end-of-sequence ids hold, with
the tokenizer's. Rows are padded on the left and masked. Edits are hooks, in force while the model runs. Its float32 products go by
oneDNN where that is faster (`linears`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from headsurgery.errors import not_finite
from headsurgery.model.editing import edited
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.linears import fast_linears
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import input_device, locate_modules
from headsurgery.model.vocabulary import read_end_ids
from headsurgery.recipe import HeadEdit


@torch.inference_mode()
def complete_ids(
    loaded: LoadedModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    edits: Sequence[HeadEdit] = (),
    own_edits: Sequence[Sequence[HeadEdit]] = (),
    processors: Sequence[LogitsProcessor] = (),
) -> list[list[int]]:
    """Complete token ids, as one batch; greedily, but for what the processors leave open.

    Args:
        loaded: The model.
        prompts: Token ids, at least one each.
        max_new_tokens: Limit.
        edits: Head edits in force.
        own_edits: Further edits, of each prompt's row alone; none, or one entry per prompt.
        processors: See transformers; they get the padded rows.

    Returns:
        The new ids of each prompt, the end-of-sequence id included where the model came to it.

    Raises:
        ModelError: Logits that are not numbers.
        RecipeError, GeometryError, ArchitectureError: The edits don't fit the model.
    """
    model: Any = loaded.model
    device, width, ends = input_device(model), max(map(len, prompts)), sorted(end_ids(loaded))
    padding = ends[0] if ends else 0  # masked, so any id that the model has will do
    tokens = torch.full((len(prompts), width), padding, dtype=torch.long)  # [rows, pos]
    mask = torch.zeros_like(tokens)
    for row, prompt in enumerate(prompts):
        tokens[row, width - len(prompt) :] = torch.tensor(list(prompt))
        mask[row, width - len(prompt) :] = 1
    config = GenerationConfig(
        do_sample=False, max_new_tokens=max_new_tokens, eos_token_id=ends or None, pad_token_id=padding, use_cache=True
    )
    watch = _NanWatch()
    with ExitStack() as stack:
        stack.enter_context(_decode_by(model, config))
        stack.enter_context(fast_linears(model))
        stack.enter_context(_whole_states(model))
        if edits:
            stack.enter_context(edited(model, edits))
        if any(own_edits):
            stack.enter_context(row_edits(locate_modules(model), _by_row(own_edits)))
        output = model.generate(
            input_ids=tokens.to(device),
            attention_mask=mask.to(device),
            logits_processor=LogitsProcessorList([watch, *processors]),
        )
    watch.check(model)
    return [_until_end(row, set(ends)) for row in output[:, width:].tolist()]


def _by_row(own_edits: Sequence[Sequence[HeadEdit]]) -> list[RowEdit]:
    return [RowEdit(edit=edit, rows=range(row, row + 1)) for row, edits in enumerate(own_edits) for edit in edits]


def end_ids(loaded: LoadedModel) -> set[int]:
    """Ids that end an answer: the model's own, which may be several, and the tokenizer's.

    Raises:
        ModelError: The model's are no token ids, or it has no row for one.
    """
    own = loaded.tokenizer.eos_token_id
    return {*read_end_ids(loaded.model), *([] if own is None else [int(own)])}


def _until_end(generated: list[int], ends: set[int]) -> list[int]:
    """A row goes on with padding after its end."""
    end = next((place for place, token in enumerate(generated) if token in ends), None)
    return generated if end is None else generated[: end + 1]


@contextmanager
def _whole_states(model: Any) -> Iterator[None]:
    """Hand contiguous states to the output embeddings.

    transformers hands over a slice, the last position of each row. PyTorch then multiplies row by row, and reads the whole
    vocabulary for each: in bfloat16 on a CPU that takes ten times as long as the rest of the prompt.
    """
    embeddings = model.get_output_embeddings()
    if not isinstance(embeddings, nn.Module):
        yield
        return
    handle = embeddings.register_forward_pre_hook(lambda _, args: tuple(states.contiguous() for states in args))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _decode_by(model: Any, config: GenerationConfig) -> Iterator[None]:
    """Put our generation_config in the model's place: `generate` fills what an argument leaves open from the model's."""
    own = model.generation_config
    model.generation_config = config
    try:
        yield
    finally:
        model.generation_config = own


class _NanWatch(LogitsProcessor):  # type: ignore[misc]
    """Notes whether any logit was not a number, without waiting for the device at every step."""

    def __init__(self) -> None:
        self._seen: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        found = scores.isnan().any()
        self._seen = found if self._seen is None else self._seen | found
        return scores

    def check(self, model: Any) -> None:
        if self._seen is not None and bool(self._seen):
            dtype = str(model.dtype).removeprefix("torch.")
            raise not_finite("the model's logits are not numbers", dtype)
