"""Checkpoints as files: what a directory holds, a Hub cache's layout, and headers written by hand."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from headsurgery import HeadEdit, Recipe

FEW_KB = "30KB"
"""As max_shard_size: each tiny model becomes some ten shards."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def recipe_of(*edits: tuple[int, int, str, float]) -> Recipe:
    """A recipe of (layer, head, operation, factor)."""
    return Recipe(
        edits=tuple(
            HeadEdit(layer=layer, head=head, operation=operation, factor=factor)  # type: ignore[arg-type]
            for layer, head, operation, factor in edits
        )
    )


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, by relative name; links are followed."""
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            found[path.relative_to(directory).as_posix()] = path.read_bytes()
    return found


def as_hub_cache(base: Path, root: Path) -> Path:
    """Lay a checkpoint out as huggingface_hub does: a snapshot of links into blobs named by their hash."""
    snapshot = root / "models--org--name" / "snapshots" / COMMIT
    blobs = root / "models--org--name" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for file in sorted(base.iterdir()):
        blob = blobs / hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copyfile(file, blob)
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    return snapshot


def pack(header: Any, data: bytes = b"") -> bytes:
    """A safetensors file by hand; `header` is JSON-ready, or bytes that need not be JSON at all."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def edit_json(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file; None removes the key."""
    document = json.loads(path.read_text())
    document.update(changes)
    path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))


def append_tensors(path: Path, tensors: dict[str, tuple[str, list[int], bytes]]) -> None:
    """Add tensors (stored type, shape, data) of any type to a safetensors file, bit for bit as given."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    path.write_bytes(pack(header, data))


ODD_TENSORS: dict[str, tuple[str, list[int], bytes]] = {
    "mtp.0.eh_proj.weight": ("BF16", [3, 2], bytes(range(12))),
    "scalar": ("F32", [], b"\1\2\3\4"),
    "empty": ("F32", [0, 7], b""),
    "no columns": ("I64", [7, 0], b""),
    "counts": ("I64", [2], bytes(range(16))),
    "float8": ("F8_E4M3", [2, 3], bytes(range(250, 256))),
    "half bytes": ("F4", [2, 3], b"\x12\x34\x56"),
    "three axes": ("F16", [2, 3, 4], bytes(range(48))),
    "naïve 🩺/../\n": ("U8", [5], b"hello"),
    "": ("BOOL", [1], b"\1"),
}
"""Tensors that transformers does not know, of every kind that the format allows."""
