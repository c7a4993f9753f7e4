"""The journal: what was answered stays answered, whatever breaks off."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.evaluation.generate import generate_answers
from headsurgery.evaluation.journal import AnswerJournal, JournalError, MemoryJournal, read_answers
from headsurgery.model.loading import LoadedModel
from headsurgery.prompts import PromptSet, load_template
from tests.tiny import build_model, build_tokenizer

SETTINGS = {"base": "org/name", "decoding": {"max_new_tokens": 8, "prefill": None}, "variants": [{"name": "v", "edits": [[0, 1]]}]}
TEXTS = ("w7", "", "line\nfeed \u2028 and \x85", "Jürgen 二 \U0001f600", '"quoted" \\ {}')


def answer(index: int, *, variant: str = "base", text: str = "w7", prompt_set: str = "s", seed: int = 0) -> Answer:
    return Answer(
        variant=variant, set=prompt_set, index=index, seed=seed, prompt=f"p{index}", text=text, num_tokens=3, finished=True
    )


ANSWERS = tuple(answer(index, text=text) for index, text in enumerate(TEXTS))


def write(path: Path, *batches: tuple[Answer, ...], settings: Any = SETTINGS) -> Path:
    with AnswerJournal(path, settings) as journal:
        for batch in batches:
            journal.append(batch)
    return path


def refusal(path: Path, settings: Any = SETTINGS) -> str:
    with pytest.raises(JournalError) as caught:
        AnswerJournal(path, settings)
    assert "-o, or --force" in caught.value.hint
    assert str(path.parent) not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def test_what_was_appended_is_read_again(path: Path) -> None:
    write(path, ANSWERS[:2], ANSWERS[2:])
    assert read_answers(path) == ANSWERS
    with AnswerJournal(path, SETTINGS) as journal:
        assert journal.answers() == ANSWERS
        journal.append([answer(9)])
    assert read_answers(path) == (*ANSWERS, answer(9))


def test_a_line_is_an_answer_that_any_json_reader_reads(path: Path) -> None:
    lines = write(path, ANSWERS).read_bytes().decode().removesuffix("\n").split("\n")
    assert [json.loads(line) for line in lines] == [answer.model_dump(exclude_defaults=True) for answer in ANSWERS]
    assert "Jürgen 二" in lines[3]


def test_a_batch_is_on_disk_once_it_is_appended(path: Path) -> None:
    with AnswerJournal(path, SETTINGS) as journal:
        for count in range(1, len(ANSWERS) + 1):
            journal.append(ANSWERS[count - 1 : count])
            assert read_answers(path) == ANSWERS[:count]


def test_answers_and_gaps_by_variant_set_and_seed(path: Path) -> None:
    everything = [
        answer(index, variant=variant, prompt_set=prompt_set, seed=seed)
        for index, variant, prompt_set, seed in itertools.product((4, 0, 2), ("base", "v"), ("s", "t"), (0, 1))
    ]
    with AnswerJournal(path, SETTINGS) as journal:
        journal.append(everything[:-1])  # all but v, t, 1, index 2
        assert journal.missing(variant="base", prompt_set="s", seed=0, count=6) == (1, 3, 5)
        assert journal.missing(variant="v", prompt_set="t", seed=1, count=5) == (1, 2, 3)
        assert journal.missing(variant="other", prompt_set="s", seed=0, count=2) == (0, 1)
        assert journal.present(variant="v", prompt_set="t", seed=1) == {0, 4}
        assert [found.index for found in journal.answers(variant="v", prompt_set="t", seed=1)] == [0, 4]
        assert {found.variant for found in journal.answers(variant="v")} == {"v"}
        assert len(journal.answers()) == len(everything) - 1


def test_a_journal_in_memory_answers_alike_and_writes_nothing(path: Path) -> None:
    with MemoryJournal() as memory, AnswerJournal(path, SETTINGS) as journal:
        before = sorted(path.parent.iterdir())
        for kept in (memory, journal):
            kept.append(ANSWERS)
            with pytest.raises(JournalError, match="is already there"):
                kept.append(ANSWERS[:1])
        assert memory.answers() == journal.answers()
        assert sorted(path.parent.iterdir()) == before


# Torn, damaged


def test_a_last_line_torn_at_any_byte_is_cut(path: Path) -> None:
    whole = write(path, ANSWERS).read_bytes()
    kept = whole.rindex(b"\n", 0, -1) + 1
    for length in range(kept, len(whole)):
        path.write_bytes(whole[:length])
        with AnswerJournal(path, SETTINGS) as journal:
            assert journal.answers() == ANSWERS[:-1]
            assert path.read_bytes() == whole[:kept]
            journal.append(ANSWERS[-1:])
        assert path.read_bytes() == whole


def test_a_first_line_torn_leaves_an_empty_journal(path: Path) -> None:
    whole = write(path, ANSWERS[:1]).read_bytes()
    for length in (0, 1, len(whole) - 1):
        path.write_bytes(whole[:length])
        with AnswerJournal(path, SETTINGS) as journal:
            assert not journal.answers()


@pytest.mark.parametrize("line", [b"", b"{}", b"nonsense", b'{"variant": "base"', b"\xff", b"[]"])
def test_a_flaw_before_the_last_line_is_refused_with_its_place(line: bytes, path: Path) -> None:
    lines = write(path, ANSWERS).read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]))
    assert refusal(path).startswith("answers.jsonl:3: not an answer: ")


def test_two_answers_to_one_prompt_are_refused(path: Path) -> None:
    with AnswerJournal(path, SETTINGS) as journal:
        journal.append(ANSWERS)
        before = path.read_bytes()
        for batch in ([answer(9), answer(0, text="other")], [answer(9), answer(9)]):
            with pytest.raises(JournalError, match=r"the answer of base to s\[\d\] with seed 0 is already there"):
                journal.append(batch)
        assert path.read_bytes() == before, "none of a refused batch is written"
    path.write_bytes(before + before)
    assert "s[0] with seed 0 occurs twice" in refusal(path)


# Another run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": "org/other"}, 'base: there "org/name", now "org/other"'),
        ({"decoding": {"max_new_tokens": 64, "prefill": None}}, "decoding.max_new_tokens: there 8, now 64"),
        ({"decoding": {"max_new_tokens": 8, "prefill": "Sure"}}, 'decoding.prefill: there null, now "Sure"'),
        ({"decoding": {"max_new_tokens": 9}}, "decoding.max_new_tokens: there 8, now 9 (and 1 more)"),
        ({"variants": [{"name": "v", "edits": [[0, 2]]}]}, "variants[0].edits[0][1]: there 1, now 2"),
        ({"variants": []}, 'variants: there [{"name": "v", "edits": [[0, 1]]}], now []'),
        ({"new": True}, "new: there (absent), now true"),
    ],
)
def test_a_journal_of_other_settings_is_refused_with_the_difference(change: dict[str, Any], message: str, path: Path) -> None:
    before = write(path, ANSWERS).read_bytes()
    assert refusal(path, {**SETTINGS, **change}) == f"answers.jsonl is another run's: {message}"
    assert path.read_bytes() == before
    assert AnswerJournal(path, dict(reversed(SETTINGS.items()))).close() is None, "order does not matter"


def test_force_begins_anew_only_where_it_must(path: Path) -> None:
    write(path, ANSWERS)
    with AnswerJournal(path, SETTINGS, force=True) as journal:
        assert journal.answers() == ANSWERS
    other = {**SETTINGS, "base": "org/other"}
    with AnswerJournal(path, other, force=True) as journal:
        assert not journal.answers()
        journal.append(ANSWERS[:1])
    with AnswerJournal(path, other) as journal:
        assert journal.answers() == ANSWERS[:1]
    path.write_bytes(b"nonsense\n")
    with AnswerJournal(path, other, force=True) as journal:
        assert not journal.answers()


def test_answers_of_an_unknown_run_are_refused(path: Path) -> None:
    write(path, ANSWERS)
    settings = path.parent / "answers.run.json"
    for content in (b"", b"{", b"[]", b'{"schema": "headsurgery.answers/2", "settings": {}}', b"\xff"):
        settings.write_bytes(content)
        assert "expected the settings of a run" in refusal(path)
    settings.unlink()
    assert "its run is unknown" in refusal(path)


def test_what_the_disk_refuses_is_said(path: Path) -> None:
    with pytest.raises(JournalError, match="can't write the answers"):
        AnswerJournal(path.parent / "missing" / "answers.jsonl", SETTINGS)
    with pytest.raises(JournalError, match="can't be read"):
        read_answers(path)


# The whole


@pytest.mark.parametrize("decoding", [{}, {"method": "top_k", "top_k": 5}], ids=["greedy", "sampled"])
def test_a_resumed_run_gives_the_answers_of_an_uninterrupted_one(decoding: dict[str, Any], path: Path) -> None:
    loaded = LoadedModel(model=build_model("llama").requires_grad_(False), tokenizer=build_tokenizer())
    prompts = PromptSet.from_texts([" ".join(f"w{3 + index + word}" for word in range(1 + index % 4)) for index in range(9)])

    def run(journal: AnswerJournal) -> Any:
        asked = Decoding(template="direct", max_new_tokens=5, **decoding)
        batches = generate_answers(
            loaded,
            prompts,
            template=load_template("direct", loaded.tokenizer),
            decoding=asked,
            seed=0,
            batch_size=4,
            skip=journal.present(variant="base", prompt_set=prompts.name, seed=0),
        )
        for batch in batches:
            journal.append(batch)
            yield

    with AnswerJournal(path, SETTINGS) as journal:
        list(run(journal))
        expected = journal.answers()
    assert [found.index for found in expected] == list(range(9))
    whole = path.read_bytes()
    for cut in (0, 30, len(whole) // 3, len(whole) // 2, len(whole) - 1, len(whole)):
        path.write_bytes(whole[:cut])
        with AnswerJournal(path, SETTINGS) as journal:
            next(run(journal), None)  # breaks off again after a batch
        with AnswerJournal(path, SETTINGS) as journal:
            list(run(journal))
            assert journal.answers() == expected


# One writer

WRITER = """
import sys
from pathlib import Path
from headsurgery.evaluation.journal import AnswerJournal, JournalError
from headsurgery.behaviour.answers import Answer
path, force = Path(sys.argv[1]), sys.argv[2] == "force"
try:
    with AnswerJournal(path, {"base": "b"}, force=force) as journal:
        print("writing", flush=True)
        sys.stdin.readline()
        for index in range(20):
            if index not in journal.present(variant="v", prompt_set="s", seed=0):
                fields = {"variant": "v", "set": "s", "seed": 0, "prompt": "p", "text": "w", "num_tokens": 1, "finished": True}
                journal.append([Answer(index=index, **fields)])
except JournalError as error:
    print(f"{error} | {error.hint}", flush=True)
"""

needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="no such locks")


def start_writer(path: Path, *, force: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), "force" if force else ""]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@needs_locks
@pytest.mark.parametrize("force", [False, True])
def test_a_second_writer_is_refused_in_one_line_and_the_first_ones_answers_are_whole(path: Path, force: bool) -> None:
    first = start_writer(path)
    assert first.stdout is not None
    assert first.stdout.readline() == "writing\n"
    said, _ = start_writer(path, force=force).communicate("\n", timeout=60)
    assert said == f"{path}: another run is writing it | wait for it, or give another -o\n"
    first.communicate("\n", timeout=60)
    assert [answer.index for answer in read_answers(path)] == list(range(20))
    again, _ = start_writer(path).communicate("\n", timeout=60)
    assert again == "writing\n", "the lock goes with its run"
    assert len(read_answers(path)) == 20


@needs_locks
def test_of_writers_that_begin_at_once_one_writes(path: Path) -> None:
    writers = [start_writer(path) for _ in range(4)]
    said = [writer.stdout.readline() for writer in writers if writer.stdout is not None]
    assert sorted(line == "writing\n" for line in said) == [False, False, False, True]
    for writer in writers:
        writer.communicate("\n", timeout=60)
    assert len(read_answers(path)) == 20


def test_a_killed_writer_keeps_nobody_out(path: Path) -> None:
    writer = start_writer(path)
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.kill()
    writer.communicate(timeout=60)
    with AnswerJournal(path, {"base": "b"}) as journal:
        journal.append(ANSWERS)


def test_a_refused_run_leaves_no_empty_file(path: Path) -> None:
    write(path, ANSWERS)
    path.unlink()
    with pytest.raises(JournalError, match="another run's"):
        AnswerJournal(path, {**SETTINGS, "base": "other"})
    assert not path.exists()
