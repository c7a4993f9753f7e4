"""Generate answers with transformers: in batches, with a key/value cache, decoded exactly as requested.

Batches depend only on the prompts, so every variant and every resumed run uses the same ones: hooks and an edited checkpoint give
the same texts. torch's random state is never used; see `sampling`. Neighbours: `model.completion` runs the model, `endpoints` asks
a server instead, `journal` stores the answers.
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
        loaded: The model. It is edited only while a batch runs.
        prompts: The prompts; see `fit_prompts` for those that are too long.
        template: How they are asked.
        decoding: Method, limit, prefill and system message. Its seeds, template and engine are only recorded.
        variant: The variant's name in the answers.
        edits: Head edits in force, as hooks.
        own_edits: Further edits for single prompts, by position in the set; none, or one entry per prompt.
        seed: Seed of sampling. Greedy decoding has none; its answers say 0.
        batch_size: Prompts at a time; `auto`: by length, up to 64 on a CPU and 256 elsewhere. Halved if memory runs out.
        skip: Positions of prompts that already have an answer. A batch that lacks one runs whole, so that its answers stay the
            same.
        on_progress: Called after every batch with the prompts done, including skipped ones, and the total.

    Yields:
        The new answers of a batch, by position.

    Raises:
        UsageError: A batch size or top_k is below 1, a temperature is 0 or less, or a system message has no chat template.
        PromptError: A prompt with its answer doesn't fit into the model's context.
        ModelError: A logit is not a number, or memory is too small for a single prompt.
        RecipeError, GeometryError, ArchitectureError: The edits don't fit the model.
    """
    check_generation(decoding, batch_size)
    fitting, ids = _encode(loaded, prompts, template, decoding)
    if len(fitting.texts) < len(prompts.texts):
        raise PromptError(fitting.notes[-1], hint="lower --max-new-tokens to make room; or omit these prompts with fit_prompts")
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
    """Select the prompts that fit into the model's context together with their answers. Notes name those that were left out.

    Raises:
        PromptError: No prompt fits, or the chat template fails.
        UsageError: A system message is given, but there is no chat template.
    """
    return _encode(loaded, prompts, template, decoding)[0]


def greedy_starts(
    loaded: LoadedModel, prompts: PromptSet, *, template: Template, decoding: Decoding, tokens: int, batch_size: BatchSize = "auto"
) -> tuple[list[list[int]], list[list[int]]]:
    """Generate the beginnings of a model's greedy answers as token ids. Damage is measured along them.

    Args:
        loaded: The model.
        prompts: The prompts; all of them must fit, see `fit_prompts`.
        template: How they are asked.
        decoding: Its prefill and system message apply; answers are always greedy.
        tokens: Maximum length of each answer.
        batch_size: Prompts at a time.

    Returns:
        Token ids of each question as the model reads it, and of the beginning of its answer, including the end-of-sequence id.

    Raises:
        ModelError: A logit is not a number, or memory is too small for a single prompt.
    """
    _, questions = _encode(loaded, prompts, template, decoding)
    return questions, complete_greedily(loaded, questions, tokens=tokens, batch_size=batch_size)


def check_generation(decoding: Decoding, batch_size: BatchSize = "auto") -> None:
    """Check that the numbers make sense.

    Raises:
        UsageError: A number is out of range.
    """
    if isinstance(batch_size, int) and batch_size < 1:
        raise UsageError(f"--batch-size {batch_size}: expected auto or at least 1")
    if decoding.max_new_tokens < 1:
        raise UsageError(f"--max-new-tokens {decoding.max_new_tokens}: expected at least 1")
    if decoding.method == "top_k" and (decoding.top_k is None or decoding.top_k < 1):
        raise UsageError(f"top_k is {decoding.top_k}, expected at least 1")
    if decoding.method == "top_k" and decoding.temperature <= 0:
        raise UsageError(f"temperature is {decoding.temperature}, expected more than 0; greedy decoding takes none")


def choose_seeds(method: str, seeds: Sequence[int]) -> tuple[int, ...]:
    """The seeds of the answers: those given, or with greedy decoding the single seed 0.

    Raises:
        UsageError: There is no seed, one occurs twice, or there are several with greedy decoding.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError(f"--seed {', '.join(map(str, seeds)) or 'none'}: expected different numbers, at least one")
    if method == "greedy" and len(seeds) > 1:
        raise UsageError("--seed: greedy decoding gives the same answers with every seed", hint="use --decoding top-k")
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
    """The fields of an answer from its token ids: its text, its number of tokens, and whether it ended."""
    finished = bool(generated) and generated[-1] in end_ids(loaded)
    text = reader.text(generated[:-1] if finished else generated)
    opened = reader.opened_by(query)
    own = tuple(pair for pair in reader.own if opened in pair or any(mark in text for mark in pair))
    return {"text": text, "num_tokens": len(generated), "finished": finished, "opened": opened, "marks": own}


def _sampler(decoding: Decoding, seed: int) -> Processors:
    """The samplers for a batch; empty for greedy decoding."""

    def processors(prompts: Sequence[Sequence[int]]) -> list[LogitsProcessor]:
        if decoding.method != "top_k":
            return []
        keys, start = [row_key(seed, prompt) for prompt in prompts], max(map(len, prompts))
        return [TopKSampler(keys, top_k=decoding.top_k or 1, temperature=decoding.temperature, start=start)]

    return processors
