"""Number formats: how the numbers of a matrix lie in stored bytes, and how a slice of them is changed there.

To add one, write `storage/codecs/NAME.py` with a class as `matrix.Matrix` describes it, a function that opens one, and its stored
types, and list both here. Everything else asks `open_matrix`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from headsurgery.errors import ArchitectureError
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import fp8, plain
from headsurgery.storage.codecs.matrix import Change as Change
from headsurgery.storage.codecs.matrix import Exactness as Exactness
from headsurgery.storage.codecs.matrix import Matrix as Matrix
from headsurgery.storage.codecs.matrix import Multiply as Multiply
from headsurgery.storage.codecs.matrix import Rewriter as Rewriter
from headsurgery.storage.codecs.matrix import Values as Values
from headsurgery.storage.codecs.matrix import multiply as multiply
from headsurgery.storage.codecs.matrix import steps_of as steps_of
from headsurgery.storage.sole_weights import says_quantized
from headsurgery.storage.tensors import StoredSlice, TensorInfo

_OPENERS: tuple[Callable[[Checkpoint, str], Matrix | None], ...] = (plain.open_plain, fp8.open_fp8)
"""Each gets a checkpoint and the name of one of its tensors; None: that is not stored in its format."""

_ELEMENTS: Mapping[str, np.dtype[Any]] = {**plain.ELEMENTS, **fp8.ELEMENTS}
"""Stored types whose single elements are numbers, though a scale may go with them."""


EDITABLE = f"{', '.join(plain.ELEMENTS)}, and {' and '.join(fp8.CODES)} with scales"
"""What messages say that can be edited."""
_INSTEAD = {
    "bitsandbytes": "edit the model that it was loaded from, and load the result with the same BitsAndBytesConfig",
    "fp8": "edit the BF16 model and quantize the result; one that was published in FP8 alone, transformers can dequantize first",
}


_QUANTIZE_AFTERWARDS = "edit the unquantized model and quantize the result"


def open_matrix(checkpoint: Checkpoint, name: str) -> Matrix:
    """A weight or bias, in the format that it is stored in.

    Args:
        checkpoint: The checkpoint.
        name: Of the tensor that has the matrix's shape.

    Raises:
        ArchitectureError: No codec knows how it is stored.
    """
    for opener in _OPENERS:
        found = opener(checkpoint, name)
        if found is not None:
            return found
    raise explain_quantized(checkpoint.config) or ArchitectureError(
        f"{name}: stored as {checkpoint.tensors[name].dtype}; headsurgery edits {EDITABLE}", hint=_QUANTIZE_AFTERWARDS
    )


def explain_quantized(config: Mapping[str, Any]) -> ArchitectureError | None:
    """Why attention is not found, or not read, where a configuration says that weights are quantized; None where it doesn't.

    Only where attention itself is quantized; gpt-oss, say, has MXFP4 experts and plain attention.
    """
    method = says_quantized(config)
    if method is None:
        return None
    return ArchitectureError(
        f"attention weights are quantized ({method}); headsurgery edits {EDITABLE}",
        hint=_INSTEAD.get(method, _QUANTIZE_AFTERWARDS),
    )


def is_plain(dtype: str) -> bool:
    """Whether numbers of a stored type stand for themselves, so that they can be compared and converted by value."""
    return dtype in plain.ELEMENTS


def is_known(dtype: str) -> bool:
    """Whether elements of a stored type can be read as numbers at all."""
    return dtype in _ELEMENTS


def as_numbers(data: npt.NDArray[np.uint8], dtype: str) -> Values:
    """Bytes as the elements of a stored type; of rows, [rows, bytes], as [rows, columns]."""
    return np.ascontiguousarray(data).view(_ELEMENTS[dtype])


def read_numbers(checkpoint: Checkpoint, part: StoredSlice) -> Values:
    """The stored elements of a slice, [rows, columns]."""
    return as_numbers(checkpoint.read_slice(part), part.tensor.dtype)


def read_tensor(checkpoint: Checkpoint, tensor: TensorInfo) -> Values:
    """The stored elements of one whole tensor, in its shape."""
    return as_numbers(checkpoint.read_tensor(tensor), tensor.dtype).reshape(tensor.shape)
