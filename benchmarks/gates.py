"""What `gates` costs: a step, the whole search, and its memory.

    python benchmarks/gates.py MODEL [--dtype bfloat16] [--every 8] [--harmful FILE]

MODEL is a folder. Printed are processor times, and ratios of

- a gradient step of the method with a plain one: the same rows, each padded to the longest of all, through forward and backward;
- the whole search on 24 + 24 prompts with the exact sweep of greedy's first step on the same prompts (the refused ones, and the
  control). Of the sweep every n-th head runs (`--every`), and its time is scaled up;
- the peak of memory of a step with the formula by which `--max-memory` plans.

Prompts are the built-in ones, or `--harmful` with a column `prompt`.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from headsurgery.attribution.gates import ROWS, GateSettings, Lessons, gates
from headsurgery.attribution.refusal import REFUSAL_TOKENS, OwnAnswers, find_refusals
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.engine.factors import GradientPasses, gradient_bytes, head_factors
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence, LogOddsDrop
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Measure, SweepTask
from headsurgery.model.loading import load_model
from headsurgery.prompts import encode, load_prompts, load_template

PROMPTS, LONGEST = 24, 160
Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """A result, and the processor time that it took."""
    started = time.process_time()
    return work(), time.process_time() - started


def plain_step(lessons: Lessons, factors: torch.Tensor) -> torch.Tensor:
    """Forward and backward of the rows of a step as one would write it, with logits of every position."""
    queries = [*lessons.openings.queries[:ROWS], *lessons.harmless.queries[:ROWS]]
    length = max(map(len, queries))
    tokens = torch.tensor([[*query, *[query[-1]] * (length - len(query))] for query in queries])
    leaf = factors.clone().requires_grad_()
    with head_factors(lessons.modules, "scale", leaf):
        logits = lessons.modules.model(tokens).logits.float().log_softmax(-1)
        (found,) = torch.autograd.grad(logits[:, -REFUSAL_TOKENS:].amax(-1).sum(), leaf)
    return found


def sweep_time(engine: LocalEngine, own: OwnAnswers, measure: Measure, every: int) -> float:
    """Processor time of an exact sweep over all heads."""
    heads = tuple(engine.facts.geometry.heads())
    task = SweepTask(queries=own.queries, heads=heads[::every], operation="scale", factor=0.0, measure=measure, tail=own.tail)
    return timed(lambda: Sweeper(engine=engine).sweep(task))[1] * len(heads) / len(heads[::every])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--harmful", default="builtin:decline")
    options = parser.parse_args()
    loaded = load_model(options.model, dtype=options.dtype)
    engine, template = LocalEngine(loaded), load_template(None, loaded.tokenizer)
    reader, modules = AnswerReader.of(loaded.tokenizer, template), LocalEngine(loaded).modules
    modules.model.requires_grad_(False)
    harmful, harmless = (
        encode(load_prompts(name), template, loaded.tokenizer, max_tokens=512)[1][:PROMPTS]
        for name in (options.harmful, "builtin:harmless")
    )
    passes = GradientPasses.fit(modules, harmful[0], LONGEST, None)
    settings = GateSettings(operation="scale", reinforce=False, factors="zero", max_heads=20, head_price=0.02, seed=0)

    refusals = find_refusals(engine, reader, harmful, ()).found
    own = OwnAnswers.of(refusals)
    answers = engine.complete(harmless, tokens=REFUSAL_TOKENS)
    control = OwnAnswers.of([(ids, answer, 0) for ids, answer in zip(harmless, answers, strict=True)])
    lessons = Lessons(
        modules=modules, settings=settings, openings=OwnAnswers.of(refusals, tokens=3), harmless=control, passes=passes
    )
    factors = torch.full((modules.geometry.num_layers, modules.geometry.max_heads), 0.95)
    rows = range(min(ROWS, len(refusals))), range(ROWS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lessons.gradient(factors, *rows)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    _, step = timed(lambda: lessons.gradient(factors, *rows))
    plain_step(lessons, factors)
    _, plain = timed(lambda: plain_step(lessons, factors))
    print(f"a step of {len(rows[0])} + {ROWS} rows: {step:.2f} s, plain {plain:.2f} s: {step / plain:.2f} x", flush=True)
    longest = max(map(len, (*lessons.openings.queries, *control.queries)))
    planned = gradient_bytes(ModelShape.of_modules(modules), itemsize=modules.dtype.itemsize, checkpointed=False)
    print(f"memory of a step: {peak / 2**20:.0f} MiB, by the formula {planned * longest * 2 * ROWS / 2**20:.0f} MiB", flush=True)
    found, searched = timed(lambda: gates(Sweeper(engine=engine), reader, modules, harmful, harmless, settings, passes=passes))
    print(f"whole search: {searched:.0f} s; {' '.join(str(edit.ref) for edit in found.group)}", flush=True)
    swept = sweep_time(engine, own, LogOddsDrop(own.targets), options.every) + sweep_time(
        engine, control, Divergence(), options.every
    )
    print(f"exact sweep of greedy's first step: {swept:.0f} s (every {options.every}th head ran): {swept / searched:.1f} x")


if __name__ == "__main__":
    main()
