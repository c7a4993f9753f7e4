"""Tiny checkpoints in FP8, and torch as the reference that reads them: nothing of ours computes here."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.tiny import copied, save_model

WEIGHTS = "model.safetensors"
LARGEST = {torch.float8_e4m3fn: 448.0, torch.float8_e5m2: 57344.0}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a tool writes FP8.

    Args:
        block: Rows and columns of one scale; None: all of them.
        name: Of the tensor that holds the scales.
        config: What the tool writes as quantization_config.
        shape: Shape of the stored scales, where it is not that of the grid.
        scale_type: Their type.
        code_type: Type of the codes.
    """

    block: tuple[int | None, int | None]
    name: str
    config: dict[str, Any]
    shape: tuple[int, ...] | None = None
    scale_type: torch.dtype = torch.float32
    code_type: torch.dtype = torch.float8_e4m3fn

    def size(self, rows: int, columns: int) -> tuple[int, int]:
        return self.block[0] or rows, self.block[1] or columns


def fine_grained(rows: int, columns: int, **more: Any) -> Layout:
    """As transformers and DeepSeek write blocks."""
    config = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [rows, columns]}
    return Layout(block=(rows, columns), name="weight_scale_inv", config=config, **more)


def compressed(strategy: str, block: tuple[int | None, int | None], **more: Any) -> Layout:
    """As compressed-tensors writes float-quantized."""
    weights: dict[str, Any] = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy}
    if strategy == "block":
        weights["block_structure"] = list(block)
    config = {
        "quant_method": "compressed-tensors",
        "format": "float-quantized",
        "config_groups": {"group_0": {"weights": weights, "targets": ["Linear"]}},
    }
    return Layout(block=block, name="weight_scale", config=config, **more)


LAYOUTS = {
    "tensor": compressed("tensor", (None, None), shape=(1,), scale_type=torch.bfloat16),
    "tensor, scalar": Layout(block=(None, None), name="weight_scale", config={"quant_method": "modelopt"}, shape=()),
    "tensor, transformers": Layout(
        block=(None, None), name="weight_scale_inv", config={"quant_method": "fp8", "weight_block_size": None}, shape=()
    ),
    "rows": compressed("channel", (1, None)),
    "rows, bf16": compressed("channel", (1, None), scale_type=torch.bfloat16),
    "rows, flat": Layout(block=(1, None), name="weight_scale", config={"quant_method": "fbgemm_fp8"}, shape=(-1,)),
    "blocks of a head": fine_grained(8, 8),
    "blocks of half a head": fine_grained(4, 4),
    "blocks of two heads": fine_grained(16, 16),
    "blocks, the last cut short": fine_grained(20, 20),
    "blocks, powers of two": fine_grained(8, 8, scale_type=torch.float8_e8m0fnu),
    "blocks, compressed-tensors": compressed("block", (8, 8), scale_type=torch.bfloat16),
    "rows, E5M2": compressed("channel", (1, None), code_type=torch.float8_e5m2),
}


@copied
def save_fp8(family: str, path: Path, layout: Layout, **more: Any) -> Path:
    """A random model whose layers' matrices are quantized."""
    save_model(family, path, dtype=torch.bfloat16, **more)
    tensors = load_file(path / WEIGHTS)
    for name, tensor in list(tensors.items()):
        if ".layers." in name and name.endswith(".weight") and tensor.dim() == 2:
            codes, scales = quantize(tensor.float(), layout)
            tensors |= {name: codes, name.removesuffix("weight") + layout.name: scales}
    save_file(tensors, path / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"quantization_config": layout.config}))
    return path


def quantize(weight: torch.Tensor, layout: Layout) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and scales of a matrix; a little headroom, so that factors above 1 fit."""
    (rows, columns), (high, wide) = weight.shape, layout.size(*weight.shape)
    grid = torch.empty(math.ceil(rows / high), math.ceil(columns / wide))
    for row in range(grid.shape[0]):
        for column in range(grid.shape[1]):
            part = weight[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
            grid[row, column] = part.abs().max() / LARGEST[layout.code_type] * 4
    if layout.scale_type == torch.float8_e8m0fnu:
        grid = torch.exp2(torch.ceil(torch.log2(grid)))
    scales = grid.to(layout.scale_type)
    codes = (weight / spread(scales, layout, weight.shape)).to(layout.code_type)
    return codes, scales if layout.shape is None else scales.reshape(layout.shape)


def spread(scales: torch.Tensor, layout: Layout, shape: torch.Size) -> torch.Tensor:
    """The scale of each number of a matrix."""
    high, wide = layout.size(*shape)
    grid = scales.float().reshape(math.ceil(shape[0] / high), math.ceil(shape[1] / wide))
    return grid.repeat_interleave(high, 0)[: shape[0]].repeat_interleave(wide, 1)[:, : shape[1]]


def dequantize(path: Path, layout: Layout) -> dict[str, torch.Tensor]:
    """All weights of a checkpoint in float64, by name; scales are not among them."""
    tensors = load_file(path / WEIGHTS)
    found = {}
    for name, tensor in tensors.items():
        scales = tensors.get(name.removesuffix("weight") + layout.name) if name.endswith(".weight") else None
        if name.endswith(layout.name):
            continue
        numbers = tensor.double()
        found[name] = numbers if scales is None else numbers * spread(scales, layout, tensor.shape).double()
    return found
