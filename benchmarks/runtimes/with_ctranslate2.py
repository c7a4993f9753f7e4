"""CTranslate2: converted by its own command, without quantization."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import ctranslate2
import numpy as np
from runtime import read_work, report

work = read_work()
out = work.scratch / "converted"
converter = Path(sys.executable).parent / "ct2-transformers-converter"
command = [converter, "--model", work.checkpoint, "--output_dir", out, "--quantization", "float32"]
subprocess.run(command, check=True, stdout=sys.stderr)
model = ctranslate2.Generator(str(out), device="cpu", compute_type="float32")


def scores_of(ids: list[int]) -> np.ndarray:
    batch = ctranslate2.StorageView.from_array(np.array([ids], dtype=np.int32))
    lengths = ctranslate2.StorageView.from_array(np.array([len(ids)], dtype=np.int32))
    return np.array(model.forward_batch(batch, lengths))[0, -1]


report(work, f"ctranslate2 {version('ctranslate2')}, transformers {version('transformers')}", scores_of, [])
