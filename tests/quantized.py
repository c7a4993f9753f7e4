"""Tiny quantized checkpoints, and plain NumPy as the reference that reads them: nothing of ours computes here.

Each form writes and reads a matrix as its format's documentation says, code by code and bit by bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import copied, save_model

WEIGHTS = "model.safetensors"
Floats = npt.NDArray[np.float64]
Parts = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a tool writes a quantized matrix.

    Args:
        config: What it adds to config.json.
        write: Stored tensors of a matrix [out, in], by what their names have after the module's.
        read: The matrix, from these.
        has_zero: Whether a head of 64 inputs can be made 0 in o_proj.
    """

    config: Mapping[str, Any]
    write: Callable[[Floats], Parts]
    read: Callable[[Parts], Floats]
    has_zero: bool = True
    __hash__ = object.__hash__


def affine(
    weight: Floats, bits: int, group: int, *, symmetric: bool
) -> tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.int64]]:
    """Codes from 0, scales and zero points of each group of columns. Scales have some room, so that factors above 1 may fit."""
    rows, columns = weight.shape
    groups = weight.reshape(rows, -1, group)
    top = 2**bits - 1
    if symmetric:
        scales = np.abs(groups).max(axis=2) / (top // 2) * 1.05
        zeros = np.full(scales.shape, 2 ** (bits - 1))
    else:
        low, high = np.minimum(groups.min(axis=2), 0), np.maximum(groups.max(axis=2), 0)
        scales = (high - low) / top * 1.05
        zeros = np.clip(np.rint(-low / scales), 1, top)
    scales = scales.astype(np.float16).astype(np.float64)
    codes = np.clip(np.rint(groups / scales[:, :, None]) + zeros[:, :, None], 0, top).astype(np.int64)
    return codes.reshape(rows, columns), scales, zeros.astype(np.int64)


def pack(codes: npt.NDArray[np.int64], bits: int, width: int = 32, order: tuple[int, ...] | None = None) -> npt.NDArray[np.int64]:
    """Lines of codes as one stream of bits, in words of `width` bits, computed with Python's own integers."""
    lines = []
    for line in codes:
        if order is not None:
            line = line.reshape(-1, len(order))[:, list(order)].ravel()
        stream = sum(int(code) << bits * place for place, code in enumerate(line))
        lines.append([stream >> width * place & (1 << width) - 1 for place in range(len(line) * bits // width)])
    return np.array(lines, dtype=np.int64)


def unpack(words: npt.NDArray[Any], bits: int, width: int = 32, order: tuple[int, ...] | None = None) -> npt.NDArray[np.int64]:
    """The way back."""
    lines = []
    for line in words:
        stream = sum((int(word) & (1 << width) - 1) << width * place for place, word in enumerate(line))
        codes = np.array([stream >> bits * place & (1 << bits) - 1 for place in range(len(line) * width // bits)])
        if order is not None:
            codes = codes.reshape(-1, len(order))[:, np.argsort(order)].ravel()
        lines.append(codes)
    return np.array(lines, dtype=np.int64)


def int32(words: npt.NDArray[np.int64]) -> torch.Tensor:
    return torch.from_numpy(words.astype(np.uint32).view(np.int32).copy())


def of(tensor: torch.Tensor) -> npt.NDArray[Any]:
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def gptq(
    bits: int, group: int, *, version: int = 1, act_order: bool = False, symmetric: bool = False, keep_g_idx: bool = True
) -> Form:
    """As AutoGPTQ and GPTQModel write it."""

    def order(columns: int) -> npt.NDArray[np.int64]:
        size = columns if group == -1 else group
        plain = np.arange(columns) // size
        return np.random.default_rng(0).permutation(plain) if act_order else plain

    def write(weight: Floats) -> Parts:
        columns = weight.shape[1]
        groups = order(columns)
        sorted_columns = np.argsort(groups, kind="stable")
        codes, scales, zeros = affine(weight[:, sorted_columns], bits, columns if group == -1 else group, symmetric=symmetric)
        codes = codes[:, np.argsort(sorted_columns)]
        parts = {
            "qweight": int32(pack(codes, bits).T),
            "qzeros": int32(pack(zeros.T - (version == 1), bits)),
            "scales": torch.from_numpy(scales.T.copy()).half(),
        }
        return parts | ({"g_idx": torch.from_numpy(groups).int()} if keep_g_idx else {})

    def read(parts: Parts) -> Floats:
        codes = unpack(of(parts["qweight"]).T, bits)
        zeros = unpack(of(parts["qzeros"]), bits).T + (version == 1)
        scales, groups = of(parts["scales"]).T, order(codes.shape[1])
        found: Floats = (codes - zeros[:, groups]) * scales[:, groups]
        return found

    stated = {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": act_order, "sym": symmetric}
    stated["checkpoint_format"] = "gptq" if version == 1 else "gptq_v2"
    return Form(config={"quantization_config": stated}, write=write, read=read)


def awq(group: int) -> Form:
    """As AutoAWQ writes it for its GEMM kernels."""
    order = (0, 2, 4, 6, 1, 3, 5, 7)

    def write(weight: Floats) -> Parts:
        codes, scales, zeros = affine(weight, 4, group, symmetric=False)
        return {
            "qweight": int32(pack(codes.T, 4, order=order)),
            "qzeros": int32(pack(zeros.T, 4, order=order)),
            "scales": torch.from_numpy(scales.T.copy()).half(),
        }

    def read(parts: Parts) -> Floats:
        codes, zeros = (unpack(of(parts[name]), 4, order=order).T for name in ("qweight", "qzeros"))
        scales = of(parts["scales"]).T
        found: Floats = (codes - zeros.repeat(group, axis=1)) * scales.repeat(group, axis=1)
        return found

    stated = {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}
    return Form(config={"quantization_config": stated}, write=write, read=read)


def packed_integers(bits: int, group: int | None, *, symmetric: bool = True) -> Form:
    """As compressed-tensors writes pack-quantized; None: a scale for each row."""

    def write(weight: Floats) -> Parts:
        codes, scales, zeros = affine(weight, bits, group or weight.shape[1], symmetric=symmetric)
        parts = {
            "weight_packed": int32(pack(codes, bits)),
            "weight_scale": torch.from_numpy(scales).bfloat16(),
            "weight_shape": torch.tensor(weight.shape),
        }
        return parts if symmetric else parts | {"weight_zero_point": int32(pack(zeros.T, bits).T)}

    def read(parts: Parts) -> Floats:
        codes, scales = unpack(of(parts["weight_packed"]), bits), of(parts["weight_scale"])
        zeros = np.full(scales.shape, 2 ** (bits - 1)) if symmetric else unpack(of(parts["weight_zero_point"]).T, bits).T
        size = codes.shape[1] // scales.shape[1]
        found: Floats = (codes - zeros.repeat(size, axis=1)) * scales.repeat(size, axis=1)
        return found

    return Form(config=_compressed("pack-quantized", bits, "int", group, symmetric=symmetric), write=write, read=read)


def int8(*, symmetric: bool = True) -> Form:
    """As compressed-tensors writes int-quantized, with a scale for each row."""

    def write(weight: Floats) -> Parts:
        codes, scales, zeros = affine(weight, 8, weight.shape[1], symmetric=symmetric)
        parts = {"weight": torch.from_numpy(codes - 128).to(torch.int8), "weight_scale": torch.from_numpy(scales).float()}
        return parts if symmetric else parts | {"weight_zero_point": torch.from_numpy(zeros - 128).to(torch.int8)}

    def read(parts: Parts) -> Floats:
        zeros = 0 if symmetric else of(parts["weight_zero_point"]).astype(np.int64)
        found: Floats = (of(parts["weight"]).astype(np.int64) - zeros) * of(parts["weight_scale"])
        return found

    return Form(config=_compressed("int-quantized", 8, "int", None, symmetric=symmetric), write=write, read=read)


E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6])


def fp4(group: int) -> Form:
    """As compressed-tensors writes NVFP4 (16) and MXFP4 (32)."""

    def write(weight: Floats) -> Parts:
        groups = torch.from_numpy(weight).float().reshape(len(weight), -1, group)
        largest = groups.abs().amax(2)
        if group == 16:
            total = 448 * 6 / largest.max() / 2
            scales = (largest * total / 6).to(torch.float8_e4m3fn)
            numbers, more = scales.float() / total, {"weight_global_scale": total.reshape(1)}
        else:
            exponents = torch.ceil(torch.log2(largest / 6)).int() + 127
            scales, numbers, more = exponents.to(torch.uint8), torch.exp2(exponents - 127.0), {}
        wanted = (groups / numbers[:, :, None]).numpy()
        codes = np.abs(wanted[..., None] - E2M1).argmin(axis=-1).reshape(len(weight), -1)
        return {
            "weight_packed": torch.from_numpy(codes[:, ::2] | codes[:, 1::2] << 4).to(torch.uint8),
            "weight_scale": scales,
            **more,
        }

    def read(parts: Parts) -> Floats:
        stored = of(parts["weight_packed"])
        codes = np.stack([stored & 15, stored >> 4], axis=2).reshape(len(stored), -1)
        if group == 16:
            scales = of(parts["weight_scale"].float()) / of(parts["weight_global_scale"])
        else:
            scales = np.exp2(of(parts["weight_scale"]).astype(np.float64) - 127)
        found: Floats = E2M1[codes] * scales.repeat(group, axis=1)
        return found

    return Form(config=_compressed(f"{'nv' if group == 16 else 'mx'}fp4-pack-quantized", 4, "float", group), write=write, read=read)


def mlx(bits: int, group: int) -> Form:
    """As MLX writes its mode affine: scales of either sign, and biases that are mostly no multiples of them."""

    def write(weight: Floats) -> Parts:
        codes, scales, _ = affine(weight, bits, group, symmetric=False)
        groups = weight.reshape(len(weight), -1, group)
        signs = np.where(np.arange(scales.shape[1]) % 2, -1, 1)
        biases = np.where(signs > 0, groups.min(axis=2), groups.max(axis=2)).astype(np.float16).astype(np.float64)
        scales = scales * signs
        wanted = (groups - biases[:, :, None]) / scales[:, :, None]
        codes = np.clip(np.rint(wanted), 0, 2**bits - 1).astype(np.int64).reshape(codes.shape)
        return {
            "weight": torch.from_numpy(pack(codes, bits).astype(np.uint32)),
            "scales": torch.from_numpy(scales).half(),
            "biases": torch.from_numpy(biases).half(),
        }

    def read(parts: Parts) -> Floats:
        codes = unpack(of(parts["weight"]), bits)
        scales, biases = (of(parts[name]).repeat(group, axis=1) for name in ("scales", "biases"))
        found: Floats = codes * scales + biases
        return found

    return Form(config={"quantization": {"group_size": group, "bits": bits}}, write=write, read=read, has_zero=group <= 64)


def mlx_fp4(group: int) -> Form:
    """As MLX writes its modes nvfp4 (16, without a global scale) and mxfp4 (32)."""
    form = fp4(group)

    def write(weight: Floats) -> Parts:
        parts = form.write(weight)
        packed = of(parts["weight_packed"]).view(np.uint32)
        return {"weight": torch.from_numpy(packed.copy()), "scales": parts["weight_scale"].view(torch.uint8)}

    def read(parts: Parts) -> Floats:
        packed, scales = torch.from_numpy(of(parts["weight"]).view(np.uint8)), parts["scales"]
        if group == 16:
            scales = scales.view(torch.float8_e4m3fn)
        return form.read({"weight_packed": packed, "weight_scale": scales, "weight_global_scale": torch.ones(1)})

    mode = "nvfp4" if group == 16 else "mxfp4"
    return Form(config={"quantization": {"group_size": group, "bits": 4, "mode": mode}}, write=write, read=read)


def modelopt() -> Form:
    """As NVIDIA's ModelOpt writes NVFP4: like compressed-tensors, but with the common scale itself in place of its inverse."""
    form = fp4(16)

    def write(weight: Floats) -> Parts:
        parts = form.write(weight)
        common = 1 / parts["weight_global_scale"].reshape(())
        return {"weight": parts["weight_packed"], "weight_scale": parts["weight_scale"], "weight_scale_2": common}

    def read(parts: Parts) -> Floats:
        packed = {"weight_packed": parts["weight"], "weight_scale": parts["weight_scale"]}
        found: Floats = form.read({**packed, "weight_global_scale": torch.ones(1)}) * of(parts["weight_scale_2"])
        return found

    return Form(config={"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}}, write=write, read=read)


NF4 = (-1.0, -0.6961928, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0.0)
NF4 += (0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.5626170, 0.72295684, 1.0)
FP4 = tuple(sign * size / 12 for sign in (1, -1) for size in (0, 0.0625, 8, 12, 4, 6, 2, 3))


def four_bits(kind: str, *, block: int = 64, nested: bool = False) -> Form:
    """As transformers saves bitsandbytes' NF4 and FP4, with plain or nested scales (double quantization)."""
    levels = np.array(NF4 if kind == "nf4" else FP4, dtype=np.float32).astype(np.float64)
    table, offset, size = np.linspace(-1, 1, 256, dtype=np.float32), 0.03, 4

    def write(weight: Floats) -> Parts:
        blocks = weight.reshape(-1, block)
        scales = np.abs(blocks).max(axis=1).astype(np.float32).astype(np.float64)
        state: dict[str, Any] = {"quant_type": kind, "blocksize": block, "dtype": "float16", "shape": list(weight.shape)}
        parts: Parts = {"weight.absmax": torch.from_numpy(scales).float()}
        if nested:
            largest = np.abs(scales - offset).reshape(-1, size).max(axis=1).astype(np.float32)
            wanted = (scales - offset) / largest.astype(np.float64).repeat(size)
            codes = np.abs(wanted[:, None] - table).argmin(axis=1)
            state |= {"nested_blocksize": size, "nested_offset": offset, "nested_dtype": "float32"}
            parts = {"weight.absmax": torch.from_numpy(codes).to(torch.uint8), "weight.nested_absmax": torch.from_numpy(largest)}
            parts["weight.nested_quant_map"] = torch.from_numpy(table.copy())
            scales = table[codes].astype(np.float64) * largest.astype(np.float64).repeat(size) + offset
        codes = np.abs((blocks / scales[:, None])[..., None] - levels).argmin(axis=-1).ravel()
        packed = torch.from_numpy(codes[::2] << 4 | codes[1::2]).to(torch.uint8).reshape(-1, 1)
        text = torch.frombuffer(bytearray(json.dumps(state).encode()), dtype=torch.uint8)
        quant_map = torch.from_numpy(levels).float()
        return {"weight": packed, **parts, "weight.quant_map": quant_map, f"weight.quant_state.bitsandbytes__{kind}": text}

    def read(parts: Parts) -> Floats:
        state = json.loads(bytes(of(parts[f"weight.quant_state.bitsandbytes__{kind}"])))
        stored, scales = of(parts["weight"]).ravel(), of(parts["weight.absmax"])
        if nested:
            scales = table[scales].astype(np.float64) * of(parts["weight.nested_absmax"]).repeat(size) + offset
        codes = np.stack([stored >> 4, stored & 15], axis=1).ravel()
        found: Floats = (levels[codes] * scales.repeat(block)).reshape(state["shape"])
        return found

    stated = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": kind}
    stated["bnb_4bit_use_double_quant"] = nested
    return Form(config={"quantization_config": stated}, write=write, read=read)


def rows_of_int8() -> Form:
    """As transformers saves bitsandbytes' int8."""

    def write(weight: Floats) -> Parts:
        scales = np.abs(weight).max(axis=1).astype(np.float32)
        codes = np.rint(weight / scales[:, None] * 127)
        return {
            "weight": torch.from_numpy(codes).to(torch.int8),
            "SCB": torch.from_numpy(scales),
            "weight_format": torch.tensor(0, dtype=torch.uint8),
        }

    def read(parts: Parts) -> Floats:
        found: Floats = of(parts["weight"]) * of(parts["SCB"])[:, None] / 127
        return found

    return Form(config={"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, write=write, read=read)


def _compressed(form: str, bits: int, kind: str, group: int | None, *, symmetric: bool = True) -> dict[str, Any]:
    weights = {"num_bits": bits, "type": kind, "symmetric": symmetric, "group_size": group}
    weights["strategy"] = "channel" if group is None else "tensor_group" if group == 16 else "group"
    groups = {"group_0": {"targets": ["Linear"], "weights": weights, "format": form}}
    stated: dict[str, Any] = {"quant_method": "compressed-tensors", "format": form, "config_groups": groups}
    stated |= {"quantization_status": "compressed", "ignore": ["lm_head"]}
    return {"quantization_config": stated}


FORMS: dict[str, Form] = {
    "GPTQ, 4 bits": gptq(4, 32),
    "GPTQ, 4 bits, symmetric": gptq(4, 64, symmetric=True, keep_g_idx=False),
    "GPTQ, 4 bits, groups of two heads": gptq(4, 128),
    "GPTQ, 4 bits, act-order": gptq(4, 32, act_order=True),
    "GPTQ, 8 bits, a scale for each row": gptq(8, -1),
    "GPTQ, 3 bits": gptq(3, 32),
    "GPTQ, 2 bits": gptq(2, 32),
    "GPTQ v2, 4 bits": gptq(4, 32, version=2),
    "compressed-tensors, 4 bits": packed_integers(4, 32),
    "compressed-tensors, 4 bits, zero points": packed_integers(4, 64, symmetric=False),
    "compressed-tensors, 4 bits, groups of two heads, zero points": packed_integers(4, 128, symmetric=False),
    "compressed-tensors, 4 bits, a scale for each row": packed_integers(4, None),
    "compressed-tensors, 8 bits": packed_integers(8, 32),
    "compressed-tensors, 8 bits, a scale for each row, zero points": packed_integers(8, None, symmetric=False),
    "compressed-tensors, int8": int8(),
    "compressed-tensors, int8, zero points": int8(symmetric=False),
    "compressed-tensors, NVFP4": fp4(16),
    "compressed-tensors, MXFP4": fp4(32),
    "MLX, 4 bits": mlx(4, 64),
    "MLX, 4 bits, groups of two heads": mlx(4, 128),
    "MLX, 2 bits": mlx(2, 32),
    "MLX, 3 bits": mlx(3, 64),
    "MLX, 5 bits": mlx(5, 64),
    "MLX, 6 bits": mlx(6, 64),
    "MLX, 8 bits": mlx(8, 32),
    "MLX, nvfp4": mlx_fp4(16),
    "MLX, mxfp4": mlx_fp4(32),
    "bitsandbytes, NF4": four_bits("nf4"),
    "bitsandbytes, NF4, blocks of two heads": four_bits("nf4", block=128),
    "bitsandbytes, NF4, nested scales": four_bits("nf4", nested=True),
    "bitsandbytes, FP4": four_bits("fp4"),
    "bitsandbytes, int8": rows_of_int8(),
    "ModelOpt, NVFP4": modelopt(),
    "AWQ": awq(64),
    "AWQ, groups of two heads": awq(128),
}

SIZES: dict[str, Any] = {
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "hidden_size": 128,
    "intermediate_size": 128,
}


@copied
def save_quantized(family: str, path: Path, form: Form, **more: Any) -> Path:
    """A random model whose layers' matrices are quantized."""
    save_model(family, path, dtype=torch.float16, **{**SIZES, "num_hidden_layers": 2, **more})
    tensors = load_file(path / WEIGHTS)
    for name, tensor in list(tensors.items()):
        if ".layers." in name and name.endswith(".weight") and tensor.dim() == 2:
            del tensors[name]
            stem = name.removesuffix("weight")
            tensors |= {stem + end: part.contiguous() for end, part in form.write(tensor.double().numpy()).items()}
    save_file(tensors, path / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | form.config))
    return path


def dequantize(path: Path, form: Form) -> dict[str, Floats]:
    """Weights of a checkpoint in float64; of a quantized one the numbers, and nothing of how they are stored."""
    tensors = load_file(path / WEIGHTS)
    ends = form.write(np.ones((128, 128))).keys()
    stems = {name.rpartition(".")[0] for name in tensors if name.endswith(f"_proj.{next(iter(ends))}")}
    found = {}
    for stem in stems:
        parts = {end: tensors.pop(f"{stem}.{end}") for end in ends}
        found[f"{stem}.weight"] = form.read(parts)
    return found | {name: of(tensor) for name, tensor in tensors.items()}
