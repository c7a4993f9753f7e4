"""What is no checkpoint, or none that can be run, and what to do about it: a file in place of its folder, another runtime's format,
an adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from headsurgery.documents.strict_json import quote
from headsurgery.errors import CheckpointError

_SUFFIXES = (".safetensors", ".safetensors.index.json", ".gguf", ".bin", ".bin.index.json", ".pt", ".pth", ".ckpt", ".onnx")
MERGE_HINT = "merge it first: AutoPeftModelForCausalLM.from_pretrained(adapter).merge_and_unload().save_pretrained(out)"


def names_weights(path: Path | str) -> bool:
    """Whether a name is that of a file of weights, of an index, or of a configuration, and so of no recipe."""
    name = PurePath(path).name.lower()
    return name.endswith(_SUFFIXES) or name == "config.json"


def explain_file(path: Path) -> CheckpointError:
    """Why a file is no checkpoint, and what to give instead of it."""
    folder = path.parent
    hint = "give the directory that holds config.json"
    if (folder / "config.json").is_file():
        hint = f"give its directory, {folder}, which holds config.json"
    return CheckpointError(f"{path}: a file; expected a checkpoint directory", hint=hint)


def explain_folder(where: str, name: str, files: Sequence[str], *, weights: str, index: str) -> CheckpointError:
    """Why a folder without weights under the expected names is no checkpoint.

    Args:
        where: What messages call it.
        name: Its mere name.
        files: Names at its top.
        weights: The name of a single file of weights.
        index: The name of an index of several.
    """
    if "adapter_config.json" in files:
        return CheckpointError(f"{where}: a PEFT adapter, not a whole model", hint=MERGE_HINT)
    if any(file.endswith(".bin") for file in files):
        return CheckpointError(
            f"{where}: has PyTorch .bin weights only; headsurgery never unpickles",
            hint=f"convert them: python -c \"from transformers import AutoModelForCausalLM as M; M.from_pretrained('{where}')"
            f".save_pretrained('{name}-safetensors')\"",
        )
    gguf = [file for file in files if file.lower().endswith(".gguf")]
    if gguf:
        return CheckpointError(
            f"{where}: has GGUF weights only, so one of its files has to be named",
            hint=f"give the file: {where.partition('@')[0]}/{gguf[0]}",
        )
    others = [file for file in files if file.endswith((".safetensors", ".safetensors.index.json"))]
    seen = f"; found {quote(others[0])}, a name that transformers doesn't look for" if others else ""
    hint = f"if {quote(others[0])} holds the whole model, name it {weights}" if len(others) == 1 else ""
    return CheckpointError(f"{where}: not a checkpoint: neither {weights} nor {index} in it{seen}", hint=hint)
