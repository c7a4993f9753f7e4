"""How transformers is told to load a GGUF file: dequantized, to a plain floating-point type. Neighbour: `loading` loads.

So a head's scores are those of the numbers in the file, but not of llama.cpp's arithmetic, which also rounds activations.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import transformers

from headsurgery.architectures.gguf import is_gguf
from headsurgery.errors import ModelError
from headsurgery.storage.checkpoint import Checkpoint, gguf_file_of
from headsurgery.storage.gguf import parts_of
from headsurgery.storage.tensors import TensorInfo

INSTEAD = (
    "run the safetensors model that it was made from, and apply the recipe to this file; or evaluate the file in llama.cpp's "
    "server with --endpoint"
)
"""What to do with a GGUF file that transformers can't load."""


def origin_of(path: Path | str) -> dict[str, Any]:
    """Arguments of `from_pretrained` that say where a checkpoint is.

    Args:
        path: Its directory, or its GGUF file.

    Raises:
        ModelError: A GGUF file that is split, or a package is missing that transformers needs for GGUF.
    """
    file = gguf_file_of(path)
    if file is None:
        return {"pretrained_model_name_or_path": str(path)}
    missing = [package for package in ("gguf", "accelerate") if find_spec(package) is None]
    if missing:
        raise ModelError(
            f"{file.name}: transformers needs {' and '.join(missing)} to load a GGUF file", hint=f"pip install {' '.join(missing)}"
        )
    if len(parts_of(file.name)) > 1:
        raise ModelError(
            f"{file.name}: transformers loads no GGUF model that is split into several files",
            hint=f"join them with llama.cpp: llama-gguf-split --merge {file.name} whole.gguf; or {INSTEAD}",
        )
    return {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}


def dequantizing() -> dict[str, Any]:
    """Arguments of `from_pretrained` by which a GGUF file's weights become plain ones; older transformers know no other way."""
    known = getattr(transformers, "GgufConfig", None)
    return {} if known is None else {"quantization_config": known(dequantize=True)}


@contextmanager
def without_bar() -> Iterator[None]:
    """Hide a progress bar of transformers' GGUF reader that can't be turned off."""
    with redirect_stderr(io.StringIO()):
        yield


def say_dequantized(checkpoint: Checkpoint, dtype: str) -> str | None:
    """A line for the user, where a GGUF file is loaded; None for another checkpoint.

    Args:
        checkpoint: The checkpoint.
        dtype: auto, which is float32 for such a file, or the type in which it runs.
    """
    if not is_gguf(checkpoint.config):
        return None
    said = f"{checkpoint.source.name} is loaded dequantized (transformers' gguf_file), to {'float32' if dtype == 'auto' else dtype}"
    projections = [tensor for tensor in checkpoint.tensors.values() if tensor.name.endswith(_PROJECTIONS)]
    unread = sorted({tensor.dtype for tensor in projections if not can_read(tensor)})
    return f"{said}; whether its {', '.join(unread)} weights were read rightly can't be checked" if unread else said


def can_read(tensor: TensorInfo) -> bool:
    """Whether the numbers of a block type, or of a plain one, can be told without the `gguf` package. Codebooks' can't."""
    return tensor.block_type is None or tensor.block_type.codes is not None


_PROJECTIONS = (".attn_output.weight", ".attn_q.weight", ".attn_qkv.weight", ".attn_q_b.weight")
