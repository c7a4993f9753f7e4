"""Where a model's heads are, proven from names and shapes of its weights (law 6), the same for a file and for a live model.

The table says what to expect; here the weights have to show it: the layer list stands under exactly one of the row's names, the
projections of every layer have the shapes that the configuration demands. Neighbours: `edits.anatomy` asks with the tensors of
a file, `model.modules` with the parameters of a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from headsurgery.architectures.configuration import most_layers_with_heads, normalises_unseen, query_inputs, read_geometry
from headsurgery.architectures.declaration import Architecture
from headsurgery.architectures.gguf import is_gguf, read_gguf_model
from headsurgery.architectures.table import find_architecture
from headsurgery.architectures.uniformity import Unevenness, find_unevenness
from headsurgery.documents.strict_json import quote
from headsurgery.errors import ArchitectureError, GeometryError
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
class LocatedHeads:
    """Heads, found.

    Args:
        architecture: Row of the table; it says whether the norm on the queries has a bias.
        geometry: Heads of every layer; None where a hybrid's layer has none.
        prefix: Name of the layer list.
        layers: Names, None likewise.
        has_q_norm: Whether queries are normalised in any layer (QK-norm).
        uneven: What keeps a head whose queries are zero from attending uniformly.
    """

    architecture: Architecture
    geometry: AttentionGeometry
    prefix: str
    layers: tuple[LayerNames | None, ...]
    has_q_norm: bool
    uneven: tuple[Unevenness, ...]

    @property
    def shares_q_norm(self) -> bool:
        """Whether the norm spans all heads of a layer, so that one head's queries change the others' scale."""
        return any(names is not None and names.shares_q_norm for names in self.layers)


def locate_heads(config: Mapping[str, Any], shapes: Mapping[str, Shape]) -> LocatedHeads:
    """Find every layer's projections and check them against the geometry.

    Args:
        config: Content of config.json, or the metadata of a GGUF file.
        shapes: Of all weights, by name.

    Raises:
        ArchitectureError: The family has no heads, or is neither in the table nor like the usual ones.
        GeometryError: Names or shapes are not as expected.
    """
    if is_gguf(config):
        model = read_gguf_model(config, shapes)
        row, config = model.architecture, model.config
    else:
        row = find_architecture(config)
    try:
        return _locate_heads(row, config, shapes)
    except GeometryError as error:
        if row.is_listed:
            raise
        raise ArchitectureError(
            f"model_type {row.model_type!r} is not in the architecture table, and not like the usual ones: {error}",
            hint="declare it in headsurgery/architectures/families: names of the layer list, o_proj and q_proj, query layout",
        ) from error


def _locate_heads(row: Architecture, config: Mapping[str, Any], shapes: Mapping[str, Shape]) -> LocatedHeads:
    geometry = read_geometry(config, row)
    architecture, prefix = _find_form(shapes, row, geometry.num_layers)
    sizes = _Sizes(hidden=geometry.hidden_size, query_inputs=query_inputs(config, architecture))
    layers = []
    for layer, heads in enumerate(geometry.layers):
        assert heads is not None  # a configuration gives heads to all
        place = architecture.layer_name(prefix, layer, geometry.num_layers)
        layers.append(_prove_layer(shapes, architecture.of_layer(layer), sizes, heads, place))
    beyond = _o_proj_of(architecture, prefix, geometry.num_layers, geometry.num_layers)
    if beyond in shapes and not config.get("num_nextn_predict_layers"):
        raise GeometryError(f"config.json says {geometry.num_layers} layers, but the weights also have {beyond}")
    with_heads, most = sum(names is not None for names in layers), most_layers_with_heads(config, architecture)
    if with_heads > most:
        raise GeometryError(f"{architecture.model_type}: {with_heads} layers have heads, but all share those of the first {most}")
    layer_heads = tuple(None if names is None else heads for names, heads in zip(layers, geometry.layers, strict=True))
    norms = [names.q_norm for names in layers if names is not None and names.q_norm is not None]
    if any(f"{norm}.bias" in shapes for norm in norms):
        architecture = replace(architecture, q_norm_has_bias=True)
    return LocatedHeads(
        architecture=architecture,
        geometry=replace(geometry, layers=layer_heads),
        prefix=prefix,
        layers=tuple(layers),
        has_q_norm=bool(norms) or normalises_unseen(config, architecture),
        uneven=find_unevenness(architecture, config, (name for name in shapes if name.startswith(f"{prefix.partition('*')[0]}"))),
    )


def _find_form(shapes: Mapping[str, Shape], row: Architecture, num_layers: int) -> tuple[Architecture, str]:
    """The form of the row that these weights have, and where its layers are; of a hybrid, any layer may be the first with heads."""
    candidates = range(num_layers if row.hybrid else 1)
    names = [(form, prefix) for form in (row, row.stored) if form is not None for prefix in form.layers]
    matches = [
        (form, prefix)
        for form, prefix in names
        if any(_o_proj_of(form, prefix, layer, num_layers) in shapes for layer in candidates)
    ]
    if len(matches) != 1:
        expected = " or ".join(_o_proj_of(form, prefix, 0, num_layers) for form, prefix in names)
        close = sorted(name for name in shapes if f".0.{row.o_proj}." in f".{name}")[:3]
        seen = ", ".join(name if len(name) <= 200 else quote(name) for name in close or sorted(shapes)[:1]) or "no tensor at all"
        raise GeometryError(f"{row.model_type}: expected exactly one of {expected}; found {len(matches)}, seen: {seen}")
    return matches[0]


def _o_proj_of(form: Architecture, prefix: str, layer: int, num_layers: int) -> str:
    return f"{form.layer_name(prefix, layer, num_layers)}.{form.of_layer(layer).o_proj}.weight"


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
    if architecture.query_layout == "fused_in_fours" and heads.num_heads % 4:
        raise GeometryError(f"config.json: {heads.num_heads} heads don't divide into 4 blocks")
    rows = architecture.num_query_rows(heads)
    q_proj = _check(shapes, f"{layer}.{present[0]}", oriented(rows, sizes.query_inputs))
    if shapes.get(f"{q_proj}.bias", (rows,)) != (rows,):
        raise GeometryError(f"{q_proj}.bias: shape {list(shapes[f'{q_proj}.bias'])}, but the configuration demands [{rows}]")
    k_proj = f"{layer}.{architecture.k_proj}"
    if architecture.k_proj is not None and not (architecture.shares_keys and f"{k_proj}.weight" not in shapes):
        _check(shapes, k_proj, oriented(heads.num_kv_heads * heads.query_width, sizes.query_inputs))
    q_norm = f"{layer}.{architecture.q_norm}"
    norm = shapes.get(f"{q_norm}.weight")
    width, together = heads.query_width, (heads.num_heads * heads.query_width,)
    if norm is not None and norm not in ((width,), (heads.num_heads, width), together):
        raise GeometryError(f"{q_norm}.weight: shape {list(norm)}, expected [{width}] or {list(together)}")
    shares = norm == together != (width,)
    return LayerNames(o_proj=o_proj, q_proj=q_proj, q_norm=None if norm is None else q_norm, shares_q_norm=shares)


def _check(shapes: Mapping[str, Shape], name: str, expected: Shape) -> str:
    shape = shapes.get(f"{name}.weight")
    if shape is None:
        raise GeometryError(f"{name}.weight: not there; expected {list(expected)}")
    if shape != expected:
        raise GeometryError(f"{name}.weight: shape {list(shape)}, but the configuration demands {list(expected)}")
    return name
