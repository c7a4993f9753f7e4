"""Live edits: what a hook does to a model, and that it is what the bytes do (the central test)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from headsurgery import HeadEdit, Recipe, apply_plan, edited, open_checkpoint, plan_surgery
from headsurgery.errors import ArchitectureError, GeometryError, RecipeError
from headsurgery.heads import HeadRef
from headsurgery.model.modules import locate_modules
from tests.families import build_family
from tests.tiny import EACH_FAMILY, Q_NORM_FAMILIES, build_model, save_model, tokens

OPERATIONS = ("scale", "uniform_attention")
DTYPES = (torch.float32, torch.bfloat16)
HEADS = (HeadRef(0, 1), HeadRef(0, 4), HeadRef(1, 0), HeadRef(2, 5))


def make_edits(operation: str, factor: float) -> tuple[HeadEdit, ...]:
    return tuple(HeadEdit(layer=head.layer, head=head.head, operation=operation, factor=factor) for head in HEADS)


@torch.inference_mode()
def logits_of(model: torch.nn.Module) -> torch.Tensor:
    return model(input_ids=tokens()).logits


def logits_of_bytes(base: Path, out: Path, edits: tuple[HeadEdit, ...], dtype: torch.dtype) -> torch.Tensor:
    apply_plan(plan_surgery(Recipe(edits=edits), open_checkpoint(base)), out)
    return logits_of(transformers.AutoModelForCausalLM.from_pretrained(out, dtype=dtype).eval())


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_hooks_and_bytes_agree_bit_for_bit_at_factor_0(family: str, operation: str, dtype: torch.dtype, tmp_path: Path) -> None:
    base = save_model(family, tmp_path / "base", dtype=dtype)
    edits = make_edits(operation, 0.0)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=dtype).eval()
    untouched = logits_of(model)
    with edited(model, edits):
        hooked = logits_of(model)
    assert torch.equal(hooked, logits_of_bytes(base, tmp_path / "out", edits, dtype))
    assert not torch.equal(hooked, untouched)
    assert torch.equal(logits_of(model), untouched), "the hooks must be gone afterwards"


@pytest.mark.parametrize("family", EACH_FAMILY)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("factor", [0.5, 1.7, -1.0])
def test_hooks_and_bytes_agree_within_rounding_at_other_factors(family: str, operation: str, factor: float, tmp_path: Path) -> None:
    """The hook rounds factor * activation, the file factor * weight: one rounding (2^-24 in float32) at another place per product.

    What the layers above make of it stays below 1e-5 of the logits' norm in these models.
    """
    if operation == "uniform_attention" and family in Q_NORM_FAMILIES:
        pytest.skip("refused, see test_a_query_norm_refuses_factors_other_than_0")
    base = save_model(family, tmp_path / "base")
    edits = make_edits(operation, factor)
    model = transformers.AutoModelForCausalLM.from_pretrained(base).eval()
    with edited(model, edits):
        hooked = logits_of(model)
    from_bytes = logits_of_bytes(base, tmp_path / "out", edits, torch.float32)
    assert (hooked - from_bytes).norm() <= 1e-5 * hooked.norm()


@torch.inference_mode()
@pytest.mark.parametrize("family", EACH_FAMILY)
def test_scale_removes_exactly_the_heads_own_result(family: str) -> None:
    """Against an independent computation: o_proj's output less the head's columns times its z."""
    model = build_model(family)
    modules = locate_modules(model)
    projection, head_dim = modules.projection(1, "o_proj"), modules.geometry.layers[1].head_dim
    seen: dict[str, torch.Tensor] = {}
    handle = projection.register_forward_hook(lambda _, args, output: seen.update(z=args[0], out=output))
    logits_of(model)
    z, out = seen["z"], seen["out"]
    with edited(model, [HeadEdit(layer=1, head=3)]):
        logits_of(model)
    handle.remove()
    weight = projection.weight.T if modules.architecture.orientation == "linear" else projection.weight  # [inputs, hidden_size]
    block = slice(3 * head_dim, 4 * head_dim)
    head_result = z[..., block] @ weight[block]
    torch.testing.assert_close(seen["out"], out - head_result, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_uniform_attention_makes_the_heads_row_uniform_over_what_it_sees(family: str) -> None:
    """Eq. 7: position t attends equally to all visible positions; heads of other rows are untouched (but see OLMo 2's norm)."""
    model = build_model(family)
    model.set_attn_implementation("eager")
    window = getattr(model.config, "sliding_window", None)
    with torch.inference_mode():
        before = model(input_ids=tokens(), output_attentions=True).attentions[1]  # [queries, heads, to, from]
        with edited(model, [HeadEdit(layer=1, head=3, operation="uniform_attention")]):
            after = model(input_ids=tokens(), output_attentions=True).attentions[1]
    visible = (before[:, 3] > 0).float()
    assert window is None or visible.sum(dim=-1).max() <= tokens().shape[1]
    torch.testing.assert_close(after[:, 3], visible / visible.sum(dim=-1, keepdim=True))
    others = [head for head in range(6) if head != 3]
    if family != "olmo2":
        assert torch.equal(after[:, others], before[:, others])


@pytest.mark.parametrize("family", Q_NORM_FAMILIES)
def test_a_query_norm_refuses_factors_other_than_0(family: str, tmp_path: Path) -> None:
    edit = HeadEdit(layer=0, head=0, operation="uniform_attention", factor=0.5)
    with (
        pytest.raises(GeometryError, match=r"edits\[0\]: .*normalises its queries .*every factor except 0"),
        edited(build_model(family), [edit]),
    ):
        pass
    checkpoint = open_checkpoint(save_model(family, tmp_path / "base"))
    with pytest.raises(GeometryError, match="normalises its queries"):
        plan_surgery(Recipe(edits=(edit,)), checkpoint)


def test_hooks_are_removed_on_an_error() -> None:
    model = build_model("llama")
    untouched = logits_of(model)
    with pytest.raises(ZeroDivisionError), edited(model, make_edits("scale", 0.0)):
        raise ZeroDivisionError
    assert torch.equal(logits_of(model), untouched)


def test_a_recipe_and_its_edits_are_the_same() -> None:
    model, edits = build_model("llama"), make_edits("scale", 0.0)
    with edited(model, Recipe(edits=edits)):
        one = logits_of(model)
    with edited(model, list(edits)):
        other = logits_of(model)
    assert torch.equal(one, other)


def test_a_head_out_of_range_is_refused_with_its_place() -> None:
    edits = [HeadEdit(layer=0, head=0), HeadEdit(layer=0, head=40)]
    with (
        pytest.raises(RecipeError, match=r"edits\[1\]: head 40, but layer 0 of this model has heads 0-5"),
        edited(build_model("llama"), edits),
    ):
        pass


def test_a_model_outside_the_table_must_be_like_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model("gpt2")
    monkeypatch.setattr(type(model.config), "model_type", "nonesuch")
    with pytest.raises(ArchitectureError, match="'nonesuch' is not in the archi"), edited(model, make_edits("scale", 0.0)):
        pass


@pytest.mark.parametrize("family", ["diffllama", "phi/normed"])
def test_an_operation_that_no_slice_of_q_proj_stands_for_is_refused(family: str) -> None:
    """Two queries make one head; or the query norm has a bias, so that queries of 0 would not attend uniformly."""
    edits = make_edits("uniform_attention", 0.0)
    with pytest.raises(GeometryError, match="uniform_attention can't be done to this"), edited(build_family(family), edits):
        pass


@pytest.mark.parametrize("family", ["nanochat", "llama4_text", "stablelm", "cohere"])
def test_a_norm_is_known_whatever_its_weight_is_called_or_if_it_has_none(family: str) -> None:
    with (
        pytest.raises(GeometryError, match="cancels every factor except 0"),
        edited(build_family(family), make_edits("uniform_attention", 0.5)),
    ):
        pass
