"""What the peers share: the work comes on stdin, the report goes out as the last line of stdout. Runs in a peer's environment."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch


class Work(NamedTuple):
    """One comparison.

    Args:
        model: Checkpoint directory.
        ids: Token ids, padded on the left, [prompts, pos].
        mask: 0 where they are padding, [prompts, pos].
        heads: (layer, head), in the order of the scores.
    """

    model: Path
    ids: torch.Tensor
    mask: torch.Tensor
    heads: list[tuple[int, int]]


def read_work() -> Work:
    work = json.load(sys.stdin)
    return Work(Path(work["model"]), torch.tensor(work["ids"]), torch.tensor(work["mask"]), work["heads"])


def report(work: Work, base: torch.Tensor, ablate: Callable[[int, int], torch.Tensor]) -> None:
    """Time the ablation of all heads.

    Args:
        work: What to do.
        base: Logits of the last position, [prompts, vocabulary].
        ablate: The same with one (layer, head) at 0.
    """
    wanted = base.double().log_softmax(-1)
    ablate(*work.heads[0])  # warm
    started = time.perf_counter()
    scores = []
    for layer, head in work.heads:
        found = ablate(layer, head).double().log_softmax(-1)
        scores.append((wanted.exp() * (wanted - found)).sum(-1).tolist())
    seconds = time.perf_counter() - started
    print("\n" + json.dumps({"seconds": seconds, "threads": torch.get_num_threads(), "scores": scores}))
