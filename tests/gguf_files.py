"""Tiny GGUF files, written by the `gguf` package. It quantizes what it can; of the other types valid blocks are made at random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader, GGUFWriter
from gguf.quants import dequantize, quantize

PLAIN = ("F32", "F16", "BF16")
QUANTIZABLE = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ2_0", "MXFP4")
MADE = {
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
    "IQ4_NL": (0,),
    "IQ4_XS": (0,),
    "NVFP4": (),
}
"""Types whose blocks are made at random, and where their float16 numbers are."""
CODEBOOKS = {
    "IQ2_XXS": (0,),
    "IQ2_XS": (0,),
    "IQ2_S": (0,),
    "IQ3_XXS": (0,),
    "IQ3_S": (0,),
    "IQ1_S": (0,),
    "IQ1_M": (),
    "TQ1_0": (52,),
}
"""Types of which only whole blocks can be multiplied."""
READABLE = (*PLAIN, *QUANTIZABLE, *MADE)
HEADS = {64: 4, 80: 16, 96: 8, 128: 2, 256: 2}
"""Heads that fill whole blocks of 256, by their width."""


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """A tiny model.

    Args:
        dtype: Type of q_proj and o_proj.
        head_dim: Width of a head.
        architecture: llama.cpp's name.
        layers: Number of layers.
        bias: Whether q_proj has one.
        fused: Whether queries, keys and values are one tensor.
        tokens: Size of the vocabulary.
        seed: Of the values.
        licence: `general.license`, if stated.
        outer_scale: What the runtime multiplies o_proj's outputs by; None: nothing.
    """

    dtype: str = "Q4_K"
    head_dim: int = 64
    architecture: str = "llama"
    layers: int = 2
    bias: bool = False
    fused: bool = False
    tokens: int = 3
    seed: int = 0
    licence: str | None = None
    outer_scale: float | None = None

    @property
    def heads(self) -> int:
        return HEADS[self.head_dim]

    @property
    def hidden(self) -> int:
        return 256


def save_gguf(path: Path, tiny: Tiny) -> Path:
    """Write one file."""
    rng = np.random.default_rng(tiny.seed)
    writer = GGUFWriter(path, tiny.architecture)
    writer.add_name("Tiny")
    if tiny.licence is not None:
        writer.add_license(tiny.licence)
    writer.add_block_count(tiny.layers)
    writer.add_embedding_length(tiny.hidden)
    writer.add_head_count(tiny.heads)
    writer.add_head_count_kv(1)
    writer.add_key_length(tiny.head_dim)
    writer.add_value_length(tiny.head_dim)
    writer.add_token_list([f"token {number}" for number in range(tiny.tokens)])
    width = tiny.heads * tiny.head_dim
    for layer in range(tiny.layers):
        shapes = {"attn_output": (tiny.hidden, width)}
        if tiny.fused:
            shapes["attn_qkv"] = (width + 2 * tiny.head_dim, tiny.hidden)
        else:
            shapes |= {"attn_q": (width, tiny.hidden), "attn_k": (tiny.head_dim, tiny.hidden)}
        for name, shape in shapes.items():
            kind = GGMLQuantizationType[tiny.dtype if name != "attn_k" else "F32"]
            data = store(rng, shape, kind.name)
            writer.add_tensor(f"blk.{layer}.{name}.weight", data, raw_dtype=kind)
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", rng.normal(size=tiny.hidden).astype(np.float32))
        if tiny.outer_scale is not None:
            writer.add_tensor(f"blk.{layer}.attn_output.scale", np.array([tiny.outer_scale], np.float32))
        if tiny.bias:
            writer.add_tensor(f"blk.{layer}.attn_q.bias", rng.normal(size=width).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def store(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> npt.NDArray[Any]:
    """A matrix as GGML stores it: floats, or bytes."""
    values = (rng.normal(size=shape) * 0.05).astype(np.float32)
    kind = GGMLQuantizationType[dtype]
    if dtype in PLAIN or dtype in QUANTIZABLE:
        return np.asarray(quantize(values, kind))
    size, num_bytes = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (values.size // size, num_bytes), dtype=np.uint8)
    for place in {**MADE, **CODEBOOKS}[dtype]:
        halves = rng.uniform(0.001, 0.01, (len(blocks), 1)) * rng.choice([1, -1] if dtype in ("Q3_K", "Q6_K") else [1])
        blocks[:, place : place + 2] = halves.astype(np.float16).view(np.uint8)
    if dtype == "IQ1_M":  # a float16 in four pieces: the upper halves of every second byte
        pieces = np.float16(0.005).view(np.uint16) >> np.array([0, 4, 8, 12]) & 15
        blocks[:, 49::2] = blocks[:, 49::2] & 15 | pieces << 4
    if dtype == "NVFP4":
        blocks[:, :4] = rng.integers(20, 60, (len(blocks), 4))
    return blocks.reshape(shape[0], -1)


def read_values(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """All tensors, dequantized by the `gguf` package."""
    return {tensor.name: np.array(dequantize(tensor.data, tensor.tensor_type)) for tensor in GGUFReader(path).tensors}


def places(path: Path) -> dict[str, slice]:
    """Where the bytes of each tensor are, as the `gguf` package finds them."""
    return {
        tensor.name: slice(int(tensor.data_offset), int(tensor.data_offset) + int(tensor.n_bytes))
        for tensor in GGUFReader(path).tensors
    }
