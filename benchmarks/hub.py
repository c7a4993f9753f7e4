"""What `inspect` and `diff --heads-only` transfer of a sharded repository on the Hub, against downloading it.

The Hub is the tests' server on 127.0.0.1, the client the unmodified huggingface_hub. Bytes are those of answers' bodies, counted by
the server, the listing of files included. Nothing is shaped: on a real line every byte costs more, and so does every request.

    python benchmarks/hub.py [--shards 8] [--megabytes 40]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from headsurgery import HeadEdit, Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.storage.checkpoint import Checkpoint
from headsurgery.storage.safetensors import INDEX
from tests.directories import contents
from tests.hub_server import HubServer, serve_hub

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, WIDTH = 1024, 16, 4, 64, 2752
KB, MB = 1e3, 1e6


def make(folder: Path, shards: int, megabytes: int) -> None:
    """A Llama of random bfloat16 weights, in shards of about so many megabytes, cut between layers as transformers cuts."""
    kv = KV_HEADS * HEAD_DIM
    layer = {
        "input_layernorm": (HIDDEN,),
        "mlp.down_proj": (HIDDEN, WIDTH),
        "mlp.gate_proj": (WIDTH, HIDDEN),
        "mlp.up_proj": (WIDTH, HIDDEN),
        "post_attention_layernorm": (HIDDEN,),
        "self_attn.k_proj": (kv, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN),
        "self_attn.q_proj": (HIDDEN, HIDDEN),
        "self_attn.v_proj": (kv, HIDDEN),
    }
    per_layer = sum(2 * int(np.prod(shape)) for shape in layer.values())
    layers_per_shard = max(1, round(megabytes * MB / per_layer))
    generator = np.random.default_rng(0)
    weight_map, number = {}, 0
    folder.mkdir()
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        tensors = {}
        for _ in range(layers_per_shard):
            tensors |= {f"model.layers.{number}.{name}.weight": shape for name, shape in layer.items()}
            number += 1
        header, end = {"__metadata__": {"format": "pt"}}, 0
        for name, shape in tensors.items():
            length = 2 * int(np.prod(shape))
            header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [end, end + length]}
            end += length
            weight_map[name] = file
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        values = generator.standard_normal(end // 2, dtype=np.float32).view(np.uint32) >> 16
        (folder / file).write_bytes(len(text).to_bytes(8, "little") + text + values.astype(np.uint16).tobytes())
    config = {
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "num_hidden_layers": number,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "intermediate_size": WIDTH,
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}, indent=2))


def needed(checkpoint: Checkpoint) -> int:
    """Bytes that say what a checkpoint is: headers, configuration, index."""
    return sum(shard.num_header_bytes for shard in checkpoint.shards) + sum(map(checkpoint.files.size_of, ("config.json", INDEX)))


def run(hub: HubServer, work: Path, what: str, command: list[str], minimum: int) -> None:
    """One command in a process of its own with a cold cache; prints a row."""
    hub.sent.clear()
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(work / "home"), "NO_PROXY": "127.0.0.1"}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    assert done.returncode in (0, 1), done.stderr
    assert "error" not in done.stderr, done.stderr
    files, total = hub.bytes_of_files(), sum(count for _, count in hub.sent)
    over = f"{files / minimum - 1:+.2%}" if minimum else ""
    print(
        f"{what:44} {minimum / MB:10.3f} {files / MB:10.3f} {over:>8} {(total - files) / KB:8.1f} {len(hub.sent):6} {seconds:7.2f}"
    )
    shutil.rmtree(work / "home", ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--megabytes", type=int, default=40)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serve_hub() as hub:
        work = Path(folder)
        make(work / "base", chosen.shards, chosen.megabytes)
        base = open_checkpoint(work / "base")
        edits = (
            HeadEdit(layer=1, head=3, operation="scale", factor=0.0),
            HeadEdit(layer=prove_anatomy(base).geometry.num_layers - 1, head=7, operation="uniform_attention", factor=0.0),
        )
        apply_plan(plan_surgery(Recipe(edits=edits), base), work / "edited")
        Recipe(edits=edits).save(work / "recipe.json")
        for name in ("base", "edited"):
            hub.add(f"org/{name}", contents(work / name))
        # every shard of its own bytes, as after fine-tuning: one bit of each, outside the heads
        tuned = {name: bytearray(data) for name, data in contents(work / "base").items()}
        for shard in base.shards:
            tuned[shard.file][shard.tensors[-1].offset] ^= 1
        hub.add("org/tuned", {name: bytes(data) for name, data in tuned.items()})
        touched = {edit.tensor.file for edit in plan_surgery(Recipe(edits=edits), base).edits}
        heads = {t.name: t for layer in prove_anatomy(base).layers if layer for t in (layer.o_proj, layer.q_proj)}
        edited_bytes = sum(e.tensor.num_bytes if e.axis else e.runs.length for e in plan_surgery(Recipe(edits=edits), base).edits)
        of_heads = sum(tensor.num_bytes for tensor in heads.values())
        of_touched = sum(tensor.num_bytes for tensor in heads.values() if tensor.file in touched)
        whole = sum(shard.num_bytes for shard in base.shards)
        print(f"{len(base.shards)} shards, {whole / MB:.0f} MB, {len(base.tensors)} tensors; two edited shards; 127.0.0.1\n")
        print(f"{'command (cold cache)':44} {'needed MB':>10} {'sent MB':>10} {'over':>8} {'API kB':>8} {'GETs':>6} {'seconds':>7}")
        tool = ["-m", "headsurgery"]
        run(hub, work, "inspect", [*tool, "inspect", "org/base"], needed(base))
        both = 2 * needed(base)
        run(
            hub,
            work,
            "diff --heads-only, 2 shards edited",
            [*tool, "diff", "org/base", "org/edited", "--heads-only"],
            both + 2 * of_touched,
        )
        run(
            hub,
            work,
            "diff --heads-only, all shards differ",
            [*tool, "diff", "org/base", "org/tuned", "--heads-only"],
            both + 2 * of_heads,
        )
        run(
            hub,
            work,
            "diff, 2 shards edited",
            [*tool, "diff", "org/base", "org/edited"],
            both + 2 * sum(shard.num_bytes - shard.num_header_bytes for shard in base.shards if shard.file in touched),
        )
        run(
            hub,
            work,
            "diff of the base with edited/ here",
            [*tool, "diff", "org/base", str(work / "edited")],
            needed(base) + sum(shard.num_bytes - shard.num_header_bytes for shard in base.shards if shard.file in touched),
        )
        run(
            hub,
            work,
            "apply --dry-run",
            [*tool, "apply", str(work / "recipe.json"), "org/base", "--dry-run"],
            needed(base) + edited_bytes,
        )
        download = "from huggingface_hub import snapshot_download; snapshot_download('org/base')"
        run(
            hub,
            work,
            "snapshot_download of one of the two",
            ["-c", download],
            sum(len(data) for data in contents(work / "base").values()),
        )


if __name__ == "__main__":
    main()
