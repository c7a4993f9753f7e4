"""`attribute`: from prompts to a recipe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headsurgery import Recipe, attribute
from headsurgery.attribution.options import AttributionOptions
from headsurgery.attribution.scores import read_scores_file
from headsurgery.attribution.settings import Settings
from headsurgery.errors import GeometryError, HeadSurgeryError, ModelError, PromptError, UsageError
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import PromptSet
from headsurgery.prompts.templates import NO_CHAT_TEMPLATE
from tests.exhaustive import all_but
from tests.tiny import build_model, build_tokenizer

PROMPTS = ["w9 w10 w11", "w12 w13", "w14 w15 w16 w17", "w18 w19"]
HARMLESS = ["w20 w21", "w22 w23 w24", "w25 w26"]


def run(family: str = "llama", **kwargs: Any) -> Any:
    return attribute(build_model(family), build_tokenizer(), PROMPTS, **kwargs)


def test_sahara_writes_a_group_with_its_provenance() -> None:
    found = run(method="sahara", harmless=HARMLESS)
    provenance = found.recipe.provenance
    assert len(found.recipe.edits) == 3
    assert all((edit.operation, edit.factor) == ("scale", 0.0) for edit in found.recipe.edits)
    assert (provenance.method, provenance.unit, provenance.contrast, provenance.template) == ("sahara", "degrees", 1.0, "paper")
    assert (provenance.prompts.count, provenance.harmless.count) == (4, 3)
    assert provenance.prompts.sha256 == PromptSet.from_texts(PROMPTS).sha256
    assert [(s.layer, s.head) for s in provenance.scores] == [(edit.layer, edit.head) for edit in found.recipe.edits]
    assert set(provenance.versions) == {"headsurgery", "torch", "transformers", "python"}
    assert Recipe.parse(found.recipe.to_json()) == found.recipe


def test_ships_takes_the_best_heads() -> None:
    found = run(method="ships", top=5)
    assert len(found.recipe.edits) == 5
    assert found.recipe.provenance.unit == "nats"
    assert found.recipe.provenance.contrast is None
    assert found.scores.arrays["ships"].shape == (4, 3, 6)


def test_a_recipe_has_the_factor_that_it_is_told() -> None:
    assert {edit.factor for edit in run(method="ships", intent="reinforce", apply_factor=1.5).recipe.edits} == {1.5}
    assert {edit.factor for edit in run(method="ships", factor=0.25).recipe.edits} == {0.25}


@pytest.mark.parametrize(("method", "heads", "contrast"), [("refusal", 5, 10.0), ("sahara", 3, 1.0), ("ships", 3, 1.0)])
def test_a_method_brings_its_group_size_and_its_weight_of_the_control(method: str, heads: int, contrast: float) -> None:
    left_open = Settings.resolve(AttributionOptions(method=method), has_harmless=True)
    assert (getattr(left_open.own, left_open.method.counted_by), left_open.contrast) == (heads, contrast)
    chosen = Settings.resolve(AttributionOptions(method=method, group_size=2, top=2, contrast=0.0), has_harmless=True)
    assert (getattr(chosen.own, chosen.method.counted_by), chosen.contrast) == (2, 0.0)
    assert Settings.resolve(AttributionOptions(method=method), has_harmless=False).contrast is None
    search = Settings.resolve(AttributionOptions(method=method, intent="reinforce"), has_harmless=True)
    wanted = 1 if method == "refusal" else heads
    assert getattr(search.own, search.method.counted_by) == wanted, "a search takes its heads by the first step"


def test_a_planted_head_is_found_and_its_recipe_takes_it_out() -> None:
    """Ground truth: the o_proj columns of all heads but L1H2 are weakened a thousandfold."""
    model = build_model("qwen2")
    with torch.no_grad():
        for layer in range(3):
            locate_modules(model).projection(layer, "o_proj").weight *= 1e-3
        locate_modules(model).projection(1, "o_proj").weight[:, 16:24] *= 1e3
    for method in ("ships", "sahara"):
        found = attribute(model, build_tokenizer(), PROMPTS, method=method, group_size=1, top=1)
        assert [(edit.layer, edit.head) for edit in found.recipe.edits] == [(1, 2)]


def test_scores_are_kept_with_their_record(tmp_path: Path) -> None:
    found = run(method="sahara", harmless=HARMLESS, group_size=2)
    found.scores.save(tmp_path / "scores.safetensors", found.recipe.provenance)
    arrays, record = read_scores_file(tmp_path / "scores.safetensors")
    assert set(arrays) == {"sahara", "sahara_harmless", "ships", "ships_harmless"}
    assert arrays["sahara"].dtype == np.float64
    np.testing.assert_array_equal(arrays["sahara"], found.scores.arrays["sahara"])
    assert record == json.loads(found.recipe.provenance.model_dump_json(exclude_none=True))
    (tmp_path / "other").write_bytes(b"nonsense")
    with pytest.raises(HeadSurgeryError, match="not a scores file"):
        read_scores_file(tmp_path / "other")


def test_the_modes_of_all_modules_are_as_before() -> None:
    model = build_model("llama").train()
    model.model.layers[1].eval()
    attribute(model, build_tokenizer(), PROMPTS, method="ships", top=1)
    assert model.training
    assert model.model.layers[0].training
    assert not model.model.layers[1].training


@pytest.mark.parametrize("method", ["ships", "sahara"])
def test_states_that_are_not_finite_are_an_expected_failure(method: str) -> None:
    """As when float16 overflows."""
    model = build_model("llama", dtype=torch.float16)
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight *= 3e5
    with pytest.raises(ModelError, match="final states are not finite in float16"):
        attribute(model, build_tokenizer(), PROMPTS, method=method)


def test_a_head_without_any_effect_is_named_also_without_a_control() -> None:
    found = attribute(
        build_model("llama"), build_tokenizer(), ["w9"], method="ships", operation="uniform_attention", template="direct"
    )
    assert "changes nothing on these prompts (score 0)" in found.notes[-1], "one token attends uniformly already"


def test_a_model_that_accelerate_keeps_elsewhere_is_scored_too() -> None:
    accelerate = pytest.importorskip("accelerate")
    wanted = run(method="ships").scores.harmful
    model = accelerate.cpu_offload(build_model("llama"), execution_device="cpu")
    found = attribute(model, build_tokenizer(), PROMPTS, method="ships").scores.harmful
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_heads_that_matter_no_more_than_on_the_control_are_named() -> None:
    found = run(method="ships", harmless=PROMPTS, top=2)
    assert any(re.search(r"L\dH\d, L\dH\d: these matter no more on the harmful", note) for note in found.notes)


def test_contradictions_are_usage_errors(subtests: pytest.Subtests) -> None:
    for arguments, message in [
        ({"method": "magic"}, "method is 'magic', expected refusal or "),
        ({"operation": "cut"}, "operation is 'cut', expected scale or uniform_attention"),
        ({"factor": 1.0}, "changes nothing"),
        ({"factor": float("nan")}, "factor is nan, expected a finite number"),
        ({"group_size": 0}, "group size is 0, expected at least 1"),
        ({"group_size": 19}, "group size is 19, but the model has 18 heads"),
        ({"method": "sahara", "r_main": 4}, "4 prompts, but sahara with r_main 4 needs at least 5"),
        ({"contrast": 1.0}, "contrast 1 needs a harmless set"),
        ({"contrast": -1.0, "harmless": HARMLESS}, "contrast is -1, expected 0 or more"),
        ({"batch_size": 0}, "batch size is 0, expected auto or at least 1"),
        ({"apply_factor": 2.0}, "apply factor 2 doesn't ablate"),
        ({"intent": "reinforce", "apply_factor": 0.5}, "apply factor 0.5 doesn't reinforce"),
    ]:
        with subtests.test(arguments=arguments, message=message):
            with pytest.raises(UsageError, match=re.escape(message)) as caught:
                run(**arguments)
            assert caught.value.exit_code == 2


def test_a_query_norm_refuses_uniform_attention_with_another_factor() -> None:
    with pytest.raises(GeometryError, match="QK-norm"):
        run("qwen3", operation="uniform_attention", factor=0.5)
    with pytest.raises(GeometryError, match="QK-norm"):
        run("qwen3", operation="uniform_attention", intent="reinforce", apply_factor=2.0)


def test_a_missing_chat_template_and_a_bare_string_are_refused() -> None:
    with pytest.raises(PromptError, match="no chat template"):
        run(template="chat")
    with pytest.raises(UsageError, match="a single string"):
        attribute(build_model("llama"), build_tokenizer(), "w5 w6")


# What makes a choice doubtful


@pytest.mark.parametrize("families", all_but([("llama",)], [("llama",), ("gpt_neox", "phi3")]), ids=str)
def test_scores_that_are_rounding_choose_heads_with_a_doubt_in_their_recipe(
    families: tuple[str, ...], subtests: pytest.Subtests
) -> None:
    """Heads whose effect is far below the type's rounding: ablating one changes the last bit here and there, or nothing."""
    for family in families:
        for dtype in [torch.float32, torch.float64, torch.bfloat16]:
            for method in ["ships", "sahara"]:
                with subtests.test(method=method, dtype=dtype, family=family):
                    model = build_model(family, dtype=dtype)
                    with torch.no_grad():
                        for layer in range(3):
                            locate_modules(model).projection(layer, "o_proj").weight *= torch.finfo(dtype).eps / 8
                    found = attribute(model, build_tokenizer(), PROMPTS, method=method, group_size=1, harmless=HARMLESS)
                    (doubt,) = (note for note in found.recipe.provenance.notes if "no head stands out" in note)
                    assert doubt in found.notes


@pytest.mark.parametrize("method", ["ships", "sahara"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_heads_with_an_effect_are_not_doubted(dtype: torch.dtype, method: str) -> None:
    found = attribute(build_model("llama", dtype=dtype), build_tokenizer(), PROMPTS, method=method, harmless=HARMLESS)
    assert not any("stands out" in note for note in found.notes)


@pytest.mark.parametrize("method", ["ships", "sahara"])
def test_a_choice_without_a_control_is_said_once_and_recorded(method: str) -> None:
    notes = run(method=method).recipe.provenance.notes
    assert [note for note in notes if "no control" in note] == [note for note in run(method=method).notes if "no control" in note]
    assert sum("no control" in note for note in notes) == 1
    assert not any("no control" in note for note in run(method=method, harmless=HARMLESS).notes)


def test_a_template_that_nobody_chose_is_said_once_and_recorded() -> None:
    found = run(method="ships", harmless=HARMLESS)
    assert (found.recipe.provenance.template, found.notes.count(NO_CHAT_TEMPLATE)) == ("paper", 1)
    assert found.recipe.provenance.notes.count(NO_CHAT_TEMPLATE) == 1
    for chosen in ("paper", "direct"):
        assert NO_CHAT_TEMPLATE not in run(method="ships", template=chosen).notes
    with_chat = attribute(build_model("llama"), build_tokenizer(chat=True), PROMPTS, method="ships")
    assert with_chat.recipe.provenance.template == "chat"
    assert NO_CHAT_TEMPLATE not in with_chat.notes
