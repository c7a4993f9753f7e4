"""Where a model's heads are, proven from names and shapes of its weights (law 6), the same for a file and for a live model.

The table says what to expect; here the weights have to show it: the layer list stands under exactly one of the row's names, the
projections of every layer have the shapes that the configuration demands. Neighbours: `checkpoint.anatomy` asks with the tensors of
a file, `model.modules` with the parameters of a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from headsurgery.architectures import Architecture, query_inputs, read_geometry
from headsurgery.errors import ArchitectureError, GeometryError
from headsurgery.families import find_architecture
from headsurgery.heads import AttentionGeometry, LayerHeads

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class LayerNames:
    """Full names of one layer's projections, without `.weight`.

    Args:
        o_proj: The output projection.
        q_proj: What makes the queries.
        q_norm: The norm on them, if there is one.
        shares_q_norm: Whether it spans all heads of the layer (OLMo 2).
    """

    o_proj: str
    q_proj: str
    q_norm: str | None
    shares_q_norm: bool


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Heads, found.

    Args:
        architecture: Row of the table.
        geometry: Heads of every layer; None where a hybrid's layer has none.
        prefix: Name of the layer list.
        layers: Names, None likewise.
    """

    architecture: Architecture
    geometry: AttentionGeometry
    prefix: str
    layers: tuple[LayerNames | None, ...]

    @property
    def has_q_norm(self) -> bool:
        """Whether queries are normalised in any layer (QK-norm)."""
        return any(names is not None and names.q_norm is not None for names in self.layers)

    @property
    def shares_q_norm(self) -> bool:
        """Whether the norm spans all heads of a layer, so that one head's queries change the others' scale."""
        return any(names is not None and names.shares_q_norm for names in self.layers)


def prove(config: Mapping[str, Any], shapes: Mapping[str, Shape]) -> Proof:
    """Find every layer's projections and check them against the geometry.

    Args:
        config: Content of config.json.
        shapes: Of all weights, by name.

    Raises:
        ArchitectureError: The family has no heads, or is neither in the table nor like the usual ones.
        GeometryError: Names or shapes are not as expected.
    """
    architecture = find_architecture(config)
    try:
        return _prove(architecture, config, shapes)
    except GeometryError as error:
        if architecture.is_listed:
            raise
        raise ArchitectureError(
            f"model_type {architecture.model_type!r} is not in the architecture table, and not like the usual ones: {error}",
            hint="add a row to headsurgery/families.py: names of the layer list, o_proj and q_proj, query layout, orientation",
        ) from error


def _prove(architecture: Architecture, config: Mapping[str, Any], shapes: Mapping[str, Shape]) -> Proof:
    geometry = read_geometry(config, architecture)
    prefix = _find_prefix(shapes, architecture, geometry.num_layers)
    sizes = _Sizes(hidden=geometry.hidden_size, query_inputs=query_inputs(config, architecture))
    layers = []
    for layer, heads in enumerate(geometry.layers):
        assert heads is not None  # a configuration gives heads to all
        layers.append(_prove_layer(shapes, architecture, sizes, heads, f"{prefix}.{layer}"))
    beyond = f"{prefix}.{geometry.num_layers}.{architecture.o_proj}.weight"
    if beyond in shapes and not config.get("num_nextn_predict_layers"):
        raise GeometryError(f"config.json says {geometry.num_layers} layers, but the weights also have {beyond}")
    kept = tuple(None if names is None else heads for names, heads in zip(layers, geometry.layers, strict=True))
    return Proof(architecture=architecture, geometry=replace(geometry, layers=kept), prefix=prefix, layers=tuple(layers))


def _find_prefix(shapes: Mapping[str, Shape], architecture: Architecture, num_layers: int) -> str:
    """Of a hybrid, any layer may be the first with heads."""
    candidates = range(num_layers if architecture.hybrid else 1)
    tails = [f"{layer}.{architecture.o_proj}.weight" for layer in candidates]
    matches = [prefix for prefix in architecture.layers if any(f"{prefix}.{tail}" in shapes for tail in tails)]
    if len(matches) != 1:
        expected = " or ".join(f"{prefix}.{tails[0]}" for prefix in architecture.layers)
        close = sorted(name for name in shapes if f".0.{architecture.o_proj}." in f".{name}")[:3]
        seen = ", ".join(close) or next(iter(sorted(shapes)), "no tensor at all")
        raise GeometryError(f"{architecture.model_type}: expected exactly one of {expected}; found {len(matches)}, seen: {seen}")
    return matches[0]


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    hidden: int
    query_inputs: int


def _prove_layer(
    shapes: Mapping[str, Shape], architecture: Architecture, sizes: _Sizes, heads: LayerHeads, layer: str
) -> LayerNames | None:
    marker = architecture.marker or architecture.o_proj
    if architecture.hybrid and f"{layer}.{marker}.weight" not in shapes:
        return None
    width, oriented = heads.num_heads * heads.head_dim, architecture.weight_shape
    o_proj = _check(shapes, f"{layer}.{architecture.o_proj}", oriented(sizes.hidden, width))
    present = [name for name in architecture.q_proj if f"{layer}.{name}.weight" in shapes] or list(architecture.q_proj[:1])
    if len(present) > 1:
        raise GeometryError(f"{layer}: expected one of {' or '.join(present)}, found all of them")
    rows = architecture.num_query_rows(heads)
    q_proj = _check(shapes, f"{layer}.{present[0]}", oriented(rows, sizes.query_inputs))
    if shapes.get(f"{q_proj}.bias", (rows,)) != (rows,):
        raise GeometryError(f"{q_proj}.bias: shape {list(shapes[f'{q_proj}.bias'])}, but the configuration demands [{rows}]")
    if architecture.k_proj is not None:
        _check(shapes, f"{layer}.{architecture.k_proj}", oriented(heads.num_kv_heads * heads.head_dim, sizes.query_inputs))
    q_norm = f"{layer}.{architecture.q_norm}"
    norm = shapes.get(f"{q_norm}.weight")
    if norm is not None and norm not in ((heads.query_width,), (heads.num_heads * heads.query_width,)):
        raise GeometryError(
            f"{q_norm}.weight: shape {list(norm)}, expected [{heads.query_width}] or [{heads.num_heads * heads.query_width}]"
        )
    shares = norm is not None and norm != (heads.query_width,)
    return LayerNames(o_proj=o_proj, q_proj=q_proj, q_norm=None if norm is None else q_norm, shares_q_norm=shares)


def _check(shapes: Mapping[str, Shape], name: str, expected: Shape) -> str:
    shape = shapes.get(f"{name}.weight")
    if shape is None:
        raise GeometryError(f"{name}.weight: not there; expected {list(expected)}")
    if shape != expected:
        raise GeometryError(f"{name}.weight: shape {list(shape)}, but the configuration demands {list(expected)}")
    return name
