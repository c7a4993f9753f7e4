"""llama.cpp: converted to GGUF by the script of the same release, which llama-cpp-python's source archive carries, in float32."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from llama_cpp import GGML_TYPE_F32, Llama
from runtime import read_work, report

work = read_work()
converter = Path(os.environ["LLAMA_CPP"]) / "convert_hf_to_gguf.py"
gguf = work.scratch / "model.gguf"
subprocess.run([sys.executable, converter, work.checkpoint, "--outtype", "f32", "--outfile", gguf], check=True, stdout=sys.stderr)
# By default keys and values are kept in 16 bits, which moves log-probabilities by 1e-2.
model = Llama(str(gguf), n_ctx=1024, logits_all=True, type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32, verbose=False)


def scores_of(ids: list[int]) -> np.ndarray:
    model.reset()
    model.eval(ids)
    return model.scores[len(ids) - 1].copy()


own_ids = [model.tokenize(text.encode(), add_bos=False, special=True) for text in work.texts]
report(work, f"llama-cpp-python {version('llama-cpp-python')}", scores_of, own_ids)
