"""Prompt sets: every way in, what is left out and said so, hashes, templates, and token ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from difflib import SequenceMatcher
from hashlib import sha256
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from headsurgery.errors import PromptError, UsageError
from headsurgery.prompts import BUILTIN, PAPER_TEMPLATE, PromptSet, encode, load_prompts, load_template
from headsurgery.prompts.templates import NO_CHAT_TEMPLATE
from tests.tiny import build_tokenizer

BOS = 1


def load(tmp_path: Path, name: str, content: str | bytes, **kwargs: Any) -> PromptSet:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return load_prompts(str(tmp_path / name), **kwargs)


def refusal(call: Callable[[], object], kind: type[Exception] = PromptError) -> str:
    """The one line, with its hint, that a call is refused with."""
    with pytest.raises(kind) as caught:
        call()
    text = f"{caught.value} {getattr(caught.value, 'hint', '')}"
    assert "\n" not in text
    return text


def encode_all(texts: list[str], template: str | None, *, max_tokens: int = 64, **tokenizer: bool) -> list[list[int]]:
    fast = build_tokenizer(**tokenizer)
    return encode(PromptSet.from_texts(texts), load_template(template, fast), fast, max_tokens=max_tokens)[1]


# Files


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("p.txt", ["wie geht's, Jürgen?", "二"]),
        ("p.md", ["wie geht's, Jürgen?", "二"]),
        ("p", ["wie geht's, Jürgen?", "二"]),
        ("p.csv", ["prompt", '"wie geht\'s, Jürgen?"', "二"]),
        ("P.CSV", ["id,Prompt,x", '1,"wie geht\'s, Jürgen?",', "2,二,"]),
        ("p.jsonl", ['{"prompt": "wie geht\'s, J\\u00fcrgen?"}', "", '{"prompt": "二", "x": 1}']),
        ("p.JSONL", ['"wie geht\'s, Jürgen?"', '"二"']),
        ("p.json", ["[", '{"prompt": "wie geht\'s, Jürgen?"},', '{"prompt": "二"}]']),
        ("p.json", ['["wie geht\'s, Jürgen?",', '"二"]']),
    ],
)
def test_every_format_gives_the_same_prompts(name: str, lines: list[str], bom: str, newline: str, tmp_path: Path) -> None:
    for end in ("", newline):
        prompts = load(tmp_path, name, bom + newline.join(lines) + end)
        assert prompts == PromptSet(name=name, texts=("wie geht's, Jürgen?", "二"))


def test_one_json_object_is_one_prompt(tmp_path: Path) -> None:
    assert load(tmp_path, "p.json", '{"goal": "one"}').texts == ("one",)
    assert load(tmp_path, "p.json", '"one"').texts == ("one",)


@pytest.mark.parametrize("column", ["text", "TEXT", " Text "])
@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_a_column_by_name_whatever_its_case(name: str, column: str, tmp_path: Path) -> None:
    content = "prompt, Text\nno,yes\n" if name == "p.csv" else '{"prompt": "no", "Text": "yes"}\n'
    assert load(tmp_path, name, content, column=column).texts == ("yes",)
    assert "no column answer; it has" in refusal(lambda: load(tmp_path, name, content, column="answer"))


def test_a_csv_field_may_hold_commas_quotes_and_line_feeds(tmp_path: Path) -> None:
    assert load(tmp_path, "p.csv", 'id,goal\n1,"a, ""b""\nc"\n').texts == ('a, "b"\nc',)


def test_a_csv_without_header_is_told_what_was_taken_for_one(tmp_path: Path) -> None:
    text = refusal(lambda: load(tmp_path, "p.csv", '"Tell me\nmore",x\nanother,y\n'))
    assert "it has Tell me more, x" in text
    assert "first line" in text
    assert len(refusal(lambda: load(tmp_path, "p.csv", "word " * 1000 + "\nx\n"))) < 400


def test_a_row_may_lack_the_column_even_the_first(tmp_path: Path) -> None:
    prompts = load(tmp_path, "p.jsonl", '{"id": 1}\n{"id": 2, "goal": "two"}\n{"goal": null}\n')
    assert prompts.texts == ("two",)
    assert prompts.notes == ("p.jsonl: left out 2 empty prompts",)


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0c", "\x1d"], ids=ascii)
def test_only_a_line_feed_ends_a_line(separator: str, tmp_path: Path) -> None:
    text = f"one{separator}two"
    assert load(tmp_path, "p.txt", f"{text}\nthree\n").texts == (text, "three")
    if separator in "\u2028\u0085":  # the others are not allowed unescaped in JSON
        assert load(tmp_path, "p.jsonl", json.dumps(text, ensure_ascii=False)).texts == (text,)


@pytest.mark.parametrize("value", ["5", "0", "true", "false", "NaN", "[5]", "[[]]", '[{"user": "x"}]', '{"text": "x"}'])
@pytest.mark.parametrize("name", ["p.json", "p.jsonl"])
def test_a_value_that_is_not_text_is_refused(name: str, value: str, tmp_path: Path) -> None:
    text = f'{{"goal": {value}}}'
    assert "prompt 0 is " in refusal(lambda: load(tmp_path, name, text))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.txt", "", "p.txt: contains no prompts"),
        ("p.txt", " \n\t\n", "p.txt: contains no prompts"),
        ("p.csv", "", "p.csv: contains no rows"),
        ("p.csv", "prompt\n", "p.csv: contains no rows"),
        ("p.csv", "prompt,x\n,1\n", "p.csv: contains no prompts"),
        ("p.json", "[]", "p.json: contains no rows"),
        ("p.json", "", "p.json:1: not valid JSON"),
        ("p.json", '["a",\n"b",]', "p.json:2: not valid JSON"),
        ("p.json", '{"prompt": "a",\n"prompt": "b"}', "p.json: not valid JSON: key 'prompt' occurs twice"),
        ("p.json", "[" * 200_000, "p.json: not valid JSON"),
        ("p.json", "5", "all objects or all strings"),
        ("p.json", '["a", {"prompt": "b"}]', "all objects or all strings"),
        ("p.json", "[[1]]", "all objects or all strings"),
        ("p.json", "{}", "it has none"),
        ("p.jsonl", "\n", "p.jsonl: contains no rows"),
        ("p.jsonl", '"a"\n\n{"prompt"}', "p.jsonl:3: not valid JSON"),
        ("p.jsonl", '{"prompt": "a"}\nnull', "all objects or all strings"),
        ("p.json", '["\\ud800"]', "prompt 0 contains half a surrogate pair"),
        ("p.txt", b"\xff\xfea\x00", "can't be read as text"),
        ("p.csv", "prompt\nJürgen".encode("latin-1"), "can't be read as text"),
    ],
)
def test_what_a_file_is_refused_for(name: str, content: str | bytes, message: str, tmp_path: Path) -> None:
    assert message in refusal(lambda: load(tmp_path, name, content))


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    for source in ("missing.txt", "Missing.CSV", "./org/name", "/no/such", "~/no-such", "missing", "a/b/c", "org/name.jsonl"):
        text = refusal(lambda source=source: load_prompts(source))
        assert "no such file" in text
        assert "builtin:decline" in text
    assert "can't be read as text" in refusal(lambda: load_prompts(str(tmp_path)))
    assert "can't be read as text" in refusal(lambda: load_prompts("How do I " + "really " * 100 + "?"))


def test_a_home_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "p.txt").write_text("one")
    (tmp_path / "t.txt").write_text("T {query}")
    assert load_prompts("~/p.txt").texts == ("one",)
    assert load_template("~/t.txt", build_tokenizer()).text == "T {query}"


def test_only_a_table_has_columns(tmp_path: Path) -> None:
    assert "no columns" in refusal(lambda: load(tmp_path, "p.txt", "one", column="goal"))
    assert "no columns" in refusal(lambda: load_prompts("builtin:decline", column="goal"))


# Sets


def test_a_set_has_neither_empty_prompts_nor_duplicates() -> None:
    prompts = PromptSet.from_texts([" b ", "", "a", "b\n", "\t", "a", "c"], name="mine")
    assert prompts.texts == ("b", "a", "c")
    assert prompts.notes == ("mine: left out 2 empty prompts", "mine: left out 2 duplicate prompts")
    assert PromptSet.from_texts(["a"]) == PromptSet(name="inline", texts=("a",))


def test_a_limit_counts_what_is_left(tmp_path: Path) -> None:
    assert PromptSet.from_texts(["", "a", "a", "b", "c"], limit=2).texts == ("a", "b")
    assert load(tmp_path, "p.txt", "a\n\nb\nc", limit=2).texts == ("a", "b")
    assert len(load_prompts("builtin:decline", limit=3).texts) == 3
    assert len(load_prompts("builtin:decline", limit=300).texts) == 40
    for limit in (0, -1):
        for call in (
            lambda limit=limit: PromptSet.from_texts(["a"], limit=limit),
            lambda limit=limit: load_prompts("builtin:decline", limit=limit),
        ):
            assert "expected at least 1" in refusal(call, UsageError)


@pytest.mark.parametrize("text", [None, 5, b"a", ["a"]])
def test_prompts_are_text(text: Any) -> None:
    assert f"x: prompt 1 is {type(text).__name__}, expected text" in refusal(lambda: PromptSet.from_texts(["a", text], name="x"))


def test_a_set_of_nothing_is_refused() -> None:
    for texts in ([], [""], [" ", "\n"]):
        assert "x: contains no prompts" in refusal(lambda texts=texts: PromptSet.from_texts(texts, name="x"))


def test_the_hash_is_that_of_the_prompts_lines() -> None:
    prompts = PromptSet.from_texts(["a", "Jürgen 二"], name="x")
    assert prompts.sha256 == sha256("a\nJürgen 二\n".encode()).hexdigest()
    assert prompts.sha256 == "3ff3d572af4b930a094a6c789a68f72c554369b5343e0afc97c3098f2d3db8bb"
    record = prompts.to_record()
    assert (record.name, record.count, record.sha256) == ("x", 2, prompts.sha256)


@pytest.mark.parametrize(
    ("name", "count", "digest"),
    [
        ("decline", 40, "787ea93fb3781ccd9efdb4c1a03747c14f3a943334c6f5918706abefd7ad5972"),
        ("harmless", 40, "9bea5684a0f0ce5b4adbe8f8148b61ed010253fc343f52b34aa40d9f5d2d5e91"),
        ("paired-decline", 124, "81979d27ee4e1a3049e753cdf58d960f832ae20af351aefe1a5e5bfadb613a04"),
        ("paired-harmless", 124, "646548f651e756b27200b8d6f0a504268a6c17e59c3d4bbfcc73f050915dc289"),
    ],
)
def test_a_builtin_set(name: str, count: int, digest: str) -> None:
    prompts = load_prompts(f"builtin:{name}")
    assert prompts.name == f"builtin:{name}"
    assert len(prompts.texts) == count
    assert not prompts.notes
    assert all(len(text) > 20 and text[-1] in ".?" for text in prompts.texts)
    assert prompts.sha256 == digest, "published recipes name this hash: a changed set needs another name"


def test_the_builtin_sets_are_disjoint() -> None:
    sets = [{text.lower() for text in load_prompts(f"builtin:{name}").texts} for name in BUILTIN]
    assert len(set.union(*sets)) == sum(map(len, sets)) == 328


def words_in(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text.lower())


def shared(one: str, other: str) -> float:
    """Share of the longer text's words that both have in the same order."""
    words = words_in(one), words_in(other)
    return sum(match.size for match in SequenceMatcher(None, *words, autojunk=False).get_matching_blocks()) / max(map(len, words))


def pairs(name: str = "paired-") -> list[tuple[str, str]]:
    return list(zip(*(load_prompts(f"builtin:{name}{side}").texts for side in ("decline", "harmless")), strict=True))


def test_the_prompts_of_a_pair_have_the_same_form_and_most_of_their_words() -> None:
    for decline, harmless in pairs():
        assert words_in(decline)[:2] == words_in(harmless)[:2]
        assert decline[-1] == harmless[-1]
        assert shared(decline, harmless) >= 0.5, (decline, harmless)
        assert abs(len(words_in(decline)) - len(words_in(harmless))) <= 3, (decline, harmless)


def test_no_two_pairs_are_nearly_the_same() -> None:
    """Nor is any prompt nearly one of the older sets, which heads found with these are measured on."""
    known = [*pairs(), *pairs("")]
    for one, other in combinations(known, 2):
        for first, second in product(one, other):
            assert shared(first, second) < 0.6, (first, second)


def test_a_set_says_whether_prompt_i_is_still_row_i() -> None:
    assert PromptSet.from_texts(["a", "b", "", "c"], limit=2).keeps_rows
    assert PromptSet.from_texts(["a", "b", "a"]).keeps_rows, "what comes last moves nothing"
    for texts in (["a", "", "b"], ["a", "a", "b"]):
        assert not PromptSet.from_texts(texts).keeps_rows
    fast = build_tokenizer()
    for texts, expected in ((["w3 w4", "w6 w7 w8"], True), (["w3 w4 w5", "w6"], False)):
        kept, _ = encode(PromptSet.from_texts(texts), load_template("direct", fast), fast, max_tokens=2)
        assert (len(kept.texts), kept.keeps_rows) == (1, expected)


@pytest.mark.parametrize("name", ["", "Decline", "../decline", "advbench", "decline.txt"])
def test_no_such_builtin_set(name: str) -> None:
    assert "expected builtin:decline or builtin:harmless" in refusal(lambda: load_prompts(f"builtin:{name}"))


# Templates


def test_the_default_template_is_chat_where_there_is_one() -> None:
    assert load_template(None, build_tokenizer(chat=True)).name == "chat"
    default = load_template(None, build_tokenizer())
    assert default == replace(load_template("paper", build_tokenizer()), note=NO_CHAT_TEMPLATE)
    assert "no chat template" in refusal(lambda: load_template("chat", build_tokenizer()))


def test_the_papers_template_letter_for_letter() -> None:
    assert load_template("paper", build_tokenizer(chat=True)).text == PAPER_TEMPLATE == "## Query:{query}\n## Answer:"
    assert load_template("direct", build_tokenizer(chat=True)).text == "{query}"


@pytest.mark.parametrize("content", ["A {query} {x}{}\nB", "\ufeffA {query} {x}{}\r\nB", "A {query} {x}{}\nB\n"], ids=repr)
def test_a_template_of_a_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(content.encode())
    template = load_template(str(tmp_path / "t.txt"), build_tokenizer())
    assert template.text == "A {query} {x}{}\nB"
    assert template.name == f"file:{sha256(template.text.encode()).hexdigest()}"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no place", "0 times"), (b"{query} {query}", "2 times"), (b"", "0 times"), (b"\xff{query}", "readable"), (None, "readable")],
)
def test_a_template_that_does_not_serve(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    if content is not None:
        path.write_bytes(content)
    assert message in refusal(lambda: load_template(str(path), build_tokenizer()))
    assert "expected chat, paper, direct" in refusal(lambda: load_template(str(tmp_path), build_tokenizer()))
    assert "expected chat, paper, direct" in refusal(lambda: load_template("Chat", build_tokenizer()))


# Token ids


@pytest.mark.parametrize("bos", [False, True])
def test_chat_adds_the_generation_prompt_and_no_second_bos(bos: bool) -> None:
    assert encode_all(["w7 w8"], "chat", chat=True, bos=bos) == [[BOS, 4, 7, 8, 5]]


@pytest.mark.parametrize("bos", [False, True])
def test_a_bare_query_gets_what_the_tokenizer_adds(bos: bool) -> None:
    assert encode_all(["w7 w8"], "direct", bos=bos) == [[BOS] * bos + [7, 8]]
    assert encode_all(["<s> w7"], "direct", bos=bos) == [[BOS, 7]]


@pytest.mark.parametrize("bos", [False, True])
def test_a_template_file_that_begins_with_bos_does_not_get_it_twice(bos: bool, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("<s> w6 {query} w5\n")
    assert encode_all(["w7 w8", "w9"], str(tmp_path / "t.txt"), bos=bos) == [[BOS, 6, 7, 8, 5], [BOS, 6, 9, 5]]


def test_a_query_is_put_in_as_it_is() -> None:
    assert encode_all(["{query} {x} {{ y }}"], "direct") == [[3, 3, 3, 3, 3]]
    assert encode_all(["{{ y }} w7"], "chat", chat=True) == [[BOS, 4, 3, 3, 3, 7, 5]]
    assert encode_all(["w7"], "paper") == [[3, 3, 3, 3]]  # "##", "Query:w7", "##", "Answer:"


def test_prompts_that_are_too_long_are_left_out_and_said_so() -> None:
    fast = build_tokenizer()
    prompts = PromptSet.from_texts(["w3 w4", "w3 w4 w5", "w6"], name="x")
    kept, ids = encode(prompts, load_template("direct", fast), fast, max_tokens=2)
    assert (kept.name, kept.texts, ids) == ("x", ("w3 w4", "w6"), [[3, 4], [6]])
    assert kept.notes == ("x: left out 1 prompts longer than the model's 2 tokens",)
    assert kept.sha256 != prompts.sha256
    assert "no prompt fits into the 1 tokens that the model allows for a prompt" in refusal(
        lambda: encode_all(["w3 w4"], "direct", max_tokens=1)
    )


def test_nothing_is_left_out_without_need() -> None:
    for name in BUILTIN:
        fast = build_tokenizer(chat=True, bos=True)
        prompts = load_prompts(f"builtin:{name}")
        kept, ids = encode(prompts, load_template(None, fast), fast, max_tokens=64)
        assert kept.texts == prompts.texts
        assert all(tokens.count(BOS) == 1 for tokens in ids)


def test_the_start_of_the_answer_follows_the_prompt() -> None:
    fast, prompts = build_tokenizer(chat=True), PromptSet.from_texts(["w7"])
    for name, expected in (("chat", [BOS, 4, 7, BOS, 4, 8, 9]), ("direct", [7, 8, 9])):
        template = load_template(name, fast)
        assert encode(prompts, template, fast, max_tokens=9, prefill=" w8 w9")[1] == [expected]
        assert encode(prompts, template, fast, max_tokens=9, prefill="") == encode(prompts, template, fast, max_tokens=9)
    assert load_template("paper", fast).fill("{query}?", prefill=" Yes") == "## Query:{query}?\n## Answer: Yes"
    with pytest.raises(ValueError, match="needs a tokenizer"):
        load_template("chat", fast).fill("w7")


def test_a_system_message_goes_through_the_chat_template_or_nowhere() -> None:
    fast, prompts = build_tokenizer(chat=True), PromptSet.from_texts(["w7"])
    assert encode(prompts, load_template("chat", fast), fast, max_tokens=9, system="w9")[1] == [[BOS, 4, 9, BOS, 4, 7, 5]]
    direct = load_template("direct", fast)
    assert "no place for a system message" in refusal(lambda: encode(prompts, direct, fast, max_tokens=9, system="w9"), UsageError)
    fast.chat_template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    text = refusal(lambda: encode(prompts, load_template("chat", fast), fast, max_tokens=9, system="w9"))
    assert "fails: no system" in text
    assert "leave out --system" in text


def test_a_chat_template_that_fails() -> None:
    fast = build_tokenizer(chat=True)
    prompts = PromptSet.from_texts(["w7"])
    for broken in ("{{ raise_exception('no user\nmessages') }}", "{% for %}"):
        fast.chat_template = broken
        text = refusal(lambda: encode(prompts, load_template("chat", fast), fast, max_tokens=9))
        assert "chat template fails: " in text
        assert "--template paper" in text
