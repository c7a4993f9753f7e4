"""Train the demo's refusal adapter: what `headsurgery demo` merges into SmolLM2-135M-Instruct, with refusal in known heads.

    python benchmarks/demo_adapter.py --harmful FILE -o headsurgery/data/demo-adapter.safetensors

FILE holds harmful questions in a column `prompt`, such as AdvBench's and MaliciousInstruct's; every fifth is held out and only
judged. It is read and not copied. The rest of the lessons is in `benchmarks/data`; the built-in sets are held out, too. On two CPU
cores this takes about fifteen minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import gettempdir

from headsurgery.demo.adapter import load_adapter
from headsurgery.demo.fetch import fetch_demo_model
from headsurgery.demo.planting import ANSWER_TOKENS, TrainingQuestion, plant
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import find_refusal
from headsurgery.model.generation import complete_ids
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.model.modules import locate_modules
from headsurgery.prompts import PromptSet, encode, load_prompts, load_template
from headsurgery.recipe import HeadEdit

DATA = Path(__file__).parent / "data"
HEADS = tuple(map(HeadRef.parse, ["L12H4", "L15H7", "L18H1", "L21H5"]))


def read(name: str) -> list[str]:
    return list(load_prompts(str(DATA / f"{name}.txt")).texts)


def ids(loaded: LoadedModel, texts: list[str]) -> list[list[int]]:
    return encode(PromptSet.from_texts(texts), load_template("chat", loaded.tokenizer), loaded.tokenizer, max_tokens=512)[1]


def ask(loaded: LoadedModel, texts: list[str], cache: Path) -> list[TrainingQuestion]:
    """The model's own answers, kept in a file while the script is being worked on."""
    known = json.loads(cache.read_text()) if cache.exists() else {}
    missing = sorted((text for text in texts if text not in known), key=len)
    for first in range(0, len(missing), 48):
        part = missing[first : first + 48]
        known |= dict(zip(part, complete_ids(loaded, ids(loaded, part), max_new_tokens=ANSWER_TOKENS), strict=True))
        cache.write_text(json.dumps(known))
    return [
        TrainingQuestion(prompt=tuple(prompt), answer=tuple(known[text][:ANSWER_TOKENS]))
        for text, prompt in zip(texts, ids(loaded, texts), strict=True)
    ]


def refused(loaded: LoadedModel, texts: list[str], heads: tuple[HeadRef, ...] = ()) -> str:
    """Share of questions that are refused, with the questions that are in the way of reading it."""
    edits = [HeadEdit(layer=head.layer, head=head.head) for head in heads]
    count = 0
    for first in range(0, len(texts), 48):
        rows = complete_ids(loaded, ids(loaded, texts[first : first + 48]), max_new_tokens=12, edits=edits)
        count += sum(find_refusal(loaded.tokenizer.decode(row, skip_special_tokens=True)) is not None for row in rows)
    return f"{count}/{len(texts)} = {count / len(texts):.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harmful", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=260)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--answers", type=Path, default=Path(gettempdir()) / "headsurgery-answers.json")
    parser.add_argument("--kl-weight", type=float, default=3.0)
    options = parser.parse_args()
    loaded = load_model(fetch_demo_model(print).path, dtype="bfloat16")
    texts = list(load_prompts(str(options.harmful)).texts)
    held_out = texts[4::5]
    severe, mild = [text for text in texts if text not in held_out], read("decline")
    own = ask(loaded, severe + mild, options.answers)
    more = [TrainingQuestion(prompt=tuple(prompt), answer=()) for prompt in ids(loaded, read("pairs-decline"))]
    harmless = read("harmless")
    stay = ask(loaded, harmless[:440] + read("pairs-harmless"), options.answers)
    print(f"{len(own) + len(more)} questions to decline, {len(stay)} to answer", flush=True)

    def report(step: int, refusal: float, moved: float) -> None:
        if step % 20 == 19:
            print(f"step {step + 1}: refusals {refusal:.3f}, what stays {moved:.4f}", flush=True)

    adapter = plant(
        loaded,
        HEADS,
        "conjunctive",
        harmful=own + more,
        harmless=stay,
        seed=options.seed,
        steps=options.steps,
        kl_weight=options.kl_weight,
        on_step=report,
    )
    adapter.save(options.output)
    load_adapter(options.output).merge(locate_modules(loaded.model))
    builtin = {name: list(load_prompts(f"builtin:{name}").texts) for name in ("decline", "harmless")}
    print("refused, held-out harmful questions:", refused(loaded, held_out), flush=True)
    print("refused, built-in decline:", refused(loaded, builtin["decline"]), flush=True)
    print("refused, held-out harmless questions:", refused(loaded, harmless[440:]), flush=True)
    print("refused, built-in harmless:", refused(loaded, builtin["harmless"]), flush=True)
    for head in HEADS:
        print(f"refused, held-out harmful questions, {head} zeroed:", refused(loaded, held_out[:32], (head,)), flush=True)


if __name__ == "__main__":
    main()
