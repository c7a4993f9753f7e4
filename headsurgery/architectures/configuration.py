"""The geometry that a config.json claims, read by the keys of a row (`architectures`); `location` then makes the weights prove it.

A configuration may come from a stranger: whatever its values are, they give a geometry of bounded size or a GeometryError.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping

from headsurgery.architectures.declaration import Architecture, ConfigKeys
from headsurgery.documents.strict_json import quote
from headsurgery.errors import GeometryError
from headsurgery.heads import AttentionGeometry, LayerHeads

_TOO_MANY, _TOO_MANY_LAYERS = 2**20, 2048
"""So many are a corrupt configuration. Each layer takes time and memory before the weights can say that it isn't there."""


def read_geometry(config: Mapping[str, object], architecture: Architecture) -> AttentionGeometry:
    """The geometry that a configuration claims, as if every layer had heads; the weights still have to prove it.

    Raises:
        GeometryError: A key is missing or not a positive integer, or heads don't divide.
    """
    keys, section = architecture.config, _section(config, architecture.config)
    types = section.get(keys.layer_types)
    num_layers = _number(section, keys, keys.num_layers, len(types) if isinstance(types, list) else None) // keys.blocks_per_layer
    num_layers *= len(architecture.stacks) or (2 if architecture.numbering == "two_per_layer" else 1)
    if not 1 <= num_layers < _TOO_MANY_LAYERS:
        raise GeometryError(f"config.json: {num_layers} layers, expected from 1 to {_TOO_MANY_LAYERS - 1}")
    layers = tuple(_read_layer(layer, architecture) for layer in _layer_sections(section, keys, num_layers))
    if len(layers) == 1:
        layers *= num_layers
    return AttentionGeometry(hidden_size=_number(section, keys, keys.hidden_size), layers=layers)


def normalises_unseen(config: Mapping[str, object], architecture: Architecture) -> bool:
    """Whether queries are normalised without a weight of its own."""
    flag = architecture.weightless_q_norm
    return flag if isinstance(flag, bool) else bool(_section(config, architecture.config).get(flag, True))


def most_layers_with_heads(config: Mapping[str, object], architecture: Architecture) -> int:
    """How many layers may have heads in the weights.

    Raises:
        GeometryError: Not a positive integer.
    """
    keys = architecture.config
    return _TOO_MANY if keys.own_heads is None else _number(_section(config, keys), keys, keys.own_heads)


def query_inputs(config: Mapping[str, object], architecture: Architecture) -> int:
    """Width of what goes into q_proj.

    Raises:
        GeometryError: Not a positive integer.
    """
    keys, section = architecture.config, _section(config, architecture.config)
    hidden_size = _number(section, keys, keys.hidden_size)
    return sum(_number(section, keys, key, hidden_size) for key in keys.q_inputs) or hidden_size


def _section(config: Mapping[str, object], keys: ConfigKeys) -> Mapping[str, object]:
    is_flat = keys.section is None or (keys.may_be_flat and keys.section not in config)
    section: object = config if is_flat else config.get(str(keys.section))
    if not isinstance(section, Mapping):
        raise GeometryError(f"config.json: expected an object under {keys.section!r}")
    found = dict(section)
    for alias, key in keys.aliases.items():
        outer, _, inner = alias.rpartition(".")
        holder = section.get(outer) if outer else section
        if isinstance(holder, Mapping) and inner in holder:
            found.setdefault(key, holder[inner])
    return found


def _layer_sections(section: Mapping[str, object], keys: ConfigKeys, num_layers: int) -> list[Mapping[str, object]]:
    """The section as each layer sees it, or one that holds for all."""

    def listed(key: str) -> list[object]:
        values = section.get(key)
        return values if isinstance(values, list) and len(values) == num_layers else []

    stated = section.get("per_layer_config")  # as transformers 5 writes it, with layers as text, padded with zeros
    own = None
    if isinstance(stated, Mapping):
        own = {int(layer): more for layer, more in stated.items() if re.fullmatch("[0-9]{1,9}", layer) and isinstance(more, dict)}
    types, lists = listed(keys.layer_types), {key: listed(other) for key, other in keys.by_layer.items()}
    if not own and not any(lists.values()) and not (types and (keys.by_type or keys.twice_the_kv_heads)):
        return [section]
    whole = dict(section)
    found: list[Mapping[str, object]] = []
    for layer in range(num_layers):
        kind = types[layer] if types else None
        stand_ins = keys.by_type.get(kind, {}) if own is None and isinstance(kind, str) else {}
        others = {key: section.get(other, keys.defaults.get(other)) for key, other in stand_ins.items()}
        others |= {key: values[layer] for key, values in lists.items() if values}
        given = {key: value for key, value in others.items() if value is not None} | (own or {}).get(layer, {})
        seen = ChainMap(given, whole)
        if kind is not None and kind == keys.twice_the_kv_heads:
            seen[keys.num_kv_heads] = 2 * _number(seen, keys, keys.num_kv_heads)
        found.append(seen)
    return found


def _read_layer(section: Mapping[str, object], architecture: Architecture) -> LayerHeads:
    keys = architecture.config
    num_heads = _number(section, keys, keys.num_heads)
    num_kv_heads = 1 if _has_one_kv_head(section, keys) else _number(section, keys, keys.num_kv_heads, num_heads)
    if num_heads % num_kv_heads:
        raise GeometryError(f"config.json: {num_heads} heads don't divide into {num_kv_heads} key/value heads")
    head_dim = _number(section, keys, keys.head_dim, keys.head_share * _number(section, keys, keys.hidden_size) // num_heads)
    qk_head_dim = sum(_number(section, keys, key) for key in keys.qk_head_dim) or None
    if architecture.in_pairs:
        if num_kv_heads % 2:
            raise GeometryError(f"config.json: {num_kv_heads} key/value heads, expected an even number")
        return LayerHeads(num_heads=num_heads // 2, num_kv_heads=num_kv_heads // 2, head_dim=2 * head_dim)
    return LayerHeads(num_heads=num_heads, num_kv_heads=num_kv_heads, head_dim=head_dim, qk_head_dim=qk_head_dim)


def _has_one_kv_head(section: Mapping[str, object], keys: ConfigKeys) -> bool:
    def flag(key: str | None) -> bool:
        return key is not None and bool(section.get(key, keys.defaults.get(key, False)))

    return flag(keys.one_kv_head) and not flag(keys.unless)


def _number(section: Mapping[str, object], keys: ConfigKeys, key: str, fallback: int | None = None) -> int:
    value = section.get(key, keys.defaults.get(key))
    value = fallback if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < _TOO_MANY:
        raise GeometryError(f"config.json: {key} is {quote(value)}, expected an integer from 1 to {_TOO_MANY - 1}")
    return value
