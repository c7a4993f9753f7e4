"""Load a model and its tokenizer with transformers; the only place that does.

transformers' own errors are wrapped once, here. Remote code stays off unless the user asks for it.
"""

from __future__ import annotations

import atexit
import json
import platform
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import nn

from headsurgery.errors import ModelError, UsageError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model ready to run, in evaluation mode, without gradients.

    Args:
        model: The causal language model.
        tokenizer: Its tokenizer.
    """

    model: nn.Module
    tokenizer: Any


def choose_device(name: str) -> torch.device:
    """`auto`: the first GPU, else the CPU.

    Raises:
        UsageError: No such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(f"--device {name}: not available here; expected auto, cpu, cuda, cuda:N or mps") from error
    return device


def choose_dtype(name: str, device: torch.device, path: Path | str) -> torch.dtype | str:
    """`auto`: the checkpoint's own type; on a CPU only bfloat16, where it has instructions for that, else float32.

    Args:
        name: auto, float32, bfloat16, float16 or float64.
        device: Where the model will run.
        path: Checkpoint directory.

    Raises:
        UsageError: Not a floating-point type that models run in.
    """
    if name == "auto":
        is_slow = device.type == "cpu" and not (_stored_dtype(path) == torch.bfloat16 and has_bfloat16_instructions())
        return torch.float32 if is_slow else "auto"
    if name not in DTYPES:
        raise UsageError(f"--dtype {name}: expected auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def resolve_dtype(name: str, device: torch.device, path: Path | str) -> torch.dtype:
    """The type that a model will have once it is loaded, also where that is the checkpoint's own; see `choose_dtype`."""
    chosen = choose_dtype(name, device, path)
    return chosen if isinstance(chosen, torch.dtype) else _stored_dtype(path) or torch.float32


def _stored_dtype(path: Path | str) -> torch.dtype | None:
    """The type that config.json states, which is the one that transformers' own `auto` takes; None where it states none."""
    try:
        config = json.loads((Path(path) / "config.json").read_text(encoding="utf-8"))
        return DTYPES.get(config.get("dtype") or config.get("torch_dtype"))
    except (OSError, ValueError, AttributeError, TypeError):  # loading will say what is wrong with it
        return None


def has_bfloat16_instructions() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware: AVX512-BF16, AMX, or ARM's BF16; others emulate it, slower than float32."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


_SHARE_OF_WEIGHTS = 2 / 3
"""Of the memory that a device map may fill; the rest is the sweep's."""

_FAILURES = (OSError, ValueError, RuntimeError, KeyError, ImportError)


def load_tokenizer(path: Path | str, *, trust_remote_code: bool = False) -> Any:
    """Load a checkpoint's tokenizer, without the model.

    Args:
        path: Checkpoint directory.
        trust_remote_code: Run Python code that comes with the checkpoint.

    Raises:
        ModelError: transformers can't load it.
    """
    try:
        return transformers.AutoTokenizer.from_pretrained(str(path), trust_remote_code=trust_remote_code)
    except _FAILURES as error:
        raise _explain(path, error) from error


def _explain(path: Path | str, error: Exception) -> ModelError:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ModelError(f"{Path(path).name}: transformers can't load it: {first_line}")


def load_model(
    path: Path | str,
    *,
    dtype: str = "auto",
    device: str = "auto",
    device_map: Literal["auto"] | None = None,
    max_memory: int | None = None,
    trust_remote_code: bool = False,
) -> LoadedModel:
    """Load a causal language model from a directory.

    Args:
        path: Checkpoint directory.
        dtype: See `choose_dtype`.
        device: auto, cpu, cuda, cuda:N or mps.
        device_map: `auto`: accelerate spreads the layers over all GPUs, the CPU and the disk, as far as each has room.
        max_memory: With a device map: bytes that a GPU (without one: the CPU) may take, of which weights fill two thirds.
        trust_remote_code: Run Python code that comes with the checkpoint.

    Raises:
        ModelError: transformers can't load it.
        UsageError: Unknown dtype or device; a device beside a device map, or one without accelerate.
    """
    chosen = choose_device(device)
    torch_dtype = choose_dtype(dtype, chosen, path)
    tokenizer = load_tokenizer(path, trust_remote_code=trust_remote_code)
    try:
        for auto_class in _classes_for(path, trust_remote_code=trust_remote_code):
            model, report = auto_class.from_pretrained(
                str(path),
                dtype=torch_dtype,
                trust_remote_code=trust_remote_code,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                **({} if device_map is None else _placement(device, device_map, max_memory)),
            )
            if not report["missing_keys"]:
                break
    except _FAILURES as error:
        raise _explain(path, error) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"{Path(path).name}: {len(missing)} weights are missing, such as {missing[0]}; they would be random",
            hint="download the checkpoint again",
        )
    if device_map is None:
        model = model.to(chosen)
    return LoadedModel(model=model.eval().requires_grad_(False), tokenizer=tokenizer)


def _classes_for(path: Path | str, *, trust_remote_code: bool) -> list[Any]:
    """The auto classes that know a model: as a language model, or as one that also sees or hears."""
    config = transformers.AutoConfig.from_pretrained(str(path), trust_remote_code=trust_remote_code, local_files_only=True)
    seeing = (transformers.AutoModelForImageTextToText, transformers.AutoModelForMultimodalLM)
    known = [auto for auto in (transformers.AutoModelForCausalLM, *seeing) if type(config) in auto._model_mapping]
    return known or [transformers.AutoModelForCausalLM]  # with code of its own, or with transformers' own error


def _placement(device: str, device_map: str, max_memory: int | None) -> dict[str, Any]:
    """transformers' options for a device map; weights on disk stay in the checkpoint, but for those that it converts."""
    if device != "auto":
        raise UsageError(f"--device {device} and --device-map: expected one of the two")
    if find_spec("accelerate") is None:
        raise UsageError("--device-map needs accelerate", hint="pip install accelerate")
    folder = tempfile.mkdtemp(prefix="headsurgery-offload-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options: dict[str, Any] = {"device_map": device_map, "offload_folder": folder}
    if max_memory is not None:
        places: list[int | str] = list(range(torch.cuda.device_count())) or ["cpu"]
        options["max_memory"] = {place: int(max_memory * _SHARE_OF_WEIGHTS) for place in places}
    return options
