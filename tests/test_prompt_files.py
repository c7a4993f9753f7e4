"""Prompt files of every usual kind: read as what they are, or refused by name, with the line; never raw lines or half a prompt."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from headsurgery.errors import PromptError
from headsurgery.prompts import COLUMNS, load_prompt_sets, load_prompts
from tests.test_prompts import load, refusal

# Tables of separated values


@pytest.mark.parametrize(
    ("content", "place", "why"),
    [
        ("prompt,kind\nHow do I bake bread, cakes, and pies?,food\nTwo,b\n", "p.csv:2", "4 fields under a header of 2"),
        ("prompt,kind\nOne,a\nTwo\n", "p.csv:3", "1 fields under a header of 2"),
        ("prompt,kind\nOne,a\nTwo,b,\n", "p.csv:3", "3 fields under a header of 2"),
        ("prompt\nOne, please\n", "p.csv:2", "2 fields under a header of 1"),
        ('prompt,kind\n"One\nline",a\n\nTwo\n', "p.csv:5", "1 fields under a header of 2"),
        ('prompt,kind\n"Say hi,a\nTwo,b\nThree,c\n', "p.csv:2", "never closed"),
        ('prompt,kind\n"Say hi,a\nTwo "quoted",b\n', "p.csv:2", "never closed"),
        ('prompt,kind\n"Say hi,a\n"Two",b\n', "p.csv:2", "never closed"),
        ('prompt,kind\nOne,"a\n', "p.csv:2", "never closed"),
        ('prompt,kind\n"Say \\"hi\\" there, please",a\nTwo,b\n', "p.csv:2", "never closed"),
        ('prompt,kind\n"\\"Hi\\", he said",a\n', "p.csv:2", "never closed"),
        ('prompt,kind\nSay \\"hi\\" there,a\n', "p.csv:2", '\\" outside of quotes'),
        ('prompt,kind\n"Say" hi,a\n', "p.csv:2", "text follows"),
        ("sep=;\nprompt;kind\nOne\n", "p.csv:3", "1 fields"),
        ("prompt,Prompt\nOne,a\n", "p.csv", "two columns are called prompt"),
        ("prompt,kind\nOne,\0a\n", "p.csv:2", "NUL"),
        (",,\n1,2,3\n", "p.csv", "it has none"),
        ("prompt,kind\none,a\nprompt,kind\ntwo,b\n", "p.csv:3", "the header is repeated here"),
        ("\ufeffprompt\none\n\ufeffprompt\ntwo\n", "p.csv:3", "the header is repeated here"),
        ("# mine\nprompt,kind\none,a\n", "p.csv:2", "2 fields under a header of 1"),
        ("How do I bake?\nHow do I cook?\n", "p.csv", "it has How do I bake?"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(content: str, place: str, why: str, tmp_path: Path) -> None:
    text = refusal(lambda: load(tmp_path, "p.csv", content))
    assert text.startswith(f"{place}: ")
    assert why in text


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ('prompt,kind\n"a, b",x\n', ["a, b"]),
        ('prompt,kind\n"say ""hi"", please",x\n', ['say "hi", please']),
        ('prompt,kind\nsay "hi" there,x\n', ['say "hi" there']),
        ('kind, prompt\nx, "a, b"\n', ["a, b"]),
        ('"prompt","kind"\n"one" ,"x"\n', ["one"]),
        ('\n\nprompt,kind\n\none,x\n\n"two\n\nthree",y\n   \n', ["one", "two\n\nthree"]),
        ('prompt\n"5"" pipe"\n5" pipe\n', ['5" pipe']),
        (",prompt\n0,one\n1,two\n", ["one", "two"]),
        ("a,b,prompt,\n1,2,one,\n", ["one"]),
        ("prompt\n" + "x" * 200_000, ["x" * 200_000]),
        ('prompt\n"C:\\"\n', ["C:\\"]),
    ],
)
def test_a_well_formed_table_is_read_to_the_letter(content: str, texts: list[str], newline: str, tmp_path: Path) -> None:
    prompts = load(tmp_path, "p.csv", content.replace("\n", newline))
    assert prompts.texts == tuple(texts)
    assert not [note for note in prompts.notes if "duplicate" not in note]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","], ids=repr)
@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.tab"])
@pytest.mark.parametrize("column", [None, "words"])
def test_a_tables_separator_is_told_by_its_header(name: str, delimiter: str, column: str | None, tmp_path: Path) -> None:
    usual = "," if name == "p.csv" else "\t"
    rows = ["id", column or "Prompt"], ["1", f'"one{delimiter} two, three; four"'], ["2", "five"]
    prompts = load(tmp_path, name, "\n".join(map(delimiter.join, rows)), column=column)
    assert prompts.texts == (f"one{delimiter} two, three; four", "five")
    assert len(prompts.notes) == (delimiter != usual)


def test_a_separator_is_told_where_no_column_is_known(tmp_path: Path) -> None:
    assert "it has id, words" in refusal(lambda: load(tmp_path, "p.csv", "id;words\n1;one, two\n"))


def test_excels_first_line_names_the_separator(tmp_path: Path) -> None:
    assert load(tmp_path, "p.csv", "sep=;\r\nid;prompt\r\n1;a, b\r\n").texts == ("a, b",)


# Endings


@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.tsv", "prompt\tkind\nHow do I bake?\tfood\nTwo, or 3?\tx\n"),
        ("p.ndjson", '{"prompt": "How do I bake?", "id": 1}\n{"prompt": "Two, or 3?"}\n'),
        ("p.jsonlines", '{"prompt": "How do I bake?"}\n\n{"prompt": "Two, or 3?"}\n'),
        ("p.json", '{"prompt": "How do I bake?"}\n{"prompt": "Two, or 3?"}\n'),
        ("p.json", '"How do I bake?"\n"Two, or 3?"\n'),
        ("p.jsonl", '[\n{"prompt": "How do I bake?"},\n{"prompt": "Two, or 3?"}\n]'),
        ("p.jsonl", '["How do I bake?", "Two, or 3?"]'),
        ("p.yaml", "- prompt: How do I bake?\n- prompt: Two, or 3?\n  id: 2\n"),
        ("p.yml", "- How do I bake?\n- 'Two, or 3?'\n"),
        ("p.yaml", "prompts:\n  - How do I bake?\n  - >\n    Two,\n    or 3?\n"),
        ("p.md", "How do I bake?\nTwo, or 3?\n"),
        ("p.text", "How do I bake?\nTwo, or 3?\n"),
        ("p", "How do I bake?\nTwo, or 3?\n"),
    ],
)
def test_a_file_is_read_as_what_its_ending_says(name: str, content: str, bom: str, tmp_path: Path) -> None:
    prompts = load(tmp_path, name, bom + content)
    assert (prompts.texts, prompts.notes) == (("How do I bake?", "Two, or 3?"), ())


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("p.xlsx", b"PK\x03\x04", "CSV UTF-8"),
        ("p.csv", b"PK\x03\x04\x14\0", "CSV UTF-8"),
        ("p.ods", b"PK\x03\x04", "CSV UTF-8"),
        ("p.docx", b"PK\x03\x04", "one per line"),
        ("p.pdf", b"%PDF-1.7", "one per line"),
        ("p.txt", b"%PDF-1.7", "one per line"),
        ("p.html", b"<p>a</p>", "one per line"),
        ("p.json", b"PAR1\x15\x04", "to_json"),
        ("p.jsonl.gz", b"\x1f\x8b\x08", "unpack"),
        ("p.txt", b"\x1f\x8b\x08", "unpack"),
        ("p.zip", b"PK\x03\x04", "unpack"),
        ("p.toml", b"prompts = []", "one prompt per line ends in .txt"),
        ("p.py", b"a = 1", "one prompt per line ends in .txt"),
        ("p.bak", b"one", "one prompt per line ends in .txt"),
        ("p.md", b"# Prompts\n\n- one\n- two\n", "one per line"),
        ("p.md", b"one\n1. two\n", "one per line"),
        ("p.md", b"|a|b|\n", "one per line"),
        ("p.txt", b'{"prompt": "one"}\n{"prompt": "two"}\n', ".jsonl"),
        ("p", b'[\n"one",\n"two"\n]', ".json"),
        ("p.txt", b"prompt,kind\none,a\n", ".csv or .tsv"),
        ("p.txt", b"id\tquestion\n1\tone\n", ".csv or .tsv"),
        ("p.txt", b"Prompt\none\n", ".csv or .tsv"),
        ("p.yaml", b"How do I bake?\nHow do I cook?\n", "'- '"),
        ("p.txt", b"['one', 'two']\n", "json.dump"),
        ("p.txt", b"[\n'one',\n'two',\n]", "json.dump"),
        ("p.txt", b"1\tone\n2\ttwo\n", ".csv or .tsv"),
        ("p.txt", b"id,words\n1,one\n2,two\n", ".csv or .tsv"),
        ("p.txt", b"one\nmore\n---\ntwo\n", "several lines"),
        ("p.md", b"One line\nand its end.\n\nTwo.\n", "one per line"),
        ("p.json", rb'"[{\"prompt\": \"one\"}]"', "once instead of twice"),
        ("p.jsonl", rb'"{\"prompt\": \"one\"}"', "once instead of twice"),
        ("p.csv", "prompt\na\n".encode("utf-16"), "save it as UTF-8"),
        ("p.txt", "a\n".encode("utf-32"), "save it as UTF-8"),
        ("p.jsonl", '{"prompt": "a"}'.encode("utf-16-le"), "save it as UTF-8"),
        ("p.csv", "prompt\nJürgen".encode("cp1252"), "save it as UTF-8"),
    ],
)
def test_what_is_no_list_of_prompts_is_refused_by_name(name: str, content: bytes, hint: str, tmp_path: Path) -> None:
    text = refusal(lambda: load(tmp_path, name, content))
    assert text.startswith(name)
    assert hint in text


@pytest.mark.parametrize("name", ["missing.tsv", "missing.ndjson", "missing.yaml", "org/missing.xlsx"])
def test_a_missing_file_of_any_kind_is_no_data_set(name: str) -> None:
    assert "no such file" in refusal(lambda: load_prompts(name))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.txt", "1. one\n2. two\n", "begins with a number"), ("p.txt", "- one\n- two\n", "begins with a bullet"),
        ("p.txt", '"one"\n"two"\n', "is in quotes"), ("p.txt", "# mine\none\n", "look like comments"),
        ("p.csv", "prompt\n# mine\none\n", "begin with #"), ("p.txt", "J\ufffdrgen\none\n", "characters were lost"),
    ],
)  # fmt: skip
def test_what_may_not_be_meant_as_part_of_a_prompt_is_said(name: str, content: str, said: str, tmp_path: Path) -> None:
    (note,) = load(tmp_path, name, content).notes
    assert said in note
    assert load(tmp_path, "q.txt", "1. one\nHow old is '2'?\nWhat is C#?\nWell, what?\n").notes == ()


@pytest.mark.parametrize("blank", ["\ufeff", "\u200b", "\x1a", "\u00a0", "\u2060 "])
def test_a_prompt_that_nobody_sees_is_none(blank: str, tmp_path: Path) -> None:
    for name, head in (("p.txt", ""), ("p.csv", "prompt\n")):
        assert load(tmp_path, name, f"{head}one\n{blank}\n\ufefftwo\n").texts == ("one", "two")


@pytest.mark.parametrize("value", ["nan", "None", "NULL", "N/A", "<NA>"])
def test_a_field_that_a_program_wrote_for_no_value_is_empty(value: str, tmp_path: Path) -> None:
    assert load(tmp_path, "p.csv", f"prompt\none\n{value}\n").texts == ("one",)
    assert load(tmp_path, "q.csv", f"instruction,input\none,{value}\n").texts == ("one",)


# JSON and YAML layouts

ROWS = [{"prompt": "one", "kind": "a"}, {"prompt": "two", "kind": "b"}]
LAYOUTS: dict[str, Any] = {
    "records": ROWS,
    "data": {"version": 1, "data": ROWS},
    "another name": {"harmful_behaviors_v2": ROWS, "tags": ["x"], "by": "me"},
    "prompts": {"name": "mine", "prompts": ["one", "two"]},
    "one list": {"whatever": ["one", "two"]},
    "columns": {"prompt": ["one", "two"], "kind": ["a", "b"]},
    "pandas": {"kind": {"0": "a", "1": "b"}, "prompt": {"0": "one", "1": "two"}},
    "pandas index": {"0": ROWS[0], "1": ROWS[1]},
    "pandas split": {"columns": ["kind", "prompt"], "index": [0, 1], "data": [["a", "one"], ["b", "two"]]},
    "pandas table": {"schema": {"fields": [{"name": "prompt"}]}, "data": ROWS},
}


@pytest.mark.parametrize("name", ["p.json", "p.yaml"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_prompts(layout: str, name: str, tmp_path: Path) -> None:
    assert load(tmp_path, name, json.dumps(LAYOUTS[layout], indent=1)).texts == ("one", "two")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"violence": ["one"], "drugs": ["two", "three"]}, "several lists: violence, drugs"),
        ({"train": ROWS, "test": ROWS}, "several lists: train, test"),
        ({"user": "one", "tags": ["two"]}, "no column"),
        ({"columns": ["prompt"], "data": [["a", "b"]]}, "don't match"),
        ({"prompt": {"0": "a"}, "kind": {"1": "b"}}, "different rows"),
        ([["one"], ["two"]], "all objects or all strings"),
    ],
)
def test_a_layout_that_is_not_clear_is_refused(document: Any, why: str, tmp_path: Path) -> None:
    assert why in refusal(lambda: load(tmp_path, "p.json", json.dumps(document)))


def test_a_list_by_its_name(tmp_path: Path) -> None:
    document = json.dumps({"violence": ["one"], "drugs": ["two", "three"]})
    assert load(tmp_path, "p.json", document, column="Drugs").texts == ("two", "three")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("- a\n- &x b\n- *x\n", "references"),
        ("- prompt: a\n  prompt: b\n", "occurs twice"),
        ("- a: [\n", "not valid YAML"),
        ("- a\n--- \n- b\n", "not valid YAML"),
        ("- 2024-13-45\n", "not valid YAML"),
        ("- no\n", "row 1 is bool"),
        ("- 5\n", "row 1 is int"),
        ("- Explain: how\n- Two\n", "all objects or all strings"),
        ("- !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("x" * 3_000_000, "3,000,000 characters"),
    ],
)
def test_yaml_that_is_refused(content: str, why: str, tmp_path: Path) -> None:
    assert why in refusal(lambda: load(tmp_path, "p.yaml", content))


def test_a_yaml_comment_is_no_silent_end_of_a_prompt(tmp_path: Path) -> None:
    prompts = load(tmp_path, "p.yaml", "# mine\n- one\n- What is C # lang?\n")
    assert prompts.texts == ("one", "What is C")
    assert "p.yaml:3: text after # is a comment" in prompts.notes[0]
    assert load(tmp_path, "p.yaml", "# mine\n- one\n- 'What is C # lang?'\n").notes == ()


# Columns


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("spelling", [str.lower, str.title, str.upper])
def test_a_usual_column_is_found_whatever_its_case(name: str, spelling: Any, tmp_path: Path) -> None:
    assert load(tmp_path, "p.csv", f"id,{spelling(name)},category\n1,one,x\n").texts == ("one",)


@pytest.mark.parametrize(
    ("row", "chosen"),
    [
        ({"goal": "one", "target": "Sure", "behavior": "title"}, "one"),
        ({"Behavior": "one", "FunctionalCategory": "standard"}, "one"),
        ({"forbidden_prompt": "one", "category": "x"}, "one"),
        ({"prompt": "one", "messages": [{"role": "user", "content": "other"}, {"role": "assistant", "content": "x"}]}, "one"),
        ({"instruction": "one", "output": "x", "text": "Below is an instruction. one"}, "one"),
        ({"question": "one", "query": "one"}, "one"),
        ({"prompt": "", "question": "one"}, "one"),
    ],
)
def test_which_of_several_columns(row: dict[str, Any], chosen: str, tmp_path: Path) -> None:
    assert load(tmp_path, "p.json", json.dumps([row])).texts == (chosen,)


@pytest.mark.parametrize(
    "columns",
    [("prompt", "question"), ("query", "goal"), ("prompt", "input"), ("instruction", "input", "prompt"), ("Prompt", "prompt")],
)
def test_columns_that_compete_are_refused_until_one_is_named(columns: tuple[str, ...], tmp_path: Path) -> None:
    content = json.dumps([{name: f"{name} {row}" for name in columns} for row in range(2)])
    assert "--column" in refusal(lambda: load(tmp_path, "p.json", content))
    for name in columns:
        assert load(tmp_path, "p.json", content, column=name).texts == (f"{name} 0", f"{name} 1")


def test_alpacas_instruction_is_the_prompt_with_its_input(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Name three fruits", "input": "", "output": "x"},
        {"instruction": "Sort these numbers", "input": "3 1 2", "output": "y"},
        {"instruction": "Say hi", "input": "<noinput>"},
        {"instruction": "Say no", "input": None},
        {"instruction": "Say yes", "input": float("nan")},
    ]
    prompts = load(tmp_path, "p.json", json.dumps(rows))
    assert prompts.texts == ("Name three fruits", "Sort these numbers\n\n3 1 2", "Say hi", "Say no", "Say yes")
    assert len(prompts.notes) == 1
    assert "in 1 rows the prompt is instruction, a blank line, and input" in prompts.notes[0]
    alone = load(tmp_path, "p.json", json.dumps(rows), column="instruction")
    assert alone.texts[1] == "Sort these numbers"
    assert "1 rows have text in the column input" in alone.notes[0]
    assert load(tmp_path, "p.json", json.dumps(rows[:1])).notes == ()
    assert "row 1: input without instruction" in refusal(lambda: load(tmp_path, "p.csv", "instruction,input\n,3 1 2\n"))


def test_alpacas_further_columns_are_named_too(tmp_path: Path) -> None:
    row = {"instruction": "one", "input": "x", "system": "be good", "history": [["a", "b"]]}
    notes = load(tmp_path, "p.json", json.dumps([row])).notes
    assert [name for name in ("system", "history") if any(f"the column {name}," in note for note in notes)] == ["system", "history"]


@pytest.mark.parametrize("beside", ["choices", "passage", "image", "context", "ContextString", "system_prompt", "history"])
def test_text_that_belongs_to_a_prompt_and_is_not_asked_is_named(beside: str, tmp_path: Path) -> None:
    rows = [{"question": "one", beside: ["x"] if beside == "history" else "x"}, {"question": "two", beside: ""}]
    prompts = load(tmp_path, "p.json", json.dumps(rows))
    assert prompts.texts == ("one", "two")
    assert prompts.notes == (f"p.json: 1 rows have text in the column {beside}, which is not part of the prompt",)


# Chat messages

OPENAI = [{"role": "user", "content": "one"}]
ANSWERED = [{"role": "system", "content": "be good"}, *OPENAI, {"role": "assistant", "content": "x"}]
SHAREGPT = [{"from": "human", "value": "one"}, {"from": "gpt", "value": "x"}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "one"}]}]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": OPENAI},
        {"messages": ANSWERED},
        {"conversations": SHAREGPT},
        {"conversation": PARTS},
        {"turns": ["one"]},
        {"prompt": OPENAI},
        {"prompt": ANSWERED[:2]},
        {"messages": json.dumps(OPENAI)},
        {"prompt": OPENAI[0]},
        {"prompt": json.dumps(OPENAI[0])},
        {"conversations": json.dumps([{"id": "1", **SHAREGPT[0]}])},
    ],
)
@pytest.mark.parametrize("name", ["p.json", "p.jsonl", "p.yaml"])
def test_chat_messages_are_read_as_what_the_user_asks(name: str, row: Any, tmp_path: Path) -> None:
    prompts = load(tmp_path, name, json.dumps(row if name != "p.yaml" else [row]))
    assert prompts.texts == ("one",)
    if "[{" in json.dumps(row):
        assert any("the user's messages in the column" in note for note in prompts.notes)
    assert any("system message" in note for note in prompts.notes) == ("system" in str(row))


@pytest.mark.parametrize(
    ("chat", "why"),
    [
        ([*ANSWERED, {"role": "user", "content": "two"}], "2 user messages"),
        ([{"role": "assistant", "content": "hello"}, *OPENAI], "expected one, at the start"),
        ([{"role": "system", "content": "x"}], "0 user messages"),
        ([{"role": "user", "content": [{"type": "image", "url": "x"}]}], "only text"),
        ([{"role": "tool", "content": "x"}, *OPENAI], "only text"),
        (["one", "two"], "2 user messages"),
        ("[{'role': 'user', 'content': 'one'}]", "only text"),
    ],
)
def test_a_conversation_that_is_no_single_question_is_refused(chat: Any, why: str, tmp_path: Path) -> None:
    text = refusal(lambda: load(tmp_path, "p.jsonl", json.dumps({"messages": OPENAI}) + "\n" + json.dumps({"messages": chat})))
    assert text.startswith("p.jsonl, row 2: ")
    assert why in text


# Several sets


def test_a_column_is_for_those_sets_that_are_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("words,prompt\none,other\n")
    (tmp_path / "b.txt").write_text("two\n")
    (tmp_path / "c.json").write_text('["three"]')
    table, text, strings = (str(tmp_path / name) for name in ("a.csv", "b.txt", "c.json"))
    for others in (["builtin:harmless"], [text], [strings], [text, "builtin:decline", strings]):
        for sources in ([table, *others], [*others, table]):
            sets = load_prompt_sets(sources, column="Words")
            assert sets[sources.index(table)].texts == ("one",)
    for sources in (["builtin:decline"], [text], [strings], [text, "builtin:decline", strings]):
        assert "has no columns, so --column words can't be used" in refusal(
            lambda sources=sources: load_prompt_sets(sources, column="words")
        )
    with pytest.raises(PromptError, match="no column nowords"):
        load_prompt_sets([table, "builtin:harmless"], column="nowords")


# Parquet


def write_parquet(path: Path, columns: dict[str, list[Any]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("columns", "column"),
    [
        ({"prompt": ["How do I bake?", None, "Two, or 3?"], "id": [1, 2, 3]}, None),
        ({"question": ["How do I bake?", "Two, or 3?"]}, None),
        ({"odd": ["How do I bake?", "Two, or 3?"], "prompt": ["no", "nor this"]}, "odd"),
    ],
)
def test_parquet_is_read_like_other_tables(columns: dict[str, list[Any]], column: str | None, tmp_path: Path) -> None:
    prompts = load_prompts(str(write_parquet(tmp_path / "p.parquet", columns)), column=column)
    assert prompts.texts == ("How do I bake?", "Two, or 3?")
    assert bool(prompts.notes) == (None in next(iter(columns.values()))), "what was left out is said"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1\x15\x04PAR1", b"prompt\nHow do I bake?\n"])
def test_what_is_no_parquet_is_one_line(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "p.parquet").write_bytes(content)
    with pytest.raises(PromptError, match=r"p\.parquet: can't be read as a Parquet file: [^\n]+$"):
        load_prompts(str(tmp_path / "p.parquet"))


def test_without_a_reader_parquet_is_refused_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pyarrow", "pandas"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "p.parquet").write_bytes(b"PAR1\x15\x04PAR1")
    with pytest.raises(PromptError, match=r"p\.parquet: is a Parquet file, and no library") as caught:
        load_prompts(str(tmp_path / "p.parquet"))
    assert "pip install pyarrow" in caught.value.hint
    assert ".jsonl" in caught.value.hint
    with pytest.raises(PromptError, match="no such file"):
        load_prompts(str(tmp_path / "missing.parquet"))
