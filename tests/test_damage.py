"""Divergence and perplexity against a naive loop: one row, one forward, float64, every position."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr

from headsurgery.behaviour.damage import answer_kl, perplexity, save_logits
from headsurgery.errors import ModelError, PromptError, UsageError
from headsurgery.model.editing import edited
from headsurgery.model.loading import LoadedModel
from headsurgery.recipe import HeadEdit
from tests.exhaustive import all_but
from tests.tiny import EACH_FAMILY, build_model, build_tokenizer, tokens

SCALE = (HeadEdit(layer=1, head=2), HeadEdit(layer=0, head=4, factor=1.8))
UNIFORM = (HeadEdit(layer=0, head=3, operation="uniform_attention"),)
QUESTIONS = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (4, 9, 6, 4, 1)]
ANSWERS = [tokens(queries=1, length=length, seed=20 + length)[0].tolist() for length in (8, 3, 5, 1, 6)]


def load(family: str = "llama", *, seed: int = 0, dtype: torch.dtype = torch.float32) -> LoadedModel:
    return LoadedModel(model=build_model(family, seed=seed, dtype=dtype), tokenizer=build_tokenizer())


def log_probabilities(loaded: LoadedModel, ids: Sequence[int]) -> np.ndarray:
    """[pos, vocabulary] in float64, from the model's own forward."""
    with torch.no_grad():
        logits = loaded.model(input_ids=torch.tensor([list(ids)])).logits[0]
    return np.asarray(log_softmax(logits.double().numpy(), axis=-1))


def naive_kl(base: LoadedModel, other: LoadedModel, edits: Sequence[HeadEdit], tokens: int) -> list[float]:
    found = []
    for question, answer in zip(QUESTIONS, ANSWERS, strict=True):
        ids = [*question, *answer]
        with edited(other.model, edits):
            variant = log_probabilities(other, ids)
        per_token = rel_entr(np.exp(log_probabilities(base, ids)), np.exp(variant)).sum(axis=-1)
        first = len(question) - 1  # predicts the answer's first token
        found.append(per_token[first : first + min(tokens, len(answer))].mean())
    return found


def limit_rows(loaded: LoadedModel, most: int) -> list[int]:
    """Let the model run out of memory above so many rows; the rows that were tried."""
    tried: list[int] = []

    def limit(_: Any, __: Any, kwargs: Any) -> None:
        tried.append(len(kwargs["input_ids"]))
        if tried[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    loaded.model.register_forward_pre_hook(limit, with_kwargs=True)
    return tried


class TestAnswerKl:
    @pytest.mark.parametrize("family", EACH_FAMILY)
    def test_it_is_the_naive_loops(self, family: str) -> None:
        """Within 1e-4 relative: the two differ by the rounding of other batch shapes only, about 1e-6 of a logit in float32."""
        base, other = load(family), load(family, seed=1)
        found = answer_kl(base, QUESTIONS, ANSWERS, [SCALE, UNIFORM, other], tokens=4)
        expected = [naive_kl(base, base, SCALE, 4), naive_kl(base, base, UNIFORM, 4), naive_kl(base, other, (), 4)]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)

    def test_neither_tokens_nor_batches_matter_beyond_rounding(self, subtests: pytest.Subtests) -> None:
        base = load()
        for count in (1, 5, 100):
            expected = [naive_kl(base, base, SCALE, count)]
            for batch_size in (1, 2, 100, "auto"):
                with subtests.test(tokens=count, batch_size=batch_size):
                    found = answer_kl(base, QUESTIONS, ANSWERS, [SCALE], tokens=count, batch_size=batch_size)
                    np.testing.assert_allclose(found, expected, rtol=1e-4)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_a_variant_without_effect_diverges_by_exactly_0(self, dtype: torch.dtype) -> None:
        base = load(dtype=dtype)
        variants = [(), (HeadEdit(layer=1, head=2, factor=1.0),), load(dtype=dtype)]
        assert (answer_kl(base, QUESTIONS, ANSWERS, variants) == 0).all()
        assert (answer_kl(base, QUESTIONS, ANSWERS, [SCALE]) > 0).all()

    @pytest.mark.parametrize("batch_size", [2, "auto"])
    def test_kept_logits_stand_for_the_base(self, batch_size: int | str, tmp_path: Path) -> None:
        """So that base and checkpoint need not be in memory together; bit for bit the same."""
        base, other = load(), load(seed=1)
        options: dict[str, Any] = {"tokens": 4, "batch_size": batch_size}
        kept = save_logits(base, QUESTIONS, ANSWERS, tmp_path, **options)
        expected = answer_kl(base, QUESTIONS, ANSWERS, [other], **options)
        assert (answer_kl(kept, QUESTIONS, ANSWERS, [other], **options) == expected).all()
        assert (answer_kl(kept, QUESTIONS, ANSWERS, [base], **options) == 0).all()
        with pytest.raises(UsageError, match="give the variants as models"):
            answer_kl(kept, QUESTIONS, ANSWERS, [SCALE], **options)
        with pytest.raises(ModelError, match="can't store"):
            save_logits(base, QUESTIONS, ANSWERS, tmp_path / "missing", **options)

    def test_tokens_behind_the_first_k_are_not_even_read(self) -> None:
        base = load()
        cut = [answer[:3] for answer in ANSWERS]
        assert (answer_kl(base, QUESTIONS, ANSWERS, [SCALE], tokens=3) == answer_kl(base, QUESTIONS, cut, [SCALE], tokens=3)).all()

    def test_no_hook_stays_and_progress_counts_pairs(self) -> None:
        base = load()
        before, seen = log_probabilities(base, QUESTIONS[1]), list[tuple[int, int]]()
        answer_kl(base, QUESTIONS, ANSWERS, [SCALE, UNIFORM], batch_size=2, on_progress=lambda *done: seen.append(done))
        assert (log_probabilities(base, QUESTIONS[1]) == before).all()
        assert seen[-1] == (10, 10)
        assert seen == sorted(seen)

    def test_without_memory_batches_are_halved_and_the_figures_stay(self, tmp_path: Path) -> None:
        """A device that has room for two rows; a variant without effect diverges by exactly 0 all the same."""
        base, other = load(), load(seed=1)
        expected = answer_kl(base, QUESTIONS, ANSWERS, [SCALE, other])
        tried = [limit_rows(loaded, 2) for loaded in (base, other)]
        np.testing.assert_allclose(answer_kl(base, QUESTIONS, ANSWERS, [SCALE, other]), expected, rtol=1e-4)
        assert (answer_kl(base, QUESTIONS, ANSWERS, [()]) == 0).all()
        kept = save_logits(base, QUESTIONS, ANSWERS, tmp_path)
        np.testing.assert_allclose(answer_kl(kept, QUESTIONS, ANSWERS, [other]), expected[1:], rtol=1e-4)
        assert max(max(rows) for rows in tried) > 2

    def test_no_memory_for_a_single_query_is_an_expected_failure(self, tmp_path: Path) -> None:
        base = load()
        limit_rows(base, 0)
        for measure in (
            lambda: answer_kl(base, QUESTIONS, ANSWERS, [SCALE]),
            lambda: save_logits(base, QUESTIONS, ANSWERS, tmp_path),
            lambda: perplexity(base, "w5 w6 w7 w8 w9"),
        ):
            with pytest.raises(ModelError, match="out of memory with a single text") as caught:
                measure()
            assert "--dtype" in caught.value.hint

    def test_what_can_not_be_compared_is_refused(self) -> None:
        base = load()
        with pytest.raises(PromptError, match=r"answers\[1\]: no tokens"):
            answer_kl(base, [[5], [6]], [[7], []], [SCALE])
        with pytest.raises(PromptError, match=r"questions\[0\]: no tokens"):
            answer_kl(base, [[]], [[7]], [SCALE])
        with pytest.raises(UsageError, match="over 0 tokens"):
            answer_kl(base, QUESTIONS, ANSWERS, [SCALE], tokens=0)
        other = LoadedModel(model=build_model("llama", vocab_size=99), tokenizer=base.tokenizer)
        with pytest.raises(ModelError, match="99 logits, the base 97"):
            answer_kl(base, QUESTIONS, ANSWERS, [other])
        with pytest.raises(ModelError, match="not finite in float32"):
            answer_kl(base, QUESTIONS, ANSWERS, [(HeadEdit(layer=1, head=2, factor=1e38), HeadEdit(layer=1, head=2, factor=1e38))])


def text(length: int) -> str:
    return " ".join(f"w{token}" for token in tokens(queries=1, length=length, seed=3)[0].tolist())


def naive_perplexity(loaded: LoadedModel, ids: list[int], window: int, stride: int) -> float:
    """Every token from the first window that holds it, one forward per token."""
    losses = []
    for position in range(1, len(ids)):
        begin = next(begin for begin in range(0, len(ids), stride) if position < begin + window)
        losses.append(-log_probabilities(loaded, ids[begin:position])[-1, ids[position]])
    return float(np.exp(np.mean(losses)))


class TestPerplexity:
    def test_it_is_the_naive_loops(self, subtests: pytest.Subtests) -> None:
        for edits in [(), SCALE, UNIFORM]:
            for family in ["llama", "gpt2", "gemma2", "phi3"]:
                with subtests.test(family=family, edits=edits):
                    loaded = load(family)
                    ids = loaded.tokenizer(text(30))["input_ids"]
                    found = perplexity(loaded, text(30), edits=edits, window=12, stride=5)
                    with edited(loaded.model, edits):
                        assert found == pytest.approx(naive_perplexity(loaded, ids, 12, 5), rel=1e-5)

    @pytest.mark.parametrize("windows", all_but([(12, 6)], [(12, 11), (12, 1), (2, 1), (12, 6), (64, 32)]))
    def test_each_token_counts_once_whatever_the_windows(self, windows: tuple[int, int], subtests: pytest.Subtests) -> None:
        loaded, (window, stride) = load(), windows
        for length in [2, 3, 11, 12, 13, 24, 41]:
            with subtests.test(length=length):
                expected = naive_perplexity(loaded, loaded.tokenizer(text(length))["input_ids"], window, stride)
                for batch_size in (1, "auto"):
                    found = perplexity(loaded, text(length), window=window, stride=stride, batch_size=batch_size)
                    assert found == pytest.approx(expected, rel=1e-5)

    def test_without_windows_it_is_the_models_own_loss(self) -> None:
        loaded = load()
        ids = torch.tensor([loaded.tokenizer(text(40))["input_ids"]])
        with torch.no_grad():
            loss = loaded.model(input_ids=ids, labels=ids).loss
        assert perplexity(loaded, text(40)) == pytest.approx(float(loss.exp()), rel=1e-5)

    def test_a_model_that_knows_nothing_has_the_vocabulary_as_its_perplexity(self) -> None:
        loaded = load()
        with torch.no_grad():
            loaded.model.get_output_embeddings().weight.zero_()
        assert perplexity(loaded, text(100)) == pytest.approx(97)

    def test_progress_counts_windows(self) -> None:
        seen: list[tuple[int, int]] = []
        perplexity(load(), text(22), window=12, stride=5, batch_size=1, on_progress=lambda *done: seen.append(done))
        assert seen == [(1, 3), (2, 3), (3, 3)]

    @pytest.mark.parametrize(("window", "stride"), [(1, 1), (12, 12), (12, 0), (65, 10)])
    def test_windows_out_of_range_are_refused(self, window: int, stride: int) -> None:
        with pytest.raises(UsageError, match=rf"window {window}, stride {stride}"):
            perplexity(load(), text(30), window=window, stride=stride)

    def test_a_text_of_one_token_is_refused(self) -> None:
        with pytest.raises(PromptError, match="has 1 tokens"):
            perplexity(load(), "w5")
