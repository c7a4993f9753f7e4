"""Answers by transformers: against a naive loop, through hooks and bytes, in any batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from headsurgery import HeadEdit, Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.errors import ModelError, PromptError, UsageError
from headsurgery.evaluation.generate import fit_prompts, generate_answers, greedy_starts
from headsurgery.model.completion import plan_batches
from headsurgery.model.editing import edited
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.prompts import PromptSet, encode, load_template
from tests.exhaustive import all_but
from tests.tiny import build_model, build_tokenizer, save_model

FAMILIES = ("llama", "gemma2", "gemma3_text", "gemma3", "gpt2", "qwen3", "gpt_neox")
EDITS = (HeadEdit(layer=0, head=1), HeadEdit(layer=1, head=4, operation="uniform_attention"), HeadEdit(layer=2, head=5))
EOS = 2
PROMPTS = PromptSet.from_texts(
    [" ".join(f"w{3 + (7 * row + 5 * word) % 93}" for word in range(length)) for row, length in enumerate((3, 9, 1, 6, 9, 2, 14))],
    name="nonsense",
)
GREEDY = Decoding(template="direct", max_new_tokens=8)
SAMPLED = Decoding(template="direct", max_new_tokens=8, method="top_k", top_k=5)


def load(family: str, *, dtype: torch.dtype = torch.float64, **overrides: Any) -> LoadedModel:
    model = build_model(family, dtype=dtype, **overrides).requires_grad_(False)
    return LoadedModel(model=model, tokenizer=build_tokenizer(chat=True))


def answers(loaded: LoadedModel, prompts: PromptSet = PROMPTS, decoding: Decoding = GREEDY, **options: Any) -> list[Answer]:
    """All answers, in the prompts' order."""
    template = load_template(decoding.template, loaded.tokenizer)
    batches = generate_answers(loaded, prompts, template=template, decoding=decoding, **options)
    return sorted(itertools.chain.from_iterable(batches), key=lambda answer: answer.index)


def naive(loaded: LoadedModel, ids: Sequence[int], ends: Sequence[int] = (EOS,), *, limit: int = 8) -> list[int]:
    """Batch 1, no cache, no padding, argmax."""
    tokens = list(ids)
    with torch.inference_mode():
        while len(tokens) - len(ids) < limit and not (len(tokens) > len(ids) and tokens[-1] in ends):
            tokens.append(int(loaded.model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1].argmax()))
    return tokens[len(ids) :]


def expected_answer(loaded: LoadedModel, new: list[int], ends: Sequence[int] = (EOS,)) -> tuple[str, int, bool]:
    finished = new[-1] in ends
    return loaded.tokenizer.decode(new[:-1] if finished else new, skip_special_tokens=True), len(new), finished


def seen(found: Sequence[Answer]) -> list[tuple[str, int, bool]]:
    return [(answer.text, answer.num_tokens, answer.finished) for answer in found]


@pytest.mark.parametrize("batch_size", [1, 3, "auto"])
def test_greedy_starts_are_the_first_ids_of_the_answers(batch_size: Any) -> None:
    loaded = load("llama")
    template = load_template("direct", loaded.tokenizer)
    options: dict[str, Any] = {"template": template, "decoding": SAMPLED, "tokens": 4, "batch_size": batch_size}
    questions, starts = greedy_starts(loaded, PROMPTS, **options)
    assert questions == encode(PROMPTS, template, loaded.tokenizer, max_tokens=64)[1]
    assert starts == [naive(loaded, question, limit=4) for question in questions]


def texts(found: Sequence[Answer]) -> list[str]:
    return [answer.text for answer in found]


# Greedy


@pytest.mark.parametrize("family", all_but(("llama", "gemma3", "gpt2", "qwen3", "gpt_neox"), FAMILIES))
@pytest.mark.parametrize("edits", [(), EDITS], ids=["base", "edited"])
def test_batched_answers_are_those_of_a_naive_loop(family: str, edits: tuple[HeadEdit, ...]) -> None:
    # transformers masks in the model's type but takes the softmax in float32: Gemma 2's padding is NaN in float64
    loaded = load(family, dtype=torch.float32 if family == "gemma2" else torch.float64)
    _, ids = encode(PROMPTS, load_template("direct", loaded.tokenizer), loaded.tokenizer, max_tokens=64)
    with edited(loaded.model, edits):
        expected = [expected_answer(loaded, naive(loaded, prompt)) for prompt in ids]
    found = answers(loaded, edits=edits, batch_size=4)
    assert seen(found) == expected
    assert [(answer.index, answer.prompt) for answer in found] == list(enumerate(PROMPTS.texts))
    assert len({text for text, _, _ in expected}) > 1, "the prompts must matter"


@pytest.mark.parametrize("family", all_but(("llama", "gemma3", "gpt2", "qwen3", "gpt_neox"), FAMILIES))
@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_hooks_and_an_edited_checkpoint_answer_alike(family: str, decoding: Decoding, tmp_path: Path) -> None:
    base = save_model(family, tmp_path / "base")
    apply_plan(plan_surgery(Recipe(edits=EDITS), open_checkpoint(base)), tmp_path / "edited")
    loaded = load_model(base, device="cpu")
    hooked = answers(loaded, decoding=decoding, edits=EDITS, variant="v")
    assert hooked == answers(load_model(tmp_path / "edited", device="cpu"), decoding=decoding, variant="v")
    assert texts(hooked) != texts(answers(loaded, decoding=decoding))


def test_the_template_the_system_message_and_the_prefill_reach_the_model() -> None:
    loaded = load("llama")
    decoding = Decoding(template="chat", max_new_tokens=8, system="w9 w10", prefill="w11 w12")
    found = answers(loaded, decoding=decoding)
    begin = [1, 4, 9, 10]
    for text, answer in zip(PROMPTS.texts, found, strict=True):
        query = [int(word[1:]) for word in text.split()]
        new = naive(loaded, [*begin, 1, 4, *query, 1, 4, 11, 12])
        assert seen([answer]) == [expected_answer(loaded, new)], "the prefill is not part of the answer"


# The end of an answer


def ends_midway(loaded: LoadedModel) -> int:
    """A token that some but not all answers hold, so that it can serve as an end."""
    _, ids = encode(PROMPTS, load_template("direct", loaded.tokenizer), loaded.tokenizer, max_tokens=64)
    rows = [set(naive(loaded, prompt, ())) for prompt in ids]
    return next(token for token in sorted(set.union(*rows)) if 0 < sum(token in row for row in rows) < len(rows))


def test_every_end_of_sequence_id_of_the_model_and_its_tokenizer_ends_an_answer() -> None:
    loaded = load("llama")
    end = ends_midway(loaded)
    loaded.model.generation_config.eos_token_id = [96, end]
    _, ids = encode(PROMPTS, load_template("direct", loaded.tokenizer), loaded.tokenizer, max_tokens=64)
    ends = (EOS, 96, end)
    found = answers(loaded)
    assert seen(found) == [expected_answer(loaded, naive(loaded, prompt, ends), ends) for prompt in ids]
    assert {answer.finished for answer in found} == {True, False}
    assert all(f"w{end}" not in answer.text.split() for answer in found), "an end is not text, special or not"
    assert [answer.num_tokens for answer in found] == [len(naive(loaded, prompt, ends)) for prompt in ids]


def test_a_model_without_an_end_is_cut_at_the_limit() -> None:
    loaded = load("llama")
    loaded.model.generation_config.eos_token_id = None
    loaded.tokenizer.eos_token = None
    found = answers(loaded)
    assert {(answer.num_tokens, answer.finished) for answer in found} == {(8, False)}


@pytest.mark.parametrize("token", [None, "<pad>", "</s>"])
def test_the_tokenizers_padding_does_not_matter_and_stays(token: str | None) -> None:
    loaded = load("llama")
    expected = answers(loaded)
    loaded.tokenizer.pad_token = token
    loaded.tokenizer.padding_side = "right"
    assert answers(loaded) == expected
    assert (loaded.tokenizer.pad_token, loaded.tokenizer.padding_side) == (token, "right")


# Decoding exactly as asked


def test_the_models_own_generation_config_changes_nothing_and_stays() -> None:
    loaded = load("llama")
    expected = {decoding.method: answers(loaded, decoding=decoding) for decoding in (GREEDY, SAMPLED)}
    own = transformers.GenerationConfig(
        do_sample=True, temperature=0.1, top_p=0.3, top_k=2, repetition_penalty=5.0, no_repeat_ngram_size=1, max_length=3,
        min_new_tokens=8, suppress_tokens=list(range(3, 60)), num_beams=2, eos_token_id=EOS,
    )  # fmt: skip
    before = own.to_dict()
    loaded.model.generation_config = own
    assert {decoding.method: answers(loaded, decoding=decoding) for decoding in (GREEDY, SAMPLED)} == expected
    assert loaded.model.generation_config is own
    assert own.to_dict() == before


def test_the_same_seed_gives_the_same_answers_and_another_seed_others() -> None:
    loaded = load("llama")
    first, again, other = (answers(loaded, decoding=SAMPLED, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert {answer.seed for answer in first} == {3}
    assert sum(a != b for a, b in zip(texts(first), texts(other), strict=True)) >= len(first) - 1
    assert {answer.seed for answer in answers(loaded, seed=3)} == {0}, "greedy has no seed"


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_answers_do_not_depend_on_the_batches(decoding: Decoding) -> None:
    """In float64, where rounding decides nothing; in lower precision a near tie may fall the other way."""
    loaded = load("qwen3")
    expected = answers(loaded, decoding=decoding, batch_size=1)
    for batch_size in (2, 3, 100, "auto"):
        assert answers(loaded, decoding=decoding, batch_size=batch_size) == expected
    reversed_prompts = PromptSet.from_texts(PROMPTS.texts[::-1], name=PROMPTS.name)
    assert texts(answers(loaded, reversed_prompts, decoding))[::-1] == texts(expected)


def test_the_random_state_of_the_user_stays_and_does_not_matter() -> None:
    loaded = load("llama")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = answers(loaded, decoding=SAMPLED)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert answers(loaded, decoding=SAMPLED) == first


# Batches


def test_batches_hold_neighbours_by_length_and_every_prompt_once() -> None:
    loaded = load("llama")
    progress: list[tuple[int, int]] = []
    batches = list(
        generate_answers(
            loaded,
            PROMPTS,
            template=load_template("direct", loaded.tokenizer),
            decoding=GREEDY,
            batch_size=3,
            on_progress=lambda done, total: progress.append((done, total)),
        )
    )
    assert [[answer.index for answer in batch] for batch in batches] == [[1, 4, 6], [0, 3, 5], [2]]
    assert progress == [(3, 7), (6, 7), (7, 7)]


def test_what_is_skipped_does_not_change_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load("llama", dtype=torch.float32)
    ran: list[int] = []
    original = type(loaded.model).generate

    def counting(self: Any, **kwargs: Any) -> Any:
        ran.append(len(kwargs["input_ids"]))
        return original(self, **kwargs)

    expected = answers(loaded, decoding=SAMPLED, batch_size=3)
    monkeypatch.setattr(type(loaded.model), "generate", counting)
    progress: list[tuple[int, int]] = []
    found = answers(loaded, decoding=SAMPLED, batch_size=3, skip={1, 4, 6, 0}, on_progress=lambda *counts: progress.append(counts))
    assert found == [expected[index] for index in (2, 3, 5)]
    assert ran == [3, 1], "a finished batch is not run again, a broken one whole"
    assert progress == [(6, 7), (7, 7)]
    assert not answers(loaded, skip=range(7))


def test_edits_are_in_force_only_while_a_batch_runs() -> None:
    loaded = load("llama")
    template = load_template("direct", loaded.tokenizer)
    plain = answers(loaded, batch_size=2)
    hooked: Iterator[tuple[Answer, ...]] = generate_answers(
        loaded, PROMPTS, template=template, decoding=GREEDY, edits=EDITS, batch_size=2
    )
    next(hooked)
    assert answers(loaded, batch_size=2) == plain
    assert len(list(hooked)) == 3


def test_auto_batches_stay_within_tokens_and_rows() -> None:
    for device, tokens, rows in (("cpu", 8192, 64), ("cuda", 65536, 256)):
        lengths = [4000, 3000, 2000, 1000, 900, 800] + [20] * 300
        batches = plan_batches(lengths, 128, "auto", torch.device(device))
        assert sorted(itertools.chain.from_iterable(batches)) == list(range(len(lengths)))
        assert all(len(batch) <= rows and len(batch) * (lengths[batch[0]] + 128) <= tokens for batch in batches)
        assert max(map(len, batches)) > rows // 2
    assert plan_batches([90_000], 128, "auto", torch.device("cpu")) == [(0,)]


def test_without_memory_the_batch_is_halved_and_the_answers_stay() -> None:
    loaded = load("llama")
    expected, attempts = answers(loaded, decoding=SAMPLED), []

    def limit(_: Any, __: Any, kwargs: Any) -> None:
        rows = len(kwargs["input_ids"])
        attempts.append(rows)
        if rows > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    handle = loaded.model.register_forward_pre_hook(limit, with_kwargs=True)
    assert answers(loaded, decoding=SAMPLED) == expected
    assert [rows for rows in attempts if rows > 2] == [7, 3], "what did not fit is not tried again"
    handle.remove()
    handle = loaded.model.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("no memory")))
    with pytest.raises(ModelError, match="out of memory with a single prompt"):
        answers(loaded)
    handle.remove()
    loaded.model.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        answers(loaded)


# Refusals


def test_a_prompt_must_fit_with_its_answer() -> None:
    loaded = load("gpt2")  # a context of 64
    decoding, template = Decoding(template="direct", max_new_tokens=55), load_template("direct", loaded.tokenizer)
    with pytest.raises(PromptError, match="left out 1 prompts longer than the model's 9 tokens") as caught:
        answers(loaded, decoding=decoding)
    assert "--max-new-tokens" in caught.value.hint
    kept = fit_prompts(loaded, PROMPTS, template=template, decoding=decoding)
    assert kept.texts == PROMPTS.texts[:-1]
    assert kept.notes
    assert len(answers(loaded, kept, decoding)) == len(kept.texts)
    assert fit_prompts(loaded, PROMPTS, template=template, decoding=GREEDY) == PROMPTS


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_logits_that_are_no_numbers_are_no_answer(decoding: Decoding) -> None:
    loaded = load("llama", dtype=torch.float32)
    loaded.model.get_output_embeddings().weight[5, 0] = torch.nan
    with pytest.raises(ModelError, match="not numbers in float32") as caught:
        answers(loaded, decoding=decoding)
    assert "headsurgery audit MODEL --blind names such heads" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({}, {"batch_size": 0}, "--batch-size 0"),
        ({"max_new_tokens": 0}, {}, "--max-new-tokens 0"),
        ({"method": "top_k"}, {}, "top_k is None"),
        ({"method": "top_k", "top_k": 0}, {}, "top_k is 0"),
        ({"method": "top_k", "top_k": 5, "temperature": 0.0}, {}, "temperature is 0.0"),
        ({"system": "w3"}, {}, "no place for a system message"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        answers(load("llama"), decoding=GREEDY.model_copy(update=changes), **options)
