"""Answers of the evaluation against the reference's loop: one prompt at a time, a full forward per token, no key/value cache.

    python benchmarks/evaluation.py

Both decode greedily, in float32, and must give the same answers. The loop answers every eighth prompt; times are per answer. It
runs before and after ours, so that noise of the machine hits both.
"""

from __future__ import annotations

import time

import torch

from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.model.generation import complete_ids, end_ids
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.prompts import encode, load_prompts, load_template

NUM_PROMPTS, NEW_TOKENS, EVERY = 32, 64, 8


@torch.inference_mode()
def loop(loaded: LoadedModel, prompt: list[int]) -> list[int]:
    ids = list(prompt)
    for _ in range(NEW_TOKENS):
        ids.append(int(loaded.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
        if ids[-1] in end_ids(loaded):
            break
    return ids[len(prompt) :]


def main() -> None:
    loaded = load_model(fetch_demo_model(print).path, dtype="float32", device="cpu")
    prompts = load_prompts("builtin:harmless", limit=NUM_PROMPTS)
    rows = encode(prompts, load_template("chat", loaded.tokenizer), loaded.tokenizer, max_tokens=512)[1]
    sample = rows[::EVERY]
    complete_ids(loaded, rows[:2], max_new_tokens=4)
    started = time.perf_counter()
    naive = [loop(loaded, row) for row in sample[::2]]
    half = time.perf_counter()
    ours = complete_ids(loaded, rows, max_new_tokens=NEW_TOKENS)
    done = time.perf_counter()
    naive_too = [loop(loaded, row) for row in sample[1::2]]
    end = time.perf_counter()
    of_loop, of_ours = (half - started + end - done) / len(sample), (done - half) / len(rows)
    equal = sum(
        ours[rows.index(row)] == answer for row, answer in zip([*sample[::2], *sample[1::2]], [*naive, *naive_too], strict=True)
    )
    print(f"loop: {of_loop:.2f} s per answer; ours: {of_ours:.2f} s; ratio {of_loop / of_ours:.1f}")
    print(f"same answers: {equal} of {len(sample)}")


if __name__ == "__main__":
    main()
