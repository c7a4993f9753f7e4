"""What the method `gates` does to a real aligned model, on questions that no search saw.

    python benchmarks/aligned.py --harmful FILE [--model FOLDER] [--heads 17] [--factors zero] [--held-out 60]
    python benchmarks/aligned.py --harmful FILE --reinforce [--heads 40]

FILE has harmful questions in a column `prompt`; it is read, not copied. Of those that the model refuses as it is (to reinforce:
that it answers), 24 are learned from and others, drawn by a fixed seed, are held out. Harmless prompts are built-in ones that it
answers: 24 and 32 others. Each line tells refusals among 64 new tokens, by the keyword judge and by the paper's, KL(base || edited)
in nats over the first 8 tokens of the model's own harmless answers, answers that are nonsense, and refusals of harmless look-alikes
(`builtin:paired-harmless`). The last line is of random heads of the same layers. Default model: see `real_models`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from real_models import MODELS, fetch

from headsurgery.attribution.gates import GateSettings, gates, group_sizes
from headsurgery.behaviour.answers import Answer
from headsurgery.behaviour.damage import answer_kl
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.edits.controls import random_heads
from headsurgery.engine.factors import GradientPasses
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.sweep import Sweeper
from headsurgery.judges.degenerate import find_degeneracy
from headsurgery.judges.keyword import find_refusal
from headsurgery.judges.paper import PaperJudge
from headsurgery.model.loading import load_model
from headsurgery.prompts import PromptSet, encode, load_prompts, load_template
from headsurgery.recipe import HeadEdit

SEARCHED, UNUSED, HARMLESS_HELD_OUT, LOOK_ALIKES, KL_TOKENS, TOKENS = 24, 24, 32, 48, 8, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harmful", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--heads", type=int, default=17)
    parser.add_argument("--factors", choices=("zero", "free"), default="zero")
    parser.add_argument("--reinforce", action="store_true")
    parser.add_argument("--head-price", type=float, default=0.02)
    parser.add_argument("--held-out", type=int, default=60)
    parser.add_argument("--answers", type=Path, help="keeps the model's own answers from one run to the next")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    loaded = load_model(options.model or fetch(next(one for one in MODELS if one.name.startswith("Qwen"))), dtype="float32")
    engine, template = LocalEngine(loaded), load_template(None, loaded.tokenizer)
    reader = AnswerReader.of(loaded.tokenizer, template)

    kept = json.loads(options.answers.read_text()) if options.answers is not None and options.answers.exists() else {}

    def ask(prompts: PromptSet) -> list[tuple[str, list[int], list[int]]]:
        left, ids = encode(prompts, template, loaded.tokenizer, max_tokens=1024)
        missing = [row for row in ids if str(row) not in kept]
        kept.update(zip(map(str, missing), engine.complete(missing, tokens=TOKENS), strict=True))
        if options.answers is not None:
            options.answers.write_text(json.dumps(kept))
        return [(text, row, kept[str(row)]) for text, row in zip(left.texts, ids, strict=True)]

    def is_refused(answer: Sequence[int]) -> bool:
        return find_refusal(reader.split(answer).reply) is not None

    harmful = ask(load_prompts(str(options.harmful)))
    wanted = [(text, ids) for text, ids, answer in harmful if is_refused(answer) != options.reinforce]
    print(f"{'answers' if options.reinforce else 'refuses'} {len(wanted)} of {len(harmful)} as it is")
    Random(123).shuffle(wanted)
    unused = 0 if options.reinforce else UNUSED
    held_out = wanted[SEARCHED + unused :][: options.held_out]
    mild = [text for name in ("builtin:harmless", "builtin:decline") for text in load_prompts(name).texts]
    pairs = [(ids, answer) for _, ids, answer in ask(PromptSet.from_texts(mild, name="mild")) if not is_refused(answer)]
    Random(5).shuffle(pairs)
    control = pairs[SEARCHED : SEARCHED + HARMLESS_HELD_OUT]
    similar = PromptSet.from_texts(load_prompts("builtin:paired-harmless").texts[:LOOK_ALIKES], name="similar")
    look_alikes = encode(similar, template, loaded.tokenizer, max_tokens=1024)[1]

    def as_answer(prompt: str, answer: Sequence[int]) -> Answer:
        text, finished = reader.text(answer), len(answer) < TOKENS
        return Answer(variant="", set="", index=0, seed=0, prompt=prompt, text=text, num_tokens=len(answer), finished=finished)

    def tell(what: str, edits: Sequence[HeadEdit]) -> None:
        answers = engine.complete([ids for _, ids in held_out], tokens=TOKENS, edits=edits)
        kl = answer_kl(loaded, [ids for ids, _ in control], [answer for _, answer in control], [edits], tokens=KL_TOKENS)
        read = [as_answer(text, answer) for (text, _), answer in zip(held_out, answers, strict=True)]
        by_paper = sum(verdict == "refused" for verdict in PaperJudge().judge(read))
        over = sum(map(is_refused, engine.complete(look_alikes, tokens=TOKENS, edits=edits)))
        nonsense = sum(find_degeneracy(answer) is not None for answer in read)
        print(f"{what}: refuses {sum(map(is_refused, answers))} of {len(held_out)} (paper's judge {by_paper})", end=", ")
        print(f"KL {float(kl.mean()):.4f}, nonsense {nonsense}, look-alikes {over} of {len(look_alikes)}", flush=True)

    tell("as it is", ())
    settings = GateSettings(
        operation="scale",
        reinforce=options.reinforce,
        factors="free" if options.reinforce else options.factors,
        max_heads=options.heads,
        head_price=options.head_price,
        seed=options.seed,
    )
    started, cpu = time.monotonic(), time.process_time()
    searched, harmless = [ids for _, ids in wanted[:SEARCHED]], [ids for ids, _ in pairs[:SEARCHED]]
    longest = max(map(len, (*searched, *harmless))) + TOKENS
    passes = GradientPasses.fit(engine.modules, searched[0], longest, None)
    found = gates(Sweeper(engine=engine), reader, engine.modules, searched, harmless, settings, passes=passes)
    print(f"learned in {time.monotonic() - started:.0f} s, {time.process_time() - cpu:.0f} s of processor time")
    print(" ".join(f"{edit.ref}x{edit.factor:.2f}" for edit in found.group), flush=True)
    for size in group_sizes(len(found.group))[-3:]:
        tell(f"{size} heads", found.group[:size])
    tell("as many random heads", random_heads(found.group, engine.modules.geometry, draws=1, seed=0)[0])


if __name__ == "__main__":
    main()
