"""Whether the tensors that we read are all that a runtime loads; else another model would be measured than the one that is edited.

What a folder may hold besides, and transformers prefers or adds without a word: an adapter (with peft installed), another file that
the configuration names, the shards of a distributed run. Neighbours: `reader` picks the files of weights as transformers does,
`model.as_stored` compares a loaded model with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headsurgery.documents.strict_json import quote
from headsurgery.errors import CheckpointError
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.foreign import MERGE_HINT
from headsurgery.storage.safetensors import INDEX, WEIGHTS

ADAPTER = "adapter_config.json"
_NAMES_WEIGHTS = "transformers_weights"
_OF_A_DISTRIBUTED_RUN = re.compile(r"shard-[0-9]{5}-model-[0-9]{5}-of-[0-9]{5}\.safetensors")


def check_sole_weights(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint of which transformers would load something else than the tensors that are edited.

    Raises:
        CheckpointError: It has an adapter, a configuration that names other weights, or shards of a distributed run.
    """
    files, where = checkpoint.files, checkpoint.files.where
    if files.has(ADAPTER):
        raise CheckpointError(
            f"{where}: {ADAPTER} lies beside the weights: with peft installed, transformers adds that adapter to the model, "
            "and the edit would be of the weights alone",
            hint=f"{MERGE_HINT}; or, if the adapter is not meant, work on a copy of the folder without {ADAPTER}",
        )
    named = checkpoint.config.get(_NAMES_WEIGHTS)
    if named is not None and named != (WEIGHTS if files.has(WEIGHTS) else INDEX):
        raise CheckpointError(
            f"{where}: config.json names other weights ({_NAMES_WEIGHTS}: {quote(named)}), which transformers loads instead",
            hint=f"name that file {WEIGHTS}, and take {_NAMES_WEIGHTS} out of config.json",
        )
    strays = [name for name in files.top() if _OF_A_DISTRIBUTED_RUN.fullmatch(name)]
    if strays:
        raise CheckpointError(
            f"{where}: {strays[0]} is a shard of a distributed run, which transformers loads in place of {WEIGHTS}",
            hint="load the model with transformers, and save it with save_pretrained to a new folder",
        )


def find_quantization(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a configuration says of quantized weights, at its top or for the text model; None where it says nothing."""
    for section in (config, *(value for value in config.values() if isinstance(value, Mapping))):
        stated = section.get("quantization_config")
        if stated is not None:
            return stated if isinstance(stated, Mapping) else {}
    return None


def says_quantized(config: Mapping[str, Any]) -> str | None:
    """How a configuration says that its weights are quantized; None where it doesn't.

    Returns:
        The method; `MLX, 4 bits` for what MLX writes, `unknown` for what names none.
    """
    stated = find_quantization(config)
    if stated is not None:
        method = stated.get("quant_method")
        return method if isinstance(method, str) and 0 < len(method) <= _MAX_NAME else _bits_and_bytes(stated)
    by_mlx = config.get("quantization")
    if isinstance(by_mlx, Mapping) and {"bits", "group_size"} & set(by_mlx):
        bits = by_mlx.get("bits")
        return f"MLX, {bits} bits" if type(bits) is int else "MLX"
    return None


_MAX_NAME = 40


def _bits_and_bytes(stated: Mapping[str, Any]) -> str:
    """Older files of bitsandbytes name no method."""
    return "bitsandbytes" if {"load_in_8bit", "load_in_4bit"} & set(stated) else "unknown"
