"""`--dtype auto`: measured on a CPU, never flipped by noise, the same for all parts of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from headsurgery.errors import UsageError
from headsurgery.model import precision
from headsurgery.model.loading import load_model
from headsurgery.model.precision import Speeds, choose_dtype, choose_precision, measure_speeds
from tests.tiny import save_model

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SLOW = Speeds(float32=306e9, bfloat16=176e9)
"""An Intel Xeon with avx512_bf16 and without AMX."""

FAST = Speeds(float32=100e9, bfloat16=900e9)


def measured_as(speeds: Speeds | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "measure_speeds", lambda _: speeds)


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("speeds", [SLOW, FAST, None])
def test_on_a_cpu_bfloat16_must_be_stored_and_clearly_faster(
    stored: torch.dtype, speeds: Speeds | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_as(speeds, monkeypatch)
    path = save_model("gemma3", tmp_path / "base", dtype=stored)
    keeps = speeds is FAST and stored == torch.bfloat16
    assert choose_dtype("auto", GPU, path) == "auto"
    assert choose_precision("auto", GPU, path).dtype == stored
    assert choose_dtype("auto", CPU, path) == ("auto" if keeps else torch.float32)
    assert choose_precision("auto", CPU, path).dtype == (stored if keeps else torch.float32)
    assert next(load_model(path, device="cpu").model.parameters()).dtype == (stored if keeps else torch.float32)


@pytest.mark.parametrize(
    ("ratio", "wanted"), [(0.5, "float32"), (1.0, "float32"), (1.19, "float32"), (1.21, "bfloat16"), (4, "bfloat16")]
)
def test_noise_around_equal_speed_never_turns_the_choice(
    ratio: float, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_as(Speeds(float32=100e9, bfloat16=ratio * 100e9), monkeypatch)
    assert choose_precision("auto", CPU, save_model("llama", tmp_path / "base", dtype=torch.bfloat16)).name == wanted


def test_the_reason_is_one_line_with_both_speeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_as(SLOW, monkeypatch)
    path = save_model("llama", tmp_path / "base", dtype=torch.bfloat16)
    reason = choose_precision("auto", CPU, path).reason
    assert reason is not None
    assert reason.startswith(
        "float32: a layer of this model's sizes was just measured at 306 GFLOP/s in float32 and 176 in bfloat16"
    )
    assert "\n" not in reason
    assert choose_precision("float32", CPU, path).reason is None, "the user chose"
    assert choose_precision("auto", GPU, path).reason is None, "as the checkpoint says"


@pytest.mark.parametrize("kept", ["float32", "bfloat16"])
def test_a_run_that_goes_on_keeps_its_type_whatever_is_measured_now(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_model("llama", tmp_path / "base", dtype=torch.bfloat16)
    for speeds in (SLOW, FAST):
        measured_as(speeds, monkeypatch)
        assert choose_precision("auto", CPU, path, journal_dtype=kept).name == kept
    assert choose_precision("float64", CPU, path, journal_dtype=kept).name == "float64", "the user's word counts more"


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3", "qwen3", "gpt_neox", "phi3"])
def test_every_family_is_measured_by_its_own_sizes_in_a_moment(family: str, tmp_path: Path) -> None:
    path = save_model(family, tmp_path / "base", dtype=torch.bfloat16)
    speeds = measure_speeds(path)
    assert speeds is not None
    assert min(speeds.float32, speeds.bfloat16) > 0
    assert measure_speeds(path) is speeds, "once per process, so that all parts of a run agree"


@pytest.mark.parametrize(
    "config",
    [
        "",
        "[]",
        "{",
        '{"model_type": "unheard_of", "dtype": "bfloat16"}',
        '{"model_type": 3, "dtype": {}}',
        '{"model_type": "llama", "dtype": "bfloat16", "hidden_size": "wide", "num_attention_heads": 0}',
    ],
)
def test_a_configuration_that_can_not_be_read_is_float32_and_loading_says_what_is_wrong(config: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config)
    assert choose_precision("auto", CPU, tmp_path).name == "float32"


def test_huge_layers_are_timed_at_a_smaller_width(tmp_path: Path) -> None:
    sizes = {"hidden_size": 16384, "num_attention_heads": 128, "num_key_value_heads": 8, "intermediate_size": 53248}
    config = {"model_type": "llama", "num_hidden_layers": 2, "dtype": "bfloat16", **sizes}
    found = precision._layer_sizes(config)
    assert found is not None
    assert 2**24 < found.weights <= 2**26
    (tmp_path / "config.json").write_text(json.dumps({**config, "intermediate_size": True}))
    assert precision._layer_sizes(json.loads((tmp_path / "config.json").read_text())) is not None


def test_unknown_types_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--dtype int8: expected auto, float32"):
        choose_precision("int8", CPU, tmp_path)
