"""What the runtimes share: work comes on stdin, the report goes to files, since they print. In a runtime's environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Work(NamedTuple):
    """One checkpoint in one runtime.

    Args:
        checkpoint: Its directory.
        texts: Prompts.
        ids: The same as token ids of the pinned transformers; these are run.
        scratch: An empty folder, for what the runtime converts the checkpoint to.
        out: Where the log-probabilities go; the rest of the report beside it, as JSON.
    """

    checkpoint: Path
    texts: list[str]
    ids: list[list[int]]
    scratch: Path
    out: Path


def read_work() -> Work:
    work = json.load(sys.stdin)
    return Work(Path(work["checkpoint"]), work["texts"], work["ids"], Path(work["scratch"]), Path(work["out"]))


def report(
    work: Work, version: str, scores_of: Callable[[list[int]], Sequence[float] | np.ndarray], own_ids: list[list[int]]
) -> None:
    """Run all prompts and say what came of it.

    Args:
        work: What to do.
        version: Of the runtime and of what converted the checkpoint.
        scores_of: Logits or log-probabilities of the token after these, [vocabulary].
        own_ids: The prompts' token ids by the runtime's own tokenizer, from the checkpoint's files; empty if it has none.
    """
    scores = np.stack([np.asarray(scores_of(ids), dtype=np.float64) for ids in work.ids])  # [prompts, vocabulary]
    highest = scores.max(-1, keepdims=True)
    np.save(work.out, scores - highest - np.log(np.exp(scores - highest).sum(-1, keepdims=True)))
    said = {"version": version, "same_ids": own_ids == work.ids if own_ids else None}
    work.out.with_suffix(".json").write_text(json.dumps(said))
