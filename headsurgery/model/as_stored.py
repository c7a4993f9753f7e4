"""The model that runs is the checkpoint that is edited: its weights are compared with the stored ones as soon as it is loaded.

transformers may load something else than the bytes that an edit changes: another file that the configuration names, weights that
it quantizes on the way, tensors that it renames, code that comes with the model. Then scores and answers would belong to another
model than the edited one, without a word. So, of every head, the blocks that an edit would change are compared whole, and of
every other tensor that has the same name here and there the beginning. Neighbours: `edits.anatomy` finds the heads in the
file, `modules` in the live model.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from headsurgery.documents.strict_json import quote
from headsurgery.edits.anatomy import Anatomy, prove_anatomy
from headsurgery.edits.operations import locate
from headsurgery.errors import ArchitectureError, GeometryError, ModelError
from headsurgery.filesystem.reading import read_exactly
from headsurgery.heads import HeadRef
from headsurgery.model.dequantizing import can_read
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.codecs import Matrix, Values, as_numbers, holds_floats, is_plain
from headsurgery.storage.tensors import TensorInfo

_BEGINNING = 16 * 2**10
"""Number of bytes of a tensor that are compared; the same as for `Checkpoint.fingerprint`."""


def check_as_stored(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Compare a loaded model with the checkpoint that it was loaded from.

    Values may be rounded to the type that the model runs in. Those of a GGUF file's blocks, which transformers computes in its own
    way, may differ by a step of that type. What a device map left on the disk is not compared. Of a model in which no heads are
    known, or whose attention is stored in integers, codebooks or other codes, only tensors of the same name are.

    Args:
        model: As transformers loaded it.
        checkpoint: Its files.

    Raises:
        ModelError: A tensor that differs.
    """
    _compare_names(model, checkpoint)
    try:
        anatomy, modules = prove_anatomy(checkpoint), locate_modules(model)
    except (ArchitectureError, GeometryError):  # told by whatever needs the heads
        return
    if not all(_is_compared(matrix.tensor) for layer in anatomy.layers if layer for matrix in (layer.o_proj, layer.q_proj)):
        return  # each runtime decodes integers in its own way
    where = checkpoint.files.name
    if anatomy.geometry != modules.geometry:
        raise ModelError(
            f"{where}: the loaded model's heads differ from those in the file: {modules.geometry} and {anatomy.geometry}"
        )
    for layer in anatomy.geometry.attention_layers:
        _compare_layer(checkpoint, anatomy, modules, layer)


def _is_compared(tensor: TensorInfo) -> bool:
    return can_read(tensor) if tensor.block_type is not None else holds_floats(tensor.dtype)


def _compare_names(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Tensors that have the same name in both, which is most of them. Others were renamed, merged or split during loading."""
    loaded = {name: tensor for name, tensor in model.state_dict().items() if isinstance(tensor, torch.Tensor)}
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    for stored in checkpoint.tensors.values():
        twin = next((loaded[name] for name in (stored.name, f"{prefix}{stored.name}") if name in loaded), None)
        if (
            twin is None
            or twin.is_meta
            or not is_plain(stored.dtype)
            or tuple(twin.shape) != stored.shape
            or not twin.is_floating_point()
        ):
            continue
        with checkpoint.open_tensor(stored) as stream:
            data = read_exactly(stream, stored.offset, min(stored.num_bytes, _BEGINNING), stored.file)
        values = as_torch(as_numbers(data, stored.dtype))
        found = twin.detach().reshape(-1)[: len(values)].cpu()
        padding = _padding_row(model, stored.name.rpartition(".")[0], prefix)
        if padding is not None:  # some families zero it as they load
            row = slice(padding * stored.shape[-1], (padding + 1) * stored.shape[-1])
            values[row], found = 0, found.clone()
            found[row] = 0
        if not _same(values, found):
            raise _differs(checkpoint, stored)


def _padding_row(model: nn.Module, name: str, prefix: str) -> int | None:
    """The padding row of an embedding module that has one."""
    for full in (name, f"{prefix}{name}"):
        try:
            module = model.get_submodule(full)
        except AttributeError:
            continue
        return module.padding_idx if isinstance(module, nn.Embedding) else None
    return None


def _compare_layer(checkpoint: Checkpoint, anatomy: Anatomy, modules: ModuleMap, layer: int) -> None:
    """The projections whole; where they are laid out in another way here than there, head by head."""
    tensors = anatomy.layers[layer]
    assert tensors is not None  # attention_layers have heads
    output, queries = modules.projection(layer, "o_proj"), modules.projection(layer, "q_proj")
    pairs: list[tuple[Matrix, Any]] = [(tensors.o_proj, output.weight), (tensors.q_proj, queries.weight)]
    if tensors.q_bias is not None:
        pairs.append((tensors.q_bias, queries.bias))
    for stored, loaded in pairs:
        _check_kind(checkpoint, stored, loaded)
    read = cache(lambda matrix, is_codes: _read_whole(checkpoint, matrix, is_codes=is_codes))
    if all(
        _same(read(stored, _is_codes(loaded)), _bits_of_codes(loaded), are_computed=_are_computed(stored.tensor))
        for stored, loaded in pairs
    ):
        return
    heads = modules.geometry.layers[layer]
    assert heads is not None
    for operation in anatomy.blocks:
        for head in range(heads.num_heads):
            (own,) = locate(operation, modules.architecture, heads, head)
            module = modules.projection(layer, own.kind.projection)
            axis = modules.architecture.axis_of(own.kind.side)
            for part in anatomy.slices(HeadRef(layer, head), operation):
                is_bias = part.matrix is tensors.q_bias
                weight: Any = module.bias if is_bias else module.weight
                there = _bits_of_codes(weight).narrow(0 if is_bias else axis, own.block.start, len(own.block))
                here = read(part.matrix, _is_codes(weight)).narrow(part.axis, part.block.start, len(part.block))
                are_computed = _are_computed(part.tensor)
                if (
                    not _same(here, there, are_computed=are_computed)
                    and not (part.axis == 0 and _same(_as_halves(here), there, are_computed=are_computed))
                    and not _same(_in_order(here), _in_order(there))
                ):
                    raise _differs(checkpoint, part.tensor)


def _check_kind(checkpoint: Checkpoint, stored: Matrix, loaded: Any) -> None:
    """Refuse a weight that the live model doesn't have, or has neither as floats nor as the stored codes."""
    where = f"{checkpoint.files.name}: {quote(stored.tensor.name)}"
    if loaded is None:
        raise ModelError(
            f"{where} is in the file, but the model that config.json describes has no such bias",
            hint="correct config.json: attention_bias, or what the family calls it",
        )
    if not loaded.is_floating_point() or (_is_codes(loaded) and len(stored.tensors) == 1):
        raise ModelError(
            f"{where} is stored as {stored.tensor.dtype}, but transformers loaded it as {str(loaded.dtype).removeprefix('torch.')}",
            hint="remove quantization_config from config.json if these weights are not quantized",
        )


def _differs(checkpoint: Checkpoint, tensor: TensorInfo) -> ModelError:
    return ModelError(
        f"{checkpoint.files.name}: {quote(tensor.name)}: transformers loaded other values than {tensor.file} holds, "
        "so another model would be measured than the one that is edited",
        hint="check the folder and config.json for other weights, an adapter, or a quantization",
    )


def _as_halves(rows: torch.Tensor) -> torch.Tensor:
    """A head's rows in transformers' order. For its rotary embedding, llama.cpp takes them alternately from both halves."""
    return torch.cat([rows[::2], rows[1::2]])


def _in_order(values: torch.Tensor) -> torch.Tensor:
    """Sorted, so that rows may stand in another order."""
    return values.detach().flatten().sort().values


def _are_computed(tensor: TensorInfo) -> bool:
    """Whether the numbers are products and sums, which each library rounds in its own way."""
    return tensor.block_type is not None


_ROUNDING = 2.0**-22
"""By how much computed numbers may differ, relative to the largest one: two steps of float32."""


def _is_codes(loaded: torch.Tensor) -> bool:
    """Whether a weight is run as codes with separate scales, as FP8 is on GPUs."""
    return loaded.element_size() == 1


def _bits_of_codes(loaded: torch.Tensor) -> torch.Tensor:
    return loaded.detach().view(torch.uint8) if _is_codes(loaded) else loaded


def _read_whole(checkpoint: Checkpoint, matrix: Matrix, *, is_codes: bool) -> torch.Tensor:
    """All numbers of a weight or bias, or the bits of its codes, in its shape."""
    shape = matrix.shape
    if is_codes:
        return torch.from_numpy(checkpoint.read_tensor(matrix.tensor)).reshape(shape)
    values = matrix.read(checkpoint, 0, range(shape[0]))
    if len(matrix.tensors) > 1 or matrix.tensor.block_type is not None:  # runtimes multiply codes and scales in float32
        values = values.astype(np.float32)
    return as_torch(values).reshape(shape)


def as_torch(values: Values) -> torch.Tensor:
    """The same values; torch takes no bfloat16 from NumPy."""
    if values.dtype.name == "bfloat16":
        return torch.from_numpy(values.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(values)


def _same(stored: torch.Tensor, loaded: torch.Tensor, *, are_computed: bool = False) -> bool:
    """Whether loaded values are the stored ones, rounded to the type that they were loaded in. What is on the disk passes.

    Args:
        stored: The values in the file.
        loaded: The values in the model.
        are_computed: See `_are_computed`.
    """
    if loaded.is_meta:
        return True
    if stored.shape != loaded.shape:
        return False
    wanted, found = stored.to(loaded.dtype), loaded.detach().cpu()
    if torch.equal(wanted, found):
        return True
    is_same = (wanted == found) | (wanted.isnan() & found.isnan())
    if are_computed and not is_same.all():
        wanted, found = wanted.double(), found.double()
        slack = torch.finfo(loaded.dtype).eps * wanted.abs() + _ROUNDING * wanted.abs().max()
        is_same |= (wanted - found).abs() <= slack
    return bool(is_same.all())
