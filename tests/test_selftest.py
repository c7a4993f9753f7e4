"""Models of families that the table doesn't list, or with code of their own: used where their heads prove to be heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention

from headsurgery import HeadEdit, attribute, edited, open_checkpoint
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.errors import ArchitectureError, ModelError
from headsurgery.model.modules import locate_modules
from headsurgery.model.selftest import needs_self_test, self_test
from tests.tiny import EACH_FAMILY, build_model, build_tokenizer

HEADS, WIDTH = 6, 8


class MartianConfig(LlamaConfig):
    model_type = "martian"


class MartianForCausalLM(LlamaForCausalLM):
    config_class = MartianConfig


def build(attention: type[LlamaAttention] | None = None, **more: Any) -> MartianForCausalLM:
    """A model whose attention may be another."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 97, "hidden_size": 48, "intermediate_size": 40, "num_hidden_layers": 3, "max_position_embeddings": 64}
    model = MartianForCausalLM(MartianConfig(**sizes, num_attention_heads=HEADS, num_key_value_heads=2, **more)).eval()
    for layer in model.model.layers:
        if attention is not None:
            layer.self_attn.__class__ = attention
    return model.requires_grad_(False)


class Interleaved(LlamaAttention):
    """Heads reach o_proj element by element in turn, not block by block."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        def mix(_: Any, inputs: tuple[torch.Tensor]) -> torch.Tensor:
            return inputs[0].unflatten(-1, (HEADS, WIDTH)).transpose(-1, -2).flatten(-2)

        plain = self.o_proj.forward
        self.o_proj.forward = lambda z: plain(z)
        handle = self.q_proj.register_forward_hook(lambda _, __, q: mix(None, (q,)))
        try:
            return super().forward(*args, **kwargs)
        finally:
            handle.remove()
            self.o_proj.forward = plain


class GoesOn(LlamaAttention):
    """Something follows o_proj."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output, *rest = super().forward(*args, **kwargs)
        return output.flip(-1), *rest


class Deaf(LlamaAttention):
    """Nothing of o_proj's reaches the residual stream: the heads do nothing."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        self.o_proj.weight.zero_()
        return super().forward(*args, **kwargs)


def test_a_family_that_is_not_listed_works_where_its_heads_prove_to_be_heads() -> None:
    model = build()
    assert needs_self_test(locate_modules(model))
    found = attribute(model, build_tokenizer(), ["w9 w10 w11", "w12 w13"], method="ships", top=1)
    assert found.recipe.edits


@pytest.mark.parametrize(
    ("attention", "problem"),
    [
        (Interleaved, "its queries change inputs of o_proj that belong to other heads"),
        (GoesOn, "attention continues after o_proj"),
        (Deaf, "zeroing it changes nothing"),
    ],
)
def test_one_whose_heads_are_none_is_refused(attention: type[LlamaAttention], problem: str) -> None:
    with pytest.raises(ModelError, match=problem) as caught:
        attribute(build(attention), build_tokenizer(), ["w9 w10 w11"], method="ships", top=1)
    assert caught.value.hint == "the family needs its own declaration in headsurgery/architectures/families"


def test_an_edit_by_hand_asks_for_the_test_too() -> None:
    model = build(GoesOn)
    with pytest.raises(ModelError, match="attention continues after o_proj"), edited(model, [HeadEdit(layer=0, head=1)]):
        pass
    with edited(build(), [HeadEdit(layer=0, head=1)]):
        pass


def test_the_weights_are_as_before() -> None:
    model = build()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    self_test(locate_modules(model))
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_listed_families_would_pass(family: str) -> None:
    """The test is no obstacle: what is known to be right passes it."""
    self_test(locate_modules(build_model(family)))


def test_listed_families_are_not_tested() -> None:
    assert not needs_self_test(locate_modules(build_model("llama")))


def test_a_file_of_an_unlisted_family_must_have_the_usual_names(tmp_path: Path) -> None:
    build().save_pretrained(tmp_path / "usual")
    assert prove_anatomy(open_checkpoint(tmp_path / "usual")).geometry.max_heads == HEADS
    model = build()
    model.model.layers[1].self_attn.out = model.model.layers[1].self_attn.__dict__["_modules"].pop("o_proj")
    model.save_pretrained(tmp_path / "other")
    with pytest.raises(
        ArchitectureError, match=r"'martian' is not in the architecture table, and not like the usual ones: .*o_proj"
    ):
        prove_anatomy(open_checkpoint(tmp_path / "other"))
