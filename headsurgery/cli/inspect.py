"""`headsurgery inspect`: what a checkpoint is, from its headers."""

from __future__ import annotations

from typing import Any

from headsurgery.cli.options import Json, ModelOrFile, Quiet, Revision, Token

_NAMED = 3
"""Files that are named one by one."""


def inspect(model: ModelOrFile, revision: Revision = None, token: Token = None, json: Json = False, quiet: Quiet = False) -> None:
    """Show a checkpoint's heads, operations and tensors.

    Reads headers, and of quantized weights a few bytes that say how they are stored; of a model on the Hub nothing else is fetched.
    """
    from headsurgery.cli.opening import open_named
    from headsurgery.console import Console, table
    from headsurgery.edits.anatomy import describe

    console = Console(as_json=json, quiet=quiet)
    document = describe(open_named(console, model, revision=revision, token=token))
    tensors = [
        (entry["layer"], part, entry[part]["name"], " x ".join(map(str, entry[part]["shape"])), entry[part]["dtype"])
        for entry in document["tensors"]
        for part in ("o_proj", "q_proj", "q_bias")
        if part in entry
    ]
    console.data(
        document, table(("", ""), _facts(document)), table(("layer", "part", "tensor", "shape", "type"), tensors, title="\nTensors")
    )


def _facts(document: dict[str, Any]) -> list[tuple[str, object]]:
    geometry = document["geometry"]
    layers = document["attention_layers"]
    norm = {"per_head": "per head", "all_heads": "over all heads of a layer", None: "no"}[document["q_norm"]]
    return [
        ("model", document["model"]),
        ("revision", document["revision"] or "(local)"),
        ("model_type", document["model_type"]),
        ("layers", f"{geometry['num_layers']}, with attention heads: {_ranges(layers)}"),
        (
            "heads",
            f"{geometry['num_heads']} per layer ({geometry['num_kv_heads']} key/value), {document['num_heads_in_all']} in all",
        ),
        ("head_dim", geometry["head_dim"]),
        ("hidden_size", geometry["hidden_size"]),
        ("operations", ", ".join(document["operations"])),
        ("QK-norm", norm),
        *(("note", note) for note in document["notes"]),
        *((entry["part"], _format(entry)) for entry in document["formats"] if "heads_with_own_scales" in entry),
        ("stored types", ", ".join(f"{dtype} ({count} tensors)" for dtype, count in document["dtypes"].items())),
        ("parameters", f"{document['parameters']:,}"),
        ("files", _files(document["shards"])),
        ("fingerprint", document["fingerprint"] or "(of a local checkpoint only)"),
    ]


def _format(entry: dict[str, Any]) -> str:
    """Of weights with scales."""
    return f"{entry['format']}; heads with scales of their own: {entry['heads_with_own_scales']} of {entry['heads']}"


def _files(shards: list[dict[str, Any]]) -> str:
    """Each by name, or how many where they are many."""
    if len(shards) > _NAMED:
        return f"{len(shards)}, {sum(shard['bytes'] for shard in shards):,} bytes in all"
    return ", ".join(f"{shard['file']} ({shard['bytes']:,} bytes)" for shard in shards)


def _ranges(layers: list[int]) -> str:
    """`0-2, 5` for 0, 1, 2, 5."""
    parts: list[list[int]] = []
    for layer in layers:
        if parts and layer == parts[-1][-1] + 1:
            parts[-1].append(layer)
        else:
            parts.append([layer])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts) or "none"
