"""What a stranger's documents must not do: take for ever, fill the memory, or fail with anything but a refusal."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headsurgery import Recipe, open_checkpoint
from headsurgery.architectures.location import locate_heads
from headsurgery.auditing.declared_base import find_base
from headsurgery.documents.front_matter import read_front_matter
from headsurgery.documents.strict_json import MAX_DEPTH, parse_object, quote
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.errors import ArchitectureError, CheckpointError, GeometryError, RecipeError
from headsurgery.filesystem.files import Directory
from headsurgery.storage.header import read_header
from headsurgery.surgery.base_files import CARD
from headsurgery.surgery.manifest import Manifest
from tests.bench import CONFIG, Bench
from tests.directories import edit_json, pack


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(root=tmp_path / "bench")


def quickly(call: Callable[[], object], seconds: float = 2.0) -> Any:
    """What it returns, in that much processor time."""
    begin = time.process_time()
    found = call()
    assert time.process_time() - begin < seconds
    return found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[" * 100_000, "within each other"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "within each other"),
        (b'{"a":[' + b"[]," * 4_000_000 + b"[]]}", "more than 4,000,000 values"),
        (b'{"a":"' + b"x" * 2**24 + b'"}', "longer than"),
        (b'{"a":"\\ud800"}', "surrogates not allowed"),
        (b'{"\\udfff\\ud800":1}', "surrogates not allowed"),
        (b'{"a":' + b"9" * 5000 + b"}", "digits"),
        (b'{"a":1,"b":2,"a":3}', "key 'a' appears twice"),
        (b"null", "expected a JSON object, found null"),
        (b"\xff", "utf-8"),
        (b"", "Expecting value"),
    ],
    ids=range(11),
)
def test_json(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quickly(lambda: parse_object(text, max_bytes=2**24))


def test_json_within_the_bounds() -> None:
    deep = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert parse_object(deep, max_bytes=1000)
    assert parse_object(b'{"a":"\\ud83e\\ude7a"}', max_bytes=99) == {"a": "🩺"}
    assert parse_object(b'{"a":1,"a":2}', max_bytes=99, lenient=True) == {"a": 2}
    assert len(quote(["x" * 10_000] * 10_000)) < 2000


def test_a_hundred_thousand_keys_of_which_the_last_stands_twice() -> None:
    keys = "".join(f'"{number}":1,' for number in range(100_000))
    with pytest.raises(RecipeError, match="key '99999' appears twice"):
        quickly(lambda: Recipe.parse(f'{{{keys}"99999":1}}'))


def test_edits_without_end() -> None:
    many = [{"layer": layer, "head": 0} for layer in range(70_000)]
    with pytest.raises(RecipeError, match="70,000 edits, expected at most 65,536"):
        quickly(lambda: Recipe.parse(json.dumps({"schema": "headsurgery.recipe/1", "edits": many})))
    bad = [{}] * 60_000
    with pytest.raises(RecipeError, match=r"edits\[0\]\.layer: Field required"):
        quickly(lambda: Recipe.parse(json.dumps({"schema": "headsurgery.recipe/1", "edits": bad})), 5)


def test_a_recipe_too_large_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "r.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(RecipeError, match="longer than 16,777,216 bytes"):
        quickly(lambda: Recipe.load(tmp_path / "r.json"))


@pytest.mark.parametrize("file", ["config.json", "headsurgery.json"])
def test_a_document_too_large_is_not_read_whole(file: str, bench: Bench) -> None:
    os.truncate(bench.root / "edited" / file, 2**40)
    with pytest.raises(CheckpointError, match=rf"{file}.*: longer than"):
        quickly(lambda: (Manifest.load(bench.root / "edited"), open_checkpoint(bench.root / "edited")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": 2**20 - 1}, "1048575 layers, expected from 1 to 2047"),
        ({"model_type": "dory", "num_hidden_layers": 1}, "0 layers, expected from 1|expected exactly one of"),
        ({"num_hidden_layers": "9" * 10_000}, "expected an integer"),
        ({"num_hidden_layers": [[[[[[[[[[1]]]]]]]]]]}, "expected an integer"),
        ({"model_type": "m" * 1000}, "which is no name"),
        ({"per_layer_config": {"0": []}, "head_dim": 7}, "shape|demands"),
        ({"quantization_config": {"quant_method": ["x"] * 99}, "head_dim": 7}, r"quantized \(unknown\)"),
    ],
    ids=range(7),
)
def test_configurations(change: dict[str, Any], message: str, bench: Bench) -> None:
    edit_json(bench.root / "base" / "config.json", **change)
    with pytest.raises((GeometryError, ArchitectureError), match=message) as caught:
        quickly(lambda: prove_anatomy(open_checkpoint(bench.root / "base")))
    assert len(str(caught.value)) < 1000


def test_text_models_within_each_other() -> None:
    """Each would triple the names that layers may have."""
    config: dict[str, Any] = {**CONFIG, "model_type": "gemma3"}
    for _ in range(20):
        config = {"model_type": "gemma3", "text_config": config}
    with pytest.raises(ArchitectureError, match="its text model is 'gemma3', which has one itself"):
        quickly(lambda: locate_heads(config, {}))


def test_a_layer_of_many_keys() -> None:
    config = {"model_type": "gemma4_text", "num_hidden_layers": 2000, "layer_types": ["full_attention"] * 2000}
    config |= {f"key {number}": number for number in range(50_000)}
    with pytest.raises(GeometryError):
        quickly(lambda: locate_heads(config, {}))


def test_metadata_of_a_header_are_texts(tmp_path: Path) -> None:
    for metadata in (5, ["x"], {"a": 1}, {"a": {"b": "c"}}):
        (tmp_path / "x.safetensors").write_bytes(pack({"__metadata__": metadata}))
        with pytest.raises(CheckpointError, match="__metadata__ must map names to texts"):
            read_header(Directory(tmp_path), "x.safetensors")


def test_cards_that_are_meant_to_take_for_ever(bench: Bench) -> None:
    bomb = "a: &a [x,x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)},*{chr(97 + n)}]\n" for n in range(20))
    merges = "a: &a {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1 if n else ''},*a{n - 1 if n else ''}]}}\n" for n in range(25))
    for block in (bomb, merges, "a: " + "[" * 5000, "x: 1\n" * 100_000, "? [a]\n: 1", "? {a: 1}\n: 1"):
        assert quickly(lambda block=block: read_front_matter(f"---\n{block}\n---\ntext")).metadata == {}
    for card in ("---" + "\n" * 200_000, "---\n" * 50_000, "---\n" + "\n--- " * 50_000, "---\n---" + " " * 200_000 + "x"):
        (bench.root / "base" / CARD).write_text(card)
        assert quickly(lambda: find_base(bench.base)) is None


def test_a_card_with_windows_line_ends_names_its_base(bench: Bench) -> None:
    (bench.root / "base" / CARD).write_bytes(b"---\r\nbase_model: org/name\r\n---\r\n# x")
    assert find_base(bench.base) == "org/name"
