"""Direct head scores: what a head writes along the refusal direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from headsurgery import attribute
from headsurgery.attribution.direct import direct_scores
from headsurgery.attribution.scores import best_heads
from headsurgery.attribution.writes import directions_at
from headsurgery.errors import ModelError, UsageError
from headsurgery.model.modules import locate_modules
from tests.families import build_family
from tests.tiny import EACH_FAMILY, build_model, build_tokenizer, tokens

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


NORMS = {"gemma2": "post_attention_layernorm", "gemma3_text": "post_attention_layernorm", "gemma3": "post_attention_layernorm"}
NORMS |= dict.fromkeys(("olmo2", "olmo3", "exaone4", "afmoe"), "post_attention_layernorm")
NORMS |= {"glm4": "post_self_attn_layernorm"}
"""Families that normalise what attention writes -> the norm, below a layer."""
TIMES = {"granite": "residual_multiplier", "granitemoe": "residual_multiplier", "granite_swa": "residual_multiplier"}
"""Families that multiply it -> by what, in the configuration."""
PLAIN = (
    "llama",
    "gpt2",
    "gpt_neox",
    "cohere",
    "phi",
    "opt",
    "bloom",
    "falcon",
    "deepseek_v3",
    "mixtral",
    "qwen3_moe",
    "biogpt",
    "vaultgemma",
)
"""Families that add it as it is, with an MLP behind it or beside it."""


@torch.no_grad()
def watch(model: torch.nn.Module, query: list[int], *modules: torch.nn.Module) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What goes into these modules and comes out, at the last position, in float64."""
    seen: dict[torch.nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}
    handles = [
        module.register_forward_hook(lambda own, args, out: seen.update({own: (args[0][0, -1].double(), out[0, -1].double())}))
        for module in modules
    ]
    model(input_ids=torch.tensor([query]))
    for handle in handles:
        handle.remove()
    return [seen[module] for module in modules]


def gain_of(model: Any, family: str, layer: int, query: list[int]) -> torch.Tensor | float:
    """What each element of o_proj's output is multiplied by on its way into the residual stream."""
    family = family.removesuffix("/whole")
    if family in TIMES:
        return float(getattr(model.config, TIMES[family]))
    if family not in NORMS:
        return 1.0
    modules = locate_modules(model)
    [(into, out)] = watch(model, query, modules.layers[layer].get_submodule(NORMS[family]))
    [(_, written)] = watch(model, query, modules.projection(layer, "o_proj"))
    assert torch.allclose(into, written), "the norm reads what o_proj answers"
    return out / into


@torch.no_grad()
def wanted_scores(model: Any, family: str) -> list[np.ndarray[Any, Any]]:
    """By plain hooks: the head's columns times its z, times the gain, along the direction."""
    modules = locate_modules(model)
    geometry = modules.geometry
    means = [torch.stack([resid_post(model, query) for query in queries]).mean(dim=0) for queries in (HARMFUL, HARMLESS)]
    direction = (means[0] - means[1]) / (means[0] - means[1]).norm()
    found = []
    for queries in (HARMFUL, HARMLESS):
        scores = np.zeros((geometry.num_layers, geometry.max_heads))
        for query in queries:
            for layer in geometry.attention_layers:
                o_proj: Any = modules.projection(layer, "o_proj")
                weight = o_proj.weight.double() if modules.architecture.input_axis == 1 else o_proj.weight.double().T
                [(z, _)] = watch(model, query, o_proj)
                gain = gain_of(model, family, layer, query)
                for head in range(geometry.layers[layer].num_heads):
                    block = geometry.layers[layer].column_block(head)
                    part = weight[:, block.start : block.stop] @ z[block.start : block.stop]
                    scores[layer, head] += abs(float((part * gain) @ direction)) / len(queries)
        found.append(scores)
    return found


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_a_score_is_what_the_head_writes_along_the_direction(family: str) -> None:
    model = build_model(family)
    for found, wanted in zip(direct_scores(locate_modules(model), HARMFUL, HARMLESS), wanted_scores(model, family), strict=True):
        np.testing.assert_allclose(found[~np.isnan(found)], wanted[~np.isnan(found)], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "families",
    [("gemma2", "olmo2", "glm4", "granite", "gpt_neox"), pytest.param((*NORMS, *TIMES, *PLAIN), marks=pytest.mark.exhaustive)],
    ids=["some", "all"],
)
def test_norms_and_multipliers_on_the_way_into_the_residual_stream_count(
    families: tuple[str, ...], subtests: pytest.Subtests
) -> None:
    """Weights of norms are random here, so that leaving one out shows."""
    for family in dict.fromkeys(families):
        with subtests.test(family=family):
            model = build_family(family)
            if family in TIMES:
                model.config.residual_multiplier = 0.3
                for layer in locate_modules(model).layers:
                    layer.residual_multiplier = 0.3
            is_moe = any("experts" in name for name, _ in model.named_modules())  # torch multiplies these in float32 alone
            model, close = (model, 1e-3) if is_moe else (model.double(), 1e-6)
            for found, wanted in zip(
                direct_scores(locate_modules(model), HARMFUL, HARMLESS), wanted_scores(model, family), strict=True
            ):
                np.testing.assert_allclose(found[~np.isnan(found)], wanted[~np.isnan(found)], rtol=close, atol=close * 1e-2)
            if family in (*NORMS, *TIMES):
                raw = wanted_scores(model, "llama")[0]
                assert not np.allclose(raw, found, rtol=0.1), "and it makes a difference"


@torch.no_grad()
def test_a_norm_over_the_residual_stream_itself_counts() -> None:
    """GPT: h = ln_2(n + mlp(n)), n = ln_1(x + attention)."""
    model = build_family("openai-gpt").double()
    modules = locate_modules(model)
    direction = torch.nn.functional.normalize(
        torch.randn(48, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=0
    )
    query = HARMFUL[0]
    found = directions_at(modules, query, direction)
    for number, layer in enumerate(modules.layers):
        (first, _), (second, _) = watch(model, query, layer.ln_1, layer.ln_2)
        wanted = direction
        for norm, into in ((layer.ln_2, second), (layer.ln_1, first)):
            scaled = wanted * norm.weight / torch.sqrt(into.var(unbiased=False) + norm.eps)
            wanted = scaled - scaled.mean()
        torch.testing.assert_close(found[number], wanted, rtol=1e-9, atol=1e-12)


class _Scaled(torch.nn.Module):
    """Layer scale and a gate on what attention writes, as vision models and some language models have."""

    def __init__(self, attention: torch.nn.Module, factors: torch.Tensor) -> None:
        super().__init__()
        self.attention, self.factors = attention, torch.nn.Parameter(factors)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output, *rest = self.attention(*args, **kwargs)
        return (torch.tanh(self.factors) * output / output.pow(2).mean(-1, keepdim=True).add(1e-6).sqrt(), *rest)


def test_layer_scales_gates_and_norms_of_somebodys_own_count() -> None:
    model = build_family("llama").double()
    modules = locate_modules(model)
    direction, query = torch.eye(48, dtype=torch.float64)[3], HARMFUL[0]
    plain = directions_at(modules, query, direction)
    factors = torch.linspace(-1, 1, 48, dtype=torch.float64)
    [(_, written)] = watch(model, query, modules.projection(2, "o_proj"))
    modules.layers[2].self_attn = _Scaled(modules.layers[2].self_attn, factors)
    scale = (written.pow(2).mean() + 1e-6).sqrt()
    found = directions_at(replace_names(modules), query, direction)
    torch.testing.assert_close(found[2], direction * torch.tanh(factors) / scale)
    torch.testing.assert_close(found[1], plain[1], msg="other layers as before")


def replace_names(modules: Any) -> Any:
    """The same map, o_proj of layer 2 being one level deeper."""
    names = tuple(
        replace(of, o_proj=of.o_proj.replace("self_attn", "self_attn.attention")) if number == 2 else of
        for number, of in enumerate(modules.names)
    )
    return replace(modules, names=names)


@pytest.mark.parametrize("family", ["gemma3_text", "llama", "granite"])
def test_a_model_in_bfloat16_loses_little(family: str) -> None:
    model = build_family(family)
    exact = direct_scores(locate_modules(model), HARMFUL, HARMLESS)[0]
    rough = direct_scores(locate_modules(model.to(torch.bfloat16)), HARMFUL, HARMLESS)[0]
    assert np.nanmedian(np.abs(rough - exact) / exact) < 0.1


def test_a_last_layer_that_is_left_out_is_no_failure() -> None:
    """Mllama's last layer here looks at an image, and there is none."""
    found = direct_scores(locate_modules(build_family("mllama")), HARMFUL, HARMLESS)[0]
    assert np.nanmin(found) > 0


def test_the_model_is_as_it_was_and_gradients_stay_off() -> None:
    model = build_family("gemma2")
    modules = locate_modules(model)
    before = model(input_ids=torch.tensor([HARMFUL[0]])).logits
    direct_scores(modules, HARMFUL, HARMLESS)
    assert torch.equal(model(input_ids=torch.tensor([HARMFUL[0]])).logits, before)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("family", "why"),
    [
        *[(name, "several residual streams") for name in ("gemma3n_text", "hy_v4", "qwen4_exp_text")],
        ("zamba", "reaches the residual stream only through further matrices"),
    ],
)
def test_what_direct_can_not_read_is_refused(family: str, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        direct_scores(locate_modules(build_family(family)), HARMFUL, HARMLESS)


def test_the_method_takes_the_best_heads_and_needs_a_harmless_set() -> None:
    model, prompts, harmless = build_model("llama"), ["w9 w10", "w11 w12 w13"], ["w20 w21", "w22"]
    found = attribute(model, build_tokenizer(), prompts, harmless=harmless, method="direct", top=4)
    assert [edit.ref for edit in found.recipe.edits] == list(best_heads(found.scores.harmful, 4))

    assert (found.recipe.provenance.method, found.recipe.provenance.unit, found.recipe.provenance.contrast) == ("direct", None, 0.0)
    assert set(found.scores.arrays) == {"direct", "direct_harmless"}
    with pytest.raises(UsageError, match="direct needs a harmless set"):
        attribute(model, build_tokenizer(), prompts, method="direct")
