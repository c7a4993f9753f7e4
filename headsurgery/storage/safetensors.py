"""The safetensors store: a checkpoint's weights in one file, or in several with an index. `header` parses each of them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from headsurgery.documents.strict_json import quote
from headsurgery.errors import CheckpointError
from headsurgery.filesystem.files import Files
from headsurgery.storage.header import read_header
from headsurgery.storage.json_files import read_object, stays_inside
from headsurgery.storage.tensors import Shard, TensorInfo

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"

_MAX_INDEX_BYTES, _MAX_SHARDS = 64 * 2**20, 20_000
"""The largest published checkpoints have 30 MB of index and a few hundred shards."""


@dataclass(frozen=True, kw_only=True)
class StoredWeights:
    """What a store holds.

    Args:
        shards: Its files.
        tensors: All tensors by name.
        unlisted: Names of tensors that are in shards but not in the index.
    """

    shards: tuple[Shard, ...]
    tensors: Mapping[str, TensorInfo]
    unlisted: frozenset[str] = frozenset()


def read_weights(files: Files) -> StoredWeights:
    """Read the headers of a checkpoint's weights, as transformers finds them.

    Args:
        files: The checkpoint's.

    Raises:
        CheckpointError: A file is missing or damaged, or index and shards contradict each other.
    """
    if not files.has(WEIGHTS):
        return _read_sharded(files)
    shard = read_header(files, WEIGHTS)
    return StoredWeights(shards=(shard,), tensors={tensor.name: tensor for tensor in shard.tensors})


def _read_sharded(files: Files) -> StoredWeights:
    weight_map = read_object(files, INDEX, max_bytes=_MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{INDEX}: no weight_map")
    for name, file in weight_map.items():
        if not isinstance(file, str) or not stays_inside(file):
            raise CheckpointError(f"{INDEX}: {quote(name)} points to {quote(file)}, outside the checkpoint's directory")
    names = sorted(set(weight_map.values()))
    if len(names) > _MAX_SHARDS:
        raise CheckpointError(f"{INDEX}: {len(names)} shards, expected at most {_MAX_SHARDS}")
    with ThreadPoolExecutor(max_workers=8) as pool:  # where the files are elsewhere, a header is two journeys
        shards = tuple(pool.map(lambda file: read_header(files, file), names))
    tensors = _merge(shards, weight_map)
    for name, file in weight_map.items():
        if name not in tensors:
            raise CheckpointError(
                f"{INDEX}: says that {quote(name)} is in {file}, but that file doesn't have it, nor does another",
                hint="download the checkpoint again; if the model has no such weight, take it out of the index",
            )
    return StoredWeights(shards=shards, tensors=tensors, unlisted=frozenset(tensors.keys() - weight_map.keys()))


def _merge(shards: tuple[Shard, ...], weight_map: Mapping[str, str]) -> dict[str, TensorInfo]:
    """The tensors as transformers takes them: out of all shards, wherever the index says they are; of two of a name the later one.

    Raises:
        CheckpointError: The index says that the other one of two holds.
    """
    tensors: dict[str, TensorInfo] = {}
    for tensor in (tensor for shard in shards for tensor in shard.tensors):
        twin = tensors.get(tensor.name)
        if twin is not None and weight_map.get(tensor.name) != tensor.file:
            listed = weight_map.get(tensor.name)
            says = "the index names neither" if listed is None else f"the index says {listed}, and transformers loads the last"
            raise CheckpointError(
                f"{quote(tensor.name)} is in {twin.file} and again in {tensor.file}; {says}",
                hint="take it out of all shards but one, or load the model and save it anew with save_pretrained",
            )
        tensors[tensor.name] = tensor
    return tensors
