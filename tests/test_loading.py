"""Loading models with transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from headsurgery.errors import ModelError, UsageError
from headsurgery.model.loading import load_model
from tests.tiny import save_model


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base", dtype=torch.bfloat16)


def test_a_model_comes_ready_to_run(base: Path) -> None:
    loaded = load_model(base, device="cpu")
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.tokenizer("w9 w10")["input_ids"] == [9, 10]


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float64", torch.float64)]
)
def test_dtype(dtype: str, expected: torch.dtype, base: Path) -> None:
    assert next(load_model(base, dtype=dtype, device="cpu").model.parameters()).dtype == expected


def test_missing_weights_are_never_filled_with_random_numbers(base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    del tensors["model.layers.1.mlp.down_proj.weight"]
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights are missing, such as model\.layers\.1\.mlp\.down_proj\.weight"):
        load_model(base)


def test_what_transformers_can_not_load_is_one_line(base: Path) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"vocab_size": 5}))
    with pytest.raises(ModelError, match=r"base: .* has the shape \[97, 48\], but config\.json requires \[5, 48\]") as caught:
        load_model(base)
    assert "\n" not in str(caught.value)


def test_unknown_types_and_devices_are_usage_errors(base: Path) -> None:
    with pytest.raises(UsageError, match="--dtype int8: expected auto, float32"):
        load_model(base, dtype="int8")
    with pytest.raises(UsageError, match="--device abacus: not available here"):
        load_model(base, device="abacus")
