"""What an edit costs on harmless text: divergence along the base's own answers, and perplexity.

Both compute probabilities in float64 from the model's logits, and logits only at the positions that count. Rows are padded on the
right, which a causal model doesn't see. A variant runs in the same batches as the base, so that one without effect diverges by
exactly 0. If memory runs out, batches are halved. Neighbours: `model.hooks` for the edits, `statistics.mean_interval` for the
interval of the mean, `utility` for tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import exp, isfinite
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from headsurgery.errors import ModelError, PromptError, UsageError, not_finite
from headsurgery.model.divergence import kl_divergence
from headsurgery.model.editing import edited
from headsurgery.model.linears import fast_linears
from headsurgery.model.loading import LoadedModel
from headsurgery.model.memory import Halving
from headsurgery.model.modules import ModuleMap, context_length, locate_modules
from headsurgery.progress import StageProgress
from headsurgery.recipe import HeadEdit

Variant: TypeAlias = Sequence[HeadEdit] | LoadedModel
"""Edits of the base, or another model with the same vocabulary."""


_MAX_TOKENS, _MAX_TOKENS_GPU = 2048, 16384
"""Maximum tokens per forward pass, with batch size `auto`."""

_MAX_LOGITS = 2**26
"""Maximum logits per forward pass, with batch size `auto`: 256 MiB in float32."""

_LOGITS_PER_CHUNK = 2**22
"""Logits that are converted to float64 at a time."""

_WINDOW = 1024


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One row of a batch: what the model reads, and the position from which its logits count."""

    ids: tuple[int, ...]
    first: int


@dataclass(frozen=True, kw_only=True)
class SavedLogits:
    """A model's logits along its answers, one file per batch, to make room for another model; see `save_logits`."""

    folder: Path

    def read(self, batch: int) -> torch.Tensor:
        """Logits of a batch, [positions, vocabulary]."""
        logits: torch.Tensor = torch.load(self.folder / f"{batch}.pt", weights_only=True)
        return logits


def save_logits(
    base: LoadedModel,
    questions: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    folder: Path,
    *,
    tokens: int = 12,
    batch_size: int | str = "auto",
) -> SavedLogits:
    """Save what `answer_kl` needs of the base. Call both with the same arguments.

    Raises:
        ModelError: Logits are not finite, or the folder can't be written.
    """
    rows, modules = _answer_rows(questions, answers, tokens), locate_modules(base.model)
    halving = _halving()
    for number, batch in enumerate(_batches(rows, modules, batch_size)):
        parts = halving.run([rows[index] for index in batch], lambda part: _per_row(_logits(modules, part).cpu(), part))
        logits = torch.cat(parts)
        try:
            torch.save(logits, folder / f"{number}.pt")
        except (OSError, RuntimeError) as error:  # torch raises RuntimeError for a full disk, too
            raise ModelError(f"can't store the base's logits in a temporary file: {error}", hint="set TMPDIR") from error
    return SavedLogits(folder=folder)


def answer_kl(
    base: LoadedModel | SavedLogits,
    questions: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    variants: Sequence[Variant],
    *,
    tokens: int = 12,
    batch_size: int | str = "auto",
    on_progress: StageProgress | None = None,
) -> NDArray[np.float64]:
    """KL(base || variant) of the next token, along the base's own answers.

    Args:
        base: The untouched model, or its saved logits. With saved logits, `variants` are models, not edits.
        questions: Token ids of each query as the model reads it, at least one token each.
        answers: Token ids that the base answered, at least one each, including the end-of-sequence token.
        variants: The variants to compare with it.
        tokens: How many tokens at the beginning of an answer to compare; a shorter answer is compared whole.
        batch_size: Queries per forward pass.
        on_progress: Called with the (query, variant) pairs done and the total.

    Returns:
        Mean over the answer's tokens, [variant, query], in nats per token.

    Raises:
        PromptError: A question or an answer has no tokens.
        UsageError: `tokens` is below 1.
        ModelError: The vocabularies differ, logits are not finite, or memory is too small for a single query.
    """
    rows, others = _answer_rows(questions, answers, tokens), [_ModuleMaps.of(variant) for variant in variants]
    modules = locate_modules(base.model) if isinstance(base, LoadedModel) else others[0].modules
    if modules is None:
        raise UsageError("saved logits can't be edited; give the variants as models")
    found = np.full((len(variants), len(rows)), np.nan)
    saved: dict[int, torch.Tensor] = {}

    def compare(part: Sequence[int]) -> Sequence[int]:
        """Fill in some queries of all variants. Base and variants run in the same batches, even after these are halved."""
        chosen = [rows[index] for index in part]
        base_logits = torch.cat([saved[index] for index in part]) if saved else _logits(modules, chosen)
        for position, other in enumerate(others):
            found[position, list(part)] = _mean_kl(base_logits.to(modules.device), other.logits(modules, chosen), chosen)
            if on_progress is not None:
                on_progress(int(np.isfinite(found).sum()), found.size)
        return part

    halving = _halving()
    for number, batch in enumerate(_batches(rows, modules, batch_size)):
        if isinstance(base, SavedLogits):
            saved = dict(zip(batch, _per_row(base.read(number), [rows[index] for index in batch]), strict=True))
        halving.run(batch, compare)
    return found


def perplexity(
    loaded: LoadedModel,
    text: str,
    *,
    edits: Sequence[HeadEdit] = (),
    window: int | None = None,
    stride: int | None = None,
    batch_size: int | str = "auto",
    on_progress: StageProgress | None = None,
) -> float:
    """Perplexity of a text: exp of the mean negative log-likelihood of its tokens.

    As in transformers' guide to perplexity: windows move by `stride`, and a token is predicted from the tokens before it in the
    first window that contains it. So each token counts once, except the first one, which nothing precedes. The mean is over tokens,
    not over windows. Perplexities of models with different tokenizers can't be compared.

    Args:
        loaded: The model.
        text: At least two tokens long, including those that the tokenizer adds.
        edits: Edits in force during the measurement.
        window: Tokens that the model sees at once. Default: 1,024, or the model's context if that is shorter.
        stride: From 1 to window - 1. Default: half a window. Tokens after the first window see at least window - stride others.
        batch_size: Windows per forward pass.
        on_progress: Called with the windows done and the total.

    Raises:
        PromptError: The text is too short.
        UsageError: Window or stride is out of range.
        ModelError: Logits are not finite.
    """
    context = context_length(loaded.model)
    window = min(_WINDOW, context) if window is None else window
    stride = window // 2 if stride is None else stride
    if not 2 <= window <= context or not 1 <= stride < window:
        raise UsageError(
            f"perplexity: window {window}, stride {stride}; expected a window from 2 to {context} (the model's context) "
            "and a stride from 1 to window - 1"
        )
    ids: list[int] = loaded.tokenizer(text, verbose=False)["input_ids"]
    if len(ids) < 2:
        raise PromptError(f"perplexity: the text has {len(ids)} tokens, expected 2 or more")
    rows, targets = zip(*_windows(ids, window, stride))
    modules, total, done, halving = locate_modules(loaded.model), 0.0, 0, _halving()

    def measure(part: Sequence[int]) -> list[float]:
        logits = _per_row(_logits(modules, [rows[index] for index in part]), [rows[index] for index in part])
        return [_negative_log_likelihood(row, torch.tensor(targets[index])) for index, row in zip(part, logits, strict=True)]

    with edited(loaded.model, edits):
        for batch in _batches(rows, modules, batch_size):
            total += sum(halving.run(batch, measure))
            done += len(batch)
            if on_progress is not None:
                on_progress(done, len(rows))
    mean = total / (len(ids) - 1)
    if not isfinite(mean) or mean > np.log(np.finfo(np.float64).max):
        raise not_finite(f"perplexity: the mean negative log-likelihood is {mean}", modules.facts.dtype)
    return exp(mean)


def _answer_rows(questions: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], tokens: int) -> list[_Row]:
    if tokens < 1:
        raise UsageError(f"KL over {tokens} tokens, expected 1 or more")
    return [_answer_row(index, *pair, tokens) for index, pair in enumerate(zip(questions, answers, strict=True))]


def _answer_row(index: int, question: Sequence[int], answer: Sequence[int], tokens: int) -> _Row:
    """A row for one answer. Its last compared token is predicted, not read."""
    if not question or not answer:
        raise PromptError(f"{'answers' if question else 'questions'}[{index}]: no tokens, expected at least one")
    return _Row(ids=(*question, *answer[: tokens - 1][: len(answer) - 1]), first=len(question) - 1)


def _windows(ids: Sequence[int], window: int, stride: int) -> Iterator[tuple[_Row, tuple[int, ...]]]:
    """Rows, and the tokens that each predicts from its `first` position on."""
    counted = 1  # the number of tokens counted so far; nothing precedes the first one
    for begin in range(0, len(ids), stride):
        end = min(begin + window, len(ids))
        yield _Row(ids=tuple(ids[begin : end - 1]), first=counted - 1 - begin), tuple(ids[counted:end])
        counted = end
        if end == len(ids):
            return


def _batches(rows: Sequence[_Row], modules: ModuleMap, batch_size: int | str) -> Iterator[tuple[int, ...]]:
    """Indices of rows that share a batch: of nearly the same length, and as many as memory allows."""
    max_tokens = _MAX_TOKENS if modules.device.type == "cpu" else _MAX_TOKENS_GPU
    weight: torch.Tensor = modules.output_embeddings.weight  # type: ignore[assignment]
    vocabulary = weight.shape[0]
    batch: list[int] = []
    logits = 0
    for index in sorted(range(len(rows)), key=lambda index: (len(rows[index].ids), index)):
        row = rows[index]
        more = (len(row.ids) - row.first) * vocabulary
        is_full = (len(batch) + 1) * len(row.ids) > max_tokens or logits + more > _MAX_LOGITS
        if batch and (len(batch) >= batch_size if isinstance(batch_size, int) else is_full):
            yield tuple(batch)
            batch, logits = [], 0
        batch.append(index)
        logits += more
    if batch:
        yield tuple(batch)


def _halving() -> Halving:
    return Halving(what="text", hint="use a smaller --dtype or model, or --kl-tokens 0")


def _per_row(logits: torch.Tensor, rows: Sequence[_Row]) -> tuple[torch.Tensor, ...]:
    """Split logits [positions, vocabulary] by row."""
    return torch.split(logits, [len(row.ids) - row.first for row in rows])


@torch.inference_mode()
def _logits(modules: ModuleMap, rows: Sequence[_Row]) -> torch.Tensor:
    """Logits at the positions that count, row after row, [positions, vocabulary]."""
    length = max(len(row.ids) for row in rows)
    tokens = torch.tensor([[*row.ids, *([row.ids[-1]] * (length - len(row.ids)))] for row in rows], device=modules.device)
    flat = [index * length + position for index, row in enumerate(rows) for position in range(row.first, len(row.ids))]

    def keep(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        hidden = args[0].flatten(0, 1)  # [rows * length, hidden_size]
        return (hidden[torch.tensor(flat, device=hidden.device)].unsqueeze(0), *args[1:])

    with ExitStack() as stack:
        stack.callback(modules.output_embeddings.register_forward_pre_hook(keep).remove)
        stack.enter_context(fast_linears(modules.model))
        logits: torch.Tensor = modules.model(input_ids=tokens, use_cache=False, return_dict=True).logits[0]
    if not bool(torch.isfinite(logits).all()):
        dtype = str(logits.dtype).removeprefix("torch.")
        raise not_finite("logits are not finite", dtype)
    return logits


@dataclass(frozen=True, kw_only=True)
class _ModuleMaps:
    """A variant: edits in force on `modules`. None: the base's own modules."""

    edits: tuple[HeadEdit, ...]
    modules: ModuleMap | None

    @classmethod
    def of(cls, variant: Variant) -> _ModuleMaps:
        if isinstance(variant, LoadedModel):
            return cls(edits=(), modules=locate_modules(variant.model))
        return cls(edits=tuple(variant), modules=None)

    def logits(self, base: ModuleMap, rows: Sequence[_Row]) -> torch.Tensor:
        modules = self.modules or base
        with edited(modules.model, self.edits):
            return _logits(modules, rows)


def _mean_kl(base_logits: torch.Tensor, logits: torch.Tensor, rows: Sequence[_Row]) -> list[float]:
    """Mean over each row's positions, from logits [positions, vocabulary]."""
    if base_logits.shape != logits.shape:
        raise ModelError(f"the variant has {logits.shape[-1]} logits, the base {base_logits.shape[-1]}; expected one vocabulary")
    step = max(1, _LOGITS_PER_CHUNK // logits.shape[-1])
    parts = [
        kl_divergence(base, other.unsqueeze(0).to(base.device))[0]  # [chunk]
        for base, other in zip(torch.split(base_logits, step), torch.split(logits, step), strict=True)
    ]
    lengths = [len(row.ids) - row.first for row in rows]
    return [float(part.mean()) for part in torch.split(torch.cat(parts), lengths)]


def _negative_log_likelihood(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Sum over positions, in nats, in float64; logits [positions, vocabulary], targets [positions]."""
    step = max(1, _LOGITS_PER_CHUNK // logits.shape[-1])
    return sum(
        float(torch.nn.functional.cross_entropy(part.double(), target, reduction="sum"))
        for part, target in zip(torch.split(logits, step), torch.split(targets.to(logits.device), step), strict=True)
    )
