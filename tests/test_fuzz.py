"""Strangers' files: a few hundred of them, and those that were once not refused. `benchmarks/fuzz.py` reads tens of thousands."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from headsurgery.architectures.table import TABLE
from headsurgery.storage.safetensors import WEIGHTS
from tests import strange_models
from tests.bench import CARD_TEXT, CONFIG, EDITS, GGUF, Bench
from tests.chat_templates import LLAMA
from tests.directories import pack
from tests.exhaustive import all_but
from tests.fuzzing import places, run
from tests.readers import EARLIER, READERS, SCORES, prepare, row_config, todo_list
from tests.strange_models import ModelBench
from tests.strange_prompts import TEXTS

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*range(8), "F32", "../x", "llama"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
few = settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(root=tmp_path_factory.mktemp("fuzz") / "bench")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_was_once_not_refused(path: Path, bench: Bench) -> None:
    kind = path.name.partition("-")[0]
    run(lambda: READERS[kind](bench, path.read_bytes(), random.Random(0)))


@pytest.mark.parametrize("kind", READERS)
def test_damaged_files_are_read_or_refused(kind: str, bench: Bench) -> None:
    damage(kind, bench, 8)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", READERS)
def test_of_many_damaged_files_some_are_read_and_some_refused(kind: str, bench: Bench) -> None:
    outcomes = damage(kind, bench, 60)
    assert "read" in outcomes, "damage must not always be fatal, or deep code is never reached"
    assert kind == "card" or outcomes != {"read"}


def damage(kind: str, bench: Bench, count: int) -> set[str]:
    """Read so many damaged files; what became of them."""
    return {run(prepare(kind, bench, seed)[1]) for seed in range(1_000_000, 1_000_000 + count)}


def with_a_value(document: Any, data: st.DataObject) -> bytes:
    """The document with one value replaced by any other."""
    document = json.loads(json.dumps(document))
    outer, key = data.draw(st.sampled_from(places(document)))
    outer[key] = data.draw(values)
    return json.dumps(document).encode()


@pytest.mark.parametrize("kind", all_but(["manifest"], ["index", "manifest", "config"]))
def test_any_value_at_any_place(kind: str, bench: Bench) -> None:
    documents: dict[str, Any] = {"index": bench.index, "config": CONFIG}
    documents["manifest"] = json.loads((bench.root / "edited" / "headsurgery.json").read_text())

    @seed(0)
    @few
    @given(st.data())
    def check(data: st.DataObject) -> None:
        run(lambda: READERS[kind](bench, with_a_value(documents[kind], data), random.Random(0)))

    check()


@pytest.mark.parametrize("kind", ["header", "scores"])
def test_any_value_at_any_place_of_a_header(kind: str, bench: Bench) -> None:
    file = SCORES if kind == "scores" else (bench.root / "base" / WEIGHTS).read_bytes()
    length = int.from_bytes(file[:8], "little")

    @seed(0)
    @few
    @given(st.data())
    def check(data: st.DataObject) -> None:
        header = with_a_value(json.loads(file[8 : 8 + length]), data)
        run(lambda: READERS[kind](bench, pack(header, file[8 + length :]), random.Random(0)))

    check()


@seed(0)
@settings(few, max_examples=200)
@given(st.sampled_from(sorted(TABLE)), st.data())
def test_any_value_at_any_key_that_a_family_reads(bench: Bench, model_type: str, data: st.DataObject) -> None:
    run(lambda: READERS["config"](bench, with_a_value(row_config(TABLE[model_type]), data), random.Random(0)))


@pytest.mark.parametrize("kind", READERS)
def test_what_is_undamaged_is_read(kind: str, bench: Bench) -> None:
    from headsurgery.surgery.base_files import MANIFEST, UNDO

    sources: dict[str, Callable[[], bytes]] = {
        "header": (bench.root / "base" / WEIGHTS).read_bytes,
        "values": (bench.root / "half" / WEIGHTS).read_bytes,
        "gguf": (bench.root / "gguf" / GGUF).read_bytes,
        "index": lambda: json.dumps(bench.index).encode(),
        "recipe": lambda: EDITS.to_json().encode(),
        "manifest": (bench.root / "edited" / MANIFEST).read_bytes,
        "history": (bench.root / "twice" / EARLIER).read_bytes,
        "journal": lambda: json.dumps(todo_list(bench)).encode(),
        "undo": (bench.root / "edited" / UNDO).read_bytes,
        "config": lambda: json.dumps(CONFIG).encode(),
        "card": lambda: CARD_TEXT,
        "scores": lambda: SCORES,
        "prompts": lambda: b".csv\n" + TEXTS[".csv"],
        "template": lambda: LLAMA.encode(),
    }
    assert run(lambda: READERS[kind](bench, sources[kind](), random.Random(0))) == "read"


@pytest.fixture(scope="module")
def model_bench(tmp_path_factory: pytest.TempPathFactory) -> ModelBench:
    return ModelBench(root=tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("kind", all_but([*strange_models.FILES][:2], strange_models.FILES))
def test_damaged_models_run_or_are_refused(kind: str, model_bench: ModelBench) -> None:
    outcomes = [run(strange_models.prepare(kind, model_bench, number)[1]) for number in range(2_000_000, 2_000_015)]
    assert "read" in outcomes
    assert set(outcomes) != {"read"}


def test_a_panic_of_the_library_of_tokenizers_is_a_refusal(model_bench: ModelBench) -> None:
    """What seed 1077 of the kind `tokenizer` found: it is no Exception, and ended the command in a traceback."""
    assert run(strange_models.prepare("tokenizer", model_bench, 1077)[1]) == "ModelError"
