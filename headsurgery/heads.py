"""Heads and where they lie: the vocabulary that every other module shares.

A head is (layer, head), both from 0, written `L2H26`. The geometry is kept per layer, because some models vary it and some
have layers without attention heads. Invariant: a `column_block` is the head's input columns of o_proj, never of its output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from headsurgery.errors import GeometryError

_HEAD = re.compile(r"L(\d{1,9})H(\d{1,9})|(\d{1,9})-(\d{1,9})", re.ASCII)


@dataclass(frozen=True, order=True)
class HeadRef:
    """One attention head. Sorts by layer, then head.

    Args:
        layer: Decoder layer, from 0.
        head: Query head within the layer, from 0.
    """

    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer}H{self.head}"

    @classmethod
    def parse(cls, text: str) -> HeadRef:
        """Read `L2H26`, or `2-26` as the paper's reference writes it.

        Raises:
            GeometryError: The text is neither.
        """
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise GeometryError(f"{text!r} is not a head; expected a form like L2H26")
        layer, head = (int(group) for group in match.groups() if group is not None)
        return cls(layer, head)


@dataclass(frozen=True, kw_only=True)
class LayerHeads:
    """The heads of one layer.

    Args:
        num_heads: Query heads.
        num_kv_heads: Key/value heads; equal to num_heads for MHA, 1 for MQA.
        head_dim: Width of one head's output z, so that o_proj has num_heads * head_dim inputs.
        qk_head_dim: Width of one head's query, where it is another (MLA).
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    qk_head_dim: int | None = None

    @property
    def query_width(self) -> int:
        """Width of one head's query."""
        return self.head_dim if self.qk_head_dim is None else self.qk_head_dim

    def column_block(self, head: int) -> range:
        """The head's input columns of o_proj."""
        return range(head * self.head_dim, (head + 1) * self.head_dim)

    def kv_group(self, head: int) -> int:
        """The key/value head that this query head reads (grouped-query attention)."""
        return head // (self.num_heads // self.num_kv_heads)


@dataclass(frozen=True, kw_only=True)
class AttentionGeometry:
    """Heads of every layer of a model.

    Args:
        hidden_size: Width of the residual stream.
        layers: One entry per decoder layer; None where a layer has no attention heads.
    """

    hidden_size: int
    layers: tuple[LayerHeads | None, ...]

    def __repr__(self) -> str:
        """Its numbers, each once where all layers have the same, on one line."""
        said = {name: "varies" if isinstance(value, list) else value for name, value in self.to_json().items()}
        return f"AttentionGeometry({', '.join(f'{name}={value}' for name, value in said.items())})"

    @property
    def num_layers(self) -> int:
        """Number of decoder layers, with or without heads."""
        return len(self.layers)

    @property
    def attention_layers(self) -> tuple[int, ...]:
        """Layers that have attention heads."""
        return tuple(layer for layer, heads in enumerate(self.layers) if heads is not None)

    @property
    def max_heads(self) -> int:
        """Heads of the widest layer: the last axis of every score array."""
        return max((heads.num_heads for heads in self.layers if heads is not None), default=0)

    @property
    def num_heads_in_all(self) -> int:
        """Heads of all layers together."""
        return sum(heads.num_heads for heads in self.layers if heads is not None)

    def heads(self) -> Iterator[HeadRef]:
        """All heads, by layer, then head."""
        for layer, heads in enumerate(self.layers):
            for head in range(heads.num_heads if heads is not None else 0):
                yield HeadRef(layer, head)

    def layer_of(self, head: HeadRef, *, where: str = "") -> LayerHeads:
        """The geometry of a head's layer.

        Args:
            head: The head to find.
            where: Prefix of the error, such as `edits[3]: `.

        Raises:
            GeometryError: The model has no such head.
        """
        if not 0 <= head.layer < self.num_layers:
            raise GeometryError(f"{where}layer {head.layer}, but this model has layers 0-{self.num_layers - 1}")
        heads = self.layers[head.layer]
        if heads is None:
            raise GeometryError(f"{where}layer {head.layer} of this model has no attention heads")
        if not 0 <= head.head < heads.num_heads:
            raise GeometryError(f"{where}head {head.head}, but layer {head.layer} of this model has heads 0-{heads.num_heads - 1}")
        return heads

    def to_json(self) -> dict[str, object]:
        """The five numbers of the recipe; a list with one entry per layer (null: no heads) where layers differ."""
        document: dict[str, object] = {"num_layers": self.num_layers}
        for field in ("num_heads", "num_kv_heads", "head_dim"):
            values = [None if heads is None else getattr(heads, field) for heads in self.layers]
            document[field] = values[0] if len(set(values)) == 1 else values
        document["hidden_size"] = self.hidden_size
        return document
