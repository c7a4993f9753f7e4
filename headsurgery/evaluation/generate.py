"""Answers by transformers: batched, with a key/value cache, decoded exactly as asked.

Batches depend on the prompts alone, so every variant runs the same ones, and so does a resumed run: hooks and an edited checkpoint
give the same texts. torch's random state stays untouched: see `sampling`. Neighbours: `model.completion` runs the model, `endpoint`
asks a server instead, `journal` keeps the answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from transformers import LogitsProcessor

from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.errors import PromptError, UsageError
from headsurgery.evaluation.sampling import TopKSampler, row_key
from headsurgery.model.completion import BatchSize, Completer, Processors, complete_greedily, plan_batches
from headsurgery.model.generation import end_ids
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import context_length, input_device
from headsurgery.progress import StageProgress
from headsurgery.prompts import PromptSet, Template, encode
from headsurgery.recipe import HeadEdit


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
    on_progress: StageProgress | None = None,
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
    reader = AnswerReader.of(loaded.tokenizer, template, system=decoding.system, prefill=decoding.prefill)
    completer = Completer(
        loaded=loaded, max_new_tokens=decoding.max_new_tokens, edits=tuple(edits), processors=_sampler(decoding, seed)
    )
    done, total = len(set(skip) & set(range(len(ids)))), len(ids)
    for batch in plan_batches([len(prompt) for prompt in ids], decoding.max_new_tokens, batch_size, input_device(loaded.model)):
        missing = [position for position in batch if position not in skip]
        if not missing:
            continue
        own = [own_edits[position] for position in batch] if own_edits else ()
        completions = dict(zip(batch, completer.complete([ids[position] for position in batch], own), strict=True))
        yield tuple(
            Answer(
                variant=variant,
                set=prompts.name,
                index=position,
                seed=0 if decoding.method == "greedy" else seed,
                prompt=prompts.texts[position],
                **_read(loaded, reader, prompts.texts[position], completions[position]),
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


def _read(loaded: LoadedModel, reader: AnswerReader, query: str, generated: Sequence[int]) -> dict[str, Any]:
    """An answer out of its token ids: what is kept of the text, the number of tokens, and whether it ended."""
    finished = bool(generated) and generated[-1] in end_ids(loaded)
    text = reader.text(generated[:-1] if finished else generated)
    opened = reader.opened_by(query)
    own = tuple(pair for pair in reader.own if opened in pair or any(mark in text for mark in pair))
    return {"text": text, "num_tokens": len(generated), "finished": finished, "opened": opened, "marks": own}


def _sampler(decoding: Decoding, seed: int) -> Processors:
    """What draws the next tokens of a batch; nothing where answers are greedy."""

    def processors(prompts: Sequence[Sequence[int]]) -> list[LogitsProcessor]:
        if decoding.method != "top_k":
            return []
        keys, start = [row_key(seed, prompt) for prompt in prompts], max(map(len, prompts))
        return [TopKSampler(keys, top_k=decoding.top_k or 1, temperature=decoding.temperature, start=start)]

    return processors
