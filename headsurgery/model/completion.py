"""Complete many prompts in batches that fit into memory, and halve them if memory runs out.

Batches depend only on the prompts, so every variant of a model runs the same batches, and so does a resumed run. Neighbour:
`generation` runs one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from transformers import LogitsProcessor

from headsurgery.model.generation import complete_ids
from headsurgery.model.loading import LoadedModel
from headsurgery.model.memory import Halving
from headsurgery.model.modules import input_device
from headsurgery.recipe import HeadEdit

_MAX_TOKENS, _MAX_TOKENS_GPU = 8192, 65536
"""Maximum number of tokens in the cache, prompts and answers, with batch size `auto`."""

_MAX_ROWS, _MAX_ROWS_GPU = 64, 256
"""Maximum number of rows with batch size `auto`. More rows no longer make a step cheaper per row."""

BatchSize = int | Literal["auto"]
Processors = Callable[[Sequence[Sequence[int]]], list[LogitsProcessor]]
"""Makes what works on the logits of a batch of prompts."""


def plan_batches(lengths: Sequence[int], max_new_tokens: int, batch_size: BatchSize, device: torch.device) -> list[tuple[int, ...]]:
    """Prompts that run together: neighbours by length, the longest first, so that a lack of memory shows at once."""
    max_tokens, max_rows = (_MAX_TOKENS, _MAX_ROWS) if device.type == "cpu" else (_MAX_TOKENS_GPU, _MAX_ROWS_GPU)
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    batches: list[tuple[int, ...]] = []
    while order:
        fitting = min(max_rows, max(1, max_tokens // (lengths[order[0]] + max_new_tokens)))
        rows = batch_size if isinstance(batch_size, int) else fitting
        batches.append(tuple(order[:rows]))
        order = order[rows:]
    return batches


@dataclass(kw_only=True)
class Completer:
    """Completes batches of token ids. After a lack of memory, batches are split into parts that fit.

    Args:
        loaded: The model.
        max_new_tokens: Of each answer at most.
        edits: Head edits in force.
        processors: Without them the answers are greedy.
    """

    loaded: LoadedModel
    max_new_tokens: int
    edits: tuple[HeadEdit, ...] = ()
    processors: Processors = lambda _: []
    _halving: Halving = field(
        default_factory=lambda: Halving(what="prompt", hint="use a smaller --dtype, model or --max-new-tokens"), init=False
    )

    def complete(self, prompts: Sequence[Sequence[int]], own_edits: Sequence[Sequence[HeadEdit]] = ()) -> list[list[int]]:
        """New token ids of each prompt, the end-of-sequence id included.

        Args:
            prompts: Token ids, at least one each.
            own_edits: Further edits, of each prompt alone; none, or one entry per prompt.

        Raises:
            ModelError: Not a number in the logits, or no memory for a single prompt.
        """
        rows = [(prompt, own_edits[row] if own_edits else ()) for row, prompt in enumerate(prompts)]
        return self._halving.run(rows, self._complete)

    def _complete(self, rows: Sequence[tuple[Sequence[int], Sequence[HeadEdit]]]) -> list[list[int]]:
        """New token ids of each prompt, all of them in one batch."""
        prompts, own_edits = [prompt for prompt, _ in rows], [edits for _, edits in rows]
        return complete_ids(
            self.loaded,
            prompts,
            max_new_tokens=self.max_new_tokens,
            edits=self.edits,
            own_edits=own_edits,
            processors=self.processors(prompts),
        )


def complete_greedily(
    loaded: LoadedModel,
    questions: Sequence[Sequence[int]],
    *,
    tokens: int,
    edits: Sequence[HeadEdit] = (),
    batch_size: BatchSize = "auto",
) -> list[list[int]]:
    """Greedy answers to token ids, in batches that depend on the questions alone.

    Args:
        loaded: The model.
        questions: Token ids, at least one each.
        tokens: Of each answer at most.
        edits: Head edits in force.
        batch_size: Questions at a time.

    Returns:
        Ids of each answer, the end-of-sequence id included.

    Raises:
        ModelError: Not a number in the logits, or no memory for a single prompt.
        RecipeError, GeometryError, ArchitectureError: The edits don't fit the model.
    """
    completer = Completer(loaded=loaded, max_new_tokens=tokens, edits=tuple(edits))
    answers: dict[int, list[int]] = {}
    for batch in plan_batches([len(question) for question in questions], tokens, batch_size, input_device(loaded.model)):
        answers |= zip(batch, completer.complete([questions[position] for position in batch]), strict=True)
    return [answers[position] for position in range(len(questions))]
