"""`uniform_attention` × 0: the head attends uniformly, or plan, card, inspect and attribute say why it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from typer.testing import CliRunner

from headsurgery import HeadEdit, Recipe, attribute, edited, open_checkpoint, plan_surgery
from headsurgery.architectures.declaration import Architecture
from headsurgery.architectures.table import TABLE
from headsurgery.architectures.uniformity import find_unevenness, say_unevenness
from headsurgery.cli import app
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.model.modules import locate_modules
from headsurgery.model.selftest import measure_spread, settle_unevenness
from tests.families import build_family
from tests.tiny import build_tokenizer

BIASED = {
    "bloom": "by distance alone",
    "mpt": "by distance alone",
    "falcon/old": "by distance alone",
    "cpmant": "by that bias alone",
    "doge": "by that mask alone",
}
SINKS = ("gpt_oss", "flint", "mimo_v2_flash", "hy_v4", "granite_swa")
CHOOSING = ("deepseek_v32", "glm_moe_dsa", "axk2", "dots3_note_text", "qwen4_exp_text", "hy_v4")
EVEN = ("llama", "gemma2", "gpt2", "opt", "falcon", "falcon/new", "gpt_neox", "deepseek_v3", "qwen3", "mistral", "olmo2", "phi3")


def save(family: str, folder: Path) -> Path:
    build_family(family).save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return folder


def notes_of(family: str, folder: Path) -> str:
    checkpoint = open_checkpoint(save(family, folder))
    layer = prove_anatomy(checkpoint).geometry.attention_layers[0]
    recipe = Recipe(edits=(HeadEdit(layer=layer, head=0, operation="uniform_attention"),))
    return " ".join(plan_surgery(recipe, checkpoint).notes)


@torch.inference_mode()
def last_row(model: Any, layer: int, head: int) -> torch.Tensor:
    """What the last of 12 positions gives to the others with the head's queries at 0."""
    model.set_attn_implementation("eager")
    ids = torch.randint(3, 90, (1, 12), generator=torch.Generator().manual_seed(0))
    with edited(model, [HeadEdit(layer=layer, head=head, operation="uniform_attention")]):
        row: torch.Tensor = model(input_ids=ids, use_cache=False, output_attentions=True).attentions[layer][0, head, -1].double()
    return row


@pytest.mark.parametrize(("family", "said"), BIASED.items())
def test_a_bias_on_the_scores_is_said_and_true(family: str, said: str, tmp_path: Path) -> None:
    assert said in notes_of(family, tmp_path)
    row = last_row(build_family(family), 0, 0)
    seen = row[row > 0]
    assert (seen.max() - seen.min()) / seen.mean() > 1e-3


@pytest.mark.parametrize("family", SINKS)
def test_a_sink_keeps_its_share_and_the_rest_is_uniform(family: str, tmp_path: Path) -> None:
    assert "attention sink" in notes_of(family, tmp_path)
    if family != "granite_swa":  # it weighs the head's output by the sink instead
        row = last_row(build_family(family), 0, 0)
        seen = row[row > 0]
        assert row.sum() < 0.99
        torch.testing.assert_close(seen, seen.mean().expand_as(seen), rtol=1e-5, atol=0)


@pytest.mark.parametrize("family", CHOOSING)
def test_an_indexer_chooses_what_a_head_sees(family: str, tmp_path: Path) -> None:
    assert "choose by the text" in notes_of(family, tmp_path)


@pytest.mark.parametrize("family", EVEN)
def test_where_nothing_is_said_the_head_attends_uniformly_to_what_it_sees(family: str, tmp_path: Path) -> None:
    assert "uniform_attention" not in notes_of(family, tmp_path)
    row = last_row(build_family(family), 0, 0)
    seen = row[row > 0]
    torch.testing.assert_close(seen, torch.full_like(seen, 1 / len(seen)), rtol=1e-5, atol=0)


def test_alibi_is_what_the_configuration_says() -> None:
    def of(model_type: str, **config: Any) -> tuple[str, ...]:
        row = TABLE.get(model_type) or Architecture(model_type=model_type, is_listed=False)
        return find_unevenness(row, {"model_type": model_type, **config}, [])

    assert of("falcon") == of("falcon", alibi=False) == ()
    assert (
        of("falcon", alibi=True)
        == of("bloom")
        == of("mpt")
        == of("mpt", attn_config={"alibi": True, "alibi_bias_max": 8})
        == ("alibi",)
    )
    assert of("mpt", attn_config={"alibi": False, "alibi_bias_max": 8}) == ()
    assert (
        of("jais", position_embedding_type="alibi")
        == of("other", use_alibi=True)
        == of("other", attn={"alibi": True})
        == ("alibi",)
    )
    assert of("baichuan") == of("other", position_embedding_type="rope") == ("unknown",)
    assert of("llama") == ()


def test_what_the_weights_give_away() -> None:
    def of(*names: str) -> tuple[str, ...]:
        return find_unevenness(TABLE["llama"], {}, names)

    assert of("model.layers.0.self_attn.relative_attention_bias.weight") == of("h.0.attn.rel_pos_bias") == ("relative",)
    assert of("model.layers.0.self_attn.sinks") == of("model.layers.0.self_attn.attention_sink_bias") == ("sinks",)
    assert of("model.layers.0.self_attn.indexer.wk.weight") == ("indexer",)
    assert of("model.layers.0.self_attn.q_proj.bias", "model.layers.0.mlp.relu.weight", "model.layers.0.index.weight") == ()


def test_other_edits_say_nothing_of_it(tmp_path: Path) -> None:
    base = open_checkpoint(save("bloom", tmp_path))
    for edit in (HeadEdit(layer=0, head=0), HeadEdit(layer=0, head=0, operation="uniform_attention", factor=1.0)):
        assert "uniform_attention" not in " ".join(plan_surgery(Recipe(edits=(edit,)), base).notes)


def test_it_stands_wherever_a_user_looks(tmp_path: Path) -> None:
    base = save("bloom", tmp_path / "base")
    (tmp_path / "r.json").write_text(Recipe(edits=(HeadEdit(layer=0, head=0, operation="uniform_attention"),)).to_json())
    out = tmp_path / "out"
    said = [
        CliRunner().invoke(app, ["apply", str(tmp_path / "r.json"), str(base), *more]) for more in (["--dry-run"], ["-o", str(out)])
    ]
    assert [result.exit_code for result in said] == [0, 0]
    inspected = CliRunner().invoke(app, ["inspect", str(base), "--json"])
    assert json.loads(inspected.stdout)["notes"] == list(say_unevenness(["alibi"]))
    manifest = json.loads((out / "headsurgery.json").read_text())
    for text in (*(result.stderr for result in said), CliRunner().invoke(app, ["inspect", str(base)]).stdout, *manifest["notes"]):
        assert "by distance alone" in " ".join(text.split())
    assert "by distance alone, not uniformly" in (out / "README.md").read_text()


@pytest.mark.parametrize(("family", "note"), [("bloom", "by distance alone"), ("llama", None)])
def test_attribute_says_it(family: str, note: str | None) -> None:
    prompts = ["w9 w10 w11", "w12 w13", "w14 w15 w16 w17"]
    found = attribute(
        build_family(family), build_tokenizer(), prompts, method="ships", operation="uniform_attention", template="direct"
    )
    said = [line for line in found.notes if line.startswith("uniform_attention")]
    assert ([note in line for line in said] == [True]) if note else not said


class _OfSomebody(transformers.LlamaConfig):
    model_type = "somebodys"


class _WithBias(transformers.LlamaForCausalLM):
    """A family of somebody's own, whose code adds a bias of distance to the scores."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        ids = kwargs["input_ids"]
        places = torch.arange(ids.shape[1])
        bias = (places[None, :] - places[:, None]).float().tril() * 0.3
        bias = bias.masked_fill(places[None, :] > places[:, None], float("-inf"))
        return super().forward(*args, attention_mask=bias[None, None], **kwargs)


@pytest.mark.parametrize(("biased", "expected"), [(True, ("measured",)), (False, ())])
def test_a_family_that_the_table_does_not_know_is_measured(biased: bool, expected: tuple[str, ...], tmp_path: Path) -> None:
    model = build_family("llama")
    if biased:
        model.__class__ = _WithBias
    model.config.__class__ = _OfSomebody
    modules = locate_modules(model)
    assert modules.uneven == ("unknown",)
    before = model.config._attn_implementation
    assert settle_unevenness(modules).uneven == expected
    assert model.config._attn_implementation == before, "measured, and put back"


def test_code_that_gives_no_attention_out_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_family("llama")
    model.config.__class__ = _OfSomebody
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda **given: forward(**{**given, "output_attentions": False}))
    modules = locate_modules(model)
    assert measure_spread(modules) is None
    assert settle_unevenness(modules).uneven == ("unmeasured",)
