"""The greedy search of `refusal` with lazy evaluation, beside the search that scores every head in every step.

    python benchmarks/greedy.py demo --work FOLDER                          the demo's model
    python benchmarks/greedy.py PLANT --harmful FILE --work FOLDER          a plant of benchmarks/plants.py, made there if need be

Both searches run in one process on one model in float32, with look-back, the lazy one first. Printed are evaluations (head, query)
of the sweeps, processor time as a whole and without the answers, and whether both chose the same group.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plants import NUM_KEPT, PLANTS, harmless_lines, in_template, load_plant, split_harmful

from headsurgery.attribution.lazy import Laziness, say_lazy
from headsurgery.attribution.refusal import refusal
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.demo.fetch import fetch_aligned_model
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import States
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Block, Measured, SweepTask
from headsurgery.heads import HeadRef
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.prompts import encode, load_prompts, load_template
from headsurgery.recipe import HeadEdit

CONTRAST = 10.0


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search found, and what it took.

    Args:
        group: The chosen heads.
        pairs: (head, query) pairs that the model ran.
        seconds: Processor time.
        answering: Of these, for answers.
    """

    group: tuple[HeadRef, ...]
    pairs: int
    seconds: float
    answering: float


class Counted(LocalEngine):
    """A local engine that counts what it evaluates and times its answers."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        self.pairs, self.rounds, self.answering = 0, 0, 0.0

    def run(self, task: SweepTask, blocks: Sequence[Block], on_pairs: Callable[[int], None] | None = None) -> Iterator[Measured]:
        """See `LocalEngine.run`."""
        for measured in super().run(task, blocks, on_pairs):
            self.pairs += measured.block.num_pairs
            yield measured

    def complete(self, questions: Sequence[Sequence[int]], *, tokens: int, edits: Sequence[HeadEdit] = ()) -> list[list[int]]:
        """See `LocalEngine.complete`."""
        started = time.process_time()
        answers = super().complete(questions, tokens=tokens, edits=edits)
        self.answering += time.process_time() - started
        self.rounds += 1
        return answers


def search(
    loaded: LoadedModel,
    harmful: list[list[int]],
    harmless: list[list[int]] | None,
    lazy: Laziness | None,
    *,
    steps: int,
    tokens: int,
) -> Search:
    """One search, and what it took."""
    engine = Counted(loaded)
    engine.shortcuts(_any_task(engine, harmful))  # the probe of the model is no part of either
    started = time.process_time()
    table, notes = refusal(
        Sweeper(engine=engine),
        AnswerReader(tokenizer=loaded.tokenizer),
        harmful,
        harmless,
        operation="scale",
        factor=0.0,
        group_size=steps,
        contrast=None if harmless is None else CONTRAST,
        answer_tokens=tokens,
        lazy=lazy,
    )
    found = Search(
        group=tuple(HeadRef(score.layer, score.head) for score in table.chosen),
        pairs=engine.pairs,
        seconds=time.process_time() - started,
        answering=engine.answering,
    )
    print("every head:" if lazy is None else "lazy:", *found.group, "-", "; ".join(notes))
    print(
        f"  {found.pairs} evaluations, {found.seconds:.1f} s; {found.answering:.1f} s of it for {engine.rounds} rounds of answers"
    )
    if table.lazy is not None:
        print(f"  {say_lazy(table.lazy, 'nats')}")
    return found


def _any_task(engine: LocalEngine, harmful: list[list[int]]) -> SweepTask:
    heads = tuple(engine.facts.geometry.heads())
    return SweepTask(queries=tuple(map(tuple, harmful)), heads=heads, operation="scale", factor=0.0, measure=States())


def load(name: str, options: Any) -> tuple[LoadedModel, list[list[int]], list[list[int]]]:
    """A model that refuses, harmful prompts and harmless ones."""
    if name == "demo":
        loaded = load_model(fetch_aligned_model(print).path, dtype="float32")
        template = load_template(None, loaded.tokenizer)
        harmful, harmless = (
            encode(load_prompts(f"builtin:{kind}"), template, loaded.tokenizer, max_tokens=512)[1][::every]
            for kind, every in (("decline", 5), ("harmless", 2))  # as the demo takes them
        )
        return loaded, harmful[: options.prompts], harmless[: options.control]
    spec = next(plant for plant in PLANTS if plant.name == name)
    loaded = load_plant(spec, options.harmful, options.work, dtype="float32")
    held_out = split_harmful(options.harmful)[1]
    harmful, harmless = (
        in_template(loaded, texts) for texts in (held_out[:: max(1, len(held_out) // 20)], harmless_lines()[:NUM_KEPT])
    )
    return loaded, harmful[: options.prompts], harmless[: options.control]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plant", choices=["demo", *(plant.name for plant in PLANTS)])
    parser.add_argument("--harmful", type=Path, help="harmful questions, column `prompt`")
    parser.add_argument("--work", type=Path, help="adapters")
    parser.add_argument("--prompts", type=int, default=12, help="harmful prompts")
    parser.add_argument("--control", type=int, default=12, help="harmless prompts; 0: no control")
    parser.add_argument("--steps", type=int, default=5, help="heads that are added at most")
    parser.add_argument("--answer-tokens", type=int, default=24, help="new tokens among which a refusal is looked for")
    options = parser.parse_args()
    loaded, harmful, harmless = load(options.plant, options)
    lazy, every = (
        search(loaded, harmful, harmless or None, kind, steps=options.steps, tokens=options.answer_tokens)
        for kind in (Laziness(), None)
    )
    print(
        f"{every.pairs / lazy.pairs:.2f} x fewer evaluations, {every.seconds / lazy.seconds:.2f} x less time, without the answers "
        f"{(every.seconds - every.answering) / (lazy.seconds - lazy.answering):.2f} x; "
        f"{'the same group' if every.group == lazy.group else 'ANOTHER GROUP'}"
    )


if __name__ == "__main__":
    main()
