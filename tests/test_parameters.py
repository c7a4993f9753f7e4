"""Parameters changed: counted on real models, and the paper's two figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from headsurgery import Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.errors import GeometryError
from headsurgery.evaluation.parameters import paper_share, parameters_changed
from headsurgery.heads import AttentionGeometry, LayerHeads
from headsurgery.model.modules import locate_modules
from headsurgery.recipe import HeadEdit
from tests.tiny import FAMILIES, build_model, save_model

EDITS = (
    HeadEdit(layer=0, head=1),
    HeadEdit(layer=2, head=5, operation="uniform_attention"),
    HeadEdit(layer=2, head=5),
    HeadEdit(layer=1, head=0, factor=1.0),
)
LLAMA_2_7B = AttentionGeometry(hidden_size=4096, layers=(LayerHeads(num_heads=32, num_kv_heads=32, head_dim=128),) * 32)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_the_number_of_elements_that_surgery_changes(family: str, tmp_path: Path) -> None:
    """No weight of the tiny models is 0, so ablation changes every element that it multiplies."""
    base = save_model(family, tmp_path / "base")
    checkpoint = open_checkpoint(base)
    apply_plan(plan_surgery(Recipe(edits=EDITS), checkpoint), tmp_path / "edited")
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "edited"))
    changed = sum(int((before[name] != after[name]).sum()) for name in before)
    modules = locate_modules(build_model(family))
    q_bias = getattr(modules.projection(0, "q_proj"), "bias", None) is not None
    assert parameters_changed(EDITS, modules.geometry, q_bias=q_bias) == changed


def test_a_layers_own_width_counts() -> None:
    layers = (LayerHeads(num_heads=4, num_kv_heads=2, head_dim=8), None, LayerHeads(num_heads=2, num_kv_heads=1, head_dim=32))
    geometry = AttentionGeometry(hidden_size=10, layers=layers)
    assert parameters_changed([HeadEdit(layer=0, head=3), HeadEdit(layer=2, head=1)], geometry) == 10 * 8 + 10 * 32
    with pytest.raises(GeometryError, match="no attention heads"):
        parameters_changed([HeadEdit(layer=1, head=0)], geometry)


def test_the_papers_figures_come_out_its_way_and_ours_says_what_is_true() -> None:
    heads = [HeadEdit(layer=layer, head=head, operation="uniform_attention") for layer, head in ((2, 26), (1, 8), (3, 8))]
    assert f"{paper_share(heads[:1], LLAMA_2_7B):.3%}" == "0.006%"
    assert f"{paper_share(heads, LLAMA_2_7B):.3%}" == "0.018%"
    total = 2 * 32_000 * 4096 + 32 * (4 * 4096**2 + 3 * 4096 * 11_008 + 2 * 4096) + 4096
    assert total == 6_738_415_616
    assert f"{parameters_changed(heads[:1], LLAMA_2_7B) / total:.4%}" == "0.0078%"
    assert f"{parameters_changed(heads, LLAMA_2_7B) / total:.4%}" == "0.0233%"


def test_the_papers_way_counts_heads_not_operations() -> None:
    once = [HeadEdit(layer=0, head=0)]
    both = [*once, HeadEdit(layer=0, head=0, operation="uniform_attention"), HeadEdit(layer=1, head=0, factor=1.0)]
    assert paper_share(both, LLAMA_2_7B) == paper_share(once, LLAMA_2_7B)
    assert paper_share([], LLAMA_2_7B) == parameters_changed([], LLAMA_2_7B) == 0
