"""Number formats: how stored bytes hold the numbers of a matrix, and how a slice of them is changed.

To add one, write `storage/codecs/NAME.py` with a class that implements `matrix.Matrix`, a function that opens such a matrix, and
its stored types. List the function and the types here. Everything else asks `open_matrix`.
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
"""Each gets a checkpoint and the name of one of its tensors. It returns None if that tensor isn't stored in its format."""

_ELEMENTS: Mapping[str, np.dtype[Any]] = {**plain.ELEMENTS, **fp8.ELEMENTS}
"""Stored types whose elements can be read as numbers. A scale may apply to them as well."""


EDITABLE = f"{', '.join(plain.ELEMENTS)}, and {' and '.join(fp8.CODES)} with scales"
"""The editable formats, for messages."""
_INSTEAD = {
    "bitsandbytes": "edit the model that it was loaded from, and load the result with the same BitsAndBytesConfig",
    "fp8": "edit the BF16 model and quantize the result; if only FP8 exists, dequantize that with transformers first",
}


_QUANTIZE_AFTERWARDS = "edit the unquantized model and quantize the result"


def open_matrix(checkpoint: Checkpoint, name: str) -> Matrix:
    """A weight or bias, in the format that it is stored in.

    Args:
        checkpoint: The checkpoint.
        name: Name of the tensor that has the matrix's shape.

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
    """An error that explains why attention can't be edited, if the configuration says that weights are quantized; else None.

    Call it only after attention was not found or could not be read: gpt-oss, for example, has MXFP4 experts but plain attention.
    """
    method = says_quantized(config)
    if method is None:
        return None
    return ArchitectureError(
        f"attention weights are quantized ({method}); headsurgery edits {EDITABLE}",
        hint=_INSTEAD.get(method, _QUANTIZE_AFTERWARDS),
    )


def is_plain(dtype: str) -> bool:
    """Whether stored elements are the numbers themselves, without scales. They can then be compared and converted by value."""
    return dtype in plain.ELEMENTS


def is_known(dtype: str) -> bool:
    """Whether elements of a stored type can be read as numbers."""
    return dtype in _ELEMENTS


def as_numbers(data: npt.NDArray[np.uint8], dtype: str) -> Values:
    """View bytes as elements of a stored type: rows of bytes, [rows, bytes], become rows of elements, [rows, columns]."""
    return np.ascontiguousarray(data).view(_ELEMENTS[dtype])


def read_numbers(checkpoint: Checkpoint, part: StoredSlice) -> Values:
    """The stored elements of a slice, [rows, columns]."""
    return as_numbers(checkpoint.read_slice(part), part.tensor.dtype)


def read_tensor(checkpoint: Checkpoint, tensor: TensorInfo) -> Values:
    """The stored elements of one whole tensor, in its shape."""
    return as_numbers(checkpoint.read_tensor(tensor), tensor.dtype).reshape(tensor.shape)
