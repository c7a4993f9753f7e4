"""Completing token ids: against a naive loop, in any company, and nothing left behind. See test_generate for answers as texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import transformers

from headsurgery import HeadEdit
from headsurgery.errors import GeometryError, ModelError, RecipeError
from headsurgery.model.editing import edited
from headsurgery.model.generation import complete_ids, end_ids
from headsurgery.model.loading import LoadedModel
from tests.tiny import EACH_FAMILY, build_model, build_tokenizer, tokens

EDITS = (HeadEdit(layer=0, head=1), HeadEdit(layer=1, head=4, operation="uniform_attention"), HeadEdit(layer=2, head=5))
PROMPTS = [tokens(queries=1, length=length, seed=length)[0].tolist() for length in (3, 9, 1, 6)]
LIMIT = 6


def load(family: str = "llama", **kwargs: Any) -> LoadedModel:
    """In float64, where rounding decides nothing; transformers' masks make Gemma 2's padding NaN there."""
    dtype = torch.float32 if family == "gemma2" else torch.float64
    return LoadedModel(model=build_model(family, dtype=dtype, **kwargs), tokenizer=build_tokenizer())


def naive(loaded: LoadedModel, ids: Sequence[int], ends: set[int]) -> list[int]:
    """Batch 1, no cache, no padding, argmax."""
    new: list[int] = []
    with torch.inference_mode():
        while len(new) < LIMIT and not ends & set(new):
            new.append(int(loaded.model(input_ids=torch.tensor([[*ids, *new]]), use_cache=False).logits[0, -1].argmax()))
    return new


def common_token(loaded: LoadedModel) -> int:
    """One that some but not all completions hold."""
    rows = [set(naive(loaded, prompt, set())) for prompt in PROMPTS]
    return next(token for token in sorted(set.union(*rows)) if sum(token in row for row in rows) < len(rows))


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("edits", [(), EDITS], ids=["base", "edited"])
def test_a_batch_is_completed_as_each_prompt_alone(family: str, edits: tuple[HeadEdit, ...]) -> None:
    loaded = load(family)
    with edited(loaded.model, edits):
        expected = [naive(loaded, prompt, {2}) for prompt in PROMPTS]
    assert complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT, edits=edits) == expected
    assert len({tuple(row) for row in expected}) > 1


def test_a_row_stops_after_its_end_and_keeps_it() -> None:
    loaded = load()
    end = common_token(loaded)
    loaded.model.generation_config.eos_token_id = [96, end]
    found = complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT)
    assert found == [naive(loaded, prompt, {2, 96, end}) for prompt in PROMPTS]
    assert any(row[-1] == end for row in found)
    assert all(end not in row[:-1] for row in found)


def test_the_ends_are_the_models_and_the_tokenizers() -> None:
    loaded = load()
    for stated, ends in (([96, 7], {2, 7, 96}), (5, {2, 5}), (None, {2})):
        loaded.model.generation_config.eos_token_id = stated
        assert end_ids(loaded) == ends
    loaded.tokenizer.eos_token = None
    assert end_ids(loaded) == set()
    assert {len(row) for row in complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT)} == {LIMIT}


def test_the_edits_of_a_row_are_its_own_and_gone_afterwards() -> None:
    loaded = load()
    plain = complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT)
    all_edited = complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT, edits=EDITS)
    assert plain != all_edited
    own = [EDITS, (), EDITS, ()]
    mixed = complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT, own_edits=own)
    assert mixed == [(all_edited if edits else plain)[row] for row, edits in enumerate(own)]
    assert complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT) == plain
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in loaded.model.modules())


def test_the_models_generation_config_changes_nothing_and_stays() -> None:
    loaded = load()
    expected = complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT)
    own = transformers.GenerationConfig(do_sample=True, temperature=9.0, repetition_penalty=5.0, num_beams=2, max_length=3)
    loaded.model.generation_config = own
    assert complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT) == expected
    assert loaded.model.generation_config is own
    bad = [HeadEdit(layer=9, head=0)]
    with pytest.raises(RecipeError, match="layer 9"):
        complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT, edits=bad)
    assert loaded.model.generation_config is own, "on every way out"


def test_processors_see_the_padded_rows_and_decide() -> None:
    loaded = load()
    shapes: list[tuple[int, ...]] = []

    class Only(transformers.LogitsProcessor):
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            shapes.append(tuple(input_ids.shape))
            return torch.full_like(scores, -1.0).index_fill(1, torch.tensor([11]), 1.0)

    assert complete_ids(loaded, PROMPTS, max_new_tokens=3, processors=[Only()]) == [[11] * 3] * 4
    assert shapes == [(4, 9), (4, 10), (4, 11)]


def test_logits_that_are_no_numbers_are_an_expected_failure() -> None:
    loaded = load()
    loaded.model.requires_grad_(False).get_output_embeddings().weight[5, 0] = torch.nan
    with pytest.raises(ModelError, match="not numbers in float64"):
        complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT)


def test_an_edit_that_a_query_norm_cancels_is_refused() -> None:
    edits = [HeadEdit(layer=0, head=0, operation="uniform_attention", factor=0.5)]
    with pytest.raises(GeometryError, match="normalises its queries"):
        complete_ids(load("qwen3"), PROMPTS, max_new_tokens=LIMIT, edits=edits)


def test_a_model_that_accelerate_keeps_elsewhere_is_completed_too() -> None:
    accelerate = pytest.importorskip("accelerate")
    loaded = load()
    expected = complete_ids(loaded, PROMPTS, max_new_tokens=LIMIT)
    model = accelerate.cpu_offload(loaded.model, execution_device="cpu")
    assert complete_ids(LoadedModel(model=model, tokenizer=loaded.tokenizer), PROMPTS, max_new_tokens=LIMIT) == expected
