"""Prompt files and chat templates for `readers`: a few valid ones of each kind, what is wrong with them, and who reads them."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from typing import Any

from tests.bench import Bench
from tests.fuzzing import mutate, mutate_bytes

ROWS: list[dict[str, Any]] = [
    {"id": 1, "prompt": 'Say "hi", please', "kind": "a"},
    {"id": 2, "prompt": "two\nlines; Jürgen | 你好\t😀", "kind": None},
]
CHATS: list[dict[str, Any]] = [
    {"messages": [{"role": "system", "content": "be good"}, {"role": "user", "content": "one"}]},
    {"messages": [{"from": "human", "value": "two"}, {"from": "gpt", "value": "x"}]},
]
ALPACA: list[dict[str, Any]] = [{"instruction": "Sort these", "input": "3 1 2"}, {"instruction": "Name fruits", "input": ""}]
DOCUMENTS: tuple[Any, ...] = (
    ROWS,
    CHATS,
    ALPACA,
    ["one", "two"],
    {"version": 1, "data": ROWS},
    {"violence": ["one"], "drugs": ["two"]},
    {"prompt": ["one", "two"], "kind": [1, 2]},
    {"prompt": {"0": "one"}, "kind": {"0": "a"}},
    {"0": ROWS[0], "1": ROWS[1]},
    {"columns": ["id", "prompt"], "index": [0], "data": [[1, "one"]]},
)
TEXTS: dict[str, bytes] = {
    ".csv": b'id,prompt,kind\r\n1,"Say ""hi"", please",a\r\n2,"two\nlines; J\xc3\xbcrgen",\r\n3,plain,b\r\n',
    ".tsv": b'id\tprompt\n1\t"a, b"\n2\tc\n',
    ".txt": b"How do I bake?\n\nTwo, please\n",
    ".md": b"How do I bake?\nTwo\n",
    ".yaml": b"# mine\nprompts:\n  - prompt: How do I bake?\n    id: 1\n  - prompt: |\n      two\n      lines\n"
    b"  - {prompt: 'x # y'}\n",
    "": b"one\ntwo\n",
}
CHANGES = (
    "| upper",
    "| e",
    "| tojson",
    "[:9]",
    "[3:]",
    "| truncate(9)",
    "| length",
    "| trim",
    "| list",
    "| urlencode",
    "+ 1",
    "+ 'x'",
    "| replace('a', '')",
    ".split('i')[0]",
    "| striptags",
    "| wordwrap(8)",
    "| title",
    "* 2",
    "if loop.last",
    "if tools",
    ".x.y",
    "| join(' ')",
    "| default('')",
    "~ messages",
    "~ messages[-1].content",
    "| reverse",
    "| center(20000)",
    "| indent",
    "| int",
)
PROMPTS = ("How do I bake?", "a", 'Say "hi" <b> & \\n {{ x }}', "two\n\nlines 你好", "assistant")


def make_prompt_file(chance: random.Random) -> bytes:
    """A damaged file; its ending stands in the first line."""
    if chance.random() < 0.5:
        suffix = chance.choice(sorted(TEXTS))
        return suffix.encode() + b"\n" + mutate_bytes(TEXTS[suffix], chance)
    suffix, document = chance.choice((".json", ".jsonl", ".ndjson", ".yaml")), chance.choice(DOCUMENTS)
    if suffix in (".jsonl", ".ndjson") and isinstance(document, list):
        return suffix.encode() + b"\n" + b"\n".join(mutate(row, chance) if chance.random() < 0.3 else dump(row) for row in document)
    return suffix.encode() + b"\n" + mutate(document, chance)


def dump(document: Any) -> bytes:
    """JSON."""
    return json.dumps(document).encode()


def read_prompt_file(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A prompt file, whole or by a column."""
    from headsurgery.prompts import load_prompts

    suffix, _, content = data.partition(b"\n")
    path = bench.root / f"case{suffix.decode()}"
    path.write_bytes(content)
    prompts = load_prompts(str(path), column=chance.choice((None, None, None, "prompt", "kind", "x")))
    assert all(isinstance(text, str) and text.strip() == text != "" for text in prompts.texts)
    assert all(isinstance(note, str) and "\n" not in note for note in prompts.notes)


@cache
def tokenizer() -> Any:
    """One that gives every text back; made before the clock starts, since transformers takes its time."""
    from tests.chat_templates import build_bytes

    return build_bytes()


def make_template(chance: random.Random) -> bytes:
    """A damaged chat template."""
    from tests.chat_templates import GEMMA, IN_PARTS, IN_TEXT

    tokenizer()
    known = (*IN_TEXT.values(), *IN_PARTS.values(), GEMMA)
    template = chance.choice(known)
    if chance.random() < 0.3:
        return mutate_bytes(template.encode(), chance)
    pieces = re.split(r"({%.*?%}|{{.*?}})", template)
    at = chance.randrange(len(pieces))
    expressions = [number for number, piece in enumerate(pieces) if piece.startswith("{{")]
    if chance.random() < 0.5:
        at = chance.choice(expressions)
        pieces[at] = pieces[at].replace("}}", chance.choice(CHANGES) + " }}")
    elif chance.random() < 0.5:
        pieces[at] = chance.choice(("", pieces[at] * 2))
    else:
        pieces.insert(at, chance.choice(re.split(r"({%.*?%}|{{.*?}})", chance.choice(known))))
    return "".join(pieces).encode()


def read_template(bench: Bench, data: bytes, chance: random.Random) -> None:
    """A chat template; what isn't refused holds every message."""
    from headsurgery.prompts import PromptSet, encode, load_template

    fast, system, prefill = tokenizer(), chance.choice((None, "Be good.")), chance.choice((None, "Sure, here"))
    fast.chat_template = data.decode(errors="replace")
    kept, ids = encode(
        PromptSet.from_texts(PROMPTS), load_template("chat", fast), fast, max_tokens=100_000, system=system, prefill=prefill
    )
    for prompt, row in zip(kept.texts, ids, strict=True):
        text = fast.decode(row)
        assert prompt in text
        assert (system or "") in text
        assert text.rstrip().endswith(prefill or "")
