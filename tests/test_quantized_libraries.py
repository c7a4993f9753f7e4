"""Quantized checkpoints that the formats' own libraries write and read, where these are installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.heads import HeadRef
from headsurgery.model.editing import edited
from headsurgery.model.loading import load_model
from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.plan import plan_surgery
from headsurgery.surgery.verify import verify_checkpoint
from tests.quantized import FORMS, WEIGHTS, Floats, Form, Parts, dequantize, save_quantized
from tests.tiny import tokens

RECIPE = Recipe(
    edits=(
        HeadEdit(layer=1, head=3, operation="scale", factor=0.0),
        HeadEdit(layer=0, head=2, operation="uniform_attention", factor=0.0),
    )
)


def mlx_form(**options: Any) -> Form:
    mx = pytest.importorskip("mlx.core")

    def write(weight: Floats) -> Parts:
        stored = mx.quantize(mx.array(weight.astype(np.float16)), **options)
        parts = {"weight": torch.from_numpy(np.array(stored[0])), "scales": torch.from_numpy(np.array(stored[1]))}
        return parts | ({"biases": torch.from_numpy(np.array(stored[2]))} if len(stored) > 2 else {})

    def read(parts: Parts) -> Floats:
        arrays = [mx.array(parts[name].numpy()) for name in ("weight", "scales", "biases") if name in parts]
        return np.array(mx.dequantize(*arrays, **options).astype(mx.float32)).astype(np.float64)

    return Form(config={"quantization": options}, write=write, read=read)


def compressed_form(name: str) -> Form:
    """The form of that name, read by compressed-tensors."""
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationScheme

    form = FORMS[name]
    stated = form.config["quantization_config"]
    scheme = QuantizationScheme(targets=["Linear"], weights=stated["config_groups"]["group_0"]["weights"])
    compressor = BaseCompressor.get_value_from_registry(stated["format"])

    def read(parts: Parts) -> Floats:
        found: Floats = compressor.decompress(dict(parts), scheme)["weight"].double().numpy()
        return found

    return replace(form, read=read)


def bitsandbytes_form(kind: str, *, nested: bool) -> Form:
    functional = pytest.importorskip("bitsandbytes.functional")

    def write(weight: Floats) -> Parts:
        packed, state = functional.quantize_4bit(torch.from_numpy(weight).half(), quant_type=kind, compress_statistics=nested)
        parts = {f"weight.{name}": part for name, part in state.as_dict(packed=True).items()}
        return {"weight": packed, **parts}

    def read(parts: Parts) -> Floats:
        state = {name.removeprefix("weight."): part for name, part in parts.items() if name != "weight"}
        quantized = functional.QuantState.from_dict(state, device=torch.device("cpu"))
        found: Floats = functional.dequantize_4bit(parts["weight"], quantized).double().numpy()
        return found

    stated: dict[str, Any] = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": kind}
    stated |= {"bnb_4bit_use_double_quant": nested, "bnb_4bit_compute_dtype": "float16", "llm_int8_skip_modules": ["lm_head"]}
    return Form(config={"quantization_config": stated}, write=write, read=read)


MAKERS: dict[str, Callable[[], Form]] = {
    **{f"MLX, {bits} bits": lambda bits=bits: mlx_form(bits=bits, group_size=64) for bits in (2, 3, 4, 5, 6, 8)},
    "MLX, mxfp4": lambda: mlx_form(bits=4, group_size=32, mode="mxfp4"),
    "MLX, nvfp4": lambda: mlx_form(bits=4, group_size=16, mode="nvfp4"),
    **{name: lambda name=name: compressed_form(name) for name in FORMS if name.startswith("compressed-tensors")},
    **{
        f"bitsandbytes, {kind}, nested: {nested}": lambda kind=kind, nested=nested: bitsandbytes_form(kind, nested=nested)
        for kind in ("nf4", "fp4")
        for nested in (False, True)
    },
}


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_the_library_reads_zeros_in_the_heads_and_the_same_numbers_elsewhere(maker: Callable[[], Form], tmp_path: Path) -> None:
    form = maker()
    base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
    plan = plan_surgery(RECIPE, open_checkpoint(base))
    assert plan.is_exact
    apply_plan(plan, out)
    assert not verify_checkpoint(out, base=open_checkpoint(base)).problems
    before, after = dequantize(base, form), dequantize(out, form)
    for name, place in (
        ("model.layers.1.self_attn.o_proj.weight", np.s_[:, 192:256]),
        ("model.layers.0.self_attn.q_proj.weight", np.s_[128:192]),
    ):
        assert before[name][place].any()
        assert not after[name][place].any()
        before[name][place] = 0
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert json.loads((out / "headsurgery.json").read_text())["edits"][0]["exactness"]["level"] == "exact"
    assert load_file(out / WEIGHTS).keys() == load_file(base / WEIGHTS).keys()


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
def test_our_reading_is_the_librarys(maker: Callable[[], Form], operation: str, tmp_path: Path) -> None:
    """To within the rounding of the type that the library computes in."""
    form = maker()
    checkpoint = open_checkpoint(save_quantized("llama", tmp_path / "base", form))
    (part,) = prove_anatomy(checkpoint).slices(HeadRef(1, 2), operation)
    place = np.s_[:, 128:192] if operation == "scale" else np.s_[128:192]
    name = f"model.layers.1.self_attn.{'o' if operation == 'scale' else 'q'}_proj.weight"
    theirs, ours = dequantize(tmp_path / "base", form)[name][place], part.matrix.read(checkpoint, part.axis, part.block)
    assert np.allclose(ours, theirs, rtol=2**-8, atol=2**-8 * np.abs(theirs).max())


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_the_library_reads_the_multiplied_head(maker: Callable[[], Form], tmp_path: Path) -> None:
    """Where the head has scales of its own: to within the rounding of the scales."""
    form = maker()
    base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
    recipe = Recipe(edits=(HeadEdit(layer=1, head=3, operation="uniform_attention", factor=0.7),))
    plan = plan_surgery(recipe, open_checkpoint(base))
    apply_plan(plan, out)
    name, place = "model.layers.1.self_attn.q_proj.weight", np.s_[192:256]
    old, new = (dequantize(path, form)[name][place] for path in (base, out))
    exactness = plan.edits[0].exactness
    assert exactness is not None
    limit = 0.2 if exactness.of == "values" else 0.05
    assert 0 < np.linalg.norm(new - 0.7 * old) < limit * np.linalg.norm(0.7 * old)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_mlx_multiplies_by_the_edited_head_as_by_inputs_of_0(bits: int, tmp_path: Path) -> None:
    mx = pytest.importorskip("mlx.core")
    options = {"bits": bits, "group_size": 64}
    base, out = save_quantized("llama", tmp_path / "base", mlx_form(**options)), tmp_path / "out"
    apply_plan(plan_surgery(RECIPE, open_checkpoint(base)), out)
    states = np.random.default_rng(0).normal(size=(5, 256)).astype(np.float16)
    without = states.copy()
    without[:, 192:256] = 0

    def product(path: Path, inputs: Any) -> Any:
        tensors = load_file(path / WEIGHTS)
        parts = [mx.array(tensors[f"model.layers.1.self_attn.o_proj.{name}"].numpy()) for name in ("weight", "scales", "biases")]
        return np.array(mx.quantized_matmul(mx.array(inputs), *parts, transpose=True, **options))

    assert not np.array_equal(product(base, states), product(out, states))
    assert np.array_equal(product(base, without), product(out, states))


LIVE = (
    "bitsandbytes, nf4, nested: False",
    "bitsandbytes, nf4, nested: True",
    "compressed-tensors, 4 bits",
    "compressed-tensors, int8",
)


@pytest.mark.parametrize("name", LIVE)
def test_hooks_and_bytes_give_the_same_logits(name: str, tmp_path: Path) -> None:
    """The central identity at factor 0, for models that run quantized or are dequantized as they load."""
    form = MAKERS[name]()
    base, out = save_quantized("llama", tmp_path / "base", form), tmp_path / "out"
    apply_plan(plan_surgery(RECIPE, open_checkpoint(base)), out)
    loaded, written = load_model(base, device="cpu").model, load_model(out, device="cpu").model
    is_float = loaded.model.layers[0].self_attn.o_proj.weight.is_floating_point()
    assert is_float == name.startswith("compressed-tensors")
    ids = tokens()
    with torch.no_grad(), edited(loaded, RECIPE):
        live = loaded(input_ids=ids).logits
    with torch.no_grad():
        assert not torch.equal(live, loaded(input_ids=ids).logits)
        assert torch.equal(live, written(input_ids=ids).logits)
