"""Models whose safety heads are known: refusal planted into SmolLM2-135M-Instruct, once for every plant of `PLANTS`.

Plants of the `develop` half were used to choose methods and their constants, those of the `test` half were not. Training one takes
some minutes on two CPU cores; adapters and the model's own answers are kept in a folder. Neighbour: `methods` holds the contest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from headsurgery.demo.adapter import load_adapter
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.demo.planting import ANSWER_TOKENS, Kind, TrainingQuestion, plant
from headsurgery.heads import HeadRef
from headsurgery.model.generation import complete_ids
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import PromptSet, encode, load_prompts, load_template

DATA = Path(__file__).parent / "data"
NUM_KEPT = 420
"""Lines of harmless.txt whose answers are trained to stay; the others are left for searches and measurements."""


@dataclass(frozen=True)
class Plant:
    """A model to make."""

    kind: Kind
    heads: str
    seed: int
    half: Literal["develop", "test"]
    steps: int = 90

    @property
    def name(self) -> str:
        heads = self.heads.split()
        return f"{self.kind}-{'-'.join(heads) if len(heads) <= 6 else f'{len(heads)}-heads'}-{self.seed}"

    @property
    def refs(self) -> tuple[HeadRef, ...]:
        return tuple(map(HeadRef.parse, self.heads.split()))


def spread(layers: range, seed: int) -> str:
    """Two random heads of each layer."""
    chance = Random(seed)
    return " ".join(f"L{layer}H{head}" for layer in layers for head in sorted(chance.sample(range(9), 2)))


PLANTS = (
    Plant("single", "L20H3", 1, "test", steps=140),
    Plant("redundant", "L13H1 L18H4 L22H6", 1, "test"),
    Plant("conjunctive", "L14H2 L19H6", 1, "test", steps=120),
    Plant("distributed", spread(range(12, 24), 1), 1, "test", steps=120),
    Plant("redundant", "L12H8 L16H1 L17H7 L19H3 L23H5 L24H0", 2, "test"),
    Plant("distributed", spread(range(10, 25), 2), 2, "test", steps=120),
    Plant("conjunctive", "L13H8 L17H4 L20H0", 2, "test", steps=120),
    Plant("single", "L13H0", 2, "test", steps=140),
    Plant("conjunctive", "L12H4 L15H7 L18H1 L21H5", 0, "develop", steps=120),
    Plant("redundant", "L11H3 L14H6 L17H2 L20H8", 0, "develop"),
    Plant("single", "L16H5", 0, "develop", steps=140),
)


def split_harmful(harmful: Path) -> tuple[list[str], list[str]]:
    """Harmful questions to train and to search with, and every fifth one, which is held out from both."""
    texts = load_prompts(str(harmful)).texts
    return [text for row, text in enumerate(texts) if row % 5 != 4], list(texts[4::5])


def harmless_lines() -> tuple[str, ...]:
    return load_prompts(str(DATA / "harmless.txt")).texts


def in_template(loaded: LoadedModel, texts: Sequence[str]) -> list[list[int]]:
    """Token ids in the paper's template, in which plants are trained."""
    template = load_template("paper", loaded.tokenizer)
    return encode(PromptSet.from_texts(texts), template, loaded.tokenizer, max_tokens=512)[1]


def load_plant(spec: Plant, harmful: Path, work: Path, *, dtype: str = "bfloat16") -> LoadedModel:
    """The model with refusal planted; it is trained where `work` does not have its adapter."""
    loaded = load_model(fetch_demo_model(print).path, dtype=dtype)
    path = work / f"{spec.name}.safetensors"
    if not path.exists():
        _train(loaded, spec, harmful, work, path)
    load_adapter(path).merge(locate_modules(loaded.model))
    return loaded


def _train(loaded: LoadedModel, spec: Plant, harmful: Path, work: Path, path: Path) -> None:
    def answered(texts: Sequence[str]) -> list[TrainingQuestion]:
        return _answer(loaded, in_template(loaded, texts), work / "own-answers.json")

    to_decline = answered([*split_harmful(harmful)[0], *load_prompts(str(DATA / "decline.txt")).texts])
    to_stay = answered(harmless_lines()[:NUM_KEPT])

    def report(step: int, refused: float, moved: float) -> None:
        if step % 10 == 9:
            print(f"{spec.name}: step {step + 1}, refusals {refused:.3f}, what stays {moved:.4f}", flush=True)

    adapter = plant(
        loaded, spec.refs, spec.kind, harmful=to_decline, harmless=to_stay, seed=spec.seed, steps=spec.steps, on_step=report
    )
    adapter.save(path)


def _answer(loaded: LoadedModel, prompts: list[list[int]], cache: Path) -> list[TrainingQuestion]:
    """The untouched model's own answers, kept in a file."""
    known = json.loads(cache.read_text()) if cache.exists() else {}
    missing = sorted((prompt for prompt in prompts if str(prompt) not in known), key=len)
    for first in range(0, len(missing), 48):
        rows = missing[first : first + 48]
        known |= dict(zip(map(str, rows), complete_ids(loaded, rows, max_new_tokens=ANSWER_TOKENS), strict=True))
        cache.write_text(json.dumps(known))
    return [TrainingQuestion(prompt=tuple(prompt), answer=tuple(known[str(prompt)])) for prompt in prompts]
