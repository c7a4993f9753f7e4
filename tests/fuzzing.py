"""Strangers' files, made by the thousand: a tiny checkpoint, what can be wrong with its documents, and who reads them.

Every reader must end with a result or a HeadSurgeryError, soon, in little memory, and without a write beside its output. The
default suite runs a few (test_fuzz.py), `benchmarks/fuzz.py` tens of thousands. Nothing here needs torch.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.directories import pack

Document = Any
"""What JSON can hold, and `Raw`."""


class Raw(str):
    """JSON text as it stands, valid or not."""


NASTY: tuple[Document, ...] = (
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    3,
    5,
    8,
    64,
    2047,
    2048,
    2**20,
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    0.5,
    2.0,
    -0.0,
    1e-320,
    1e308,
    -1.5,
    1e39,
    65536.0,
    Raw("NaN"),
    Raw("-Infinity"),
    Raw("1e999"),
    Raw("9" * 5000),
    Raw("1" * 4200),
    Raw("-0"),
    Raw("01"),
    Raw("'x'"),
    Raw("{"),
    Raw(""),
    Raw('"\\ud800"'),
    Raw('"\\udc00\\ud800"'),
    Raw('"\\u0000"'),
    Raw('"a\\q"'),
    Raw("[" * 20 + "]" * 20),
    Raw("[" * 60 + "]" * 60),
    Raw("[" * 900 + "]" * 900),
    Raw("[" * 100_000),
    Raw('{"a":' * 500 + "1" + "}" * 500),
    Raw('{"a":1,"a":2}'),
    "",
    " ",
    "x",
    "../x",
    "/etc/passwd",
    "a/../b",
    "a\\b",
    "..\\x",
    "C:x",
    "C:\\x",
    "\x00",
    "\x1b[31m",
    "[/b]",
    "ü🩺",
    "x" * 300,
    "y" * 10_000,
    ".",
    "..",
    "./x",
    "a//b",
    "a/",
    "headsurgery.json",
    "recipe.json/x",
    "model.safetensors",
    "config.json",
    "~",
    "-",
    "F32",
    "BF16",
    "F64",
    "I64",
    "F4",
    "BOOL",
    "llama",
    "gemma3",
    "gpt2",
    "mamba",
    "deepseek_v3",
    "zamba",
    "full_attention",
    [],
    {},
    [0],
    [[]],
    [None] * 3,
    [1, 2],
    [0, 2**62],
    [2**62] * 60,
    [-1, 1],
    [1.0],
    ["x"],
    {"": {}},
    {"a": 1},
    {"0": {"head_dim": 4}},
    {"1": 7, "x": 1},
    list(range(500)),
    ["full_attention", "sliding_attention"],
    {"model_type": "gemma3", "text_config": {}},
)
"""Values that somebody may have forgotten."""

FRAGMENTS = (
    b"[",
    b"]",
    b"{}",
    b'"',
    b"-",
    b"9",
    b"e9",
    b"null",
    b"true",
    b"\xff",
    b"\0",
    b",",
    b"NaN",
    b'"dtype":',
    b"[[]]",
    b":",
    b"\\u",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"/*",
    b"99999999999999999999",
    b"..",
    b"/",
    b"\\ud83d",
    b"\n",
    b"\xf0\x9f\xa9\xba",
)


def dump(document: Document) -> bytes:
    """JSON text; `Raw` as it stands."""
    if isinstance(document, Raw):
        return document.encode()
    if isinstance(document, dict):
        return b"{" + b",".join(json.dumps(str(key)).encode() + b":" + dump(value) for key, value in document.items()) + b"}"
    if isinstance(document, list):
        return b"[" + b",".join(map(dump, document)) + b"]"
    return json.dumps(document).encode()


def places(document: Document) -> list[tuple[Any, Any]]:
    """(container, key) of every value within."""
    found: list[tuple[Any, Any]] = []
    todo = [document]
    while todo:
        outer = todo.pop()
        inner = list(outer.items()) if isinstance(outer, dict) else list(enumerate(outer)) if isinstance(outer, list) else []
        found += [(outer, key) for key, _ in inner]
        todo += [value for _, value in inner]
    return found


def mutate_document(document: Document, chance: random.Random) -> bytes:
    """One to three things wrong with a document, as JSON text."""
    document = json.loads(json.dumps(document))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        found = places(document)
        if not found:
            return dump(chance.choice(NASTY))
        nasty = deepcopy(chance.choice(NASTY))
        outer, key = chance.choice(found)
        other, twin = chance.choice(found)
        value = outer[key]
        kind = chance.randrange(9)
        if kind <= 2:
            outer[key] = nasty
        elif kind == 3:
            del outer[key]
        elif kind == 4:
            outer[key] = deepcopy(other[twin])
        elif kind == 5 and isinstance(value, int | float):
            outer[key] = value + chance.choice((-1, 1, 4, -4, 0.5))
        elif kind == 6 and isinstance(outer, dict):
            outer[key] = Raw(dump(value).decode() + "," + json.dumps(str(key)) + ":" + dump(nasty).decode())
        elif kind == 7 and isinstance(outer, dict):
            outer[chance.choice(("x", "", "\n", "__metadata__", str(key).upper(), f"{key}.bias", "text_config"))] = deepcopy(value)
        elif isinstance(outer, list):
            outer += [deepcopy(value) for _ in range(chance.choice((1, 2, 100)))]
        elif isinstance(value, str):
            at = chance.randrange(len(value) + 1)
            outer[key] = value[:at] + chance.choice(("", "x", "..", "/", "\\", "\x00", "🩺", "1")) + value[at + 1 :]
    return dump(document)


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, deleted, put in or repeated."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        cut = chance.choice((0, 0, 1, 1, 2, 3, 30))
        start = chance.randrange(len(changed) + 1)
        piece = chance.choice((*FRAGMENTS, bytes([chance.randrange(256)]), bytes(changed[start : start + chance.randint(1, 40)])))
        changed[at : at + cut] = piece
    return bytes(changed[: chance.randrange(len(changed) + 1)]) if chance.random() < 0.05 else bytes(changed)


def mutate(document: Document, chance: random.Random) -> bytes:
    """Either, of a document's text."""
    if chance.random() < 0.75:
        return mutate_document(document, chance)
    return mutate_bytes(dump(document), chance)


def mutate_file(file: bytes, chance: random.Random) -> bytes:
    """A safetensors file with something wrong in header, length or data."""
    length = int.from_bytes(file[:8], "little")
    header, data = file[8 : 8 + length], file[8 + length :]
    kind = chance.randrange(10)
    if kind == 0:
        return mutate_bytes(file, chance)
    if kind == 1:
        number = chance.choice((0, 1, length - 1, length + 1, len(file) - 8, 2**31, 2**63, 2**64 - 1))
        return number.to_bytes(8, "little") + file[8:]
    if kind <= 3:
        return mutate_values(file, chance)
    return pack(mutate(json.loads(header), chance), data if chance.random() < 0.9 else mutate_bytes(data, chance))


def mutate_gguf(file: bytes, chance: random.Random) -> bytes:
    """A GGUF file with something wrong in its header, in numbers of its header, or in its blocks."""
    end = file.index(b"attn_norm.weight") + 600
    header, data = file[:end], file[end:]
    kind = chance.randrange(10)
    if kind == 0:
        return mutate_bytes(file, chance)
    if kind <= 2:
        return mutate_bytes(header, chance) + data
    changed = bytearray(file)
    for _ in range(chance.choice((1, 1, 2, 4))):
        number = chance.choice(
            (0, 1, 2, 3, 5, 8, 31, 32, 255, 256, 2**16, 2**31, 2**32 - 1, 2**63, 2**64 - 1, chance.randrange(2**20))
        )
        at = chance.randrange(len(file) if kind == 3 else end)
        piece = number.to_bytes(8, "little")[: chance.choice((1, 4, 8))]
        changed[at : at + len(piece)] = piece
    return bytes(changed)


def mutate_values(file: bytes, chance: random.Random) -> bytes:
    """A safetensors file of floats with other values: inf, nan, huge, tiny, zero, or any, in places or in a stretch of it."""
    start = 8 + int.from_bytes(file[:8], "little")
    item = 2 if b'"F16"' in file[:start] else 8 if b'"F64"' in file[:start] else 4
    exponent = {2: (0x7C, 0x00), 4: (0x7F, 0x80), 8: (0x7F, 0xF0)}[item]
    inf = bytes(item - 2) + bytes(reversed(exponent))
    special = (
        inf,
        inf[:-1] + b"\xff",
        b"\1" + inf[1:],
        b"\xff" * (item - 2) + bytes((exponent[1] - 1 & 0xFF, 0x7F - (item == 2) * 4)),
    )
    special += (b"\1" + bytes(item - 1), bytes(item), b"\xff" * item, chance.randbytes(item))
    values = bytearray(file[start:])
    count = len(values) // item
    for _ in range(chance.choice((1, 3, 50))):
        at = item * chance.randrange(count)
        repeat = chance.choice((1, 1, 24, 144, 576))
        values[at : at + item * repeat] = (chance.choice(special) * repeat)[: len(values) - at]
    return file[:start] + bytes(values)


def run(read: Callable[[], object]) -> str:
    """`read`, or the class of our error; anything else is raised."""
    from headsurgery.errors import HeadSurgeryError

    try:
        read()
    except HeadSurgeryError as error:
        str(error).encode()
        return type(error).__name__
    return "read"
