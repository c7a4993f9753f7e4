"""What the method `gates` does to a real aligned model, on questions that no search saw.

    python benchmarks/aligned.py --harmful FILE [--model FOLDER] [--heads 17] [--factors zero] [--held-out 60]

FILE has harmful questions in a column `prompt`; it is read and not copied. Of those that the model refuses as it is, 24 are learned
from and others, drawn by a fixed seed, are held out. Harmless prompts are the built-in ones that it answers: 24 and 32 others. Each
line tells refusals among 64 new tokens, KL(base || edited) in nats over the first 8 tokens of the model's own harmless answers, and
answers that are nonsense; the last one is of random heads of the same layers. Default model: see `real_models`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from real_models import MODELS, fetch

from headsurgery.attribution.gates import GateSettings, gates
from headsurgery.behaviour.answers import Answer
from headsurgery.behaviour.damage import answer_kl
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.edits.controls import random_heads
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.judges.degenerate import find_degeneracy
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.loading import load_model
from headsurgery.prompts import PromptSet, encode, load_prompts, load_template
from headsurgery.recipe import HeadEdit

SEARCHED, UNUSED, HARMLESS_HELD_OUT, KL_TOKENS, TOKENS = 24, 24, 32, 8, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harmful", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--heads", type=int, default=17)
    parser.add_argument("--factors", choices=("zero", "free"), default="zero")
    parser.add_argument("--head-price", type=float, default=0.02)
    parser.add_argument("--held-out", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    loaded = load_model(options.model or fetch(next(one for one in MODELS if one.name.startswith("Qwen"))), dtype="float32")
    engine, template = LocalEngine(loaded), load_template(None, loaded.tokenizer)
    reader = AnswerReader.of(loaded.tokenizer, template)

    def ask(prompts: PromptSet) -> list[tuple[str, list[int], list[int]]]:
        left, ids = encode(prompts, template, loaded.tokenizer, max_tokens=1024)
        return list(zip(left.texts, ids, engine.complete(ids, tokens=TOKENS), strict=True))

    def is_refused(answer: Sequence[int]) -> bool:
        return find_refusal(reader.split(answer).reply) is not None

    harmful = ask(load_prompts(str(options.harmful)))
    refused = [(text, ids) for text, ids, answer in harmful if is_refused(answer)]
    print(f"refuses {len(refused)} of {len(harmful)} as it is")
    Random(123).shuffle(refused)
    held_out = refused[SEARCHED + UNUSED :][: options.held_out]
    mild = [text for name in ("builtin:harmless", "builtin:decline") for text in load_prompts(name).texts]
    pairs = [(ids, answer) for _, ids, answer in ask(PromptSet.from_texts(mild, name="mild")) if not is_refused(answer)]
    Random(5).shuffle(pairs)
    control = pairs[SEARCHED : SEARCHED + HARMLESS_HELD_OUT]

    def is_nonsense(prompt: str, answer: Sequence[int]) -> bool:
        text, finished = reader.text(answer), len(answer) < TOKENS
        read = Answer(variant="", set="", index=0, seed=0, prompt=prompt, text=text, num_tokens=len(answer), finished=finished)
        return find_degeneracy(read) is not None

    def tell(what: str, edits: Sequence[HeadEdit]) -> None:
        found = engine.complete([ids for _, ids in held_out], tokens=TOKENS, edits=edits)
        kl = answer_kl(loaded, [ids for ids, _ in control], [answer for _, answer in control], [edits], tokens=KL_TOKENS)
        nonsense = sum(is_nonsense(text, answer) for (text, _), answer in zip(held_out, found, strict=True))
        left = sum(map(is_refused, found))
        print(f"{what}: refuses {left} of {len(held_out)}, KL {float(kl.mean()):.4f}, nonsense {nonsense}", flush=True)

    settings = GateSettings(
        operation="scale",
        reinforce=False,
        factors=options.factors,
        max_heads=options.heads,
        head_price=options.head_price,
        seed=options.seed,
    )
    started = time.monotonic()
    searched = [ids for ids, _ in pairs[:SEARCHED]]
    found = gates(Sweeper(engine=engine), reader, engine.modules, [ids for _, ids in refused[:SEARCHED]], searched, settings)
    print(f"learned in {time.monotonic() - started:.0f} s: {' '.join(str(edit.ref) for edit in found.group)}")
    for size, _ in found.path[-3:]:
        tell(f"{size} heads", found.group[:size])
    tell("as many random heads", random_heads(found.group, engine.modules.geometry, draws=1, seed=0)[0])


if __name__ == "__main__":
    main()
