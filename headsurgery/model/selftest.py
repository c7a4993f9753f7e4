"""Proof on the live model that what is called a head is one, for a family that the table doesn't list, or that brings its own code.

Names and shapes alone prove a listed family, whose code was read and tested. Of other code they prove little: it may lay its heads
out in another order, or go on after o_proj. So before such a model is used, some heads of some layers are tried on a few tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakSet

import torch
from torch import nn

from headsurgery.edits.operations import allowed_operations
from headsurgery.edits.operations.uniform_attention import UniformAttention
from headsurgery.errors import ModelError
from headsurgery.heads import HeadRef
from headsurgery.model.hooks import RowEdit, row_edits
from headsurgery.model.modules import ModuleMap
from headsurgery.model.offload import is_offloaded
from headsurgery.recipe import HeadEdit

UNIFORM = UniformAttention.name
_TOKENS = 8
_EVEN = 1e-2
"""Spread of attention that is rounding; a bias makes it tens of per cent."""


def needs_self_test(modules: ModuleMap) -> bool:
    """Whether the model's code is code that the table was not written for."""
    return not modules.architecture.is_listed or type(modules.model).__module__.startswith("transformers_modules")


def ensure_heads(modules: ModuleMap) -> None:
    """Test a model that needs it, once.

    Raises:
        ModelError: What looks like a head is none.
    """
    if needs_self_test(modules) and modules.model not in _PROVEN:
        self_test(modules)
        _PROVEN.add(modules.model)


_PROVEN: WeakSet[nn.Module] = WeakSet()


@torch.inference_mode()
def self_test(modules: ModuleMap) -> None:
    """Try the first and the last head of the first, the middle and the last layer that has heads.

    Each must change the logits when it is zeroed by a hook, exactly as when its columns of o_proj are zeroed; its queries must
    reach its own inputs of o_proj and no others; and the layer's attention must answer what o_proj does, which is the sum over
    all heads, and a bias.

    Raises:
        ModelError: One of these does not hold.
    """
    layers = modules.geometry.attention_layers
    for layer in sorted({layers[0], layers[len(layers) // 2], layers[-1]}):
        heads = modules.geometry.layers[layer]
        assert heads is not None  # attention_layers have heads
        _check_output(modules, layer)
        for head in sorted({0, heads.num_heads - 1}):
            _check_head(modules, HeadRef(layer, head))


def _check_output(modules: ModuleMap, layer: int) -> None:
    names = modules.names[layer]
    assert names is not None  # a layer with heads
    attention = modules.model.get_submodule(names.o_proj.rpartition(".")[0])
    o_proj = modules.projection(layer, "o_proj")
    with _watched(attention) as whole, _watched(o_proj) as projected:
        _logits(modules)
    _demand(torch.equal(_first(whole[-1][1]), projected[-1][1]), layer, "attention continues after o_proj")
    if is_offloaded(modules.model):
        return
    z, out = projected[-1][0].double(), projected[-1][1].double()
    weight: Any = o_proj.weight
    matrix = (weight.T if modules.architecture.input_axis == 1 else weight).double()  # [width, hidden_size]
    heads = modules.geometry.layers[layer]
    assert heads is not None  # as above
    blocks = [heads.column_block(head) for head in range(heads.num_heads)]
    total = sum(z[..., block.start : block.stop] @ matrix[block.start : block.stop] for block in blocks)
    bias: Any = getattr(o_proj, "bias", None)
    wanted = out if bias is None else out - bias.double()
    tolerance = 8 * torch.finfo(weight.dtype).eps * float(out.norm())
    _demand(float((total - wanted).norm()) <= tolerance, layer, "the heads' results don't add up to the output of o_proj")


def _check_head(modules: ModuleMap, head: HeadRef) -> None:
    untouched = _logits(modules)
    with row_edits(modules, [RowEdit(edit=HeadEdit(layer=head.layer, head=head.head))]):
        hooked = _logits(modules)
    _demand(not torch.equal(hooked, untouched), head, "zeroing it changes nothing")
    if not is_offloaded(modules.model):
        with _zeroed_columns(modules, head):
            _demand(torch.equal(_logits(modules), hooked), head, "zeroing its columns is not zeroing its output")
    if UNIFORM not in allowed_operations(modules.architecture):
        return
    edit = HeadEdit(layer=head.layer, head=head.head, operation=UNIFORM)
    with _watched(modules.projection(head.layer, "o_proj")) as seen:
        _logits(modules)
        with row_edits(modules, [RowEdit(edit=edit)]):
            _logits(modules)
    changed = set((seen[0][0] != seen[-1][0]).flatten(0, -2).any(dim=0).nonzero().flatten().tolist())
    own = set(modules.geometry.layer_of(head).column_block(head.head))
    others = set() if modules.shares_q_norm or modules.architecture.joint_norm else changed - own
    _demand(bool(changed & own) and not others, head, "its queries change inputs of o_proj that belong to other heads")


def settle_unevenness(modules: ModuleMap) -> ModuleMap:
    """Measure on a model that the table doesn't know whether a head whose queries are zero attends uniformly."""
    if modules.uneven != ("unknown",):
        return modules
    spread = measure_spread(modules)
    if spread is None:
        return replace(modules, uneven=("unmeasured",))
    return replace(modules, uneven=("measured",) if spread > _EVEN else ())


@torch.inference_mode()
def measure_spread(modules: ModuleMap) -> float | None:
    """How far the attention of the first head with heads spreads when its queries are zero: (largest - smallest) / mean of what the
    last position gives to those that it sees; 0 is uniform. None where the model's code doesn't give its attention out.
    """
    layer = modules.geometry.attention_layers[0]
    edit = HeadEdit(layer=layer, head=0, operation=UNIFORM)
    try:
        with _eager(modules.model), row_edits(modules, [RowEdit(edit=edit)]):
            given: Any = modules.model(input_ids=_tokens(modules), use_cache=False, output_attentions=True)
        maps = [layer_map for layer_map in given.attentions if layer_map is not None]
        row = maps[layer if len(maps) == len(modules.layers) else 0][0, 0, -1].double()  # [pos]
    except Exception:  # a stranger's code, and what it gives out, may fail in any way; then nothing was measured
        return None
    seen = row[row > 0]
    return float((seen.max() - seen.min()) / seen.mean()) if len(seen) > 1 else None


@contextmanager
def _eager(model: nn.Module) -> Iterator[None]:
    """Attention that computes its weights, where the model lets it be chosen."""
    config: Any = model.config
    before = getattr(config, "_attn_implementation", None)
    choose = getattr(model, "set_attn_implementation", None)
    if choose is None or before in (None, "eager"):
        yield
        return
    choose("eager")
    try:
        yield
    finally:
        choose(before)


def _demand(holds: bool, place: HeadRef | int, problem: str) -> None:
    if not holds:
        where = f"layer {place}" if isinstance(place, int) else str(place)
        raise ModelError(
            f"self-test of this model's own code: {where}: {problem}, so the blocks in the table are not heads",
            hint="the family needs its own declaration in headsurgery/architectures/families",
        )


def _logits(modules: ModuleMap) -> torch.Tensor:
    logits: torch.Tensor = modules.model(input_ids=_tokens(modules), use_cache=False).logits
    return logits


def _tokens(modules: ModuleMap) -> torch.Tensor:
    vocabulary = int(modules.model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]
    return torch.randint(0, vocabulary, (1, _TOKENS), generator=torch.Generator().manual_seed(0)).to(modules.device)


def _first(output: Any) -> torch.Tensor:
    states: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return states


@contextmanager
def _watched(module: nn.Module) -> Iterator[list[tuple[torch.Tensor, Any]]]:
    """First positional input (None: there is none) and output of every call."""
    seen: list[tuple[Any, Any]] = []
    handle = module.register_forward_hook(lambda _, args, output: seen.append((args[0] if args else None, output)))
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def _zeroed_columns(modules: ModuleMap, head: HeadRef) -> Iterator[None]:
    """Set the head's columns of o_proj to zero in place, and restore them on every way out."""
    weight: Any = modules.projection(head.layer, "o_proj").weight
    block = modules.geometry.layer_of(head).column_block(head.head)
    columns = weight.narrow(modules.architecture.input_axis, block.start, len(block))
    original = columns.clone()
    with ExitStack() as stack:
        stack.callback(columns.copy_, original)
        columns.zero_()
        yield
