"""Number formats: how stored bytes hold the numbers of a matrix, and how a slice of them is changed.

To add one, write `storage/codecs/NAME.py` with a class that implements `matrix.Matrix` (or with a function that describes a
`scaled_codes.ScaledCodes`), and its `CODEC`. List that here. Everything else asks `open_matrix` and `stored_shapes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.errors import ArchitectureError
from headsurgery.storage.block_types import BLOCK_TYPES
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import awq, bitsandbytes, compressed_tensors, fp8, ggml, gptq, mlx, modelopt, plain, scaled_codes
from headsurgery.storage.codecs.matrix import Change as Change
from headsurgery.storage.codecs.matrix import Codec
from headsurgery.storage.codecs.matrix import Exactness as Exactness
from headsurgery.storage.codecs.matrix import Matrix as Matrix
from headsurgery.storage.codecs.matrix import Multiply as Multiply
from headsurgery.storage.codecs.matrix import Rewriter as Rewriter
from headsurgery.storage.codecs.matrix import Values as Values
from headsurgery.storage.codecs.matrix import multiply as multiply
from headsurgery.storage.codecs.matrix import steps_of as steps_of
from headsurgery.storage.sole_weights import says_quantized
from headsurgery.storage.tensors import ByteArray, StoredSlice, TensorInfo

_CODECS: tuple[Codec, ...] = (
    plain.CODEC,
    fp8.CODEC,
    gptq.CODEC,
    awq.CODEC,
    compressed_tensors.CODEC,
    mlx.CODEC,
    bitsandbytes.CODEC,
    modelopt.CODEC,
    ggml.CODEC,
)

_ELEMENTS: Mapping[str, np.dtype[Any]] = {
    **scaled_codes.CONTAINERS,
    **{dtype: element for codec in _CODECS for dtype, element in codec.elements.items()},
}
"""Stored types whose elements can be read as numbers. Scales may apply to them as well."""

EDITABLE = ", ".join(codec.says for codec in _CODECS)
"""The editable formats, for messages."""

_QUANTIZE_AFTERWARDS = "edit the unquantized model and quantize the result"
_CODEBOOK = f"its codebooks hold numbers of all heads, so no head can be changed alone; {_QUANTIZE_AFTERWARDS}"
_INSTEAD = {
    "fp8": "edit the BF16 model and quantize the result; if only FP8 exists, dequantize that with transformers first",
    "bitsandbytes": "edit the model that it was loaded from, and load the result with the same BitsAndBytesConfig",
    "hqq": f"{_QUANTIZE_AFTERWARDS} with the same HqqConfig",
    "torchao": f"{_QUANTIZE_AFTERWARDS} with the same TorchAoConfig",
    **dict.fromkeys(("aqlm", "vptq", "quip", "spqr", "higgs", "exl2", "exl3"), _CODEBOOK),
}
"""By quantization method: what to do where attention can't be edited in it."""


def open_matrix(checkpoint: Checkpoint, name: str) -> Matrix:
    """A weight or bias, in the format that it is stored in.

    Args:
        checkpoint: The checkpoint.
        name: The name that it has in plain floats, such as `model.layers.0.self_attn.o_proj.weight`.

    Raises:
        ArchitectureError: No codec knows how it is stored.
    """
    for codec in _CODECS:
        found = codec.open(checkpoint, name)
        if found is not None:
            return found
    stored = f"{name}: stored as {checkpoint.tensors[name].dtype}"
    raise explain_quantized(checkpoint.config, stored) or ArchitectureError(
        f"{stored}; headsurgery edits {EDITABLE}", hint=_QUANTIZE_AFTERWARDS
    )


def stored_shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors, and beside them those of packed weights as they would be in plain floats.

    Raises:
        ArchitectureError: A packed weight is not as its format demands.
    """
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    return shapes | {weight.name: weight.shape for codec in _CODECS for weight in codec.find(checkpoint)}


def count_parameters(checkpoint: Checkpoint) -> int:
    """Number of weights and biases. Of a packed weight its numbers are counted, and neither its scales nor its zero points."""
    packed = [weight for codec in _CODECS for weight in codec.find(checkpoint)]
    parts = {name for weight in packed for name in weight.tensors}
    others = sum(tensor.num_parameters for name, tensor in checkpoint.tensors.items() if name not in parts)
    return others + sum(math.prod(weight.shape) for weight in packed)


def explain_quantized(config: Mapping[str, Any], why: str) -> ArchitectureError | None:
    """An error that explains why attention can't be edited, if the configuration says that weights are quantized; else None.

    Call it only after attention was not found or could not be read: gpt-oss, for example, has MXFP4 experts but plain attention.

    Args:
        config: Content of config.json.
        why: What was not found or can't be read.
    """
    method = says_quantized(config)
    if method is None:
        return None
    return ArchitectureError(
        f"attention weights are quantized ({method}) in a form that headsurgery doesn't edit: {why}; it edits {EDITABLE}",
        hint=_INSTEAD.get(method, _QUANTIZE_AFTERWARDS),
    )


def is_plain(dtype: str) -> bool:
    """Whether stored elements are the numbers themselves, without scales. They can then be compared and converted by value."""
    return dtype in plain.ELEMENTS


def holds_floats(dtype: str) -> bool:
    """Whether stored elements are floats, with or without scales."""
    return dtype in plain.ELEMENTS or dtype in fp8.CODES


def differing_elements(old: ByteArray, new: ByteArray, tensor: TensorInfo) -> npt.NDArray[np.bool_]:
    """Which elements of some rows of a tensor differ in any of their bits, [rows, elements].

    Args:
        old: The rows, [rows, bytes].
        new: The same from a tensor of the same type and shape.
        tensor: The tensor.
    """
    if tensor.dtype in BLOCK_TYPES:
        return ggml.differing_elements(old, new, tensor.dtype)
    item = max(1, tensor.num_bytes // max(1, tensor.num_parameters))
    found: npt.NDArray[np.bool_] = (old != new).reshape(len(old), -1, item).any(axis=2)
    return found


def is_known(dtype: str) -> bool:
    """Whether elements of a stored type can be read as numbers."""
    return dtype in _ELEMENTS or dtype in BLOCK_TYPES


def as_numbers(data: npt.NDArray[np.uint8], dtype: str) -> Values:
    """View bytes as elements of a stored type: rows of bytes, [rows, bytes], become rows of elements, [rows, columns].

    Elements of block types are decoded.
    """
    if dtype in BLOCK_TYPES:
        return ggml.decode_rows(data, dtype)
    return np.ascontiguousarray(data).view(_ELEMENTS[dtype])


def read_numbers(checkpoint: Checkpoint, part: StoredSlice) -> Values:
    """The stored elements of a slice, [rows, columns]."""
    rows = checkpoint.read_slice(part)
    if part.tensor.dtype in BLOCK_TYPES:
        return ggml.decode_slice(rows, part).astype(np.float32)
    return as_numbers(rows, part.tensor.dtype)


def read_tensor(checkpoint: Checkpoint, tensor: TensorInfo) -> Values:
    """The stored elements of one whole tensor, in its shape."""
    data = checkpoint.read_tensor(tensor).reshape(tensor.num_rows, tensor.row_bytes)
    return as_numbers(data, tensor.dtype).reshape(tensor.shape)
