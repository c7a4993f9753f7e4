"""ONNX Runtime: exported by Optimum, in float32."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import torch
from optimum.onnxruntime import ORTModelForCausalLM
from runtime import read_work, report

work = read_work()
model = ORTModelForCausalLM.from_pretrained(work.checkpoint, export=True, dtype=torch.float32, use_cache=False)
model.save_pretrained(work.scratch)


def scores_of(ids: list[int]) -> np.ndarray:
    logits = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64)).logits
    return logits[0, -1].double().numpy()


versions = [f"{package} {version(package)}" for package in ("onnxruntime", "optimum-onnx", "transformers")]
report(work, ", ".join(versions), scores_of, [])
