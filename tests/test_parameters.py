"""Parameters changed: counted on real models, and the paper's two figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from headsurgery import Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.edits.operations import OperationName
from headsurgery.evaluation.parameters import paper_share
from headsurgery.heads import AttentionGeometry, LayerHeads
from headsurgery.paper.ablations import count_shares
from headsurgery.paper.settings import ExperimentSettings, load_experiment
from headsurgery.recipe import HeadEdit
from tests.families import build_family
from tests.tiny import EACH_FAMILY, save_model

EDITS = (
    HeadEdit(layer=0, head=1),
    HeadEdit(layer=2, head=5, operation="uniform_attention"),
    HeadEdit(layer=2, head=5),
    HeadEdit(layer=1, head=0, factor=1.0),
)
LLAMA_2_7B = AttentionGeometry(hidden_size=4096, layers=(LayerHeads(num_heads=32, num_kv_heads=32, head_dim=128),) * 32)


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_it_is_the_number_of_elements_that_surgery_changes(family: str, tmp_path: Path) -> None:
    """No weight of the tiny models is 0, so ablation changes every element that it multiplies."""
    base = save_model(family, tmp_path / "base")
    checkpoint = open_checkpoint(base)
    apply_plan(plan_surgery(Recipe(edits=EDITS), checkpoint), tmp_path / "edited")
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "edited"))
    changed = sum(int((before[name] != after[name]).sum()) for name in before)
    assert prove_anatomy(checkpoint).count_changed(EDITS) == changed
    assert plan_surgery(Recipe(edits=EDITS), checkpoint).parameters_changed == changed


OF_ODD_QUERIES = ("deepseek_v3", "deepseek_v2/plain", "qwen3_next", "laguna", "mimo_v2_flash", "gpt_bigcode", "falcon")


@pytest.mark.parametrize("family", OF_ODD_QUERIES)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
def test_queries_count_as_they_are(family: str, operation: OperationName, tmp_path: Path) -> None:
    """Out of a latent, beside a gate, of a layer's own number of heads, wider than the head's output, fused."""
    build_family(family).save_pretrained(tmp_path / "base")
    checkpoint = open_checkpoint(tmp_path / "base")
    heads = list(prove_anatomy(checkpoint).geometry.heads())
    edits = tuple(HeadEdit(layer=head.layer, head=head.head, operation=operation) for head in (heads[0], heads[-1]))
    apply_plan(plan_surgery(Recipe(edits=edits), checkpoint), tmp_path / "edited")
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("base", "edited"))
    anatomy = prove_anatomy(checkpoint)
    assert anatomy.count_changed(edits) == sum(int((before[name] != after[name]).sum()) for name in before)
    shares = [row for row in count_shares(settings_of(operation), anatomy, 1000) if row.quantity == "share of parameters, counted"]
    assert [row.ours for row in shares] == [anatomy.count_changed(edits[:1]) / 1000]


def settings_of(operation: OperationName) -> ExperimentSettings:
    return load_experiment("parameters").model_copy(update={"operations": (operation,), "group_sizes": (1,)})


def test_the_papers_figures_come_out_its_way_and_ours_says_what_is_true() -> None:
    heads = [HeadEdit(layer=layer, head=head, operation="uniform_attention") for layer, head in ((2, 26), (1, 8), (3, 8))]
    assert f"{paper_share(heads[:1], LLAMA_2_7B):.3%}" == "0.006%"
    assert f"{paper_share(heads, LLAMA_2_7B):.3%}" == "0.018%"
    total = 2 * 32_000 * 4096 + 32 * (4 * 4096**2 + 3 * 4096 * 11_008 + 2 * 4096) + 4096
    assert total == 6_738_415_616
    assert f"{128 * 4096 / total:.4%}" == "0.0078%"
    assert f"{3 * 128 * 4096 / total:.4%}" == "0.0233%"


def test_the_papers_way_counts_heads_not_operations() -> None:
    once = [HeadEdit(layer=0, head=0)]
    both = [*once, HeadEdit(layer=0, head=0, operation="uniform_attention"), HeadEdit(layer=1, head=0, factor=1.0)]
    assert paper_share(both, LLAMA_2_7B) == paper_share(once, LLAMA_2_7B)
    assert paper_share([], LLAMA_2_7B) == 0
