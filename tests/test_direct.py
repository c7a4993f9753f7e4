"""Direct head scores: what a head writes along the refusal direction."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headsurgery import attribute
from headsurgery.attribution.direct import direct_scores
from headsurgery.attribution.scores import best_heads
from headsurgery.errors import UsageError
from headsurgery.model.hooks import edited
from headsurgery.model.modules import locate_modules
from headsurgery.recipe import HeadEdit
from tests.tiny import FAMILIES, build_model, build_tokenizer, tokens

HARMFUL, HARMLESS = (
    [tokens(queries=1, length=length, seed=seed)[0].tolist() for seed, length in enumerate(lengths, start)]
    for start, lengths in ((0, (5, 7, 6)), (9, (4, 8)))
)


def resid_post(model: torch.nn.Module, query: list[int]) -> torch.Tensor:
    """What leaves the last layer at the last position, [hidden_size]."""
    seen: list[torch.Tensor] = []
    layer = locate_modules(model).layers[-1]
    handle = layer.register_forward_hook(lambda _, __, out: seen.append((out[0] if isinstance(out, tuple) else out)[0, -1]))
    with torch.no_grad():
        model(input_ids=torch.tensor([query]))
    handle.remove()
    return seen[0].double()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_score_is_what_the_heads_columns_write_along_the_direction(family: str) -> None:
    """By another way: o_proj's output loses exactly the head_result when the head is ablated."""
    model = build_model(family)
    modules = locate_modules(model)
    found, control = direct_scores(modules, HARMFUL, HARMLESS)
    means = [torch.stack([resid_post(model, query) for query in queries]).mean(dim=0) for queries in (HARMFUL, HARMLESS)]
    direction = (means[0] - means[1]) / (means[0] - means[1]).norm()

    def attention(query: list[int], layer: int) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        handle = modules.projection(layer, "o_proj").register_forward_hook(lambda _, __, out: seen.append(out[0, -1]))
        with torch.no_grad():
            model(input_ids=torch.tensor([query]))
        handle.remove()
        return seen[0].double()

    for layer, head in ((0, 1), (2, 5)):
        for scores, queries in ((found, HARMFUL), (control, HARMLESS)):
            whole = [attention(query, layer) for query in queries]
            with edited(model, [HeadEdit(layer=layer, head=head)]):
                without = [attention(query, layer) for query in queries]
            wanted = np.mean([abs(float((a - b) @ direction)) for a, b in zip(whole, without, strict=True)])
            assert scores[layer, head] == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_the_method_takes_the_best_heads_and_needs_a_harmless_set() -> None:
    model, prompts, harmless = build_model("llama"), ["w9 w10", "w11 w12 w13"], ["w20 w21", "w22"]
    found = attribute(model, build_tokenizer(), prompts, harmless=harmless, method="direct", top=4)
    assert [edit.ref for edit in found.recipe.edits] == list(best_heads(found.scores.harmful, 4))

    assert (found.recipe.provenance.method, found.recipe.provenance.unit, found.recipe.provenance.contrast) == ("direct", None, 0.0)
    assert set(found.scores.arrays) == {"direct", "direct_harmless"}
    with pytest.raises(UsageError, match="direct needs a harmless set"):
        attribute(model, build_tokenizer(), prompts, method="direct")
