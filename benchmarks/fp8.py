"""Edits in FP8 checkpoints that other tools wrote, read again by those tools.

compressed-tensors (`pip install compressed-tensors`) quantizes a model with one scale for each tensor, each row and each block, and
transformers' own FP8 code quantizes it in blocks. headsurgery edits each; the tool that wrote it dequantizes base and result.
Wanted: every number of a head is the base's times the factor, to within half a step of its code; every other number is the base's.
One document on stdout: for each format and operation the level, and the largest error in steps of the code.

    python benchmarks/fp8.py MODEL
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from headsurgery.recipe import HeadEdit, Recipe
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.plan import plan_surgery
from headsurgery.surgery.verify import verify_checkpoint

WEIGHTS = "model.safetensors"
EDITS = (("scale", 0.0), ("scale", 0.7), ("uniform_attention", 0.0), ("uniform_attention", 0.7))
LAYER, HEAD = 2, 3
Quantize = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""A weight in float32 to codes and scales."""
Dequantize = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Codes and scales to float32."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a checkpoint of one safetensors file, without QK-norm")
    model = parser.parse_args().model
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, scale_name, config, quantize, dequantize in _formats():
            base = Path(folder, "base")
            _quantize(model, base, scale_name, config, quantize)
            found[name] = [_measure(base, Path(folder, "edited"), scale_name, dequantize, *edit) for edit in EDITS]
            shutil.rmtree(base)
    print(json.dumps(found, indent=2))


def _formats() -> Iterator[tuple[str, str, dict[str, Any], Quantize, Dequantize]]:
    """Name, name of the scales, quantization_config, and how the tool itself quantizes and dequantizes."""
    from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme
    from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize
    from compressed_tensors.quantization.utils import calculate_qparams
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize, Fp8Quantize

    for strategy, block in (("tensor", None), ("channel", None), ("block", [128, 128])):
        args = QuantizationArgs(num_bits=8, type="float", symmetric=True, strategy=strategy, block_structure=block)
        scheme = QuantizationScheme(targets=["Linear"], weights=args)
        stated = QuantizationConfig(config_groups={"group_0": scheme}, format="float-quantized", quantization_status="compressed")

        def make(weight: torch.Tensor, args: Any = args) -> tuple[torch.Tensor, torch.Tensor]:
            scale, zero = calculate_qparams(*_range(weight, args), args)
            return quantize(weight, scale, zero, args, dtype=torch.float8_e4m3fn), scale

        def read(codes: torch.Tensor, scale: torch.Tensor, args: Any = args) -> torch.Tensor:
            return dequantize(codes, scale, args=args, dtype=torch.float32)

        config = json.loads(stated.model_dump_json()) | {"quant_method": "compressed-tensors"}
        yield f"compressed-tensors, {strategy}", "weight_scale", config, make, read
    stated = SimpleNamespace(weight_block_size=[64, 64], scale_fmt="float")
    quantizer = Fp8Quantize(SimpleNamespace(quantization_config=stated))

    def make_blocks(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        made = quantizer.convert({"a.weight": weight})
        return made["a.weight"], made["a.weight_scale_inv"]

    def read_blocks(codes: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return Fp8Dequantize(None)._dequantize_one(codes, scale, output_dtype=torch.float32)

    config = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [64, 64]}
    yield "transformers, blocks of 64", "weight_scale_inv", config, make_blocks, read_blocks


def _range(weight: torch.Tensor, args: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Smallest and largest value that each scale is for."""
    if args.strategy == "tensor":
        return weight.min().reshape(1), weight.max().reshape(1)
    if args.strategy == "channel":
        return weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    high, wide = args.block_structure
    padded = torch.nn.functional.pad(weight, (0, -weight.shape[1] % wide, 0, -weight.shape[0] % high))
    blocks = padded.reshape(padded.shape[0] // high, high, -1, wide)
    return blocks.amin((1, 3)), blocks.amax((1, 3))


def _quantize(model: Path, base: Path, scale_name: str, config: dict[str, Any], quantize: Quantize) -> None:
    shutil.copytree(model, base)
    tensors = load_file(base / WEIGHTS)
    for name, tensor in list(tensors.items()):
        if ".self_attn." in name and tensor.dim() == 2:
            codes, scale = quantize(tensor.float())
            tensors |= {name: codes.contiguous(), name.removesuffix("weight") + scale_name: scale.contiguous()}
    save_file(tensors, base / WEIGHTS, metadata={"format": "pt"})
    document = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(document | {"quantization_config": config}))


def _measure(base: Path, out: Path, scale_name: str, dequantize: Dequantize, operation: str, factor: float) -> dict[str, Any]:
    recipe = Recipe(edits=(HeadEdit.model_validate({"layer": LAYER, "head": HEAD, "operation": operation, "factor": factor}),))
    plan = plan_surgery(recipe, open_checkpoint(base))
    apply_plan(plan, out)
    assert not verify_checkpoint(out, base=open_checkpoint(base)).problems
    before, after = load_file(base / WEIGHTS), load_file(out / WEIGHTS)
    part = plan.edits[0].part
    name, scales = part.tensor.name, part.tensor.name.removesuffix("weight") + scale_name
    others = before.keys() - {name, scales}
    assert all(torch.equal(before[other].view(torch.uint8), after[other].view(torch.uint8)) for other in others)
    old, new = (dequantize(tensors[name], tensors[scales]) for tensors in (before, after))
    at = (slice(None), slice(part.block.start, part.block.stop)) if part.axis else slice(part.block.start, part.block.stop)
    unit = dequantize(torch.ones_like(before[name].float()).to(torch.float8_e4m3fn), before[scales])[at].double()  # a code of 1
    wanted, found = old[at].double() * factor, new[at].double()
    codes = (wanted / unit).abs().clamp(min=2**-6)
    errors = (found - wanted).abs() / (torch.exp2(torch.floor(torch.log2(codes))) / 8 * unit)
    old[at] = new[at] = 0
    exactness = plan.edits[0].exactness
    assert exactness is not None
    shutil.rmtree(out)
    return {
        "operation": operation,
        "factor": factor,
        "planned": str(exactness),
        "largest_error_in_steps_of_the_code": round(float(errors.max()), 4),
        "numbers_outside_that_changed": int((old != new).sum()),
    }


if __name__ == "__main__":
    main()
