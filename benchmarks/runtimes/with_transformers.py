"""transformers, of any version."""

from __future__ import annotations

import numpy as np
import torch
import transformers
from runtime import read_work, report
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_grad_enabled(False)
work = read_work()
model = AutoModelForCausalLM.from_pretrained(work.checkpoint, dtype=torch.float32).eval()


def scores_of(ids: list[int]) -> np.ndarray:
    logits: np.ndarray = model(torch.tensor([ids])).logits[0, -1].double().numpy()
    return logits


try:
    tokenizer = AutoTokenizer.from_pretrained(work.checkpoint)
    own_ids = [list(tokenizer(text)["input_ids"]) for text in work.texts]
except ValueError:  # a tokenizer class that this version does not know
    own_ids = [[]]
report(work, f"transformers {transformers.__version__}", scores_of, own_ids)
