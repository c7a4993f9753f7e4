"""MLX on the CPU, in float32, read by mlx-lm without conversion."""

from __future__ import annotations

from importlib.metadata import version

import mlx.core as mx
import numpy as np
from mlx_lm import load
from runtime import read_work, report

work = read_work()
mx.set_default_device(mx.cpu)
model, tokenizer = load(str(work.checkpoint))
model.set_dtype(mx.float32)


def scores_of(ids: list[int]) -> np.ndarray:
    return np.array(model(mx.array([ids]))[0, -1])


own_ids = [list(tokenizer.encode(text)) for text in work.texts]
report(work, f"mlx {version('mlx')}, mlx-lm {version('mlx-lm')}", scores_of, own_ids)
