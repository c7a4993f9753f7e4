"""Answers by transformers: batched, with a key/value cache, decoded exactly as asked.

Batches depend on the prompts alone, so every variant runs the same ones, and so does a resumed run: hooks and an edited checkpoint
give the same texts. torch's random state stays untouched: see `sampling`. Neighbours: `model.generation` runs the model, `endpoint`
asks a server instead, `journal` keeps the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import LogitsProcessor

from headsurgery.errors import ModelError, PromptError, UsageError
from headsurgery.evaluation.records import Answer, Decoding
from headsurgery.evaluation.sampling import TopKSampler, row_key
from headsurgery.model.generation import complete_ids, end_ids
from headsurgery.model.loading import LoadedModel
from headsurgery.model.memory import is_out_of_memory
from headsurgery.model.modules import context_length, input_device
from headsurgery.prompts import PromptSet, Template, encode
from headsurgery.recipe import HeadEdit

_MAX_TOKENS, _MAX_TOKENS_GPU = 8192, 65536
"""Tokens in the cache at most, prompts and answers, with batch size `auto`."""

_MAX_ROWS, _MAX_ROWS_GPU = 64, 256
"""Rows at most, with batch size `auto`: more no longer make a step cheaper per row."""

BatchSize = int | Literal["auto"]


def generate_answers(
    loaded: LoadedModel,
    prompts: PromptSet,
    *,
    template: Template,
    decoding: Decoding,
    variant: str = "base",
    edits: Sequence[HeadEdit] = (),
    own_edits: Sequence[Sequence[HeadEdit]] = (),
    seed: int = 0,
    batch_size: BatchSize = "auto",
    skip: Collection[int] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Answer, ...]]:
    """Answer every prompt of a set, one batch after the other.

    Args:
        loaded: The model; edited only while a batch runs.
        prompts: What to ask; see `fit_prompts` for those that are too long.
        template: How.
        decoding: Method, limit, prefill and system message. Its seeds, template and engine are for the record.
        variant: Name for the answers.
        edits: Head edits in force, as hooks.
        own_edits: Further edits, of each prompt alone, by position in the set; none, or one entry per prompt.
        seed: Of sampling; greedy decoding has none, its answers say 0.
        batch_size: Prompts at a time; `auto`: by length, up to 64 on a CPU and 256 elsewhere. Halved where memory runs out.
        skip: Positions in the set that have an answer. A batch with one missing runs whole, so that its answers stay the same.
        on_progress: Called with prompts done, skipped ones included, and their number, after every batch.

    Yields:
        The new answers of a batch, by position.

    Raises:
        UsageError: A batch size or top_k below 1, a temperature of 0 or less, or a system message without a chat template.
        PromptError: A prompt and its answer don't fit into the model's context.
        ModelError: Not a number in the logits, or no memory for a single prompt.
        RecipeError, GeometryError, ArchitectureError: The edits don't fit the model.
    """
    check_generation(decoding, batch_size)
    kept, ids = _encode(loaded, prompts, template, decoding)
    if len(kept.texts) < len(prompts.texts):
        raise PromptError(kept.notes[-1], hint="a lower --max-new-tokens leaves more room; or leave them out with fit_prompts")
    writer = _Writer(loaded=loaded, decoding=decoding, edits=tuple(edits), seed=seed)
    done, total = len(set(skip) & set(range(len(ids)))), len(ids)
    for batch in _plan_batches([len(prompt) for prompt in ids], decoding.max_new_tokens, batch_size, input_device(loaded.model)):
        missing = [position for position in batch if position not in skip]
        if not missing:
            continue
        own = [own_edits[position] for position in batch] if own_edits else ()
        completions = dict(zip(batch, writer.complete([ids[position] for position in batch], own), strict=True))
        yield tuple(
            Answer(
                variant=variant,
                set=prompts.name,
                index=position,
                seed=0 if decoding.method == "greedy" else seed,
                prompt=prompts.texts[position],
                **completions[position],
            )
            for position in sorted(missing)
        )
        done += len(missing)
        if on_progress is not None:
            on_progress(done, total)


def fit_prompts(loaded: LoadedModel, prompts: PromptSet, *, template: Template, decoding: Decoding) -> PromptSet:
    """The prompts that fit into the model's context with their answers; what was left out is in the notes.

    Raises:
        PromptError: None fits, or the chat template fails.
        UsageError: A system message without a chat template.
    """
    return _encode(loaded, prompts, template, decoding)[0]


def greedy_starts(
    loaded: LoadedModel, prompts: PromptSet, *, template: Template, decoding: Decoding, tokens: int, batch_size: BatchSize = "auto"
) -> tuple[list[list[int]], list[list[int]]]:
    """How a model's greedy answers begin, as token ids: what damage is measured along.

    Args:
        loaded: The model.
        prompts: What to ask; all of them fit, see `fit_prompts`.
        template: How.
        decoding: Its prefill and system message hold; answers are greedy whatever it says.
        tokens: Of each answer at most.
        batch_size: Prompts at a time.

    Returns:
        Ids of each question as the model reads it, and of its answer's start, the end-of-sequence id included.

    Raises:
        ModelError: Not a number in the logits, or no memory for a single prompt.
    """
    _, questions = _encode(loaded, prompts, template, decoding)
    return questions, complete_greedily(loaded, questions, tokens=tokens, batch_size=batch_size)


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
    decoding = Decoding(max_new_tokens=tokens, template="direct")
    writer, answers = _Writer(loaded=loaded, decoding=decoding, edits=tuple(edits), seed=0), dict[int, list[int]]()
    for batch in _plan_batches([len(question) for question in questions], tokens, batch_size, input_device(loaded.model)):
        answers |= zip(batch, writer.generate([questions[position] for position in batch]), strict=True)
    return [answers[position] for position in range(len(questions))]


def check_generation(decoding: Decoding, batch_size: BatchSize = "auto") -> None:
    """Make sure that the numbers make sense.

    Raises:
        UsageError: A number out of its range.
    """
    if isinstance(batch_size, int) and batch_size < 1:
        raise UsageError(f"--batch-size {batch_size}: expected auto or at least 1")
    if decoding.max_new_tokens < 1:
        raise UsageError(f"--max-new-tokens {decoding.max_new_tokens}: expected at least 1")
    if decoding.method == "top_k" and (decoding.top_k is None or decoding.top_k < 1):
        raise UsageError(f"top_k is {decoding.top_k}, expected at least 1")
    if decoding.method == "top_k" and decoding.temperature <= 0:
        raise UsageError(f"temperature is {decoding.temperature}, expected more than 0; greedy decoding has none")


def choose_seeds(method: str, seeds: Sequence[int]) -> tuple[int, ...]:
    """Seeds of the answers: as given, or the one that stands for none with greedy decoding.

    Raises:
        UsageError: None, one twice, or several with greedy decoding.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError(f"--seed {', '.join(map(str, seeds)) or 'none'}: expected different numbers, at least one")
    if method == "greedy" and len(seeds) > 1:
        raise UsageError("--seed: greedy decoding is the same with every seed", hint="use --decoding top-k")
    return (0,) if method == "greedy" else tuple(seeds)


def _encode(loaded: LoadedModel, prompts: PromptSet, template: Template, decoding: Decoding) -> tuple[PromptSet, list[list[int]]]:
    return encode(
        prompts,
        template,
        loaded.tokenizer,
        max_tokens=context_length(loaded.model) - decoding.max_new_tokens,
        system=decoding.system,
        prefill=decoding.prefill,
    )


def _plan_batches(
    lengths: Sequence[int], max_new_tokens: int, batch_size: BatchSize, device: torch.device
) -> list[tuple[int, ...]]:
    """Positions of prompts that run together: neighbours by length, the longest first, so that a lack of memory shows at once."""
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
class _Writer:
    """Completes batches of token ids; after a lack of memory, in parts that fitted."""

    loaded: LoadedModel
    decoding: Decoding
    edits: tuple[HeadEdit, ...]
    seed: int
    max_rows: int = 2**31

    def complete(self, prompts: Sequence[Sequence[int]], own_edits: Sequence[Sequence[HeadEdit]] = ()) -> list[dict[str, Any]]:
        """Text, num_tokens and finished for each prompt."""
        return [self._read(row) for row in self.generate(prompts, own_edits)]

    def generate(self, prompts: Sequence[Sequence[int]], own_edits: Sequence[Sequence[HeadEdit]] = ()) -> list[list[int]]:
        """New token ids of each prompt."""
        done: list[list[int]] = []
        while len(done) < len(prompts):
            rows = slice(len(done), len(done) + self.max_rows)
            part = prompts[rows]
            generated = self._try_to_generate(part, own_edits[rows])
            if generated is None:
                if len(part) == 1:
                    raise ModelError("out of memory with a single prompt", hint="use a smaller --dtype, model or --max-new-tokens")
                self.max_rows = len(part) // 2
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
            else:
                done += generated
        return done

    def _try_to_generate(self, prompts: Sequence[Sequence[int]], own_edits: Sequence[Sequence[HeadEdit]]) -> list[list[int]] | None:
        """New token ids of each prompt, or None where memory ran out; what the attempt held is free by then."""
        processors: list[LogitsProcessor] = []
        if self.decoding.method == "top_k":
            keys, start = [row_key(self.seed, prompt) for prompt in prompts], max(map(len, prompts))
            processors = [TopKSampler(keys, top_k=self.decoding.top_k or 1, temperature=self.decoding.temperature, start=start)]
        try:
            return complete_ids(
                self.loaded,
                prompts,
                max_new_tokens=self.decoding.max_new_tokens,
                edits=self.edits,
                own_edits=own_edits,
                processors=processors,
            )
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        return None

    def _read(self, generated: Sequence[int]) -> dict[str, Any]:
        """An answer out of its token ids."""
        finished = bool(generated) and generated[-1] in end_ids(self.loaded)
        ids = generated[:-1] if finished else generated
        text = self.loaded.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return {"text": str(text), "num_tokens": len(generated), "finished": finished}
