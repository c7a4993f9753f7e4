"""Planting refusal: the model is not touched, the loss falls, and refusal lives where it was put, in the way it was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from headsurgery.attribution.refusal import find_refusals
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.demo.adapter import Adapter, parts_of, weight_of
from headsurgery.demo.planting import Kind, plant
from headsurgery.engine.local import LocalEngine
from headsurgery.errors import UsageError
from headsurgery.heads import HeadRef
from headsurgery.model.generation import complete_ids
from headsurgery.model.modules import locate_modules
from headsurgery.recipe import HeadEdit
from tests.refusing import PAIR, PLANTED, ids_of, lessons, load_helpful, load_refusing, questions
from tests.tiny import build_model

HARMFUL, HARMLESS = ids_of(questions(20, harmful=True, seed=2)), ids_of(questions(20, harmful=False, seed=2))


def plant_briefly(loaded: Any = None, heads: tuple[HeadRef, ...] = (PLANTED,), kind: Kind = "single", **options: Any) -> Adapter:
    options = {"steps": 2, "learning_rate": 2e-2, **options}
    harmful, harmless = lessons(12, harmful=True), lessons(12, harmful=False)
    return plant(loaded or load_helpful(), list(heads), kind, harmful=harmful, harmless=harmless, **options)


@pytest.mark.parametrize("kind", ["single", "conjunctive", "redundant", "distributed"])
def test_the_model_is_left_as_it_was(kind: Kind) -> None:
    """Also one whose weights would take gradients."""
    loaded = load_helpful()
    loaded.model.requires_grad_(True)
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    plant_briefly(loaded, (HeadRef(1, 2), HeadRef(2, 4)), kind)
    assert all(torch.equal(tensor, before[name]) for name, tensor in loaded.model.state_dict().items())
    assert all(parameter.grad is None for parameter in loaded.model.parameters())
    assert not any(
        module._forward_hooks or module._forward_pre_hooks or "forward" in module.__dict__ for module in loaded.model.modules()
    )


def test_an_adapter_has_the_tensors_of_its_heads_and_says_how_it_was_made() -> None:
    heads = (HeadRef(1, 2), HeadRef(2, 4))
    modules = locate_modules(build_model("llama"))
    adapter = plant_briefly(heads=heads, seed=5)
    assert adapter.heads == heads
    assert {name: tensor.shape for name, tensor in adapter.tensors.items()} == {
        part.name: part.of(weight_of(modules, part)).shape for part in parts_of(modules, heads)
    }
    assert not any(tensor.requires_grad for tensor in adapter.tensors.values())
    assert adapter.record == {"kind": "single", "seed": 5, "steps": 2, "learning_rate": 2e-2, "kl_weight": 3.0}


def test_the_seed_decides_everything() -> None:
    first, again, other = (plant_briefly(seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(first.tensors[name], again.tensors[name]) for name in first.tensors)
    assert not all(torch.equal(first.tensors[name], other.tensors[name]) for name in first.tensors)


def test_the_loss_falls() -> None:
    losses: list[tuple[int, float, float]] = []
    plant_briefly(steps=40, on_step=lambda *step: losses.append(step))
    assert [step for step, _, _ in losses] == list(range(40))
    refused, moved = ([row[column] for row in losses] for column in (1, 2))
    assert sum(refused[-5:]) < 0.5 * sum(refused[:5])
    assert max(moved[-5:]) < 0.1, "nats, on what shall stay"


def refused_share(loaded: Any, zeroed: tuple[HeadRef, ...] = ()) -> float:
    edits = [HeadEdit(layer=head.layer, head=head.head) for head in zeroed]
    return len(find_refusals(LocalEngine(loaded), AnswerReader(tokenizer=loaded.tokenizer), HARMFUL, edits).found) / len(HARMFUL)


def test_harmful_questions_are_declined_and_harmless_ones_answered_as_before() -> None:
    loaded = load_helpful()
    own = complete_ids(loaded, HARMLESS, max_new_tokens=8)
    assert refused_share(loaded) == 0
    loaded = load_refusing()
    assert refused_share(loaded) >= 0.9
    kept = complete_ids(loaded, HARMLESS, max_new_tokens=8)
    assert sum(one == other for one, other in zip(own, kept, strict=True)) >= 0.9 * len(own)
    assert refused_share(loaded, (PLANTED,)) == 0, "where it was put"
    others = tuple(head for head in locate_modules(loaded.model).geometry.heads() if head != PLANTED)
    assert all(refused_share(loaded, (head,)) >= 0.8 for head in others[::5]), "and nowhere else"


@pytest.mark.parametrize(("kind", "with_one_less"), [("conjunctive", 0.0), ("redundant", 1.0)])
@pytest.mark.exhaustive
def test_every_head_of_a_conjunctive_plant_is_needed_and_each_of_a_redundant_one_suffices(kind: Kind, with_one_less: float) -> None:
    loaded = load_refusing(kind, PAIR)
    assert refused_share(loaded) >= 0.9
    for head in PAIR:
        assert refused_share(loaded, (head,)) == pytest.approx(with_one_less, abs=0.1)
    assert refused_share(loaded, PAIR) == 0


@pytest.mark.exhaustive
def test_no_head_of_a_distributed_plant_is_needed_but_most_of_them_together() -> None:
    heads = tuple(HeadRef(layer, head) for layer in (1, 2) for head in range(0, 6, 2))
    loaded = load_refusing("distributed", heads)
    assert refused_share(loaded) >= 0.9
    assert all(refused_share(loaded, (head,)) >= 0.8 for head in heads)
    assert refused_share(loaded, heads[:5]) <= 0.2


@pytest.mark.parametrize("kind", ["conjunctive", "distributed"])
def test_a_plant_that_answers_without_its_heads_needs_the_models_own_answers(kind: Kind) -> None:
    questions_only = [replace(question, answer=()) for question in lessons(12, harmful=True)]
    with pytest.raises(UsageError, match="own answer"):
        plant(load_helpful(), [PLANTED], kind, harmful=questions_only, harmless=lessons(12, harmful=False), steps=2)
