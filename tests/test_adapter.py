"""The adapter: merged it is what it is as hooks, and nothing but the planned blocks moves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import PreTrainedModel

from headsurgery.demo.adapter import Adapter, adapted, load_adapter, parts_of, weight_of
from headsurgery.errors import GeometryError, ModelError
from headsurgery.heads import HeadRef
from headsurgery.model.modules import locate_modules
from tests.tiny import FAMILIES, build_model, tokens

HEADS = (HeadRef(0, 1), HeadRef(1, 4), HeadRef(1, 5), HeadRef(2, 0))
"""L1H4 and L1H5 read one kv group in all families with grouped queries."""

FUSED = ("phi3", "gpt_neox", "gpt2")
SEPARATE = tuple(family for family in FAMILIES if family not in FUSED)


def random_adapter(model: PreTrainedModel, heads: Sequence[HeadRef] = HEADS) -> Adapter:
    torch.manual_seed(3)
    modules = locate_modules(model)
    tensors = {part.name: torch.randn(part.of(weight_of(modules, part)).shape) * 0.1 for part in parts_of(modules, heads)}
    return Adapter(heads=tuple(heads), tensors=tensors, record={"kind": "single", "seed": 3})


def copy_of(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@torch.inference_mode()
def logits_of(model: PreTrainedModel) -> torch.Tensor:
    return model(input_ids=tokens()).logits


def test_merged_or_as_hooks_the_logits_are_the_same_but_for_rounding(subtests: pytest.Subtests) -> None:
    for family in SEPARATE:
        with subtests.test(family=family):
            model = build_model(family)
            modules, untouched = locate_modules(model), logits_of(model)
            adapter = random_adapter(model)
            with adapted(modules, parts_of(modules, HEADS), adapter.tensors):
                hooked = logits_of(model)
            assert torch.equal(logits_of(model), untouched), "the hooks must be gone afterwards"
            adapter.merge(modules)
            merged = logits_of(model)
            assert (merged - hooked).norm() <= 1e-5 * merged.norm()
            assert (merged - untouched).norm() > 1e-2 * merged.norm()


def test_only_the_planned_blocks_move(subtests: pytest.Subtests) -> None:
    """Query rows and o_proj columns of the heads, value rows of their kv groups, all found here by the geometry alone."""
    for dtype in [torch.float32, torch.bfloat16]:
        for family in SEPARATE:
            with subtests.test(family=family, dtype=dtype):
                model = build_model(family, dtype=dtype)
                before, bits = copy_of(model), torch.int32 if dtype == torch.float32 else torch.int16
                modules = locate_modules(model)
                random_adapter(model).merge(modules)
                planned = {name: torch.zeros(tensor.shape, dtype=torch.bool) for name, tensor in before.items()}
                for head in HEADS:
                    geometry = modules.geometry.layers[head.layer]
                    own = slice(head.head * geometry.head_dim, (head.head + 1) * geometry.head_dim)
                    group = head.head * geometry.num_kv_heads // geometry.num_heads
                    shared = slice(group * geometry.head_dim, (group + 1) * geometry.head_dim)
                    attention = next(name for name in before if f"layers.{head.layer}.self_attn.o_proj" in name).removesuffix(
                        "o_proj.weight"
                    )
                    planned[f"{attention}q_proj.weight"][own] = True
                    planned[f"{attention}v_proj.weight"][shared] = True
                    planned[f"{attention}o_proj.weight"][:, own] = True
                for name, tensor in model.state_dict().items():
                    same = tensor.view(bits) == before[name].view(bits)
                    assert same[~planned[name]].all(), name
                    assert not planned[name].any() or (~same[planned[name]]).float().mean() > 0.5, (
                        f"{name}: the plan is carried out"
                    )


def test_a_kv_group_that_several_heads_read_is_one_tensor() -> None:
    modules = locate_modules(build_model("llama"))
    names = [part.name for part in parts_of(modules, HEADS)]
    assert names.count("L1G1.v") == 1
    assert sorted(names) == sorted(
        ["L0H1.q", "L0H1.o", "L0G0.v", "L1H4.q", "L1H4.o", "L1G1.v", "L1H5.q", "L1H5.o", "L2H0.q", "L2H0.o", "L2G0.v"]
    )


def test_gradients_flow_to_the_adapter_alone() -> None:
    model = build_model("llama").requires_grad_(False)
    modules = locate_modules(model)
    tensors = {name: tensor.requires_grad_() for name, tensor in random_adapter(model).tensors.items()}
    with adapted(modules, parts_of(modules, HEADS), tensors):
        model(input_ids=tokens()).logits.sum().backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in tensors.values())


# The file


def test_what_is_saved_is_what_is_read_in_bfloat16(tmp_path: Path) -> None:
    adapter = random_adapter(build_model("llama"))
    adapter.save(tmp_path / "adapter.safetensors")
    again = load_adapter(tmp_path / "adapter.safetensors")
    assert (again.heads, again.record) == (adapter.heads, adapter.record)
    assert again.tensors.keys() == adapter.tensors.keys()
    for name, tensor in adapter.tensors.items():
        assert torch.equal(again.tensors[name], tensor.bfloat16().float())
    with safe_open(str(tmp_path / "adapter.safetensors"), framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.bfloat16}  # noqa: SIM118


def test_another_file_is_not_taken_for_an_adapter(tmp_path: Path) -> None:
    (tmp_path / "nonsense").write_bytes(b"nonsense")
    tensors = {"L0H1.q": torch.zeros(2)}
    save_file(tensors, tmp_path / "bare")
    save_file(tensors, tmp_path / "no record", metadata={"heads": "L0H1"})
    save_file(tensors, tmp_path / "no head", metadata={"heads": "first", "headsurgery": json.dumps({})})
    save_file(tensors, tmp_path / "no json", metadata={"heads": "L0H1", "headsurgery": "{"})
    for name in ("nonsense", "bare", "no record", "no head", "no json", "missing"):
        with pytest.raises(ModelError, match=f"{name}: not an adapter of headsurgery"):
            load_adapter(tmp_path / name)


# Models that it doesn't fit


@pytest.mark.parametrize("family", FUSED)
def test_fused_projections_are_refused(family: str) -> None:
    with pytest.raises(GeometryError, match=r"layer 0 has no self_attn\.\w+_proj; adapters need separate q, v and o projections"):
        parts_of(locate_modules(build_model(family)), HEADS)


def test_a_head_that_the_model_has_not_is_refused() -> None:
    with pytest.raises(GeometryError, match="heads 0-5"):
        parts_of(locate_modules(build_model("llama")), [HeadRef(0, 6)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_key_value_heads": 6}, r"L0G1\.v: the adapter has nothing, the model \[8, 48\]"),
        ({"hidden_size": 96}, r"L0H1\.q: the adapter has \[8, 48\], the model \[8, 96\]"),
    ],
)
def test_a_model_with_other_heads_is_refused_and_left_as_it_was(changes: dict[str, int], message: str) -> None:
    adapter = random_adapter(build_model("llama"))
    other = build_model("llama", **changes)
    before = copy_of(other)
    with pytest.raises(GeometryError, match=message):
        adapter.merge(locate_modules(other))
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())
