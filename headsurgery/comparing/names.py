"""Match the tensors of two checkpoints, even if one was saved with other prefixes. Neighbour: `diff`.

A vision-language model's text layers are called `model.language_model.layers`, `language_model.model.layers` or `model.layers`,
depending on the version of transformers, and other tools add their own prefixes. Names that only one checkpoint has are compared
without these wrappers. Invariant: two tensors match only if their shortened names are unique in both checkpoints and their shapes
agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.tensors import TensorInfo

_WRAPPERS = frozenset(
    ("model", "language_model", "text_model", "transformer", "backbone", "gpt_neox", "base_model", "module", "_orig_mod")
)
"""Optional beginnings of names: containers of the model's classes, of DDP, `torch.compile` and PEFT."""
_INNER = frozenset((*_WRAPPERS, "vision_model", "base_layer"))
"""Optional parts within names."""


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The edited checkpoint under the base's names.

    Args:
        edited: The edited checkpoint. Its tensors have the base's names where they match, else their own.
        renamed: Beginnings of names in the base, each with the beginning that replaces it in the edited checkpoint.
    """

    edited: Checkpoint
    renamed: Mapping[str, str]


def match_names(base: Checkpoint, edited: Checkpoint) -> Matched:
    """Give the edited checkpoint's tensors the base's names."""
    pairs: dict[str, str] = {}
    for shorten in (_without_wrappers, _without_inner):
        lacking = [tensor for name, tensor in base.tensors.items() if name not in edited.tensors and name not in pairs]
        taken = set(pairs.values())
        extra = [tensor for name, tensor in edited.tensors.items() if name not in base.tensors and name not in taken]
        pairs |= _pair(lacking, extra, shorten)
    if not pairs:
        return Matched(edited=edited, renamed={})
    names = {theirs: ours for ours, theirs in pairs.items()}
    tensors = {names.get(name, name): tensor for name, tensor in edited.tensors.items()}
    return Matched(edited=replace(edited, tensors=tensors), renamed=_prefixes(pairs))


def _pair(lacking: Iterable[TensorInfo], extra: Iterable[TensorInfo], shorten: Callable[[str], str]) -> dict[str, str]:
    ours, theirs = _by_short_name(lacking, shorten), _by_short_name(extra, shorten)
    return {
        ours[short].name: theirs[short].name for short in ours.keys() & theirs.keys() if ours[short].shape == theirs[short].shape
    }


def _by_short_name(tensors: Iterable[TensorInfo], shorten: Callable[[str], str]) -> dict[str, TensorInfo]:
    """The tensors whose shortened name is unique."""
    short = {tensor: shorten(tensor.name) for tensor in tensors}
    counts = Counter(short.values())
    return {name: tensor for tensor, name in short.items() if counts[name] == 1}


def _without_wrappers(name: str) -> str:
    parts = name.split(".")
    while len(parts) > 1 and parts[0] in _WRAPPERS:
        parts = parts[1:]
    return ".".join(parts)


def _without_inner(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _INNER)


def _prefixes(pairs: Mapping[str, str]) -> dict[str, str]:
    """Where names begin differently. The common end is cut off, but never a whole name."""
    found: dict[str, str] = {}
    for ours, theirs in sorted(pairs.items()):
        one, other = ours.split("."), theirs.split(".")
        common = 0
        while common < min(len(one), len(other)) and one[-1 - common] == other[-1 - common]:
            common += 1
        common -= common == min(len(one), len(other))
        found[".".join(one[: len(one) - common])] = ".".join(other[: len(other) - common])
    return found
