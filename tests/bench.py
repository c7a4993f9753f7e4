"""Tiny checkpoints for strangers to damage: one file, shards, other types, GGUF, edited, edited twice; no torch. See `readers`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from headsurgery import apply_plan, open_checkpoint, plan_surgery
from headsurgery.storage.safetensors import INDEX, WEIGHTS
from headsurgery.surgery.base_files import CARD
from tests.directories import recipe_of
from tests.gguf_files import Tiny, save_gguf

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 24,
    "head_dim": 6,
    "architectures": ["LlamaForCausalLM"],
    "rope_scaling": {"factor": 2.0, "kind": ["a", "b"]},
}
GGUF, GGUF_EDITS = "model.gguf", recipe_of((0, 1, "scale", 0.5), (1, 2, "uniform_attention", 0.0), (1, 3, "scale", 0.0))
EDITS = recipe_of((0, 1, "scale", 0.5), (1, 2, "uniform_attention", 0.0), (1, 3, "scale", 2.5))
CARD_TEXT = b"---\nlicense: apache-2.0\nbase_model: org/name\ntags: [a, 'b', 3]\nlist:\n- x: 1\n  y: no\n---\n\n# A card\n"


def tensors(seed: int) -> dict[str, Any]:
    """Weights of the tiny model."""
    chance = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (20, 24), "model.norm.weight": (24,)}
    for layer in range(2):
        place = f"model.layers.{layer}.self_attn"
        shapes |= {f"{place}.q_proj.weight": (24, 24), f"{place}.k_proj.weight": (12, 24), f"{place}.o_proj.weight": (24, 24)}
        shapes |= {f"{place}.q_proj.bias": (24,)}
    return {name: chance.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


@dataclass(kw_only=True)
class Bench:
    """Folders to read from.

    Args:
        root: All of them are in it; `out` is the only place that anything may be written to.
    """

    root: Path

    def __post_init__(self) -> None:
        for name in ("base", "sharded"):
            (self.root / name).mkdir(parents=True)
            (self.root / name / "config.json").write_text(json.dumps(CONFIG))
            (self.root / name / CARD).write_bytes(CARD_TEXT)
        weights = tensors(0)
        save_file(weights, self.root / "base" / WEIGHTS, metadata={"format": "pt"})
        names = sorted(weights)
        for number in range(2):
            part = {name: weights[name] for name in names[number::2]}
            save_file(part, self.root / "sharded" / f"model-0000{number + 1}-of-00002.safetensors", metadata={"format": "pt"})
        shards = {name: f"model-0000{position % 2 + 1}-of-00002.safetensors" for position, name in enumerate(names)}
        self.index = {"metadata": {"total_size": 1}, "weight_map": shards}
        (self.root / "sharded" / INDEX).write_text(json.dumps(self.index))
        apply_plan(plan_surgery(EDITS, open_checkpoint(self.root / "base")), self.root / "edited")
        apply_plan(plan_surgery(recipe_of((0, 0, "scale", 2.0)), open_checkpoint(self.root / "edited")), self.root / "twice")
        for name in ("base", "sharded", "edited", "twice"):
            shutil.copytree(self.root / name, self.root / f"case-{name}")
        self.base = open_checkpoint(self.root / "base")
        for name, dtype in (("half", np.float16), ("double", np.float64)):
            shutil.copytree(self.root / "base", self.root / name)
            save_file({name: tensor.astype(dtype) for name, tensor in weights.items()}, self.root / name / WEIGHTS)
            shutil.copytree(self.root / name, self.root / f"case-{name}")

        (self.root / "gguf").mkdir()
        save_gguf(self.root / "gguf" / GGUF, Tiny(bias=True))
        shutil.copytree(self.root / "gguf", self.root / "case-gguf")

    @property
    def out(self) -> Path:
        """Where results go."""
        return self.root / "outputs" / "out"

    @contextmanager
    def changed(self, folder: str, file: str, data: bytes) -> Iterator[Path]:
        """A folder with one file replaced, until the block ends."""
        path = self.root / f"case-{folder}" / file
        before = path.read_bytes()
        path.write_bytes(data)
        try:
            yield self.root / f"case-{folder}"
        finally:
            path.write_bytes(before)
            shutil.rmtree(self.root / "outputs", ignore_errors=True)
